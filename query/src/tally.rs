//! What is counted: kinds of recipient rows, classes of recipients, and the additive tally every figure is made of.

use std::ops::AddAssign;

use repute_lake::EventType;

/// What a row of the lake is to the counts. Bounces and complaints are told apart as far as AWS treats them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Send.
    Send,
    /// Delivery.
    Delivery,
    /// Permanent bounce of any other subtype (General, NoEmail, Suppressed, ...).
    HardBounce,
    /// Permanent bounce `OnAccountSuppressionList`: never attempted.
    BounceAccountSuppression,
    /// Permanent bounce `OnTenantSuppressionList`: never attempted.
    BounceTenantSuppression,
    /// Permanent bounce `EmailValidationSuppressed`: never attempted.
    BounceEmailValidation,
    /// Permanent bounce `UnsubscribedRecipient`: never attempted.
    BounceUnsubscribed,
    /// Transient bounce.
    SoftBounce,
    /// Undetermined bounce, or a type AWS may add.
    UndeterminedBounce,
    /// The same where the sender has it counted as a hard one: no row is this by itself.
    CountedUndetermined,
    /// Complaint.
    Complaint,
    /// Complaint with feedback type `not-spam`: a correction.
    ComplaintNotSpam,
    /// Complaint with subtype `OnAccountSuppressionList`.
    ComplaintAccountSuppression,
    /// Complaint with subtype `OnTenantSuppressionList`.
    ComplaintTenantSuppression,
    /// Reject.
    Reject,
    /// DeliveryDelay.
    DeliveryDelay,
    /// Open.
    Open,
    /// Click.
    Click,
    /// Rendering Failure.
    RenderingFailure,
    /// Subscription.
    Subscription,
}

/// What a recipient is to AWS's arithmetic. The first that fits holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecipientClass {
    /// The SES mailbox simulator.
    Simulator,
    /// A domain or address the sender has verified in SES.
    Verified,
    /// A domain that sends SES no complaints (Gmail).
    NoFeedbackLoop,
    /// Everybody else.
    Ordinary,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub(crate) const ALL: [Self; 20] = [
        Self::Send,
        Self::Delivery,
        Self::HardBounce,
        Self::BounceAccountSuppression,
        Self::BounceTenantSuppression,
        Self::BounceEmailValidation,
        Self::BounceUnsubscribed,
        Self::SoftBounce,
        Self::UndeterminedBounce,
        Self::CountedUndetermined,
        Self::Complaint,
        Self::ComplaintNotSpam,
        Self::ComplaintAccountSuppression,
        Self::ComplaintTenantSuppression,
        Self::Reject,
        Self::DeliveryDelay,
        Self::Open,
        Self::Click,
        Self::RenderingFailure,
        Self::Subscription,
    ];

    /// The kind of a row, from its columns. `None` for an event type this version does not know.
    ///
    /// Source: SES developer guide, "Bounce object" and "Complaint object" in the contents of event data.
    pub fn of(
        event_type: &str,
        bounce_type: Option<&str>,
        bounce_subtype: Option<&str>,
        feedback_type: Option<&str>,
        complaint_subtype: Option<&str>,
    ) -> Option<Self> {
        Some(match event_type {
            "Send" => Self::Send,
            "Delivery" => Self::Delivery,
            "Bounce" => Self::of_bounce(bounce_type, bounce_subtype),
            "Complaint" => Self::of_complaint(feedback_type, complaint_subtype),
            "Reject" => Self::Reject,
            "DeliveryDelay" => Self::DeliveryDelay,
            "Open" => Self::Open,
            "Click" => Self::Click,
            "Rendering Failure" => Self::RenderingFailure,
            "Subscription" => Self::Subscription,
            _ => return None,
        })
    }

    /// The type of event of which this is a kind.
    pub(crate) fn event_type(self) -> EventType {
        match self {
            Self::Send => EventType::Send,
            Self::Delivery => EventType::Delivery,
            Self::HardBounce
            | Self::BounceAccountSuppression
            | Self::BounceTenantSuppression
            | Self::BounceEmailValidation
            | Self::BounceUnsubscribed
            | Self::SoftBounce
            | Self::UndeterminedBounce
            | Self::CountedUndetermined => EventType::Bounce,
            Self::Complaint
            | Self::ComplaintNotSpam
            | Self::ComplaintAccountSuppression
            | Self::ComplaintTenantSuppression => EventType::Complaint,
            Self::Reject => EventType::Reject,
            Self::DeliveryDelay => EventType::DeliveryDelay,
            Self::Open => EventType::Open,
            Self::Click => EventType::Click,
            Self::RenderingFailure => EventType::RenderingFailure,
            Self::Subscription => EventType::Subscription,
        }
    }

    fn of_bounce(bounce_type: Option<&str>, subtype: Option<&str>) -> Self {
        match (bounce_type, subtype) {
            (Some("Permanent"), Some("OnAccountSuppressionList")) => Self::BounceAccountSuppression,
            (Some("Permanent"), Some("OnTenantSuppressionList")) => Self::BounceTenantSuppression,
            (Some("Permanent"), Some("EmailValidationSuppressed")) => Self::BounceEmailValidation,
            (Some("Permanent"), Some("UnsubscribedRecipient")) => Self::BounceUnsubscribed,
            (Some("Permanent"), _) => Self::HardBounce,
            (Some("Transient"), _) => Self::SoftBounce,
            _ => Self::UndeterminedBounce,
        }
    }

    fn of_complaint(feedback_type: Option<&str>, subtype: Option<&str>) -> Self {
        match (feedback_type, subtype) {
            (_, Some("OnAccountSuppressionList")) => Self::ComplaintAccountSuppression,
            (_, Some("OnTenantSuppressionList")) => Self::ComplaintTenantSuppression,
            (Some("not-spam"), _) => Self::ComplaintNotSpam,
            _ => Self::Complaint,
        }
    }
}

impl RecipientClass {
    /// All four, in order of precedence.
    pub const ALL: [Self; 4] = [Self::Simulator, Self::Verified, Self::NoFeedbackLoop, Self::Ordinary];
}

/// Recipient rows by kind and recipient class. Tallies add up; every count and rate is arithmetic on one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally([[u64; 4]; Kind::ALL.len()]);

impl Default for Tally {
    fn default() -> Self {
        Self([[0; 4]; Kind::ALL.len()])
    }
}

impl Tally {
    /// Rows of a kind for the given recipient classes.
    pub fn rows(&self, kind: Kind, classes: &[RecipientClass]) -> u64 {
        classes.iter().map(|class| self.0[kind as usize][*class as usize]).sum()
    }

    /// Rows of a kind for everybody.
    pub fn all(&self, kind: Kind) -> u64 {
        self.rows(kind, &RecipientClass::ALL)
    }

    /// Adds rows.
    pub fn add(&mut self, kind: Kind, class: RecipientClass, rows: u64) {
        self.0[kind as usize][class as usize] += rows;
    }

    /// Makes all rows of a kind those of another.
    pub(crate) fn reassign(&mut self, from: Kind, to: Kind) {
        let rows = std::mem::take(&mut self.0[from as usize]);
        for (mine, moved) in self.0[to as usize].iter_mut().zip(rows) {
            *mine += moved;
        }
    }

    /// Adds rows of a [`cell`] number; numbers outside the table are left out.
    pub(crate) fn add_cell(&mut self, cell: i16, rows: u64) {
        let cell = usize::try_from(cell).unwrap_or(usize::MAX);
        if let Some(count) = self.0.get_mut(cell / 4).and_then(|kind| kind.get_mut(cell % 4)) {
            *count += rows;
        }
    }

    /// All rows by kind and class, those that there are none of left out.
    pub(crate) fn rows_by_cell(&self) -> impl Iterator<Item = (Kind, RecipientClass, u64)> + '_ {
        let of_kind = |(kind, rows): (Kind, &[u64; 4])| {
            RecipientClass::ALL.into_iter().zip(*rows).map(move |(class, rows)| (kind, class, rows))
        };
        Kind::ALL.into_iter().zip(&self.0).flat_map(of_kind).filter(|(_, _, rows)| *rows > 0)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.iter().flatten().all(|rows| *rows == 0)
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *mine += theirs;
        }
    }
}

/// How many cells a tally has.
pub(crate) const CELLS: usize = Kind::ALL.len() * RecipientClass::ALL.len();

/// One number for a kind and a class, as the scan groups by it.
pub(crate) fn cell(kind: Kind, class: RecipientClass) -> i16 {
    i16::from(kind as u8) * 4 + i16::from(class as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounces_are_told_apart_as_far_as_aws_does() {
        let bounce = |kind, sub| Kind::of("Bounce", Some(kind), Some(sub), None, None);
        assert_eq!(bounce("Permanent", "General"), Some(Kind::HardBounce));
        assert_eq!(bounce("Permanent", "Suppressed"), Some(Kind::HardBounce));
        assert_eq!(bounce("Permanent", "OnAccountSuppressionList"), Some(Kind::BounceAccountSuppression));
        assert_eq!(bounce("Transient", "OnAccountSuppressionList"), Some(Kind::SoftBounce));
        assert_eq!(bounce("Undetermined", "Undetermined"), Some(Kind::UndeterminedBounce));
        assert_eq!(bounce("SomethingNew", "General"), Some(Kind::UndeterminedBounce));
        assert_eq!(Kind::of("TEXT_SENT", None, None, None, None), None);
    }

    #[test]
    fn a_cell_finds_its_way_back() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            for class in RecipientClass::ALL {
                let mut tally = Tally::default();
                tally.add_cell(cell(kind, class), 7);
                assert_eq!(tally.rows(kind, &[class]), 7);
                assert_eq!(tally.all(kind), 7);
            }
        }
        let mut tally = Tally::default();
        tally.add_cell(-1, 1);
        tally.add_cell(999, 1);
        assert!(tally.is_empty());
    }
}

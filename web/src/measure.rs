//! The rates that pages and charts show: which rows they divide, what these are called, how many decimals mean something.

use repute_query::{Compare, Counting, JudgedRate, Measured, Metric, Rates};

use crate::format;

/// A rate over time or of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Counted hard bounces of eligible sends.
    Bounce,
    /// Counted complaints of sends to domains that report them.
    Complaint,
    /// All bounces of all sends.
    PlainBounce,
    /// All complaints of all deliveries.
    PlainComplaint,
    /// Deliveries of all sends.
    Delivery,
    /// Messages that were opened, likely bots left out, of deliveries.
    Open,
    /// Messages in which something was clicked, likely bots left out, of deliveries.
    Click,
}

impl Measure {
    /// Those of the rates' page, in its order.
    pub const ALL: [Self; 5] = [Self::Bounce, Self::Complaint, Self::PlainBounce, Self::PlainComplaint, Self::Delivery];

    /// The name in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bounce => "bounce_rate",
            Self::Complaint => "complaint_rate",
            Self::PlainBounce => "plain_bounce_rate",
            Self::PlainComplaint => "plain_complaint_rate",
            Self::Delivery => "delivery_rate",
            Self::Open => "open_rate",
            Self::Click => "click_rate",
        }
    }

    /// The measure of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.as_str() == name)
    }

    /// The name of its chart in addresses, without the ending.
    pub(crate) fn file(self) -> String {
        self.as_str().replace('_', "-")
    }

    /// The name on the page.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Bounce => "Bounce rate",
            Self::Complaint => "Complaint rate",
            Self::PlainBounce => "Plain bounce rate",
            Self::PlainComplaint => "Plain complaint rate",
            Self::Delivery => "Delivery rate",
            Self::Open => "Open rate",
            Self::Click => "Click rate",
        }
    }

    /// What it divides, beside its name.
    pub(crate) fn note(self) -> &'static str {
        match self {
            Self::Bounce => "Counted hard bounces of eligible sends",
            Self::Complaint => "Counted complaints of sends to domains that report them",
            Self::PlainBounce => "All bounces of all sends, nothing left out",
            Self::PlainComplaint => "All complaints of all deliveries, nothing left out",
            Self::Delivery => "Deliveries of all sends",
            Self::Open => "Messages opened, likely bots left out, of deliveries",
            Self::Click => "Messages with a click, likely bots left out, of deliveries",
        }
    }

    /// The rate AWS judges that it is, if it is one.
    pub fn judged(self) -> Option<JudgedRate> {
        match self {
            Self::Bounce => Some(JudgedRate::BounceRate),
            Self::Complaint => Some(JudgedRate::ComplaintRate),
            Self::PlainBounce | Self::PlainComplaint | Self::Delivery | Self::Open | Self::Click => None,
        }
    }

    /// What rules watch that measure the same, and on which side their thresholds are.
    pub(crate) fn watched(self) -> Option<(Metric, Counting, Compare)> {
        match self {
            Self::Bounce => Some((Metric::BounceRate, Counting::Aws, Compare::Above)),
            Self::Complaint => Some((Metric::ComplaintRate, Counting::Aws, Compare::Above)),
            Self::PlainComplaint => Some((Metric::ComplaintRate, Counting::Plain, Compare::Above)),
            Self::Delivery => Some((Metric::DeliveryRate, Counting::Plain, Compare::Below)),
            // Rules that count plainly watch hard bounces, not all of them; and opens and clicks, not messages.
            Self::PlainBounce | Self::Open | Self::Click => None,
        }
    }

    /// Numerator and denominator of some figures. Of opens and clicks these know events only; `Engaged` knows messages.
    pub fn of(self, row: &Rates) -> Measured {
        let (events, sends) = match self {
            Self::Bounce => (row.aws.bounces.counted, row.aws.eligible_sends.counted),
            Self::Complaint => (row.aws.complaints.counted, row.aws.complaint_eligible_sends.counted),
            Self::PlainBounce => (row.counts.bounces(), row.counts.send),
            Self::PlainComplaint => (row.counts.complaint, row.counts.delivery),
            Self::Delivery => (row.counts.delivery, row.counts.send),
            Self::Open => (row.counts.open, row.counts.delivery),
            Self::Click => (row.counts.click, row.counts.delivery),
        };
        Measured { events, sends }
    }

    /// What the numerator counts.
    pub(crate) fn events(self) -> &'static str {
        match self {
            Self::Bounce => "counted hard bounces",
            Self::Complaint => "counted complaints",
            Self::PlainBounce => "bounces",
            Self::PlainComplaint => "complaints",
            Self::Delivery => "deliveries",
            Self::Open => "messages opened",
            Self::Click => "messages clicked",
        }
    }

    /// What the denominator counts.
    pub(crate) fn sends(self) -> &'static str {
        match self {
            Self::Bounce => "eligible sends",
            Self::Complaint => "sends to domains that report complaints",
            Self::PlainBounce | Self::Delivery => "sends",
            Self::PlainComplaint | Self::Open | Self::Click => "deliveries",
        }
    }

    /// The rate, or that there is no data.
    pub(crate) fn show(self, rate: Option<f64>) -> String {
        rate.map_or_else(|| format::NO_DATA.to_owned(), |rate| format::percent(rate, self.decimals()))
    }

    /// An interval of the rate: `1.90 % to 2.44 %`.
    pub(crate) fn interval(self, (low, high): (f64, f64)) -> String {
        format!("{} to {}", format::percent(low, self.decimals()), format::percent(high, self.decimals()))
    }

    /// Complaints, whose lines are at 0.1 % and 0.5 %, need one decimal more.
    fn decimals(self) -> usize {
        match self {
            Self::Complaint | Self::PlainComplaint => 3,
            Self::Bounce | Self::PlainBounce | Self::Delivery | Self::Open | Self::Click => 2,
        }
    }
}

impl From<JudgedRate> for Measure {
    fn from(rate: JudgedRate) -> Self {
        match rate {
            JudgedRate::BounceRate => Self::Bounce,
            JudgedRate::ComplaintRate => Self::Complaint,
        }
    }
}

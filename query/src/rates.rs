//! Counts and rates per window and group: what `repute rates`, the charts and the tables show.

use chrono::{DateTime, TimeDelta, Utc};

use crate::counting::AwsCounts;
use crate::error::QueryError;
use crate::interval::rate;
use crate::scan::{Reader, Selection};
use crate::tally::{Kind, Tally};

/// Figures of one group in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// Start of the window; `None` where the selection is open at that end.
    pub window_start: Option<DateTime<Utc>>,
    /// End of the window, exclusive; `None` where the selection is open at that end.
    pub window_end: Option<DateTime<Utc>>,
    /// Values of the selection's dimensions, in their order.
    pub group: Vec<Option<String>>,
    /// Recipient rows by what happened.
    pub counts: Counts,
    /// As SES counts.
    pub aws: AwsCounts,
}

/// Recipient rows by event type, nothing left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Sends.
    pub send: u64,
    /// Deliveries.
    pub delivery: u64,
    /// Bounces of type Permanent.
    pub hard_bounce: u64,
    /// Bounces of type Transient.
    pub soft_bounce: u64,
    /// Bounces of any other type.
    pub undetermined_bounce: u64,
    /// Complaints.
    pub complaint: u64,
    /// Rejects.
    pub reject: u64,
    /// Delivery delays.
    pub delivery_delay: u64,
    /// Opens.
    pub open: u64,
    /// Clicks.
    pub click: u64,
    /// Rendering failures.
    pub rendering_failure: u64,
    /// Subscription changes.
    pub subscription: u64,
}

impl Counts {
    /// Counts of a tally.
    pub fn of(tally: &Tally) -> Self {
        let sum = |kinds: &[Kind]| kinds.iter().map(|kind| tally.all(*kind)).sum();
        Self {
            send: tally.all(Kind::Send),
            delivery: tally.all(Kind::Delivery),
            hard_bounce: sum(&[
                Kind::HardBounce,
                Kind::BounceAccountSuppression,
                Kind::BounceTenantSuppression,
                Kind::BounceEmailValidation,
                Kind::BounceUnsubscribed,
            ]),
            soft_bounce: tally.all(Kind::SoftBounce),
            undetermined_bounce: tally.all(Kind::UndeterminedBounce),
            complaint: sum(&[
                Kind::Complaint,
                Kind::ComplaintNotSpam,
                Kind::ComplaintAccountSuppression,
                Kind::ComplaintTenantSuppression,
            ]),
            reject: tally.all(Kind::Reject),
            delivery_delay: tally.all(Kind::DeliveryDelay),
            open: tally.all(Kind::Open),
            click: tally.all(Kind::Click),
            rendering_failure: tally.all(Kind::RenderingFailure),
            subscription: tally.all(Kind::Subscription),
        }
    }

    /// All bounces.
    pub fn bounces(&self) -> u64 {
        self.hard_bounce + self.soft_bounce + self.undetermined_bounce
    }

    /// All bounces over all sends.
    pub fn bounce_rate(&self) -> Option<f64> {
        rate(self.bounces(), self.send)
    }

    /// All complaints over all deliveries.
    pub fn complaint_rate(&self) -> Option<f64> {
        rate(self.complaint, self.delivery)
    }

    /// Deliveries over sends.
    pub fn delivery_rate(&self) -> Option<f64> {
        rate(self.delivery, self.send)
    }
}

impl AwsCounts {
    /// Counted hard bounces over eligible sends.
    pub fn bounce_rate(&self) -> Option<f64> {
        rate(self.bounces.counted, self.eligible_sends.counted)
    }

    /// Counted complaints over sends to domains that report complaints.
    pub fn complaint_rate(&self) -> Option<f64> {
        rate(self.complaints.counted, self.complaint_eligible_sends.counted)
    }
}

/// Counts and rates for a selection, ordered by window and group. Windows and groups without any event are not there.
pub async fn rates(reader: &Reader, selection: &Selection) -> Result<Vec<Rates>, QueryError> {
    let tallied = reader.tallies(selection).await?;
    let window = |start: i64| match selection.width {
        None => (selection.since, selection.until),
        Some(width) => {
            let start = DateTime::from_timestamp_micros(start);
            (start, start.map(|t| t + TimeDelta::microseconds(width)))
        }
    };
    Ok(tallied
        .iter()
        .map(|row| {
            let (window_start, window_end) = window(row.window);
            Rates {
                window_start,
                window_end,
                group: row.group.clone(),
                counts: Counts::of(&row.tally),
                aws: AwsCounts::of(&row.tally),
            }
        })
        .collect())
}

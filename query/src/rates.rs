//! Counts and rates per window and group: what `repute rates`, the charts and the tables show.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use chrono::{DateTime, TimeDelta, Utc};

use crate::calendar::{LocalDays, QUARTER};
use crate::counting::AwsCounts;
use crate::error::QueryError;
use crate::interval::rate;
use crate::scan::{Reader, Selection};
use crate::sliding::sliding;
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
    /// The same window of the period before, if it was asked for and has any event.
    pub previous: Option<Box<Rates>>,
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
            undetermined_bounce: sum(&[Kind::UndeterminedBounce, Kind::CountedUndetermined]),
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

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.send += other.send;
        self.delivery += other.delivery;
        self.hard_bounce += other.hard_bounce;
        self.soft_bounce += other.soft_bounce;
        self.undetermined_bounce += other.undetermined_bounce;
        self.complaint += other.complaint;
        self.reject += other.reject;
        self.delivery_delay += other.delivery_delay;
        self.open += other.open;
        self.click += other.click;
        self.rendering_failure += other.rendering_failure;
        self.subscription += other.subscription;
    }
}

/// Adds the figures of another group, or of another window; window and group stay what they are.
impl AddAssign<&Self> for Rates {
    fn add_assign(&mut self, other: &Self) {
        self.counts += &other.counts;
        self.aws += &other.aws;
    }
}

/// How windows follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Stepping {
    /// By the width of the selection, from 1970 in UTC; one window over everything if it has none.
    #[default]
    Tumbling,
    /// By calendar days of a time zone.
    Days(LocalDays),
    /// By a minute: every window of so many minutes that ends after the selection's start and not after its end.
    Sliding(u32),
}

/// Counts and rates for a selection, ordered by window and group. Windows and groups without any event are not there.
///
/// # Errors
/// [`QueryError::Question`] for sliding windows without a start and an end.
pub async fn rates(reader: &Reader, selection: &Selection, stepping: Stepping) -> Result<Vec<Rates>, QueryError> {
    match stepping {
        Stepping::Tumbling => tumbling(reader, selection).await,
        Stepping::Days(days) => daily(reader, selection, days).await,
        Stepping::Sliding(minutes) => gliding(reader, selection, minutes).await,
    }
}

async fn tumbling(reader: &Reader, selection: &Selection) -> Result<Vec<Rates>, QueryError> {
    let tallied = reader.tallies(selection).await?;
    let window = |start: i64| match selection.width {
        None => (selection.since, selection.until),
        Some(width) => {
            let start = DateTime::from_timestamp_micros(start);
            (start, start.map(|t| t + TimeDelta::microseconds(width)))
        }
    };
    Ok(tallied.iter().map(|row| Rates::of(window(row.window), row.group.clone(), &row.tally)).collect())
}

async fn daily(reader: &Reader, selection: &Selection, days: LocalDays) -> Result<Vec<Rates>, QueryError> {
    let quarters = Selection { width: Some(QUARTER), ..selection.clone() };
    let mut windows: BTreeMap<(Window, Vec<Option<String>>), Tally> = BTreeMap::new();
    for row in reader.tallies(&quarters).await?.iter() {
        let window = days.window(DateTime::from_timestamp_micros(row.window).unwrap_or_default());
        *windows.entry((window, row.group.clone())).or_default() += &row.tally;
    }
    let rates = |(((start, end), group), tally)| Rates::of((Some(start), Some(end)), group, &tally);
    Ok(windows.into_iter().map(rates).collect())
}

async fn gliding(reader: &Reader, selection: &Selection, minutes: u32) -> Result<Vec<Rates>, QueryError> {
    let (Some(since), Some(until)) = (selection.since, selection.until) else {
        return Err(QueryError::Question("sliding windows need a start and an end".to_owned()));
    };
    let mut rows = Vec::new();
    for (group, positions) in sliding(reader, selection, minutes, since, until).await? {
        rows.extend(positions.iter().map(|p| Rates::of((Some(p.from), Some(p.to)), group.clone(), &p.tally)));
    }
    rows.sort_by(|a, b| (a.window_start, &a.group).cmp(&(b.window_start, &b.group)));
    Ok(rows)
}

/// A window's start and end.
type Window = (DateTime<Utc>, DateTime<Utc>);

/// The same with the period before beside it: `period` back, in calendar days where windows are such.
pub async fn compared_rates(
    reader: &Reader,
    selection: &Selection,
    stepping: Stepping,
    period: TimeDelta,
) -> Result<Vec<Rates>, QueryError> {
    let back = |time: DateTime<Utc>| match stepping {
        Stepping::Days(days) => days.earlier(time, u32::try_from(period.num_days()).unwrap_or_default()),
        Stepping::Tumbling | Stepping::Sliding(_) => time - period,
    };
    let before = Selection {
        since: selection.since.map(|time| time - period),
        until: selection.until.map(|time| time - period),
        ..selection.clone()
    };
    let earlier = rates(reader, &before, stepping).await?;
    let has_windows = selection.width.is_some() || stepping != Stepping::Tumbling;
    let key = |start: Option<DateTime<Utc>>, group: &[Option<String>]| (start.filter(|_| has_windows), group.to_vec());
    let mut earlier: BTreeMap<_, Rates> =
        earlier.into_iter().map(|row| (key(row.window_start, &row.group), row)).collect();
    let mut rows = rates(reader, selection, stepping).await?;
    for row in &mut rows {
        row.previous = earlier.remove(&key(row.window_start.map(back), &row.group)).map(Box::new);
    }
    Ok(rows)
}

impl Rates {
    fn of(window: (Option<DateTime<Utc>>, Option<DateTime<Utc>>), group: Vec<Option<String>>, tally: &Tally) -> Self {
        let (window_start, window_end) = window;
        Self { window_start, window_end, group, counts: Counts::of(tally), aws: AwsCounts::of(tally), previous: None }
    }
}

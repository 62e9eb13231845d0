//! The rate AWS judges by: over a representative volume of eligible sends, on the clock of the send.
//!
//! SES does not say how large that volume is; public notices speak of "the last 10,476 eligible emails ... approximately
//! the last 74.9 days" and "10,192 ... 224.9 days". The default of the last 10,000 eligible sends is inferred from those;
//! compare with "Messages sent" and "Sent over period" in the SES console, and set another number if they differ.
//!
//! ```text
//! tallies per minute of sending ── from the newest back until N eligible sends ──> boundary minute
//! tallies per millisecond in that minute ──────────────────────────────────────> exact start ──> sums since
//! ```

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use repute_lake::EventType;

use crate::counting::{AwsCounts, Side};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::interval::{headroom, rate, wilson};
use crate::pace::Pace;
use crate::scan::{Clock, MINUTE, Reader, Selection};
use crate::tally::Tally;

/// Eligible sends that AWS's rate is taken over, unless told otherwise.
pub const REPRESENTATIVE_VOLUME: u64 = 10_000;

/// At this bounce rate SES puts an account under review. Source: SES sending review process FAQs, Q4.
pub const BOUNCE_REVIEW: f64 = 0.05;
/// At this bounce rate SES may pause sending.
pub const BOUNCE_PAUSE: f64 = 0.10;
/// At this complaint rate SES puts an account under review. Source: SES sending review process FAQs, complaint Q4.
pub const COMPLAINT_REVIEW: f64 = 0.001;
/// At this complaint rate SES may pause sending.
pub const COMPLAINT_PAUSE: f64 = 0.005;

/// What is asked.
#[derive(Debug, Clone)]
pub struct ReputationQuery {
    /// How many eligible sends.
    pub last_sends: u64,
    /// Only mail sent from here on: SES may judge only what came after a granted review.
    pub since: Option<DateTime<Utc>>,
    /// As it was then: only mail sent, and only what had happened, before this time.
    pub as_of: Option<DateTime<Utc>>,
}

impl Default for ReputationQuery {
    fn default() -> Self {
        Self { last_sends: REPRESENTATIVE_VOLUME, since: None, as_of: None }
    }
}

/// The judged figures of an account or one of its configuration sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Reputation {
    /// Sending account, where the events say.
    pub account_id: Option<String>,
    /// `None` for the account as a whole; inside, `None` for mail without a configuration set.
    pub configuration_set: Option<Option<String>>,
    /// Time of the first send that counts.
    pub from: DateTime<Utc>,
    /// Time of the last send in the lake.
    pub to: DateTime<Utc>,
    /// Whether there were as many eligible sends as were asked for.
    pub full: bool,
    /// The counts over that span.
    pub aws: AwsCounts,
    /// The counts of mail sent lately, if there are days of it.
    pub recent: Option<Recent>,
}

/// Mail sent in the last quarter of the judged span, but no more than [`RECENT_DAYS`] days of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recent {
    /// How many days.
    pub days: f64,
    /// The counts.
    pub aws: AwsCounts,
}

/// The most days of mail by which the present pace is told.
pub const RECENT_DAYS: i64 = 7;

/// The present pace is not told of fewer eligible sends.
const LEAST_RECENT_SENDS: u64 = 50;

impl Reputation {
    /// Days until the bounce rate is at `line`, AWS's volume being `last_sends`, if mail goes on as it did lately; `None` if that
    /// will not be, or if there was too little of it.
    pub fn bounce_days(&self, line: f64, last_sends: u64) -> Option<f64> {
        let (aws, recent) = (&self.aws, self.recent.as_ref()?);
        let volume = if self.full { aws.eligible_sends.counted } else { last_sends };
        let pace = recent.pace(&recent.aws.bounces, &recent.aws.eligible_sends)?;
        pace.days_until(line, aws.bounces.counted, aws.eligible_sends.counted, volume)
    }

    /// The same of the complaint rate.
    pub fn complaint_days(&self, line: f64, last_sends: u64) -> Option<f64> {
        let (aws, recent) = (&self.aws, self.recent.as_ref()?);
        let sends = aws.complaint_eligible_sends.counted;
        let share = rate(sends, aws.eligible_sends.counted).unwrap_or_default();
        let volume = if self.full { sends } else { (last_sends as f64 * share) as u64 };
        let pace = recent.pace(&recent.aws.complaints, &recent.aws.complaint_eligible_sends)?;
        pace.days_until(line, aws.complaints.counted, sends, volume)
    }

    /// How long the span is, in days.
    pub fn span_days(&self) -> f64 {
        (self.to - self.from).num_milliseconds() as f64 / 86_400_000.0
    }

    /// 95 % interval of the bounce rate.
    pub fn bounce_interval(&self) -> (f64, f64) {
        wilson(self.aws.bounces.counted, self.aws.eligible_sends.counted)
    }

    /// 95 % interval of the complaint rate.
    pub fn complaint_interval(&self) -> (f64, f64) {
        wilson(self.aws.complaints.counted, self.aws.complaint_eligible_sends.counted)
    }

    /// How many more hard bounces bring the rate to `line`.
    pub fn bounce_headroom(&self, line: f64) -> u64 {
        headroom(self.aws.bounces.counted, self.aws.eligible_sends.counted, line)
    }

    /// How many more complaints bring the rate to `line`.
    pub fn complaint_headroom(&self, line: f64) -> u64 {
        headroom(self.aws.complaints.counted, self.aws.complaint_eligible_sends.counted, line)
    }
}

impl Recent {
    fn pace(&self, events: &Side, sends: &Side) -> Option<Pace> {
        let rate = rate(events.counted, sends.counted)?;
        Some(Pace { sends_per_day: sends.counted as f64 / self.days, rate })
    }
}

/// Account and, for its parts, configuration set.
type Scope = (Option<String>, Option<Option<String>>);

/// The judged figures: per account first, then per configuration set of each account.
pub async fn reputation(reader: &Reader, query: &ReputationQuery) -> Result<Vec<Reputation>, QueryError> {
    let judged = judged_volume(reader, query).await?;
    Ok(judged
        .into_iter()
        .map(|Judged { account_id, configuration_set, from, to, full, tally, recent: (days, recent) }| Reputation {
            account_id,
            configuration_set,
            from,
            to,
            full,
            aws: AwsCounts::of(&tally),
            recent: Some(Recent { days, aws: AwsCounts::of(&recent) })
                .filter(|recent| recent.days > 0.0 && recent.aws.eligible_sends.counted >= LEAST_RECENT_SENDS),
        })
        .collect())
}

/// What was counted over the judged volume: the fields are those of [`Reputation`].
pub(crate) struct Judged {
    pub(crate) account_id: Option<String>,
    pub(crate) configuration_set: Option<Option<String>>,
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
    full: bool,
    pub(crate) tally: Tally,
    /// Days of recent mail, and its counts.
    recent: (f64, Tally),
}

/// The counts of sends, bounces and complaints that are judged, in the order of [`reputation`].
pub(crate) async fn judged_volume(reader: &Reader, query: &ReputationQuery) -> Result<Vec<Judged>, QueryError> {
    let selection = Selection {
        clock: Clock::Sent,
        since: query.since,
        as_of: query.as_of,
        types: vec![EventType::Send, EventType::Bounce, EventType::Complaint],
        width: Some(MINUTE),
        by: vec![Dimension::ACCOUNT, Dimension::CONFIGURATION_SET],
        ..Selection::default()
    };
    let minutes = by_scope(reader, &selection).await?;
    let boundaries: Vec<(Scope, Boundary)> = minutes
        .iter()
        .filter_map(|(scope, minutes)| Some((scope.clone(), boundary_minute(minutes, query.last_sends)?)))
        .collect();
    let mut wanted: Vec<i64> = boundaries.iter().map(|(_, boundary)| boundary.minute).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let fine = Selection { minutes: wanted, width: Some(1), ..selection };
    let mut moments = by_scope(reader, &fine).await?;
    let mut found = Vec::new();
    for (scope, boundary) in boundaries {
        let Boundary { minute, missing, later: mut tally } = boundary;
        let of_scope = moments.remove(&scope).unwrap_or_default();
        let within: BTreeMap<i64, Tally> =
            of_scope.into_iter().filter(|(t, _)| (minute..minute + MINUTE).contains(t)).collect();
        let (from, full) = take_until(&within, missing, &mut tally).unwrap_or((minute, false));
        let of_scope = minutes.get(&scope);
        let to = of_scope.and_then(|minutes| minutes.last_key_value()).map_or(from, |(minute, _)| *minute);
        let recent = of_scope.map(|minutes| recent(minutes, from, to)).unwrap_or_default();
        found.push(Judged {
            account_id: scope.0,
            configuration_set: scope.1,
            from: DateTime::from_timestamp_micros(from).unwrap_or_default(),
            to: DateTime::from_timestamp_micros(to.max(from)).unwrap_or_default(),
            full,
            tally,
            recent,
        });
    }
    found.sort_by(|a, b| (&a.account_id, &a.configuration_set).cmp(&(&b.account_id, &b.configuration_set)));
    Ok(found)
}

/// The last quarter of the span, in days and no more than [`RECENT_DAYS`] of them, and what was sent in it.
fn recent(minutes: &BTreeMap<i64, Tally>, from: i64, to: i64) -> (f64, Tally) {
    const DAY: i64 = 1_440 * MINUTE;
    let span = ((to - from) / 4).clamp(0, RECENT_DAYS * DAY);
    let mut sum = Tally::default();
    minutes.range(to - span..).for_each(|(_, tally)| sum += tally);
    (span as f64 / DAY as f64, sum)
}

/// Tallies by time, for each account and each of its configuration sets.
async fn by_scope(reader: &Reader, selection: &Selection) -> Result<BTreeMap<Scope, BTreeMap<i64, Tally>>, QueryError> {
    let mut scopes: BTreeMap<Scope, BTreeMap<i64, Tally>> = BTreeMap::new();
    for row in reader.tallies(selection).await?.iter() {
        let mut group = row.group.iter().cloned();
        let (account, set) = (group.next().flatten(), group.next().flatten());
        for scope in [(account.clone(), None), (account, Some(set))] {
            *scopes.entry(scope).or_default().entry(row.window).or_default() += &row.tally;
        }
    }
    Ok(scopes)
}

fn eligible(tally: &Tally) -> u64 {
    AwsCounts::of(tally).eligible_sends.counted
}

/// Where the volume is reached, going back from the newest minute.
#[derive(Debug, PartialEq)]
struct Boundary {
    /// The minute in which it is reached, or the oldest.
    minute: i64,
    /// How many eligible sends of that minute are needed.
    missing: u64,
    /// The sum of all later minutes.
    later: Tally,
}

/// `None` without any mail.
fn boundary_minute(minutes: &BTreeMap<i64, Tally>, volume: u64) -> Option<Boundary> {
    let mut later = Tally::default();
    let mut missing = volume;
    let oldest = *minutes.first_key_value()?.0;
    for (minute, tally) in minutes.iter().rev() {
        let sends = eligible(tally);
        if sends >= missing || *minute == oldest {
            return Some(Boundary { minute: *minute, missing, later });
        }
        missing -= sends;
        later += tally;
    }
    None
}

/// Adds moments from the newest back until `missing` eligible sends are there. All sends of the last moment count.
/// Returns the earliest moment added and whether there were enough.
fn take_until(moments: &BTreeMap<i64, Tally>, mut missing: u64, tally: &mut Tally) -> Option<(i64, bool)> {
    let mut earliest = None;
    for (moment, at) in moments.iter().rev() {
        *tally += at;
        earliest = Some(*moment);
        let sends = eligible(at);
        if sends >= missing {
            return earliest.map(|moment| (moment, true));
        }
        missing -= sends;
    }
    earliest.map(|moment| (moment, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::{Kind, RecipientClass};

    fn sends(count: u64) -> Tally {
        let mut tally = Tally::default();
        tally.add(Kind::Send, RecipientClass::Ordinary, count);
        tally
    }

    #[test]
    fn the_volume_is_reached_going_back() {
        let minutes = BTreeMap::from([(1, sends(50)), (2, sends(30)), (3, sends(20))]);
        assert_eq!(boundary_minute(&minutes, 40), Some(Boundary { minute: 2, missing: 20, later: sends(20) }));
        assert_eq!(boundary_minute(&minutes, 1_000), Some(Boundary { minute: 1, missing: 950, later: sends(50) }));
        assert!(boundary_minute(&BTreeMap::new(), 10).is_none());
    }

    #[test]
    fn all_sends_of_the_last_moment_count() {
        let moments = BTreeMap::from([(10, sends(5)), (11, sends(7)), (12, sends(1))]);
        let mut tally = Tally::default();
        assert_eq!(take_until(&moments, 3, &mut tally), Some((11, true)));
        assert_eq!(tally, sends(8));
        let mut tally = Tally::default();
        assert_eq!(take_until(&moments, 99, &mut tally), Some((10, false)));
        assert_eq!(tally, sends(13));
    }
}

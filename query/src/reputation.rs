//! The rate AWS judges by: over a representative volume of eligible sends, on the clock of the send.
//!
//! SES does not say how large that volume is; public notices speak of "the last 10,476 eligible emails ... approximately
//! the last 74.9 days" and "10,192 ... 224.9 days". The default of the last 10,000 eligible sends is inferred from those;
//! compare with "Messages sent" and "Sent over period" in the SES console, and set another number if they differ.
//!
//! ```text
//! tallies per day of sending ── from the newest back until N eligible sends ──> boundary day
//! tallies per minute of that day ───────────────── likewise ──────────────────> boundary minute
//! tallies per microsecond of that minute ───────── likewise ──────────────────> exact start ──> sums since
//! ```

mod looks;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use repute_lake::EventType;

use crate::counting::{AwsCounts, Side};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::interval::{headroom, rate, wilson};
use crate::pace::Pace;
use crate::rollup::day::{DAY, Groups};
use crate::scan::{Clock, MINUTE, Reader, Selection};
use crate::tally::Tally;
pub(crate) use looks::{Volume, volumes};

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
    let asked = Asked { reader, query };
    let mut bounds: Vec<Bounds> = Vec::new();
    for (scope, days) in asked.days().await? {
        let (Some(day), Some((newest, _))) = (boundary(&days, query.last_sends), days.last_key_value()) else {
            continue;
        };
        let Some(minute) = boundary(&asked.minutes_of(&scope, day.start).await?, day.missing) else { continue };
        let last = asked.minutes_of(&scope, *newest).await?.last_key_value().map_or(*newest, |(minute, _)| *minute);
        let mut later = minute.later;
        later += &day.later;
        bounds.push(Bounds { scope, minute: minute.start, missing: minute.missing, later, last, days });
    }
    let mut moments = asked.moments(bounds.iter().map(|bounds| bounds.minute).collect()).await?;
    let mut found = Vec::new();
    for Bounds { scope, minute, missing, later: mut tally, last, days } in bounds {
        let of_scope = moments.remove(&scope).unwrap_or_default();
        let within: BTreeMap<i64, Tally> =
            of_scope.into_iter().filter(|(t, _)| (minute..minute + MINUTE).contains(t)).collect();
        let (from, full) = take_until(&within, missing, &mut tally).unwrap_or((minute, false));
        let recent = asked.recent(&scope, &days, from, last).await?;
        found.push(Judged {
            account_id: scope.0,
            configuration_set: scope.1,
            from: DateTime::from_timestamp_micros(from).unwrap_or_default(),
            to: DateTime::from_timestamp_micros(last.max(from)).unwrap_or_default(),
            full,
            tally,
            recent,
        });
    }
    found.sort_by(|a, b| (&a.account_id, &a.configuration_set).cmp(&(&b.account_id, &b.configuration_set)));
    Ok(found)
}

/// Where an account's or configuration set's volume begins and ends.
struct Bounds {
    scope: Scope,
    /// The minute in which the volume is reached, or the oldest.
    minute: i64,
    /// How many eligible sends of that minute are needed.
    missing: u64,
    /// The sum of all later minutes.
    later: Tally,
    /// The last minute of any mail.
    last: i64,
    days: BTreeMap<i64, Tally>,
}

/// What the lake is asked for.
struct Asked<'a> {
    reader: &'a Reader,
    query: &'a ReputationQuery,
}

impl Asked<'_> {
    fn selection(&self) -> Selection {
        Selection {
            clock: Clock::Sent,
            since: self.query.since,
            as_of: self.query.as_of,
            types: vec![EventType::Send, EventType::Bounce, EventType::Complaint],
            by: scope_dimensions(),
            ..Selection::default()
        }
    }

    /// Tallies by day of sending.
    async fn days(&self) -> Result<BTreeMap<Scope, BTreeMap<i64, Tally>>, QueryError> {
        by_scope(self.reader, &Selection { width: Some(DAY), ..self.selection() }).await
    }

    /// Tallies by minute of a day.
    async fn minutes_of(&self, scope: &Scope, day: i64) -> Result<BTreeMap<i64, Tally>, QueryError> {
        let (account, set) = scope;
        let mut only = vec![(Dimension::ACCOUNT, account.clone())];
        only.extend(set.clone().map(|set| (Dimension::CONFIGURATION_SET, set)));
        let start = DateTime::from_timestamp_micros(day);
        let selection = Selection {
            since: start.max(self.query.since),
            until: DateTime::from_timestamp_micros(day + DAY),
            width: Some(MINUTE),
            by: Vec::new(),
            only,
            ..self.selection()
        };
        let tallied = self.reader.tallies(&selection).await?;
        Ok(tallied.iter().map(|row| (row.window, row.tally.clone())).collect())
    }

    /// Tallies by time, to the microsecond, of some minutes.
    async fn moments(&self, mut minutes: Vec<i64>) -> Result<BTreeMap<Scope, BTreeMap<i64, Tally>>, QueryError> {
        minutes.sort_unstable();
        minutes.dedup();
        if minutes.is_empty() {
            return Ok(BTreeMap::new());
        }
        // Where the reset lies within a minute, what was sent earlier in it is left out below.
        let selection = Selection { since: None, minutes, width: Some(1), ..self.selection() };
        let mut moments = by_scope(self.reader, &selection).await?;
        if let Some(since) = self.query.since.map(|since| since.timestamp_micros()) {
            moments.values_mut().for_each(|of_scope| *of_scope = of_scope.split_off(&since));
        }
        Ok(moments)
    }

    /// The last quarter of the span, in days and no more than [`RECENT_DAYS`] of them, and what was sent in it.
    async fn recent(
        &self,
        scope: &Scope,
        days: &BTreeMap<i64, Tally>,
        from: i64,
        last: i64,
    ) -> Result<(f64, Tally), QueryError> {
        let span = ((last - from) / 4).clamp(0, RECENT_DAYS * DAY);
        let since = last - span;
        let first_day = since.div_euclid(DAY) * DAY;
        let mut sum = Tally::default();
        self.minutes_of(scope, first_day).await?.range(since..).for_each(|(_, tally)| sum += tally);
        days.range(first_day + DAY..).for_each(|(_, tally)| sum += tally);
        Ok((span as f64 / DAY as f64, sum))
    }
}

/// What tells accounts and their configuration sets apart.
fn scope_dimensions() -> Vec<Dimension> {
    vec![Dimension::ACCOUNT, Dimension::CONFIGURATION_SET]
}

/// Tallies by time, for each account and each of its configuration sets.
fn scoped(groups: Groups) -> BTreeMap<Scope, BTreeMap<i64, Tally>> {
    let mut scopes: BTreeMap<Scope, BTreeMap<i64, Tally>> = BTreeMap::new();
    for (group, windows) in groups {
        let mut group = group.into_iter();
        let (account, set) = (group.next().flatten(), group.next().flatten());
        let whole = scopes.entry((account.clone(), None)).or_default();
        windows.iter().for_each(|(window, tally)| *whole.entry(*window).or_default() += tally);
        scopes.insert((account, Some(set)), windows);
    }
    scopes
}

/// The same from answers that are kept.
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

/// Where a volume is reached, going back from the newest window.
#[derive(Debug, PartialEq)]
struct Boundary {
    /// The window in which it is reached, or the oldest.
    start: i64,
    /// How many eligible sends of that window are needed.
    missing: u64,
    /// The sum of all later windows.
    later: Tally,
}

/// `None` without any mail.
fn boundary(windows: &BTreeMap<i64, Tally>, volume: u64) -> Option<Boundary> {
    let mut later = Tally::default();
    let mut missing = volume;
    let oldest = *windows.first_key_value()?.0;
    for (start, tally) in windows.iter().rev() {
        let sends = eligible(tally);
        if sends >= missing || *start == oldest {
            return Some(Boundary { start: *start, missing, later });
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
        assert_eq!(boundary(&minutes, 40), Some(Boundary { start: 2, missing: 20, later: sends(20) }));
        assert_eq!(boundary(&minutes, 1_000), Some(Boundary { start: 1, missing: 950, later: sends(50) }));
        assert!(boundary(&BTreeMap::new(), 10).is_none());
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

//! The judged volume as it was at several times of the past, asked together: what a backtest needs of it.
//!
//! ```text
//! each time: days ──> boundary day ──> boundary minute ─┐
//! all times: sends of all those minutes, in one scan ───┴──> sums since the exact start
//! ```
//! The answers are those of [`super::judged_volume`]; none is kept, so that they do not push out those of pages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use repute_lake::EventType;

use super::{Asked, ReputationQuery, Scope, boundary, scoped, take_until};
use crate::error::QueryError;
use crate::rollup::day::{DAY, Gather};
use crate::scan::{Clock, MINUTE, Reader, Selection};
use crate::tally::Tally;

/// So many minutes are asked for at once: a few have their pages found.
const AT_ONCE: usize = 48;

/// What was counted over the volume of an account, or of one of its configuration sets.
pub(crate) struct Volume {
    pub(crate) account_id: Option<String>,
    pub(crate) configuration_set: Option<Option<String>>,
    pub(crate) tally: Tally,
}

/// The last `volume` eligible sends at each of these times.
pub(crate) async fn volumes(
    reader: &Reader,
    volume: u64,
    reset: Option<DateTime<Utc>>,
    times: &[DateTime<Utc>],
) -> Result<Vec<Vec<Volume>>, QueryError> {
    let mut looks = Vec::new();
    for time in times {
        let query = ReputationQuery { last_sends: volume, since: reset, as_of: Some(*time) };
        let bounds = Asked { reader, query: &query }.bounds().await?;
        looks.push((query, bounds));
    }
    let minutes = looks.iter().flat_map(|(_, bounds)| bounds).map(|bound| bound.minute).collect();
    let sends = Sends::of(reader, minutes).await?;
    let mut found = Vec::new();
    for (query, bounds) in looks {
        found.push(Asked { reader, query: &query }.add_moments(bounds, &sends).await?);
    }
    Ok(found)
}

/// Where the volume of an account or configuration set begins.
struct Bound {
    scope: Scope,
    /// The minute in which it is reached, or the oldest.
    minute: i64,
    /// How many eligible sends of that minute are needed.
    missing: u64,
    /// The sum of all later minutes.
    later: Tally,
}

impl Asked<'_> {
    async fn bounds(&self) -> Result<Vec<Bound>, QueryError> {
        let by_day = Selection { width: Some(DAY), ..self.selection() };
        let mut days = BTreeMap::new();
        for (scope, windows) in scoped(self.reader.groups(&by_day).await?) {
            if let Some(day) = boundary(&windows, self.query.last_sends) {
                days.entry(day.start).or_insert_with(Vec::new).push((scope, day));
            }
        }
        let mut bounds = Vec::new();
        for (start, scopes) in days {
            let of_day = Selection {
                since: DateTime::from_timestamp_micros(start).max(self.query.since),
                until: DateTime::from_timestamp_micros(start + DAY),
                width: Some(MINUTE),
                ..self.selection()
            };
            let minutes = scoped(self.reader.groups(&of_day).await?);
            for (scope, day) in scopes {
                let Some(minute) = minutes.get(&scope).and_then(|of_scope| boundary(of_scope, day.missing)) else {
                    continue;
                };
                let mut later = minute.later;
                later += &day.later;
                bounds.push(Bound { scope, minute: minute.start, missing: minute.missing, later });
            }
        }
        Ok(bounds)
    }

    /// Adds to what came later the moments of the minute in which the volume is reached.
    async fn add_moments(&self, bounds: Vec<Bound>, sends: &Sends) -> Result<Vec<Volume>, QueryError> {
        let mut minutes: Vec<i64> = bounds.iter().map(|bound| bound.minute).collect();
        minutes.sort_unstable();
        minutes.dedup();
        if minutes.is_empty() {
            return Ok(Vec::new());
        }
        let selection = Selection { since: None, minutes: minutes.clone(), width: Some(1), ..self.selection() };
        let (mut moments, are_whole) = match self.reader.reports(&selection).await? {
            Some(reports) => (scoped(reports), false),
            None => (self.moments(minutes).await?, true),
        };
        let reset = self.query.since.map_or(i64::MIN, |since| since.timestamp_micros());
        let as_of = self.query.as_of.map_or(i64::MAX, |as_of| as_of.timestamp_micros());
        let mut found = Vec::new();
        for Bound { scope, minute, missing, later: mut tally } in bounds {
            let (from, to) = (minute.max(reset), (minute + MINUTE).min(as_of));
            let mut within = moments.remove(&scope).unwrap_or_default();
            within.retain(|moment, _| (from..minute + MINUTE).contains(moment));
            if !are_whole {
                sends.add_to(&scope, from, to, &mut within);
            }
            take_until(&within, missing, &mut tally);
            let (account_id, configuration_set) = scope;
            found.push(Volume { account_id, configuration_set, tally });
        }
        Ok(found)
    }
}

/// Sends of some minutes by account and configuration set, by their very time.
#[derive(Default)]
struct Sends(HashMap<Vec<Option<String>>, Vec<Counted>>);

/// Time, cell and number of some rows.
type Counted = (i64, i16, u64);

impl Gather for Sends {
    fn add(&mut self, group: &[Option<String>], cell: i16, rows: impl Iterator<Item = (i64, u64)>) {
        let of_group = self.0.entry(group.to_vec()).or_default();
        of_group.extend(rows.map(|(moment, rows)| (moment, cell, rows)));
    }
}

impl Sends {
    /// Of the minutes that begin at these times.
    async fn of(reader: &Reader, minutes: BTreeSet<i64>) -> Result<Self, QueryError> {
        let mut sends = Self::default();
        let minutes: Vec<i64> = minutes.into_iter().collect();
        for minutes in minutes.chunks(AT_ONCE) {
            let selection = Selection {
                clock: Clock::Event,
                minutes: minutes.to_vec(),
                types: vec![EventType::Send],
                width: Some(1),
                by: super::scope_dimensions(),
                ..Selection::default()
            };
            reader.gather(&selection, &mut sends).await?;
        }
        sends.0.values_mut().for_each(|moments| moments.sort_unstable());
        Ok(sends)
    }

    /// Adds those of a scope in `[from, to)`.
    fn add_to(&self, (account, set): &Scope, from: i64, to: i64, moments: &mut BTreeMap<i64, Tally>) {
        let is_of = |group: &[Option<String>]| match (group, set) {
            ([of, _], None) => of == account,
            ([of, value], Some(set)) => of == account && value == set,
            _ => false,
        };
        for (_, sends) in self.0.iter().filter(|(group, _)| is_of(group)) {
            let first = sends.partition_point(|(moment, ..)| *moment < from);
            for (moment, cell, rows) in sends[first..].iter().take_while(|(moment, ..)| *moment < to) {
                moments.entry(*moment).or_default().add_cell(*cell, *rows);
            }
        }
    }
}

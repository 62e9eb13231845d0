//! The sums of accounts and groups by minute.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::{PIECE, Whose};
use crate::alert::{Rule, Sums, Weights};
use crate::check::Group;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::rollup::day::Gather;
use crate::scan::{Clock, MINUTE, Reader, Selection};
use crate::wording::thousands;

/// What is counted already is read for so long a time at once.
const LONGEST: TimeDelta = TimeDelta::days(60);

/// So many rows are read at once: each may be of a group and minute of its own.
const MOST_ROWS: u64 = 2_000_000;

/// So many sums, of 32 bytes, are held at once.
const MOST_SUMS: usize = 6_000_000;

/// Each group is judged minute by minute, so that more would take too long.
const MOST_GROUPS: usize = 20_000;

/// The sums of each minute that has any row, in order.
type Minutes = Vec<(i64, Sums)>;

/// Groups, and accounts as a whole, with their sums by minute.
pub(super) struct Past(BTreeMap<Whose, Minutes>);

fn selection(rule: &Rule, width: u32, from: DateTime<Utc>, to: DateTime<Utc>) -> Selection {
    let first = from.timestamp().div_euclid(60) - i64::from(width);
    Selection {
        clock: rule.clock,
        since: DateTime::from_timestamp(first * 60, 0),
        until: Some(to),
        as_of: Some(to),
        types: rule.metric.types(rule.counting).to_vec(),
        width: Some(MINUTE),
        by: std::iter::once(Dimension::ACCOUNT).chain(rule.by.iter().cloned()).collect(),
        only: rule.only.clone(),
        ..Selection::default()
    }
}

/// Stretches of whole days that are read one after the other.
pub(super) fn chunks(
    reader: &Reader,
    rule: &Rule,
    width: u32,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let is_counted = reader.is_counted(&selection(rule, width, since, now));
    let fits = |from: DateTime<Utc>, to: DateTime<Utc>| match (rule.clock, is_counted) {
        // By the time of sending, a day is as it was at its end.
        (Clock::Sent, _) => to - from <= PIECE,
        (Clock::Event, true) => to - from <= LONGEST,
        (Clock::Event, false) => reader.rows_between(from, to) <= MOST_ROWS,
    };
    let mut chunks: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    for (from, to) in super::days(since, now) {
        match chunks.last_mut() {
            Some(chunk) if fits(chunk.0, to) => chunk.1 = to,
            _ => chunks.push((from, to)),
        }
    }
    chunks
}

impl Past {
    /// Reads what windows of `width` minutes hold that ended in `(from, to]`.
    pub(super) async fn read(
        reader: &Reader,
        rule: &Rule,
        width: u32,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Self, QueryError> {
        let mut gathered =
            Gathered { weights: Weights::of(rule.metric, rule.counting, reader.rules()), groups: HashMap::new() };
        reader.gather(&selection(rule, width, from, to), &mut gathered).await?;
        gathered.settle()?;
        let mut past: BTreeMap<Whose, Minutes> = BTreeMap::new();
        for (values, Heap { minutes, .. }) in gathered.groups {
            let mut values = values.into_iter();
            let account = values.next().flatten();
            if rule.total {
                past.entry((account.clone(), Group::new())).or_default().extend_from_slice(&minutes);
            }
            if !rule.by.is_empty() {
                past.insert((account, rule.by.iter().cloned().zip(values).collect()), minutes);
            }
        }
        past.iter_mut().filter(|((_, group), _)| group.is_empty()).for_each(|(_, minutes)| fold(minutes));
        Ok(Self(past))
    }

    pub(super) fn of(&self, whose: &Whose) -> &[(i64, Sums)] {
        self.0.get(whose).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whose mail there is in minutes from `from` until before `to`.
    pub(super) fn present(&self, from: i64, to: i64) -> impl Iterator<Item = Whose> + '_ {
        let has_any = move |minutes: &Minutes| {
            let next = minutes.partition_point(|(minute, _)| *minute < from);
            minutes.get(next).is_some_and(|(minute, _)| *minute < to)
        };
        self.0.iter().filter(move |(_, minutes)| has_any(minutes)).map(|(whose, _)| whose.clone())
    }
}

/// What comes out of the lake, group by group.
struct Gathered {
    weights: Weights,
    groups: HashMap<Vec<Option<String>>, Heap>,
}

/// Sums in any order; put in order now and then, so that no more is held than there are minutes.
#[derive(Default)]
struct Heap {
    minutes: Minutes,
    folded: usize,
}

impl Gather for Gathered {
    fn add(&mut self, group: &[Option<String>], cell: i16, rows: impl Iterator<Item = (i64, u64)>) {
        let heap = match self.groups.get_mut(group) {
            Some(heap) => heap,
            None => self.groups.entry(group.to_vec()).or_default(),
        };
        // Rows that do not matter show that there is such a group.
        heap.minutes.extend(
            rows.map(|(time, rows)| (time.div_euclid(MINUTE), self.weights.of_rows(cell, rows).unwrap_or_default())),
        );
        if heap.minutes.len() > 2 * heap.folded + 65_536 {
            fold(&mut heap.minutes);
            heap.folded = heap.minutes.len();
        }
    }
}

impl Gathered {
    fn settle(&mut self) -> Result<(), QueryError> {
        self.groups.values_mut().for_each(|heap| fold(&mut heap.minutes));
        let sums: usize = self.groups.values().map(|heap| heap.minutes.len()).sum();
        let (most, what) = match self.groups.len() {
            groups if groups > MOST_GROUPS => (MOST_GROUPS, "groups over sliding windows"),
            _ if sums > MOST_SUMS => (MOST_SUMS, "minutes of groups"),
            _ => return Ok(()),
        };
        let most = thousands(most as u64);
        Err(QueryError::Question(format!("more than {most} {what}; choose a shorter time, or what has fewer values")))
    }
}

/// Puts minutes in order, each once.
fn fold(minutes: &mut Minutes) {
    minutes.sort_unstable_by_key(|(minute, _)| *minute);
    minutes.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            kept.1 += next.1;
        }
        is_same
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Counting, Metric};
    use crate::counting::CountingRules;
    use crate::tally::{Kind, RecipientClass, cell};

    #[test]
    fn minutes_come_together_in_any_order() {
        let weights = Weights::of(Metric::BounceRate, Counting::Plain, &CountingRules::default());
        let mut gathered = Gathered { weights, groups: HashMap::new() };
        let group = [Some("a".to_owned())];
        let (send, bounce) =
            (cell(Kind::Send, RecipientClass::Ordinary), cell(Kind::HardBounce, RecipientClass::Verified));
        gathered.add(&group, send, [(2 * MINUTE, 5), (MINUTE, 3)].into_iter());
        gathered.add(&group, bounce, [(MINUTE, 1)].into_iter());
        gathered.add(&group, cell(Kind::Open, RecipientClass::Ordinary), [(9 * MINUTE, 7)].into_iter());
        gathered.settle().unwrap();
        let minutes = &gathered.groups[&group.to_vec()].minutes;
        let told: Vec<_> = minutes.iter().map(|(minute, sums)| (*minute, sums.measured())).collect();
        let measured = |events, sends| crate::alert::Measured { events, sends };
        assert_eq!(told, [(1, measured(1, 3)), (2, measured(0, 5)), (9, measured(0, 0))]);
    }
}

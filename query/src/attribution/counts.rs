//! The counts that an alarm is divided by: of its mail as a whole, and by each dimension.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use crate::alert::{Measured, Rule, Window};
use crate::check::Finding;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::scan::{Clock, Reader, Selection, Tallied};
use crate::tally::Tally;

/// A dimension with more values says nothing that could be read.
const MOST_VALUES: usize = 10_000;

/// Counts for a finding's mail in some span.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) rule: &'a Rule,
    pub(super) finding: &'a Finding,
    pub(super) from: DateTime<Utc>,
    pub(super) to: Option<DateTime<Utc>>,
    pub(super) now: DateTime<Utc>,
}

impl Question<'_> {
    pub(super) fn selection(&self) -> Selection {
        let account = (Dimension::ACCOUNT, self.finding.account_id.clone());
        Selection {
            clock: self.clock(),
            since: Some(self.from),
            until: self.to,
            as_of: Some(self.now),
            types: self.rule.metric.types(self.rule.counting).to_vec(),
            only: self.rule.only.iter().chain(&self.finding.group).cloned().chain([account]).collect(),
            ..Selection::default()
        }
    }

    fn clock(&self) -> Clock {
        match self.rule.window {
            Window::LastSends(_) => Clock::Sent,
            Window::Minutes(_) => self.rule.clock,
        }
    }
}

/// Counts of some mail as a whole, and by several dimensions, from one scan.
pub(super) struct Counts {
    pub(super) whole: Tally,
    pub(super) by: Vec<ByValue>,
}

/// Counts by the values of one dimension.
#[derive(Default)]
pub(super) struct ByValue {
    pub(super) values: HashMap<Option<String>, Tally>,
    /// Of values that were not asked for.
    pub(super) rest: Tally,
    pub(super) is_too_many: bool,
}

impl ByValue {
    fn of(rows: Vec<Tallied>, known: Option<&Self>) -> Self {
        let mut by = Self::default();
        for Tallied { mut group, tally, .. } in rows {
            let value = group.pop().flatten();
            if known.is_some_and(|known| !known.values.contains_key(&value)) {
                by.rest += &tally;
            } else {
                by.values.insert(value, tally);
            }
        }
        if by.values.len() > MOST_VALUES { Self { is_too_many: true, ..Self::default() } } else { by }
    }

    pub(super) fn measured(&self, measure: impl Fn(&Tally) -> Measured) -> BTreeMap<Option<String>, Measured> {
        self.values.iter().map(|(value, tally)| (value.clone(), measure(tally))).collect()
    }
}

/// Counts what the selection names, by each dimension for itself; of values only those that `known` has, if it is given.
pub(super) async fn counts(
    reader: &Reader,
    selection: &Selection,
    by: &[Dimension],
    known: Option<&[ByValue]>,
) -> Result<Counts, QueryError> {
    let groupings: Vec<Vec<Dimension>> =
        std::iter::once(Vec::new()).chain(by.iter().map(|dimension| vec![dimension.clone()])).collect();
    let _turn = reader.turn().await?;
    let mut counted = reader.scan_groupings(selection, &groupings).await?.into_iter();
    let whole = counted.next().and_then(|rows| rows.into_iter().next()).map(|row| row.tally).unwrap_or_default();
    let known = |index: usize| known.and_then(|known| known.get(index));
    let by = counted.enumerate().map(|(index, rows)| ByValue::of(rows, known(index))).collect();
    let mut counts = Counts { whole, by };
    let tallies = counts.by.iter_mut().flat_map(|by| by.values.values_mut().chain([&mut by.rest]));
    tallies.chain([&mut counts.whole]).for_each(|tally| reader.rules().settle(tally));
    Ok(counts)
}

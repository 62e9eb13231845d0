//! Sliding windows in steps of a minute, from tallies per minute.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::error::QueryError;
use crate::scan::{MINUTE, Reader, Selection};
use crate::tally::Tally;
use crate::wording::thousands;

/// Each group has a tally for every minute of its windows, so that more would fill the memory.
const MOST_GROUPS: usize = 20_000;

/// One position of a sliding window.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// Start, inclusive.
    pub from: DateTime<Utc>,
    /// End, exclusive: a whole minute.
    pub to: DateTime<Utc>,
    /// What the window holds.
    pub tally: Tally,
}

/// For each group, every position of a window of `minutes` minutes whose end lies in `(since, until]`, by whole minutes.
/// Positions without any event are not there. Uses the selection's clock, grouping and filters.
pub async fn sliding(
    reader: &Reader,
    selection: &Selection,
    minutes: u32,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<BTreeMap<Vec<Option<String>>, Vec<Position>>, QueryError> {
    let first = since.timestamp().div_euclid(60) - i64::from(minutes);
    let scan = Selection {
        since: DateTime::from_timestamp(first * 60, 0),
        until: Some(until),
        width: Some(MINUTE),
        ..selection.clone()
    };
    let mut groups: BTreeMap<Vec<Option<String>>, BTreeMap<i64, Tally>> = BTreeMap::new();
    for row in reader.tallies(&scan).await?.iter() {
        groups.entry(row.group.clone()).or_default().insert(row.window.div_euclid(MINUTE), row.tally.clone());
    }
    if groups.len() > MOST_GROUPS {
        let what = format!(
            "more than {} groups over sliding windows; choose what has fewer values",
            thousands(MOST_GROUPS as u64)
        );
        return Err(QueryError::Question(what));
    }
    let ends = (since.timestamp().div_euclid(60) + 1)..=until.timestamp().div_euclid(60);
    Ok(groups
        .into_iter()
        .map(|(group, by_minute)| (group, positions(&by_minute, i64::from(minutes), ends.clone())))
        .collect())
}

fn positions(by_minute: &BTreeMap<i64, Tally>, minutes: i64, ends: std::ops::RangeInclusive<i64>) -> Vec<Position> {
    let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0).unwrap_or_default();
    ends.filter_map(|end| {
        let mut tally = Tally::default();
        by_minute.range(end - minutes..end).for_each(|(_, minute)| tally += minute);
        (!tally.is_empty()).then(|| Position { from: at(end - minutes), to: at(end), tally })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::{Kind, RecipientClass};

    #[test]
    fn a_minute_is_in_as_many_positions_as_the_window_is_wide() {
        let mut tally = Tally::default();
        tally.add(Kind::Send, RecipientClass::Ordinary, 4);
        let positions = positions(&BTreeMap::from([(100, tally)]), 10, 95..=120);
        let ends: Vec<i64> = positions.iter().map(|p| p.to.timestamp() / 60).collect();
        assert_eq!(ends, (101..=110).collect::<Vec<_>>());
        assert!(positions.iter().all(|p| p.tally.all(Kind::Send) == 4));
    }
}

//! How long deliveries took, and what was put off: times with their ranks, delays with their reasons, mail that still waits.
//!
//! ```text
//! deliveries ── processing_ms ──> times of all, by window, by group ──┐
//! delays ── reasons, types, providers, what became of the mail ───────┴──> Delays
//! ```
//! Times are those that SES reports with a delivery: from the moment it accepted the mail to the moment at which it had handed it to the
//! receiving server. Ranks are exact: times are counted, not sampled. What was read of whole dates is kept in memory, up to a limit.

mod delayed;
mod division;
mod outcomes;
mod parts;
mod report;
mod rows;
mod scanned;
mod taken;
mod times;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::error::QueryError;
use crate::kept::Kept;
use crate::rates::Stepping;
use crate::scan::{Reader, Selection};
use outcomes::KeptOutcomes;
use parts::KeptDates;

pub use delayed::{DelayCount, DelayReason, Delayed, Undecided};
pub use report::{DelayRows, delays_report, delays_table};
pub(crate) use taken::taken;
pub(crate) use times::{Room, Times};
pub use times::{TIMES, TimesTaken};

/// Answers that are kept.
const KEPT_ANSWERS: usize = 64;

/// Answers about one version of the lake, and what is kept of dates for all versions.
pub(crate) struct KeptDelays {
    answers: Kept<DelaysQuery, Delays>,
    dates: Arc<KeptDates>,
    outcomes: Arc<KeptOutcomes>,
}

impl Default for KeptDelays {
    fn default() -> Self {
        Self { answers: Kept::at_most(KEPT_ANSWERS), dates: Arc::default(), outcomes: Arc::default() }
    }
}

impl KeptDelays {
    /// Takes over what was made of the dates of another version.
    pub(crate) fn continue_from(&mut self, other: &Self) {
        self.dates = Arc::clone(&other.dates);
        self.outcomes = Arc::clone(&other.outcomes);
    }

    fn dates(&self) -> &KeptDates {
        &self.dates
    }

    fn outcomes(&self) -> &KeptOutcomes {
        &self.outcomes
    }
}

/// Which deliveries and delays, and how they are divided.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DelaysQuery {
    /// Which rows, on which clock; deliveries grouped by what; with a width also by windows. The types of events do not matter.
    pub selection: Selection,
    /// How windows follow one another.
    pub stepping: Stepping,
    /// At most so many groups, those with most deliveries.
    pub groups: usize,
    /// At most so many reasons of delays, the most frequent.
    pub reasons: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delays {
    /// Of all deliveries that say how long they took.
    pub all: TimesTaken,
    /// Deliveries that do not say.
    pub unknown: u64,
    /// By windows, if asked for, in their order; those without any delivery are not there.
    pub windows: Vec<TakenWindow>,
    /// The largest groups, if asked for.
    pub groups: Vec<TakenGroup>,
    /// How many more groups, and how many deliveries they have.
    pub others: (u64, u64),
    /// Mail that was put off.
    pub delayed: Delayed,
}

/// A window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenWindow {
    /// Its start.
    pub start: DateTime<Utc>,
    /// Its end.
    pub end: DateTime<Utc>,
    /// Its times.
    pub times: TimesTaken,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenGroup {
    /// Values of the dimensions.
    pub group: Vec<Option<String>>,
    /// Its times.
    pub times: TimesTaken,
}

/// Finds how long deliveries took and what was put off.
///
/// # Errors
/// [`QueryError::Question`] where there is more than the memory is for, and for sliding windows.
pub async fn delays(reader: &Reader, query: &DelaysQuery) -> Result<Arc<Delays>, QueryError> {
    let mut query = query.clone();
    query.selection.types.clear();
    query.selection = reader.without_idle_bounds(&query.selection).await?;
    let asked = query.clone();
    reader.delays.answers.get(asked, async || ask(reader, &query).await).await
}

/// Reads what answers are made of.
pub(crate) async fn read_ahead(reader: &Reader, selection: &Selection) -> Result<(), QueryError> {
    taken(reader, selection, Stepping::Tumbling).await?;
    delayed::delayed(reader, selection, 0).await?;
    Ok(())
}

async fn ask(reader: &Reader, query: &DelaysQuery) -> Result<Delays, QueryError> {
    let (found, windows) = taken(reader, &query.selection, query.stepping).await?;
    let mut room = Room::default();
    let window = |(start, times): (&i64, &Times)| {
        let (start, end) = windows.ends(*start)?;
        Some(TakenWindow { start, end, times: times.taken_in(&mut room) })
    };
    let in_windows = found.windows.iter().filter_map(window).collect();
    let mut groups: Vec<(Vec<Option<String>>, Times)> = found.groups.into_iter().collect();
    groups.sort_unstable_by(|(a, of_a), (b, of_b)| (of_b.count(), a).cmp(&(of_a.count(), b)));
    let rest = groups.split_off(groups.len().min(query.groups));
    let group = |(group, times): (Vec<Option<String>>, Times)| TakenGroup { group, times: times.taken_in(&mut room) };
    Ok(Delays {
        all: found.all.taken(),
        unknown: found.unknown,
        windows: in_windows,
        groups: groups.into_iter().map(group).collect(),
        others: (rest.len() as u64, rest.iter().map(|(_, times)| times.count()).sum()),
        delayed: delayed::delayed(reader, &query.selection, query.reasons).await?,
    })
}

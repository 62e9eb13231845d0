//! Which rows lie in a selection's time: by what the log says of files, the footers of row groups, and the times of rows.

use repute_lake::schema::column;
use repute_lake::{CodedGroup, CodedTimes, Coding, DataFile, GroupFacts};

use crate::error::QueryError;
use crate::selection::{Clock, Selection};

/// Which times of a row group's rows must be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// `event_time`.
    event: bool,
    /// `sent_time`.
    sent: bool,
}

/// How a range of times lies to another.
#[derive(PartialEq, Eq)]
enum Lies {
    Inside,
    Outside,
    Across,
}

/// From here (inclusive) to there (exclusive), microseconds.
type Bounds = (Option<i64>, Option<i64>);

fn bounds(selection: &Selection, clock: Clock) -> Bounds {
    let micros = |time: chrono::DateTime<chrono::Utc>| time.timestamp_micros();
    let (since, until, as_of) = (selection.since.map(micros), selection.until.map(micros), selection.as_of.map(micros));
    match (clock, selection.clock == clock) {
        (Clock::Event, true) => (since, until.into_iter().chain(as_of).min()),
        (Clock::Event, false) => (None, as_of),
        (Clock::Sent, true) => (since, until),
        (Clock::Sent, false) => (None, None),
    }
}

/// Where the closed range is not known, it may lie anywhere.
fn lies(range: Option<(i64, i64)>, (from, to): Bounds) -> Lies {
    let Some((low, high)) = range else { return if (from, to) == (None, None) { Lies::Inside } else { Lies::Across } };
    if from.is_some_and(|from| high < from) || to.is_some_and(|to| low >= to) {
        return Lies::Outside;
    }
    let is_inside = from.is_none_or(|from| from <= low) && to.is_none_or(|to| high < to);
    if is_inside { Lies::Inside } else { Lies::Across }
}

/// Whether a file may hold a row of the selection's time.
pub(super) fn may_hold(file: &DataFile, selection: &Selection) -> bool {
    let known = &file.statistics;
    lies(known.event_time, bounds(selection, Clock::Event)) != Lies::Outside
        && lies(known.sent_time, bounds(selection, Clock::Sent)) != Lies::Outside
}

/// Whether all rows of a file lie in the selection's time, but for those that do not say when their mail was sent.
pub(crate) fn lies_inside(file: &DataFile, selection: &Selection) -> bool {
    let known = &file.statistics;
    lies(known.event_time, bounds(selection, Clock::Event)) == Lies::Inside
        && lies(known.sent_time, bounds(selection, Clock::Sent)) == Lies::Inside
}

/// The columns of time that may be looked at.
pub(super) fn columns(selection: &Selection) -> Vec<(String, Coding)> {
    let event = bounds(selection, Clock::Event) != (None, None);
    Span { event, sent: selection.clock == Clock::Sent }.columns()
}

impl Span {
    /// What must be looked at; nothing where the row group holds no row of the selection's time.
    pub(super) fn of(facts: &GroupFacts, selection: &Selection) -> Option<Self> {
        let event = lies(facts.event_time, bounds(selection, Clock::Event));
        let sent = lies(facts.sent_time, bounds(selection, Clock::Sent));
        if event == Lies::Outside || sent == Lies::Outside {
            return None;
        }
        // On the clock of sending, rows that do not say when are in no window.
        let may_be_null = selection.clock == Clock::Sent && facts.sent_time_nulls != Some(0);
        Some(Self { event: event == Lies::Across, sent: sent == Lies::Across || may_be_null })
    }

    /// The columns that are to be looked at.
    pub(super) fn columns(self) -> Vec<(String, Coding)> {
        let names = [(self.event, column::EVENT_TIME), (self.sent, column::SENT_TIME)];
        names.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, name)| (name.to_owned(), Coding::Time)).collect()
    }

    /// Which rows are kept, all where there is no list; nothing where none is.
    pub(super) fn kept(self, group: &CodedGroup, selection: &Selection) -> Result<Option<Kept>, QueryError> {
        let mut kept = Kept(None);
        for (is_wanted, clock) in [(self.event, Clock::Event), (self.sent, Clock::Sent)] {
            if is_wanted {
                let times = group.times(clock.column())?;
                if !kept.only(times_in(&times, bounds(selection, clock))) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(kept))
    }
}

/// Whether each row has a time within the bounds.
fn times_in(times: &CodedTimes, (from, to): Bounds) -> Vec<bool> {
    let (from, to) = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
    let mut kept: Vec<bool> = times.times.iter().map(|time| (from <= *time) & (*time < to)).collect();
    for (kept, is_null) in kept.iter_mut().zip(&times.nulls) {
        *kept &= !is_null;
    }
    kept
}

/// Which rows of a row group are kept; all where there is no list.
pub(super) struct Kept(pub(super) Option<Vec<bool>>);

impl Kept {
    /// Keeps only those rows that are among these, too; says whether there is any.
    pub(super) fn only(&mut self, rows: Vec<bool>) -> bool {
        let kept = match self.0.take() {
            None => rows,
            Some(mut kept) => {
                kept.iter_mut().zip(rows).for_each(|(kept, row)| *kept &= row);
                kept
            }
        };
        let is_any = kept.contains(&true);
        self.0 = Some(kept);
        is_any
    }
}

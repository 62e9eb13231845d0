//! Times of the deliveries that a question is about: of all, by windows, by groups.
//!
//! ```text
//! dates ── wholly inside the range ──> their divisions, which are kept ─────────────────────┐
//!       ├─ cut by it ────────────────> their deliveries, which are kept, divided anew ──────┼──> runs of times ──> Taken
//!       └─ that cannot be kept ──────> rows of the events table ────────────────────────────┘
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;
use foldhash::fast::RandomState;
use futures::{StreamExt, TryStreamExt, stream};
use repute_lake::{DataFile, EventType};

use super::division::{Division, Parts};
use super::parts::{Divided, Divisions, Which, divide};
use super::rows::Group;
use super::scanned::scan;
use super::times::Times;
use crate::dated::ends;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::rates::Stepping;
use crate::scan::{Clock, Reader, Selection};
use crate::windows::Windows;
use crate::wording::thousands;

/// More groups would fill the memory.
pub(super) const MOST_GROUPS: usize = 100_000;

/// Dates of more rows are not cut in memory.
const MOST_CUT: u64 = 16_000_000;

/// What deliveries took.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) all: Times,
    /// By the start of the window.
    pub(crate) windows: BTreeMap<i64, Times>,
    pub(crate) groups: HashMap<Group, Times, RandomState>,
    /// Deliveries that do not say.
    pub(crate) unknown: u64,
}

/// Finds the times of the selection's deliveries, and the windows they fall into.
///
/// # Errors
/// [`QueryError::Question`] where there are more groups than the memory is for, and for sliding windows.
pub(crate) async fn taken(
    reader: &Reader,
    selection: &Selection,
    stepping: Stepping,
) -> Result<(Taken, Arc<Windows>), QueryError> {
    let selection = Selection { types: vec![EventType::Delivery], ..selection.clone() };
    let windows = Arc::new(Windows::of(stepping, selection.width, || range(reader, &selection))?);
    let mut taken = Taken::default();
    if reader.coded.is_none() || !selection.minutes.is_empty() {
        scan(reader, None, &selection, &windows, &mut taken).await?;
        return Ok((taken, windows));
    }
    let question = Question::of(&selection, stepping, &windows);
    let (dates, mut others) = by_date(reader);
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let found = |(date, files)| question.date(reader, date, files);
    let mut reading = stream::iter(dates).map(found).buffered(at_once);
    while let Some(found) = reading.try_next().await? {
        match found {
            Found::Nothing => {}
            Found::Divided(which, divisions) => {
                for (place, divisions) in divisions.iter().enumerate() {
                    // Whatever the last division says is of all deliveries, as of the others, but they are to be told once.
                    let is_all = place + 1 == question.wanted.len();
                    divisions.iter().for_each(|division| question.add(&which, division, is_all, &mut taken));
                }
            }
            Found::Rows(files) => others.extend(files),
        }
        if taken.groups.len() > MOST_GROUPS {
            return Err(too_many_groups());
        }
    }
    if !others.is_empty() {
        scan(reader, Some(others), &selection, &windows, &mut taken).await?;
    }
    Ok((taken, windows))
}

pub(super) fn too_many_groups() -> QueryError {
    let most = thousands(MOST_GROUPS as u64);
    QueryError::Question(format!("more than {most} groups; choose what has fewer values"))
}

/// First and last time that rows may have, as the log and the selection say.
fn range(reader: &Reader, selection: &Selection) -> Option<(i64, i64)> {
    let files = reader.files_between(i64::MIN, i64::MAX);
    let known = files.iter().filter_map(|file| match selection.clock {
        Clock::Event => file.statistics.event_time,
        Clock::Sent => file.statistics.sent_time,
    });
    let (first, last) = known.reduce(|(low, high), (l, h)| (low.min(l), high.max(h)))?;
    let since = selection.since.map_or(first, |time| time.timestamp_micros().max(first));
    let until = selection.until.map_or(last, |time| time.timestamp_micros().min(last));
    Some((since, until))
}

/// All files by their dates, and those without one.
fn by_date(reader: &Reader) -> (BTreeMap<NaiveDate, Vec<DataFile>>, Vec<DataFile>) {
    let mut dates: BTreeMap<NaiveDate, Vec<DataFile>> = BTreeMap::new();
    let mut others = Vec::new();
    for file in reader.files_between(i64::MIN, i64::MAX) {
        match file.event_date {
            Some(date) => dates.entry(date).or_default().push(file),
            None => others.push(file),
        }
    }
    (dates, others)
}

/// What is asked of each date.
struct Question {
    /// The same deliveries in ways that dates may be kept in, the first one for more questions.
    which: Vec<Which>,
    clock: Clock,
    by: Vec<Dimension>,
    wanted: Vec<Divided>,
    /// Only deliveries with these values.
    only: Vec<(Dimension, Option<String>)>,
    /// From (inclusive) to (exclusive) a time of the clock.
    bounds: (i64, i64),
    /// Only events before.
    as_of: i64,
}

/// What a date has for a question.
enum Found {
    Nothing,
    /// In each of the ways that were asked for, with what their scopes are.
    Divided(Which, Vec<Vec<Arc<Division>>>),
    /// These files are to be read.
    Rows(Vec<DataFile>),
}

/// How the times of a date lie to the bounds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lie {
    Outside,
    Inside,
    Across,
    /// The log does not say.
    Unknown,
}

impl Lie {
    fn of((first, last): (i64, i64), (from, to): (i64, i64)) -> Self {
        match (last < from || first >= to, from <= first && last < to) {
            (true, _) => Self::Outside,
            (_, true) => Self::Inside,
            _ => Self::Across,
        }
    }
}

/// The ways in which dates are kept for deliveries with some values. Sets are what is filtered by most, so they are always told apart. If
/// other dimensions have too many values to tell all of them apart, only the wanted ones are kept.
fn kept_as(clock: Clock, only: &[(Dimension, Option<String>)]) -> Vec<Which> {
    let sets = vec![Dimension::CONFIGURATION_SET];
    let others: Vec<_> = only.iter().filter(|(dimension, _)| !sets.contains(dimension)).cloned().collect();
    let mut scope = sets.clone();
    for (dimension, _) in &others {
        if !scope.contains(dimension) {
            scope.push(dimension.clone());
        }
    }
    scope[1..].sort();
    let mut ways = vec![Which { clock, scope, only: Vec::new() }];
    if !others.is_empty() {
        ways.push(Which { clock, scope: sets, only: others });
    }
    ways
}

impl Question {
    fn of(selection: &Selection, stepping: Stepping, windows: &Windows) -> Self {
        let micros = |time: chrono::DateTime<chrono::Utc>| time.timestamp_micros();
        let as_of = selection.as_of.map_or(i64::MAX, micros);
        let until = selection.until.map_or(i64::MAX, micros);
        let to = if selection.clock == Clock::Event { until.min(as_of) } else { until };
        let width = if stepping == Stepping::Tumbling { selection.width } else { None };
        let mut wanted = Vec::new();
        if windows.is_any() {
            wanted.push(Divided::Windows(stepping, width));
        }
        if !selection.by.is_empty() || wanted.is_empty() {
            wanted.push(Divided::Groups(selection.by.clone()));
        }
        Self {
            which: kept_as(selection.clock, &selection.only),
            clock: selection.clock,
            by: selection.by.clone(),
            wanted,
            only: selection.only.clone(),
            bounds: (selection.since.map_or(i64::MIN, micros), to),
            as_of,
        }
    }

    async fn date(&self, reader: &Reader, date: NaiveDate, files: Vec<DataFile>) -> Result<Found, QueryError> {
        match self.lie(date, &files) {
            None => return Ok(Found::Rows(files)),
            Some(Lie::Outside) => return Ok(Found::Nothing),
            Some(Lie::Across) => return self.cut(reader, date, files).await,
            Some(Lie::Inside | Lie::Unknown) => {}
        }
        for which in &self.which {
            let kept = reader.delays.dates().date(reader, date, &files, which, &self.wanted).await?;
            let divisions: Option<Vec<_>> =
                self.wanted.iter().map(|divided| kept.divisions(divided).and_then(Divisions::clone)).collect();
            let Some(divisions) = divisions else { continue };
            let spans = divisions.first().into_iter().flatten().filter_map(|division| division.span);
            let span = spans.reduce(|(first, last), (f, l)| (first.min(f), last.max(l)));
            return match span.map_or(Lie::Outside, |span| Lie::of(span, self.bounds)) {
                Lie::Outside => Ok(Found::Nothing),
                Lie::Inside => Ok(Found::Divided(which.clone(), divisions)),
                Lie::Across | Lie::Unknown => self.cut(reader, date, files).await,
            };
        }
        Ok(Found::Rows(files))
    }

    /// How a date's deliveries lie to the question's bounds; nothing where single rows must be asked.
    fn lie(&self, date: NaiveDate, files: &[DataFile]) -> Option<Lie> {
        let both = |(first, last): (i64, i64), (f, l): (i64, i64)| (first.min(f), last.max(l));
        let known: Option<Vec<_>> = files.iter().map(|file| file.statistics.event_time).collect();
        let (start, end) = ends(date);
        let event = known.and_then(|known| known.into_iter().reduce(both)).unwrap_or((start, end - 1));
        if self.clock == Clock::Event {
            return Some(Lie::of(event, self.bounds));
        }
        match Lie::of(event, (i64::MIN, self.as_of)) {
            Lie::Outside => return Some(Lie::Outside),
            Lie::Inside => {}
            Lie::Across | Lie::Unknown => return None,
        }
        if files.iter().any(|file| file.statistics.sent_time_nulls.is_none()) {
            return Some(Lie::Unknown);
        }
        let sent = files.iter().filter_map(|file| file.statistics.sent_time).reduce(both);
        // The times of other events may lie farther than those of deliveries, which are known once they were read.
        match sent.map_or(Lie::Outside, |sent| Lie::of(sent, self.bounds)) {
            Lie::Across => Some(Lie::Unknown),
            lie => Some(lie),
        }
    }

    /// Whether a file may hold a delivery within the bounds.
    fn may_hold(&self, file: &DataFile) -> bool {
        let known = if self.clock == Clock::Event { file.statistics.event_time } else { None };
        known.is_none_or(|times| Lie::of(times, self.bounds) != Lie::Outside)
    }

    /// The part of a date that lies within the bounds.
    async fn cut(&self, reader: &Reader, date: NaiveDate, files: Vec<DataFile>) -> Result<Found, QueryError> {
        if files.iter().filter_map(|file| file.statistics.rows).sum::<u64>() > MOST_CUT {
            return Ok(Found::Rows(files));
        }
        'ways: for which in &self.which {
            let mut divisions = vec![Vec::new(); self.wanted.len()];
            for file in files.iter().filter(|file| self.may_hold(file)) {
                let kept = reader.delays.dates().rows(reader, date, file, which, &self.by).await?;
                let Some(rows) = &kept.0 else { continue 'ways };
                for (divided, divisions) in self.wanted.iter().zip(&mut divisions) {
                    let of_rows = rows.iter().filter_map(|rows| divide(rows, self.bounds, divided));
                    divisions.extend(of_rows.map(Arc::new));
                }
            }
            return Ok(Found::Divided(which.clone(), divisions));
        }
        Ok(Found::Rows(files))
    }

    fn add(&self, which: &Which, division: &Arc<Division>, is_all: bool, taken: &mut Taken) {
        let has = |scope: &Group, (dimension, wanted): &(Dimension, Option<String>)| {
            let place = which.scope.iter().position(|of| of == dimension);
            place.is_none_or(|place| scope.get(place) == Some(wanted))
        };
        let is_wanted: Vec<bool> =
            division.scopes.iter().map(|scope| self.only.iter().all(|only| has(scope, only))).collect();
        if is_all {
            let unknown = division.unknown.iter().zip(&is_wanted).filter(|(_, is_wanted)| **is_wanted);
            taken.unknown += unknown.map(|(unknown, _)| unknown).sum::<u64>();
        }
        let runs = (0..).zip(&division.runs).filter(|(_, run)| is_wanted[run.scope as usize]);
        let runs: Vec<_> = runs.map(|(number, run)| (number, run.part)).collect();
        if is_all {
            runs.iter().for_each(|(run, _)| taken.all.add_run(division, *run));
        }
        for runs in runs.chunk_by(|(_, a), (_, b)| a == b) {
            let part = runs[0].1 as usize;
            let times = match &division.parts {
                Parts::Windows(starts) => taken.windows.entry(starts[part]).or_default(),
                Parts::Groups(_) if self.by.is_empty() => return,
                Parts::Groups(groups) => match taken.groups.get_mut(&groups[part]) {
                    Some(times) => times,
                    None => taken.groups.entry(groups[part].clone()).or_default(),
                },
            };
            runs.iter().for_each(|(run, _)| times.add_run(division, *run));
        }
    }
}

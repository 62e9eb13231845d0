//! Counts of dates, by whatever was asked for, stay in memory: a question about another range, or another value, reads only the rows at
//! the ends of its range.
//!
//! ```text
//! Selection ── its range aside ──> Shape ── of each date wholly within the range ──────────────> Part, kept ──> answers
//!                                      ├── of each date cut by it, hour by hour ───────────────> Part, kept ──┤
//!                                      └── rows of the hours in which the range begins and ends ──────────────┘
//! ```
//! What is filtered by is counted by instead where that is not too much, so that one shape serves all values; so do hours for all wider
//! windows.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, NaiveDate};
use futures::stream::{self, StreamExt, TryStreamExt};
use repute_lake::schema::column;
use repute_lake::{DataFile, EventType};

use crate::coded::lies_inside;
use crate::counter::Counter;
use crate::dated::{Dated, Weighed, ends};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::part::Part;
use crate::scan::{Clock, Reader, Selection};

/// All parts hold so many bytes together, and each of them at most so many; it has no more windows and groups than this.
const MOST_BYTES: usize = 144 << 20;
const MOST_EACH: usize = 1 << 20;
const MOST_PLACES: usize = 60_000;

/// So many shapes are known to be too large; of more, all are tried anew.
const MOST_TOO_LARGE: usize = 1_024;

/// Dates that are counted at once: one is read while another waits for its files.
const AT_ONCE: usize = 2;

/// Windows that others are put together from, microseconds; and shorter ones may be kept down to this.
const HOUR: i64 = 3_600_000_000;
const SHORTEST: i64 = HOUR / 12;

/// Of a date that is cut so many hours must lie within the range; of fewer the rows are read.
const FEWEST: i64 = 3;

/// What is filtered by most.
const FILTERS: [Dimension; 5] = [
    Dimension::ACCOUNT,
    Dimension::CONFIGURATION_SET,
    Dimension::Provider,
    Dimension::Column(column::RECIPIENT_DOMAIN),
    Dimension::Column(column::CAMPAIGN),
];

/// Counts of dates.
pub(crate) struct Parts {
    kept: Dated<Arc<Shape>, Part>,
    too_large: Mutex<HashSet<Arc<Shape>>>,
}

impl Default for Parts {
    fn default() -> Self {
        Self { kept: Dated::at_most(MOST_BYTES).each_at_most(MOST_EACH), too_large: Mutex::default() }
    }
}

impl Parts {
    fn too_large(&self) -> MutexGuard<'_, HashSet<Arc<Shape>>> {
        self.too_large.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_too_large(&self, shape: &Arc<Shape>) {
        let mut known = self.too_large();
        if known.len() >= MOST_TOO_LARGE {
            known.clear();
        }
        known.insert(Arc::clone(shape));
    }
}

/// A question but for its range.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shape {
    clock: Clock,
    types: Vec<EventType>,
    width: Option<i64>,
    by: Vec<Dimension>,
    only: Vec<(Dimension, Option<String>)>,
}

impl Shape {
    fn selection(&self) -> Selection {
        let Self { clock, types, width, by, only } = self.clone();
        Selection { clock, types, width, by, only, ..Selection::default() }
    }
}

/// One of which values the rows of an answer have, of the shape's dimensions, which are numbered.
type Only = Vec<(usize, Vec<Option<String>>)>;

/// From (inclusive) to (exclusive), microseconds.
type Range = (i64, i64);

const ALWAYS: Range = (i64::MIN, i64::MAX);

/// In which shapes a selection's dates are counted, and what of it is left to do.
struct Way {
    whole: Arc<Shape>,
    /// Of dates that are cut; nothing where their rows are read.
    cut: Option<(Arc<Shape>, i64)>,
    /// Of each of the selection's dimensions its number in the shapes.
    order: Vec<usize>,
    only: Only,
}

impl Way {
    /// All ways, the one that serves most questions first.
    fn all(selection: &Selection) -> Vec<Self> {
        let mut ways: Vec<Self> = Vec::new();
        for (filters, hours) in [(&FILTERS[..], true), (&FILTERS, false), (&FILTERS[..2], true), (&[], false)] {
            let way = Self::of(selection, filters, hours);
            let is_known = |known: &Self| known.whole == way.whole && known.cut == way.cut;
            if !ways.iter().any(is_known) {
                ways.push(way);
            }
        }
        ways
    }

    /// Counting by these filters, and by parts of windows.
    fn of(selection: &Selection, filters: &[Dimension], hours: bool) -> Self {
        let Selection { clock, types, width, .. } = selection.clone();
        let (counted, mut only): (Vec<_>, Vec<_>) =
            selection.only.iter().cloned().partition(|(dimension, _)| filters.contains(dimension));
        only.sort();
        // In one order, whatever they are for.
        let counted_by = counted.iter().map(|(dimension, _)| dimension);
        let by: Vec<Dimension> =
            selection.by.iter().chain(counted_by).cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let place = |dimension: &Dimension| by.iter().position(|known| known == dimension).unwrap_or_default();
        let order = selection.by.iter().map(place).collect();
        let mut left: Only = counted.iter().map(|(dimension, value)| (place(dimension), vec![value.clone()])).collect();
        if let Some(last) = selection.by.last().filter(|_| !selection.among.is_empty()) {
            left.push((place(last), selection.among.clone()));
        }
        let shape = Shape { clock, types, width, by, only };
        let unit = unit(width).filter(|_| hours);
        let whole = Shape { width: width.map(|width| unit.unwrap_or(width)), ..shape.clone() };
        let unit = unit.filter(|_| clock == Clock::Event);
        let cut = unit.map(|unit| (Arc::new(Shape { width: Some(unit), ..shape }), unit));
        Self { whole: Arc::new(whole), cut, order, only: left }
    }
}

/// Of which windows those of a width can be put together.
fn unit(width: Option<i64>) -> Option<i64> {
    match width {
        None => Some(HOUR),
        Some(width) if width % HOUR == 0 => Some(HOUR),
        Some(width) if width >= SHORTEST && HOUR % width == 0 => Some(width),
        Some(_) => None,
    }
}

/// What is known of a selection's rows, and which are to be read.
pub(crate) struct Found {
    pub(crate) parts: Known,
    /// Files, and what is asked of them.
    pub(crate) rows: Vec<(Vec<DataFile>, Selection)>,
}

/// What is known, each with the range of windows that is asked for.
pub(crate) struct Known {
    parts: Vec<(Arc<Part>, Range)>,
    order: Vec<usize>,
    only: Only,
}

impl Known {
    /// Adds all of it to the counts of rows.
    pub(crate) fn add_to(&self, counter: &mut Counter) -> Result<(), QueryError> {
        let only: Vec<(usize, Vec<Option<&str>>)> =
            (self.only.iter()).map(|(place, values)| (*place, values.iter().map(Option::as_deref).collect())).collect();
        self.parts.iter().try_for_each(|(part, range)| counter.add_part(part, *range, &self.order, &only))
    }
}

/// A date that is counted in a shape.
struct Counted {
    date: NaiveDate,
    files: Vec<DataFile>,
    shape: Arc<Shape>,
    range: Range,
}

impl Reader {
    /// The counts of dates and hours that lie wholly within the selection, and all other rows.
    pub(crate) async fn parts(&self, selection: &Selection) -> Result<Found, QueryError> {
        let files = self.table.files();
        let Some(parts) = self.parts.as_ref().filter(|_| selection.minutes.is_empty()) else {
            let known = Known { parts: Vec::new(), order: Vec::new(), only: Only::new() };
            return Ok(Found { parts: known, rows: vec![(files.to_vec(), selection.clone())] });
        };
        let mut ways = Way::all(selection);
        let last = ways.pop();
        for way in ways {
            let is_too_large = {
                let known = parts.too_large();
                known.contains(&way.whole) || way.cut.as_ref().is_some_and(|(shape, _)| known.contains(shape))
            };
            if !is_too_large && let Some(found) = self.in_way(parts, way, selection, Some(MOST_PLACES)).await? {
                return Ok(found);
            }
        }
        let found = match last {
            Some(way) => self.in_way(parts, way, selection, None).await?,
            None => None,
        };
        found.ok_or_else(|| QueryError::Question("there is no way to count it".to_owned()))
    }

    /// Nothing where a date has more windows and groups than `most_places`.
    async fn in_way(
        &self,
        parts: &Parts,
        way: Way,
        selection: &Selection,
        most_places: Option<usize>,
    ) -> Result<Option<Found>, QueryError> {
        let (dates, rows) = divided(self.table.files(), &way, selection);
        let count = async |Counted { date, files, shape, range }: Counted| {
            let make = async |_| {
                let most_rows = most_places.unwrap_or(self.most_rows());
                Ok(self.count_rows(files.clone(), &shape.selection(), most_rows).await?.into_part())
            };
            let part = parts.kept.get(date, &shape, &files, |_| true, make).await;
            let is_too_large = match &part {
                Ok(part) => part.bytes() > MOST_EACH,
                Err(error) => matches!(error, QueryError::Question(_)),
            };
            if is_too_large && most_places.is_some() {
                parts.note_too_large(&shape);
                return Ok(None);
            }
            Ok::<_, QueryError>(Some((part?, range)))
        };
        let mut counting = stream::iter(dates).map(count).buffered(AT_ONCE);
        let mut found = Vec::new();
        while let Some(part) = counting.try_next().await? {
            let Some(part) = part else { return Ok(None) };
            found.push(part);
        }
        Ok(Some(Found { parts: Known { parts: found, order: way.order, only: way.only }, rows }))
    }
}

/// The dates that are counted, and the rows that are read.
fn divided(files: &[DataFile], way: &Way, selection: &Selection) -> (Vec<Counted>, Vec<(Vec<DataFile>, Selection)>) {
    let (mut dates, mut others): (BTreeMap<NaiveDate, Vec<DataFile>>, _) = (BTreeMap::new(), Vec::new());
    for file in files {
        match file.event_date {
            Some(date) => dates.entry(date).or_default().push(file.clone()),
            None => others.push(file.clone()),
        }
    }
    let mut counted = Vec::new();
    let mut rows = Vec::new();
    for (date, files) in dates {
        if files.iter().all(|file| lies_inside(file, selection)) {
            counted.push(Counted { date, files, shape: Arc::clone(&way.whole), range: ALWAYS });
            continue;
        }
        let cut = way.cut.as_ref().and_then(|(shape, unit)| Some((shape, hours(date, *unit, selection)?)));
        let Some((shape, (range, ends))) = cut else {
            others.extend(files);
            continue;
        };
        for (from, to) in ends.into_iter().filter(|(from, to)| from < to) {
            let [since, until] = [from, to].map(DateTime::from_timestamp_micros);
            rows.push((files.clone(), Selection { since, until, ..selection.clone() }));
        }
        counted.push(Counted { date, files, shape: Arc::clone(shape), range });
    }
    if !others.is_empty() {
        rows.push((others, selection.clone()));
    }
    (counted, rows)
}

/// The whole units of a date within the selection, and what lies before and after them in the date; nothing where they are few.
fn hours(date: NaiveDate, unit: i64, selection: &Selection) -> Option<(Range, [Range; 2])> {
    let (start, end) = ends(date);
    let micros = |time: DateTime<chrono::Utc>| time.timestamp_micros();
    let from = selection.since.map_or(start, micros).max(start);
    let to = [selection.until, selection.as_of].into_iter().flatten().map(micros).chain([end]).min()?;
    let first = -(-from).div_euclid(unit) * unit;
    let last = to.div_euclid(unit) * unit;
    (last - first >= FEWEST * HOUR).then_some(((first, last), [(from, first), (last, to)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64, minute: i64) -> i64 {
        1_790_899_200_000_000 + hour * HOUR + minute * HOUR / 60
    }

    #[test]
    fn a_date_is_cut_at_hours() {
        let date = DateTime::from_timestamp_micros(at(0, 0)).unwrap().date_naive();
        let selection = |since, until| Selection {
            since: DateTime::from_timestamp_micros(since),
            until: DateTime::from_timestamp_micros(until),
            ..Selection::default()
        };
        let of = |since, until| hours(date, HOUR, &selection(since, until));
        let whole = Some(((at(2, 0), at(9, 0)), [(at(1, 30), at(2, 0)), (at(9, 0), at(9, 1))]));
        assert_eq!(of(at(1, 30), at(9, 1)), whole);
        let begins = Some(((at(0, 0), at(9, 0)), [(at(0, 0), at(0, 0)), (at(9, 0), at(9, 0))]));
        assert_eq!(of(at(-30, 30), at(9, 0)), begins);
        let ends = Some(((at(3, 0), at(24, 0)), [(at(3, 0), at(3, 0)), (at(24, 0), at(24, 0))]));
        assert_eq!(of(at(3, 0), at(40, 0)), ends);
        assert_eq!(of(at(3, 1), at(6, 59)), None, "two hours");
        assert_eq!(of(at(3, 10), at(3, 20)), None);
        assert_eq!(of(at(30, 0), at(40, 0)), None);
        assert_eq!(of(at(-40, 0), at(-30, 0)), None);
    }

    #[test]
    fn windows_are_put_together_from_hours() {
        let minute = HOUR / 60;
        let widths = [None, Some(24 * HOUR), Some(15 * minute), Some(minute), Some(7 * minute), Some(90 * minute)];
        assert_eq!(widths.map(unit), [Some(HOUR), Some(HOUR), Some(15 * minute), None, None, None]);
    }
}

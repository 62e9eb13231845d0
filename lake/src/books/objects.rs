//! The objects that were imported, newest first.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use chrono::{DateTime, TimeDelta, Utc};
use memchr::memmem::Finder;

use super::bad::{BadBook, object_number};
use super::time;
use crate::error::LakeError;
use crate::ledger::{ImportedObject, ObjectKey};
use crate::reader::read_columns;
use crate::schema::objects;
use crate::table::Table;
use crate::totals::{ImportTotals, RecentImport};

/// What became of an object that was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectState {
    /// Every record could be read.
    Imported,
    /// Some records are in the quarantine.
    WithBadRecords,
    /// Its bytes are damaged or of an unknown form: what came after could not be read.
    Partial,
}

impl ObjectState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Imported, Self::WithBadRecords, Self::Partial];

    /// The name in addresses and machine output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::WithBadRecords => "bad_records",
            Self::Partial => "partial",
        }
    }
}

/// An object as the books have it.
#[derive(Debug, Clone, PartialEq)]
pub struct BookedObject {
    /// Its row in the ledger.
    pub object: ImportedObject,
    /// What became of it.
    pub state: ObjectState,
    /// By which version of which program.
    pub imported_by: String,
}

/// Which objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectFilter {
    /// Imported from here on (inclusive).
    pub since: Option<DateTime<Utc>>,
    /// Imported before this.
    pub until: Option<DateTime<Utc>>,
    /// Part of the name; empty for any.
    pub name: String,
    /// What became of it.
    pub state: Option<ObjectState>,
}

/// Sums over objects. `records` = `events` + `duplicates` + `quarantined` + `ignored`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ObjectSums {
    /// Objects.
    pub objects: u64,
    /// Their bytes as stored.
    pub bytes: u64,
    /// Records read.
    pub records: u64,
    /// Events of which at least one row was new.
    pub events: u64,
    /// Events all of whose rows were there already.
    pub duplicates: u64,
    /// Bad records.
    pub quarantined: u64,
    /// Control messages and the like.
    pub ignored: u64,
    /// Rows written.
    pub rows: u64,
}

impl ObjectSums {
    /// Whether every record is accounted for.
    pub fn is_conserved(&self) -> bool {
        self.records == self.events + self.duplicates + self.quarantined + self.ignored
    }
}

/// Some objects, and sums over all that pass the filter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObjectList {
    /// Newest first.
    pub objects: Vec<BookedObject>,
    /// Where the next ones begin; `None` at the end.
    pub next: Option<String>,
    /// Sums over all of the filter.
    pub sums: ObjectSums,
}

/// The ledger.
#[derive(Debug, Clone, Default)]
pub struct ObjectBook {
    pages: Vec<Arc<Page>>,
    /// Number of the page and of the row in it: by time of import, then by name, both falling.
    newest_first: Arc<[(u32, u32)]>,
    /// Objects of which only the beginning could be read, by their keys' numbers.
    cut: Arc<HashSet<u64>>,
}

/// The rows of one data file.
#[derive(Debug)]
struct Page {
    path: String,
    names: StringViewArray,
    etags: StringViewArray,
    /// In the order of [`NUMBERS`].
    numbers: [Int64Array; 7],
    first: TimestampMicrosecondArray,
    last: TimestampMicrosecondArray,
    at: TimestampMicrosecondArray,
    by: StringViewArray,
}

/// What is counted of an object.
const NUMBERS: [&str; 7] = [
    objects::SIZE,
    objects::RECORDS,
    objects::EVENTS,
    objects::DUPLICATES,
    objects::QUARANTINED,
    objects::IGNORED,
    objects::ROWS,
];

/// Places among [`NUMBERS`].
const RECORDS: usize = 1;
const QUARANTINED: usize = 4;

const COLUMNS: [&str; 13] = [
    objects::NAME,
    objects::ETAG,
    objects::SIZE,
    objects::RECORDS,
    objects::EVENTS,
    objects::DUPLICATES,
    objects::QUARANTINED,
    objects::IGNORED,
    objects::ROWS,
    objects::FIRST_EVENT,
    objects::LAST_EVENT,
    objects::IMPORTED_AT,
    objects::IMPORTED_BY,
];

impl ObjectBook {
    pub(super) async fn read(table: &Table, before: Option<&Self>, bad: &BadBook) -> Result<Self, LakeError> {
        let mut known: HashMap<&str, &Arc<Page>> =
            before.iter().flat_map(|book| &book.pages).map(|page| (page.path.as_str(), page)).collect();
        let store = table.log_store().object_store(None);
        let mut pages = Vec::new();
        for file in table.files()? {
            if let Some(page) = known.remove(file.path.as_ref()) {
                pages.push(Arc::clone(page));
                continue;
            }
            let batches = read_columns(&store, &file, &COLUMNS, |_| true).await?;
            if let Some(first) = batches.first() {
                let rows = concat_batches(&first.schema(), &batches)?;
                pages.push(Arc::new(Page::of(file.path.to_string(), &rows)?));
            }
        }
        Ok(Self { newest_first: newest_first(&pages), pages, cut: bad.cut_objects() })
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.newest_first.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.newest_first.is_empty()
    }

    /// Objects that pass the filter from a cursor on, at most so many.
    ///
    /// # Errors
    /// A cursor that no list of this lake gave.
    pub fn list(&self, filter: &ObjectFilter, cursor: Option<&str>, most: usize) -> Result<ObjectList, WrongCursor> {
        let begin = match cursor {
            None => 0,
            Some(text) => self.after(text).ok_or_else(|| WrongCursor(text.to_owned()))?,
        };
        let finder = Finder::new(filter.name.as_bytes());
        let (mut found, mut last) = (ObjectList::default(), None);
        for index in self.range(filter.since, filter.until) {
            let Some((page, row)) = self.row(index) else { continue };
            let passes = filter.state.is_none_or(|state| self.state(page, row) == state)
                && (filter.name.is_empty() || finder.find(page.names.value(row).as_bytes()).is_some());
            if !passes {
                continue;
            }
            page.add_to(row, &mut found.sums);
            if index < begin {
                continue;
            }
            if found.objects.len() < most {
                found.objects.push(self.booked(page, row));
                last = Some((page, row));
            } else if found.next.is_none() {
                found.next = last.map(|(page, row)| format!("{}-{:016x}", page.at.value(row), page.key(row)));
            }
        }
        Ok(found)
    }

    /// Sums over all objects.
    pub fn totals(&self) -> ImportTotals {
        let mut sums = ObjectSums::default();
        self.rows_in(None, None).for_each(|(page, row)| page.add_to(row, &mut sums));
        let ObjectSums { objects, bytes, records, events, duplicates, quarantined, ignored, .. } = sums;
        let last_import = self.row(0).map(|(page, row)| time(page.at.value(row)));
        ImportTotals { objects, bytes, records, events, duplicates, quarantined, ignored, last_import }
    }

    /// What was imported from here on, newest first.
    pub fn since(&self, since: DateTime<Utc>) -> Vec<RecentImport> {
        let import = |(page, row): (&Page, usize)| RecentImport {
            at: time(page.at.value(row)),
            records: page.number(RECORDS, row),
            quarantined: page.number(QUARANTINED, row),
        };
        self.rows_in(Some(since), None).map(import).collect()
    }

    /// When objects were imported, and the times of their first and last event, newest import first. Those without events are
    /// left out.
    pub fn spans(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> impl Iterator<Item = [DateTime<Utc>; 3]> + '_ {
        self.rows_in(since, until).filter_map(|(page, row)| {
            let has_events = page.first.is_valid(row) && page.last.is_valid(row);
            has_events.then(|| [&page.at, &page.first, &page.last].map(|column| time(column.value(row))))
        })
    }

    /// Rows imported in a stretch of time, newest first.
    fn rows_in(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> impl Iterator<Item = (&Page, usize)> + '_ {
        self.range(since, until).filter_map(|index| self.row(index))
    }

    /// The rows imported in a stretch of time, by their numbers among all.
    fn range(&self, since: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Range<usize> {
        let at = |(page, row): (u32, u32)| self.pages.get(page as usize).map(|page| page.at.value(row as usize));
        let first = |wanted: &dyn Fn(i64) -> bool| {
            self.newest_first.partition_point(|place| at(*place).is_some_and(|at| !wanted(at)))
        };
        let from = until.map_or(0, |until| first(&|at| at < until.timestamp_micros()));
        let to = since.map_or(self.len(), |since| first(&|at| at < since.timestamp_micros()));
        from..to.max(from)
    }

    fn row(&self, index: usize) -> Option<(&Page, usize)> {
        let (page, row) = self.newest_first.get(index)?;
        Some((self.pages.get(*page as usize)?, *row as usize))
    }

    /// The number of the row behind the one that a cursor names.
    fn after(&self, cursor: &str) -> Option<usize> {
        let (at, key) = cursor.split_once('-')?;
        let key = u64::from_str_radix(key, 16).ok()?;
        let at = DateTime::from_timestamp_micros(at.parse().ok()?)?;
        let mut same_time = self.range(Some(at), Some(at + TimeDelta::microseconds(1)));
        same_time.find(|index| self.row(*index).is_some_and(|(page, row)| page.key(row) == key)).map(|index| index + 1)
    }

    fn state(&self, page: &Page, row: usize) -> ObjectState {
        match page.number(QUARANTINED, row) {
            0 => ObjectState::Imported,
            _ if !self.cut.is_empty() && self.cut.contains(&page.key(row)) => ObjectState::Partial,
            _ => ObjectState::WithBadRecords,
        }
    }

    fn booked(&self, page: &Page, row: usize) -> BookedObject {
        let when = |column: &TimestampMicrosecondArray| column.is_valid(row).then(|| time(column.value(row)));
        let key = ObjectKey { name: page.names.value(row).to_owned(), etag: page.etags.value(row).to_owned() };
        let [size, records, events, duplicates, quarantined, ignored, rows] =
            std::array::from_fn(|index| page.number(index, row));
        let span = when(&page.first).zip(when(&page.last));
        let imported_at = time(page.at.value(row));
        let object =
            ImportedObject { key, size, records, events, duplicates, quarantined, ignored, rows, span, imported_at };
        BookedObject { state: self.state(page, row), imported_by: page.by.value(row).to_owned(), object }
    }
}

/// A cursor that no list has given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cursor of this list; begin again without one")]
pub struct WrongCursor(pub String);

fn newest_first(pages: &[Arc<Page>]) -> Arc<[(u32, u32)]> {
    let numbered = (0_u32..).zip(pages);
    let mut places: Vec<(u32, u32)> =
        numbered.flat_map(|(page, rows)| (0..rows.names.len() as u32).map(move |row| (page, row))).collect();
    let key = |(page, row): (u32, u32)| {
        let (page, row) = (&pages[page as usize], row as usize);
        (page.at.value(row), page.names.value(row), page.etags.value(row))
    };
    places.sort_unstable_by(|a, b| key(*b).cmp(&key(*a)));
    places.into()
}

impl Page {
    fn of(path: String, rows: &RecordBatch) -> Result<Self, LakeError> {
        let missing =
            |name: &str| LakeError::Arrow(ArrowError::SchemaError(format!("the ledger has no column `{name}`")));
        let column = |name: &str| rows.column_by_name(name).ok_or_else(|| missing(name));
        let text = |name: &str| -> Result<StringViewArray, LakeError> {
            Ok(cast(column(name)?, &DataType::Utf8View)?.as_string_view().clone())
        };
        let number = |name: &str| -> Result<Int64Array, LakeError> {
            column(name)?.as_primitive_opt::<Int64Type>().cloned().ok_or_else(|| missing(name))
        };
        let times = |name: &str| -> Result<TimestampMicrosecondArray, LakeError> {
            column(name)?.as_primitive_opt::<TimestampMicrosecondType>().cloned().ok_or_else(|| missing(name))
        };
        let numbers = NUMBERS.iter().map(|name| number(name)).collect::<Result<Vec<_>, _>>()?;
        let numbers = numbers.try_into().map_err(|_| missing(objects::SIZE))?;
        let (names, etags, by) = (text(objects::NAME)?, text(objects::ETAG)?, text(objects::IMPORTED_BY)?);
        let (first, last) = (times(objects::FIRST_EVENT)?, times(objects::LAST_EVENT)?);
        Ok(Self { path, names, etags, numbers, first, last, at: times(objects::IMPORTED_AT)?, by })
    }

    fn number(&self, index: usize, row: usize) -> u64 {
        u64::try_from(self.numbers[index].value(row)).unwrap_or_default()
    }

    /// The number of the object's key.
    fn key(&self, row: usize) -> u64 {
        object_number(self.names.value(row), self.etags.value(row))
    }

    fn add_to(&self, row: usize, sums: &mut ObjectSums) {
        sums.objects += 1;
        let fields = [
            &mut sums.bytes,
            &mut sums.records,
            &mut sums.events,
            &mut sums.duplicates,
            &mut sums.quarantined,
            &mut sums.ignored,
            &mut sums.rows,
        ];
        for (index, sum) in fields.into_iter().enumerate() {
            *sum += self.number(index, row);
        }
    }
}

//! The objects that were imported, newest first.

mod packed;
mod page;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::compute::concat_batches;
use chrono::{DateTime, TimeDelta, Utc};
use memchr::memmem::Finder;

use super::bad::BadBook;
use super::time;
use crate::error::LakeError;
use crate::ledger::{ImportedObject, ObjectKey};
use crate::reader::read_columns;
use crate::table::Table;
use crate::totals::{ImportTotals, RecentImport};
use packed::KeyReader;
use page::{COLUMNS, Page, Place, QUARANTINED, RECORDS, newest_first};

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
    /// All rows by time of import, then by name, both falling.
    newest_first: Arc<[Place]>,
    /// Objects of which only the beginning could be read, by their keys' numbers.
    cut: Arc<HashSet<u64>>,
}

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
        let before = before.map(|book| (book.pages.as_slice(), &*book.newest_first));
        Ok(Self { newest_first: newest_first(&pages, before), pages, cut: bad.cut_objects() })
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
        let mut keys: Vec<KeyReader<'_>> = self.pages.iter().map(|page| page.keys.reader()).collect();
        for index in self.range(filter.since, filter.until) {
            let (Some(&(number, _)), Some((page, row))) = (self.newest_first.get(index), self.row(index)) else {
                continue;
            };
            let reader = &mut keys[number as usize];
            let passes = filter.state.is_none_or(|state| self.state(page, row) == state)
                && (filter.name.is_empty() || finder.find(reader.get(row).0.as_bytes()).is_some());
            if !passes {
                continue;
            }
            page.add_to(row, &mut found.sums);
            if index < begin {
                continue;
            }
            if found.objects.len() < most {
                found.objects.push(self.booked(page, row, reader.get(row)));
                last = Some((page, row));
            } else if found.next.is_none() {
                found.next = last.map(|(page, row)| format!("{}-{:016x}", page.at(row), page.key_number(row)));
            }
        }
        Ok(found)
    }

    /// Sums over all objects.
    pub fn totals(&self) -> ImportTotals {
        let mut sums = ObjectSums::default();
        self.rows_in(None, None).for_each(|(page, row)| page.add_to(row, &mut sums));
        let ObjectSums { objects, bytes, records, events, duplicates, quarantined, ignored, .. } = sums;
        let last_import = self.row(0).map(|(page, row)| time(page.at(row)));
        ImportTotals { objects, bytes, records, events, duplicates, quarantined, ignored, last_import }
    }

    /// What was imported from here on, newest first.
    pub fn since(&self, since: DateTime<Utc>) -> Vec<RecentImport> {
        let import = |(page, row): (&Page, usize)| RecentImport {
            at: time(page.at(row)),
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
        self.rows_in(since, until)
            .filter_map(|(page, row)| page.span(row).map(|(first, last)| [page.at(row), first, last].map(time)))
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
        let at = |(page, row): Place| self.pages.get(page as usize).map(|page| page.at(row as usize));
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
        same_time
            .find(|index| self.row(*index).is_some_and(|(page, row)| page.key_number(row) == key))
            .map(|index| index + 1)
    }

    fn state(&self, page: &Page, row: usize) -> ObjectState {
        match page.number(QUARANTINED, row) {
            0 => ObjectState::Imported,
            _ if !self.cut.is_empty() && self.cut.contains(&page.key_number(row)) => ObjectState::Partial,
            _ => ObjectState::WithBadRecords,
        }
    }

    fn booked(&self, page: &Page, row: usize, (name, etag): (&str, &str)) -> BookedObject {
        let key = ObjectKey { name: name.to_owned(), etag: etag.to_owned() };
        let [size, records, events, duplicates, quarantined, ignored, rows] =
            std::array::from_fn(|index| page.number(index, row));
        let span = page.span(row).map(|(first, last)| (time(first), time(last)));
        let imported_at = time(page.at(row));
        let object =
            ImportedObject { key, size, records, events, duplicates, quarantined, ignored, rows, span, imported_at };
        BookedObject { state: self.state(page, row), imported_by: page.program(row).to_owned(), object }
    }
}

/// A cursor that no list has given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cursor of this list; begin again without one")]
pub struct WrongCursor(pub String);

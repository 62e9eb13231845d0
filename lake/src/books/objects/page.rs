//! The rows of one data file of the ledger, newest first, and the order of all of them.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;

use super::ObjectSums;
use super::packed::{KeyReader, Keys, Numbers, Times};
use crate::books::bad::object_number;
use crate::error::LakeError;
use crate::schema::objects;

/// What is counted of an object.
pub(super) const NUMBERS: [&str; 7] = [
    objects::SIZE,
    objects::RECORDS,
    objects::EVENTS,
    objects::DUPLICATES,
    objects::QUARANTINED,
    objects::IGNORED,
    objects::ROWS,
];

/// Places among [`NUMBERS`].
pub(super) const RECORDS: usize = 1;
pub(super) const QUARANTINED: usize = 4;

pub(super) const COLUMNS: [&str; 13] = [
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

/// The rows of one data file: by time of import, then by name, both falling.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) path: String,
    rows: usize,
    pub(super) keys: Keys,
    /// The numbers of the keys.
    key_numbers: Box<[u64]>,
    /// In the order of [`NUMBERS`].
    numbers: [Numbers; 7],
    first: Times,
    last: Times,
    at: Times,
    by: Numbers,
    programs: Vec<String>,
}

impl Page {
    pub(super) fn of(path: String, rows: &RecordBatch) -> Result<Self, LakeError> {
        let (names, etags, by) =
            (texts(rows, objects::NAME)?, texts(rows, objects::ETAG)?, texts(rows, objects::IMPORTED_BY)?);
        let at = times(rows, objects::IMPORTED_AT)?;
        let key = |row: usize| (names.value(row), etags.value(row));
        let mut order: Vec<usize> = (0..rows.num_rows()).collect();
        order.sort_unstable_by(|a, b| (at.value(*b), key(*b)).cmp(&(at.value(*a), key(*a))));
        let packed = |name: &str| -> Result<Numbers, LakeError> {
            let values = longs(rows, name)?;
            let values = order.iter().map(|row| u64::try_from(values.value(*row)).unwrap_or_default());
            Ok(Numbers::of(&values.collect::<Vec<_>>()))
        };
        let numbers = NUMBERS.iter().map(|name| packed(name)).collect::<Result<Vec<_>, _>>()?;
        let numbers = numbers.try_into().map_err(|_| missing(objects::SIZE))?;
        let ordered = |column: &TimestampMicrosecondArray| {
            Times::of(order.iter().map(|row| column.is_valid(*row).then(|| column.value(*row))))
        };
        let mut programs: Vec<String> = Vec::new();
        let by = order.iter().map(|row| {
            let place = programs.iter().position(|program| program == by.value(*row));
            place.unwrap_or_else(|| {
                programs.push(by.value(*row).to_owned());
                programs.len() - 1
            }) as u64
        });
        let by = Numbers::of(&by.collect::<Vec<_>>());
        let keys: Vec<_> = order.iter().map(|row| key(*row)).collect();
        Ok(Self {
            path,
            rows: order.len(),
            key_numbers: keys.iter().map(|(name, etag)| object_number(name, etag)).collect(),
            keys: Keys::of(&keys).map_err(|error| LakeError::Arrow(error.into()))?,
            numbers,
            first: ordered(&times(rows, objects::FIRST_EVENT)?),
            last: ordered(&times(rows, objects::LAST_EVENT)?),
            at: ordered(&at),
            by,
            programs,
        })
    }

    pub(super) fn number(&self, index: usize, row: usize) -> u64 {
        self.numbers[index].get(row)
    }

    /// When it was imported, in microseconds.
    pub(super) fn at(&self, row: usize) -> i64 {
        self.at.get(row).unwrap_or_default()
    }

    /// The times of the first and last event, if it has any.
    pub(super) fn span(&self, row: usize) -> Option<(i64, i64)> {
        self.first.get(row).zip(self.last.get(row))
    }

    pub(super) fn program(&self, row: usize) -> &str {
        self.programs.get(self.by.get(row) as usize).map(String::as_str).unwrap_or_default()
    }

    /// The number of the object's key.
    pub(super) fn key_number(&self, row: usize) -> u64 {
        self.key_numbers[row]
    }

    pub(super) fn add_to(&self, row: usize, sums: &mut ObjectSums) {
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

fn missing(name: &str) -> LakeError {
    LakeError::Arrow(ArrowError::SchemaError(format!("the ledger has no column `{name}`")))
}

fn texts(rows: &RecordBatch, name: &str) -> Result<StringViewArray, LakeError> {
    let column = rows.column_by_name(name).ok_or_else(|| missing(name))?;
    Ok(cast(column, &DataType::Utf8View)?.as_string_view().clone())
}

fn longs(rows: &RecordBatch, name: &str) -> Result<Int64Array, LakeError> {
    let column = rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.cloned().ok_or_else(|| missing(name))
}

fn times(rows: &RecordBatch, name: &str) -> Result<TimestampMicrosecondArray, LakeError> {
    let column = rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    column.cloned().ok_or_else(|| missing(name))
}

/// A row's place: number of the page and of the row in it.
pub(super) type Place = (u32, u32);

/// The places of all rows by time of import, then by name, both falling. `before` are pages and places of another version.
pub(super) fn newest_first(pages: &[Arc<Page>], before: Option<(&[Arc<Page>], &[Place])>) -> Arc<[Place]> {
    let all = || (0_u32..).zip(pages).collect::<Vec<_>>();
    match before.and_then(|(earlier, places)| with_earlier(pages, earlier, places)) {
        Some(places) => places.into(),
        None => merged(all()).into(),
    }
}

/// The same where nothing has gone and all that is new is newer: which is so after an import.
fn with_earlier(pages: &[Arc<Page>], earlier: &[Arc<Page>], places: &[Place]) -> Option<Vec<Place>> {
    let numbers: HashMap<_, u32> = pages.iter().map(Arc::as_ptr).zip(0..).collect();
    let renumbered: Vec<u32> =
        earlier.iter().map(|page| numbers.get(&Arc::as_ptr(page)).copied()).collect::<Option<_>>()?;
    let newest = places.first().map(|(page, row)| earlier[*page as usize].at(*row as usize));
    let is_new = |(number, _): &(u32, &Arc<Page>)| !renumbered.contains(number);
    let new: Vec<_> = (0_u32..).zip(pages).filter(is_new).collect();
    let is_newer = |page: &Page| page.rows == 0 || newest.is_none_or(|newest| page.at(page.rows - 1) > newest);
    new.iter().all(|(_, page)| is_newer(page)).then(|| {
        let mut all = merged(new);
        all.extend(places.iter().map(|(page, row)| (renumbered[*page as usize], *row)));
        all
    })
}

/// The next row of a page, of which the newest is the greatest.
struct Head<'p> {
    at: i64,
    name: String,
    etag: String,
    row: usize,
    number: u32,
    page: &'p Page,
    reader: KeyReader<'p>,
}

impl<'p> Head<'p> {
    fn of(number: u32, page: &'p Page) -> Option<Self> {
        let reader = page.keys.reader();
        let (name, etag) = (String::new(), String::new());
        Self { at: 0, name, etag, row: 0, number, page, reader }.at_row(0)
    }

    fn at_row(mut self, row: usize) -> Option<Self> {
        if row >= self.page.rows {
            return None;
        }
        let (name, etag) = self.reader.get(row);
        name.clone_into(&mut self.name);
        etag.clone_into(&mut self.etag);
        (self.row, self.at) = (row, self.page.at(row));
        Some(self)
    }

    fn rank(&self) -> (i64, &str, &str, u32) {
        (self.at, &self.name, &self.etag, self.number)
    }
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Head<'_> {}

fn merged(pages: Vec<(u32, &Arc<Page>)>) -> Vec<Place> {
    let mut places = Vec::with_capacity(pages.iter().map(|(_, page)| page.rows).sum());
    let mut heads: BinaryHeap<Head<'_>> =
        pages.into_iter().filter_map(|(number, page)| Head::of(number, page)).collect();
    while let Some(head) = heads.pop() {
        let row = head.row;
        places.push((head.number, row as u32));
        heads.extend(head.at_row(row + 1));
    }
    places
}

//! Bad records by class and object, newest first. Their texts and bytes are read when they are asked for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{AsArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use xxhash_rust::xxh3::xxh3_64;

use super::time;
use crate::books::objects::WrongCursor;
use crate::error::LakeError;
use crate::quarantine::{self, KeptRecord, record_number};
use crate::reader::{read_columns, read_rows};
use crate::schema::quarantine::{BYTE_OFFSET, CLASS, ETAG, LINE, MESSAGE, OBJECT, PART, QUARANTINED_AT, RAW, RESOLVED};
use crate::table::{DataFile, Table};

/// Classes after which nothing more of an object could be read.
const CUTTING: [&str; 3] = ["truncated_gzip", "corrupt_gzip", "unsupported_compression"];

/// Bad records of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadClass {
    /// The class as it is kept.
    pub class: String,
    /// Records that are still bad.
    pub open: u64,
    /// Records that have been made good.
    pub resolved: u64,
    /// When the newest was found.
    pub newest: DateTime<Utc>,
}

/// Which bad records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BadFilter {
    /// Found from here on (inclusive).
    pub since: Option<DateTime<Utc>>,
    /// Found before this.
    pub until: Option<DateTime<Utc>>,
    /// Of this class.
    pub class: Option<String>,
    /// Of objects whose name holds this; empty for any.
    pub object: String,
    /// Also those that have been made good.
    pub with_resolved: bool,
}

/// Some bad records, without their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BadList {
    /// Newest first.
    pub records: Vec<KeptRecord>,
    /// Where the next ones begin; `None` at the end.
    pub next: Option<String>,
    /// How many pass the filter.
    pub total: u64,
}

/// The quarantine.
#[derive(Debug, Clone, Default)]
pub struct BadBook {
    pages: Vec<Arc<Page>>,
    /// Number of the page and of the entry in it, newest first.
    newest_first: Arc<[(u32, u32)]>,
    /// When records were made good, and what became of them, by the records' numbers.
    resolved: Arc<HashMap<u64, (i64, Arc<str>)>>,
    /// Objects of which only the beginning could be read, by their keys' numbers.
    cut: Arc<HashSet<u64>>,
    store: Option<Arc<dyn ObjectStore>>,
}

/// What is remembered of one data file.
#[derive(Debug)]
struct Page {
    file: DataFile,
    entries: Vec<Entry>,
    classes: Vec<String>,
    objects: Vec<String>,
    /// Records that were made good: their numbers, when, and what became of them.
    resolved: Vec<(u64, i64, Arc<str>)>,
    /// Records after which nothing more of their object could be read: their numbers, and those of the objects.
    cut: Vec<(u64, u64)>,
}

/// A bad record: 32 bytes.
#[derive(Debug, Clone, Copy)]
struct Entry {
    number: u64,
    at: i64,
    /// Number of its row in the file.
    row: u32,
    object: u32,
    class: u16,
}

/// The number of an object's key.
pub(super) fn object_number(name: &str, etag: &str) -> u64 {
    xxh3_64(format!("{name}\0{etag}").as_bytes())
}

impl BadBook {
    pub(super) async fn read(table: &Table, before: Option<&Self>) -> Result<Self, LakeError> {
        let mut known: HashMap<&str, &Arc<Page>> =
            before.iter().flat_map(|book| &book.pages).map(|page| (page.file.path.as_ref(), page)).collect();
        let store = table.log_store().object_store(None);
        let mut pages = Vec::new();
        for file in table.files()? {
            match known.remove(file.path.as_ref()) {
                Some(page) => pages.push(Arc::clone(page)),
                None => pages.push(Arc::new(Page::read(&store, file).await?)),
            }
        }
        Ok(Self::of(pages, store))
    }

    fn of(pages: Vec<Arc<Page>>, store: Arc<dyn ObjectStore>) -> Self {
        let resolved: HashMap<u64, (i64, Arc<str>)> = pages
            .iter()
            .flat_map(|page| &page.resolved)
            .map(|(number, at, outcome)| (*number, (*at, Arc::clone(outcome))))
            .collect();
        let mut seen = HashSet::new();
        let mut places = Vec::new();
        for (number, page) in (0_u32..).zip(&pages) {
            // Two importers at once may have kept the same record.
            let entries = (0_u32..).zip(&page.entries).filter(|(_, entry)| seen.insert(entry.number));
            places.extend(entries.map(|(entry, _)| (number, entry)));
        }
        let key = |(page, entry): (u32, u32)| {
            let of = &pages[page as usize];
            let at = of.entries[entry as usize];
            (std::cmp::Reverse(at.at), &of.objects[at.object as usize], page, entry)
        };
        places.sort_unstable_by(|a, b| key(*a).cmp(&key(*b)));
        let cut = pages.iter().flat_map(|page| &page.cut).filter(|(number, _)| !resolved.contains_key(number));
        let cut = cut.map(|(_, object)| *object).collect();
        Self {
            newest_first: places.into(),
            resolved: Arc::new(resolved),
            cut: Arc::new(cut),
            pages,
            store: Some(store),
        }
    }

    pub(super) fn cut_objects(&self) -> Arc<HashSet<u64>> {
        Arc::clone(&self.cut)
    }

    /// Whether there are none, resolved or not.
    pub fn is_empty(&self) -> bool {
        self.newest_first.is_empty()
    }

    /// The classes, those with most records that are still bad first.
    pub fn classes(&self) -> Vec<BadClass> {
        let mut classes: BTreeMap<&str, BadClass> = BTreeMap::new();
        for (page, entry) in self.entries() {
            let class = page.class(entry);
            let of = classes.entry(class).or_insert_with(|| BadClass {
                class: class.to_owned(),
                open: 0,
                resolved: 0,
                newest: DateTime::<Utc>::MIN_UTC,
            });
            *if self.resolved.contains_key(&entry.number) { &mut of.resolved } else { &mut of.open } += 1;
            of.newest = of.newest.max(time(entry.at));
        }
        let mut classes: Vec<BadClass> = classes.into_values().collect();
        classes.sort_by(|a, b| (b.open, b.resolved, &a.class).cmp(&(a.open, a.resolved, &b.class)));
        classes
    }

    /// Records that pass the filter behind a cursor, which is a record's id, at most so many.
    ///
    /// # Errors
    /// What the store reports; inside, a cursor that no list of this lake gave.
    pub async fn list(
        &self,
        filter: &BadFilter,
        cursor: Option<&str>,
        most: usize,
    ) -> Result<Result<BadList, WrongCursor>, LakeError> {
        let after = match cursor {
            None => None,
            Some(text) => match self.find(text) {
                Some((_, entry)) => Some(entry.number),
                None => return Ok(Err(WrongCursor(text.to_owned()))),
            },
        };
        let (mut total, mut is_behind, mut chosen, mut next) = (0, after.is_none(), Vec::new(), None);
        for place in self.newest_first.iter() {
            let Some((page, entry)) = self.entry(*place) else { continue };
            if self.passes(filter, page, entry) {
                total += 1;
                if is_behind && chosen.len() < most {
                    chosen.push(*place);
                } else if is_behind && next.is_none() {
                    let last = chosen.last().and_then(|place| self.entry(*place));
                    next = last.map(|(_, entry)| id(entry.number));
                }
            }
            is_behind |= after == Some(entry.number);
        }
        Ok(Ok(BadList { records: self.kept(&chosen, false).await?, next, total }))
    }

    /// The numbers of records that are still bad, by class if one is named, as [`Self::record`] takes them.
    pub fn open(&self, class: Option<&str>) -> Vec<String> {
        let wanted = |(page, entry): &(&Page, &Entry)| {
            class.is_none_or(|class| page.class(entry) == class) && !self.resolved.contains_key(&entry.number)
        };
        self.entries().filter(wanted).map(|(_, entry)| id(entry.number)).collect()
    }

    /// Records with their bytes, by their ids; those that are not there are left out.
    ///
    /// # Errors
    /// What the store reports.
    pub async fn records(&self, ids: &[String]) -> Result<Vec<KeptRecord>, LakeError> {
        let wanted: HashSet<u64> = ids.iter().filter_map(|id| u64::from_str_radix(id, 16).ok()).collect();
        let places = self
            .newest_first
            .iter()
            .filter(|place| self.entry(**place).is_some_and(|(_, entry)| wanted.contains(&entry.number)));
        self.kept(&places.copied().collect::<Vec<_>>(), true).await
    }

    /// One record with its bytes, by its id.
    ///
    /// # Errors
    /// What the store reports.
    pub async fn record(&self, id: &str) -> Result<Option<KeptRecord>, LakeError> {
        let Some((place, _)) = self.find(id) else { return Ok(None) };
        Ok(self.kept(&[place], true).await?.pop())
    }

    fn passes(&self, filter: &BadFilter, page: &Page, entry: &Entry) -> bool {
        filter.since.is_none_or(|since| entry.at >= since.timestamp_micros())
            && filter.until.is_none_or(|until| entry.at < until.timestamp_micros())
            && filter.class.as_deref().is_none_or(|class| page.class(entry) == class)
            && (filter.object.is_empty() || page.objects[entry.object as usize].contains(&filter.object))
            && (filter.with_resolved || !self.resolved.contains_key(&entry.number))
    }

    fn entries(&self) -> impl Iterator<Item = (&Page, &Entry)> {
        self.newest_first.iter().filter_map(|place| self.entry(*place))
    }

    fn entry(&self, (page, entry): (u32, u32)) -> Option<(&Page, &Entry)> {
        let page = self.pages.get(page as usize)?;
        Some((page, page.entries.get(entry as usize)?))
    }

    fn find(&self, text: &str) -> Option<((u32, u32), &Entry)> {
        let number = u64::from_str_radix(text, 16).ok().filter(|number| id(*number) == text)?;
        let found = self.newest_first.iter().map(|place| (*place, self.entry(*place)));
        found.filter_map(|(place, found)| Some((place, found?.1))).find(|(_, entry)| entry.number == number)
    }

    /// Reads records, those of one file together, and gives them in the order of their places.
    async fn kept(&self, places: &[(u32, u32)], with_raw: bool) -> Result<Vec<KeptRecord>, LakeError> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let mut by_page: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for place in places {
            let rows = self.entry(*place).map(|(_, entry)| entry.row as usize);
            by_page.entry(place.0).or_default().extend(rows);
        }
        let mut columns = vec![OBJECT, ETAG, BYTE_OFFSET, LINE, PART, CLASS, MESSAGE];
        columns.extend(with_raw.then_some(RAW));
        columns.push(QUARANTINED_AT);
        let mut found = HashMap::new();
        for (page, mut rows) in by_page {
            rows.sort_unstable();
            let Some(page) = self.pages.get(page as usize) else { continue };
            for batch in read_rows(store, &page.file, &columns, &rows).await? {
                for record in quarantine::rows(&batch)? {
                    let number = record_number(&record);
                    let resolved = self.resolved.get(&number);
                    let resolved = resolved.map(|(at, outcome)| (time(*at), outcome.to_string()));
                    found.insert(number, KeptRecord { id: id(number), record, resolved });
                }
            }
        }
        let entries = places.iter().filter_map(|place| self.entry(*place));
        Ok(entries.filter_map(|(_, entry)| found.remove(&entry.number)).collect())
    }
}

fn id(number: u64) -> String {
    format!("{number:016x}")
}

impl Page {
    fn class(&self, entry: &Entry) -> &str {
        self.classes.get(usize::from(entry.class)).map(String::as_str).unwrap_or_default()
    }

    async fn read(store: &Arc<dyn ObjectStore>, file: DataFile) -> Result<Self, LakeError> {
        let columns = [OBJECT, ETAG, BYTE_OFFSET, PART, CLASS, QUARANTINED_AT];
        let mut scribe = Scribe::default();
        for batch in read_columns(store, &file, &columns, |_| true).await? {
            scribe.take(&batch)?;
        }
        let mut outcomes: Vec<Arc<str>> = Vec::new();
        if !scribe.resolved.is_empty() {
            let rows: Vec<usize> = scribe.resolved.iter().map(|(_, _, row)| *row as usize).collect();
            for batch in read_rows(store, &file, &[MESSAGE], &rows).await? {
                outcomes.extend(texts(&batch, MESSAGE)?.iter().map(|text| Arc::from(text.unwrap_or_default())));
            }
        }
        let told = scribe.resolved.into_iter().zip(outcomes);
        Ok(Self {
            entries: scribe.entries,
            classes: scribe.classes.list,
            objects: scribe.objects.list,
            resolved: told.map(|((number, at, _), outcome)| (number, at, outcome)).collect(),
            cut: scribe.cut,
            file,
        })
    }
}

/// Writes a page.
#[derive(Default)]
struct Scribe {
    rows: u32,
    entries: Vec<Entry>,
    classes: Names,
    objects: Names,
    /// Those that were made good: their numbers, when, and in which row that stands.
    resolved: Vec<(u64, i64, u32)>,
    cut: Vec<(u64, u64)>,
}

/// Texts and their places.
#[derive(Default)]
struct Names {
    list: Vec<String>,
    places: HashMap<String, usize>,
}

impl Names {
    fn place(&mut self, text: &str) -> usize {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        self.places.insert(text.to_owned(), self.list.len());
        self.list.push(text.to_owned());
        self.list.len() - 1
    }
}

impl Scribe {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let (names, etags, classes) = (texts(batch, OBJECT)?, texts(batch, ETAG)?, texts(batch, CLASS)?);
        let number = |name: &str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
            column.ok_or_else(|| absent(name))
        };
        let (offsets, parts) = (number(BYTE_OFFSET)?, number(PART)?);
        let times = batch
            .column_by_name(QUARANTINED_AT)
            .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
            .ok_or_else(|| absent(QUARANTINED_AT))?;
        let whole = |value: i64| u64::try_from(value).unwrap_or_default();
        for at in 0..batch.num_rows() {
            let (object, etag, class) = (names.value(at), etags.value(at), classes.value(at));
            let number = quarantine::number(object, etag, whole(offsets.value(at)), whole(parts.value(at)));
            let row = self.rows;
            self.rows += 1;
            if class == RESOLVED {
                self.resolved.push((number, times.value(at), row));
                continue;
            }
            if CUTTING.contains(&class) {
                self.cut.push((number, object_number(object, etag)));
            }
            let class = u16::try_from(self.classes.place(class)).unwrap_or(u16::MAX);
            let object = u32::try_from(self.objects.place(object)).unwrap_or(u32::MAX);
            self.entries.push(Entry { number, at: times.value(at), row, object, class });
        }
        Ok(())
    }
}

fn texts(batch: &RecordBatch, name: &str) -> Result<StringViewArray, LakeError> {
    let column = batch.column_by_name(name).ok_or_else(|| absent(name))?;
    Ok(cast(column, &DataType::Utf8View)?.as_string_view().clone())
}

fn absent(name: &str) -> LakeError {
    LakeError::Arrow(ArrowError::SchemaError(format!("the quarantine has no column `{name}`")))
}

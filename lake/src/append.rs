//! Chunks of rows become a commit of the `events` table: duplicates out, sorted by time, one set of files per date.
//!
//! ```text
//! chunks -> first of each key -> not known to the lake -> by date, sorted -> Parquet files -> commit
//!                                     ^------------- another writer won: look again -------------'
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use chrono::{DateTime, NaiveDate, Utc};
use deltalake::kernel::Add;
use futures::{StreamExt, stream};
use object_store::ObjectStore;

use crate::datafile;
use crate::encode::{Place, Rows};
use crate::error::LakeError;
use crate::known::known_keys;
use crate::rows::{EventChunk, RowKey};
use crate::schema::event_file_schema;
use crate::table::{Committed, Table};

/// How often a commit is tried against other writers before giving up.
pub(crate) const MAX_ATTEMPTS: u32 = 30;

/// A day's rows are written as several files above this many rows.
pub(crate) const ROWS_PER_FILE: usize = 256 * 1024;

/// So many files are written at once, so that the end of one, which keeps a single thread busy, is the start of the next.
const FILES_AT_ONCE: usize = 2;

/// What became of one object's events in an append.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Events of which at least one row was new.
    pub events: u64,
    /// Events all of whose rows were there already.
    pub duplicates: u64,
    /// Rows written.
    pub rows: u64,
}

/// What an append did.
#[derive(Debug, Default)]
pub struct Appended {
    /// Counts by object number.
    pub objects: HashMap<u32, EventCounts>,
    /// Bytes of Parquet written.
    pub bytes: u64,
}

/// A row's key and where it lies: number of the chunk, number of the row in it.
type Keyed = (RowKey, u32, u32);

/// Writes the rows that are not in the table yet, with so many threads. Safe to repeat, and safe beside other writers.
pub(crate) async fn append(
    table: &mut Table,
    promoted_tags: &[String],
    chunks: Vec<EventChunk>,
    now: DateTime<Utc>,
    threads: usize,
) -> Result<Appended, LakeError> {
    let schema = event_file_schema(promoted_tags);
    let batches: Arc<[RecordBatch]> = chunks.iter().map(|chunk| chunk.batch.clone()).collect();
    let by_date = first_of_each_key(&chunks);
    for attempt in 0..MAX_ATTEMPTS {
        if attempt > 0 {
            table.location.pauses.among_writers(attempt).await;
            table.refresh().await?;
        }
        let store = table.log_store().object_store(None);
        let wanted = by_date.iter().map(|(date, rows)| (*date, rows.iter().map(|(key, ..)| *key).collect())).collect();
        let known = known_keys(&store, &table.files()?, &wanted).await?;
        let fresh = without_known(&by_date, &known);
        let files = fresh.iter().flat_map(|(date, places)| files_of(*date, places));
        let files = files.map(|(date, places)| {
            let rows = Rows { schema: Arc::clone(&schema), batches: Arc::clone(&batches), places: places.into() };
            (date, rows)
        });
        let written: Vec<Result<Add, LakeError>> = stream::iter(files.collect::<Vec<_>>())
            .map(|(date, rows)| datafile::write(&store, rows, Some(date), now, threads))
            .buffered(FILES_AT_ONCE.min(threads.max(1)))
            .collect()
            .await;
        let adds = all_or_none(&store, written).await?;
        let bytes = adds.iter().map(|add| u64::try_from(add.size).unwrap_or(0)).sum();
        let exclusive = fresh.keys().map(|date| format!("repute/{date}")).collect();
        match table.append(&adds, exclusive).await? {
            Committed::Landed => return Ok(Appended { objects: count(&chunks, &fresh), bytes }),
            Committed::Conflict => tracing::info!(attempt, "another writer committed to the same dates, looking again"),
        }
    }
    Err(LakeError::Contended { table: table.name, attempts: MAX_ATTEMPTS })
}

/// The files, or the first failure, after which those that were written are removed.
async fn all_or_none(
    store: &Arc<dyn ObjectStore>,
    written: Vec<Result<Add, LakeError>>,
) -> Result<Vec<Add>, LakeError> {
    let (mut adds, mut failure) = (Vec::new(), None);
    for file in written {
        match file {
            Ok(add) => adds.push(add),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure {
        None => Ok(adds),
        Some(failure) => {
            datafile::discard(store, adds.iter().map(|add| add.path.as_str())).await;
            Err(failure)
        }
    }
}

/// The first occurrence of each key, by date and sorted by key.
fn first_of_each_key(chunks: &[EventChunk]) -> BTreeMap<NaiveDate, Vec<Keyed>> {
    let mut rows: Vec<Keyed> = Vec::with_capacity(chunks.iter().map(|chunk| chunk.keys.len()).sum());
    for (chunk, number) in chunks.iter().zip(0..) {
        rows.extend(chunk.keys.iter().zip(0..).map(|(key, row)| (*key, number, row)));
    }
    rows.sort_unstable();
    rows.dedup_by_key(|(key, ..)| *key);
    let mut by_date = BTreeMap::new();
    for same_day in rows.chunk_by(|(a, ..), (b, ..)| day_of(a.time) == day_of(b.time)) {
        if let Some((key, ..)) = same_day.first() {
            by_date.insert(date_of(key.time), same_day.to_vec());
        }
    }
    by_date
}

fn without_known(
    by_date: &BTreeMap<NaiveDate, Vec<Keyed>>,
    known: &HashSet<RowKey>,
) -> BTreeMap<NaiveDate, Vec<Place>> {
    let fresh = |rows: &[Keyed]| -> Vec<Place> {
        let fresh = rows.iter().filter(|(key, ..)| known.is_empty() || !known.contains(key));
        fresh.map(|(_, chunk, row)| (*chunk as usize, *row as usize)).collect()
    };
    by_date.iter().map(|(date, rows)| (*date, fresh(rows))).filter(|(_, places)| !places.is_empty()).collect()
}

/// A date's rows as files of about the same size.
fn files_of(date: NaiveDate, places: &[Place]) -> impl Iterator<Item = (NaiveDate, &[Place])> {
    let files = places.len().div_ceil(ROWS_PER_FILE).max(1);
    places.chunks(places.len().div_ceil(files).max(1)).map(move |places| (date, places))
}

/// Days since the epoch.
fn day_of(micros: i64) -> i64 {
    micros.div_euclid(86_400_000_000)
}

fn date_of(micros: i64) -> NaiveDate {
    DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default().date_naive()
}

fn count(chunks: &[EventChunk], fresh: &BTreeMap<NaiveDate, Vec<Place>>) -> HashMap<u32, EventCounts> {
    let mut new_rows: Vec<Vec<u32>> = chunks.iter().map(|chunk| vec![0; chunk.event_objects.len()]).collect();
    for &(chunk, row) in fresh.values().flatten() {
        new_rows[chunk][chunks[chunk].row_events[row] as usize] += 1;
    }
    let mut counts: HashMap<u32, EventCounts> = HashMap::new();
    for (chunk, rows) in chunks.iter().zip(&new_rows) {
        for (object, &rows) in chunk.event_objects.iter().zip(rows) {
            let count = counts.entry(*object).or_default();
            count.rows += u64::from(rows);
            if rows > 0 {
                count.events += 1;
            } else {
                count.duplicates += 1;
            }
        }
    }
    counts
}

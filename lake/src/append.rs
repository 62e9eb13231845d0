//! Chunks of rows become a commit of the `events` table: duplicates out, sorted by time, one set of files per date.
//!
//! ```text
//! chunks -> first of each key -> not known to the lake -> by date, sorted -> Parquet files -> commit
//!                                     ^------------- another writer won: look again -------------'
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use chrono::{DateTime, NaiveDate, Utc};
use futures::{StreamExt, TryStreamExt};

use crate::datafile;
use crate::error::LakeError;
use crate::known::known_keys;
use crate::rows::{EventChunk, RowKey};
use crate::table::{Committed, Table};

/// How often a commit is tried against other writers before giving up.
const MAX_ATTEMPTS: u32 = 30;

/// A day's rows are written as several files in parallel above this many rows.
const ROWS_PER_FILE: usize = 256 * 1024;

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

/// A row by its place: chunk, row.
type Place = (usize, usize);

/// Writes the rows that are not in the table yet. Safe to repeat, and safe beside other writers.
pub(crate) async fn append(
    table: &mut Table,
    chunks: &[EventChunk],
    now: DateTime<Utc>,
) -> Result<Appended, LakeError> {
    let by_date = first_of_each_key(chunks);
    for attempt in 0..MAX_ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(u64::from(20 * attempt))).await;
            table.refresh().await?;
        }
        let store = table.log_store().object_store(None);
        let wanted = by_date.iter().map(|(date, rows)| (*date, rows.iter().map(|(key, _)| *key).collect())).collect();
        let known = known_keys(&store, &table.files()?, &wanted).await?;
        let fresh = without_known(&by_date, &known);
        let parts: Vec<(NaiveDate, Vec<Place>)> = fresh.iter().flat_map(|(date, rows)| parts_of(*date, rows)).collect();
        let batches: Vec<&RecordBatch> = chunks.iter().map(|chunk| &chunk.batch).collect();
        let adds: Vec<_> = futures::stream::iter(parts)
            .map(|(date, places)| {
                let batch = interleave_record_batch(&batches, &places);
                let store = &store;
                async move { datafile::write(store, batch?, Some(date), now).await }
            })
            .buffered(std::thread::available_parallelism().map_or(2, usize::from))
            .try_collect()
            .await?;
        let bytes = adds.iter().map(|add| u64::try_from(add.size).unwrap_or(0)).sum();
        let exclusive = fresh.keys().map(|date| format!("repute/{date}")).collect();
        match table.append(adds, exclusive).await? {
            Committed::Landed => return Ok(Appended { objects: count(chunks, &fresh), bytes }),
            Committed::Conflict => tracing::info!(attempt, "another writer committed to the same dates, looking again"),
        }
    }
    Err(LakeError::Contended { table: table.name, attempts: MAX_ATTEMPTS })
}

/// The first occurrence of each key, by date and sorted by key.
fn first_of_each_key(chunks: &[EventChunk]) -> BTreeMap<NaiveDate, Vec<(RowKey, Place)>> {
    let mut seen = HashSet::with_capacity(chunks.iter().map(|chunk| chunk.keys.len()).sum());
    let mut by_date: BTreeMap<NaiveDate, Vec<(RowKey, Place)>> = BTreeMap::new();
    for (chunk, rows) in chunks.iter().enumerate() {
        for (row, key) in rows.keys.iter().enumerate() {
            if seen.insert(*key) {
                by_date.entry(date_of(key.time)).or_default().push((*key, (chunk, row)));
            }
        }
    }
    for rows in by_date.values_mut() {
        rows.sort_unstable_by_key(|(key, _)| *key);
    }
    by_date
}

fn without_known(
    by_date: &BTreeMap<NaiveDate, Vec<(RowKey, Place)>>,
    known: &HashSet<RowKey>,
) -> BTreeMap<NaiveDate, Vec<Place>> {
    let fresh = |rows: &Vec<(RowKey, Place)>| -> Vec<Place> {
        rows.iter().filter(|(key, _)| !known.contains(key)).map(|(_, place)| *place).collect()
    };
    by_date.iter().map(|(date, rows)| (*date, fresh(rows))).filter(|(_, places)| !places.is_empty()).collect()
}

fn parts_of(date: NaiveDate, places: &[Place]) -> Vec<(NaiveDate, Vec<Place>)> {
    let parts = places.len().div_ceil(ROWS_PER_FILE).max(1);
    places.chunks(places.len().div_ceil(parts).max(1)).map(|part| (date, part.to_vec())).collect()
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

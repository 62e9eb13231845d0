//! Which rows of a batch the lake already holds: an anti-join over only those files and row groups that can hold them.
//!
//! ```text
//! keys by date -> files of that date whose time range holds a key -> row groups likewise -> (event_time, event_id) -> hits
//! ```
//! Data that arrives in order overlaps no file, so it reads nothing.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use chrono::NaiveDate;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use crate::error::LakeError;
use crate::reader::read_columns;
use crate::rows::RowKey;
use crate::schema::column;
use crate::table::DataFile;

/// How many files are read at once.
const CONCURRENT_FILES: usize = 4;

/// The keys that occur in the files. `wanted` holds the keys of each date, sorted.
pub(crate) async fn known_keys(
    store: &Arc<dyn ObjectStore>,
    files: &[DataFile],
    wanted: &BTreeMap<NaiveDate, Vec<RowKey>>,
) -> Result<HashSet<RowKey>, LakeError> {
    let overlapping = files.iter().filter_map(|file| {
        let keys = wanted.get(&file.event_date?)?;
        let overlaps = file.statistics.event_time.is_none_or(|range| any_in(keys, range));
        overlaps.then_some((file, keys.as_slice()))
    });
    let mut reads = futures::stream::iter(overlapping)
        .map(|(file, keys)| known_in_file(store, file, keys))
        .buffer_unordered(CONCURRENT_FILES);
    let mut known = HashSet::new();
    while let Some(hits) = reads.try_next().await? {
        known.extend(hits);
    }
    Ok(known)
}

/// Whether any of the sorted keys lies in the closed time range.
fn any_in(keys: &[RowKey], (low, high): (i64, i64)) -> bool {
    let first = keys.partition_point(|key| key.time < low);
    keys.get(first).is_some_and(|key| key.time <= high)
}

async fn known_in_file(
    store: &Arc<dyn ObjectStore>,
    file: &DataFile,
    keys: &[RowKey],
) -> Result<Vec<RowKey>, LakeError> {
    let wanted = |group: &RowGroupMetaData| time_range(group).is_none_or(|range| any_in(keys, range));
    let mut hits = Vec::new();
    for batch in read_columns(store, file, &[column::EVENT_TIME, column::EVENT_ID], wanted).await? {
        collect_hits(&batch, keys, &mut hits);
    }
    Ok(hits)
}

fn collect_hits(batch: &RecordBatch, keys: &[RowKey], hits: &mut Vec<RowKey>) {
    let times = batch.column(0).as_primitive::<TimestampMicrosecondType>().values();
    let ids = batch.column(1).as_primitive::<Int64Type>().values();
    let found = times.iter().zip(ids).map(|(&time, &id)| RowKey { time, id });
    hits.extend(found.filter(|key| keys.binary_search(key).is_ok()));
}

pub(crate) fn time_range(group: &RowGroupMetaData) -> Option<(i64, i64)> {
    let time = group.columns().iter().find(|c| c.column_path().string() == column::EVENT_TIME)?;
    match time.statistics()? {
        Statistics::Int64(values) => Some((*values.min_opt()?, *values.max_opt()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_between_two_keys_holds_none() {
        let keys = [10, 20, 30].map(|time| RowKey { time, id: 0 });
        assert!(any_in(&keys, (10, 10)));
        assert!(any_in(&keys, (15, 25)));
        assert!(!any_in(&keys, (21, 29)));
        assert!(!any_in(&keys, (31, 99)));
        assert!(!any_in(&[], (0, 99)));
    }
}

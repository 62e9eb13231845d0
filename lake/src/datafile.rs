//! Data files: where an encoded file lies, and the action that makes it visible.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use deltalake::kernel::Add;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::encode::{Rows, encode};
use crate::error::LakeError;
use crate::schema::column;
use crate::statistics::FileStatistics;

/// Key among a file's tags in the log: XXH3 (64 bits) of its bytes, in hexadecimal. Nothing in a Parquet file, and nothing else in a
/// log, tells a flipped bit: page checksums are optional, and the Parquet writer makes none.
pub(crate) const CHECKSUM: &str = "repute.xxh3";

/// The checksum of a file.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(bytes))
}

/// Encodes rows as Parquet and puts them below the table, durably. Returns the log's action that would make them visible.
///
/// `date` is the partition, whose rows are in the order of their time; a table without partitions has none. `now` is
/// written down as the file's time.
pub(crate) async fn write(
    store: &Arc<dyn ObjectStore>,
    rows: Rows,
    date: Option<NaiveDate>,
    now: DateTime<Utc>,
    threads: usize,
) -> Result<Add, LakeError> {
    let name = format!("part-{}.zstd.parquet", uuid::Uuid::new_v4());
    let path = match date {
        Some(date) => format!("{}={date}/{name}", column::EVENT_DATE),
        None => name,
    };
    let bytes = encode(&rows, date.is_some(), threads).await.map_err(|e| LakeError::of_file(&path, Box::new(e)))?;
    let checksum = checksum(&bytes);
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    if let Err(failure) = store.put(&Path::from(path.as_str()), bytes.into()).await {
        discard(store, [path.as_str()]).await;
        return Err(LakeError::of_file(&path, Box::new(failure)));
    }
    let partition = date.map(|date| (column::EVENT_DATE.to_owned(), Some(date.to_string())));
    Ok(Add {
        path,
        partition_values: partition.into_iter().collect::<HashMap<_, _>>(),
        size,
        modification_time: now.timestamp_millis(),
        data_change: true,
        stats: Some(FileStatistics::of(&rows).to_json()),
        tags: Some(HashMap::from([(CHECKSUM.to_owned(), Some(checksum))])),
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    })
}

/// Removes files that no commit names, as far as that is possible; what stays is found by a look through the lake.
pub(crate) async fn discard(store: &Arc<dyn ObjectStore>, paths: impl IntoIterator<Item = &str>) {
    for path in paths {
        // A file that was never put there, or a disk that refuses this too.
        let _ = store.delete(&Path::from(path)).await;
    }
}

//! Data files: whether each holds the bytes that were written, and what the log says of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::DamageKind;
use crate::datafile::checksum;
use crate::known::time_range;
use crate::log::LoggedFile;
use crate::statistics::FileStatistics;

/// How many files lie in memory at once.
const CONCURRENT_FILES: usize = 2;

/// What is wrong with a file.
pub(super) type Fault = (DamageKind, String);

/// Checks the files in force. `present` holds the sizes of the files that are there.
///
/// A file that carries its checksum is compared with it byte by byte; of any other, every page is decoded, which finds most damage but
/// not all.
pub(super) async fn check(
    store: &Arc<dyn ObjectStore>,
    files: &BTreeMap<String, LoggedFile>,
    present: &BTreeMap<String, u64>,
) -> object_store::Result<Vec<(String, Fault)>> {
    let checks = files.iter().map(|(path, file)| async move {
        let fault = match present.get(path) {
            None => Some((DamageKind::FileMissing, "is missing, though the log names it".to_owned())),
            Some(size) if *size != file.size => {
                let what = format!("has {size} bytes, and was written with {}", file.size);
                Some((DamageKind::FileSize, what))
            }
            Some(_) => check_content(store, path, file).await?,
        };
        Ok::<_, object_store::Error>((path, fault))
    });
    let mut checks = futures::stream::iter(checks).buffered(CONCURRENT_FILES);
    let mut faults = Vec::new();
    while let Some((path, fault)) = checks.try_next().await? {
        faults.extend(fault.map(|fault| (path.clone(), fault)));
    }
    Ok(faults)
}

async fn check_content(
    store: &Arc<dyn ObjectStore>,
    path: &str,
    file: &LoggedFile,
) -> object_store::Result<Option<Fault>> {
    let bytes = store.get(&Path::from(path)).await?.bytes().await?;
    let expected = file.clone();
    // Damaged bytes can make the decoder fail in ways that end a thread.
    let checked = tokio::task::spawn_blocking(move || judge(&bytes, &expected)).await;
    Ok(checked.unwrap_or_else(|_| Some((DamageKind::FileContent, "makes the Parquet decoder fail".to_owned()))))
}

fn judge(bytes: &Bytes, file: &LoggedFile) -> Option<Fault> {
    let content = |what: String| Some((DamageKind::FileContent, what));
    let is_proven = match &file.checksum {
        Some(expected) if *expected != checksum(bytes) => {
            return content(format!(
                "does not hold the bytes that were written (XXH3 {}, not {expected})",
                checksum(bytes)
            ));
        }
        known => known.is_some(),
    };
    let metadata = match ParquetMetaDataReader::new().parse_and_finish(bytes) {
        Ok(metadata) => metadata,
        Err(error) => return content(format!("is no Parquet file that can be read: {error}")),
    };
    if !is_proven && let Err(error) = decode(bytes) {
        return content(format!("cannot be decoded: {error}"));
    }
    compare(&metadata, &file.statistics)
}

fn decode(bytes: &Bytes) -> Result<(), parquet::errors::ParquetError> {
    for batch in ParquetRecordBatchReaderBuilder::try_new(bytes.clone())?.build()? {
        batch?;
    }
    Ok(())
}

/// Whether the log says the same as the file of its rows and times.
fn compare(metadata: &ParquetMetaData, logged: &FileStatistics) -> Option<Fault> {
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
    if let Some(logged) = logged.rows.filter(|logged| *logged != rows) {
        return Some((DamageKind::Statistics, format!("holds {rows} rows, and the log says {logged}")));
    }
    let ranges: Option<Vec<_>> = metadata.row_groups().iter().map(time_range).collect();
    let ranges = ranges.filter(|ranges| !ranges.is_empty())?;
    let low = ranges.iter().map(|(low, _)| *low).min()?;
    let high = ranges.iter().map(|(_, high)| *high).max()?;
    let (from, to) = logged.event_time?;
    (low < from || high > to).then(|| {
        let what = "holds events outside the time range that the log says, so that queries may leave it out".to_owned();
        (DamageKind::Statistics, what)
    })
}

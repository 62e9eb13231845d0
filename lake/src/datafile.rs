//! Parquet data files: how a sorted batch is written, and the statistics the log keeps about it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, TimestampMicrosecondArray};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use deltalake::kernel::Add;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Value, json};

use crate::error::LakeError;
use crate::schema::column;

/// Rows of one row group: small enough that a minute-wide filter skips most of a day, large enough to compress.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Row count and closed time ranges (microseconds) of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileStatistics {
    /// Number of rows, where the log says.
    pub rows: Option<u64>,
    /// Least and greatest `event_time`.
    pub event_time: Option<(i64, i64)>,
    /// Least and greatest `sent_time`; `None` where all are null or the log does not say.
    pub sent_time: Option<(i64, i64)>,
    /// Number of rows without `sent_time`.
    pub sent_time_nulls: Option<u64>,
}

impl FileStatistics {
    /// Statistics of the rows of a batch.
    pub(crate) fn of(batch: &RecordBatch) -> Self {
        let times = |name: &str| {
            batch.column_by_name(name).and_then(|c| c.as_any().downcast_ref::<TimestampMicrosecondArray>())
        };
        let range = |array: &TimestampMicrosecondArray| arrow::compute::min(array).zip(arrow::compute::max(array));
        let sent = times(column::SENT_TIME);
        Self {
            rows: u64::try_from(batch.num_rows()).ok(),
            event_time: times(column::EVENT_TIME).and_then(range),
            sent_time: sent.and_then(range),
            sent_time_nulls: sent.and_then(|array| u64::try_from(array.null_count()).ok()),
        }
    }

    /// Reads a Delta log's `stats` text. What is missing or unreadable is `None`: such a file is never skipped.
    pub(crate) fn from_json(text: Option<&str>) -> Self {
        let Some(stats) = text.and_then(|t| serde_json::from_str::<Value>(t).ok()) else { return Self::default() };
        let range = |name: &str| {
            let time = |side: &str| stats.get(side)?.get(name)?.as_str().and_then(micros);
            // Delta truncates times to milliseconds, so the upper end may lie up to one millisecond higher.
            time("minValues").zip(time("maxValues")).map(|(low, high)| (low, high + 999))
        };
        Self {
            rows: stats.get("numRecords").and_then(Value::as_u64),
            event_time: range(column::EVENT_TIME),
            sent_time: range(column::SENT_TIME),
            sent_time_nulls: stats.get("nullCount").and_then(|n| n.get(column::SENT_TIME)).and_then(Value::as_u64),
        }
    }

    fn to_json(self) -> String {
        let mut low = serde_json::Map::new();
        let mut high = serde_json::Map::new();
        for (name, range) in [(column::EVENT_TIME, self.event_time), (column::SENT_TIME, self.sent_time)] {
            if let Some((from, to)) = range {
                low.insert(name.to_owned(), millis_text(from).into());
                high.insert(name.to_owned(), millis_text(to).into());
            }
        }
        let mut nulls = serde_json::Map::new();
        nulls.insert(column::EVENT_TIME.to_owned(), 0.into());
        if let Some(count) = self.sent_time_nulls {
            nulls.insert(column::SENT_TIME.to_owned(), count.into());
        }
        json!({"numRecords": self.rows.unwrap_or(0), "minValues": low, "maxValues": high, "nullCount": nulls})
            .to_string()
    }
}

fn micros(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|t| t.timestamp_micros())
}

fn millis_text(micros: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Encodes a batch as Parquet and puts it below the table, durably. Returns the log's action that would make it visible.
///
/// `date` is the partition; a table without partitions has none. `now` is written down as the file's time.
pub(crate) async fn write(
    store: &Arc<dyn ObjectStore>,
    batch: RecordBatch,
    date: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> Result<Add, LakeError> {
    let name = format!("part-{}.zstd.parquet", uuid::Uuid::new_v4());
    let path = match date {
        Some(date) => format!("{}={date}/{name}", column::EVENT_DATE),
        None => name,
    };
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| LakeError::File { path: path.clone(), source };
    let statistics = FileStatistics::of(&batch);
    let sorted = date.is_some();
    let bytes = tokio::task::spawn_blocking(move || encode(&batch, sorted))
        .await
        .map_err(|e| failed(Box::new(e)))?
        .map_err(|e| failed(Box::new(e)))?;
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    store.put(&Path::from(path.as_str()), bytes.into()).await.map_err(|e| failed(Box::new(e)))?;
    let partition = date.map(|date| (column::EVENT_DATE.to_owned(), Some(date.to_string())));
    Ok(Add {
        path,
        partition_values: partition.into_iter().collect::<HashMap<_, _>>(),
        size,
        modification_time: now.timestamp_millis(),
        data_change: true,
        stats: Some(statistics.to_json()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    })
}

fn encode(batch: &RecordBatch, sorted_by_time: bool) -> Result<Vec<u8>, ParquetError> {
    let time = batch.schema().index_of(column::EVENT_TIME).ok().filter(|_| sorted_by_time);
    let options = ArrowWriterOptions::new()
        .with_properties(properties(time))
        // Readers take plain Parquet types; Arrow's own (string views) would only narrow who can read the file.
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options)?;
    writer.write(batch)?;
    writer.into_inner()
}

fn properties(time_column: Option<usize>) -> WriterProperties {
    let path = |name: &str| ColumnPath::from(name);
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(concat!("repute ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_bloom_filter_enabled(path(column::MESSAGE_ID), true)
        .set_column_dictionary_enabled(path(column::EVENT_ID), false);
    for name in [column::EVENT_TIME, column::SENT_TIME, column::EVENT_TYPE] {
        builder = builder.set_column_statistics_enabled(path(name), EnabledStatistics::Page);
    }
    for name in [column::MESSAGE_ID, column::FEEDBACK_ID] {
        builder = builder.set_column_dictionary_enabled(path(name), false);
    }
    if let Some(index) = time_column.and_then(|i| i32::try_from(i).ok()) {
        let sorting = SortingColumn { column_idx: index, descending: false, nulls_first: false };
        builder = builder.set_sorting_columns(Some(vec![sorting]));
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_survive_the_log() {
        let written = FileStatistics {
            rows: Some(3),
            event_time: Some((1_700_000_000_123_000, 1_700_000_000_456_000)),
            sent_time: None,
            sent_time_nulls: Some(3),
        };
        let read = FileStatistics::from_json(Some(&written.to_json()));
        assert_eq!(read.rows, Some(3));
        assert_eq!(read.event_time, Some((1_700_000_000_123_000, 1_700_000_000_456_999)));
        assert_eq!(read.sent_time, None);
    }

    #[test]
    fn a_file_without_readable_statistics_has_none() {
        assert_eq!(FileStatistics::from_json(Some("{]")), FileStatistics::default());
        assert_eq!(FileStatistics::from_json(None), FileStatistics::default());
    }
}

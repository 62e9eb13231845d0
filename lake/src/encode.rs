//! Rows become Parquet: gathered in their order and encoded column by column, several columns at once.
//!
//! ```text
//! chunks + places ──> column 1: gather, encode ──┐
//!                ├──> column 2: gather, encode ──┼──> row group ──> file
//!                └──> ...                      ──┘
//! ```
//! Only the columns at work are ever copied into their order, so the rows of a file lie in memory once.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::interleave;
use arrow::datatypes::{FieldRef, SchemaRef, TimestampMicrosecondType};
use futures::{StreamExt, TryStreamExt};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowWriterOptions, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::schema::column;

/// Rows of one row group: small enough that a minute-wide filter skips most of a day, large enough to compress.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// A row by its place: number of the batch, number of the row in it.
pub(crate) type Place = (usize, usize);

/// Rows of some batches, in an order of their own.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Arc<[RecordBatch]>,
    pub(crate) places: Arc<[Place]>,
}

impl Rows {
    /// All rows of one batch.
    pub(crate) fn all(batch: RecordBatch) -> Self {
        let places = (0..batch.num_rows()).map(|row| (0, row)).collect();
        Self { schema: batch.schema(), batches: [batch].into(), places }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The values of a time column, nothing where there is no such column.
    pub(crate) fn times<'a>(&'a self, name: &str) -> impl Iterator<Item = Option<i64>> + 'a {
        let columns: Vec<_> = self
            .batches
            .iter()
            .filter_map(|batch| batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>().cloned())
            .collect();
        self.places.iter().filter_map(move |(batch, row)| {
            let column = columns.get(*batch)?;
            Some(column.is_valid(*row).then(|| column.value(*row)))
        })
    }

    fn gather(&self, column: usize, from: usize, to: usize) -> Result<ArrayRef, ParquetError> {
        let arrays: Vec<&dyn Array> = self.batches.iter().map(|batch| batch.column(column).as_ref()).collect();
        Ok(interleave(&arrays, self.places.get(from..to).unwrap_or_default())?)
    }
}

/// Encodes the rows as one Parquet file, using so many threads. `sorted_by_time` says that they are in the order of `event_time`.
pub(crate) async fn encode(rows: &Rows, sorted_by_time: bool, threads: usize) -> Result<Vec<u8>, ParquetError> {
    let time = rows.schema.index_of(column::EVENT_TIME).ok().filter(|_| sorted_by_time);
    let options = ArrowWriterOptions::new()
        .with_properties(properties(time))
        // Readers take plain Parquet types; Arrow's own (string views) would only narrow who can read the file.
        .with_skip_arrow_metadata(true);
    let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&rows.schema), options)?;
    let (mut file, groups) = writer.into_serialized_writer()?;
    for (group, from) in (0..rows.len()).step_by(ROW_GROUP_ROWS).enumerate() {
        let to = rows.len().min(from + ROW_GROUP_ROWS);
        let mut writers = groups.create_column_writers(group)?.into_iter();
        let columns = rows.schema.fields().iter().enumerate().map(|(column, field)| {
            let writers = writers.by_ref().take(leaves(field)).collect();
            let (rows, field) = (rows.clone(), Arc::clone(field));
            async move {
                let work = move || encode_column(&rows.gather(column, from, to)?, &field, writers);
                tokio::task::spawn_blocking(work).await.map_err(|e| ParquetError::External(Box::new(e)))?
            }
        });
        let columns: Vec<_> = columns.collect();
        let chunks: Vec<_> = futures::stream::iter(columns).buffered(threads.max(1)).try_collect().await?;
        let mut row_group = file.next_row_group()?;
        for chunk in chunks.into_iter().flatten() {
            chunk.append_to_row_group(&mut row_group)?;
        }
        row_group.close()?;
    }
    file.into_inner()
}

/// How many Parquet columns a field becomes.
fn leaves(field: &FieldRef) -> usize {
    match field.data_type() {
        arrow::datatypes::DataType::Map(..) => 2,
        _ => 1,
    }
}

fn encode_column(
    array: &ArrayRef,
    field: &FieldRef,
    writers: Vec<ArrowColumnWriter>,
) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
    let leaves = compute_leaves(field, array)?;
    let encoded = writers.into_iter().zip(leaves).map(|(mut writer, leaf)| {
        writer.write(&leaf)?;
        writer.close()
    });
    encoded.collect()
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

//! Rows become Parquet: gathered in their order and encoded column by column, several columns at once.
//!
//! ```text
//! chunks + places ──> column 1: gather, encode ──┐
//!                ├──> column 2: gather, encode ──┼──> row group ──> file
//!                └──> ...                      ──┘
//! ```
//! Only the columns at work are ever copied into their order, so the rows of a file lie in memory once. A column whose values
//! are numbered already (an Arrow dictionary) is written from its numbers by [`coded`]; the rest by the Arrow writer.

mod coded;
pub(crate) mod hybrid;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType, UInt32Type};
use futures::{StreamExt, TryStreamExt};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowWriterOptions, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::{ColumnDescPtr, ColumnPath};

use crate::schema::column;
use coded::CodedChunk;

/// Rows of one row group: small enough that a minute-wide filter skips most of a day, large enough to compress.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// The level at which pages are compressed: 3 would take some 3 % off the size for 8 % more time.
const ZSTD_LEVEL: i32 = 1;

/// A row by its place: number of the batch, number of the row in it.
pub(crate) type Place = (usize, usize);

/// Rows of some batches, in an order of their own.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// As they will lie in the file. The batches may hold text in any of Arrow's forms.
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

    fn places(&self, from: usize, to: usize) -> &[Place] {
        self.places.get(from..to).unwrap_or_default()
    }

    fn columns(&self, column: usize) -> Vec<&ArrayRef> {
        self.batches.iter().map(|batch| batch.column(column)).collect()
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
        let mut descriptions = file.schema_descr().columns().iter();
        let columns: Vec<_> = (0..rows.schema.fields().len())
            .map(|number| {
                let leaves = leaves(rows.schema.field(number).data_type());
                Column {
                    rows: rows.clone(),
                    number,
                    from,
                    to,
                    writers: writers.by_ref().take(leaves).collect(),
                    descriptions: descriptions.by_ref().take(leaves).map(Arc::clone).collect(),
                }
            })
            .collect();
        let chunks: Vec<Vec<Chunk>> = futures::stream::iter(columns)
            .map(|column| async move {
                tokio::task::spawn_blocking(|| column.encode())
                    .await
                    .map_err(|e| ParquetError::External(Box::new(e)))?
            })
            .buffered(threads.max(1))
            .try_collect()
            .await?;
        let mut row_group = file.next_row_group()?;
        for chunk in chunks.into_iter().flatten() {
            chunk.append_to(&mut row_group)?;
        }
        row_group.close()?;
    }
    file.into_inner()
}

/// How many Parquet columns a column becomes.
fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::Map(..) => 2,
        _ => 1,
    }
}

/// One column of one row group, before it is encoded.
struct Column {
    rows: Rows,
    number: usize,
    from: usize,
    to: usize,
    writers: Vec<ArrowColumnWriter>,
    descriptions: Vec<ColumnDescPtr>,
}

/// An encoded Parquet column of one row group.
enum Chunk {
    Arrow(ArrowColumnChunk),
    Coded(CodedChunk),
}

impl Chunk {
    fn append_to(self, row_group: &mut SerializedRowGroupWriter<'_, Vec<u8>>) -> Result<(), ParquetError> {
        match self {
            Self::Arrow(chunk) => chunk.append_to_row_group(row_group),
            Self::Coded(CodedChunk { bytes, close }) => row_group.append_column(&bytes, close),
        }
    }
}

impl Column {
    fn encode(self) -> Result<Vec<Chunk>, ParquetError> {
        let arrays = self.rows.columns(self.number);
        let places = self.rows.places(self.from, self.to);
        if let Some(coded) = coded::encode(&arrays, places, &self.descriptions)? {
            return Ok(coded.into_iter().map(Chunk::Coded).collect());
        }
        let array = gather(&arrays, places)?;
        let field = self.rows.schema.field(self.number).clone().with_data_type(array.data_type().clone());
        let leaves = compute_leaves(&field, &array)?;
        let encoded = self.writers.into_iter().zip(leaves).map(|(mut writer, leaf)| {
            writer.write(&leaf)?;
            writer.close().map(Chunk::Arrow)
        });
        encoded.collect()
    }
}

/// The values at these places; those of a dictionary looked up.
fn gather(arrays: &[&ArrayRef], places: &[Place]) -> Result<ArrayRef, ParquetError> {
    let dictionaries: Option<Vec<_>> = arrays.iter().map(|array| array.as_dictionary_opt::<UInt32Type>()).collect();
    let Some(dictionaries) = dictionaries.filter(|dictionaries| !dictionaries.is_empty()) else {
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        return Ok(interleave(&arrays, places)?);
    };
    let null = new_null_array(dictionaries[0].values().data_type(), 1);
    let mut values: Vec<&dyn Array> = dictionaries.iter().map(|dictionary| dictionary.values().as_ref()).collect();
    values.push(&null);
    let places: Vec<Place> = places
        .iter()
        .map(|&(batch, row)| match dictionaries[batch].key(row) {
            Some(code) => (batch, code),
            None => (dictionaries.len(), 0),
        })
        .collect();
    Ok(interleave(&values, &places)?)
}

fn properties(time_column: Option<usize>) -> WriterProperties {
    let path = |name: &str| ColumnPath::from(name);
    let level = ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default();
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(concat!("repute ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_bloom_filter_enabled(path(column::MESSAGE_ID), true)
        .set_column_bloom_filter_max_ndv(path(column::MESSAGE_ID), ROW_GROUP_ROWS as u64);
    for name in [column::EVENT_TIME, column::SENT_TIME] {
        builder = builder
            .set_column_statistics_enabled(path(name), EnabledStatistics::Page)
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in [column::EVENT_ID, column::MESSAGE_ID, column::FEEDBACK_ID, column::SMTP_RESPONSE] {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_statistics_enabled(path(name), EnabledStatistics::None);
    }
    if let Some(index) = time_column.and_then(|i| i32::try_from(i).ok()) {
        let sorting = SortingColumn { column_idx: index, descending: false, nulls_first: false };
        builder = builder.set_sorting_columns(Some(vec![sorting]));
    }
    builder.build()
}

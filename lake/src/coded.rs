//! Reads text columns of data files as the numbers of their dictionaries: four bytes a row instead of sixteen and the text.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use futures::StreamExt;
use object_store::ObjectStore;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder};
use parquet::errors::Result;

use crate::error::LakeError;
use crate::reader::StoredFile;
use crate::table::DataFile;

/// Rows of a batch: a row group holds a whole number of them, so that a batch has one dictionary.
const BATCH_ROWS: usize = 8 * 1024;

/// Where data files are read.
#[derive(Debug, Clone)]
pub struct CodedFiles {
    store: Arc<dyn ObjectStore>,
}

/// The rows of a file, batch by batch.
pub struct CodedRows {
    path: String,
    stream: ParquetRecordBatchStream<StoredFile>,
}

impl CodedFiles {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Reads these columns, text as dictionaries with 32-bit keys. A column that the file lacks is not among those of a batch.
    pub async fn read(&self, file: &DataFile, columns: &[&str]) -> std::result::Result<CodedRows, LakeError> {
        let reader = StoredFile::of(&self.store, file);
        let path = file.path.to_string();
        match open(reader, columns).await {
            Ok(stream) => Ok(CodedRows { path, stream }),
            Err(source) => Err(LakeError::File { path, source: Box::new(source) }),
        }
    }
}

impl CodedRows {
    /// The next batch.
    pub async fn next(&mut self) -> Option<std::result::Result<RecordBatch, LakeError>> {
        let batch = self.stream.next().await?;
        Some(batch.map_err(|source| LakeError::File { path: self.path.clone(), source: Box::new(source) }))
    }
}

async fn open(mut reader: StoredFile, columns: &[&str]) -> Result<ParquetRecordBatchStream<StoredFile>> {
    let plain = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new()).await?;
    let coded = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 | DataType::Utf8View if columns.contains(&field.name().as_str()) => {
            let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(field.as_ref().clone().with_data_type(coded))
        }
        _ => Arc::clone(field),
    };
    let schema = Schema::new(plain.schema().fields().iter().map(coded).collect::<Vec<_>>());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options)?;
    let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata);
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()
}

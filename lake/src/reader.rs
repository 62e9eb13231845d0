//! Reads some columns of some row groups of a data file, for the lake's own bookkeeping.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};

use crate::error::LakeError;
use crate::table::DataFile;

/// Reads the named columns (in the order of the file) of the row groups that `wanted` picks.
pub(crate) async fn read_columns(
    store: &Arc<dyn ObjectStore>,
    file: &DataFile,
    columns: &[&str],
    wanted: impl Fn(&RowGroupMetaData) -> bool,
) -> std::result::Result<Vec<RecordBatch>, LakeError> {
    read(StoredFile::of(store, file), columns, wanted)
        .await
        .map_err(|source| LakeError::File { path: file.path.to_string(), source: Box::new(source) })
}

/// Reads the named columns (in the order of the file) of all rows, of which some thousand are in memory at a time.
pub(crate) async fn each_batch(
    store: &Arc<dyn ObjectStore>,
    file: &DataFile,
    columns: &[&str],
    mut take: impl FnMut(&RecordBatch) -> std::result::Result<(), LakeError>,
) -> std::result::Result<(), LakeError> {
    let failed = |source: ParquetError| LakeError::File { path: file.path.to_string(), source: Box::new(source) };
    let open = async {
        let builder = ParquetRecordBatchStreamBuilder::new(StoredFile::of(store, file)).await?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder.with_projection(mask).build()
    };
    let mut batches = open.await.map_err(failed)?;
    while let Some(batch) = batches.try_next().await.map_err(failed)? {
        take(&batch)?;
    }
    Ok(())
}

/// Reads the named columns (in the order of the file) of single rows, given by their numbers, which rise. Of large columns only the
/// pages with those rows are read.
pub(crate) async fn read_rows(
    store: &Arc<dyn ObjectStore>,
    file: &DataFile,
    columns: &[&str],
    rows: &[usize],
) -> std::result::Result<Vec<RecordBatch>, LakeError> {
    let failed = |source: ParquetError| LakeError::File { path: file.path.to_string(), source: Box::new(source) };
    let read = async {
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let builder = ParquetRecordBatchStreamBuilder::new_with_options(StoredFile::of(store, file), options).await?;
        let total = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
        let wanted = rows.iter().filter(|row| **row < total).map(|row| *row..row + 1);
        let selection = RowSelection::from_consecutive_ranges(wanted, total);
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder.with_row_selection(selection).with_projection(mask).build()?.try_collect().await
    };
    read.await.map_err(failed)
}

async fn read(
    reader: StoredFile,
    columns: &[&str],
    wanted: impl Fn(&RowGroupMetaData) -> bool,
) -> Result<Vec<RecordBatch>> {
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await?;
    let groups = builder.metadata().row_groups().iter().enumerate();
    let groups: Vec<usize> = groups.filter(|(_, group)| wanted(group)).map(|(index, _)| index).collect();
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    builder.with_row_groups(groups).with_projection(mask).build()?.try_collect().await
}

/// A file where it lies.
pub(crate) struct StoredFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl StoredFile {
    pub(crate) fn of(store: &Arc<dyn ObjectStore>, file: &DataFile) -> Self {
        Self { store: Arc::clone(store), path: file.path.clone(), size: file.size }
    }
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for StoredFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        self.store.get_range(&self.path, range).map_err(external).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let pages = options.map_or(PageIndexPolicy::Skip, ArrowReaderOptions::offset_index_policy);
            let reader = ParquetMetaDataReader::new().with_offset_index_policy(pages);
            reader.load_and_finish(self, size).await.map(Arc::new)
        }
        .boxed()
    }
}

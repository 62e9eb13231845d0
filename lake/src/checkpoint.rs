//! Checkpoints: the files in force as a Parquet file, so that a log need not be read from its beginning.

use std::sync::Arc;

use arrow::array::{Array, AsArray, MapArray, RecordBatch, StringArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::datafile::CHECKSUM;
use crate::log::{Entry, LoggedFile};
use crate::statistics::FileStatistics;

/// Reads a checkpoint, or says what is wrong with it.
///
/// # Errors
/// What the store reports.
pub(crate) async fn read(store: &Arc<dyn ObjectStore>, path: &Path) -> object_store::Result<Result<Entry, String>> {
    let mut bytes = Vec::new();
    let mut stream = store.get(path).await?.into_stream();
    while let Some(chunk) = stream.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    // Damaged bytes can make the decoder fail in ways that end a thread.
    let parsed = tokio::task::spawn_blocking(move || parse(bytes.into())).await;
    Ok(parsed.unwrap_or_else(|_| Err("its decoder failed".to_owned())))
}

fn parse(bytes: bytes::Bytes) -> Result<Entry, String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(|b| b.build()).map_err(|e| e.to_string())?;
    let mut entry = Entry::default();
    for batch in reader {
        let batch = batch.map_err(|e| e.to_string())?;
        take(&batch, &mut entry).ok_or("it lacks the columns of a checkpoint")?;
    }
    Ok(entry)
}

fn take(batch: &RecordBatch, entry: &mut Entry) -> Option<()> {
    let adds = batch.column_by_name("add")?.as_struct_opt()?;
    let (paths, stats) = (texts(adds, "path")?, texts(adds, "stats"));
    let sizes = adds.column_by_name("size")?.as_primitive_opt::<Int64Type>()?;
    let tags = adds.column_by_name("tags").and_then(|tags| tags.as_map_opt());
    for row in (0..batch.num_rows()).filter(|row| adds.is_valid(*row) && paths.is_valid(*row)) {
        let text = stats.as_ref().filter(|stats| stats.is_valid(row)).map(|stats| stats.value(row));
        let file = LoggedFile {
            size: u64::try_from(sizes.value(row)).unwrap_or(0),
            statistics: FileStatistics::from_json(text),
            checksum: tags.and_then(|tags| checksum(tags, row)),
        };
        entry.adds.push((decoded(paths.value(row)), file));
    }
    if let Some(removes) = batch.column_by_name("remove").and_then(|removes| removes.as_struct_opt()) {
        let paths = texts(removes, "path")?;
        let rows = (0..batch.num_rows()).filter(|row| removes.is_valid(*row) && paths.is_valid(*row));
        entry.removes.extend(rows.map(|row| decoded(paths.value(row))));
    }
    Some(())
}

fn decoded(path: &str) -> String {
    Path::from_url_path(path).map_or_else(|_| path.to_owned(), |path| path.to_string())
}

fn texts(rows: &StructArray, name: &str) -> Option<StringArray> {
    let column = cast(rows.column_by_name(name)?, &DataType::Utf8).ok()?;
    column.as_string_opt::<i32>().cloned()
}

fn checksum(tags: &MapArray, row: usize) -> Option<String> {
    if tags.is_null(row) {
        return None;
    }
    let entries = tags.value(row);
    let text = |index: usize| cast(entries.column(index), &DataType::Utf8).ok();
    let (keys, values) = (text(0)?, text(1)?);
    let (keys, values) = (keys.as_string_opt::<i32>()?, values.as_string_opt::<i32>()?);
    let at = keys.iter().position(|key| key == Some(CHECKSUM))?;
    values.is_valid(at).then(|| values.value(at).to_owned())
}

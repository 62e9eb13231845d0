//! Compaction: many small files of a date become one, in a commit that changes no row.
//!
//! ```text
//! files of a date, small ones in the order of their times -> groups -> rows in order -> one file -> commit: files out, file in
//!                                                               ^------- another writer took one of them out: look again
//! ```
//! An importer at work is not in its way: it only adds files, and those that are taken out stay on the store for readers of
//! older versions until [`vacuum`].

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{AsArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use deltalake::operations::vacuum::{Clock, VacuumMode};
use futures::TryStreamExt;
use object_store::ObjectStore;

use crate::append::{MAX_ATTEMPTS, ROWS_PER_FILE};
use crate::datafile;
use crate::encode::{Place, Rows};
use crate::error::LakeError;
use crate::reader::read_columns;
use crate::schema::column;
use crate::table::{Committed, DataFile, Table};

/// Files of fewer rows are put together with others.
const SMALL_ROWS: usize = ROWS_PER_FILE / 2;

/// How long files that were replaced stay, for readers of older versions: the span of Delta's own `VACUUM`.
pub const KEPT: TimeDelta = TimeDelta::days(7);

/// What a compaction did to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Its name.
    pub table: &'static str,
    /// Files in force before and after.
    pub files: (u64, u64),
    /// Their bytes.
    pub bytes: (u64, u64),
    /// Files that were replaced long ago and are removed now.
    pub removed: u64,
}

/// Counters that move while small files are put together.
#[derive(Debug, Default)]
pub struct CompactionMeter {
    /// Files put into others so far.
    pub files: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Their rows.
    pub rows: AtomicU64,
}

impl CompactionMeter {
    fn count(&self, files: &[DataFile]) {
        self.files.fetch_add(files.len() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(files.iter().map(|file| file.size).sum(), Ordering::Relaxed);
        self.rows.fetch_add(files.iter().filter_map(|file| file.statistics.rows).sum(), Ordering::Relaxed);
    }
}

/// How many files of a table would be put into others, and their bytes.
pub(crate) fn due(table: &Table) -> Result<(u64, u64), LakeError> {
    let files: Vec<DataFile> = groups(&table.files()?).concat();
    Ok((files.len() as u64, files.iter().map(|file| file.size).sum()))
}

/// Puts small files together, encoding with so many threads. Rows are kept in the order of their keys where the table has dates.
pub(crate) async fn compact(
    table: &mut Table,
    schema: &SchemaRef,
    now: DateTime<Utc>,
    threads: usize,
    meter: &CompactionMeter,
) -> Result<Compacted, LakeError> {
    table.refuse_unknown_columns(schema)?;
    let before = size(table)?;
    let mut conflicts = 0;
    // A group that was put together is not looked at again, even if it is still small.
    let mut done: BTreeSet<String> = BTreeSet::new();
    while let Some(group) =
        groups(&table.files()?).into_iter().find(|group| !group.iter().all(|f| done.contains(&name(f))))
    {
        let store = table.log_store().object_store(None);
        let rows = rows_of(&store, &group, schema).await?;
        let add = datafile::write(&store, rows, group.first().and_then(|file| file.event_date), now, threads).await?;
        let path = add.path.clone();
        match table.replace(&group, add).await? {
            Committed::Landed => {
                meter.count(&group);
                done.insert(path);
            }
            Committed::Conflict => {
                conflicts += 1;
                if conflicts == MAX_ATTEMPTS {
                    return Err(LakeError::Contended { table: table.name, attempts: MAX_ATTEMPTS });
                }
                table.location.pauses.among_writers(conflicts).await;
                table.refresh().await?;
            }
        }
    }
    let removed = vacuum(table, now).await?;
    let after = size(table)?;
    Ok(Compacted { table: table.name, files: (before.0, after.0), bytes: (before.1, after.1), removed })
}

fn name(file: &DataFile) -> String {
    file.path.to_string()
}

fn size(table: &Table) -> Result<(u64, u64), LakeError> {
    let files = table.files()?;
    Ok((files.len() as u64, files.iter().map(|file| file.size).sum()))
}

/// Small files of the same date, in the order of their times, as many together as give a full file.
fn groups(files: &[DataFile]) -> Vec<Vec<DataFile>> {
    let mut by_date: BTreeMap<Option<NaiveDate>, Vec<(usize, &DataFile)>> = BTreeMap::new();
    for file in files {
        let rows = file.statistics.rows.and_then(|rows| usize::try_from(rows).ok());
        if let Some(rows) = rows.filter(|rows| *rows < SMALL_ROWS) {
            by_date.entry(file.event_date).or_default().push((rows, file));
        }
    }
    let mut groups = Vec::new();
    for mut small in by_date.into_values() {
        small.sort_by(|(_, a), (_, b)| (a.statistics.event_time, &a.path).cmp(&(b.statistics.event_time, &b.path)));
        let (mut group, mut together) = (Vec::new(), 0);
        for (rows, file) in small {
            if together + rows > ROWS_PER_FILE {
                groups.push(std::mem::take(&mut group));
                together = 0;
            }
            together += rows;
            group.push(file.clone());
        }
        groups.push(group);
    }
    groups.retain(|group| group.len() > 1);
    groups
}

/// All rows of some files, in the columns of `schema`.
async fn rows_of(store: &Arc<dyn ObjectStore>, files: &[DataFile], schema: &SchemaRef) -> Result<Rows, LakeError> {
    let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let (mut batches, mut expected) = (Vec::new(), 0);
    for file in files {
        expected += file.statistics.rows.unwrap_or_default();
        for batch in read_columns(store, file, &columns, |_| true).await? {
            batches.push(in_schema(&batch, schema)?);
        }
    }
    let found: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if found as u64 != expected {
        let path = files.iter().map(name).collect::<Vec<_>>().join("`, `");
        let what = format!("{found} rows where the log says {expected}: `repute lake fsck` says what is wrong");
        return Err(LakeError::of_file(&path, what.into()));
    }
    let places = in_order(&batches);
    Ok(Rows { schema: Arc::clone(schema), batches: batches.into(), places: places.into() })
}

/// The batch with the columns of the schema, those it lacks empty. Its types stay: text may come in any of Arrow's forms.
fn in_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, LakeError> {
    let columns: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) => Arc::clone(column),
            None => new_null_array(field.data_type(), batch.num_rows()),
        })
        .collect();
    let fields = schema.fields().iter().zip(&columns);
    let fields = fields.map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

/// Every row, sorted by its key where rows have one.
fn in_order(batches: &[RecordBatch]) -> Vec<Place> {
    let mut keyed: Vec<((i64, i64), Place)> = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        let times =
            batch.column_by_name(column::EVENT_TIME).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let ids = batch.column_by_name(column::EVENT_ID).and_then(|c| c.as_primitive_opt::<Int64Type>());
        keyed.extend((0..batch.num_rows()).map(|row| {
            let key = times.zip(ids).map_or((0, 0), |(times, ids)| (times.value(row), ids.value(row)));
            (key, (number, row))
        }));
    }
    // Rows without a key stay in their order.
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, place)| place).collect()
}

/// Removes files that were replaced more than [`KEPT`] before `now`, and says how many.
async fn vacuum(table: &Table, now: DateTime<Utc>) -> Result<u64, LakeError> {
    #[derive(Debug)]
    struct At(i64);
    impl Clock for At {
        fn current_timestamp_millis(&self) -> i64 {
            self.0
        }
    }
    let clock = Arc::new(At(now.timestamp_millis()));
    // A dry run: the real one would go over files that are long gone, and note that in the log, every time.
    let old =
        table.vacuum().with_mode(VacuumMode::Lite).with_clock(clock).with_retention_period(KEPT).with_dry_run(true);
    let (_, old) = old.await.map_err(|e| table.failed(e))?;
    if old.files_deleted.is_empty() {
        return Ok(0);
    }
    let old: HashSet<String> = old.files_deleted.into_iter().collect();
    let store = table.log_store().object_store(None);
    let there: Vec<String> = store
        .list(None)
        .map_ok(|meta| meta.location.to_string())
        .try_collect()
        .await
        .map_err(|e| table.failed(e.into()))?;
    let gone: Vec<&str> = there.iter().filter(|path| old.contains(*path)).map(String::as_str).collect();
    datafile::discard(&store, gone.iter().copied()).await;
    Ok(gone.len() as u64)
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;

    use super::*;
    use crate::statistics::FileStatistics;

    fn file(day: u32, minute: i64, rows: u64) -> DataFile {
        let statistics = FileStatistics { rows: Some(rows), event_time: Some((minute, minute)), ..Default::default() };
        let event_date = NaiveDate::from_ymd_opt(2026, 10, day);
        DataFile { path: Path::from(format!("{day}-{minute}-{rows}")), size: rows * 60, event_date, statistics }
    }

    #[test]
    fn small_files_of_a_date_are_grouped_up_to_a_full_file() {
        let rows = |files: &[DataFile]| -> Vec<Vec<u64>> {
            groups(files).iter().map(|group| group.iter().filter_map(|file| file.statistics.rows).collect()).collect()
        };
        let full = ROWS_PER_FILE as u64;
        assert_eq!(rows(&[file(1, 2, 20), file(1, 1, 10), file(2, 1, 30)]), [[10, 20]]);
        assert_eq!(rows(&[file(1, 1, full / 2), file(1, 2, 10)]), Vec::<Vec<u64>>::new());
        let third = full / 3 + 1;
        assert_eq!(rows(&[1, 2, 3, 4, 5].map(|minute| file(1, minute, third))), [[third; 2], [third; 2]]);
        let unknown = DataFile { statistics: FileStatistics::default(), ..file(1, 1, 10) };
        assert_eq!(rows(&[unknown, file(1, 2, 10)]), Vec::<Vec<u64>>::new());
    }
}

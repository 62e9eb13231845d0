//! The two small tables beside `events`: which objects were read, and which records were bad.
//!
//! Neither carries correctness: `objects` saves the work of reading an object again, `quarantine` keeps what could not be
//! counted. Both drop rows that are there already, so that neither a re-run after a crash nor an importer of the same
//! objects doubles anything.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryBuilder, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int64Type;
use chrono::{DateTime, Utc};
use deltalake::kernel::Add;
use object_store::path::Path;

use crate::append::MAX_ATTEMPTS;
use crate::datafile;
use crate::encode::Rows;
use crate::error::LakeError;
use crate::object_set::ObjectSet;
use crate::reader::{each_batch, read_columns};
use crate::schema::{objects, objects_schema, quarantine, quarantine_schema};
use crate::table::{Committed, DataFile, Table};

/// An object is known by its name and entity tag: a changed object is another object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectKey {
    /// URL.
    pub name: String,
    /// Entity tag.
    pub etag: String,
}

/// One row of the `objects` table.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedObject {
    /// Which object.
    pub key: ObjectKey,
    /// Bytes as stored.
    pub size: u64,
    /// Records read.
    pub records: u64,
    /// Events with at least one new row.
    pub events: u64,
    /// Events already there.
    pub duplicates: u64,
    /// Bad records.
    pub quarantined: u64,
    /// Control messages and the like.
    pub ignored: u64,
    /// Rows written.
    pub rows: u64,
    /// Earliest and latest event time.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When it was imported.
    pub imported_at: DateTime<Utc>,
}

/// One row of the `quarantine` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// The object it was in.
    pub object: ObjectKey,
    /// Byte offset in the decoded object.
    pub byte_offset: u64,
    /// Line in the decoded object, from 1.
    pub line: u64,
    /// Position among the records of one envelope, from 0.
    pub part: u64,
    /// Class of the trouble.
    pub class: String,
    /// What was wrong.
    pub message: String,
    /// The bytes, already cut to size.
    pub raw: Vec<u8>,
    /// When it was found.
    pub quarantined_at: DateTime<Utc>,
}

type Texts = StringViewArray;
type Times = TimestampMicrosecondArray;

fn longs<T>(rows: &[T], value: impl Fn(&T) -> u64) -> ArrayRef {
    Arc::new(rows.iter().map(|row| i64::try_from(value(row)).ok()).collect::<Int64Array>())
}

fn texts<'a, T>(rows: &'a [T], value: impl Fn(&'a T) -> &'a str) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(value(row))).collect::<Texts>())
}

fn times<T>(rows: &[T], value: impl Fn(&T) -> Option<DateTime<Utc>>) -> ArrayRef {
    let micros = rows.iter().map(|row| value(row).map(|t| t.timestamp_micros()));
    Arc::new(micros.collect::<Times>().with_timezone("UTC"))
}

fn objects_batch(rows: &[ImportedObject]) -> Result<RecordBatch, LakeError> {
    let columns: Vec<ArrayRef> = vec![
        texts(rows, |o| &o.key.name),
        texts(rows, |o| &o.key.etag),
        longs(rows, |o| o.size),
        longs(rows, |o| o.records),
        longs(rows, |o| o.events),
        longs(rows, |o| o.duplicates),
        longs(rows, |o| o.quarantined),
        longs(rows, |o| o.ignored),
        longs(rows, |o| o.rows),
        times(rows, |o| o.span.map(|(first, _)| first)),
        times(rows, |o| o.span.map(|(_, last)| last)),
        times(rows, |o| Some(o.imported_at)),
        Arc::new(rows.iter().map(|_| Some(concat!("repute ", env!("CARGO_PKG_VERSION")))).collect::<Texts>()),
    ];
    Ok(RecordBatch::try_new(objects_schema(), columns)?)
}

fn quarantine_batch(rows: &[&BadRecord]) -> Result<RecordBatch, LakeError> {
    let mut raw = BinaryBuilder::new();
    rows.iter().for_each(|row| raw.append_value(&row.raw));
    let columns: Vec<ArrayRef> = vec![
        texts(rows, |r| &r.object.name),
        texts(rows, |r| &r.object.etag),
        longs(rows, |r| r.byte_offset),
        longs(rows, |r| r.line),
        longs(rows, |r| r.part),
        texts(rows, |r| &r.class),
        texts(rows, |r| &r.message),
        Arc::new(raw.finish()),
        times(rows, |r| Some(r.quarantined_at)),
    ];
    Ok(RecordBatch::try_new(quarantine_schema(), columns)?)
}

/// Appends rows of objects that were read to their end, except those that the table already has.
///
/// `looked_at` are files whose objects are not among the rows: the caller has seen them, or this wrote them. Only files
/// of other writers are read.
pub(crate) async fn record_objects(
    table: &mut Table,
    looked_at: &mut HashSet<Path>,
    rows: &[ImportedObject],
) -> Result<(), LakeError> {
    let Some(now) = rows.first().map(|row| row.imported_at) else { return Ok(()) };
    let mut known = ObjectSet::default();
    for attempt in 0..MAX_ATTEMPTS {
        look_again(table, attempt).await?;
        known.add(objects_in(table, looked_at).await?);
        let fresh: Vec<_> = rows.iter().filter(|row| !known.contains(&row.key)).cloned().collect();
        if fresh.is_empty() {
            return table.confirm().await;
        }
        let add = write(table, objects_batch(&fresh)?, now).await?;
        looked_at.insert(Path::from(add.path.as_str()));
        if append(table, add).await? == Committed::Landed {
            return Ok(());
        }
    }
    Err(LakeError::Contended { table: table.name, attempts: MAX_ATTEMPTS })
}

/// Appends bad records, except those that the table already has.
pub(crate) async fn record_bad(table: &mut Table, rows: &[BadRecord]) -> Result<(), LakeError> {
    let Some(now) = rows.first().map(|row| row.quarantined_at) else { return Ok(()) };
    let touched: HashSet<&str> = rows.iter().map(|row| row.object.name.as_str()).collect();
    let place = |r: &BadRecord| (r.object.clone(), signed(r.byte_offset), signed(r.part));
    for attempt in 0..MAX_ATTEMPTS {
        look_again(table, attempt).await?;
        let known = known_bad(table, &touched).await?;
        let fresh: Vec<&BadRecord> = rows.iter().filter(|row| !known.contains(&place(row))).collect();
        if fresh.is_empty() {
            return table.confirm().await;
        }
        let add = write(table, quarantine_batch(&fresh)?, now).await?;
        if append(table, add).await? == Committed::Landed {
            return Ok(());
        }
    }
    Err(LakeError::Contended { table: table.name, attempts: MAX_ATTEMPTS })
}

/// Appends rows to the quarantine, whatever it holds.
pub(crate) async fn append_bad(table: &mut Table, rows: &[BadRecord]) -> Result<(), LakeError> {
    let Some(now) = rows.first().map(|row| row.quarantined_at) else { return Ok(()) };
    let batch = quarantine_batch(&rows.iter().collect::<Vec<_>>())?;
    for attempt in 0..MAX_ATTEMPTS {
        look_again(table, attempt).await?;
        let add = write(table, batch.clone(), now).await?;
        if append(table, add).await? == Committed::Landed {
            return Ok(());
        }
    }
    Err(LakeError::Contended { table: table.name, attempts: MAX_ATTEMPTS })
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Before a further attempt: another writer was quicker, so what it wrote has to be seen.
async fn look_again(table: &mut Table, attempt: u32) -> Result<(), LakeError> {
    if attempt == 0 {
        return Ok(());
    }
    table.location.pauses.among_writers(attempt).await;
    table.refresh().await
}

async fn write(table: &Table, batch: RecordBatch, now: DateTime<Utc>) -> Result<Add, LakeError> {
    datafile::write(&table.log_store().object_store(None), Rows::all(batch), None, now, 1).await
}

/// Appends one file; a commit by another writer since this view was taken is a conflict.
async fn append(table: &mut Table, add: Add) -> Result<Committed, LakeError> {
    table.append(&[add], vec![format!("repute/{}", table.name)]).await
}

/// The objects in those files of the ledger that are not among `looked_at` yet; they are afterwards.
pub(crate) async fn objects_in(table: &Table, looked_at: &mut HashSet<Path>) -> Result<ObjectSet, LakeError> {
    let files: Vec<_> = table.files()?.into_iter().filter(|file| !looked_at.contains(&file.path)).collect();
    let (store, mut known) = (table.log_store().object_store(None), ObjectSet::default());
    for file in &files {
        each_batch(&store, file, &[objects::NAME, objects::ETAG], |batch| {
            let (names, etags) = (strings(batch, 0)?, strings(batch, 1)?);
            for (name, etag) in names.iter().zip(etags.iter()) {
                if let (Some(name), Some(etag)) = (name, etag) {
                    known.insert(&ObjectKey { name: name.to_owned(), etag: etag.to_owned() });
                }
            }
            Ok(())
        })
        .await?;
    }
    looked_at.extend(files.into_iter().map(|file| file.path));
    Ok(known)
}

async fn known_bad(table: &Table, touched: &HashSet<&str>) -> Result<HashSet<(ObjectKey, i64, i64)>, LakeError> {
    let mut known = HashSet::new();
    let columns = [quarantine::OBJECT, quarantine::ETAG, quarantine::BYTE_OFFSET, quarantine::PART];
    for batch in read(table, &table.files()?, &columns).await? {
        let (names, etags) = (strings(&batch, 0)?, strings(&batch, 1)?);
        let offsets = batch.column(2).as_primitive::<Int64Type>().clone();
        let parts = batch.column(3).as_primitive::<Int64Type>().clone();
        for row in 0..batch.num_rows() {
            if touched.contains(names.value(row)) {
                let key = ObjectKey { name: names.value(row).to_owned(), etag: etags.value(row).to_owned() };
                known.insert((key, offsets.value(row), parts.value(row)));
            }
        }
    }
    Ok(known)
}

fn strings(batch: &RecordBatch, index: usize) -> Result<StringViewArray, LakeError> {
    let array = arrow::compute::cast(batch.column(index), &arrow::datatypes::DataType::Utf8View)?;
    Ok(array.as_string_view().clone())
}

/// Reads some columns of some files, in the given order (which is the order of the schema).
pub(crate) async fn read(table: &Table, files: &[DataFile], columns: &[&str]) -> Result<Vec<RecordBatch>, LakeError> {
    let store = table.log_store().object_store(None);
    let mut batches = Vec::new();
    for file in files {
        batches.extend(read_columns(&store, file, columns, |_| true).await?);
    }
    Ok(batches)
}

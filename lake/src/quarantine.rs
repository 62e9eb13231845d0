//! Bad records that were kept: reading them again, and marking those that have been made good.
//!
//! The table only grows. A record that was made good gets a second row with its key (object, entity tag, offset, part) and the class
//! [`RESOLVED`]; the first row stays, so that an import that meets the same bytes again does not keep them twice.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, Utc};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::LakeError;
use crate::ledger::{self, BadRecord, ObjectKey};
use crate::reader::read_columns;
use crate::schema::quarantine::{BYTE_OFFSET, CLASS, ETAG, LINE, MESSAGE, OBJECT, PART, QUARANTINED_AT, RAW, RESOLVED};
use crate::table::Table;

/// A bad record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRecord {
    /// Sixteen hexadecimal digits made of the record's key.
    pub id: String,
    /// The record; its bytes are empty if they were not asked for.
    pub record: BadRecord,
    /// When it was made good, and what became of it.
    pub resolved: Option<(DateTime<Utc>, String)>,
}

/// What became of a bad record that was made good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The record; its bytes are not written again.
    pub record: BadRecord,
    /// What became of it.
    pub outcome: String,
}

fn id(record: &BadRecord) -> String {
    format!("{:016x}", record_number(record))
}

/// The number made of a record's key, of which its id is the spelling.
pub(crate) fn record_number(record: &BadRecord) -> u64 {
    number(&record.object.name, &record.object.etag, record.byte_offset, record.part)
}

/// The same from the parts of the key.
pub(crate) fn number(object: &str, etag: &str, byte_offset: u64, part: u64) -> u64 {
    xxh3_64(format!("{object}\0{etag}\0{byte_offset}\0{part}").as_bytes())
}

/// Every bad record, ordered by when it was found, object and place.
pub(crate) async fn kept(table: &Table, with_raw: bool) -> Result<Vec<KeptRecord>, LakeError> {
    let mut columns = vec![OBJECT, ETAG, BYTE_OFFSET, LINE, PART, CLASS, MESSAGE];
    columns.extend(with_raw.then_some(RAW));
    columns.push(QUARANTINED_AT);
    let store = table.log_store().object_store(None);
    let (mut records, mut resolved) = (HashMap::new(), HashMap::new());
    for file in table.files()? {
        for batch in read_columns(&store, &file, &columns, |_| true).await? {
            for record in rows(&batch)? {
                let id = id(&record);
                if record.class == RESOLVED {
                    resolved.insert(id, (record.quarantined_at, record.message));
                } else {
                    records.entry(id).or_insert(record);
                }
            }
        }
    }
    let mut kept: Vec<KeptRecord> =
        records.into_iter().map(|(id, record)| KeptRecord { resolved: resolved.remove(&id), id, record }).collect();
    kept.sort_by(|a, b| place(&a.record).cmp(&place(&b.record)));
    Ok(kept)
}

fn place(record: &BadRecord) -> (DateTime<Utc>, &str, u64, u64) {
    (record.quarantined_at, &record.object.name, record.byte_offset, record.part)
}

/// Writes a resolving row for each record that has none yet.
pub(crate) async fn resolve(table: &mut Table, resolved: Vec<Resolution>, now: DateTime<Utc>) -> Result<(), LakeError> {
    table.refresh().await?;
    let known = kept(table, false).await?;
    let done: HashSet<String> = known.into_iter().filter(|kept| kept.resolved.is_some()).map(|kept| kept.id).collect();
    let fresh = resolved.into_iter().filter(|resolution| !done.contains(&id(&resolution.record)));
    let rows: Vec<BadRecord> = fresh
        .map(|Resolution { record, outcome }| BadRecord {
            class: RESOLVED.to_owned(),
            message: outcome,
            raw: Vec::new(),
            quarantined_at: now,
            ..record
        })
        .collect();
    ledger::append_bad(table, &rows).await
}

pub(crate) fn rows(batch: &RecordBatch) -> Result<Vec<BadRecord>, LakeError> {
    let text = |name: &str| -> Result<Vec<String>, LakeError> {
        let column = batch.column_by_name(name).ok_or_else(|| absent(name))?;
        let column = arrow::compute::cast(column, &DataType::Utf8)?;
        Ok(column.as_string::<i32>().iter().map(|value| value.unwrap_or_default().to_owned()).collect())
    };
    let number = |name: &str| -> Result<Vec<u64>, LakeError> {
        let column =
            batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>()).ok_or_else(|| absent(name))?;
        Ok(column.iter().map(|value| value.and_then(|v| u64::try_from(v).ok()).unwrap_or_default()).collect())
    };
    let (objects, etags, classes, messages) = (text(OBJECT)?, text(ETAG)?, text(CLASS)?, text(MESSAGE)?);
    let (offsets, lines, parts) = (number(BYTE_OFFSET)?, number(LINE)?, number(PART)?);
    let times = batch
        .column_by_name(QUARANTINED_AT)
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| absent(QUARANTINED_AT))?;
    // Other writers may have kept bytes in another of Arrow's forms.
    let raw = batch.column_by_name(RAW).map(|column| arrow::compute::cast(column, &DataType::Binary)).transpose()?;
    let raw = raw.as_ref().and_then(|column| column.as_binary_opt::<i32>());
    let record = |row: usize| BadRecord {
        object: ObjectKey { name: objects[row].clone(), etag: etags[row].clone() },
        byte_offset: offsets[row],
        line: lines[row],
        part: parts[row],
        class: classes[row].clone(),
        message: messages[row].clone(),
        raw: raw.filter(|raw| raw.is_valid(row)).map(|raw| raw.value(row).to_vec()).unwrap_or_default(),
        quarantined_at: DateTime::from_timestamp_micros(times.value(row)).unwrap_or_default(),
    };
    Ok((0..batch.num_rows()).map(record).collect())
}

fn absent(name: &str) -> LakeError {
    LakeError::Arrow(arrow::error::ArrowError::SchemaError(format!("the quarantine has no column `{name}`")))
}

//! What all imports into a lake have done together, by its ledger.

use arrow::array::AsArray;
use arrow::compute::{max, sum};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, Utc};

use crate::error::LakeError;
use crate::ledger::read;
use crate::schema::objects;
use crate::table::Table;

/// Sums over all objects that were imported. `records` = `events` + `duplicates` + `quarantined` + `ignored`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportTotals {
    /// Objects.
    pub objects: u64,
    /// Their bytes as stored.
    pub bytes: u64,
    /// Records read.
    pub records: u64,
    /// Events of which at least one row was new.
    pub events: u64,
    /// Events all of whose rows were there already.
    pub duplicates: u64,
    /// Bad records.
    pub quarantined: u64,
    /// Control messages and the like.
    pub ignored: u64,
    /// When the last object was imported.
    pub last_import: Option<DateTime<Utc>>,
}

/// One object that was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentImport {
    /// When.
    pub at: DateTime<Utc>,
    /// Records read.
    pub records: u64,
    /// Bad ones among them.
    pub quarantined: u64,
}

/// What was imported from here on.
pub(crate) async fn since(ledger: &Table, since: DateTime<Utc>) -> Result<Vec<RecentImport>, LakeError> {
    let mut found = Vec::new();
    let columns = [objects::IMPORTED_AT, objects::RECORDS, objects::QUARANTINED];
    for batch in read(ledger, &ledger.files()?, &columns).await? {
        // The reader keeps the order of the schema.
        let times =
            batch.column_by_name(objects::IMPORTED_AT).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let number = |name| batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let (Some(times), Some(records), Some(bad)) = (times, number(objects::RECORDS), number(objects::QUARANTINED))
        else {
            continue;
        };
        for row in 0..batch.num_rows() {
            let at = DateTime::from_timestamp_micros(times.value(row)).unwrap_or_default();
            let count = |value: i64| u64::try_from(value).unwrap_or_default();
            let import = RecentImport { at, records: count(records.value(row)), quarantined: count(bad.value(row)) };
            found.extend((at >= since).then_some(import));
        }
    }
    Ok(found)
}

/// Columns that are summed, in the order of the schema, before the time of the import.
const SUMMED: [&str; 6] =
    [objects::SIZE, objects::RECORDS, objects::EVENTS, objects::DUPLICATES, objects::QUARANTINED, objects::IGNORED];

/// Sums over the ledger.
pub(crate) async fn totals(ledger: &Table) -> Result<ImportTotals, LakeError> {
    let mut totals = ImportTotals::default();
    let columns: Vec<&str> = SUMMED.into_iter().chain([objects::IMPORTED_AT]).collect();
    for batch in read(ledger, &ledger.files()?, &columns).await? {
        let column = |index: usize| {
            let sum = batch.column(index).as_primitive_opt::<Int64Type>().and_then(sum);
            sum.and_then(|sum| u64::try_from(sum).ok()).unwrap_or_default()
        };
        totals.objects += batch.num_rows() as u64;
        totals.bytes += column(0);
        totals.records += column(1);
        totals.events += column(2);
        totals.duplicates += column(3);
        totals.quarantined += column(4);
        totals.ignored += column(5);
        let newest = batch.column(SUMMED.len()).as_primitive_opt::<TimestampMicrosecondType>().and_then(max);
        totals.last_import = totals.last_import.max(newest.and_then(DateTime::from_timestamp_micros));
    }
    Ok(totals)
}

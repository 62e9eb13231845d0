//! Days on the disk: a file for each date, and an index that says which data files each was counted from.
//!
//! ```text
//! rollups/KEY/2026-10-31-CHECKSUM.parquet   clock, time, scope, cell, rows          KEY: what the rows are counted by
//! rollups/KEY/index-CHECKSUM.parquet        date, clock, time (a day), scope, cell, rows; data files of each date
//! ```
//! Names of scopes, and what else is known, lie in the schema's metadata as JSON.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Date32Array, Int8Array, Int16Array, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{Date32Type, Int8Type, Int16Type, Int64Type, Schema, UInt32Type};
use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};

use super::day::{Count, Counts, Day, Facts, Scope, Scopes, Sums};

/// Key of the metadata.
const META: &str = "repute.rollup";

/// A date in the index.
#[derive(Debug, Clone)]
pub(super) struct Indexed {
    /// Names of the data files that were counted.
    pub(super) files: BTreeSet<String>,
    pub(super) facts: Facts,
    /// Its file.
    pub(super) day: String,
    pub(super) sums: Arc<Sums>,
}

/// Columns of counts.
#[derive(Default)]
struct Columns {
    clock: Vec<i8>,
    time: Vec<i64>,
    scope: Vec<u32>,
    cell: Vec<i16>,
    rows: Vec<i64>,
}

impl Columns {
    fn add(&mut self, clock: i8, counts: impl Iterator<Item = Count>) {
        for Count { scope, cell, time, rows } in counts {
            self.clock.push(clock);
            self.time.push(time);
            self.scope.push(scope);
            self.cell.push(cell);
            self.rows.push(i64::try_from(rows).unwrap_or(i64::MAX));
        }
    }

    fn arrays(self) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("clock", Arc::new(Int8Array::from(self.clock))),
            ("time", Arc::new(Int64Array::from(self.time))),
            ("scope", Arc::new(UInt32Array::from(self.scope))),
            ("cell", Arc::new(Int16Array::from(self.cell))),
            ("rows", Arc::new(Int64Array::from(self.rows))),
        ]
    }
}

/// Clock numbers in the files.
const HAPPENED: i8 = 0;
const SENT: i8 = 1;
const REPORTS: i8 = 2;

fn batch(columns: Vec<(&'static str, ArrayRef)>, meta: &Value) -> Option<RecordBatch> {
    let batch = RecordBatch::try_from_iter(columns).ok()?;
    let metadata = HashMap::from([(META.to_owned(), meta.to_string())]);
    let schema = Schema::new_with_metadata(batch.schema().fields().clone(), metadata);
    batch.with_schema(Arc::new(schema)).ok()
}

fn meta(batch: &RecordBatch) -> Option<Value> {
    serde_json::from_str(batch.schema_ref().metadata().get(META)?).ok()
}

fn scopes_json(scopes: &[Scope]) -> Value {
    scopes.iter().map(|(account, set)| json!([account, set])).collect()
}

fn scopes_of(value: &Value) -> Option<Vec<Scope>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let scope = |pair: &Value| Some((text(pair.get(0)?), text(pair.get(1)?)));
    value.as_array()?.iter().map(scope).collect()
}

fn facts_of(value: &Value) -> Option<Facts> {
    Some(Facts { newest: value.get("newest")?.as_i64()?, sends_at_once: value.get("sends_at_once")?.as_bool()? })
}

/// A day as it is written.
pub(super) fn encode_day(day: &Day) -> Option<RecordBatch> {
    let mut columns = Columns::default();
    columns.add(HAPPENED, day.happened.iter());
    columns.add(SENT, day.sent.iter());
    columns.add(REPORTS, day.reports.iter());
    let Facts { newest, sends_at_once } = day.facts;
    let meta = json!({"scopes": scopes_json(&day.scopes), "newest": newest, "sends_at_once": sends_at_once});
    batch(columns.arrays(), &meta)
}

/// A day as it was written; nothing where it is not one.
pub(super) fn decode_day(batch: &RecordBatch) -> Option<Day> {
    let meta = meta(batch)?;
    let scopes = scopes_of(meta.get("scopes")?)?;
    let [happened, sent, reports] = counts_of(batch, 0, 0..batch.num_rows(), scopes.len())?;
    Some(Day { scopes, happened, sent, reports, facts: facts_of(&meta)? })
}

/// The counts of some rows by clock; `first` is the number of the clock's column.
fn counts_of(batch: &RecordBatch, first: usize, rows: std::ops::Range<usize>, scopes: usize) -> Option<[Counts; 3]> {
    let clock = batch.column(first).as_primitive_opt::<Int8Type>()?;
    let time = batch.column(first + 1).as_primitive_opt::<Int64Type>()?;
    let scope = batch.column(first + 2).as_primitive_opt::<UInt32Type>()?;
    let cell = batch.column(first + 3).as_primitive_opt::<Int16Type>()?;
    let number = batch.column(first + 4).as_primitive_opt::<Int64Type>()?;
    let mut counts = [Vec::new(), Vec::new(), Vec::new()];
    for row in rows {
        let of_clock = counts.get_mut(usize::try_from(clock.value(row)).ok()?)?;
        let rows = u64::try_from(number.value(row)).ok()?;
        let scope = Some(scope.value(row)).filter(|scope| (*scope as usize) < scopes)?;
        of_clock.push(Count { scope, cell: cell.value(row), time: time.value(row), rows });
    }
    Some(counts.map(Counts::of))
}

/// The index as it is written.
pub(super) fn encode_index(index: &BTreeMap<NaiveDate, Indexed>) -> Option<RecordBatch> {
    let (mut dates, mut columns, mut scopes) = (Vec::new(), Columns::default(), Scopes::default());
    let mut entries = Vec::new();
    for (date, entry) in index {
        let numbers: Vec<u32> = entry.sums.scopes.iter().map(|scope| scopes.number(scope)).collect();
        let numbered = |count: Count| Count { scope: numbers[count.scope as usize], ..count };
        columns.add(HAPPENED, entry.sums.happened.iter().map(numbered));
        columns.add(SENT, entry.sums.sent.iter().map(numbered));
        dates.resize(columns.clock.len(), days_since_epoch(*date));
        let Facts { newest, sends_at_once } = entry.facts;
        entries.push(json!({
            "date": date, "files": entry.files, "day": entry.day, "newest": newest, "sends_at_once": sends_at_once,
        }));
    }
    let mut arrays: Vec<(&'static str, ArrayRef)> = vec![("date", Arc::new(Date32Array::from(dates)))];
    arrays.extend(columns.arrays());
    batch(arrays, &json!({"scopes": scopes_json(&scopes.list), "dates": entries}))
}

/// The index as it was written; nothing where it is not one.
pub(super) fn decode_index(batch: &RecordBatch) -> Option<BTreeMap<NaiveDate, Indexed>> {
    let meta = meta(batch)?;
    let scopes = scopes_of(meta.get("scopes")?)?;
    let dates = batch.column(0).as_primitive_opt::<Date32Type>()?;
    let mut index = BTreeMap::new();
    let mut row = 0;
    for entry in meta.get("dates")?.as_array()? {
        let date: NaiveDate = entry.get("date")?.as_str()?.parse().ok()?;
        let from = row;
        while row < dates.len() && dates.value(row) == days_since_epoch(date) {
            row += 1;
        }
        let [happened, sent, _] = counts_of(batch, 1, from..row, scopes.len())?;
        let files = entry.get("files")?.as_array()?.iter();
        let indexed = Indexed {
            files: files.map(|file| file.as_str().map(str::to_owned)).collect::<Option<_>>()?,
            facts: facts_of(entry)?,
            day: entry.get("day")?.as_str()?.to_owned(),
            sums: Arc::new(Sums { scopes: scopes.clone(), happened, sent }),
        };
        index.insert(date, indexed);
    }
    Some(index)
}

fn days_since_epoch(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - NaiveDate::default().num_days_from_ce()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_index_survive() {
        let count = |scope, cell, time, rows| Count { scope, cell, time, rows };
        let day = Day {
            scopes: vec![(Some("1".to_owned()), None), (None, Some("größe \"x\"".to_owned()))],
            happened: Counts::of(vec![count(0, 3, 60_000_000, 5), count(1, 79, -60_000_000, 1)]),
            sent: Counts::of(vec![count(1, 0, 0, 1)]),
            reports: Counts::of(vec![count(1, 8, 123_456, 2)]),
            facts: Facts { newest: 99, sends_at_once: false },
        };
        assert_eq!(decode_day(&encode_day(&day).unwrap()).unwrap(), day);
        assert_eq!(decode_day(&encode_day(&Day::default()).unwrap()).unwrap(), Day::default());

        let entry = Indexed {
            files: ["a", "b"].map(str::to_owned).into(),
            facts: day.facts,
            day: "2026-10-31-0.parquet".to_owned(),
            sums: Arc::new(day.sums()),
        };
        let date = |day| NaiveDate::from_ymd_opt(2026, 10, day).unwrap();
        let index = BTreeMap::from([(date(1), entry.clone()), (date(31), entry)]);
        let back = decode_index(&encode_index(&index).unwrap()).unwrap();
        assert_eq!(back.len(), 2);
        assert_eq!(back[&date(31)].files, index[&date(31)].files);
        assert_eq!(back[&date(31)].facts, day.facts);
        assert_eq!(back[&date(1)].sums.happened, day.sums().happened);
    }
}

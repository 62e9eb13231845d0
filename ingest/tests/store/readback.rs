//! What is in a lake, read without its own code: the log's JSON entries line by line, and plain Parquet.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::dump::{Bad, Dump, Row};

/// The active rows of the three tables.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) events: Vec<Row>,
    pub(crate) objects: Vec<String>,
    pub(crate) bad: Vec<Bad>,
}

pub(crate) const LAKE: &str = "lake";

/// Reads all tables. The ledger first: while importers run, it must not be ahead of the events.
pub(crate) async fn contents(store: &InMemory) -> Contents {
    let objects = active(store, "objects").await;
    let quarantine = active(store, "quarantine").await;
    let events = active(store, "events").await;
    let mut contents = Contents::default();
    for batch in rows(store, &objects).await {
        contents.objects.extend(texts(&batch, "name"));
    }
    for batch in rows(store, &quarantine).await {
        let offsets = batch.column_by_name("byte_offset").unwrap().as_primitive::<Int64Type>().values().to_vec();
        contents.bad.extend(texts(&batch, "object").into_iter().zip(offsets));
    }
    for batch in rows(store, &events).await {
        contents.events.extend(texts(&batch, "message_id").into_iter().zip(texts(&batch, "recipient")));
    }
    contents
}

/// Active files of a table with their row counts by the log.
async fn active(store: &InMemory, table: &str) -> BTreeMap<String, u64> {
    let log = Path::from(format!("{LAKE}/{table}/_delta_log"));
    let mut entries: Vec<Path> =
        store.list(Some(&log)).map_ok(|meta| meta.location).try_collect().await.expect("the store in memory lists");
    entries.retain(|path| path.as_ref().ends_with(".json"));
    entries.sort();
    let mut files = BTreeMap::new();
    let mut added = BTreeSet::new();
    for (path, version) in entries.iter().zip(0_u64..) {
        assert!(path.as_ref().ends_with(&format!("/{version:020}.json")), "a gap in the log before {path}");
        let bytes = store.get(path).await.unwrap().bytes().await.unwrap();
        for line in bytes.split(|byte| *byte == b'\n') {
            let action: Value = serde_json::from_slice(line).unwrap();
            if let Some(add) = action.get("add") {
                let name = add["path"].as_str().unwrap().to_owned();
                assert!(added.insert(name.clone()), "{table}: `{name}` was added twice");
                let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
                files.insert(format!("{LAKE}/{table}/{name}"), stats["numRecords"].as_u64().unwrap());
            }
            assert!(action.get("metaData").is_none() || version == 0, "{table}: a second schema in version {version}");
            if let Some(remove) = action.get("remove") {
                let name = remove["path"].as_str().unwrap();
                assert_eq!(remove["dataChange"], false, "{table}: rows are only moved");
                assert!(
                    files.remove(&format!("{LAKE}/{table}/{name}")).is_some(),
                    "{table}: `{name}` was removed twice"
                );
            }
        }
    }
    files
}

async fn rows(store: &InMemory, files: &BTreeMap<String, u64>) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for (path, counted) in files {
        let bytes: Bytes = store.get(&Path::from(path.as_str())).await.unwrap().bytes().await.unwrap();
        let read = parquet(bytes);
        assert_eq!(read.iter().map(|batch| batch.num_rows() as u64).sum::<u64>(), *counted, "{path}");
        batches.extend(read);
    }
    batches
}

fn parquet(bytes: Bytes) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
    reader.collect::<Result<_, _>>().unwrap()
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<String> {
    let column = arrow::compute::cast(batch.column_by_name(column).unwrap(), &DataType::Utf8).unwrap();
    column.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect()
}

/// The rows in the files of a snapshot: nothing twice, nothing that is not in the dump.
pub(crate) async fn check_snapshot(store: &InMemory, files: &BTreeSet<String>, dump: &Dump) -> Result<(), Wrong> {
    let mut found = Vec::new();
    for file in files {
        let path = Path::from(format!("{LAKE}/events/{file}"));
        let bytes = store.get(&path).await.map_err(|e| format!("`{file}` of a snapshot: {e}"))?.bytes().await.unwrap();
        for batch in parquet(bytes) {
            found.extend(texts(&batch, "message_id").into_iter().zip(texts(&batch, "recipient")));
        }
    }
    within("row", &unique("row", &found)?, &dump.rows())
}

/// What is wrong with a lake, in words.
pub(crate) type Wrong = String;

impl Contents {
    /// At any moment: nothing twice, nothing that is not in the dump, no object noted before its rows and bad records.
    pub(crate) fn check_law(&self, dump: &Dump) -> Result<(), Wrong> {
        let events = unique("row", &self.events)?;
        let objects = unique("object", &self.objects)?;
        let bad = unique("bad record", &self.bad)?;
        within("row", &events, &dump.rows())?;
        within("bad record", &bad, &dump.bad())?;
        for object in &dump.objects {
            if objects.contains(&object.name) {
                within("row of a noted object", &object.rows, &events)?;
                within("bad record of a noted object", &object.bad, &bad)?;
            }
        }
        Ok(())
    }

    /// In the end: all of the dump, once.
    pub(crate) fn check_whole(&self, dump: &Dump) -> Result<(), Wrong> {
        self.check_law(dump)?;
        within("row of the dump", &dump.rows(), &self.events.iter().cloned().collect())?;
        within("bad record of the dump", &dump.bad(), &self.bad.iter().cloned().collect())?;
        within("object of the dump", &dump.names(), &self.objects.iter().cloned().collect())
    }
}

fn unique<T: Ord + Clone + std::fmt::Debug>(what: &str, all: &[T]) -> Result<BTreeSet<T>, Wrong> {
    let mut seen = BTreeSet::new();
    for one in all {
        if !seen.insert(one.clone()) {
            return Err(format!("{what} {one:?} is there twice"));
        }
    }
    Ok(seen)
}

fn within<T: Ord + std::fmt::Debug>(what: &str, part: &BTreeSet<T>, whole: &BTreeSet<T>) -> Result<(), Wrong> {
    match part.difference(whole).next() {
        Some(one) => Err(format!("{what} {one:?} is missing")),
        None => Ok(()),
    }
}

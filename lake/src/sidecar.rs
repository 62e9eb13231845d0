//! Small tables beside the lake's own that can be made anew from them at any time: what it holds, counted once and kept.
//!
//! They lie in `<lake>/rollups/KEY/` as Parquet files whose names carry the checksum of their bytes. A file is written once and
//! never changed, so writers need no agreement, and a file that is damaged or gone is as good as one that was never there.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;

use crate::datafile::checksum;
use crate::error::LakeError;
use crate::store::Location;

pub(crate) const FOLDER: &str = "rollups";

/// Files of a key under which nothing was written for so long are removed.
const UNUSED: TimeDelta = TimeDelta::days(30);

/// The files below one key.
#[derive(Debug, Clone)]
pub struct Sidecars {
    store: Arc<dyn ObjectStore>,
    key: String,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// `KIND-CHECKSUM.parquet`.
    pub name: String,
    /// When it was written, by the store's clock.
    pub written: DateTime<Utc>,
    /// Bytes.
    pub size: u64,
}

impl Sidecars {
    pub(crate) fn open(location: &Location, key: &str) -> std::result::Result<Self, LakeError> {
        Ok(Self { store: location.log_store(FOLDER)?.object_store(None), key: key.to_owned() })
    }

    /// What there is, in no order; nothing where the store cannot be asked.
    pub async fn list(&self) -> Vec<Sidecar> {
        let listed = self.store.list(Some(&Path::from(self.key.as_str())));
        let named = |meta: object_store::ObjectMeta| {
            let name = meta.location.filename()?.to_owned();
            Some(Sidecar { name, written: meta.last_modified, size: meta.size })
        };
        match listed.try_collect::<Vec<_>>().await {
            Ok(found) => found.into_iter().filter_map(named).collect(),
            Err(error) => {
                tracing::debug!(%error, "cannot list the rollups");
                Vec::new()
            }
        }
    }

    /// The rows of a file; nothing where it is gone or not what was written.
    pub async fn read(&self, name: &str) -> Option<RecordBatch> {
        let bytes = self.store.get(&self.path(name)).await.ok()?.bytes().await.ok()?;
        if name.rsplit_once('-').map(|(_, sum)| sum) != Some(format!("{}.parquet", checksum(&bytes)).as_str()) {
            tracing::warn!(name, "a rollup is damaged and will be made anew");
            return None;
        }
        decode(bytes).map_err(|error| tracing::debug!(name, %error, "cannot read a rollup")).ok()
    }

    /// Writes rows, and says under which name.
    pub async fn write(&self, kind: &str, rows: &RecordBatch) -> std::result::Result<String, LakeError> {
        let bytes = encode(rows).map_err(|e| LakeError::of_file(kind, Box::new(e)))?;
        let name = format!("{kind}-{}.parquet", checksum(&bytes));
        let put = self.store.put(&self.path(&name), bytes.into()).await;
        put.map_err(|e| LakeError::of_file(&name, Box::new(e)))?;
        Ok(name)
    }

    /// Removes files, as far as that is possible.
    pub async fn remove(&self, names: &[&str]) {
        for name in names {
            let _ = self.store.delete(&self.path(name)).await;
        }
    }

    /// Removes what lies under other keys and has not been used for long.
    pub async fn remove_unused(&self, now: DateTime<Utc>) {
        let Ok(all) = self.store.list(None).try_collect::<Vec<_>>().await else { return };
        let mut newest: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
        let key = |path: &Path| path.parts().next().map(|part| part.as_ref().to_owned()).unwrap_or_default();
        for file in &all {
            let of_key = newest.entry(key(&file.location)).or_insert(file.last_modified);
            *of_key = file.last_modified.max(*of_key);
        }
        let is_unused = |key: &String| *key != self.key && newest.get(key).is_some_and(|time| *time < now - UNUSED);
        let unused: Vec<&Path> = all.iter().map(|file| &file.location).filter(|path| is_unused(&key(path))).collect();
        for path in unused {
            let _ = self.store.delete(path).await;
        }
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.key))
    }
}

fn encode(rows: &RecordBatch) -> Result<Vec<u8>> {
    let compression = Compression::ZSTD(ZstdLevel::try_new(1)?);
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties))?;
    writer.write(rows)?;
    writer.into_inner()
}

fn decode(bytes: Bytes) -> Result<RecordBatch> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let schema = Arc::clone(builder.schema());
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
    let batches = builder.with_batch_size(rows.max(1)).build()?.collect::<std::result::Result<Vec<_>, _>>()?;
    concat_batches(&schema, &batches).map_err(ParquetError::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow::array::Int64Array;
    use object_store::memory::InMemory;

    use super::*;

    fn rows(values: Vec<i64>) -> RecordBatch {
        RecordBatch::try_from_iter([("value", Arc::new(Int64Array::from(values)) as _)]).unwrap()
    }

    #[tokio::test]
    async fn what_is_damaged_is_not_there() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let location = Location::on_store("lake", Arc::clone(&store), Duration::ZERO).unwrap();
        let sidecars = Sidecars::open(&location, "k").unwrap();
        let name = sidecars.write("day", &rows(vec![1, 2, 3])).await.unwrap();
        assert_eq!(sidecars.list().await.len(), 1);
        assert_eq!(sidecars.read(&name).await, Some(rows(vec![1, 2, 3])));
        let empty = sidecars.write("day", &rows(vec![])).await.unwrap();
        assert_eq!(sidecars.read(&empty).await, Some(rows(vec![])));

        let path = sidecars.path(&name);
        let mut bytes = sidecars.store.get(&path).await.unwrap().bytes().await.unwrap().to_vec();
        bytes[10] ^= 1;
        sidecars.store.put(&path, bytes.into()).await.unwrap();
        assert_eq!(sidecars.read(&name).await, None);
        sidecars.remove(&[name.as_str()]).await;
        assert_eq!(sidecars.read(&name).await, None);
    }
}

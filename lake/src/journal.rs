//! Notes of what was done to a lake, each a small file of its own in a folder beside the tables: written once, never changed.
//!
//! Nothing rests on them. Names begin with a time, so that their order is that of what they tell.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};

use crate::error::LakeError;
use crate::store::Location;

/// The folder; no table has its name, and no reader of tables looks into it.
pub(crate) const FOLDER: &str = "journal";

/// So many notes are kept, the newest.
const KEPT: usize = 200;

/// The notes beside a lake.
#[derive(Debug, Clone)]
pub struct Journal {
    store: Arc<dyn ObjectStore>,
    place: String,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalNote {
    /// Its name, which is never given twice.
    pub name: String,
    /// What was written.
    pub bytes: Bytes,
}

impl Journal {
    /// The journal of a lake. Nothing is made or read yet.
    ///
    /// # Errors
    /// [`LakeError::Table`] where the place is none.
    pub fn open(location: &Location) -> Result<Self, LakeError> {
        let place = format!("{}/{FOLDER}", location.to_string().trim_end_matches('/'));
        Ok(Self { store: location.log_store(FOLDER)?.object_store(None), place })
    }

    /// Writes a note about what ended at `at`, and removes the oldest ones beyond those that are kept.
    ///
    /// # Errors
    /// [`LakeError::Disk`] and [`LakeError::Beside`].
    pub async fn write(&self, at: DateTime<Utc>, bytes: Vec<u8>) -> Result<(), LakeError> {
        let name = format!("{}-{:08x}.json", at.format("%Y%m%dT%H%M%S%.6fZ"), uuid::Uuid::new_v4().as_fields().0);
        self.store.put(&Path::from(name), bytes.into()).await.map_err(|error| self.failed("write", error))?;
        let names = self.names().await?;
        for name in names.iter().skip(KEPT) {
            // Whoever writes next tries again.
            let _ = self.store.delete(&Path::from(name.as_str())).await;
        }
        Ok(())
    }

    /// Names of the notes, newest first.
    ///
    /// # Errors
    /// [`LakeError::Beside`].
    pub async fn names(&self) -> Result<Vec<String>, LakeError> {
        let listed: Vec<_> = self.store.list(None).try_collect().await.map_err(|error| self.failed("list", error))?;
        let mut names: Vec<String> = listed.into_iter().map(|meta| meta.location.to_string()).collect();
        names.retain(|name| name.ends_with(".json"));
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names)
    }

    /// The note of this name; nothing where it has been removed meanwhile.
    ///
    /// # Errors
    /// [`LakeError::Beside`].
    pub async fn read(&self, name: &str) -> Result<Option<JournalNote>, LakeError> {
        let found = match self.store.get(&Path::from(name)).await {
            Ok(found) => found.bytes().await,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed("read", error)),
        };
        let bytes = found.map_err(|error| self.failed("read", error))?;
        Ok(Some(JournalNote { name: name.to_owned(), bytes }))
    }

    fn failed(&self, what: &'static str, error: Error) -> LakeError {
        match crate::disk::DiskError::behind(&error) {
            Some(disk) => LakeError::of_disk(disk),
            None => LakeError::Beside { what, place: self.place.clone(), source: Box::new(error) },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn the_newest_notes_are_kept() {
        let location = Location::on_store("lake", Arc::new(InMemory::new()), Duration::ZERO).unwrap();
        let journal = Journal::open(&location).unwrap();
        assert_eq!(journal.names().await.unwrap(), Vec::<String>::new());
        let start: DateTime<Utc> = "2026-10-05T12:00:00Z".parse().unwrap();
        for minute in 0..203 {
            journal.write(start + TimeDelta::minutes(minute), minute.to_string().into_bytes()).await.unwrap();
        }
        let names = journal.names().await.unwrap();
        assert_eq!(names.len(), KEPT);
        let read = async |name: &str| journal.read(name).await.unwrap().map(|note| note.bytes);
        assert_eq!(read(&names[0]).await.unwrap(), "202");
        assert_eq!(read(&names[KEPT - 1]).await.unwrap(), "3");
        assert_eq!(read("nothing.json").await, None);
    }
}

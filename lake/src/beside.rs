//! Small documents of the lake's users, in a folder beside its tables: each is replaced as a whole or stays as it was.
//!
//! A local lake has a lock for whoever reads a document, acts on it and writes it again; a remote one has conditional writes, so
//! that of two who read the same version one is refused.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};

use crate::disk::DiskError;
use crate::error::LakeError;
use crate::store::Location;

/// The folder; no table has its name, and no reader of tables looks into it.
pub(crate) const FOLDER: &str = "alerts";

/// The lock of a document; that of the first one, `state.json`, is held while messages are sent.
fn lock(name: &str) -> String {
    match name {
        "state.json" => ".lock".to_owned(),
        name => format!(".{name}.lock"),
    }
}

/// How often a lock that is taken is tried again.
const STEP: Duration = Duration::from_millis(50);

/// A document beside a lake.
#[derive(Debug, Clone)]
pub struct Document {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// Where it is, for people.
    place: String,
    /// The folder of a local lake.
    directory: Option<PathBuf>,
    /// The name of its lock there.
    lock: String,
}

/// Which version of a document was read or written.
#[derive(Debug, Clone, Default)]
pub struct DocumentVersion(Option<UpdateVersion>);

/// Whether a document is held.
#[derive(Debug)]
pub enum Hold {
    /// It is, until this is dropped or the process ends, however it ends.
    Held(DocumentLock),
    /// Nothing can be held: a remote lake, or a file system that gives no lock.
    Lockless,
    /// Somebody else holds it.
    Taken,
}

/// A lock that the kernel takes back when its holder ends.
#[derive(Debug)]
pub struct DocumentLock(#[expect(dead_code, reason = "held, not used")] File);

impl Document {
    /// The document of this name beside a lake. Nothing is made or read yet.
    ///
    /// # Errors
    /// [`LakeError::Table`] where the place is none.
    pub fn new(location: &Location, name: &str) -> Result<Self, LakeError> {
        let place = format!("{}/{FOLDER}/{name}", location.to_string().trim_end_matches('/'));
        let store = location.log_store(FOLDER)?.object_store(None);
        let directory = location.directory().map(|lake| lake.join(FOLDER));
        Ok(Self { store, path: Path::from(name), place, directory, lock: lock(name) })
    }

    /// Where it is, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether it lies in a bucket, where two can be kept apart by conditional writes only.
    pub fn is_remote(&self) -> bool {
        self.directory.is_none()
    }

    /// The document as it is now, if there is one.
    ///
    /// # Errors
    /// [`LakeError::Beside`].
    pub async fn read(&self) -> Result<(Option<Bytes>, DocumentVersion), LakeError> {
        let found = match self.store.get(&self.path).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok((None, DocumentVersion::default())),
            Err(error) => return Err(self.failed("read", error)),
        };
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let bytes = found.bytes().await.map_err(|error| self.failed("read", error))?;
        Ok((Some(bytes), DocumentVersion(Some(version))))
    }

    /// Replaces the version that was read, and says which it is now. Nothing if somebody else has replaced it since; a local
    /// document is not asked, whoever writes it holds it.
    ///
    /// # Errors
    /// [`LakeError::Disk`] and [`LakeError::Beside`]: then it is as it was, or the new one.
    pub async fn replace(&self, bytes: Vec<u8>, known: &DocumentVersion) -> Result<Option<DocumentVersion>, LakeError> {
        let mode = match (&self.directory, &known.0) {
            (Some(_), _) => PutMode::Overwrite,
            (None, Some(version)) => PutMode::Update(version.clone()),
            (None, None) => PutMode::Create,
        };
        match self.store.put_opts(&self.path, bytes.into(), PutOptions { mode, ..PutOptions::default() }).await {
            Ok(put) => Ok(Some(DocumentVersion(Some(UpdateVersion { e_tag: put.e_tag, version: put.version })))),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("write", error)),
        }
    }

    /// Keeps bytes that are no such document beside it, under its name and `suffix`.
    ///
    /// # Errors
    /// [`LakeError::Disk`] and [`LakeError::Beside`].
    pub async fn set_aside(&self, bytes: Bytes, suffix: &str) -> Result<String, LakeError> {
        let path = Path::from(format!("{}.{suffix}", self.path));
        self.store.put(&path, bytes.into()).await.map_err(|error| self.failed("write", error))?;
        Ok(format!("{}.{suffix}", self.place))
    }

    /// Holds the document, waiting no longer than that for whoever holds it.
    pub async fn hold(&self, patience: Duration) -> Hold {
        let Some(file) = self.directory.as_ref().and_then(|directory| {
            fs::create_dir_all(directory).ok()?;
            OpenOptions::new().create(true).append(true).open(directory.join(&self.lock)).ok()
        }) else {
            return Hold::Lockless;
        };
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Hold::Held(DocumentLock(file)),
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => tokio::time::sleep(STEP).await,
                Err(TryLockError::WouldBlock) => return Hold::Taken,
                Err(TryLockError::Error(error)) => {
                    tracing::debug!(place = self.place, %error, "the file system gives no lock");
                    return Hold::Lockless;
                }
            }
        }
    }

    fn failed(&self, what: &'static str, error: Error) -> LakeError {
        match DiskError::behind(&error) {
            Some(disk) => LakeError::of_disk(disk),
            None => LakeError::Beside { what, place: self.place.clone(), source: Box::new(error) },
        }
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn of_two_who_read_the_same_one_is_refused() {
        let location = Location::on_store("lake", Arc::new(InMemory::new()), Duration::ZERO).unwrap();
        let document = Document::new(&location, "state.json").unwrap();
        let (nothing, before) = document.read().await.unwrap();
        assert!(nothing.is_none() && document.is_remote());
        let first = document.replace(b"1".to_vec(), &before).await.unwrap().unwrap();
        assert!(document.replace(b"2".to_vec(), &before).await.unwrap().is_none());
        let (read, version) = document.read().await.unwrap();
        assert_eq!(read.as_deref(), Some(&b"1"[..]));
        document.replace(b"3".to_vec(), &version).await.unwrap().unwrap();
        assert!(document.replace(b"4".to_vec(), &first).await.unwrap().is_none());
        assert!(matches!(document.hold(Duration::ZERO).await, Hold::Lockless));
    }

    #[tokio::test]
    async fn a_local_document_is_held_by_one() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::parse(&directory.path().to_string_lossy()).unwrap();
        let document = Document::new(&location, "state.json").unwrap();
        let held = document.hold(Duration::ZERO).await;
        assert!(matches!(held, Hold::Held(_)), "{held:?}");
        assert!(matches!(document.hold(Duration::from_millis(1)).await, Hold::Taken));
        let other = Document::new(&location, "silences.json").unwrap();
        assert!(matches!(other.hold(Duration::ZERO).await, Hold::Held(_)), "another document has a lock of its own");
        let (_, version) = document.read().await.unwrap();
        document.replace(b"1".to_vec(), &version).await.unwrap().unwrap();
        drop(held);
        assert!(matches!(document.hold(Duration::ZERO).await, Hold::Held(_)));
        assert_eq!(fs::read(directory.path().join("alerts/state.json")).unwrap(), b"1");
    }
}

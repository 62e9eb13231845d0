//! A local store whose writes are on the disk before they are acknowledged.
//!
//! ```text
//! directory (made, fsync its parent) -> staged file, fsync -> link or rename into place -> fsync the directory
//! ```
//! `object_store`'s own local backend never calls fsync. The staged name ends in `#` and digits, which `object_store` leaves
//! out of listings, so a file left by a crash is never taken for data.

use std::collections::HashSet;
use std::error::Error as StdError;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// A file that could not be put on the disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    /// There is no such file now.
    #[error("cannot write `{}`: {source}", .path.display())]
    NotWritten { path: PathBuf, source: io::Error },
    /// The file is in its place, but may not be there after a power cut.
    #[error("`{}` is written, but the disk does not confirm that it will stay: {source}", .path.display())]
    NotDurable { path: PathBuf, source: io::Error },
}

impl DiskError {
    /// The disk's error behind another one.
    pub(crate) fn behind<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(disk) = error.downcast_ref() {
                return Some(disk);
            }
            cause = error.source();
        }
        None
    }

    /// Which file, and what the system said.
    pub(crate) fn parts(&self) -> (&FilePath, &io::Error) {
        match self {
            Self::NotWritten { path, source } | Self::NotDurable { path, source } => (path, source),
        }
    }
}

/// The local file system, rooted at `/`, with durable puts.
#[derive(Debug, Default, Clone)]
pub(crate) struct DurableFileSystem {
    inner: Arc<LocalFileSystem>,
    /// Directories whose own names are known to be on the disk.
    confirmed: Arc<Mutex<HashSet<PathBuf>>>,
}

impl fmt::Display for DurableFileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "durable {}", self.inner)
    }
}

impl DurableFileSystem {
    async fn put(&self, location: &Path, payload: PutPayload, create: bool) -> Result<PutResult> {
        let target = self.inner.path_to_filesystem(location)?;
        let store = self.clone();
        let written = tokio::task::spawn_blocking(move || store.put_durably(&target, &payload, create)).await?;
        written.map_err(|failure| match failure.parts().1.kind() {
            io::ErrorKind::AlreadyExists => {
                Error::AlreadyExists { path: location.to_string(), source: Box::new(failure) }
            }
            _ => Error::Generic { store: "disk", source: Box::new(failure) },
        })?;
        Ok(PutResult { e_tag: None, version: None })
    }

    /// Puts the bytes at `target` so that they survive a power cut once this returns.
    fn put_durably(&self, target: &FilePath, payload: &PutPayload, create: bool) -> Result<(), DiskError> {
        let not_written = |source| DiskError::NotWritten { path: target.to_owned(), source };
        let directory = target.parent().ok_or_else(|| not_written(io::Error::other("a path without a directory")))?;
        self.confirm(directory).map_err(not_written)?;
        let staged = staged_name(target);
        let placed = write_and_sync(&staged, payload)
            .and_then(|()| if create { fs::hard_link(&staged, target) } else { fs::rename(&staged, target) });
        if create || placed.is_err() {
            // The staged name is only a second link to the data, or an unfinished file: losing it harms nothing.
            let _ = fs::remove_file(&staged);
        }
        placed.map_err(not_written)?;
        sync_directory(directory).map_err(|source| DiskError::NotDurable { path: target.to_owned(), source })
    }

    /// Makes a directory and its own name durable, once in this store's life: one that was there already may have been
    /// made by a writer that was killed before it had seen to that.
    fn confirm(&self, directory: &FilePath) -> io::Result<()> {
        let confirmed = || self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        if confirmed().contains(directory) {
            return Ok(());
        }
        make_directory(directory)?;
        confirmed().insert(directory.to_owned());
        Ok(())
    }
}

#[async_trait]
impl ObjectStore for DurableFileSystem {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match options.mode {
            PutMode::Create => self.put(location, payload, true).await,
            PutMode::Overwrite => self.put(location, payload, false).await,
            PutMode::Update(_) => Err(self.without("conditional update")),
        }
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Gathered { store: self.clone(), location: location.clone(), parts: Vec::new() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    /// Without this, what lies between two ranges would be read too, as is right for a store far away.
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(self.without("copy"))
    }
}

impl DurableFileSystem {
    fn without(&self, operation: &str) -> Error {
        Error::NotImplemented { operation: operation.into(), implementer: self.to_string() }
    }
}

/// A file that is handed over in parts, as large checkpoints are: gathered, then put like any other.
#[derive(Debug)]
struct Gathered {
    store: DurableFileSystem,
    location: Path,
    parts: Vec<PutPayload>,
}

#[async_trait]
impl MultipartUpload for Gathered {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.push(data);
        Box::pin(async { Ok(()) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let whole = std::mem::take(&mut self.parts).into_iter().flatten().collect();
        self.store.put(&self.location, whole, false).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}

fn staged_name(target: &FilePath) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(format!("#{}", uuid::Uuid::new_v4().as_u128() as u64));
    name.into()
}

fn write_and_sync(path: &FilePath, payload: &PutPayload) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    for chunk in payload.iter() {
        file.write_all(chunk)?;
    }
    file.sync_all()
}

/// Makes what is missing of a directory's path, each made durable in its parent, as is the directory if it was there.
fn make_directory(directory: &FilePath) -> io::Result<()> {
    let Some(parent) = directory.parent() else { return Ok(()) };
    let was_there = directory.is_dir();
    if !was_there {
        make_directory(parent)?;
        match fs::create_dir(directory) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            created => created?,
        }
    }
    match sync_directory(parent) {
        // What lies in a directory that we may not read was not made by us.
        Err(e) if was_there && e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

fn sync_directory(directory: &FilePath) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Makes durable what a table's log shows, whoever wrote it: a writer may be killed when its entry can be seen but its
/// directories are not yet on the disk.
pub(crate) fn confirm_log(log: &FilePath) -> Result<(), DiskError> {
    let confirm = || {
        sync_directory(log)?;
        // The names of the log, of the table and of the lake.
        log.ancestors().take(3).try_for_each(make_directory)
    };
    confirm().map_err(|source| DiskError::NotDurable { path: log.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use super::*;

    #[tokio::test]
    async fn a_second_create_is_refused_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let store = DurableFileSystem::default();
        let at = Path::from_absolute_path(directory.path().join("a/b")).unwrap();
        let create = || PutOptions { mode: PutMode::Create, ..Default::default() };
        store.put_opts(&at, "one".into(), create()).await.unwrap();
        let again = store.put_opts(&at, "two".into(), create()).await;
        assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
        assert_eq!(fs::read(directory.path().join("a/b")).unwrap(), b"one");
        assert_eq!(fs::read_dir(directory.path().join("a")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn parts_become_one_file_or_none() {
        let directory = tempfile::tempdir().unwrap();
        let store = DurableFileSystem::default();
        let at = Path::from_absolute_path(directory.path().join("parts")).unwrap();
        let mut upload = store.put_multipart(&at).await.unwrap();
        upload.put_part("one ".into()).await.unwrap();
        upload.put_part("two".into()).await.unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        upload.complete().await.unwrap();
        assert_eq!(fs::read(directory.path().join("parts")).unwrap(), b"one two");
        let mut upload = store.put_multipart(&at).await.unwrap();
        upload.put_part("three".into()).await.unwrap();
        upload.abort().await.unwrap();
        assert_eq!(fs::read(directory.path().join("parts")).unwrap(), b"one two");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_failure_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        let at = Path::from_absolute_path(directory.path().join("file/below")).unwrap();
        let failure = DurableFileSystem::default().put(&at, "x".into(), false).await.unwrap_err();
        let text = DiskError::behind(&failure).unwrap().to_string();
        assert!(text.contains("file/below`: Not a directory"), "{text}");
    }
}

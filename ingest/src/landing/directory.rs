//! A landing area in a directory.
//!
//! ```text
//! folder (made, fsync its parent) -> .NAME.tmp, fsync -> rename to NAME -> fsync the folder
//! ```

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use url::Url;

/// A file that a writer was killed over is removed when it is older than this.
const STALE: Duration = Duration::from_secs(3_600);

/// Buffers handed to the system at a time; Linux takes no more than 1,024.
const MOST_SLICES: usize = 1_024;

/// A directory that objects are put into.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    /// Folders whose own names are known to be on the disk.
    confirmed: Mutex<HashSet<PathBuf>>,
}

impl Directory {
    /// Makes the directory, and sweeps what writers that were killed have left behind.
    pub(super) fn open(root: &Path, now: SystemTime) -> io::Result<Self> {
        let made: Vec<PathBuf> = root.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
        fs::create_dir_all(root)?;
        for parent in made.iter().filter_map(|folder| folder.parent()) {
            sync(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
        }
        let directory = Self { root: fs::canonicalize(root)?, confirmed: Mutex::default() };
        sweep(&directory.root, now)?;
        Ok(directory)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Bytes free for us.
    pub(super) fn free(&self) -> Option<u64> {
        let space = rustix::fs::statvfs(&self.root).ok()?;
        Some(space.f_bavail.saturating_mul(space.f_frsize))
    }

    /// Puts an object with these records into a folder, and returns its URL once it is durable.
    pub(super) fn put(&self, folder: &str, name: &str, records: &[Bytes]) -> io::Result<String> {
        let folder = self.root.join(folder);
        match self.write(&folder, name, records) {
            // The folder was empty, and has been removed meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).clear();
                self.write(&folder, name, records)?;
            }
            other => other?,
        }
        let url = Url::from_file_path(folder.join(name)).map_err(|()| io::Error::other("no absolute path"))?;
        Ok(url.into())
    }

    fn write(&self, folder: &Path, name: &str, records: &[Bytes]) -> io::Result<()> {
        self.confirm(folder)?;
        let staged = folder.join(format!(".{name}.tmp"));
        let placed = write_lines(&staged, records).and_then(|()| fs::rename(&staged, folder.join(name)));
        if placed.is_err() {
            let _ = fs::remove_file(&staged);
        }
        placed?;
        sync(folder)
    }

    /// Makes a folder and its own name durable, once in this area's life.
    fn confirm(&self, folder: &Path) -> io::Result<()> {
        let confirmed = || self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        if folder == self.root || confirmed().contains(folder) {
            return Ok(());
        }
        let parent = folder.parent().ok_or_else(|| io::Error::other("a folder outside the landing area"))?;
        self.confirm(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => other?,
        }
        sync(parent)?;
        confirmed().insert(folder.to_owned());
        Ok(())
    }

    /// Removes an object, and folders that are empty then. One that is gone already counts as removed.
    pub(super) fn remove(&self, url: &str) -> io::Result<()> {
        let path = Url::parse(url).ok().and_then(|url| url.to_file_path().ok());
        let path =
            path.filter(|path| path.starts_with(&self.root) && !path.components().any(|part| part.as_os_str() == ".."));
        let path = path.ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidInput, format!("`{url}` does not lie in the landing area"))
        })?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => other?,
        }
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != self.root) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
            self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).remove(folder);
        }
        Ok(())
    }
}

/// Writes records, each with a line feed behind it, and has them on the disk.
fn write_lines(path: &Path, records: &[Bytes]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    for chunk in records.chunks(MOST_SLICES / 2) {
        let mut slices: Vec<IoSlice<'_>> =
            chunk.iter().flat_map(|record| [IoSlice::new(record), IoSlice::new(b"\n")]).collect();
        let mut left = slices.as_mut_slice();
        while !left.is_empty() {
            match file.write_vectored(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    file.sync_all()
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Removes staged files that nobody can be writing any more.
fn sweep(directory: &Path, now: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        if kind.is_dir() {
            sweep(&entry.path(), now)?;
        } else if is_staged(&name.to_string_lossy()) {
            let age = entry.metadata().and_then(|file| file.modified()).map(|time| now.duration_since(time));
            if age.is_ok_and(|age| age.is_ok_and(|age| age > STALE)) {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

fn is_staged(name: &str) -> bool {
    name.starts_with(".repute-") && name.ends_with(".tmp")
}

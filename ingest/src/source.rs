//! Where objects come from: files and directories laid out as Firehose lays out a bucket.

use std::fs::{self, File, Metadata};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use repute_lake::ObjectKey;
use url::Url;

use crate::verdict::Place;

/// One object that may be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceObject {
    /// Name (a `file://` URL) and entity tag (inode, modification time and size).
    pub key: ObjectKey,
    /// Bytes as stored.
    pub size: u64,
    content: Content,
}

/// Where the bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    File(PathBuf),
    /// Part of an object, which began there.
    Fragment(Arc<[u8]>, Place),
}

/// An object's bytes, opened.
pub enum Opened {
    /// On the disk.
    File(File),
    /// In memory.
    Memory(Cursor<Arc<[u8]>>),
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Memory(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Opened {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(position),
            Self::Memory(bytes) => bytes.seek(position),
        }
    }
}

/// What a source holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// Objects in name order, which for Firehose's names is the order of arrival.
    pub objects: Vec<SourceObject>,
    /// Paths that were left out although they look like data, each with the reason.
    pub refused: Vec<(PathBuf, &'static str)>,
}

/// A source that cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("cannot list `{path}`: {source}")]
pub struct ListError {
    /// Which path.
    pub path: PathBuf,
    /// Why.
    source: io::Error,
}

impl SourceObject {
    /// Opens the object for reading.
    pub fn open(&self) -> io::Result<Opened> {
        match &self.content {
            Content::File(path) => File::open(path).map(Opened::File),
            Content::Fragment(bytes, _) => Ok(Opened::Memory(Cursor::new(Arc::clone(bytes)))),
        }
    }

    /// Part of an object that was read before, from this place on. It is read whatever the lake knows of its object, and does not
    /// count as the object's import.
    pub fn fragment(key: ObjectKey, bytes: &[u8], start: Place) -> Self {
        Self { key, size: bytes.len() as u64, content: Content::Fragment(bytes.into(), start) }
    }

    /// Where in its object a fragment begins; nothing for a whole object.
    pub(crate) fn fragment_start(&self) -> Option<Place> {
        match self.content {
            Content::File(_) => None,
            Content::Fragment(_, start) => Some(start),
        }
    }

    fn new(path: PathBuf, metadata: &Metadata) -> io::Result<Self> {
        let name = Url::from_file_path(&path).map_err(|()| io::Error::other("not an absolute path"))?;
        let modified = metadata.mtime() as i128 * 1_000_000_000 + metadata.mtime_nsec() as i128;
        let etag = format!("{:x}-{modified:x}-{:x}", metadata.ino(), metadata.len());
        Ok(Self { key: ObjectKey { name: name.into(), etag }, size: metadata.len(), content: Content::File(path) })
    }
}

/// Lists a file, or every file below a directory.
///
/// Left out without a word: names that start with `.` or `_` (as Hadoop and Spark do) and `truth.json`, which a generated
/// dump carries. Left out with a reason: symbolic links (which may lead out of the source) and what is no regular file.
/// The path given itself may be a link.
pub fn list(source: &Path) -> Result<Listing, ListError> {
    let failed = |path: &Path, source| ListError { path: path.to_owned(), source };
    let root = fs::canonicalize(source).map_err(|e| failed(source, e))?;
    let mut listing = Listing::default();
    let mut pending = vec![root];
    while let Some(path) = pending.pop() {
        let metadata = fs::symlink_metadata(&path).map_err(|e| failed(&path, e))?;
        if metadata.is_dir() {
            for entry in fs::read_dir(&path).map_err(|e| failed(&path, e))? {
                let entry = entry.map_err(|e| failed(&path, e))?;
                if !is_bookkeeping(&entry.file_name().to_string_lossy()) {
                    pending.push(entry.path());
                }
            }
        } else if metadata.is_file() {
            listing.objects.push(SourceObject::new(path.clone(), &metadata).map_err(|e| failed(&path, e))?);
        } else if metadata.is_symlink() {
            listing.refused.push((path, "a symbolic link"));
        } else {
            listing.refused.push((path, "not a regular file"));
        }
    }
    listing.objects.sort_by(|a, b| a.key.name.cmp(&b.key.name));
    listing.refused.sort();
    Ok(listing)
}

fn is_bookkeeping(name: &str) -> bool {
    name.starts_with(['.', '_']) || name == "truth.json"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_are_objects_and_they_come_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("2026/10/02")).unwrap();
        for name in ["2026/10/02/b", "2026/10/02/a", "truth.json", "_SUCCESS", ".hidden"] {
            fs::write(at(name), "{}").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
        let listing = list(directory.path()).unwrap();
        let names: Vec<_> = listing.objects.iter().filter_map(|o| o.key.name.rsplit('/').next()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(listing.refused.len(), 1);
        assert_eq!(listing.refused[0].1, "a symbolic link");
    }

    #[test]
    fn a_changed_file_is_another_object() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a");
        fs::write(&file, "one").unwrap();
        let before = list(&file).unwrap().objects;
        fs::write(&file, "other").unwrap();
        assert_ne!(before[0].key.etag, list(&file).unwrap().objects[0].key.etag);
    }
}

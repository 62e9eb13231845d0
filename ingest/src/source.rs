//! Where objects come from: files and directories laid out as Firehose lays out a bucket, and buckets themselves.

mod bucket;
mod days;
mod pages;

use std::fmt::Debug;
use std::fs::{self, File, Metadata};
use std::io::{self, Cursor, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use repute_lake::ObjectKey;
use url::Url;

pub(crate) use bucket::failure as said;
pub use bucket::{list_bucket, list_bucket_part};
pub use days::DayFamilies;
pub use pages::{BucketPages, DirectoryPages, Listed, look_up};

use crate::verdict::Place;

/// What an object's bytes are read from.
pub trait Input: Read + Seek + Send {}

impl<T: Read + Seek + Send> Input for T {}

/// Where an object's bytes lie: a file, or whatever else can be opened again and again.
pub trait Content: Debug + Send + Sync {
    /// Opens the bytes at their start.
    fn open(&self) -> io::Result<Box<dyn Input>>;
}

impl Content for PathBuf {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(File::open(self)?))
    }
}

/// Bytes at hand.
#[derive(Debug)]
struct Fragment(Arc<[u8]>);

impl Content for Fragment {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(Cursor::new(Arc::clone(&self.0))))
    }
}

/// One object that may be imported.
#[derive(Debug, Clone)]
pub struct SourceObject {
    /// Name (a `file://` or `s3://` URL) and entity tag (a file's inode, modification time and size).
    pub key: ObjectKey,
    /// Bytes as stored.
    pub size: u64,
    content: Arc<dyn Content>,
    /// Where in its object a fragment begins.
    start: Option<Place>,
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
#[error("cannot list `{source_name}`: {source}")]
pub struct ListError {
    /// Which path or URL.
    pub source_name: String,
    /// Why.
    source: io::Error,
}

impl ListError {
    /// That a path or URL cannot be listed, and why.
    pub(crate) fn new(source_name: String, source: io::Error) -> Self {
        Self { source_name, source }
    }
}

impl SourceObject {
    /// An object of some other kind of source.
    pub fn new(key: ObjectKey, size: u64, content: Arc<dyn Content>) -> Self {
        Self { key, size, content, start: None }
    }

    /// Opens the object for reading.
    pub fn open(&self) -> io::Result<Box<dyn Input>> {
        self.content.open()
    }

    /// Part of an object that was read before, from this place on. It is read whatever the lake knows of its object, and does not
    /// count as the object's import.
    pub fn fragment(key: ObjectKey, bytes: &[u8], start: Place) -> Self {
        Self { start: Some(start), ..Self::new(key, bytes.len() as u64, Arc::new(Fragment(bytes.into()))) }
    }

    /// Where in its object a fragment begins; nothing for a whole object.
    pub(crate) fn fragment_start(&self) -> Option<Place> {
        self.start
    }

    fn file(path: PathBuf, metadata: &Metadata) -> io::Result<Self> {
        let name = Url::from_file_path(&path).map_err(|()| io::Error::other("not an absolute path"))?;
        let modified = metadata.mtime() as i128 * 1_000_000_000 + metadata.mtime_nsec() as i128;
        let etag = format!("{:x}-{modified:x}-{:x}", metadata.ino(), metadata.len());
        Ok(Self::new(ObjectKey { name: name.into(), etag }, metadata.len(), Arc::new(path)))
    }
}

/// Lists a file, or every file below a directory.
///
/// Left out without a word: names that start with `.` or `_` (as Hadoop and Spark do) and `truth.json`, which a generated
/// dump carries. Left out with a reason: symbolic links (which may lead out of the source) and what is no regular file.
/// The path given itself may be a link.
pub fn list(source: &Path) -> Result<Listing, ListError> {
    let failed = |path: &Path, source| ListError { source_name: path.display().to_string(), source };
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
            listing.objects.push(SourceObject::file(path.clone(), &metadata).map_err(|e| failed(&path, e))?);
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

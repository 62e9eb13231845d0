//! Where objects come from: files and directories laid out as Firehose lays out a bucket, and buckets themselves.

mod bucket;
mod dates;
mod days;
mod directory;
mod pages;
mod prefix;
mod range;
mod said;
mod stream;

use std::fmt::Debug;
use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use repute_lake::ObjectKey;
use url::Url;

pub use bucket::{list_bucket, list_bucket_into, list_bucket_part};
pub use days::DayFamilies;
pub use directory::{DirectoryPage, DirectoryPages, list_directory_into};
pub use pages::{BucketPages, Listed, look_up};
pub use range::KeyRange;
pub use stream::{Backup, Destination, Encryption, S3Place, StreamError, StreamSetup, describe_stream, list_stream};

pub use said::said;

use crate::verdict::Place;

/// What an object's bytes are read from.
pub trait Input: Read + Seek + Send {}

impl<T: Read + Seek + Send> Input for T {}

/// Where an object's bytes lie: a file, or whatever else can be opened again and again.
pub trait Content: Debug + Send + Sync {
    /// Opens the bytes at their start.
    fn open(&self) -> io::Result<Box<dyn Input>>;

    /// Has the first bytes brought here, for who opens it soon. Gives how many are on their way or have come.
    fn fetch_ahead(&self) -> u64 {
        0
    }
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
    /// The region of the bucket, where that is why.
    pub region: Option<String>,
}

impl ListError {
    /// That a path or URL cannot be listed, and why.
    pub(crate) fn new(source_name: String, source: io::Error) -> Self {
        Self { source_name, source, region: None }
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

    /// Has its first bytes brought here; see [`Content::fetch_ahead`].
    pub(crate) fn fetch_ahead(&self) -> u64 {
        self.content.fetch_ahead()
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
///
/// # Errors
/// If a folder or file cannot be looked at.
pub fn list(source: &Path) -> Result<Listing, ListError> {
    let (mut pages, mut listing) = (DirectoryPages::new(source)?, Listing::default());
    while let Some(DirectoryPage { listed, refused }) = pages.next(&|_| false)? {
        listing.objects.extend(listed.into_iter().map(|listed| listed.object));
        listing.refused.extend(refused);
    }
    Ok(listing)
}

fn is_bookkeeping(name: &str) -> bool {
    name.starts_with(['.', '_']) || name == "truth.json"
}

#[cfg(test)]
mod tests {
    use std::fs;

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

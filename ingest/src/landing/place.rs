//! Where landed objects lie: a directory or a place in a bucket.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::directory::Directory;
use super::room::Full;
use super::{LandingError, Route};
use crate::source::{ListError, Listing, list, list_bucket, said};

/// Objects written to a directory at once: while some are at their fsync, others are gathered.
const DISK_WRITERS: usize = 2;

/// Objects written to a bucket at once.
const BUCKET_WRITERS: usize = 8;

/// Where a landing area is.
#[derive(Debug, Clone)]
pub enum LandingPlace {
    /// A directory of this machine, on a file system that keeps what was fsynced.
    Directory(PathBuf),
    /// Keys of a bucket below a prefix.
    Bucket {
        /// Puts, lists and deletes objects.
        client: Client,
        /// Its name.
        bucket: String,
        /// A folder, with or without its last slash; may be empty.
        prefix: String,
    },
}

/// A place that objects are put into.
#[derive(Debug)]
pub(super) enum Store {
    Directory(Directory),
    Bucket { client: Client, bucket: String, prefix: String },
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => directory.root().display().fmt(f),
            Self::Bucket { bucket, prefix, .. } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

impl Store {
    pub(super) async fn open(place: LandingPlace, now: DateTime<Utc>) -> Result<Self, LandingError> {
        let root = match place {
            LandingPlace::Directory(root) => root,
            LandingPlace::Bucket { client, bucket, prefix } => {
                let folder = prefix.trim_matches('/');
                let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
                return Ok(Self::Bucket { client, bucket, prefix });
            }
        };
        let place = root.display().to_string();
        let opened = tokio::task::spawn_blocking(move || Directory::open(&root, now.into())).await;
        match opened.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(directory) => Ok(Self::Directory(directory)),
            Err(source) => Err(LandingError::Write { place, source: Arc::new(source) }),
        }
    }

    /// How many objects are written at once.
    pub(super) fn writers(&self) -> usize {
        match self {
            Self::Directory(_) => DISK_WRITERS,
            Self::Bucket { .. } => BUCKET_WRITERS,
        }
    }

    /// Bytes free for us, where that is known.
    pub(super) fn free(&self) -> Option<u64> {
        match self {
            Self::Directory(directory) => directory.free(),
            Self::Bucket { .. } => None,
        }
    }

    pub(super) fn failed(&self, source: io::Error) -> LandingError {
        if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return Full::Disk { free: self.free().unwrap_or_default(), spare: 0 }.into();
        }
        LandingError::Write { place: self.to_string(), source: Arc::new(source) }
    }

    /// Puts an object with these records, and returns its name as a URL once it is durable.
    pub(super) async fn put(
        self: &Arc<Self>,
        route: Route,
        now: DateTime<Utc>,
        records: Vec<Bytes>,
    ) -> Result<Arc<str>, LandingError> {
        let route = route.as_str();
        let folder = format!("{route}/{}", now.format("%Y/%m/%d/%H"));
        let name = format!("repute-{route}-1-{}-{}", now.format("%Y-%m-%d-%H-%M-%S"), Uuid::new_v4());
        let put = match &**self {
            Self::Directory(_) => {
                let store = Arc::clone(self);
                let written = tokio::task::spawn_blocking(move || match &*store {
                    Self::Directory(directory) => directory.put(&folder, &name, &records),
                    Self::Bucket { .. } => Err(ErrorKind::Unsupported.into()),
                });
                written.await.unwrap_or_else(|error| Err(io::Error::other(error)))
            }
            Self::Bucket { client, bucket, prefix } => {
                let key = format!("{prefix}{folder}/{name}");
                let put = client.put_object().bucket(bucket).key(&key).body(ByteStream::from(lines(&records)));
                let put = put.send().await.map_err(|error| said(&error));
                put.map(|_| format!("s3://{bucket}/{key}"))
            }
        };
        put.map(Arc::from).map_err(|error| self.failed(error))
    }

    /// Everything that lies in the area.
    pub(super) async fn list(self: &Arc<Self>) -> Result<Listing, ListError> {
        match &**self {
            Self::Bucket { client, bucket, prefix } => list_bucket(client, bucket, prefix).await,
            Self::Directory(directory) => {
                let root = directory.root().to_owned();
                let listed = tokio::task::spawn_blocking(move || list(&root)).await;
                listed.unwrap_or_else(|error| Err(ListError::new(self.to_string(), io::Error::other(error))))
            }
        }
    }

    /// Removes an object of the area.
    pub(super) async fn remove(self: &Arc<Self>, name: &str) -> Result<(), LandingError> {
        let removed = match &**self {
            Self::Directory(_) => {
                let (store, name) = (Arc::clone(self), name.to_owned());
                let removed = tokio::task::spawn_blocking(move || match &*store {
                    Self::Directory(directory) => directory.remove(&name),
                    Self::Bucket { .. } => Ok(()),
                });
                removed.await.unwrap_or_else(|error| Err(io::Error::other(error)))
            }
            Self::Bucket { client, bucket, prefix } => match name.strip_prefix(&format!("s3://{bucket}/")) {
                Some(key) if key.starts_with(prefix.as_str()) => {
                    let removed = client.delete_object().bucket(bucket).key(key).send().await;
                    removed.map(|_| ()).map_err(|error| said(&error))
                }
                _ => Err(io::Error::new(ErrorKind::InvalidInput, format!("`{name}` does not lie in the landing area"))),
            },
        };
        removed.map_err(|error| self.failed(error))
    }
}

/// Records, each with a line feed behind it.
fn lines(records: &[Bytes]) -> Bytes {
    let mut all = BytesMut::with_capacity(records.iter().map(|record| record.len() + 1).sum());
    for record in records {
        all.extend_from_slice(record);
        all.extend_from_slice(b"\n");
    }
    all.freeze()
}

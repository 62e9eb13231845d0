//! Objects of an S3 bucket, read in pieces, the next of which is fetched while one is read.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore};
use repute_lake::ObjectKey;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use url::Url;

use super::{Content, Input, ListError, Listing, SourceObject, is_bookkeeping};

/// Bytes asked for at a time: enough that a request's delay hardly counts, little enough to hold two for every thread.
const PIECE: u64 = 8 << 20;

/// Lists the objects of `store` below the path of `url` (`s3://bucket/prefix`), to be read within this runtime.
///
/// Left out without a word: folder markers (keys that end in `/`), and the names that [`super::list`] leaves out.
pub async fn list_bucket(store: Arc<dyn ObjectStore>, url: &Url) -> Result<Listing, ListError> {
    let failed =
        |source: object_store::Error| ListError { source_name: url.to_string(), source: io::Error::other(source) };
    let prefix = Path::from_url_path(url.path()).map_err(|e| failed(e.into()))?;
    let root = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    let mut found: Vec<ObjectMeta> = store.list(Some(&prefix)).try_collect().await.map_err(failed)?;
    if found.is_empty() && !prefix.as_ref().is_empty() && !url.path().ends_with('/') {
        // Listing goes by whole segments, so an object itself, or a prefix that ends within a name, is looked for beside it.
        let folder = prefix.as_ref().rsplit_once('/').map(|(folder, _)| Path::from(folder));
        let beside = store.list(folder.as_ref()).try_collect::<Vec<_>>().await.map_err(failed)?;
        found = beside.into_iter().filter(|meta| meta.location.as_ref().starts_with(prefix.as_ref())).collect();
    }
    found.retain(|meta| !meta.location.filename().is_none_or(is_bookkeeping));
    let objects = found.into_iter().map(|meta| {
        let etag =
            meta.e_tag.clone().unwrap_or_else(|| format!("{:x}-{:x}", meta.last_modified.timestamp(), meta.size));
        let key = ObjectKey { name: format!("{root}/{}", meta.location), etag };
        let content = Remote { store: Arc::clone(&store), size: meta.size, meta, runtime: Handle::current() };
        SourceObject::new(key, content.size, Arc::new(content))
    });
    let mut listing = Listing { objects: objects.collect(), refused: Vec::new() };
    listing.objects.sort_by(|a, b| a.key.name.cmp(&b.key.name));
    Ok(listing)
}

/// Where an object's bytes lie in a bucket.
#[derive(Clone)]
struct Remote {
    store: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
    size: u64,
    runtime: Handle,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("store", &self.store).field("meta", &self.meta).finish_non_exhaustive()
    }
}

impl Content for Remote {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(RemoteReader { remote: self.clone(), at: 0, piece: Bytes::new(), ahead: None }))
    }
}

impl Remote {
    /// Starts to fetch the piece at this offset, of the object that was listed: one that has been replaced since is refused.
    fn fetch(&self, from: u64) -> Fetch {
        let range = from..self.size.min(from + PIECE);
        let options = GetOptions {
            range: Some(range.clone().into()),
            if_match: self.meta.e_tag.clone(),
            ..GetOptions::default()
        };
        let (store, location) = (Arc::clone(&self.store), self.meta.location.clone());
        let task = self.runtime.spawn(async move { store.get_opts(&location, options).await?.bytes().await });
        Fetch { range, task }
    }
}

/// A piece on its way.
struct Fetch {
    range: Range<u64>,
    task: JoinHandle<object_store::Result<Bytes>>,
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads an object of a bucket from a thread that may block.
struct RemoteReader {
    remote: Remote,
    at: u64,
    /// What was fetched and begins at `at`.
    piece: Bytes,
    ahead: Option<Fetch>,
}

impl RemoteReader {
    fn next_piece(&mut self) -> io::Result<()> {
        let ahead = self.ahead.take().filter(|ahead| ahead.range.start == self.at);
        let mut fetch = ahead.unwrap_or_else(|| self.remote.fetch(self.at));
        self.piece =
            self.remote.runtime.block_on(&mut fetch.task).map_err(io::Error::other)?.map_err(io::Error::other)?;
        let wanted = fetch.range.end - fetch.range.start;
        if self.piece.len() as u64 != wanted {
            let given = self.piece.len();
            return Err(io::Error::other(format!("the store gave {given} bytes where {wanted} were asked for")));
        }
        if fetch.range.end < self.remote.size {
            self.ahead = Some(self.remote.fetch(fetch.range.end));
        }
        Ok(())
    }
}

impl Read for RemoteReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            if self.at >= self.remote.size {
                return Ok(0);
            }
            self.next_piece()?;
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for RemoteReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.remote.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        let target = target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a place before the start"))?;
        let forward = target.checked_sub(self.at).filter(|forward| *forward <= self.piece.len() as u64);
        match forward {
            // Within what was fetched.
            Some(forward) => self.piece.advance(forward as usize),
            None => self.piece = Bytes::new(),
        }
        self.at = target;
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    async fn bucket(objects: &[(&str, Vec<u8>)]) -> Arc<dyn ObjectStore> {
        let store = InMemory::new();
        for (key, bytes) in objects {
            store.put(&Path::from(*key), bytes.clone().into()).await.unwrap();
        }
        Arc::new(store)
    }

    async fn names(store: &Arc<dyn ObjectStore>, url: &str) -> Vec<String> {
        let listing = list_bucket(Arc::clone(store), &Url::parse(url).unwrap()).await.unwrap();
        listing.objects.into_iter().map(|object| object.key.name).collect()
    }

    #[tokio::test]
    async fn a_prefix_an_object_and_part_of_a_name_can_be_listed() {
        let keys = ["ses/2026/10/02/b", "ses/2026/10/02/a", "ses/2026/10/_SUCCESS", "ses/2026/11/c", "other/d"];
        let store = bucket(&keys.map(|key| (key, b"{}".to_vec()))).await;
        let october = ["s3://raw/ses/2026/10/02/a", "s3://raw/ses/2026/10/02/b"];
        for url in ["s3://raw/ses/2026/10", "s3://raw/ses/2026/10/", "s3://raw/ses/2026/10/02"] {
            assert_eq!(names(&store, url).await, october, "{url}");
        }
        assert_eq!(names(&store, "s3://raw/ses/2026/10/02/a").await, october[..1]);
        assert_eq!(names(&store, "s3://raw/ses/2026/1").await.len(), 3);
        assert_eq!(names(&store, "s3://raw").await.len(), 4);
        assert_eq!(names(&store, "s3://raw/nothing/").await.len(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_object_is_read_from_any_place() {
        let bytes: Vec<u8> = (0..PIECE as usize * 5 / 2).map(|at| (at % 251) as u8).collect();
        let store = bucket(&[("a", bytes.clone())]).await;
        let object = list_bucket(store, &Url::parse("s3://raw/").unwrap()).await.unwrap().objects.remove(0);
        assert_eq!(object.size, bytes.len() as u64);
        tokio::task::spawn_blocking(move || {
            let mut input = object.open().unwrap();
            let mut all = Vec::new();
            input.read_to_end(&mut all).unwrap();
            assert!(all == bytes);
            for from in [0, 5, 3, PIECE - 1, PIECE, 2 * PIECE + 7, bytes.len() as u64, bytes.len() as u64 + 9] {
                assert_eq!(input.seek(SeekFrom::Start(from)).unwrap(), from);
                let mut some = vec![0; 1000];
                let count = input.read(&mut some).unwrap();
                let expected = bytes.get(from as usize..).unwrap_or_default();
                assert!(expected.starts_with(&some[..count]) && (count > 0 || expected.is_empty()), "from {from}");
            }
            assert!(input.seek(SeekFrom::Current(-1 << 40)).is_err());
        })
        .await
        .unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_object_that_was_replaced_or_removed_fails() {
        let store = bucket(&[("a", b"one".to_vec()), ("b", b"two".to_vec())]).await;
        let objects = list_bucket(Arc::clone(&store), &Url::parse("s3://raw/").unwrap()).await.unwrap().objects;
        store.put(&Path::from("a"), "other".into()).await.unwrap();
        store.delete(&Path::from("b")).await.unwrap();
        tokio::task::spawn_blocking(move || {
            for object in objects {
                let read = object.open().unwrap().read_to_end(&mut Vec::new());
                assert!(read.is_err(), "{read:?}");
            }
        })
        .await
        .unwrap();
    }
}

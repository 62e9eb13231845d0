//! Objects of an S3 bucket, read in pieces, the next of which is fetched while one is read.
//!
//! The AWS SDK does this rather than the store that lakes lie in: that one cannot name keys with empty or dot segments
//! (`ses//2026/...`), which S3 allows and Firehose writes where a prefix begins or ends with a slash too many.

use std::collections::HashSet;
use std::fmt::Debug;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::Object;
use bytes::{Buf, Bytes};
use futures::FutureExt;
use futures::future::BoxFuture;
use repute_lake::ObjectKey;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{Content, Input, ListError, Listing, SourceObject, is_bookkeeping};

/// Bytes asked for at a time: enough that a request's delay hardly counts, little enough to hold two for every thread.
const PIECE: u64 = 8 << 20;

/// So often a piece is asked for whose bytes break off. The SDK itself repeats only requests that were not answered.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Lists the objects of a bucket below a prefix, to be read within this runtime.
///
/// The prefix is taken as it is written: a folder (with or without its last `/`), an object, or the beginning of names.
/// Left out without a word: folder markers (keys that end in `/`), and the names that [`super::list`] leaves out.
pub async fn list_bucket(client: &Client, bucket: &str, prefix: &str) -> Result<Listing, ListError> {
    let (found, _) = keys(client, bucket, prefix, usize::MAX).await?;
    listing(client, bucket, prefix, found)
}

/// The same of no more keys than `most` or a thousand more; where there are more, of the first ones and of those in the newest
/// folder, by name, at every level below the prefix. Says whether there are more.
pub async fn list_bucket_part(
    client: &Client,
    bucket: &str,
    prefix: &str,
    most: usize,
) -> Result<(Listing, bool), ListError> {
    let (mut found, is_cut) = keys(client, bucket, prefix, most).await?;
    if is_cut {
        let known: HashSet<Option<String>> = found.iter().map(|object| object.key.clone()).collect();
        let newest = newest_folder(client, bucket, prefix).await?;
        let (newest, _) = keys(client, bucket, &newest, 1_000).await?;
        found.extend(newest.into_iter().filter(|object| !known.contains(&object.key)));
    }
    Ok((listing(client, bucket, prefix, found)?, is_cut))
}

async fn keys(client: &Client, bucket: &str, prefix: &str, most: usize) -> Result<(Vec<Object>, bool), ListError> {
    let failed = |source| ListError { source_name: format!("s3://{bucket}/{prefix}"), source };
    let mut pages = client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
    let mut found: Vec<Object> = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(failure(&error)))?;
        let is_last = !page.is_truncated.unwrap_or_default();
        found.extend(page.contents.unwrap_or_default());
        if found.len() >= most && !is_last {
            return Ok((found, true));
        }
    }
    Ok((found, false))
}

/// The folder that one comes to who takes the last by name at every level.
async fn newest_folder(client: &Client, bucket: &str, prefix: &str) -> Result<String, ListError> {
    /// Firehose's own names have four levels, Hive's a few more.
    const DEEPEST: usize = 16;
    let mut folder = prefix.to_owned();
    for _ in 0..DEEPEST {
        let failed = |source| ListError { source_name: format!("s3://{bucket}/{folder}"), source };
        let mut pages = client.list_objects_v2().bucket(bucket).prefix(&folder).delimiter("/").into_paginator().send();
        let mut last = None;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(failure(&error)))?;
            let folders = page.common_prefixes.unwrap_or_default().into_iter().filter_map(|folder| folder.prefix);
            last = folders.max().max(last);
        }
        match last {
            Some(next) => folder = next,
            None => break,
        }
    }
    Ok(folder)
}

fn listing(client: &Client, bucket: &str, prefix: &str, found: Vec<Object>) -> Result<Listing, ListError> {
    let failed = |source| ListError { source_name: format!("s3://{bucket}/{prefix}"), source };
    let mut listing = Listing::default();
    for (key, object) in below(prefix, found) {
        let size = u64::try_from(object.size.unwrap_or_default()).unwrap_or_default();
        let etag = object.e_tag.ok_or_else(|| failed(io::Error::other(format!("no ETag for `{key}`"))))?;
        listing.objects.push(self::object(client, bucket, key, etag, size));
    }
    listing.objects.sort_by(|a, b| a.key.name.cmp(&b.key.name));
    Ok(listing)
}

/// An object as a store tells of it, to be read within this runtime.
pub(super) fn object(client: &Client, bucket: &str, key: String, etag: String, size: u64) -> SourceObject {
    let name = format!("s3://{bucket}/{key}");
    let pieces = S3Object { client: client.clone(), bucket: bucket.to_owned(), key, etag: etag.clone() };
    let content = Remote { pieces: Arc::new(pieces), size, runtime: Handle::current() };
    SourceObject::new(ObjectKey { name, etag }, size, Arc::new(content))
}

/// Of the keys that begin with the prefix those that it stands for as a folder or an object; if there are none, all.
fn below(prefix: &str, found: Vec<Object>) -> Vec<(String, Object)> {
    let keyed = found.into_iter().filter_map(|mut object| object.key.take().map(|key| (key, object)));
    let wanted = |(key, _): &(String, Object)| {
        !key.ends_with('/') && !is_bookkeeping(key.rsplit('/').next().unwrap_or_default())
    };
    let (within, beside): (Vec<_>, Vec<_>) = keyed.filter(wanted).partition(|(key, _)| {
        let rest = key.strip_prefix(prefix).unwrap_or_default();
        prefix.is_empty() || prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')
    });
    if within.is_empty() { beside } else { within }
}

/// What the SDK says, with all causes.
pub(crate) fn failure<E, R>(error: &SdkError<E, R>) -> io::Error
where
    SdkError<E, R>: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let text = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => DisplayErrorContext(error).to_string(),
    };
    io::Error::other(text)
}

/// What gives the pieces of one object.
trait Pieces: Debug + Send + Sync {
    /// The bytes of a range that is not empty.
    fn get(&self, range: Range<u64>) -> BoxFuture<'static, io::Result<Bytes>>;
}

/// An object of a bucket as it was listed: one that has been replaced since is refused.
#[derive(Debug, Clone)]
struct S3Object {
    client: Client,
    bucket: String,
    key: String,
    etag: String,
}

impl Pieces for S3Object {
    fn get(&self, range: Range<u64>) -> BoxFuture<'static, io::Result<Bytes>> {
        let object = self.clone();
        async move {
            let mut pause = FIRST_PAUSE;
            for _ in 1..ATTEMPTS {
                match object.try_get(&range).await {
                    Err(Trouble::BrokeOff(why)) => tracing::debug!(key = object.key, why, "asked for again"),
                    Err(Trouble::Refused(error)) => return Err(error),
                    Ok(bytes) => return Ok(bytes),
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            object.try_get(&range).await.map_err(|trouble| match trouble {
                Trouble::BrokeOff(why) => io::Error::other(why),
                Trouble::Refused(error) => error,
            })
        }
        .boxed()
    }
}

/// Why a piece was not got.
enum Trouble {
    /// An answer that ended too soon.
    BrokeOff(String),
    /// An answer that another attempt would not change.
    Refused(io::Error),
}

impl S3Object {
    async fn try_get(&self, range: &Range<u64>) -> Result<Bytes, Trouble> {
        let request = self.client.get_object().bucket(&self.bucket).key(&self.key).if_match(&self.etag);
        let wanted = range.end - range.start;
        let answer = request.range(format!("bytes={}-{}", range.start, range.end - 1)).send().await;
        let answer = answer.map_err(|error| match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            Some("PreconditionFailed") => {
                Trouble::Refused(io::Error::other("it was replaced after it was listed: run the import again"))
            }
            _ => Trouble::Refused(failure(&error)),
        })?;
        let bytes =
            answer.body.collect().await.map_err(|why| Trouble::BrokeOff(DisplayErrorContext(why).to_string()))?;
        let bytes = bytes.into_bytes();
        if bytes.len() as u64 == wanted {
            Ok(bytes)
        } else {
            Err(Trouble::BrokeOff(format!("the store gave {} bytes where {wanted} were asked for", bytes.len())))
        }
    }
}

/// An object read by pieces.
#[derive(Debug, Clone)]
struct Remote {
    pieces: Arc<dyn Pieces>,
    size: u64,
    runtime: Handle,
}

impl Content for Remote {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(RemoteReader { remote: self.clone(), at: 0, piece: Bytes::new(), ahead: None }))
    }
}

impl Remote {
    /// Starts to fetch the piece at this offset.
    fn fetch(&self, from: u64) -> Fetch {
        let range = from..self.size.min(from + PIECE);
        let task = self.runtime.spawn(self.pieces.get(range.clone()));
        Fetch { range, task }
    }
}

/// A piece on its way.
struct Fetch {
    range: Range<u64>,
    task: JoinHandle<io::Result<Bytes>>,
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
        self.piece = self.remote.runtime.block_on(&mut fetch.task).map_err(io::Error::other)??;
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
    use super::*;

    /// What is taken of a bucket with these keys for a prefix, as S3 lists them.
    fn taken<'a>(keys: &[&'a str], prefix: &str) -> Vec<&'a str> {
        let found: Vec<Object> =
            keys.iter().filter(|key| key.starts_with(prefix)).map(|key| Object::builder().key(*key).build()).collect();
        let taken = below(prefix, found);
        keys.iter().filter(|key| taken.iter().any(|(taken, _)| taken == *key)).copied().collect()
    }

    #[test]
    fn a_prefix_is_a_folder_an_object_or_the_beginning_of_names() {
        let keys = [
            "ses/2026/1/z",
            "ses/2026/10/02/a",
            "ses/2026/10/02/b",
            "ses/2026/10/_SUCCESS",
            "ses/2026/10/empty/",
            "ses/2026/11/c",
            "ses//2026/12/d",
            "other/d",
        ];
        let october = &keys[1..3];
        for prefix in ["ses/2026/10", "ses/2026/10/", "ses/2026/10/02"] {
            assert_eq!(taken(&keys, prefix), october, "{prefix}");
        }
        assert_eq!(taken(&keys, "ses/2026/10/02/a"), october[..1]);
        assert_eq!(taken(&keys, "ses/2026/1"), ["ses/2026/1/z"]);
        assert_eq!(taken(&keys[1..], "ses/2026/1"), ["ses/2026/10/02/a", "ses/2026/10/02/b", "ses/2026/11/c"]);
        assert_eq!(taken(&keys, "ses//"), ["ses//2026/12/d"]);
        assert_eq!(taken(&keys, "").len(), 6);
        assert_eq!(taken(&keys, "nothing/").len(), 0);
    }

    #[derive(Debug)]
    struct Memory(Bytes);

    impl Pieces for Memory {
        fn get(&self, range: Range<u64>) -> BoxFuture<'static, io::Result<Bytes>> {
            let piece = self.0.slice(range.start as usize..range.end as usize);
            async move { Ok(piece) }.boxed()
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_object_is_read_from_any_place() {
        let bytes: Bytes = (0..PIECE as usize * 5 / 2).map(|at| (at % 251) as u8).collect();
        let pieces = Arc::new(Memory(bytes.clone()));
        let remote = Remote { pieces, size: bytes.len() as u64, runtime: Handle::current() };
        tokio::task::spawn_blocking(move || {
            let mut input = remote.open().unwrap();
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
}

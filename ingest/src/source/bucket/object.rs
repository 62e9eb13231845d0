//! One object of a bucket, read in pieces, the next of which is fetched while one is read.

use std::fmt::Debug;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use bytes::{Buf, Bytes, BytesMut};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::failure;
use crate::source::{Content, Input};

/// Bytes asked for at a time: enough that a request's delay hardly counts, little enough to hold two for every thread.
const PIECE: u64 = 8 << 20;

/// Of an object above this size less is asked for at first: several threads look for places to begin in it.
const LOOKED_INTO: u64 = 16 << 20;
const FIRST_PIECE: u64 = 1 << 20;

/// So often a piece is asked for whose bytes break off. The SDK itself repeats only requests that were not answered.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The bytes of an object as it was listed, to be read within this runtime.
pub(super) fn remote(client: &Client, bucket: &str, key: String, etag: &str, size: u64) -> Arc<dyn Content> {
    let pieces = S3Object { client: client.clone(), bucket: bucket.to_owned(), key, etag: etag.to_owned() };
    Arc::new(Remote { pieces: Arc::new(pieces), size, runtime: Handle::current(), ahead: Arc::default() })
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
            let (mut got, mut pause) = (BytesMut::with_capacity((range.end - range.start) as usize), FIRST_PAUSE);
            for attempt in 1.. {
                match object.try_get(&range, &mut got).await {
                    Ok(()) => break,
                    Err(Trouble::Refused(error)) => return Err(error),
                    Err(Trouble::BrokeOff(why)) if attempt == ATTEMPTS => return Err(io::Error::other(why)),
                    Err(Trouble::BrokeOff(why)) => tracing::debug!(key = object.key, why, "asked for the rest"),
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Ok(got.freeze())
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
    /// Asks for what is missing of a range, and keeps what comes of it.
    async fn try_get(&self, range: &Range<u64>, got: &mut BytesMut) -> Result<(), Trouble> {
        let request = self.client.get_object().bucket(&self.bucket).key(&self.key).if_match(&self.etag);
        let from = range.start + got.len() as u64;
        let answer = request.range(format!("bytes={from}-{}", range.end - 1)).send().await;
        let answer = answer.map_err(|error| match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            Some("PreconditionFailed") => {
                Trouble::Refused(io::Error::other("it was replaced after it was listed: run the import again"))
            }
            _ => Trouble::Refused(failure(&error, &format!("s3:GetObject on arn:aws:s3:::{}/*", self.bucket))),
        })?;
        let mut body = answer.body;
        let wanted = range.end - from;
        let mut come = 0;
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|why| Trouble::BrokeOff(DisplayErrorContext(why).to_string()))?;
            come += bytes.len() as u64;
            if come > wanted {
                break;
            }
            got.extend_from_slice(&bytes);
        }
        match come == wanted {
            true => Ok(()),
            false => Err(Trouble::BrokeOff(format!("the store gave {come} bytes where {wanted} were asked for"))),
        }
    }
}

/// An object read by pieces.
#[derive(Debug, Clone)]
struct Remote {
    pieces: Arc<dyn Pieces>,
    size: u64,
    runtime: Handle,
    /// The first piece, once it is on its way.
    ahead: Arc<Mutex<Option<Fetch>>>,
}

impl Content for Remote {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Box::new(RemoteReader { remote: self.clone(), at: 0, piece: Bytes::new(), ahead, in_order: 0 }))
    }

    fn fetch_ahead(&self) -> u64 {
        if self.size == 0 || self.size > LOOKED_INTO {
            return 0;
        }
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.get_or_insert_with(|| self.fetch(0, PIECE)).len()
    }
}

impl Remote {
    /// Starts to fetch a piece at this offset.
    fn fetch(&self, from: u64, length: u64) -> Fetch {
        let range = from..self.size.min(from + length);
        let task = self.runtime.spawn(self.pieces.get(range.clone()));
        Fetch { range, task }
    }
}

/// A piece on its way.
#[derive(Debug)]
struct Fetch {
    range: Range<u64>,
    task: JoinHandle<io::Result<Bytes>>,
}

impl Fetch {
    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
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
    /// Pieces read one after the other since the start or the last jump.
    in_order: u32,
}

impl RemoteReader {
    fn next_piece(&mut self) -> io::Result<()> {
        let remote = &self.remote;
        let is_looked_into = remote.size > LOOKED_INTO;
        let length = if is_looked_into && self.in_order == 0 { FIRST_PIECE } else { PIECE };
        let ahead = self.ahead.take().filter(|ahead| ahead.range.start == self.at);
        let mut fetch = ahead.unwrap_or_else(|| remote.fetch(self.at, length));
        // Who looks into an object goes on elsewhere after one piece.
        if fetch.range.end < remote.size && !(is_looked_into && self.in_order == 0) {
            self.ahead = Some(remote.fetch(fetch.range.end, PIECE));
        }
        self.piece = remote.runtime.block_on(&mut fetch.task).map_err(io::Error::other)??;
        self.in_order += 1;
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
            None => {
                self.piece = Bytes::new();
                self.in_order = 0;
            }
        }
        self.at = target;
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let remote = Remote { pieces, size: bytes.len() as u64, runtime: Handle::current(), ahead: Arc::default() };
        assert_eq!(remote.fetch_ahead(), if remote.size > LOOKED_INTO { 0 } else { PIECE });
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

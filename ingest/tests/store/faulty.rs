//! An object store that does to its clients what stores and networks do, by a script, and writes down what happened.
//!
//! ```text
//! importer 0 ── FaultyStore ─┐
//! importer 1 ── FaultyStore ─┼── script, trace, requests under way ── InMemory
//! importer 2 ── FaultyStore ─┘
//! ```
//! What was acknowledged is never hidden, as S3 promises: a write that was answered with success is seen by every later
//! read and listing.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::schedule::Turns;

/// What the client is told instead of the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    InternalError,
    SlowDown,
    Reset,
    Timeout,
    /// 409, which `object_store` turns into `AlreadyExists`.
    Conflict,
    /// 412.
    Precondition,
    /// 403: a clear no.
    Forbidden,
}

impl Answer {
    pub(crate) const UNCLEAR: [Self; 6] =
        [Self::InternalError, Self::SlowDown, Self::Reset, Self::Timeout, Self::Conflict, Self::Precondition];

    fn error(self, path: &Path) -> Error {
        let path = path.to_string();
        let source = format!("{self:?}").into();
        match self {
            Self::Conflict => Error::AlreadyExists { path, source },
            Self::Precondition => Error::Precondition { path, source },
            Self::Forbidden => Error::PermissionDenied { path, source },
            Self::InternalError | Self::SlowDown | Self::Reset | Self::Timeout => {
                Error::Generic { store: "faulty", source }
            }
        }
    }
}

/// What happens to one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not done.
    Refused(Answer),
    /// It is done, but the answer is lost.
    Lost(Answer),
    /// The client gives up, and the request arrives that many operations later. Only for writes.
    Late(Answer, u64),
    /// It takes so many milliseconds.
    Slow(u64),
    /// Half of the body comes, then the connection breaks. Only for reads.
    Cut,
    /// 404, although it was listed. Only for reads.
    Missing,
    /// Planted: the write replaces what is there, although that was forbidden.
    Overwrites,
    /// Planted: success is answered and nothing done.
    Forgotten,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Put,
    Get,
    List,
}

/// What a path is to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Log,
    Checkpoint,
    Data,
    Other,
}

/// An operation as a script sees it: names that are made up at random are left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Operation {
    pub(crate) actor: usize,
    pub(crate) verb: Verb,
    /// First folder below the lake.
    pub(crate) table: String,
    pub(crate) kind: Kind,
}

impl Operation {
    pub(crate) fn is(&self, verb: Verb, table: &str, kind: Kind) -> bool {
        self.verb == verb && self.table == table && self.kind == kind
    }

    fn new(actor: usize, verb: Verb, path: &Path) -> Self {
        let mut parts = path.parts().skip(1).map(|part| part.as_ref().to_owned());
        let table = parts.next().unwrap_or_default();
        let rest: Vec<String> = parts.collect();
        let name = rest.last().map_or("", String::as_str);
        let kind = match rest.first().map(String::as_str) {
            Some("_delta_log") if name.contains("checkpoint") => Kind::Checkpoint,
            Some("_delta_log") => Kind::Log,
            Some(_) if name.ends_with(".parquet") => Kind::Data,
            _ => Kind::Other,
        };
        Self { actor, verb, table, kind }
    }
}

/// Says what happens to an operation, given how often this actor has done the like before (from 0).
pub(crate) type Script = dyn Fn(&Operation, u64) -> Option<Fault> + Send + Sync;

/// What all handles of a store share.
pub(crate) struct Store {
    pub(crate) inner: Arc<InMemory>,
    pub(crate) turns: Option<Arc<Turns>>,
    script: Mutex<Arc<Script>>,
    operations: AtomicU64,
    seen: Mutex<HashMap<Operation, u64>>,
    under_way: Mutex<Vec<UnderWay>>,
    trace: Mutex<Vec<String>>,
    faults: AtomicU64,
}

struct UnderWay {
    due: u64,
    path: Path,
    payload: PutPayload,
    options: PutOptions,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Store {
    pub(crate) fn new(inner: InMemory, turns: Option<Arc<Turns>>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::new(inner),
            turns,
            script: Mutex::new(Arc::new(|_: &Operation, _| None)),
            operations: AtomicU64::new(0),
            seen: Mutex::default(),
            under_way: Mutex::default(),
            trace: Mutex::default(),
            faults: AtomicU64::new(0),
        })
    }

    pub(crate) fn follow(&self, script: impl Fn(&Operation, u64) -> Option<Fault> + Send + Sync + 'static) {
        *lock(&self.script) = Arc::new(script);
        lock(&self.seen).clear();
    }

    pub(crate) fn handle(self: &Arc<Self>, actor: usize) -> Arc<FaultyStore> {
        Arc::new(FaultyStore { actor, store: Arc::clone(self) })
    }

    /// Everything that is under way arrives.
    pub(crate) async fn settle(&self) {
        self.arrive(u64::MAX).await;
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        lock(&self.trace).clone()
    }

    /// How many faults there have been.
    pub(crate) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// How often an actor has tried such operations since the script was set.
    pub(crate) fn count(&self, verb: Verb, table: &str, kind: Kind) -> HashMap<usize, u64> {
        let seen = lock(&self.seen);
        seen.iter().filter(|(op, _)| op.is(verb, table, kind)).map(|(op, count)| (op.actor, *count)).collect()
    }

    async fn arrive(&self, now: u64) {
        let due: Vec<UnderWay> = {
            let mut under_way = lock(&self.under_way);
            let (due, later) = under_way.drain(..).partition(|request| request.due <= now);
            *under_way = later;
            due
        };
        for UnderWay { path, payload, options, .. } in due {
            // Nobody waits for the answer.
            let landed = self.inner.put_opts(&path, payload, options).await.is_ok();
            self.note(format!("arrived late: {} {landed}", plain(&path)));
        }
    }

    fn note(&self, line: String) {
        lock(&self.trace).push(line);
    }
}

/// A path without what is made up at random.
fn plain(path: &Path) -> String {
    let text = path.to_string();
    let random = ["part-", "_probe/"].iter().find_map(|name| text.find(name).map(|at| at + name.len()));
    random.map_or_else(|| text.clone(), |at| text[..at].to_owned())
}

/// One client's view of a [`Store`].
pub(crate) struct FaultyStore {
    actor: usize,
    store: Arc<Store>,
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}", self.actor)
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}", self.actor)
    }
}

impl FaultyStore {
    async fn turn(&self) {
        if let Some(turns) = &self.store.turns {
            turns.wait(self.actor).await;
        }
    }

    /// Begins an operation: waits for its turn, lets late requests arrive, and asks the script.
    async fn begin(&self, verb: Verb, path: &Path) -> Option<Fault> {
        self.turn().await;
        let operation = Operation::new(self.actor, verb, path);
        let number = self.store.operations.fetch_add(1, Ordering::Relaxed);
        self.store.arrive(number).await;
        let nth = {
            let mut seen = lock(&self.store.seen);
            let count = seen.entry(operation.clone()).or_default();
            *count += 1;
            *count - 1
        };
        let script = Arc::clone(&lock(&self.store.script));
        let fault = script(&operation, nth);
        let said = fault.map_or_else(String::new, |fault| format!(" {fault:?}"));
        self.store.note(format!("{} {verb:?} {}{said}", self.actor, plain(path)));
        self.store.faults.fetch_add(u64::from(fault.is_some()), Ordering::Relaxed);
        if let Some(Fault::Slow(millis)) = fault {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        fault
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let answer = match self.begin(Verb::Put, path).await {
            Some(Fault::Refused(answer)) => return Err(answer.error(path)),
            Some(Fault::Late(answer, after)) => {
                let due = self.store.operations.load(Ordering::Relaxed) + after;
                lock(&self.store.under_way).push(UnderWay { due, path: path.clone(), payload, options });
                return Err(answer.error(path));
            }
            Some(Fault::Lost(answer)) => Some(answer),
            Some(Fault::Forgotten) => return Ok(PutResult { e_tag: None, version: None }),
            Some(Fault::Overwrites) => {
                return self.store.inner.put_opts(path, payload, PutOptions::default()).await;
            }
            _ => None,
        };
        let done = self.store.inner.put_opts(path, payload, options).await;
        self.turn().await;
        match answer {
            Some(answer) => Err(answer.error(path)),
            None => done,
        }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        match self.begin(Verb::Put, path).await {
            Some(Fault::Refused(answer) | Fault::Lost(answer) | Fault::Late(answer, _)) => Err(answer.error(path)),
            _ => self.store.inner.put_multipart_opts(path, options).await,
        }
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = self.begin(Verb::Get, path).await;
        match fault {
            Some(Fault::Refused(answer) | Fault::Lost(answer) | Fault::Late(answer, _)) => {
                return Err(answer.error(path));
            }
            Some(Fault::Missing) => {
                return Err(Error::NotFound { path: path.to_string(), source: "404 after a listing".into() });
            }
            _ => {}
        }
        let mut got = self.store.inner.get_opts(path, options).await?;
        if fault == Some(Fault::Cut) {
            let half = (got.range.end - got.range.start) as usize / 2;
            let GetResultPayload::Stream(mut body) = got.payload else { panic!("the store in memory gives streams") };
            let begun = body.next().await.transpose()?.map(|bytes| bytes.slice(..half.min(bytes.len())));
            let broken = Err(Answer::Reset.error(path));
            got.payload = GetResultPayload::Stream(stream::iter(begun.map(Ok).into_iter().chain([broken])).boxed());
        }
        Ok(got)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.store.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(prefix, None)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(prefix, Some(offset.clone()))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let at = prefix.cloned().unwrap_or_default();
        match self.begin(Verb::List, &at).await {
            Some(Fault::Refused(answer) | Fault::Lost(answer)) => Err(answer.error(&at)),
            _ => self.store.inner.list_with_delimiter(prefix).await,
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.inner.copy_opts(from, to, options).await
    }
}

impl FaultyStore {
    fn listed(&self, prefix: Option<&Path>, offset: Option<Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let at = prefix.cloned().unwrap_or_default();
        let this = Self { actor: self.actor, store: Arc::clone(&self.store) };
        let listing = async move {
            match this.begin(Verb::List, &at).await {
                Some(Fault::Refused(answer) | Fault::Lost(answer)) => stream::iter([Err(answer.error(&at))]).boxed(),
                _ => match offset {
                    Some(offset) => this.store.inner.list_with_offset(Some(&at), &offset),
                    None => this.store.inner.list(Some(&at)),
                },
            }
        };
        stream::once(listing).flatten().boxed()
    }
}

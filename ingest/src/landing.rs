//! The landing area: what live routes receive is durable here before it is acknowledged, and the one importer takes it from here.
//!
//! ```text
//! callers ── land(route, records) ──> room left? ──> lane of the route: gathered for a moment ──> one object ── durable ──> callers
//!                                        │ no: Full                                                    │
//!                                        <── remove_imported, once the lake holds them <── list <──────┘
//! ```
//! Objects are laid out and named as Firehose does it (`firehose/2026/11/27/13/repute-firehose-1-2026-11-27-13-05-59-UUID`), and hold
//! records as they came, one after another, each with a line feed behind it.

mod directory;
mod lane;
mod place;
mod room;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::source::{ListError, Listing};
use lane::{Load, Writers};
use place::Store;
use room::Room;

pub use place::LandingPlace;
pub use room::Full;

/// Tells the time; objects are named by it.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Records wait for others that share their object's fsync for no longer than this, unless told otherwise.
const LINGER: Duration = Duration::from_millis(5);

/// A full area is looked at so often, in case that others have made room.
const RECOUNT: Duration = Duration::from_secs(5);

/// Callers that may wait in one lane; each holds its records in memory, which callers have to bound.
const WAITING: usize = 1_024;

/// By which way records came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Route {
    /// Firehose's HTTP endpoint delivery.
    Firehose,
    /// SNS over HTTPS.
    Sns,
    /// An SQS queue.
    Sqs,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Firehose, Self::Sns, Self::Sqs];

    /// The name of the route's folder.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firehose => "firehose",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
        }
    }
}

/// How much may lie in a landing area, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandingLimits {
    /// Bytes that are not imported yet.
    pub most_bytes: u64,
    /// Objects that are not imported yet.
    pub most_objects: u64,
    /// Bytes that stay free on the file system of a directory.
    pub spare_bytes: u64,
    /// How long records wait for others to share an object with.
    pub linger: Duration,
    /// Whether objects stay after their import; they are then for their owner to remove, and do not count as waiting.
    pub keep: bool,
}

impl Default for LandingLimits {
    fn default() -> Self {
        Self { most_bytes: 4 << 30, most_objects: 100_000, spare_bytes: 1 << 30, linger: LINGER, keep: false }
    }
}

/// Where records are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The object's name as a URL, as [`SourceObject::key`](crate::SourceObject) has it.
    pub object: Arc<str>,
    /// Bytes of the caller's records with their line feeds.
    pub bytes: u64,
}

/// Why records are not durable, or why the area cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LandingError {
    /// There is no room; later there may be.
    #[error(transparent)]
    Full(#[from] Full),
    /// The store failed. The records may be there nevertheless; landing them again harms nothing.
    #[error("cannot land records at `{place}`: {source}")]
    Write {
        /// The area, or the object.
        place: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The area has been closed.
    #[error("the landing area is closed")]
    Closed,
}

/// A landing area that is open for writing. Clones share it; it is closed when the last of them is dropped.
#[derive(Clone)]
pub struct Landing {
    store: Arc<Store>,
    room: Arc<Room>,
    lanes: [mpsc::Sender<Load>; 3],
    arrivals: Arc<watch::Sender<u64>>,
    recounted: Arc<Mutex<Instant>>,
}

impl fmt::Debug for Landing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Landing({})", self.store)
    }
}

impl Landing {
    /// Opens an area within the runtime that will write to it, and counts what lies there. A directory is made if there is none.
    ///
    /// # Errors
    /// [`LandingError::Write`] if the area cannot be made, listed or written to.
    pub async fn open(place: LandingPlace, limits: LandingLimits, clock: Clock) -> Result<Self, LandingError> {
        let store = Arc::new(Store::open(place, clock()).await?);
        let room = Arc::new(Room::new(&limits));
        let (arrivals, _) = watch::channel(0);
        let arrivals = Arc::new(arrivals);
        let writers = Arc::new(Writers {
            store: Arc::clone(&store),
            room: Arc::clone(&room),
            arrivals: Arc::clone(&arrivals),
            permits: Arc::new(Semaphore::new(store.writers())),
            clock,
        });
        let lanes = Route::ALL.map(|route| {
            let (sender, loads) = mpsc::channel(WAITING);
            tokio::spawn(lane::gather(route, loads, Arc::clone(&writers), limits.linger));
            sender
        });
        let recounted = Arc::new(Mutex::new(Instant::now()));
        let landing = Self { store, room, lanes, arrivals, recounted };
        landing.list().await.map_err(|error| landing.store.failed(io::Error::other(error)))?;
        Ok(landing)
    }

    /// Puts records into the area, and returns once they will be there after a power cut. Records that others land at the same time may
    /// share their object. Dropping the future does not take them back.
    ///
    /// # Errors
    /// [`LandingError::Full`] with nothing written, or [`LandingError::Write`].
    pub async fn land(&self, route: Route, records: Vec<Bytes>) -> Result<Landed, LandingError> {
        let bytes = records.iter().map(|record| record.len() as u64 + 1).sum();
        self.store.free().map_or(Ok(()), |free| self.room.check_disk(free, bytes))?;
        let place = match Room::reserve(&self.room, bytes) {
            Ok(place) => place,
            Err(_) => {
                self.recount().await;
                Room::reserve(&self.room, bytes)?
            }
        };
        let (done, landed) = oneshot::channel();
        let lane = &self.lanes[route as usize];
        let load = Load { records, bytes, place, done };
        lane.send(load).await.map_err(|_| LandingError::Closed)?;
        landed.await.map_err(|_| LandingError::Closed)?
    }

    /// What lies in the area to be imported, in the order in which it came by each route.
    ///
    /// # Errors
    /// If the area cannot be listed.
    pub async fn list(&self) -> Result<Listing, ListError> {
        let before = self.room.names();
        let listing = self.store.list().await?;
        let found = listing.objects.iter().map(|object| (object.key.name.as_str(), object.size));
        self.room.count_anew(&before, found);
        Ok(listing)
    }

    /// Removes objects whose import is committed, unless the area keeps them. Those that are gone already count as removed. They may be
    /// removed at any time after the commit: one that stays is left out by the next import.
    ///
    /// # Errors
    /// [`LandingError::Write`] with the first object that cannot be removed, or does not lie in the area; others are removed.
    pub async fn remove_imported<N: AsRef<str>>(&self, names: &[N]) -> Result<(), LandingError> {
        let mut outcome = Ok(());
        for name in names {
            let name = name.as_ref();
            let removed = if self.room.keeps() { Ok(()) } else { self.store.remove(name).await };
            match removed {
                Ok(()) => self.room.leave(name),
                Err(error) if outcome.is_ok() => outcome = Err(error),
                Err(_) => {}
            }
        }
        outcome
    }

    /// Looks what lies in the area, now and then: another process may import and remove it.
    async fn recount(&self) {
        let mut last = self.recounted.lock().await;
        if last.elapsed() < RECOUNT {
            return;
        }
        if let Err(error) = self.list().await {
            tracing::warn!("{error}");
        }
        *last = Instant::now();
    }

    /// Changes whenever an object has landed.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    /// Bytes and objects that wait to be imported, as far as known.
    pub fn waiting(&self) -> (u64, u64) {
        self.room.waiting()
    }
}

#[cfg(test)]
mod tests;

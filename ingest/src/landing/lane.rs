//! One route's lane: callers' records gathered into one object, so that they share its fsyncs.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::place::Store;
use super::room::{Reserved, Room};
use super::{Clock, Landed, LandingError, Route};

/// An object with so many bytes is written without waiting for more.
const OBJECT_BYTES: u64 = 16 << 20;

/// One caller's records.
pub(super) struct Load {
    pub(super) records: Vec<Bytes>,
    /// Bytes of the records with their line feeds.
    pub(super) bytes: u64,
    pub(super) place: Reserved,
    pub(super) done: oneshot::Sender<Result<Landed, LandingError>>,
}

/// What all lanes write with.
pub(super) struct Writers {
    pub(super) store: Arc<Store>,
    pub(super) room: Arc<Room>,
    pub(super) arrivals: Arc<watch::Sender<u64>>,
    /// So many objects are written at once; meanwhile others grow.
    pub(super) permits: Arc<Semaphore>,
    pub(super) clock: Clock,
}

/// Gathers and writes until the area is closed.
pub(super) async fn gather(route: Route, mut loads: mpsc::Receiver<Load>, writers: Arc<Writers>, linger: Duration) {
    while let Some(first) = loads.recv().await {
        let mut group = Group::default();
        group.add(first);
        let deadline = Instant::now() + linger;
        while group.bytes < OBJECT_BYTES {
            match timeout_at(deadline, loads.recv()).await {
                Ok(Some(load)) => group.add(load),
                Ok(None) | Err(_) => break,
            }
        }
        let Ok(permit) = Arc::clone(&writers.permits).acquire_owned().await else { return };
        while group.bytes < OBJECT_BYTES {
            match loads.try_recv() {
                Ok(load) => group.add(load),
                Err(_) => break,
            }
        }
        let writers = Arc::clone(&writers);
        tokio::spawn(async move {
            group.write(route, &writers).await;
            drop(permit);
        });
    }
}

/// Records that become one object.
#[derive(Default)]
struct Group {
    records: Vec<Bytes>,
    bytes: u64,
    callers: Vec<(u64, oneshot::Sender<Result<Landed, LandingError>>)>,
    places: Vec<Reserved>,
}

impl Group {
    fn add(&mut self, load: Load) {
        self.records.extend(load.records);
        self.bytes += load.bytes;
        self.callers.push((load.bytes, load.done));
        self.places.push(load.place);
    }

    /// Makes the object durable and tells the callers.
    async fn write(mut self, route: Route, writers: &Writers) {
        let written = writers.store.put(route, (writers.clock)(), mem::take(&mut self.records)).await;
        if let Ok(name) = &written {
            writers.room.hold(Arc::clone(name), self.bytes);
        }
        drop(self.places);
        for (bytes, caller) in self.callers {
            let landed = written.clone().map(|object| Landed { object, bytes });
            // Nobody waits any more: the records lie there all the same.
            let _ = caller.send(landed);
        }
        if written.is_ok() {
            writers.arrivals.send_modify(|count| *count += 1);
        }
    }
}

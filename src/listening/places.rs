//! The places that connections take, and who leaves when there are none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::standing::Standing;

/// All places.
pub(super) struct Places {
    free: Arc<Semaphore>,
    newcomers: Arc<Semaphore>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    last: u64,
    by_number: HashMap<u64, Arc<Standing>>,
}

/// A connection's place, given back when it is dropped.
pub(super) struct Seat {
    places: Arc<Places>,
    number: u64,
    pub(super) standing: Arc<Standing>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(connections: usize, newcomers: usize) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { free: semaphore(connections), newcomers: semaphore(newcomers), taken: Mutex::default() }
    }

    /// A place, if one is free.
    pub(super) fn take(places: &Arc<Self>) -> Option<Seat> {
        let permit = Arc::clone(&places.free).try_acquire_owned().ok()?;
        Some(Self::seat(places, permit))
    }

    /// The place that becomes free next.
    pub(super) async fn next(places: &Arc<Self>) -> Seat {
        loop {
            if let Ok(permit) = Arc::clone(&places.free).acquire_owned().await {
                return Self::seat(places, permit);
            }
        }
    }

    /// Leave to stay at the door for a moment.
    pub(super) fn wait(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.newcomers).try_acquire_owned().ok()
    }

    /// Has the connection leave that has asked for nothing for the longest time. Whether there is one.
    pub(super) fn make_room(&self) -> bool {
        let taken = self.taken();
        let staying = taken.by_number.values().filter(|standing| !standing.is_leaving());
        let oldest = staying.filter_map(|standing| Some((standing.idle_since()?, standing)));
        let Some((_, standing)) = oldest.min_by_key(|(since, _)| *since) else { return false };
        standing.leave();
        true
    }

    fn seat(places: &Arc<Self>, permit: OwnedSemaphorePermit) -> Seat {
        let standing = Arc::new(Standing::new());
        let mut taken = places.taken();
        taken.last += 1;
        let number = taken.last;
        taken.by_number.insert(number, Arc::clone(&standing));
        drop(taken);
        Seat { places: Arc::clone(places), number, standing, _permit: permit }
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.places.taken().by_number.remove(&self.number);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_idles_longest_makes_room() {
        let places = Arc::new(Places::new(2, 1));
        let (first, second) = (Places::take(&places).unwrap(), Places::take(&places).unwrap());
        assert!(Places::take(&places).is_none());
        second.standing.is_open();
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        first.standing.is_open();
        assert!(places.make_room());
        second.standing.told_to_leave().await;
        // Nobody is told twice, and nobody who waits for an answer.
        first.standing.asks();
        assert!(!places.make_room());
        first.standing.is_answered();
        assert!(places.make_room());
        drop(second);
        assert!(Places::take(&places).is_some());
        let waiting = places.wait().unwrap();
        assert!(places.wait().is_none());
        drop(waiting);
    }
}

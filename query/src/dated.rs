//! What was made of the rows of dates stays in memory up to a limit, and serves every later version of the lake in which the files it was
//! made of are the same.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use repute_lake::DataFile;
use tokio::sync::Mutex as Turn;
use tokio::task::JoinSet;

use crate::error::QueryError;

/// Something that takes memory.
pub(crate) trait Weighed {
    /// About so many bytes.
    fn bytes(&self) -> usize;
}

/// What is kept of dates, each under a key that says what it is.
pub(crate) struct Dated<K, V> {
    most_bytes: usize,
    most_each: usize,
    held: Mutex<Held<K, V>>,
}

struct Held<K, V> {
    places: HashMap<(NaiveDate, K), Place<V>>,
    bytes: usize,
    /// Rises with every question.
    asked: u64,
}

struct Place<V> {
    known: Arc<Turn<Option<Known<V>>>>,
    bytes: usize,
    asked: u64,
}

/// What is kept, and of which files it was made.
struct Known<V> {
    files: BTreeSet<String>,
    value: Arc<V>,
}

impl<V> Default for Place<V> {
    fn default() -> Self {
        Self { known: Arc::default(), bytes: 0, asked: 0 }
    }
}

impl<K: Clone + Eq + Hash, V: Weighed> Dated<K, V> {
    /// Holds at most so many bytes together; beyond it those that were not asked for longest are forgotten.
    pub(crate) fn at_most(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            most_each: usize::MAX,
            held: Mutex::new(Held { places: HashMap::new(), bytes: 0, asked: 0 }),
        }
    }

    /// The same, keeping nothing that is larger: it would drive out much that is asked for again and again.
    pub(crate) fn each_at_most(self, most_each: usize) -> Self {
        Self { most_each, ..self }
    }

    /// What is kept of a date, or else what `make` makes of its files. Whoever asks at the same time waits for it.
    ///
    /// `make` is given what was kept before, which may be of other files.
    pub(crate) async fn get(
        &self,
        date: NaiveDate,
        key: &K,
        files: &[DataFile],
        serves: impl Fn(&V) -> bool,
        make: impl AsyncFnOnce(Option<Arc<V>>) -> Result<V, QueryError>,
    ) -> Result<Arc<V>, QueryError> {
        let place = self.place(date, key);
        let mut known = place.lock().await;
        let names: BTreeSet<String> = files.iter().map(|file| file.path.to_string()).collect();
        if let Some(known) = known.as_ref().filter(|known| known.files == names && serves(&known.value)) {
            return Ok(Arc::clone(&known.value));
        }
        let value = Arc::new(make(known.as_ref().map(|known| Arc::clone(&known.value))).await?);
        if value.bytes() > self.most_each {
            return Ok(value);
        }
        *known = Some(Known { files: names, value: Arc::clone(&value) });
        drop(known);
        self.note(date, key, value.bytes());
        Ok(value)
    }

    fn held(&self) -> MutexGuard<'_, Held<K, V>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, date: NaiveDate, key: &K) -> Arc<Turn<Option<Known<V>>>> {
        let mut held = self.held();
        held.asked += 1;
        let asked = held.asked;
        let place = held.places.entry((date, key.clone())).or_default();
        place.asked = asked;
        Arc::clone(&place.known)
    }

    /// Notes how large something is, and forgets others if there is no room.
    fn note(&self, date: NaiveDate, key: &K, bytes: usize) {
        let mut held = self.held();
        let Some(place) = held.places.get_mut(&(date, key.clone())) else { return };
        let before = std::mem::replace(&mut place.bytes, bytes);
        held.bytes = held.bytes - before + bytes;
        if held.bytes <= self.most_bytes {
            return;
        }
        // A tenth at once, so that a full house does not look for the oldest every time.
        let mut by_age: Vec<(u64, (NaiveDate, K))> =
            held.places.iter().map(|(place, kept)| (kept.asked, place.clone())).collect();
        by_age.sort_unstable_by_key(|(asked, _)| *asked);
        by_age.pop();
        for (_, oldest) in by_age {
            if held.bytes <= self.most_bytes / 10 * 9 {
                break;
            }
            if let Some(forgotten) = held.places.remove(&oldest) {
                held.bytes -= forgotten.bytes;
            }
        }
    }
}

/// Start (inclusive) and end (exclusive) of a date, microseconds.
pub(crate) fn ends(date: NaiveDate) -> (i64, i64) {
    let start = date.and_time(NaiveTime::MIN).and_utc();
    (start.timestamp_micros(), (start + TimeDelta::days(1)).timestamp_micros())
}

/// On a thread of its own, which ends when nobody waits for it any more.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, QueryError>> + Send + 'static,
) -> Result<T, QueryError> {
    let mut task = JoinSet::new();
    task.spawn(work);
    let ended = task.join_next().await.ok_or_else(|| QueryError::Question("reading never began".to_owned()))?;
    ended.map_err(|error| QueryError::Question(format!("reading ended early: {error}")))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    impl Weighed for usize {
        fn bytes(&self) -> usize {
            *self
        }
    }

    fn date(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 10, day).unwrap()
    }

    #[tokio::test]
    async fn what_was_asked_for_longest_ago_is_forgotten() {
        let kept: Dated<&str, usize> = Dated::at_most(100);
        let made = AtomicUsize::new(0);
        let ask = async |day: u32, bytes: usize| {
            let make = async |_| {
                made.fetch_add(1, Ordering::Relaxed);
                Ok(bytes)
            };
            *kept.get(date(day), &"", &[], |_| true, make).await.unwrap()
        };
        assert_eq!((ask(1, 40).await, ask(2, 40).await, ask(1, 1).await), (40, 40, 40));
        assert_eq!(made.load(Ordering::Relaxed), 2);
        // The second day goes, since the first was asked for after it.
        assert_eq!((ask(3, 40).await, ask(1, 2).await, ask(2, 3).await), (40, 40, 3));
        assert_eq!(made.load(Ordering::Relaxed), 4);
        assert_eq!(ask(4, 1_000).await, 1_000, "too large for the house, and still answered");
    }

    #[tokio::test]
    async fn what_is_too_large_drives_nothing_out() {
        let kept: Dated<(), usize> = Dated::at_most(100).each_at_most(50);
        let ask =
            async |day: u32, bytes: usize| *kept.get(date(day), &(), &[], |_| true, async |_| Ok(bytes)).await.unwrap();
        assert_eq!((ask(1, 40).await, ask(2, 90).await, ask(2, 80).await, ask(1, 1).await), (40, 90, 80, 40));
    }

    #[tokio::test]
    async fn what_does_not_serve_is_made_anew_of_what_there_was() {
        let kept: Dated<(), usize> = Dated::at_most(100);
        let more = async |known: Option<Arc<usize>>| Ok(known.map_or(1, |known| *known + 1));
        for expected in 1..4 {
            assert_eq!(*kept.get(date(1), &(), &[], |found| *found >= expected, more).await.unwrap(), expected);
        }
        assert!(
            kept.get(date(2), &(), &[], |_| true, async |_| Err(QueryError::Question(String::new()))).await.is_err()
        );
        assert_eq!(*kept.get(date(2), &(), &[], |_| true, more).await.unwrap(), 1);
    }
}

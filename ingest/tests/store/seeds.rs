//! Which seeds a suite tries, and what to do with one that fails.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Seeds are tried by so many threads.
const THREADS: usize = 2;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")))
}

/// The seeds to try: `usual` many, as many as `REPUTE_TEST_SEEDS` says, or only `REPUTE_TEST_SEED`.
pub(crate) fn range(usual: u64) -> Range<u64> {
    match number("REPUTE_TEST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("REPUTE_TEST_SEEDS").unwrap_or(usual),
    }
}

/// As many seeds however many the other suites try, or only `REPUTE_TEST_SEED`.
pub(crate) fn few(count: u64) -> Range<u64> {
    number("REPUTE_TEST_SEED").map_or(0..count, |seed| seed..seed + 1)
}

/// Runs one seed. If it fails, it is named, with how to see it fail again.
pub(crate) fn named<T>(suite: &str, seed: u64, test: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(test)).unwrap_or_else(|panic| {
        eprintln!("{suite}: seed {seed} failed; replay it with REPUTE_TEST_SEED={seed}");
        resume_unwind(panic)
    })
}

/// Tries every seed and returns what came of each.
pub(crate) fn each<T: Send>(suite: &str, range: Range<u64>, test: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(range.start);
    let results = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= range.end {
                return;
            }
            results.lock().unwrap_or_else(PoisonError::into_inner).push(named(suite, seed, || test(seed)));
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    results.into_inner().unwrap()
}

/// A generator for one purpose, so that one more number drawn for another changes nothing here.
pub(crate) fn random(seed: u64, purpose: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(purpose);
    random
}

/// Runs on this thread alone.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

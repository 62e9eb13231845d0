//! Which seeds a suite tries.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

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

/// Runs one seed; if that fails, says how to see it fail again.
pub(crate) fn run<T>(suite: &str, seed: u64, test: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(test)).unwrap_or_else(|panic| {
        eprintln!("{suite} failed at seed {seed}; replay it with REPUTE_TEST_SEED={seed}");
        resume_unwind(panic)
    })
}

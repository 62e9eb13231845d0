//! Objects that could not be read, each of which is tried again after a pause that grows.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use repute_ingest::Listed;

use super::pause::after_failures;

/// So many are remembered; others are tried again in every look.
const MOST: usize = 10_000;

/// The pause after the first failure is up to twice as long.
const USUAL: Duration = Duration::from_secs(2);

/// Names of objects, with the number of failures and the time of the next attempt.
#[derive(Debug, Default)]
pub(super) struct Unreadable(HashMap<String, (u32, Instant)>);

impl Unreadable {
    /// Whether it may be tried now.
    pub(super) fn may_try(&self, listed: &Listed, at: Instant) -> bool {
        self.0.get(&listed.object.key.name).is_none_or(|(_, next)| *next <= at)
    }

    /// What became of objects that were tried.
    pub(super) fn note(&mut self, tried: &[Listed], failed: &HashSet<String>, at: Instant) {
        for name in tried.iter().map(|listed| &listed.object.key.name) {
            if !failed.contains(name) {
                self.0.remove(name);
                continue;
            }
            let failures = self.0.get(name).map_or(1, |(failures, _)| failures.saturating_add(1));
            if self.0.len() < MOST || failures > 1 {
                self.0.insert(name.clone(), (failures, at + after_failures(failures, USUAL)));
            }
        }
    }

    /// Whether there was trouble with it.
    pub(super) fn contains(&self, listed: &Listed) -> bool {
        self.0.contains_key(&listed.object.key.name)
    }

    /// Forgets those that are not there any more.
    pub(super) fn keep(&mut self, there: &HashSet<String>) {
        self.0.retain(|name, _| there.contains(name));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

//! Which objects were seen, in 16 bytes an object where their names would take ten times as much.

use std::collections::HashSet;
use std::fmt::{self, Debug, Formatter};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use crate::ledger::ObjectKey;

/// A set of objects that keeps a number of 128 bits of each.
///
/// The number is SipHash's of the key under two keys that are drawn for each process, so that nobody can choose names that share
/// one. Of `n` objects some two share one with a chance of about `n² / 2^129`: 1.5 in 10²¹ for a thousand million.
#[derive(Clone, Default)]
pub struct ObjectSet(HashSet<u128, foldhash::fast::RandomState>);

static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);

fn number(key: &ObjectKey) -> u128 {
    let [high, low] = KEYS.each_ref().map(|state| u128::from(state.hash_one((&key.name, &key.etag))));
    high << 64 | low
}

impl ObjectSet {
    /// Adds an object. Says whether it was new.
    pub fn insert(&mut self, key: &ObjectKey) -> bool {
        self.0.insert(number(key))
    }

    /// Whether it is there.
    pub fn contains(&self, key: &ObjectKey) -> bool {
        self.0.contains(&number(key))
    }

    /// Adds all objects of another set.
    pub fn add(&mut self, others: Self) {
        if self.0.is_empty() {
            *self = others;
        } else {
            self.0.extend(others.0);
        }
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Debug for ObjectSet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} objects", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_known_by_name_and_etag() {
        let key = |name: &str, etag: &str| ObjectKey { name: name.to_owned(), etag: etag.to_owned() };
        let mut set = ObjectSet::default();
        assert!(set.insert(&key("a", "bc")) && !set.insert(&key("a", "bc")));
        assert!(set.insert(&key("ab", "c")) && set.insert(&key("abc", "")));
        let mut other = ObjectSet::default();
        other.add(set.clone());
        other.insert(&key("d", "1"));
        set.add(other);
        assert_eq!((set.len(), set.is_empty()), (4, false));
        assert!(set.contains(&key("d", "1")) && !set.contains(&key("d", "2")));
    }
}

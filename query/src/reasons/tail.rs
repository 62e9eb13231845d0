//! Counting what may have very many different values in bounded memory: the frequent ones by name, the rare ones together.
//!
//! Lossy counting: when there are too many, those seen least are put to the rest, and whatever comes later knows how many of its
//! like may have gone that way. Source: G. S. Manku, R. Motwani, "Approximate Frequency Counts over Data Streams", VLDB 2002.

use std::collections::HashMap;
use std::hash::Hash;

/// Values with their counts.
pub(crate) struct Frequent<K, V> {
    most: usize,
    counts: HashMap<K, Counted<V>>,
    /// Rows of values that were put to the rest.
    rest: u64,
    /// No value of the rest was seen more often than this.
    missed: u64,
}

pub(crate) struct Counted<V> {
    pub(crate) count: u64,
    /// So many more there may have been.
    pub(crate) missed: u64,
    pub(crate) more: V,
}

impl<K: Eq + Hash, V: Default> Frequent<K, V> {
    /// At most so many values by name.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, counts: HashMap::new(), rest: 0, missed: 0 }
    }

    /// Counts a value and gives what else is known of it.
    pub(crate) fn add(&mut self, key: K) -> &mut V {
        if self.counts.len() >= self.most && !self.counts.contains_key(&key) {
            self.prune();
        }
        let missed = self.missed;
        let counted = self.counts.entry(key).or_insert_with(|| Counted { count: 0, missed, more: V::default() });
        counted.count += 1;
        &mut counted.more
    }

    /// Puts the half that was seen least to the rest.
    fn prune(&mut self) {
        let mut sizes: Vec<u64> = self.counts.values().map(|counted| counted.count + counted.missed).collect();
        let middle = sizes.len() / 2;
        let (_, limit, _) = sizes.select_nth_unstable(middle);
        let limit = *limit;
        let rest = &mut self.rest;
        self.counts.retain(|_, counted| {
            let stays = counted.count + counted.missed > limit;
            if !stays {
                *rest += counted.count;
            }
            stays
        });
        self.missed = self.missed.max(limit);
    }

    /// Rows that no name is left of.
    pub(crate) fn rest(&self) -> u64 {
        self.rest
    }

    pub(crate) fn into_counts(self) -> impl Iterator<Item = (K, Counted<V>)> {
        self.counts.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three frequent values among ten thousand that come once.
    #[test]
    fn the_frequent_stay_and_nothing_is_lost() {
        let mut seen: Frequent<String, ()> = Frequent::new(100);
        for number in 0..10_000_u32 {
            seen.add(format!("rare {number}"));
            seen.add(format!("often {}", number % 3));
        }
        let rest = seen.rest();
        let counts: HashMap<String, Counted<()>> = seen.into_counts().collect();
        assert!(counts.len() <= 100);
        assert_eq!(counts.values().map(|counted| counted.count).sum::<u64>() + rest, 20_000);
        for number in 0..3 {
            let counted = &counts[&format!("often {number}")];
            assert_eq!((counted.count, counted.missed), (3_333 + u64::from(number == 0), 0));
        }
    }

    #[test]
    fn few_values_are_counted_exactly() {
        let mut seen: Frequent<String, ()> = Frequent::new(3);
        for key in ["a", "b", "a", "c", "a"] {
            seen.add(key.to_owned());
        }
        assert_eq!(seen.rest(), 0);
        let mut counts: Vec<(String, u64)> = seen.into_counts().map(|(key, counted)| (key, counted.count)).collect();
        counts.sort();
        assert_eq!(counts, [("a".to_owned(), 3), ("b".to_owned(), 1), ("c".to_owned(), 1)]);
    }
}

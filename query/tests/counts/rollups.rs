//! Answers from counted rows against those of a full scan of the rows, for random lakes, selections and versions.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::TimeDelta;
use rand::prelude::*;
use repute_lake::{CompactionMeter, Lake};
use repute_query::{
    Clock, CountingRules, Dimension, LocalDays, Providers, Reader, ReputationQuery, Selection, Stepping, Tz, rates,
    reputation,
};

use crate::lakes::{DAYS, Test, start};

const FILTERS: usize = 200;

impl Test {
    /// Asks readers twenty questions about each of some random filters (and about some, what AWS judges), and says how many answers were not empty.
    async fn compare(&mut self, counted: &Reader, filters: usize) -> usize {
        let scanned = self.reader().await.without_rollups().by_engine();
        let by_rows = self.reader().await.without_rollups();
        let minute = 60_000_000;
        let mut told = 0;
        for number in 0..filters {
            let filter = self.filter();
            for clock in [Clock::Event, Clock::Sent] {
                for by in [vec![], vec![Dimension::CONFIGURATION_SET, Dimension::ACCOUNT]] {
                    for width in [None, Some(minute), Some(60 * minute), Some(1_440 * minute)] {
                        let asked = Selection { clock, by: by.clone(), width, ..filter.clone() };
                        let answer = counted.tallies(&asked).await.unwrap();
                        assert_eq!(answer, scanned.tallies(&asked).await.unwrap(), "{asked:?}");
                        assert_eq!(answer, by_rows.tallies(&asked).await.unwrap(), "{asked:?}");
                        told += usize::from(!answer.is_empty());
                    }
                }
            }
            let zone = Stepping::Days(LocalDays { zone: Tz::Asia__Kathmandu, days: 1 });
            let asked = Selection { by: vec![Dimension::CONFIGURATION_SET], ..filter.clone() };
            let answer = rates(counted, &asked, zone).await.unwrap();
            assert_eq!(answer, rates(&scanned, &asked, zone).await.unwrap(), "{asked:?}");
            // Without rollups, each of these is dozens of scans.
            for last_sends in [1, 500, 1_000_000].into_iter().filter(|_| number % 20 == 0) {
                let query = ReputationQuery { last_sends, since: filter.since, as_of: filter.as_of };
                let answer = reputation(counted, &query).await.unwrap();
                assert_eq!(answer, reputation(&scanned, &query).await.unwrap(), "{query:?}");
                told += usize::from(!answer.is_empty());
            }
            if let (Some(since), Some(until)) = (filter.since, filter.until) {
                let until = until.min(since + TimeDelta::hours(1));
                let sliding = Stepping::Sliding(self.random.random_range(1..100));
                let asked = Selection { since: Some(since), until: Some(until), ..filter.clone() };
                let answer = rates(counted, &asked, sliding).await.unwrap();
                assert_eq!(answer, rates(&scanned, &asked, sliding).await.unwrap(), "{asked:?}");
            }
            let now = self.time();
            let newest = counted.newest_event(now).await.unwrap();
            assert_eq!(newest, scanned.newest_event(now).await.unwrap(), "{now}");
        }
        told
    }
}

/// Mail may claim to be of any year.
#[tokio::test(flavor = "multi_thread")]
async fn times_far_off_are_counted_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 4).await;
    test.append(500, (0, 1), false).await;
    // 1952, 1969 to 1970, and 9990: each also long before what the mail says of itself.
    for days in [(-27_300, -27_299), (-20_730, -20_726), (2_908_800, 2_908_802)] {
        test.append(300, days, true).await;
    }
    let counted = test.reader().await;
    let scanned = test.reader().await.without_rollups().by_engine();
    let by_rows = test.reader().await.without_rollups();
    for clock in [Clock::Event, Clock::Sent] {
        for width in [None, Some(60_000_000), Some(600_000_000), Some(86_400_000_000)] {
            for since in [None, Some("1969-12-31T12:00:00Z"), Some("9000-01-01T00:00:00Z")] {
                let since = since.map(|time| time.parse().unwrap());
                let asked = Selection { clock, width, since, ..Selection::default() };
                let answer = counted.tallies(&asked).await.unwrap();
                assert_eq!(answer, scanned.tallies(&asked).await.unwrap(), "{asked:?}");
                assert_eq!(answer, by_rows.tallies(&asked).await.unwrap(), "{asked:?}");
                assert!(!answer.is_empty(), "{asked:?}");
            }
        }
    }
    let newest = counted.newest_event("9999-01-01T00:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!(newest, scanned.newest_event("9999-01-01T00:00:00Z".parse().unwrap()).await.unwrap());
}

fn kept(folder: &Path) -> Vec<String> {
    let Ok(keys) = std::fs::read_dir(folder.join("rollups")) else { return Vec::new() };
    let files = keys.flat_map(|key| std::fs::read_dir(key.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_a_full_scan() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 1).await;
    test.append(60_000, (0, DAYS), false).await;
    let first = test.reader().await;
    let told = test.compare(&first, FILTERS * 6 / 10).await;
    assert!(told > FILTERS * 6, "most answers are not empty: {told}");
    assert_eq!(kept(folder.path()).len(), DAYS as usize + 1, "each day, and an index: {:?}", kept(folder.path()));

    // Another process takes what was kept, and counts only what is new.
    test.append(3_000, (2, DAYS), false).await;
    let second = test.reader().await;
    test.compare(&second, FILTERS / 10).await;

    // The same process goes on; sends that did not happen when their mail was sent.
    test.append(3_000, (1, 3), true).await;
    let third = test.reader().await.continuing(&second).await;
    test.compare(&third, FILTERS / 10).await;

    // Files that were counted are replaced by others.
    test.lake.compact(start(), 2, &CompactionMeter::default()).await.unwrap();
    let fourth = test.reader().await.continuing(&third).await;
    test.compare(&fourth, FILTERS / 10).await;
    let fifth = test.reader().await;
    fifth.prepare().await.unwrap();
    test.compare(&fifth, FILTERS / 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_never_needed() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 2).await;
    test.append(60_000, (0, 2), false).await;
    test.reader().await.prepare().await.unwrap();
    let keys: Vec<_> = std::fs::read_dir(folder.path().join("rollups")).unwrap().collect();
    let key = keys[0].as_ref().unwrap().path();
    for damage in ["gone", "cut", "flipped", "index"] {
        for name in kept(folder.path()) {
            let path = key.join(&name);
            let mut bytes = std::fs::read(&path).unwrap();
            match damage {
                "gone" if !name.starts_with("index") => std::fs::remove_file(&path).unwrap(),
                "cut" => std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
                "flipped" if !name.starts_with("index") => {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 0x10;
                    std::fs::write(&path, bytes).unwrap();
                }
                "index" if name.starts_with("index") => std::fs::write(&path, b"").unwrap(),
                _ => {}
            }
        }
        let reader = test.reader().await;
        test.compare(&reader, 2).await;
    }
    // Without an index all is counted again, and that is worth keeping.
    test.reader().await.prepare().await.unwrap();
    let dates: BTreeSet<String> = kept(folder.path()).into_iter().map(|name| name[..10].to_owned()).collect();
    assert!(["2026-10-01", "2026-10-02"].iter().all(|date| dates.contains(*date)), "{dates:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_rules_are_counted_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 3).await;
    test.append(60_000, (0, 1), false).await;
    test.reader().await.prepare().await.unwrap();
    let lake = Lake::open(&test.location).await.unwrap();
    let rules = || CountingRules::new(["else.example".to_owned()], []);
    let counted = Reader::new(&lake, rules(), Providers::default()).unwrap();
    let scanned = Reader::new(&lake, rules(), Providers::default()).unwrap().without_rollups().by_engine();
    let selection = Selection::default();
    assert_eq!(counted.tallies(&selection).await.unwrap(), scanned.tallies(&selection).await.unwrap());
    assert_eq!(std::fs::read_dir(folder.path().join("rollups")).unwrap().count(), 2);
}

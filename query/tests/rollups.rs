//! Answers from counted rows against those of a full scan of the rows, for random lakes, selections and versions.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use rand::prelude::*;
use rand::rngs::StdRng;
use repute_lake::{CompactionMeter, Event, EventChunk, EventRows, EventType, Lake, Location, Recipient};
use repute_query::{
    Clock, CountingRules, Dimension, LocalDays, Providers, Reader, ReputationQuery, Selection, Silent, Stepping, Tz,
    rates, reputation,
};

const DAYS: i64 = 4;
const FILTERS: usize = 200;

fn start() -> DateTime<Utc> {
    "2026-10-01T00:00:00Z".parse().unwrap()
}

fn rules() -> CountingRules {
    let verified = ["corp.example", "boss@partner.example"].map(str::to_owned);
    CountingRules::new(verified, ["gmail.com".to_owned()]).counting([Silent::ALL[0]])
}

fn pick<'a>(random: &mut StdRng, values: &[Option<&'a str>]) -> Option<Cow<'a, str>> {
    values.choose(random).copied().flatten().map(Cow::Borrowed)
}

const ACCOUNTS: [Option<&str>; 3] = [Some("111122223333"), Some("444455556666"), None];
const SETS: [Option<&str>; 5] =
    [Some("marketing"), Some("marketing-with-a-long-name"), Some("receipts"), Some(""), None];
const ADDRESSES: [Option<&str>; 7] = [
    Some("a@gmail.com"),
    Some("b@mail.corp.example"),
    Some("bounce@simulator.amazonses.com"),
    Some("boss@partner.example"),
    Some("other@partner.example"),
    Some("c@else.example"),
    None,
];

/// Events of every type, most of them after their mail was sent; `is_odd` lets sends happen at other times than their mail's.
fn rows(random: &mut StdRng, count: usize, days: (i64, i64), is_odd: bool) -> EventChunk {
    let mut rows = EventRows::new(&[], 0);
    rows.start_object("object");
    for _ in 0..count {
        let event_type = *EventType::ALL.choose(random).unwrap();
        // Half the events lie in a few minutes, so that minutes hold many.
        let day = random.random_range(days.0..days.1) * 86_400_000_000;
        let of_day = if random.random() {
            random.random_range(0..86_400_000_000)
        } else {
            random.random_range(0..20) * 3_600_000_000 + random.random_range(0..300) * 1_000_000
        };
        let time = start() + TimeDelta::microseconds(day + of_day);
        let mut event = Event::new(event_type, time);
        event.sent_time = match event_type {
            EventType::Send if !is_odd => Some(time),
            _ if random.random_range(0..20) == 0 => None,
            _ => Some(time - TimeDelta::microseconds(random.random_range(0..200_000_000_000) / 1000 * 1000)),
        };
        event.account_id = pick(random, &ACCOUNTS);
        event.configuration_set = pick(random, &SETS);
        if event_type == EventType::Bounce {
            event.bounce_type = pick(random, &[Some("Permanent"), Some("Transient"), Some("Undetermined")]);
            event.bounce_subtype = pick(random, &[Some("General"), Some("OnAccountSuppressionList"), None]);
        }
        if event_type == EventType::Complaint {
            event.complaint_feedback_type = pick(random, &[Some("abuse"), Some("not-spam"), None]);
            event.complaint_subtype = pick(random, &[Some("OnAccountSuppressionList"), None, None]);
        }
        let address = pick(random, &ADDRESSES);
        event.recipients = vec![Recipient { address, event_id: random.random(), ..Recipient::default() }];
        rows.push(&event, 0);
    }
    rows.finish().unwrap()
}

struct Test {
    random: StdRng,
    location: Location,
    lake: Lake,
}

impl Test {
    async fn new(folder: &Path, seed: u64) -> Self {
        let location = Location::parse(folder.to_str().unwrap()).unwrap();
        let lake = Lake::open_or_create(&location, &[]).await.unwrap();
        Self { random: StdRng::seed_from_u64(seed), location, lake }
    }

    async fn append(&mut self, count: usize, days: (i64, i64), is_odd: bool) {
        let chunk = rows(&mut self.random, count, days, is_odd);
        self.lake.append(vec![chunk], start(), 2).await.unwrap();
    }

    async fn reader(&self) -> Reader {
        let lake = Lake::open(&self.location).await.unwrap();
        Reader::new(&lake, rules(), Providers::default()).unwrap()
    }

    fn time(&mut self) -> DateTime<Utc> {
        let micros = self.random.random_range(-86_400_000_000..(DAYS + 1) * 86_400_000_000);
        let unit = [1, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000].choose(&mut self.random).unwrap();
        start() + TimeDelta::microseconds(micros / unit * unit)
    }

    /// A random stretch of time, as of a random time, of random groups and types.
    fn filter(&mut self) -> Selection {
        let mut ends = [self.time(), self.time()];
        ends.sort();
        let random = &mut self.random;
        let some = |random: &mut StdRng, time| random.random_bool(0.6).then_some(time);
        let (since, until) = (some(random, ends[0]), some(random, ends[1]));
        let mut only = Vec::new();
        if random.random_bool(0.3) {
            only.push((Dimension::ACCOUNT, pick(random, &ACCOUNTS).map(Cow::into_owned)));
        }
        if random.random_bool(0.3) {
            only.push((Dimension::CONFIGURATION_SET, pick(random, &SETS).map(Cow::into_owned)));
        }
        let types = match random.random_range(0..3) {
            0 => EventType::ALL.iter().copied().filter(|_| random.random_bool(0.4)).collect(),
            1 => vec![EventType::Send, EventType::Bounce, EventType::Complaint],
            _ => Vec::new(),
        };
        let time = self.time();
        let as_of = some(&mut self.random, time).filter(|_| self.random.random_bool(0.4));
        Selection { since, until, as_of, only, types, ..Selection::default() }
    }

    /// Asks both readers twenty questions about each of some random filters (and about some, what AWS judges), and says how many answers were not empty.
    async fn compare(&mut self, counted: &Reader, filters: usize) -> usize {
        let scanned = self.reader().await.without_rollups();
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
    let scanned = test.reader().await.without_rollups();
    for clock in [Clock::Event, Clock::Sent] {
        for width in [None, Some(60_000_000), Some(600_000_000), Some(86_400_000_000)] {
            for since in [None, Some("1969-12-31T12:00:00Z"), Some("9000-01-01T00:00:00Z")] {
                let since = since.map(|time| time.parse().unwrap());
                let asked = Selection { clock, width, since, ..Selection::default() };
                let answer = counted.tallies(&asked).await.unwrap();
                assert_eq!(answer, scanned.tallies(&asked).await.unwrap(), "{asked:?}");
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
    let scanned = Reader::new(&lake, rules(), Providers::default()).unwrap().without_rollups();
    let selection = Selection::default();
    assert_eq!(counted.tallies(&selection).await.unwrap(), scanned.tallies(&selection).await.unwrap());
    assert_eq!(std::fs::read_dir(folder.path().join("rollups")).unwrap().count(), 2);
}

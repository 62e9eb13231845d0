//! Answers from rows that are read by the numbers of their texts against those of the query engine.

use rand::prelude::*;
use repute_lake::CompactionMeter;
use repute_query::{Clock, CountingRules, Dimension, Providers, Reader, Selection};

use crate::lakes::{ACCOUNTS, CAMPAIGNS, IPS, SETS, TEAMS, Test, pick, start};

const QUESTIONS: usize = 400;

fn dimension(name: &str) -> Dimension {
    name.parse().unwrap()
}

/// Dimensions of every kind: columns, those with a column of their own, the rest of the map, and what is made of columns.
const NAMES: [&str; 16] = [
    "configuration_set",
    "account_id",
    "recipient_domain",
    "campaign",
    "outgoing_ip",
    "event_type",
    "bounce_type",
    "bounce_subtype",
    "status",
    "delay_type",
    "tenant",
    "provider",
    "bounce_class",
    "tag:team",
    "tag:tier",
    "tag:order",
];

/// A value that some rows have, or that none has.
fn value(random: &mut StdRng, name: &str) -> Option<String> {
    let values: &[Option<&str>] = match name {
        "configuration_set" => &SETS,
        "account_id" => &ACCOUNTS,
        "recipient_domain" => &[Some("gmail.com"), Some("else7.example"), None],
        "campaign" => &CAMPAIGNS,
        "outgoing_ip" => &IPS,
        "event_type" => &[Some("Bounce"), Some("Send")],
        "bounce_type" => &[Some("Permanent"), None],
        "provider" => &[Some("Gmail"), Some("partner.example"), None],
        "bounce_class" => &[Some("invalid_mailbox"), Some("mailbox_full"), None],
        "tag:team" => &TEAMS,
        "tag:tier" => &[Some("gold"), None],
        _ => &[Some("5.1.1"), None],
    };
    if random.random_bool(0.1) {
        return Some("of no row".to_owned());
    }
    pick(random, values).map(|value| value.into_owned())
}

pub(crate) fn question(test: &mut Test) -> Selection {
    let filter = test.filter();
    let random = &mut test.random;
    let mut only = filter.only.clone();
    for _ in 0..random.random_range(0..3) {
        let name = NAMES.choose(random).unwrap();
        only.push((dimension(name), value(random, name)));
    }
    let count = *[0, 1, 1, 1, 2, 2, 3, 4].choose(random).unwrap();
    let by = NAMES.sample(random, count).map(|name| dimension(name)).collect();
    let width = *[None, None, Some(3_600_000_000), Some(86_400_000_000), Some(7_777_777)].choose(random).unwrap();
    let clock = *[Clock::Event, Clock::Sent].choose(random).unwrap();
    Selection { only, by, width, clock, ..filter }
}

/// Says how many answers were not empty.
async fn compare(test: &mut Test, reader: impl Fn(&repute_lake::Lake) -> Reader, questions: usize) -> usize {
    let lake = repute_lake::Lake::open(&test.location).await.unwrap();
    let (by_rows, by_engine) = (reader(&lake).without_rollups(), reader(&lake).without_rollups().by_engine());
    let mut told = 0;
    for _ in 0..questions {
        let asked = question(test);
        let answer = by_rows.tallies(&asked).await.unwrap();
        assert_eq!(answer, by_engine.tallies(&asked).await.unwrap(), "{asked:?}");
        told += usize::from(!answer.is_empty());
    }
    told
}

fn usual(lake: &repute_lake::Lake) -> Reader {
    Reader::new(lake, CountingRules::default(), Providers::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 11).await;
    test.append(40_000, (0, 3), false).await;
    test.append(2_000, (1, 4), true).await;
    let told = compare(&mut test, usual, QUESTIONS).await;
    assert!(told > QUESTIONS / 4, "many answers are not empty: {told}");
    // Verified addresses, and undetermined bounces that count.
    let told = compare(&mut test, |lake| Reader::new(lake, crate::lakes::rules(), Providers::default()).unwrap(), 100);
    assert!(told.await > 25);
    test.lake.compact(start(), 2, &CompactionMeter::default()).await.unwrap();
    compare(&mut test, usual, 50).await;
}

/// More values than have a place each, of several dimensions, in many windows.
#[tokio::test(flavor = "multi_thread")]
async fn many_values_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 12).await;
    test.append(60_000, (0, 1), false).await;
    let lake = repute_lake::Lake::open(&test.location).await.unwrap();
    let (by_rows, by_engine) = (usual(&lake).without_rollups(), usual(&lake).without_rollups().by_engine());
    for names in [&["tag:order", "recipient_domain"][..], &["recipient_domain", "tag:order", "provider", "campaign"]] {
        for (clock, width) in [(Clock::Event, None), (Clock::Sent, Some(60_000_000)), (Clock::Event, Some(1))] {
            let by = names.iter().map(|name| dimension(name)).collect();
            let asked = Selection { by, clock, width, ..Selection::default() };
            let answer = by_rows.tallies(&asked).await.unwrap();
            assert_eq!(answer, by_engine.tallies(&asked).await.unwrap(), "{asked:?}");
            assert!(answer.len() > 10_000, "{}", answer.len());
        }
    }
}

/// A file that is gone is an error, whoever reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 13).await;
    test.append(1_000, (0, 2), false).await;
    let reader = test.reader().await.without_rollups();
    let asked = Selection { by: vec![dimension("campaign")], ..Selection::default() };
    assert!(!reader.tallies(&asked).await.unwrap().is_empty());
    let path = reader_file(folder.path());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let reader = test.reader().await.without_rollups();
    assert!(reader.tallies(&asked).await.is_err());
    std::fs::remove_file(&path).unwrap();
    assert!(test.reader().await.without_rollups().tallies(&asked).await.is_err());
    std::fs::write(&path, bytes).unwrap();
    assert!(!test.reader().await.without_rollups().tallies(&asked).await.unwrap().is_empty());
}

fn reader_file(lake: &std::path::Path) -> std::path::PathBuf {
    let date = lake.join("events/event_date=2026-10-01");
    std::fs::read_dir(date).unwrap().map(|file| file.unwrap().path()).next().unwrap()
}

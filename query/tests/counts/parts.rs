//! Answers from counts of whole dates and files that were kept from other questions, against those of the query engine.

use chrono::TimeDelta;
use rand::prelude::*;
use repute_lake::CompactionMeter;
use repute_query::{CountingRules, Dimension, Providers, Reader, Selection};

use crate::delays::mail;
use crate::lakes::{Test, start};
use crate::rows::question;

const SHAPES: usize = 40;
const RANGES: usize = 6;

/// Asks for the same in several ranges, as people do who look around. Says how many answers were not empty.
async fn compare(test: &mut Test, reader: &Reader, shapes: usize) -> usize {
    let lake = repute_lake::Lake::open(&test.location).await.unwrap();
    let scanned = usual(&lake).without_rollups().by_engine();
    let mut told = 0;
    for _ in 0..shapes {
        let shape = question(test);
        for _ in 0..RANGES {
            let Selection { since, until, as_of, .. } = test.filter();
            let mut asked = Selection { since, until, as_of, ..shape.clone() };
            let all = scanned.tallies(&asked).await.unwrap();
            assert_eq!(reader.tallies(&asked).await.unwrap(), all, "{asked:?}");
            told += usize::from(!all.is_empty());
            // Of some groups only.
            let last = |row: &repute_query::Tallied| row.group.last().cloned();
            asked.among = all.iter().step_by(3).filter_map(last).chain([Some("of no row".to_owned())]).collect();
            let among = |row: &&repute_query::Tallied| last(row).is_some_and(|value| asked.among.contains(&value));
            let expected: Vec<_> = all.iter().filter(among).cloned().collect();
            assert_eq!(*reader.tallies(&asked).await.unwrap(), expected, "{asked:?}");
        }
    }
    told
}

fn usual(lake: &repute_lake::Lake) -> Reader {
    Reader::new(lake, CountingRules::default(), Providers::default()).unwrap()
}

async fn open(test: &Test) -> Reader {
    usual(&repute_lake::Lake::open(&test.location).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_do_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 21).await;
    test.append(20_000, (0, 4), false).await;
    test.append(2_000, (1, 4), true).await;
    let first = open(&test).await;
    let told = compare(&mut test, &first, SHAPES).await;
    assert!(told > SHAPES, "many answers are not empty: {told}");
    // What was counted of dates without new files is taken over.
    test.append(3_000, (3, 5), false).await;
    let second = open(&test).await.continuing(&first).await;
    compare(&mut test, &second, SHAPES / 2).await;
    test.lake.compact(start(), 2, &CompactionMeter::default()).await.unwrap();
    let third = open(&test).await.continuing(&second).await;
    compare(&mut test, &third, SHAPES / 2).await;
}

/// A date with more orders than are kept of a date: questions by order read its rows, whatever they are filtered by.
#[tokio::test(flavor = "multi_thread")]
async fn more_groups_than_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 24).await;
    let chunk = mail(&mut test.random, 65_000, (0, 1), |random| Some(random.random_range(300..9_000)));
    test.lake.append(vec![chunk], start(), 2).await.unwrap();
    let reader = open(&test).await;
    let scanned = usual(&repute_lake::Lake::open(&test.location).await.unwrap()).without_rollups().by_engine();
    let [order, provider, domain]: [Dimension; 3] =
        ["tag:order", "provider", "recipient_domain"].map(|name| name.parse().unwrap());
    let of_gmail = vec![(domain, Some("gmail.com".to_owned()))];
    for (by, only, hours) in
        [(&order, &[][..], 40), (&order, &of_gmail, 40), (&order, &of_gmail, 9), (&provider, &of_gmail, 9)]
    {
        let until = Some(start() + TimeDelta::hours(hours) + TimeDelta::minutes(7));
        let asked = Selection { by: vec![by.clone()], only: only.to_vec(), until, ..Selection::default() };
        let answer = reader.tallies(&asked).await.unwrap();
        assert!(!answer.is_empty());
        assert!(answer == scanned.tallies(&asked).await.unwrap(), "{asked:?}");
    }
}

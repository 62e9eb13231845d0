//! Reasons of bounces from kept days against those of the rows that the query engine reads.

use std::collections::BTreeMap;

use rand::prelude::*;
use repute_lake::CompactionMeter;
use repute_query::{
    BounceClass, BounceQuery, BounceReasons, Classifier, CountingRules, Dimension, Providers, Reader, ReasonRule,
    Selection, bounce_reasons,
};

use crate::lakes::{Test, start};
use crate::rows::question;

const QUESTIONS: usize = 150;

fn asked(test: &mut Test) -> BounceQuery {
    let Selection { since, until, by, only, .. } = question(test);
    let random = &mut test.random;
    let classes = BounceClass::ALL.into_iter().filter(|_| random.random_bool(0.3)).collect();
    let classes = if random.random_bool(0.5) { Vec::new() } else { classes };
    let limit = *[1, 4, 1_000].choose(random).unwrap();
    BounceQuery { since, until, by, only, classes, limit, with_addresses: random.random() }
}

/// The three providers with most bounces of each reason, which the engine groups by for this.
async fn add_providers(scanned: &Reader, query: &BounceQuery, found: &mut BounceReasons) {
    let by = query.by.iter().cloned().chain([Dimension::Provider]).collect();
    let each = bounce_reasons(scanned, &BounceQuery { by, limit: 20_000, ..query.clone() }).await.unwrap();
    assert!(!each.is_cut);
    let mut providers: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    let key = |group: &[Option<String>], of: &repute_query::ReasonGroup| {
        format!("{group:?} {:?}", (of.class, &of.bounce_type, &of.subtype, &of.status, &of.text))
    };
    for of in &each.groups {
        let (provider, group) = of.group.split_last().unwrap();
        if let Some(provider) = provider {
            providers.entry(key(group, of)).or_default().push((provider.clone(), of.count));
        }
    }
    for group in &mut found.groups {
        let mut most = providers.get(&key(&group.group, group)).cloned().unwrap_or_default();
        most.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        most.truncate(3);
        for (provider, at_least) in &group.providers {
            assert!(most.iter().all(|(name, count)| name != provider || count >= at_least), "{group:?}");
        }
        group.providers = most;
    }
}

async fn compare(test: &mut Test, reader: &Reader, questions: usize) -> usize {
    let lake = repute_lake::Lake::open(&test.location).await.unwrap();
    let scanned = usual(&lake).by_engine();
    let mut told = 0;
    for _ in 0..questions {
        let query = asked(test);
        let mut expected = bounce_reasons(&scanned, &query).await.unwrap();
        // A status of the report and the same one of the text are two reasons that are told alike.
        let is_clear = query.limit == 1_000;
        if is_clear && !query.by.contains(&Dimension::Column("status")) {
            let statuses = Dimension::Column("status");
            let by = query.by.iter().cloned().chain([statuses]).collect();
            let query = BounceQuery { by, ..query.clone() };
            let mut expected = bounce_reasons(&scanned, &query).await.unwrap();
            add_providers(&scanned, &query, &mut expected).await;
            assert_eq!(bounce_reasons(reader, &query).await.unwrap(), expected, "{query:?}");
        }
        let mut found = bounce_reasons(reader, &query).await.unwrap();
        told += found.groups.len();
        for groups in [&mut expected.groups, &mut found.groups] {
            groups.iter_mut().for_each(|group| group.providers.clear());
        }
        assert_eq!(found, expected, "{query:?}");
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
async fn days_tell_what_the_rows_tell() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 33).await;
    test.append(20_000, (0, 4), false).await;
    let first = open(&test).await;
    let told = compare(&mut test, &first, QUESTIONS).await;
    assert!(told > QUESTIONS, "many answers are not empty: {told}");
    test.append(3_000, (3, 5), false).await;
    let second = open(&test).await.continuing(&first).await;
    compare(&mut test, &second, QUESTIONS / 3).await;
    test.lake.compact(start(), 2, &CompactionMeter::default()).await.unwrap();
    let third = open(&test).await.continuing(&second).await;
    compare(&mut test, &third, QUESTIONS / 3).await;
}

/// A reader with other rules takes no days over.
#[tokio::test(flavor = "multi_thread")]
async fn other_rules_have_days_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 34).await;
    test.append(2_000, (0, 2), false).await;
    let first = open(&test).await;
    let query = BounceQuery { limit: 100, ..BounceQuery::default() };
    let before = bounce_reasons(&first, &query).await.unwrap();
    let rule = ReasonRule::new(BounceClass::Content, None, None, None, Some("user unknown")).unwrap();
    let second = open(&test).await.with_reasons(Classifier::new(vec![rule])).continuing(&first).await;
    let after = bounce_reasons(&second, &query).await.unwrap();
    let count = |found: &BounceReasons| found.classes.iter().find(|(class, _)| *class == BounceClass::Content).copied();
    assert_eq!(count(&before), None);
    assert!(count(&after).is_some_and(|(_, count)| count > 0), "{:?}", after.classes);
    assert_eq!(before.bounces, after.bounces);
}

//! Writes whose outcome the client is not told: what is reported, and what is in the lake after the next run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use rand::RngExt;
use rand::seq::IndexedRandom;

use crate::dump::Dump;
use crate::faulty::{Answer, Fault, Kind, Store, Verb};
use crate::importer::{empty_lake, exit, import_once};
use crate::readback::{self, LAKE};
use crate::seeds::{self, block_on};

const TABLES: [&str; 3] = ["events", "quarantine", "objects"];

/// So often a commit is sent before its outcome is given up as unknown.
const SENT: u64 = 5;

/// What goes wrong with the writes of one kind to one table.
#[derive(Debug, Clone, Copy)]
struct Case {
    table: &'static str,
    kind: Kind,
    fault: Fault,
    /// So many times in a row.
    times: u64,
}

impl Case {
    fn choose(seed: u64) -> Self {
        let mut random = seeds::random(seed, 1);
        let answer = *Answer::UNCLEAR.choose(&mut random).unwrap();
        let fault = match random.random_range(0..7) {
            0 | 1 => Fault::Refused(answer),
            2 | 3 => Fault::Lost(answer),
            4 => Fault::Late(answer, random.random_range(0..150)),
            5 => Fault::Late(answer, u64::MAX / 2),
            _ => Fault::Refused(Answer::Forbidden),
        };
        let kind = if random.random_bool(0.8) { Kind::Log } else { Kind::Data };
        Self { table: TABLES.choose(&mut random).unwrap(), kind, fault, times: random.random_range(1..=SENT + 1) }
    }

    /// The exit codes that the design allows.
    fn exits(self) -> &'static [u8] {
        let given_up = self.times >= SENT;
        match (self.kind, self.fault) {
            (Kind::Data, _) => &[4],
            (_, Fault::Lost(_)) => &[0],
            (_, Fault::Refused(Answer::Forbidden)) => &[4],
            // Taken for another writer's commit, and tried again until none is found.
            (_, Fault::Refused(Answer::Conflict) | Fault::Late(Answer::Conflict, _)) => &[0],
            (_, Fault::Refused(_)) if given_up => &[5],
            (_, Fault::Late(_, after)) if given_up && after > 1000 => &[5],
            (_, Fault::Late(..)) if given_up => &[0, 5],
            _ => &[0],
        }
    }
}

#[test]
fn no_unclear_answer_loses_or_doubles_a_row() {
    let outcomes = seeds::each("unknown outcomes", seeds::range(200), |seed| block_on(unclear(seed)));
    report("unknown outcomes of writes", &outcomes);
}

async fn unclear(seed: u64) -> (u8, u64) {
    let dump = Dump::generate(&mut seeds::random(seed, 0), 6, 2);
    let case = Case::choose(seed);
    let store = Store::new(empty_lake().await, None);
    store.follow(move |operation, nth| {
        (operation.is(Verb::Put, case.table, case.kind) && nth < case.times).then_some(case.fault)
    });
    let outcome = import_once(store.handle(0), dump.sources()).await;
    let exit = exit(&outcome);
    let happened = store.count(Verb::Put, case.table, case.kind).contains_key(&0);
    let allowed = if happened { case.exits() } else { &[0] };
    assert!(allowed.contains(&exit), "{case:?} ended with {exit}, not {allowed:?}: {outcome:?}");
    if let Ok(summary) = outcome {
        let rows = dump.rows().len() as u64;
        assert_eq!((summary.events, summary.rows, summary.records), (dump.events, rows, dump.records()), "{case:?}");
        readback::contents(&store.inner).await.check_whole(&dump).unwrap();
    } else {
        readback::contents(&store.inner).await.check_law(&dump).unwrap();
    }
    let faults = store.faults();
    complete(&store, &dump, seed.is_multiple_of(2)).await;
    (exit, faults)
}

/// Runs again on a healthy store, to which what is under way arrives before or while that goes on.
async fn complete(store: &std::sync::Arc<Store>, dump: &Dump, settled: bool) {
    if settled {
        store.settle().await;
    }
    store.follow(|_, _| None);
    import_once(store.handle(0), dump.sources()).await.unwrap();
    store.settle().await;
    readback::contents(&store.inner).await.check_whole(dump).unwrap();
    let again = import_once(store.handle(0), dump.sources()).await.unwrap();
    assert_eq!((again.skipped, again.events, again.rows), (dump.objects.len() as u64, 0, 0));
    readback::contents(&store.inner).await.check_whole(dump).unwrap();
}

/// The store takes or drops a commit and then answers nothing for a while, or never again.
#[test]
fn a_store_that_goes_dark_at_a_commit() {
    let outcomes = seeds::each("dark store", seeds::range(60), |seed| block_on(dark(seed)));
    report("stores that went dark at a commit", &outcomes);
}

async fn dark(seed: u64) -> (u8, u64) {
    let dump = Dump::generate(&mut seeds::random(seed, 0), 6, 2);
    let mut random = seeds::random(seed, 1);
    let table = *TABLES.choose(&mut random).unwrap();
    let length = *[2, 5, 10, 20, u64::MAX].choose(&mut random).unwrap();
    let first = if random.random_bool(0.5) { Fault::Lost(Answer::Timeout) } else { Fault::Refused(Answer::Timeout) };
    let store = Store::new(empty_lake().await, None);
    let left = AtomicU64::new(0);
    store.follow(move |operation, nth| {
        if operation.is(Verb::Put, table, Kind::Log) && nth == 0 {
            left.store(length, Ordering::Relaxed);
            return Some(first);
        }
        let before = left.load(Ordering::Relaxed);
        left.store(before.saturating_sub(1), Ordering::Relaxed);
        (before > 0).then_some(Fault::Refused(Answer::Timeout))
    });
    let outcome = import_once(store.handle(0), dump.sources()).await;
    let exit = exit(&outcome);
    let happened = store.count(Verb::Put, table, Kind::Log).contains_key(&0);
    assert!(!happened || length < u64::MAX || exit == 5, "{outcome:?}");
    if exit == 0 {
        readback::contents(&store.inner).await.check_whole(&dump).unwrap();
    }
    let faults = store.faults();
    complete(&store, &dump, true).await;
    (exit, faults)
}

/// The checkpoint at version 50 fails in every way; the data is committed all the same, and no re-run adds to it.
#[test]
fn a_failed_checkpoint_fails_no_import() {
    let faults = Answer::UNCLEAR.into_iter().chain([Answer::Forbidden]).flat_map(|answer| {
        [Fault::Refused(answer), Fault::Lost(answer), Fault::Late(answer, 20), Fault::Late(answer, u64::MAX / 2)]
    });
    let mut failed = 0;
    for (fault, seed) in faults.zip(0..) {
        block_on(async {
            let dump = Dump::generate(&mut seeds::random(seed, 0), 6, 2);
            let store = Store::new(at_version(49).await, None);
            store.follow(move |operation, _| {
                (operation.verb == Verb::Put && operation.kind == Kind::Checkpoint).then_some(fault)
            });
            let summary = import_once(store.handle(0), dump.sources()).await.unwrap();
            assert_eq!(summary.rows, dump.rows().len() as u64);
            assert!(store.faults() > 0, "no checkpoint was written");
            failed += store.faults();
            for _ in 0..3 {
                let again = import_once(store.handle(0), dump.sources()).await.unwrap();
                assert_eq!((again.skipped, again.rows), (dump.objects.len() as u64, 0));
                readback::contents(&store.inner).await.check_whole(&dump).unwrap();
            }
            complete(&store, &dump, true).await;
        });
    }
    println!("failing checkpoints: 28 imports, {failed} failed writes, 0 lost, 0 doubled");
}

/// An empty lake whose tables have had so many commits.
async fn at_version(version: u64) -> InMemory {
    let store = empty_lake().await;
    for table in TABLES {
        for version in 1..=version {
            let entry = Path::from(format!("{LAKE}/{table}/_delta_log/{version:020}.json"));
            let info = r#"{"commitInfo":{"timestamp":1793491200000,"operation":"WRITE","operationParameters":{}}}"#;
            store.put(&entry, PutPayload::from_static(info.as_bytes())).await.unwrap();
        }
    }
    store
}

fn report(what: &str, outcomes: &[(u8, u64)]) {
    let mut exits: BTreeMap<u8, u64> = BTreeMap::new();
    outcomes.iter().for_each(|(exit, _)| *exits.entry(*exit).or_default() += 1);
    let faults: u64 = outcomes.iter().map(|(_, faults)| faults).sum();
    println!(
        "{what}: {} seeds, {faults} faults, first runs by exit code {exits:?}; after the re-run 0 lost, 0 doubled",
        outcomes.len()
    );
}

//! Several importers at once, on threads, with a compactor that puts their files together and readers that take snapshots all
//! the time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use rand::RngExt;
use repute_ingest::SourceObject;
use repute_lake::{Lake, Location};

use crate::dump::{Dump, Trouble};
use crate::faulty::{Fault, Kind, Store, Verb};
use crate::importer::{compact_once, empty_lake, exit, import_once};
use crate::readback::{self, LAKE};
use crate::seeds::{self, block_on};

/// What one round came to.
#[derive(Debug, Default)]
struct Round {
    importers: u64,
    snapshots: u64,
    most_files: u64,
    events: u64,
    compactions: u64,
    replaced: u64,
}

#[test]
fn importers_at_once_lose_and_double_nothing_and_none_starves() {
    let mut rounds = Vec::new();
    for seed in seeds::range(100) {
        let importers = [2, 4, 8][seed as usize % 3];
        rounds.push(seeds::named("importers at once", seed, || round(seed, importers)));
    }
    println!(
        "importers at once: {} rounds of 2, 4 and 8 importers ({} in all), {} snapshots by readers, 0 lost, 0 doubled; \
         {} compactions meanwhile put {} files into others; most files that one importer wrote for one table: {}",
        rounds.len(),
        rounds.iter().map(|round| round.importers).sum::<u64>(),
        rounds.iter().map(|round| round.snapshots).sum::<u64>(),
        rounds.iter().map(|round| round.compactions).sum::<u64>(),
        rounds.iter().map(|round| round.replaced).sum::<u64>(),
        rounds.iter().map(|round| round.most_files).max().unwrap_or_default()
    );
}

/// Each importer and each reader has a thread and a runtime of its own, as if it were a process.
fn round(seed: u64, importers: usize) -> Round {
    let dump = Dump::generate(&mut seeds::random(seed, 0), 8, 2);
    let store = Store::new(block_on(empty_lake()), None);
    store.follow(move |operation, nth| {
        (seed + nth + operation.actor as u64).is_multiple_of(7).then_some(Fault::Slow(1))
    });
    let mut result = Round { importers: importers as u64, ..Round::default() };
    let running = AtomicBool::new(true);
    thread::scope(|scope| {
        let (store, dump, running) = (&store, &dump, &running);
        let importing: Vec<_> = (0..importers)
            .map(|actor| scope.spawn(move || block_on(import_once(store.handle(actor), listing(dump, seed, actor)))))
            .collect();
        let reading: Vec<_> = (importers..importers + 2)
            .map(|actor| scope.spawn(move || block_on(read(store, actor, dump, running))))
            .collect();
        let compacting = scope.spawn(move || block_on(compact(store, importers + 2, running)));
        let outcomes: Vec<_> = importing.into_iter().map(ScopedJoinHandle::join).collect();
        running.store(false, Ordering::Relaxed);
        for outcome in outcomes {
            let outcome = outcome.unwrap();
            assert_eq!(exit(&outcome), 0, "{outcome:?}");
            result.events += outcome.unwrap().events;
        }
        (result.compactions, result.replaced) = compacting.join().unwrap();
        result.snapshots = reading.into_iter().map(|reader| reader.join().unwrap()).sum();
    });
    block_on(readback::contents(&store.inner)).check_whole(&dump).unwrap();
    assert_eq!(result.events, dump.events, "every event is new to exactly one importer");
    for table in ["events", "objects", "quarantine"] {
        let written = store.count(Verb::Put, table, Kind::Data);
        result.most_files = result.most_files.max(written.values().copied().max().unwrap_or_default());
    }
    result
}

/// Puts files together until told to stop, and gives how often it did and how many files that replaced.
async fn compact(store: &Arc<Store>, actor: usize, running: &AtomicBool) -> (u64, u64) {
    let (mut compactions, mut replaced) = (0, 0);
    while running.load(Ordering::Relaxed) || compactions == 0 {
        for done in compact_once(store.handle(actor)).await.unwrap() {
            replaced += done.files.0.saturating_sub(done.files.1);
        }
        compactions += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (compactions, replaced)
}

/// In every other round all list the same; else the first lists all and the others parts of it.
fn listing(dump: &Dump, seed: u64, actor: usize) -> Vec<SourceObject> {
    let count = dump.objects.len();
    let from = if seed.is_multiple_of(2) || actor == 0 {
        0
    } else {
        seeds::random(seed, 10 + actor as u64).random_range(0..count)
    };
    dump.objects[from..].iter().map(|object| object.source(Trouble::None)).collect()
}

/// Takes snapshots until told to stop; each obeys the law by itself, and beside the ledger as it was before.
async fn read(store: &Arc<Store>, actor: usize, dump: &Dump, running: &AtomicBool) -> u64 {
    let location = Location::on_store(LAKE, store.handle(actor), Duration::ZERO).unwrap();
    let mut snapshots = 0;
    while running.load(Ordering::Relaxed) || snapshots == 0 {
        let lake = Lake::open(&location).await.unwrap();
        let files: BTreeSet<String> =
            lake.event_files().unwrap().into_iter().map(|file| file.path.to_string()).collect();
        readback::check_snapshot(&store.inner, &files, dump).await.unwrap();
        readback::contents(&store.inner).await.check_law(dump).unwrap();
        snapshots += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    snapshots
}

//! The whole importer against a store that does everything wrong at once: importers and a reader take turns by a seed, some
//! are killed and start again, and at any moment the lake obeys the law.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use repute_ingest::{ImportError, SourceObject};
use repute_lake::{Lake, LakeError, Location};

use crate::dump::{Dump, Trouble};
use crate::faulty::{Answer, Fault, Kind, Operation, Store, Verb};
use crate::importer::{compact_once, empty_lake, exit, import_once};
use crate::readback::{self, LAKE, Wrong};
use crate::schedule::{Turns, Work};
use crate::seeds::{self, block_on};

/// A defect planted to see that the suite finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    /// The store lets a second writer replace an entry of the log.
    LogOverwritten,
    /// The store says yes to a write and forgets it.
    WritesForgotten,
    /// An importer takes an unknown outcome for success.
    UnknownTakenForDone,
}

/// How one seed is played.
struct Play {
    importers: usize,
    reader: bool,
    compactor: bool,
    /// Faults in a thousand operations.
    faults: u64,
    /// In a thousand commits, those at which the store goes dark for a while.
    storms: u64,
    /// Kills in a thousand turns.
    kills: u64,
    lake_exists: bool,
}

impl Play {
    fn choose(random: &mut ChaCha8Rng) -> Self {
        Self {
            importers: *[1, 2, 2, 2, 3].choose(random).unwrap(),
            reader: random.random_bool(0.3),
            faults: *[0, 5, 15, 40].choose(random).unwrap(),
            storms: *[0, 0, 100, 300].choose(random).unwrap(),
            kills: *[0, 5, 20].choose(random).unwrap(),
            lake_exists: random.random_bool(0.9),
            compactor: random.random_bool(0.3),
        }
    }
}

/// What happened at one seed.
#[derive(Debug, Default)]
struct Story {
    trace: Vec<String>,
    faults: u64,
    kills: u64,
    runs: BTreeMap<u8, u64>,
    snapshots: u64,
    replaced: u64,
}

/// How a run of an actor ended.
enum Ended {
    Imported {
        exit: u8,
        objects: BTreeSet<String>,
    },
    Read(Result<(), Wrong>),
    /// So many files fewer.
    Compacted(u64),
    Starved(String),
}

async fn play(seed: u64, defect: Defect) -> Result<Story, Wrong> {
    let mut random = seeds::random(seed, 2);
    let mut play = Play::choose(&mut random);
    if matches!(defect, Defect::LogOverwritten | Defect::WritesForgotten) {
        // Nothing else may go wrong, so that it is this that is found.
        play =
            Play { importers: 3, reader: false, compactor: false, faults: 0, storms: 0, kills: 0, lake_exists: true };
    }
    let dump = Arc::new(Dump::generate(&mut seeds::random(seed, 0), 6, 2));
    let actors = play.importers + usize::from(play.reader) + usize::from(play.compactor);
    let turns = Arc::new(Turns::new(actors));
    let inner = if play.lake_exists { empty_lake().await } else { InMemory::new() };
    let store = Store::new(inner, Some(Arc::clone(&turns)));
    let (faults, storms, dark) = (play.faults, play.storms, Mutex::new(vec![0; actors]));
    store.follow(move |operation, nth| {
        planted(defect, operation, nth)
            .or_else(|| storm(seed, operation, nth, storms, &mut dark.lock().unwrap()[operation.actor]))
            .or_else(|| chance(seed, operation, nth, faults))
    });

    let mut story = Story::default();
    let mut acknowledged = BTreeSet::new();
    let mut left: Vec<u32> = (0..actors).map(|_| random.random_range(1..=2)).collect();
    let mut working: Vec<Option<Work<Ended>>> = (0..actors).map(|_| None).collect();
    loop {
        let alive: Vec<usize> = (0..actors).filter(|&a| working[a].is_some() || left[a] > 0).collect();
        let Some(&actor) = alive.choose(&mut random) else { break };
        if working[actor].is_none() {
            left[actor] -= 1;
            working[actor] = Some(if actor < play.importers {
                importer(store.handle(actor), listing(&dump, &mut random))
            } else if play.reader && actor == play.importers {
                reader(store.handle(actor), Arc::clone(&store.inner), Arc::clone(&dump))
            } else {
                compactor(store.handle(actor))
            });
        }
        let Some(work) = &mut working[actor] else { continue };
        if random.random_range(0..1000) < play.kills {
            working[actor] = None;
            turns.forget(actor);
            story.kills += 1;
        } else if let Some(ended) = turns.run(actor, work).await {
            working[actor] = None;
            match ended {
                Ended::Imported { exit, objects } => {
                    *story.runs.entry(exit).or_default() += 1;
                    if exit == 0 || (exit == 5 && defect == Defect::UnknownTakenForDone) {
                        acknowledged.extend(objects);
                    }
                }
                Ended::Read(seen) => seen?,
                Ended::Compacted(files) => story.replaced += files,
                Ended::Starved(error) => return Err(error),
            }
        }
        if play.lake_exists && random.random_range(0..100) < 1 {
            readback::contents(&store.inner).await.check_law(&dump)?;
            story.snapshots += 1;
        }
    }
    story.trace = store.trace();
    story.faults = store.faults();
    finish(&store, &turns, &dump, &acknowledged).await?;
    Ok(story)
}

/// What was acknowledged is there at once, and the rest after one more run on a healthy store.
async fn finish(store: &Arc<Store>, turns: &Turns, dump: &Dump, acknowledged: &BTreeSet<String>) -> Result<(), Wrong> {
    let contents = readback::contents(&store.inner).await;
    contents.check_law(dump)?;
    if let Some(object) = acknowledged.iter().find(|object| !contents.objects.contains(object)) {
        return Err(format!("`{object}` was acknowledged, but is not in the lake"));
    }
    store.follow(|_, _| None);
    let sources = dump.sources();
    let mut work: Work<Ended> = importer(store.handle(0), sources);
    let ended = loop {
        if let Some(ended) = turns.run(0, &mut work).await {
            break ended;
        }
    };
    store.settle().await;
    match ended {
        Ended::Imported { exit: 0, .. } => readback::contents(&store.inner).await.check_whole(dump),
        Ended::Imported { exit, .. } => Err(format!("the last run, on a healthy store, ended with {exit}")),
        Ended::Read(_) | Ended::Compacted(_) => Err("no importer".to_owned()),
        Ended::Starved(error) => Err(error),
    }
}

/// All objects or some neighbouring ones, a few of which cannot be read well.
fn listing(dump: &Dump, random: &mut ChaCha8Rng) -> Vec<SourceObject> {
    let from = if random.random_bool(0.5) { 0 } else { random.random_range(0..dump.objects.len()) };
    let mut trouble = || match random.random_range(0..100) {
        0 => Trouble::Gone,
        1 => Trouble::Cut,
        _ => Trouble::None,
    };
    dump.objects[from..].iter().map(|object| object.source(trouble())).collect()
}

fn importer(store: Arc<dyn ObjectStore>, sources: Vec<SourceObject>) -> Work<Ended> {
    Box::pin(async move {
        let objects = sources.iter().map(|source| source.key.name.clone()).collect();
        let outcome = import_once(store, sources).await;
        match &outcome {
            Err(error @ (ImportError::Lake(LakeError::Contended { .. }) | ImportError::Unfinished(_))) => {
                Ended::Starved(error.to_string())
            }
            _ => Ended::Imported { exit: exit(&outcome), objects },
        }
    })
}

/// Takes snapshots as `query` does, and looks into their files past all faults.
fn reader(store: Arc<dyn ObjectStore>, inner: Arc<InMemory>, dump: Arc<Dump>) -> Work<Ended> {
    Box::pin(async move {
        let location = Location::on_store(LAKE, store, Duration::ZERO).unwrap();
        for _ in 0..3 {
            let Ok(lake) = Lake::open(&location).await else { continue };
            let files = lake.event_files().unwrap().into_iter().map(|file| file.path.to_string()).collect();
            let seen = readback::check_snapshot(&inner, &files, &dump).await;
            if seen.is_err() {
                return Ended::Read(seen);
            }
        }
        Ended::Read(Ok(()))
    })
}

/// Puts small files together a few times, whatever comes of it.
fn compactor(store: Arc<dyn ObjectStore>) -> Work<Ended> {
    Box::pin(async move {
        let mut replaced = 0;
        for _ in 0..8 {
            match compact_once(Arc::clone(&store)).await {
                Err(error @ LakeError::Contended { .. }) => return Ended::Starved(error.to_string()),
                done => {
                    let done = done.unwrap_or_default();
                    replaced += done.iter().map(|one| one.files.0.saturating_sub(one.files.1)).sum::<u64>();
                }
            }
        }
        Ended::Compacted(replaced)
    })
}

/// What befalls an operation is decided by the seed and what it is, not by when it comes.
fn dice(seed: u64, operation: &Operation, nth: u64, purpose: u64) -> ChaCha8Rng {
    let mut hasher = DefaultHasher::new();
    (seed, operation, nth).hash(&mut hasher);
    seeds::random(hasher.finish(), purpose)
}

/// A commit is taken or dropped without an answer, and then nothing answers this importer for a while.
fn storm(seed: u64, operation: &Operation, nth: u64, storms: u64, dark: &mut u64) -> Option<Fault> {
    if *dark > 0 {
        *dark -= 1;
        return Some(Fault::Refused(Answer::Timeout));
    }
    let mut random = dice(seed, operation, nth, 4);
    if operation.verb != Verb::Put || operation.kind != Kind::Log || random.random_range(0..1000) >= storms {
        return None;
    }
    *dark = random.random_range(1..=20);
    Some(match random.random_range(0..3) {
        0 => Fault::Lost(Answer::Timeout),
        1 => Fault::Late(Answer::Timeout, random.random_range(0..200)),
        _ => Fault::Refused(Answer::Timeout),
    })
}

fn chance(seed: u64, operation: &Operation, nth: u64, faults: u64) -> Option<Fault> {
    let mut random = dice(seed, operation, nth, 3);
    if random.random_range(0..1000) >= faults {
        return None;
    }
    let answers = if operation.verb == Verb::Put { &Answer::UNCLEAR[..] } else { &Answer::UNCLEAR[..4] };
    let answer = *answers.choose(&mut random).unwrap();
    Some(match operation.verb {
        Verb::Put => match random.random_range(0..4) {
            0 => Fault::Refused(answer),
            1 => Fault::Lost(answer),
            2 => Fault::Late(answer, random.random_range(0..200)),
            _ => Fault::Slow(1),
        },
        Verb::Get if operation.kind == Kind::Data && random.random_bool(0.2) => Fault::Missing,
        Verb::Get if random.random_bool(0.4) => Fault::Cut,
        Verb::Get | Verb::List => Fault::Refused(answer),
    })
}

fn planted(defect: Defect, operation: &Operation, nth: u64) -> Option<Fault> {
    let log_of_events = operation.is(Verb::Put, "events", Kind::Log);
    match defect {
        Defect::LogOverwritten if operation.verb == Verb::Put && operation.kind == Kind::Log => Some(Fault::Overwrites),
        Defect::WritesForgotten if log_of_events && nth == 0 => Some(Fault::Forgotten),
        _ => None,
    }
}

#[test]
fn importers_that_take_turns_on_a_failing_store() {
    let stories = seeds::each("simulation", seeds::range(1000), |seed| match block_on(play(seed, Defect::None)) {
        Ok(story) => story,
        Err(wrong) => panic!("{wrong}"),
    });
    let sum = |part: &dyn Fn(&Story) -> u64| stories.iter().map(part).sum::<u64>();
    let mut exits: BTreeMap<u8, u64> = BTreeMap::new();
    for (exit, runs) in stories.iter().flat_map(|story| &story.runs) {
        *exits.entry(*exit).or_default() += runs;
    }
    println!(
        "simulation: {} seeds, {} operations, {} faults, {} kills, {} files put into others, {} looks in between, runs by exit code \
         {exits:?}; 0 lost, 0 doubled",
        stories.len(),
        sum(&|story| story.trace.len() as u64),
        sum(&|story| story.faults),
        sum(&|story| story.kills),
        sum(&|story| story.replaced),
        sum(&|story| story.snapshots),
    );
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let lengths = seeds::each("same trace", seeds::few(25), |seed| {
        let [first, second] = [(); 2].map(|()| block_on(play(seed, Defect::None)).unwrap().trace);
        let differs = first.iter().zip(&second).position(|(a, b)| a != b);
        assert!(
            first == second,
            "at {differs:?}: {:?}",
            differs.map(|at| (&first[at.saturating_sub(3)..=at], &second[at.saturating_sub(3)..=at]))
        );
        first.len()
    });
    println!("same trace: {} seeds twice, {} operations each time", lengths.len(), lengths.iter().sum::<usize>());
}

#[test]
fn a_planted_defect_is_found() {
    let defects = [Defect::LogOverwritten, Defect::WritesForgotten, Defect::UnknownTakenForDone];
    for defect in defects {
        let found = |seed: &u64| {
            let played = catch_unwind(AssertUnwindSafe(|| block_on(play(*seed, defect))));
            !matches!(played, Ok(Ok(_)))
        };
        let first = (0..300).find(found);
        println!("planted defect {defect:?}: found at seed {first:?}");
        assert!(first.is_some(), "{defect:?} was not found");
    }
}

//! Several creators of one lake at once: one wins, with its columns, and the others write into what it made.

use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use rand::RngExt;
use rand::seq::IndexedRandom;
use repute_ingest::{ImportOptions, Meter, import};
use repute_lake::{Lake, LakeError, Location};

use crate::dump::Dump;
use crate::faulty::{Answer, Fault, Kind, Store, Verb};
use crate::importer::{import_once, now};
use crate::readback::{self, LAKE};
use crate::schedule::{Turns, Work};
use crate::seeds::{self, block_on};

const CREATORS: usize = 3;

/// The promoted tags that a creator finds in the lake.
type Created = Result<Vec<String>, LakeError>;

#[test]
fn creators_at_once_make_one_lake() {
    let faults = seeds::each("creation", seeds::range(60), |seed| block_on(create(seed)));
    println!(
        "creation: {} seeds of {CREATORS} creators at once, {} faults, 0 lost, 0 doubled",
        faults.len(),
        faults.iter().sum::<u64>()
    );
}

async fn create(seed: u64) -> u64 {
    let dump = Arc::new(Dump::generate(&mut seeds::random(seed, 0), 4, 1));
    let turns = Arc::new(Turns::new(CREATORS));
    let store = Store::new(InMemory::new(), Some(Arc::clone(&turns)));
    store.follow(move |operation, nth| {
        let mut random = seeds::random(seed, 100 + 10 * nth + operation.actor as u64);
        let answer = *Answer::UNCLEAR.choose(&mut random).unwrap();
        let hit = operation.verb == Verb::Put && operation.kind == Kind::Log && random.random_bool(0.2);
        let fault = match random.random_range(0..3) {
            0 => Fault::Refused(answer),
            1 => Fault::Lost(answer),
            _ => Fault::Late(answer, random.random_range(0..100)),
        };
        hit.then_some(fault)
    });
    let mut creators: Vec<Option<Work<Created>>> =
        (0..CREATORS).map(|actor| Some(creator(store.handle(actor), actor, Arc::clone(&dump)))).collect();
    let mut random = seeds::random(seed, 1);
    let mut columns = Vec::new();
    loop {
        let alive: Vec<usize> = (0..CREATORS).filter(|&actor| creators[actor].is_some()).collect();
        let Some(&actor) = alive.choose(&mut random) else { break };
        let Some(work) = &mut creators[actor] else { continue };
        if let Some(ended) = turns.run(actor, work).await {
            creators[actor] = None;
            match ended {
                Ok(tags) => columns.push(tags),
                Err(LakeError::CommitUnknown { .. } | LakeError::Table { .. } | LakeError::File { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!(columns.windows(2).all(|two| two[0] == two[1]), "creators see different columns: {columns:?}");
    let faults = store.faults();
    store.follow(|_, _| None);
    store.settle().await;
    let mut last: Work<_> = Box::pin(import_once(store.handle(0), dump.sources()));
    let ended = loop {
        if let Some(ended) = turns.run(0, &mut last).await {
            break ended;
        }
    };
    ended.unwrap();
    readback::contents(&store.inner).await.check_whole(&dump).unwrap();
    faults
}

/// Creates the lake with a promoted tag of its own and imports; says which tags the lake has got.
fn creator(store: Arc<dyn object_store::ObjectStore>, actor: usize, dump: Arc<Dump>) -> Work<Created> {
    Box::pin(async move {
        let location = Location::on_store(LAKE, store, Duration::ZERO)?;
        let mut lake = Lake::open_or_create(&location, &[format!("tag{actor}")]).await?;
        let options = ImportOptions::new(1, now());
        match import(&mut lake, dump.sources(), &options, &Arc::<Meter>::default()).await {
            Ok(_) => Ok(lake.promoted_tags().to_vec()),
            Err(repute_ingest::ImportError::Lake(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    })
}

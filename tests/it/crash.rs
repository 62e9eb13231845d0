//! The importer killed at each of its steps, and at random moments: nothing is lost, nothing is in doubly, and every table
//! opens at once.
//!
//! Where a kill struck is read off the calls of the killed run itself: the one before which it was killed says the step.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::dump::files;
use crate::program::Run;
use crate::syscalls::{Bench, Call, Chance, Fault, Reader, long};

/// The steps of an import, in their order.
const POINTS: [&str; 10] = [
    "after_list",
    "after_get",
    "mid_parse",
    "after_parquet_flush",
    "before_commit",
    "after_commit",
    "mid_quarantine",
    "before_ledger",
    "after_ledger",
    "mid_checkpoint",
];

/// The step that each call belongs to, so that a kill before it strikes there; `-` for those between the steps.
fn points(calls: &[Call]) -> Vec<&'static str> {
    let mut reads: HashMap<&str, usize> = HashMap::new();
    let (mut step, mut has_read) = ("-", false);
    let mut found = Vec::new();
    for call in calls {
        let kind = call.kind.as_str();
        let writes = matches!(kind, "create" | "write" | "fsync" | "rename" | "link" | "unlink");
        let is_object = call.path.contains("/dump/") && kind != "list";
        let table = ["/events/", "/quarantine/", "/objects/"].into_iter().find(|table| call.path.contains(table));
        found.push(match (table.unwrap_or_default(), call.path.contains("/_delta_log/")) {
            _ if writes && call.path.contains("checkpoint") => "mid_checkpoint",
            _ if is_object => {
                has_read = true;
                let read = reads.entry(call.path.as_str()).or_default();
                *read += usize::from(kind == "read");
                if *read > 1 { "mid_parse" } else { "after_get" }
            }
            ("", _) if kind == "list" => "-",
            _ if !has_read => "after_list",
            // Before the file is in its place; what follows it is after the flush.
            ("/events/", false) if kind == "rename" => std::mem::replace(&mut step, "after_parquet_flush"),
            ("/events/", true) if kind == "create" => {
                step = "before_commit";
                step
            }
            ("/events/", true) if kind == "link" => std::mem::replace(&mut step, "after_commit"),
            ("/quarantine/", _) if writes => {
                step = "mid_quarantine";
                step
            }
            ("/objects/", true) if kind == "link" => std::mem::replace(&mut step, "after_ledger"),
            ("/objects/", _) if kind == "create" => {
                step = "before_ledger";
                step
            }
            _ => step,
        });
    }
    found
}

/// Staged files of this age are swept.
const DUE: Duration = Duration::from_secs(2 * 60 * 60);

/// What was left behind, over all runs.
#[derive(Default)]
struct Left {
    runs: u64,
    staged: u64,
    data: u64,
}

impl Left {
    /// Counts what was left in a lake, and has it swept where that is due.
    fn take(&mut self, bench: &Bench, lake: &Path, reader: &mut Reader, stray: &Value) {
        let staged = stray["staged"].as_u64().unwrap();
        self.runs += 1;
        self.staged += staged;
        self.data += stray["data"].as_u64().unwrap();
        if staged > 0 {
            for file in files(lake) {
                File::options().append(true).open(file).unwrap().set_modified(SystemTime::now() - DUE).unwrap();
            }
            Run::of(&mut bench.import(lake)).expect(0);
            let swept = bench.assert_complete(lake, reader, "swept");
            assert_eq!(swept["staged"], 0, "{swept}");
        }
    }
}

#[test]
fn a_killed_import_loses_and_doubles_nothing() {
    let (Some(bench), Some(mut reader)) = (Bench::shared(), Reader::start()) else { return };
    let (seeds, random) = if long() { (20, 500) } else { (1, 5) };
    let clock = Instant::now();
    let mut left = Left::default();
    let mut struck: BTreeMap<&str, usize> = BTreeMap::new();
    let whole = [false, true].map(|prepared| {
        let lake = bench.lake("crash-whole", prepared);
        let (run, calls) = bench.import_with(&lake, &Fault::NONE);
        run.expect(0);
        let points = points(&calls);
        bench.assert_complete(&lake, &mut reader, "an import that is left alone");
        calls.iter().map(|call| call.number).zip(points).collect::<Vec<_>>()
    });
    for point in POINTS {
        for seed in 0..seeds {
            let mut chance = Chance(seed as u64 * 1_000 + point.len() as u64);
            let prepared = point == "mid_checkpoint" || seed % 2 == 0;
            let aims: Vec<usize> =
                whole[usize::from(prepared)].iter().filter(|(_, at)| *at == point).map(|(number, _)| *number).collect();
            assert!(!aims.is_empty(), "{point} has no calls: prepared {prepared}");
            let mut hit = false;
            for _ in 0..20 {
                let aim = aims[chance.below(aims.len())];
                let lake = bench.lake("crash-killed", prepared);
                let (run, calls) = bench.import_with(&lake, &Fault { from: aim, to: aim, ..Fault::NONE });
                let at = calls.iter().zip(points(&calls)).find(|(call, _)| call.stopped).map(|(_, point)| point);
                assert_eq!((run.code, run.stdout.as_str()), (128 + 9, ""), "{point}, seed {seed}: {}", run.stderr);
                let what = format!("{point}, seed {seed}, killed before call {aim}, prepared {prepared}");
                let stray = bench.assert_survived(&lake, &mut reader, &what);
                left.take(bench, &lake, &mut reader, &stray);
                hit = at == Some(point);
                if hit {
                    break;
                }
            }
            assert!(hit, "{point}, seed {seed}: threads never came that way");
            *struck.entry(point).or_default() += 1;
        }
    }
    assert_eq!(struck.len(), POINTS.len());
    let killed = random_kills(bench, &mut reader, random, &mut left);
    println!(
        "crash: {} points x {seeds} seeds + {killed} random kills, 0 lost, 0 doubled, table opened every time; {:.0} s",
        struck.len(),
        clock.elapsed().as_secs_f64()
    );
    println!(
        "crash: left behind by {} kills: {} staged files, all swept when they were old enough, {} data files that no log names",
        left.runs, left.staged, left.data
    );
}

/// Kills at moments spread over the time an import takes, and gives how many struck.
fn random_kills(bench: &Bench, reader: &mut Reader, wanted: usize, left: &mut Left) -> usize {
    let clock = Instant::now();
    assert!(bench.import(&bench.lake("crash-timed", true)).output().unwrap().status.success());
    let mut whole = clock.elapsed().as_micros() as usize;
    let mut chance = Chance(7);
    let (mut killed, mut tried) = (0, 0);
    while killed < wanted {
        tried += 1;
        assert!(tried < wanted * 4, "only {killed} of {tried} imports were still running when they were to be killed");
        let wait = Duration::from_micros(chance.below(whole) as u64);
        let lake = bench.lake("crash-killed", tried % 2 == 0);
        let mut child = bench.import(&lake).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(wait);
        let was_running = child.try_wait().unwrap().is_none();
        let _ = child.kill();
        child.wait().unwrap();
        killed += usize::from(was_running);
        // Other loads come and go: the moments stay spread over the time that an import takes now.
        whole = if was_running { whole * 101 / 100 } else { whole * 9 / 10 };
        let stray = bench.assert_survived(&lake, reader, &format!("random kill {tried} after {wait:?}"));
        left.take(bench, &lake, reader, &stray);
    }
    killed
}

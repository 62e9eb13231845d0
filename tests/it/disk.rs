//! Disks that are full, fail, may not be written or have no file handles left: the import says what and where, acknowledges
//! nothing that is not there, leaves nothing behind, and the next one completes.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use crate::program::{REPUTE, Run};
use crate::syscalls::{Bench, Call, Fault, Reader, long};

/// Errors by their numbers in Linux: what the message says, and what it advises.
const FULL: (i32, &str, &str) = (28, "No space left on device", "make room on the disk");
const QUOTA: (i32, &str, &str) = (122, "Disk quota exceeded", "make room within the disk quota");
const BROKEN: (i32, &str, &str) = (5, "Input/output error", "look after the disk");
const READ_ONLY: (i32, &str, &str) = (30, "Read-only file system", "make the file system writable");
const FORBIDDEN: (i32, &str, &str) = (13, "Permission denied", "give this user the right to it");
const NO_HANDLES: (i32, &str, &str) = (24, "Too many open files", "raise the limit on open files");

type Error = (i32, &'static str, &'static str);

/// One import with a failing call, and all that must hold after it. Gives its exit code, or nothing if no call was hit.
fn strike(
    bench: &Bench,
    reader: &mut Reader,
    calls: &str,
    numbers: (usize, usize),
    error: Error,
    prepared: bool,
) -> Option<i32> {
    let (code, cause, remedy) = error;
    let lake = bench.lake("disk-struck", prepared);
    let fault = Fault { calls, from: numbers.0, to: numbers.1, error: Some(code) };
    let (run, made) = bench.import_with(&lake, &fault);
    let hit: Vec<&Call> = made.iter().filter(|call| call.stopped).collect();
    let first = hit.first()?;
    let what = format!("{cause} at {} {}..{} ({}), prepared {prepared}", first.kind, numbers.0, numbers.1, first.path);
    let only_checkpoint = hit.iter().all(|call| is_for_checkpoint(&made, call));
    let stray_before = reader.look(&lake)["stray"].clone();
    match run.code {
        // Tried again, or needed by nobody but the sweeper of left-overs: what is acknowledged is there.
        0 => {
            assert!(!only_checkpoint || run.stderr.contains("checkpoint failed"), "{what}: {}", run.stderr);
            bench.assert_complete(&lake, reader, &what);
        }
        4 | 5 => {
            assert_eq!(run.stdout, "", "{what}: {}", run.stderr);
            for part in [cause, remedy, "run it again", lake.to_str().unwrap()] {
                assert!(run.stderr.contains(part), "{what}: `{part}` is not in: {}", run.stderr);
            }
        }
        other => panic!("{what}: exit {other}: {}", run.stderr),
    }
    if numbers.0 == numbers.1 {
        assert_eq!(stray_before["staged"], 0, "{what}: {stray_before}");
        assert!(run.code == 5 || stray_before["data"] == 0, "{what}: {stray_before}");
    }
    bench.assert_survived(&lake, reader, &what);
    Some(run.code)
}

/// Whether a call belongs to writing a checkpoint: to its file, or to the directory it was just put into.
fn is_for_checkpoint(made: &[Call], call: &Call) -> bool {
    let before = made.iter().rfind(|earlier| earlier.number < call.number);
    let into = call.kind == "fsync" && call.path.ends_with("_delta_log");
    call.path.contains("checkpoint") || (into && before.is_some_and(|before| before.path.contains("checkpoint")))
}

#[test]
fn a_disk_that_refuses_loses_and_doubles_nothing() {
    let (Some(bench), Some(mut reader)) = (Bench::shared(), Reader::start()) else { return };
    let clock = Instant::now();
    let mut codes: BTreeMap<i32, u64> = BTreeMap::new();
    let errors = [FULL, QUOTA, BROKEN];
    for prepared in [false, true] {
        let (run, whole) = bench.import_with(&bench.lake("disk-whole", prepared), &Fault::NONE);
        run.expect(0);
        for (kind, calls) in ["write", "fsync", "link", "create", "mkdir", "rename"].into_iter().enumerate() {
            if !long() && (kind % 2 == 1) != prepared {
                continue;
            }
            let count = whole.iter().filter(|call| call.kind == calls).count();
            // In the short run some places of each kind, each with one of the errors; in the long run every one with each.
            let places: Vec<usize> = if long() { (1..=count + 2).collect() } else { vec![1, count.div_ceil(2), count] };
            for (number, place) in places.into_iter().enumerate() {
                for error in errors {
                    if !long() && errors[(number + kind) % errors.len()] != error {
                        continue;
                    }
                    if let Some(code) = strike(bench, &mut reader, calls, (place, place), error, prepared) {
                        *codes.entry(code).or_default() += 1;
                    }
                }
            }
        }
        // From one call on, everything that writes: the disk is full and stays so.
        let writing = "write,fsync,link,create,mkdir,rename";
        let count = whole.iter().filter(|call| writing.split(',').any(|kind| call.kind == kind)).count();
        let step = if long() { 1 } else { count / 3 };
        for place in (1..=count).step_by(step.max(1)) {
            if let Some(code) = strike(bench, &mut reader, "write,create,mkdir", (place, 1 << 30), FULL, prepared) {
                *codes.entry(code).or_default() += 1;
            }
        }
        for error in [READ_ONLY, FORBIDDEN] {
            let code = strike(bench, &mut reader, "create,mkdir,link,rename", (1, 1 << 30), error, prepared);
            assert_eq!(code, Some(4));
        }
    }
    println!(
        "disk: runs by exit code {codes:?}, 0 lost, 0 doubled, table opened every time; {:.0} s",
        clock.elapsed().as_secs_f64()
    );
}

/// Any opening may fail for want of a handle, of the dump's objects too: those are then said to have failed.
#[test]
fn an_import_without_handles_says_so() {
    let (Some(bench), Some(mut reader)) = (Bench::shared(), Reader::start()) else { return };
    let lake = bench.lake("handles-whole", false);
    let (run, whole) = bench.import_with(&lake, &Fault::NONE);
    run.expect(0);
    let count = whole.iter().filter(|call| ["open", "create", "list"].contains(&call.kind.as_str())).count();
    let step = if long() { 1 } else { count / 6 };
    let mut struck = 0;
    for place in (1..=count).step_by(step.max(1)) {
        let lake = bench.lake("handles-struck", false);
        let fault = Fault { calls: "open,create,list", from: place, to: place, error: Some(NO_HANDLES.0) };
        let (run, calls) = bench.import_with(&lake, &fault);
        let Some(call) = calls.iter().find(|call| call.stopped) else { continue };
        // Tried again, or found in another way (without the hint where the last checkpoint is, the log is listed).
        if run.code == 0 {
            bench.assert_complete(&lake, &mut reader, &format!("{call:?}"));
            continue;
        }
        assert!([4, 5].contains(&run.code), "{call:?}: exit {}: {}", run.code, run.stderr);
        for part in [NO_HANDLES.1, NO_HANDLES.2, "run it again"] {
            assert!(run.stderr.contains(part), "{call:?}: `{part}` is not in: {}", run.stderr);
        }
        bench.assert_survived(&lake, &mut reader, &format!("{call:?}"));
        struck += 1;
    }
    // The limit itself: from where nothing works to where it is enough.
    let mut enough = None;
    let limits: Vec<u32> = if long() { (4..=64).collect() } else { vec![4, 6, 8, 12, 16, 20, 64] };
    for limit in limits {
        let lake = bench.lake("handles-limited", false);
        let import = bench.import(&lake);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\""), REPUTE]).args(import.get_args());
        let run = Run::of(&mut command);
        if run.code == 0 {
            enough = enough.or(Some(limit));
        } else {
            assert_eq!(run.code, 4, "ulimit -n {limit}: {}", run.stderr);
            assert!(run.stderr.contains(NO_HANDLES.1) && run.stderr.contains(NO_HANDLES.2), "{limit}: {}", run.stderr);
        }
        bench.assert_survived(&lake, &mut reader, &format!("ulimit -n {limit}"));
    }
    assert!(enough.is_some(), "64 open files are too few");
    println!("handles: {struck} openings failed one by one, and limits from 4 on; enough: {enough:?}");
}

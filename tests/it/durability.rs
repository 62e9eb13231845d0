//! What is on the disk when an import returns: the order of its system calls, as `strace` sees them, is held against a small
//! model of a disk that loses whatever was not synced.
//!
//! ```text
//! trace ──> steps (write, sync, link ...) ──> Disk: what is volatile ──> rules: nothing volatile behind a commit or an answer
//! ```

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::dump::files;
use crate::program::Run;
use crate::syscalls::{ALL_CALLS, Bench, Fault, Reader, executable, strace};

/// What a call that worked did.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    MakeDirectory(PathBuf),
    Create(PathBuf),
    Write(PathBuf),
    /// Of a file or a directory.
    Sync(PathBuf),
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    /// The summary on standard output.
    Answer,
    Exit(i32),
}

/// The steps in a trace of `strace -f -y`; calls that failed are none.
fn steps(trace: &str) -> Vec<Step> {
    let mut unfinished: HashMap<&str, &str> = HashMap::new();
    let mut found = Vec::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread, begun);
        } else if let Some((_, rest)) = call.strip_prefix("<... ").and_then(|call| call.split_once(" resumed>")) {
            found.extend(step(&format!("{}{rest}", unfinished.remove(thread).unwrap_or_default())));
        } else {
            found.extend(step(call));
        }
    }
    found
}

fn step(call: &str) -> Option<Step> {
    let (name, rest) = call.split_once('(')?;
    let mut quoted = rest.split('"').skip(1).step_by(2).map(PathBuf::from);
    let opened = || rest.split_once('<')?.1.split_once('>').map(|(path, _)| PathBuf::from(path));
    if name == "exit_group" {
        return rest.split(')').next()?.parse().ok().map(Step::Exit);
    }
    let (_, result) = call.rsplit_once(" = ")?;
    if result.starts_with('-') || result.starts_with('?') {
        return None;
    }
    Some(match name {
        "mkdir" => Step::MakeDirectory(quoted.next()?),
        "openat" if rest.contains("O_CREAT") => Step::Create(quoted.next()?),
        "write" if rest.starts_with("1<") => Step::Answer,
        "write" => Step::Write(opened()?),
        "fsync" | "fdatasync" => Step::Sync(opened()?),
        "link" | "linkat" => Step::Link { from: quoted.next()?, to: quoted.next()? },
        "rename" | "renameat" | "renameat2" => Step::Rename { from: quoted.next()?, to: quoted.next()? },
        _ => return None,
    })
}

/// A disk that keeps of a file what was synced, and a name once its directory was.
struct Disk<'a> {
    lake: &'a Path,
    /// Data files that the log names in the end, and their directories. Log entries count without being named.
    named: &'a HashSet<PathBuf>,
    /// Files with bytes that are not synced.
    unsynced: HashSet<PathBuf>,
    /// Names in directories that were not synced since.
    volatile: HashSet<PathBuf>,
    answered: bool,
}

impl<'a> Disk<'a> {
    fn new(lake: &'a Path, named: &'a HashSet<PathBuf>) -> Self {
        Self { lake, named, unsynced: HashSet::new(), volatile: HashSet::new(), answered: false }
    }

    /// Runs the steps of one process; says the first rule that is broken.
    fn run(&mut self, steps: &[Step]) -> Result<(), String> {
        self.answered = false;
        steps.iter().try_for_each(|step| self.take(step).map_err(|rule| format!("{step:?}: {rule}")))
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::MakeDirectory(path) if path.starts_with(self.lake) => {
                self.volatile.insert(path.clone());
            }
            Step::Create(path) | Step::Write(path) if path.starts_with(self.lake) => {
                if self.answered {
                    return Err("written after the answer".to_owned());
                }
                // The lock holds nothing; only that somebody has it open counts.
                if path.ends_with(".repute.lock") {
                    return Ok(());
                }
                if is_final(path) {
                    return Err("written in place, where a reader may see half of it".to_owned());
                }
                self.unsynced.insert(path.clone());
            }
            Step::Sync(path) => {
                self.unsynced.remove(path);
                self.volatile.retain(|name| name.parent() != Some(path));
            }
            Step::Link { from, to } | Step::Rename { from, to } if to.starts_with(self.lake) => {
                if self.unsynced.contains(from) {
                    return Err("put in place before its bytes were synced".to_owned());
                }
                if self.answered {
                    return Err("put in place after the answer".to_owned());
                }
                let is_log = to.parent().is_some_and(|folder| folder.ends_with("_delta_log"));
                let is_checkpoint = to.to_string_lossy().contains(".checkpoint.");
                if is_log && !is_checkpoint {
                    self.nothing_volatile()?;
                }
                self.volatile.insert(to.clone());
            }
            Step::Answer => {
                self.nothing_volatile()?;
                self.answered = true;
            }
            Step::Exit(0) if !self.answered => return Err("ended well without an answer".to_owned()),
            Step::Exit(0) => self.nothing_volatile()?,
            _ => {}
        }
        Ok(())
    }

    /// What the lake's tables are made of would all be there after a power cut.
    fn nothing_volatile(&self) -> Result<(), String> {
        let counts = |name: &&PathBuf| {
            let is_log = name.parent().is_some_and(|folder| folder.ends_with("_delta_log"));
            self.named.contains(*name) || (is_log && is_final(name)) || self.lake.starts_with(name)
        };
        match self.volatile.iter().filter(counts).min() {
            Some(name) => Err(format!("the name {} is not on the disk yet", name.display())),
            None => Ok(()),
        }
    }
}

/// Whether this is no staged name, `NAME#DIGITS`.
fn is_final(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.rsplit_once('#').is_none_or(|(_, digits)| digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The files that the logs of a lake's tables name, and all directories above them.
fn named(lake: &Path) -> HashSet<PathBuf> {
    let mut named = HashSet::new();
    for entry in files(lake).iter().filter(|file| file.extension().is_some_and(|e| e == "json") && is_final(file)) {
        let table = entry.parent().unwrap().parent().unwrap();
        named.extend(entry.ancestors().skip(1).take_while(|folder| folder.starts_with(lake)).map(Path::to_owned));
        for line in fs::read_to_string(entry).unwrap().lines() {
            let action: Value = serde_json::from_str(line).unwrap();
            if let Some(path) = action["add"]["path"].as_str() {
                let path = table.join(path.replace("%3D", "="));
                named.extend(path.ancestors().take_while(|folder| folder.starts_with(lake)).map(Path::to_owned));
            }
        }
    }
    named
}

/// Runs an import under `strace`, killed at a call if one is given, and gives its trace.
fn traced(bench: &Bench, lake: &Path, kill_at: Option<usize>) -> Option<(Run, String)> {
    let trace = lake.with_extension("trace");
    let _ = fs::remove_file(&trace);
    let mut strace = strace()?;
    let calls = "trace=openat,mkdir,write,fsync,fdatasync,link,linkat,rename,renameat,renameat2,exit_group";
    strace.args(["-f", "-y", "-qq", "-s", "8", "-e", "signal=none", "-e", calls, "-o"]).arg(&trace);
    if let Some(number) = kill_at {
        for (name, value) in bench.variables(lake, &Fault { calls: ALL_CALLS, from: number, to: number, error: None }) {
            strace.args(["-E", &format!("{name}={value}")]);
        }
    }
    let import = bench.import(lake);
    let run = Run::of(strace.arg(executable()).args(import.get_args()));
    Some((run, fs::read_to_string(trace).unwrap()))
}

#[test]
fn nothing_is_acknowledged_before_it_is_on_the_disk() {
    let Some(bench) = Bench::shared() else { return };
    for prepared in [false, true] {
        let lake = bench.lake("durability-traced", prepared);
        let Some((run, trace)) = traced(bench, &lake, None) else { return };
        run.expect(0);
        let steps = steps(&trace);
        let named = named(&lake);
        Disk::new(&lake, &named).run(&steps).unwrap();
        let count = |wanted: fn(&Step) -> bool| steps.iter().filter(|step| wanted(step)).count();
        println!(
            "durability: {} syncs, {} links, {} renames, {} directories made, in order (checkpoints: {prepared})",
            count(|step| matches!(step, Step::Sync(_))),
            count(|step| matches!(step, Step::Link { .. })),
            count(|step| matches!(step, Step::Rename { .. })),
            count(|step| matches!(step, Step::MakeDirectory(_))),
        );
        // The check can fail: without any one sync of this trace's log directories and data files it does.
        let needed = |step: &Step| matches!(step, Step::Sync(path) if !is_final(path));
        let first = steps.iter().position(needed).unwrap();
        let without: Vec<Step> =
            steps.iter().enumerate().filter(|(at, _)| *at != first).map(|(_, s)| s.clone()).collect();
        Disk::new(&lake, &named).run(&without).unwrap_err();
    }
}

/// A writer that is killed leaves what can be seen but is not on the disk yet; the next import must not take it for safe.
#[test]
fn the_next_import_makes_durable_what_a_killed_one_left() {
    let (Some(bench), Some(mut reader)) = (Bench::shared(), Reader::start()) else { return };
    let lake = bench.lake("durability-whole", false);
    let (run, calls) = bench.import_with(&lake, &Fault::NONE);
    run.expect(0);
    // Right after each link, rename and mkdir, before the directory is synced.
    let kinds = ["link", "rename", "mkdir"];
    let aims: Vec<usize> =
        calls.iter().filter(|call| kinds.contains(&call.kind.as_str())).map(|call| call.number + 1).collect();
    let (mut runs, step) = (0, if crate::syscalls::long() { 1 } else { aims.len() / 6 });
    for aim in aims.into_iter().step_by(step.max(1)) {
        let lake = bench.lake("durability-killed", false);
        let Some((killed, first)) = traced(bench, &lake, Some(aim)) else { return };
        assert_ne!(killed.code, 0, "before call {aim}");
        let Some((again, second)) = traced(bench, &lake, None) else { return };
        again.expect(0);
        let named = named(&lake);
        let mut disk = Disk::new(&lake, &named);
        for trace in [first, second] {
            disk.run(&steps(&trace)).unwrap_or_else(|rule| panic!("killed before call {aim}, then run again: {rule}"));
        }
        bench.assert_complete(&lake, &mut reader, &format!("killed before call {aim}"));
        runs += 1;
    }
    println!("durability: {runs} kills between a name and its directory's sync, all made durable by the next import");
}

/// A whole import as it should be: one data file and its commit, then the ledger's, then the answer.
const GOOD: &str = r#"1 mkdir("/l", 0777) = 0
1 fsync(3</>) = 0
1 mkdir("/l/e", 0777) = 0
1 fsync(3</l>) = 0
1 mkdir("/l/e/_delta_log", 0777) = 0
1 mkdir("/l/e/d", 0777) = 0
1 fsync(3</l/e>) = 0
1 openat(AT_FDCWD</>, "/l/e/d/p#1", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 9</l/e/d/p#1>
1 write(9</l/e/d/p#1>, "PAR1"..., 4 <unfinished ...>
2 openat(AT_FDCWD</>, "/etc/hosts", O_RDONLY) = 5</etc/hosts>
1 <... write resumed>) = 4
1 fsync(9</l/e/d/p#1>) = 0
1 rename("/l/e/d/p#1", "/l/e/d/p") = 0
1 fsync(9</l/e/d>) = 0
1 openat(AT_FDCWD</>, "/l/e/_delta_log/0.json#2", O_RDWR|O_CREAT|O_EXCL, 0666) = 9</l/e/_delta_log/0.json#2>
1 write(9</l/e/_delta_log/0.json#2>, "{}"..., 2) = 2
1 fsync(9</l/e/_delta_log/0.json#2>) = 0
1 linkat(AT_FDCWD</>, "/l/e/_delta_log/0.json#2", AT_FDCWD</>, "/l/e/_delta_log/0.json", 0) = 0
1 fsync(9</l/e/_delta_log>) = 0
1 write(1</dev/pts/0>, "done"..., 4) = 4
1 exit_group(0) = ?
"#;

fn judge(trace: &str) -> Result<(), String> {
    let named = ["/l", "/l/e", "/l/e/_delta_log", "/l/e/d", "/l/e/d/p"].map(PathBuf::from).into();
    Disk::new(Path::new("/l"), &named).run(&steps(trace))
}

#[test]
fn the_model_takes_a_good_trace() {
    assert_eq!(steps(GOOD).len(), 19);
    judge(GOOD).unwrap();
}

#[test]
fn the_model_refuses_every_missing_sync() {
    let lines: Vec<&str> = GOOD.lines().collect();
    let mut refused = 0;
    for (left_out, _) in lines.iter().enumerate().filter(|(_, line)| line.contains(" fsync(")) {
        let trace: Vec<&str> =
            lines.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, line)| *line).collect();
        judge(&trace.join("\n")).expect_err(lines[left_out]);
        // A sync that failed is none.
        judge(&GOOD.replace(lines[left_out], &lines[left_out].replace("= 0", "= -1 EIO (Input/output error)")))
            .unwrap_err();
        refused += 1;
    }
    assert_eq!(refused, 7);
}

#[test]
fn the_model_refuses_a_wrong_order() {
    let swapped = |a: &str, b: &str| {
        let (a, b) = (GOOD.lines().find(|l| l.contains(a)).unwrap(), GOOD.lines().find(|l| l.contains(b)).unwrap());
        GOOD.replace(a, "@").replace(b, a).replace('@', b)
    };
    for (a, b, rule) in [
        ("rename(", "fsync(9</l/e/d/p#1>)", "before its bytes were synced"),
        ("linkat(", "fsync(9</l/e/d>)", "is not on the disk yet"),
        ("write(1<", "fsync(9</l/e/_delta_log>)", "is not on the disk yet"),
        ("exit_group", "write(1<", "without an answer"),
        ("write(9</l/e/_delta_log/0.json#2>", "write(1<", "after the answer"),
    ] {
        let refused = judge(&swapped(a, b)).unwrap_err();
        assert!(refused.contains(rule), "{a} and {b} swapped: {refused}");
    }
    let in_place = GOOD.replace("/l/e/d/p#1", "/l/e/d/p");
    assert!(judge(&in_place).unwrap_err().contains("written in place"));
}

//! Imports whose system calls fail, or that are killed at one of them; and what other readers find afterwards.
//!
//! `faults.c` is compiled once and preloaded into the executable under test, which needs no failpoints for it: calls on files
//! below the dump and the lake are counted across threads, and the one with a given number does not happen.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use repute_datasets::{Plan, Truth, generate};
use serde_json::{Value, json};

use crate::dump::{Dump, files, home};
use crate::program::{REPUTE, Run, command, on};
use crate::tools::{installed, python};

/// Kinds of calls that `faults.c` knows.
pub(crate) const ALL_CALLS: &str = "list,open,read,create,mkdir,write,fsync,link,rename,unlink,answer";

/// As many tables' versions as it takes for the next commit to be due a checkpoint.
const BEFORE_CHECKPOINT: usize = 49;

/// Whether the long loops were asked for, as `tests/run --long` does.
pub(crate) fn long() -> bool {
    std::env::var("REPUTE_TEST_LONG").as_deref() == Ok("1")
}

/// A few numbers from one, the same for the same seed: splitmix64.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

/// One counted call of an import.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) number: usize,
    pub(crate) kind: String,
    pub(crate) path: String,
    /// It did not happen.
    pub(crate) stopped: bool,
}

/// What is to happen to an import.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault<'a> {
    /// Kinds of calls, divided by commas.
    pub(crate) calls: &'a str,
    /// The first and the last call, from 1, that does not happen; 0 for none.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The error it gives; nothing to be killed there.
    pub(crate) error: Option<i32>,
}

impl Fault<'_> {
    /// Only counts.
    pub(crate) const NONE: Fault<'static> = Fault { calls: ALL_CALLS, from: 0, to: 0, error: None };
}

/// The library to preload, or nothing if the test may be left out.
fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        installed("cc")?;
        let library = home("faults.so");
        fs::create_dir_all(library.parent().unwrap()).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/faults.c");
        let arguments = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"];
        Run::of(Command::new("cc").args(arguments).arg(&library).arg(source).arg("-ldl")).expect(0);
        Some(library)
    };
    LIBRARY.get_or_init(compile).as_deref()
}

/// A dump of 1,500 events over three days, and objects with one bad record each.
pub(crate) struct Bench {
    pub(crate) dump: Dump,
    bad: u64,
    objects: u64,
    /// A lake whose tables are all due a checkpoint with the next commit.
    prepared: PathBuf,
    pub(crate) folder: PathBuf,
}

impl Bench {
    /// The one that all tests share; nothing if the test may be left out.
    pub(crate) fn shared() -> Option<&'static Self> {
        static BENCH: OnceLock<Option<Bench>> = OnceLock::new();
        BENCH.get_or_init(|| library().map(|_| Self::new())).as_ref()
    }

    fn new() -> Self {
        let folder = home("bench");
        let path = folder.join("dump");
        let plan = Plan { days: 3, ..Plan::new(1_500, 20_261_124) };
        let truth: Truth = generate(&plan, &path, &mut |_| ()).unwrap();
        let dump = Dump { path, truth };
        let good = dump.objects();
        let bad = BEFORE_CHECKPOINT + 3;
        for number in 0..bad {
            fs::write(dump.path.join(format!("zz-bad-{number:03}")), format!("{{\"eventType\":\"bad {number}\",\n"))
                .unwrap();
        }
        let prepared = folder.join("prepared");
        assert!(good.len() > BEFORE_CHECKPOINT, "{} objects", good.len());
        for (number, object) in good.iter().take(BEFORE_CHECKPOINT).enumerate() {
            let bad = dump.path.join(format!("zz-bad-{number:03}"));
            Run::of(&mut import_command(&[object, &bad], &prepared)).expect(0);
        }
        let objects = (good.len() + bad) as u64;
        Self { dump, bad: bad as u64, objects, prepared, folder }
    }

    /// A lake that is not there yet, or one that is due a checkpoint.
    pub(crate) fn lake(&self, name: &str, prepared: bool) -> PathBuf {
        let lake = self.folder.join(name);
        let _ = fs::remove_dir_all(&lake);
        if prepared {
            for file in files(&self.prepared) {
                let target = lake.join(file.strip_prefix(&self.prepared).unwrap());
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::copy(file, target).unwrap();
            }
        }
        lake
    }

    /// The import as it is run everywhere here.
    pub(crate) fn import(&self, lake: &Path) -> Command {
        import_command(&[&self.dump.path], lake)
    }

    /// Imports the dump with a fault, and gives the calls that were counted.
    pub(crate) fn import_with(&self, lake: &Path, fault: &Fault<'_>) -> (Run, Vec<Call>) {
        let log = lake.with_extension("calls");
        let _ = fs::remove_file(&log);
        let mut command = self.import(lake);
        for (name, value) in self.variables(lake, fault) {
            command.env(name, value);
        }
        let run = Run::of(command.env("FAULTS_LOG", &log));
        (run, calls(&log))
    }

    /// What `faults.c` is told.
    pub(crate) fn variables(&self, lake: &Path, fault: &Fault<'_>) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("LD_PRELOAD", library().unwrap().display().to_string()),
            ("FAULTS_UNDER", format!("{}:{}", lake.display(), self.dump.path.display())),
            ("FAULTS_CALLS", fault.calls.to_owned()),
            ("FAULTS_FROM", fault.from.to_string()),
            ("FAULTS_TO", fault.to.to_string()),
        ];
        variables.extend(fault.error.map(|error| ("FAULTS_ERRNO", error.to_string())));
        variables
    }

    /// After a fault: every table opens, nothing is in doubly, and the next import completes the lake to the truth.
    /// Gives what no table names.
    #[track_caller]
    pub(crate) fn assert_survived(&self, lake: &Path, reader: &mut Reader, what: &str) -> Value {
        let torn = reader.look(lake);
        for table in ["events", "objects", "quarantine"] {
            assert!(torn[table].is_null() || torn[table]["repeated"] == 0, "{what}: {torn}");
        }
        let rates = on(lake, "rates --format json");
        let is_lake = ["events", "objects", "quarantine"].iter().all(|table| !torn[table].is_null());
        assert_eq!(rates.code, if is_lake { 0 } else { 4 }, "{what}: {}", rates.stderr);
        assert!(is_lake || rates.stderr.contains("no lake at"), "{what}: {}", rates.stderr);
        let again = Run::of(&mut self.import(lake));
        assert_eq!(again.code, 0, "{what}: the next import: {}", again.stderr);
        self.assert_complete(lake, reader, what)
    }

    /// The lake holds the dump, neither more nor less.
    #[track_caller]
    pub(crate) fn assert_complete(&self, lake: &Path, reader: &mut Reader, what: &str) -> Value {
        let seen = reader.look(lake);
        for (table, rows) in [("events", self.dump.truth.rows), ("objects", self.objects), ("quarantine", self.bad)] {
            assert_eq!([&seen[table]["rows"], &seen[table]["repeated"]], [&json!(rows), &json!(0)], "{what}: {seen}");
        }
        self.dump.assert_in(lake);
        assert_eq!(seen["stray"]["other"], json!([]), "{what}: {seen}");
        seen["stray"].clone()
    }
}

fn import_command(sources: &[&Path], lake: &Path) -> Command {
    let mut command = command();
    command.arg("import").args(sources).arg("--lake").arg(lake);
    command.args(["--jobs", "2", "--max-bad", "1000", "--quiet", "--format", "json"]);
    command
}

/// The calls in a log of `faults.c`.
pub(crate) fn calls(log: &Path) -> Vec<Call> {
    let text = fs::read_to_string(log).unwrap_or_default();
    let call = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let number = words.next()?;
        let (kind, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Call {
            number: number.trim_start_matches('!').parse().ok()?,
            kind,
            path,
            stopped: number.starts_with('!'),
        })
    };
    text.lines().filter_map(call).collect()
}

/// `strace` of the executable, or nothing if the test may be left out: it is missing, or may not trace here.
pub(crate) fn strace() -> Option<Command> {
    let path = installed("strace")?;
    let tried = Command::new(&path).args(["-qq", "-o", "/dev/null", "true"]).output().unwrap();
    if !tried.status.success() {
        return crate::tools::skip(&format!("strace may not trace here: {}", String::from_utf8_lossy(&tried.stderr)));
    }
    Some(Command::new(path))
}

/// The executable's name, for a tracer's command line.
pub(crate) fn executable() -> &'static str {
    REPUTE
}

/// Python's Delta reader, kept running: one lake after the other.
pub(crate) struct Reader {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Reader {
    /// Starts it; nothing if the test may be left out.
    pub(crate) fn start() -> Option<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/lakes.py");
        let mut child =
            Command::new(python()?).arg("-B").arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (ask, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Some(Self { child, ask, answers })
    }

    /// What it sees in a lake's tables, and what no table names.
    #[track_caller]
    pub(crate) fn look(&mut self, lake: &Path) -> Value {
        writeln!(self.ask, "{}", lake.display()).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{}: the Delta reader cannot open a table", lake.display());
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

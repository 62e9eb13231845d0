//! Generated dumps with their truth, and lakes made of them, shared by the tests of one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};

use repute_datasets::{Framing, Plan, Truth, generate};
use serde_json::Value;

use crate::program::{SCRATCH, import, repute};

/// The seed of every dump.
pub(crate) const SEED: u64 = 20_261_101;

/// Options that say whose mail the generated mail is.
pub(crate) const VERIFIED: &str = "--verified corp.example,staff.example";

/// A dump and what a correct reader finds in it.
pub(crate) struct Dump {
    pub(crate) path: PathBuf,
    pub(crate) truth: Truth,
}

/// 100,000 events, one per line.
pub(crate) fn ndjson() -> &'static Dump {
    static DUMP: OnceLock<Dump> = OnceLock::new();
    DUMP.get_or_init(|| Dump::generate("ndjson", &plan(100_000)))
}

/// The same events without anything between them.
pub(crate) fn concatenated() -> &'static Dump {
    static DUMP: OnceLock<Dump> = OnceLock::new();
    DUMP.get_or_init(|| Dump::generate("concatenated", &Plan { framing: Framing::Concatenated, ..plan(100_000) }))
}

/// The same events, compressed.
pub(crate) fn gzip() -> &'static Dump {
    static DUMP: OnceLock<Dump> = OnceLock::new();
    DUMP.get_or_init(|| Dump::generate("gzip", &Plan { gzip: true, ..plan(100_000) }))
}

/// 5,000 events.
pub(crate) fn small() -> &'static Dump {
    static DUMP: OnceLock<Dump> = OnceLock::new();
    DUMP.get_or_init(|| Dump::generate("small", &plan(5_000)))
}

/// 800 events of four days, in few objects.
pub(crate) fn short() -> &'static Dump {
    static DUMP: OnceLock<Dump> = OnceLock::new();
    DUMP.get_or_init(|| Dump::generate("short", &Plan { days: 4, buffer_seconds: 900, ..plan(800) }))
}

/// More rows than the importer commits at once.
pub(crate) fn large() -> &'static Dump {
    static DUMP: OnceLock<Dump> = OnceLock::new();
    DUMP.get_or_init(|| Dump::generate("large", &Plan { gzip: true, ..plan(300_000) }))
}

/// The lake of [`ndjson`], with the summary of its import. Read it only.
pub(crate) fn lake() -> &'static (PathBuf, Value) {
    static LAKE: OnceLock<(PathBuf, Value)> = OnceLock::new();
    LAKE.get_or_init(|| {
        let lake = home("lake");
        let summary = import(&ndjson().path, &lake);
        (lake, summary)
    })
}

fn plan(events: u64) -> Plan {
    Plan::new(events, SEED)
}

impl Dump {
    fn generate(name: &str, plan: &Plan) -> Self {
        let path = home(name);
        let truth = generate(plan, &path, &mut |_| ()).unwrap();
        Self { path, truth }
    }

    /// The objects, in the order of their names, which is that of their arrival.
    pub(crate) fn objects(&self) -> Vec<PathBuf> {
        let mut objects = files(&self.path);
        objects.retain(|path| !path.ends_with("truth.json"));
        objects
    }

    /// Copies some objects to another folder, keeping their layout.
    pub(crate) fn copy(&self, objects: &[PathBuf], to: &Path) {
        for object in objects {
            let target = to.join(object.strip_prefix(&self.path).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(object, target).unwrap();
        }
    }

    /// Whether a lake holds this dump, neither more nor less: the rows of every kind.
    #[track_caller]
    pub(crate) fn assert_in(&self, lake: &Path) {
        let arguments = ["rates", "--format", "json", "--lake"];
        let run = repute(arguments.map(AsRef::as_ref).into_iter().chain([lake.as_os_str()])).expect(0);
        let totals = serde_json::to_value(self.truth.totals).unwrap();
        assert_eq!(run.json()[0]["counts"], totals);
    }
}

/// Every file below a folder, sorted.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { pending.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// A folder for this run, `shared-PID/NAME`; those of runs that are over are removed.
pub(crate) fn home(name: &str) -> PathBuf {
    static TIDY: Once = Once::new();
    TIDY.call_once(|| {
        for entry in fs::read_dir(SCRATCH).unwrap().flatten() {
            let file_name = entry.file_name();
            let process = file_name.to_str().and_then(|name| name.strip_prefix("shared-"));
            if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    });
    Path::new(SCRATCH).join(format!("shared-{}", std::process::id())).join(name)
}

//! Two importers at once, and importers that are killed: in the end every event is there once.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::dump;
use crate::program::{Run, command, finish_within, import, poll, scratch, signal};

const LIMIT: Duration = Duration::from_secs(120);

fn start(source: &Path, lake: &Path) -> Child {
    let mut command = command();
    command.arg("import").arg(source).arg("--lake").arg(lake).args(["--quiet", "--format", "json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Both see most of the events, under different names, in the same days.
#[test]
fn two_imports_at_once_do_not_double() {
    let (dump, folder) = (dump::small(), scratch());
    for round in 0..3 {
        let (lake, copy) = (folder.path().join(format!("lake{round}")), folder.path().join(format!("copy{round}")));
        let objects = dump.objects();
        dump.copy(&objects[..objects.len() * 2 / 3], &copy);
        let both = [start(&dump.path, &lake), start(&copy, &lake)];
        let runs: Vec<Run> =
            both.map(|child| finish_within(child, LIMIT)).into_iter().map(|run| run.expect(0)).collect();
        dump.assert_in(&lake);
        let sum =
            |pick: &dyn Fn(&Value) -> &Value| runs.iter().map(|run| pick(&run.json()).as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum(&|summary| &summary["records"]["events"]), dump.truth.events);
        assert_eq!(sum(&|summary| &summary["rows"]), dump.truth.rows);
    }
}

/// Killed as soon as its tables are there, when its first rows can be seen, and when its first objects are noted.
#[test]
fn a_killed_import_is_made_good_by_the_next() {
    let (dump, folder) = (dump::large(), scratch());
    let mut killed = 0;
    for (number, sign) in
        ["quarantine/_delta_log/0", "events/_delta_log/1", "objects/_delta_log/1"].into_iter().enumerate()
    {
        let lake = folder.path().join(format!("lake{number}"));
        let (table, version) = sign.rsplit_once('/').unwrap();
        let entry = lake.join(table).join(format!("{version:0>20}.json"));
        let mut child = start(&dump.path, &lake);
        let running = poll(sign, LIMIT, || match child.try_wait().unwrap() {
            Some(_) => Some(false),
            None => entry.exists().then_some(true),
        });
        killed += u32::from(running);
        let _ = child.kill();
        child.wait().unwrap();
        let after = import(&dump.path, &lake);
        println!("killed at {sign}: {running}; the next run: {after}");
        dump.assert_in(&lake);
    }
    assert_eq!(killed, 3, "imports that were still running when they were to be killed");
}

/// SIGINT and SIGTERM end an import; nothing that was committed is lost by it.
#[test]
fn an_import_can_be_stopped() {
    let (dump, folder) = (dump::large(), scratch());
    let lake = folder.path().join("lake");
    let child = start(&dump.path, &lake);
    signal(&child, "TERM");
    let run = finish_within(child, Duration::from_secs(10));
    assert_ne!(run.code, 0);
    import(&dump.path, &lake);
    dump.assert_in(&lake);
}

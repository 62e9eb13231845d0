//! `lake compact`: fewer files, the same rows to every reader, whenever it is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::dump::files;
use crate::mail::{Mail, object, time};
use crate::program::{ask, command, import, import_ending, on, scratch};
use crate::syscalls::{Chance, Reader};

const IMPORTS: usize = 12;

/// Twelve imports of three sends and a bounce on alternate days, and of one bad record each.
fn make(folder: &Path) -> (PathBuf, PathBuf) {
    let (dump, lake) = (folder.join("dump"), folder.join("lake"));
    fs::create_dir(&dump).unwrap();
    for number in 0..IMPORTS {
        let day = time("2026-10-05T08:00:00Z") + TimeDelta::days(number as i64 % 2);
        let mails = (0..3).map(|n| Mail::new(number * 10 + n, day + TimeDelta::minutes((number * 10 + n) as i64)));
        let mut lines: Vec<String> = mails.clone().map(|mail| mail.send()).collect();
        lines.extend(mails.take(1).map(|mail| mail.bounce("Permanent", "General")));
        lines.push(format!("{{\"eventType\":\"broken {number}\""));
        import_ending(&object(&dump, &format!("object-{number:02}"), lines.join("\n")), &lake, 3);
    }
    (dump, lake)
}

fn rows(seen: &Value) -> Value {
    json!(["events", "objects", "quarantine"].map(|table| [&seen[table]["rows"], &seen[table]["repeated"]]))
}

#[test]
fn fewer_files_hold_the_same_rows() {
    let folder = scratch();
    let (dump, lake) = make(folder.path());
    let questions = ["rates", "rates --by recipient_domain --window 1h", "quarantine list"];
    let answers = || questions.map(|question| ask(&lake, question));
    let (before, old_files) = (answers(), files(&lake));
    let done = ask(&lake, "lake compact");
    let counts: Vec<[&Value; 3]> = done["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| [&table["table"], &table["files_before"], &table["files"]])
        .collect();
    let expected = json!([["events", 12, 2], ["quarantine", 12, 1], ["objects", 12, 1]]);
    assert_eq!(json!(counts), expected);
    assert_eq!(answers(), before);
    assert!(old_files.iter().all(|file| file.exists()), "readers of older versions still need them");
    let found = ask(&lake, "lake fsck");
    assert_eq!((&found["sound"], &found["left_over"]), (&json!(true), &json!([])));
    let stats = ask(&lake, "lake stats");
    assert_eq!((&stats["tables"][0]["files"], &stats["tables"][0]["rows"]), (&json!(2), &json!(4 * IMPORTS)));
    if let Some(mut reader) = Reader::start() {
        let (events, others) = (4 * IMPORTS, IMPORTS);
        assert_eq!(rows(&reader.look(&lake)), json!([[events, 0], [others, 0], [others, 0]]));
    }
    // What is there is known from the new files too, by the objects' names and by the events themselves.
    let again = import(&dump, &lake);
    assert_eq!((&again["objects"]["skipped"], &again["records"]["read"]), (&json!(IMPORTS), &json!(0)));
    let copies = folder.path().join("copies");
    fs::rename(&dump, &copies).unwrap();
    let copied = import_ending(&copies, &lake, 3);
    assert_eq!((&copied["records"]["duplicates"], &copied["rows"]), (&json!(4 * IMPORTS), &json!(0)));
    assert_eq!(answers()[0], before[0]);
    let text = on(&lake, "lake compact").expect(0).stdout;
    assert!(text.lines().any(|line| line.starts_with("events") && line.contains(" 2 ")), "{text}");
}

#[test]
fn a_killed_compaction_changes_no_row() {
    let Some(mut reader) = Reader::start() else { return };
    let folder = scratch();
    let (_, lake) = make(folder.path());
    let whole = rows(&reader.look(&lake));
    let (mut chance, mut killed, copy) = (Chance(3), 0, folder.path().join("copy"));
    let start = || {
        let _ = fs::remove_dir_all(&copy);
        for file in files(&lake) {
            let target = copy.join(file.strip_prefix(&lake).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(file, target).unwrap();
        }
        let mut compact = command();
        compact.args(["lake", "compact", "--lake"]).arg(&copy).stdout(Stdio::null()).stderr(Stdio::null());
        compact.spawn().unwrap()
    };
    let clock = Instant::now();
    assert!(start().wait().unwrap().success());
    let time = clock.elapsed().as_micros() as usize;
    for _ in 0..20 {
        let mut child = start();
        thread::sleep(Duration::from_micros(chance.below(time) as u64));
        killed += usize::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
        assert_eq!(rows(&reader.look(&copy)), whole);
        let done = ask(&copy, "lake compact");
        assert_eq!(done["tables"][0]["files"], 2, "{done}");
        assert_eq!(rows(&reader.look(&copy)), whole);
        assert_eq!(ask(&copy, "lake fsck")["sound"], true);
    }
    println!("compaction: {killed} kills, 0 rows lost, 0 doubled");
    assert!(killed > 0);
}

/// A column that a later version or another tool has added would be lost with the files that hold it.
#[test]
fn a_column_it_does_not_know_is_kept() {
    let folder = scratch();
    let (_, lake) = make(folder.path());
    let log = lake.join("events/_delta_log");
    let first = fs::read_to_string(log.join(format!("{:020}.json", 0))).unwrap();
    let mut meta: Value = first
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|l| !l["metaData"].is_null())
        .unwrap();
    let mut schema: Value = serde_json::from_str(meta["metaData"]["schemaString"].as_str().unwrap()).unwrap();
    let added = json!({"name": "score", "type": "double", "nullable": true, "metadata": {}});
    schema["fields"].as_array_mut().unwrap().push(added);
    meta["metaData"]["schemaString"] = json!(schema.to_string());
    fs::write(log.join(format!("{:020}.json", IMPORTS + 1)), format!("{meta}\n")).unwrap();
    let before = files(&lake);
    let refused = on(&lake, "lake compact").expect(4).stderr;
    assert!(refused.contains("column `score`"), "{refused}");
    assert_eq!(files(&lake), before);
}

#[test]
fn what_is_no_lake_is_not_made_one() {
    let folder = scratch();
    let missing = folder.path().join("nothing");
    let refused = on(&missing, "lake compact").expect(4).stderr;
    assert!(refused.contains("no lake at") && !missing.exists(), "{refused}");
}

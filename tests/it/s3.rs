//! Dumps in a bucket, and lakes in a bucket, on a real S3 server (SeaweedFS, which checks signatures and writes with
//! conditions).

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::dump::{self, Dump};
use crate::mail::{Mail, object, time};
use crate::program::{Run, finish_within, repute, scratch};
use crate::servers::{Moto, SeaweedFs, Who};
use crate::tools::{python, run_python};

const LIMIT: Duration = Duration::from_secs(120);

/// One server for all tests of this file; it ends with the process.
pub(crate) fn server() -> Option<&'static SeaweedFs> {
    static SERVER: OnceLock<Option<SeaweedFs>> = OnceLock::new();
    SERVER.get_or_init(|| python().map(|python| SeaweedFs::start(&python))).as_ref()
}

pub(crate) fn import(server: &SeaweedFs, who: Who, source: impl AsRef<OsStr>, lake: impl AsRef<OsStr>) -> Run {
    let mut command = server.command(who);
    command.arg("import").arg(source).arg("--lake").arg(lake).args(["--quiet", "--format", "json"]);
    Run::of(&mut command)
}

pub(crate) fn counts(server: &SeaweedFs, lake: &str) -> Value {
    let mut command = server.command(Who::Reader);
    Run::of(command.args(["rates", "--format", "json", "--lake", lake])).expect(0).json()[0]["counts"].clone()
}

pub(crate) fn truth(dump: &Dump) -> Value {
    serde_json::to_value(dump.truth.totals).unwrap()
}

/// Reading needs no right to write. Names with a space and a plus are names like any other.
#[test]
fn a_bucket_imports_as_a_folder_does() {
    let Some(server) = server() else { return };
    let (dump, folder) = (dump::small(), scratch());
    let lake = folder.path().join("lake");
    server.upload(&dump.path, "ses + more/events");
    let source = "s3://raw/ses + more/events";
    let summary = import(server, Who::Reader, source, &lake).expect(0).json();
    assert_eq!(summary["objects"]["imported"], dump.objects().len());
    assert_eq!(summary["records"]["events"], dump.truth.events);
    assert_eq!(summary["records"]["duplicates"], dump.truth.duplicates);
    let bytes: u64 = dump.objects().iter().map(|object| fs::metadata(object).unwrap().len()).sum();
    assert_eq!(summary["bytes"]["read"], bytes);
    dump.assert_in(&lake);
    let again = import(server, Who::Reader, source, &lake).expect(0).json();
    assert_eq!((&again["objects"]["skipped"], &again["records"]["read"]), (&json!(dump.objects().len()), &json!(0)));
    // The same events under other names, from disk.
    let copies = repute([OsStr::new("import"), dump.path.as_os_str(), "--lake".as_ref(), lake.as_os_str()]).expect(0);
    assert!(copies.stdout.contains("= 0 events"), "{}", copies.stdout);
    dump.assert_in(&lake);
}

#[test]
fn a_lake_in_a_bucket_is_one_for_others_too() {
    let Some(server) = server() else { return };
    let dump = dump::small();
    let summary = import(server, Who::Owner, &dump.path, "s3://lake/whole").expect(0).json();
    assert_eq!(summary["records"]["events"], dump.truth.events);
    assert_eq!(counts(server, "s3://lake/whole"), truth(dump));
    let seen = server.python(["rows", "s3://lake/whole/events"]);
    let rows: u64 = seen["rows"].as_object().unwrap().values().map(|rows| rows.as_u64().unwrap()).sum();
    assert_eq!((rows, &seen["rows"]["Send"]), (dump.truth.rows, &truth(dump)["send"]));
    let again = import(server, Who::Owner, &dump.path, "s3://lake/whole").expect(0).json();
    assert_eq!(again["objects"]["skipped"], dump.objects().len());
    let left: Vec<Value> = serde_json::from_value(server.python(["keys", "whole/events/_probe"])).unwrap();
    assert_eq!(left, Vec::<Value>::new());
}

/// Both begin with an empty bucket, so that they create the tables at once too.
#[test]
fn importers_of_one_lake_in_a_bucket_do_not_double() {
    let Some(server) = server() else { return };
    let dump = dump::small();
    let start = || {
        let mut command = server.command(Who::Owner);
        command.arg("import").arg(&dump.path).args(["--lake", "s3://lake/shared", "--quiet", "--format", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runs: Vec<Value> =
        [start(), start(), start()].map(|child| finish_within(child, LIMIT).expect(0).json()).to_vec();
    let events: u64 = runs.iter().map(|run| run["records"]["events"].as_u64().unwrap()).sum();
    assert_eq!(events, dump.truth.events, "{runs:?}");
    assert_eq!(counts(server, "s3://lake/shared"), truth(dump));
}

#[test]
fn an_importer_into_a_bucket_may_be_killed() {
    let Some(server) = server() else { return };
    let (dump, mut killed) = (dump::small(), 0);
    for (round, wait) in [150, 300, 450, 600, 900].into_iter().enumerate() {
        let lake = format!("s3://lake/killed{round}");
        let mut command = server.command(Who::Owner);
        let mut child = command.arg("import").arg(&dump.path).args(["--lake", &lake, "--quiet"]).spawn().unwrap();
        thread::sleep(Duration::from_millis(wait));
        killed += u32::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
        import(server, Who::Owner, &dump.path, &lake).expect(0);
        assert_eq!(counts(server, &lake), truth(dump), "killed after {wait} ms");
    }
    println!("{killed} importers killed, 0 lost, 0 doubled");
    assert!(killed > 0);
}

#[test]
fn what_a_store_refuses_is_said() {
    let Some(server) = server() else { return };
    let (dump, folder) = (dump::small(), scratch());
    let lake = folder.path().join("lake");
    for (who, source, to, code, words) in [
        (Who::Stranger, "s3://raw/ses", lake.to_str().unwrap(), 4, "raw/ses"),
        (Who::Owner, "s3://no-such-bucket/ses", lake.to_str().unwrap(), 4, "no-such-bucket"),
        (Who::Reader, dump.path.to_str().unwrap(), "s3://lake/not-mine", 4, "events"),
        (Who::Owner, "s3://", lake.to_str().unwrap(), 2, "s3://bucket/prefix"),
    ] {
        let run = import(server, who, source, to).expect(code);
        println!("{source} by {who:?}: {}", run.stderr);
        assert!(run.stderr.contains(words) && run.stdout.is_empty(), "{}", run.stderr);
    }
    let mut unsafe_rename = server.command(Who::Owner);
    unsafe_rename.env("AWS_S3_ALLOW_UNSAFE_RENAME", "true").args(["rates", "--lake", "s3://lake/whole"]);
    let run = Run::of(&mut unsafe_rename).expect(2);
    assert!(run.stderr.contains("AWS_S3_ALLOW_UNSAFE_RENAME"), "{}", run.stderr);
}

/// A server that is not there: given up within a bearable time.
#[test]
fn an_endpoint_that_does_not_answer_is_given_up() {
    let Some(server) = server() else { return };
    let folder = scratch();
    let mut command = server.command(Who::Owner);
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").args(["import", "s3://raw/ses", "--quiet", "--lake"]);
    let child = command.arg(folder.path().join("lake")).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let run = finish_within(child, Duration::from_secs(120)).expect(4);
    assert!(run.stderr.contains("s3://raw/ses"), "{}", run.stderr);
    assert!(!Path::new(&folder.path().join("lake/events")).exists());
}

/// A lake in a bucket is looked through as one on disk is: each damage is found, named, and mended as told.
#[test]
fn a_damaged_lake_in_a_bucket_is_told_and_mended() {
    let Some(server) = server() else { return };
    let (folder, lake) = (scratch(), "s3://lake/damaged");
    for (name, minute) in [("a", 0), ("b", 10)] {
        let mails = (0..5)
            .map(|n| Mail::new(n + minute, time("2026-10-05T08:00:00Z") + TimeDelta::minutes((n + minute) as i64)));
        object(folder.path(), name, mails.map(|mail| mail.send()).collect::<Vec<_>>().join("\n"));
        import(server, Who::Owner, folder.path(), lake).expect(0);
    }
    let fsck = |options: &[&str]| {
        Run::of(server.command(Who::Owner).args(["lake", "fsck", "--lake", lake, "--format", "json"]).args(options))
    };
    let sends = || counts(server, lake)["send"].clone();
    let keys = |prefix: &str| -> Vec<String> { serde_json::from_value(server.python(["keys", prefix])).unwrap() };
    let data = |keys: Vec<String>| keys.into_iter().filter(|key| key.ends_with(".parquet")).collect::<Vec<_>>();
    let below = |key: &str| key.strip_prefix("damaged/").unwrap().to_owned();
    assert_eq!((sends(), &fsck(&[]).expect(0).json()["sound"]), (json!(10), &json!(true)));
    for (damage, kind) in [("remove", "file_missing"), ("flip", "file_content"), ("empty", "last_log_entry")] {
        let last_entry = || keys("damaged/events/_delta_log").into_iter().rfind(|key| key.ends_with(".json")).unwrap();
        let key =
            &if damage == "empty" { last_entry() } else { data(keys("damaged/events/event_date")).pop().unwrap() };
        server.python([damage, key]);
        let found = fsck(&[]).expect(3).json();
        println!("{damage}: {}", found["damage"][0]);
        assert_eq!(found["damage"].as_array().unwrap().len(), 1, "{found:#}");
        assert_eq!((&found["damage"][0]["file"], &found["damage"][0]["kind"]), (&json!(below(key)), &json!(kind)));
        let told = found["damage"][0]["repair"].as_str().unwrap();
        assert!(told.contains("--drop") && told.contains(lake.trim_end_matches('/')), "{told}");
        fsck(&["--drop", &below(key)]);
        let mut again = server.command(Who::Owner);
        again.arg("import").arg(folder.path()).args(["--lake", lake, "--again", "--quiet"]);
        Run::of(&mut again).expect(0);
        fsck(&[]).expect(0);
        assert_eq!(sends(), 10, "after {damage}");
    }
}

/// More keys than a page holds, among them those that a path cannot hold as they are. The bucket's owner counts.
#[test]
fn listings_are_exact() {
    let Some(python) = python() else { return };
    let moto = Moto::start(&python);
    let (folder, mut objects) = (scratch(), serde_json::Map::new());
    let mut put = |key: String| {
        let number = objects.len();
        objects.insert(key, json!(Mail::new(number, time("2026-10-05T08:00:00Z")).send()));
    };
    (0..1_200).for_each(|number| put(format!("ses/2026/10/05/08/ses-events-1-2026-10-05-08-00-00-{number:04}")));
    for odd in [
        "with space",
        "plus+sign",
        "per%cent",
        "escaped%2Fslash",
        "ünïcode",
        "😀",
        "quote\"s'",
        "a&b=c?d#e",
        "tilde~star*",
        "two//slashes",
        "dot/./dot",
        "dots/../dots",
        "back\\slash",
        "{braces}[brackets]",
        "line\nbreak",
        "ends/with/",
    ] {
        put(format!("ses/odd/{odd}"));
    }
    put("/leading".to_owned());
    let left_out = ["ses/odd/ends/with/"];
    let file = object(folder.path(), "objects.json", Value::from(objects.clone()).to_string());
    let put = run_python(&python, "s3.py", [&moto.endpoint, "put", file.to_str().unwrap()]);
    println!("the server takes no such keys: {}", put["refused"]);
    let keys: Vec<String> = serde_json::from_value(put["keys"].clone()).unwrap();
    assert_eq!(keys.len() + put["refused"].as_array().unwrap().len(), objects.len());
    for odd in ["two//slashes", "dot/./dot", "dots/../dots", "per%cent", "ends/with/"] {
        assert!(keys.contains(&format!("ses/odd/{odd}")), "{odd} is not among the keys");
    }
    let lake = folder.path().join("lake");
    let mut command = moto.command();
    command.args(["import", "s3://raw", "--quiet", "--format", "json", "--lake"]).arg(&lake);
    let summary = Run::of(&mut command).expect(0).json();
    let expected = keys.len() - left_out.len();
    assert_eq!(summary["objects"]["imported"], expected, "{summary}");
    assert_eq!(summary["records"]["events"], expected, "{summary}");
    let mut noted: Vec<String> =
        serde_json::from_value(run_python(&python, "s3.py", [&moto.endpoint, "noted", lake.to_str().unwrap()]))
            .unwrap();
    let mut wanted: Vec<String> =
        keys.iter().filter(|key| !left_out.contains(&key.as_str())).map(|key| format!("s3://raw/{key}")).collect();
    noted.sort();
    wanted.sort();
    assert_eq!(noted, wanted);
}

//! Dumps in a bucket, and lakes in a bucket, on a real S3 server (SeaweedFS, which checks signatures and writes with
//! conditions).

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::dump::{self, Dump};
use crate::program::{Run, finish_within, repute, scratch};
use crate::servers::{SeaweedFs, Who};
use crate::tools::python;

const LIMIT: Duration = Duration::from_secs(120);

/// One server for all tests of this file; it ends with the process.
fn server() -> Option<&'static SeaweedFs> {
    static SERVER: OnceLock<Option<SeaweedFs>> = OnceLock::new();
    SERVER.get_or_init(|| python().map(|python| SeaweedFs::start(&python))).as_ref()
}

fn import(server: &SeaweedFs, who: Who, source: impl AsRef<OsStr>, lake: impl AsRef<OsStr>) -> Run {
    let mut command = server.command(who);
    command.arg("import").arg(source).arg("--lake").arg(lake).args(["--quiet", "--format", "json"]);
    Run::of(&mut command)
}

fn counts(server: &SeaweedFs, lake: &str) -> Value {
    let mut command = server.command(Who::Reader);
    Run::of(command.args(["rates", "--format", "json", "--lake", lake])).expect(0).json()[0]["counts"].clone()
}

fn truth(dump: &Dump) -> Value {
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

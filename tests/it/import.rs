//! Importing again, importing more, importing what is not there: nothing is counted twice, and the exit code says it all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::dump::{self, files};
use crate::mail::{Mail, object, time};
use crate::program::{Run, command, import, import_ending, repute, scratch};

/// Every file of a lake with its bytes.
fn bytes_of(lake: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(lake).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_second_run_reads_nothing_and_changes_nothing() {
    let (dump, folder) = (dump::small(), scratch());
    let lake = folder.path().join("lake");
    import(&dump.path, &lake);
    let before = bytes_of(&lake);
    let again = import(&dump.path, &lake);
    let objects = dump.truth.objects;
    assert_eq!(again["objects"], json!({"listed": objects, "imported": 0, "skipped": objects, "failed": 0}));
    assert_eq!(again["records"], json!({"read": 0, "events": 0, "duplicates": 0, "quarantined": 0, "ignored": 0}));
    assert_eq!(again["bytes"], json!({"read": 0, "decoded": 0, "written": 0}));
    assert!(before == bytes_of(&lake), "the lake's files changed");
}

#[test]
fn the_same_events_under_other_names_add_nothing() {
    let (dump, folder) = (dump::small(), scratch());
    let (lake, copy) = (folder.path().join("lake"), folder.path().join("copy"));
    import(&dump.path, &lake);
    dump.copy(&dump.objects(), &copy);
    let again = import(&copy, &lake);
    let (objects, records) = (dump.truth.objects, dump.truth.records);
    assert_eq!(again["objects"], json!({"listed": objects, "imported": objects, "skipped": 0, "failed": 0}));
    assert_eq!(again["records"]["duplicates"], json!(records));
    assert_eq!(again["records"]["events"], json!(0));
    assert_eq!(again["rows"], json!(0));
    dump.assert_in(&lake);
}

#[test]
fn a_growing_dump_costs_only_what_is_new() {
    let (dump, folder) = (dump::small(), scratch());
    let (lake, bucket) = (folder.path().join("lake"), folder.path().join("bucket"));
    let objects = dump.objects();
    let (last, rest) = objects.split_last().unwrap();
    dump.copy(rest, &bucket);
    let first = import(&bucket, &lake);
    dump.copy(std::slice::from_ref(last), &bucket);
    let second = import(&bucket, &lake);
    assert_eq!(second["objects"], json!({"listed": objects.len(), "imported": 1, "skipped": rest.len(), "failed": 0}));
    assert_eq!(second["bytes"]["read"], json!(fs::metadata(last).unwrap().len()));
    let events = |summary: &serde_json::Value| summary["records"]["events"].as_u64().unwrap();
    assert_eq!(events(&first) + events(&second), dump.truth.events);
    dump.assert_in(&lake);
}

/// `/proc/self/mem` is listed as a regular file, and reading it fails, for root too.
#[test]
fn an_unreadable_object_fails_and_the_others_are_in() {
    let (dump, folder) = (dump::small(), scratch());
    let lake = folder.path().join("lake");
    let run = Run::of(
        command().arg("import").arg(&dump.path).args(["/proc/self/mem", "--format", "json", "--lake"]).arg(&lake),
    );
    let run = run.expect(4);
    assert!(run.stderr.contains("/mem"), "{}", run.stderr);
    let objects = dump.truth.objects;
    assert_eq!(run.json()["objects"], json!({"listed": objects + 1, "imported": objects, "skipped": 0, "failed": 1}));
    dump.assert_in(&lake);
}

#[test]
fn exit_codes_of_mistakes() {
    let folder = scratch();
    let lake = folder.path().join("lake").to_string_lossy().into_owned();
    let sample = object(folder.path(), "one", Mail::new(1, time("2026-10-05T12:00:00Z")).send());
    let sample = sample.to_string_lossy();
    let missing = repute(["import", "/nowhere/at/all", "--lake", &lake]).expect(4);
    assert!(missing.stderr.contains("`/nowhere/at/all`"), "{}", missing.stderr);
    assert!(missing.stdout.is_empty());
    let no_lake = repute(["import", &sample]).expect(2);
    assert!(no_lake.stderr.contains("--lake"), "{}", no_lake.stderr);
    let unknown = repute(["import", &sample, "--lake", &lake, "--colour"]).expect(2);
    assert!(unknown.stderr.contains("--colour"), "{}", unknown.stderr);
    repute(["import", "--lake", &lake]).expect(2);
    repute(["import", "ftp://host/x", "--lake", &lake]).expect(2);
    repute(["rates", "--lake", &lake]).expect(4);
    repute(["rates", "--by", "colour", "--lake", &lake]).expect(2);
    repute(["reputation", "--lake", "gopher://x"]).expect(2);
    assert!(!Path::new(&lake).exists(), "a failed command made a lake");
}

#[test]
fn mistakes_in_the_configuration_name_file_and_line() {
    let folder = scratch();
    let config = object(folder.path(), "repute.toml", "lake = \"lake\"\n\n[import]\nmax_badd = 3\n");
    let run = repute(["rates", "--config", &config.to_string_lossy()]).expect(2);
    assert!(run.stderr.contains("repute.toml:4"), "{}", run.stderr);
    assert!(run.stderr.contains("`max_badd`"), "{}", run.stderr);
}

#[test]
fn max_bad_is_the_number_still_tolerated() {
    let folder = scratch();
    let good = Mail::new(1, time("2026-10-05T12:00:00Z")).send();
    let source = object(folder.path(), "object", format!("{{\"bad\n{good}\n{{\"bad\n"));
    let import = |limit: &[&str], name: &str| {
        let lake = folder.path().join(name);
        let run = Run::of(
            command().arg("import").arg(&source).arg("--lake").arg(lake).args(limit).args(["--format", "json"]),
        );
        assert_eq!(
            run.json()["records"],
            json!({"read": 3, "events": 1, "duplicates": 0, "quarantined": 2, "ignored": 0})
        );
        run
    };
    import(&["--max-bad", "2"], "two").expect(0);
    let run = import(&["--max-bad", "1"], "one").expect(3);
    assert!(run.stderr.contains("--max-bad 1"), "{}", run.stderr);
    import(&[], "default").expect(3);
}

#[test]
fn the_summary_has_the_names_of_the_contract() {
    let folder = scratch();
    let source = object(folder.path(), "object", "");
    let summary = import_ending(&source, &folder.path().join("lake"), 0);
    let names =
        |value: &serde_json::Value| -> BTreeSet<String> { value.as_object().unwrap().keys().cloned().collect() };
    let set = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names(&summary), set(&["objects", "records", "rows", "bytes", "seconds"]));
    assert_eq!(names(&summary["objects"]), set(&["listed", "imported", "skipped", "failed"]));
    assert_eq!(names(&summary["records"]), set(&["read", "events", "duplicates", "quarantined", "ignored"]));
    assert_eq!(names(&summary["bytes"]), set(&["read", "decoded", "written"]));
    assert!(summary["seconds"].is_f64());
}

/// An import that takes longer than two seconds says how far it is, on standard error; `--quiet` says nothing.
#[test]
fn progress_goes_to_standard_error() {
    let (dump, folder) = (dump::large(), scratch());
    let import = |name: &str, quiet: &[&str]| {
        let lake = folder.path().join(name);
        let mut command = command();
        command
            .arg("import")
            .arg(&dump.path)
            .arg("--lake")
            .arg(lake)
            .args(["--jobs", "1", "--format", "json"])
            .args(quiet);
        Run::of(&mut command).expect(0)
    };
    let quiet = import("quiet", &["--quiet"]);
    assert_eq!(quiet.stderr, "");
    let seconds = quiet.json()["seconds"].as_f64().unwrap();
    assert!(seconds > 2.5, "imported in {seconds} s: the dump is too small to show progress");
    let run = import("shown", &[]);
    assert_eq!(run.json()["records"]["read"], json!(dump.truth.records));
    let line = run.stderr.lines().next().unwrap_or_else(|| panic!("no progress in {} s", run.json()["seconds"]));
    for word in [" objects, ", " events/s, ", "B/s", " left"] {
        assert!(line.contains(word), "{line}");
    }
    assert!(!run.stderr.contains('\u{1b}') && !run.stderr.contains('\r'), "{}", run.stderr);
}

//! The API as its document describes it: what is described is what is served, every answer has the form that is promised, and
//! nothing that can be sent makes the server fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::dump::{self, VERIFIED};
use crate::mail::Lake;
use crate::program::{Run, Server, repute, scratch};
use crate::tools::{python, run_python};

const AT: &str = "--at 2026-11-01T00:00:00Z";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn full() -> Server {
    Server::serve(&dump::lake().0, &format!("{AT} {VERIFIED}"))
}

fn document() -> Value {
    repute(["openapi"]).expect(0).json()
}

/// The paths of handlers, as they stand in the code.
fn paths_in_code() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root().join("web/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let text = fs::read_to_string(entry.path()).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            assert!(!code.contains(".route(\"/api"), "{} has a route without description", entry.path().display());
            let paths = code.split("path = \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
            found.extend(paths.filter(|path| path.starts_with("/api/")));
        }
    }
    found
}

#[test]
fn the_document_is_valid_and_describes_every_route() {
    let Some(python) = python() else { return };
    let folder = scratch();
    let file = folder.path().join("openapi.json");
    fs::write(&file, document().to_string()).unwrap();
    let operations = run_python(&python, "openapi.py", ["valid".as_ref(), file.as_os_str()]);
    let described: BTreeSet<String> = operations
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| operation.as_str().unwrap().split_once(' ').unwrap().1.to_owned())
        .collect();
    assert_eq!(described, paths_in_code());
}

#[test]
fn the_document_is_served_as_it_is_printed() {
    let served = full().get("/api/v1/openapi.json");
    assert_eq!((served.status, served.header("content-type")), (200, "application/json"));
    assert_eq!(served.json(), document());
}

/// Questions whose answers hold everything that a report can hold.
const QUESTIONS: [&str; 28] = [
    "/api/v1/rates",
    "/api/v1/rates?window=1d&by=configuration_set,provider&since=2026-10-25&until=2026-11-01T00:00:00Z",
    "/api/v1/rates?window=1d&zone=Asia/Kathmandu&by=tag:campaign&by=bounce_class",
    "/api/v1/rates?format=csv",
    "/api/v1/rates?colour=red",
    "/api/v1/rates?since=1h&until=2h",
    "/api/v1/bounces",
    "/api/v1/bounces?by=tenant&limit=3&class=mailbox_full,policy_block",
    "/api/v1/bounces?format=csv&limit=0",
    "/api/v1/bounces?configuration_set=no%20such",
    "/api/v1/messages",
    "/api/v1/messages?recipient=nobody@example.com&since=2026-10-25&limit=2",
    "/api/v1/messages?subject=an&since=2026-10-01&until=2026-11-01",
    "/api/v1/messages?q=a",
    "/api/v1/engagement",
    "/api/v1/engagement?by=link&window=1d&zone=Asia/Kathmandu&since=2026-10-01",
    "/api/v1/engagement?format=csv",
    "/api/v1/engagement?by=nothing",
    "/api/v1/delays",
    "/api/v1/delays?by=provider&window=1d&since=2026-10-01",
    "/api/v1/delays?format=csv&rows=groups",
    "/api/v1/delays?rows=nothing",
    "/api/v1/reputation",
    "/api/v1/check",
    "/api/v1/check?now=1",
    "/api/v1/problems",
    "/api/v1/problems/no-lake",
    "/api/v1/problems/none",
];

#[test]
fn answers_are_as_described() {
    let Some(python) = python() else { return };
    let empty = scratch();
    for server in [full(), Server::serve(&Lake::of(&[]).path(), AT), Server::serve(&empty.path().join("none"), AT)] {
        let arguments = ["answers", &server.url].into_iter().chain(QUESTIONS);
        let wrong = run_python(&python, "openapi.py", arguments);
        assert_eq!(wrong, Value::Array(Vec::new()), "{wrong:#}");
    }
}

/// The fuzzer with the settings of `tests/python/schemathesis.toml`, which has a reason for each.
fn fuzz(python: &Path, server: &Server, examples: usize, seed: &str) {
    let folder = scratch();
    let mut command = Command::new(python.with_file_name("schemathesis"));
    command.current_dir(folder.path()).env("NO_COLOR", "1").env("COLUMNS", "200");
    command.arg("--config-file").arg(settings()).arg("run").arg(format!("{}/api/v1/openapi.json", server.url));
    command.args(["--seed", seed, "--max-examples", &examples.to_string()]);
    let run = Run::of(&mut command);
    assert_eq!(run.code, 0, "{}\n{}\n{}", run.stdout, run.stderr, server.log());
}

fn settings() -> PathBuf {
    root().join("tests/python/schemathesis.toml")
}

fn is_long() -> bool {
    std::env::var_os("REPUTE_TEST_LONG").is_some()
}

#[test]
fn nothing_that_can_be_sent_makes_it_fail() {
    let Some(python) = python() else { return };
    fuzz(&python, &full(), if is_long() { 2_000 } else { 30 }, "1");
}

#[test]
fn nor_does_it_over_an_empty_lake() {
    let Some(python) = python() else { return };
    fuzz(&python, &Server::serve(&Lake::of(&[]).path(), AT), if is_long() { 200 } else { 5 }, "2");
}

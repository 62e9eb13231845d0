//! The API as its document describes it: what is described is what is served, every answer has the form that is promised, and
//! nothing that can be sent makes the server fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::TimeDelta;
use serde_json::Value;

use crate::dump::{self, VERIFIED};
use crate::mail::{Lake, Mail, time};
use crate::program::{PATIENCE, Response, Run, Server, import, repute, runtime, scratch};
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

/// The routes of pages, as they stand in the code.
fn pages_in_code() -> Vec<String> {
    let text = fs::read_to_string(root().join("web/src/lib.rs")).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    let routes = code.split(".route(\"").skip(1).map(|rest| rest.split_once('"').unwrap());
    let pages = routes.filter(|(_, rest)| rest.split(')').next().unwrap().contains("pages::"));
    pages.map(|(path, _)| path.to_owned()).collect()
}

/// Every page has its routes in the documentation, every route an example, every type of problems a line.
#[test]
fn the_documentation_leaves_nothing_out() {
    let docs = fs::read_to_string(root().join("docs/api.md")).unwrap();
    let described = document();
    let paths: Vec<&String> = described["paths"].as_object().unwrap().keys().collect();
    let pages: Vec<&str> = docs.lines().filter(|line| line.starts_with("| `/")).collect();
    for page in pages_in_code() {
        let line = pages.iter().find(|line| line.split('|').nth(1).unwrap().contains(&format!("`{page}`")));
        let line = line.unwrap_or_else(|| panic!("{page} is not in docs/api.md's table of pages"));
        let routes: Vec<&str> =
            line.split('|').nth(2).unwrap().split('`').filter(|text| text.contains("/api/")).collect();
        assert!(!routes.is_empty(), "{page} has no route");
        for route in routes {
            let route = route.split('?').next().unwrap();
            assert!(paths.iter().any(|path| *path == route), "{page}: there is no {route}");
        }
    }
    for path in paths {
        let start = format!("$R{}", path.split('{').next().unwrap());
        let is_shown = docs.lines().any(|line| line.starts_with("curl ") && line.contains(&start));
        assert!(is_shown, "docs/api.md has no curl of {path}");
    }
    for kind in full().get("/api/v1/problems").json().as_array().unwrap() {
        let name = kind["type"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(docs.contains(&format!("| `{name}` | {} |", kind["status"])), "docs/api.md lacks {name}");
    }
}

/// Questions whose answers hold everything that a report can hold.
const QUESTIONS: [&str; 51] = [
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
    "/api/v1/messages?event_type=Bounce&limit=20",
    "/api/v1/messages?event_type=Complaint&limit=20&since=2026-10-25",
    "/api/v1/messages?event_type=DeliveryDelay&limit=20",
    "/api/v1/messages?event_type=Click&limit=20",
    "/api/v1/messages?event_type=Subscription&limit=20",
    "/api/v1/messages?event_type=Reject&limit=20",
    "/api/v1/messages?event_type=Rendering%20Failure&limit=20",
    "/api/v1/messages?message_id=none&format=csv",
    "/api/v1/engagement?window=1d&by=provider,campaign&limit=5",
    "/api/v1/engagement?clock=event&since=2026-10-25&window=1h",
    "/api/v1/engagement?rows=links&format=csv",
    "/api/v1/engagement?configuration_set=no%20such",
    "/api/v1/delays?window=1d&zone=Asia/Kathmandu&by=provider&limit=3",
    "/api/v1/delays?clock=sent&rows=reasons&format=csv",
    "/api/v1/delays?configuration_set=no%20such&window=1d&by=tenant",
    "/api/v1/imports",
    "/api/v1/imports?since=2027-01-01",
    "/api/v1/objects",
    "/api/v1/objects?state=imported&limit=1",
    "/api/v1/quarantine",
    "/api/v1/quarantine?resolved=yes&limit=1&format=csv",
    "/api/v1/quarantine/0123456789abcdef",
    "/api/v1/health",
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

/// What the server answers to a method: status, headers' values, and the body if it is JSON.
fn send(server: &Server, method: &str, path: &str) -> Response {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = reqwest::Client::new().request(method, format!("{}{path}", server.url)).timeout(PATIENCE);
    runtime().block_on(async {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Response { status, headers, text: response.text().await.unwrap() }
    })
}

#[test]
fn methods_are_those_of_the_document() {
    let server = full();
    for path in ["/api/v1/rates", "/api/v1/check", "/api/v1/openapi.json", "/api/v1/problems/no-lake"] {
        let (get, head) = (send(&server, "GET", path), send(&server, "HEAD", path));
        assert_eq!((get.status, head.status, head.text.as_str()), (200, 200, ""), "{path}");
        assert_eq!(get.header("content-type"), head.header("content-type"), "{path}");
        let options = send(&server, "OPTIONS", path);
        assert_eq!((options.status, options.header("allow"), options.text.as_str()), (204, "GET,HEAD", ""), "{path}");
        assert_eq!(options.header("access-control-allow-origin"), "");
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "QUERY"] {
            let refused = send(&server, method, path);
            assert_eq!((refused.status, refused.header("allow")), (405, "GET,HEAD"), "{method} {path}");
            assert_eq!(refused.header("content-type"), "application/problem+json", "{method} {path}");
            assert_eq!(refused.json()["type"], "/api/v1/problems/method-not-allowed", "{method} {path}");
        }
    }
    for method in ["GET", "POST", "OPTIONS"] {
        let missing = send(&server, method, "/api/v2/rates");
        assert_eq!((missing.status, &missing.json()["type"]), (404, &"/api/v1/problems/not-found".into()), "{method}");
    }
}

/// What is sent, and the status, problem and parameter that answer it.
const WRONG: [(&str, u16, &str, &str); 33] = [
    ("/api/v1/rates?colour=red", 400, "bad-parameter", "colour"),
    ("/api/v1/rates?window=", 400, "bad-parameter", "window"),
    ("/api/v1/rates?window", 400, "bad-parameter", "window"),
    ("/api/v1/rates?window=1h&window=1h", 400, "bad-parameter", "window"),
    ("/api/v1/rates?window=0h", 400, "bad-parameter", "window"),
    ("/api/v1/rates?window=59s", 400, "bad-parameter", "window"),
    ("/api/v1/rates?window=99999999999999999999h", 400, "bad-parameter", "window"),
    ("/api/v1/rates?by=region&by=region", 400, "bad-parameter", "by"),
    ("/api/v1/rates?by=", 400, "bad-parameter", "by"),
    ("/api/v1/rates?by=region,", 400, "bad-parameter", "by"),
    ("/api/v1/rates?by=tag:", 400, "bad-parameter", "by"),
    ("/api/v1/rates?provider=%FF", 400, "bad-parameter", "provider"),
    ("/api/v1/rates?provider=%C3", 400, "bad-parameter", "provider"),
    ("/api/v1/rates?provider=a%00", 400, "bad-parameter", "provider"),
    ("/api/v1/rates?tag:a%00=b", 400, "bad-parameter", "tag:a\u{fffd}"),
    ("/api/v1/rates?provider=a&provider=b", 400, "bad-parameter", "provider"),
    ("/api/v1/rates?since=-9999-01-01T00:00:00Z", 400, "bad-parameter", "since"),
    ("/api/v1/rates?since=%2B12026-01-01T00:00:00Z", 400, "bad-parameter", "since"),
    ("/api/v1/rates?since=2026-02-29T00:00:00Z", 400, "bad-parameter", "since"),
    ("/api/v1/rates?since=2026-01-01T25:00:00Z", 400, "bad-parameter", "since"),
    ("/api/v1/rates?since=2026-01-01T00:00:00", 400, "bad-parameter", "since"),
    ("/api/v1/rates?since=99999w", 400, "bad-parameter", "since"),
    ("/api/v1/rates?zone=europe/berlin", 400, "bad-parameter", "zone"),
    ("/api/v1/rates?format=xml", 400, "bad-parameter", "format"),
    ("/api/v1/bounces?limit=0", 400, "bad-parameter", "limit"),
    ("/api/v1/bounces?limit=-1", 400, "bad-parameter", "limit"),
    ("/api/v1/bounces?limit=20001", 400, "bad-parameter", "limit"),
    ("/api/v1/bounces?limit=18446744073709551616", 400, "bad-parameter", "limit"),
    ("/api/v1/bounces?class=other,other", 400, "bad-parameter", "class"),
    ("/api/v1/bounces?bounce_class=none", 400, "bad-parameter", "bounce_class"),
    ("/api/v1/rates?since=1h&until=1h", 422, "unanswerable", ""),
    ("/api/v1/rates?window=1h&zone=Asia/Kathmandu", 422, "unanswerable", ""),
    ("/api/v1/reputation?since=1h", 400, "bad-parameter", "since"),
];

#[test]
fn what_is_wrong_is_named() {
    let server = full();
    for (path, status, kind, parameter) in WRONG {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"), "{path}");
        let problem = answer.json();
        assert_eq!(problem["type"], format!("/api/v1/problems/{kind}"), "{path}: {problem}");
        assert_eq!(problem["parameter"].as_str().unwrap_or_default(), parameter, "{path}: {problem}");
    }
    let long = server.get(&format!("/api/v1/rates?provider={}", "x".repeat(9_000)));
    assert_eq!((long.status, long.header("content-type")), (414, "application/problem+json"));
    let none = Server::serve(&scratch().path().join("none"), AT);
    let missing = none.get("/api/v1/rates");
    assert_eq!((missing.status, missing.header("retry-after")), (503, "5"));
    assert_eq!(missing.json()["type"], "/api/v1/problems/no-lake");
}

#[test]
fn absurd_times_have_answers() {
    let server = full();
    let all = server.get("/api/v1/rates").json()[0]["counts"].clone();
    for range in [
        "since=0000-01-01T00:00:00%2B23:59",
        "since=0000-01-01",
        "since=9999w&until=9999-12-31T23:59:59.999999999-23:59",
        "since=1969-12-31T23:59:60Z",
        "until=9999-12-31&zone=Etc/GMT%2B12",
        "since=1970-01-01t00:00:00z",
    ] {
        let answer = server.get(&format!("/api/v1/rates?{range}"));
        assert_eq!((answer.status, &answer.json()[0]["counts"]), (200, &all), "{range}");
    }
    for range in
        ["until=0000-01-01T00:00:01Z", "since=9999-12-31T23:59:59Z", "until=1800-01-01&window=1d&zone=Africa/Monrovia"]
    {
        let answer = server.get(&format!("/api/v1/rates?{range}"));
        assert_eq!((answer.status, answer.text.as_str()), (200, "[]"), "{range}");
    }
    for window in ["9999w", "99999d", "999999h", "9999999m", "999999999s"] {
        let answer = server.get(&format!("/api/v1/rates?window={window}"));
        assert_eq!((answer.status, &answer.json()[0]["counts"]), (200, &all), "{window}");
    }
}

/// One send a day: so many days, of 1,440 minutes each, are more windows of a minute than an answer has rows.
#[test]
fn too_many_windows_are_refused_before_they_are_counted() {
    let first = time("2026-01-01T12:00:00Z");
    let mail: Vec<String> = (0..70).map(|day| Mail::new(day, first + TimeDelta::days(day as i64)).send()).collect();
    let lake = Lake::of(&mail);
    let server = Server::serve(&lake.path(), AT);
    let refused = server.get("/api/v1/rates?window=1m");
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(refused.json()["detail"].as_str().unwrap().contains("windows, more than 100,000"), "{refused:?}");
    for fine in ["window=1m&since=2026-02-01&until=2026-02-03", "window=2m", "window=1m&until=2026-03-01", "window=1d"]
    {
        let answer = server.get(&format!("/api/v1/rates?{fine}"));
        assert_eq!(answer.status, 200, "{fine}: {answer:?}");
        assert!(!answer.json().as_array().unwrap().is_empty(), "{fine}");
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
    // A lake of its own: what is sent makes silences, too, which other tests would find.
    let folder = scratch();
    let lake = folder.path().join("lake");
    import(&dump::ndjson().path, &lake);
    fuzz(&python, &Server::serve(&lake, AT), if is_long() { 2_000 } else { 30 }, "1");
}

#[test]
fn nor_does_it_over_an_empty_lake() {
    let Some(python) = python() else { return };
    fuzz(&python, &Server::serve(&Lake::of(&[]).path(), AT), if is_long() { 200 } else { 5 }, "2");
}

//! What the tests of `serve --watch` have in common: a server that watches, what it shows, and events that are numbered by hand, so
//! that the counts are known.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mail::{Mail, time};
use crate::program::{Server, command, poll, runtime, scratch};
use crate::servers::Moto;
use crate::tools::run_python;

/// What is promised from writing to seeing.
pub(crate) const PROMISE: Duration = Duration::from_secs(5);

/// What a busy machine may need for what nothing is promised of.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn mail(number: usize) -> Mail {
    let sent: DateTime<Utc> = time("2026-10-05T12:00:00Z");
    Mail::new(number, sent + chrono::TimeDelta::seconds(number as i64))
}

/// Send events of these numbers, a line each.
pub(crate) fn sends(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| mail(number).send() + "\n").collect()
}

/// How many sends the server tells of.
pub(crate) fn shown(server: &Server) -> u64 {
    let answer = server.get("/api/v1/rates");
    if answer.status == 200 { answer.json()[0]["counts"]["send"].as_u64().unwrap_or(0) } else { 0 }
}

#[track_caller]
pub(crate) fn await_sends(server: &Server, expected: u64, limit: Duration) {
    let start = Instant::now();
    let mut last = 0;
    while start.elapsed() < limit {
        last = shown(server);
        assert!(last <= expected, "{last} are more than {expected}");
        if last == expected {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{last} of {expected} sends after {limit:?}; the log:\n{}", server.log());
}

/// The line of a source in the API.
pub(crate) fn watched(server: &Server, source: &str) -> Value {
    let answer = server.get("/api/v1/imports");
    assert_eq!(answer.status, 200, "{}", answer.text);
    let all = answer.json()["watched"].clone();
    let found = all.as_array().unwrap().iter().find(|one| one["source"] == source).cloned();
    found.unwrap_or_else(|| panic!("no {source} in {all}"))
}

/// What the doctor says of watched sources, if anything.
pub(crate) fn finding(server: &Server) -> Option<Value> {
    let answer = server.get("/api/v1/health");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["findings"].as_array().unwrap().iter().find(|one| one["check"] == "watched_sources").cloned()
}

/// A value of `/metrics`.
pub(crate) fn metric(server: &Server, name: &str) -> Option<f64> {
    let text = server.get("/metrics").text;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// What an independent reader finds in the lake.
pub(crate) fn rows(python: &Path, lake: &Path) -> Vec<Value> {
    let rows = run_python(python, "events.py", [lake]);
    rows[0].as_array().unwrap().clone()
}

pub(crate) struct Case {
    pub(crate) folder: TempDir,
    pub(crate) moto: Option<Moto>,
}

impl Case {
    pub(crate) fn new() -> Self {
        Self { folder: scratch(), moto: None }
    }

    pub(crate) fn with_moto(python: &Path) -> Self {
        Self { moto: Some(Moto::start(python)), ..Self::new() }
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    pub(crate) fn dump(&self) -> PathBuf {
        let dump = self.folder.path().join("dump");
        fs::create_dir_all(&dump).unwrap();
        dump
    }

    pub(crate) fn command(&self, sources: &[&str]) -> Command {
        let mut command = self.moto.as_ref().map_or_else(command, Moto::command);
        command.args(["serve", "--listen", "127.0.0.1:0"]).arg("--lake").arg(self.lake());
        command.args(sources.iter().flat_map(|source| ["--watch", source]));
        command
    }

    pub(crate) fn serve(&self, sources: &[&str]) -> Server {
        Server::start(&mut self.command(sources))
    }

    /// What `tests/python/queues.py` does.
    #[track_caller]
    #[allow(clippy::needless_pass_by_value, reason = "steps are written where they are wanted")]
    pub(crate) fn steps(&self, python: &Path, steps: Value) -> Value {
        let endpoint = &self.moto.as_ref().unwrap().endpoint;
        run_python(python, "queues.py", [endpoint.as_str(), &steps.to_string()])
    }

    /// Waits until nothing is left in these queues.
    #[track_caller]
    pub(crate) fn await_empty(&self, python: &Path, queues: &[&str]) {
        let asked: Vec<Value> = queues.iter().map(|queue| json!(["left", queue])).collect();
        poll("the queues to be empty", PATIENCE * 2, || {
            let left = self.steps(python, json!(asked));
            left.as_array().unwrap().iter().all(|left| *left == json!([0, 0])).then_some(())
        });
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.dump().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A server that hands S3's requests on, each after the time that `before` gives for it.
pub(crate) fn proxy(
    upstream: &str,
    before: impl Fn(&axum::http::request::Parts) -> Duration + Clone + Send + Sync + 'static,
) -> String {
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode};
    let listener = runtime().block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (client, upstream) = (reqwest::Client::new(), upstream.to_owned());
    let pass = move |request: Request<Body>| {
        let (client, upstream, before) = (client.clone(), upstream.clone(), before.clone());
        async move {
            let (parts, body) = request.into_parts();
            tokio::time::sleep(before(&parts)).await;
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            let mut headers = parts.headers;
            headers.remove("host");
            let asked = client.request(parts.method, format!("{upstream}{path}")).headers(headers);
            let answer = asked.body(to_bytes(body, usize::MAX).await.unwrap()).send().await.unwrap();
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut response = axum::response::Response::new(Body::from(answer.bytes().await.unwrap()));
            *response.status_mut() = StatusCode::from_u16(status.as_u16()).unwrap();
            for name in ["etag", "content-length", "content-type", "content-range", "last-modified"] {
                headers.get(name).into_iter().for_each(|value| {
                    response.headers_mut().insert(axum::http::HeaderName::from_static(name), value.clone());
                });
            }
            response
        }
    };
    runtime().spawn(async { axum::serve(listener, axum::Router::new().fallback(pass)).await });
    endpoint
}

pub(crate) fn landed(lake: &Path) -> Vec<PathBuf> {
    let landing = lake.join("landing");
    if landing.exists() { crate::dump::files(&landing) } else { Vec::new() }
}

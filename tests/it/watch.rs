//! `serve --watch`: what is written to a directory, a bucket or a queue is soon to be seen, once, whatever happens meanwhile.
//!
//! Events are numbered by hand, so that the counts are known; queues, topics, notifications and rules are moto's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::deliveries::{KEY, body, deliver, encoded, post};
use crate::mail::{Mail, time};
use crate::program::{Response, Run, Server, command, poll, runtime, scratch, signal_process};
use crate::servers::Moto;
use crate::tools::{python, run_python};
use crate::topics::{Host, TOPIC};

/// What is promised from writing to seeing.
const PROMISE: Duration = Duration::from_secs(5);

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
fn shown(server: &Server) -> u64 {
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
fn watched(server: &Server, source: &str) -> Value {
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
fn metric(server: &Server, name: &str) -> Option<f64> {
    let text = server.get("/metrics").text;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// What an independent reader finds in the lake.
fn rows(python: &Path, lake: &Path) -> Vec<Value> {
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

    fn dump(&self) -> PathBuf {
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

    fn write(&self, name: &str, text: &str) {
        let path = self.dump().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn a_directory_is_seen_within_five_seconds() {
    let case = Case::new();
    let dump = case.dump().to_string_lossy().into_owned();
    let server = case.serve(&[&dump]);
    let mut worst = Duration::ZERO;
    for round in 0..4_usize {
        let start = Instant::now();
        case.write(&format!("2026/11/28/{round:02}/ses-1"), &sends(round * 100..(round + 1) * 100));
        await_sends(&server, (round as u64 + 1) * 100, PROMISE);
        worst = worst.max(start.elapsed());
    }
    println!("watch: from writing to a directory to the dashboard: {worst:?} at most (not optimised)");
    assert!(worst <= PROMISE, "{worst:?}");

    // A file that grows is read once it is at its end.
    let text = sends(400..500);
    let (first, rest) = text.split_at(text.len() / 2 + 7);
    case.write("slow", first);
    for piece in rest.as_bytes().chunks(rest.len() / 4 + 1) {
        thread::sleep(Duration::from_millis(500));
        let mut file = fs::OpenOptions::new().append(true).open(case.dump().join("slow")).unwrap();
        std::io::Write::write_all(&mut file, piece).unwrap();
    }
    await_sends(&server, 500, PROMISE);
    assert_eq!(server.get("/api/v1/quarantine").json()["total"], 0);

    let line = watched(&server, &dump);
    assert_eq!((&line["imported"], &line["failures"], &line["messages"]), (&json!(5), &json!(0), &Value::Null));
    assert!(line["lag_seconds"].as_f64().unwrap() < 5.0, "{line}");
    let label = format!("{{source=\"{dump}\"}}");
    assert_eq!(metric(&server, &format!("repute_watch_failing{label}")), Some(0.0));
    assert_eq!(metric(&server, &format!("repute_watch_imported_objects_total{label}")), Some(5.0));
    let success = metric(&server, &format!("repute_watch_last_success_timestamp_seconds{label}")).unwrap();
    assert!((now() - success).abs() < 10.0, "{success}");
    let page = server.get("/import").text;
    assert!(page.contains("Watched") && page.contains(&dump), "{page}");
    // Nothing new, nothing done.
    let before = log_entries(&case.lake());
    thread::sleep(Duration::from_secs(3));
    assert_eq!(log_entries(&case.lake()), before);
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn log_entries(lake: &Path) -> usize {
    ["events", "objects"].iter().map(|table| fs::read_dir(lake.join(table).join("_delta_log")).unwrap().count()).sum()
}

#[test]
fn a_bucket_is_seen_within_five_seconds() {
    let Some(python) = python() else { return };
    let case = Case::with_moto(&python);
    let server = case.serve(&["s3://raw/ses"]);
    let mut worst = 0.0_f64;
    for round in 0..3_usize {
        let key = format!("ses/2026/11/28/{round:02}/ses-1-2026-11-28-{round:02}-00-00-x");
        let put = case.steps(&python, json!([["put", key, sends(round * 100..(round + 1) * 100)]]));
        await_sends(&server, (round as u64 + 1) * 100, PROMISE);
        worst = worst.max(now() - put[0].as_f64().unwrap());
    }
    println!("watch: from writing to a bucket to the dashboard: {worst:.1} s at most (not optimised)");
    assert!(worst <= PROMISE.as_secs_f64(), "{worst}");
    // What lies beside the folder is not meant.
    case.steps(&python, json!([["put", "ses-other/x", sends(1_000..1_001)], ["put", "ses/y", sends(300..301)]]));
    await_sends(&server, 301, PROMISE);
    assert_eq!(watched(&server, "s3://raw/ses")["imported"], 4);
}

/// Keys as S3 encodes them, several records in one message, by each way a notification can come.
#[test]
fn notifications_of_s3_bring_objects() {
    let Some(python) = python() else { return };
    let case = Case::with_moto(&python);
    case.steps(
        &python,
        json!([
            ["queue", "ses", 5],
            ["queue", "bridged", 5],
            ["topic", "told", "ses", false],
            ["topic", "bare", "ses", true],
            ["notify", "ses"],
            ["rule", "objects", "aws.s3", "bridged"],
        ]),
    );
    let server = case.serve(&["sqs://ses", "sqs://bridged"]);
    let keys = [
        "ses/2026/11/28/15/plain",
        "with space/a b",
        "plus+plus",
        "day=28/a&b",
        "日本/é",
        "percent%2Bcent",
        "tilde~(x)'!*",
    ];
    let puts: Vec<Value> =
        keys.iter().enumerate().map(|(number, key)| json!(["put", key, sends(number..number + 1)])).collect();
    let put = case.steps(&python, json!(puts));
    await_sends(&server, 7, PATIENCE);
    println!(
        "watch: from writing to a bucket that notifies to the dashboard: {:.1} s",
        now() - put[0].as_f64().unwrap()
    );

    // By a topic, wrapped and raw, and by EventBridge, where keys are as they are.
    for (number, settings) in
        [json!([null, "told"]), json!([null, "bare"]), json!([null, null, true])].iter().enumerate()
    {
        let settings: Vec<Value> = [json!("notify")].into_iter().chain(settings.as_array().unwrap().clone()).collect();
        let first = 10 + 2 * number;
        case.steps(
            &python,
            json!([
                settings,
                ["put", format!("way {number}/a+b%2B"), sends(first..first + 1)],
                ["put", format!("way {number}/é"), sends(first + 1..first + 2)],
                ["remove", "plus+plus"],
            ]),
        );
        await_sends(&server, 7 + 2 * (number as u64 + 1), PATIENCE);
    }

    // Several records in one message, some of which tell of nothing; and a message that comes twice.
    let record = |name: &str, key: &str| json!({"eventSource": "aws:s3", "eventName": name, "s3": {"bucket": {"name": "raw"}, "object": {"key": key, "eTag": "x"}}});
    let many: Vec<Value> = (0..30).map(|number| record("ObjectCreated:Put", &format!("many/{number}"))).collect();
    let mut records = many;
    records.insert(3, record("ObjectRemoved:Delete", "gone"));
    let body = json!({"Records": records}).to_string();
    let mut steps = vec![json!(["notify"])];
    steps.extend((0..30).map(|number| json!(["put", format!("many/{number}"), sends(100 + number..101 + number)])));
    steps.extend([
        json!(["send", "ses", body, body]),
        json!(["send", "ses", json!({"Records": [records[3]]}).to_string()]),
    ]);
    case.steps(&python, json!(steps));
    await_sends(&server, 43, PATIENCE);
    poll("the queues to be empty", PATIENCE, || {
        let left = case.steps(&python, json!([["left", "ses"], ["left", "bridged"], ["left", "ses-dead"]]));
        (left == json!([[0, 0], [0, 0], [0, 0]])).then_some(())
    });
    assert_eq!(rows(&python, &case.lake()).len(), 43);
    let counted = watched(&server, "sqs://ses");
    assert_eq!((&counted["messages"]["refused"], &counted["failures"]), (&json!(0), &json!(0)), "{counted}");
    assert_eq!(counted["messages"]["deleted"], counted["messages"]["received"]);
}

#[test]
fn poison_is_counted_and_left_to_the_dead_letter_queue() {
    let Some(python) = python() else { return };
    let case = Case::with_moto(&python);
    let missing = json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "raw"}, "object": {"key": "missing"}}}]});
    let elsewhere = json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "no-such-bucket"}, "object": {"key": "x"}}}]});
    let mut poison = vec!["hello".to_owned(), "{\"foo\":1}".to_owned(), missing.to_string(), elsewhere.to_string()];
    case.steps(&python, json!([["queue", "ses", 2]]));
    let server = case.serve(&["sqs://ses"]);
    let bad: Vec<Value> =
        [json!("send"), json!("ses")].into_iter().chain(poison.iter().map(|body| json!(body))).collect();
    case.steps(&python, json!([bad, ["notify", "ses"], ["put", "good", sends(0..10)]]));
    await_sends(&server, 10, PATIENCE);
    poll("the poison in the dead-letter queue", PATIENCE * 2, || {
        let left = case.steps(&python, json!([["left", "ses"], ["left", "ses-dead"]]));
        (left == json!([[0, 0], [4, 0]])).then_some(())
    });
    poison.sort();
    assert_eq!(case.steps(&python, json!([["bodies", "ses-dead"]]))[0], json!(poison));
    // Each was received twice, as the queue allows.
    let counted = watched(&server, "sqs://ses");
    assert_eq!(counted["messages"], json!({"received": 10, "deleted": 2, "refused": 8}), "{counted}");
    assert_eq!(metric(&server, "repute_watch_messages_refused_total{source=\"sqs://ses\"}"), Some(8.0));
    assert!(server.get("/import").text.contains("8 left to the dead-letter queue"));
    assert!(server.log().contains("a message is left to the dead-letter queue"), "{}", server.log());
}

/// The object comes so slowly that its message would be received again.
#[test]
fn a_message_stays_invisible_while_its_object_is_imported() {
    let Some(python) = python() else { return };
    let case = Case::with_moto(&python);
    case.steps(&python, json!([["queue", "ses", 1]]));
    let slow = slow_proxy(&case.moto.as_ref().unwrap().endpoint, Duration::from_secs(40));
    let server = Server::start(case.command(&["sqs://ses"]).env("AWS_ENDPOINT_URL_S3", slow));
    let start = Instant::now();
    case.steps(&python, json!([["notify", "ses"], ["put", "slow", sends(0..10)]]));
    await_sends(&server, 10, PATIENCE * 2);
    assert!(start.elapsed() > Duration::from_secs(39));
    poll("the queue to be empty", PATIENCE, || {
        (case.steps(&python, json!([["left", "ses"], ["left", "ses-dead"]])) == json!([[0, 0], [0, 0]])).then_some(())
    });
    // The test message and the object's.
    assert_eq!(watched(&server, "sqs://ses")["messages"], json!({"received": 2, "deleted": 2, "refused": 0}));
}

/// A server that hands S3's requests on, those for an object's bytes after a while.
fn slow_proxy(upstream: &str, delay: Duration) -> String {
    proxy(upstream, move |parts| if parts.method == "GET" { delay } else { Duration::ZERO })
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

#[test]
fn events_of_ses_come_by_queues() {
    let Some(python) = python() else { return };
    let case = Case::with_moto(&python);
    case.steps(
        &python,
        json!([
            ["queue", "ses", 5],
            ["topic", "wrapped", "ses", false],
            ["topic", "bare", "ses", true],
            ["rule", "mail", "aws.ses", "ses"],
        ]),
    );
    let server = case.serve(&["sqs://ses"]);
    let of = |step: &[&str], numbers: std::ops::Range<usize>| {
        let words = step.iter().map(|word| json!(word));
        json!(words.chain(numbers.map(|number| json!(mail(number).send()))).collect::<Vec<_>>())
    };
    let validated = "Successfully validated SNS topic for Amazon SES event publishing.";
    let start = Instant::now();
    case.steps(
        &python,
        json!([
            ["publish", "wrapped", validated],
            ["publish", "bare", validated],
            of(&["send", "ses"], 0..25),
            of(&["publish", "wrapped"], 20..40),
            of(&["publish", "bare"], 35..50),
            of(&["emit"], 45..60),
        ]),
    );
    await_sends(&server, 60, PATIENCE);
    println!("watch: 75 events by four ways of a queue: {:?} from before the first to the dashboard", start.elapsed());
    poll("the queue to be empty", PATIENCE, || {
        (case.steps(&python, json!([["left", "ses"], ["left", "ses-dead"]])) == json!([[0, 0], [0, 0]])).then_some(())
    });
    assert_eq!(rows(&python, &case.lake()).len(), 60);
    poll("the landing area to be empty", PATIENCE, || landed(&case.lake()).is_empty().then_some(()));
    let objects = server.get("/api/v1/objects?name=landing").json();
    assert_eq!(
        (&objects["sums"]["records"]["read"], &objects["sums"]["records"]["duplicates"]),
        (&json!(75), &json!(15))
    );
    assert_eq!(objects["sums"]["records"]["quarantined"], 0, "{objects}");
}

fn landed(lake: &Path) -> Vec<PathBuf> {
    let landing = lake.join("landing");
    if landing.exists() { crate::dump::files(&landing) } else { Vec::new() }
}

/// The server is killed again and again while it works on messages of both kinds.
#[test]
fn kills_lose_nothing_and_count_nothing_twice() {
    let Some(python) = python() else { return };
    let case = Case::with_moto(&python);
    case.steps(&python, json!([["queue", "ses"], ["notify", "ses"]]));
    let kills = if std::env::var_os("REPUTE_TEST_LONG").is_some() { 40 } else { 5 };
    for kill in 0..kills {
        let first = kill * 40;
        let server = case.serve(&["sqs://ses"]);
        let mut steps: Vec<Value> = (0..4)
            .map(|part| json!(["put", format!("{kill}/{part}"), sends(first + part * 5..first + part * 5 + 5)]))
            .collect();
        let events = (20..40).map(|number| json!(mail(first + number).send()));
        steps.push(json!([json!("send"), json!("ses")].into_iter().chain(events).collect::<Vec<_>>()));
        case.steps(&python, json!(steps));
        thread::sleep(Duration::from_millis(400 * (kill as u64 % 8)));
        signal_process(server.process(), "KILL");
        drop(server);
    }
    let server = case.serve(&["sqs://ses"]);
    await_sends(&server, kills as u64 * 40, PATIENCE * 3);
    poll("the queue to be empty", PATIENCE * 2, || {
        (case.steps(&python, json!([["left", "ses"]])) == json!([[0, 0]])).then_some(())
    });
    let found = rows(&python, &case.lake());
    let ids: std::collections::BTreeSet<_> = found.iter().map(|row| row["message_id"].to_string()).collect();
    assert_eq!((found.len(), ids.len()), (kills * 40, kills * 40));
    assert_eq!(server.get("/api/v1/quarantine").json()["total"], 0);
}

/// A dump, a bucket, notifications, Firehose's endpoint, signed messages of SNS over HTTPS, and events by a queue in each of their wrappings: all bring the same events at the same time.
#[test]
fn the_same_events_by_every_route_count_once() {
    let Some(python) = python() else { return };
    let case = Case::with_moto(&python);
    case.steps(
        &python,
        json!([
            ["queue", "notes"],
            ["queue", "events"],
            ["topic", "wrapped", "events", false],
            ["topic", "bare", "events", true],
            ["rule", "mail", "aws.ses", "events"],
            ["notify", "notes"],
        ]),
    );
    let dump = case.dump().to_string_lossy().into_owned();
    let keys = case.folder.path().join("keys");
    fs::write(&keys, KEY).unwrap();
    let events: Vec<String> =
        (0..20).flat_map(|number| [mail(number).send(), mail(number).bounce("Permanent", "NoEmail")]).collect();
    let signed_at = Utc::now().format("%Y-%m-%dT%H:%M:%S").to_string();
    let signed = run_python(&python, "topics.py", [signed_at, json!(events).to_string()]);
    let host = Host::start(&signed["certificates"]);
    let mut command = case.command(&[&dump, "s3://raw/ses", "sqs://notes", "sqs://events"]);
    command.arg("--firehose-keys-file").arg(&keys).args(["--sns-topic", TOPIC, "--sns-certificates-url", &host.url]);
    let server = Server::start(&mut command);
    let text = events.join("\n");
    let step = |words: &[&str]| {
        let words = words.iter().map(|word| json!(word)).chain(events.iter().map(|event| json!(event)));
        json!(words.collect::<Vec<_>>())
    };
    case.write("2026/11/28/15/ses-1", &text);
    let delivered = deliver(&server, "one", body("one", &encoded(&events)));
    assert_eq!(delivered.status, 200, "{delivered:?}");
    case.steps(
        &python,
        json!([
            step(&["send", "events"]),
            step(&["publish", "wrapped"]),
            ["put", "ses/2026/11/28/15/one", text],
            step(&["emit"]),
            step(&["publish", "bare"]),
            ["put", "ses/2026/11/28/16/two", text],
        ]),
    );
    for message in signed["given"].as_array().unwrap() {
        let answer = post(&server, "/ingest/sns", &[], message.as_str().unwrap().to_owned());
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    await_sends(&server, 20, PATIENCE);
    poll("the queues to be empty", PATIENCE, || {
        let left = case.steps(&python, json!([["left", "notes"], ["left", "events"]]));
        (left == json!([[0, 0], [0, 0]]) && landed(&case.lake()).is_empty()).then_some(())
    });
    poll("everything to be imported", PATIENCE, || {
        let sums = server.get("/api/v1/objects?limit=1").json()["sums"]["records"].clone();
        // A dump, a delivery, two objects, a queue's four ways, and SNS's messages.
        (sums["read"].as_u64() >= Some(9 * 40)).then_some(())
    });
    assert_eq!(shown(&server), 20);
    let found = rows(&python, &case.lake());
    assert_eq!(found.len(), 40);
    assert_eq!(found.iter().filter(|row| row["event_type"] == "Bounce").count(), 20);
    assert_eq!(server.get("/api/v1/quarantine").json()["total"], 0);
}

#[test]
fn a_source_that_fails_is_shown_and_others_go_on() {
    let Some(python) = python() else { return };
    let case = Case::with_moto(&python);
    let (dump, later) = (case.dump().to_string_lossy().into_owned(), case.folder.path().join("later"));
    let later_name = later.to_string_lossy().into_owned();
    let mut server = case.serve(&[&dump, &later_name, "sqs://no-such-queue", "s3://no-such-bucket/x"]);
    case.write("a", &sends(0..10));
    await_sends(&server, 10, PATIENCE);
    for (source, why) in [
        (later_name.as_str(), "No such file"),
        ("sqs://no-such-queue", "cannot find the queue `no-such-queue`"),
        ("s3://no-such-bucket/x", "NoSuchBucket"),
    ] {
        let line =
            poll("the failure", PATIENCE, || Some(watched(&server, source)).filter(|line| !line["trouble"].is_null()));
        assert!(line["trouble"].as_str().unwrap().contains(why), "{line}");
        assert_eq!(metric(&server, &format!("repute_watch_failing{{source=\"{source}\"}}")), Some(1.0));
    }
    assert_eq!(metric(&server, &format!("repute_watch_failing{{source=\"{dump}\"}}")), Some(0.0));
    assert_eq!(server.get("/healthz").status, 200);
    assert!(server.get("/import").text.contains("Failing"));
    let found = finding(&server).unwrap();
    assert_eq!(
        (&found["severity"], &found["title"]),
        (&json!("problem"), &json!("3 watched sources cannot be imported from"))
    );
    let page = server.get("/health").text;
    for said in ["3 watched sources cannot be imported from", "NoSuchBucket", "s3:ListBucket", "sqs:ReceiveMessage"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // It recovers by itself.
    fs::create_dir(&later).unwrap();
    fs::write(later.join("b"), sends(10..20)).unwrap();
    await_sends(&server, 20, PATIENCE * 3);
    poll("the recovery", PATIENCE, || watched(&server, &later_name)["trouble"].is_null().then_some(()));
    let evidence = finding(&server).unwrap()["evidence"].to_string();
    assert!(!evidence.contains(&later_name) && evidence.contains("no-such-queue"), "{evidence}");
    let start = Instant::now();
    assert!(server.terminate().success());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// An object that cannot be read is tried again, and keeps nothing else from being imported.
#[test]
fn an_unreadable_object_is_tried_again() {
    use std::os::unix::fs::PermissionsExt;
    let case = Case::new();
    let dump = case.dump().to_string_lossy().into_owned();
    // Root may read everything: a directory with the name that was listed as a file cannot be opened by anybody.
    case.write("good", &sends(0..10));
    case.write("bad", &sends(10..20));
    fs::set_permissions(case.dump().join("bad"), fs::Permissions::from_mode(0o0)).unwrap();
    let is_root = fs::read(case.dump().join("bad")).is_ok();
    let server = case.serve(&[&dump]);
    if !is_root {
        await_sends(&server, 10, PATIENCE);
        poll("the trouble", PATIENCE, || (watched(&server, &dump)["unreadable"] == 1).then_some(()));
        fs::set_permissions(case.dump().join("bad"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    await_sends(&server, 20, PATIENCE * 2);
    poll("no trouble", PATIENCE, || (watched(&server, &dump)["unreadable"] == 0).then_some(()));
}

/// Of a large source only the present days are listed; it is as quick as a small one.
#[test]
fn a_large_directory_is_seen_as_quickly() {
    let case = Case::new();
    let today = Utc::now().format("%Y/%m/%d");
    for number in 0..3_000 {
        case.write(&format!("2026/01/{:02}/00/ses-1-{number}", number % 28 + 1), "");
    }
    case.write(&format!("{today}/00/ses-1-first"), &sends(0..10));
    let dump = case.dump().to_string_lossy().into_owned();
    let server = case.serve(&[&dump]);
    await_sends(&server, 10, PATIENCE);
    let start = Instant::now();
    case.write(&format!("{today}/01/ses-1-second"), &sends(10..20));
    await_sends(&server, 20, PROMISE);
    println!("watch: beside 3,000 objects: {:?} from writing to the dashboard (not optimised)", start.elapsed());
    assert_eq!(watched(&server, &dump)["imported"], 3_002);
}

#[test]
fn a_server_that_is_stopped_finishes_its_import() {
    let case = Case::new();
    let dump = case.dump().to_string_lossy().into_owned();
    case.write("a", &sends(0..20_000));
    thread::sleep(Duration::from_millis(1_100));
    let mut server = case.serve(&[&dump]);
    let response: Response = server.get("/healthz");
    assert_eq!(response.status, 200);
    assert!(server.terminate().success());
    assert!(!server.log().contains("cut off"), "{}", server.log());
    // Whatever had been done by then: nothing is half done, and the next server goes on.
    let server = case.serve(&[&dump]);
    await_sends(&server, 20_000, PATIENCE);
}

#[test]
fn wrong_sources_are_refused_at_once() {
    let case = Case::new();
    let dump = case.dump();
    for (source, why) in [
        ("firehose://x", "cannot be watched"),
        ("s3://", "name a bucket"),
        ("sqs://a b", "name a queue"),
        (&*case.folder.path().to_string_lossy(), "lies within"),
    ] {
        let run = Run::of(&mut case.command(&[source])).expect(2);
        assert!(run.stderr.contains(why), "{source}: {}", run.stderr);
    }
    let run = Run::of(case.command(&[&dump.to_string_lossy()]).args(["--watch-every", "1ms"])).expect(2);
    assert!(run.stderr.contains("at least 100ms"), "{}", run.stderr);
    let config = case.folder.path().join("repute.toml");
    for (text, why) in [
        ("[serve]\nwatch = [\"dump\", \"sqs://\"]\n", "repute.toml:2: `watch`: `sqs://`: name a queue"),
        ("[serve]\nwatch = []\nwatch_every = \"soon\"\n", "repute.toml:3: `watch_every`: `soon` is no duration"),
    ] {
        fs::write(&config, text).unwrap();
        let run = Run::of(case.command(&[]).arg("--config").arg(&config)).expect(2);
        assert!(run.stderr.contains(why), "{}", run.stderr);
    }
    // Paths of the file are those of its folder.
    fs::write(&config, "[serve]\nwatch = [\"dump\"]\nwatch_every = \"200ms\"\n").unwrap();
    case.write("a", &sends(0..3));
    let server = Server::start(case.command(&[]).arg("--config").arg(&config));
    await_sends(&server, 3, PATIENCE);
}

//! `POST /ingest/firehose`, spoken to as Firehose does; what landed is judged by its bytes, and by what an import of it counts.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dump::files;
use crate::mail::{Mail, time};
use crate::program::{PATIENCE, Response, Server, ask, import_ending, poll, runtime, scratch};
use crate::s3;
use crate::servers::Who;

pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// A server without a lake, that takes deliveries.
pub(crate) struct Door {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
}

impl Door {
    /// With the options of `[ingest]` given; what lands stays there, to be looked at.
    pub(crate) fn open(settings: &str) -> Self {
        Self::importing(&format!("import_landed = false\n{settings}"))
    }

    /// The same, but it imports what lands.
    fn importing(settings: &str) -> Self {
        let folder = scratch();
        fs::write(folder.path().join("keys"), format!("# of the stream\n{KEY}\n\n{OTHER}\n")).unwrap();
        fs::write(
            folder.path().join("repute.toml"),
            format!(
                "[ingest]\nlanding = \"landing\"\nfirehose_keys_file = \"keys\"\nlanding_spare_mib = 1\n{settings}"
            ),
        )
        .unwrap();
        let server = Self::serve(folder.path());
        Self { folder, server }
    }

    pub(crate) fn serve(folder: &Path) -> Server {
        let config = folder.join("repute.toml");
        Server::serve(&folder.join("lake"), &format!("--config {} --log info", config.display()))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Objects that have landed.
    pub(crate) fn landed(&self) -> Vec<PathBuf> {
        files(&self.path("landing"))
    }

    /// Whatever has landed, in the order of names.
    pub(crate) fn texts(&self) -> String {
        self.landed().iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }
}

/// Sends a body; a header given as empty is left out.
pub(crate) fn post(server: &Server, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Response {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        all.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = client.post(format!("{}{path}", server.url)).headers(all).body(body).timeout(PATIENCE);
    runtime().block_on(async {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Response { status, headers, text: response.text().await.unwrap() }
    })
}

/// What Firehose sends along.
fn usual(id: &str) -> Vec<(&'static str, String)> {
    vec![
        ("X-Amz-Firehose-Protocol-Version", "1.0".to_owned()),
        ("X-Amz-Firehose-Request-Id", id.to_owned()),
        ("X-Amz-Firehose-Source-Arn", "arn:aws:firehose:us-east-1:111122223333:deliverystream/ses".to_owned()),
        ("X-Amz-Firehose-Access-Key", KEY.to_owned()),
        ("X-Amz-Firehose-Common-Attributes", "{\"commonAttributes\":{\"a\":\"b\"}}".to_owned()),
        ("Content-Type", "application/json".to_owned()),
        ("User-Agent", "Amazon Kinesis Data Firehose Agent/1.0".to_owned()),
        ("Accept-Encoding", "gzip".to_owned()),
    ]
}

/// The usual headers, with one replaced or, if it is to be nothing, left out.
fn with<'h>(headers: &'h [(&'static str, String)], name: &str, value: Option<&'h str>) -> Vec<(&'h str, &'h str)> {
    let others = headers.iter().filter(|(one, _)| !one.eq_ignore_ascii_case(name));
    let mut all: Vec<(&str, &str)> = others.map(|(name, value)| (*name, value.as_str())).collect();
    let name: &'static str =
        headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map_or("Content-Encoding", |h| h.0);
    all.extend(value.map(|value| (name, value)));
    all
}

/// A body with these records' data, base64 or not.
pub(crate) fn body(id: &str, data: &[String]) -> String {
    let records: Vec<Value> = data.iter().map(|data| json!({ "data": data })).collect();
    json!({"requestId": id, "timestamp": 1_795_000_000_000_u64, "records": records}).to_string()
}

pub(crate) fn encoded(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| STANDARD.encode(text)).collect()
}

pub(crate) fn deliver(server: &Server, id: &str, body: impl Into<reqwest::Body>) -> Response {
    let headers = usual(id);
    post(server, "/ingest/firehose", &with(&headers, "Content-Encoding", None), body)
}

fn sends(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| Mail::new(number, time("2026-10-05T12:00:00Z")).send()).collect()
}

/// The answer that the contract asks for.
#[track_caller]
fn assert_answer(response: &Response, status: u16, id: &str) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.header("content-length"), response.text.len().to_string());
    assert_eq!(response.header("content-encoding"), "");
    let answer = response.json();
    assert_eq!(answer["requestId"], id, "{response:?}");
    assert!(answer["timestamp"].as_i64().unwrap() > 1_700_000_000_000, "{response:?}");
    let error = answer["errorMessage"].as_str().unwrap_or_default();
    assert_eq!((status == 200, error.len() <= 8_192), (error.is_empty(), true), "{response:?}");
}

#[test]
fn what_firehose_delivers_is_durable_and_counts_once() {
    let door = Door::open("");
    let events = sends(0..500);
    let plain = body("id-1", &encoded(&events));
    assert_answer(&deliver(&door.server, "id-1", plain.clone()), 200, "id-1");
    let landed = door.landed();
    let name = landed[0].strip_prefix(door.path("landing")).unwrap().to_str().unwrap().to_owned();
    let parts: Vec<&str> = name.split('/').collect();
    assert_eq!((parts.len(), parts[0]), (6, "firehose"), "{name}");
    assert!(parts[5].starts_with(&format!("repute-firehose-1-{}", parts[1..5].join("-"))), "{name}");
    // Byte by byte what SES wrote, a line each.
    assert_eq!(door.texts(), events.iter().map(|event| format!("{event}\n")).collect::<String>());

    // The same once more, compressed, as after an answer that was lost; and records with line feeds of their own.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(plain.as_bytes()).unwrap();
    let headers = usual("id-1");
    let again = post(
        &door.server,
        "/ingest/firehose",
        &with(&headers, "Content-Encoding", Some("gzip")),
        gzip.finish().unwrap(),
    );
    assert_answer(&again, 200, "id-1");
    let lines: Vec<String> = sends(500..502).iter().map(|event| format!("{event}\n")).collect();
    assert_answer(&deliver(&door.server, "id-2", body("id-2", &encoded(&[lines.concat()]))), 200, "id-2");
    let summary = import_ending(&door.path("landing"), &door.path("lake"), 0);
    assert_eq!(
        summary["records"],
        json!({"read": 1_002, "events": 502, "duplicates": 500, "quarantined": 0, "ignored": 0})
    );
}

/// The server imports what has landed, removes it, and shows it soon.
#[test]
fn what_is_delivered_is_soon_in_the_dashboard() {
    let door = Door::importing("");
    let text = body("id", &encoded(&sends(0..200)));
    let start = Instant::now();
    for id in ["id", "id"] {
        assert_answer(&deliver(&door.server, id, text.clone()), 200, "id");
    }
    poll("the events", Duration::from_secs(30), || {
        let rates = door.server.get("/api/v1/rates");
        (rates.status == 200 && rates.json()[0]["counts"]["send"] == 200).then_some(())
    });
    println!("deliveries: shown after {:.1} s", start.elapsed().as_secs_f64());
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    poll("an empty landing area", Duration::from_secs(30), || door.landed().is_empty().then_some(()));
    assert_eq!(ask(&door.path("lake"), "rates")[0]["counts"]["send"], 200);
}

#[test]
fn one_bad_record_is_quarantined_and_the_rest_is_taken() {
    let door = Door::open("");
    let mut data = encoded(&sends(0..490));
    let cut = sends(490..491)[0].clone();
    data.insert(100, "this is no base64!".to_owned());
    data.insert(200, STANDARD.encode(&cut[..cut.len() / 2]));
    data.insert(300, STANDARD.encode(b"\xff\xfe no text"));
    data.insert(400, STANDARD.encode("{\"a\":\"unfinished"));
    // Nothing is a record that is there, and no bad one.
    data.insert(450, String::new());
    let mut records: Vec<Value> = data.iter().map(|data| json!({ "data": data })).collect();
    records.extend([json!({"data": 7}), json!({"no": "data"}), json!("text")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(sends(491..493).concat().as_bytes()).unwrap();
    records.push(json!({"data": STANDARD.encode(gzip.finish().unwrap())}));
    let body = json!({"requestId": "id", "timestamp": 1, "records": records}).to_string();
    assert_answer(&deliver(&door.server, "id", body), 200, "id");
    let summary = import_ending(&door.path("landing"), &door.path("lake"), 3);
    let records = &summary["records"];
    assert_eq!((&records["events"], &records["ignored"]), (&json!(492), &json!(1)), "{summary}");
    assert_eq!(records["quarantined"], 7, "{summary}");
    assert_eq!(ask(&door.path("lake"), "rates")[0]["counts"]["send"], 492);
}

/// Row 25 of the attacks that are known.
#[test]
fn nobody_without_the_key_gets_in() {
    let door = Door::open("");
    let text = body("id", &encoded(&sends(0..1)));
    let headers = usual("id");
    let long = "k".repeat(4_097);
    let send = |headers: &[(&str, &str)]| post(&door.server, "/ingest/firehose", headers, text.clone());
    let key = "X-Amz-Firehose-Access-Key";
    let wrong = [
        "",
        "0123456789abcdef",
        "0123456789ABCDEF0123456789ABCDEF",
        "0123456789abcdef0123456789abcdeF",
        "1123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef0",
        "# of the stream",
        &long,
    ];
    for wrong in wrong {
        assert_answer(&send(&with(&headers, key, Some(wrong))), 401, "id");
    }
    assert_answer(&send(&with(&headers, key, None)), 401, "id");
    let mut twice = with(&headers, key, Some(KEY));
    twice.push((key, KEY));
    assert_answer(&send(&twice), 401, "id");
    let in_query = format!("/ingest/firehose?{key}={OTHER}&key={OTHER}");
    assert_answer(&post(&door.server, &in_query, &with(&headers, key, None), text.clone()), 401, "id");
    let mut bearer = with(&headers, key, None);
    bearer.push(("Authorization", OTHER));
    assert_answer(&send(&bearer), 401, "id");

    for (name, value) in [
        ("X-Amz-Firehose-Protocol-Version", Some("1.1")),
        ("X-Amz-Firehose-Protocol-Version", None),
        ("Content-Encoding", Some("br")),
        ("Content-Encoding", Some("gzip, gzip")),
    ] {
        assert_answer(&send(&with(&headers, name, value)), 400, "id");
    }
    // What is said to be compressed and is not, and what is no body of Firehose's.
    assert_answer(&send(&with(&headers, "Content-Encoding", Some("gzip"))), 400, "id");
    for wrong in ["", "{", "[]", "{\"records\":[]}", &text[..text.len() - 1]] {
        assert_answer(&deliver(&door.server, "id", wrong.to_owned()), 400, "id");
    }
    assert_answer(&deliver(&door.server, "another id", text.clone()), 400, "another id");
    assert!(door.landed().is_empty());

    // Each of several keys is good, until it is taken out of the file.
    assert_answer(&send(&with(&headers, key, Some(OTHER))), 200, "id");
    fs::write(door.path("keys"), format!("{KEY}\n")).unwrap();
    poll("the old key's end", PATIENCE, || (send(&with(&headers, key, Some(OTHER))).status == 401).then_some(()));
    assert_answer(&send(&with(&headers, key, Some(KEY))), 200, "id");
    let log = door.server.log();
    assert!(![KEY, OTHER, "# of the stream", "user0@example.com"].iter().any(|secret| log.contains(secret)), "{log}");
    assert!(log.matches("a Firehose delivery is refused").count() > 20, "{log}");
}

/// The dashboard's guards of host, origin and sign-in are for browsers; only these two paths are let by.
#[test]
fn only_deliveries_pass_by_the_guards() {
    let door = Door::open("");
    let headers = usual("id");
    let mut foreign = with(&headers, "Content-Encoding", None);
    foreign.extend([("Host", "ses.example.com"), ("Origin", "https://elsewhere.example")]);
    let text = body("id", &encoded(&sends(0..1)));
    assert_answer(&post(&door.server, "/ingest/firehose", &foreign, text.clone()), 200, "id");
    for (path, status) in [
        ("/ingest/firehose/", 421),
        ("/ingest/Firehose", 421),
        ("/ingest", 421),
        ("//ingest/firehose", 421),
        ("/ingest/sns", 404),
        ("/", 421),
    ] {
        assert_eq!(post(&door.server, path, &foreign, text.clone()).status, status, "{path}");
    }
    assert_eq!(door.server.get("/ingest/firehose").status, 405);
    assert_eq!(door.landed().len(), 1);
    // A server that is not set up for it takes nothing.
    let folder = scratch();
    let server = Server::serve(&folder.path().join("lake"), "");
    assert_answer(&deliver(&server, "id", text), 404, "id");
    assert_eq!(post(&server, "/ingest/sns", &[], "{}").status, 404);
}

#[test]
fn bodies_may_have_64_mebibytes_and_bombs_are_refused() {
    let door = Door::open("");
    // The largest records that Firehose takes, as many as go into a body.
    let record = STANDARD.encode(format!("{{\"x\":\"{}\"}}", "y".repeat(1_023_000)));
    let whole = body("id", &vec![record; 48]);
    assert!(((60 << 20)..(64 << 20)).contains(&whole.len()), "{}", whole.len());
    assert_answer(&deliver(&door.server, "id", whole.clone()), 200, "id");
    let landed = fs::metadata(&door.landed()[0]).unwrap().len();
    assert_eq!(landed, 48 * (1_023_000 + "{\"x\":\"\"}\n".len() as u64));

    let more = format!("{whole}{}", " ".repeat(8 << 20));
    let response = deliver(&door.server, "id", more.clone());
    assert_answer(&response, 413, "id");
    // Without a word on its length.
    let stream = futures::stream::iter(more.into_bytes().chunks(1 << 20).map(<[u8]>::to_vec).collect::<Vec<_>>());
    let stream = futures::StreamExt::map(stream, Ok::<_, std::io::Error>);
    assert_answer(&deliver(&door.server, "id", reqwest::Body::wrap_stream(stream)), 413, "id");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 16 << 20];
    for _ in 0..64 {
        gzip.write_all(&zeros).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 2 << 20);
    let headers = usual("id");
    let start = Instant::now();
    let response = post(&door.server, "/ingest/firehose", &with(&headers, "Content-Encoding", Some("gzip")), bomb);
    assert_answer(&response, 413, "id");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let status = fs::read_to_string(format!("/proc/{}/status", door.server.process())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 600 << 10, "{peak} KiB");
    assert_eq!(door.landed().len(), 1);
}

#[test]
fn a_full_landing_area_says_so_and_takes_more_once_it_is_emptied() {
    let door = Door::open("landing_max_mib = 1\n");
    let events = sends(0..500);
    let text = body("id", &encoded(&events));
    let size: usize = events.iter().map(|event| event.len() + 1).sum();
    let fits = (1 << 20) / size;
    for _ in 0..fits {
        assert_answer(&deliver(&door.server, "id", text.clone()), 200, "id");
    }
    let response = deliver(&door.server, "id", text.clone());
    assert_answer(&response, 503, "id");
    assert_eq!(response.header("retry-after"), "5");
    assert!(response.text.contains("the landing area is full"), "{}", response.text);
    assert_eq!(door.texts().len(), fits * size);
    // What lies there still counts after a restart.
    let Door { folder, server } = door;
    drop(server);
    let door = Door { server: Door::serve(folder.path()), folder };
    assert_answer(&deliver(&door.server, "id", text.clone()), 503, "id");
    // Another process has imported it.
    fs::remove_dir_all(door.path("landing/firehose")).unwrap();
    poll("room", PATIENCE, || (deliver(&door.server, "id", text.clone()).status == 200).then_some(()));
}

/// A bucket keeps what a directory would. Without the right to write there nothing is acknowledged.
#[test]
fn a_landing_area_may_lie_in_a_bucket() {
    let Some(store) = s3::server() else { return };
    let folder = scratch();
    fs::write(folder.path().join("keys"), KEY).unwrap();
    fs::write(folder.path().join("repute.toml"), "[ingest]\nimport_landed = false\n").unwrap();
    let serve = |who| {
        let mut command = store.command(who);
        command.args(["serve", "--listen", "127.0.0.1:0", "--landing", "s3://raw/live/landing/"]);
        command.arg("--lake").arg(folder.path().join("lake")).arg("--config").arg(folder.path().join("repute.toml"));
        Server::start(command.arg("--firehose-keys-file").arg(folder.path().join("keys")))
    };
    let server = serve(Who::Owner);
    for (number, id) in ["id-0", "id-1"].into_iter().enumerate() {
        let text = body(id, &encoded(&sends(number * 10..number * 10 + 10)));
        assert_answer(&deliver(&server, id, text), 200, id);
    }
    let refused = deliver(&serve(Who::Reader), "id", body("id", &encoded(&sends(0..1))));
    assert_answer(&refused, 503, "id");
    assert!(!refused.text.contains("raw"), "{}", refused.text);
    let lake = folder.path().join("lake");
    let summary = s3::import(store, Who::Reader, "s3://raw/live/landing", &lake).expect(0).json();
    assert_eq!((&summary["objects"]["imported"], &summary["records"]["events"]), (&json!(2), &json!(20)), "{summary}");
}

/// A body that breaks off leaves nothing, and the next delivery is taken.
#[test]
fn half_a_delivery_is_none() {
    let door = Door::open("");
    let text = body("id", &encoded(&sends(0..10)));
    let mut connection = TcpStream::connect(door.server.url.strip_prefix("http://").unwrap()).unwrap();
    let mut head = "POST /ingest/firehose HTTP/1.1\r\nHost: a\r\n".to_owned();
    for (name, value) in usual("id") {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n{}", text.len(), &text[..text.len() / 2]);
    connection.write_all(head.as_bytes()).unwrap();
    connection.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _ = connection.read_to_string(&mut answer);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(door.landed().is_empty());
    assert_answer(&deliver(&door.server, "id", text), 200, "id");
}

#[test]
fn mistakes_in_the_set_up_are_told() {
    let folder = scratch();
    let run = |settings: &str, keys: &str| {
        fs::write(folder.path().join("keys"), keys).unwrap();
        fs::write(folder.path().join("repute.toml"), format!("[ingest]\n{settings}")).unwrap();
        let arguments = ["serve", "--lake", "lake", "--listen", "127.0.0.1:0", "--config"].map(str::to_owned);
        let config = folder.path().join("repute.toml").display().to_string();
        crate::program::repute(arguments.into_iter().chain([config])).expect(2).stderr
    };
    for (settings, keys, told) in [
        ("landing = \"l\"\nfirehose_keys_file = \"none\"", KEY, "cannot read the file of access keys"),
        ("landing = \"l\"\nfirehose_keys_file = \"keys\"", "# nothing\n", "has no access key"),
        ("landing = \"l\"\nfirehose_keys_file = \"keys\"", "# one\nshort\n", "keys:2: an access key has at least 16"),
        ("landing = \"ftp://x\"", KEY, "repute.toml:2: `landing`: `ftp://x` is no landing area"),
        ("landing = \"l\"\nsns_topics = [\"x\"]", KEY, "repute.toml:3: `sns_topics`: `x` is no topic's ARN"),
        ("landing = \"l\"\nlimit = 1", KEY, "repute.toml:3: unknown field `limit`"),
        (
            "landing = \"l\"\nsns_certificates_url = \"http://mirror.example\"",
            KEY,
            "certificates that come without TLS prove nothing",
        ),
    ] {
        let said = run(settings, keys);
        assert!(said.contains(told), "{settings}: {said}");
        assert!(!said.contains(KEY), "{said}");
    }
}

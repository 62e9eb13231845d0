//! `POST /ingest/sns`: messages signed by another program with keys of its own; forged ones are refused, and nobody is asked for anything.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response as Answer};
use chrono::Utc;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::deliveries::post;
use crate::dump::files;
use crate::program::{PATIENCE, Response, Server, ask, command, import, poll, runtime, scratch};
use crate::servers::Moto;
use crate::tools::{python, run_python};

/// Of the account that moto takes everybody for.
pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:ses-events";

/// SNS's host, where certificates lie. It keeps what it was asked for.
pub(crate) struct Host {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

type Shelf = (Arc<BTreeMap<String, String>>, Arc<Mutex<Vec<String>>>);

impl Host {
    pub(crate) fn start(certificates: &Value) -> Self {
        async fn give(State((shelf, asked)): State<Shelf>, uri: Uri) -> Answer {
            asked.lock().unwrap().push(uri.to_string());
            match shelf.get(uri.path()) {
                Some(pem) => pem.clone().into_response(),
                None if uri.path().contains("moved") => {
                    (StatusCode::FOUND, [("Location", "/SimpleNotificationService-good.pem")]).into_response()
                }
                None => StatusCode::NOT_FOUND.into_response(),
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        let shelf = Arc::new(serde_json::from_value::<BTreeMap<String, String>>(certificates.clone()).unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let router = Router::new().fallback(give).with_state((shelf, Arc::clone(&asked)));
        runtime().spawn(async move {
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
        });
        Self { url, asked }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// What every request to elsewhere would pass, and how many have come.
fn gateway() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, count) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
            drop(connection);
        }
    });
    (url, count)
}

/// A server that takes messages of [`TOPIC`].
struct Door {
    folder: TempDir,
    server: Server,
    host: Host,
    outside: Arc<AtomicUsize>,
    made: Value,
}

impl Door {
    /// Nothing if this test may be left out.
    fn open(arguments: &str) -> Option<Self> {
        Self::open_with(arguments, false, |_| ())
    }

    /// Believes only certificates of the authority if it is strict.
    fn open_with(arguments: &str, is_strict: bool, change: impl FnOnce(&mut Command)) -> Option<Self> {
        let made = run_python(&python()?, "topics.py", [Utc::now().format("%Y-%m-%dT%H:%M:%S").to_string()]);
        let host = Host::start(&made["certificates"]);
        let (proxy, outside) = gateway();
        let folder = scratch();
        fs::write(folder.path().join("authority.pem"), made["authority"].as_str().unwrap()).unwrap();
        let mut command = command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "info", "--sns-topic", TOPIC]);
        command.args(["--sns-certificates-url", &host.url]).args(arguments.split_whitespace());
        if is_strict {
            command.arg("--sns-authorities-file").arg(folder.path().join("authority.pem"));
        }
        fs::write(folder.path().join("repute.toml"), "[ingest]\nimport_landed = false\n").unwrap();
        command.arg("--config").arg(folder.path().join("repute.toml"));
        command.arg("--lake").arg(folder.path().join("lake")).arg("--landing").arg(folder.path().join("landing"));
        // Whoever asks for something elsewhere comes by here.
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, &proxy).env(name.to_lowercase(), &proxy);
        }
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        change(&mut command);
        Some(Self { server: Server::start(&mut command), folder, host, outside, made })
    }

    fn post(&self, body: &str) -> Response {
        let headers = [("x-amz-sns-message-type", "Notification"), ("Content-Type", "text/plain; charset=UTF-8")];
        post(&self.server, "/ingest/sns", &headers, body.to_owned())
    }

    /// One of the messages that are right.
    fn good(&self, number: usize) -> &str {
        self.made["good"][number].as_str().unwrap()
    }

    fn landed(&self) -> String {
        files(&self.folder.path().join("landing")).iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }
}

#[test]
fn messages_that_are_signed_land_as_they_came() {
    let Some(door) = Door::open("") else { return };
    for number in 0..3 {
        let response = door.post(door.good(number));
        assert_eq!(response.status, 200, "{response:?}");
    }
    // One certificate was needed, once; a message that comes again is taken without a word, and does not lie there twice.
    assert_eq!(door.host.take(), ["/SimpleNotificationService-good.pem"]);
    assert_eq!(door.post(door.good(0)).status, 200);
    let mut expected: Vec<String> = (0..3).map(|number| format!("{}\n", door.good(number))).collect();
    let mut landed: Vec<String> =
        files(&door.folder.path().join("landing")).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    expected.sort();
    landed.sort();
    assert_eq!(landed, expected);
    let lake = door.folder.path().join("lake");
    let summary = import(&door.folder.path().join("landing"), &lake);
    assert_eq!(summary["records"], json!({"read": 3, "events": 3, "duplicates": 0, "quarantined": 0, "ignored": 0}));
    assert_eq!(ask(&lake, "rates")[0]["counts"]["send"], 3);
    assert_eq!((door.host.take().len(), door.outside.load(Ordering::Relaxed)), (0, 0));
}

/// Row 23 of the attacks that are known.
#[test]
fn forged_messages_are_refused_and_nothing_is_fetched() {
    let Some(door) = Door::open("") else { return };
    assert_eq!(door.post(door.good(0)).status, 200);
    let landed = door.landed();
    door.host.take();
    let forged = door.made["forged"].as_object().unwrap();
    assert!(forged.len() >= 30, "{}", forged.len());
    for (name, body) in forged {
        let response = door.post(body.as_str().unwrap());
        assert_eq!(response.status, 403, "{name}: {response:?}");
        assert_eq!(door.host.take(), Vec::<String>::new(), "{name}");
    }
    // A message without its envelope is not signed by anybody.
    let raw = post(&door.server, "/ingest/sns", &[("x-amz-sns-rawdelivery", "true")], door.good(1).to_owned());
    assert_eq!(raw.status, 403, "{raw:?}");
    let packed = post(&door.server, "/ingest/sns", &[("Content-Encoding", "gzip")], door.good(1).to_owned());
    assert_eq!(packed.status, 400, "{packed:?}");
    let large = door.post(&" ".repeat((2 << 20) + 1));
    assert_eq!(large.status, 413, "{large:?}");

    assert_eq!((door.landed(), door.outside.load(Ordering::Relaxed)), (landed, 0));
    let told = || door.server.log().matches("a message to /ingest/sns is refused").count();
    poll("a line for each", PATIENCE, || (told() >= forged.len() + 3).then_some(()));
    let log = door.server.log();
    assert_eq!(told(), forged.len() + 3, "{log}");
    for text in ["evil", "user9", "Email Event", "2336412f37fb"] {
        assert!(!log.contains(text), "{text} is in the log: {log}");
    }
    // The door still opens for whoever is right.
    assert_eq!(door.post(door.good(2)).status, 200);
}

#[test]
fn certificates_that_are_not_sns_s_own_prove_nothing() {
    let Some(door) = Door::open_with("", true, |_| ()) else { return };
    assert_eq!(door.post(door.good(0)).status, 200);
    let landed = door.landed();
    door.host.take();
    for (name, body) in door.made["misissued"].as_object().unwrap() {
        let path = format!("/SimpleNotificationService-{name}.pem");
        for attempt in 0..2 {
            let response = door.post(body.as_str().unwrap());
            assert_eq!(response.status, 403, "{name}: {response:?}");
            // Fetched once, and no redirect followed.
            assert_eq!(door.host.take(), if attempt == 0 { vec![path.clone()] } else { Vec::new() }, "{name}");
        }
    }
    assert_eq!((door.landed(), door.outside.load(Ordering::Relaxed)), (landed, 0));
}

/// Without authorities a certificate is judged by itself: who issued it is left to the TLS of the host that it comes from.
#[test]
fn certificates_must_be_valid_also_without_authorities() {
    let Some(door) = Door::open("") else { return };
    let mut told = BTreeMap::new();
    for (name, body) in door.made["misissued"].as_object().unwrap() {
        told.entry(door.post(body.as_str().unwrap()).status).or_insert_with(Vec::new).push(name.as_str());
    }
    told.values_mut().for_each(|names| names.sort_unstable());
    assert_eq!(told[&200], ["selfsigned", "stranger"]);
    let refused = [
        "curve",
        "early",
        "empty",
        "expired",
        "lookalike",
        "missing",
        "moved",
        "other",
        "oversized",
        "rubbish",
        "short",
    ];
    assert_eq!(told[&403], refused);
    assert_eq!((told.len(), door.outside.load(Ordering::Relaxed)), (2, 0));
}

/// Whoever knows the topic's name cannot have certificates fetched as often as they like.
#[test]
fn fetches_are_bounded() {
    let Some(door) = Door::open("") else { return };
    let message: Value = serde_json::from_str(door.good(0)).unwrap();
    let mut told = BTreeMap::new();
    for number in 0..40 {
        let mut message = message.clone();
        let url = format!("https://sns.us-east-1.amazonaws.com/SimpleNotificationService-{number}.pem");
        message["SigningCertURL"] = url.into();
        *told.entry(door.post(&message.to_string()).status).or_insert(0) += 1;
    }
    assert_eq!(door.host.take().len(), 20);
    assert_eq!(told, BTreeMap::from([(403, 20), (503, 20)]));
    // Without the mirror it would have been SNS's own host, and nobody else.
    assert_eq!(door.outside.load(Ordering::Relaxed), 0);
}

/// Row 24: the address in a confirmation is never asked.
#[test]
fn subscriptions_are_confirmed_by_the_operator_or_by_the_api() {
    let Some(door) = Door::open("") else { return };
    let confirmation = door.made["confirmation"].as_str().unwrap().to_owned();
    assert_eq!(door.post(&confirmation).status, 200);
    let told = format!(
        "aws sns confirm-subscription --region us-east-1 --topic-arn {TOPIC} --authenticate-on-unsubscribe true --token 2336412f37fb687f5d51e6e2425f004ae"
    );
    // The log is read in a thread of its own.
    let says = |what: &str| poll(what, PATIENCE, || door.server.log().contains(what).then_some(()));
    says(&told);
    assert_eq!(door.post(door.made["ended"].as_str().unwrap()).status, 200);
    says("has ended");
    assert_eq!(door.landed(), "");
    assert_eq!((door.host.take().len(), door.outside.load(Ordering::Relaxed)), (1, 0));

    let moto = Moto::start(&python().unwrap());
    let made = run_python(&python().unwrap(), "sns.py", [&moto.endpoint, "topic", "us-east-1", "ses-events"]);
    assert_eq!(made, TOPIC);
    let keys = |command: &mut Command| {
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("AWS_ENDPOINT_URL", &moto.endpoint);
    };
    let door = Door::open_with("--sns-confirm", false, keys).unwrap();
    let response = door.post(door.made["confirmation"].as_str().unwrap());
    assert_eq!(response.status, 200, "{response:?} {}", door.server.log());
    poll("the confirmation", PATIENCE, || door.server.log().contains("is confirmed").then_some(()));
    assert_eq!((door.host.take().len(), door.outside.load(Ordering::Relaxed)), (1, 0));
    let forged = door.made["forged"]["confirmation by another key"].as_str().unwrap();
    assert_eq!(door.post(forged).status, 403);
    // When the API cannot be had, SNS is told to come again.
    drop(moto);
    let again = door.post(door.made["confirmation"].as_str().unwrap());
    assert_eq!(again.status, 503, "{again:?}");
}

#[test]
fn sha_1_is_believed_only_if_it_is_allowed() {
    let Some(door) = Door::open("--sns-sha1") else { return };
    assert_eq!(door.post(door.made["sha1"].as_str().unwrap()).status, 200);
    assert_eq!(door.post(door.good(0)).status, 200);
    assert_eq!(door.post(door.made["forged"]["SHA-1 called SHA-256"].as_str().unwrap()).status, 403);
}

//! Nothing that was acknowledged is missing, however often the server is killed while it takes deliveries.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::deliveries::{Door, KEY, body, encoded};
use crate::dump::files;
use crate::program::{PATIENCE, poll, runtime};

/// Deliveries under way at once.
const SENDERS: usize = 8;

/// Records of a delivery.
const RECORDS: usize = 20;

/// A delivery's records: small, each with a number of its own.
fn records(delivery: usize) -> Vec<String> {
    (0..RECORDS).map(|record| format!("{{\"delivery\":{delivery},\"record\":{record}}}")).collect()
}

/// Numbers of the deliveries that lie in the landing area.
fn found(door: &Door) -> BTreeSet<usize> {
    let mut lines: Vec<String> = Vec::new();
    for path in files(&door.path("landing")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with('.') {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with('\n'), "{} is cut", path.display());
        lines.extend(text.lines().map(str::to_owned));
    }
    let lines: BTreeSet<String> = lines.into_iter().collect();
    let number = |line: &String| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["delivery"].as_u64().unwrap() as usize
    };
    let numbers: BTreeSet<usize> = lines.iter().map(number).collect();
    let whole = |number: &usize| records(*number).iter().all(|record| lines.contains(record));
    let whole: BTreeSet<usize> = numbers.iter().copied().filter(whole).collect();
    assert_eq!(whole.len(), numbers.len(), "deliveries are landed whole or not at all");
    whole
}

/// Sends deliveries until it is told to stop, and notes those that were acknowledged.
async fn send(
    (client, url): (reqwest::Client, String),
    next: Arc<AtomicUsize>,
    done: Arc<Mutex<BTreeSet<usize>>>,
    stop: Arc<AtomicBool>,
) {
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let id = format!("id-{number}");
        let request = client.post(format!("{url}/ingest/firehose")).body(body(&id, &encoded(&records(number))));
        let request = request
            .header("X-Amz-Firehose-Protocol-Version", "1.0")
            .header("X-Amz-Firehose-Request-Id", &id)
            .header("X-Amz-Firehose-Access-Key", KEY);
        match request.send().await {
            Ok(response) if response.status() == 200 => {
                done.lock().unwrap().insert(number);
            }
            Ok(response) => panic!("{response:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Some kills in the gate, 1,000 with REPUTE_TEST_LONG.
#[test]
fn no_acknowledged_record_is_missing_after_kills() {
    let kills = if std::env::var_os("REPUTE_TEST_LONG").is_some() { 1_000 } else { 12 };
    let mut door = Door::open("");
    let next = Arc::new(AtomicUsize::new(0));
    let done: Arc<Mutex<BTreeSet<usize>>> = Arc::default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut total = 0;
    for kill in 0..kills {
        let before = done.lock().unwrap().len();
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let to = (client.clone(), door.server.url.clone());
                runtime().spawn(send(to, next.clone(), done.clone(), stop.clone()))
            })
            .collect();
        // Moments spread over what the server does once it is at work.
        poll("an acknowledgement", PATIENCE, || (done.lock().unwrap().len() > before).then_some(()));
        std::thread::sleep(Duration::from_millis((kill as u64 * 37) % 200));
        let Door { folder, server } = door;
        drop(server);
        stop.store(true, Ordering::Relaxed);
        runtime().block_on(async {
            for sender in senders {
                sender.await.unwrap();
            }
        });
        door = Door { server: Door::serve(folder.path()), folder };
        let acknowledged = done.lock().unwrap().clone();
        let landed = found(&door);
        let missing: Vec<_> = acknowledged.difference(&landed).collect();
        assert!(missing.is_empty(), "kill {kill}: acknowledged, and missing: {missing:?}");
        if kill % 50 == 49 {
            // Read and judged: makes room, and keeps each look short.
            total += acknowledged.len();
            done.lock().unwrap().clear();
            for path in files(&door.path("landing")) {
                fs::remove_file(path).unwrap();
            }
        }
    }
    total += done.lock().unwrap().len();
    let sent = next.load(Ordering::Relaxed);
    println!("landing: {kills} kills, {sent} deliveries sent, {total} acknowledged, none of these missing");
}

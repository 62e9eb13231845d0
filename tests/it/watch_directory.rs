//! `serve --watch DIRECTORY`: what is written there is soon to be seen, whole, however much lies beside it.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::{Value, json};

use crate::program::{Response, poll};
use crate::watch::{Case, PATIENCE, PROMISE, await_sends, metric, now, sends, watched};

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

fn log_entries(lake: &Path) -> usize {
    ["events", "objects"].iter().map(|table| fs::read_dir(lake.join(table).join("_delta_log")).unwrap().count()).sum()
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

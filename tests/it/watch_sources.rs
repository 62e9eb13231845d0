//! `serve --watch` of several sources: each brings its events, the same ones count once, and one that fails holds up no other.

use std::fs;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::json;

use crate::deliveries::{KEY, body, deliver, encoded, post};
use crate::program::{Run, Server, poll};
use crate::tools::{python, run_python};
use crate::topics::{Host, TOPIC};
use crate::watch::{
    Case, PATIENCE, PROMISE, await_sends, finding, landed, mail, metric, now, rows, sends, shown, watched,
};

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

//! `serve --watch sqs://QUEUE`: notifications and events come by queues, each once, whatever happens meanwhile; what cannot be used is
//! left to the dead-letter queue. Queues, topics, notifications and rules are moto's.

use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{Server, poll, signal_process};
use crate::tools::python;
use crate::watch::{Case, PATIENCE, await_sends, landed, mail, metric, now, proxy, rows, sends, watched};

/// A queue that two topics publish to, one of which wraps what it is given.
fn queue_with_topics(python: &Path) -> Case {
    let case = Case::with_moto(python);
    case.steps(
        python,
        json!([["queue", "ses", 5], ["topic", "wrapped", "ses", false], ["topic", "bare", "ses", true]]),
    );
    case
}

/// Keys as S3 encodes them, several records in one message, by each way a notification can come.
#[test]
fn notifications_of_s3_bring_objects() {
    let Some(python) = python() else { return };
    let case = queue_with_topics(&python);
    case.steps(&python, json!([["queue", "bridged", 5], ["notify", "ses"], ["rule", "objects", "aws.s3", "bridged"]]));
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
        [json!([null, "wrapped"]), json!([null, "bare"]), json!([null, null, true])].iter().enumerate()
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
    case.await_empty(&python, &["ses", "bridged", "ses-dead"]);
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
    case.await_empty(&python, &["ses", "ses-dead"]);
    // The test message and the object's.
    assert_eq!(watched(&server, "sqs://ses")["messages"], json!({"received": 2, "deleted": 2, "refused": 0}));
}

/// A server that hands S3's requests on, those for an object's bytes after a while.
fn slow_proxy(upstream: &str, delay: Duration) -> String {
    proxy(upstream, move |parts| if parts.method == "GET" { delay } else { Duration::ZERO })
}

#[test]
fn events_of_ses_come_by_queues() {
    let Some(python) = python() else { return };
    let case = queue_with_topics(&python);
    case.steps(&python, json!([["rule", "mail", "aws.ses", "ses"]]));
    let server = case.serve(&["sqs://ses"]);
    let of = |step: &[&str], numbers: Range<usize>| {
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
    case.await_empty(&python, &["ses", "ses-dead"]);
    assert_eq!(rows(&python, &case.lake()).len(), 60);
    poll("the landing area to be empty", PATIENCE, || landed(&case.lake()).is_empty().then_some(()));
    let objects = server.get("/api/v1/objects?name=landing").json();
    assert_eq!(
        (&objects["sums"]["records"]["read"], &objects["sums"]["records"]["duplicates"]),
        (&json!(75), &json!(15))
    );
    assert_eq!(objects["sums"]["records"]["quarantined"], 0, "{objects}");
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
    case.await_empty(&python, &["ses"]);
    let found = rows(&python, &case.lake());
    let ids: std::collections::BTreeSet<_> = found.iter().map(|row| row["message_id"].to_string()).collect();
    assert_eq!((found.len(), ids.len()), (kills * 40, kills * 40));
    assert_eq!(server.get("/api/v1/quarantine").json()["total"], 0);
}

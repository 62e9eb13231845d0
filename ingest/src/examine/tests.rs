//! Objects written by hand, and what is said of them.

use std::fmt::Debug;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use repute_lake::ObjectKey;

use super::*;
use crate::source::{Content, Input};

#[derive(Debug)]
struct Bytes(Vec<u8>);

impl Content for Bytes {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(io::Cursor::new(self.0.clone())))
    }
}

fn event(kind: &str, key: &str, id: u32) -> String {
    let own = match kind {
        "Bounce" => {
            r#"{"timestamp":"2026-10-05T12:00:05Z","bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"A@b.example"}]}"#
        }
        _ => "{}",
    };
    format!(
        r#"{{"{key}":"{kind}","mail":{{"timestamp":"2026-10-05T12:00:00Z","messageId":"m{id}","sendingAccountId":"111122223333","destination":["a@b.example"]SET}},"{}":{own}}}"#,
        kind.to_lowercase()
    )
}

fn of_set(text: &str) -> String {
    text.replace("SET", r#","tags":{"ses:configuration-set":["news"],"campaign":["spring"]}"#)
}

fn of_none(text: &str) -> String {
    text.replace("SET", "")
}

fn look(bytes: impl Into<Vec<u8>>, bounds: &Bounds, events: &mut ExaminedEvents) -> Examined {
    let bytes = bytes.into();
    let key = ObjectKey { name: "x".into(), etag: "1".into() };
    let object = SourceObject::new(key, bytes.len() as u64, std::sync::Arc::new(Bytes(bytes)));
    let odd = OddTimes { late: TimeDelta::days(3), before: TimeDelta::minutes(5) };
    examine(&object, &Limits::default(), bounds, odd, events).unwrap()
}

fn examined(bytes: impl Into<Vec<u8>>) -> Examined {
    look(bytes, &Bounds::default(), &mut ExaminedEvents::default())
}

#[test]
fn framing_is_told() {
    let one = of_set(&event("Send", "eventType", 1));
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&one).unwrap()).unwrap();
    for (bytes, framing) in [
        (format!("{one}\n{one}\n"), "lines"),
        (format!("{one}\r\n\r\n{one}"), "lines"),
        (format!("\u{feff}{one}\n{one}"), "lines"),
        (format!("{one}{one}{one}"), "concatenated"),
        (format!("{one}{one}\n{one}"), "mixed"),
        (format!("[{one},{one}]"), "array"),
        (format!("[\n{one},\n{one}]"), "array"),
        (format!("{pretty}\n{pretty}"), "pretty"),
        ("\n\n".to_owned(), ""),
    ] {
        assert_eq!(examined(bytes.clone()).framing, framing, "{bytes}");
    }
}

#[test]
fn compression_and_damage_are_told() {
    let one = of_set(&event("Send", "eventType", 1));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(format!("{one}\n").repeat(50).as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let found = examined(gzip.clone());
    assert_eq!((found.compression, found.records, found.events, found.is_cut), ("gzip", 50, 50, false));
    assert_eq!(found.decoded, (one.len() as u64 + 1) * 50);
    let cut = examined(&gzip[..gzip.len() - 12]);
    assert_eq!(cut.bad.keys().collect::<Vec<_>>(), [&"truncated_gzip"]);
    let packed = examined(&b"BZh91AY&SY and so on"[..]);
    assert_eq!((packed.compression, packed.bad.keys().next()), ("bzip2", Some(&"unsupported_compression")));
    let bad = examined(format!("{one}\n{{\"a\":\nnonsense\n{one}"));
    assert_eq!((bad.records, bad.events), (3, 2));
    assert_eq!(bad.bad.values().map(|(number, _)| number).sum::<u64>(), 1);
}

#[test]
fn only_the_beginning_of_a_long_object_is_read() {
    let one = of_set(&event("Send", "eventType", 1));
    let long = format!("{one}\n").repeat(5_000);
    let bounds = Bounds { bytes: 300 << 10, ..Bounds::default() };
    let found = look(long.clone(), &bounds, &mut ExaminedEvents::default());
    assert!(found.is_cut && found.bad.is_empty(), "{found:?}");
    assert!((500..2_000).contains(&found.records), "{}", found.records);
    let bounds = Bounds { records: 100, ..Bounds::default() };
    let found = look(long, &bounds, &mut ExaminedEvents::default());
    assert!(found.is_cut && found.records < 5_000 && found.bad.is_empty(), "{found:?}");
}

#[test]
fn envelopes_are_named_from_the_inside_out() {
    let inner = of_none(&event("Bounce", "notificationType", 1));
    let sns = serde_json::json!({"Type": "Notification", "MessageId": "x", "Message": inner}).to_string();
    let sqs = serde_json::json!({"Records": [{"body": sns}]}).to_string();
    let detail: serde_json::Value = serde_json::from_str(&of_set(&event("Send", "eventType", 1))).unwrap();
    let bridge = serde_json::json!({"source": "aws.ses", "detail-type": "Email Sent", "detail": detail}).to_string();
    let raw = STANDARD.encode(of_set(&event("Send", "eventType", 2)));
    let error = serde_json::json!({"errorCode": "x", "rawData": raw}).to_string();
    for (record, envelope) in [
        (inner, "notification"),
        (sns, "notification in sns"),
        (sqs, "notification in sns in sqs in lambda records"),
        (bridge, "event in eventbridge"),
        (error, "event in firehose error output"),
        ("{\"x\":1}".to_owned(), "other"),
    ] {
        let found = examined(record.clone());
        assert_eq!(found.envelopes, BTreeMap::from([(envelope.to_owned(), 1)]), "{record}");
    }
}

#[test]
fn the_same_bounce_by_both_routes_is_seen() {
    let mut events = ExaminedEvents::default();
    let published = of_set(&event("Bounce", "eventType", 1));
    let notified = of_none(&event("Bounce", "notificationType", 1));
    let other = of_none(&event("Bounce", "notificationType", 2));
    look(format!("{published}\n{other}"), &Bounds::default(), &mut events);
    assert_eq!(events.twice(), (2, 0));
    look(notified, &Bounds::default(), &mut events);
    assert_eq!(events.twice(), (3, 2));
    assert_eq!(events.without_set, BTreeMap::from([(EventType::Bounce, 2)]));
    assert_eq!((events.tagged, &events.sets), ((1, 1), &BTreeSet::from(["news".to_owned()])));
    assert_eq!(events.delays, (3, 0, 0));
}

#[test]
fn the_sample_holds_the_newest_and_some_of_the_rest() {
    let bounds = Bounds { newest: 2, spread: 3, ..Bounds::default() };
    assert_eq!(sample(0, &bounds), Vec::<usize>::new());
    assert_eq!(sample(1, &bounds), [0]);
    assert_eq!(sample(4, &bounds), [0, 1, 2, 3]);
    assert_eq!(sample(100, &bounds), [0, 32, 65, 98, 99]);
}

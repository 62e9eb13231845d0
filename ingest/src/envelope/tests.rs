//! Every wrapper, opened; expected verdicts by hand.
#![allow(clippy::unwrap_used)]

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::{Limits, Verdict, read_object};

fn send(id: &str) -> String {
    json!({"eventType": "Send", "mail": {"timestamp": "2024-03-25T23:01:53.733Z", "messageId": id, "destination": ["a@b.example"]}})
        .to_string()
}

fn verdicts_within(json: &str, limits: &Limits) -> Vec<String> {
    let mut all = Vec::new();
    read_object(json.as_bytes(), limits, &mut |place, raw, verdict| {
        assert_eq!(&json.as_bytes()[place.offset as usize..][..raw.len()], raw);
        all.push(match verdict {
            Verdict::Event(event) => event.message_id.unwrap().into_owned(),
            Verdict::Ignored(class) => format!("ignored {}", class.as_str()),
            Verdict::Rejected(reject) => reject.class.as_str().to_owned(),
        });
    })
    .unwrap();
    all
}

fn verdicts(json: &Value) -> Vec<String> {
    verdicts_within(&json.to_string(), &Limits::default())
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn gzip_base64(text: &str) -> String {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    BASE64_STANDARD.encode(encoder.finish().unwrap())
}

fn sns(message: impl Into<Value>) -> Value {
    json!({"Type": "Notification", "MessageId": "e", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Subject": null, "Message": message.into()})
}

#[test]
fn sns_envelopes() {
    assert_eq!(verdicts(&sns(send("m1") + "\n")), ["m1"]);
    assert_eq!(verdicts(&sns(serde_json::from_str::<Value>(&send("m1")).unwrap())), ["m1"]);
    assert_eq!(
        verdicts(&json!({"Records": [{"EventSource": "aws:sns", "Sns": sns(send("m1"))}, {"Sns": sns(send("m2"))}]})),
        ["m1", "m2"]
    );
    assert_eq!(
        verdicts(&sns("Successfully validated SNS topic for Amazon SES event publishing.")),
        ["ignored test_message"]
    );
    assert_eq!(
        verdicts(&sns(r#"{"notificationType":"AmazonSnsSubscriptionSucceeded","message":"You"}"#)),
        ["ignored test_message"]
    );
    assert_eq!(
        verdicts(&json!({"Type": "SubscriptionConfirmation", "Message": "You"})),
        ["ignored subscription_confirmation"]
    );
    assert_eq!(
        verdicts(&json!({"Type": "UnsubscribeConfirmation", "Message": "You"})),
        ["ignored unsubscribe_confirmation"]
    );
    assert_eq!(verdicts(&sns("Hello\nworld")), ["not_ses"]);
    assert_eq!(verdicts(&sns(&send("m1")[..50])), ["truncated_json"]);
    assert_eq!(verdicts(&sns("")), ["ignored empty"]);
    assert_eq!(
        verdicts_within("Successfully validated SNS topic for Amazon SES event publishing.\n{}", &Limits::default()),
        ["ignored test_message", "not_ses"]
    );
}

#[test]
fn sqs_bodies() {
    let records = json!({"Records": [{"body": send("m1")}, {"body": sns(send("m2")).to_string()}, {"body": "hello"}, {"s3": {}}]});
    assert_eq!(verdicts(&records), ["m1", "m2", "not_ses", "not_ses"]);
    assert_eq!(verdicts(&json!({"MessageId": "1", "Body": sns(send("m1")).to_string()})), ["m1"]);
    assert_eq!(verdicts(&json!({"Records": []})), ["ignored empty"]);
    assert_eq!(verdicts(&json!({"Records": "x"})), ["not_ses"]);
    assert_eq!(verdicts(&json!({"Records": {}})), ["wrong_type"]);
    assert_eq!(
        verdicts(&json!({"Records": [{"eventSource": "aws:ses", "ses": {"mail": {}}}]})),
        ["ignored inbound_mail"]
    );
}

#[test]
fn event_bridge_within_other_wrappers() {
    let event = |id: &str| {
        let detail: Value = serde_json::from_str(&send(id)).unwrap();
        json!({"version": "0", "id": "i", "detail-type": "Email Sent", "source": "aws.ses", "account": "1", "resources": [], "detail": detail})
            .to_string()
    };
    for wrapped in [
        sns(event("m1")),
        json!({"MessageId": "m", "ReceiptHandle": "r", "Body": event("m1")}),
        json!({"Records": [{"eventSource": "aws:sqs", "body": event("m1")}]}),
        json!({"Records": [{"eventSource": "aws:sqs", "body": sns(event("m1")).to_string()}]}),
        json!({"requestId": "r", "timestamp": 1, "records": [{"data": base64(&event("m1"))}]}),
        json!({"rawData": base64(&event("m1")), "errorCode": "e"}),
    ] {
        assert_eq!(verdicts(&wrapped), ["m1"], "{wrapped}");
    }
    // A rule that writes to Firehose puts nothing between two events.
    assert_eq!(verdicts_within(&(event("m1") + &event("m2")), &Limits::default()), ["m1", "m2"]);
}

#[test]
fn event_bridge() {
    let event = |kind: &str, detail: Value| {
        verdicts(&json!({"version": "0", "source": "aws.ses", "detail-type": kind, "resources": [], "detail": detail}))
    };
    assert_eq!(event("Email Sent", serde_json::from_str(&send("m1")).unwrap()), ["m1"]);
    assert_eq!(event("Advisor Recommendation Status Open", json!({"version": "1.0.0"})), ["ignored account_status"]);
    assert_eq!(event("Sending Status Disabled", json!({})), ["ignored account_status"]);
    assert_eq!(event("Email Juggled", json!({})), ["not_ses"]);
    assert_eq!(event("Email Sent", json!("x")), ["wrong_type"]);
}

#[test]
fn firehose_records() {
    let error = |data: &str| verdicts(&json!({"attemptsMade": 4, "errorCode": "x", "rawData": data}));
    assert_eq!(error(&base64(&(send("m1") + "\n"))), ["m1"]);
    assert_eq!(error(base64(&send("m1")).trim_end_matches('=')), ["m1"]);
    assert_eq!(
        error(&base64(&(send("m1") + "\n" + &send("m2")[..9] + "\n" + &send("m3")))),
        ["m1", "truncated_json", "m3"]
    );
    assert_eq!(error("(base64)"), ["bad_base64"]);
    assert_eq!(error(&base64("2 2516 eni REJECT OK\n")), ["not_ses"]);
    assert_eq!(
        verdicts(&json!({"ErrorCode": "x", "sequenceNumber": 7, "rawData": base64(&sns(send("m1")).to_string())})),
        ["m1"]
    );
    let request = json!({"requestId": "r", "timestamp": 1, "records": [
        {"data": base64(&send("m1"))}, {"data": ""}, {"data": "*"}, {}, {"data": gzip_base64(&send("m2"))}]});
    assert_eq!(verdicts(&request), ["m1", "ignored empty", "bad_base64", "missing_field", "m2"]);
    let bytes =
        BASE64_STANDARD.encode([send("m1").as_bytes(), b"\n{\"a\":\"\xff\"}\n", send("m2").as_bytes()].concat());
    assert_eq!(
        verdicts(&json!({"records": [{"data": bytes}, {"data": BASE64_STANDARD.encode(b"\xff\xfe")}]})),
        ["m1", "invalid_utf8", "m2", "invalid_utf8"]
    );
}

#[test]
fn cloud_watch_logs() {
    let logs = json!({"messageType": "DATA_MESSAGE", "owner": "1", "logEvents": [
        {"id": "1", "timestamp": 1, "message": send("m1")},
        {"id": "2", "timestamp": 1, "message": format!("2024-03-25 {{INFO}} {}", send("m2"))},
        {"id": "3", "timestamp": 1, "message": format!("2024-03-25 INFO {} took 3 ms\n", send("m3"))},
        {"id": "4", "timestamp": 1, "message": "START RequestId"},
        {"id": "5", "timestamp": 1, "message": ""}]});
    let expected = ["m1", "not_ses", "m3", "not_ses", "ignored empty"];
    assert_eq!(verdicts(&logs), expected);
    assert_eq!(verdicts(&json!({"records": [{"data": gzip_base64(&logs.to_string())}]})), expected);
    assert_eq!(verdicts(&json!({"awslogs": {"data": gzip_base64(&logs.to_string())}})), expected);
    assert_eq!(
        verdicts(&json!({"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "CWL"}]})),
        ["ignored control_message"]
    );
}

#[test]
fn strangers() {
    assert_eq!(verdicts(&json!({"event_type": "_email.send", "event_timestamp": 1})), ["ignored pinpoint"]);
    assert_eq!(verdicts(&json!({"a": 1})), ["not_ses"]);
    assert_eq!(verdicts(&json!({"Message": "x", "a": {"Message": "y"}})), ["not_ses"]);
    assert_eq!(verdicts_within("null\n12\n\"x\"\n", &Limits::default()), ["not_ses", "not_ses", "not_ses"]);
    assert_eq!(verdicts_within(r#"{"Message":"x","Message":"y"}"#, &Limits::default()), ["duplicate_key"]);
}

#[test]
fn wrapping_is_bounded() {
    let wrapped = |times: usize| (0..times).fold(send("m1"), |inner, _| json!({ "Message": inner }).to_string());
    assert_eq!(verdicts_within(&wrapped(8), &Limits::default()), ["m1"]);
    assert_eq!(verdicts_within(&wrapped(9), &Limits::default()), ["too_deep"]);
    let limits = Limits { max_unwrapped: 500, ..Limits::default() };
    let records: Vec<_> = (0..5).map(|n| json!({"data": base64(&send(&format!("m{n}")))})).collect();
    assert_eq!(
        verdicts_within(&json!({ "records": records }).to_string(), &limits),
        ["m0", "m1", "m2", "m3", "too_large"]
    );
    let bomb = gzip_base64(&"x".repeat(200 << 20));
    assert_eq!(verdicts(&json!({"records": [{"data": bomb}]}))[0], "too_large");
}

//! The samples' catalogue is complete and its arithmetic holds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 3] = ["events", "envelopes", "trouble"];
const IGNORED: [&str; 9] = [
    "subscription_confirmation",
    "unsubscribe_confirmation",
    "test_message",
    "inbound_mail",
    "sms",
    "pinpoint",
    "account_status",
    "control_message",
    "empty",
];
const QUARANTINED: [&str; 12] = [
    "truncated_json",
    "invalid_json",
    "invalid_utf8",
    "too_deep",
    "bad_time",
    "missing_field",
    "wrong_type",
    "unknown_event_type",
    "not_ses",
    "truncated_gzip",
    "corrupt_gzip",
    "bad_base64",
];

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

fn verdicts() -> Vec<Vec<String>> {
    let text = fs::read_to_string(samples().join("verdicts.tsv")).unwrap();
    let split = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(text.lines().next(), Some("file\trecords\tevents\trows\tignored\tquarantined\tclasses\tnote"));
    text.lines().skip(1).map(split).collect()
}

#[test]
fn every_file_has_a_verdict() {
    let listed: Vec<_> = verdicts().into_iter().map(|verdict| verdict[0].clone()).collect();
    let mut present = BTreeSet::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(samples().join(folder)).unwrap() {
            present.insert(format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), present);
    assert_eq!(listed.len(), present.len());
}

#[test]
fn verdicts_add_up_and_cover_every_class() {
    let mut seen = BTreeSet::new();
    for verdict in verdicts() {
        assert_eq!(verdict.len(), 8, "{verdict:?}");
        let [records, events, rows, ignored, quarantined] =
            [1, 2, 3, 4, 5].map(|column| verdict[column].parse::<u64>().unwrap());
        let duplicates = records.checked_sub(events + ignored + quarantined).expect("more parts than records");
        assert_eq!(duplicates > 0, verdict[0].contains("duplicate") || verdict[7].contains("duplicate"), "{verdict:?}");
        assert!(rows >= events);
        let (mut passed_over, mut kept_apart) = (0, 0);
        for class in verdict[6].split(' ').filter(|class| *class != "-") {
            let (name, count) = class.split_once('=').unwrap();
            let sum = if IGNORED.contains(&name) { &mut passed_over } else { &mut kept_apart };
            *sum += count.parse::<u64>().unwrap();
            seen.insert(name.to_owned());
        }
        assert_eq!((passed_over, kept_apart), (ignored, quarantined), "{verdict:?}");
    }
    let all = IGNORED.into_iter().chain(QUARANTINED).map(str::to_owned);
    assert_eq!(seen, all.collect());
}

#[test]
fn events_are_lines_of_sound_json() {
    for verdict in verdicts().into_iter().filter(|verdict| verdict[0].starts_with("events/")) {
        let text = fs::read_to_string(samples().join(&verdict[0])).unwrap();
        for line in text.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(event["eventType"].is_string() || event["notificationType"].is_string(), "{line}");
            assert!(event["mail"]["messageId"].is_string(), "{line}");
        }
        assert_eq!(text.lines().count().to_string(), verdict[1], "{verdict:?}");
    }
}

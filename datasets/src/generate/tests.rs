use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::{fs, io};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::*;
use crate::plan::Framing;
use crate::truth::Clock;

struct Written {
    folder: tempfile::TempDir,
    truth: Truth,
}

fn write(plan: &Plan) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let truth = generate(plan, folder.path(), &mut |_| {}).unwrap();
    Written { folder, truth }
}

/// All files, `truth.json` included, by name and contents.
fn fingerprint(folder: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in recount::objects(folder).into_iter().chain([folder.join("truth.json")]) {
        path.strip_prefix(folder).unwrap().hash(&mut hasher);
        fs::read(&path).unwrap().hash(&mut hasher);
    }
    hasher.finish()
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    for gzip in [false, true] {
        let plan = Plan { gzip, ..Plan::new(3_000, 5) };
        let first = fingerprint(write(&plan).folder.path());
        assert_eq!(first, fingerprint(write(&plan).folder.path()));
        assert_ne!(first, fingerprint(write(&Plan { seed: 6, ..plan }).folder.path()));
    }
}

#[test]
fn framing_and_compression_change_no_event() {
    let plan = Plan::new(5_000, 11);
    let plain = write(&plan);
    let joined = write(&Plan { framing: Framing::Concatenated, gzip: true, ..plan });
    assert_eq!(plain.truth.cells, joined.truth.cells);
    assert_eq!(plain.truth.reputation, joined.truth.reputation);
    assert_eq!(plain.truth.records, joined.truth.records);
    let mut text = String::new();
    let mut records = 0;
    for path in recount::objects(joined.folder.path()) {
        let mut decoder = flate2::read::MultiGzDecoder::new(fs::File::open(&path).unwrap());
        text.clear();
        io::Read::read_to_string(&mut decoder, &mut text).unwrap();
        assert!(text.starts_with("{\"eventType\"") && text.ends_with("}}") && !text.contains('\n'), "{path:?}");
        records += serde_json::Deserializer::from_str(&text).into_iter::<Value>().map(Result::unwrap).count() as u64;
    }
    assert_eq!(records, joined.truth.records);
}

#[test]
fn every_cell_is_what_a_slow_reader_counts() {
    let Written { folder, truth } = write(&Plan::new(20_000, 3));
    let dump = recount::read(folder.path(), &truth.verified_domains);
    assert_eq!((dump.records, dump.events), (truth.records, truth.events));
    assert_eq!(dump.events, 20_000);
    assert_eq!(dump.rows.len() as u64, truth.rows);
    let expected = recount::cells(&dump.rows);
    let mut found = BTreeMap::new();
    for cell in &truth.cells {
        let cell = serde_json::to_value(cell).unwrap();
        let name = json!([cell["clock"], cell["window"], cell["window_start"], cell["window_end"], cell["group"]]);
        let figures = json!({"counts": cell["counts"], "aws": cell["aws"], "plain": cell["plain"]});
        assert!(found.insert(name.to_string(), figures).is_none(), "{name} twice");
    }
    assert_eq!(found.len(), expected.len());
    for (name, figures) in &expected {
        assert_eq!(found.get(name), Some(figures), "{name}");
    }
    let all: Vec<_> = dump.rows.iter().collect();
    assert_eq!(serde_json::to_value(truth.totals).unwrap(), recount::figures(&all)["counts"]);
    let read: Truth = serde_json::from_slice(&fs::read(folder.path().join("truth.json")).unwrap()).unwrap();
    assert_eq!((read.totals, read.cells.len()), (truth.totals, truth.cells.len()));
}

#[test]
fn reputation_is_what_a_slow_reader_counts() {
    // Enough for the account to drop old mail, while each set has less than the last 10,000.
    let Written { folder, truth } = write(&Plan::new(45_000, 4));
    let dump = recount::read(folder.path(), &truth.verified_domains);
    assert_eq!(truth.reputation.len(), 7);
    for standing in &truth.reputation {
        let set = standing.group.get("configuration_set").and_then(Option::as_deref);
        let (from, rows) = recount::last(&dump.rows, set, standing.last);
        assert_eq!(standing.from.as_ref().map(|from| from.parse::<DateTime<Utc>>().unwrap()), from, "{set:?}");
        assert_eq!(serde_json::to_value(standing.aws).unwrap(), recount::figures(&rows)["aws"], "{set:?}");
        let excluded = standing.excluded;
        let number = |test: &dyn Fn(&recount::Row) -> bool| rows.iter().filter(|row| test(row)).count() as u64;
        assert_eq!(excluded.sends.simulator, number(&|row| row.kind == "send" && row.class == "simulator"));
        assert_eq!(excluded.sends.verified_domain, number(&|row| row.kind == "send" && row.class == "verified_domain"));
        assert_eq!(excluded.bounces.soft, number(&|row| row.bounce.0 == "Transient"));
        assert_eq!(excluded.complaints.not_spam, number(&|row| row.complaint.0 == "not-spam"));
        let sends = excluded.sends;
        let parts = standing.aws.complaint_eligible_sends
            + sends.no_feedback_loop
            + sends.simulator
            + sends.verified_domain
            + sends.account_suppression
            + sends.tenant_suppression
            + sends.email_validation
            + sends.unsubscribed;
        assert_eq!(parts, number(&|row| row.kind == "send"));
        let bounces = excluded.bounces;
        let parts = standing.aws.counted_bounces
            + bounces.soft
            + bounces.undetermined
            + bounces.simulator
            + bounces.verified_domain
            + bounces.account_suppression
            + bounces.tenant_suppression
            + bounces.email_validation
            + bounces.unsubscribed;
        assert_eq!(parts, number(&|row| row.kind == "bounce"));
    }
}

#[test]
fn the_incident_crosses_five_per_cent_and_nothing_else_does() {
    for events in [60_000, 100_000] {
        for seed in [1, 2] {
            let truth = write(&Plan::new(events, seed)).truth;
            let account = &truth.reputation[0];
            assert_eq!(account.aws.eligible_sends, 10_000);
            let rate = account.aws.bounce_rate.unwrap();
            assert!(rate > 0.05, "{events} events, seed {seed}: {rate}");
            let incident = truth.incident.as_ref().unwrap();
            let (mut within, mut without) = ((0, 0), (0, 0));
            for cell in truth.cells.iter().filter(|cell| cell.clock == Clock::Sent) {
                if cell.group.get("configuration_set") == Some(&Some("marketing".to_owned())) {
                    let hit = (&incident.from..&incident.to).contains(&&cell.window_start);
                    let sum = if hit { &mut within } else { &mut without };
                    sum.0 += cell.aws.counted_bounces;
                    sum.1 += cell.aws.eligible_sends;
                }
            }
            let share = |sum: (u64, u64)| sum.0 as f64 / sum.1 as f64;
            assert!((0.12..0.16).contains(&share(within)), "{within:?}");
            let quiet = write(&Plan { incident: false, ..Plan::new(events, seed) }).truth;
            assert!(quiet.reputation[0].aws.bounce_rate.unwrap() < 0.02);
        }
    }
}

#[test]
fn a_healthy_sender_stays_within_its_baselines() {
    let truth = write(&Plan { incident: false, ..Plan::new(200_000, 8) }).truth;
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for cell in truth.cells.iter().filter(|cell| cell.clock == Clock::Sent) {
        if let Some(Some(set)) = cell.group.get("configuration_set") {
            let sum = sums.entry(set.clone()).or_default();
            sum.0 += cell.aws.counted_bounces;
            sum.1 += cell.aws.eligible_sends;
        }
    }
    assert_eq!(sums.len(), 6);
    for (set, (bounces, sends)) in sums {
        let rate = bounces as f64 / sends as f64;
        assert!((0.0035..0.0145).contains(&rate), "{set}: {rate}");
    }
}

#[test]
fn records_are_life_sized_and_few_come_twice() {
    let truth = write(&Plan::new(100_000, 9)).truth;
    let size = (truth.decoded_bytes - truth.records) as f64 / truth.records as f64;
    assert!((2_000.0..2_400.0).contains(&size), "{size}");
    let share = truth.duplicates as f64 / truth.events as f64;
    assert!((0.0025..0.0035).contains(&share), "{share}");
}

#[test]
fn a_small_dump_holds_every_kind_of_event() {
    let Written { folder, truth } = write(&Plan::new(4_000, 2));
    let dump = recount::read(folder.path(), &truth.verified_domains);
    let kinds: BTreeSet<_> = dump.rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds.len(), 10, "{kinds:?}");
    let bounces: BTreeSet<_> =
        dump.rows.iter().map(|row| row.bounce.1.as_str()).filter(|name| !name.is_empty()).collect();
    let expected = [
        "AttachmentRejected",
        "ContentRejected",
        "CustomTimeoutExceeded",
        "EmailValidationSuppressed",
        "General",
        "MailboxFull",
        "MessageTooLarge",
        "NoEmail",
        "OnAccountSuppressionList",
        "OnTenantSuppressionList",
        "Suppressed",
        "Undetermined",
        "UnsubscribedRecipient",
    ];
    assert_eq!(bounces, expected.into());
    let complaints: BTreeSet<_> = dump.rows.iter().map(|row| row.complaint.1.as_str()).collect();
    assert!(complaints.contains("OnAccountSuppressionList") && complaints.contains("OnTenantSuppressionList"));
    assert!(dump.rows.iter().any(|row| row.complaint.0 == "not-spam"));
}

#[test]
fn events_stay_inside_the_plan_whatever_its_size() {
    let end = "2025-03-30T12:34:56Z".parse().unwrap();
    for (events, days) in [(1, 1), (10, 1), (500, 2), (700, 40)] {
        let plan = Plan { days, end, ..Plan::new(events, 1) };
        let truth = write(&plan).truth;
        assert_eq!(truth.events, events);
        assert!(truth.first_event.parse::<DateTime<Utc>>().unwrap() >= end - TimeDelta::days(i64::from(days)));
        assert!(truth.last_event.parse::<DateTime<Utc>>().unwrap() < end);
    }
}

#[test]
fn a_used_folder_and_an_impossible_plan_are_refused() {
    let Written { folder, .. } = write(&Plan::new(1, 1));
    let again = generate(&Plan::new(1, 1), folder.path(), &mut |_| {});
    assert!(matches!(again, Err(GenerateError::NotEmpty { path }) if path == folder.path()));
    for plan in [
        Plan::new(0, 1),
        Plan { days: 0, ..Plan::new(1, 1) },
        Plan { end: DateTime::<Utc>::MIN_UTC, ..Plan::new(1, 1) },
        Plan { end: DateTime::<Utc>::MAX_UTC, ..Plan::new(1, 1) },
    ] {
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(generate(&plan, empty.path(), &mut |_| {}), Err(GenerateError::Plan { .. })));
    }
}

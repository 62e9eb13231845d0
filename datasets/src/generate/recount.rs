//! The truth once more, slowly and from nothing but the written files: what the generator's own bookkeeping is tested
//! against. Shares no code with it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Duration, DurationRound, TimeDelta, Utc};
use serde_json::{Value, json};

pub(super) struct Row {
    event: DateTime<Utc>,
    sent: DateTime<Utc>,
    pub(super) kind: &'static str,
    pub(super) bounce: (String, String),
    pub(super) complaint: (String, String),
    pub(super) class: &'static str,
    set: String,
    campaign: Option<String>,
    domain: Option<String>,
}

pub(super) struct Dump {
    pub(super) records: u64,
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) rows: Vec<Row>,
}

pub(super) fn objects(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(objects(&path));
        } else if path.file_name().unwrap() != "truth.json" {
            found.insert(path);
        }
    }
    found
}

pub(super) fn read(folder: &Path, verified: &[String]) -> Dump {
    let mut dump = Dump { records: 0, events: 0, bytes: 0, rows: Vec::new() };
    let mut seen = HashSet::new();
    for path in objects(folder) {
        for line in fs::read_to_string(path).unwrap().lines() {
            dump.records += 1;
            dump.bytes += line.len() as u64;
            if seen.insert(line.to_owned()) {
                dump.events += 1;
                dump.rows.extend(rows(&serde_json::from_str(line).unwrap(), verified));
            }
        }
    }
    dump
}

fn rows(event: &Value, verified: &[String]) -> Vec<Row> {
    let mail = &event["mail"];
    let (kind, object, list) = match event["eventType"].as_str().unwrap() {
        "Send" => ("send", "send", &mail["destination"]),
        "Reject" => ("reject", "reject", &mail["destination"]),
        "Rendering Failure" => ("rendering_failure", "failure", &mail["destination"]),
        "Delivery" => ("delivery", "delivery", &event["delivery"]["recipients"]),
        "Bounce" => ("bounce", "bounce", &event["bounce"]["bouncedRecipients"]),
        "Complaint" => ("complaint", "complaint", &event["complaint"]["complainedRecipients"]),
        "DeliveryDelay" => ("delivery_delay", "deliveryDelay", &event["deliveryDelay"]["delayedRecipients"]),
        "Open" => ("open", "open", &Value::Null),
        "Click" => ("click", "click", &Value::Null),
        "Subscription" => ("subscription", "subscription", &Value::Null),
        other => panic!("unknown event type {other}"),
    };
    assert!(event[object].is_object(), "{event}");
    let addresses: Vec<Option<&str>> = match list.as_array() {
        Some(list) => list.iter().map(|entry| entry.as_str().or(entry["emailAddress"].as_str())).collect(),
        None if mail["destination"].as_array().unwrap().len() == 1 => vec![mail["destination"][0].as_str()],
        None => vec![None],
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sent = time(&mail["timestamp"]);
    let own = &event[object]["timestamp"];
    let row = |address: Option<&str>| {
        let domain = address.map(|address| address.rsplit_once('@').unwrap().1.to_owned());
        Row {
            event: if own.is_null() { sent } else { time(own) },
            sent,
            kind,
            bounce: (text(&event["bounce"]["bounceType"]), text(&event["bounce"]["bounceSubType"])),
            complaint: (
                text(&event["complaint"]["complaintFeedbackType"]),
                text(&event["complaint"]["complaintSubType"]),
            ),
            class: match domain.as_deref() {
                Some("simulator.amazonses.com") => "simulator",
                Some(name) if verified.iter().any(|domain| domain == name) => "verified_domain",
                Some("gmail.com" | "googlemail.com") => "no_feedback_loop",
                _ => "ordinary",
            },
            set: text(&mail["tags"]["ses:configuration-set"][0]),
            campaign: mail["tags"]["campaign"][0].as_str().map(str::to_owned),
            domain,
        }
    };
    addresses.into_iter().map(row).collect()
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

const SUPPRESSED: [&str; 4] =
    ["OnAccountSuppressionList", "OnTenantSuppressionList", "EmailValidationSuppressed", "UnsubscribedRecipient"];

/// The `counts`, `aws` and `plain` of some rows.
pub(super) fn figures(rows: &[&Row]) -> Value {
    let number = |test: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| test(row)).count() as u64;
    let kind = |name: &str| number(&|row| row.kind == name);
    let bounce = |name: &str| number(&|row| row.kind == "bounce" && row.bounce.0 == name);
    let (hard, soft) = (bounce("Permanent"), bounce("Transient"));
    let counts = json!({
        "send": kind("send"), "delivery": kind("delivery"), "hard_bounce": hard, "soft_bounce": soft,
        "undetermined_bounce": kind("bounce") - hard - soft, "complaint": kind("complaint"),
        "reject": kind("reject"), "delivery_delay": kind("delivery_delay"), "open": kind("open"),
        "click": kind("click"), "rendering_failure": kind("rendering_failure"), "subscription": kind("subscription"),
    });
    let eligible = |classes: &[&str]| {
        let sends = number(&|row| row.kind == "send" && classes.contains(&row.class));
        sends.saturating_sub(number(&|row| is_suppressed(row) && classes.contains(&row.class)))
    };
    let both = ["ordinary", "no_feedback_loop"];
    let (eligible_sends, complaint_eligible_sends) = (eligible(&both), eligible(&both[..1]));
    let counted_bounces = number(&|row| {
        row.kind == "bounce" && row.bounce.0 == "Permanent" && !is_suppressed(row) && both.contains(&row.class)
    });
    let counted_complaints = number(&|row| {
        row.kind == "complaint"
            && row.class == "ordinary"
            && row.complaint.0 != "not-spam"
            && !SUPPRESSED[..2].contains(&row.complaint.1.as_str())
    });
    json!({
        "counts": counts,
        "aws": {
            "eligible_sends": eligible_sends,
            "counted_bounces": counted_bounces,
            "bounce_rate": rate(counted_bounces, eligible_sends),
            "complaint_eligible_sends": complaint_eligible_sends,
            "counted_complaints": counted_complaints,
            "complaint_rate": rate(counted_complaints, complaint_eligible_sends),
        },
        "plain": {
            "bounce_rate": rate(kind("bounce"), kind("send")),
            "complaint_rate": rate(kind("complaint"), kind("delivery")),
            "delivery_rate": rate(kind("delivery"), kind("send")),
        },
    })
}

fn is_suppressed(row: &Row) -> bool {
    row.kind == "bounce" && row.bounce.0 == "Permanent" && SUPPRESSED.contains(&row.bounce.1.as_str())
}

fn rate(numerator: u64, denominator: u64) -> Option<f64> {
    if denominator == 0 { None } else { Some(numerator as f64 / denominator as f64) }
}

/// All cells as JSON, by the text of everything that names them.
pub(super) fn cells(rows: &[Row]) -> BTreeMap<String, Value> {
    let mut members: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        for (clock, time) in [("event", row.event), ("sent", row.sent)] {
            let mut join = |window: &str, length: TimeDelta, group: Value| {
                let start = time.duration_trunc(length).unwrap();
                members.entry(name(clock, window, start, start + length, &group)).or_default().push(row);
            };
            for (window, length) in [("1h", Duration::hours(1)), ("1d", Duration::days(1))] {
                join(window, length, json!({}));
                join(window, length, json!({"configuration_set": row.set}));
            }
            join("1d", Duration::days(1), json!({"recipient_domain": row.domain}));
            join("1d", Duration::days(1), json!({"campaign": row.campaign}));
        }
    }
    members.into_iter().map(|(name, rows)| (name, figures(&rows))).collect()
}

fn name(clock: &str, window: &str, start: DateTime<Utc>, end: DateTime<Utc>, group: &Value) -> String {
    let format = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!([clock, window, format(start), format(end), group]).to_string()
}

/// The rows of the last `last` eligible sends of one configuration set or of all, with the time they begin.
pub(super) fn last<'a>(rows: &'a [Row], set: Option<&str>, last: u64) -> (Option<DateTime<Utc>>, Vec<&'a Row>) {
    let scope: Vec<&Row> = rows.iter().filter(|row| set.is_none_or(|set| row.set == set)).collect();
    let eligible = |rows: &[&Row]| figures(rows)["aws"]["eligible_sends"].as_u64().unwrap();
    let since = |time| scope.iter().copied().filter(|row| row.sent >= time).collect::<Vec<_>>();
    let mut times: Vec<_> = scope.iter().filter(|row| row.kind == "send").map(|row| row.sent).collect();
    times.sort_unstable();
    times.dedup();
    // The number of eligible sends falls as the time rises.
    let enough = times.partition_point(|time| eligible(&since(*time)) >= last);
    match times.get(enough.saturating_sub(1)) {
        Some(time) if enough > 0 => (Some(*time), since(*time)),
        first => (first.copied(), scope),
    }
}

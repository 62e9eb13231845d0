//! Where alarms come from, on lakes in which the culprit is known and the excess was worked out by hand.

use std::fs;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::dump::{self, VERIFIED};
use crate::mail::{Lake, Mail, time};
use crate::program::{Run, on, scratch};

/// Mail of a campaign to a domain, so much of which bounces.
#[derive(Clone, Copy)]
struct Batch<'a> {
    campaign: &'a str,
    domain: &'a str,
    sends: usize,
    bounces: usize,
}

const fn batch<'a>(campaign: &'a str, sends: usize, bounces: usize) -> Batch<'a> {
    Batch { campaign, domain: "example.com", sends, bounces }
}

const fn to<'a>(domain: &'a str, sends: usize, bounces: usize) -> Batch<'a> {
    Batch { campaign: "autumn", domain, sends, bounces }
}

const INCIDENT: &str = "2026-10-12T12:00:00Z";

/// The same on each of seven days before, if there is a past; then the hour of the incident.
fn lake(before: &[Batch<'_>], now: &[Batch<'_>]) -> Lake {
    let noon = time(INCIDENT);
    let mut events = Vec::new();
    let mut number = 0;
    let mut write = |at: DateTime<Utc>, batches: &[Batch<'_>]| {
        for batch in batches {
            for index in 0..batch.sends {
                let mut mail = Mail::new(number, at + TimeDelta::milliseconds(number as i64 % 3_000_000));
                number += 1;
                mail.to = format!("user{index}@{}", batch.domain);
                let mut of_mail = vec![mail.send()];
                of_mail.extend((index < batch.bounces).then(|| mail.bounce("Permanent", "General")));
                events.extend(of_mail.iter().map(|event| with_campaign(event, batch.campaign)));
            }
        }
    };
    for days in 1..=7 {
        write(noon - TimeDelta::days(days) + TimeDelta::hours(1), before);
    }
    write(noon, now);
    Lake::of(&events)
}

fn with_campaign(event: &str, campaign: &str) -> String {
    let mut event: Value = serde_json::from_str(event).unwrap();
    event["mail"]["tags"]["campaign"] = json!([campaign]);
    event.to_string()
}

fn check(lake: &Lake, extra: &str, arguments: &str) -> Run {
    let folder = scratch();
    let file = folder.path().join("repute.toml");
    let rule = "[[rule]]\nname = \"hour\"\nmetric = \"bounce_rate\"\nwindow = \"1h\"\nlook_back = \"1m\"\nwarn = \"3 %\"\nconfidence = \"rate\"\n";
    fs::write(&file, format!("[check]\ndefault_rules = false\n{extra}\n{rule}")).unwrap();
    on(&lake.path(), &format!("check --config {} --at 2026-10-12T13:00:00Z{arguments}", file.display()))
}

fn attribution(lake: &Lake) -> Value {
    check(lake, "", " --format json").expect(1).json()["findings"][0]["attribution"].clone()
}

/// Three campaigns at 1 %, one of which goes to 12 %: 14 bounces of 300, of which 3 were to be expected; 11 of the 11 are its.
#[test]
fn one_culprit() {
    let before = [batch("a", 100, 1), batch("b", 100, 1), batch("c", 100, 1)];
    let lake = lake(&before, &[batch("a", 100, 1), batch("b", 100, 1), batch("c", 100, 12)]);
    let found = attribution(&lake);
    let why = "campaign \"c\" brought 100 % of the excess (12 of 14 bounces; 12 % against 1 % before), mostly invalid_mailbox";
    assert_eq!(found["why"], why);
    assert_eq!((&found["baseline"]["events"], &found["baseline"]["sends"]), (&json!(21), &json!(2_100)));
    assert!((found["excess"].as_f64().unwrap() - 11.0).abs() < 1e-9);
    let campaign = &found["dimensions"][0];
    assert_eq!((&campaign["dimension"], &campaign["values"][0]["value"]), (&json!("campaign"), &json!("c")));
    assert_eq!(campaign["values"][0]["past"], json!({"events": 7, "sends": 700}));
    let text = check(&lake, "", "").expect(1).stdout;
    assert!(text.contains(&format!("\n            why: {why}\n")), "{text}");
    let text = check(&lake, "", " --explain hour").expect(1).stdout;
    for words in [
        "expected    3 after 21 of 2,100 from 2026-10-05 12:00",
        "campaign c: 100 % of the excess; 12 of 100, expected 1, before 7 of 700",
    ] {
        assert!(text.contains(words), "`{words}` is not in:\n{text}");
    }
}

/// Of four campaigns two go to 8 % and 7 %: 17 of 400, 4 expected; 7 and 6 of the 13 are theirs.
#[test]
fn two_culprits() {
    let before = [batch("a", 100, 1), batch("b", 100, 1), batch("c", 100, 1), batch("d", 100, 1)];
    let now = [batch("a", 100, 8), batch("b", 100, 7), batch("c", 100, 1), batch("d", 100, 1)];
    let found = attribution(&lake(&before, &now));
    let why = found["why"].as_str().unwrap();
    assert!(why.starts_with("campaign \"a\" and \"b\" brought 100 % of the excess (15 of 17 bounces)"), "{why}");
    let share = |index: usize| found["dimensions"][0]["values"][index]["share"].as_f64().unwrap();
    assert!((share(0) - 7.0 / 13.0).abs() < 1e-9 && (share(1) - 6.0 / 13.0).abs() < 1e-9, "{found}");
}

/// A campaign without a past is expected to do as the whole did.
#[test]
fn a_culprit_without_a_past() {
    let before = [batch("a", 100, 1), batch("b", 100, 1)];
    let found = attribution(&lake(&before, &[batch("a", 100, 1), batch("b", 100, 1), batch("new", 100, 12)]));
    let why = found["why"].as_str().unwrap();
    assert!(
        why.starts_with("campaign \"new\" brought 100 % of the excess (12 of 14 bounces; 12 % against none before)"),
        "{why}"
    );
}

/// Both providers bounce as ever (1 % and 10 %), but half of the mail goes to the bad one where it was an eleventh: Simpson's
/// paradox. Past: 14 of 770, 1.818 %. Now 11 of 200, of which 3.636 were to be expected. By Marshall's formulas the bad one's past rate
/// is 7.590 %, so that (100 - 200/11) x (7.590 % - 1.818 %) = 4.723 of the excess of 7.364 are the mix, 64.1 %.
#[test]
fn a_change_of_the_mix() {
    let before = [to("good.example", 100, 1), to("bad.example", 10, 1)];
    let found = attribution(&lake(&before, &[to("good.example", 100, 1), to("bad.example", 100, 10)]));
    let why = found["why"].as_str().unwrap();
    assert!(
        why.starts_with("more mail has provider \"bad.example\": 50 % of it against 9 % before, at about the same rate (10 % against 10 %)"),
        "{why}"
    );
    let provider = found["dimensions"].as_array().unwrap().iter().find(|d| d["dimension"] == "provider").unwrap();
    let bad = &provider["values"][0];
    assert_eq!(bad["value"], "bad.example");
    assert!((bad["mix"].as_f64().unwrap() - 0.6414).abs() < 0.001, "{bad}");
    assert!((bad["share"].as_f64().unwrap() - 2.4096 / 7.3636).abs() < 0.001, "{bad}");
}

#[test]
fn no_culprit() {
    let names = ["a", "b", "c", "d", "e"];
    let before = names.map(|name| batch(name, 100, 1));
    let found = attribution(&lake(&before, &names.map(|name| batch(name, 100, 6))));
    assert_eq!(found["why"], "no single value of a dimension stands out, mostly invalid_mailbox");
}

/// Without a past, or with one that was as bad, the excess is that over the threshold.
#[test]
fn no_past_and_a_bad_one() {
    let now = [batch("a", 100, 1), batch("b", 100, 1), batch("c", 100, 12)];
    let found = attribution(&lake(&[], &now));
    let why = found["why"].as_str().unwrap();
    assert!(
        why.starts_with("no past to compare with; over 3 %: campaign \"c\" brought 100 % of the excess (12 of 14"),
        "{why}"
    );
    assert_eq!(found["baseline"], json!({"kind": "threshold", "value": 0.03}));
    let found = attribution(&lake(&now, &now));
    let why = found["why"].as_str().unwrap();
    assert!(why.starts_with("not new (4.7 % in the 7 days before); over 3 %: campaign \"c\" brought"), "{why}");
}

#[test]
fn dimensions_are_chosen() {
    let before = [batch("a", 100, 1), batch("b", 100, 1), batch("c", 100, 1)];
    let lake = lake(&before, &[batch("a", 100, 1), batch("b", 100, 1), batch("c", 100, 12)]);
    let run = check(&lake, "attribute = [\"provider\"]", " --format json").expect(1).json();
    let found = &run["findings"][0]["attribution"];
    assert!(
        found["dimensions"].as_array().unwrap().iter().all(|divided| divided["dimension"] != "campaign"),
        "{found}"
    );
    let run = check(&lake, "attribute = [\"colour\"]", "").expect(3);
    assert!(run.stdout.contains("repute.toml:3: unknown dimension `colour`"), "{}", run.stdout);
    let quiet = on(&lake.path(), "check --at 2026-10-11T12:00:00Z --max-age 7d --format json").json();
    assert!(quiet["findings"].as_array().unwrap().iter().all(|finding| finding["attribution"].is_null()), "{quiet}");
}

/// However little time there is: either there is no answer, or the same one, with or without a word on where it comes from.
#[test]
fn a_lack_of_time_changes_no_state() {
    let before = [batch("a", 100, 1), batch("b", 100, 1), batch("c", 100, 1)];
    let lake = lake(&before, &[batch("a", 100, 1), batch("b", 100, 1), batch("c", 100, 12)]);
    let bare = |mut finding: Value| {
        let attribution = finding.as_object_mut().unwrap().remove("attribution").unwrap();
        (finding, attribution)
    };
    let (full, _) = bare(check(&lake, "", " --format json").expect(1).json()["findings"][0].clone());
    for milliseconds in [20, 40, 80, 120, 160, 200, 240, 320, 640, 1_280] {
        let run = check(&lake, "", &format!(" --format json --timeout {milliseconds}ms"));
        if run.code == 3 {
            assert!(run.stdout.contains("no answer within"), "{run:?}");
            continue;
        }
        let (finding, attribution) = bare(run.expect(1).json()["findings"][0].clone());
        assert_eq!(finding, full);
        let told = attribution["why"].as_str().is_some_and(|why| why.starts_with("campaign \"c\""));
        assert!(told || attribution == json!({"error": "no time was left"}), "{attribution}");
    }
}

/// The generator's incident is one campaign's, and the check names it.
#[test]
fn the_incident_of_the_dump_is_named() {
    let incident = dump::ndjson().truth.incident.as_ref().unwrap();
    let run = on(&dump::lake().0, &format!("check --at 2026-11-01T00:00:00Z {VERIFIED} --format json")).expect(2);
    let report = run.json();
    let alarms: Vec<&Value> =
        report["findings"].as_array().unwrap().iter().filter(|finding| !finding["attribution"].is_null()).collect();
    assert!(!alarms.is_empty());
    let bounces = |finding: &&&Value| finding["metric"] == "bounce_rate" && finding["scope"] == "account";
    for finding in alarms.iter().filter(bounces) {
        let why = finding["attribution"]["why"].as_str().unwrap();
        assert!(why.contains(&format!("campaign \"{}\"", incident.campaign)), "{}: {why}", finding["rule"]);
    }
}

//! Rules on what is read once at the time of a check: ages, delays, and what came against what was to come.

use std::fs;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mail::{Lake, Mail, time};
use crate::program::{Run, import_ending, on, scratch};

struct Config(TempDir);

impl Config {
    fn rule(text: &str) -> Self {
        Self::of(&format!("[check]\ndefault_rules = false\n[[rule]]\nname = \"test\"\n{text}"))
    }

    fn of(text: &str) -> Self {
        let folder = scratch();
        fs::write(folder.path().join("repute.toml"), text).unwrap();
        Self(folder)
    }

    fn check(&self, lake: &Lake, arguments: &str) -> Run {
        let file = self.0.path().join("repute.toml");
        on(&lake.path(), &format!("check --config {} --max-age 7d {arguments}", file.display()))
    }

    fn finding(&self, lake: &Lake, at: &str) -> Value {
        self.check(lake, &format!("--at {at} --format json")).json()["findings"][0].clone()
    }
}

fn sends(first: &str, number: usize, count: usize, seconds: i64, set: &str) -> Vec<String> {
    let first = time(first);
    let mail = |index: usize| Mail {
        set: set.to_owned(),
        ..Mail::new(number + index, first + TimeDelta::seconds(seconds * index as i64))
    };
    (0..count).map(|index| mail(index).send()).collect()
}

#[test]
fn the_age_of_the_newest_event() {
    let mut events = sends("2026-10-05T12:00:00Z", 0, 1, 1, "orders");
    events.extend(sends("2026-10-05T10:00:00Z", 10, 1, 1, "news"));
    let lake = Lake::of(&events);
    let rule = Config::rule("metric = \"freshness\"\nwarn = \"30m\"\ncritical = \"2h\"\n");
    let states =
        ["12:20:00", "12:30:00", "14:00:00"].map(|at| rule.check(&lake, &format!("--at 2026-10-05T{at}Z")).code);
    assert_eq!(states, [0, 1, 2]);
    let line = rule.check(&lake, "--at 2026-10-05T12:40:00Z").stdout;
    assert!(line.contains("age of the newest event 40 min 0 s: at or over 30 min 0 s; no mail is sent"), "{line}");
    assert!(line.contains("'test'=2400s;1800;7200;0;"), "{line}");
    let stale = on(&lake.path(), "check --at 2026-10-05T14:00:01Z");
    assert_eq!(stale.code, 3, "the limit of the check itself is UNKNOWN as before");
    let by = Config::rule("metric = \"freshness\"\nby = [\"configuration_set\"]\ncritical = \"2h\"\n");
    let found = by.check(&lake, "--at 2026-10-05T12:20:00Z --format json").expect(2).json();
    let state = |set: &str| {
        let of_set = |f: &&Value| f["configuration_set"] == set;
        found["findings"].as_array().unwrap().iter().find(of_set).map(|f| (f["state"].clone(), f["events"].clone()))
    };
    assert_eq!(state("news"), Some((json!("CRITICAL"), json!(8_400))));
    assert_eq!(state("orders"), Some((json!("OK"), json!(1_200))));
    let explained = rule.check(&lake, "--at 2026-10-05T12:40:00Z --explain test").stdout;
    assert!(explained.contains("value       40 min 0 s"), "{explained}");
}

/// Mondays from 12:00 to 13:00: 100, 120, 80 and 110 sends, in the middle (100 + 110) / 2 = 105; then 50.
#[test]
fn sends_against_the_same_weekday() {
    let mut events = Vec::new();
    for (week, count) in [100, 120, 80, 110, 50].into_iter().enumerate() {
        let noon = time("2026-09-07T12:00:00Z") + TimeDelta::weeks(week as i64);
        events.extend(sends(&noon.to_rfc3339(), week * 1_000, count, 20, "orders"));
    }
    // Mail of another weekday does not count.
    events.extend(sends("2026-10-04T12:00:00Z", 9_000, 900, 2, "orders"));
    let lake = Lake::of(&events);
    let rule = Config::rule("metric = \"sends_vs_weekday\"\nwindow = \"1h\"\nwarn = \"60 %\"\ncritical = \"20 %\"\n");
    let found = rule.finding(&lake, "2026-10-05T13:15:00Z");
    assert_eq!((&found["events"], &found["sends"], &found["state"]), (&json!(50), &json!(105), &json!("WARNING")));
    assert_eq!((&found["from"], &found["interval_95"]), (&json!("2026-10-05T12:00:00Z"), &Value::Null));
    // A week later nothing is sent: 0 over the median of 50, 110, 80, 120.
    let found = rule.finding(&lake, "2026-10-12T13:15:00Z");
    assert_eq!((&found["events"], &found["sends"], &found["state"]), (&json!(0), &json!(95), &json!("CRITICAL")));
    let few = Config::rule("metric = \"sends_vs_weekday\"\nwarn = 0.6\nmin_sends = 106\n")
        .finding(&lake, "2026-10-05T13:15:00Z");
    assert_eq!(few["reason"], "105 usual sends, fewer than the 106 needed for a verdict");
    let run =
        rule.check(&lake, "--at 2026-10-06T13:15:00Z --backtest --since 2026-10-04T13:15:00Z --format json").expect(0);
    let episodes = run.json();
    assert_eq!((episodes.as_array().unwrap().len(), &episodes[0]["from"]), (1, &json!("2026-10-05T13:15:00Z")));
}

/// A hundred deliveries that took 1 to 100 seconds.
#[test]
fn how_long_deliveries_take() {
    let noon = time("2026-10-05T12:00:00Z");
    let delivery = |number: usize| {
        let mail = Mail::new(number, noon);
        let took = (number + 1) * 1_000;
        let delivery =
            json!({"timestamp": mail.after(number as i64), "recipients": [mail.to], "processingTimeMillis": took});
        mail.event("Delivery", "delivery", delivery)
    };
    let lake = Lake::of(&(0..100).map(delivery).collect::<Vec<_>>());
    let at = "2026-10-05T12:30:00Z";
    for (metric, milliseconds) in [("delay_p50", 50_000), ("delay_p95", 95_000), ("delay_p99", 99_000)] {
        let rule =
            Config::rule(&format!("metric = \"{metric}\"\nwindow = \"1h\"\nwarn = \"60s\"\ncritical = \"99s\"\n"));
        let found = rule.finding(&lake, at);
        let state =
            ["OK", "WARNING", "CRITICAL"][usize::from(milliseconds >= 60_000) + usize::from(milliseconds >= 99_000)];
        assert_eq!(
            (&found["events"], &found["sends"], &found["state"]),
            (&json!(milliseconds), &json!(100), &json!(state))
        );
    }
    let rule = Config::rule("metric = \"delay_p95\"\nwarn = \"500ms\"\n");
    let line = rule.check(&lake, &format!("--at {at}")).stdout;
    assert!(line.contains("time to delivery of 95 % 1 min 35 s: at or over 500 ms"), "{line}");
    assert!(line.contains("'test'=95000ms;500;;0;"), "{line}");
    let few = Config::rule("metric = \"delay_p95\"\nwarn = \"1s\"\nmin_sends = 101\n").finding(&lake, at);
    assert_eq!(few["state"], "NO DATA");
}

#[test]
fn sends_against_those_that_were_handed_over() {
    let mut events = sends("2026-10-04T00:00:00Z", 0, 900, 60, "orders");
    events.extend(sends("2026-10-05T00:00:00Z", 2_000, 500, 60, "orders"));
    let lake = Lake::of(&events);
    let at = "2026-10-05T09:00:00Z";
    let every = Config::rule("metric = \"coverage\"\nexpected_sends = 1000\nwarn = \"95 %\"\ncritical = \"50 %\"\n");
    let found = every.finding(&lake, at);
    assert_eq!((&found["events"], &found["sends"], &found["state"]), (&json!(900), &json!(1_000), &json!("WARNING")));
    assert_eq!((&found["from"], &found["to"]), (&json!("2026-10-04T00:00:00Z"), &json!("2026-10-05T00:00:00Z")));
    let line = every.check(&lake, &format!("--at {at}")).stdout;
    let meaning = "sends in the lake 90 % (900 of 1,000): below 95 %; the event publishing loses events, or a configuration set has no event destination";
    assert!(line.contains(meaning), "{line}");
    let days = Config::rule("metric = \"coverage\"\nexpected_sends = { \"2026-10-04\" = 900 }\nwarn = \"95 %\"\n");
    assert_eq!(days.finding(&lake, at)["state"], "OK");
    assert_eq!(
        days.finding(&lake, "2026-10-06T09:00:00Z")["state"],
        "NO DATA",
        "nobody said what was sent on that day"
    );
    let sent = Config::of(
        "[check]\ndefault_rules = false\nsent = { \"2026-10-04\" = 2000 }\n[[rule]]\nname = \"test\"\nmetric = \"coverage\"\ncritical = \"50 %\"\n",
    );
    assert_eq!(sent.finding(&lake, at)["state"], "CRITICAL");
}

/// Two bad lines among a hundred records, imported now.
#[test]
fn bad_records_of_recent_imports() {
    let mut lines = sends("2026-10-05T12:00:00Z", 0, 98, 1, "orders");
    lines.extend(["nonsense".to_owned(), "{\"eventType\": \"Send\"}".to_owned()]);
    let folder = scratch();
    let object = folder.path().join("object");
    fs::write(&object, lines.join("\n")).unwrap();
    let lake = folder.path().join("lake");
    let summary = import_ending(&object, &lake, 3);
    let (bad, all) = (summary["records"]["quarantined"].clone(), summary["records"]["read"].clone());
    assert_eq!((&bad, &all), (&json!(2), &json!(100)));
    let config = Config::rule("metric = \"quarantine_ratio\"\nwarn = \"2 %\"\n");
    let file = config.0.path().join("repute.toml");
    let run = on(&lake, &format!("check --config {} --max-age 9999d --format json", file.display())).expect(1);
    let found = &run.json()["findings"][0];
    assert_eq!((&found["events"], &found["sends"], &found["state"]), (&json!(2), &json!(100), &json!("WARNING")));
    let before = on(&lake, &format!("check --config {} --max-age 9999d --at 2026-10-06 --format json", file.display()));
    assert_eq!(before.json()["findings"][0]["state"], "NO DATA", "nothing had been imported then");
}

#[test]
fn mistakes_are_told_with_their_remedy() {
    let lake = Lake::of(&sends("2026-10-05T12:00:00Z", 0, 1, 1, "orders"));
    for (text, told) in [
        ("metric = \"freshness\"\nwarn = 5\n", "`freshness` is a time; write its thresholds as durations"),
        (
            "metric = \"bounce_rate\"\nwindow = \"1h\"\nwarn = \"5m\"\n",
            "`bounce_rate` is no time; write its thresholds as",
        ),
        ("metric = \"freshness\"\nwarn = \"1h\"\nfor = \"5m\"\n", "read once, at the time of a check; leave out `for`"),
        ("metric = \"freshness\"\nwarn = \"1h\"\nwindow = \"1h\"\n", "`freshness` has no window; leave out `window`"),
        ("metric = \"delay_p95\"\nwarn = \"1h\"\nlast_sends = 5\n", "leave out `last_sends`"),
        ("metric = \"coverage\"\nwarn = \"95 %\"\n", "give `expected_sends`, or `sent` under [check]"),
        ("metric = \"coverage\"\nwarn = \"95 %\"\nexpected_sends = -1\n", "`-1` is no number of sends"),
        ("metric = \"coverage\"\nwarn = \"95 %\"\nexpected_sends = { today = 1 }\n", "`today` is no day"),
        ("metric = \"coverage\"\nwarn = \"95 %\"\nexpected_sends = 5\nby = [\"provider\"]\n", "leave out `by`"),
        (
            "metric = \"sends\"\nwindow = \"1h\"\nwarn = 5\nexpected_sends = 5\n",
            "`expected_sends` is of rules on `coverage`",
        ),
        ("metric = \"quarantine_ratio\"\nwarn = \"1 %\"\nby = [\"provider\"]\n", "leave out `by` and `only`"),
        ("metric = \"sends_vs_weekday\"\nwarn = \"50 %\"\ncounting = \"aws\"\n", "AWS judges no `sends_vs_weekday`"),
        (
            "metric = \"bounce_rate\"\nwindow = \"1h\"\nwarn = \"5 %\"\nby = [\"bounce_class\"]\n",
            "no send has a `bounce_class`",
        ),
    ] {
        let run = Config::rule(text).check(&lake, "--at 2026-10-05T12:10:00Z").expect(3);
        assert!(run.stdout.contains(told) && run.stdout.contains("repute.toml:"), "{text}: {}", run.stdout);
    }
}

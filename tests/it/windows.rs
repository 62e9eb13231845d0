//! Windows: of days where people live, in steps of a minute, and beside the period before. Lakes are small enough to count by hand.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::mail::{Lake, Mail, time};
use crate::program::{ask, on};

/// Sends at these times, of which those with `true` bounce a second later.
fn lake(mails: &[(&str, bool)]) -> Lake {
    let mut events = Vec::new();
    for (number, (at, bounces)) in mails.iter().enumerate() {
        let mail = Mail::new(number, time(at));
        events.push(mail.send());
        events.extend(bounces.then(|| mail.bounce("Permanent", "General")));
    }
    Lake::of(&events)
}

/// Window start and end, sends, counted bounces.
fn windows(rates: &Value) -> Vec<(String, String, u64, u64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let row = |row: &Value| {
        let (sends, bounces) =
            (row["counts"]["send"].as_u64().unwrap(), row["aws"]["counted_bounces"].as_u64().unwrap());
        (text(&row["window_start"]), text(&row["window_end"]), sends, bounces)
    };
    rates.as_array().unwrap().iter().map(row).collect()
}

fn window(start: &str, end: &str, sends: u64, bounces: u64) -> (String, String, u64, u64) {
    (start.to_owned(), end.to_owned(), sends, bounces)
}

/// Clocks in Berlin go back at 01:00 UTC on 2026-10-25, so that this day has 25 hours.
#[test]
fn days_begin_where_people_are() {
    let lake = lake(&[
        ("2026-10-24T21:59:59.500Z", false),
        ("2026-10-24T22:00:00Z", true),
        ("2026-10-25T22:30:00Z", false),
        ("2026-10-25T23:00:00Z", true),
    ]);
    let days = ask(&lake.path(), "rates --window 1d --timezone Europe/Berlin");
    assert_eq!(
        windows(&days),
        [
            window("2026-10-23T22:00:00Z", "2026-10-24T22:00:00Z", 1, 0),
            window("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 2, 1),
            window("2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z", 1, 1),
        ]
    );
    let utc = ask(&lake.path(), "rates --window 1d");
    assert_eq!(
        windows(&utc),
        [
            window("2026-10-24T00:00:00Z", "2026-10-25T00:00:00Z", 2, 1),
            window("2026-10-25T00:00:00Z", "2026-10-26T00:00:00Z", 2, 1),
        ]
    );
    let text = on(&lake.path(), "rates --window 1d --timezone Europe/Berlin").expect(0).stdout;
    assert!(text.contains("window (Europe/Berlin)") && text.contains("2026-10-25 00:00"), "{text}");
    for (options, said) in [
        ("--window 1h --timezone Europe/Berlin", "whole days"),
        ("--timezone Europe/Berlin", "--window"),
        ("--window 1d --timezone Berlin", "Berlin"),
    ] {
        let run = on(&lake.path(), &format!("rates {options}")).expect(2);
        assert!(run.stderr.contains(said), "{options}: {}", run.stderr);
    }
}

/// Ten minutes in steps of one: a mail is in ten windows.
#[test]
fn windows_slide_by_a_minute() {
    let lake = lake(&[("2026-10-05T12:00:30Z", true), ("2026-10-05T12:05:00Z", false)]);
    let options = "--since 2026-10-05T12:00:00Z --until 2026-10-05T12:30:00Z";
    let slid = windows(&ask(&lake.path(), &format!("rates --window 10m --sliding {options}")));
    let ends: Vec<(&str, u64, u64)> =
        slid.iter().map(|(_, end, sends, bounces)| (&end[11..16], *sends, *bounces)).collect();
    let expected =
        [("12:01", 1, 1), ("12:05", 1, 1), ("12:06", 2, 1), ("12:10", 2, 1), ("12:11", 1, 0), ("12:15", 1, 0)];
    assert!(expected.iter().all(|window| ends.contains(window)), "{ends:?}");
    assert_eq!((ends.len(), ends[0].0, ends[14].0), (15, "12:01", "12:15"));
    assert!(slid.iter().all(|(start, end, ..)| time(end) - time(start) == TimeDelta::minutes(10)));
    let wrong = on(&lake.path(), "rates --window 90s --sliding").expect(2).stderr;
    assert!(wrong.contains("whole minutes"), "{wrong}");
}

#[test]
fn a_period_beside_the_one_before() {
    let lake = lake(&[
        ("2026-10-05T12:00:00Z", true),
        ("2026-10-05T13:00:00Z", false),
        ("2026-10-06T12:00:00Z", false),
        ("2026-10-12T12:00:00Z", true),
        ("2026-10-13T12:00:00Z", false),
        ("2026-10-14T12:00:00Z", false),
    ]);
    let rates = ask(&lake.path(), "rates --window 1d --since 2026-10-12 --compare 7d");
    let told: Vec<(&str, f64, Value)> = rates
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let previous = json!([row["previous"]["window_start"], row["previous"]["aws"]["bounce_rate"]]);
            (&row["window_start"].as_str().unwrap()[..10], row["aws"]["bounce_rate"].as_f64().unwrap(), previous)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("2026-10-12", 1.0, json!(["2026-10-05T00:00:00Z", 0.5])),
            ("2026-10-13", 0.0, json!(["2026-10-06T00:00:00Z", 0.0])),
            ("2026-10-14", 0.0, json!([null, null])),
        ]
    );
    // One window over each week.
    let weeks = ask(&lake.path(), "rates --since 2026-10-12 --until 2026-10-19 --compare 7d");
    assert_eq!((&weeks[0]["counts"]["send"], &weeks[0]["previous"]["counts"]["send"]), (&json!(3), &json!(3)));
    assert_eq!(weeks[0]["previous"]["window_end"], "2026-10-12T00:00:00Z");
    let csv = on(&lake.path(), "rates --window 1d --since 2026-10-12 --compare 7d --format csv").expect(0).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    let at = header.iter().position(|name| name == "previous_aws_bounce_rate").unwrap();
    let cells: Vec<String> = reader.records().map(|row| row.unwrap()[at].to_owned()).collect();
    assert_eq!(cells, ["0.5", "0", ""]);
    let text = on(&lake.path(), "rates --window 1d --since 2026-10-12 --compare 7d").expect(0).stdout;
    assert!(text.contains("before") && text.contains("50"), "{text}");
    let local = ask(&lake.path(), "rates --window 1d --since 2026-10-12 --compare 7d --timezone America/New_York");
    assert_eq!(local[0]["previous"]["window_start"], "2026-10-05T04:00:00Z");
    for options in ["--window 1d --compare 36h", "--compare 7d"] {
        on(&lake.path(), &format!("rates {options}")).expect(2);
    }
}

/// A bounce that comes a day late belongs to its own hour, and changes it when it is imported.
#[test]
fn late_events_change_their_own_window() {
    let sent = time("2026-10-05T12:30:00Z");
    let mail = Mail::new(1, sent);
    let mut lake = Lake::of(&[mail.send(), Mail::new(2, sent + TimeDelta::days(1)).send()]);
    let hours = |lake: &Lake, clock: &str| windows(&ask(&lake.path(), &format!("rates --window 1h --clock {clock}")));
    let before = hours(&lake, "event");
    assert_eq!(before.iter().map(|(.., bounces)| bounces).sum::<u64>(), 0);
    lake.add(&[mail.bounce("Permanent", "General")]);
    let after = hours(&lake, "event");
    assert_eq!((&after[0].0, after[0].3), (&"2026-10-05T12:00:00Z".to_owned(), 1));
    let sent_hours = hours(&lake, "sent");
    assert_eq!((sent_hours[0].2, sent_hours[0].3), (1, 1));
}

/// Two sends an hour for a hundred hours; of those in the last quarter every fifth bounces.
#[test]
fn days_to_a_line_at_the_present_pace() {
    let first = time("2026-10-05T00:00:00Z");
    let mut events = Vec::new();
    for number in 0..201_usize {
        let mail = Mail::new(number, first + TimeDelta::minutes(30 * number as i64));
        events.push(mail.send());
        // The last quarter begins at 75 of 100 hours: sends 150 to 200, which are 51 in 25 hours.
        events.extend((number >= 150 && number % 5 == 0).then(|| mail.bounce("Permanent", "General")));
    }
    let lake = Lake::of(&events);
    let report = ask(&lake.path(), "reputation --at 2026-10-09T05:00:00Z");
    let bounce = &report["reputation"][0]["bounce"];
    assert_eq!((&bounce["counted_bounces"], &bounce["eligible_sends"]), (&json!(11), &json!(201)));
    assert_eq!(bounce["days_to_review"], json!(0.0), "11 of 201 are 5.5 %");
    // 11 of 51 lately, and so many a day: (11 + 11/51 x) / (201 + x) = 0.1 at x = 9.1 / (11/51 - 0.1).
    let sends = 9.1 / (11.0 / 51.0 - 0.1);
    let days = bounce["days_to_pause"].as_f64().unwrap();
    assert!((days - sends / (51.0 * 24.0 / 25.0)).abs() < 1e-9, "{days}");
    let text = on(&lake.path(), "reputation --at 2026-10-09T05:00:00Z").expect(0).stdout;
    assert!(text.contains("10 more before AWS's pause line (10 %), in 1.6 days at the present pace"), "{text}");
    assert!(text.contains("not reached at the present pace"), "no complaints: {text}");
}

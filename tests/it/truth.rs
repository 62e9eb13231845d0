//! 100,000 generated events in three forms: the import, the rates of every window and group, and the reputation are those
//! of `truth.json`.

use std::collections::BTreeMap;
use std::path::Path;

use repute_datasets::Truth;
use repute_datasets::truth::{Cell, Clock, Window};
use serde_json::{Value, json};

use crate::dump::{self, Dump, VERIFIED};
use crate::mail::{Lake, Mail, time};
use crate::program::{ask, import, on, scratch};

#[test]
fn newline_delimited_events_equal_the_truth() {
    let (lake, summary) = dump::lake();
    assert_equals_truth(dump::ndjson(), summary, lake);
}

#[test]
fn concatenated_events_equal_the_truth() {
    assert_imported_equals_truth(dump::concatenated());
}

#[test]
fn compressed_events_equal_the_truth() {
    assert_imported_equals_truth(dump::gzip());
}

#[track_caller]
fn assert_imported_equals_truth(dump: &Dump) {
    let folder = scratch();
    let lake = folder.path().join("lake");
    let summary = import(&dump.path, &lake);
    assert_equals_truth(dump, &summary, &lake);
}

#[track_caller]
fn assert_equals_truth(dump: &Dump, summary: &Value, lake: &Path) {
    println!("seed {}", dump::SEED);
    let truth = &dump.truth;
    assert_summary(truth, summary);
    dump.assert_in(lake);
    assert_rates(truth, lake);
    assert_reputation(truth, lake);
}

#[track_caller]
fn assert_summary(truth: &Truth, summary: &Value) {
    assert_eq!(
        summary["objects"],
        json!({"listed": truth.objects, "imported": truth.objects, "skipped": 0, "failed": 0})
    );
    let (records, events, duplicates) = (truth.records, truth.events, truth.duplicates);
    assert_eq!(
        summary["records"],
        json!({"read": records, "events": events, "duplicates": duplicates, "quarantined": 0, "ignored": 0})
    );
    assert_eq!(records, events + duplicates);
    assert_eq!(summary["rows"], json!(truth.rows));
    assert_eq!(summary["bytes"]["read"], json!(truth.bytes));
    assert_eq!(summary["bytes"]["decoded"], json!(truth.decoded_bytes));
}

/// A question to `rates`: clock, window, and the dimension if there is one.
type Question = (Clock, Window, Option<String>);
/// A cell's place: first instant, and value of the dimension.
type Place = (String, Option<String>);

/// The truth's cells by the question that shows them.
fn questions(truth: &Truth) -> BTreeMap<Question, BTreeMap<Place, &Cell>> {
    let mut questions: BTreeMap<Question, BTreeMap<Place, &Cell>> = BTreeMap::new();
    for cell in &truth.cells {
        let (dimension, value) =
            cell.group.first_key_value().map_or((None, None), |(k, v)| (Some(k.clone()), v.clone()));
        // A campaign is a column and a custom tag: both ways must agree.
        let tag = dimension.as_ref().filter(|name| *name == "campaign").map(|name| Some(format!("tag:{name}")));
        for dimension in std::iter::once(dimension).chain(tag) {
            let cells = questions.entry((cell.clock, cell.window, dimension)).or_default();
            assert!(cells.insert((cell.window_start.clone(), value.clone()), cell).is_none());
        }
    }
    questions
}

fn arguments((clock, window, dimension): &Question) -> String {
    let clock = if *clock == Clock::Event { "event" } else { "sent" };
    let window = if *window == Window::Hour { "1h" } else { "1d" };
    let by = dimension.as_ref().map_or(String::new(), |name| format!(" --by {name}"));
    format!("rates --clock {clock} --window {window}{by} {VERIFIED}")
}

#[track_caller]
fn assert_rates(truth: &Truth, lake: &Path) {
    let questions = questions(truth);
    // Two clocks: hours and days of everything and by set, days by domain and by campaign.
    assert_eq!(questions.len(), 14);
    for (question, mut expected) in questions {
        let arguments = arguments(&question);
        for row in ask(lake, &arguments).as_array().unwrap() {
            let value = question.2.as_ref().and_then(|name| row[name].as_str()).map(str::to_owned);
            let place = (row["window_start"].as_str().unwrap().to_owned(), value);
            let cell = expected.remove(&place).unwrap_or_else(|| panic!("{arguments}: no such cell: {row}"));
            assert_eq!(row["window_end"], json!(cell.window_end), "{arguments}: {row}");
            assert_close(row, cell, &["counts", "aws", "plain"], &format!("{arguments} at {place:?}"));
        }
        assert!(expected.is_empty(), "{arguments}: missing {:?}", expected.keys().collect::<Vec<_>>());
    }
}

/// Whatever the rows are grouped by, the groups add up to the whole.
#[test]
fn groups_of_every_dimension_add_up() {
    let (lake, truth) = (&dump::lake().0, &dump::ndjson().truth);
    let dimensions = "configuration_set from_domain caller_identity recipient_domain account_id region tenant campaign \
                      template outgoing_ip event_type bounce_type bounce_subtype status delay_type source provider \
                      tag:template region,provider";
    for dimension in dimensions.split_whitespace() {
        let answer = ask(lake, &format!("rates --by {dimension}"));
        let sum = |name: &str| -> u64 {
            answer.as_array().unwrap().iter().map(|row| row["counts"][name].as_u64().unwrap()).sum()
        };
        let totals = &truth.totals;
        let expected = [totals.send, totals.delivery, totals.hard_bounce, totals.complaint, totals.open];
        assert_eq!(["send", "delivery", "hard_bounce", "complaint", "open"].map(sum), expected, "{dimension}");
    }
}

/// Compares parts of a row and of the truth: the same names, integers exactly, fractions within 1e-12.
#[track_caller]
fn assert_close(row: &Value, truth: &impl serde::Serialize, parts: &[&str], place: &str) {
    let truth = serde_json::to_value(truth).unwrap();
    for part in parts {
        let (ours, theirs) = (row[part].as_object().unwrap(), truth[part].as_object().unwrap());
        assert_eq!(ours.len(), theirs.len(), "{place}: {ours:?}");
        for (name, expected) in theirs {
            assert!(same(&ours[name], expected), "{place}: {name} is {}, not {expected}", ours[name]);
        }
    }
}

fn same(ours: &Value, expected: &Value) -> bool {
    match (ours.as_f64(), expected.as_f64()) {
        (Some(a), Some(b)) if expected.is_f64() => (a - b).abs() <= 1e-12,
        _ => ours == expected,
    }
}

#[track_caller]
fn assert_reputation(truth: &Truth, lake: &Path) {
    let answer = ask(lake, &format!("reputation {VERIFIED}"));
    assert_eq!(answer["last_eligible_sends"], json!(10_000));
    assert_eq!(answer["verified_identities"], json!(truth.verified_domains));
    let rows = answer["reputation"].as_array().unwrap();
    assert_eq!(rows.len(), truth.reputation.len());
    for (row, expected) in rows.iter().zip(&truth.reputation) {
        let set = expected.group.get("configuration_set");
        assert_eq!(row["account_id"], json!(truth.account_id));
        assert_eq!(row["scope"], if set.is_some() { "configuration_set" } else { "account" });
        assert_eq!(row.get("configuration_set"), set.map(|name| json!(name)).as_ref());
        let from = expected.from.as_deref().map(time);
        assert_eq!(row["from"].as_str().map(time), from, "{set:?}");
        let (bounce, complaint) = (&row["bounce"], &row["complaint"]);
        for (side, name, value) in [
            (bounce, "eligible_sends", json!(expected.aws.eligible_sends)),
            (bounce, "counted_bounces", json!(expected.aws.counted_bounces)),
            (bounce, "bounce_rate", json!(expected.aws.bounce_rate)),
            (complaint, "complaint_eligible_sends", json!(expected.aws.complaint_eligible_sends)),
            (complaint, "counted_complaints", json!(expected.aws.counted_complaints)),
            (complaint, "complaint_rate", json!(expected.aws.complaint_rate)),
        ] {
            assert!(same(&side[name], &value), "{set:?}: {name} is {}, not {value}", side[name]);
        }
        let excluded = serde_json::to_value(expected.excluded).unwrap();
        assert_excluded(&complaint["excluded_sends"], &excluded["sends"], &[]);
        assert_excluded(&bounce["excluded_sends"], &excluded["sends"], &["no_feedback_loop"]);
        assert_excluded(&bounce["excluded_bounces"], &excluded["bounces"], &[]);
        assert_excluded(&complaint["excluded_complaints"], &excluded["complaints"], &[]);
    }
}

/// The reasons that occurred and how often; the truth also lists those that did not. `except` does not matter here.
#[track_caller]
fn assert_excluded(ours: &Value, truth: &Value, except: &[&str]) {
    let mut expected = truth.as_object().unwrap().clone();
    expected.retain(|reason, count| count != &json!(0) && !except.contains(&reason.as_str()));
    assert_eq!(ours, &Value::Object(expected));
}

/// CSV shows what JSON shows.
#[test]
fn csv_holds_the_same_numbers() {
    let truth = &dump::ndjson().truth;
    let text =
        on(&dump::lake().0, &format!("rates --window 1d --by configuration_set --format csv {VERIFIED}")).expect(0);
    let mut reader = csv::Reader::from_reader(text.stdout.as_bytes());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    let by_set = (Clock::Event, Window::Day, Some("configuration_set".to_owned()));
    let mut cells = questions(truth).remove(&by_set).unwrap();
    assert_eq!(rows.len(), cells.len());
    for row in rows {
        let cell = cells.remove(&(row["window_start"].clone(), Some(row["configuration_set"].clone()))).unwrap();
        let counts = serde_json::to_value(cell.counts).unwrap();
        for (name, count) in counts.as_object().unwrap() {
            assert_eq!(row[name], count.to_string(), "{name} of {row:?}");
        }
        assert_eq!(row["eligible_sends"], cell.aws.eligible_sends.to_string());
        assert_eq!(row["counted_complaints"], cell.aws.counted_complaints.to_string());
        for (name, rate) in
            [("aws_bounce_rate", cell.aws.bounce_rate), ("plain_delivery_rate", cell.plain.delivery_rate)]
        {
            let ours = row[name].parse::<f64>().ok();
            assert!(same(&json!(ours), &json!(rate)), "{name} of {row:?}");
        }
    }
}

/// Six mails on paper: five in `orders` (four delivered, one of them complained about; one bounces hard), one in `news`
/// to Gmail that bounces softly.
#[test]
fn text_output_of_a_lake_on_paper() {
    let noon = time("2026-10-05T12:00:00Z");
    let mut events = Vec::new();
    for number in 0..4 {
        let mail = Mail::new(number, noon);
        events.extend([mail.send(), mail.delivery()]);
    }
    events.push(Mail::new(0, noon).complaint());
    let lost = Mail::new(4, noon);
    events.extend([lost.send(), lost.bounce("Permanent", "NoEmail")]);
    let news = Mail { to: "a@gmail.com".into(), set: "news".into(), ..Mail::new(5, noon) };
    events.extend([news.send(), news.bounce("Transient", "MailboxFull")]);
    let lake = Lake::of(&events);
    let rates = on(&lake.path(), "rates --window 1h --by configuration_set").expect(0).stdout;
    assert_eq!(
        rates,
        "\
window (UTC)      configuration_set  sends  eligible  hard bounces  AWS bounce rate  complaints  AWS complaint rate  plain bounce rate  delivery rate
2026-10-05 12:00  news                   1         1             0              0 %           0             no data              100 %            0 %
2026-10-05 12:00  orders                 5         5             1             20 %           1                20 %               20 %           80 %

Hard bounces and complaints as AWS counts them, by the event clock.
Counted with verified identities: none given (--verified); domains that report no complaints: gmail.com, googlemail.com.
Where AWS is silent, counted: nothing (--count); left out: tenant_suppression, email_validation, unsubscribed, undetermined, not_spam, suppressed_complaint.
"
    );
    let reputation = on(&lake.path(), "reputation").expect(0).stdout;
    for line in [
        "account 111122223333, over the last 6 eligible sends (fewer than 10,000: all there are): 2026-10-05 12:00 UTC to 2026-10-05 12:00 UTC, 0.0 days",
        "bounce rate     16.667 % = 1 hard bounces of 6 eligible sends",
        "at or over AWS's review line (5 %); at or over AWS's pause line (10 %)",
        "complaint rate  20 % = 1 complaints of 5 sends to domains that report complaints",
        "6 sends - 1 to domains that report no complaints = 5 eligible",
        "111122223333  news",
        "domains that report no complaints: gmail.com, googlemail.com",
    ] {
        assert!(reputation.contains(line), "`{line}` is not in\n{reputation}");
    }
}

//! The lake is everybody's: other Delta readers see the same rows, in the columns and the layout of the design.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use repute_datasets::truth::{Clock, Counts, Window};
use serde_json::{Value, json};

use crate::dump;
use crate::program::{import, scratch};
use crate::tools::{python, run_python};

/// The columns of the design, in its order.
const COLUMNS: &str = "event_date event_time sent_time event_type configuration_set recipient_domain from_domain account_id region \
    message_id recipient event_id caller_identity source tenant campaign template tags outgoing_ip bounce_type bounce_subtype status \
    diagnostic_code reporting_mta remote_mta_ip feedback_id complaint_feedback_type complaint_subtype arrival_date smtp_response \
    processing_ms delay_type expiration_time ip_address user_agent bot_likelihood link link_tags reason subject source_object ingested_at";

/// Rows by type and date, as the generator counted them.
fn truth_by_type_and_date() -> BTreeMap<String, u64> {
    let mut by = BTreeMap::new();
    let days = dump::ndjson()
        .truth
        .cells
        .iter()
        .filter(|cell| (cell.clock, cell.window) == (Clock::Event, Window::Day) && cell.group.is_empty());
    for day in days {
        let Counts {
            send,
            delivery,
            hard_bounce,
            soft_bounce,
            undetermined_bounce,
            complaint,
            reject,
            delivery_delay,
            open,
            click,
            rendering_failure,
            subscription,
        } = day.counts;
        let bounce = hard_bounce + soft_bounce + undetermined_bounce;
        for (kind, rows) in [
            ("Send", send),
            ("Delivery", delivery),
            ("Bounce", bounce),
            ("Complaint", complaint),
            ("Reject", reject),
            ("DeliveryDelay", delivery_delay),
            ("Open", open),
            ("Click", click),
            ("Rendering Failure", rendering_failure),
            ("Subscription", subscription),
        ] {
            if rows > 0 {
                by.insert(format!("{kind} {}", &day.window_start[..10]), rows);
            }
        }
    }
    by
}

#[test]
fn three_readers_see_every_row() {
    let Some(python) = python() else { return };
    let seen = run_python(&python, "readers.py", [&dump::lake().0]);
    let by = truth_by_type_and_date();
    for reader in ["deltalake", "duckdb", "polars"] {
        let seen = &seen["readers"][reader];
        assert_eq!(seen["rows"], dump::ndjson().truth.rows, "{reader}");
        assert_eq!(seen["by"], json!(by), "{reader}");
    }
    assert_eq!(seen["readers"]["duckdb"], seen["readers"]["polars"]);
    assert_eq!(seen["readers"]["duckdb"], seen["readers"]["deltalake"]);
    // Every generated event has the tag.
    assert_eq!(seen["tagged"], json!([dump::ndjson().truth.rows, dump::ndjson().truth.rows]));
}

#[test]
fn the_table_has_the_layout_of_the_design() {
    let Some(python) = python() else { return };
    let seen = run_python(&python, "readers.py", [&dump::lake().0]);
    let mut columns = seen["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    for name in COLUMNS.split_whitespace() {
        assert!(columns.any(|column| column == name), "`{name}` is missing or not in its place: {}", seen["columns"]);
    }
    assert_eq!(seen["partition_columns"], json!(["event_date"]));
    assert_eq!(seen["repeated_keys"], json!(0), "rows with the same event_time and event_id");
    assert_eq!(seen["unsorted_files"], json!([]));
    assert_eq!(seen["stray_files"], json!([]));
    assert_eq!(seen["statistics"], seen["files"]);
}

/// What a row must hold; a column that is not named may hold anything.
type Row = Vec<(&'static str, Value)>;

/// Columns that all of the hand-written events share.
fn common(kind: &str, number: &str, sent: &str, time: &str, recipient: &str) -> Row {
    vec![
        ("event_type", json!(kind)),
        ("event_date", json!("2026-10-05")),
        ("event_time", json!(format!("2026-10-05T{time}Z"))),
        ("sent_time", json!(format!("2026-10-05T{sent}Z"))),
        ("message_id", json!(format!("010201a10b{number}-000000"))),
        ("recipient", json!(recipient)),
        ("recipient_domain", json!(recipient.split('@').nth(1))),
        ("configuration_set", json!("orders")),
        ("from_domain", json!("shop.example")),
        ("account_id", json!("111122223333")),
        ("caller_identity", json!("shop-mailer")),
        ("source", json!("orders@shop.example")),
    ]
}

const FIRST: &str = "13a87b-6f1d2c3b-0a01-4c11-9a10-000000000001";
const SUBJECT: &str = "Your order 1042 is on its way";

/// The ten types: a sample file, and its rows in the order of their recipients, copied from the file by hand.
fn expected() -> Vec<(&'static str, Vec<Row>)> {
    let sent = "08:00:00.123";
    let row = |mut row: Row, own: &[(&'static str, Value)]| {
        row.extend(own.iter().cloned());
        row
    };
    let reject = |recipient| {
        let common =
            common("Reject", "1a10a0-6f1d2c3b-0a01-4c11-9a10-000000000015", "08:07:00.000", "08:07:00.000", recipient);
        row(common, &[("reason", json!("Bad content")), ("subject", json!(SUBJECT))])
    };
    vec![
        (
            "send",
            vec![row(
                common("Send", FIRST, sent, sent, "ana@example.com"),
                &[
                    ("region", json!("eu-west-1")),
                    ("campaign", json!("autumn")),
                    ("template", json!("order-shipped")),
                    ("subject", json!(SUBJECT)),
                    ("outgoing_ip", Value::Null),
                ],
            )],
        ),
        (
            "delivery",
            vec![row(
                common("Delivery", FIRST, sent, "08:00:01.456", "ana@example.com"),
                &[
                    ("outgoing_ip", json!("192.0.2.25")),
                    ("smtp_response", json!("250 2.0.0 Ok: queued as 4F00B1")),
                    ("processing_ms", json!(1333)),
                    ("remote_mta_ip", json!("198.51.100.9")),
                    ("reporting_mta", json!("b224-11.smtp-out.eu-west-1.amazonses.com")),
                ],
            )],
        ),
        (
            "bounce-permanent",
            vec![row(
                common(
                    "Bounce",
                    "149260-6f1d2c3b-0a01-4c11-9a10-000000000002",
                    "08:01:00.000",
                    "08:01:02.500",
                    "nobody@example.org",
                ),
                &[
                    ("bounce_type", json!("Permanent")),
                    ("bounce_subtype", json!("NoEmail")),
                    ("status", json!("5.1.1")),
                    (
                        "diagnostic_code",
                        json!("smtp; 550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown"),
                    ),
                    ("feedback_id", json!("010201a10b149c24-6f1d2c3b-0a01-4c11-9a10-000000000003-000000")),
                    ("remote_mta_ip", json!("198.51.100.10")),
                    ("reporting_mta", json!("b224-12.smtp-out.eu-west-1.amazonses.com")),
                ],
            )],
        ),
        (
            "complaint",
            vec![row(
                common("Complaint", FIRST, sent, "17:30:00.000", "ana@example.com"),
                &[
                    ("feedback_id", json!("010201a10d1d81c0-6f1d2c3b-0a01-4c11-9a10-000000000012-000000")),
                    ("complaint_feedback_type", json!("abuse")),
                    ("complaint_subtype", Value::Null),
                    ("arrival_date", json!("2026-10-05T08:00:01.456Z")),
                    ("user_agent", json!("ExampleFBL/1.0")),
                ],
            )],
        ),
        ("reject", vec![reject("eve@example.com"), reject("finn@example.org")]),
        (
            "delivery-delay",
            vec![row(
                common(
                    "DeliveryDelay",
                    "1afb00-6f1d2c3b-0a01-4c11-9a10-000000000016",
                    "08:08:00.000",
                    "08:18:00.000",
                    "slow@example.net",
                ),
                &[
                    ("delay_type", json!("TransientCommunicationFailure")),
                    ("expiration_time", json!("2026-10-05T22:08:00.000Z")),
                    ("status", json!("4.4.1")),
                    ("diagnostic_code", json!("smtp; 421 4.4.1 Failed to establish connection")),
                    ("subject", Value::Null),
                ],
            )],
        ),
        (
            "open",
            vec![row(
                common("Open", FIRST, sent, "09:15:00.250", "ana@example.com"),
                &[
                    ("ip_address", json!("203.0.113.77")),
                    ("bot_likelihood", json!("Unlikely")),
                    ("region", Value::Null),
                    ("user_agent", json!("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Thunderbird/143.0")),
                ],
            )],
        ),
        (
            "click",
            vec![row(
                common("Click", FIRST, sent, "09:16:00.000", "ana@example.com"),
                &[
                    ("ip_address", json!("203.0.113.77")),
                    ("link", json!("https://shop.example/orders/1042?from=mail&step=1")),
                    ("link_tags", json!({"place": "button"})),
                ],
            )],
        ),
        (
            "rendering-failure",
            vec![row(
                common(
                    "Rendering Failure",
                    "1be560-6f1d2c3b-0a01-4c11-9a10-000000000017",
                    "08:09:00.000",
                    "08:09:00.000",
                    "gil@example.com",
                ),
                &[
                    ("reason", json!("Attribute 'firstName' is not present in the rendering data.")),
                    ("template", json!("welcome \"v2\"")),
                ],
            )],
        ),
        (
            "subscription",
            vec![row(
                common(
                    "Subscription",
                    "1ccfc0-6f1d2c3b-0a01-4c11-9a10-000000000018",
                    "08:10:00.000",
                    "10:00:00.000",
                    "hana@example.com",
                ),
                &[("contact_list", json!("shop-contacts")), ("subscription_source", json!("UnsubscribeHeader"))],
            )],
        ),
    ]
}

#[test]
fn every_field_of_every_type_is_kept() {
    let Some(python) = python() else { return };
    let folder = scratch();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/samples/events");
    let expected = expected();
    let lakes: Vec<PathBuf> = expected.iter().map(|(name, _)| folder.path().join(name)).collect();
    for ((name, _), lake) in expected.iter().zip(&lakes) {
        import(&samples.join(format!("{name}.json")), lake);
    }
    let tables = run_python(&python, "events.py", &lakes);
    for ((name, rows), seen) in expected.iter().zip(tables.as_array().unwrap()) {
        let seen = seen.as_array().unwrap();
        assert_eq!(seen.len(), rows.len(), "{name}: {seen:?}");
        for (row, seen) in rows.iter().zip(seen) {
            for (column, value) in row {
                assert_eq!(&seen[column], value, "{column} of {name}");
            }
            assert_eq!(seen["tags"]["ses:source-ip"], "203.0.113.7", "{name}");
            assert!(seen["source_object"].as_str().unwrap().ends_with(&format!("/{name}.json")), "{seen}");
        }
    }
}

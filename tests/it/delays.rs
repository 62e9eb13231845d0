//! How long deliveries took and what was put off: numbers worked out by hand, DuckDB over a generated dump, and the page.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::dump;
use crate::mail::{Lake, Mail, time};
use crate::program::{Server, ask, on, scratch};
use crate::tools::{python, run_python};

fn noon() -> DateTime<Utc> {
    time("2026-10-05T12:00:00Z")
}

fn mail(number: usize, to: &str) -> Mail {
    Mail { to: format!("user{number}@{to}"), ..Mail::new(number, noon()) }
}

/// A delivery so many seconds after sending, that says it took as long.
fn delivery(mail: &Mail, after: i64) -> String {
    let own = json!({"timestamp": mail.after(after), "recipients": [mail.to], "smtpResponse": "250 ok", "processingTimeMillis": after * 1_000});
    mail.event("Delivery", "delivery", own)
}

fn delay(mail: &Mail, kind: &str, after: i64, expires: i64, said: &str) -> String {
    let delayed = json!([{"emailAddress": mail.to, "status": "4.2.2", "diagnosticCode": said}]);
    let own = json!({"timestamp": mail.after(after), "delayType": kind, "expirationTime": mail.after(expires), "delayedRecipients": delayed});
    mail.event("DeliveryDelay", "deliveryDelay", own)
}

/// A bounce whose status is the one the server said: `smtp; 550 5.2.2 ...`.
fn bounce(mail: &Mail, after: i64, said: &str) -> String {
    let status = said.split(' ').nth(2).unwrap();
    let own = json!({
        "timestamp": mail.after(after), "feedbackId": format!("f-{}", mail.id), "bounceType": "Transient", "bounceSubType": "General",
        "bouncedRecipients": [{"emailAddress": mail.to, "status": status, "diagnosticCode": said}],
    });
    mail.event("Bounce", "bounce", own)
}

#[test]
fn ranks_are_exact_and_the_same_as_in_rules() {
    let deliveries = (1..=100)
        .map(|second| delivery(&mail(second, if second <= 40 { "gmail.com" } else { "example.com" }), second as i64));
    let mut events: Vec<String> = deliveries.collect();
    let silent = Mail::new(900, noon());
    events.push(silent.event("Delivery", "delivery", json!({"timestamp": silent.after(1), "recipients": [silent.to]})));
    let lake = Lake::of(&events);
    let found = ask(&lake.path(), "delays --by provider --window 1m");
    let ranks = |of: &Value| json!([of["deliveries"], of["p50_ms"], of["p95_ms"], of["p99_ms"], of["worst_ms"]]);
    assert_eq!(ranks(&found), json!([100, 50_000, 95_000, 99_000, 100_000]));
    assert_eq!(found["unknown"], 1);
    // Of 1 to 40 seconds the 20th, 38th and 40th; of 41 to 100 the 30th, 57th and 60th.
    let groups: Vec<Value> =
        found["groups"].as_array().unwrap().iter().map(|group| json!([group["provider"], ranks(group)])).collect();
    assert_eq!(
        groups,
        [
            json!(["example.com", [60, 70_000, 97_000, 100_000, 100_000]]),
            json!(["Gmail", [40, 20_000, 38_000, 40_000, 40_000]]),
        ]
    );
    // Delivered at 12:00:01 to 12:01:40: 59 in the first minute.
    let windows: Vec<Value> = found["windows"].as_array().unwrap().iter().map(ranks).collect();
    assert_eq!(windows, [json!([59, 30_000, 57_000, 59_000, 59_000]), json!([41, 80_000, 98_000, 100_000, 100_000])]);
    let steps: Vec<u64> =
        found["steps"].as_array().unwrap().iter().map(|step| step["deliveries"].as_u64().unwrap()).collect();
    assert_eq!(steps, [1, 1, 3, 5, 20, 30, 40, 0, 0, 0, 0, 0]);
    let one = ask(&lake.path(), "delays --by provider --limit 1");
    assert_eq!((&one["others"]["groups"], &one["others"]["deliveries"]), (&json!(1), &json!(40)));

    let folder = scratch();
    let file = folder.path().join("repute.toml");
    for (percent, milliseconds) in [(50, 50_000), (95, 95_000), (99, 99_000)] {
        let rule = format!(
            "[check]\ndefault_rules = false\n[[rule]]\nname = \"t\"\nmetric = \"delay_p{percent}\"\nwindow = \"1h\"\nwarn = \"1s\"\n"
        );
        std::fs::write(&file, rule).unwrap();
        let check =
            on(&lake.path(), &format!("check --config {} --at 2026-10-05T12:30:00Z --format json", file.display()));
        assert_eq!(check.json()["findings"][0]["events"], milliseconds, "delay_p{percent}");
    }
}

/// Five messages that were put off: one is delivered, one given up, one bounces, one waits until the next day, one is past its time.
fn put_off() -> Vec<String> {
    const DAY: i64 = 86_400;
    let to = |number: usize| mail(number, if number == 4 { "gmail.com" } else { "example.com" });
    let full = "smtp; 452 4.2.2 user3@example.com mailbox 4711 full";
    vec![
        delay(&to(1), "MailboxFull", 600, DAY, "smtp; 452 4.2.2 user1@example.com mailbox 17 full"),
        delay(&to(1), "MailboxFull", 1_800, DAY, "smtp; 452 4.2.2 user1@example.com mailbox 18 full"),
        delivery(&to(1), 2_400),
        delay(&to(2), "TransientCommunicationFailure", 700, 3_600, "smtp; 421 4.4.1 no answer"),
        bounce(&to(2), 3_700, "smtp; 550 4.4.7 Message expired: unable to deliver in 60 minutes"),
        delay(&to(3), "MailboxFull", 300, DAY, full),
        bounce(&to(3), 900, "smtp; 550 5.2.2 mailbox full"),
        delay(&to(4), "IPFailure", 400, DAY, "smtp; 421 4.7.0 <script>alert(1)</script>\u{1b}[31m"),
        delay(&to(4), "IPFailure", 900, DAY, "smtp; 421 4.7.0 <script>alert(1)</script>\u{1b}[31m"),
        delay(&to(5), "General", 500, 5_000, "smtp; 451 4.3.0 later"),
        // Delivered at once, and delivered before another of the same message was put off.
        delivery(&to(6), 1),
        delivery(&Mail { to: "other@example.com".to_owned(), ..to(4) }, 2_000),
    ]
}

#[test]
fn what_becomes_of_delayed_mail() {
    let lake = Lake::of(&put_off());
    let server = Server::serve(&lake.path(), "--at 2026-10-05T14:00:00Z");
    let found = server.get("/api/v1/delays").json();
    let delayed = &found["delayed"];
    assert_eq!((&delayed["events"], &delayed["messages"]), (&json!(7), &json!(5)));
    assert_eq!((&delayed["delivered"]["deliveries"], &delayed["delivered"]["p50_ms"]), (&json!(1), &json!(2_400_000)));
    assert_eq!((&delayed["bounced"], &delayed["expired"]), (&json!(2), &json!(1)));
    let waiting = &delayed["waiting"];
    assert_eq!(waiting["messages"], 1);
    assert_eq!(
        waiting["next"][0],
        json!({
            "message_id": "0102019a-00000004", "recipient": "user4@gmail.com", "provider": "Gmail", "delay_type": "IPFailure",
            "diagnostic_code": "smtp; 421 4.7.0 <script>alert(1)</script>\u{1b}[31m", "first_delay": "2026-10-05T12:06:40Z",
            "last_delay": "2026-10-05T12:15:00Z", "expires": "2026-10-06T12:00:00Z",
        })
    );
    assert_eq!(
        (&delayed["overdue"]["messages"], &delayed["overdue"]["first"][0]["recipient"]),
        (&json!(1), &json!("user5@example.com"))
    );
    let types: Vec<Value> =
        delayed["types"].as_array().unwrap().iter().map(|of| json!([of["delay_type"], of["events"]])).collect();
    assert_eq!(
        types,
        [
            json!(["MailboxFull", 3]),
            json!(["IPFailure", 2]),
            json!(["General", 1]),
            json!(["TransientCommunicationFailure", 1]),
        ]
    );
    assert_eq!(delayed["types"][1]["most"], json!([{"provider": "Gmail", "events": 2}]));
    assert_eq!(
        delayed["providers"][0],
        json!({"provider": "example.com", "events": 5, "most": [
        {"delay_type": "MailboxFull", "events": 3}, {"delay_type": "General", "events": 1}, {"delay_type": "TransientCommunicationFailure", "events": 1}]})
    );
    let reason = &delayed["reasons"][0];
    assert_eq!((&reason["text"], &reason["events"]), (&json!("452 4.2.2 {address} mailbox {number} full"), &json!(3)));
    assert!(!reason["example"].as_str().unwrap().contains("user1@"), "{reason}");
    // An hour earlier nobody knew of what came after, and nothing was past its time.
    let earlier = Server::serve(&lake.path(), "--at 2026-10-05T12:20:00Z").get("/api/v1/delays").json();
    let earlier = &earlier["delayed"];
    assert_eq!(
        (&earlier["events"], &earlier["bounced"], &earlier["waiting"]["messages"], &earlier["overdue"]["messages"]),
        (&json!(6), &json!(1), &json!(4), &json!(0))
    );
    // Filters are those of the delay, not of what came after.
    let gmail = server.get("/api/v1/delays?provider=Gmail").json();
    assert_eq!((&gmail["delayed"]["messages"], &gmail["deliveries"]), (&json!(1), &json!(0)));
    assert_eq!(gmail["p50_ms"], Value::Null);
}

#[test]
fn the_page_and_its_forms() {
    let lake = Lake::of(&put_off());
    let server = Server::serve(&lake.path(), "--at 2026-10-05T14:00:00Z");
    let page = server.get("/delays?range=24h&zone=Europe/Berlin&configuration_set=orders").text;
    for part in [
        "Half within",
        "40 min",
        "7 delays of 5 messages",
        "2 (40.0\u{a0}%)",
        "<a href=\"/messages/0102019a-00000004?zone=Europe/Berlin\">user4@gmail.com</a>",
        "2026-10-05 14:06 CEST",
        "in 22 h",
        "452 4.2.2 {address} mailbox {number} full",
        "configuration_set=orders&#38;by=outgoing_ip&#38;limit=25",
        "421 4.7.0 &#60;script&#62;alert(1)&#60;/script&#62;\u{fffd}[31m",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("<script>") && !page.contains('\u{1b}'), "{page}");
    for wrong in ["by=colour", "limit=7", "from=soon", "by=provider&by=region"] {
        assert_eq!(server.get(&format!("/delays?{wrong}")).status, 400, "{wrong}");
    }
    let nothing = server.get("/delays?from=2026-01-01&to=2026-01-02").text;
    assert!(nothing.contains("No events in this range"), "{nothing}");
    for (rows, first) in [
        ("undecided", "message_id,recipient,provider,"),
        ("reasons", "delay_type,status,text,"),
        ("all", "deliveries,p50_ms,"),
        ("windows", "window_start,window_end,deliveries,"),
    ] {
        let csv = server.get(&format!("/api/v1/delays?rows={rows}&window=1h&format=csv"));
        assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
        assert!(csv.text.starts_with(first), "{}", csv.text);
    }
    for wrong in ["rows=some", "limit=0", "windw=1h", "zone=Mars", "clock=wall"] {
        assert_eq!(server.get(&format!("/api/v1/delays?{wrong}")).status, 400, "{wrong}");
    }
    let text = on(&lake.path(), "delays --by provider").expect(0).stdout;
    for part in ["put off 7 times: 5 messages", "MailboxFull", "452 4.2.2 {address} mailbox {number} full", "Gmail"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let none = on(&lake.path(), "delays --since 2026-11-01").expect(0).stdout;
    assert!(none.starts_with("no deliveries or delays like that"), "{none}");
    on(&lake.path(), "delays --rows bots").expect(2);
}

#[test]
fn the_api_answers_as_the_command_line() {
    let (lake, server) = (&dump::lake().0, Server::serve(&dump::lake().0, "--at 2027-01-01T00:00:00Z"));
    for (path, arguments) in [
        ("limit=20", ""),
        ("limit=20&by=provider&configuration_set=marketing", "--by provider --only configuration_set=marketing"),
        ("limit=20&window=1d&since=2026-10-20T00:00:00Z", "--window 1d --since 2026-10-20T00:00:00Z"),
    ] {
        let told = ask(lake, format!("delays {arguments}").trim());
        assert!(told["deliveries"].as_u64().unwrap() > 0);
        let answer = server.get(&format!("/api/v1/delays?{path}")).json();
        // Only what still waits depends on the time at which it is asked.
        assert_eq!((&answer["windows"], &answer["groups"]), (&told["windows"], &told["groups"]), "{path}");
        for name in ["events", "types", "providers", "reasons", "messages", "delivered", "bounced", "expired"] {
            assert_eq!(answer["delayed"][name], told["delayed"][name], "{path}: {name}");
        }
    }
}

#[test]
fn duckdb_finds_the_same() {
    let Some(python) = python() else { return };
    let lake = &dump::lake().0;
    let truth = run_python(&python, "delays.py", [&*lake.to_string_lossy()]);
    let found = ask(lake, "delays --by recipient_domain --limit 10000 --window 1d");
    let ranks = |of: &Value| json!([of["deliveries"], of["p50_ms"], of["p95_ms"], of["p99_ms"], of["worst_ms"]]);
    assert_eq!(ranks(&found), truth["all"]);
    let of = |list: &str, name: &str, length: usize| -> Value {
        let rows = found[list].as_array().unwrap().iter();
        let named =
            rows.map(|row| (row[name].as_str().unwrap()[..].chars().take(length).collect::<String>(), ranks(row)));
        Value::Object(named.collect())
    };
    assert_eq!(of("groups", "recipient_domain", 200), truth["domains"]);
    assert_eq!(of("windows", "window_start", 10), truth["days"]);
    let delayed = &found["delayed"];
    let types: serde_json::Map<String, Value> = delayed["types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| (of["delay_type"].as_str().unwrap().to_owned(), of["events"].clone()))
        .collect();
    assert_eq!(Value::Object(types), truth["types"]);
    let undecided = delayed["waiting"]["messages"].as_u64().unwrap() + delayed["overdue"]["messages"].as_u64().unwrap();
    assert_eq!(
        json!([delayed["messages"], delayed["delivered"]["deliveries"], delayed["bounced"], undecided]),
        truth["fates"]
    );
}

//! Whoever has no right to see addresses sees none, on whichever page and in whichever answer.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use chrono::TimeDelta;
use repute_web::{Audience, route_list};
use serde_json::{Value, json};

use crate::desk::{Client, Desk};
use crate::mail::{Lake, Mail, object, time};
use crate::program::{Server, import_ending, scratch};

const AT: &str = "--at 2026-10-05T13:00:00Z";

/// A local part and words that nothing else holds.
const CANARY: &str = "canary.jane";
const ADDRESS: &str = "canary.jane@person.example";
const SUBJECT: &str = "canarysubject";

/// Mail whose recipient stands wherever SES or a server may put it.
fn lake() -> &'static Lake {
    static LAKE: OnceLock<Lake> = OnceLock::new();
    LAKE.get_or_init(|| {
        let noon = time("2026-10-05T12:00:00Z");
        let mut events = Vec::new();
        for number in 0..60 {
            let mail = Mail {
                to: ADDRESS.to_owned(),
                subject: format!("{SUBJECT} {number}"),
                ..Mail::new(number, noon + TimeDelta::seconds(number as i64))
            };
            let said = format!("smtp; 550 5.1.1 <{ADDRESS}>: no such user");
            let at = mail.after(2);
            let delayed = json!({"emailAddress": mail.to, "status": "4.4.1", "diagnosticCode": said});
            let delay = json!({"timestamp": at, "delayType": "MailboxFull", "delayedRecipients": [delayed]});
            let delivery = json!({"timestamp": at, "recipients": [mail.to], "smtpResponse": format!("250 ok {ADDRESS}"), "processingTimeMillis": 900});
            let link = "https://shop.example/?for=canary.jane%40person.example";
            let click = json!({"timestamp": at, "ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0", "link": link, "linkTags": {"for": [ADDRESS]}});
            let bounced = json!({"emailAddress": mail.to, "status": "5.1.1", "diagnosticCode": said});
            let bounce = json!({
                "timestamp": at, "feedbackId": format!("f{number}"), "bounceType": "Permanent", "bounceSubType": "General",
                "bouncedRecipients": [bounced],
            });
            events.push(mail.send());
            events.push(mail.event("DeliveryDelay", "deliveryDelay", delay));
            match number % 3 {
                0 => events.push(mail.event("Bounce", "bounce", bounce)),
                1 => {
                    events.push(mail.event("Delivery", "delivery", delivery));
                    events.push(mail.event("Click", "click", click));
                }
                _ => {}
            }
        }
        let events: Vec<String> = events.iter().map(|event| tagged(event)).collect();
        let lake = Lake::of(&events);
        let folder = scratch();
        let bad = object(folder.path(), "bad", format!("{{\"eventType\":\"Bounce\",\"mail\":{{\"destination\":[\"{ADDRESS}\"]\n"));
        import_ending(&bad, &lake.path(), 3);
        lake
    })
}

/// With a tag that holds the address.
fn tagged(event: &str) -> String {
    let mut event: Value = serde_json::from_str(event).unwrap();
    event["mail"]["tags"]["customer"] = json!([ADDRESS]);
    event["mail"]["tags"]["campaign"] = json!([format!("for {ADDRESS}")]);
    event.to_string()
}

/// Every route with what makes it show most, but nothing that names the address.
fn addresses(server: &Server, desk: &Desk) -> Vec<String> {
    let mut auditor = Client::bearing(server, desk.token("auditor"));
    let bad = auditor.get("/api/v1/quarantine").json();
    let bad = bad["records"][0]["id"].as_str().unwrap_or_else(|| panic!("{bad}")).to_owned();
    let mut addresses = Vec::new();
    for (route, audience) in route_list() {
        let path = match route.as_str() {
            "/charts/{file}" => "/charts/bounce-rate.svg".to_owned(),
            "/charts/engagement/{file}" => "/charts/engagement/open-rate.svg".to_owned(),
            "/alerts/{rule}" => "/alerts/bounce_rate_10m".to_owned(),
            "/messages/{id}" => "/messages/0102019a-00000000".to_owned(),
            route => route.replace("{id}", &bad).replace("{type}", "forbidden"),
        };
        if audience != Audience::SignedIn {
            continue;
        }
        addresses.push(path.clone());
        for query in [
            "by=tag:customer",
            "by=campaign",
            "by=source",
            "range=all&by=tag:customer&compare=before",
            "format=csv",
            "format=csv&by=tag:customer",
            "recipient_domain=person.example",
            "recipient_domain=person.example&format=csv",
            "message_id=0102019a-00000000",
            "configuration_set=orders",
        ] {
            addresses.push(format!("{path}?{query}"));
        }
    }
    addresses
}

#[test]
fn nobody_without_the_right_sees_an_address() {
    let desk = Desk::new();
    let rule = "[[rule]]\nname = \"bounces_by_customer\"\nmetric = \"bounce_rate\"\nwindow = \"1h\"\nlook_back = \"2h\"\nby = [\"tag:customer\"]\n\
                warn = \"1 %\"\nmin_sends = 1\nmin_events = 1\n";
    let folder = scratch();
    let config = folder.path().join("repute.toml");
    std::fs::write(&config, rule).unwrap();
    let server = desk.serve(&lake().path(), &format!("{AT} --config {}", config.display()));
    let addresses = addresses(&server, &desk);
    let clients = [
        ("vera", Client::signed_in(&server, "vera")),
        ("olga", Client::signed_in(&server, "olga")),
        ("reader", Client::bearing(&server, desk.token("reader"))),
    ];
    let mut shown = BTreeSet::new();
    for (name, mut client) in clients {
        for address in &addresses {
            let is_for_programs = address.starts_with("/api/") || address.starts_with("/metrics");
            if name == "reader" && !is_for_programs {
                continue;
            }
            let response = client.get(address);
            for canary in [CANARY, SUBJECT] {
                let at = response.text.find(canary).map(|at| {
                    let near = at.saturating_sub(120)..(at + 60).min(response.text.len());
                    response.text.get(near).unwrap_or_default().to_owned()
                });
                assert_eq!(at, None, "{name} saw it at {address}");
            }
            if response.status == 200 && response.text.contains("c***") {
                shown.insert(address.split('?').next().unwrap().to_owned());
            }
        }
    }
    // There was something to mask.
    for path in [
        "/messages",
        "/bounces",
        "/rates",
        "/campaigns",
        "/api/v1/bounces",
        "/api/v1/messages",
        "/api/v1/rates",
        "/metrics",
        "/api/v1/check",
    ] {
        assert!(shown.contains(path), "{path} showed nothing masked: {shown:?}");
    }
    assert!(desk.audit().iter().all(|line| line["what"] != "reveal" || line["who"] == "auditor"));
}

#[test]
fn those_with_the_right_see_them_and_leave_a_line() {
    let desk = Desk::new();
    let server = desk.serve(&lake().path(), AT);
    let mut adam = Client::signed_in(&server, "adam");
    let before = desk.audit().len();
    for path in ["/", "/health"] {
        assert_eq!(adam.get(path).status, 200, "{path}");
    }
    let reveals = |from: usize| {
        let lines = desk.audit();
        let line = |line: &Value| {
            format!(
                "{} {} {}",
                line["what"].as_str().unwrap(),
                line["path"].as_str().unwrap(),
                line["query"].as_str().unwrap()
            )
        };
        lines[from..].iter().map(line).collect::<Vec<_>>()
    };
    let quiet = reveals(before);
    assert!(quiet.iter().all(|line| line.starts_with("reveal")), "{quiet:?}");
    let before = desk.audit().len();
    for path in [
        "/messages?q=canary.jane%40person.example",
        "/bounces?range=all",
        "/api/v1/messages?recipient=canary.jane%40person.example",
        "/api/v1/bounces?format=csv",
    ] {
        let page = adam.get(path);
        assert!(page.text.contains(ADDRESS) || page.text.contains(CANARY), "{path}: {}", page.status);
    }
    assert_eq!(
        reveals(before),
        [
            "reveal /messages q=canary.jane%40person.example",
            "reveal /bounces range=all",
            "reveal /api/v1/messages recipient=canary.jane%40person.example",
            "export /api/v1/messages recipient=canary.jane%40person.example",
            "reveal /api/v1/bounces format=csv",
            "export /api/v1/bounces format=csv",
        ]
    );
    // A viewer may filter by an address, and finds the mail without seeing it.
    let mut reader = Client::bearing(&server, desk.token("reader"));
    let found = reader.get("/api/v1/messages?recipient=canary.jane%40person.example").json();
    assert_eq!(found.as_array().unwrap().len(), 50);
    assert!(!found.to_string().contains(CANARY) && found.to_string().contains("c***@person.example"));
}

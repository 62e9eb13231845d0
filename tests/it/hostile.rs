//! Text that came with events is somebody else's: in whatever field it comes, every page shows it as text and runs none of it.

use std::fs;

use serde_json::{Map, Value, json};

use crate::program::{Server, import_ending, scratch};
use crate::tools::check_in_browser;

/// What would call `pwned` if it were taken for markup, for an attribute, for a part of a script, for an address or for a style; and what
/// steers terminals and the direction of writing.
const CORPUS: [&str; 16] = [
    "<script>pwned(1)</script>",
    "<img src=x onerror=pwned(2)>",
    "\"><svg onload=pwned(3)>",
    "' autofocus onfocus='pwned(4)",
    "\" onmouseover=\"pwned(5)\" x=\"",
    "javascript:pwned(6)",
    "</title><script>pwned(7)</script>",
    "</script><script>pwned(8)</script>",
    "]]><script>pwned(9)</script><!--",
    "{{constructor.constructor('pwned(10)')()}}",
    "&lt;img src=x onerror=pwned(11)&gt;",
    "</style><style>*{background:url(/pwned)}</style>",
    "data:text/html,<script>pwned(13)</script>",
    "\u{1b}[31m\u{9b}2J\u{0}\u{7}\r\n\u{2028}\u{2029}\u{202e}\u{2066}pwned",
    "=HYPERLINK(\"javascript:pwned(15)\")",
    "</text></svg><a href=javascript:pwned(16)><foreignObject onload=pwned(16)>",
];

const KINDS: [&str; 10] = [
    "Send",
    "Delivery",
    "Bounce",
    "Complaint",
    "Reject",
    "DeliveryDelay",
    "Open",
    "Click",
    "Rendering Failure",
    "Subscription",
];

/// An event of a kind in which every string is `text`, but for what makes it an event: its kind and its times. Addresses and domains are
/// `text` around an at sign.
fn event(kind: &str, number: usize, text: &str) -> Value {
    let time = |seconds: usize| format!("2026-10-31T{:02}:{:02}:{:02}.000Z", 10 + number / 60, number % 60, seconds);
    let address = format!("\"{text}\"@{text}.example");
    let recipient = json!({"emailAddress": address, "action": text, "status": text, "diagnosticCode": text});
    let mut event = json!({
        "eventType": kind,
        "mail": {
            "timestamp": time(0), "messageId": format!("{text}{kind}{number}"), "source": address, "sourceArn": text,
            "sendingAccountId": text, "destination": [address], "headersTruncated": false,
            "headers": [{"name": text, "value": text}],
            "commonHeaders": {"from": [text], "to": [text], "messageId": text, "subject": text, "date": text},
            "tags": {
                "ses:configuration-set": [text], "ses:source-ip": [text], "ses:from-domain": [text], "ses:caller-identity": [text],
                "ses:outgoing-ip": [text], "ses:tenant-name": [text], "campaign": [text], "template": [text], text: [text],
            },
        },
    });
    let particulars = match kind {
        "Send" => json!({}),
        "Delivery" => json!({
            "timestamp": time(1), "processingTimeMillis": 900, "recipients": [address], "smtpResponse": text, "reportingMTA": text,
            "remoteMtaIp": text,
        }),
        "Bounce" => json!({
            "timestamp": time(2), "feedbackId": format!("{text}{number}"), "bounceType": if number.is_multiple_of(2) { "Permanent" } else { text },
            "bounceSubType": text, "bouncedRecipients": [recipient], "reportingMTA": text, "remoteMtaIp": text,
        }),
        "Complaint" => json!({
            "timestamp": time(3), "feedbackId": format!("{text}c{number}"), "complainedRecipients": [{"emailAddress": address}],
            "userAgent": text, "complaintFeedbackType": text, "complaintSubType": text, "arrivalDate": time(3),
        }),
        "Reject" => json!({"reason": text}),
        "DeliveryDelay" => json!({
            "timestamp": time(4), "delayType": text, "expirationTime": time(9), "reportingMTA": text, "delayedRecipients": [recipient],
        }),
        "Open" => json!({"timestamp": time(5), "ipAddress": text, "userAgent": text}),
        "Click" => json!({
            "timestamp": time(6), "ipAddress": text, "userAgent": text, "link": text, "linkTags": {text: [text]},
        }),
        "Rendering Failure" => json!({"templateName": text, "errorMessage": text}),
        _ => json!({
            "timestamp": time(7), "contactList": text, "source": text,
            "newTopicPreferences": {"unsubscribeAll": true, "topicSubscriptionStatus": [{"topicName": text, "subscriptionStatus": text}]},
            "oldTopicPreferences": {"unsubscribeAll": false, "topicSubscriptionStatus": [{"topicName": text, "subscriptionStatus": text}]},
        }),
    };
    let key = match kind {
        "Rendering Failure" => "failure".to_owned(),
        "DeliveryDelay" => "deliveryDelay".to_owned(),
        other => other.to_lowercase(),
    };
    event[key] = particulars;
    event
}

/// Every path to a string of an event.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(path.to_owned()),
        Value::Array(items) => items.iter().for_each(|item| paths(item, path, found)),
        Value::Object(members) => {
            Map::iter(members).for_each(|(name, item)| paths(item, &format!("{path}.{name}"), found));
        }
        _ => {}
    }
}

/// What a page shows of a text.
fn shown(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// Pages filtered by a text, in every way that addresses know, and where the text must be readable.
fn filtered(text: &str) -> Vec<Value> {
    let value: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let at = "range=7d";
    let mut pages = Vec::new();
    for dimension in [
        "configuration_set",
        "from_domain",
        "campaign",
        "recipient_domain",
        "provider",
        "tag:campaign",
        "bounce_subtype",
        "status",
    ] {
        pages.push(json!({"path": format!("/?{at}&{dimension}={value}"), "texts": [shown(text)]}));
    }
    for path in [
        "/rates?by=campaign",
        "/providers?by=recipient_domain&limit=100",
        "/campaigns?by=campaign&limit=100",
        "/bounces?limit=100",
    ] {
        pages.push(json!({"path": format!("{path}&{at}&configuration_set={value}"), "texts": [shown(text)]}));
    }
    pages.push(json!({"path": format!("/rates?{at}&by={value}"), "status": 400, "texts": []}));
    pages.push(json!({"path": format!("/?range={value}"), "status": 400}));
    pages.push(json!({"path": format!("/?zone={value}"), "status": 400}));
    pages
}

#[test]
fn every_field_of_every_event_stays_text_on_every_page() {
    let folder = scratch();
    let dump = folder.path().join("dump");
    fs::create_dir_all(&dump).unwrap();
    let (mut lines, mut fields) = (String::new(), Vec::new());
    for (number, text) in CORPUS.into_iter().enumerate() {
        for kind in KINDS {
            let event = event(kind, number, text);
            paths(&event, kind, &mut fields);
            lines.push_str(&format!("{event}\n"));
        }
        // And as something that is no event at all.
        lines.push_str(&format!("{{\"eventType\": {}, \"mail\": 1}}\n{text}\n", json!(text)));
    }
    fields.sort();
    fields.dedup();
    assert!(fields.len() > 200, "{}", fields.len());
    fs::write(dump.join("<img src=x onerror=pwned(17)>.ndjson"), lines).unwrap();
    let lake = folder.path().join("lake");
    import_ending(&dump, &lake, 3);

    let server = Server::serve(&lake, "--at 2026-11-01T00:00:00Z");
    let rows = server.get("/api/v1/rates").json();
    for (count, least) in
        [("send", 16), ("delivery", 16), ("hard_bounce", 8), ("complaint", 16), ("open", 16), ("click", 16)]
    {
        assert!(rows[0]["counts"][count].as_u64().unwrap() >= least, "{count}: {rows}");
    }
    let pages: Vec<Value> = CORPUS.into_iter().flat_map(filtered).collect();
    let question = json!({"base": server.url, "navigation": true, "pages": pages, "widths": [1280]});
    let Some(answer) = check_in_browser(&question) else { return };
    assert!(answer["visited"].as_array().unwrap().len() >= pages.len() + 5);
    let findings: Vec<String> = answer["findings"].as_array().unwrap().iter().map(Value::to_string).collect();
    assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings[..findings.len().min(30)].join("\n"));
}

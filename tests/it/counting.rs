//! What counts as AWS counts, on lakes small enough to count by hand.

use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use crate::mail::{Lake, time};
use crate::program::{ask, on};

/// One message to some recipients of `example.com`.
struct Message<'a> {
    id: &'a str,
    to: &'a [&'a str],
}

impl Message<'_> {
    fn event(&self, kind: &str, key: &str, after: i64, particulars: Value) -> String {
        let sent = time("2026-10-05T12:00:00Z");
        let at = |seconds: i64| (sent + TimeDelta::seconds(seconds)).to_rfc3339_opts(SecondsFormat::Millis, true);
        let to: Vec<String> = self.to.iter().map(|name| address(name)).collect();
        let mut event = json!({
            "eventType": kind,
            "mail": {
                "timestamp": at(0), "messageId": self.id, "source": "shop@shop.example", "sendingAccountId": "111122223333",
                "destination": to, "tags": {"ses:configuration-set": ["orders"]},
            },
        });
        event[key] = particulars;
        event[key]["timestamp"] = json!(at(after));
        event.to_string()
    }

    fn send(&self) -> String {
        self.event("Send", "send", 0, json!({}))
    }

    fn delivery(&self, to: &[&str]) -> String {
        let to: Vec<String> = to.iter().map(|name| address(name)).collect();
        self.event("Delivery", "delivery", 2, json!({"recipients": to}))
    }

    fn bounce(&self, kind: &str, subtype: &str, to: &[&str]) -> String {
        let to: Vec<Value> = to.iter().map(|name| json!({"emailAddress": address(name)})).collect();
        let id = format!("bounce-{}-{kind}-{subtype}", self.id);
        let bounce = json!({"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": to, "feedbackId": id});
        self.event("Bounce", "bounce", 3_600, bounce)
    }

    fn complaint(&self, kind: &str, subtype: Option<&str>, to: &[&str]) -> String {
        let to: Vec<Value> = to.iter().map(|name| json!({"emailAddress": address(name)})).collect();
        let id = format!("complaint-{}", self.id);
        let complaint = json!({
            "complaintFeedbackType": kind, "complaintSubType": subtype, "complainedRecipients": to, "feedbackId": id,
        });
        self.event("Complaint", "complaint", 7_200, complaint)
    }
}

fn address(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@example.com") }
}

/// Counts, and what AWS makes of them: eligible sends and counted bounces, sends that may bring complaints and counted complaints.
fn figures(events: &[String], options: &str) -> (Value, [u64; 4]) {
    let lake = Lake::of(events);
    let rates = ask(&lake.path(), &format!("rates{options}"));
    let aws = &rates[0]["aws"];
    let keys = ["eligible_sends", "counted_bounces", "complaint_eligible_sends", "counted_complaints"];
    (rates[0]["counts"].clone(), keys.map(|key| aws[key].as_u64().unwrap()))
}

/// Every recipient is a send of its own, and so is each of those that bounce.
#[test]
fn a_message_to_several() {
    let message = Message { id: "m", to: &["a", "b", "c"] };
    let events = [message.send(), message.delivery(&["c"]), message.bounce("Permanent", "General", &["a", "b"])];
    let (counts, aws) = figures(&events, "");
    assert_eq!((&counts["send"], &counts["delivery"], &counts["hard_bounce"]), (&json!(3), &json!(1), &json!(2)));
    assert_eq!(aws, [3, 2, 3, 0]);
}

/// The receiving server took the mail and sent it back later: one send that was delivered and has bounced.
#[test]
fn delivered_and_then_bounced() {
    let message = Message { id: "m", to: &["a"] };
    let events = [message.send(), message.delivery(&["a"]), message.bounce("Permanent", "General", &["a"])];
    let (counts, aws) = figures(&events, "");
    assert_eq!((&counts["delivery"], &counts["hard_bounce"]), (&json!(1), &json!(1)));
    assert_eq!(aws, [1, 1, 1, 0]);
}

/// SES tells of a send although it never tried: neither the send nor the bounce counts. The global list's bounces do.
#[test]
fn suppressed_although_sent() {
    let [own, global, good] = ["own", "global", "good"].map(|id| Message { id, to: &["a"] });
    let events = [
        own.send(),
        own.bounce("Permanent", "OnAccountSuppressionList", &["a"]),
        global.send(),
        global.bounce("Permanent", "Suppressed", &["a"]),
        good.send(),
        good.delivery(&["a"]),
    ];
    let (counts, aws) = figures(&events, "");
    assert_eq!((&counts["send"], &counts["hard_bounce"]), (&json!(3), &json!(2)));
    assert_eq!(aws, [2, 1, 2, 0]);
    assert_eq!(figures(&events[..2], "").1, [0, 0, 0, 0]);
    let lake = Lake::of(&events[..2]);
    assert_eq!(ask(&lake.path(), "rates")[0]["aws"]["bounce_rate"], Value::Null, "no data, not 0 %");
}

/// An out-of-office reply comes as a soft bounce of mail that was delivered.
#[test]
fn out_of_office() {
    let message = Message { id: "m", to: &["a"] };
    let events = [message.send(), message.delivery(&["a"]), message.bounce("Transient", "General", &["a"])];
    let (counts, aws) = figures(&events, "");
    assert_eq!((&counts["soft_bounce"], &counts["delivery"]), (&json!(1), &json!(1)));
    assert_eq!(aws, [1, 0, 1, 0]);
}

/// SES lists every recipient of the mail who may have complained. Each counts, as documented; those at Gmail never do.
#[test]
fn a_complaint_with_several_candidates() {
    let message = Message { id: "m", to: &["a", "b", "c@gmail.com"] };
    let events = [message.send(), message.complaint("abuse", None, &["a", "b", "c@gmail.com"])];
    let (counts, aws) = figures(&events, "");
    assert_eq!(counts["complaint"], json!(3));
    assert_eq!(aws, [3, 0, 2, 2]);
}

/// Six things that AWS does not say whether it counts, each in a message of its own, and a good message.
#[test]
fn what_aws_is_silent_on_may_be_counted() {
    let ids = ["tenant", "validation", "unsubscribed", "undetermined", "not-spam", "suppressed", "good"];
    let [tenant, validation, unsubscribed, undetermined, not_spam, suppressed, good] =
        ids.map(|id| Message { id, to: &["a"] });
    let mut events: Vec<String> =
        [&tenant, &validation, &unsubscribed, &undetermined, &not_spam, &suppressed, &good].map(Message::send).to_vec();
    events.extend([
        tenant.bounce("Permanent", "OnTenantSuppressionList", &["a"]),
        validation.bounce("Permanent", "EmailValidationSuppressed", &["a"]),
        unsubscribed.bounce("Permanent", "UnsubscribedRecipient", &["a"]),
        undetermined.bounce("Undetermined", "Undetermined", &["a"]),
        not_spam.complaint("not-spam", None, &["a"]),
        suppressed.complaint("abuse", Some("OnAccountSuppressionList"), &["a"]),
    ]);
    // Of seven sends three were never attempted.
    let (counts, aws) = figures(&events, "");
    assert_eq!(aws, [4, 0, 4, 0]);
    for (name, expected) in [
        ("tenant_suppression", [5, 1, 5, 0]),
        ("email_validation", [5, 1, 5, 0]),
        ("unsubscribed", [5, 1, 5, 0]),
        ("undetermined", [4, 1, 4, 0]),
        ("not_spam", [4, 0, 4, 1]),
        ("suppressed_complaint", [4, 0, 4, 1]),
        ("tenant_suppression,email_validation,unsubscribed,undetermined,not_spam,suppressed_complaint", [7, 4, 7, 2]),
    ] {
        let (same, aws) = figures(&events, &format!(" --count {name}"));
        assert_eq!((aws, &same), (expected, &counts), "{name}: the plain counts stay as they are");
    }
    let lake = Lake::of(&events);
    let text = on(&lake.path(), "reputation --count undetermined,not_spam").expect(0).stdout;
    let line = "Where AWS is silent, counted: undetermined, not_spam; left out: tenant_suppression, email_validation, \
                unsubscribed, suppressed_complaint.";
    assert!(text.contains(line), "{text}");
    assert!(
        on(&lake.path(), "rates")
            .expect(0)
            .stdout
            .contains("Where AWS is silent, counted: nothing (--count); left out: tenant")
    );
    let report = ask(&lake.path(), "reputation --count undetermined");
    assert_eq!(report["counted_where_aws_is_silent"], json!(["undetermined"]));
    assert_eq!(report["left_out_where_aws_is_silent"].as_array().unwrap().len(), 5);
    let wrong = on(&lake.path(), "rates --count soft").expect(2).stderr;
    assert!(wrong.contains("`soft` is nothing on which AWS is silent; known are tenant_suppression"), "{wrong}");
}

/// The same from `repute.toml`, where flags overrule it.
#[test]
fn the_file_may_say_what_counts() {
    let message = Message { id: "m", to: &["a"] };
    let lake = Lake::of(&[message.send(), message.bounce("Undetermined", "Undetermined", &["a"])]);
    let folder = crate::program::scratch();
    let file = crate::mail::object(folder.path(), "repute.toml", "[counting]\ncount = [\"undetermined\"]\n");
    let counted = |options: &str| {
        let rates = ask(&lake.path(), &format!("rates --config {}{options}", file.display()));
        rates[0]["aws"]["counted_bounces"].as_u64().unwrap()
    };
    assert_eq!((counted(""), counted(" --count not_spam")), (1, 0));
    let wrong = crate::mail::object(folder.path(), "repute.toml", "[counting]\ncount = [\"soft\"]\n");
    let said = on(&lake.path(), &format!("rates --config {}", wrong.display())).expect(2).stderr;
    assert!(said.contains("repute.toml:2: `soft` is nothing on which AWS is silent"), "{said}");
}

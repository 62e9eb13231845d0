//! SES events written by hand, for lakes whose numbers can be worked out on paper.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{import, scratch};

/// One mail to one recipient.
#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) id: String,
    pub(crate) sent: DateTime<Utc>,
    pub(crate) to: String,
    pub(crate) set: String,
    pub(crate) subject: String,
}

/// A time written as RFC 3339.
pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl Mail {
    /// Mail number `number`, to `userNUMBER@example.com` in the set `orders`.
    pub(crate) fn new(number: usize, sent: DateTime<Utc>) -> Self {
        Self {
            id: format!("0102019a-{number:08}"),
            sent,
            to: format!("user{number}@example.com"),
            set: "orders".to_owned(),
            subject: "Your order".to_owned(),
        }
    }

    pub(crate) fn send(&self) -> String {
        self.event("Send", "send", json!({}))
    }

    pub(crate) fn delivery(&self) -> String {
        let delivery = json!({"timestamp": self.after(1), "recipients": [self.to], "smtpResponse": "250 ok", "processingTimeMillis": 1000});
        self.event("Delivery", "delivery", delivery)
    }

    /// A bounce one second after the send.
    pub(crate) fn bounce(&self, kind: &str, subtype: &str) -> String {
        let bounce = json!({
            "timestamp": self.after(1), "feedbackId": format!("f-{}", self.id), "bounceType": kind, "bounceSubType": subtype,
            "bouncedRecipients": [{"emailAddress": self.to, "status": "5.1.1"}],
        });
        self.event("Bounce", "bounce", bounce)
    }

    /// A complaint one minute after the send.
    pub(crate) fn complaint(&self) -> String {
        let complaint = json!({
            "timestamp": self.after(60), "feedbackId": format!("c-{}", self.id), "complaintFeedbackType": "abuse",
            "complainedRecipients": [{"emailAddress": self.to}],
        });
        self.event("Complaint", "complaint", complaint)
    }

    /// The time so many seconds after the send.
    pub(crate) fn after(&self, seconds: i64) -> String {
        rfc3339(self.sent + TimeDelta::seconds(seconds))
    }

    /// An event with its own object under `key`.
    pub(crate) fn event(&self, kind: &str, key: &str, particulars: Value) -> String {
        let mut event = json!({
            "eventType": kind,
            "mail": {
                "timestamp": rfc3339(self.sent), "messageId": self.id, "source": "shop@shop.example",
                "sendingAccountId": "111122223333", "destination": [self.to],
                "commonHeaders": {"subject": self.subject},
                "tags": {"ses:configuration-set": [self.set], "ses:from-domain": ["shop.example"]},
            },
        });
        event[key] = particulars;
        event.to_string()
    }
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A lake of these events, in a folder that goes when this is dropped.
pub(crate) struct Lake {
    folder: TempDir,
    imports: usize,
}

impl Lake {
    #[track_caller]
    pub(crate) fn of(events: &[String]) -> Self {
        let mut lake = Self::planned();
        lake.add(events);
        lake
    }

    /// A lake that is not there yet.
    pub(crate) fn planned() -> Self {
        Self { folder: scratch(), imports: 0 }
    }

    /// Imports more events, each of which must be new.
    #[track_caller]
    pub(crate) fn add(&mut self, events: &[String]) {
        let object = self.folder.path().join(format!("object-{}", self.imports));
        self.imports += 1;
        fs::write(&object, events.join("\n")).unwrap();
        assert_eq!(import(&object, &self.path())["records"]["events"], json!(events.len()));
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("lake")
    }
}

/// Writes bytes as an object of this name in a folder.
pub(crate) fn object(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

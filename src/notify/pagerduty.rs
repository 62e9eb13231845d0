//! PagerDuty's Events API v2.
//!
//! Source: developer.pagerduty.com, "Send an alert event": `summary` holds 1,024 characters, `dedup_key` 255, `severity` is one of
//! critical, error, warning and info, and what is resolved goes by the `dedup_key` it was triggered with.

use std::time::Duration;

use serde_json::{Value, json};

use super::message::{Message, cut, time};
use super::secret::Secret;
use super::state::{Kind, Level};
use super::{Undelivered, http};

/// Where events go, unless told otherwise (the EU has an address of its own).
pub(crate) const URL: &str = "https://events.pagerduty.com/v2/enqueue";

const SUMMARY: usize = 1_024;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PagerDuty {
    pub(crate) url: String,
    pub(crate) routing_key: Secret,
    /// What the events are about, as PagerDuty's `source`: the lake.
    pub(crate) source: String,
}

impl PagerDuty {
    pub(crate) async fn deliver(&self, message: &Message, timeout: Duration) -> Result<(), Undelivered> {
        let (client, key) = (http::client(timeout)?, self.routing_key.read()?);
        // What began and ended while it was down would never be seen: PagerDuty ignores the end of what it does not know.
        if message.kind == Kind::Resolved && message.before.is_none() {
            http::post(client.post(&self.url), &self.event(message, "trigger", &key)).await?;
        }
        let action = if message.kind == Kind::Resolved { "resolve" } else { "trigger" };
        http::post(client.post(&self.url), &self.event(message, action, &key)).await.map(|_| ())
    }

    fn event(&self, message: &Message, action: &str, routing_key: &str) -> Value {
        let severity = match message.level {
            Level::Warning => "warning",
            Level::Critical => "critical",
            Level::Unknown => "error",
        };
        let summary = format!("{}: {}", message.title(), message.sentence());
        let links = message.dashboard.iter().map(|url| json!({"href": url, "text": "Dashboard"}));
        json!({
            "routing_key": routing_key,
            "event_action": action,
            "dedup_key": message.key,
            "client": "repute",
            "client_url": message.dashboard,
            "links": links.collect::<Vec<_>>(),
            "payload": {
                "summary": cut(&summary, SUMMARY),
                "source": self.source,
                "severity": severity,
                "timestamp": time(message.now),
                "component": message.about.account_id.as_deref().unwrap_or("ses"),
                "group": message.about.rule,
                "class": message.facts.metric.as_deref().unwrap_or("check"),
                "custom_details": message.json(),
            },
        })
    }
}

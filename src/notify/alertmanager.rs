//! Prometheus's Alertmanager, API v2.
//!
//! Source: prometheus.io, "Alerts API" and alertmanager's `api/v2/openapi.yaml`: alerts are told apart by their labels, are to be sent
//! again and again while they last, and are over at `endsAt`.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use url::Url;

use super::message::{Message, time};
use super::secret::Secret;
use super::state::{Kind, Level};
use super::{Undelivered, http};

/// An alert that is not sent again is over after this. Long enough for a check once an hour, of which two fail.
const LASTS: TimeDelta = TimeDelta::hours(4);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alertmanager {
    /// Where its pages are: the API lies below.
    pub(crate) url: Url,
    /// Sent as `Authorization: Bearer`.
    pub(crate) token: Option<Secret>,
}

impl Alertmanager {
    /// All at once, as it takes them.
    pub(crate) async fn deliver(&self, messages: &[Message], timeout: Duration) -> Result<(), Undelivered> {
        let base = self.url.as_str().trim_end_matches('/');
        let request = http::client(timeout)?.post(format!("{base}/api/v2/alerts"));
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.read()?),
            None => request,
        };
        http::post(request, &messages.iter().flat_map(alerts).collect()).await.map(|_| ())
    }
}

/// The alert, and the end of the one it was before its severity changed: that is a label.
fn alerts(message: &Message) -> Vec<Value> {
    let ends = match &message.end {
        Some((at, _)) => *at,
        None => message.now + LASTS,
    };
    let before = message.before.filter(|before| *before != message.level);
    let mut alerts = vec![alert(message, message.level, &time(ends))];
    alerts.extend(before.map(|before| alert(message, before, &time(message.now))));
    alerts
}

fn alert(message: &Message, level: Level, ends: &str) -> Value {
    let mut labels = Map::new();
    let group = message.about.group.iter();
    let group = group.filter_map(|(name, value)| Some((label(name), value.clone()?)));
    labels.extend(group.map(|(name, value)| (name, value.into())));
    // Ours last: a tag by the same name must not hide what the alert is about.
    labels.insert("alertname".to_owned(), message.about.rule.as_str().into());
    labels.insert("service".to_owned(), "repute".into());
    labels.insert("severity".to_owned(), level.as_str().into());
    if let Some(account) = &message.about.account_id {
        labels.insert("account_id".to_owned(), account.as_str().into());
    }
    let mut annotations = Map::new();
    annotations.insert("summary".to_owned(), message.title().into());
    annotations.insert("description".to_owned(), message.sentence().into());
    annotations.insert("incident".to_owned(), message.id.as_str().into());
    if message.kind == Kind::Resolved {
        annotations.insert("over".to_owned(), message.ending().unwrap_or_default().into());
    }
    let mut alert =
        json!({"labels": labels, "annotations": annotations, "startsAt": time(message.since), "endsAt": ends});
    if let Some(url) = &message.dashboard {
        alert["generatorURL"] = url.as_str().into();
    }
    alert
}

/// A dimension's name as a label's: `tag:order-id` is `tag_order_id`.
fn label(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

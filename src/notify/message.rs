//! What a receiver reads: one message's fields, in words and as JSON. Senders choose some of the words (names of configuration
//! sets, tags, domains), so that they are made harmless here, once for all receivers.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::incident::Due;
use super::state::{Facts, Key, Kind, Level, Subject};
use crate::output::plain;

/// Longer values of dimensions are cut in titles.
const TITLE_VALUE: usize = 60;

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    /// The incident.
    pub(crate) id: String,
    /// The same for every incident about the same.
    pub(crate) key: String,
    pub(crate) about: Key,
    pub(crate) level: Level,
    /// The same if it has to be told twice, after a crash, and another for every other message.
    pub(crate) once: String,
    /// The state that this receiver was told of before.
    pub(crate) before: Option<Level>,
    pub(crate) facts: Facts,
    pub(crate) since: DateTime<Utc>,
    /// When it ended, and why.
    pub(crate) end: Option<(DateTime<Utc>, String)>,
    pub(crate) now: DateTime<Utc>,
    pub(crate) dashboard: Option<String>,
    /// It only tries whether messages arrive.
    pub(crate) is_test: bool,
}

/// The fields that a template may name, in the order of the documentation.
pub(crate) const FIELDS: [&str; 22] = [
    "title",
    "text",
    "kind",
    "state",
    "incident",
    "key",
    "rule",
    "account_id",
    "group",
    "sentence",
    "metric",
    "value",
    "events",
    "sends",
    "warn",
    "critical",
    "from",
    "to",
    "since",
    "ended",
    "dashboard",
    "test",
];

impl Message {
    pub(crate) fn of(due: &Due, now: DateTime<Utc>, dashboard: Option<&str>) -> Self {
        let incident = &due.incident;
        let after = due.before.as_ref().map_or(0, |told| told.at.timestamp());
        Self {
            kind: due.kind,
            id: incident.id.clone(),
            key: incident.key.hash(),
            about: incident.key.clone(),
            level: incident.level,
            once: format!("{}.{}.{after}", incident.id, due.kind.as_str()),
            before: due.before.as_ref().map(|told| told.level),
            facts: incident.facts.clone(),
            since: incident.since,
            end: incident.end.as_ref().map(|end| (end.at, end.why.clone())),
            now,
            dashboard: dashboard.map(str::to_owned),
            is_test: false,
        }
    }

    /// One that tries whether messages arrive.
    pub(crate) fn test(now: DateTime<Utc>, kind: Kind, dashboard: Option<&str>) -> Self {
        let about = Key { subject: Subject::Check, rule: "test".to_owned(), account_id: None, group: Vec::new() };
        let sentence = "this is a test of repute's notifications; nothing is wrong".to_owned();
        let key = about.hash();
        Self {
            kind,
            id: key.clone(),
            once: format!("{key}.{}.{}", kind.as_str(), now.timestamp_micros()),
            key,
            about,
            level: Level::Warning,
            before: None,
            facts: Facts { sentence, ..Facts::default() },
            since: now,
            end: (kind == Kind::Resolved).then(|| (now, "the test is over".to_owned())),
            now,
            dashboard: dashboard.map(str::to_owned),
            is_test: true,
        }
    }

    /// `[repute] CRITICAL: aws_bounce_rate of marketing, account 111122223333`.
    pub(crate) fn title(&self) -> String {
        let test = if self.is_test { "TEST " } else { "" };
        let state = self.level.words();
        let state = match (self.kind, self.before) {
            (Kind::Opened, _) => state.to_owned(),
            (Kind::Escalated, Some(before)) => format!("{state} (was {})", before.words()),
            (Kind::Escalated, None) => state.to_owned(),
            (Kind::Repeated, _) => format!("still {state}"),
            (Kind::Resolved, _) => "RESOLVED".to_owned(),
        };
        let values =
            self.about.group.iter().map(|(_, value)| cut(&plain(value.as_deref().unwrap_or("(none)")), TITLE_VALUE));
        let group = values.collect::<Vec<_>>().join(", ");
        let of = if group.is_empty() { String::new() } else { format!(" of {group}") };
        let account = self.about.account_id.as_ref().map_or_else(String::new, |id| format!(", account {}", plain(id)));
        format!("[repute] {test}{state}: {}{of}{account}", self.about.rule)
    }

    /// The sentence about it, without control characters.
    pub(crate) fn sentence(&self) -> String {
        plain(&self.facts.sentence).into_owned()
    }

    /// Why it is over.
    pub(crate) fn ending(&self) -> Option<String> {
        self.end.as_ref().map(|(at, why)| format!("{why}, {}", time(*at)))
    }

    /// Lines under the title: name and value.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let Facts { warn, critical, from, to, metric, .. } = &self.facts;
        let is_rate = metric.as_deref().is_some_and(|metric| metric.ends_with("_rate"));
        let number = |value: f64| if is_rate { repute_query::percent(value) } else { value.to_string() };
        let threshold = |name: &str, value: &Option<f64>| value.map(|value| format!("{name} {}", number(value)));
        let thresholds = [threshold("WARNING", warn), threshold("CRITICAL", critical)];
        let group = |(name, value): &(String, Option<String>)| {
            format!("{} {}", plain(name), plain(value.as_deref().unwrap_or("(none)")))
        };
        let span = from.as_ref().zip(to.as_ref()).map(|(from, to)| format!("{from} to {to}"));
        let explain =
            (self.about.subject == Subject::Rule).then(|| format!("repute check --explain {}", self.about.rule));
        let lines = [
            ("over", self.ending()),
            ("account", self.about.account_id.as_deref().map(|id| plain(id).into_owned())),
            ("group", some(self.about.group.iter().map(group).collect::<Vec<_>>().join(", "))),
            ("since", Some(time(self.since))),
            ("measured", span),
            ("thresholds", some(thresholds.into_iter().flatten().collect::<Vec<_>>().join(", "))),
            ("explained by", explain),
            ("dashboard", self.dashboard.clone()),
            ("incident", Some(self.id.clone())),
        ];
        lines.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// All of it for people, the title left out.
    pub(crate) fn text(&self) -> String {
        let lines = self.lines().into_iter().map(|(name, value)| format!("{name:<13} {value}\n")).collect::<String>();
        format!("{}\n\n{lines}", self.sentence())
    }

    /// One of [`FIELDS`].
    pub(crate) fn field(&self, name: &str) -> Option<Value> {
        let facts = &self.facts;
        let group = || {
            self.about.group.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>()
        };
        Some(match name {
            "title" => json!(self.title()),
            "text" => json!(self.text()),
            "kind" => json!(self.kind.as_str()),
            "state" => json!(if self.kind == Kind::Resolved { "OK" } else { self.level.words() }),
            "incident" => json!(self.id),
            "key" => json!(self.key),
            "rule" => json!(self.about.rule),
            "account_id" => json!(self.about.account_id),
            "group" => Value::Object(group()),
            "sentence" => json!(self.sentence()),
            "metric" => json!(facts.metric),
            "value" => json!(facts.value),
            "events" => json!(facts.events),
            "sends" => json!(facts.sends),
            "warn" => json!(facts.warn),
            "critical" => json!(facts.critical),
            "from" => json!(facts.from),
            "to" => json!(facts.to),
            "since" => json!(time(self.since)),
            "ended" => json!(self.end.as_ref().map(|(at, _)| time(*at))),
            "dashboard" => json!(self.dashboard),
            "test" => json!(self.is_test),
            _ => return None,
        })
    }

    /// All fields: what a webhook without a template and a command get.
    pub(crate) fn json(&self) -> Value {
        FIELDS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.field(name)?)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// RFC 3339 to the second.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Text of so many characters at most.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_senders_chose_is_harmless() {
        let mut message = Message::test(DateTime::UNIX_EPOCH, Kind::Opened, None);
        message.about.group = vec![("configuration_set".to_owned(), Some("a\r\nBcc: x@y\u{202e}".to_owned()))];
        assert_eq!(message.title(), "[repute] TEST WARNING: test of a\\u{d}\\u{a}Bcc: x@y\\u{202e}");
        assert!(message.text().contains("configuration_set a\\u{d}\\u{a}Bcc: x@y\\u{202e}\n"), "{}", message.text());
        assert_eq!(message.field("group").unwrap(), json!({"configuration_set": "a\r\nBcc: x@y\u{202e}"}));
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }
}

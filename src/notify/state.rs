//! What is remembered from one check to the next: `alerts/state.json` beside the lake.
//!
//! Times are RFC 3339. A field that a later version adds is ignored by this one; what an earlier version lacks has a default.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Of which form the document is.
const VERSION: u32 = 1;

/// The document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    version: u32,
    /// The last check that came to an end.
    #[serde(default)]
    pub(crate) last_check: Option<LastCheck>,
    /// Incidents that are open, or that somebody still has to be told the end of.
    #[serde(default)]
    pub(crate) incidents: Vec<Incident>,
    /// Who is sending right now, where there is no lock for that.
    #[serde(default)]
    pub(crate) sender: Option<Sender>,
    /// When a check that tells somebody last looked: as long as there is one, those that tell nobody leave incidents alone.
    #[serde(default, serialize_with = "write_some_time", deserialize_with = "read_some_time")]
    pub(crate) telling: Option<DateTime<Utc>>,
    /// Incidents that are of the past now, on their way into the [`mod@super::history`].
    #[serde(skip)]
    pub(crate) past: Vec<Incident>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastCheck {
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub(crate) at: DateTime<Utc>,
    /// What it said: `OK`, `WARNING`, `CRITICAL` or `UNKNOWN`.
    pub(crate) state: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sender {
    /// Tells one run from another.
    pub(crate) run: String,
    /// Until when the others leave the sending to it.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub(crate) until: DateTime<Utc>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Warning,
    Critical,
    /// Nothing could be said: only of the check itself.
    Unknown,
}

impl Level {
    pub(crate) const ALL: [Self; 3] = [Self::Warning, Self::Critical, Self::Unknown];

    /// The name in configuration and machine output.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }

    /// The name in words for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject {
    /// A rule for an account or group.
    Rule,
    /// No mail was sent although there usually is.
    NoMail,
    /// The check itself could not say anything.
    Check,
}

/// What an incident is about: it stays the same as long as there is one at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) subject: Subject,
    /// The rule's name; `no_mail` and `check` where it is none.
    pub(crate) rule: String,
    pub(crate) account_id: Option<String>,
    /// Values of the dimensions that the rule divides by.
    pub(crate) group: Vec<(String, Option<String>)>,
}

/// The figures of an incident when it was last judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    /// What is wrong, in a sentence.
    pub(crate) sentence: String,
    pub(crate) metric: Option<String>,
    pub(crate) value: Option<f64>,
    pub(crate) events: Option<u64>,
    pub(crate) sends: Option<u64>,
    pub(crate) warn: Option<f64>,
    pub(crate) critical: Option<f64>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    /// Whether values below the thresholds are the bad ones.
    pub(crate) below: bool,
    /// Where it comes from, if somebody looked.
    pub(crate) why: Option<String>,
}

/// Something that is wrong, from when it was first seen until it was seen to be well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Incident {
    pub(crate) id: String,
    pub(crate) key: Key,
    pub(crate) level: Level,
    /// The worst it was.
    pub(crate) worst: Level,
    pub(crate) facts: Facts,
    /// The figures at worst.
    #[serde(default)]
    pub(crate) peak: Option<Facts>,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub(crate) since: DateTime<Utc>,
    /// When it was last seen.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub(crate) seen: DateTime<Utc>,
    /// Nobody is to be told right now: it is silenced, told by another rule, or cannot be judged for want of mail.
    #[serde(default)]
    pub(crate) held: Option<Held>,
    #[serde(default)]
    pub(crate) end: Option<End>,
    /// What each receiver was told last, by its name.
    #[serde(default)]
    pub(crate) told: BTreeMap<String, Told>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Held {
    /// Silenced, or another rule says worse of the same.
    Muted,
    /// There is no verdict: it is still told of when it is time to.
    Unjudged,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub(crate) at: DateTime<Utc>,
    /// Why, as in `it is OK again`.
    pub(crate) why: String,
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Opened,
    /// A warning became critical.
    Escalated,
    /// It is still so.
    Repeated,
    Resolved,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Escalated => "escalated",
            Self::Repeated => "repeated",
            Self::Resolved => "resolved",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) kind: Kind,
    pub(crate) level: Level,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub(crate) at: DateTime<Utc>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            version: VERSION,
            last_check: None,
            incidents: Vec::new(),
            sender: None,
            telling: None,
            past: Vec::new(),
        }
    }
}

impl Memory {
    /// Reads the document; an error says what is wrong with it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        read_document(bytes, VERSION)
    }

    /// The bytes of the document.
    pub(crate) fn write(&self) -> Vec<u8> {
        write_document(self)
    }
}

/// Reads a document of this version; an error says what is wrong with it.
pub(super) fn read_document<T: DeserializeOwned>(bytes: &[u8], version: u32) -> Result<T, String> {
    #[derive(Deserialize)]
    struct Form {
        version: u32,
    }
    let form: Form = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if form.version != version {
        return Err(format!("it has version {}, and this program knows {version}", form.version));
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// The bytes of a document.
pub(super) fn write_document(document: &impl Serialize) -> Vec<u8> {
    // Nothing in one can fail to be written: no maps with odd keys, and floats that are none are null.
    let mut bytes = serde_json::to_vec_pretty(document).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn write_some_time<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => write_time(time, serializer),
        None => serializer.serialize_none(),
    }
}

fn read_some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let read = |text: String| DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc());
    text.map(read).transpose().map_err(serde::de::Error::custom)
}

pub(super) fn write_time<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

pub(super) fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc()).map_err(serde::de::Error::custom)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn other_versions_and_damage_are_told() {
        assert_eq!(Memory::read(&Memory::default().write()).unwrap(), Memory::default());
        assert_eq!(Memory::read(b"{\"version\": 2}").unwrap_err(), "it has version 2, and this program knows 1");
        assert!(Memory::read(b"{\"version\": 1, \"incidents\": [{").is_err());
        assert!(Memory::read(b"").is_err());
        let later = Memory::read(b"{\"version\": 1, \"colour\": \"red\"}").unwrap();
        assert_eq!(later, Memory::default());
    }

    /// As it was written before incidents had a past.
    #[test]
    fn an_earlier_document_is_read() {
        let earlier = include_bytes!("state/earlier.json");
        let memory = Memory::read(earlier).unwrap();
        let incident = &memory.incidents[0];
        assert_eq!((incident.worst, &incident.peak, incident.facts.below), (Level::Critical, &None, false));
        assert_eq!(incident.facts.sentence, "bounce rate 10 % (10 of 100): over AWS's pause line (10 %)");
        assert_eq!((memory.telling, incident.told["hook"].kind), (None, Kind::Opened));
    }
}

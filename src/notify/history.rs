//! Incidents that are over: `alerts/history.json` beside the lake, the latest end first.
//!
//! `repute check` moves an incident here when whoever knew of it has heard of its end. An incident has the form that it has in the
//! [`super::state`]; a field that a later version adds is ignored by this one, and what an earlier version lacks has a default.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::state::{Incident, read_document, write_document};

/// Of which form the document is.
const VERSION: u32 = 1;

/// So many incidents are kept at most.
const MOST: usize = 1_000;

/// And so long.
const LONGEST: TimeDelta = TimeDelta::days(400);

/// The document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct History {
    version: u32,
    #[serde(default)]
    pub(crate) incidents: Vec<Incident>,
}

impl Default for History {
    fn default() -> Self {
        Self { version: VERSION, incidents: Vec::new() }
    }
}

impl History {
    /// Reads the document; an error says what is wrong with it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        read_document(bytes, VERSION)
    }

    /// The bytes of the document.
    pub(crate) fn write(&self) -> Vec<u8> {
        write_document(self)
    }

    /// Adds incidents that are over; one that is there already is replaced. The oldest go where there are too many.
    pub(crate) fn add(&mut self, past: &[Incident], now: DateTime<Utc>) {
        let new: BTreeSet<&str> = past.iter().map(|incident| incident.id.as_str()).collect();
        self.incidents.retain(|incident| !new.contains(incident.id.as_str()));
        self.incidents.extend_from_slice(past);
        let ended = |incident: &Incident| incident.end.as_ref().map_or(incident.seen, |end| end.at);
        self.incidents.retain(|incident| now - ended(incident) < LONGEST);
        self.incidents.sort_by_key(|incident| Reverse(ended(incident)));
        self.incidents.truncate(MOST);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::notify::state::{End, Facts, Key, Level, Subject};

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    fn ended(id: &str, day: i64) -> Incident {
        let key =
            Key { subject: Subject::Rule, rule: "a".to_owned(), account_id: None, group: vec![("x".to_owned(), None)] };
        Incident {
            id: id.to_owned(),
            key,
            level: Level::Warning,
            worst: Level::Critical,
            facts: Facts::default(),
            peak: None,
            since: at(day - 1),
            seen: at(day),
            held: None,
            end: Some(End { at: at(day), why: "it is OK again".to_owned() }),
            told: Default::default(),
        }
    }

    fn ids(history: &History) -> Vec<&str> {
        history.incidents.iter().map(|incident| incident.id.as_str()).collect()
    }

    #[test]
    fn the_latest_come_first_and_none_twice() {
        let mut history = History::default();
        history.add(&[ended("a", 10), ended("b", 12)], at(12));
        history.add(&[ended("c", 11), ended("a", 13)], at(13));
        assert_eq!(ids(&history), ["a", "b", "c"]);
        assert_eq!(History::read(&history.write()).unwrap(), history);
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let mut history = History::default();
        let many: Vec<Incident> = (0..1_200).map(|number| ended(&number.to_string(), 500 + number / 10)).collect();
        history.add(&many, at(620));
        assert_eq!((history.incidents.len(), ids(&history)[0]), (MOST, "1190"));
        history.add(&[], at(1_010));
        assert!(history.incidents.iter().all(|incident| incident.end.as_ref().unwrap().at > at(610)));
    }

    #[test]
    fn other_versions_are_told() {
        assert_eq!(History::read(b"{\"version\": 7}").unwrap_err(), "it has version 7, and this program knows 1");
        assert_eq!(History::read(b"{\"version\": 1, \"colour\": \"red\"}").unwrap(), History::default());
    }
}

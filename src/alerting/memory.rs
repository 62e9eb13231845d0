//! What checks remember, as the dashboard shows it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use repute_lake::{Document, LakeError, Location};
use repute_query::{Dimension, Group};
use repute_web::alerting::{Incident, Remembered, Severity};

use crate::exit::told;
use crate::notify::{self, Facts, Held, History, LastCheck, Level, Memory, Subject};

/// How long the store may take.
const STORE: Duration = Duration::from_secs(10);

/// The documents of the checks, and what was seen in them last.
pub(super) struct Memories {
    state: Document,
    history: Document,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The memory: the history changes only together with it.
    bytes: Option<Bytes>,
    incidents: Vec<Incident>,
}

/// When a check last ended, if that could be read.
type LastEnd = Option<Option<DateTime<Utc>>>;

impl Memories {
    pub(super) fn new(place: &Location) -> Result<Self, LakeError> {
        Ok(Self { state: notify::document(place)?, history: notify::history(place)?, seen: Mutex::default() })
    }

    pub(super) async fn look(&self) -> (Remembered, LastEnd) {
        match self.read().await {
            Ok((incidents, last)) => {
                (Remembered { incidents, ..Remembered::default() }, Some(last.map(|last| last.at)))
            }
            Err(what) => {
                let incidents = self.seen.lock().unwrap_or_else(PoisonError::into_inner).incidents.clone();
                (Remembered { incidents, trouble: Some(what), ..Remembered::default() }, None)
            }
        }
    }

    async fn read(&self) -> Result<(Vec<Incident>, Option<LastCheck>), String> {
        let bytes = bytes_of(&self.state).await?;
        let memory = bytes.as_deref().map(Memory::read).transpose();
        let memory = memory.map_err(|what| unreadable(&self.state, &what))?.unwrap_or_default();
        let is_seen = {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            (seen.bytes.is_some() && seen.bytes == bytes).then(|| seen.incidents.clone())
        };
        if let Some(incidents) = is_seen {
            return Ok((incidents, memory.last_check));
        }
        let history = bytes_of(&self.history).await?.as_deref().map(History::read).transpose();
        let history = history.map_err(|what| unreadable(&self.history, &what))?.unwrap_or_default();
        let (over, mut incidents): (Vec<_>, Vec<_>) =
            memory.incidents.iter().map(shown).partition(|incident| incident.end.is_some());
        incidents.sort_by_key(|incident| (std::cmp::Reverse(incident.severity), incident.since));
        // One may stand in both, on its way from the one to the other.
        let known: BTreeSet<String> = over.iter().map(|incident| incident.id.clone()).collect();
        let past = history.incidents.iter().filter(|incident| !known.contains(&incident.id)).map(shown);
        let mut over: Vec<Incident> = over.into_iter().chain(past).collect();
        over.sort_by_key(|incident| std::cmp::Reverse(incident.end.as_ref().map(|(at, _)| *at)));
        incidents.extend(over);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Seen { bytes, incidents: incidents.clone() };
        Ok((incidents, memory.last_check))
    }
}

async fn bytes_of(document: &Document) -> Result<Option<Bytes>, String> {
    let late = |_| format!("no answer from `{}` in time", document.place());
    let read = tokio::time::timeout(STORE, document.read()).await.map_err(late)?;
    read.map(|(bytes, _)| bytes).map_err(|error| told(&anyhow::anyhow!(error.to_string())))
}

fn unreadable(document: &Document, what: &str) -> String {
    format!("`{}` cannot be read: {what}", document.place())
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Warning => Severity::Warning,
        Level::Critical => Severity::Critical,
        Level::Unknown => Severity::Unknown,
    }
}

fn shown(incident: &notify::Incident) -> Incident {
    let peak: &Facts = incident.peak.as_ref().unwrap_or(&incident.facts);
    let group: Group = incident
        .key
        .group
        .iter()
        .filter_map(|(name, value)| Some((name.parse::<Dimension>().ok()?, value.clone())))
        .collect();
    Incident {
        id: incident.id.clone(),
        rule: incident.key.rule.clone(),
        is_of_rule: incident.key.subject == Subject::Rule,
        account_id: incident.key.account_id.clone(),
        group,
        metric: peak.metric.as_deref().and_then(|metric| metric.parse().ok()),
        severity: severity(incident.level),
        worst: severity(incident.worst),
        sentence: peak.sentence.clone(),
        value: peak.value,
        why: incident.facts.why.clone(),
        since: incident.since,
        seen: incident.seen,
        is_muted: incident.held == Some(Held::Muted),
        end: incident.end.as_ref().map(|end| (end.at, end.why.clone())),
        told: incident.told.keys().cloned().collect(),
    }
}

//! What imports did: a note of each beside the lake, for the import page and the doctor.
//!
//! The ledger has only objects that were read to their end; which could not be read, and how many were skipped, stands here. An import
//! that found nothing new is not noted, and one that cannot write its note is an import all the same.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use repute_ingest::ImportSummary;
use repute_lake::{Journal, LakeError, Location};
use repute_query::{Failed, ImportRun};
use serde::{Deserialize, Serialize};

use crate::exit::without_markup;

/// Of which form the notes are.
const VERSION: u32 = 1;

/// So many objects that could not be read are named.
const NAMED: usize = 100;

/// Longer texts are cut.
const LONGEST: usize = 1_000;

/// A note may take so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// So many runs are shown.
const SHOWN: usize = 50;

/// A note, as written.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    version: u32,
    began: String,
    ended: String,
    sources: Vec<String>,
    listed: u64,
    imported: u64,
    skipped: u64,
    failed: u64,
    /// Names and reasons.
    failures: Vec<(String, String)>,
    #[serde(default)]
    error: Option<String>,
}

/// What an import that came to its end did.
pub(crate) fn run(sources: Vec<String>, summary: &ImportSummary, span: (DateTime<Utc>, DateTime<Utc>)) -> ImportRun {
    let failure = |(object, why): &(String, std::io::Error)| Failed {
        object: object.clone(),
        reason: without_markup(&why.to_string()),
    };
    ImportRun {
        span,
        sources,
        listed: summary.listed,
        imported: summary.imported,
        skipped: summary.skipped,
        failed: summary.failed.len() as u64,
        failures: summary.failed.iter().take(NAMED).map(failure).collect(),
        error: None,
    }
}

/// Writes down what an import did, if it did something; into a lake that is there.
pub(crate) async fn note(location: &Location, run: &ImportRun) {
    let is_there = location.directory().is_none_or(|directory| directory.is_dir());
    if !is_there || (run.imported == 0 && run.failed == 0 && run.error.is_none()) {
        return;
    }
    let write = async { Journal::open(location)?.write(run.span.1, spelled(run)).await };
    match tokio::time::timeout(PATIENCE, write).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "cannot note what was imported"),
        Err(_) => tracing::debug!("noting what was imported takes too long"),
    }
}

/// The notes of a lake, of which those that were read are kept.
#[derive(Debug, Default)]
pub(crate) struct Runs(BTreeMap<String, Option<ImportRun>>);

impl Runs {
    /// The newest runs, newest first. Notes of another form are left out.
    pub(crate) async fn newest(&mut self, location: &Location) -> Result<Vec<ImportRun>, LakeError> {
        let journal = Journal::open(location)?;
        let mut names = journal.names().await?;
        names.truncate(SHOWN);
        for name in &names {
            if !self.0.contains_key(name) {
                let read = journal.read(name).await?.and_then(|note| parsed(&note.bytes));
                self.0.insert(name.clone(), read);
            }
        }
        self.0.retain(|name, _| names.contains(name));
        Ok(names.iter().filter_map(|name| self.0.get(name)?.clone()).collect())
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn spelled(run: &ImportRun) -> Vec<u8> {
    let cut = |text: &str| text.chars().take(LONGEST).collect::<String>();
    let note = Note {
        version: VERSION,
        began: time(run.span.0),
        ended: time(run.span.1),
        sources: run.sources.iter().map(|source| cut(source)).collect(),
        listed: run.listed,
        imported: run.imported,
        skipped: run.skipped,
        failed: run.failed,
        failures: run.failures.iter().map(|failed| (cut(&failed.object), cut(&failed.reason))).collect(),
        error: run.error.as_deref().map(cut),
    };
    // Nothing in it can fail to be written.
    serde_json::to_vec(&note).unwrap_or_default()
}

fn parsed(bytes: &[u8]) -> Option<ImportRun> {
    let note: Note = serde_json::from_slice(bytes).ok().filter(|note: &Note| note.version == VERSION)?;
    let time = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    let failure = |(object, reason)| Failed { object, reason };
    Some(ImportRun {
        span: (time(&note.began)?, time(&note.ended)?),
        sources: note.sources,
        listed: note.listed,
        imported: note.imported,
        skipped: note.skipped,
        failed: note.failed,
        failures: note.failures.into_iter().map(failure).collect(),
        error: note.error,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_note_survives_and_strange_ones_are_left_out() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let run = ImportRun {
            span: (at("2026-10-05T12:00:00Z"), at("2026-10-05T12:00:07.250Z")),
            sources: vec!["s3://bucket/<ses>".to_owned()],
            listed: 5,
            imported: 2,
            skipped: 2,
            failed: 1,
            failures: vec![Failed { object: "s3://bucket/a".to_owned(), reason: "AccessDenied\n\u{1b}".to_owned() }],
            error: Some("gone".to_owned()),
        };
        let bytes = spelled(&run);
        assert!(!bytes.contains(&b'\n'));
        assert_eq!(parsed(&bytes), Some(run.clone()));
        assert_eq!(parsed(b"{\"version\": 2}"), None);
        assert_eq!(parsed(b""), None);
        let long = ImportRun { error: Some("x".repeat(5_000)), ..run };
        assert_eq!(parsed(&spelled(&long)).unwrap().error.unwrap().len(), LONGEST);
    }
}

//! Rows of the ledger and of the journal of imports.

use chrono::{DateTime, Utc};
use repute_query::{BookedObject, ImportRun, ObjectState};
use url::form_urlencoded;

use super::state_words;
use crate::format;
use crate::pages::level::icon;
use crate::zone::Zone;

/// An object that was imported.
pub(super) struct ObjectRow {
    pub(super) name: String,
    pub(super) at: String,
    pub(super) tone: &'static str,
    pub(super) state: &'static str,
    pub(super) size: String,
    pub(super) records: String,
    pub(super) events: String,
    pub(super) duplicates: String,
    pub(super) quarantined: String,
    /// The address of its bad records, if it has any.
    pub(super) bad: Option<String>,
    pub(super) ignored: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) by: String,
}

impl ObjectRow {
    pub(super) fn icon(&self) -> &'static str {
        icon(self.tone)
    }
}

/// An object that could not be read.
pub(super) struct FailedRow {
    pub(super) name: String,
    pub(super) at: String,
    pub(super) reason: String,
}

/// What an import did.
pub(super) struct RunRow {
    pub(super) ended: String,
    pub(super) took: String,
    pub(super) sources: String,
    pub(super) listed: String,
    pub(super) imported: String,
    pub(super) skipped: String,
    pub(super) failed: String,
    pub(super) error: Option<String>,
    pub(super) tone: &'static str,
    pub(super) state: &'static str,
}

impl RunRow {
    pub(super) fn icon(&self) -> &'static str {
        icon(self.tone)
    }
}

pub(super) fn object_row(booked: &BookedObject, zone: Zone) -> ObjectRow {
    let object = &booked.object;
    let number = format::thousands;
    let time = |time: Option<DateTime<Utc>>| time.map_or_else(|| "–".to_owned(), |time| zone.time(time));
    let query = || {
        let name = ("object", object.key.name.as_str());
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("range", "all"), ("resolved", "yes"), name])
            .finish()
    };
    ObjectRow {
        name: format::printable(&object.key.name),
        at: zone.time(object.imported_at),
        tone: match booked.state {
            ObjectState::Imported => "good",
            ObjectState::WithBadRecords => "warn",
            ObjectState::Partial => "bad",
        },
        state: state_words(booked.state),
        size: format::bytes(object.size),
        records: number(object.records),
        events: number(object.events),
        duplicates: number(object.duplicates),
        quarantined: number(object.quarantined),
        bad: (object.quarantined > 0).then(query),
        ignored: number(object.ignored),
        first: time(object.span.map(|(first, _)| first)),
        last: time(object.span.map(|(_, last)| last)),
        by: format::printable(&booked.imported_by),
    }
}

/// Objects that could not be read and whose name holds a text, those of the newest import first.
pub(super) fn failed_rows(runs: &[&ImportRun], name: &str, zone: Zone) -> Vec<FailedRow> {
    let named = runs.iter().flat_map(|run| run.failures.iter().map(|failed| (run.span.1, failed)));
    let row = |(at, failed): (DateTime<Utc>, &repute_query::Failed)| FailedRow {
        name: format::printable(&failed.object),
        at: zone.time(at),
        reason: format::printable(&failed.reason),
    };
    named.filter(|(_, failed)| failed.object.contains(name)).map(row).collect()
}

pub(super) fn run_row(run: &ImportRun, zone: Zone) -> RunRow {
    let (began, ended) = run.span;
    let (tone, state) = match (&run.error, run.failed) {
        (Some(_), _) => ("bad", "Broke off"),
        (None, 0) => ("good", "Done"),
        (None, _) => ("warn", "Some failed"),
    };
    RunRow {
        ended: zone.time(ended),
        took: format!("{:.1} s", (ended - began).num_milliseconds() as f64 / 1_000.0),
        sources: format::printable(&run.sources.join(", ")),
        listed: format::thousands(run.listed),
        imported: format::thousands(run.imported),
        skipped: format::thousands(run.skipped),
        failed: format::thousands(run.failed),
        error: run.error.as_deref().map(format::printable),
        tone,
        state,
    }
}

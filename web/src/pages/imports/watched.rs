//! Sources that are watched, as rows of a table.

use chrono::{DateTime, Utc};

use crate::format;
use crate::pages::level::icon;
use crate::watched::{Messages, Watched};
use crate::zone::Zone;

/// A source that is watched.
pub(super) struct WatchedRow {
    pub(super) source: String,
    pub(super) tone: &'static str,
    pub(super) state: &'static str,
    pub(super) trouble: Option<String>,
    pub(super) last_success: String,
    pub(super) last_import: String,
    pub(super) lag: String,
    pub(super) imported: String,
    pub(super) failures: String,
    pub(super) messages: String,
}

impl WatchedRow {
    pub(super) fn icon(&self) -> &'static str {
        icon(self.tone)
    }
}

pub(super) fn watched_row(one: &Watched, zone: Zone, now: DateTime<Utc>) -> WatchedRow {
    let (tone, state) = match (&one.trouble, one.last_success) {
        (Some(_), _) => ("bad", "Failing"),
        (None, None) => ("warn", "Begins"),
        (None, Some(_)) if one.unreadable > 0 => ("warn", "Some unreadable"),
        (None, Some(_)) => ("good", "Watched"),
    };
    let ago = |at: Option<DateTime<Utc>>| {
        at.map_or_else(|| "–".to_owned(), |at| format!("{}, {} ago", zone.time(at), format::duration((now - at).abs())))
    };
    let messages = |messages: Messages| {
        let number = format::thousands;
        let [received, deleted, refused] = [messages.received, messages.deleted, messages.refused].map(number);
        format!("{received} received, {deleted} done, {refused} left to the dead-letter queue")
    };
    WatchedRow {
        source: format::printable(&one.source),
        tone,
        state,
        trouble: one.trouble.as_deref().map(format::printable),
        last_success: ago(one.last_success),
        last_import: ago(one.last_import),
        lag: one.lag.map_or_else(|| "–".to_owned(), |lag| format!("{:.1} s", lag.num_milliseconds() as f64 / 1_000.0)),
        imported: format::thousands(one.imported),
        failures: format::thousands(one.failures),
        messages: one.messages.map_or_else(|| "–".to_owned(), messages),
    }
}

//! What the dashboard is told of a source.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use repute_web::{AppState, Messages, Watched};

use super::importer::Imported;
use super::pause::after_failures;
use crate::exit::{Failure, told};

/// A source's line.
pub(super) struct Line {
    state: AppState,
    watched: Watched,
    /// Failures in a row.
    in_a_row: u32,
}

impl Line {
    pub(super) fn new(state: AppState, source: String) -> Self {
        let line = Self { state, watched: Watched::new(source), in_a_row: 0 };
        line.show();
        line
    }

    /// The source, as it was given.
    pub(super) fn source(&self) -> &str {
        &self.watched.source
    }

    /// Something was imported.
    pub(super) fn imported(&mut self, done: &Imported) {
        if done.objects > 0 {
            self.watched.imported += done.objects;
            self.watched.last_import = Some(Utc::now());
            self.watched.lag = done.oldest.map(|oldest| (Utc::now() - oldest).max(TimeDelta::zero()));
        }
        self.show();
    }

    /// So many objects cannot be read.
    pub(super) fn unreadable(&mut self, count: usize) {
        self.watched.unreadable = count as u64;
    }

    /// Counts messages.
    pub(super) fn messages(&mut self, count: impl FnOnce(&mut Messages)) {
        count(self.watched.messages.get_or_insert_default());
        self.show();
    }

    /// A look came to its end.
    pub(super) fn looked(&mut self) {
        self.in_a_row = 0;
        self.watched.trouble = None;
        self.watched.last_success = Some(Utc::now());
        self.show();
    }

    /// A look failed: how long to wait, where `usual` is the pause otherwise.
    pub(super) fn failed(&mut self, why: String, usual: Duration) -> Duration {
        if self.watched.trouble.as_ref() != Some(&why) {
            tracing::warn!(
                source = self.watched.source,
                error = why,
                "cannot import from a watched source, trying again"
            );
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.watched.failures += 1;
        self.watched.trouble = Some(why);
        self.show();
        after_failures(self.in_a_row, usual)
    }

    fn show(&self) {
        self.state.note_watched(self.watched.clone());
    }
}

/// A failure in words.
pub(super) fn words(failure: Failure) -> String {
    match failure {
        Failure::Failed(error) | Failure::Unknown(error) => told(&error),
        Failure::Usage(text) | Failure::CheckUnknown(text) => text,
    }
}

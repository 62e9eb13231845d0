//! Sources that the server imports from by itself, as pages, API and metrics tell of them.

use chrono::{DateTime, TimeDelta, Utc};
use repute_query::WatchedSource;

/// A source that is watched, and how that goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// As it was given: a path, `s3://...`, `sqs://...`.
    pub source: String,
    /// When a look at it last came to its end, with everything that was found imported or known.
    pub last_success: Option<DateTime<Utc>>,
    /// When something of it was last imported.
    pub last_import: Option<DateTime<Utc>>,
    /// From the writing of the oldest object of the last import to the end of that import.
    pub lag: Option<TimeDelta>,
    /// Objects imported since the server was started.
    pub imported: u64,
    /// Looks and imports that failed since then.
    pub failures: u64,
    /// Why the last look failed, if it did.
    pub trouble: Option<String>,
    /// Objects that could not be read, and are tried again.
    pub unreadable: u64,
    /// Of a queue: what became of its messages since the server was started.
    pub messages: Option<Messages>,
}

impl Watched {
    /// A source that was not looked at yet.
    pub fn new(source: String) -> Self {
        Self {
            source,
            last_success: None,
            last_import: None,
            lag: None,
            imported: 0,
            failures: 0,
            trouble: None,
            unreadable: 0,
            messages: None,
        }
    }

    /// What the doctor asks of it.
    pub(crate) fn facts(&self) -> WatchedSource {
        WatchedSource {
            source: self.source.clone(),
            last_success: self.last_success,
            trouble: self.trouble.clone(),
            failures: self.failures,
            unreadable: self.unreadable,
        }
    }
}

/// Messages of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Messages {
    /// Received, those that came again too.
    pub received: u64,
    /// Done and deleted.
    pub deleted: u64,
    /// Received, not understood or not to be carried out, and left to the queue's dead-letter queue.
    pub refused: u64,
}

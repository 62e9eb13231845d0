//! Bad records imported again: what pages and API ask for, and what whoever holds the lake's pen answers.
//!
//! This crate only reads; the program hands over a [`Mender`] that writes.

use futures::future::BoxFuture;

/// Which bad records are to be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// The one with this id.
    One(String),
    /// All of this class that are still bad.
    Class(String),
}

/// Reads bad records again and imports those that are good now.
pub trait Mender: Send + Sync {
    /// Does so. It goes on to its end even if nobody waits for the answer.
    fn retry(&self, which: Retry) -> BoxFuture<'static, anyhow::Result<Mended>>;
}

/// What a retry did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mended {
    /// Records that could be read now, by their ids.
    pub resolved: Vec<String>,
    /// Records that are still bad.
    pub still_bad: Vec<StillBad>,
    /// Records of which only the beginning was kept.
    pub cut: Vec<String>,
    /// Records that had been made good before.
    pub before: Vec<String>,
    /// Records that were left for another time, since there were so many.
    pub left: u64,
    /// Events that came of it, and those that were there already.
    pub events: u64,
    /// Events all of whose rows were there already.
    pub duplicates: u64,
    /// Rows written.
    pub rows: u64,
    /// Why nothing could be imported, if so.
    pub failure: Option<String>,
}

/// A record that is still bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillBad {
    /// Its id.
    pub id: String,
    /// The class that it has now.
    pub class: String,
    /// What is wrong, which may tell of its text.
    pub message: String,
}

impl Mended {
    /// How many were tried.
    pub(crate) fn tried(&self) -> u64 {
        (self.resolved.len() + self.still_bad.len() + self.cut.len() + self.before.len()) as u64
    }
}

//! The one importer: objects in, rows in the lake, every record accounted for.
//!
//! ```text
//! pages of objects ──> worker threads: read_object, EventRows ──parcels──> one batch ──> Lake::append
//!                                                                              Lake::quarantine
//!                                                                              Lake::record_objects
//! ```
//! Objects are read while others are still being listed, and listing waits for them: see [`admission`]. While one batch is committed, the next is put together. A parcel holds some rows, the bad records found beside them and the objects finished with them. Parcels go through a
//! bounded channel, so reading waits while a batch is committed, and memory stays bounded. An object is noted as read
//! only after its last row and bad record are in; a crash before that has it read again, and the lake leaves out the
//! rows it already holds.

mod admission;
mod batch;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use chrono::{DateTime, TimeDelta, Utc};
use repute_lake::{Lake, LakeError, ObjectKey};
use tokio::sync::mpsc;

use crate::limits::Limits;
use crate::source::SourceObject;
use crate::worker::{Tally, Worker};

use admission::{Admission, Closing};
use batch::{collect, commit};

/// How an import is done.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Worker threads that read and parse.
    pub jobs: usize,
    /// The time to write down as "now".
    pub now: DateTime<Utc>,
    /// Bounds on records.
    pub limits: Limits,
    /// Whether objects that the lake holds are read again.
    pub again: bool,
}

impl ImportOptions {
    /// The usual: events may lie up to a day ahead of `now`.
    pub fn new(jobs: usize, now: DateTime<Utc>) -> Self {
        let limits = Limits { latest: Some(now + TimeDelta::days(1)), ..Limits::default() };
        Self { jobs: jobs.max(1), now, limits, again: false }
    }
}

/// Counters that move while an import runs.
#[derive(Debug, Default)]
pub struct Meter {
    /// Objects listed so far.
    pub listed: AtomicU64,
    /// Bytes of those that are read.
    pub listed_bytes: AtomicU64,
    /// Whether there are no more.
    pub is_listed: AtomicBool,
    /// Objects read to their end, or failed.
    pub objects: AtomicU64,
    /// Bytes of objects read so far.
    pub bytes: AtomicU64,
    /// Records seen so far.
    pub records: AtomicU64,
}

/// What an import did. `records` = `events` + `duplicates` + `quarantined` + `ignored`, and
/// `listed` = `imported` + `skipped` + `failed.len()`.
#[derive(Debug, Default)]
pub struct ImportSummary {
    /// Objects found.
    pub listed: u64,
    /// Objects read to their end and noted.
    pub imported: u64,
    /// Objects that had been imported before.
    pub skipped: u64,
    /// Objects that could not be read, each with the reason.
    pub failed: Vec<(String, io::Error)>,
    /// Records read.
    pub records: u64,
    /// Events of which at least one row was new.
    pub events: u64,
    /// Events all of whose rows were there already.
    pub duplicates: u64,
    /// Bad records.
    pub quarantined: u64,
    /// Control messages and the like.
    pub ignored: u64,
    /// Rows written.
    pub rows: u64,
    /// Bytes of the objects.
    pub bytes_read: u64,
    /// The same, decompressed.
    pub bytes_decoded: u64,
    /// Bytes of Parquet written.
    pub bytes_written: u64,
    /// How many bad records there were of each class.
    pub bad_classes: HashMap<&'static str, u64>,
    /// How many ignored records there were of each class.
    pub ignored_classes: HashMap<&'static str, u64>,
}

/// What stops an import. What was committed before stays, and running again is safe.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The lake failed. It stands among the causes, so that the outcome of a commit that is unknown is told from others.
    #[error("{0}")]
    Lake(#[from] LakeError),
    /// A reading thread ended before its objects did: a defect of this program.
    #[error("{0} objects were not read to their end: this is a defect, please report it; running again is safe")]
    Unfinished(u64),
}

/// Imports the objects that the lake does not hold yet.
///
/// # Errors
/// An object that cannot be read is no error but listed in [`ImportSummary::failed`].
pub async fn import(
    lake: &mut Lake,
    objects: Vec<SourceObject>,
    options: &ImportOptions,
    meter: &Arc<Meter>,
) -> Result<ImportSummary, ImportError> {
    import_pages(lake, one_page(objects), options, meter).await
}

/// Objects that are all at hand, for [`import_pages`] or [`import_unless`].
pub fn one_page(objects: Vec<SourceObject>) -> mpsc::Receiver<Vec<SourceObject>> {
    let (sender, pages) = mpsc::channel(1);
    // There is room, and the receiver is at hand.
    let _ = sender.try_send(objects);
    pages
}

/// The same of objects that are still being listed, until nobody sends pages of them any more. The next page is taken when nearly all
/// of those before it have been taken by threads that read.
///
/// # Errors
/// As [`import`].
pub async fn import_pages(
    lake: &mut Lake,
    pages: mpsc::Receiver<Vec<SourceObject>>,
    options: &ImportOptions,
    meter: &Arc<Meter>,
) -> Result<ImportSummary, ImportError> {
    let noted = lake.imported_objects().await?;
    import_unless(lake, pages, Arc::new(move |key| noted.contains(key)), options, meter).await
}

/// Whether the lake holds an object.
pub type Known = Arc<dyn Fn(&ObjectKey) -> bool + Send + Sync>;

/// The same of a caller that remembers which objects the lake has told of, by [`Lake::imported_objects`] or
/// [`Lake::newly_imported_objects`].
///
/// # Errors
/// As [`import`].
pub async fn import_unless(
    lake: &mut Lake,
    pages: mpsc::Receiver<Vec<SourceObject>>,
    is_noted: Known,
    options: &ImportOptions,
    meter: &Arc<Meter>,
) -> Result<ImportSummary, ImportError> {
    let tasks = Closing(Arc::default());
    let admission = Admission {
        is_noted: Arc::clone(&is_noted),
        again: options.again,
        tasks: Closing(Arc::clone(&tasks.0)),
        meter: Arc::clone(meter),
    };
    let admitting = tokio::spawn(admission.take(pages));
    let (sender, parcels) = mpsc::channel(options.jobs);
    for _ in 0..options.jobs {
        let worker = Worker::new(lake.promoted_tags(), options, Arc::clone(meter), sender.clone());
        let tasks = Arc::clone(&tasks.0);
        tokio::task::spawn_blocking(move || worker.run(&tasks));
    }
    drop(sender);

    let mut summary = ImportSummary::default();
    let (full, mut batches) = mpsc::channel(1);
    let collecting = tokio::spawn(collect(parcels, full));
    let mut written = HashMap::new();
    while let Some(batch) = batches.recv().await {
        let notes = commit(lake, batch, &mut written, &mut summary, options).await?;
        let fresh: Vec<_> = notes.into_iter().filter(|note| !is_noted(&note.key)).collect();
        lake.record_objects(&fresh).await?;
    }
    if collecting.await.is_err() {
        tracing::error!("collecting parcels ended early");
    }
    match admitting.await {
        Ok((listed, skipped)) => (summary.listed, summary.skipped) = (listed, skipped),
        Err(_) => tracing::error!("taking objects in ended early"),
    }
    match summary.listed - summary.imported - summary.skipped - summary.failed.len() as u64 {
        0 => Ok(summary),
        unfinished => Err(ImportError::Unfinished(unfinished)),
    }
}

impl ImportSummary {
    fn take(&mut self, tally: &Tally) {
        self.records += tally.records;
        self.quarantined += tally.quarantined();
        self.ignored += tally.ignored();
        self.bytes_read += tally.bytes.read;
        self.bytes_decoded += tally.bytes.decoded;
        for (class, count) in &tally.bad_classes {
            *self.bad_classes.entry(class).or_default() += count;
        }
        for (class, count) in &tally.ignored_classes {
            *self.ignored_classes.entry(class).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests;

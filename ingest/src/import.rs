//! The one importer: objects in, rows in the lake, every record accounted for.
//!
//! ```text
//! objects ──> worker threads: read_object, EventRows ──parcels──> one batch ──> Lake::append
//!                                                                              Lake::quarantine
//!                                                                              Lake::record_objects
//! ```
//! While one batch is committed, the next is put together. A parcel holds some rows, the bad records found beside them and the objects finished with them. Parcels go through a
//! bounded channel, so reading waits while a batch is committed, and memory stays bounded. An object is noted as read
//! only after its last row and bad record are in; a crash before that has it read again, and the lake leaves out the
//! rows it already holds.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use repute_lake::{BadRecord, EventChunk, EventCounts, ImportedObject, Lake, LakeError, ObjectKey};
use tokio::sync::mpsc;

use crate::limits::Limits;
use crate::source::SourceObject;
use crate::split::Tasks;
use crate::worker::{Finished, Parcel, Tally, Worker};

/// A batch is committed when it holds this many rows.
const BATCH_ROWS: usize = 128 * 1024;

/// Or when it holds this many bytes of bad records, or this many finished objects.
const BATCH_BAD_BYTES: usize = 32 << 20;
const BATCH_OBJECTS: usize = 20_000;

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
    let noted = lake.imported_objects().await?;
    import_unless(lake, objects, &|key| noted.contains(key), options, meter).await
}

/// The same of a caller that remembers which objects the lake has told of, by [`Lake::imported_objects`] or
/// [`Lake::newly_imported_objects`].
///
/// # Errors
/// An object that cannot be read is no error but listed in [`ImportSummary::failed`].
pub async fn import_unless(
    lake: &mut Lake,
    objects: Vec<SourceObject>,
    is_noted: &(dyn Fn(&ObjectKey) -> bool + Send + Sync),
    options: &ImportOptions,
    meter: &Arc<Meter>,
) -> Result<ImportSummary, ImportError> {
    let mut summary = ImportSummary { listed: objects.len() as u64, ..Default::default() };
    let mut listed = HashSet::new();
    let is_wanted = |object: &SourceObject| {
        let is_new = options.again || !is_noted(&object.key);
        object.fragment_start().is_some() || (is_new && listed.insert(object.key.clone()))
    };
    let fresh: Vec<SourceObject> = objects.into_iter().filter(is_wanted).collect();
    summary.skipped = summary.listed - fresh.len() as u64;
    meter.objects.fetch_add(summary.skipped, Ordering::Relaxed);

    let objects = Arc::new(fresh);
    let tasks = Arc::new(Tasks::new(&objects));
    let (sender, parcels) = mpsc::channel(options.jobs);
    for _ in 0..options.jobs {
        let worker = Worker::new(lake.promoted_tags(), options, Arc::clone(meter), sender.clone());
        let (objects, tasks) = (Arc::clone(&objects), Arc::clone(&tasks));
        tokio::task::spawn_blocking(move || worker.run(&objects, &tasks));
    }
    drop(sender);

    let (full, mut batches) = mpsc::channel(1);
    let collecting = tokio::spawn(collect(parcels, full));
    let mut written = HashMap::new();
    while let Some(batch) = batches.recv().await {
        let notes = commit(lake, batch, &objects, &mut written, &mut summary, options).await?;
        let fresh: Vec<_> = notes.into_iter().filter(|note| !is_noted(&note.key)).collect();
        lake.record_objects(&fresh).await?;
    }
    if collecting.await.is_err() {
        tracing::error!("collecting parcels ended early");
    }
    match summary.listed - summary.imported - summary.skipped - summary.failed.len() as u64 {
        0 => Ok(summary),
        unfinished => Err(ImportError::Unfinished(unfinished)),
    }
}

/// Puts parcels together to batches, one of them while the one before is committed: never more than two lie in memory.
async fn collect(mut parcels: mpsc::Receiver<Parcel>, full: mpsc::Sender<Batch>) {
    let mut batch = Batch::default();
    loop {
        // A place for the batch is taken before it is filled, so that no third one is begun while one is waiting.
        let Ok(place) = full.reserve().await else { return };
        while !batch.is_full() {
            match parcels.recv().await {
                Some(parcel) => batch.take(parcel),
                None => return place.send(batch),
            }
        }
        place.send(std::mem::take(&mut batch));
    }
}

#[derive(Default)]
struct Batch {
    chunks: Vec<EventChunk>,
    rows: usize,
    bad: Vec<BadRecord>,
    bad_bytes: usize,
    finished: Vec<Finished>,
}

impl Batch {
    fn take(&mut self, parcel: Parcel) {
        self.rows += parcel.events.keys.len();
        self.chunks.push(parcel.events);
        self.bad_bytes += parcel.bad.iter().map(|bad| bad.raw.len() + bad.message.len()).sum::<usize>();
        self.bad.extend(parcel.bad);
        self.finished.extend(parcel.finished);
    }

    fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bad_bytes >= BATCH_BAD_BYTES || self.finished.len() >= BATCH_OBJECTS
    }
}

/// Makes a batch durable: rows, then bad records. Returns what is to be noted of the objects that were read to their end.
async fn commit(
    lake: &mut Lake,
    batch: Batch,
    objects: &[SourceObject],
    written: &mut HashMap<u32, EventCounts>,
    summary: &mut ImportSummary,
    options: &ImportOptions,
) -> Result<Vec<ImportedObject>, LakeError> {
    if batch.rows > 0 {
        let appended = lake.append(batch.chunks, options.now, options.jobs).await?;
        summary.bytes_written += appended.bytes;
        for (object, counts) in appended.objects {
            let total = written.entry(object).or_default();
            total.events += counts.events;
            total.duplicates += counts.duplicates;
            total.rows += counts.rows;
            summary.events += counts.events;
            summary.duplicates += counts.duplicates;
            summary.rows += counts.rows;
        }
    }
    lake.quarantine(&batch.bad).await?;
    let mut done = Vec::new();
    for Finished { object: number, mut tally } in batch.finished {
        let counts = written.remove(&number).unwrap_or_default();
        let Some(object) = objects.get(number as usize) else { continue };
        summary.take(&tally);
        match tally.failure.take() {
            Some(failure) => summary.failed.push((object.key.name.clone(), failure)),
            None => {
                summary.imported += 1;
                if object.fragment_start().is_none() {
                    done.push(note(object, &tally, counts, options.now));
                }
            }
        }
    }
    Ok(done)
}

fn note(object: &SourceObject, tally: &Tally, counts: EventCounts, now: DateTime<Utc>) -> ImportedObject {
    ImportedObject {
        key: object.key.clone(),
        size: object.size,
        records: tally.records,
        events: counts.events,
        duplicates: counts.duplicates,
        quarantined: tally.quarantined(),
        ignored: tally.ignored(),
        rows: counts.rows,
        span: tally.span,
        imported_at: now,
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

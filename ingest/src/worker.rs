//! One reading thread: takes objects in turn and turns them into parcels.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use repute_lake::{BadRecord, EventChunk, EventRows};
use tokio::sync::mpsc;

use crate::import::{ImportOptions, Meter};
use crate::limits::Limits;
use crate::source::SourceObject;
use crate::verdict::{Place, Verdict};
use crate::{ObjectBytes, read_object};

/// A parcel is sent when it holds this many rows.
const PARCEL_ROWS: usize = 16 * 1024;

/// Or this many bytes of bad records, or this many finished objects.
const PARCEL_BAD_BYTES: usize = 4 << 20;
const PARCEL_OBJECTS: usize = 1024;

/// What a worker hands over at a time.
pub(crate) struct Parcel {
    pub(crate) events: EventChunk,
    pub(crate) bad: Vec<BadRecord>,
    pub(crate) finished: Vec<Finished>,
}

/// An object whose last row and bad record are in this parcel or an earlier one.
#[derive(Default)]
pub(crate) struct Finished {
    /// Index of the object in the import.
    pub(crate) object: u32,
    pub(crate) records: u64,
    pub(crate) bytes: ObjectBytes,
    pub(crate) span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub(crate) bad_classes: HashMap<&'static str, u64>,
    pub(crate) ignored_classes: HashMap<&'static str, u64>,
    /// Place of the last record, to number the records of one envelope.
    last_offset: u64,
    last_part: u64,
    /// Why the object could not be read to its end.
    pub(crate) failure: Option<io::Error>,
}

impl Finished {
    pub(crate) fn quarantined(&self) -> u64 {
        self.bad_classes.values().sum()
    }

    pub(crate) fn ignored(&self) -> u64 {
        self.ignored_classes.values().sum()
    }
}

/// The receiver is gone: the import has failed, and there is nothing left to do.
struct Abandoned;

pub(crate) struct Worker {
    rows: EventRows,
    bad: Vec<BadRecord>,
    bad_bytes: usize,
    finished: Vec<Finished>,
    limits: Limits,
    now: DateTime<Utc>,
    meter: Arc<Meter>,
    parcels: mpsc::Sender<Parcel>,
}

impl Worker {
    pub(crate) fn new(
        promoted_tags: &[String],
        options: &ImportOptions,
        meter: Arc<Meter>,
        parcels: mpsc::Sender<Parcel>,
    ) -> Self {
        Self {
            rows: EventRows::new(promoted_tags, options.now.timestamp_micros()),
            bad: Vec::new(),
            bad_bytes: 0,
            finished: Vec::new(),
            limits: options.limits.clone(),
            now: options.now,
            meter,
            parcels,
        }
    }

    /// Reads objects until none is left or nobody listens any more.
    pub(crate) fn run(mut self, objects: &[SourceObject], next: &AtomicUsize) {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(object) = objects.get(index) else { break };
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            if self.read(object, number).is_err() {
                return;
            }
        }
        // Nobody to tell if this fails: the import has ended with an error of its own.
        let _ = self.send();
    }

    fn read(&mut self, object: &SourceObject, number: u32) -> Result<(), Abandoned> {
        self.rows.start_object(&object.key.name);
        let mut tally = Finished { object: number, ..Default::default() };
        let mut abandoned = false;
        let (limits, meter) = (self.limits.clone(), Arc::clone(&self.meter));
        let outcome = object.open().and_then(|file| {
            let reader = Metered { inner: file, meter: &meter };
            read_object(reader, &limits, &mut |place, raw, verdict| {
                abandoned = abandoned || self.record(object, &mut tally, place, raw, verdict).is_err();
            })
        });
        match outcome {
            Ok(bytes) => tally.bytes = bytes,
            Err(failure) => tally.failure = Some(failure),
        }
        self.meter.objects.fetch_add(1, Ordering::Relaxed);
        self.finished.push(tally);
        if abandoned { Err(Abandoned) } else { self.send_if_full(object) }
    }

    fn record(
        &mut self,
        object: &SourceObject,
        tally: &mut Finished,
        place: Place,
        raw: &[u8],
        verdict: Verdict<'_>,
    ) -> Result<(), Abandoned> {
        tally.records += 1;
        let part = if tally.records > 1 && tally.last_offset == place.offset { tally.last_part + 1 } else { 0 };
        (tally.last_offset, tally.last_part) = (place.offset, part);
        self.meter.records.fetch_add(1, Ordering::Relaxed);
        match verdict {
            Verdict::Event(event) => {
                let time = event.event_time;
                tally.span = Some(tally.span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
                self.rows.push(&event, tally.object);
            }
            Verdict::Ignored(class) => *tally.ignored_classes.entry(class.as_str()).or_default() += 1,
            Verdict::Rejected(reject) => {
                let class = reject.class.as_str();
                *tally.bad_classes.entry(class).or_default() += 1;
                self.bad_bytes += raw.len();
                self.bad.push(BadRecord {
                    object: object.key.clone(),
                    byte_offset: place.offset,
                    line: place.line,
                    part,
                    class: class.to_owned(),
                    message: reject.reason,
                    raw: raw.trim_ascii_end().to_vec(),
                    quarantined_at: self.now,
                });
            }
        }
        self.send_if_full(object)
    }

    fn send_if_full(&mut self, object: &SourceObject) -> Result<(), Abandoned> {
        let full = self.rows.len() >= PARCEL_ROWS
            || self.bad_bytes >= PARCEL_BAD_BYTES
            || self.finished.len() >= PARCEL_OBJECTS;
        if full {
            self.send()?;
            self.rows.start_object(&object.key.name);
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), Abandoned> {
        let events = self.rows.finish().map_err(|error| {
            // The builders are filled column by column from one row at a time, so their lengths agree.
            tracing::error!(%error, "rows do not fit their schema");
            Abandoned
        })?;
        let parcel =
            Parcel { events, bad: std::mem::take(&mut self.bad), finished: std::mem::take(&mut self.finished) };
        self.bad_bytes = 0;
        self.parcels.blocking_send(parcel).map_err(|_| Abandoned)
    }
}

struct Metered<'a, R> {
    inner: R,
    meter: &'a Meter,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.meter.bytes.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

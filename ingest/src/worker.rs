//! One reading thread: takes objects and ranges in turn and turns them into parcels.

use std::collections::HashMap;
use std::io::{self, Read, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use repute_lake::{BadRecord, EventChunk, EventRows, ObjectKey};
use tokio::sync::mpsc;

use crate::frame::Frontier;
use crate::import::{ImportOptions, Meter};
use crate::source::{Input, SourceObject};
use crate::split::{self, Handover, Task, Tasks};
use crate::verdict::{Place, Verdict};
use crate::{ObjectBytes, ObjectReader};

/// A parcel is sent when it holds this many rows.
const PARCEL_ROWS: usize = 16 * 1024;

/// Or this many bytes of bad records, or this many finished objects.
const PARCEL_BAD_BYTES: usize = 4 << 20;
const PARCEL_OBJECTS: usize = 1024;

/// So many records are counted before the meter shows them.
const REPORTED_RECORDS: u64 = 256;

/// So many parcels are kept of a range that is not yet known to begin at a record.
const PARCELS_KEPT: usize = 4;

/// What a worker hands over at a time.
pub(crate) struct Parcel {
    pub(crate) events: EventChunk,
    pub(crate) bad: Vec<BadRecord>,
    pub(crate) finished: Vec<Finished>,
}

/// An object whose last row and bad record are in this parcel or an earlier one.
pub(crate) struct Finished {
    /// Index of the object in the import.
    pub(crate) object: u32,
    pub(crate) key: ObjectKey,
    /// Bytes as stored.
    pub(crate) size: u64,
    /// Whether only part of an object was read.
    pub(crate) is_fragment: bool,
    pub(crate) tally: Tally,
}

/// What was found in an object, or in the part of it that is read.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    pub(crate) bytes: ObjectBytes,
    pub(crate) span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub(crate) bad_classes: HashMap<&'static str, u64>,
    pub(crate) ignored_classes: HashMap<&'static str, u64>,
    /// Why the object could not be read to its end.
    pub(crate) failure: Option<io::Error>,
    /// Place of the last record, to number the records of one envelope.
    last_offset: u64,
    last_part: u64,
}

impl Tally {
    pub(crate) fn quarantined(&self) -> u64 {
        self.bad_classes.values().sum()
    }

    pub(crate) fn ignored(&self) -> u64 {
        self.ignored_classes.values().sum()
    }

    /// Numbers a record among those at the same place.
    fn number(&mut self, place: Place) -> u64 {
        self.records += 1;
        let same_place = self.records > 1 && self.last_offset == place.offset;
        self.last_part = if same_place { self.last_part + 1 } else { 0 };
        self.last_offset = place.offset;
        self.last_part
    }

    fn see(&mut self, time: DateTime<Utc>) {
        self.span = Some(self.span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
    }

    /// Adds what was found in the ranges before.
    pub(crate) fn add(&mut self, before: Self) {
        self.records += before.records;
        self.bytes.read += before.bytes.read;
        self.bytes.decoded += before.bytes.decoded;
        if let Some((first, last)) = before.span {
            self.see(first);
            self.see(last);
        }
        for (class, count) in before.bad_classes {
            *self.bad_classes.entry(class).or_default() += count;
        }
        for (class, count) in before.ignored_classes {
            *self.ignored_classes.entry(class).or_default() += count;
        }
        self.failure = self.failure.take().or(before.failure);
    }
}

/// Why a task was not done.
enum Trouble {
    /// The receiver is gone: the import has failed, and there is nothing left to do.
    Abandoned,
    /// The object cannot be read.
    Failed(io::Error),
    /// A range gave more than may be kept before it is known to begin at a record.
    Overfull,
}

impl Trouble {
    fn into_failure(self) -> io::Error {
        match self {
            Self::Failed(failure) => failure,
            Self::Abandoned | Self::Overfull => io::Error::other("reading was given up"),
        }
    }
}

pub(crate) struct Worker {
    reader: ObjectReader,
    desk: Desk,
    /// The only thread there may be.
    alone: bool,
}

/// What became of reading a range before it was known to begin at a record.
enum Guess {
    /// It was read from its start to its end, and this was found.
    Read { start: u64, end: Frontier, stop: Option<u64>, tally: Tally },
    /// It gave too much to be kept; it would begin and stop there.
    Overfull { stop: Option<u64> },
    /// It has no record to begin at: the range before reads it too.
    Nothing,
    /// The object cannot be read in ranges.
    Compressed,
}

impl Worker {
    pub(crate) fn new(
        promoted_tags: &[String],
        options: &ImportOptions,
        meter: Arc<Meter>,
        parcels: mpsc::Sender<Parcel>,
    ) -> Self {
        let desk = Desk {
            rows: EventRows::new(promoted_tags, options.now.timestamp_micros()),
            bad: Vec::new(),
            bad_bytes: 0,
            finished: Vec::new(),
            now: options.now,
            max_raw: options.limits.max_raw,
            meter,
            parcels,
        };
        Self { reader: ObjectReader::new(options.limits.clone()), desk, alone: options.jobs == 1 }
    }

    /// Works until nothing is left or nobody listens any more.
    pub(crate) fn run(mut self, tasks: &Tasks) {
        while let Some(task) = tasks.take() {
            let object = Arc::clone(&task.source);
            let done = if task.is_whole() { self.whole(&object, task.object) } else { self.range(&object, task) };
            if done.is_err() {
                return;
            }
        }
        // Nobody to tell if this fails: the import has ended with an error of its own.
        let _ = self.desk.send();
    }

    /// Reads an object that no other thread reads.
    fn whole(&mut self, object: &SourceObject, number: u32) -> Result<(), Trouble> {
        let tally = self.read_all(object, number)?;
        self.desk.finish(object, number, tally)
    }

    /// Reads one range of an object whose other ranges other threads may be reading.
    fn range(&mut self, object: &SourceObject, task: Task) -> Result<(), Trouble> {
        // A wrong guess throws away what is on the desk, so nothing else may lie there.
        self.desk.send()?;
        let guess = self.guess(object, &task);
        let before = match task.before {
            Some(before) => before.recv().map_err(|_| Trouble::Abandoned)?,
            None => Handover::default(),
        };
        let handover = self.settle(object, task.object, guess, before)?;
        self.desk.send()?;
        match task.after {
            Some(after) => after.send(handover).map_err(|_| Trouble::Abandoned),
            None => self.desk.finish(object, task.object, handover.tally),
        }
    }

    fn guess(&mut self, object: &SourceObject, task: &Task) -> Result<Guess, Trouble> {
        let mut file = object.open().map_err(Trouble::Failed)?;
        if !split::is_plain(&mut file).map_err(Trouble::Failed)? {
            return Ok(Guess::Compressed);
        }
        let Some(start) = task.splitting.start(&mut file, task.range).map_err(Trouble::Failed)? else {
            return Ok(Guess::Nothing);
        };
        let stop = task.splitting.end(&mut file, task.range, object.size).map_err(Trouble::Failed)?;
        let certain = task.before.is_none();
        match self.read_between(object, task.object, Frontier::at(start), stop, certain) {
            Ok((end, tally)) => Ok(Guess::Read { start, end, stop, tally }),
            Err(Trouble::Overfull) => Ok(Guess::Overfull { stop }),
            Err(trouble) => Err(trouble),
        }
    }

    /// Keeps what was read if the range before ended where this one began, and else reads it as it must be read.
    fn settle(
        &mut self,
        object: &SourceObject,
        number: u32,
        guess: Result<Guess, Trouble>,
        before: Handover,
    ) -> Result<Handover, Trouble> {
        let stop = match guess {
            Err(Trouble::Abandoned) => return Err(Trouble::Abandoned),
            _ if before.done => {
                self.desk.discard();
                return Ok(before);
            }
            Err(trouble) => {
                self.desk.discard();
                return Ok(before.failed(trouble.into_failure()));
            }
            Ok(Guess::Nothing) => return Ok(before),
            Ok(Guess::Compressed) => {
                let tally = self.read_all(object, number)?;
                return Ok(Handover { tally, done: true, ..before });
            }
            Ok(Guess::Read { start, end, tally, .. }) if before.frontier.is_record_at(start) => {
                let lines = before.frontier.place.line - 1;
                self.desk.shift_lines(lines);
                return Ok(before.followed_by(end.shifted(lines), tally));
            }
            Ok(Guess::Read { stop, .. } | Guess::Overfull { stop }) => stop,
        };
        self.desk.discard();
        if stop.is_some_and(|stop| before.frontier.place.offset >= stop) {
            return Ok(before);
        }
        match self.read_between(object, number, before.frontier, stop, true) {
            Ok((end, tally)) => Ok(before.followed_by(end, tally)),
            Err(Trouble::Abandoned) => Err(Trouble::Abandoned),
            Err(trouble) => Ok(before.failed(trouble.into_failure())),
        }
    }

    fn read_all(&mut self, object: &SourceObject, number: u32) -> Result<Tally, Trouble> {
        let meter = Arc::clone(&self.desk.meter);
        let stop = Arc::new(AtomicBool::new(false));
        let mut recording = Recording::start(&mut self.desk, object, number, true, &stop);
        let outcome = object.open().and_then(|file| {
            let file = Watched { file, meter: Some(meter), stop: Arc::clone(&stop) };
            let mut sink = |place: Place, raw: &[u8], verdict: Verdict<'_>| recording.take(place, raw, verdict);
            if self.alone { self.reader.read(file, &mut sink) } else { self.reader.read_ahead(file, &mut sink) }
        });
        let mut tally = recording.end()?;
        match outcome {
            Ok(bytes) => tally.bytes = bytes,
            Err(failure) => tally.failure = Some(failure),
        }
        Ok(tally)
    }

    /// Reads a plain object from a frontier to the first record at or after `stop`, or to its end.
    fn read_between(
        &mut self,
        object: &SourceObject,
        number: u32,
        from: Frontier,
        stop: Option<u64>,
        certain: bool,
    ) -> Result<(Frontier, Tally), Trouble> {
        let mut file = object.open().map_err(Trouble::Failed)?;
        file.seek(SeekFrom::Start(from.place.offset)).map_err(Trouble::Failed)?;
        let stop_reading = Arc::new(AtomicBool::new(false));
        let mut recording = Recording::start(&mut self.desk, object, number, certain, &stop_reading);
        let file = Watched { file, meter: None, stop: Arc::clone(&stop_reading) };
        let outcome =
            self.reader.read_between(file, from, stop, &mut |place, raw, verdict| recording.take(place, raw, verdict));
        let mut tally = recording.end()?;
        let end = outcome.map_err(Trouble::Failed)?;
        let bytes = end.place.offset - from.place.offset;
        tally.bytes = ObjectBytes { read: bytes, decoded: bytes };
        self.desk.meter.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok((end, tally))
    }
}

/// What the next parcel will hold, and where it goes.
struct Desk {
    rows: EventRows,
    bad: Vec<BadRecord>,
    bad_bytes: usize,
    finished: Vec<Finished>,
    now: DateTime<Utc>,
    max_raw: usize,
    meter: Arc<Meter>,
    parcels: mpsc::Sender<Parcel>,
}

impl Desk {
    fn holds(&self, times: usize) -> bool {
        self.rows.len() >= PARCEL_ROWS * times
            || self.bad_bytes >= PARCEL_BAD_BYTES * times
            || self.finished.len() >= PARCEL_OBJECTS * times
    }

    fn finish(&mut self, object: &SourceObject, number: u32, tally: Tally) -> Result<(), Trouble> {
        self.meter.objects.fetch_add(1, Ordering::Relaxed);
        // What its bytes are read from goes now; the rest stays until it is committed.
        self.finished.push(Finished {
            object: number,
            key: object.key.clone(),
            size: object.size,
            is_fragment: object.fragment_start().is_some(),
            tally,
        });
        if self.holds(1) { self.send() } else { Ok(()) }
    }

    /// Throws away the rows and bad records.
    fn discard(&mut self) {
        self.rows.clear();
        self.bad.clear();
        self.bad_bytes = 0;
    }

    /// Adds the lines that lie before what was read.
    fn shift_lines(&mut self, lines: u64) {
        self.bad.iter_mut().for_each(|bad| bad.line += lines);
    }

    fn send(&mut self) -> Result<(), Trouble> {
        if self.rows.is_empty() && self.bad.is_empty() && self.finished.is_empty() {
            return Ok(());
        }
        let events = self.rows.finish().map_err(|error| {
            // The builders are filled column by column from one row at a time, so their lengths agree.
            tracing::error!(%error, "rows do not fit their schema");
            Trouble::Abandoned
        })?;
        let parcel =
            Parcel { events, bad: std::mem::take(&mut self.bad), finished: std::mem::take(&mut self.finished) };
        self.bad_bytes = 0;
        self.parcels.blocking_send(parcel).map_err(|_| Trouble::Abandoned)
    }
}

/// Puts the records of one object on the desk.
struct Recording<'d> {
    desk: &'d mut Desk,
    object: &'d SourceObject,
    number: u32,
    /// Whether full parcels may be sent, since nothing will have to be thrown away.
    certain: bool,
    tally: Tally,
    trouble: Option<Trouble>,
    /// Records the meter does not show yet: threads that count one by one hold each other up.
    unreported: u64,
    /// Set when there is no point in reading on.
    stop: &'d AtomicBool,
}

impl<'d> Recording<'d> {
    fn start(desk: &'d mut Desk, object: &'d SourceObject, number: u32, certain: bool, stop: &'d AtomicBool) -> Self {
        desk.rows.start_object(&object.key.name);
        Self { desk, object, number, certain, tally: Tally::default(), trouble: None, unreported: 0, stop }
    }

    fn take(&mut self, place: Place, raw: &[u8], verdict: Verdict<'_>) {
        if self.trouble.is_some() {
            return;
        }
        self.record(place, raw, verdict);
        if self.certain && self.desk.holds(1) {
            self.trouble = self.desk.send().err();
            self.desk.rows.start_object(&self.object.key.name);
        } else if self.desk.holds(PARCELS_KEPT) {
            self.trouble = Some(Trouble::Overfull);
        }
        self.stop.store(self.trouble.is_some(), Ordering::Relaxed);
    }

    fn record(&mut self, place: Place, raw: &[u8], verdict: Verdict<'_>) {
        let part = self.tally.number(place);
        self.unreported += 1;
        if self.unreported == REPORTED_RECORDS {
            self.report();
        }
        match verdict {
            Verdict::Event(event) => {
                self.tally.see(event.event_time);
                self.desk.rows.push(&event, self.number);
            }
            Verdict::Ignored(class) => *self.tally.ignored_classes.entry(class.as_str()).or_default() += 1,
            Verdict::Rejected(reject) => {
                let class = reject.class.as_str();
                let before = self.object.fragment_start().unwrap_or(Place::START);
                *self.tally.bad_classes.entry(class).or_default() += 1;
                self.desk.bad_bytes += raw.len();
                self.desk.bad.push(BadRecord {
                    object: self.object.key.clone(),
                    byte_offset: before.offset + place.offset,
                    line: before.line + place.line - 1,
                    part,
                    class: class.to_owned(),
                    message: reject.reason,
                    // Bytes that were cut keep their full length, which tells that they were.
                    raw: if raw.len() < self.desk.max_raw { raw.trim_ascii_end() } else { raw }.to_vec(),
                    quarantined_at: self.desk.now,
                });
            }
        }
    }

    fn report(&mut self) {
        self.desk.meter.records.fetch_add(std::mem::take(&mut self.unreported), Ordering::Relaxed);
    }

    fn end(mut self) -> Result<Tally, Trouble> {
        self.report();
        match self.trouble {
            Some(trouble) => Err(trouble),
            None => Ok(self.tally),
        }
    }
}

/// A file whose bytes are counted, and which is not read on once that is pointless.
struct Watched {
    file: Box<dyn Input>,
    meter: Option<Arc<Meter>>,
    stop: Arc<AtomicBool>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("reading was given up"));
        }
        let length = self.file.read(buffer)?;
        if let Some(meter) = &self.meter {
            meter.bytes.fetch_add(length as u64, Ordering::Relaxed);
        }
        Ok(length)
    }
}

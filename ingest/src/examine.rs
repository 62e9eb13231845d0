//! A look into a source without importing it: a bounded sample of its objects, and what is in them.
//!
//! ```text
//! objects listed ── sample: the newest, and some spread over all ──> object: its beginning ──> Examined
//! ```
//! Objects are read as the importer reads them, so that what is bad here is what would go to the quarantine.

mod wrapping;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use repute_lake::{Event, EventType};
use xxhash_rust::xxh3::xxh3_64;

use crate::decode::{HEAD_BYTES, compression};
use crate::source::SourceObject;
use crate::verdict::{Place, Verdict};
use crate::{Limits, ObjectReader};

/// How much is read.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// The newest objects.
    pub newest: usize,
    /// Objects spread over all of them.
    pub spread: usize,
    /// Stored bytes of an object.
    pub bytes: u64,
    /// Records of an object, or a few more.
    pub records: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { newest: 8, spread: 16, bytes: 4 << 20, records: 10_000 }
    }
}

/// What is odd about a delivery or bounce.
#[derive(Debug, Clone, Copy)]
pub struct OddTimes {
    /// It is late from so long after the send.
    pub late: TimeDelta,
    /// It is early if so long before the send.
    pub before: TimeDelta,
}

/// What was found in an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Examined {
    /// `plain`, `gzip`, or the name of what is not read.
    pub compression: &'static str,
    /// `lines`, `concatenated`, `array`, `pretty`, `mixed`; empty without records.
    pub framing: &'static str,
    /// What records are, from the inside out, and how many: `event`, `notification in sns`, `event in sns in sqs`.
    pub envelopes: BTreeMap<String, u64>,
    /// Records read.
    pub records: u64,
    /// Events among them.
    pub events: u64,
    /// Bad records by class, each with one of the reasons.
    pub bad: BTreeMap<&'static str, (u64, String)>,
    /// Records that are left out, by class.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Bytes after decompression, as far as it was read.
    pub decoded: u64,
    /// Whether only its beginning was read.
    pub is_cut: bool,
    /// Earliest and latest event.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// What the events of all objects are, in recipient rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExaminedEvents {
    /// Rows by day (UTC) and type.
    pub days: BTreeMap<NaiveDate, BTreeMap<EventType, u64>>,
    /// Earliest and latest event.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Rows without a configuration set, by type.
    pub without_set: BTreeMap<EventType, u64>,
    /// Rows by account.
    pub accounts: BTreeMap<Option<String>, u64>,
    /// Events, and those with a tag that is not SES's own.
    pub tagged: (u64, u64),
    /// Delivery and bounce rows, late ones, and those before their send.
    pub delays: (u64, u64, u64),
    /// Configuration sets.
    pub sets: BTreeSet<String>,
    /// Of each bounce and complaint row: how often it is there with and without a configuration set.
    reports: HashMap<u64, (u64, u64)>,
}

impl ExaminedEvents {
    /// Bounce and complaint rows, and those among them that are there with and without a configuration set.
    pub fn twice(&self) -> (u64, u64) {
        let both = self.reports.values().filter(|(with, without)| *with > 0 && *without > 0);
        let rows = |(with, without): &(u64, u64)| with + without;
        (self.reports.values().map(rows).sum(), both.map(rows).sum())
    }

    fn add(&mut self, event: &Event<'_>, odd: OddTimes) {
        let rows = event.recipients.len() as u64;
        let of_day = self.days.entry(event.event_time.date_naive()).or_default();
        *of_day.entry(event.event_type).or_default() += rows;
        self.span = Some(widened(self.span, event.event_time));
        let account = event.account_id.as_deref().map(str::to_owned);
        *self.accounts.entry(account).or_default() += rows;
        match &event.configuration_set {
            Some(set) if !self.sets.contains(set.as_ref()) => drop(self.sets.insert(set.to_string())),
            Some(_) => {}
            None => *self.without_set.entry(event.event_type).or_default() += rows,
        }
        if event.configuration_set.is_some() {
            self.tagged.0 += 1;
            self.tagged.1 += u64::from(event.tags.iter().any(|(name, _)| !name.starts_with("ses:")));
        }
        if let (EventType::Delivery | EventType::Bounce, Some(sent)) = (event.event_type, event.sent_time) {
            let took = event.event_time - sent;
            self.delays.0 += rows;
            self.delays.1 += if took > odd.late { rows } else { 0 };
            self.delays.2 += if took < -odd.before { rows } else { 0 };
        }
        if let (EventType::Bounce | EventType::Complaint, Some(id)) = (event.event_type, &event.message_id) {
            for recipient in &event.recipients {
                let address = recipient.address.as_deref().unwrap_or_default().to_lowercase();
                let key = xxh3_64(format!("{}\0{id}\0{address}", event.event_type).as_bytes());
                let counts = self.reports.entry(key).or_default();
                *if event.configuration_set.is_some() { &mut counts.0 } else { &mut counts.1 } += 1;
            }
        }
    }
}

fn widened(span: Option<(DateTime<Utc>, DateTime<Utc>)>, time: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    span.map_or((time, time), |(first, last)| (first.min(time), last.max(time)))
}

/// Places of the objects to look at, of so many in the order of their names, which for Firehose's is that of their arrival: the newest, and
/// some spread over the rest.
pub fn sample(objects: usize, bounds: &Bounds) -> Vec<usize> {
    let newest = objects.saturating_sub(bounds.newest)..objects;
    let rest = newest.start;
    let spread = bounds.spread.min(rest);
    let mut places: Vec<usize> = (0..spread).map(|index| index * rest / spread.max(1)).collect();
    places.extend(newest);
    places
}

/// Reads the beginning of an object, and adds its events to those of others.
///
/// # Errors
/// What opening or reading the object reports.
pub fn examine(
    object: &SourceObject,
    limits: &Limits,
    bounds: &Bounds,
    odd: OddTimes,
    events: &mut ExaminedEvents,
) -> io::Result<Examined> {
    let mut input = object.open()?;
    let mut head = Vec::new();
    (&mut input).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    input.seek(SeekFrom::Start(0))?;
    let seen = Rc::new(Cell::new(0));
    let beginning = Beginning { input, left: bounds.bytes, seen: Rc::clone(&seen), most: bounds.records };
    let mut found = Examined { compression: compression(&head), ..Examined::default() };
    let mut lines = Lines::default();
    let read = ObjectReader::new(limits.clone()).read(beginning, &mut |place, raw, verdict| {
        seen.set(seen.get() + 1);
        found.records += 1;
        found.decoded = found.decoded.max(place.offset + raw.len() as u64);
        if lines.take(place, raw) {
            *found.envelopes.entry(wrapping::of(raw, limits)).or_default() += 1;
        }
        match verdict {
            Verdict::Event(event) => {
                found.events += 1;
                found.span = Some(widened(found.span, event.event_time));
                events.add(&event, odd);
            }
            Verdict::Ignored(class) => *found.ignored.entry(class.as_str()).or_default() += 1,
            Verdict::Rejected(reject) => {
                found.bad.entry(reject.class.as_str()).or_insert((0, reject.reason)).0 += 1;
            }
        }
    });
    found.framing = lines.framing();
    match read {
        Ok(bytes) => found.decoded = bytes.decoded,
        Err(error) if error.get_ref().is_some_and(|error| error.is::<Enough>()) => found.is_cut = true,
        Err(error) => return Err(error),
    }
    Ok(found)
}

/// Why reading was broken off: there is enough.
#[derive(Debug, thiserror::Error)]
#[error("enough was read")]
struct Enough;

/// An object until enough was read of it. It then fails rather than ends, so that nothing seems cut off.
struct Beginning<R> {
    input: R,
    left: u64,
    seen: Rc<Cell<u64>>,
    most: u64,
}

impl<R: Read> Read for Beginning<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if self.seen.get() >= self.most || (most == 0 && !buffer.is_empty()) {
            // Nothing may be left to read.
            return match self.input.read(&mut [0; 1])? {
                0 => Ok(0),
                _ => Err(io::Error::other(Enough)),
            };
        }
        let count = self.input.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left -= count as u64;
        Ok(count)
    }
}

/// How records follow one another, from their places.
#[derive(Debug, Default)]
struct Lines {
    last: Option<Place>,
    is_array: bool,
    is_pretty: bool,
    /// Records on a line of their own, and on that of another.
    own_line: u64,
    same_line: u64,
}

impl Lines {
    /// Notes a frame; false where its place is that of the last: another record of one wrapper.
    fn take(&mut self, place: Place, raw: &[u8]) -> bool {
        match self.last {
            Some(last) if last == place => return false,
            Some(last) if last.line == place.line => self.same_line += 1,
            Some(_) => self.own_line += 1,
            // Something stands before the first record, on its line or in one of its own: a bracket.
            None => self.is_array = matches!((place.line, place.offset), (1, 1 | 2 | 4) | (2, 2 | 5)),
        }
        self.is_pretty |= raw.trim_ascii().contains(&b'\n');
        self.last = Some(place);
        true
    }

    fn framing(&self) -> &'static str {
        match self {
            Self { last: None, .. } => "",
            Self { is_array: true, .. } => "array",
            Self { is_pretty: true, .. } => "pretty",
            Self { same_line: 0, .. } => "lines",
            Self { own_line: 0, .. } => "concatenated",
            _ => "mixed",
        }
    }
}

#[cfg(test)]
mod tests;

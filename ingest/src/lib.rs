//! Bytes to events: sources, framing, envelopes and SES wire formats of repute.
//!
//! ```text
//! bytes --decode--> text --frame--> JSON objects --envelope--> SES objects --ses--> events
//!      (gzip, zip, ...)      (places)                (SNS, SQS, Firehose, ...)
//! live routes ── delivery, sns (is it signed?) ──> landing ──> objects
//! objects ── read by workers ──> rows, bad records ──> import ──> lake
//! ```
//!
//! [`read_object`] runs the first line for one source object and hands every record's [`Verdict`] to a
//! sink. It is pure: damage of the content is a verdict, only a reader that fails is an error.

mod compact;
mod decode;
mod document;
mod envelope;
mod frame;
mod json;
mod limits;
mod record;
mod ses;
mod verdict;

mod source;

mod examine;
mod import;
mod retry;
mod split;
mod worker;

mod replay;

mod delivery;
mod landing;
mod notification;
mod sns;

use std::io::{self, Read};

pub use delivery::{BadDelivery, FirehoseDelivery, inflate, read_delivery};
pub use examine::{Bounds, Examined, ExaminedEvents, OddTimes, examine, sample};
pub use import::{
    ImportError, ImportOptions, ImportSummary, Known, Meter, import, import_pages, import_unless, one_page,
};
pub use landing::{Clock, Full, Landed, Landing, LandingError, LandingLimits, LandingPlace, Route};
pub use limits::Limits;
pub use notification::{Created, Notification, read_notification};
pub use replay::{Journal, JournalError, Position, Replay, ReplayError, Standing};
pub use retry::{SecondReading, fragment, read_again, read_mended, resolution};
pub use ses::bare_address;
pub use sns::{
    Authorities, BadAuthorities, BadTopic, CertificateAddress, FetchCertificate, MOST_CERTIFICATE_BYTES, SnsDoor,
    SnsMessage, SnsRefusal, SnsRules, Topic,
};
pub use source::{
    Backup, BucketPages, Content, DayFamilies, Destination, DirectoryPage, DirectoryPages, Encryption, Input, KeyRange,
    ListError, Listed, Listing, S3Place, SourceObject, StreamError, StreamSetup, describe_stream, list, list_bucket,
    list_bucket_into, list_bucket_part, list_directory_into, list_stream, look_up, said,
};
pub use verdict::{IgnoredClass, Place, Reject, RejectClass, Verdict};

use decode::Scratch;
use frame::{Frames, Frontier};
use ses::TagLists;

/// How many bytes an object held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ObjectBytes {
    /// Bytes taken from the reader.
    pub read: u64,
    /// Bytes after decompression; equal to `read` for a plain object.
    pub decoded: u64,
}

/// Reads one object after another with the same memory.
pub struct ObjectReader {
    limits: Limits,
    scratch: Scratch,
    tags: TagLists,
}

impl ObjectReader {
    /// A reader with these bounds.
    pub fn new(limits: Limits) -> Self {
        Self { limits, scratch: Scratch::default(), tags: TagLists::default() }
    }

    /// Reads one object; see [`read_object`].
    ///
    /// # Errors
    ///
    /// Only what the reader itself reports; damaged content is a [`Verdict::Rejected`].
    pub fn read(
        &mut self,
        reader: impl Read,
        sink: &mut dyn FnMut(Place, &[u8], Verdict<'_>),
    ) -> io::Result<ObjectBytes> {
        let frames = Frames::new(reader, &self.limits, std::mem::take(&mut self.scratch));
        self.run(frames, sink, |frames| frames.bytes())
    }

    /// The same; a long gzip object is inflated on a thread of its own while its records are read.
    pub(crate) fn read_ahead(
        &mut self,
        reader: impl Read + Send + 'static,
        sink: &mut dyn FnMut(Place, &[u8], Verdict<'_>),
    ) -> io::Result<ObjectBytes> {
        let frames = Frames::new(reader, &self.limits, std::mem::take(&mut self.scratch)).ahead();
        self.run(frames, sink, |frames| frames.bytes())
    }

    /// Reads the records of a plain object that start between a frontier, where the reader stands, and an offset.
    pub(crate) fn read_between(
        &mut self,
        reader: impl Read,
        from: Frontier,
        stop: Option<u64>,
        sink: &mut dyn FnMut(Place, &[u8], Verdict<'_>),
    ) -> io::Result<Frontier> {
        let frames = Frames::between(reader, &self.limits, std::mem::take(&mut self.scratch), from, stop);
        self.run(frames, sink, |frames| frames.frontier())
    }

    fn run<R: Read, T>(
        &mut self,
        mut frames: Frames<R>,
        sink: &mut dyn FnMut(Place, &[u8], Verdict<'_>),
        end: fn(&Frames<R>) -> T,
    ) -> io::Result<T> {
        let (limits, tags) = (&self.limits, &mut self.tags);
        let outcome = record::read(&mut frames, limits, &mut |place, raw, content| {
            let raw = raw.get(..limits.max_raw).unwrap_or(raw);
            envelope::open(content, tags, limits, &mut |verdict: Verdict<'_>| sink(place, raw, verdict));
        });
        let end = end(&frames);
        self.scratch = frames.into_scratch();
        outcome.map(|()| end)
    }
}

/// Reads one object (a Firehose file) to its end and hands every record's verdict to the sink.
///
/// The sink receives the place of the frame (the outermost JSON value) that holds the record, the frame's
/// raw bytes (at most [`Limits::max_raw`] of them) and the verdict. A wrapper with three records gives
/// three verdicts with the same place; a wrapper that cannot be opened gives one. Every byte that is neither
/// white space nor a separator belongs to exactly one frame.
///
/// # Errors
///
/// Only what the reader itself reports; damaged content is a [`Verdict::Rejected`].
pub fn read_object(
    reader: impl Read,
    limits: &Limits,
    sink: &mut dyn FnMut(Place, &[u8], Verdict<'_>),
) -> io::Result<ObjectBytes> {
    ObjectReader::new(limits.clone()).read(reader, sink)
}

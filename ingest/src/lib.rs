//! Bytes to events: sources, framing, envelopes and SES wire formats of repute.
//!
//! ```text
//! bytes --decode--> text --frame--> JSON objects --envelope--> SES objects --ses--> events
//!         (gzip)           (places)                (SNS, SQS, Firehose, ...)
//! objects ── read by workers ──> rows, bad records ──> import ──> lake
//! ```
//!
//! [`read_object`] runs the first line for one source object and hands every record's [`Verdict`] to a
//! sink. It is pure: damage of the content is a verdict, only a reader that fails is an error.

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

mod import;
mod worker;

mod replay;

use std::io::{self, Read};

pub use import::{ImportError, ImportOptions, ImportSummary, Meter, import};
pub use limits::Limits;
pub use replay::{Replay, ReplayError};
pub use source::{ListError, Listing, SourceObject, list};
pub use verdict::{IgnoredClass, Place, Reject, RejectClass, Verdict};

use frame::Frames;

/// How many bytes an object held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ObjectBytes {
    /// Bytes taken from the reader.
    pub read: u64,
    /// Bytes after decompression; equal to `read` for a plain object.
    pub decoded: u64,
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
    let mut frames = Frames::new(reader, limits);
    record::read(&mut frames, limits, &mut |place, raw, content| {
        let raw = raw.get(..limits.max_raw).unwrap_or(raw);
        envelope::open(content, limits, &mut |verdict: Verdict<'_>| sink(place, raw, verdict));
    })?;
    Ok(frames.bytes())
}

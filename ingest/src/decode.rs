//! Decompression: plain bytes, gzip, or another [`Format`], told apart by their first bytes alone.
//!
//! Names and headers lie: Firehose labels gzip objects `Content-Encoding: gzip`, so an HTTP client may have
//! inflated a `.gz` object already, and CloudWatch Logs writes gzip members without any label. A gzip stream may have
//! many members. What was inflated before damage is always handed out first.
//!
//! ```text
//! format ──> plain: copied          gzip: here, whole or as a stream          the others: foreign ──> zip, snappy, parquet
//! ```
//!
//! An object that is one gzip member of moderate size is inflated at once by libdeflate ([`Decoder::whole`]), three times as
//! fast as piece by piece. Anything else about it, damage above all, is left to the stream, which may run ahead on a thread of
//! its own ([`Feed::Ahead`]).

mod ahead;
mod foreign;
mod format;
mod parquet;
mod snappy;
mod source;
mod zip;

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::{Decompressor, crc32};

use crate::{ObjectBytes, RejectClass};
use ahead::Ahead;
use foreign::Foreign;
pub(crate) use format::{Format, HEAD_BYTES};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const INPUT_BYTES: usize = 64 << 10;
/// An object may always expand to this much, whatever its ratio.
const FREE_EXPANSION: u64 = 64 << 20;
/// Largest member that is inflated at once, compressed and inflated; it has to lie in memory as a whole.
const MAX_WHOLE_INPUT: usize = 8 << 20;
const MAX_WHOLE: usize = 64 << 20;
/// Bit of a gzip header's flags: a checksum of the header follows, which libdeflate does not check.
const HEADER_CHECKSUM: u8 = 0b10;

/// Inflates a reader's bytes as they are asked for.
pub(crate) struct Decoder<R: Read> {
    /// `None` once a library of another format has it.
    reader: Option<R>,
    /// Bytes read and not yet decoded are `input[start..end]`; allocated at the first read.
    input: Vec<u8>,
    start: usize,
    end: usize,
    exhausted: bool,
    read: u64,
    decoded: u64,
    max_expansion: u64,
    state: State<R>,
}

/// Memory that one object after another is decoded with.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) input: Vec<u8>,
    pub(crate) window: Vec<u8>,
    pub(crate) inflater: Inflater,
}

enum State<R: Read> {
    Unknown,
    Plain,
    Member(Box<Decompress>),
    BetweenMembers(Box<Decompress>),
    Foreign(Box<Foreign<R>>),
    Damaged(Damage),
    Ended,
}

/// What one call of [`Decoder::read`] gave.
#[derive(Debug)]
pub(crate) enum Step {
    /// So many bytes were written, at least one.
    Bytes(usize),
    /// The object ended as it should.
    End,
    /// The object cannot be decoded any further.
    Damage(Damage),
}

/// Why an object could not be decoded to its end.
#[derive(Debug, Clone)]
pub(crate) struct Damage {
    pub(crate) class: RejectClass,
    pub(crate) reason: String,
}

/// How an object that starts with these bytes is packed.
pub(crate) fn compression(head: &[u8]) -> &'static str {
    Format::of(head).name()
}

/// Whether these bytes start a gzip stream.
pub(crate) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP_MAGIC)
}

impl<R: Read> Decoder<R> {
    /// Decodes with this buffer for input.
    pub(crate) fn new(reader: R, max_expansion: u64, input: Vec<u8>) -> Self {
        Self {
            reader: Some(reader),
            input,
            start: 0,
            end: 0,
            exhausted: false,
            read: 0,
            decoded: 0,
            max_expansion,
            state: State::Unknown,
        }
    }

    /// Bytes taken from the reader, and decoded, so far.
    pub(crate) fn object_bytes(&self) -> ObjectBytes {
        match &self.state {
            State::Foreign(foreign) => foreign.object_bytes(),
            _ => ObjectBytes { read: self.read, decoded: self.decoded },
        }
    }

    /// Says that the bytes are plain, whatever they begin with.
    fn set_plain(&mut self) {
        self.state = State::Plain;
    }

    /// Inflates the whole object into `out`, which grows if it must, and returns its size. `None` if the object is not one sound
    /// gzip member of moderate size; then nothing is lost, and [`Decoder::read`] decodes it from the start.
    pub(crate) fn whole(&mut self, out: &mut Vec<u8>, inflater: &mut Inflater) -> io::Result<Option<usize>> {
        if !matches!(self.state, State::Unknown) {
            return Ok(None);
        }
        self.detect()?;
        if !matches!(self.state, State::Member(_)) {
            return Ok(None);
        }
        while !self.exhausted && self.end < MAX_WHOLE_INPUT {
            if self.end == self.input.len() {
                self.input.resize((self.end * 4).min(MAX_WHOLE_INPUT), 0);
            }
            self.refill()?;
        }
        let object = self.input.get(..self.end).filter(|_| self.exhausted).unwrap_or_default();
        let Some(size) = inflater.member(object, out) else { return Ok(None) };
        self.start = self.end;
        self.decoded = size as u64;
        self.state = State::Ended;
        Ok(Some(size))
    }

    /// Decodes into `out`, which must not be empty. After damage the rest of the reader is drained, so that
    /// `bytes_read` is the object's size, and every later call ends.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> io::Result<Step> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Unknown => self.detect()?,
                State::Plain => return self.copy(out),
                State::Member(inflate) => {
                    let count = self.inflate(inflate, out)?;
                    if count > 0 {
                        return Ok(Step::Bytes(count));
                    }
                }
                State::BetweenMembers(inflate) => self.next_member(inflate)?,
                State::Foreign(mut foreign) => {
                    let step = foreign.read(out);
                    self.state = State::Foreign(foreign);
                    return step;
                }
                State::Damaged(damage) => {
                    while self.refill()? {
                        self.start = self.end;
                    }
                    return Ok(Step::Damage(damage));
                }
                State::Ended => return Ok(Step::End),
            }
        }
    }

    fn detect(&mut self) -> io::Result<()> {
        while self.end - self.start < HEAD_BYTES && self.refill()? {}
        let head = self.input.get(self.start..self.end).unwrap_or_default();
        self.state = match Format::of(head) {
            Format::Plain => State::Plain,
            Format::Gzip => State::Member(Box::new(Decompress::new_gzip(15))),
            format => match self.reader.take() {
                Some(reader) => {
                    State::Foreign(Box::new(Foreign::new(format, head.to_vec(), reader, self.max_expansion)?))
                }
                None => State::Ended,
            },
        };
        Ok(())
    }

    /// Hands on what detection read, and after that reads straight into `out`.
    fn copy(&mut self, out: &mut [u8]) -> io::Result<Step> {
        let input = self.input.get(self.start..self.end).unwrap_or_default();
        let count = if input.is_empty() {
            let count = self.reader.as_mut().map_or(Ok(0), |reader| read_some(reader, out))?;
            self.read += count as u64;
            count
        } else {
            let count = input.len().min(out.len());
            out[..count].copy_from_slice(&input[..count]);
            self.start += count;
            count
        };
        if count == 0 {
            return Ok(Step::End);
        }
        self.decoded += count as u64;
        self.state = State::Plain;
        Ok(Step::Bytes(count))
    }

    /// Inflates until some bytes came out or the member's state changed.
    fn inflate(&mut self, mut inflate: Box<Decompress>, out: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            self.refill()?;
        }
        let input = self.input.get(self.start..self.end).unwrap_or_default();
        let (in_before, out_before) = (inflate.total_in(), inflate.total_out());
        let result = inflate.decompress(input, out, FlushDecompress::None);
        let consumed = (inflate.total_in() - in_before) as usize;
        let count = (inflate.total_out() - out_before) as usize;
        let idle = consumed == 0 && count == 0;
        self.start += consumed;
        self.decoded += count as u64;
        let at = self.position();
        self.state = match result {
            Ok(Status::StreamEnd) => State::BetweenMembers(inflate),
            Ok(_) if idle && self.exhausted && self.start == self.end => {
                damaged(RejectClass::TruncatedGzip, format!("gzip stream is cut off at compressed byte `{at}`"))
            }
            Ok(_) if idle => {
                damaged(RejectClass::CorruptGzip, format!("gzip stream is corrupt at compressed byte `{at}`"))
            }
            Ok(_) if self.decoded > FREE_EXPANSION.max(self.max_expansion.saturating_mul(at)) => damaged(
                RejectClass::TooLarge,
                format!("gzip stream expands more than `{}` times at compressed byte `{at}`", self.max_expansion),
            ),
            Ok(_) => State::Member(inflate),
            Err(error) => {
                let why = error.message().unwrap_or("invalid data");
                damaged(RejectClass::CorruptGzip, format!("gzip stream is corrupt at compressed byte `{at}` ({why})"))
            }
        };
        Ok(count)
    }

    /// Looks for another member, skipping the zero bytes with which tapes and `tar` pad.
    fn next_member(&mut self, mut inflate: Box<Decompress>) -> io::Result<()> {
        loop {
            while self.end - self.start < 2 && self.refill()? {}
            let rest = self.input.get(self.start..self.end).unwrap_or_default();
            match rest {
                [] => return Ok(()),
                [0, ..] => self.start += rest.iter().take_while(|b| **b == 0).count(),
                [0x1f] => {
                    let at = self.position() + 1;
                    self.state = damaged(
                        RejectClass::TruncatedGzip,
                        format!("gzip stream is cut off at compressed byte `{at}`"),
                    );
                    return Ok(());
                }
                _ if is_gzip(rest) => {
                    inflate.reset(true);
                    self.state = State::Member(inflate);
                    return Ok(());
                }
                _ => {
                    let at = self.position();
                    self.state = damaged(
                        RejectClass::CorruptGzip,
                        format!("bytes after the gzip stream are no gzip member at compressed byte `{at}`"),
                    );
                    return Ok(());
                }
            }
        }
    }

    fn position(&self) -> u64 {
        self.read - (self.end - self.start) as u64
    }

    /// Reads more input behind what is not yet decoded; false at the reader's end.
    fn refill(&mut self) -> io::Result<bool> {
        if self.exhausted {
            return Ok(false);
        }
        if self.input.len() < INPUT_BYTES {
            self.input.resize(INPUT_BYTES, 0);
        }
        self.input.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let room = self.input.get_mut(self.end..).unwrap_or_default();
        let count = self.reader.as_mut().map_or(Ok(0), |reader| read_some(reader, room))?;
        self.end += count;
        self.read += count as u64;
        self.exhausted = count == 0;
        Ok(count > 0)
    }
}

/// Where decoded bytes come from.
pub(crate) enum Feed<R: Read> {
    /// They are decoded when they are asked for.
    Here {
        decoder: Decoder<R>,
        /// What sends the decoder to a thread of its own.
        go_ahead: Option<fn(Decoder<R>) -> io::Result<Ahead>>,
    },
    /// They are decoded on another thread.
    Ahead(Ahead),
    /// The decoder could not be sent to its thread.
    Lost,
}

impl<R: Read> Feed<R> {
    /// Decodes with the input buffer of a [`Scratch`], which [`Feed::into_buffer`] gives back.
    pub(crate) fn new(reader: R, max_expansion: u64, buffer: Vec<u8>) -> Self {
        Self::Here { decoder: Decoder::new(reader, max_expansion, buffer), go_ahead: None }
    }

    /// The same for bytes that are known to be plain, whatever they begin with.
    pub(crate) fn plain(mut self) -> Self {
        if let Self::Here { decoder, .. } = &mut self {
            decoder.set_plain();
        }
        self
    }

    /// The same on a thread of its own, if it is a long gzip stream.
    pub(crate) fn ahead(mut self) -> Self
    where
        R: Send + 'static,
    {
        if let Self::Here { go_ahead, .. } = &mut self {
            *go_ahead = Some(Ahead::start);
        }
        self
    }

    /// The input buffer, for the next object.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        match self {
            Self::Here { decoder, .. } => decoder.input,
            Self::Ahead(_) | Self::Lost => Vec::new(),
        }
    }

    /// Bytes taken from the reader, and decoded, so far.
    pub(crate) fn object_bytes(&self) -> ObjectBytes {
        match self {
            Self::Here { decoder, .. } => decoder.object_bytes(),
            Self::Ahead(ahead) => ahead.object_bytes(),
            Self::Lost => ObjectBytes::default(),
        }
    }

    /// See [`Decoder::whole`].
    pub(crate) fn whole(&mut self, out: &mut Vec<u8>, inflater: &mut Inflater) -> io::Result<Option<usize>> {
        let Self::Here { decoder, go_ahead } = self else { return Ok(None) };
        let size = decoder.whole(out, inflater)?;
        // What could not be inflated whole and has more to come than the input that was read for it is long.
        let is_long = size.is_none() && matches!(decoder.state, State::Member(_)) && !decoder.exhausted;
        if let Some(start) = go_ahead.filter(|_| is_long)
            && let Self::Here { decoder, .. } = std::mem::replace(self, Self::Lost)
        {
            *self = Self::Ahead(start(decoder)?);
        }
        Ok(size)
    }

    /// See [`Decoder::read`].
    pub(crate) fn read(&mut self, out: &mut [u8]) -> io::Result<Step> {
        match self {
            Self::Here { decoder, .. } => decoder.read(out),
            Self::Ahead(ahead) => ahead.read(out),
            Self::Lost => Err(io::Error::other("the object is lost")),
        }
    }
}

/// libdeflate's tables, set up when they are first needed.
#[derive(Default)]
pub(crate) struct Inflater(Option<Decompressor>);

impl Inflater {
    /// Inflates an object that is one gzip member and nothing else. libdeflate also reads codes that zlib calls invalid (distance
    /// code 31 as 29); checksum and size then say that the bytes are right all the same.
    fn member(&mut self, object: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let (_, footer) = object.split_last_chunk::<8>()?;
        let [crc @ .., s0, s1, s2, s3] = *footer;
        let size = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
        let checked_header = object.get(3).is_some_and(|flags| flags & HEADER_CHECKSUM != 0);
        // libdeflate ends with the first member, whose footer it checks, and does not say where that was. If the object's last bytes
        // are that member's footer, and lie nowhere else in the object, it ends with the object.
        let ends_once = memchr::memmem::find(object.get(..object.len() - 1)?, footer).is_none();
        // Nothing has a footer of zeros, like the end of anything that is padded, so that would prove nothing.
        if size == 0 || size > MAX_WHOLE || checked_header || !ends_once {
            return None;
        }
        if out.len() < size {
            out.resize(size, 0);
        }
        let out = out.get_mut(..size)?;
        let inflated = self.0.get_or_insert_default().gzip_decompress(object, out).ok()?;
        (inflated == size && crc32(out).to_le_bytes() == crc).then_some(size)
    }
}

/// One read that was not interrupted.
fn read_some(reader: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn damaged<R: Read>(class: RejectClass, reason: String) -> State<R> {
    State::Damaged(Damage { class, reason })
}

#[cfg(test)]
mod tests;

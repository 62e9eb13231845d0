//! Decompression: plain bytes or gzip, told apart by their first bytes alone.
//!
//! Names and headers lie: Firehose labels gzip objects `Content-Encoding: gzip`, so an HTTP client may have
//! inflated a `.gz` object already, and CloudWatch Logs writes gzip members without any label. A gzip stream may have
//! many members. What was inflated before damage is always handed out first.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

use crate::RejectClass;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Compressions Firehose or an operator may choose that are not read here, with their first bytes.
const UNSUPPORTED: [(&str, &[u8]); 4] = [
    ("zip", b"PK\x03\x04"),
    ("snappy", &[0xff, 0x06, 0x00, 0x00, 0x73, 0x4e]),
    ("zstd", &[0x28, 0xb5, 0x2f, 0xfd]),
    ("parquet", b"PAR1"),
];
const INPUT_BYTES: usize = 64 << 10;
/// An object may always expand to this much, whatever its ratio.
const FREE_EXPANSION: u64 = 64 << 20;

/// Inflates a reader's bytes as they are asked for.
pub(crate) struct Decoder<R> {
    reader: R,
    /// Bytes read and not yet decoded are `input[start..end]`; allocated at the first read.
    input: Vec<u8>,
    start: usize,
    end: usize,
    exhausted: bool,
    read: u64,
    decoded: u64,
    max_expansion: u64,
    state: State,
}

enum State {
    Unknown,
    Plain,
    Member(Box<Decompress>),
    BetweenMembers(Box<Decompress>),
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

/// Whether these bytes start a gzip stream.
pub(crate) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP_MAGIC)
}

impl<R: Read> Decoder<R> {
    pub(crate) fn new(reader: R, max_expansion: u64) -> Self {
        Self {
            reader,
            input: Vec::new(),
            start: 0,
            end: 0,
            exhausted: false,
            read: 0,
            decoded: 0,
            max_expansion,
            state: State::Unknown,
        }
    }

    /// Bytes taken from the reader so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.read
    }

    /// Bytes decoded so far.
    pub(crate) fn bytes_decoded(&self) -> u64 {
        self.decoded
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
        while self.end - self.start < 6 && self.refill()? {}
        let head = self.input.get(self.start..self.end).unwrap_or_default();
        self.state = if is_gzip(head) {
            State::Member(Box::new(Decompress::new_gzip(15)))
        } else if let Some((name, _)) = UNSUPPORTED.iter().find(|(_, magic)| head.starts_with(magic)) {
            damaged(
                RejectClass::UnsupportedCompression,
                format!("object is compressed as `{name}`, which is not supported"),
            )
        } else {
            State::Plain
        };
        Ok(())
    }

    /// Hands on what detection read, and after that reads straight into `out`.
    fn copy(&mut self, out: &mut [u8]) -> io::Result<Step> {
        let input = self.input.get(self.start..self.end).unwrap_or_default();
        let count = if input.is_empty() {
            let count = read_some(&mut self.reader, out)?;
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
        if self.input.is_empty() {
            self.input.resize(INPUT_BYTES, 0);
        }
        self.input.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let count = read_some(&mut self.reader, self.input.get_mut(self.end..).unwrap_or_default())?;
        self.end += count;
        self.read += count as u64;
        self.exhausted = count == 0;
        Ok(count > 0)
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

fn damaged(class: RejectClass, reason: String) -> State {
    State::Damaged(Damage { class, reason })
}

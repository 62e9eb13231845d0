//! Every packing but gzip, unpacked by its library as the bytes are asked for.
//!
//! ```text
//! Source (head, reader) ──> zstd, framed Snappy, Hadoop's blocks   as a stream, in little memory
//!                      └──> the object in memory ──> zip, raw Snappy, Parquet, which cannot be read from the front
//! ```

use std::io::{self, BufReader, ErrorKind, Read};

use snap::read::FrameDecoder;

use super::format::Format;
use super::snappy::{Blocks, raw};
use super::source::{Source, Watch};
use super::{Damage, FREE_EXPANSION, Step, parquet, zip};
use crate::{ObjectBytes, RejectClass};

/// Objects that have to lie in memory may be so large. Firehose buffers 128 MiB at most.
const MAX_IN_MEMORY: u64 = 128 << 20;

/// A zstd frame may ask for a window of 2 to this power of bytes: 32 MiB, four times what the standard recommends every decoder to take.
const ZSTD_WINDOW: u32 = 25;

/// Unpacks one object.
pub(super) struct Foreign<R: Read> {
    format: Format,
    unpacking: Unpacking<R>,
    watch: Watch,
    decoded: u64,
    max_expansion: u64,
    ended: bool,
}

enum Unpacking<R: Read> {
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<Source<R>>>>),
    SnappyFramed(Box<FrameDecoder<Source<R>>>),
    SnappyHadoop(Blocks<Source<R>>),
    /// Read to its end when the first byte is asked for.
    InMemory(Source<R>, Option<Box<dyn Read + Send>>),
}

/// Damage on its way through the error of a reader.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Refused {
    pub(super) class: RejectClass,
    pub(super) reason: String,
}

/// An error that tells of damage.
pub(super) fn refused(class: RejectClass, reason: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, Refused { class, reason: reason.into() })
}

impl<R: Read> Foreign<R> {
    /// Unpacks what begins with `head` and goes on with the reader.
    pub(super) fn new(format: Format, head: Vec<u8>, reader: R, max_expansion: u64) -> io::Result<Self> {
        let (source, watch) = Source::new(head, reader);
        let unpacking = match format {
            Format::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(source)?;
                decoder.window_log_max(ZSTD_WINDOW)?;
                Unpacking::Zstd(Box::new(decoder))
            }
            Format::SnappyFramed => Unpacking::SnappyFramed(Box::new(FrameDecoder::new(source))),
            Format::SnappyHadoop => Unpacking::SnappyHadoop(Blocks::new(source)),
            Format::Zip
            | Format::SnappyRaw
            | Format::Parquet
            | Format::Plain
            | Format::Gzip
            | Format::Unsupported(..) => Unpacking::InMemory(source, None),
        };
        Ok(Self { format, unpacking, watch, decoded: 0, max_expansion, ended: false })
    }

    pub(super) fn object_bytes(&self) -> ObjectBytes {
        ObjectBytes { read: self.watch.read(), decoded: self.decoded }
    }

    /// As [`super::Decoder::read`].
    pub(super) fn read(&mut self, out: &mut [u8]) -> io::Result<Step> {
        if self.ended {
            return Ok(Step::End);
        }
        let damage = match self.unpack(out) {
            Ok(0) => {
                self.ended = true;
                return Ok(Step::End);
            }
            Ok(count) => {
                self.decoded += count as u64;
                let most = FREE_EXPANSION.max(self.max_expansion.saturating_mul(self.watch.read()));
                if self.decoded <= most {
                    return Ok(Step::Bytes(count));
                }
                let reason =
                    format!("`{}` object expands more than `{}` times", self.format.name(), self.max_expansion);
                Damage { class: RejectClass::TooLarge, reason }
            }
            Err(error) if self.watch.has_failed() => return Err(error),
            Err(error) => self.damage(&error),
        };
        self.ended = true;
        self.source().drain()?;
        Ok(Step::Damage(damage))
    }

    fn unpack(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.unpacking {
            Unpacking::Zstd(decoder) => decoder.read(out),
            Unpacking::SnappyFramed(decoder) => decoder.read(out),
            Unpacking::SnappyHadoop(blocks) => blocks.read(out),
            Unpacking::InMemory(source, text) => match text {
                Some(text) => text.read(out),
                None => text.insert(open(self.format, source)?).read(out),
            },
        }
    }

    fn damage(&self, error: &io::Error) -> Damage {
        if let Some(refused) = error.get_ref().and_then(|inner| inner.downcast_ref::<Refused>()) {
            return Damage { class: refused.class, reason: refused.reason.clone() };
        }
        let (name, decoded) = (self.format.name(), self.decoded);
        match error.kind() {
            ErrorKind::UnexpectedEof => Damage {
                class: RejectClass::TruncatedCompression,
                reason: format!("`{name}` object is cut off; `{decoded}` bytes of text could be read"),
            },
            _ => Damage {
                class: RejectClass::CorruptCompression,
                reason: format!("`{name}` object is corrupt after `{decoded}` bytes of text ({error})"),
            },
        }
    }

    fn source(&mut self) -> &mut Source<R> {
        match &mut self.unpacking {
            Unpacking::Zstd(decoder) => decoder.get_mut().get_mut(),
            Unpacking::SnappyFramed(decoder) => decoder.get_mut(),
            Unpacking::SnappyHadoop(blocks) => blocks.get_mut(),
            Unpacking::InMemory(source, _) => source,
        }
    }
}

/// Reads the object to its end, and gives its text.
fn open<R: Read>(format: Format, source: &mut Source<R>) -> io::Result<Box<dyn Read + Send>> {
    let mut object = Vec::new();
    source.by_ref().take(MAX_IN_MEMORY + 1).read_to_end(&mut object)?;
    if object.len() as u64 > MAX_IN_MEMORY {
        let (name, most) = (format.name(), MAX_IN_MEMORY >> 20);
        return Err(refused(
            RejectClass::TooLarge,
            format!(
                "`{name}` object is larger than {most} MiB, more than is read into memory; unpack it and import the result"
            ),
        ));
    }
    match format {
        Format::Zip => Ok(Box::new(zip::Entries::open(object)?)),
        Format::Parquet => Ok(Box::new(parquet::Rows::open(object)?)),
        Format::SnappyRaw => Ok(Box::new(io::Cursor::new(raw(&object)?))),
        Format::Unsupported(name, remedy) => Err(refused(
            RejectClass::UnsupportedCompression,
            format!("object is `{name}`, which is not supported; {remedy}"),
        )),
        Format::Plain | Format::Gzip | Format::Zstd | Format::SnappyFramed | Format::SnappyHadoop => {
            Ok(Box::new(io::Cursor::new(object)))
        }
    }
}

#[cfg(test)]
mod tests;

//! The entries of a zip archive, one after the other.
//!
//! Where an entry lies is read from the directory at the archive's end: programs that write archives as streams, Firehose among
//! them, leave the sizes in front of entries empty.

use std::io::{self, Cursor, ErrorKind, Read};

use bytes::{Buf, Bytes};
use flate2::Crc;
use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use super::foreign::refused;
use crate::RejectClass;

/// An archive may have so many entries.
const MOST_ENTRIES: usize = 100_000;

struct Entry {
    packed: Bytes,
    is_deflated: bool,
    size: u64,
    crc: u32,
}

/// The text of all entries.
pub(super) struct Entries {
    entries: std::vec::IntoIter<Entry>,
    open: Option<Open>,
}

struct Open {
    text: Box<dyn Read + Send>,
    crc: Crc,
    read: u64,
    entry: (u64, u32),
    ends_line: bool,
}

impl Entries {
    pub(super) fn open(object: Vec<u8>) -> io::Result<Self> {
        let object = Bytes::from(object);
        let mut archive = ZipArchive::new(Cursor::new(object.clone())).map_err(damage)?;
        if archive.len() > MOST_ENTRIES {
            return Err(refused(RejectClass::TooLarge, format!("`zip` archive of `{}` entries", archive.len())));
        }
        let mut entries = Vec::with_capacity(archive.len());
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(damage)?;
            if entry.is_dir() {
                continue;
            }
            let is_deflated = match entry.compression() {
                CompressionMethod::Stored => false,
                CompressionMethod::Deflated => true,
                other => return Err(unsupported(&format!("packed as `{other}`"))),
            };
            if entry.encrypted() {
                return Err(unsupported("encrypted"));
            }
            let start = entry.data_start().and_then(|start| usize::try_from(start).ok());
            let end = usize::try_from(entry.compressed_size())
                .ok()
                .zip(start)
                .and_then(|(size, start)| start.checked_add(size));
            let range = start.zip(end).filter(|(_, end)| *end <= object.len()).ok_or(ErrorKind::UnexpectedEof)?;
            entries.push(Entry {
                packed: object.slice(range.0..range.1),
                is_deflated,
                size: entry.size(),
                crc: entry.crc32(),
            });
        }
        Ok(Self { entries: entries.into_iter(), open: None })
    }
}

/// Without its end an archive has no directory.
fn damage(error: zip::result::ZipError) -> io::Error {
    match error {
        zip::result::ZipError::Io(error) => error,
        other => io::Error::new(ErrorKind::InvalidData, other.to_string()),
    }
}

fn unsupported(how: &str) -> io::Error {
    let what =
        format!("an entry of the `zip` archive is {how}, which is not supported; unpack it and import the result");
    refused(RejectClass::UnsupportedCompression, what)
}

impl Open {
    fn new(entry: Entry) -> Self {
        let packed = entry.packed.reader();
        let text: Box<dyn Read + Send> =
            if entry.is_deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
        Self { text, crc: Crc::new(), read: 0, entry: (entry.size, entry.crc), ends_line: false }
    }

    /// Checks what was read against the directory.
    fn end(&self) -> io::Result<()> {
        let (size, crc) = self.entry;
        if self.read == size && self.crc.sum() == crc {
            return Ok(());
        }
        Err(io::Error::new(ErrorKind::InvalidData, "size or checksum of an entry is wrong"))
    }
}

impl Read for Entries {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(entry) = self.entries.next() else { return Ok(0) };
                self.open = Some(Open::new(entry));
                continue;
            };
            let count = open.text.read(out)?;
            if let Some(read) = out.get(..count).filter(|read| !read.is_empty()) {
                open.crc.update(read);
                open.read += count as u64;
                open.ends_line = read.ends_with(b"\n");
                return Ok(count);
            }
            open.end()?;
            // The last record of an entry and the first of the next stay two, however damaged one is.
            let parts = !open.ends_line && open.read > 0 && self.entries.len() > 0;
            self.open = None;
            if let (true, Some(first)) = (parts, out.first_mut()) {
                *first = b'\n';
                return Ok(1);
            }
        }
    }
}

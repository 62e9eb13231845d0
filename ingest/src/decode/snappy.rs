//! Snappy without the framing format: one raw block, and Hadoop's blocks.
//!
//! ```text
//! Hadoop:  length of text (u32) { length of chunk (u32), chunk (raw Snappy) }, until the text is complete; then the next block
//! ```
//! Source: Hadoop's `BlockDecompressorStream`; lengths are big end first.

use std::io::{self, ErrorKind, Read};

use snap::raw::{Decoder, decompress_len};

use super::foreign::refused;
use crate::RejectClass;

/// A block may unpack to so many bytes.
pub(super) const MAX_BLOCK: usize = 128 << 20;

/// The text of an object that is one block.
pub(super) fn raw(object: &[u8]) -> io::Result<Vec<u8>> {
    check(object)?;
    Decoder::new().decompress_vec(object).map_err(corrupt)
}

/// Refuses a block that claims to hold too much, before room is made for it.
fn check(block: &[u8]) -> io::Result<usize> {
    let size = decompress_len(block).map_err(corrupt)?;
    // A copy of Snappy's takes two bytes or more for at most 64.
    if size > MAX_BLOCK || size / 64 > block.len() {
        return Err(refused(RejectClass::TooLarge, format!("`snappy` block claims to hold `{size}` bytes")));
    }
    Ok(size)
}

fn corrupt(error: snap::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

/// The text of Hadoop's blocks.
pub(super) struct Blocks<S> {
    source: S,
    decoder: Decoder,
    chunk: Vec<u8>,
    text: Vec<u8>,
    at: usize,
    /// Bytes of text that the present block still has to give.
    left: usize,
}

impl<S: Read> Blocks<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, decoder: Decoder::new(), chunk: Vec::new(), text: Vec::new(), at: 0, left: 0 }
    }

    pub(super) fn get_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Unpacks the next chunk; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        while self.left == 0 {
            let Some(left) = self.length()? else { return Ok(false) };
            self.left = left;
        }
        let size = self.length()?.ok_or(ErrorKind::UnexpectedEof)?;
        if size > MAX_BLOCK {
            return Err(refused(RejectClass::TooLarge, format!("`hadoop snappy` chunk of `{size}` bytes")));
        }
        self.chunk.clear();
        if self.source.by_ref().take(size as u64).read_to_end(&mut self.chunk)? < size {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let unpacked = check(&self.chunk)?;
        self.left = self.left.checked_sub(unpacked).ok_or_else(|| {
            let what = format!("`hadoop snappy` chunk holds `{unpacked}` bytes, more than its block has left");
            refused(RejectClass::CorruptCompression, what)
        })?;
        self.text.resize(unpacked, 0);
        self.decoder.decompress(&self.chunk, &mut self.text).map_err(corrupt)?;
        self.at = 0;
        Ok(true)
    }

    /// A length; `None` at the end of the object.
    fn length(&mut self) -> io::Result<Option<usize>> {
        let mut bytes = [0; 4];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.source.read(&mut bytes[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        Ok(Some(u32::from_be_bytes(bytes) as usize))
    }
}

impl<S: Read> Read for Blocks<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() {
            if !self.next()? {
                return Ok(0);
            }
        }
        let text = self.text.get(self.at..).unwrap_or_default();
        let count = text.len().min(out.len());
        out[..count].copy_from_slice(&text[..count]);
        self.at += count;
        Ok(count)
    }
}

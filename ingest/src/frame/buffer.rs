//! The window of decoded bytes in which frames are found.

use std::io::{self, Read};

use crate::decode::{Damage, Feed, Inflater, Scratch, Step};
use crate::{Limits, ObjectBytes, Place};

/// Bytes decoded at a time: small enough for the processor's cache, large enough to hold a hundred events.
const CHUNK: usize = 256 << 10;

/// A window over the decoded object that grows while a record is not complete, and knows its place.
pub(super) struct Buffer<R: Read> {
    input: Feed<R>,
    inflater: Inflater,
    bytes: Vec<u8>,
    start: usize,
    filled: usize,
    place: Place,
    ended: bool,
    damage: Option<Damage>,
}

impl<R: Read> Buffer<R> {
    pub(super) fn new(reader: R, limits: &Limits, scratch: Scratch, place: Place) -> Self {
        let Scratch { input, window, inflater } = scratch;
        Self {
            input: Feed::new(reader, limits.max_expansion, input),
            inflater,
            bytes: window,
            start: 0,
            filled: 0,
            place,
            ended: false,
            damage: None,
        }
    }

    /// The window over a part of an object that is known to be plain.
    pub(super) fn plain(self) -> Self {
        Self { input: self.input.plain(), ..self }
    }

    /// The window over an object that may be decoded ahead, on a thread of its own.
    pub(super) fn ahead(self) -> Self
    where
        R: Send + 'static,
    {
        Self { input: self.input.ahead(), ..self }
    }

    /// A window that already holds everything; the reader stays unread.
    pub(super) fn preloaded(reader: R, bytes: &[u8], limits: &Limits) -> Self {
        let window = Scratch { window: bytes.to_vec(), ..Scratch::default() };
        Self { filled: bytes.len(), ended: true, ..Self::new(reader, limits, window, Place::START) }
    }

    /// The memory, for the next object.
    pub(super) fn into_scratch(self) -> Scratch {
        Scratch { input: self.input.into_buffer(), window: self.bytes, inflater: self.inflater }
    }

    /// Everything decoded and not yet passed.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..self.filled).unwrap_or_default()
    }

    /// Where the rest starts.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The damage that ended the object, if any did.
    pub(super) fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    pub(super) fn object_bytes(&self) -> ObjectBytes {
        self.input.object_bytes()
    }

    /// Passes over the next `count` bytes.
    pub(super) fn advance(&mut self, count: usize) {
        let passed = self.rest().get(..count).unwrap_or_default();
        let lines = memchr::memchr_iter(b'\n', passed).count();
        self.advance_lines(count, lines);
    }

    /// Passes over the next `count` bytes, in which there are `lines` newlines.
    pub(super) fn advance_lines(&mut self, count: usize, lines: usize) {
        self.place.line += lines as u64;
        self.place.offset += count as u64;
        self.start += count;
    }

    /// Decodes more bytes behind the rest; false at the object's end.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if let Some(size) = self.input.whole(&mut self.bytes, &mut self.inflater)? {
            (self.filled, self.ended) = (size, true);
            return Ok(size > 0);
        }
        self.bytes.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        if self.bytes.len() < self.filled + CHUNK / 2 {
            self.bytes.resize(self.filled + CHUNK, 0);
        }
        let end = self.bytes.len().min(self.filled + CHUNK);
        match self.input.read(self.bytes.get_mut(self.filled..end).unwrap_or_default())? {
            Step::Bytes(count) => {
                self.filled += count;
                return Ok(true);
            }
            Step::End => {}
            Step::Damage(damage) => self.damage = Some(damage),
        }
        self.ended = true;
        Ok(false)
    }
}

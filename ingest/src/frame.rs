//! Framing: where one JSON value ends and the next begins.
//!
//! Firehose concatenates what producers put, so a file may be NDJSON, `}{` without any separator, JSON arrays of events, or
//! pretty-printed over many lines, with blank lines, CRLF, byte order marks and literal `\n` between.
//!
//! The fast path takes a line from `{` to `}` for one record and leaves it to the parser to confirm
//! ([`Frames::reframe`] takes it back). Everything else goes through a [`scan::Scanner`].
//!
//! **Damage** costs as little as possible. Text that does not start with `{` or `[` is one frame to the end of its
//! line. A broken or unfinished object is one frame up to the next line whose first byte is `{`: pretty-printed
//! inner objects are indented, so such a line starts a record. If that line comes exactly where
//! the object broke, the object was cut (`truncated_json`), else it is wrong in itself (`invalid_json`).

mod buffer;
mod damage;
pub(crate) mod scan;

use std::io::{self, Read};

use crate::decode::Scratch;
use crate::{Limits, ObjectBytes, Place, Reject};
use buffer::Buffer;
use scan::{Scan, Scanner};

/// One frame of an object.
#[derive(Debug)]
pub(crate) struct Frame<'b> {
    pub(crate) place: Place,
    /// The frame's bytes, or the first [`Limits::max_raw`] of them where it is broken.
    pub(crate) raw: &'b [u8],
    pub(crate) shape: Shape,
}

/// What a frame holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A line that looks like one object; if it does not parse, call [`Frames::reframe`].
    Line,
    /// A complete object or array.
    Value,
    /// A line, or the rest of one, that is neither.
    Text,
    /// Bytes no value could be found in.
    Broken(Reject),
}

/// What a caller of [`Frames::window`] has taken from it.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub(crate) bytes: usize,
    pub(crate) lines: usize,
    pub(crate) records: u64,
}

/// How far an object has been framed: everything before this place is in a frame, and a frame may start here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frontier {
    pub(crate) place: Place,
    /// Between the brackets of an array whose elements are the records.
    in_array: bool,
}

impl Default for Frontier {
    fn default() -> Self {
        Self { place: Place::START, in_array: false }
    }
}

impl Frontier {
    /// A record that starts at this offset, outside any array. Its line is called the first.
    pub(crate) fn at(offset: u64) -> Self {
        Self { place: Place { offset, ..Place::START }, in_array: false }
    }

    /// Whether a record that starts at this offset, outside any array, is next.
    pub(crate) fn is_record_at(self, offset: u64) -> bool {
        self.place.offset == offset && !self.in_array
    }

    /// The same with so many more lines before it.
    pub(crate) fn shifted(self, lines: u64) -> Self {
        Self { place: Place { line: self.place.line + lines, ..self.place }, ..self }
    }
}

/// The frames of one object, in order.
pub(crate) struct Frames<R: Read> {
    buffer: Buffer<R>,
    max_record: usize,
    max_depth: usize,
    max_raw: usize,
    /// Between the brackets of an array whose elements are the records.
    in_array: bool,
    /// The frame handed out last takes so many bytes of the buffer, in one line if `in_line`.
    pending: usize,
    in_line: bool,
    /// Lines that start before this offset do not hold exactly one record.
    no_line_before: u64,
    line_end: u64,
    /// Start of a frame that was passed without being kept.
    prefix: Vec<u8>,
    complete: u64,
    finished: bool,
    /// Frames that start at this offset or later are another reader's.
    stop: Option<u64>,
}

/// A frame's bytes before they are borrowed.
enum Bytes {
    /// The next bytes of the buffer.
    Next(usize),
    /// The kept start of bytes already passed.
    Passed,
}

type Found = (Place, Bytes, Shape);

impl<R: Read> Frames<R> {
    pub(crate) fn new(reader: R, limits: &Limits, scratch: Scratch) -> Self {
        Self::over(Buffer::new(reader, limits, scratch, Place::START), limits)
    }

    /// The frames of a plain object that start between a frontier and an offset; the reader stands at the frontier.
    pub(crate) fn between(reader: R, limits: &Limits, scratch: Scratch, from: Frontier, stop: Option<u64>) -> Self {
        let frames = Self::over(Buffer::new(reader, limits, scratch, from.place).plain(), limits);
        Self { in_array: from.in_array, stop, ..frames }
    }

    /// The same, where a long gzip stream is inflated ahead, on a thread of its own.
    pub(crate) fn ahead(self) -> Self
    where
        R: Send + 'static,
    {
        Self { buffer: self.buffer.ahead(), ..self }
    }

    /// How far framing has got, when there is no next frame.
    pub(crate) fn frontier(&self) -> Frontier {
        Frontier { place: self.buffer.place(), in_array: self.in_array }
    }

    /// Frames that start at this offset or later are another reader's.
    pub(crate) fn stop(&self) -> Option<u64> {
        self.stop
    }

    /// The frames of bytes that are all at hand and not compressed; the reader stays unread.
    pub(crate) fn preloaded(reader: R, bytes: &[u8], limits: &Limits) -> Self {
        Self::over(Buffer::preloaded(reader, bytes, limits), limits)
    }

    fn over(buffer: Buffer<R>, limits: &Limits) -> Self {
        Self {
            buffer,
            max_record: limits.max_record,
            max_depth: limits.max_depth,
            max_raw: limits.max_raw,
            in_array: false,
            pending: 0,
            in_line: false,
            no_line_before: 0,
            line_end: 0,
            prefix: Vec::new(),
            complete: 0,
            finished: false,
            stop: None,
        }
    }

    /// The memory, for the next object.
    pub(crate) fn into_scratch(self) -> Scratch {
        self.buffer.into_scratch()
    }

    pub(crate) fn bytes(&self) -> ObjectBytes {
        self.buffer.object_bytes()
    }

    /// What is at hand of the bytes behind the last frame, at most so many, and its place: for a caller that frames for itself.
    pub(crate) fn window(&mut self, most: usize) -> (Place, &[u8]) {
        self.settle();
        let rest = self.buffer.rest();
        (self.buffer.place(), rest.get(..most).unwrap_or(rest))
    }

    /// Passes over so many bytes and lines of the window, which held so many complete records.
    pub(crate) fn pass(&mut self, passed: &Passed) {
        self.buffer.advance_lines(passed.bytes, passed.lines);
        self.complete += passed.records;
    }

    /// Takes more bytes into the window; false at the object's end.
    pub(crate) fn more(&mut self) -> io::Result<bool> {
        self.buffer.more()
    }

    /// Passes over the frame handed out last.
    fn settle(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if self.in_line {
            self.buffer.advance_lines(pending, 0);
        } else {
            self.buffer.advance(pending);
        }
        self.in_line = false;
    }

    /// The next frame, or `None` at the end of the object.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame<'_>>> {
        self.settle();
        let Some((place, bytes, shape)) = self.find()? else { return Ok(None) };
        let raw = match bytes {
            Bytes::Passed => &self.prefix,
            Bytes::Next(count) => {
                self.pending = count;
                self.in_line = shape == Shape::Line;
                self.complete += u64::from(matches!(shape, Shape::Line | Shape::Value));
                let rest = self.buffer.rest();
                let kept = if matches!(shape, Shape::Broken(_)) { count.min(self.max_raw) } else { count };
                rest.get(..kept).unwrap_or(rest)
            }
        };
        Ok(Some(Frame { place, raw, shape }))
    }

    /// Takes back the [`Shape::Line`] handed out last, to be framed anew by scanning.
    pub(crate) fn reframe(&mut self) {
        self.pending = 0;
        self.complete = self.complete.saturating_sub(1);
        self.no_line_before = self.line_end;
    }

    fn find(&mut self) -> io::Result<Option<Found>> {
        loop {
            let Some(first) = self.skip_separators()? else { return Ok(self.finish()) };
            if self.stop.is_some_and(|stop| self.buffer.place().offset >= stop) {
                return Ok(None);
            }
            match first {
                b'{' => return self.object().map(Some),
                b'[' if !self.in_array && self.opens_records()? => {
                    self.in_array = true;
                    self.buffer.advance(1);
                }
                b'[' => return self.scan().map(Some),
                _ => return self.text().map(Some),
            }
        }
    }

    /// Passes over what may stand between records and returns the byte after it.
    fn skip_separators(&mut self) -> io::Result<Option<u8>> {
        loop {
            let rest = self.buffer.rest();
            let blank = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count();
            self.buffer.advance(blank);
            let rest = self.buffer.rest();
            let first = rest.first().copied();
            let count = match rest {
                [b',', ..] if self.in_array => 1,
                [b']', ..] if self.in_array => {
                    self.in_array = false;
                    1
                }
                [0xef, 0xbb, 0xbf, ..] => 3,
                [b'\\', b'n', ..] => 2,
                [] | [b'\\'] | [0xef] | [0xef, 0xbb] => {
                    if !self.buffer.more()? {
                        return Ok(first);
                    }
                    0
                }
                _ => return Ok(first),
            };
            self.buffer.advance(count);
        }
    }

    /// Whether the `[` at hand is followed by an object.
    fn opens_records(&mut self) -> io::Result<bool> {
        let mut at = 1;
        loop {
            let rest = self.buffer.rest().get(at..).unwrap_or_default();
            at += rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
            match self.buffer.rest().get(at).copied() {
                Some(byte) => return Ok(byte == b'{'),
                None if at > self.max_record || !self.buffer.more()? => return Ok(false),
                None => {}
            }
        }
    }

    fn object(&mut self) -> io::Result<Found> {
        let place = self.buffer.place();
        if place.offset >= self.no_line_before {
            let rest = self.buffer.rest();
            match memchr::memchr(b'\n', rest) {
                Some(end) => {
                    let line = trim_line(&rest[..end], self.in_array);
                    if line.ends_with(b"}") && line.len() <= self.max_record {
                        let count = line.len();
                        self.line_end = place.offset + end as u64;
                        return Ok((place, Bytes::Next(count), Shape::Line));
                    }
                }
                None => self.no_line_before = place.offset + rest.len() as u64,
            }
        }
        self.scan()
    }

    fn scan(&mut self) -> io::Result<Found> {
        let place = self.buffer.place();
        let mut scanner = Scanner::new();
        let mut seen = 0;
        loop {
            let rest = self.buffer.rest();
            match scanner.run(rest.get(seen..).unwrap_or_default()) {
                Scan::Complete(count) => {
                    let size = seen + count;
                    let shape = if scanner.deepest() > self.max_depth {
                        Shape::Broken(self.too_deep())
                    } else if size > self.max_record {
                        Shape::Broken(self.too_large())
                    } else {
                        Shape::Value
                    };
                    return Ok((place, Bytes::Next(size), shape));
                }
                Scan::Broken(count) => return self.broken(seen + count, &scanner),
                Scan::More => seen = rest.len(),
            }
            if seen > self.max_record {
                return self.oversized(scanner);
            }
            if !self.buffer.more()? {
                return Ok(self.cut_at_end(&scanner));
            }
        }
    }

    /// Text up to the end of its line.
    fn text(&mut self) -> io::Result<Found> {
        let place = self.buffer.place();
        let mut seen = 0;
        loop {
            let rest = self.buffer.rest();
            if let Some(end) = memchr::memchr(b'\n', rest.get(seen..).unwrap_or_default()) {
                return Ok((place, Bytes::Next(seen + end), Shape::Text));
            }
            seen = rest.len();
            if seen > self.max_record {
                self.discard_line()?;
                return Ok((place, Bytes::Passed, Shape::Broken(self.too_large())));
            }
            if !self.buffer.more()? {
                self.in_array &= !self.buffer.rest().trim_ascii_end().ends_with(b"]");
                return Ok(self.damage().unwrap_or((place, Bytes::Next(seen), Shape::Text)));
            }
        }
    }
}

/// A line without the white space at its end and, inside an array, one comma.
fn trim_line(line: &[u8], in_array: bool) -> &[u8] {
    let line = line.trim_ascii_end();
    match line.strip_suffix(b",") {
        Some(element) if in_array => element.trim_ascii_end(),
        _ => line,
    }
}

#[cfg(test)]
mod tests;

//! What to make of bytes in which no frame could be found, and where to go on after them.

use std::io::{self, Read};

use super::scan::{Scan, Scanner};
use super::{Bytes, Found, Frames, Shape};
use crate::{Reject, RejectClass};

impl<R: Read> Frames<R> {
    /// An object that cannot go on after its first `failed` bytes.
    pub(super) fn broken(&mut self, failed: usize, scanner: &Scanner) -> io::Result<Found> {
        let place = self.buffer.place();
        let next = loop {
            let rest = self.buffer.rest();
            let next = next_record_line(rest);
            if next.is_some() || rest.len() > failed + self.max_raw || !self.buffer.more()? {
                break next;
            }
        };
        let rest = self.buffer.rest();
        let between = rest.get(failed..next.unwrap_or(rest.len())).unwrap_or_default();
        let reject = if scanner.deepest() > self.max_depth {
            self.too_deep()
        } else if between.iter().all(u8::is_ascii_whitespace) {
            Reject::new(RejectClass::TruncatedJson, format!("record is cut off after `{failed}` bytes"))
        } else {
            Reject::new(RejectClass::InvalidJson, format!("record is no JSON at its byte `{failed}`"))
        };
        self.discard_to(next, None)?;
        Ok((place, Bytes::Passed, Shape::Broken(reject)))
    }

    /// An object that grew over the limit: the next record is looked for where this one ends, or at the next
    /// line that starts one, whichever comes first.
    pub(super) fn oversized(&mut self, scanner: Scanner) -> io::Result<Found> {
        let place = self.buffer.place();
        let reject = if scanner.deepest() > self.max_depth { self.too_deep() } else { self.too_large() };
        let next = next_record_line(self.buffer.rest());
        self.discard_to(next, Some(scanner))?;
        if self.buffer.rest().is_empty()
            && let Some((_, _, damage)) = self.damage()
        {
            // The record ran into the damage of the whole object: the two are one.
            return Ok((place, Bytes::Passed, damage));
        }
        Ok((place, Bytes::Passed, Shape::Broken(reject)))
    }

    /// An object that is not complete when the bytes end.
    pub(super) fn cut_at_end(&mut self, scanner: &Scanner) -> Found {
        let place = self.buffer.place();
        let rest = self.buffer.rest();
        let deep = scanner.deepest() > self.max_depth;
        if let Some(next) = next_record_line(rest) {
            let reject = if deep {
                self.too_deep()
            } else {
                Reject::new(RejectClass::TruncatedJson, "record is cut off by a later line")
            };
            return (place, Bytes::Next(next), Shape::Broken(reject));
        }
        self.in_array = false;
        if let Some(found) = self.damage() {
            return found;
        }
        let size = self.buffer.rest().len();
        let reject = if deep {
            self.too_deep()
        } else {
            Reject::new(RejectClass::TruncatedJson, format!("record is cut off after `{size}` bytes at the end"))
        };
        (place, Bytes::Next(size), Shape::Broken(reject))
    }

    /// Passes to `next`, or to where a record starts or the scanner's value ends in bytes still to come, keeping the prefix.
    fn discard_to(&mut self, next: Option<usize>, mut scanner: Option<Scanner>) -> io::Result<()> {
        self.keep_prefix(next);
        if let Some(next) = next {
            self.buffer.advance(next);
            return Ok(());
        }
        loop {
            let rest = self.buffer.rest();
            let at_line_start = rest.ends_with(b"\n");
            self.buffer.advance(rest.len());
            if !self.buffer.more()? {
                return Ok(());
            }
            let rest = self.buffer.rest();
            let line = if at_line_start && rest.starts_with(b"{") { Some(0) } else { next_record_line(rest) };
            let end = match scanner.as_mut().map(|scanner| scanner.run(rest)) {
                Some(Scan::Complete(count)) => Some(count),
                Some(Scan::Broken(_)) => {
                    scanner = None;
                    None
                }
                Some(Scan::More) | None => None,
            };
            if let Some(count) = line.into_iter().chain(end).min() {
                self.buffer.advance(count);
                return Ok(());
            }
        }
    }

    /// Passes over the rest of the line, keeping its prefix.
    pub(super) fn discard_line(&mut self) -> io::Result<()> {
        self.keep_prefix(None);
        loop {
            let size = self.buffer.rest().len();
            self.buffer.advance(size);
            if !self.buffer.more()? {
                return Ok(());
            }
            if let Some(end) = memchr::memchr(b'\n', self.buffer.rest()) {
                self.buffer.advance(end);
                return Ok(());
            }
        }
    }

    fn keep_prefix(&mut self, next: Option<usize>) {
        let rest = self.buffer.rest();
        let size = next.unwrap_or(rest.len()).min(self.max_raw);
        self.prefix.clear();
        self.prefix.extend_from_slice(rest.get(..size).unwrap_or(rest));
    }

    /// The one frame that stands for the object's damage: it begins where the last whole record ends, and takes what is left.
    pub(super) fn damage(&mut self) -> Option<Found> {
        let damage = self.buffer.damage()?.clone();
        let place = self.buffer.place();
        let size = self.buffer.rest().len();
        self.finished = true;
        let reason = format!("{}, `{}` complete records before it", damage.reason, self.complete);
        Some((place, Bytes::Next(size), Shape::Broken(Reject::new(damage.class, reason))))
    }

    /// What is left to say when all bytes are passed.
    pub(super) fn finish(&mut self) -> Option<Found> {
        if std::mem::replace(&mut self.finished, true) {
            return None;
        }
        let in_array = std::mem::take(&mut self.in_array);
        self.damage().or_else(|| {
            let reject = Reject::new(RejectClass::TruncatedJson, "array of records is not closed at the end");
            in_array.then(|| (self.buffer.place(), Bytes::Next(0), Shape::Broken(reject)))
        })
    }

    pub(super) fn too_deep(&self) -> Reject {
        Reject::new(RejectClass::TooDeep, format!("record nests deeper than `{}`", self.max_depth))
    }

    pub(super) fn too_large(&self) -> Reject {
        Reject::new(RejectClass::TooLarge, format!("record is larger than `{}` bytes", self.max_record))
    }
}

/// Where the next line starts whose first byte is `{`.
fn next_record_line(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).map(|newline| newline + 1).find(|start| bytes.get(*start) == Some(&b'{'))
}

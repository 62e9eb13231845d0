//! Frames to parsed records, with the parser's word on whether a line was one record.

use std::io::{self, Read};

use crate::document::Document;
use crate::frame::{Frames, Passed, Shape};
use crate::{Limits, Place, Reject};

/// What a frame holds, or why it holds nothing.
#[derive(Debug)]
pub(crate) enum Content<'d, 'a> {
    /// A JSON object, large enough not to be moved about.
    Document(&'d mut Document<'a>),
    /// A line that starts neither an object nor an array.
    Text(&'a [u8]),
    /// Damage.
    Broken(Reject),
}

/// Hands the content of every frame to `each`, with the frame's place and bytes.
pub(crate) fn read<R: Read>(
    frames: &mut Frames<R>,
    limits: &Limits,
    each: &mut dyn FnMut(Place, &[u8], Content<'_, '_>),
) -> io::Result<()> {
    loop {
        read_compact(frames, limits, each)?;
        let Some(frame) = frames.next()? else { return Ok(()) };
        let is_guess = frame.shape == Shape::Line;
        let mut document;
        let content = match frame.shape {
            Shape::Text => Content::Text(frame.raw),
            Shape::Broken(reject) => Content::Broken(reject),
            Shape::Line | Shape::Value => match Document::parse_any(frame.raw, limits) {
                Ok(parsed) => {
                    document = parsed;
                    Content::Document(&mut document)
                }
                Err(_) if is_guess => {
                    frames.reframe();
                    continue;
                }
                Err(reject) => Content::Broken(reject),
            },
        };
        each(frame.place, frame.raw, content);
    }
}

/// How much text is looked at in one go: a few dozen records, and little enough to be checked again if none can be read.
const WINDOW: usize = 64 << 10;

/// Hands on the records that can be read as they stand, up to the first that cannot. Where such a record ends shows when it is
/// parsed, so it need not be framed.
fn read_compact<R: Read>(
    frames: &mut Frames<R>,
    limits: &Limits,
    each: &mut dyn FnMut(Place, &[u8], Content<'_, '_>),
) -> io::Result<()> {
    loop {
        let stop = frames.stop();
        let (start, window) = frames.window(WINDOW);
        let mut passed = Passed::default();
        if Document::may_be_compact(window.trim_ascii_start()) {
            let mut rest = valid_text(window);
            loop {
                let record = rest.trim_start_matches([' ', '\t', '\r', '\n']);
                let blank = &rest.as_bytes()[..rest.len() - record.len()];
                passed.bytes += blank.len();
                passed.lines += memchr::memchr_iter(b'\n', blank).count();
                let place =
                    Place { offset: start.offset + passed.bytes as u64, line: start.line + passed.lines as u64 };
                if stop.is_some_and(|stop| place.offset >= stop) {
                    break;
                }
                let mut document = Document::default();
                let Some(length) = document.read_compact(record, limits) else { break };
                each(place, document.json.as_bytes(), Content::Document(&mut document));
                passed.bytes += length;
                passed.records += 1;
                rest = record.get(length..).unwrap_or_default();
            }
        }
        let (found, short) = (passed.records > 0, window.len() < WINDOW);
        frames.pass(&passed);
        let goes_on = found || (short && frames.more()?);
        if !goes_on {
            return Ok(());
        }
    }
}

/// The text up to the first byte that is no UTF-8, or only its beginning.
fn valid_text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
        }
    }
}

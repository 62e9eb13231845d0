//! Frames to parsed records, with the parser's word on whether a line was one record.

use std::io::{self, Read};

use crate::document::Document;
use crate::frame::{Frames, Shape};
use crate::{Limits, Place, Reject};

/// What a frame holds, or why it holds nothing.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a document is the common case and is consumed at once")]
pub(crate) enum Content<'a> {
    /// A JSON object.
    Document(Document<'a>),
    /// A line that starts neither an object nor an array.
    Text(&'a [u8]),
    /// Damage.
    Broken(Reject),
}

/// Hands the content of every frame to `each`, with the frame's place and bytes.
pub(crate) fn read<R: Read>(
    frames: &mut Frames<R>,
    limits: &Limits,
    each: &mut dyn FnMut(Place, &[u8], Content<'_>),
) -> io::Result<()> {
    while let Some(frame) = frames.next()? {
        let is_guess = frame.shape == Shape::Line;
        let content = match frame.shape {
            Shape::Text => Content::Text(frame.raw),
            Shape::Broken(reject) => Content::Broken(reject),
            Shape::Line | Shape::Value => match Document::parse(frame.raw, limits) {
                Ok(document) => Content::Document(document),
                Err(_) if is_guess => {
                    frames.reframe();
                    continue;
                }
                Err(reject) => Content::Broken(reject),
            },
        };
        each(frame.place, frame.raw, content);
    }
    Ok(())
}

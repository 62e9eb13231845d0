//! How an object is packed, told by its first bytes.
//!
//! Names and headers lie, so only bytes are believed. Two formats that Firehose writes have no magic number: raw Snappy, and Hadoop's
//! blocks of it. They are known by their lengths, and by the `{` or `[` with which JSON begins and which Snappy keeps as it is.

use super::snappy::MAX_BLOCK;

/// So many bytes tell how an object is packed.
pub(crate) const HEAD_BYTES: usize = 32;

/// How the text of an object is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Not at all.
    Plain,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
    /// A PKZIP archive; its entries follow one another.
    Zip,
    /// Snappy's framing format: Firehose's `Snappy`, and what the snappy programs write.
    SnappyFramed,
    /// One block of Snappy without a frame.
    SnappyRaw,
    /// Blocks as Hadoop's `BlockCompressorStream` writes them: Firehose's `HADOOP_SNAPPY`.
    SnappyHadoop,
    /// Rows in columns, as Firehose's record format conversion writes them.
    Parquet,
    /// Something that is not read here: its name, and what to do about it.
    Unsupported(&'static str, &'static str),
}

const REPACK: &str = "unpack it and import the result";

/// Formats with a magic number.
const MAGIC: [(&[u8], Format); 12] = [
    (&[0x1f, 0x8b], Format::Gzip),
    (&[0x28, 0xb5, 0x2f, 0xfd], Format::Zstd),
    (b"PK\x03\x04", Format::Zip),
    // An archive without entries.
    (b"PK\x05\x06", Format::Zip),
    (&[0xff, 0x06, 0x00, 0x00, b's', b'N', b'a', b'P', b'p', b'Y'], Format::SnappyFramed),
    (b"PAR1", Format::Parquet),
    (b"PARE", Format::Unsupported("encrypted parquet", "decrypt it first")),
    (
        b"ORC",
        Format::Unsupported(
            "orc",
            "let Firehose's record format conversion write Parquet, or turn it off, which keeps the whole event",
        ),
    ),
    (b"Obj\x01", Format::Unsupported("avro", "write the events as JSON")),
    (b"BZh", Format::Unsupported("bzip2", REPACK)),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0x00], Format::Unsupported("xz", REPACK)),
    (&[0x04, 0x22, 0x4d, 0x18], Format::Unsupported("lz4", REPACK)),
];

impl Format {
    /// The format of an object that begins with these bytes, of which [`HEAD_BYTES`] are enough.
    pub(crate) fn of(head: &[u8]) -> Self {
        let magic = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, format)| *format);
        match magic {
            Some(format) => format,
            None if is_hadoop(head) => Self::SnappyHadoop,
            None if is_raw(head) => Self::SnappyRaw,
            None => Self::Plain,
        }
    }

    /// The name in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zip => "zip",
            Self::SnappyFramed | Self::SnappyRaw => "snappy",
            Self::SnappyHadoop => "hadoop snappy",
            Self::Parquet => "parquet",
            Self::Unsupported(name, _) => name,
        }
    }
}

/// A length below 128 is one byte, which could begin a text as well; so short an object holds no event.
fn is_raw(head: &[u8]) -> bool {
    const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
    head.first().is_some_and(|first| *first >= 0x80)
        && !head.starts_with(BYTE_ORDER_MARK)
        && is_snappy_of_json(head, None)
}

/// Two lengths, big end first, and a block whose own length is no more than the first.
fn is_hadoop(head: &[u8]) -> bool {
    let Some((lengths, block)) = head.split_first_chunk::<8>() else { return false };
    let [u0, u1, u2, u3, c0, c1, c2, c3] = *lengths;
    let (whole, chunk) = (u32::from_be_bytes([u0, u1, u2, u3]), u32::from_be_bytes([c0, c1, c2, c3]));
    // Text that is no block begins with no byte below a tab's: taken for a length, it would be beyond what is read of a block.
    let is_block = (1..=MAX_BLOCK).contains(&(whole as usize));
    // Snappy makes no chunk longer than this.
    let is_chunk = chunk > 0 && u64::from(chunk) <= 32 + u64::from(whole) * 7 / 6;
    is_block && is_chunk && is_snappy_of_json(block, Some(whole))
}

/// Whether a block of Snappy begins here whose text begins as JSON does, and is no longer than `most` bytes.
fn is_snappy_of_json(block: &[u8], most: Option<u32>) -> bool {
    let mut length = 0_u64;
    let mut bytes = block.iter();
    for shift in [0, 7, 14, 21, 28] {
        let Some(byte) = bytes.next() else { return false };
        length |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        if shift == 28 {
            return false;
        }
    }
    if length == 0 || most.is_some_and(|most| length > u64::from(most)) {
        return false;
    }
    // The first element is a literal; its length stands in the tag, or in up to four bytes behind it.
    let Some(tag) = bytes.next() else { return false };
    let more = match tag >> 2 {
        size if tag & 0b11 == 0 => usize::from(size).saturating_sub(59),
        _ => return false,
    };
    let first = bytes.nth(more);
    first.is_some_and(|first| matches!(first, b'{' | b'[' | b' ' | b'\n' | b'\r' | b'\t' | 0xef))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_plain() {
        for text in [
            &b""[..],
            b"{",
            b"{\"eventType\":\"Send\"}",
            b"[{\"a\":1}]",
            b"\xef\xbb\xbf{\"a\":1}",
            b"\n\n  {\"a\":1}",
            b"[ [ {",
            b"{ { {",
            b"[{\"a\":1}, [1], {\"b\":2}]",
            b"{\"a\":1}\n\",[",
            b"{}\r\n{}\n{\n  \"k\": null\n}",
            b"\"text\"",
            b"hello, world, this is a text without JSON",
            b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
            b"\x80\x80\x80\x80\x80\x80{",
        ] {
            assert_eq!(Format::of(text), Format::Plain, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn snappy_is_known_by_what_it_holds() {
        for size in [150, 5_000, 70_000, 3_000_000] {
            let text = format!("{{\"eventType\":\"Send\",\"padding\":\"{}\"}}\n", "x".repeat(size));
            let raw = snap::raw::Encoder::new().compress_vec(text.as_bytes()).unwrap();
            assert_eq!(Format::of(&raw[..raw.len().min(HEAD_BYTES)]), Format::SnappyRaw, "{size}");
            let mut hadoop = (text.len() as u32).to_be_bytes().to_vec();
            hadoop.extend((raw.len() as u32).to_be_bytes());
            hadoop.extend(&raw);
            assert_eq!(Format::of(&hadoop[..HEAD_BYTES]), Format::SnappyHadoop, "{size}");
        }
    }
}

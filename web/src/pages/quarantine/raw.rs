//! A record's bytes as text, in which nothing acts, and as numbers beside their offsets.

use std::fmt::Write as _;

/// So many bytes are shown at a time: as text and as numbers they take some twenty times as much.
const BLOCK: usize = 4_096;

/// Bytes of a line of the dump.
const LINE: usize = 16;

/// One block of a record.
pub(super) struct RawView {
    /// `bytes 0 to 4,095 of 65,536`.
    pub(super) extent: String,
    pub(super) text: Vec<Piece>,
    pub(super) lines: Vec<DumpLine>,
    /// Addresses of the blocks before and after.
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    /// Only the record's beginning was kept.
    pub(super) is_cut: bool,
}

/// A stretch of text, or a byte or character that is spelled out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) is_escape: bool,
}

/// A line of the dump: offset, sixteen bytes, and what is printable of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DumpLine {
    pub(super) offset: String,
    pub(super) bytes: String,
    pub(super) text: String,
}

/// So many bytes of a record are kept at most.
const KEPT: usize = 64 << 10;

impl RawView {
    /// The block in which a byte lies; `path` is the record's address.
    pub(super) fn new(raw: &[u8], from: usize, path: &str) -> Self {
        let start = (from / BLOCK * BLOCK).min(raw.len().saturating_sub(1) / BLOCK * BLOCK);
        let end = raw.len().min(start + BLOCK);
        let link = |from: usize| format!("{path}?from_byte={from}#bytes");
        let number = |count: usize| crate::format::thousands(count as u64);
        Self {
            extent: match raw.len() {
                0 => "no bytes".to_owned(),
                all => format!("bytes {} to {} of {}", number(start), number(end - 1), number(all)),
            },
            text: pieces(raw, start, end),
            lines: dump(raw.get(start..end).unwrap_or_default(), start),
            before: start.checked_sub(BLOCK).map(link),
            after: (end < raw.len()).then(|| link(end)),
            is_cut: raw.len() >= KEPT,
        }
    }
}

/// The characters that begin in a block.
fn pieces(raw: &[u8], start: usize, end: usize) -> Vec<Piece> {
    let is_inner = |at: usize| raw.get(at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    // A character has four bytes at most: what goes on into the block began in the one before.
    let first = (start..end.min(start + 3)).find(|at| !is_inner(*at)).unwrap_or(start);
    let first = if start == 0 { 0 } else { first };
    let last = (end..raw.len().min(end + 3)).find(|at| !is_inner(*at)).unwrap_or(raw.len().min(end + 3));
    let mut pieces: Vec<Piece> = Vec::new();
    let mut push = |text: &str, is_escape: bool| match pieces.last_mut() {
        Some(last) if last.is_escape == is_escape => last.text.push_str(text),
        _ => pieces.push(Piece { text: text.to_owned(), is_escape }),
    };
    for chunk in raw.get(first..last).unwrap_or_default().utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\n' => {
                    push("\\n", true);
                    push("\n", false);
                }
                letter if steers(letter) => push(&letter.escape_default().to_string(), true),
                letter => push(letter.encode_utf8(&mut [0; 4]), false),
            }
        }
        for byte in chunk.invalid() {
            push(&format!("\\x{byte:02x}"), true);
        }
    }
    pieces
}

/// Characters that would act on whoever reads them, or cannot be seen.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn dump(bytes: &[u8], start: usize) -> Vec<DumpLine> {
    let line = |(index, line): (usize, &[u8])| {
        let mut numbers = String::with_capacity(LINE * 3 + 1);
        for (place, byte) in line.iter().enumerate() {
            numbers.push_str(match place {
                0 => "",
                8 => "  ",
                _ => " ",
            });
            _ = write!(numbers, "{byte:02x}");
        }
        let text = line.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' });
        // The last line is as long as the others, so that its text stands below theirs.
        let bytes = format!("{numbers:<48}");
        DumpLine { offset: format!("{:05x}", start + index * LINE), bytes, text: text.collect() }
    };
    bytes.chunks(LINE).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &[u8]) -> String {
        let pieces = RawView::new(raw, 0, "/x").text;
        pieces
            .iter()
            .map(|piece| if piece.is_escape { format!("[{}]", piece.text) } else { piece.text.clone() })
            .collect()
    }

    #[test]
    fn nothing_acts_and_nothing_is_lost() {
        assert_eq!(text(b"{\"a\":\"<b>\"}"), "{\"a\":\"<b>\"}");
        assert_eq!(text("a\u{1b}[31m\u{202e}b\u{200b}".as_bytes()), "a[\\u{1b}][31m[\\u{202e}]b[\\u{200b}]");
        assert_eq!(text(b"a\xff\xfe\0\n\tb"), "a[\\xff\\xfe\\u{0}\\n]\n[\\t]b");
        assert_eq!(text(b""), "");
        assert_eq!(RawView::new(b"", 9, "/x").extent, "no bytes");
    }

    #[test]
    fn bytes_stand_beside_their_offsets() {
        let lines = RawView::new(b"{\"eventType\":\"S\x1b\xff\"}", 0, "/x").lines;
        let line = |offset: &str, bytes: &str, text: &str| DumpLine {
            offset: offset.to_owned(),
            bytes: format!("{bytes:<48}"),
            text: text.to_owned(),
        };
        assert_eq!(
            lines,
            [
                line("00000", "7b 22 65 76 65 6e 74 54  79 70 65 22 3a 22 53 1b", "{\"eventType\":\"S."),
                line("00010", "ff 22 7d", ".\"}"),
            ]
        );
    }

    #[test]
    fn a_long_record_is_shown_in_blocks_that_cut_no_character() {
        let raw = format!("{}é{}", "a".repeat(BLOCK - 1), "b".repeat(BLOCK)).into_bytes();
        let first = RawView::new(&raw, 0, "/x");
        assert_eq!(first.extent, "bytes 0 to 4,095 of 8,193");
        assert!(first.text[0].text.ends_with("aé"), "{:?}", first.text);
        assert_eq!((first.before, first.after.as_deref()), (None, Some("/x?from_byte=4096#bytes")));
        let second = RawView::new(&raw, 5_000, "/x");
        assert_eq!(second.text, [Piece { text: "b".repeat(BLOCK - 1), is_escape: false }]);
        assert_eq!(
            (second.before.as_deref(), second.after.as_deref()),
            (Some("/x?from_byte=0#bytes"), Some("/x?from_byte=8192#bytes"))
        );
        let last = RawView::new(&raw, usize::MAX, "/x");
        assert_eq!(last.text, [Piece { text: "b".to_owned(), is_escape: false }]);
        assert!(RawView::new(&vec![b'x'; KEPT], 0, "/x").is_cut);
        // Bytes that are no text at all.
        let broken = vec![0x80; 2 * BLOCK];
        let shown = RawView::new(&broken, BLOCK, "/x").text;
        assert!(shown.iter().all(|piece| piece.is_escape));
    }
}

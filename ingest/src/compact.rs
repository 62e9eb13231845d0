//! The fast way into a record: one pass over JSON as SES writes it, without white space between its tokens.
//!
//! ```text
//! {"eventType":"Send","mail":{"timestamp":"...","headers":[...]},...}
//!  `- keys are compared in place, in their usual order      `- skipped values are jumped over
//! ```
//! The shapes are those of [`crate::document::wire`], which derives this reader beside serde's. It knows only one layout: at
//! the first surprise (white space, an escaped or repeated key, a number with a fraction, another type, the text's end) it
//! gives up with `None`, and the record goes the general way. It accepts nothing that the general parser refuses, and reads
//! no other value: what it jumps over is still checked to be JSON.

use wide::u8x16;

use crate::json::Json;

/// Deepest nesting of a value that is jumped over.
const MAX_SKIPPED_DEPTH: usize = 8;
/// No record read this way nests deeper: three objects of known shape, and a skipped value in the innermost.
pub(crate) const MAX_DEPTH: usize = 4 + MAX_SKIPPED_DEPTH;

/// Objects with more fields of unknown names are left to the general way.
pub(crate) const MOST_UNKNOWN: usize = 1_000;

/// A shape that can be read from compact JSON.
pub(crate) trait Compact<'a>: Default {
    /// Whether a field of this shape may stand twice.
    const REPEATABLE: bool = false;

    /// Reads one value at the cursor, or gives up.
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Option<()>;
}

/// A place in a text.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Where the block starts that was looked at last.
    block: usize,
    /// The special bytes of that block.
    specials: u64,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, block: 0, specials: specials(text.as_bytes()) }
    }

    /// Bytes passed so far.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over the byte if it is the next one.
    pub(crate) fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Passes over the text if it is next. Inlined, so that a text known at build time is compared without a call.
    #[inline(always)]
    pub(crate) fn eat_text(&mut self, text: &str) -> Option<()> {
        self.rest().starts_with(text.as_bytes()).then(|| self.at += text.len())
    }

    /// Passes over `{`; false if the object is empty, and then it is passed as a whole.
    pub(crate) fn enter(&mut self) -> Option<bool> {
        self.eat(b'{')?;
        Some(self.eat(b'}').is_none())
    }

    /// Passes over what stands after a field: true if another one follows.
    pub(crate) fn goes_on(&mut self) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            b'}' => Some(false),
            _ => None,
        }
    }

    /// Passes over a key without escapes, and its colon.
    pub(crate) fn key(&mut self) -> Option<&'a str> {
        let key = self.plain_string()?;
        self.eat(b':')?;
        Some(key)
    }

    /// Passes over a string without escapes.
    pub(crate) fn plain_string(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let start = self.at;
        self.at = self.next_special()?;
        self.eat(b'"')?;
        self.text.get(start..self.at - 1)
    }

    /// Passes over a list of one string without escapes; `None` and nothing passed if anything else is next.
    pub(crate) fn only_string(&mut self) -> Option<&'a str> {
        let start = self.at;
        let only = self.eat_text("[").and_then(|()| self.plain_string());
        let closed = only.and_then(|only| self.eat(b']').map(|()| only));
        if closed.is_none() {
            self.at = start;
        }
        closed
    }

    /// Passes over any value and returns its text.
    pub(crate) fn value(&mut self) -> Option<Json<'a>> {
        let start = self.at;
        self.skip(MAX_SKIPPED_DEPTH)?;
        self.text.get(start..self.at).map(Json::checked)
    }

    /// Where the next special byte stands. Each block is looked at once, however many strings it holds.
    fn next_special(&mut self) -> Option<usize> {
        let into_block = self.at.wrapping_sub(self.block);
        if into_block < BLOCK {
            let ahead = self.specials >> into_block;
            if ahead != 0 {
                return Some(self.at + ahead.trailing_zeros() as usize);
            }
            self.block += BLOCK;
        } else {
            self.block = self.at;
        }
        loop {
            self.specials = specials(self.text.as_bytes().get(self.block..).filter(|block| !block.is_empty())?);
            if self.specials != 0 {
                return Some(self.block + self.specials.trailing_zeros() as usize);
            }
            self.block += BLOCK;
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.skip_string(),
            b'{' => self.skip_all(b'}', depth, |cursor, depth| {
                cursor.skip_string()?;
                cursor.eat(b':')?;
                cursor.skip(depth)
            }),
            b'[' => self.skip_all(b']', depth, Self::skip),
            b't' => self.eat_text("true"),
            b'f' => self.eat_text("false"),
            b'n' => self.eat_text("null"),
            _ => self.skip_integer(),
        }
    }

    /// Passes over an object or array whose members `each` passes over.
    fn skip_all(&mut self, end: u8, depth: usize, each: fn(&mut Self, usize) -> Option<()>) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.at += 1;
        if self.eat(end).is_some() {
            return Some(());
        }
        loop {
            each(self, depth)?;
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b',' => {}
                _ if byte == end => return Some(()),
                _ => return None,
            }
        }
    }

    /// Passes over the headers of a message, whatever they are.
    pub(crate) fn skip_headers(&mut self) -> Option<()> {
        let start = self.at;
        self.skip_name_value_pairs().or_else(|| {
            self.at = start;
            self.skip(MAX_SKIPPED_DEPTH)
        })
    }

    /// Passes over `[{"name":"...","value":"..."},...]`.
    fn skip_name_value_pairs(&mut self) -> Option<()> {
        self.eat(b'[')?;
        loop {
            self.eat_text(r#"{"name":"#)?;
            self.skip_string()?;
            self.eat_text(r#","value":"#)?;
            self.skip_string()?;
            self.eat(b'}')?;
            if self.eat(b',').is_none() {
                return self.eat(b']');
            }
        }
    }

    fn skip_string(&mut self) -> Option<()> {
        self.eat(b'"')?;
        loop {
            self.at = self.next_special()?;
            if self.eat(b'"').is_some() {
                return Some(());
            }
            self.at += match self.rest() {
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
                [b'\\', b'u', hex @ ..] if hex.get(..4)?.iter().all(u8::is_ascii_hexdigit) => 6,
                _ => return None,
            };
        }
    }

    /// A number of digits only; where a fraction or an exponent follows, the caller finds no comma or bracket.
    fn skip_integer(&mut self) -> Option<()> {
        let _ = self.eat(b'-');
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let leading_zero = digits > 1 && self.peek() == Some(b'0');
        self.at += digits;
        (digits > 0 && !leading_zero).then_some(())
    }
}

/// Bytes looked at in one go.
const BLOCK: usize = 64;

/// Which of the next 64 bytes are not plain inside a JSON string: a quote, a backslash or a control character. The lowest bit
/// is the first byte; there is nothing behind the end.
fn specials(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(block) => specials_of(block),
        None => {
            let mut block = [b' '; BLOCK];
            block.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            specials_of(&block)
        }
    }
}

#[inline(always)]
fn specials_of(block: &[u8; BLOCK]) -> u64 {
    let (quarters, _) = block.as_chunks::<16>();
    let mut found = 0;
    for (quarter, number) in quarters.iter().zip(0..) {
        let quarter = u8x16::new(*quarter);
        let control = quarter.min(u8x16::splat(0x1f)).simd_eq(quarter);
        let special = quarter.simd_eq(u8x16::splat(b'"')) | quarter.simd_eq(u8x16::splat(b'\\')) | control;
        found |= u64::from(special.to_bitmask()) << (number * 16);
    }
    found
}

/// A value that is known and has no use here.
#[derive(Debug, Default)]
pub(crate) struct Skipped;

impl<'a> Compact<'a> for Skipped {
    const REPEATABLE: bool = true;

    fn read(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        cursor.skip(MAX_SKIPPED_DEPTH)
    }
}

/// The same, where it usually is a list of headers.
#[derive(Debug, Default)]
pub(crate) struct Headers;

impl<'a> Compact<'a> for Headers {
    const REPEATABLE: bool = true;

    fn read(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        cursor.skip_headers()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<&str> {
        Cursor::new(text).value().map(Json::get)
    }

    #[test]
    fn values_end_where_they_end() {
        for (text, expected) in [
            (r#""a","b""#, r#""a""#),
            (r#""a\"\\\u00e9\ud800"}"#, r#""a\"\\\u00e9\ud800""#),
            (r#"{"a":[1,{"b":null}],"c":""}}"#, r#"{"a":[1,{"b":null}],"c":""}"#),
            ("[],", "[]"),
            ("-12}", "-12"),
            ("0,", "0"),
            ("true}", "true"),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn surprises_are_left_to_others() {
        for text in [
            "",
            "{",
            r#""a"#,
            "\"a\nb\"",
            r#""\x""#,
            r#""\u12g4""#,
            r#""\u12"#,
            "[1 ]",
            "[1,]",
            "{,}",
            r#"{"a" :1}"#,
            r#"{"a":1,}"#,
            "01",
            "-",
            "+1",
            "tru",
            "nul",
            "[[[[[[[[[1]]]]]]]]]",
            " 1",
        ] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn special_bytes_are_found_wherever_they_stand() {
        for special in ['"', '\\', '\n', '\0', '\u{1f}'] {
            for at in 0..150 {
                let plain = "✔ ~\u{7f}\u{80}".repeat(30).chars().take(at).collect::<String>();
                let text = format!("{plain}{special}{}", "x\"".repeat(9));
                assert_eq!(Cursor::new(&text).next_special(), text.find(special), "{text}");
                // From any place before it, whatever was looked at before.
                for from in plain.char_indices().map(|(from, _)| from).filter(|from| from % 7 == 0) {
                    let mut cursor = Cursor::new(&text);
                    assert_eq!(cursor.next_special(), text.find(special));
                    cursor.at = from;
                    cursor.block = from.saturating_sub(from % 50);
                    cursor.specials = specials(&text.as_bytes()[cursor.block..]);
                    assert_eq!(cursor.next_special(), text.find(special), "{text} from {from}");
                }
            }
        }
        let plain = "no such byte in this text, however long it is, and it is longer than a block";
        assert_eq!(Cursor::new(plain).next_special(), None);
    }
}

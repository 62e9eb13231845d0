//! A resumable scanner that finds where a JSON object or array ends, and how deep it goes.
//!
//! It follows JSON's grammar of brackets, strings, colons and commas, so that a record cut short is noticed where the
//! next one begins, not at the end of the object. What literals and escapes say is left to the parser.

/// What the scanner found in the bytes it was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// The value ended: it takes so many of these bytes.
    Complete(usize),
    /// This byte cannot stand where it stands.
    Broken(usize),
    /// The value goes on after these bytes.
    More,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// A value must follow.
    Value,
    /// A value or `]` must follow.
    FirstElement,
    /// A key must follow.
    Key,
    /// A key or `}` must follow.
    FirstKey,
    Colon,
    /// A comma or the closing bracket must follow.
    After,
    /// Inside a string, which is a key or a value.
    Text {
        key: bool,
    },
    Escape {
        key: bool,
    },
    /// Inside a number, `true`, `false` or `null`.
    Literal,
}

/// The scanner's state between two pieces of one value.
#[derive(Debug)]
pub(crate) struct Scanner {
    open: Vec<u8>,
    deepest: usize,
    state: State,
}

impl Scanner {
    pub(crate) fn new() -> Self {
        Self { open: Vec::new(), deepest: 0, state: State::Value }
    }

    /// The deepest nesting so far.
    pub(crate) fn deepest(&self) -> usize {
        self.deepest
    }

    /// Goes on with the next bytes of a value that starts with `{` or `[`.
    pub(crate) fn run(&mut self, bytes: &[u8]) -> Scan {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                State::Text { key } => match byte {
                    b'"' => self.state = if key { State::Colon } else { State::After },
                    b'\\' => self.state = State::Escape { key },
                    0..0x20 => return Scan::Broken(at),
                    _ => {
                        at += plain_text(&bytes[at..]);
                        continue;
                    }
                },
                State::Escape { .. } if byte < 0x20 => return Scan::Broken(at),
                State::Escape { key } => self.state = State::Text { key },
                State::Literal if is_literal(byte) => {}
                _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => self.end_literal(),
                _ => {
                    self.end_literal();
                    if !self.token(byte) {
                        return Scan::Broken(at);
                    }
                    if self.open.is_empty() {
                        return Scan::Complete(at + 1);
                    }
                }
            }
            at += 1;
        }
        Scan::More
    }

    fn end_literal(&mut self) {
        if matches!(self.state, State::Literal) {
            self.state = State::After;
        }
    }

    /// Takes one byte outside strings and literals; false if it cannot stand here.
    fn token(&mut self, byte: u8) -> bool {
        self.state = match (self.state, byte) {
            (State::Value | State::FirstElement, b'{') => {
                self.open(byte);
                State::FirstKey
            }
            (State::Value | State::FirstElement, b'[') => {
                self.open(byte);
                State::FirstElement
            }
            (State::Value | State::FirstElement, b'"') => State::Text { key: false },
            (State::FirstKey | State::Key, b'"') => State::Text { key: true },
            (State::Colon, b':') => State::Value,
            (State::After, b',') => match self.open.last() {
                Some(b'{') => State::Key,
                _ => State::Value,
            },
            (State::After | State::FirstKey, b'}') if self.open.last() == Some(&b'{') => self.close(),
            (State::After | State::FirstElement, b']') if self.open.last() == Some(&b'[') => self.close(),
            (State::Value | State::FirstElement, _) if is_literal(byte) && !self.open.is_empty() => State::Literal,
            _ => return false,
        };
        true
    }

    fn open(&mut self, bracket: u8) {
        self.open.push(bracket);
        self.deepest = self.deepest.max(self.open.len());
    }

    fn close(&mut self) -> State {
        self.open.pop();
        State::After
    }
}

/// Whether a value nests deeper than `max`; counting brackets answers almost always, scanning the rest.
pub(crate) fn is_too_deep(bytes: &[u8], max: usize) -> bool {
    // A chunk of 255 cannot overflow its u8, which keeps the loop in vector registers.
    let brackets: usize = bytes
        .chunks(255)
        .map(|chunk| usize::from(chunk.iter().map(|b| u8::from(b | 0x20 == b'{')).fold(0_u8, u8::wrapping_add)))
        .sum();
    if brackets <= max {
        return false;
    }
    let mut scanner = Scanner::new();
    scanner.run(bytes);
    scanner.deepest() > max
}

/// Whether a value holds more than `max` fields and elements, by the commas outside of strings. Short records cannot.
pub(crate) fn has_too_many_values(bytes: &[u8], max: usize) -> bool {
    if bytes.len() / 2 <= max || memchr::memchr_iter(b',', bytes).count() <= max {
        return false;
    }
    let (mut commas, mut in_string, mut at) = (0, false, 0);
    while let Some(found) = memchr::memchr3(b'"', b'\\', b',', bytes.get(at..).unwrap_or_default()) {
        at += found;
        match bytes.get(at) {
            Some(b'"') => in_string = !in_string,
            // What is escaped means nothing.
            Some(b'\\') => at += 1,
            _ => commas += usize::from(!in_string),
        }
        at += 1;
    }
    commas > max
}

fn is_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// The length of the run of bytes that mean nothing special inside a string.
fn plain_text(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Scan {
        Scanner::new().run(text.as_bytes())
    }

    #[test]
    fn finds_the_end_of_a_value() {
        assert_eq!(scan("{} x"), Scan::Complete(2));
        assert_eq!(scan(r#"{"a":"}\"]","b":[1,{"c":null}]}{"#), Scan::Complete(31));
        assert_eq!(scan(r#"[1, 2.5e+3 ,"x"]"#), Scan::Complete(16));
        assert_eq!(scan(r#"{"a":tru}"#), Scan::Complete(9));
        assert_eq!(scan(r#"{"a":[1,2"#), Scan::More);
    }

    #[test]
    fn notices_what_cannot_follow() {
        assert_eq!(scan("{\"a\":1,\n{"), Scan::Broken(8));
        assert_eq!(scan("{\"a\":\"x\n"), Scan::Broken(7));
        assert_eq!(scan("{\"a\":\"x\\\n"), Scan::Broken(8));
        assert_eq!(scan("{\"a\":{}\n{"), Scan::Broken(8));
        assert_eq!(scan("{]"), Scan::Broken(1));
        assert_eq!(scan("[}"), Scan::Broken(1));
        assert_eq!(scan("{,"), Scan::Broken(1));
        assert_eq!(scan("[1,]"), Scan::Broken(3));
    }

    #[test]
    fn only_commas_between_values_count() {
        let list = |element: &str, count: usize| format!("[{}1]", format!("{element},").repeat(count));
        assert!(has_too_many_values(list("1", 101).as_bytes(), 100));
        assert!(!has_too_many_values(list("1", 100).as_bytes(), 100));
        assert!(!has_too_many_values(list(r#""a,\",b,,""#, 99).as_bytes(), 100));
        assert!(has_too_many_values(list(r#""a,\\""#, 101).as_bytes(), 100));
    }

    #[test]
    fn goes_on_in_the_next_piece_wherever_the_first_ended() {
        let text = r#"{"a\\":"b\"}","c":[12,{}]}"#;
        for cut in 0..text.len() {
            let mut scanner = Scanner::new();
            assert_eq!(scanner.run(&text.as_bytes()[..cut]), Scan::More, "{cut}");
            assert_eq!(scanner.run(&text.as_bytes()[cut..]), Scan::Complete(text.len() - cut), "{cut}");
        }
    }

    #[test]
    fn measures_depth() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(!is_too_deep(nested(128).as_bytes(), 128));
        assert!(is_too_deep(nested(129).as_bytes(), 128));
        assert!(!is_too_deep(format!("[{}1]", "[],".repeat(1000)).as_bytes(), 128));
    }
}

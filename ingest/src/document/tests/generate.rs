//! Records and objects for tests, put together from structured parts: as SES writes them, odd, and damaged.
//!
//! Every part follows from a list of choices, of which 0 is the simplest, so a failing case shrinks to a simple one.

mod choices;

use std::cell::Cell;
use std::fmt::Debug;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;

use choices::Choices;

/// Runs a test on so many values of a strategy; on more, in proportion, where `PROPTEST_CASES` is above its default of 256.
pub(crate) fn each<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let usual = ProptestConfig::default();
    let config = ProptestConfig { cases: cases * usual.cases / 256, failure_persistence: None, ..usual };
    let outcome = TestRunner::new(config).run(strategy, |value| {
        test(value);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// How often something was so.
#[derive(Default)]
pub(crate) struct Share(Cell<(u64, u64)>);

impl Share {
    pub(crate) fn count(&self, yes: bool) {
        let (so, all) = self.0.get();
        self.0.set((so + u64::from(yes), all + 1));
    }

    /// The share in percent.
    #[track_caller]
    pub(crate) fn assert_within(&self, percent: std::ops::RangeInclusive<u64>) {
        let (so, all) = self.0.get();
        assert!(percent.contains(&(so * 100 / all)), "{so} of {all}");
    }
}

/// A bare event in a layout that the compact reader knows.
pub(crate) fn compact_event() -> impl Strategy<Value = String> {
    vec(any::<u8>(), 0..400).prop_map(|choices| Choices::new(&choices, false).event())
}

/// A bare event that may have any oddity.
pub(crate) fn any_event() -> impl Strategy<Value = String> {
    vec(any::<u8>(), 0..400).prop_map(|choices| Choices::new(&choices, true).event())
}

/// Any value, as a field may hold it.
pub(crate) fn value() -> impl Strategy<Value = String> {
    vec(any::<u8>(), 0..60).prop_map(|choices| Choices::new(&choices, true).field_value())
}

/// An object of several records and what may stand between them.
pub(crate) fn object() -> impl Strategy<Value = Vec<u8>> {
    let piece = (any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..160));
    (any::<u8>(), vec(piece, 0..14)).prop_map(|(layout, pieces)| {
        let layout = Layout::new(layout);
        let mut object = layout.before.as_bytes().to_vec();
        for (kind, between, choices) in pieces {
            object.extend(Choices::new(&choices, false).piece(kind));
            object.extend(layout.between(between));
        }
        object.extend(layout.after.as_bytes());
        object
    })
}

/// What is changed at one place of a text.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    kind: u8,
    at: Index,
    other: Index,
    byte: u8,
}

/// A few changes.
pub(crate) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let byte = prop_oneof![proptest::sample::select(MEANINGFUL.to_vec()), any::<u8>()];
    let edit = (0..7_u8, any::<Index>(), any::<Index>(), byte);
    vec(edit.prop_map(|(kind, at, other, byte)| Edit { kind, at, other, byte }), 1..3)
}

/// The bytes with all changes made.
pub(crate) fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        if bytes.is_empty() {
            break;
        }
        edit.make(&mut bytes);
    }
    bytes
}

const MEANINGFUL: &[u8] = b"{}[]\",:\\ \n\r\t\0\x0b\x0c\x1f0-+.eunt\xff\xc3\xef";

impl Edit {
    fn make(&self, bytes: &mut Vec<u8>) {
        let (at, other) = (self.at.index(bytes.len()), self.other.index(bytes.len()));
        match self.kind {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, self.byte),
            2 => bytes[at] = self.byte,
            3 => bytes.swap(at, other),
            4 => bytes[at] ^= 1 << (self.byte % 8),
            5 => bytes.truncate(at),
            _ => {
                let slice = bytes[at..(at + other % 40 + 1).min(bytes.len())].to_vec();
                bytes.splice(other..other, slice);
            }
        }
    }
}

/// What stands before, between and after an object's records.
struct Layout {
    before: &'static str,
    usual: &'static str,
    after: &'static str,
}

impl Layout {
    fn new(choice: u8) -> Self {
        let (before, usual, after) = match choice % 10 {
            0..3 => ("", "\n", ""),
            3..5 => ("", "", "\n"),
            5 => ("\u{feff}", "\r\n", ""),
            6 => ("[", ",\n", "]"),
            7 => ("[\n", ",", "\n]\n"),
            8 => ("\n[", ",\n", "\n"),
            _ => (" \n", "\n\n", "\n\n"),
        };
        Self { before, usual, after }
    }

    fn between(&self, choice: u8) -> &'static [u8] {
        const UNUSUAL: [&str; 14] =
            ["\n", "", "\r\n", ",\n", "\n\n\n", " ", "\t", "\\n", "\u{feff}", "\x0c", "\x0b", ",", "]\n", "\n["];
        match choice {
            0..180 => self.usual.as_bytes(),
            _ => UNUSUAL[usize::from(choice) % UNUSUAL.len()].as_bytes(),
        }
    }
}

/// Lines that are no records. Some begin as a compressed object does, which only matters at an object's start.
const GARBAGE: [&[u8]; 24] = [
    b"garbage",
    b"}",
    b"{",
    b"{\"a\":",
    b"[1,2]",
    b"[",
    b"]",
    b"[{",
    b"\"",
    b"{\"a\":\"}{\"}",
    b"{\"a\":\"}{\"}\nPAR1",
    b"{\"a\":\"}{\",\"b\":\"}{\"}",
    b"PAR1 ",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"\xff\xfe",
    b"null",
    b"{\"a\":tru}",
    b"{\"eventType\":\"",
    b"{\"eventType\":\"Send\"",
    b"{\n\"a\": {\n\"b\": 1\n}\n}",
    b"{\"a\":\"\n}\n{\"b\":1}",
    b"Successfully validated SNS topic for Amazon SES event publishing.",
];

impl Choices<'_> {
    /// Something that stands in an object: mostly an event.
    fn piece(&mut self, kind: u8) -> Vec<u8> {
        let kind = kind % 20;
        self.odd = kind == 10;
        match kind {
            0..=10 => self.event().into_bytes(),
            11 | 12 => self.pretty().into_bytes(),
            13 | 14 => self.wrapped().into_bytes(),
            15 => {
                let mut event = self.event().into_bytes();
                let at = event.len() * self.next() / 256;
                event.truncate(at);
                event
            }
            16 => {
                let event = self.event();
                let quotes: Vec<usize> = event.match_indices('"').map(|(at, _)| at).collect();
                let Some(&at) = quotes.get(self.next() % quotes.len().max(1)) else { return event.into_bytes() };
                [&event[..at], &event[at + 1..]].concat().into_bytes()
            }
            _ => GARBAGE[self.next() % GARBAGE.len()].to_vec(),
        }
    }

    /// An event over several lines; as it is if it holds what no value can.
    fn pretty(&mut self) -> String {
        let event = self.event();
        serde_json::from_str::<serde_json::Value>(&event).map_or(event, |value| format!("{value:#}"))
    }

    fn wrapped(&mut self) -> String {
        let event = self.event();
        let text = serde_json::Value::from(&*event);
        match self.next() % 5 {
            0 => format!(r#"{{"Type":"Notification","MessageId":"m","Message":{text}}}"#),
            1 => format!(r#"{{"Records":[{{"body":{text}}},{{"Sns":{{"Message":{text}}}}}]}}"#),
            2 => format!(r#"{{"source":"aws.ses","detail-type":"Email Sent","detail":{event}}}"#),
            3 => format!(r#"{{"records":[{{"data":"{}"}}]}}"#, BASE64_STANDARD.encode(event)),
            _ => {
                format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{{"id":"1","timestamp":1,"message":{text}}}]}}"#)
            }
        }
    }
}

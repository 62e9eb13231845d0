//! Frames of hand-made objects, with places counted by hand.
#![allow(clippy::unwrap_used)]

use std::io::{self, Read};

use proptest::prelude::*;

use crate::decode::Scratch;
use crate::record::{self, Content};
use crate::{Limits, RejectClass, frame::Frames};

/// `offset:line text` of every frame, damage with its class in front.
fn frames_within(bytes: impl Read, limits: &Limits) -> Vec<String> {
    let mut all = Vec::new();
    let mut frames = Frames::new(bytes, limits, Scratch::default());
    record::read(&mut frames, limits, &mut |place, raw, content| {
        let kind = match content {
            Content::Document(_) => String::new(),
            Content::Text(_) => "text ".to_owned(),
            Content::Broken(reject) => format!("{} ", reject.class.as_str()),
        };
        all.push(format!("{}:{} {kind}{}", place.offset, place.line, String::from_utf8_lossy(raw)));
    })
    .unwrap();
    all
}

fn frames(text: &str) -> Vec<String> {
    let whole = frames_within(text.as_bytes(), &Limits::default());
    // The same bytes one at a time must give the same frames.
    assert_eq!(frames_within(Trickle(text.as_bytes()), &Limits::default()), whole);
    whole
}

struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = out.len().min(1);
        self.0.read(&mut out[..count])
    }
}

#[test]
fn separators() {
    assert_eq!(frames("{\"a\":1}\n{\"b\":2}\n"), ["0:1 {\"a\":1}", "8:2 {\"b\":2}"]);
    assert_eq!(frames("{\"a\":1}\r\n\r\n{\"b\":2}"), ["0:1 {\"a\":1}", "11:3 {\"b\":2}"]);
    assert_eq!(
        frames("{\"a\":1}{\"b\":2} \t{\"c\":3}\n{\"d\":4}\n"),
        ["0:1 {\"a\":1}", "7:1 {\"b\":2}", "16:1 {\"c\":3}", "24:2 {\"d\":4}"]
    );
    assert_eq!(frames("\u{feff}{\"a\":1}\n\u{feff}{\"b\":2}"), ["3:1 {\"a\":1}", "14:2 {\"b\":2}"]);
    assert_eq!(frames("{\"a\":1}\\n{\"b\":2}\\n"), ["0:1 {\"a\":1}", "9:1 {\"b\":2}"]);
    assert_eq!(frames(""), [""; 0]);
    assert_eq!(frames(" \r\n\t\n"), [""; 0]);
}

#[test]
fn pretty_printed() {
    let text = "{\n  \"a\": {\n    \"b\": \"}{\"\n  }\n}\n{\n}\n";
    assert_eq!(frames(text), ["0:1 {\n  \"a\": {\n    \"b\": \"}{\"\n  }\n}", "31:6 {\n}"]);
    assert_eq!(frames("{ \"a\": {}\n}{\"b\":2}"), ["0:1 { \"a\": {}\n}", "11:2 {\"b\":2}"]);
    assert_eq!(frames("{\n\"mail\":\n{\n}\n}\n{}"), ["0:1 {\n\"mail\":\n{\n}\n}", "16:6 {}"]);
}

#[test]
fn arrays() {
    assert_eq!(frames("[{\"a\":1},{\"b\":2}]\n{\"c\":3}"), ["1:1 {\"a\":1}", "9:1 {\"b\":2}", "18:2 {\"c\":3}"]);
    assert_eq!(frames("[\n  {\"a\":1},\n  {\"b\":2}\n]\n"), ["4:2 {\"a\":1}", "15:3 {\"b\":2}"]);
    assert_eq!(frames("[]"), ["0:1 not_ses []"]);
    assert_eq!(frames("[1,2] {}"), ["0:1 not_ses [1,2]", "6:1 {}"]);
    assert_eq!(frames("[{\"a\":1}, [1], {\"b\":2}]"), ["1:1 {\"a\":1}", "10:1 not_ses [1]", "15:1 {\"b\":2}"]);
    assert_eq!(frames("[{\"a\":1},\n"), ["1:1 {\"a\":1}", "10:2 truncated_json "]);
    assert_eq!(frames("[{\"a\":1},{\"b\""), ["1:1 {\"a\":1}", "9:1 truncated_json {\"b\""]);
}

#[test]
fn half_records_cost_no_neighbour() {
    // Cut inside a string, after a comma, after a colon, inside a list, inside an escape, with CRLF.
    for half in ["{\"a\":\"x", "{\"a\":1,", "{\"a\":", "{\"a\":[1,", "{\"a\":\"\\", "{\"a\":tr", "{", "{\"a\":\"x\r"] {
        let at = half.len() + 1;
        assert_eq!(
            frames(&format!("{half}\n{{\"b\":2}}\n{{\"c\":3}}\n")),
            [
                format!("0:1 truncated_json {half}\n"),
                format!("{at}:2 {{\"b\":2}}"),
                format!("{}:3 {{\"c\":3}}", at + 8),
            ]
        );
        assert_eq!(
            frames(&format!("{{\"b\":2}}\n{half}")),
            ["0:1 {\"b\":2}".to_owned(), format!("8:2 truncated_json {half}")]
        );
    }
    // The cut record would take the next one for its value and run to the end.
    assert_eq!(frames("{\"a\":\n{\"b\":2}\n"), ["0:1 truncated_json {\"a\":\n", "6:2 {\"b\":2}"]);
    assert_eq!(
        frames("{\"a\":[\n{\"b\":2}\n{\"c\":3}"),
        ["0:1 truncated_json {\"a\":[\n", "7:2 {\"b\":2}", "15:3 {\"c\":3}"]
    );
}

#[test]
fn garbage_ends_with_its_line() {
    assert_eq!(frames("junk {\"a\":1}\n{\"b\":2}\n"), ["0:1 text junk {\"a\":1}", "13:2 {\"b\":2}"]);
    assert_eq!(frames("{\"a\":1} junk\n{\"b\":2}\n"), ["0:1 {\"a\":1}", "8:1 text junk", "13:2 {\"b\":2}"]);
    assert_eq!(frames("}\n,{}\n{\"b\":2}"), ["0:1 text }", "2:2 text ,{}", "6:3 {\"b\":2}"]);
    assert_eq!(frames("{\"a\":tru}{\"b\":2}"), ["0:1 invalid_json {\"a\":tru}", "9:1 {\"b\":2}"]);
    assert_eq!(frames("{\"a\":1,}\n{\"b\":2}"), ["0:1 invalid_json {\"a\":1,}\n", "9:2 {\"b\":2}"]);
    assert_eq!(
        frames("{\n \"a\": x y,\n \"b\": {}\n}\n{\"c\":3}"),
        ["0:1 invalid_json {\n \"a\": x y,\n \"b\": {}\n}\n", "24:5 {\"c\":3}"]
    );
}

#[test]
fn invalid_utf8_is_one_record() {
    let bytes = b"{\"a\":1}\n{\"b\":\"\xff\"}\n{\"c\":3}\n";
    assert_eq!(
        frames_within(&bytes[..], &Limits::default()),
        ["0:1 {\"a\":1}", "8:2 invalid_utf8 {\"b\":\"\u{fffd}\"}", "18:3 {\"c\":3}"]
    );
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let classes = |text: &str| {
        let frames = frames_within(text.as_bytes(), &Limits::default());
        frames.into_iter().map(|frame| frame.chars().take(24).collect::<String>()).collect::<Vec<_>>()
    };
    assert_eq!(classes(&nested(128)), ["0:1 {\"a\":[[[[[[[[[[[[[[["]);
    for depth in [129, 10_000, 3_000_000] {
        let text = nested(depth);
        let frames = classes(&format!("{text}{{\"b\":2}}\n{{\"c\":3}}\n"));
        let at = text.len();
        assert_eq!(
            frames,
            [
                "0:1 too_deep {\"a\":[[[[[[".to_owned(),
                format!("{at}:1 {{\"b\":2}}"),
                format!("{}:2 {{\"c\":3}}", at + 8)
            ]
        );
    }
    let open = format!("{}\n{{\"c\":3}}\n", "[".repeat(10_000_000));
    assert_eq!(classes(&open), ["0:1 too_deep [[[[[[[[[[[", "10000001:2 {\"c\":3}"]);
}

#[test]
fn size_is_bounded() {
    let limits = Limits { max_record: 1000, max_raw: 10, ..Limits::default() };
    let big = |size: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8));
    let large = 2_000_000;
    for (text, after) in [
        (format!("{}\n{{\"b\":2}}\n", big(large)), format!("{}:2 {{\"b\":2}}", large + 1)),
        (format!("{}{{\"b\":2}}", big(large)), format!("{large}:1 {{\"b\":2}}")),
        (format!("{}\n{{\"b\":2}}", &big(large)[..large - 2]), format!("{}:2 {{\"b\":2}}", large - 1)),
        (format!("{}\n{{\"b\":2}}\n", big(1001)), "1002:2 {\"b\":2}".to_owned()),
    ] {
        assert_eq!(frames_within(text.as_bytes(), &limits), ["0:1 too_large {\"a\":\"xxxx".to_owned(), after]);
    }
    let line = "x".repeat(large) + "\n{}";
    assert_eq!(frames_within(line.as_bytes(), &limits), ["0:1 too_large xxxxxxxxxx", "2000001:2 {}"]);
    assert_eq!(frames_within(big(1000).as_bytes(), &limits).len(), 1);
    assert!(frames_within(big(1000).as_bytes(), &limits)[0].starts_with("0:1 {"));
}

#[test]
fn half_a_gigabyte_in_one_line_stays_within_bounds() {
    let head = io::Cursor::new(b"{\"a\":\"");
    let tail = io::Cursor::new(b"\"}\n{\"b\":2}");
    let object = head.chain(io::repeat(b'x').take(512 << 20)).chain(tail);
    let frames = frames_within(object, &Limits::default());
    assert_eq!(frames.len(), 2);
    assert!(frames[0].starts_with("0:1 too_large {\"a\":\"xxx"));
    assert_eq!(frames[1], format!("{}:2 {{\"b\":2}}", (512 << 20) + 9));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC*|[{}\\[\\]\",:\\\\\n]*".prop_map(Into::into),
    ];
    let value = leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map("\\PC*", inner, 0..5).prop_map(|map| map.into_iter().collect()),
        ]
    });
    prop::collection::btree_map("k\\PC*", value, 0..5).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn any_values_come_back_at_their_places(
        values in prop::collection::vec((json(), any::<bool>(), "[ \t\r\n]{0,3}|\n|\r\n|\n\n"), 0..12),
    ) {
        let mut text = String::new();
        let mut expected = Vec::new();
        for (value, pretty, separator) in values {
            let json = if pretty { format!("{value:#}") } else { value.to_string() };
            let line = text.matches('\n').count() + 1;
            expected.push(format!("{}:{line} {json}", text.len()));
            text += &json;
            text += &separator;
        }
        prop_assert_eq!(frames_within(text.as_bytes(), &Limits::default()), expected);
    }

    #[test]
    fn frames_cover_all_but_separators(text in "([{}\\[\\]\",:\\\\\n a1]|\\{\"a\":1\\}\n?){0,40}") {
        let frames = frames(&text);
        let mut at = 0;
        for frame in frames {
            let (offset, rest) = frame.split_once(':').unwrap();
            let (_, rest) = rest.split_once(' ').unwrap();
            let offset: usize = offset.parse().unwrap();
            let kind = ["text ", "truncated_json ", "invalid_json ", "not_ses "].iter().find(|kind| rest.starts_with(**kind));
            let raw = kind.map_or(rest, |kind| &rest[kind.len()..]);
            prop_assert_eq!(&text[offset..offset + raw.len()], raw);
            prop_assert!(text[at..offset].chars().all(|c| " \n,[]\\n".contains(c)), "{}", &text[at..offset]);
            at = offset + raw.len();
        }
        prop_assert!(text[at..].chars().all(|c| " \n,[]\\n".contains(c)), "{}", &text[at..]);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), gzip: bool) {
        let mut bytes = bytes;
        if gzip && bytes.len() > 2 {
            bytes[..2].copy_from_slice(&[0x1f, 0x8b]);
        }
        let mut count = 0;
        crate::read_object(&bytes[..], &Limits::default(), &mut |_, _, _| count += 1).unwrap();
    }
}

#[test]
fn reject_classes_are_spelled_once() {
    assert_eq!(RejectClass::TruncatedJson.as_str(), "truncated_json");
}

//! The compact reader against serde_json: what it takes, serde_json takes too, and both make the same of it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

pub(crate) mod generate;

use std::fmt::Debug;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Document;
use crate::compact::{Compact, Cursor};
use crate::json::{self, Json, Pairs};
use crate::record::Content;
use crate::ses::{self, TagLists, wire};
use crate::{Limits, Verdict, envelope, read_object};
use generate::{Share, each};

/// Everything that becomes of a document, wrappers opened.
fn verdicts(mut document: Document<'_>) -> Vec<String> {
    let mut all = Vec::new();
    envelope::open(
        Content::Document(&mut document),
        &mut TagLists::default(),
        &Limits::default(),
        &mut |verdict: Verdict<'_>| all.push(format!("{verdict:?}")),
    );
    all
}

/// Whether the compact reader takes the record that the text begins with. If so, it must have read it as serde_json does.
fn is_taken(text: &str) -> bool {
    let limits = Limits::default();
    let mut document = Document::default();
    let Some(length) = document.read_compact(text, &limits) else { return false };
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let first = values.next().and_then(Result::ok).map(RawValue::get);
    assert_eq!(first, text.get(..length), "the first value of {text}");
    let plain =
        || Document::parse_any(&text.as_bytes()[..length], &limits).unwrap_or_else(|why| panic!("{why}: {text}"));
    if document.fields.mail.is_absent() {
        assert_eq!(verdicts(document), verdicts(plain()), "{text}");
    } else {
        let (mut tags, mut plain_tags) = Default::default();
        let verdict = ses::verdict(&mut document, &mut tags, &limits);
        assert_eq!(verdict, ses::verdict(&mut plain(), &mut plain_tags, &limits), "{text}");
    }
    true
}

fn is_event(text: &str) -> bool {
    Document::parse_any(text.as_bytes(), &Limits::default())
        .is_ok_and(|document| verdicts(document).iter().all(|verdict| verdict.starts_with("Event")))
}

/// What the bytes begin with that is text.
fn text_of(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap(),
    }
}

#[test]
fn events_in_compact_json_are_all_taken() {
    let events = Share::default();
    each(1024, &generate::compact_event(), |text| {
        assert!(is_taken(&text), "not taken: {text}");
        assert!(is_taken(&(text.clone() + "}")) && is_taken(&(text.clone() + &text)), "not taken: {text}");
        events.count(is_event(&text));
    });
    // Many generated events lack a field they need; with a good part sound, the comparison is not about rejections alone.
    events.assert_within(40..=100);
}

#[test]
fn odd_events_are_read_alike_or_left() {
    let (taken, events) = (Share::default(), Share::default());
    each(1024, &generate::any_event(), |text| {
        taken.count(is_taken(&text));
        events.count(is_event(&text));
    });
    taken.assert_within(50..=100);
    events.assert_within(40..=100);
}

#[test]
fn damaged_events_are_read_alike_or_left() {
    let taken = Share::default();
    let damaged = (generate::any_event(), generate::edits());
    each(1024, &damaged, |(text, edits)| taken.count(is_taken(text_of(&generate::edited(text.into_bytes(), &edits)))));
    taken.assert_within(10..=100);
}

/// Whether the compact reader takes a value of this shape. If so, serde_json must read the same.
fn is_shape_taken<'a, T: Compact<'a> + Deserialize<'a> + Debug>(text: &'a str) -> bool {
    let (mut cursor, mut value) = (Cursor::new(text), T::default());
    let taken = value.read(&mut cursor).is_some() && cursor.position() == text.len();
    if taken {
        let plain: T = serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"));
        assert_eq!(format!("{value:?}"), format!("{plain:?}"), "{text}");
    }
    taken
}

#[test]
fn values_of_fields_are_read_alike_or_left() {
    let taken = Share::default();
    let damaged = (generate::value(), prop::option::of(generate::edits()));
    each(1024, &damaged, |(text, edits)| {
        let bytes = generate::edited(text.into_bytes(), edits.as_deref().unwrap_or_default());
        let text = text_of(&bytes);
        taken.count(is_shape_taken::<json::Raw<'_>>(text) | is_shape_taken::<Pairs<'_>>(text));
        is_shape_taken::<wire::Recipient<'_>>(text);
        if let Ok(value) = serde_json::from_str::<Json<'_>>(text)
            && value.get().starts_with('[')
        {
            assert_eq!(json::items(value), serde_json::from_str::<Vec<Json<'_>>>(text).ok(), "{text}");
        }
    });
    taken.assert_within(40..=100);
}

/// Files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The samples of this repository, and those of others where they are at hand (see `tests/conformance.rs`).
fn samples() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let own = files(&root.join("datasets/samples"));
    assert!(own.len() > 80, "{} samples", own.len());
    let folder = std::env::var_os("REPUTE_SAMPLES").map_or(root.join("../shared/samples"), PathBuf::from);
    let others = files(&folder);
    if others.is_empty() {
        eprintln!("skipped: no samples in `{}`", folder.display());
    }
    own.iter().chain(&others).map(|path| fs::read(path).unwrap()).collect()
}

/// Samples above this size are not tried with damage at every byte.
const SMALL: usize = 4 << 10;

/// A text cut at every byte, and with one bit of every byte turned over.
fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let flipped = move |at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1 << (at % 8);
        bytes
    };
    (0..bytes.len()).flat_map(move |at| [bytes[..at].to_vec(), flipped(at)])
}

#[test]
fn samples_are_read_alike_whole_and_damaged() {
    let taken = Share::default();
    for sample in samples() {
        let values = serde_json::Deserializer::from_slice(&sample).into_iter::<serde_json::Value>();
        let compact: Vec<String> = values.map_while(Result::ok).map(|value| value.to_string()).collect();
        is_taken(text_of(&sample));
        for text in compact.iter().filter(|text| text.starts_with('{')) {
            taken.count(is_taken(text));
            if text.len() <= SMALL {
                damaged(text.as_bytes()).for_each(|bytes| {
                    is_taken(text_of(&bytes));
                });
            }
        }
    }
    taken.assert_within(90..=100);
}

/// At this depth the compact reader gives up on everything.
fn without_compact_reader() -> Limits {
    Limits { max_depth: 11, ..Limits::default() }
}

/// Every record with its place and bytes.
fn records(object: impl Read, limits: &Limits) -> Vec<String> {
    let mut all = Vec::new();
    read_object(object, limits, &mut |place, raw, verdict| {
        all.push(format!("{}:{} {verdict:?} {}", place.offset, place.line, raw.escape_ascii()));
    })
    .unwrap();
    all
}

/// Whether an object can be compared: it nests no deeper than the general way was told to go. If so, both ways must agree.
fn is_read_alike(object: &[u8]) -> bool {
    let general = records(object, &without_compact_reader());
    let comparable = !general.iter().any(|record| record.contains("TooDeep"));
    if comparable {
        let usual = records(object, &Limits::default());
        assert_eq!(usual, general, "{}", object.escape_ascii());
        assert_eq!(records(Piecewise(object), &Limits::default()), general, "in pieces: {}", object.escape_ascii());
    }
    comparable
}

/// Hands out a few bytes at a time.
struct Piecewise<'a>(&'a [u8]);

impl Read for Piecewise<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = out.len().min(1 + self.0.len() % 197);
        self.0.read(&mut out[..count])
    }
}

#[test]
fn objects_are_read_alike() {
    let compared = Share::default();
    each(512, &generate::object(), |object| compared.count(is_read_alike(&object)));
    compared.assert_within(70..=100);
}

#[test]
fn damaged_objects_are_read_alike() {
    let compared = Share::default();
    let damaged = (generate::object(), generate::edits());
    each(512, &damaged, |(object, edits)| compared.count(is_read_alike(&generate::edited(object, &edits))));
    compared.assert_within(70..=100);
}

/// Ranges rely on this: where bytes are cut as they are read must not matter to frames.
#[test]
fn objects_in_pieces_are_read_alike_within_small_limits() {
    let limits = Limits { max_record: 700, max_raw: 100, ..Limits::default() };
    let damaged = (generate::object(), prop::option::of(generate::edits()));
    each(512, &damaged, |(object, edits)| {
        let object = generate::edited(object, edits.as_deref().unwrap_or_default());
        assert_eq!(records(Piecewise(&object), &limits), records(&object[..], &limits), "{}", object.escape_ascii());
    });
}

#[test]
fn objects_larger_than_a_window_are_read_alike() {
    each(24, &(generate::object(), generate::object()), |(first, second)| {
        let one = [first, second].concat();
        is_read_alike(&one.repeat(200_000 / one.len().max(100)));
    });
}

#[test]
fn sample_objects_are_read_alike_whole_and_damaged() {
    for sample in samples() {
        is_read_alike(&sample);
        if sample.len() <= SMALL / 4 {
            damaged(&sample).for_each(|bytes| {
                is_read_alike(&bytes);
            });
        }
    }
}

#[test]
fn only_white_space_of_json_may_stand_between_records() {
    let event = r#"{"eventType":"Send","mail":{"timestamp":"2024-03-25T23:01:53.733Z","destination":["a@b.example"]}}"#;
    for (between, bad) in [("\n", 0), (" \t\r\n", 0), ("\x0c", 1), ("\x0b", 1), ("\u{a0}", 1)] {
        let object = format!("{event}{between}{event}\n{event}");
        assert!(is_read_alike(object.as_bytes()));
        let records = records(object.as_bytes(), &Limits::default());
        assert_eq!(records.iter().filter(|record| record.contains("Rejected")).count(), bad, "{between:?}");
    }
}

//! Objects inflated at once against the same objects inflated piece by piece, sound and damaged in every way.
#![allow(clippy::unwrap_used)]

use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use libdeflater::crc32;

use super::{Ahead, Decoder, Feed, Format, HEADER_CHECKSUM, Inflater, MAX_WHOLE_INPUT, Step};
use crate::document::tests::generate::{self, each};
use crate::{Limits, ObjectBytes, RejectClass, read_object};

/// All that decoding an object gave.
#[derive(Debug, PartialEq)]
struct Decoded {
    bytes: Vec<u8>,
    damage: Option<(RejectClass, String)>,
    count: ObjectBytes,
}

fn decoder(object: &[u8]) -> Decoder<&[u8]> {
    Decoder::new(object, Limits::default().max_expansion, Vec::new())
}

/// Decodes the rest piece by piece.
fn rest(decoder: &mut Decoder<&[u8]>, bytes: Vec<u8>) -> Decoded {
    let (bytes, damage) = pieces(bytes, |out| decoder.read(out));
    Decoded { bytes, damage, count: decoder.object_bytes() }
}

/// The same on a thread of its own.
fn ahead(object: &[u8]) -> Decoded {
    let decoder = Decoder::new(io::Cursor::new(object.to_vec()), Limits::default().max_expansion, Vec::new());
    let mut ahead = Ahead::start(decoder).unwrap();
    let (bytes, damage) = pieces(Vec::new(), |out| ahead.read(out));
    Decoded { bytes, damage, count: ahead.object_bytes() }
}

type Pieces = (Vec<u8>, Option<(RejectClass, String)>);

fn pieces(mut bytes: Vec<u8>, mut read: impl FnMut(&mut [u8]) -> io::Result<Step>) -> Pieces {
    let mut out = [0; 1000];
    loop {
        match read(&mut out).unwrap() {
            Step::Bytes(count) => bytes.extend(&out[..count]),
            Step::End => return (bytes, None),
            Step::Damage(damage) => return (bytes, Some((damage.class, without_cause(&damage.reason)))),
        }
    }
}

/// A reason without zlib's words, which depend on where its input and output are cut.
fn without_cause(reason: &str) -> String {
    reason.split(" (").next().unwrap_or_default().to_owned()
}

/// Whether an object is inflated at once. However it is, it must give what it gives piece by piece; only where the stream finds
/// corrupt what the footer says is right may there be more.
fn is_whole(object: &[u8]) -> bool {
    let (mut decoder_at_once, mut bytes) = (decoder(object), Vec::new());
    let size = decoder_at_once.whole(&mut bytes, &mut Inflater::default()).unwrap();
    bytes.truncate(size.unwrap_or_default());
    let mut expected = rest(&mut decoder(object), Vec::new());
    assert_eq!(ahead(object), expected, "{}", object.escape_ascii());
    let actual = rest(&mut decoder_at_once, bytes);
    if size.is_some() && expected.damage.as_ref().is_some_and(|(class, _)| *class == RejectClass::CorruptGzip) {
        assert!(actual.bytes.starts_with(&expected.bytes), "{}", object.escape_ascii());
        expected = Decoded { bytes: actual.bytes.clone(), damage: None, count: actual.count };
    }
    assert_eq!(actual, expected, "{}", object.escape_ascii());
    let mut plain = Vec::new();
    // What a gzip member holds is text, even where it begins as a compressed object would.
    if MultiGzDecoder::new(object).read_to_end(&mut plain).is_ok() && Format::of(&plain) == Format::Plain {
        assert_eq!(records(object), records(&plain), "{}", object.escape_ascii());
    }
    size.is_some()
}

/// Every record of an object with its place.
fn records(object: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    read_object(object, &Limits::default(), &mut |place, _, verdict| {
        all.push(format!("{}:{} {verdict:?}", place.offset, place.line));
    })
    .unwrap();
    all
}

fn send(n: usize) -> String {
    format!(
        r#"{{"eventType":"Send","mail":{{"timestamp":"2024-03-25T23:01:53.733Z","messageId":"m{n}","destination":["r{n}@b.example"]}},"send":{{}}}}"#
    ) + "\n"
}

fn sends(count: usize) -> String {
    (0..count).map(send).collect()
}

fn built(builder: GzBuilder, text: &str, level: u32) -> Vec<u8> {
    let mut encoder = builder.write(Vec::new(), Compression::new(level));
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
    built(GzBuilder::new(), text, 6)
}

/// A member with everything a header can hold, and its header's size.
fn with_full_header(text: &str) -> (Vec<u8>, usize) {
    let full = GzBuilder::new().extra("some extra").filename("name.json").comment("comment").mtime(1);
    let member = built(full, text, 6);
    let size = 10 + member.len() - gzip(text).len();
    (member, size)
}

/// The same member with a checksum of its header, which is right or wrong.
fn with_header_checksum(member: &[u8], header: usize, wrong: u32) -> Vec<u8> {
    let mut member = member.to_vec();
    member[3] |= HEADER_CHECKSUM;
    let checksum = crc32(&member[..header]) ^ wrong;
    member.splice(header..header, checksum.to_le_bytes()[..2].iter().copied());
    member
}

#[test]
fn one_member_is_inflated_at_once() {
    for level in 0..10 {
        for count in [0, 1, 2, 100, 3000] {
            let object = built(GzBuilder::new(), &sends(count), level);
            assert_eq!(is_whole(&object), count > 0, "{count} records, level {level}");
        }
    }
    assert!(is_whole(&with_full_header(&sends(3)).0));
    assert!(is_whole(&gzip(&" ".repeat(1 << 20))));
    // Bytes that look like the beginning of a member are none, wherever they are.
    let like_a_member = GzBuilder::new().extra([0x1f, 0x8b, 8]);
    assert!(is_whole(&built(like_a_member, &sends(3), 6)));
}

#[test]
fn other_objects_are_left_to_the_stream() {
    let (member, header) = with_full_header(&sends(3));
    for object in [
        [gzip(&send(1)), gzip(&send(2))].concat(),
        [gzip(&send(1)), gzip(&send(1))].concat(),
        [gzip(&send(1)), gzip(""), gzip(&send(1))].concat(),
        [gzip(""), gzip("")].concat(),
        [gzip(""), vec![0; 8]].concat(),
        [gzip(""), b"garbage".to_vec(), vec![0; 8]].concat(),
        [gzip(&send(1)), vec![0; 512]].concat(),
        [gzip(&send(1)), vec![0; 3]].concat(),
        [gzip(&send(1)), b"garbage".to_vec()].concat(),
        [gzip(&send(1)), b"garbage that is longer than a footer".to_vec()].concat(),
        [&gzip(&send(1))[..], b"garbage", &(send(1).len() as u32).to_le_bytes()].concat(),
        [&gzip(&send(1))[..], gzip(&send(1)).last_chunk::<8>().unwrap()].concat(),
        [gzip(&send(1)), gzip(&send(2)), gzip(&send(1))].concat(),
        [gzip(&send(1)), vec![0x1f]].concat(),
        [gzip(&send(1)), vec![0x1f, 0x8b]].concat(),
        [gzip(&send(1)), vec![0x1f, 0x8b, 8]].concat(),
        with_header_checksum(&member, header, 0),
        with_header_checksum(&member, header, 1),
        gzip(&send(1))[..2].to_vec(),
        send(1).into_bytes(),
        b"PK\x03\x04 and more".to_vec(),
        Vec::new(),
    ] {
        assert!(!is_whole(&object), "{}", object.escape_ascii());
    }
}

#[test]
fn objects_cut_at_any_byte_give_what_the_stream_gives() {
    let (member, header) = with_full_header(&sends(3));
    for object in [
        gzip(&sends(3)),
        built(GzBuilder::new(), &send(1), 0),
        with_header_checksum(&member, header, 0),
        [member, gzip(&send(4)), vec![0; 9]].concat(),
    ] {
        for cut in 0..object.len() {
            is_whole(&object[..cut]);
        }
    }
}

#[test]
fn objects_with_any_bit_turned_over_give_what_the_stream_gives() {
    let (member, header) = with_full_header(&sends(2));
    for object in [
        gzip(&sends(2)),
        built(GzBuilder::new(), &send(1), 0),
        built(GzBuilder::new(), "{}", 1),
        with_header_checksum(&member, header, 0),
        [member, gzip(&send(4)), vec![0; 9]].concat(),
    ] {
        for bit in 0..object.len() * 8 {
            let mut object = object.clone();
            object[bit / 8] ^= 1 << (bit % 8);
            is_whole(&object);
        }
    }
}

#[test]
fn damaged_objects_give_what_the_stream_gives() {
    let objects = (generate::object(), 1..16_usize, 0..10_u32, generate::edits());
    each(256, &objects, |(object, repeated, level, edits)| {
        let text = String::from_utf8_lossy(&object).repeat(repeated);
        let object = built(GzBuilder::new(), &text, level);
        assert_eq!(is_whole(&object), !text.is_empty());
        let object = generate::edited(object, &edits);
        if is_whole(&object) {
            let mut bytes = Vec::new();
            decoder(&object).whole(&mut bytes, &mut Inflater::default()).unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), text);
        }
    });
}

#[test]
fn codes_that_only_libdeflate_reads_give_the_right_bytes() {
    // Level 1 writes fixed codes, in which one bit makes distance code 31, which zlib refuses, of 29, which the last match has.
    let text = sends(215);
    let text = text.clone() + &text[..300];
    let sound = built(GzBuilder::new(), &text, 1);
    let read_by_libdeflate_alone = (80..sound.len() * 8).filter(|bit| {
        let mut object = sound.clone();
        object[bit / 8] ^= 1 << (bit % 8);
        is_whole(&object) && rest(&mut decoder(&object), Vec::new()).damage.is_some() && {
            let mut bytes = Vec::new();
            decoder(&object).whole(&mut bytes, &mut Inflater::default()).unwrap();
            assert_eq!(bytes, text.as_bytes());
            true
        }
    });
    assert_eq!(read_by_libdeflate_alone.count(), 1);
}

/// Text that hardly compresses, so that its object is too long to be inflated at once.
fn long_text() -> Vec<u8> {
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b' ' + (state >> 58) as u8
    };
    (0..MAX_WHOLE_INPUT * 3 / 2).map(|_| noise()).collect()
}

#[test]
fn a_long_object_is_inflated_ahead() {
    let text = long_text();
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::fast());
    encoder.write_all(&text).unwrap();
    let object = encoder.finish().unwrap();
    assert!(object.len() > MAX_WHOLE_INPUT);
    for (cut, damage) in [(0, None), (1000, Some(RejectClass::TruncatedGzip))] {
        let object = io::Cursor::new(object[..object.len() - cut].to_vec());
        let mut input = Feed::new(object, Limits::default().max_expansion, Vec::new()).ahead();
        assert_eq!(input.whole(&mut Vec::new(), &mut Inflater::default()).unwrap(), None);
        assert!(matches!(input, Feed::Ahead(_)));
        let (bytes, found) = pieces(Vec::new(), |out| input.read(out));
        assert_eq!(found.map(|(class, _)| class), damage);
        assert!(text.starts_with(&bytes) && (damage.is_some() || bytes.len() == text.len()));
    }
}

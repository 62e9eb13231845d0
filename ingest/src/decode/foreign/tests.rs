//! Objects packed by each library's writer, and cut, flipped and bloated.
#![allow(clippy::unwrap_used)]

use std::io::{Cursor, Write};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ListArray, MapArray, RecordBatch, StringArray, StructArray, TimestampMillisecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::decode::{Decoder, Step};
use crate::{Limits, RejectClass, Verdict, read_object};

type Decoded = (Vec<u8>, Option<(RejectClass, String)>);

fn decode(object: &[u8]) -> Decoded {
    let mut decoder = Decoder::new(object, Limits::default().max_expansion, Vec::new());
    let (mut text, mut out) = (Vec::new(), [0; 777]);
    let end = loop {
        match decoder.read(&mut out).unwrap() {
            Step::Bytes(count) => text.extend(&out[..count]),
            Step::End => break None,
            Step::Damage(damage) => break Some((damage.class, damage.reason)),
        }
    };
    assert!(matches!(decoder.read(&mut out), Ok(Step::End)));
    let bytes = decoder.object_bytes();
    assert_eq!((bytes.read, bytes.decoded >= text.len() as u64), (object.len() as u64, true));
    (text, end)
}

fn lines() -> Vec<u8> {
    (0..3_000)
        .map(|n| format!("{{\"eventType\":\"Send\",\"mail\":{{\"messageId\":\"{n}-{}\"}}}}\n", n * 7_919 % 1_000))
        .collect::<String>()
        .into_bytes()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(text, 3).unwrap()
}

fn framed(text: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(text).unwrap();
    encoder.into_inner().unwrap()
}

fn raw(text: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(text).unwrap()
}

/// Blocks of a few chunks each, as Hadoop's `BlockCompressorStream` writes them.
fn hadoop(text: &[u8]) -> Vec<u8> {
    let mut object = Vec::new();
    for block in text.chunks(50_000) {
        object.extend((block.len() as u32).to_be_bytes());
        for chunk in block.chunks(20_000) {
            let packed = raw(chunk);
            object.extend((packed.len() as u32).to_be_bytes());
            object.extend(packed);
        }
    }
    object
}

fn zip(entries: &[&[u8]]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_directory("events", SimpleFileOptions::default()).unwrap();
    for (entry, number) in entries.iter().zip(0..) {
        writer.start_file(format!("events/{number}"), SimpleFileOptions::default()).unwrap();
        writer.write_all(entry).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn every_packing_gives_the_text() {
    let text = lines();
    let two_frames = [zstd(&text[..90_000]), zstd(&text[90_000..])].concat();
    let objects = [
        ("zstd", zstd(&text)),
        ("zstd of two frames", two_frames),
        ("framed", framed(&text)),
        ("raw", raw(&text)),
        ("hadoop", hadoop(&text)),
        ("zip", zip(&[&text])),
        ("zip of three", zip(&[&text[..1_000], b"", &text[1_000..]])),
    ];
    for (name, object) in objects {
        let (found, damage) = decode(&object);
        assert_eq!(damage, None, "{name}");
        // Entries of an archive stay apart by a line's end.
        let without = |text: &[u8]| text.iter().filter(|byte| **byte != b'\n').copied().collect::<Vec<_>>();
        assert!(found == text || name == "zip of three" && without(&found) == without(&text), "{name}");
    }
    assert_eq!(decode(&zip(&[])), (Vec::new(), None));
}

#[test]
fn cut_objects_are_damaged_and_what_came_before_is_given() {
    let text = lines();
    for (name, object, streams) in [
        ("zstd", zstd(&text), true),
        ("framed", framed(&text), true),
        ("raw", raw(&text), false),
        ("hadoop", hadoop(&text), true),
        ("zip", zip(&[&text]), false),
    ] {
        let mut given = 0;
        for end in (64..object.len()).step_by(211) {
            let (found, damage) = decode(&object[..end]);
            // The end of a block is a place where an object may end.
            let whole_blocks = damage.is_none() && name == "hadoop" && found.len() % 50_000 == 0;
            assert!(damage.is_some() || whole_blocks, "{name} cut at {end}");
            assert!(text.starts_with(&found), "{name} cut at {end}");
            given = given.max(found.len());
        }
        assert_eq!(given > 0, streams, "{name}");
    }
}

#[test]
fn flipped_bits_never_give_another_text_unseen() {
    let text = lines();
    // Raw and Hadoop's Snappy carry no checksum: there a flip may only be seen by its consequences.
    for (name, object, has_checksum) in [
        ("framed", framed(&text), true),
        ("zip", zip(&[&text]), true),
        ("raw", raw(&text), false),
        ("hadoop", hadoop(&text), false),
        ("zstd", zstd(&text), false),
    ] {
        for at in (0..object.len()).step_by(97) {
            let mut flipped = object.clone();
            flipped[at] ^= 0x10;
            let (found, damage) = decode(&flipped);
            if has_checksum && damage.is_none() && found != text {
                // What no longer begins as its format does is taken for text.
                assert!(at < 16 || found.is_empty(), "{name} flipped at {at}");
            }
        }
    }
}

#[test]
fn bombs_are_given_up() {
    let zeros = vec![b' '; 300 << 20];
    for (name, object) in [("zstd", zstd(&zeros)), ("zip", zip(&[&zeros]))] {
        let (found, damage) = decode(&object);
        assert_eq!(damage.map(|(class, _)| class), Some(RejectClass::TooLarge), "{name}");
        assert!(found.len() < 65 << 20, "{name}");
    }
    // A block that claims four gigabytes.
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0xf0, 60, b'{', b'"'];
    assert_eq!(decode(&claim).1.map(|(class, _)| class), Some(RejectClass::TooLarge));
}

#[test]
fn what_is_not_read_says_what_to_do() {
    let (_, damage) = decode(b"ORC\x08\x03\x10\x01");
    let (class, reason) = damage.unwrap();
    assert_eq!(class, RejectClass::UnsupportedCompression);
    assert_eq!(
        reason,
        "object is `orc`, which is not supported; let Firehose's record format conversion write Parquet, or turn it off, which \
         keeps the whole event"
    );
    let (_, damage) = decode(b"BZh91AY&SY");
    assert!(damage.unwrap().1.starts_with("object is `bzip2`, which is not supported; unpack it"));
}

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn group(parts: Vec<(&str, ArrayRef)>, valid: &[bool]) -> ArrayRef {
    let fields: Vec<Field> =
        parts.iter().map(|(name, part)| Field::new(*name, part.data_type().clone(), true)).collect();
    let parts = parts.into_iter().map(|(_, part)| part).collect();
    Arc::new(StructArray::try_new(Fields::from(fields), parts, Some(NullBuffer::from(valid.to_vec()))).unwrap())
}

fn list(lengths: &[usize], values: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new("element", values.data_type().clone(), true));
    Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths.iter().copied()), values, None).unwrap())
}

/// A Send and a Bounce as a Glue table with lower-case columns holds them.
fn converted(compression: Compression) -> Vec<u8> {
    let keys = strings(&[Some("campaign"), Some("ses:configuration-set")]);
    let entries = StructArray::try_new(
        Fields::from(vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))), true),
        ]),
        vec![keys, list(&[1, 1], strings(&[Some("spring"), Some("news")]))],
        None,
    )
    .unwrap();
    let field = Arc::new(Field::new("key_value", entries.data_type().clone(), false));
    let tags = MapArray::try_new(field, OffsetBuffer::from_lengths([1, 1]), entries, None, false).unwrap();
    let times = TimestampMillisecondArray::from(vec![1_793_404_800_123, 1_793_404_801_000]);
    let mail = group(
        vec![
            ("timestamp", Arc::new(times)),
            ("messageid", strings(&[Some("m-1"), Some("m-2")])),
            ("source", strings(&[Some("a@example.com"), Some("a@example.com")])),
            ("sendingaccountid", strings(&[Some("012345678901"), Some("012345678901")])),
            ("destination", list(&[1, 1], strings(&[Some("x@example.net"), Some("y@example.net")]))),
            ("tags", Arc::new(tags)),
        ],
        &[true, true],
    );
    let recipients = group(
        vec![
            ("emailaddress", strings(&[Some("y@example.net")])),
            ("status", strings(&[Some("5.1.1")])),
            ("diagnosticcode", strings(&[Some("smtp; 550 unknown")])),
        ],
        &[true],
    );
    let bounce = group(
        vec![
            ("bouncetype", strings(&[None, Some("Permanent")])),
            ("bouncesubtype", strings(&[None, Some("General")])),
            ("bouncedrecipients", list(&[0, 1], recipients)),
            ("timestamp", strings(&[None, Some("2026-10-31T12:00:02.000Z")])),
            ("feedbackid", strings(&[None, Some("f-1")])),
        ],
        &[false, true],
    );
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("eventtype", strings(&[Some("Send"), Some("Bounce")]), true),
        ("mail", mail, true),
        ("bounce", bounce, true),
    ])
    .unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn converted_rows_are_the_events_they_were() {
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::GZIP(Default::default())] {
        let mut found = Vec::new();
        read_object(&converted(compression)[..], &Limits::default(), &mut |place, _, verdict| {
            let Verdict::Event(event) = verdict else { panic!("{verdict:?}") };
            match place.line {
                1 => assert!(format!("{:?}", event.tags).contains("spring"), "{:?}", event.tags),
                _ => assert_eq!(event.configuration_set.as_deref(), Some("news")),
            }
            found.push((
                place.line,
                event.event_type.as_str().to_owned(),
                event.message_id.clone().unwrap_or_default().into_owned(),
                event.sent_time.unwrap(),
            ));
        })
        .unwrap();
        let sent = |text: &str| text.parse().unwrap();
        assert_eq!(
            found,
            [
                (1, "Send".to_owned(), "m-1".to_owned(), sent("2026-10-31T00:00:00.123Z")),
                (2, "Bounce".to_owned(), "m-2".to_owned(), sent("2026-10-31T00:00:01Z")),
            ]
        );
    }
}

#[test]
fn damaged_parquet_is_told() {
    let object = converted(Compression::SNAPPY);
    for end in (8..object.len()).step_by(37) {
        assert!(decode(&object[..end]).1.is_some(), "cut at {end}");
    }
    for at in (4..object.len()).step_by(13) {
        let mut flipped = object.clone();
        flipped[at] ^= 0x55;
        // Whatever comes of it, it is an answer.
        decode(&flipped);
    }
}

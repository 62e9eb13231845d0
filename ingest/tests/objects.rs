//! Whole objects: decompression, damage, and what is counted.
#![allow(clippy::unwrap_used)]

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use repute_ingest::{Limits, ObjectBytes, Verdict, read_object};

fn send(n: usize) -> String {
    format!(
        r#"{{"eventType":"Send","mail":{{"timestamp":"2024-03-25T23:01:53.733Z","messageId":"m{n}","destination":["r{n}@b.example"]}},"send":{{}}}}"#
    ) + "\n"
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The message ids of events, and the whole text of everything else.
fn read(bytes: &[u8]) -> (Vec<String>, ObjectBytes) {
    let mut all = Vec::new();
    let counts = read_object(bytes, &Limits::default(), &mut |place, _, verdict| {
        all.push(match verdict {
            Verdict::Event(event) => event.message_id.unwrap().into_owned(),
            Verdict::Ignored(class) => class.as_str().to_owned(),
            Verdict::Rejected(reject) => format!("{}:{} {reject}", place.offset, place.line),
        });
    })
    .unwrap();
    (all, counts)
}

#[test]
fn plain_and_gzip_read_alike() {
    let text = send(1) + &send(2);
    let plain = read(text.as_bytes());
    assert_eq!(plain.0, ["m1", "m2"]);
    assert_eq!(plain.1, ObjectBytes { read: 254, decoded: 254 });
    let zipped = gzip(&text);
    let (all, counts) = read(&zipped);
    assert_eq!(all, ["m1", "m2"]);
    assert_eq!(counts, ObjectBytes { read: zipped.len() as u64, decoded: 254 });
}

#[test]
fn all_members_are_read() {
    // The second record is split over two members.
    let (head, tail) = (&send(2)[..50], &send(2)[50..]);
    let object = [gzip(&(send(1) + head)), gzip(""), gzip(&(tail.to_owned() + &send(3))), vec![0; 512]].concat();
    let (all, counts) = read(&object);
    assert_eq!(all, ["m1", "m2", "m3"]);
    assert_eq!(counts, ObjectBytes { read: object.len() as u64, decoded: 381 });
}

#[test]
fn nothing_is_no_record() {
    assert_eq!(read(b"").0, [""; 0]);
    assert_eq!(read(&gzip("")).0, [""; 0]);
    assert_eq!(read(&gzip("\n\n")).0, [""; 0]);
}

#[test]
fn truncated_gzip_gives_what_is_before() {
    let text: String = (0..2000).map(send).collect();
    let whole = gzip(&text);
    for cut in [2, 5, 10, 11, whole.len() / 2, whole.len() - 9, whole.len() - 8, whole.len() - 1] {
        let (mut all, counts) = read(&whole[..cut]);
        let damage = all.pop().unwrap();
        assert_eq!(all, (0..all.len()).map(|n| format!("m{n}")).collect::<Vec<_>>(), "{cut}");
        assert_eq!(counts.read, cut as u64);
        let (place, reason) = damage.split_once(' ').unwrap();
        assert_eq!(
            reason,
            format!(
                "truncated_gzip: gzip stream is cut off at compressed byte `{cut}`, `{}` complete records before it",
                all.len()
            )
        );
        // The damage begins where the last whole record ends, give or take the line end between them.
        let offset: usize = place.split_once(':').unwrap().0.parse().unwrap();
        assert!(text[..offset].trim_end().lines().count() == all.len() && offset as u64 <= counts.decoded, "{place}");
        // At most the last record is lost to the cut.
        assert!(text[..counts.decoded as usize].matches('\n').count() <= all.len() + 1);
    }
    assert_eq!(read(&whole[..whole.len() - 1]).0.len(), 2001);
}

#[test]
fn corrupt_gzip_gives_what_is_before() {
    let (first, second) = (gzip(&send(1)), gzip(&send(2)));
    let mut wrong_checksum = [first.clone(), second.clone()].concat();
    let at = wrong_checksum.len() - 8;
    wrong_checksum[at] ^= 1;
    let (all, counts) = read(&wrong_checksum);
    assert_eq!(all[..2], ["m1", "m2"]);
    assert_eq!(all.len(), 3);
    assert!(all[2].starts_with("254:3 corrupt_gzip: gzip stream is corrupt at compressed byte `"), "{}", all[2]);
    assert!(all[2].ends_with("(incorrect data check), `2` complete records before it"), "{}", all[2]);
    assert_eq!(counts.read, wrong_checksum.len() as u64);

    let mut bad_second = [first.clone(), second, gzip(&send(3))].concat();
    bad_second[first.len() + 10] = 0xff;
    let (all, counts) = read(&bad_second);
    assert_eq!(all[0], "m1");
    assert_eq!(all.len(), 2);
    assert!(all[1].starts_with("127:2 corrupt_gzip: "), "{}", all[1]);
    assert_eq!(counts.read, bad_second.len() as u64);

    let (all, _) = read(&[&first[..], b"trailing garbage\n"].concat());
    let at = first.len();
    assert_eq!(
        all,
        [
            "m1".to_owned(),
            format!(
                "127:2 corrupt_gzip: bytes after the gzip stream are no gzip member at compressed byte `{at}`, `1` complete records before it"
            )
        ]
    );
}

#[test]
fn records_before_damage_inside_one_block_are_kept() {
    let text: String = (0..300).map(send).collect();
    let mut object = gzip(&text);
    let at = object.len() - 300;
    object[at..at + 200].fill(0xff);
    let (all, counts) = read(&object);
    let complete = text[..counts.decoded as usize].matches('\n').count();
    assert!(complete > 200, "{complete}");
    assert!(all.len() > complete, "{} of {complete}", all.len());
    assert!(all.last().unwrap().contains("corrupt_gzip"));
}

#[test]
fn other_compressions_are_one_rejection() {
    for (object, told) in [
        (&b"BZh91AY&\n{}\n"[..], "unsupported_compression: object is `bzip2`, which is not supported"),
        (b"PK\x03\x04\x14\n\n\n{}\n", "corrupt_compression: `zip` object is corrupt after `0` bytes of text"),
    ] {
        let (all, counts) = read(object);
        assert!(all.len() == 1 && all[0].starts_with(&format!("0:1 {told}")), "{all:?}");
        assert_eq!(counts, ObjectBytes { read: object.len() as u64, decoded: 0 });
    }
}

#[test]
fn a_bomb_stops_early() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(send(1).as_bytes()).unwrap();
    io::copy(&mut io::repeat(b'x').take(1 << 30), &mut encoder).unwrap();
    let bomb = encoder.finish().unwrap();
    let (all, counts) = read(&bomb);
    assert_eq!(all[0], "m1");
    assert!(all[1].contains("too_large: record is larger"), "{}", all[1]);
    assert!(all[2].contains("too_large: gzip stream expands more than `200` times"), "{}", all[2]);
    assert_eq!(counts.read, bomb.len() as u64);
    assert!(counts.decoded < 700 << 20, "{counts:?}");
}

#[test]
fn a_failing_reader_is_an_error() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("connection reset"))
        }
    }
    for start in [send(1).into_bytes(), gzip(&send(1))] {
        let result = read_object(io::Cursor::new(start).chain(Failing), &Limits::default(), &mut |_, _, verdict| {
            assert!(matches!(verdict, Verdict::Event(_)), "a failed read is no damage: {verdict:?}");
        });
        assert_eq!(result.unwrap_err().to_string(), "connection reset");
    }
}

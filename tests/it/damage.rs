//! Bad input: what is damaged lies in quarantine with its place, class and bytes; its neighbours are in; and neither
//! memory nor time runs away.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use flate2::write::GzEncoder;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use serde_json::{Value, json};

use crate::mail::{Mail, object, time};
use crate::program::{REPUTE, Run, command_with_memory, finish_within, import_ending, scratch};
use crate::samples::assert_conserved;
use crate::tools::{python, run_python};

/// Address space that is plenty for an honest import of small objects.
const ENOUGH_KIB: u64 = 1 << 20;
const LIMIT: Duration = Duration::from_secs(60);

fn send(number: usize) -> String {
    Mail::new(number, time("2026-10-05T12:00:00Z")).send()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A damaged object and what it must leave behind.
struct Damage {
    name: &'static str,
    bytes: Vec<u8>,
    events: u64,
    offset: usize,
    line: u64,
    class: &'static str,
}

/// Each has a good first record, of which the length is known.
fn damages() -> Vec<Damage> {
    let (one, two) = (send(1), send(2));
    let second = one.len() + 1;
    let between = |bad: &[u8]| [one.as_bytes(), b"\n", bad, b"\n", two.as_bytes(), b"\n"].concat();
    let mut zipped = gzip(&format!("{one}\n{}\n", send(2).replace("Your order", &noise(20_000))));
    zipped.truncate(zipped.len() / 2);
    let mut not_utf8 = two.clone().into_bytes();
    not_utf8[two.find("Your order").unwrap()] = 0xff;
    let damage = |name, bytes, events, offset, line, class| Damage { name, bytes, events, offset, line, class };
    vec![
        damage("half", between(&two.as_bytes()[..two.len() / 2]), 2, second, 2, "truncated_json"),
        damage("utf8", between(&not_utf8), 2, second, 2, "invalid_utf8"),
        damage(
            "deep",
            between(
                two.replace("\"mail\"", &format!("\"x\":{}{},\"mail\"", "[".repeat(10_000), "]".repeat(10_000)))
                    .as_bytes(),
            ),
            2,
            second,
            2,
            "too_deep",
        ),
        damage(
            "time",
            between(two.replace("2026-10-05T12:00:00.000Z", "2026-10-35T12:00:00.000Z").as_bytes()),
            2,
            second,
            2,
            "bad_time",
        ),
        damage("future", between(two.replace("2026-10-05", "2926-10-05").as_bytes()), 2, second, 2, "bad_time"),
        damage("type", between(two.replace("\"Send\"", "\"Sent\"").as_bytes()), 2, second, 2, "unknown_event_type"),
        // The second record's beginning is there and its end is not: what is bad begins after the first line.
        damage("truncated.gz", zipped, 1, second, 2, "truncated_gzip"),
    ]
}

/// Text that does not compress to nothing: digits of a linear congruential generator, seed 1.
fn noise(length: usize) -> String {
    let mut state = 1u64;
    let mut digit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from_digit((state >> 40) as u32 % 36, 36).unwrap()
    };
    (0..length).map(|_| digit()).collect()
}

#[test]
fn damage_lies_in_quarantine_with_its_place() {
    let Some(python) = python() else { return };
    let folder = scratch();
    let damages = damages();
    let mut lakes = Vec::new();
    for damage in &damages {
        let source = object(folder.path(), damage.name, &damage.bytes);
        let lake = folder.path().join(format!("lake-{}", damage.name));
        let summary = import_ending(&source, &lake, 3);
        assert_conserved(&summary);
        assert_eq!(summary["records"]["events"], json!(damage.events), "{}: {summary}", damage.name);
        assert_eq!(summary["records"]["quarantined"], json!(1), "{}: {summary}", damage.name);
        lakes.push(lake);
    }
    let tables = run_python(&python, "quarantine.py", &lakes);
    for (damage, rows) in damages.iter().zip(tables.as_array().unwrap()) {
        assert_eq!(rows.as_array().unwrap().len(), 1, "{}: {rows}", damage.name);
        let row = &rows[0];
        let place = json!([row["byte_offset"], row["line"], row["class"]]);
        assert_eq!(place, json!([damage.offset, damage.line, damage.class]), "{}: {}", damage.name, row["message"]);
        assert!(row["object"].as_str().unwrap().ends_with(&format!("/{}", damage.name)), "{row}");
        assert!(!row["message"].as_str().unwrap().is_empty(), "{}", damage.name);
        if !damage.name.ends_with(".gz") {
            let end = damage.bytes[damage.offset..].iter().position(|b| *b == b'\n').unwrap() + damage.offset;
            let raw: String = damage.bytes[damage.offset..end].iter().map(|b| char::from(*b)).collect();
            assert_eq!(row["raw"].as_str().unwrap().trim_end(), raw, "{}", damage.name);
        }
    }
}

/// Imports one object under limits of memory and time.
fn import_limited(source: &Path) -> Run {
    let lake = source.with_extension("lake");
    let mut command = command_with_memory(ENOUGH_KIB);
    command.arg("import").arg(source).arg("--lake").arg(lake).args(["--jobs", "2", "--format", "json"]);
    finish_within(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), LIMIT)
}

#[track_caller]
fn assert_survived(source: &Path, events: u64) -> Value {
    let summary = import_limited(source).expect(3).json();
    assert_conserved(&summary);
    assert_eq!(summary["records"]["events"], json!(events), "{summary}");
    assert_eq!(summary["records"]["quarantined"], json!(1), "{summary}");
    summary
}

/// Repeats `megabyte` in a gzip member so many times. Blocks that end in a full flush stand for themselves, so that each
/// need be compressed only once; the checksum is not that of the whole.
fn bomb(head: &[u8], megabyte: &[u8], times: usize) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let first = deflate(&mut compress, head, FlushCompress::Full);
    let block = deflate(&mut compress, megabyte, FlushCompress::Full);
    let last = deflate(&mut compress, b"", FlushCompress::Finish);
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    out.extend(first);
    (0..times).for_each(|_| out.extend(&block));
    out.extend(last);
    out.extend(Crc::new().sum().to_le_bytes());
    out.extend(0u32.to_le_bytes());
    out
}

fn deflate(compress: &mut Compress, input: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len() + 1_024);
    let status = compress.compress_vec(input, &mut out, flush).unwrap();
    assert!(matches!(status, Status::Ok | Status::StreamEnd));
    out
}

/// 10 GiB of blanks, which are allowed between records, and of one string that never ends.
#[test]
fn a_gzip_bomb_is_one_bad_record() {
    let folder = scratch();
    for (name, head, byte) in
        [("blanks.gz", format!("{}\n", send(1)), b' '), ("string.gz", format!("{}\n{{\"a\":\"", send(1)), b'a')]
    {
        let bytes = bomb(head.as_bytes(), &vec![byte; 1 << 20], 10 << 10);
        assert!(bytes.len() < 64 << 20, "{} bytes", bytes.len());
        let summary = assert_survived(&object(folder.path(), name, bytes), 1);
        let decoded = summary["bytes"]["decoded"].as_u64().unwrap();
        assert!(decoded < 3 << 30, "{name}: {decoded} bytes were decoded before it was given up");
    }
}

/// What one bad record may cost beyond the import of its neighbours alone.
const MOST_MIB: f64 = 64.0;
const MOST_CPU_SECONDS: f64 = 1.0;

/// Memory and CPU time of an import of one bad record between two good ones, beyond those of the good ones alone.
#[test]
fn a_bad_record_costs_little() {
    let Some(python) = python() else { return };
    let folder = scratch();
    let cost = |name: &str, bytes: &[u8], code: i32| -> [f64; 2] {
        let (source, lake) = (object(folder.path(), name, bytes), folder.path().join(format!("{name}.lake")));
        let arguments =
            ["import", source.to_str().unwrap(), "--lake", lake.to_str().unwrap(), "--jobs", "2", "--quiet"];
        let cost = run_python(&python, "cost.py", [REPUTE].into_iter().chain(arguments));
        assert_eq!(cost["code"], code, "{name}: {cost}");
        [cost["peak"].as_f64().unwrap(), cost["cpu"].as_f64().unwrap()]
    };
    let (one, two) = (send(1), send(2));
    let between = |bad: String| format!("{one}\n{bad}\n{two}\n").into_bytes();
    let mut records: Vec<(String, Vec<u8>)> =
        damages().into_iter().map(|damage| (damage.name.to_owned(), damage.bytes)).collect();
    let string = |bytes: usize| two.replace("\"Send\"", &format!("\"{}\"", "x".repeat(bytes)));
    for (name, bad) in [
        ("string of 15 MB", string(15_000_000)),
        ("string of 60 MB", string(60_000_000)),
        ("escapes", two.replace("\"Send\"", &format!("\"{}\"", "\\u0041".repeat(2_000_000)))),
        ("levels", format!("{{\"eventType\":{}", "[".repeat(10_000_000))),
        ("keys", format!("{{{}\"eventType\":1}}", "\"k\":1,".repeat(2_000_000))),
        ("recipients", two.replace("[\"user2@example.com\"]", &format!("[{}1]", "\"a\",".repeat(3_000_000)))),
        ("objects", two.replace("[\"user2@example.com\"]", &format!("[{}1]", "{},".repeat(4_000_000)))),
        ("tags", two.replace("\"tags\":{", &format!("\"tags\":{{{}", "\"a\":[\"b\"],".repeat(1_200_000)))),
        ("wrapped", format!("{{\"Records\":[{}1]}}", "{},".repeat(4_000_000))),
        ("quotes", format!("{{{}", "\"\\\"".repeat(3_000_000))),
        ("numbers", format!("{{\"eventType\":{}}}", "9".repeat(10_000_000))),
    ] {
        records.push((name.to_owned(), between(bad)));
    }
    let [peak, cpu] = cost("good", &between(send(3)), 0);
    let mut most = [0.0_f64; 2];
    for (name, bytes) in records {
        let found = cost(&name, &bytes, 3);
        let more = [found[0] - peak, found[1] - cpu];
        println!("{name}: {:.0} KB, {:.1} MiB and {:.2} CPU s more", bytes.len() as f64 / 1e3, more[0], more[1]);
        assert!(more[0] <= MOST_MIB && more[1] <= MOST_CPU_SECONDS, "{name}: {more:?} more");
        most = [most[0].max(more[0]), most[1].max(more[1])];
    }
    println!("bad records: at most {:.1} MiB and {:.2} CPU s more than good ones", most[0], most[1]);
}

#[test]
fn ten_million_levels_are_one_bad_record() {
    let folder = scratch();
    let nested = format!("{{\"eventType\":{}{}}}", "[".repeat(10_000_000), "]".repeat(10_000_000));
    let text = format!("{}\n{nested}\n{}\n", send(1), send(2));
    assert_survived(&object(folder.path(), "array", text), 2);
    let open = format!("{}\n{}\n{}\n", send(1), "{\"a\":".repeat(10_000_000), send(2));
    assert_survived(&object(folder.path(), "open", open), 2);
}

#[test]
fn a_line_of_300_megabytes_is_one_bad_record() {
    let folder = scratch();
    let path = folder.path().join("line");
    let mut file = fs::File::create(&path).unwrap();
    write!(file, "{}\n{{\"eventType\":\"", send(1)).unwrap();
    let megabyte = vec![b'x'; 1_000_000];
    (0..300).for_each(|_| file.write_all(&megabyte).unwrap());
    write!(file, "\"}}\n{}\n", send(2)).unwrap();
    drop(file);
    assert_survived(&path, 2);
}

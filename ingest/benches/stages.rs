//! What each stage of reading an object costs, one on top of the other, on one thread.
//!
//! ```text
//! bytes ──> text (UTF-8) ──> records ──> events ──> rows
//! gzip ──> bytes
//! ```
//! Each benchmark does all that stands left of it too, so a stage's own cost is the difference to the one before.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::fs;
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use repute_datasets::{Framing, Plan, generate};
use repute_ingest::{Limits, ObjectReader, Verdict};
use repute_lake::EventRows;

const EVENTS: u64 = 10_000;
const SEED: u64 = 11;

/// All records of a generated dump in one object.
fn dump(framing: Framing) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    generate(&Plan { framing, gzip: false, ..Plan::new(EVENTS, SEED) }, folder.path(), &mut |_| {}).unwrap();
    let mut object = Vec::new();
    for path in files(folder.path()) {
        object.extend(fs::read(path).unwrap());
    }
    object
}

/// The objects below a folder, in the order of their names.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.retain(|path| path.file_name().is_some_and(|name| name != "truth.json"));
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The same records with a space behind every comma between members, as no writer of SES's leaves them: the general way.
fn spaced(object: &[u8]) -> Vec<u8> {
    let mut spaced = Vec::new();
    for line in object.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        spaced.extend_from_slice(b"{ ");
        spaced.extend_from_slice(&line[1..]);
        spaced.push(b'\n');
    }
    spaced
}

fn gzipped(object: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(object).unwrap();
    encoder.finish().unwrap()
}

fn events(reader: &mut ObjectReader, object: &[u8]) -> u64 {
    let mut events = 0;
    let mut count = |verdict: &Verdict<'_>| events += u64::from(matches!(verdict, Verdict::Event(_)));
    reader.read(object, &mut |_, _, verdict| count(&verdict)).unwrap();
    assert!(events >= EVENTS, "{events} events");
    events
}

fn stages(criterion: &mut Criterion) {
    let plain = dump(Framing::Ndjson);
    let mut group = criterion.benchmark_group("stage");
    group.throughput(Throughput::Bytes(plain.len() as u64)).sample_size(20);

    group.bench_function("1 UTF-8", |bencher| bencher.iter(|| std::str::from_utf8(black_box(&plain)).is_ok()));
    let mut reader = ObjectReader::new(Limits::default());
    group.bench_function("2 records and events", |bencher| bencher.iter(|| events(&mut reader, &plain)));
    group.bench_function("3 rows", |bencher| {
        let mut rows = EventRows::new(&[], 0);
        bencher.iter(|| {
            rows.start_object("object");
            let mut take = |verdict: Verdict<'_>| {
                if let Verdict::Event(event) = verdict {
                    rows.push(&event, 0);
                }
            };
            reader.read(&*plain, &mut |_, _, verdict| take(verdict)).unwrap();
            rows.finish().unwrap()
        });
    });
    group.finish();
}

/// Records and events from every form that an object can have; bytes are those after decompression.
fn forms(criterion: &mut Criterion) {
    let plain = dump(Framing::Ndjson);
    let (spaced, gzip) = (spaced(&plain), gzipped(&plain));
    let concatenated = dump(Framing::Concatenated);
    let mut group = criterion.benchmark_group("form");
    group.throughput(Throughput::Bytes(plain.len() as u64)).sample_size(20);
    let mut reader = ObjectReader::new(Limits::default());
    for (name, object) in
        [("ndjson", &plain), ("concatenated", &concatenated), ("gzip", &gzip), ("spaced, by serde_json", &spaced)]
    {
        group.bench_with_input(BenchmarkId::from_parameter(name), object, |bencher, object| {
            bencher.iter(|| events(&mut reader, object));
        });
    }
    group.bench_function("gzip, inflating alone, streaming", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            out.clear();
            MultiGzDecoder::new(&*gzip).read_to_end(&mut out).unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, stages, forms);
criterion_main!(benches);

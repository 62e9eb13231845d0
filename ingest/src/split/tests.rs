//! Objects read in ranges by several threads against the same objects read as a whole by one.
#![allow(clippy::unwrap_used)]

use std::fmt::Debug;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::{fs, thread};

use chrono::DateTime;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use repute_lake::{BadRecord, RowKey};
use tokio::sync::mpsc;

use super::{Splitting, Tasks};
use crate::document::tests::generate::{self, Share, each};
use crate::import::{ImportOptions, Meter};
use crate::source::{SourceObject, list};
use crate::worker::{Parcel, Worker};
use crate::{Limits, ObjectBytes};

const NOT_SPLIT: Splitting = Splitting { above: u64::MAX, range: 1, search: 1 };

fn splitting(range: u64, search: u64) -> Splitting {
    Splitting { above: 0, range, search }
}

/// Everything that some workers hand over, and the records they counted, those of wrong guesses with them.
struct Imported {
    parcels: Vec<Parcel>,
    records_seen: u64,
}

fn import(objects: &[SourceObject], splitting: Splitting, threads: usize, limits: &Limits) -> Imported {
    let options = ImportOptions { jobs: threads, now: DateTime::UNIX_EPOCH, limits: limits.clone(), again: false };
    let meter = Arc::<Meter>::default();
    let tasks = Tasks::default();
    tasks.split(&objects.iter().cloned().map(Arc::new).collect::<Vec<_>>(), 0, splitting);
    tasks.close();
    let (sender, mut receiver) = mpsc::channel(1);
    let parcels = thread::scope(|scope| {
        for _ in 0..threads {
            let worker = Worker::new(&["a".to_owned()], &options, Arc::clone(&meter), sender.clone());
            scope.spawn(|| worker.run(&tasks));
        }
        drop(sender);
        std::iter::from_fn(|| receiver.blocking_recv()).collect()
    });
    Imported { parcels, records_seen: meter.records.load(Ordering::Relaxed) }
}

/// What was found in one object, but for its rows.
#[derive(Debug, PartialEq)]
struct Found {
    keys: Vec<RowKey>,
    bad: Vec<BadRecord>,
    records: u64,
    bytes: ObjectBytes,
    span: Option<(DateTime<chrono::Utc>, DateTime<chrono::Utc>)>,
    classes: Vec<(&'static str, u64)>,
    failed: bool,
}

impl Imported {
    /// The parcels with their rows of one object, each given by its number.
    fn rows_of(&self, object: u32) -> impl Iterator<Item = (&Parcel, usize)> {
        self.parcels.iter().flat_map(move |parcel| {
            let events = &parcel.events;
            let is_of = move |row: &usize| events.event_objects[events.row_events[*row] as usize] == object;
            (0..events.keys.len()).filter(is_of).map(move |row| (parcel, row))
        })
    }

    /// The rows themselves.
    fn rows(&self, object: u32) -> Vec<impl PartialEq + Debug + use<>> {
        self.rows_of(object).map(|(parcel, row)| parcel.events.batch.slice(row, 1)).collect()
    }

    fn found(&self, object: u32, source: &SourceObject) -> Found {
        let of_object = |bad: &&BadRecord| bad.object == source.key;
        let finished: Vec<_> =
            self.parcels.iter().flat_map(|parcel| &parcel.finished).filter(|f| f.object == object).collect();
        assert_eq!(finished.len(), 1, "finished once");
        let tally = &finished[0].tally;
        let classes = tally.bad_classes.iter().chain(&tally.ignored_classes);
        let mut classes: Vec<_> = classes.map(|(class, count)| (*class, *count)).collect();
        classes.sort_unstable();
        Found {
            keys: self.rows_of(object).map(|(parcel, row)| parcel.events.keys[row]).collect(),
            bad: self.parcels.iter().flat_map(|parcel| &parcel.bad).filter(of_object).cloned().collect(),
            records: tally.records,
            bytes: tally.bytes,
            span: tally.span,
            classes,
            failed: tally.failure.is_some(),
        }
    }

    /// Nothing of an object may come after the word that it is finished.
    fn assert_finished_last(&self, object: u32, source: &SourceObject) {
        let end = self.parcels.iter().position(|parcel| parcel.finished.iter().any(|f| f.object == object)).unwrap();
        let after = &self.parcels[end + 1..];
        assert!(after.iter().all(|parcel| parcel.bad.iter().all(|bad| bad.object != source.key)));
        assert!(after.iter().all(|parcel| !parcel.events.event_objects.contains(&object)));
    }
}

fn sources(folder: &Path, objects: &[Vec<u8>]) -> Vec<SourceObject> {
    for (object, number) in objects.iter().zip(0..) {
        fs::write(folder.join(format!("{number:03}")), object).unwrap();
    }
    list(folder).unwrap().objects
}

/// Reads the objects in ranges by 1, 2 and 4 threads, compares with the whole, and says how many records were read in vain.
fn check(objects: &[Vec<u8>], splitting: Splitting, limits: &Limits) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), objects);
    let whole = import(&sources, NOT_SPLIT, 1, limits);
    let mut in_vain = 0;
    for threads in [1, 2, 4] {
        let split = import(&sources, splitting, threads, limits);
        for (source, number) in sources.iter().zip(0..) {
            let context = || format!("{splitting:?} {threads} threads {}", objects[number as usize].escape_ascii());
            assert_eq!(split.found(number, source), whole.found(number, source), "{}", context());
            assert!(split.rows(number) == whole.rows(number), "rows differ: {}", context());
            split.assert_finished_last(number, source);
        }
        in_vain = split.records_seen - whole.records_seen;
    }
    in_vain
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn any_splitting() -> impl Strategy<Value = Splitting> {
    let sizes = [(40, 20), (100, 100), (300, 100), (300, 300), (300, 5000), (1000, 400), (4000, 2000)];
    prop::sample::select(sizes.to_vec()).prop_map(|(range, search)| splitting(range, search))
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let small = Limits { max_record: 700, max_raw: 100, ..Limits::default() };
    prop_oneof![3 => Just(Limits::default()), 1 => Just(small)]
}

#[test]
fn objects_in_ranges_give_what_whole_ones_give() {
    let object = (generate::object(), prop::option::weighted(0.3, generate::edits()), 0..20_u8).prop_map(
        |(object, edits, zipped)| {
            let object = generate::edited(object, edits.as_deref().unwrap_or_default());
            if zipped == 19 { gzip(&object) } else { object }
        },
    );
    let cases = (prop::collection::vec(object, 1..4), any_splitting(), any_limits());
    let wrong = Share::default();
    each(256, &cases, |(objects, splitting, limits)| wrong.count(check(&objects, splitting, &limits) > 0));
    wrong.assert_within(10..=90);
}

fn send(n: usize) -> String {
    format!(
        r#"{{"eventType":"Send","mail":{{"timestamp":"2024-03-25T23:01:53.733Z","messageId":"m{n}","destination":["r{n}@b.example"]}},"send":{{}}}}"#
    )
}

fn sends(count: usize, between: &str) -> String {
    (0..count).map(|n| send(n) + between).collect()
}

#[test]
fn guesses_are_right_in_what_firehose_writes() {
    for between in ["\n", "", "\r\n"] {
        assert_eq!(
            check(&[sends(100, between).into_bytes()], splitting(1000, 500), &Limits::default()),
            0,
            "{between:?}"
        );
    }
}

#[test]
fn lines_are_counted_from_the_start() {
    let text = (sends(10, "\n") + "garbage\n" + &sends(10, "")).repeat(10);
    check(&[text.into_bytes()], splitting(1000, 500), &Limits::default());
}

/// The first range ends at what looks like a record inside a string, so the next goes on where no record starts.
#[test]
fn what_follows_a_wrong_guess_is_not_taken_for_compressed() {
    for garbage in [&b"PAR1"[..], b"PK\x03\x04", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\xff\x06\x00\x00\x73\x4e"] {
        let head = format!("{}\n{{\"a\":\"}}{{\"}}\n", send(1));
        let object = [head.as_bytes(), garbage, b" garbage\n", sends(9, "\n").as_bytes()].concat();
        check(&[object], splitting(head.len() as u64 - 8, 8), &Limits::default());
    }
}

#[test]
fn records_larger_than_ranges_and_places_between_records_are_found() {
    let large = format!(r#"{{"a":"{}","b":"}}{{","c":[{{}}]}}"#, r#"}{\"}\n{\""#.repeat(500));
    for between in ["\n", ""] {
        let text = [send(1), large.clone(), send(2), large.clone(), send(3)].join(between);
        for range in [50, 100, 1000, 6000] {
            check(&[text.clone().into_bytes()], splitting(range, range / 2), &Limits::default());
        }
    }
}

#[test]
fn arrays_and_quotes_that_are_not_closed_go_on_through_all_ranges() {
    let records = sends(40, "\n");
    for text in [
        format!("[{}", sends(40, ",\n")),
        format!("[{}]", sends(40, ",\n").trim_end_matches(",\n")),
        format!("[{records}]{records}"),
        format!("[{records}"),
        format!("{{\"a\":[\n{records}"),
        format!("{{\"a\":\"{records}\"}}"),
        format!("{{\"a\":[{}]}}", sends(40, ",")),
        records.replacen("\"mail", "mail", 1),
        records.replacen("mail\"", "mail", 1),
        records.replace('\n', ""),
        sends(40, "").replacen("\"mail", "mail", 1),
    ] {
        check(&[text.into_bytes()], splitting(500, 300), &Limits::default());
    }
}

#[test]
fn compressed_objects_are_read_as_a_whole() {
    let text = (0..50).map(|n| send(n * 7919)).collect::<String>();
    let zipped = gzip(text.as_bytes());
    let cut = zipped[..zipped.len() / 2].to_vec();
    check(&[zipped, cut, b"PK\x03\x04".repeat(200), text.into_bytes()], splitting(100, 50), &Limits::default());
}

/// Ranges that hold more rows than a worker keeps before it knows that they are right.
#[test]
fn ranges_with_too_many_rows_to_keep_are_read_when_it_is_known_where_they_begin() {
    let addresses = (0..15_000).map(|n| format!("\"{n}@b.example\"")).collect::<Vec<_>>().join(",");
    let large = send(1).replace(r#""r1@b.example""#, &addresses);
    let records: Vec<String> = (0..20).map(|n| large.replace("\"m1\"", &format!("\"m{n}\""))).collect();
    let folder = tempfile::tempdir().unwrap();
    let objects = sources(folder.path(), &[records.join("\n").into_bytes()]);
    let limits = Limits::default();
    let whole = import(&objects, NOT_SPLIT, 1, &limits);
    let split = import(&objects, splitting(7 * large.len() as u64, 500_000), 2, &limits);
    assert!(split.found(0, &objects[0]) == whole.found(0, &objects[0]));
    assert!(split.records_seen > whole.records_seen, "no range was too large to be kept");
    assert_eq!(whole.records_seen, 20);
}

#[test]
fn an_object_that_cannot_be_read_is_finished_once_and_failed() {
    let folder = tempfile::tempdir().unwrap();
    let objects = sources(folder.path(), &[sends(20, "\n").into_bytes(), sends(20, "\n").into_bytes()]);
    fs::remove_file(folder.path().join("000")).unwrap();
    for threads in [1, 4] {
        let split = import(&objects, splitting(300, 300), threads, &Limits::default());
        let [gone, there] = [0, 1].map(|number| split.found(number, &objects[number as usize]));
        assert!(gone.failed && gone.keys.is_empty());
        assert!(!there.failed && there.keys.len() == 20);
    }
}

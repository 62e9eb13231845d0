//! What writing rows costs: gathered, encoded, synced, committed.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use repute_lake::{Event, EventChunk, EventRows, EventType, Lake, Location, Recipient};
use tokio::runtime::Runtime;

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

/// Sends and deliveries a hundred milliseconds apart, of many messages to a few domains.
fn rows(count: usize) -> EventChunk {
    let mut rows = EventRows::new(&[], 0);
    rows.start_object("object");
    for number in 0..count {
        let event_type = if number % 2 == 0 { EventType::Send } else { EventType::Delivery };
        let mut event = Event::new(event_type, start() + TimeDelta::milliseconds(100 * number as i64));
        event.sent_time = Some(event.event_time);
        event.message_id = Some(Cow::Owned(format!("0100019a{:08x}-{number:08x}-000000", number / 2)));
        event.configuration_set = Some(Cow::Borrowed(["transactional", "marketing"][number % 2]));
        event.source = Some(Cow::Borrowed("news@shop.example"));
        event.from_domain = Some(Cow::Borrowed("shop.example"));
        event.tags = vec![(Cow::Borrowed("campaign"), Cow::Owned(format!("autumn-{}", number % 50)))].into();
        let address = Cow::Owned(format!("user{}@mailbox{}.example", number % 7919, number % 97));
        event.recipients = vec![Recipient {
            address: Some(address),
            event_id: (number as i64).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64),
            ..Recipient::default()
        }];
        rows.push(&event, 0);
    }
    rows.finish().unwrap()
}

fn append(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("append");
    group.sample_size(10);
    for count in [1_000, 128 * 1024] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(BenchmarkId::new("into an empty lake", count), &count, |bencher, count| {
            let lake = || {
                let folder = tempfile::tempdir().unwrap();
                let location = Location::parse(folder.path().to_str().unwrap()).unwrap();
                let lake = runtime.block_on(Lake::open_or_create(&location, &[])).unwrap();
                (folder, lake, vec![rows(*count)])
            };
            let write = |(folder, mut lake, chunks): (_, Lake, _)| {
                let appended = runtime.block_on(lake.append(chunks, start(), 1)).unwrap();
                assert!(appended.bytes > 0);
                folder
            };
            bencher.iter_batched(lake, write, BatchSize::PerIteration);
        });
        group.bench_with_input(BenchmarkId::new("again, all known", count), &count, |bencher, count| {
            let folder = tempfile::tempdir().unwrap();
            let location = Location::parse(folder.path().to_str().unwrap()).unwrap();
            let mut lake = runtime.block_on(Lake::open_or_create(&location, &[])).unwrap();
            runtime.block_on(lake.append(vec![rows(*count)], start(), 1)).unwrap();
            let write = |chunks| {
                let appended = runtime.block_on(lake.append(chunks, start(), 1)).unwrap();
                assert_eq!(appended.bytes, 0);
            };
            bencher.iter_batched(|| vec![rows(*count)], write, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, append);
criterion_main!(benches);

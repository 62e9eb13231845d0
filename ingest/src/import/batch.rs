//! Batches: what several threads have read, put together for one commit.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use repute_lake::{BadRecord, EventChunk, EventCounts, ImportedObject, Lake, LakeError};
use tokio::sync::mpsc;

use super::{ImportOptions, ImportSummary};
use crate::worker::{Finished, Parcel};

/// A batch is committed when it holds this many rows.
const BATCH_ROWS: usize = 128 * 1024;

/// Or when it holds this many bytes of bad records, or this many finished objects.
const BATCH_BAD_BYTES: usize = 32 << 20;
const BATCH_OBJECTS: usize = 20_000;

/// Puts parcels together to batches, one of them while the one before is committed: never more than two lie in memory.
pub(super) async fn collect(mut parcels: mpsc::Receiver<Parcel>, full: mpsc::Sender<Batch>) {
    let mut batch = Batch::default();
    loop {
        // A place for the batch is taken before it is filled, so that no third one is begun while one is waiting.
        let Ok(place) = full.reserve().await else { return };
        while !batch.is_full() {
            match parcels.recv().await {
                Some(parcel) => batch.take(parcel),
                None => return place.send(batch),
            }
        }
        place.send(std::mem::take(&mut batch));
    }
}

#[derive(Default)]
pub(super) struct Batch {
    chunks: Vec<EventChunk>,
    rows: usize,
    bad: Vec<BadRecord>,
    bad_bytes: usize,
    finished: Vec<Finished>,
}

impl Batch {
    fn take(&mut self, parcel: Parcel) {
        self.rows += parcel.events.keys.len();
        self.chunks.push(parcel.events);
        self.bad_bytes += parcel.bad.iter().map(|bad| bad.raw.len() + bad.message.len()).sum::<usize>();
        self.bad.extend(parcel.bad);
        self.finished.extend(parcel.finished);
    }

    fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bad_bytes >= BATCH_BAD_BYTES || self.finished.len() >= BATCH_OBJECTS
    }
}

/// Makes a batch durable: rows, then bad records. Returns what is to be noted of the objects that were read to their end.
pub(super) async fn commit(
    lake: &mut Lake,
    batch: Batch,
    written: &mut HashMap<u32, EventCounts>,
    summary: &mut ImportSummary,
    options: &ImportOptions,
) -> Result<Vec<ImportedObject>, LakeError> {
    if batch.rows > 0 {
        let appended = lake.append(batch.chunks, options.now, options.jobs).await?;
        summary.bytes_written += appended.bytes;
        for (object, counts) in appended.objects {
            let total = written.entry(object).or_default();
            total.events += counts.events;
            total.duplicates += counts.duplicates;
            total.rows += counts.rows;
            summary.events += counts.events;
            summary.duplicates += counts.duplicates;
            summary.rows += counts.rows;
        }
    }
    lake.quarantine(&batch.bad).await?;
    let mut done = Vec::new();
    for mut finished in batch.finished {
        let counts = written.remove(&finished.object).unwrap_or_default();
        summary.take(&finished.tally);
        match finished.tally.failure.take() {
            Some(failure) => summary.failed.push((finished.key.name, failure)),
            None => {
                summary.imported += 1;
                if !finished.is_fragment {
                    done.push(note(finished, counts, options.now));
                }
            }
        }
    }
    Ok(done)
}

fn note(Finished { key, size, tally, .. }: Finished, counts: EventCounts, now: DateTime<Utc>) -> ImportedObject {
    ImportedObject {
        key,
        size,
        records: tally.records,
        events: counts.events,
        duplicates: counts.duplicates,
        quarantined: tally.quarantined(),
        ignored: tally.ignored(),
        rows: counts.rows,
        span: tally.span,
        imported_at: now,
    }
}

//! `repute replay`: records of a dump onto a Firehose stream.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use repute_ingest::{Limits, Replay, SourceObject, read_object};
use repute_query::thousands;
use tokio::sync::mpsc;

use crate::aws;
use crate::cli::ReplayArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::{Moment, Progress, Work};

/// Records read ahead of the stream.
const READ_AHEAD: usize = 1_000;

pub(super) fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let stream = args
        .to
        .strip_prefix("firehose://")
        .filter(|name| !name.is_empty())
        .ok_or_else(|| Failure::Usage(format!("--to `{}`: name a stream as in firehose://my-stream", args.to)))?;
    let runtime = super::runtime()?;
    let objects = runtime.block_on(super::import::list_all(&args.sources))?;
    let total = objects.iter().map(|object| object.size).sum();
    let (bytes, done, sent) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let seen = (Arc::clone(&bytes), Arc::clone(&done), Arc::clone(&sent));
    let progress = Progress::start(Work::of_events(total, objects.len() as u64), args.quiet, move || Moment {
        bytes: seen.0.load(Ordering::Relaxed),
        objects: seen.1.load(Ordering::Relaxed),
        events: seen.2.load(Ordering::Relaxed),
    });
    let replayed = runtime.block_on(async {
        let (sender, mut records) = mpsc::channel::<Vec<u8>>(READ_AHEAD);
        let reading = tokio::task::spawn_blocking(move || {
            objects.iter().try_for_each(|object| {
                read(object, &sender)?;
                bytes.fetch_add(object.size, Ordering::Relaxed);
                done.fetch_add(1, Ordering::Relaxed);
                Ok::<_, anyhow::Error>(())
            })
        });
        let mut replay = Replay::new(aws::firehose(args.endpoint.as_deref()).await, stream);
        while let Some(record) = records.recv().await {
            replay.push(&record).await?;
            sent.store(replay.put, Ordering::Relaxed);
        }
        replay.flush().await?;
        reading.await??;
        Ok::<_, Failure>(replay)
    });
    drop(progress);
    let replay = replayed?;
    output::print(&format!("{} records put onto {stream}\n", thousands(replay.put)))?;
    if replay.too_large > 0 {
        let _ = writeln!(io::stderr(), "{} records left out: larger than Firehose takes", thousands(replay.too_large));
        return Ok(Exit::BadRecords);
    }
    Ok(Exit::Done)
}

/// Sends each outermost record of an object as it stands, good or bad: the importer at the other end judges it.
fn read(object: &SourceObject, records: &mpsc::Sender<Vec<u8>>) -> anyhow::Result<()> {
    let limits = Limits { max_raw: 2 << 20, ..Limits::default() };
    let mut last = None;
    let mut gone = false;
    read_object(object.open()?, &limits, &mut |place, raw, _| {
        // A wrapper that holds several events is handed out once for each.
        if last != Some(place.offset) {
            last = Some(place.offset);
            gone = gone || records.blocking_send(raw.to_vec()).is_err();
        }
    })?;
    Ok(())
}

//! `repute replay`: records of a dump onto a Firehose stream.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use repute_ingest::{Journal, Limits, Position, Replay, SourceObject, Standing, read_object};
use repute_query::count;
use tokio::sync::mpsc;

use super::sources::{Taking, list_all, stream_name};
use crate::aws;
use crate::cli::ReplayArgs;
use crate::exit::{Exit, Failure};
use crate::output::{self, bytes};
use crate::progress::{Moment, Progress, Work};

/// Records read ahead of the stream.
const READ_AHEAD: usize = 1_000;

/// What is read.
enum Item {
    Record(Position, Vec<u8>),
    /// An object, of so many bytes, has no more.
    End(Arc<repute_lake::ObjectKey>, u64),
}

/// An object, and how many of its records were put before.
struct Rest {
    object: SourceObject,
    skipped: u64,
}

pub(super) fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let stream = stream_name(&args.to).map_err(|failure| match failure {
        Failure::Usage(text) => Failure::Usage(format!("--to {text}")),
        other => other,
    })?;
    let runtime = super::runtime()?;
    let objects = runtime.block_on(list_all(&args.sources, &Taking::new(&args.objects, None)))?;
    // A rehearsal makes no file.
    let resumed = args.resume.as_deref().filter(|path| !args.dry_run || path.exists());
    let journal = resumed.map(|path| Journal::open(path, stream)).transpose()?;
    let (rests, before) = left(objects, journal.as_ref());
    if before > 0 {
        let _ = writeln!(io::stderr(), "{} done before", count(before, "object"));
    }
    let journal = journal.filter(|_| !args.dry_run);
    let total = rests.iter().map(|rest| rest.object.size).sum();
    let (done, sent) = (Arc::new((AtomicU64::new(0), AtomicU64::new(0))), Arc::new(AtomicU64::new(0)));
    let seen = (Arc::clone(&done), Arc::clone(&sent));
    let progress = Progress::start(Work::of_events(total, rests.len() as u64), args.quiet, move || Moment {
        bytes: seen.0.0.load(Ordering::Relaxed),
        objects: seen.0.1.load(Ordering::Relaxed),
        events: seen.1.load(Ordering::Relaxed),
        ..Moment::default()
    });
    let replayed = runtime.block_on(async {
        let (sender, mut items) = mpsc::channel(READ_AHEAD);
        let reading = tokio::task::spawn_blocking(move || rests.iter().try_for_each(|rest| read_rest(rest, &sender)));
        let client = if args.dry_run { None } else { Some(aws::firehose(args.endpoint.as_deref()).await) };
        let mut replay = Replay::new(client, stream, args.rate, journal);
        while let Some(item) = items.recv().await {
            match item {
                Item::Record(at, record) => replay.push(&at, &record).await?,
                Item::End(object, size) => {
                    replay.finish(&object);
                    done.0.fetch_add(size, Ordering::Relaxed);
                    done.1.fetch_add(1, Ordering::Relaxed);
                }
            }
            sent.store(replay.put, Ordering::Relaxed);
        }
        replay.flush().await?;
        reading.await??;
        Ok::<_, Failure>(replay)
    });
    drop(progress);
    finish(args, stream, &replayed?)
}

/// What is left to be put, and how many objects are done.
fn left(objects: Vec<SourceObject>, journal: Option<&Journal>) -> (Vec<Rest>, u64) {
    let all = objects.len();
    let rest = |object: SourceObject| match journal.and_then(|journal| journal.standing(&object.key)) {
        Some(Standing::Done) => None,
        Some(Standing::Begun(skipped)) => Some(Rest { object, skipped }),
        None => Some(Rest { object, skipped: 0 }),
    };
    let rests: Vec<Rest> = objects.into_iter().filter_map(rest).collect();
    let done = (all - rests.len()) as u64;
    (rests, done)
}

fn finish(args: &ReplayArgs, stream: &str, replay: &Replay) -> Result<Exit, Failure> {
    let put = count(replay.put, "record");
    output::print(&match args.dry_run {
        true => {
            format!("{put}, {}, would be put onto {stream} in {}\n", bytes(replay.bytes), count(replay.batches, "call"))
        }
        false => format!("{put} put onto {stream}\n"),
    })?;
    if replay.too_large > 0 {
        let _ = writeln!(io::stderr(), "{} left out: larger than Firehose takes", count(replay.too_large, "record"));
        return Ok(Exit::BadRecords);
    }
    Ok(Exit::Done)
}

/// Sends each outermost record of an object as it stands, good or bad: the importer at the other end judges it.
fn read_rest(rest: &Rest, items: &mpsc::Sender<Item>) -> anyhow::Result<()> {
    let limits = Limits { max_raw: 2 << 20, ..Limits::default() };
    let object = Arc::new(rest.object.key.clone());
    let (mut last, mut number, mut gone) = (None, 0, false);
    read_object(rest.object.open()?, &limits, &mut |place, raw, _| {
        // A wrapper that holds several events is handed out once for each.
        if last == Some(place.offset) {
            return;
        }
        last = Some(place.offset);
        number += 1;
        if number > rest.skipped && !gone {
            let at = Position { object: Arc::clone(&object), number };
            gone = items.blocking_send(Item::Record(at, raw.to_vec())).is_err();
        }
    })?;
    // Nobody listens any more if putting failed, which is told there.
    let _ = items.blocking_send(Item::End(object, rest.object.size));
    Ok(())
}

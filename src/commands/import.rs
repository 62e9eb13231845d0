//! `repute import`: dumps into the lake.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chrono::Utc;
use repute_ingest::{ImportOptions, ImportSummary, Meter, SourceObject, import_pages, one_page};
use repute_lake::{Lake, Location, sweep_staged};
use repute_query::{ImportRun, thousands};
use serde_json::json;
use tokio::sync::mpsc;

use super::sources::{Taking, list_into};
use crate::cli::{CountingArgs, Format, Global, ImportArgs};
use crate::config::Config;
use crate::exit::{Exit, Failure, remedy, told, without_markup};
use crate::output::{self, bytes, plain};
use crate::progress::{Listed, Moment, Progress, Work};
use crate::runs;

/// How many failed objects are named.
const NAMED_FAILURES: usize = 10;

pub(super) fn run(global: &Global, config: &Config, args: &ImportArgs) -> Result<Exit, Failure> {
    let location = config.location(global)?;
    let tags = if args.promoted_tags.is_empty() { &config.import.promoted_tags } else { &args.promoted_tags };
    let jobs = args.jobs.or(config.import.jobs).map(usize::from);
    let max_bad = args.max_bad.or(config.import.max_bad).unwrap_or(0);
    let reading = Reading { jobs, again: args.again, quiet: args.quiet };
    let start = Instant::now();
    let runtime = super::runtime()?;
    let summary = runtime.block_on(list_and_import(&location, tags, args, reading))?;
    let seconds = start.elapsed().as_secs_f64();
    if summary.rows > 0 {
        runtime.block_on(count(global, config));
    }
    match args.format {
        Format::Json => output::print_json(&summary_json(&summary, seconds))?,
        Format::Text => output::print(&summary_text(&summary, seconds, &location))?,
    }
    report_failures(&summary);
    if !summary.failed.is_empty() {
        return Ok(Exit::Failed);
    }
    if summary.quarantined > max_bad {
        let _ = writeln!(
            io::stderr(),
            "{} bad records, more than --max-bad {max_bad}: the good ones are in, the bad ones in the quarantine table",
            thousands(summary.quarantined)
        );
        return Ok(Exit::BadRecords);
    }
    Ok(Exit::Done)
}

/// Counts what is new by minute, so that the first question need not wait for it. The rows are in, whatever comes of this.
async fn count(global: &Global, config: &Config) {
    let counted = async {
        let reader = super::reader(global, config, &CountingArgs::default()).await?;
        reader.prepare().await.map_err(Failure::from)
    };
    if let Err(failure) = counted.await {
        tracing::debug!(?failure, "what was imported is counted by the first question");
    }
}

/// Imports what is listed while more is being listed.
async fn list_and_import(
    location: &Location,
    promoted_tags: &[String],
    args: &ImportArgs,
    reading: Reading,
) -> Result<ImportSummary, Failure> {
    let taking = Taking::new(&args.objects, args.endpoint.as_deref());
    let (sender, mut listed) = mpsc::channel(1);
    let importing = async {
        // A source that cannot be listed at all leaves no lake behind.
        let Some(first) = listed.recv().await else { return Ok(None) };
        let (sender, pages) = mpsc::channel(1);
        let handing_over = async move {
            let mut page = Some(first);
            while let Some(objects) = page {
                if sender.send(objects).await.is_err() {
                    break;
                }
                page = listed.recv().await;
            }
        };
        let importing = import_pages_and_note(location, promoted_tags, &args.sources, pages, reading);
        tokio::join!(importing, handing_over).0.map(Some)
    };
    match tokio::join!(list_into(&args.sources, &taking, sender), importing) {
        (_, Err(failure)) | (Err(failure), _) => Err(failure),
        (Ok(()), Ok(Some(summary))) => Ok(summary),
        (Ok(()), Ok(None)) => import_and_note(location, promoted_tags, &args.sources, Vec::new(), reading).await,
    }
}

/// How objects are read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// Threads; one per processor unless said.
    pub(super) jobs: Option<usize>,
    /// Whether objects that the lake holds are read again.
    pub(super) again: bool,
    /// Without progress on standard error.
    pub(super) quiet: bool,
}

/// Objects as they are listed.
type Pages = mpsc::Receiver<Vec<SourceObject>>;

/// Imports what was listed, and writes down beside the lake what came of it.
pub(super) async fn import_and_note(
    location: &Location,
    promoted_tags: &[String],
    sources: &[PathBuf],
    objects: Vec<SourceObject>,
    reading: Reading,
) -> Result<ImportSummary, Failure> {
    import_pages_and_note(location, promoted_tags, sources, one_page(objects), reading).await
}

/// The same of what is still being listed.
async fn import_pages_and_note(
    location: &Location,
    promoted_tags: &[String],
    sources: &[PathBuf],
    pages: Pages,
    reading: Reading,
) -> Result<ImportSummary, Failure> {
    let (began, meter) = (Utc::now(), Arc::new(Meter::default()));
    let sources = sources.iter().map(|source| source.to_string_lossy().into_owned()).collect();
    let done = run_import(location, promoted_tags, pages, reading, &meter).await;
    let span = (began, Utc::now());
    let run = match &done {
        Ok(summary) => runs::run(sources, summary, span),
        Err(Failure::Failed(error) | Failure::Unknown(error)) => {
            let listed = meter.listed.load(Ordering::Relaxed);
            let nothing = ImportSummary { listed, ..ImportSummary::default() };
            ImportRun { error: Some(told(error)), ..runs::run(sources, &nothing, span) }
        }
        Err(Failure::Usage(_) | Failure::CheckUnknown(_)) => return done,
    };
    runs::note(location, &run).await;
    done
}

/// Imports what is listed, with progress on standard error.
async fn run_import(
    location: &Location,
    promoted_tags: &[String],
    pages: Pages,
    reading: Reading,
    meter: &Arc<Meter>,
) -> Result<ImportSummary, Failure> {
    let now = Utc::now();
    if let Err(error) = sweep_staged(location, now) {
        tracing::warn!(%error, "cannot sweep what killed imports left");
    }
    let mut lake = Lake::open_or_create(location, promoted_tags).await?;
    let Reading { jobs, again, quiet } = reading;
    let jobs = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let seen = Arc::clone(meter);
    let progress = Progress::start(Work::of_events(0, 0), quiet, move || {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Moment {
            bytes: of(&seen.bytes),
            objects: of(&seen.objects),
            events: of(&seen.records),
            listed: Some(Listed {
                bytes: of(&seen.listed_bytes),
                objects: of(&seen.listed),
                is_all: seen.is_listed.load(Ordering::Relaxed),
            }),
        }
    });
    let options = ImportOptions { again, ..ImportOptions::new(jobs, now) };
    let summary = import_pages(&mut lake, pages, &options, meter).await;
    drop(progress);
    Ok(summary?)
}

fn report_failures(summary: &ImportSummary) {
    let mut stderr = io::stderr().lock();
    for (name, reason) in summary.failed.iter().take(NAMED_FAILURES) {
        let remedy = remedy(reason).map(|remedy| format!("; {remedy}, then run it again")).unwrap_or_default();
        let reason = without_markup(&reason.to_string());
        let _ = writeln!(stderr, "failed `{}`: {}{remedy}", plain(name), plain(&reason));
    }
    if summary.failed.len() > NAMED_FAILURES {
        let _ = writeln!(stderr, "and {} more; running again is safe", summary.failed.len() - NAMED_FAILURES);
    }
}

pub(super) fn summary_json(summary: &ImportSummary, seconds: f64) -> serde_json::Value {
    json!({
        "objects": {
            "listed": summary.listed,
            "imported": summary.imported,
            "skipped": summary.skipped,
            "failed": summary.failed.len(),
        },
        "records": {
            "read": summary.records,
            "events": summary.events,
            "duplicates": summary.duplicates,
            "quarantined": summary.quarantined,
            "ignored": summary.ignored,
        },
        "rows": summary.rows,
        "bytes": { "read": summary.bytes_read, "decoded": summary.bytes_decoded, "written": summary.bytes_written },
        "seconds": seconds,
    })
}

pub(super) fn summary_text(summary: &ImportSummary, seconds: f64, location: &Location) -> String {
    let number = |n: u64| thousands(n);
    let mut lines = vec![
        format!(
            "objects   {} listed = {} imported + {} skipped + {} failed",
            number(summary.listed),
            number(summary.imported),
            number(summary.skipped),
            number(summary.failed.len() as u64)
        ),
        format!(
            "records   {} read = {} events + {} duplicates + {} quarantined + {} ignored",
            number(summary.records),
            number(summary.events),
            number(summary.duplicates),
            number(summary.quarantined),
            number(summary.ignored)
        ),
        format!("rows      {} written to {}", number(summary.rows), plain(&location.to_string())),
        format!(
            "bytes     {} read, {} decoded, {} written",
            bytes(summary.bytes_read),
            bytes(summary.bytes_decoded),
            bytes(summary.bytes_written)
        ),
        format!(
            "time      {seconds:.1} s, {} records/s, {}/s",
            number((summary.records as f64 / seconds.max(0.001)) as u64),
            bytes((summary.bytes_decoded as f64 / seconds.max(0.001)) as u64)
        ),
    ];
    lines.extend(classes("bad", &summary.bad_classes));
    lines.extend(classes("ignored", &summary.ignored_classes));
    lines.join("\n") + "\n"
}

fn classes(name: &str, counts: &HashMap<&'static str, u64>) -> Option<String> {
    let sorted: BTreeMap<_, _> = counts.iter().collect();
    let words: Vec<String> =
        sorted.into_iter().map(|(class, count)| format!("{} {class}", thousands(*count))).collect();
    (!words.is_empty()).then(|| format!("{name:<9} {}", words.join(", ")))
}

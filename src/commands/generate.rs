//! `repute generate`: a synthetic dump and its truth.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use repute_datasets::{Plan, Truth, generate};
use repute_query::thousands;

use crate::cli::GenerateArgs;
use crate::exit::{Exit, Failure};
use crate::output::{self, bytes, plain};
use crate::progress::{Moment, Progress, Work};

/// Mean size of a generated record, to show how far the work has come.
const RECORD_BYTES: u64 = 2_200;

pub(super) fn run(args: &GenerateArgs) -> Result<Exit, Failure> {
    let mut plan = Plan::new(args.events, args.seed);
    plan.gzip = args.gzip;
    plan.framing = args.framing;
    plan.days = args.days;
    if let Some(end) = args.end {
        plan.end = end;
    }
    if std::fs::read_dir(&args.out).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::Usage(format!("`{}` is not empty: choose another directory", args.out.display())));
    }
    let start = Instant::now();
    let truth = write(&plan, &args.out, args.quiet)?;
    output::print(&format!(
        "{} events and {} duplicates in {} objects ({}) written to {} in {:.1} s; exact counts in truth.json\n",
        thousands(truth.events),
        thousands(truth.duplicates),
        thousands(truth.objects),
        bytes(truth.bytes),
        plain(&args.out.to_string_lossy()),
        start.elapsed().as_secs_f64()
    ))?;
    Ok(Exit::Done)
}

/// Generates with progress on standard error.
pub(super) fn write(plan: &Plan, out: &Path, quiet: bool) -> Result<Truth, Failure> {
    let written = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&written);
    let work = Work::of_events(plan.events * RECORD_BYTES, 0);
    let progress = Progress::start(work, quiet, move || {
        let events = seen.load(Ordering::Relaxed);
        Moment { bytes: events * RECORD_BYTES, events, ..Moment::default() }
    });
    let truth = generate(plan, out, &mut |events| written.store(events, Ordering::Relaxed));
    drop(progress);
    Ok(truth?)
}

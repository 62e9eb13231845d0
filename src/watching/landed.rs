//! The landing area: what live routes have made durable is imported soon after it came, and removed after the commit.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, Utc};
use repute_ingest::{Landing, Listed, SourceObject};
use repute_lake::Location;
use repute_web::AppState;
use tokio::sync::watch;
use tokio::time::sleep;

use super::board::{Line, words};
use super::importer::Importer;
use super::pause::{pause, stop};
use super::unreadable::Unreadable;
use crate::config::LandingSettings;
use crate::exit::Failure;
use crate::intake::open_landing;

/// What lands within this time shares a commit.
const GATHER: Duration = Duration::from_millis(700);

/// It is looked at so often though nothing has landed: others may write to it, and what could not be read is tried again.
const EVERY: Duration = Duration::from_secs(30);

/// So many objects are imported at once.
const BATCH: usize = 10_000;

/// How it is called where sources are shown.
pub(super) const NAME: &str = "landing area";

/// Opens the area, however often that takes; nothing once `stopping` says so.
pub(super) async fn open(
    area: &LandingSettings,
    lake: &Location,
    state: &AppState,
    stopping: &watch::Receiver<bool>,
) -> Option<Landing> {
    let (mut line, mut stopping) = (Line::new(state.clone(), NAME.to_owned()), stopping.clone());
    loop {
        match open_landing(area, lake).await {
            Ok(landing) => return Some(landing),
            Err(failure) => {
                let wait = line.failed(words(failure), GATHER);
                if !pause(wait, &mut stopping).await {
                    return None;
                }
            }
        }
    }
}

/// Imports until `stopping` says so.
pub(super) async fn watch(
    landing: Landing,
    importer: Arc<Importer>,
    mut line: Line,
    mut stopping: watch::Receiver<bool>,
) {
    let (mut arrivals, mut unreadable) = (landing.arrivals(), Unreadable::default());
    loop {
        arrivals.borrow_and_update();
        match take(&landing, &importer, &mut unreadable, &mut line).await {
            Ok(()) => {
                line.looked();
                tokio::select! {
                    _ = arrivals.changed() => {}
                    () = sleep(EVERY) => {}
                    () = stop(&mut stopping) => return,
                }
                if !pause(GATHER, &mut stopping).await {
                    return;
                }
            }
            Err(failure) => {
                let wait = line.failed(words(failure), GATHER);
                if !pause(wait, &mut stopping).await {
                    return;
                }
            }
        }
    }
}

/// Imports what lies there, and removes what is in the lake.
async fn take(
    landing: &Landing,
    importer: &Arc<Importer>,
    unreadable: &mut Unreadable,
    line: &mut Line,
) -> Result<(), Failure> {
    let listed: Vec<Listed> = landing.list().await?.objects.into_iter().map(listed).collect();
    let there: HashSet<String> = listed.iter().map(|listed| listed.object.key.name.clone()).collect();
    unreadable.keep(&there);
    let (old, fresh): (Vec<_>, Vec<_>) = listed.into_iter().partition(|listed| importer.knows(&listed.object.key));
    landing.remove_imported(&names(&old)).await?;
    let due: Vec<Listed> = fresh.into_iter().filter(|listed| unreadable.may_try(listed, Instant::now())).collect();
    for batch in due.chunks(BATCH) {
        let done = importer.import(line.source(), batch).await?;
        unreadable.note(batch, &done.failed, Instant::now());
        line.unreadable(unreadable.len());
        line.imported(&done);
        let read = batch.iter().filter(|listed| !done.failed.contains(&listed.object.key.name));
        landing.remove_imported(&read.map(|listed| listed.object.key.name.as_str()).collect::<Vec<_>>()).await?;
    }
    Ok(())
}

fn names(listed: &[Listed]) -> Vec<&str> {
    listed.iter().map(|listed| listed.object.key.name.as_str()).collect()
}

fn listed(object: SourceObject) -> Listed {
    let key = object.key.name.rsplit('/').next().unwrap_or_default().to_owned();
    Listed { written: landed_at(&key).unwrap_or_else(Utc::now), key, object }
}

/// The time in `repute-sqs-1-2026-11-28-15-04-05-UUID`.
fn landed_at(name: &str) -> Option<DateTime<Utc>> {
    const UUID: usize = 36;
    const TIME: usize = 19;
    let end = name.len().checked_sub(UUID + 1)?;
    let text = name.get(end.checked_sub(TIME)?..end)?;
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d-%H-%M-%S").ok().map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_when_something_landed() {
        let name = "repute-sqs-1-2026-11-28-15-04-05-0f9c2d3e-aaaa-4bbb-8ccc-0123456789ab";
        assert_eq!(landed_at(name).map(|at| at.to_rfc3339()).as_deref(), Some("2026-11-28T15:04:05+00:00"));
        assert_eq!(landed_at("x"), None);
        assert_eq!(landed_at(&"é".repeat(60)), None);
    }
}

//! Sources that a server imports from by itself.
//!
//! ```text
//! directory, bucket ── looked at again and again ──> pages ── not known ──┐
//! queue ── notifications of S3 ── looked up ──────────────────────────────┼──> importer ── one at a time ──> lake
//!     └─── events of SES ──> landing area ── listed when something lands ─┘        └── news ──> dashboard
//! each source: a loop of its own, a pause that grows while it fails, a line on the board
//! ```
//! A queue's message is deleted, and an object of the landing area removed, only after the commit of what it brought. All loops may
//! be ended at any moment: what was not committed is found again.

mod board;
mod importer;
mod landed;
mod listing;
mod look;
mod pause;
mod queue;
mod rounds;
mod source;
mod unreadable;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use repute_ingest::Landing;
use repute_lake::Location;
use repute_web::AppState;
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinSet;

use crate::config::LandingSettings;
use crate::exit::Failure;
use board::Line;
use importer::Importer;
pub(crate) use source::{Source, read_pause};

/// Pauses between two looks, unless told otherwise: what is written is to be seen within five seconds.
const DIRECTORY_EVERY: Duration = Duration::from_secs(1);
const BUCKET_EVERY: Duration = Duration::from_secs(2);

/// What is to be watched.
pub(crate) struct Plan {
    pub(crate) sources: Vec<Source>,
    /// The pause between two looks, if it was given.
    pub(crate) every: Option<Duration>,
    pub(crate) location: Location,
    /// Custom tags with a column of their own, if the lake has to be created.
    pub(crate) promoted_tags: Vec<String>,
    /// Threads that read and parse.
    pub(crate) jobs: usize,
    /// Whose turn it is to import in this process.
    pub(crate) turn: Arc<Mutex<()>>,
    pub(crate) landed: Landed,
}

/// The landing area.
pub(crate) struct Landed {
    pub(crate) area: LandingSettings,
    /// The same, if live routes have opened it; otherwise queues do.
    pub(crate) open: Option<Landing>,
}

impl Landed {
    /// Whether there is something to be imported from it that live routes have received.
    pub(crate) fn is_imported(&self) -> bool {
        self.area.imports && self.open.is_some()
    }
}

impl Plan {
    /// Refuses to watch what the server writes itself, and leaves out what was named twice.
    pub(crate) fn checked(mut self) -> Result<Self, Failure> {
        let lake = self.location.directory().map(|lake| lake.canonicalize().unwrap_or(lake));
        let mut seen: Vec<Source> = Vec::new();
        for source in self.sources {
            if let (Source::Directory(path), Some(lake)) = (&source, &lake) {
                let path = path.canonicalize().unwrap_or_else(|_| path.clone());
                if lake.starts_with(&path) {
                    return Err(Failure::Usage(format!(
                        "the lake `{}` lies within `{source}`, which is watched: its own files would be imported; give a directory beside it",
                        lake.display()
                    )));
                }
            }
            if !seen.contains(&source) {
                seen.push(source);
            }
        }
        self.sources = seen;
        Ok(self)
    }

    /// Watches until `stopping` says so; then the imports that are under way come to their end.
    pub(crate) async fn start(self, state: AppState, news: Arc<Notify>, stopping: watch::Receiver<bool>) {
        let importer = Arc::new(Importer::new(self.location.clone(), self.promoted_tags, self.jobs, self.turn, news));
        let (mut loops, mut queues) = (JoinSet::new(), Vec::new());
        for source in self.sources {
            let line = Line::new(state.clone(), source.to_string());
            let place = match source {
                Source::Directory(path) => look::Place::Directory(path),
                Source::Bucket { bucket, prefix } => look::Place::Bucket { bucket, prefix },
                Source::Queue(name) => {
                    queues.push((name, line));
                    continue;
                }
            };
            let usual = if matches!(place, look::Place::Directory(_)) { DIRECTORY_EVERY } else { BUCKET_EVERY };
            let every = self.every.unwrap_or(usual);
            loops.spawn(look::watch(place, Arc::clone(&importer), line, every, stopping.clone()));
        }
        let Landed { area, open } = self.landed;
        let landing = match open {
            None if !queues.is_empty() => landed::open(&area, &self.location, &state, &stopping).await,
            landing => landing,
        };
        if let Some(landing) = landing {
            if area.imports {
                let line = Line::new(state.clone(), landed::NAME.to_owned());
                loops.spawn(landed::watch(landing.clone(), Arc::clone(&importer), line, stopping.clone()));
            }
            for (name, line) in queues {
                loops.spawn(queue::watch(name, Arc::clone(&importer), landing.clone(), line, stopping.clone()));
            }
        }
        while loops.join_next().await.is_some() {}
    }
}

/// A path that is relative to a folder, if the source is one of the file system.
pub(crate) fn in_folder(source: Source, folder: &std::path::Path) -> Source {
    match source {
        Source::Directory(path) => Source::Directory(folder.join::<PathBuf>(path)),
        other => other,
    }
}

//! The one importer of a server, which all sources share.
//!
//! The lake stays open between imports, and what it has imported is remembered in 16 bytes an object: see [`ObjectSet`].

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use chrono::{DateTime, Utc};
use repute_ingest::{ImportOptions, ImportSummary, Listed, Meter, SourceObject, import_unless, one_page};
use repute_lake::{Lake, Location, ObjectKey, ObjectSet, sweep_staged};
use repute_query::ImportRun;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Notify};

use crate::exit::{Failure, told};
use crate::runs;

/// Imports into one lake, one import after the other.
pub(super) struct Importer {
    location: Location,
    promoted_tags: Vec<String>,
    jobs: usize,
    turn: Arc<Mutex<()>>,
    /// The lake between imports; opened anew after a failure.
    lake: Mutex<Option<Lake>>,
    /// Objects that need not be read.
    known: RwLock<ObjectSet>,
    news: Arc<Notify>,
}

/// What an import did.
#[derive(Debug, Default)]
pub(super) struct Imported {
    /// Objects that were read to their end.
    pub(super) objects: u64,
    /// When the oldest of them was written.
    pub(super) oldest: Option<DateTime<Utc>>,
    /// Names of objects that could not be read.
    pub(super) failed: HashSet<String>,
}

impl Importer {
    pub(super) fn new(
        location: Location,
        promoted_tags: Vec<String>,
        jobs: usize,
        turn: Arc<Mutex<()>>,
        news: Arc<Notify>,
    ) -> Self {
        Self { location, promoted_tags, jobs, turn, lake: Mutex::default(), known: RwLock::default(), news }
    }

    /// Whether an object is known to be in the lake.
    pub(super) fn knows(&self, key: &ObjectKey) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    /// Imports those objects that the lake does not hold; once it returns they are durable. Others are left alone.
    ///
    /// # Errors
    /// If the lake fails: nothing may be taken for imported.
    pub(super) async fn import(self: &Arc<Self>, source: &str, found: &[Listed]) -> Result<Imported, Failure> {
        let objects: Vec<SourceObject> = found.iter().map(|listed| listed.object.clone()).collect();
        let (importer, source) = (Arc::clone(self), source.to_owned());
        let summary = apart(async move || importer.import_and_note(source, objects).await).await?;
        let failed: HashSet<String> = summary.failed.into_iter().map(|(name, _)| name).collect();
        let read = found.iter().filter(|listed| !failed.contains(&listed.object.key.name));
        let oldest = read.clone().map(|listed| listed.written).min();
        let mut known = self.known();
        for listed in read {
            known.insert(&listed.object.key);
        }
        drop(known);
        if summary.imported > 0 {
            self.news.notify_one();
        }
        Ok(Imported { objects: summary.imported, oldest, failed })
    }

    /// Looks whether the lake can be written to as far as that shows.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) async fn confirm(self: &Arc<Self>) -> Result<(), Failure> {
        let importer = Arc::clone(self);
        apart(async move || {
            let mut slot = importer.lake.lock().await;
            let mut lake = importer.opened(slot.take(), Utc::now()).await?;
            lake.release();
            *slot = Some(lake);
            Ok(())
        })
        .await
    }

    async fn import_and_note(
        self: &Arc<Self>,
        source: String,
        objects: Vec<SourceObject>,
    ) -> Result<ImportSummary, Failure> {
        let _turn = self.turn.lock().await;
        let (began, listed) = (Utc::now(), objects.len() as u64);
        let done = self.import_into(&mut *self.lake.lock().await, objects, began).await;
        let span = (began, Utc::now());
        let run = match &done {
            Ok(summary) => runs::run(vec![source], summary, span),
            Err(Failure::Failed(error) | Failure::Unknown(error)) => {
                let nothing = ImportSummary { listed, ..ImportSummary::default() };
                ImportRun { error: Some(told(error)), ..runs::run(vec![source], &nothing, span) }
            }
            Err(Failure::Usage(_) | Failure::CheckUnknown(_)) => return done,
        };
        runs::note(&self.location, &run).await;
        done
    }

    async fn import_into(
        self: &Arc<Self>,
        slot: &mut Option<Lake>,
        objects: Vec<SourceObject>,
        now: DateTime<Utc>,
    ) -> Result<ImportSummary, Failure> {
        let mut lake = self.opened(slot.take(), now).await?;
        let news = lake.newly_imported_objects().await?;
        self.known().add(news);
        let (options, meter) = (ImportOptions::new(self.jobs, now), Arc::new(Meter::default()));
        let importer = Arc::clone(self);
        let is_noted: repute_ingest::Known = Arc::new(move |key| importer.knows(key));
        let summary = import_unless(&mut lake, one_page(objects), is_noted, &options, &meter).await?;
        lake.release();
        *slot = Some(lake);
        Ok(summary)
    }

    fn known(&self) -> RwLockWriteGuard<'_, ObjectSet> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lake at its newest version, for writing.
    async fn opened(&self, lake: Option<Lake>, now: DateTime<Utc>) -> Result<Lake, Failure> {
        if let Some(mut lake) = lake {
            lake.hold();
            lake.refresh().await?;
            return Ok(lake);
        }
        if let Err(error) = sweep_staged(&self.location, now) {
            tracing::warn!(%error, "cannot sweep what killed imports left");
        }
        let lake = Lake::open_or_create(&self.location, &self.promoted_tags).await?;
        // It may be another lake than before.
        *self.known() = ObjectSet::default();
        Ok(lake)
    }
}

/// Does something in a thread of its own, to its end even if nobody waits for it any more: whoever has begun to commit goes on, and
/// others need not wait for what keeps a processor busy.
async fn apart<T: Send + 'static>(
    work: impl AsyncFnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(work())).await?
}

//! One import, as the command line does it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use repute_ingest::{ImportError, ImportOptions, ImportSummary, Meter, SourceObject, import};
use repute_lake::{Compacted, CompactionMeter, Lake, LakeError, Location};
use tokio::sync::OnceCell;

use crate::readback::LAKE;

pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

/// Opens the lake (creating it if need be) and imports the objects with one thread.
pub(crate) async fn import_once(
    store: Arc<dyn ObjectStore>,
    objects: Vec<SourceObject>,
) -> Result<ImportSummary, ImportError> {
    let location = Location::on_store(LAKE, store, Duration::ZERO)?;
    let mut lake = Lake::open_or_create(&location, &[]).await?;
    let summary = import(&mut lake, objects, &ImportOptions::new(1, now()), &Arc::<Meter>::default()).await?;
    let records = summary.events + summary.duplicates + summary.quarantined + summary.ignored;
    assert_eq!(summary.records, records, "records read = events + duplicates + quarantined + ignored");
    assert_eq!(summary.listed, summary.imported + summary.skipped + summary.failed.len() as u64);
    Ok(summary)
}

/// Puts small files together, as the command line does it.
pub(crate) async fn compact_once(store: Arc<dyn ObjectStore>) -> Result<Vec<Compacted>, LakeError> {
    let location = Location::on_store(LAKE, store, Duration::ZERO)?;
    Lake::open_for_writing(&location).await?.compact(now(), 1, &CompactionMeter::default()).await
}

/// The exit code that the command line gives it.
pub(crate) fn exit(outcome: &Result<ImportSummary, ImportError>) -> u8 {
    match outcome {
        Ok(summary) if summary.failed.is_empty() => 0,
        Err(ImportError::Lake(LakeError::CommitUnknown { .. })) => 5,
        _ => 4,
    }
}

/// A lake without rows.
pub(crate) async fn empty_lake() -> InMemory {
    static EMPTY: OnceCell<InMemory> = OnceCell::const_new();
    let create = || async {
        let store = Arc::new(InMemory::new());
        let location = Location::on_store(LAKE, Arc::clone(&store) as Arc<dyn ObjectStore>, Duration::ZERO).unwrap();
        Lake::open_or_create(&location, &[]).await.unwrap();
        store.fork()
    };
    EMPTY.get_or_init(create).await.fork()
}

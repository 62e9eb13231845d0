//! One Delta table: create, open, refresh, list its files, commit.
//!
//! deltalake's automatic checkpoint and log clean-up after a commit are off, because their failure would be reported as a
//! failed commit; the checkpoint is written here as a separate step whose failure is only a warning.

use std::collections::HashSet;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use chrono::NaiveDate;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake::kernel::{Action, Add, DataType, Remove, StructField, StructType, Transaction};
use deltalake::logstore::LogStoreRef;
use deltalake::operations::create::CreateBuilder;
use deltalake::operations::vacuum::VacuumBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::table::state::DeltaTableState;
use deltalake::{DeltaTable, DeltaTableError};
use object_store::path::Path;
use tokio::time::Instant;

use crate::datafile;
use crate::disk::{self, DiskError};
use crate::error::LakeError;
use crate::fsck::{damaged_log, in_log};
use crate::log::{self, ADDED_FILES};
use crate::schema::column;
use crate::statistics::FileStatistics;
use crate::store::Location;

/// A checkpoint is due every so many versions: the log then stays quick to open.
const CHECKPOINT_INTERVAL: u64 = 50;

/// How often a commit is sent whose fate is unclear.
const COMMIT_ATTEMPTS: u32 = 5;

/// How often the log is read after a failed commit until it can be read.
const LOOK_ATTEMPTS: u32 = 5;

/// No further attempt is made on a store that has been in trouble for so long; it retries by itself as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the creation of a table is tried.
const CREATE_ATTEMPTS: u32 = 4;

/// What a table is.
pub(crate) struct TableSpec {
    pub(crate) name: &'static str,
    /// Columns as they lie in the files.
    pub(crate) file_schema: SchemaRef,
    /// Whether files lie under `event_date=YYYY-MM-DD/`.
    pub(crate) by_date: bool,
    /// Table properties.
    pub(crate) properties: Vec<(String, String)>,
}

/// An open table at one version.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) location: Location,
    inner: DeltaTable,
}

/// An active file of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    /// Below the table's root.
    pub path: Path,
    /// Bytes.
    pub size: u64,
    /// Partition value; `None` in a table without partitions.
    pub event_date: Option<NaiveDate>,
    /// Row count and time ranges.
    pub statistics: FileStatistics,
}

/// What a commit does.
struct Change {
    adds: Vec<Add>,
    removes: Vec<Remove>,
    /// What no other writer may have committed since the view was taken.
    exclusive: Vec<String>,
}

/// How a commit ended, apart from failing.
#[derive(Debug, PartialEq)]
pub(crate) enum Committed {
    /// The files are visible.
    Landed,
    /// Another writer committed to the same dates, or replaced the same files, first; reload, look again, retry.
    Conflict,
}

impl Table {
    /// Opens the table, or says that there is none.
    pub(crate) async fn open(location: &Location, name: &'static str) -> Result<Option<Self>, LakeError> {
        let log_store = location.log_store(name)?;
        if location.lacks_log(name) {
            return Ok(None);
        }
        let mut inner = DeltaTable::new(log_store);
        if let Err(source) = inner.load().await {
            return match (damaged_log(location, name).await, source) {
                (Ok(Some(damage)), _) => Err(LakeError::Damaged { damage: Box::new(damage) }),
                (_, DeltaTableError::NotATable(_) | DeltaTableError::InvalidTableLocation(_)) => Ok(None),
                (_, source) => Err(LakeError::of_table(name, source)),
            };
        }
        let table = Self { name, location: location.clone(), inner }.refuse_unknown_features()?;
        table.check_tip(None).await?;
        Ok(Some(table))
    }

    /// Opens the table for writing, creating it first where there is none. Two creators at once end with one table.
    pub(crate) async fn open_or_create(location: &Location, spec: &TableSpec) -> Result<Self, LakeError> {
        let table = Self::find_or_create(location, spec).await?;
        table.confirm().await?;
        Ok(table)
    }

    /// Makes durable what this view shows, so that what is left out because it is there already stays there.
    pub(crate) async fn confirm(&self) -> Result<(), LakeError> {
        let Some(log) = self.location.log_directory(self.name) else { return Ok(()) };
        let confirmed = tokio::task::spawn_blocking(move || disk::confirm_log(&log)).await;
        Ok(confirmed.map_err(|e| self.failed(DeltaTableError::Generic(e.to_string())))??)
    }

    async fn find_or_create(location: &Location, spec: &TableSpec) -> Result<Self, LakeError> {
        if let Some(table) = Self::open(location, spec.name).await? {
            return Ok(table);
        }
        let failed = |source| LakeError::of_table(spec.name, source);
        let kernel: StructType = spec
            .file_schema
            .as_ref()
            .try_into_kernel()
            .map_err(|e| failed(DeltaTableError::Generic(format!("schema of `{}`: {e}", spec.name))))?;
        // Without a retry: deltalake would put a second schema behind that of a creator who was quicker.
        let once = CommitProperties::default().with_max_retries(0);
        let mut create = CreateBuilder::new()
            .with_log_store(location.log_store(spec.name)?)
            .with_table_name(spec.name)
            .with_save_mode(SaveMode::ErrorIfExists)
            .with_commit_properties(once)
            .with_raise_if_key_not_exists(false)
            .with_configuration(spec.properties.iter().map(|(key, value)| (key.clone(), Some(value.clone()))));
        if spec.by_date {
            create = create
                .with_columns([StructField::new(column::EVENT_DATE, DataType::DATE, false)])
                .with_partition_columns([column::EVENT_DATE]);
        }
        create = create.with_columns(kernel.fields().cloned());
        let mut attempt = 0;
        loop {
            attempt += 1;
            let created = create.clone().await;
            match (created, Self::open(location, spec.name).await?) {
                // A sync that failed is not made up for by a later one that works.
                (Err(source), _) if matches!(DiskError::behind(&source), Some(DiskError::NotDurable { .. })) => {
                    return Err(failed(source));
                }
                (_, Some(table)) => return Ok(table),
                (Err(source), None) if attempt == CREATE_ATTEMPTS || location.directory().is_some() => {
                    return Err(failed(source));
                }
                (Err(_), None) => location.pauses.for_store(attempt).await,
                (Ok(_), None) => return Err(LakeError::Missing(format!("{location}{}", spec.name))),
            }
        }
    }

    /// Whoever writes a table's rows anew must know all its columns: one that another version or tool has added would be lost.
    pub(crate) fn refuse_unknown_columns(&self, file_schema: &SchemaRef) -> Result<(), LakeError> {
        let snapshot = self.inner.snapshot().map_err(|e| self.failed(e))?;
        let unknown = |name: &&String| name.as_str() != column::EVENT_DATE && file_schema.index_of(name).is_err();
        match snapshot.schema().fields().map(|field| field.name()).find(unknown) {
            Some(name) => Err(self.unsupported(format!("the column `{name}`"))),
            None => Ok(()),
        }
    }

    /// This crate reads plain Parquet files: a table whose rows are renamed or masked elsewhere would be misread.
    fn refuse_unknown_features(self) -> Result<Self, LakeError> {
        let snapshot = self.inner.snapshot().map_err(|e| self.failed(e))?;
        let mapping =
            snapshot.metadata().configuration().get("delta.columnMapping.mode").filter(|mode| *mode != "none");
        let masked = snapshot.log_data().iter().any(|file| file.deletion_vector_descriptor().is_some());
        match (mapping, masked) {
            (Some(mode), _) => Err(self.unsupported(format!("column mapping by {mode}"))),
            (None, true) => Err(self.unsupported("deletion vectors".to_owned())),
            (None, false) => Ok(self),
        }
    }

    fn unsupported(&self, feature: String) -> LakeError {
        LakeError::Unsupported { table: self.name, feature }
    }

    /// Whether a write that failed is over: nothing of it can arrive later.
    fn is_local(&self) -> bool {
        self.location.directory().is_some()
    }

    pub(crate) fn log_store(&self) -> LogStoreRef {
        self.inner.log_store()
    }

    /// Version of the log this view shows.
    pub(crate) fn version(&self) -> u64 {
        self.inner.version().unwrap_or_default()
    }

    pub(crate) fn property(&self, key: &str) -> Option<String> {
        self.inner.snapshot().ok()?.metadata().configuration().get(key).cloned()
    }

    /// Moves this view to the newest version.
    pub(crate) async fn refresh(&mut self) -> Result<(), LakeError> {
        // deltalake takes a log that has gone, with the disk it was on, for one without newer entries.
        if self.location.lacks_log(self.name) {
            return Err(LakeError::Missing(self.location.to_string()));
        }
        let seen = self.version();
        self.inner.update_state().await.map_err(|e| self.failed(e))?;
        if self.version() == seen { Ok(()) } else { self.check_tip(Some(seen)).await }
    }

    /// deltalake takes an entry that was emptied, or cut at the end of a line, for one that adds nothing: what has been read since
    /// version `seen` is looked at again.
    async fn check_tip(&self, seen: Option<u64>) -> Result<(), LakeError> {
        let store = self.log_store().object_store(None);
        let tip = log::check_tip(&store, seen, self.version()).await.map_err(|e| self.failed(e.into()))?;
        match tip {
            None => Ok(()),
            Some(damage) => Err(LakeError::Damaged { damage: Box::new(in_log(&self.location, self.name, damage)) }),
        }
    }

    /// The files that make up this version.
    pub(crate) fn files(&self) -> Result<Vec<DataFile>, LakeError> {
        let snapshot = self.inner.snapshot().map_err(|e| self.failed(e))?;
        let mut files = Vec::new();
        for view in snapshot.log_data().iter() {
            let partitions = view.partition_values_map();
            let date = partitions.get(column::EVENT_DATE).and_then(|v| v.as_deref()?.parse().ok());
            files.push(DataFile {
                path: view.object_store_path(),
                size: u64::try_from(view.size()).unwrap_or(0),
                event_date: date,
                statistics: FileStatistics::from_json(view.stats().as_deref()),
            });
        }
        Ok(files)
    }

    /// Adds files in one commit. `exclusive` names what no other writer may have committed since this view was taken. Files of
    /// a commit that has surely not landed are removed.
    pub(crate) async fn append(&mut self, adds: &[Add], exclusive: Vec<String>) -> Result<Committed, LakeError> {
        if adds.is_empty() {
            self.confirm().await?;
            return Ok(Committed::Landed);
        }
        self.settle(&Change { adds: adds.to_vec(), removes: Vec::new(), exclusive }).await
    }

    /// Puts a file with the same rows in the place of some files, in one commit. The files stay on the store.
    pub(crate) async fn replace(&mut self, files: &[DataFile], mut add: Add) -> Result<Committed, LakeError> {
        add.data_change = false;
        let replaced: HashSet<&Path> = files.iter().map(|file| &file.path).collect();
        let snapshot = self.inner.snapshot().map_err(|e| self.failed(e))?;
        let active = snapshot.log_data();
        let removes = active.iter().filter(|file| replaced.contains(&file.object_store_path()));
        let removed_at = Some(add.modification_time);
        let removes: Vec<Remove> =
            removes.map(|file| Remove { deletion_timestamp: removed_at, ..file.remove_action(false) }).collect();
        if removes.len() != files.len() {
            return Ok(Committed::Conflict);
        }
        self.settle(&Change { adds: vec![add], removes, exclusive: Vec::new() }).await
    }

    /// Lands a change, or clears away what it wrote.
    async fn settle(&mut self, change: &Change) -> Result<Committed, LakeError> {
        let committed = self.land(change).await;
        if matches!(committed, Ok(Committed::Conflict) | Err(LakeError::Disk { .. })) {
            let store = self.log_store().object_store(None);
            datafile::discard(&store, change.adds.iter().map(|add| add.path.as_str())).await;
        }
        committed
    }

    /// Sees to it that a commit lands, or finds out that it cannot.
    ///
    /// An error from the log is not believed: the log is read again to see whether the files are there. A request that was
    /// given up may still arrive, so the same commit is sent again until a version of the log stands where it would go;
    /// the second to arrive is refused by the store.
    async fn land(&mut self, change: &Change) -> Result<Committed, LakeError> {
        let Some(path) = change.adds.first().map(|add| add.path.as_str()) else { return Ok(Committed::Landed) };
        let snapshot = self.inner.snapshot().map_err(|e| self.failed(e))?.clone();
        let trouble = Trouble::default();
        let mut unclear = None;
        for attempt in 0..COMMIT_ATTEMPTS {
            if attempt > 0 {
                self.location.pauses.for_store(attempt).await;
            }
            let source = match self.commit(&snapshot, change).await {
                Ok(state) => {
                    self.inner.state = Some(state);
                    self.checkpoint_when_due().await;
                    return Ok(Committed::Landed);
                }
                Err(source) => source,
            };
            match self.has_landed(path, snapshot.version(), &trouble).await {
                // It can be seen, but a power cut may take it away again.
                Ok(true) if matches!(DiskError::behind(&source), Some(DiskError::NotDurable { .. })) => {
                    return Err(LakeError::CommitUnknown { table: self.name, source: Box::new(source) });
                }
                Ok(true) => {
                    let version = self.version();
                    tracing::warn!(table = self.name, version, "a commit that answered with an error has landed");
                    self.checkpoint_when_due().await;
                    return Ok(Committed::Landed);
                }
                Ok(false) if is_conflict(&source) => return Ok(Committed::Conflict),
                Ok(false) if unclear.is_none() && (self.is_local() || is_refusal(&source)) => {
                    return Err(self.failed(source));
                }
                Ok(false) => unclear = Some(source),
                Err(unreadable) => {
                    tracing::warn!(table = self.name, error = %unreadable, "cannot read the log after a failed commit");
                    return Err(LakeError::CommitUnknown { table: self.name, source: Box::new(source) });
                }
            }
            if trouble.is_long() {
                break;
            }
        }
        let source = unclear.unwrap_or_else(|| DeltaTableError::generic("no answer from the store"));
        Err(LakeError::CommitUnknown { table: self.name, source: Box::new(source) })
    }

    /// One try to commit. Conflicts are looked for in all that was committed since the snapshot.
    async fn commit(&self, snapshot: &DeltaTableState, change: &Change) -> Result<DeltaTableState, DeltaTableError> {
        let version = i64::try_from(snapshot.version()).unwrap_or(i64::MAX);
        let properties = CommitProperties::default()
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false))
            .with_metadata([(ADDED_FILES.to_owned(), change.adds.len().into())])
            .with_application_transactions(change.exclusive.iter().map(|id| Transaction::new(id, version)).collect());
        let by_date = change.adds.first().is_some_and(|add| !add.partition_values.is_empty());
        let operation = if change.removes.is_empty() {
            let partition_by = by_date.then(|| vec![column::EVENT_DATE.to_owned()]);
            DeltaOperation::Write { mode: SaveMode::Append, partition_by, predicate: None }
        } else {
            DeltaOperation::Optimize { predicate: None, target_size: 0 }
        };
        let removes = change.removes.iter().cloned().map(Action::Remove);
        CommitBuilder::from(properties)
            .with_actions(removes.chain(change.adds.iter().cloned().map(Action::Add)).collect())
            .build(Some(snapshot.snapshot()), self.log_store(), operation)
            .await
            .map(|done| done.snapshot())
    }

    /// Whether a commit after version `since` added this file. Moves this view to the newest version.
    ///
    /// The log's entries are asked too: a file that another writer has replaced since is no longer active.
    async fn has_landed(&mut self, path: &str, since: u64, trouble: &Trouble) -> Result<bool, LakeError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.look_for(path, since).await {
                Err(_) if attempt < LOOK_ATTEMPTS && !trouble.is_long() => {
                    self.location.pauses.for_store(attempt).await;
                }
                looked => return looked,
            }
        }
    }

    async fn look_for(&mut self, path: &str, since: u64) -> Result<bool, LakeError> {
        self.refresh().await?;
        if self.files()?.iter().any(|file| file.path.as_ref() == path) {
            return Ok(true);
        }
        for version in since + 1..=self.version() {
            let entry = self.log_store().read_commit_entry(version).await.map_err(|e| self.failed(e))?;
            if entry.is_some_and(|entry| memchr::memmem::find(&entry, path.as_bytes()).is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes a file out of the table in one commit.
    pub(crate) async fn remove(&mut self, path: &str) -> Result<(), LakeError> {
        let snapshot = self.inner.snapshot().map_err(|e| self.failed(e))?.clone();
        let file = snapshot.log_data().iter().find(|file| file.object_store_path().as_ref() == path);
        let remove = file.ok_or_else(|| LakeError::NotDamaged(format!("{}/{path}", self.name)))?.remove_action(true);
        let properties =
            CommitProperties::default().with_create_checkpoint(false).with_cleanup_expired_logs(Some(false));
        CommitBuilder::from(properties)
            .with_actions(vec![Action::Remove(remove)])
            .build(Some(snapshot.snapshot()), self.log_store(), DeltaOperation::Delete { predicate: None })
            .await
            .map_err(|e| self.failed(e))?;
        self.refresh().await
    }

    /// What removes files that were replaced, by options of the caller's.
    pub(crate) fn vacuum(&self) -> VacuumBuilder {
        self.inner.clone().vacuum()
    }

    async fn checkpoint_when_due(&self) {
        let version = self.version();
        if version == 0 || !version.is_multiple_of(CHECKPOINT_INTERVAL) {
            return;
        }
        if let Err(error) = deltalake::checkpoints::create_checkpoint(&self.inner, None).await {
            tracing::warn!(table = self.name, version, %error, "data is committed, but the checkpoint failed");
        }
    }

    pub(crate) fn failed(&self, source: DeltaTableError) -> LakeError {
        LakeError::of_table(self.name, source)
    }
}

/// Since when the store has been in trouble.
struct Trouble(Instant);

impl Default for Trouble {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Trouble {
    fn is_long(&self) -> bool {
        self.0.elapsed() > PATIENCE
    }
}

/// Whether another writer's commit was in the way.
fn is_conflict(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::Transaction {
            source: TransactionError::CommitConflict(_) | TransactionError::MaxCommitAttempts(_),
        } | DeltaTableError::VersionAlreadyExists(_)
    )
}

/// Whether the store has said no, so that nothing of the request can arrive later.
fn is_refusal(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::ObjectStore {
            source: object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. }
                | object_store::Error::NotImplemented { .. }
                | object_store::Error::NotSupported { .. }
        }
    )
}

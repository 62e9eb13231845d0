//! One Delta table: create, open, refresh, list its files, commit.
//!
//! deltalake's automatic checkpoint and log clean-up after a commit are off, because their failure would be reported as a
//! failed commit; the checkpoint is written here as a separate step whose failure is only a warning.

use std::path::PathBuf;

use arrow::datatypes::SchemaRef;
use chrono::NaiveDate;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake::kernel::{Action, Add, DataType, StructField, StructType, Transaction};
use deltalake::logstore::LogStoreRef;
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableError};
use object_store::path::Path;

use crate::datafile;
use crate::disk::{self, DiskError};
use crate::error::LakeError;
use crate::schema::column;
use crate::statistics::FileStatistics;
use crate::store::Location;

/// A checkpoint is due every so many versions: the log then stays quick to open.
const CHECKPOINT_INTERVAL: u64 = 50;

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
    inner: DeltaTable,
    /// Where the log lies on this machine's disk; nothing for a remote lake.
    log: Option<PathBuf>,
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

/// How a commit ended, apart from failing.
#[derive(Debug, PartialEq)]
pub(crate) enum Committed {
    /// The files are visible.
    Landed,
    /// Another writer committed to the same dates first; reload, look again, retry.
    Conflict,
}

impl Table {
    /// Opens the table, or says that there is none.
    pub(crate) async fn open(location: &Location, name: &'static str) -> Result<Option<Self>, LakeError> {
        let log_store = location.log_store(name)?;
        let log = location.directory().map(|lake| lake.join(name).join("_delta_log"));
        if log.as_ref().is_some_and(|log| !log.is_dir()) {
            return Ok(None);
        }
        let mut inner = DeltaTable::new(log_store);
        match inner.load().await {
            Ok(()) => Self { name, inner, log }.refuse_unknown_features().map(Some),
            Err(DeltaTableError::NotATable(_) | DeltaTableError::InvalidTableLocation(_)) => Ok(None),
            Err(source) => Err(LakeError::of_table(name, source)),
        }
    }

    /// Opens the table for writing, creating it first where there is none. Two creators at once end with one table.
    pub(crate) async fn open_or_create(location: &Location, spec: &TableSpec) -> Result<Self, LakeError> {
        let table = Self::find_or_create(location, spec).await?;
        table.confirm().await?;
        Ok(table)
    }

    /// Makes durable what this view shows, so that what is left out because it is there already stays there.
    pub(crate) async fn confirm(&self) -> Result<(), LakeError> {
        let Some(log) = self.log.clone() else { return Ok(()) };
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
        let mut create = CreateBuilder::new()
            .with_log_store(location.log_store(spec.name)?)
            .with_table_name(spec.name)
            .with_save_mode(SaveMode::ErrorIfExists)
            .with_raise_if_key_not_exists(false)
            .with_configuration(spec.properties.iter().map(|(key, value)| (key.clone(), Some(value.clone()))));
        if spec.by_date {
            create = create
                .with_columns([StructField::new(column::EVENT_DATE, DataType::DATE, false)])
                .with_partition_columns([column::EVENT_DATE]);
        }
        let created = create.with_columns(kernel.fields().cloned()).await;
        match (created, Self::open(location, spec.name).await?) {
            // A sync that failed is not made up for by a later one that works.
            (Err(source), _) if matches!(DiskError::behind(&source), Some(DiskError::NotDurable { .. })) => {
                Err(failed(source))
            }
            (_, Some(table)) => Ok(table),
            (Err(source), None) => Err(failed(source)),
            (Ok(_), None) => Err(LakeError::Missing(format!("{location}{}", spec.name))),
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
        self.inner.update_state().await.map_err(|e| self.failed(e))
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

    /// Adds files in one commit. `exclusive` names what no other writer may have committed since this view was taken.
    ///
    /// An error from the log is not believed: the log is read again to see whether the files are there. Files that are
    /// surely not are removed.
    pub(crate) async fn append(&mut self, adds: &[Add], exclusive: Vec<String>) -> Result<Committed, LakeError> {
        if adds.is_empty() {
            self.confirm().await?;
            return Ok(Committed::Landed);
        }
        let committed = self.commit(adds, exclusive).await;
        if matches!(committed, Ok(Committed::Conflict) | Err(LakeError::Disk { .. })) {
            let store = self.log_store().object_store(None);
            datafile::discard(&store, adds.iter().map(|add| add.path.as_str())).await;
        }
        committed
    }

    async fn commit(&mut self, adds: &[Add], exclusive: Vec<String>) -> Result<Committed, LakeError> {
        let version = i64::try_from(self.version()).unwrap_or(i64::MAX);
        let transactions = exclusive.into_iter().map(|id| Transaction::new(id, version)).collect();
        let properties = CommitProperties::default()
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false))
            .with_application_transactions(transactions);
        let snapshot = self.inner.snapshot().map_err(|e| self.failed(e))?.clone();
        let by_date = adds.first().is_some_and(|add| !add.partition_values.is_empty());
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: by_date.then(|| vec![column::EVENT_DATE.to_owned()]),
            predicate: None,
        };
        let outcome = CommitBuilder::from(properties)
            .with_actions(adds.iter().cloned().map(Action::Add).collect())
            .build(Some(snapshot.snapshot()), self.log_store(), operation)
            .await;
        let landed = match outcome {
            Ok(_) => Ok(Committed::Landed),
            Err(source) => self.find_out(adds, source).await,
        }?;
        if landed == Committed::Landed {
            self.refresh().await?;
            self.checkpoint_when_due().await;
        }
        Ok(landed)
    }

    /// After a failed commit: reads the log to see whether the files are there after all.
    async fn find_out(&mut self, adds: &[Add], source: DeltaTableError) -> Result<Committed, LakeError> {
        let files = match self.refresh().await {
            Ok(()) => self.files(),
            Err(unreadable) => Err(unreadable),
        };
        let unknown = |source| Err(LakeError::CommitUnknown { table: self.name, source: Box::new(source) });
        let files = match files {
            Ok(files) => files,
            Err(unreadable) => {
                tracing::warn!(table = self.name, error = %unreadable, "cannot read the log after a failed commit");
                return unknown(source);
            }
        };
        if files.iter().any(|file| adds.iter().any(|add| file.path.as_ref() == add.path)) {
            if matches!(DiskError::behind(&source), Some(DiskError::NotDurable { .. })) {
                return unknown(source);
            }
            tracing::warn!(
                table = self.name,
                version = self.version(),
                "a commit that answered with an error has landed"
            );
            return Ok(Committed::Landed);
        }
        match source {
            DeltaTableError::Transaction {
                source: TransactionError::CommitConflict(_) | TransactionError::MaxCommitAttempts(_),
            }
            | DeltaTableError::VersionAlreadyExists(_) => Ok(Committed::Conflict),
            other => Err(self.failed(other)),
        }
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

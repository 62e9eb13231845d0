//! One Delta table: create, open, refresh, list its files, commit.
//!
//! deltalake's automatic checkpoint and log clean-up after a commit are off, because their failure would be reported as a
//! failed commit; the checkpoint is written here as a separate step whose failure is only a warning.

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

use crate::error::LakeError;
use crate::fsck::{damaged_log, in_log};
use crate::log::{self, ADDED_FILES};
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
    location: Location,
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
        if location.directory().is_some_and(|dir| !dir.join(name).join("_delta_log").is_dir()) {
            return Ok(None);
        }
        let mut inner = DeltaTable::new(log_store);
        if let Err(source) = inner.load().await {
            return match (damaged_log(location, name).await, source) {
                (Ok(Some(damage)), _) => Err(LakeError::Damaged { damage: Box::new(damage) }),
                (_, DeltaTableError::NotATable(_) | DeltaTableError::InvalidTableLocation(_)) => Ok(None),
                (_, source) => Err(LakeError::Table { table: name, source: Box::new(source) }),
            };
        }
        let table = Self { name, location: location.clone(), inner }.refuse_unknown_features()?;
        table.check_tip(None).await?;
        Ok(Some(table))
    }

    /// Opens the table, creating it first where there is none. Two creators at once end with one table.
    pub(crate) async fn open_or_create(location: &Location, spec: &TableSpec) -> Result<Self, LakeError> {
        if let Some(table) = Self::open(location, spec.name).await? {
            return Ok(table);
        }
        let failed = |source| LakeError::Table { table: spec.name, source: Box::new(source) };
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

    /// Adds files in one commit. `exclusive` names what no other writer may have committed since this view was taken.
    ///
    /// An error from the log is not believed: the log is read again to see whether the files are there.
    pub(crate) async fn append(&mut self, adds: Vec<Add>, exclusive: Vec<String>) -> Result<Committed, LakeError> {
        let Some(first) = adds.first().map(|add| add.path.clone()) else { return Ok(Committed::Landed) };
        let version = i64::try_from(self.version()).unwrap_or(i64::MAX);
        let transactions = exclusive.into_iter().map(|id| Transaction::new(id, version)).collect();
        let properties = CommitProperties::default()
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false))
            .with_metadata([(ADDED_FILES.to_owned(), adds.len().into())])
            .with_application_transactions(transactions);
        let snapshot = self.inner.snapshot().map_err(|e| self.failed(e))?.clone();
        let by_date = adds.first().is_some_and(|add| !add.partition_values.is_empty());
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: by_date.then(|| vec![column::EVENT_DATE.to_owned()]),
            predicate: None,
        };
        let outcome = CommitBuilder::from(properties)
            .with_actions(adds.into_iter().map(Action::Add).collect())
            .build(Some(snapshot.snapshot()), self.log_store(), operation)
            .await;
        let landed = match outcome {
            Ok(_) => Ok(Committed::Landed),
            Err(source) => self.find_out(&first, source).await,
        }?;
        if landed == Committed::Landed {
            self.refresh().await?;
            self.checkpoint_when_due().await;
        }
        Ok(landed)
    }

    /// After a failed commit: reads the log to see whether the file is there after all.
    async fn find_out(&mut self, path: &str, source: DeltaTableError) -> Result<Committed, LakeError> {
        if let Err(unreadable) = self.refresh().await {
            tracing::warn!(table = self.name, error = %unreadable, "cannot read the log after a failed commit");
            return Err(LakeError::CommitUnknown { table: self.name, source: Box::new(source) });
        }
        if self.files()?.iter().any(|file| file.path.as_ref() == path) {
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
        LakeError::Table { table: self.name, source: Box::new(source) }
    }
}

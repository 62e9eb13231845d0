//! Whether a lake is sound: what its logs and files hold, against what they should.
//!
//! ```text
//! per table: log ── scan ──> files in force ── check ──> damage, each with its file and repair
//!            folder ── list ──> what no entry names ──> notes
//! ```
//! It trusts no part of the lake and uses none of deltalake's readers, so that what stops or misleads those is found here.

mod data;
mod repair;
mod stray;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::LakeError;
use crate::lake::{EVENTS, OBJECTS, QUARANTINE};
use crate::log::{self, FOLDER, LogDamage, LogPart, LogScan};
use crate::store::Location;

pub use repair::{drop_file, repair, sweep_staged};
pub use stray::{ORPHAN_AGE, STAGED_AGE};

/// The tables, in the order in which they are written.
pub(crate) const TABLES: [&str; 3] = [EVENTS, QUARANTINE, OBJECTS];

/// The kinds of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DamageKind {
    /// A table is not there.
    TableMissing,
    /// The newest log entry is not what was written.
    LastLogEntry,
    /// A log entry with others after it is not what was written.
    LogEntry,
    /// A log entry is missing.
    LogGap,
    /// A checkpoint that the log can be read without cannot be read.
    SpareCheckpoint,
    /// A checkpoint that the log cannot be read without cannot be read.
    Checkpoint,
    /// The pointer to the newest checkpoint is wrong.
    CheckpointHint,
    /// A data file is not there.
    FileMissing,
    /// A data file is shorter or longer than it was written.
    FileSize,
    /// A data file holds other bytes than were written.
    FileContent,
    /// The log says other things of a data file than the file.
    Statistics,
}

impl DamageKind {
    /// The name in machine output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TableMissing => "table_missing",
            Self::LastLogEntry => "last_log_entry",
            Self::LogEntry => "log_entry",
            Self::LogGap => "log_gap",
            Self::SpareCheckpoint => "spare_checkpoint",
            Self::Checkpoint => "checkpoint",
            Self::CheckpointHint => "checkpoint_hint",
            Self::FileMissing => "file_missing",
            Self::FileSize => "file_size",
            Self::FileContent => "file_content",
            Self::Statistics => "statistics",
        }
    }
}

/// Something in the lake that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Path below the lake.
    pub file: String,
    /// Its kind.
    pub kind: DamageKind,
    /// What is wrong with the file, as the end of a sentence that begins with its name.
    pub what: String,
    /// What to do about it.
    pub repair: String,
}

/// Something that harms nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Path below the lake.
    pub file: String,
    /// Whether it is a staged file, which no reader sees; else it is a data file that no entry of the log names.
    pub is_staged: bool,
    /// When it was last written.
    pub written: DateTime<Utc>,
}

impl Stray {
    /// How old it must be before it is removed.
    pub fn age_of_removal(&self) -> TimeDelta {
        if self.is_staged { STAGED_AGE } else { ORPHAN_AGE }
    }
}

/// What was looked at in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFindings {
    /// Name of the table.
    pub table: &'static str,
    /// Newest version in the log, readable or not.
    pub version: u64,
    /// Files in force.
    pub files: u64,
    /// Their bytes, as the log says.
    pub bytes: u64,
    /// How many of them carry no checksum, so that only decoding speaks for them.
    pub without_checksum: u64,
}

/// What an inspection found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspection {
    /// Tables that are there.
    pub tables: Vec<TableFindings>,
    /// Everything that is not as it was written.
    pub damage: Vec<Damage>,
    /// Left-overs, which harm nothing.
    pub strays: Vec<Stray>,
}

/// Looks at every log and every file of a lake.
///
/// # Errors
/// [`LakeError::Missing`] where there is no lake at all, else what the store reports; damage is no error.
pub async fn inspect(location: &Location) -> Result<Inspection, LakeError> {
    let mut found = Inspection::default();
    for table in TABLES {
        inspect_table(location, table, &mut found).await?;
    }
    if found.tables.is_empty() {
        return Err(LakeError::Missing(location.to_string()));
    }
    let root = location.directory().unwrap_or_default();
    let staged = stray::staged(location)
        .map_err(|source| LakeError::Unreadable { location: location.to_string(), source: Box::new(source) })?;
    found.strays.extend(staged.into_iter().map(|(path, written)| Stray {
        file: path.strip_prefix(&root).unwrap_or(&path).display().to_string(),
        is_staged: true,
        written,
    }));
    Ok(found)
}

/// Looks for the damage that keeps a table's log from being read.
pub(crate) async fn damaged_log(location: &Location, table: &'static str) -> Result<Option<Damage>, LakeError> {
    let store = location.log_store(table)?.object_store(None);
    let scan = log::scan(&store).await.map_err(|source| unreadable(location, source))?;
    let fatal = scan.damage.into_iter().find(|damage| damage.part != LogPart::Hint);
    Ok(fatal.map(|damage| in_log(location, table, damage)))
}

/// The log's finding with its place in the lake and its repair.
pub(crate) fn in_log(location: &Location, table: &'static str, damage: LogDamage) -> Damage {
    let kind = match damage.part {
        LogPart::LastEntry => DamageKind::LastLogEntry,
        LogPart::Entry => DamageKind::LogEntry,
        LogPart::Gap => DamageKind::LogGap,
        LogPart::Checkpoint { spare: true } => DamageKind::SpareCheckpoint,
        LogPart::Checkpoint { spare: false } => DamageKind::Checkpoint,
        LogPart::Hint => DamageKind::CheckpointHint,
    };
    let file = format!("{table}/{FOLDER}/{}", damage.name);
    Damage { repair: repair::remedy(kind, location, &file), file, kind, what: damage.what }
}

fn unreadable(location: &Location, source: object_store::Error) -> LakeError {
    LakeError::Unreadable { location: location.to_string(), source: Box::new(source) }
}

async fn inspect_table(location: &Location, table: &'static str, found: &mut Inspection) -> Result<(), LakeError> {
    let store = location.log_store(table)?.object_store(None);
    let failed = |source| unreadable(location, source);
    let scan = log::scan(&store).await.map_err(failed)?;
    let Some(version) = scan.version else {
        let what = "has no log, so the table is not there".to_owned();
        let kind = DamageKind::TableMissing;
        let repair = repair::remedy(kind, location, table);
        found.damage.push(Damage { file: format!("{table}/{FOLDER}"), kind, what, repair });
        return Ok(());
    };
    let (present, times) = list(&store).await.map_err(failed)?;
    for (path, (kind, what)) in data::check(&store, &scan.files, &present).await.map_err(failed)? {
        let file = format!("{table}/{path}");
        found.damage.push(Damage { repair: repair::remedy(kind, location, &file), file, kind, what });
    }
    found.tables.push(TableFindings {
        table,
        version,
        files: scan.files.len() as u64,
        bytes: scan.files.values().map(|file| file.size).sum(),
        without_checksum: scan.files.values().filter(|file| file.checksum.is_none()).count() as u64,
    });
    found.strays.extend(orphans(table, &scan, &times));
    found.damage.extend(scan.damage.into_iter().map(|damage| in_log(location, table, damage)));
    Ok(())
}

/// Data files that no entry names. Where an entry cannot be read they may be its files, and are not called strays.
fn orphans(table: &str, scan: &LogScan, times: &BTreeMap<String, DateTime<Utc>>) -> Vec<Stray> {
    if scan.damage.iter().any(|damage| damage.part != LogPart::Hint) {
        return Vec::new();
    }
    let strays = times.iter().filter(|(path, _)| !scan.named.contains(*path) && path.ends_with(".parquet"));
    strays
        .map(|(path, written)| Stray { file: format!("{table}/{path}"), is_staged: false, written: *written })
        .collect()
}

type Sizes = BTreeMap<String, u64>;
type Times = BTreeMap<String, DateTime<Utc>>;

/// Every file of a table outside its log: sizes and times.
async fn list(store: &Arc<dyn ObjectStore>) -> object_store::Result<(Sizes, Times)> {
    let (mut sizes, mut times) = (Sizes::new(), Times::new());
    let log = Path::from(FOLDER);
    let mut listed = store.list(None);
    while let Some(meta) = listed.try_next().await? {
        if !meta.location.prefix_matches(&log) {
            let path = meta.location.to_string();
            times.insert(path.clone(), meta.last_modified);
            sizes.insert(path, meta.size);
        }
    }
    Ok((sizes, times))
}

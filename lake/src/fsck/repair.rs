//! What can be done about damage, in words and in deeds.
//!
//! Deeds are of two kinds. [`repair`] removes only what says nothing that other files do not say. [`drop_file`] gives up one damaged
//! file; its rows come back when the dumps are read again.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use super::{DamageKind, FOLDER, Inspection, TABLES, stray, unreadable};
use crate::error::LakeError;
use crate::lease::Lease;
use crate::store::Location;
use crate::table::Table;

/// Where a log entry is kept that was taken out of its log.
const SET_ASIDE: &str = ".repute-damaged";

/// What to do about a kind of damage. `file` lies below the lake; of a missing table it is the name.
pub(super) fn remedy(kind: DamageKind, location: &Location, file: &str) -> String {
    let again = "read the dumps again, `repute import SOURCE --again` (what is there already is left out)";
    let drop = format!("`repute lake fsck --lake {location} --drop {file}`");
    match kind {
        DamageKind::TableMissing => format!(
            "restore `{file}` from a backup; without one `repute import SOURCE --again` creates an empty table and reads the dumps again"
        ),
        DamageKind::LastLogEntry => {
            format!("restore it from a backup; without one take it out of the log, {drop}, then {again}")
        }
        DamageKind::LogEntry | DamageKind::LogGap => {
            "restore it from a backup; without one move the lake away and import the dumps into a new one".to_owned()
        }
        DamageKind::Checkpoint => {
            "restore it, or the log entries before it, from a backup; without one move the lake away and import the dumps into a new one"
                .to_owned()
        }
        DamageKind::SpareCheckpoint | DamageKind::CheckpointHint => {
            format!("`repute lake fsck --lake {location} --repair` removes it; other files say the same")
        }
        DamageKind::FileMissing | DamageKind::FileSize | DamageKind::FileContent => {
            format!("restore it from a backup; without one give its rows up, {drop}, then {again}")
        }
        DamageKind::Statistics => {
            format!("restore the table's log from a backup; without one give the file's rows up, {drop}, then {again}")
        }
    }
}

/// Removes what an inspection found to be superfluous: checkpoints and pointers that say nothing new, and left-overs that are
/// old enough to be nobody's. Says what was removed, as paths below the lake.
///
/// # Errors
/// What the store reports.
pub async fn repair(location: &Location, found: &Inspection, now: DateTime<Utc>) -> Result<Vec<String>, LakeError> {
    let superfluous = |kind| matches!(kind, DamageKind::SpareCheckpoint | DamageKind::CheckpointHint);
    let mut removed = Vec::new();
    for damage in found.damage.iter().filter(|damage| superfluous(damage.kind)) {
        delete(location, &damage.file).await?;
        removed.push(damage.file.clone());
        if damage.kind == DamageKind::SpareCheckpoint
            && let Some((table, _)) = damage.file.split_once('/')
        {
            // It may point to the checkpoint that is gone now, and then no reader opens the table.
            let hint = format!("{table}/{FOLDER}/_last_checkpoint");
            if !removed.contains(&hint) && delete(location, &hint).await? {
                removed.push(hint);
            }
        }
    }
    let root = location.directory().unwrap_or_default();
    let swept = sweep_staged(location, now)?;
    removed.extend(swept.iter().map(|path| path.strip_prefix(&root).unwrap_or(path).display().to_string()));
    let old = |written: DateTime<Utc>, age| now - written >= age;
    let orphans = found.strays.iter().filter(|stray| !stray.is_staged && old(stray.written, stray.age_of_removal()));
    let orphans: Vec<&String> = orphans.map(|stray| &stray.file).collect();
    // A remote lake has no lease; there age alone speaks, as it does for Delta's own clean-up.
    let alone = if location.directory().is_some() { Lease::alone(location).map(Some) } else { Some(None) };
    if let Some(_alone) = alone {
        for file in orphans {
            delete(location, file).await?;
            removed.push(file.clone());
        }
    }
    Ok(removed)
}

/// Removes staged files that killed writers left, unless an importer runs. Importers call it when they begin.
///
/// # Errors
/// What the file system reports.
pub fn sweep_staged(location: &Location, now: DateTime<Utc>) -> Result<Vec<PathBuf>, LakeError> {
    stray::sweep_staged(location, now)
        .map_err(|source| LakeError::Unreadable { location: location.to_string(), source: Box::new(source) })
}

/// Gives a damaged file up: a data file by a commit that removes it, the newest entry of a log by taking it out. Only what the
/// inspection found damaged can be dropped. Says what was done.
///
/// # Errors
/// [`LakeError::NotDamaged`] for any other file, else what the store or the log report.
pub async fn drop_file(location: &Location, found: &Inspection, file: &str) -> Result<String, LakeError> {
    let refused = || LakeError::NotDamaged(file.to_owned());
    let damage = found.damage.iter().find(|damage| damage.file == file).ok_or_else(refused)?;
    let (name, path) = file.split_once('/').ok_or_else(refused)?;
    let table = TABLES.into_iter().find(|table| *table == name).ok_or_else(refused)?;
    match damage.kind {
        DamageKind::FileMissing | DamageKind::FileSize | DamageKind::FileContent | DamageKind::Statistics => {
            let mut table =
                Table::open(location, table).await?.ok_or_else(|| LakeError::Missing(location.to_string()))?;
            table.remove(path).await?;
            Ok(format!("`{file}` is no part of the table any more; its bytes, if any, are left where they are"))
        }
        DamageKind::LastLogEntry => set_aside(location, table, path).await,
        DamageKind::TableMissing
        | DamageKind::LogEntry
        | DamageKind::LogGap
        | DamageKind::SpareCheckpoint
        | DamageKind::Checkpoint
        | DamageKind::CheckpointHint => Err(refused()),
    }
}

/// Moves a log entry out of the log, where no reader sees it.
async fn set_aside(location: &Location, table: &'static str, path: &str) -> Result<String, LakeError> {
    let failed = |source| unreadable(location, source);
    let store = location.log_store(table)?.object_store(None);
    let name = path.rsplit('/').next().unwrap_or(path);
    let aside = format!("{SET_ASIDE}/{name}");
    let bytes = store.get(&Path::from(path)).await.map_err(failed)?.bytes().await.map_err(failed)?;
    store.put(&Path::from(aside.as_str()), PutPayload::from(bytes)).await.map_err(failed)?;
    store.delete(&Path::from(path)).await.map_err(failed)?;
    Ok(format!("`{table}/{path}` was moved to `{table}/{aside}`"))
}

/// Deletes a file of the lake; says whether it was there.
async fn delete(location: &Location, file: &str) -> Result<bool, LakeError> {
    let Some((name, path)) = file.split_once('/') else { return Ok(false) };
    let Some(table) = TABLES.into_iter().find(|table| *table == name) else { return Ok(false) };
    let store = location.log_store(table)?.object_store(None);
    match store.delete(&Path::from(path)).await {
        Ok(()) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(source) => Err(unreadable(location, source)),
    }
}

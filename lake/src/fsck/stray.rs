//! Files that belong to no version: staged files that a killed writer left, and data files that were never committed.
//!
//! Who may still be writing them is settled by two rules, and both must hold before anything is removed. No importer holds the
//! [`Lease`] of the lake; and the file has not been written to for so long that a writer that knows no lease (another tool, or another
//! machine on a file system without locks) has long ended: [`STAGED_AGE`], and for data files [`ORPHAN_AGE`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use crate::beside;
use crate::journal;
use crate::lease::Lease;
use crate::sidecar;
use crate::store::Location;

/// A staged file is written in one go, which takes seconds; an hour without a byte means that nobody writes it.
pub const STAGED_AGE: TimeDelta = TimeDelta::hours(1);

/// Other writers may commit files long after they wrote them: the span after which Delta's own `VACUUM` removes files.
pub const ORPHAN_AGE: TimeDelta = TimeDelta::days(7);

/// Staged files below a local lake, with the time they were last written. A remote store has none.
pub(super) fn staged(location: &Location) -> io::Result<Vec<(PathBuf, DateTime<Utc>)>> {
    let Some(root) = location.directory() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let beside = [beside::FOLDER, sidecar::FOLDER, journal::FOLDER];
    let mut pending: Vec<PathBuf> = super::TABLES.iter().chain(&beside).map(|folder| root.join(folder)).collect();
    while let Some(folder) = pending.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            // A file may go while the folder is read, as staged files do.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                pending.push(entry.path());
            } else if is_staged(&entry.file_name().to_string_lossy()) {
                found.push((entry.path(), metadata.modified()?.into()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// `name#123`, as this crate's store and `object_store` name files that are not complete yet.
fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Removes the staged files that are nobody's, and says which. Nothing is removed while an importer runs.
pub(super) fn sweep_staged(location: &Location, now: DateTime<Utc>) -> io::Result<Vec<PathBuf>> {
    let old: Vec<PathBuf> =
        staged(location)?.into_iter().filter(|(_, at)| now - *at >= STAGED_AGE).map(|(path, _)| path).collect();
    if old.is_empty() {
        return Ok(old);
    }
    let Some(_alone) = Lease::alone(location) else { return Ok(Vec::new()) };
    old.iter().try_for_each(|path| remove(path))?;
    Ok(old)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_after_the_hash_is_staged() {
        assert!(is_staged("part-1.parquet#18446744073709551615"));
        assert!(is_staged("00000000000000000001.json#1"));
        assert!(!is_staged("part-1.parquet"));
        assert!(!is_staged("a#b"));
        assert!(!is_staged("a#"));
    }
}

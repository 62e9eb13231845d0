//! A table's transaction log, read entry by entry and believed in nothing.
//!
//! ```text
//! _delta_log/ ── list ──> entries (N.json), checkpoints, hint ── read ──> LogScan: files in force, every damage by its file
//! ```
//! deltalake takes an entry that is empty, or that was cut at the end of a line, for one that adds nothing; rows would then be
//! missing without a word. So each entry that [`crate::table::Table`] commits says how many files it adds, and whoever
//! opens a table has its newest entries looked at here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::Value;

use crate::checkpoint;
use crate::datafile::CHECKSUM;
use crate::statistics::FileStatistics;

/// The folder of the log below a table.
pub(crate) const FOLDER: &str = "_delta_log";

/// Key in an entry's `commitInfo`: how many files the entry adds.
pub(crate) const ADDED_FILES: &str = "reputeAddedFiles";

/// The pointer to the newest checkpoint.
const HINT: &str = "_last_checkpoint";

/// How many entries are read at once.
const CONCURRENT_READS: usize = 16;

/// A part of the log that cannot be what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogDamage {
    /// Name below the log's folder.
    pub(crate) name: String,
    pub(crate) part: LogPart,
    /// What is wrong, in lower case.
    pub(crate) what: String,
}

/// Which part of a log is damaged, as far as the repair differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogPart {
    /// The newest entry.
    LastEntry,
    /// An entry with others after it.
    Entry,
    /// An entry that is not there.
    Gap,
    /// A checkpoint. `spare`: the log can be read without it.
    Checkpoint {
        /// Whether the entries, or another checkpoint, say the same.
        spare: bool,
    },
    /// `_last_checkpoint`, which only saves a listing.
    Hint,
}

/// What the log says of a file in force.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LoggedFile {
    pub(crate) size: u64,
    pub(crate) statistics: FileStatistics,
    /// XXH3 of the bytes in hexadecimal, where the writer noted it.
    pub(crate) checksum: Option<String>,
}

/// A log, read whole.
#[derive(Debug, Default)]
pub(crate) struct LogScan {
    /// Newest entry; `None` without any.
    pub(crate) version: Option<u64>,
    /// Files in force by path, as far as the log can be read.
    pub(crate) files: BTreeMap<String, LoggedFile>,
    /// Every path that any entry names, in force or not.
    pub(crate) named: BTreeSet<String>,
    pub(crate) damage: Vec<LogDamage>,
}

/// What an entry does to the files.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) adds: Vec<(String, LoggedFile)>,
    pub(crate) removes: Vec<String>,
}

/// What lies in the log's folder.
#[derive(Debug, Default)]
struct Inventory {
    entries: BTreeMap<u64, Path>,
    /// Whole checkpoints of one file, as deltalake writes them.
    checkpoints: BTreeMap<u64, Path>,
    /// Versions of checkpoints in several files, which only other writers make.
    foreign_checkpoints: BTreeSet<u64>,
    hint: Option<Path>,
}

type Result<T> = object_store::Result<T>;

/// Reads the whole log.
///
/// # Errors
/// Only what the store reports; whatever the files hold is a finding.
pub(crate) async fn scan(store: &Arc<dyn ObjectStore>) -> Result<LogScan> {
    let inventory = take_inventory(store).await?;
    let mut scan = LogScan { version: inventory.entries.keys().next_back().copied(), ..LogScan::default() };
    let entries = read_entries(store, &inventory, &mut scan.damage).await?;
    let mut checkpoints = BTreeMap::new();
    let mut unreadable = Vec::new();
    for (version, path) in &inventory.checkpoints {
        match checkpoint::read(store, path).await? {
            Ok(entry) => drop(checkpoints.insert(*version, entry)),
            Err(what) => unreadable.push((*version, file_name(path), what)),
        }
    }
    let newest = scan.version.unwrap_or_default();
    let is_whole_from = |first: u64| (first..=newest).all(|version| entries.contains_key(&version));
    let base = checkpoints.keys().rev().copied().find(|version| is_whole_from(version + 1));
    let from_the_start = is_whole_from(0);
    for (version, name, what) in unreadable {
        let part = LogPart::Checkpoint { spare: from_the_start || base.is_some() };
        let what = format!("cannot be read, though it stands for version {version}: {what}");
        scan.damage.push(LogDamage { name, part, what });
    }
    // A gap below a checkpoint that readers start from is what a clean-up of the log leaves.
    let covered = base.or_else(|| inventory.foreign_checkpoints.last().copied());
    for version in (0..newest).filter(|version| !inventory.entries.contains_key(version)) {
        if covered.is_none_or(|checkpoint| version > checkpoint) {
            let what = format!("is missing: version {version} of the log, for which no checkpoint stands");
            scan.damage.push(LogDamage { name: entry_name(version), part: LogPart::Gap, what });
        }
    }
    check_hint(store, &inventory, &mut scan.damage).await?;
    scan.replay(&entries, &checkpoints, if from_the_start { None } else { base });
    Ok(scan)
}

/// Looks at the newest entries of a log that deltalake has read up to `version`, from `seen` on: none may be empty, and what is read must be
/// whole. Only the newest is read, as an entry with others after it was once the newest of somebody.
pub(crate) async fn check_tip(
    store: &Arc<dyn ObjectStore>,
    seen: Option<u64>,
    version: u64,
) -> Result<Option<LogDamage>> {
    let offset = Path::from(FOLDER).join(format!("{:020}", seen.map_or(version.saturating_sub(100), |v| v + 1)));
    let mut listed = store.list_with_offset(Some(&Path::from(FOLDER)), &offset);
    while let Some(meta) = listed.try_next().await? {
        let Some(number) = entry_version(&file_name(&meta.location)) else { continue };
        if number > version || (meta.size > 0 && number < version) {
            continue;
        }
        let bytes = store.get(&meta.location).await?.bytes().await?;
        if let Err(what) = parse_entry(&bytes) {
            let part = if number == version { LogPart::LastEntry } else { LogPart::Entry };
            return Ok(Some(LogDamage { name: entry_name(number), part, what }));
        }
    }
    Ok(None)
}

/// Name of the entry that makes a version.
pub(crate) fn entry_name(version: u64) -> String {
    format!("{version:020}.json")
}

pub(crate) fn entry_version(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

fn file_name(path: &Path) -> String {
    path.filename().unwrap_or_default().to_owned()
}

/// The version of the checkpoint that readers are pointed to; nothing where none is, or the pointer is no JSON.
pub(crate) async fn hinted_version(store: &Arc<dyn ObjectStore>) -> Result<Option<u64>> {
    let bytes = match store.get(&Path::from(FOLDER).join(HINT)).await {
        Ok(found) => found.bytes().await?,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let hint = serde_json::from_slice::<Value>(&bytes).ok();
    Ok(hint.and_then(|hint| hint.get("version")?.as_u64()))
}

async fn take_inventory(store: &Arc<dyn ObjectStore>) -> Result<Inventory> {
    let mut inventory = Inventory::default();
    let mut listed = store.list(Some(&Path::from(FOLDER)));
    while let Some(meta) = listed.try_next().await? {
        let name = file_name(&meta.location);
        let version = name.get(..20).and_then(|digits| digits.parse::<u64>().ok());
        match (version, name.get(20..).unwrap_or_default()) {
            (Some(version), ".json") => drop(inventory.entries.insert(version, meta.location)),
            (Some(version), ".checkpoint.parquet") => drop(inventory.checkpoints.insert(version, meta.location)),
            (Some(version), rest) if rest.starts_with(".checkpoint.") => {
                inventory.foreign_checkpoints.insert(version);
            }
            _ if name == HINT => inventory.hint = Some(meta.location),
            _ => {}
        }
    }
    Ok(inventory)
}

async fn read_entries(
    store: &Arc<dyn ObjectStore>,
    inventory: &Inventory,
    damage: &mut Vec<LogDamage>,
) -> Result<BTreeMap<u64, Entry>> {
    let newest = inventory.entries.keys().next_back().copied();
    let reads = inventory.entries.iter().map(|(version, path)| async move {
        Ok::<_, object_store::Error>((*version, store.get(path).await?.bytes().await?))
    });
    let mut reads = futures::stream::iter(reads).buffered(CONCURRENT_READS);
    let mut entries = BTreeMap::new();
    while let Some((version, bytes)) = reads.try_next().await? {
        match parse_entry(&bytes) {
            Ok(entry) => drop(entries.insert(version, entry)),
            Err(what) => {
                let part = if Some(version) == newest { LogPart::LastEntry } else { LogPart::Entry };
                damage.push(LogDamage { name: entry_name(version), part, what });
            }
        }
    }
    Ok(entries)
}

async fn check_hint(store: &Arc<dyn ObjectStore>, inventory: &Inventory, damage: &mut Vec<LogDamage>) -> Result<()> {
    let Some(path) = &inventory.hint else { return Ok(()) };
    let bytes = store.get(path).await?.bytes().await?;
    let hint = serde_json::from_slice::<Value>(&bytes).ok();
    let what = match hint.as_ref().and_then(|hint| hint.get("version")?.as_u64()) {
        None => "is no JSON object with a `version`".to_owned(),
        Some(version)
            if !inventory.checkpoints.contains_key(&version) && !inventory.foreign_checkpoints.contains(&version) =>
        {
            format!("points to a checkpoint of version {version}, which is not there")
        }
        Some(_) => return Ok(()),
    };
    damage.push(LogDamage { name: HINT.to_owned(), part: LogPart::Hint, what });
    Ok(())
}

impl LogScan {
    /// Applies a checkpoint, if one is needed, and every readable entry after it.
    fn replay(&mut self, entries: &BTreeMap<u64, Entry>, checkpoints: &BTreeMap<u64, Entry>, base: Option<u64>) {
        for entry in entries.values().chain(checkpoints.values()) {
            self.named.extend(entry.adds.iter().map(|(path, _)| path.clone()));
            self.named.extend(entry.removes.iter().cloned());
        }
        let checkpoint = base.and_then(|version| checkpoints.get(&version));
        let first = base.map_or(0, |version| version + 1);
        for entry in checkpoint.into_iter().chain(entries.range(first..).map(|(_, entry)| entry)) {
            self.files.extend(entry.adds.iter().cloned());
            for path in &entry.removes {
                self.files.remove(path);
            }
        }
    }
}

/// Reads an entry: one JSON object per line, each with one action.
fn parse_entry(bytes: &[u8]) -> std::result::Result<Entry, String> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("is empty".to_owned());
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Err("holds nothing but zeros".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|e| format!("is no text from byte {} on", e.valid_up_to()))?;
    let mut entry = Entry::default();
    let (mut promised, mut is_append, mut others) = (None, false, 0);
    for (line, number) in text.split('\n').zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let action: HashMap<String, Value> = serde_json::from_str(line).map_err(|e| match e.classify() {
            serde_json::error::Category::Eof => format!("is cut short in line {number}"),
            _ => format!("is no JSON in line {number}: {e}"),
        })?;
        for (name, value) in action {
            match name.as_str() {
                "commitInfo" => {
                    promised = value.get(ADDED_FILES).and_then(Value::as_u64);
                    is_append = value.get("operation").and_then(Value::as_str) == Some("WRITE")
                        && value.get("engineInfo").and_then(Value::as_str).is_some_and(|e| e.starts_with("delta-rs"));
                }
                "add" => entry.adds.push(parse_add(&value).ok_or_else(|| format!("adds no file in line {number}"))?),
                "remove" => {
                    entry.removes.push(parse_path(&value).ok_or_else(|| format!("removes no file in line {number}"))?);
                }
                _ => others += 1,
            }
        }
    }
    let added = entry.adds.len() as u64;
    match promised {
        Some(promised) if promised != added => {
            Err(format!("is cut short: it was written with {promised} files and holds {added}"))
        }
        None if is_append && added == 0 && entry.removes.is_empty() && others == 0 => {
            Err("is cut short: it says what was done, and none of the files".to_owned())
        }
        _ => Ok(entry),
    }
}

fn parse_path(action: &Value) -> Option<String> {
    let encoded = action.get("path")?.as_str()?;
    Some(Path::from_url_path(encoded).map_or_else(|_| encoded.to_owned(), |path| path.to_string()))
}

fn parse_add(action: &Value) -> Option<(String, LoggedFile)> {
    let file = LoggedFile {
        size: action.get("size")?.as_u64()?,
        statistics: FileStatistics::from_json(action.get("stats").and_then(Value::as_str)),
        checksum: action.get("tags").and_then(|tags| Some(tags.get(CHECKSUM)?.as_str()?.to_owned())),
    };
    Some((parse_path(action)?, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(path: &str) -> String {
        format!(r#"{{"add":{{"path":"{path}","size":7,"stats":"{{\"numRecords\":3}}","tags":{{"{CHECKSUM}":"ab"}}}}}}"#)
    }

    #[test]
    fn an_entry_is_whole_or_says_why_not() {
        let info = format!(r#"{{"commitInfo":{{"operation":"WRITE","engineInfo":"delta-rs:1","{ADDED_FILES}":2}}}}"#);
        let whole = [info.as_str(), &add("a"), &add("event_date=2026-10-05/b"), r#"{"txn":{"appId":"x","version":1}}"#];
        let entry = parse_entry(whole.join("\n").as_bytes()).unwrap();
        assert_eq!(entry.adds[1].0, "event_date=2026-10-05/b");
        assert_eq!(entry.adds[0].1.statistics.rows, Some(3));
        assert_eq!(entry.adds[0].1.checksum.as_deref(), Some("ab"));
        let reason = |lines: &[&str]| parse_entry(lines.join("\n").as_bytes()).unwrap_err();
        assert_eq!(reason(&whole[..2]), "is cut short: it was written with 2 files and holds 1");
        assert_eq!(reason(&[&info, &whole[1][..20]]), "is cut short in line 2");
        assert_eq!(reason(&[""]), "is empty");
        assert_eq!(reason(&["\0\0\0"]), "holds nothing but zeros");
        assert_eq!(reason(&["[1]"]), "is no JSON in line 1: invalid type: sequence, expected a map at line 1 column 0");
        let unpromised = info.replace(&format!(r#","{ADDED_FILES}":2"#), "");
        assert_eq!(reason(&[&unpromised]), "is cut short: it says what was done, and none of the files");
    }

    #[test]
    fn only_numbered_names_are_entries() {
        assert_eq!(entry_version(&entry_name(3)), Some(3));
        assert_eq!(entry_version("3.json"), None);
        assert_eq!(entry_version("00000000000000000003.checkpoint.parquet"), None);
    }
}

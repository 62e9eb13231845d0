//! Whether questions are quick: files, counts that are kept, checkpoints.

use super::advice::Severity::{Note, Warning};
use super::{Advice, Around, LakeFacts};
use crate::wording::{count, thousands};

/// So many files of a date on average, or so many to be put together at all, are too many.
const FILES_OF_A_DATE: u64 = 24;
const FILES_DUE: u64 = 500;

/// Entries of a log behind its checkpoint: twice as many as there ever should be.
const ENTRIES: u64 = 100;

/// Rows that every process counts anew are worth a word from here on.
const ROWS_BEHIND: u64 = 1_000_000;

pub(super) fn rollups(facts: &LakeFacts, _: &Around) -> Option<Advice> {
    let kept = &facts.rollups;
    if kept.rows_behind < ROWS_BEHIND {
        return None;
    }
    let title = if kept.is_read_only {
        "Counts cannot be kept beside the lake, so every process counts anew"
    } else if kept.counted_dates == 0 {
        "Nothing has been counted yet, so the first question takes long"
    } else {
        "The counts that are kept are behind the lake"
    };
    let severity = if kept.is_read_only { Warning } else { Note };
    Some(
        Advice::new("rollups", severity, title)
            .because(format!(
                "{} of {} counted; {} not yet",
                thousands(kept.counted_dates),
                count(kept.dates, "event date"),
                count(kept.rows_behind, "row")
            ))
            .remedy(if kept.is_read_only {
                "Let this user write to the folder `rollups` beside the tables; nothing else in the lake is changed by it."
            } else {
                "`repute import` counts what it wrote, and so does `repute serve`; or run any question once, such as `repute \
                 reputation`."
            }),
    )
}

pub(super) fn small_files(facts: &LakeFacts, _: &Around) -> Option<Advice> {
    let events = facts.tables.iter().find(|table| table.table == repute_lake::EVENTS)?;
    let (due, bytes) = facts.compaction_due;
    let per_date = events.small_files / facts.dates.max(1);
    (due >= FILES_DUE || (per_date >= FILES_OF_A_DATE && due > 0)).then(|| {
        Advice::new("small_files", Warning, "The lake consists of many small files, which makes questions slow")
            .because(format!(
                "{} in {} of {}, {} of less than 1 MiB",
                count(events.files, "file"),
                count(facts.dates, "event date"),
                events.table,
                thousands(events.small_files)
            ))
            .because(format!("{} of {} would be put together", count(due, "file"), megabytes(bytes)))
            .remedy("Run `repute lake compact` once a day from cron; imports and readers may go on meanwhile.")
    })
}

pub(super) fn checkpoints(facts: &LakeFacts, _: &Around) -> Option<Advice> {
    let long: Vec<_> = facts.logs.iter().filter(|log| log.entries > ENTRIES).collect();
    let lines = long.iter().map(|log| {
        let checkpoint =
            log.checkpoint.map_or_else(|| "none".to_owned(), |version| format!("at version {}", thousands(version)));
        format!(
            "{}: version {}, newest checkpoint {checkpoint}, {} entries behind it",
            log.table,
            thousands(log.version),
            thousands(log.entries)
        )
    });
    let advice =
        Advice::new("checkpoints", Warning, "Logs have grown long without a checkpoint, so opening the lake is slow");
    (!long.is_empty()).then(|| {
        lines.fold(advice, Advice::because).remedy(
            "Every fiftieth commit writes one, and says so if that fails: look at what imports write to standard error. \
             `repute lake fsck` says whether the log is sound.",
        )
    })
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", thousands(bytes.div_ceil(1_000_000)))
}

//! What the lake keeps books of: its tables, the objects that were imported, the bad records; held in memory for one version.
//!
//! ```text
//! objects, quarantine ── files not read yet ──> a page of the book per file ──> Books ── pages, sums, single records
//! logs, data files    ── what the log says ───────────────────────────────────>
//! ```
//! A data file never changes, so the next version reads only the files that are new in it. Texts of bad records and their bytes
//! stay on the store until they are asked for.

mod bad;
mod objects;
mod standing;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use crate::error::LakeError;
use crate::lake::Lake;
use crate::statistics::{SMALL_FILE, TableStatistics};
use crate::table::Table;

pub use bad::{BadBook, BadClass, BadFilter, BadList};
pub use objects::{BookedObject, ObjectBook, ObjectFilter, ObjectList, ObjectState, ObjectSums, WrongCursor};
pub use standing::LogStanding;

/// The books of a lake at one version.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// What was imported.
    pub objects: ObjectBook,
    /// What could not be read.
    pub bad: BadBook,
    /// What each table holds: events, quarantine, objects.
    pub tables: Vec<TableStatistics>,
    /// The events table by its dates, in their order.
    pub days: Vec<DayFiles>,
    /// How many files a compaction would put into others, and their bytes.
    pub compaction_due: (u64, u64),
    /// What the logs of the tables look like from outside.
    pub logs: Vec<LogStanding>,
}

/// The files of one event date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayFiles {
    /// The date.
    pub date: NaiveDate,
    /// Files in force.
    pub files: u64,
    /// Those of less than 1 MiB.
    pub small_files: u64,
    /// Rows; `None` if the log does not say it of every file.
    pub rows: Option<u64>,
    /// Bytes.
    pub bytes: u64,
}

impl Books {
    /// Reads the books of a lake, but for the files that are in the books of another version.
    pub(crate) async fn read(lake: &Lake, before: Option<&Self>) -> Result<Self, LakeError> {
        let [events, quarantine, objects] = lake.tables();
        let bad = BadBook::read(quarantine, before.map(|books| &books.bad)).await?;
        let mut logs = Vec::new();
        for table in [events, quarantine, objects] {
            logs.push(LogStanding::of(table).await?);
        }
        Ok(Self {
            objects: ObjectBook::read(objects, before.map(|books| &books.objects), &bad).await?,
            bad,
            tables: lake.statistics()?,
            days: days(events)?,
            compaction_due: lake.compaction_due()?,
            logs,
        })
    }
}

fn days(events: &Table) -> Result<Vec<DayFiles>, LakeError> {
    let mut days: BTreeMap<NaiveDate, DayFiles> = BTreeMap::new();
    for file in events.files()? {
        let date = file.event_date.unwrap_or_default();
        let day = days.entry(date).or_insert(DayFiles { date, files: 0, small_files: 0, rows: Some(0), bytes: 0 });
        day.files += 1;
        day.small_files += u64::from(file.size < SMALL_FILE);
        day.bytes += file.size;
        day.rows = day.rows.zip(file.statistics.rows).map(|(sum, rows)| sum + rows);
    }
    Ok(days.into_values().collect())
}

/// A time of a table.
fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

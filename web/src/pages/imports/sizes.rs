//! What the lake takes on the disk.

use repute_query::{Books, DayFiles, RollupStanding, TableStatistics};

use crate::format;

/// So many dates are shown.
const DAYS: usize = 400;

/// Sizes of the tables, in all and by event date.
#[derive(Default)]
pub(super) struct Sizes {
    pub(super) tables: Vec<TableRow>,
    pub(super) days: Vec<DayRow>,
    /// How many dates are not shown.
    pub(super) more_days: Option<String>,
    /// Whether small files should be put together, and why.
    pub(super) advice: Option<String>,
}

/// A table, or what was counted.
pub(super) struct TableRow {
    pub(super) name: &'static str,
    pub(super) rows: String,
    pub(super) files: String,
    pub(super) small: String,
    pub(super) bytes: String,
    pub(super) what: &'static str,
}

/// An event date.
pub(super) struct DayRow {
    pub(super) date: String,
    pub(super) rows: String,
    pub(super) files: String,
    pub(super) bytes: String,
    pub(super) counts: String,
}

impl Sizes {
    pub(super) fn of(books: &Books, rollups: Option<&RollupStanding>) -> Self {
        let mut tables: Vec<TableRow> = books.tables.iter().map(table).collect();
        tables.extend(rollups.map(|kept| TableRow {
            name: "rollups",
            rows: "–".to_owned(),
            files: format::thousands(kept.files),
            small: "–".to_owned(),
            bytes: format::bytes(kept.bytes),
            what: "rows counted once; can be made anew at any time",
        }));
        let day = |day: &DayFiles| DayRow {
            date: day.date.to_string(),
            rows: day.rows.map_or_else(|| "unknown".to_owned(), format::thousands),
            files: format::thousands(day.files),
            bytes: format::bytes(day.bytes),
            counts: rollups
                .and_then(|kept| kept.by_date.get(&day.date))
                .map_or_else(|| "–".to_owned(), |bytes| format::bytes(*bytes)),
        };
        let (due, bytes) = books.compaction_due;
        let more = books.days.len().saturating_sub(DAYS) as u64;
        Self {
            tables,
            days: books.days.iter().rev().take(DAYS).map(day).collect(),
            more_days: (more > 0).then(|| format::count(more, "earlier date")),
            advice: (due > 0).then(|| {
                format!("{} ({}) can be put together into few.", format::count(due, "small file"), format::bytes(bytes))
            }),
        }
    }
}

fn table(table: &TableStatistics) -> TableRow {
    TableRow {
        name: table.table,
        rows: table.rows.map_or_else(|| "unknown".to_owned(), format::thousands),
        files: format::thousands(table.files),
        small: format::thousands(table.small_files),
        bytes: format::bytes(table.bytes),
        what: match table.table {
            "events" => "one row per event and recipient",
            "objects" => "one row per imported object",
            _ => "one row per bad record, and one for each that was made good",
        },
    }
}

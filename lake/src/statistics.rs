//! What the log knows about a file without opening it.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::encode::Rows;
use crate::error::LakeError;
use crate::schema::column;
use crate::table::Table;

/// Row count and closed time ranges (microseconds) of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileStatistics {
    /// Number of rows, where the log says.
    pub rows: Option<u64>,
    /// Least and greatest `event_time`.
    pub event_time: Option<(i64, i64)>,
    /// Least and greatest `sent_time`; `None` where all are null or the log does not say.
    pub sent_time: Option<(i64, i64)>,
    /// Number of rows without `sent_time`.
    pub sent_time_nulls: Option<u64>,
}

impl FileStatistics {
    /// Statistics of some rows.
    pub(crate) fn of(rows: &Rows) -> Self {
        let mut statistics = Self { rows: u64::try_from(rows.len()).ok(), ..Self::default() };
        statistics.event_time = range(rows.times(column::EVENT_TIME).flatten());
        statistics.sent_time = range(rows.times(column::SENT_TIME).flatten());
        statistics.sent_time_nulls = u64::try_from(rows.times(column::SENT_TIME).filter(Option::is_none).count()).ok();
        statistics
    }

    /// Reads a Delta log's `stats` text. What is missing or unreadable is `None`: such a file is never skipped.
    pub(crate) fn from_json(text: Option<&str>) -> Self {
        let Some(stats) = text.and_then(|t| serde_json::from_str::<Value>(t).ok()) else { return Self::default() };
        let range = |name: &str| {
            let time = |side: &str| stats.get(side)?.get(name)?.as_str().and_then(micros);
            // Delta truncates times to milliseconds, so the upper end may lie up to one millisecond higher.
            time("minValues").zip(time("maxValues")).map(|(low, high)| (low, high + 999))
        };
        Self {
            rows: stats.get("numRecords").and_then(Value::as_u64),
            event_time: range(column::EVENT_TIME),
            sent_time: range(column::SENT_TIME),
            sent_time_nulls: stats.get("nullCount").and_then(|n| n.get(column::SENT_TIME)).and_then(Value::as_u64),
        }
    }

    /// The statistics as the log keeps them; times in milliseconds, as Delta has them.
    pub(crate) fn to_json(self) -> String {
        let mut low = serde_json::Map::new();
        let mut high = serde_json::Map::new();
        for (name, range) in [(column::EVENT_TIME, self.event_time), (column::SENT_TIME, self.sent_time)] {
            if let Some((from, to)) = range {
                low.insert(name.to_owned(), millis_text(from).into());
                high.insert(name.to_owned(), millis_text(to).into());
            }
        }
        let mut nulls = serde_json::Map::new();
        nulls.insert(column::EVENT_TIME.to_owned(), 0.into());
        if let Some(count) = self.sent_time_nulls {
            nulls.insert(column::SENT_TIME.to_owned(), count.into());
        }
        json!({"numRecords": self.rows.unwrap_or(0), "minValues": low, "maxValues": high, "nullCount": nulls})
            .to_string()
    }
}

/// What a table holds, as its log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatistics {
    /// Name.
    pub table: &'static str,
    /// Version.
    pub version: u64,
    /// Files in force.
    pub files: u64,
    /// Those of less than 1 MiB, which cost more to open than to read.
    pub small_files: u64,
    /// Rows; `None` if the log does not say it of every file.
    pub rows: Option<u64>,
    /// Bytes.
    pub bytes: u64,
    /// Earliest and latest event date; `None` where there is none.
    pub dates: Option<(NaiveDate, NaiveDate)>,
    /// How many event dates there are.
    pub partitions: u64,
}

/// Files of fewer bytes cost more to open than to read.
pub(crate) const SMALL_FILE: u64 = 1 << 20;

impl TableStatistics {
    pub(crate) fn of(table: &Table) -> Result<Self, LakeError> {
        let files = table.files()?;
        let dates: BTreeSet<NaiveDate> = files.iter().filter_map(|file| file.event_date).collect();
        Ok(Self {
            table: table.name,
            version: table.version(),
            files: files.len() as u64,
            small_files: files.iter().filter(|file| file.size < SMALL_FILE).count() as u64,
            rows: files.iter().map(|file| file.statistics.rows).sum(),
            bytes: files.iter().map(|file| file.size).sum(),
            dates: dates.first().copied().zip(dates.last().copied()),
            partitions: dates.len() as u64,
        })
    }
}

fn range(times: impl Iterator<Item = i64>) -> Option<(i64, i64)> {
    times.fold(None, |range, time| match range {
        None => Some((time, time)),
        Some((low, high)) => Some((time.min(low), time.max(high))),
    })
}

fn micros(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|t| t.timestamp_micros())
}

fn millis_text(micros: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_survive_the_log() {
        let written = FileStatistics {
            rows: Some(3),
            event_time: Some((1_700_000_000_123_000, 1_700_000_000_456_000)),
            sent_time: None,
            sent_time_nulls: Some(3),
        };
        let read = FileStatistics::from_json(Some(&written.to_json()));
        assert_eq!(read.rows, Some(3));
        assert_eq!(read.event_time, Some((1_700_000_000_123_000, 1_700_000_000_456_999)));
        assert_eq!(read.sent_time, None);
    }

    #[test]
    fn a_file_without_readable_statistics_has_none() {
        assert_eq!(FileStatistics::from_json(Some("{]")), FileStatistics::default());
        assert_eq!(FileStatistics::from_json(None), FileStatistics::default());
    }
}

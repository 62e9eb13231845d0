//! The days of opens and clicks that a question is answered from.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use futures::TryStreamExt;
use repute_lake::DataFile;

use super::day::Day;
use crate::codes::CodedDays;
use crate::error::QueryError;
use crate::scan::{Clock, Reader, Selection};
use crate::wording::thousands;

/// Days hold so many bytes together.
const MOST_BYTES: usize = 256 << 20;

/// An answer is made of so many opens and clicks at most, half a gigabyte.
const MOST_ROWS: usize = 16_000_000;

/// Days by their date.
pub(crate) struct Days(CodedDays<Day>);

impl Default for Days {
    fn default() -> Self {
        Self(CodedDays::at_most(MOST_BYTES))
    }
}

impl Days {
    /// The days that can hold rows of the selection, with its dimensions.
    ///
    /// # Errors
    /// [`QueryError::Question`] where they hold more rows than the memory is for.
    pub(crate) async fn of(&self, reader: &Reader, selection: &Selection) -> Result<Vec<Arc<Day>>, QueryError> {
        let mut reading = std::pin::pin!(self.0.of(reader, &(), dates(reader, selection), selection));
        let mut days = Vec::new();
        let mut rows = 0;
        while let Some(day) = reading.try_next().await? {
            rows += day.rows.len();
            if rows > MOST_ROWS {
                let most = thousands(MOST_ROWS as u64);
                return Err(QueryError::Question(format!("more than {most} opens and clicks; choose a shorter range")));
            }
            days.push(day);
        }
        Ok(days)
    }
}

/// The dates that can hold rows of the selection, as the log says.
fn dates(reader: &Reader, selection: &Selection) -> BTreeSet<NaiveDate> {
    let micros = |time: chrono::DateTime<chrono::Utc>| time.timestamp_micros();
    let since = selection.since.map_or(i64::MIN, micros);
    let until = selection.until.map_or(i64::MAX, micros);
    let as_of = selection.as_of.map_or(i64::MAX, micros);
    let holds = |file: &&DataFile| {
        let known = &file.statistics;
        let range = match selection.clock {
            Clock::Event => known.event_time,
            Clock::Sent if known.sent_time_nulls.is_some() => match known.sent_time {
                Some(range) => Some(range),
                // No row says when its mail was sent.
                None => return false,
            },
            Clock::Sent => None,
        };
        range.is_none_or(|(low, high)| low < until && high >= since)
            && known.event_time.is_none_or(|(low, _)| low < as_of)
    };
    let files = reader.files_between(i64::MIN, i64::MAX);
    files.iter().filter(holds).filter_map(|file| file.event_date).collect()
}

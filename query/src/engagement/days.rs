//! Days that were read stay in memory up to a limit, and serve every later version of the lake in which their files are the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use futures::stream::{self, StreamExt, TryStreamExt};
use repute_lake::DataFile;

use super::day::{Day, margin, read};
use crate::codes::USUAL;
use crate::dated::{Dated, ends};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::scan::{Clock, Reader, Selection};
use crate::wording::thousands;

/// Days hold so many bytes together; beyond it those that were not asked for longest are forgotten.
const MOST_BYTES: usize = 256 << 20;

/// An answer is made of so many opens and clicks at most, half a gigabyte.
const MOST_ROWS: usize = 16_000_000;

/// A day is read with the dimensions that were asked for before, up to so many.
const MOST_DIMENSIONS: usize = 6;

/// Days by their date.
pub(crate) struct Days(Dated<(), Day>);

impl Default for Days {
    fn default() -> Self {
        Self(Dated::at_most(MOST_BYTES))
    }
}

impl Days {
    /// The days that can hold rows of the selection, with its dimensions.
    ///
    /// # Errors
    /// [`QueryError::Question`] where they hold more rows than the memory is for.
    pub(crate) async fn of(&self, reader: &Reader, selection: &Selection) -> Result<Vec<Arc<Day>>, QueryError> {
        let dimensions: BTreeSet<Dimension> =
            selection.by.iter().chain(selection.only.iter().map(|(dimension, _)| dimension)).cloned().collect();
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let day = |date| self.day(reader, date, &dimensions);
        let mut reading = stream::iter(dates(reader, selection)).map(day).buffered(at_once);
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

    async fn day(
        &self,
        reader: &Reader,
        date: NaiveDate,
        dimensions: &BTreeSet<Dimension>,
    ) -> Result<Arc<Day>, QueryError> {
        let (start, end) = ends(date);
        let margin = margin().num_microseconds().unwrap_or_default();
        let files: Vec<DataFile> = reader.files_between(start - margin, end + margin);
        let serves = |day: &Day| dimensions.iter().all(|dimension| day.dimensions.contains_key(dimension));
        let make = async |known: Option<Arc<Day>>| {
            let mut wanted = dimensions.clone();
            wanted.extend(USUAL);
            let room = MOST_DIMENSIONS.saturating_sub(wanted.len());
            wanted.extend(known.iter().flat_map(|known| known.dimensions.keys()).take(room).cloned());
            read(reader, date, files.clone(), &wanted.into_iter().collect::<Vec<_>>()).await
        };
        self.0.get(date, &(), &files, serves, make).await
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

//! Days of bounces and delays stay in memory up to a limit, and serve every later version of the lake in which their files are the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use futures::stream::{self, StreamExt, TryStreamExt};
use repute_lake::{DataFile, EventType};

use super::day::{Day, files, read};
use crate::codes::USUAL;
use crate::dated::{Dated, Weighed};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::scan::{Clock, Reader, Selection};

/// Days hold so many bytes together, also those of one question; beyond it those that were not asked for longest are forgotten, and
/// the rows of such a question are read.
const MOST_BYTES: usize = 96 << 20;

/// A day is read with the dimensions that were asked for before, up to so many.
const MOST_DIMENSIONS: usize = 6;

/// Days by their date and the type of their events. Classes in them are those of one list of rules, providers those of one table.
#[derive(Clone)]
pub(crate) struct ReasonDays(Arc<Dated<EventType, Day>>);

impl Default for ReasonDays {
    fn default() -> Self {
        Self(Arc::new(Dated::at_most(MOST_BYTES)))
    }
}

impl ReasonDays {
    /// The days that can hold rows of the selection, with its dimensions; nothing where its rows are to be read instead.
    pub(super) async fn of(
        &self,
        reader: &Reader,
        event_type: EventType,
        selection: &Selection,
    ) -> Result<Option<Vec<Arc<Day>>>, QueryError> {
        if selection.clock != Clock::Event || !selection.minutes.is_empty() {
            return Ok(None);
        }
        let dimensions: BTreeSet<Dimension> =
            selection.by.iter().chain(selection.only.iter().map(|(dimension, _)| dimension)).cloned().collect();
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let day = |date| self.day(reader, event_type, date, &dimensions);
        let mut reading = stream::iter(dates(reader, selection)).map(day).buffered(at_once);
        let mut days = Vec::new();
        let mut bytes = 0;
        while let Some(day) = reading.try_next().await? {
            bytes += day.bytes();
            if day.too_large_with.is_some() || bytes > MOST_BYTES {
                return Ok(None);
            }
            days.push(day);
        }
        Ok(Some(days))
    }

    async fn day(
        &self,
        reader: &Reader,
        event_type: EventType,
        date: NaiveDate,
        dimensions: &BTreeSet<Dimension>,
    ) -> Result<Arc<Day>, QueryError> {
        let files: Vec<DataFile> = files(reader, date);
        let serves = |day: &Day| match &day.too_large_with {
            Some(with) => with.is_subset(dimensions),
            None => dimensions.iter().all(|dimension| day.dimensions.contains_key(dimension)),
        };
        let make = async |known: Option<Arc<Day>>| {
            let mut wanted = dimensions.clone();
            wanted.extend(USUAL);
            let room = MOST_DIMENSIONS.saturating_sub(wanted.len());
            wanted.extend(known.iter().flat_map(|known| known.dimensions.keys()).take(room).cloned());
            let day = read(reader, event_type, date, files.clone(), &wanted).await?;
            if day.too_large_with.is_some() && wanted != *dimensions {
                return read(reader, event_type, date, files.clone(), dimensions).await;
            }
            Ok(day)
        };
        self.0.get(date, &event_type, &files, serves, make).await
    }
}

/// The dates that can hold rows of the selection, as the log says.
fn dates(reader: &Reader, selection: &Selection) -> BTreeSet<NaiveDate> {
    let since = selection.since.map_or(i64::MIN, |time| time.timestamp_micros());
    let until = [selection.until, selection.as_of].into_iter().flatten().min();
    let until = until.map_or(i64::MAX, |time| time.timestamp_micros());
    reader.files_between(since, until).iter().filter_map(|file| file.event_date).collect()
}

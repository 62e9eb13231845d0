//! The days of bounces or delays that a question is answered from.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use futures::TryStreamExt;
use repute_lake::EventType;

use super::day::Day;
use crate::codes::{CodedDay, CodedDays};
use crate::dated::Weighed;
use crate::error::QueryError;
use crate::scan::{Clock, Reader, Selection};

/// Days hold so many bytes together, also those of one question: the rows of one that needs more are read.
const MOST_BYTES: usize = 72 << 20;

/// Days by their date and the type of their events. Classes in them are those of one list of rules, providers those of one table.
#[derive(Clone)]
pub(crate) struct ReasonDays(Arc<CodedDays<Day>>);

impl Default for ReasonDays {
    fn default() -> Self {
        Self(Arc::new(CodedDays::at_most(MOST_BYTES)))
    }
}

impl ReasonDays {
    /// The days that can hold rows of the selection, with its dimensions; nothing where its rows are to be read instead.
    pub(crate) async fn of(
        &self,
        reader: &Reader,
        event_type: EventType,
        selection: &Selection,
    ) -> Result<Option<Vec<Arc<Day>>>, QueryError> {
        // Whoever wants the engine to read the rows has them read.
        if reader.coded.is_none() || selection.clock != Clock::Event || !selection.minutes.is_empty() {
            return Ok(None);
        }
        let mut reading = std::pin::pin!(self.0.of(reader, &event_type, dates(reader, selection), selection));
        let mut days = Vec::new();
        let mut bytes = 0;
        while let Some(day) = reading.try_next().await? {
            bytes += day.bytes();
            if day.too_large_with().is_some() || bytes > MOST_BYTES {
                return Ok(None);
            }
            days.push(day);
        }
        Ok(Some(days))
    }
}

/// The dates that can hold rows of the selection, as the log says.
fn dates(reader: &Reader, selection: &Selection) -> BTreeSet<NaiveDate> {
    let since = selection.since.map_or(i64::MIN, |time| time.timestamp_micros());
    let until = [selection.until, selection.as_of].into_iter().flatten().min();
    let until = until.map_or(i64::MAX, |time| time.timestamp_micros());
    reader.files_between(since, until).iter().filter_map(|file| file.event_date).collect()
}

//! Dates that are read before anybody asks about them, so that nobody waits for the first answer.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate};
use repute_lake::EventType;

use crate::dated::ends;
use crate::delays;
use crate::error::QueryError;
use crate::scan::{Reader, Selection};

/// So many dates at most.
const MOST_DATES: usize = 31;

/// And so many rows together: of more, what was read first would be forgotten before it is asked for.
const MOST_ROWS: u64 = 24_000_000;

/// Reads bounces, delays, times of deliveries, opens and clicks of the newest dates, the newest first, one date after another.
///
/// # Errors
/// Whatever reading meets; dates before it were read.
pub async fn read_ahead(reader: &Reader) -> Result<(), QueryError> {
    let files = reader.files_between(i64::MIN, i64::MAX);
    let dates: BTreeSet<NaiveDate> = files.iter().filter_map(|file| file.event_date).collect();
    let mut rows = 0;
    for date in dates.into_iter().rev().take(MOST_DATES) {
        let (start, end) = ends(date);
        let of_date = files.iter().filter(|file| file.event_date == Some(date));
        rows += of_date.filter_map(|file| file.statistics.rows).sum::<u64>();
        if rows > MOST_ROWS {
            break;
        }
        let [since, until] = [start, end].map(DateTime::from_timestamp_micros);
        let selection = Selection { since, until, ..Selection::default() };
        let bounces = Selection { types: vec![EventType::Bounce], ..selection.clone() };
        reader.reasons.of(reader, EventType::Bounce, &bounces).await?;
        reader.engagement.days.of(reader, &selection).await?;
        delays::read_ahead(reader, &selection).await?;
    }
    Ok(())
}

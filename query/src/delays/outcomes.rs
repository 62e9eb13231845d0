//! What became of delayed mail: the first delivery or bounce after the first delay.
//!
//! ```text
//! dates ── delivered or bounced late ──> outcomes by message, which are kept ── delayed messages ──> fates
//! ```
//! Mail that is delayed ends late, and little mail does; so of every date only those outcomes are kept that came at least as long after
//! their mail was sent as the earliest delay that is asked about.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type};
use chrono::{DateTime, NaiveDate, Utc};
use datafusion::logical_expr::{Expr, cast, col, lit};
use datafusion::prelude::DataFrame;
use futures::{StreamExt, TryStreamExt, stream};
use repute_lake::schema::column;
use repute_lake::{DataFile, EventType};

use super::delayed::{Known, Messages};
use crate::codes::view;
use crate::dated::{Dated, Weighed, apart};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::reasons::{BounceClass, mail_key};
use crate::scan::{Reader, Selection};

/// Outcomes may take so many bytes.
const MOST_BYTES: usize = 32 << 20;

/// Waits are told apart in steps of powers of two of it, microseconds.
const SHORTEST: i64 = 1_000_000;

/// Dates are read with waits of this length or longer, so that most questions are answered from what the first one read: SES tries again
/// after some minutes.
const USUAL: i64 = 128 * SHORTEST;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    Bounced,
    Expired,
}

/// A delivery or bounce.
#[derive(Debug, Clone, Copy)]
struct Ended {
    /// The key of message and recipient.
    key: u64,
    /// When, microseconds.
    time: i64,
    outcome: Outcome,
}

/// Deliveries and bounces of a date that came so long after sending (microseconds) or later, or of which that is not known.
struct Late {
    waited: i64,
    ended: Vec<Ended>,
}

impl Weighed for Late {
    fn bytes(&self) -> usize {
        self.ended.len() * size_of::<Ended>()
    }
}

/// Outcomes by date.
pub(super) struct KeptOutcomes(Dated<(), Late>);

impl Default for KeptOutcomes {
    fn default() -> Self {
        Self(Dated::at_most(MOST_BYTES))
    }
}

/// Finds the first delivery or bounce of each message after its first delay. Only those rows are looked at that lie as long after their
/// sending as the earliest delay did. It waits for its turn itself wherever it reads rows: who asks must not have one.
pub(super) async fn decide<S>(
    reader: &Reader,
    as_of: Option<DateTime<Utc>>,
    messages: &mut Messages<S>,
) -> Result<(), QueryError> {
    let Some(from) = messages.known().map(|known| known.first).min() else { return Ok(()) };
    let wait = |shortest: i64, known: &Known<S>| Some(shortest.min(known.first - known.sent?));
    let shortest = messages.known().try_fold(i64::MAX, wait);
    let selection = Selection { since: DateTime::from_timestamp_micros(from), as_of, ..Selection::default() };
    // Whoever wants the engine to read the rows has them read.
    let Some(step) = shortest.and_then(step).filter(|_| reader.coded.is_some()) else {
        let _turn = reader.turn().await?;
        let rows = ended(reader, reader.events(&of_ends(&selection)).await?, shortest)?;
        return read(rows, |ended| note(ended, messages)).await;
    };
    let to = as_of.map_or(i64::MAX, |time| time.timestamp_micros());
    let mut dates: BTreeMap<NaiveDate, Vec<DataFile>> = BTreeMap::new();
    let mut others = Vec::new();
    for file in reader.files_between(from.min(to), to) {
        match file.event_date {
            Some(date) => _ = dates.entry(date).or_default(),
            None => others.push(file),
        }
    }
    for file in reader.files_between(i64::MIN, i64::MAX) {
        if let Some(files) = file.event_date.and_then(|date| dates.get_mut(&date)) {
            files.push(file);
        }
    }
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let late = |(date, files)| late(reader, date, files, step);
    let mut reading = stream::iter(dates).map(late).buffered(at_once);
    while let Some(late) = reading.try_next().await? {
        late.ended
            .iter()
            .filter(|ended| from <= ended.time && ended.time < to)
            .for_each(|ended| note(*ended, messages));
    }
    if !others.is_empty() {
        let _turn = reader.turn().await?;
        let rows = ended(reader, reader.rows_of(others, &of_ends(&selection))?, shortest)?;
        read(rows, |ended| note(ended, messages)).await?;
    }
    Ok(())
}

/// The largest step that is no longer than a wait; nothing where even the first is.
fn step(shortest: i64) -> Option<i64> {
    let steps = u64::try_from(shortest / SHORTEST).ok().filter(|steps| *steps > 0)?;
    Some(SHORTEST << steps.ilog2())
}

fn note<S>(ended: Ended, messages: &mut Messages<S>) {
    let Some(known) = messages.get_mut(ended.key) else { return };
    if ended.time >= known.first && known.outcome.is_none_or(|(earlier, _)| ended.time < earlier) {
        known.outcome = Some((ended.time, ended.outcome));
    }
}

async fn late(reader: &Reader, date: NaiveDate, files: Vec<DataFile>, shortest: i64) -> Result<Arc<Late>, QueryError> {
    let make = async |_| {
        let waited = shortest.min(USUAL);
        let rows = reader.rows_of(files.clone(), &of_ends(&Selection::default()))?;
        let rows = ended(reader, rows, Some(waited))?;
        let _turn = reader.turn().await?;
        apart(async move {
            let mut late = Late { waited, ended: Vec::new() };
            read(rows, |ended| late.ended.push(ended)).await?;
            late.ended.shrink_to_fit();
            Ok(late)
        })
        .await
    };
    reader.delays.outcomes().0.get(date, &(), &files, |late| late.waited <= shortest, make).await
}

fn of_ends(selection: &Selection) -> Selection {
    Selection { types: vec![EventType::Delivery, EventType::Bounce], ..selection.clone() }
}

/// Of some rows those that came so long after sending or later, and what is looked at of them.
fn ended(reader: &Reader, mut rows: DataFrame, shortest: Option<i64>) -> Result<DataFrame, QueryError> {
    if let Some(shortest) = shortest {
        rows = rows.filter(waited(shortest))?;
    }
    let columns = vec![
        cast(col(column::EVENT_TIME), DataType::Int64).alias("time"),
        col(column::EVENT_TYPE),
        col(column::MESSAGE_ID),
        col(column::RECIPIENT),
        reader.expression(&Dimension::BounceClass).alias("class"),
    ];
    Ok(rows.select(columns)?)
}

async fn read(rows: DataFrame, mut each: impl FnMut(Ended)) -> Result<(), QueryError> {
    let mut stream = rows.execute_stream().await?;
    while let Some(batch) = stream.try_next().await? {
        let [types, ids, recipients, classes] = [1, 2, 3, 4].map(|index| batch.column(index).as_string_view_opt());
        let times = batch.column(0).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let outcome = match (view(types, row), view(classes, row)) {
                (Some("Bounce"), Some(class)) if class == BounceClass::Expired.as_str() => Outcome::Expired,
                (Some("Bounce"), _) => Outcome::Bounced,
                _ => Outcome::Delivered,
            };
            let key = mail_key(view(ids, row).unwrap_or_default(), view(recipients, row).unwrap_or_default());
            each(Ended { key, time: times.value(row), outcome });
        }
    }
    Ok(())
}

/// So long after its sending or longer, or who knows.
fn waited(shortest: i64) -> Expr {
    let micros = |name| cast(col(name), DataType::Int64);
    let wait = micros(column::EVENT_TIME) - micros(column::SENT_TIME);
    wait.gt_eq(lit(shortest)).or(col(column::SENT_TIME).is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_told_apart_in_powers_of_two() {
        let steps = [-5, 0, 999_999, 1_000_000, 1_999_999, 2_000_000, 299_900_000, 86_400_000_000].map(step);
        let seconds = steps.map(|step| step.map(|step| step / 1_000_000));
        assert_eq!(seconds, [None, None, None, Some(1), Some(1), Some(2), Some(256), Some(65_536)]);
    }
}

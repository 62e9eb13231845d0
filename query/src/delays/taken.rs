//! Times of deliveries out of the events table: of all, by windows, by groups.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::{cast, col};
use foldhash::fast::RandomState;
use futures::StreamExt;
use repute_lake::EventType;
use repute_lake::schema::column;
use tokio::task::JoinSet;

use super::times::Times;
use crate::error::QueryError;
use crate::rates::Stepping;
use crate::scan::{Clock, Reader, Selection};
use crate::seen::Seen;
use crate::windows::Windows;
use crate::wording::thousands;

/// More groups would fill the memory.
const MOST_GROUPS: usize = 100_000;

/// What deliveries took.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) all: Times,
    /// By the start of the window.
    pub(crate) windows: BTreeMap<i64, Times>,
    pub(crate) groups: BTreeMap<Vec<Option<String>>, Times>,
    /// Deliveries that do not say.
    pub(crate) unknown: u64,
}

/// A part of the rows while they are counted.
#[derive(Default)]
struct Part {
    all: Times,
    windows: HashMap<i64, Times, RandomState>,
    texts: HashMap<Option<Box<str>>, u32, RandomState>,
    groups: HashMap<Vec<u32>, Times, RandomState>,
    unknown: u64,
}

/// Reads the times of the selection's deliveries, and the windows they fall into.
///
/// # Errors
/// [`QueryError::Question`] where there are more groups than the memory is for.
pub(crate) async fn taken(
    reader: &Reader,
    selection: &Selection,
    stepping: Stepping,
) -> Result<(Taken, Arc<Windows>), QueryError> {
    let selection = Selection { types: vec![EventType::Delivery], ..selection.clone() };
    let windows = Arc::new(Windows::of(stepping, selection.width, || range(reader, &selection))?);
    let mut columns = vec![
        cast(col(column::PROCESSING_MS), DataType::Int64).alias("took"),
        cast(col(selection.clock.column()), DataType::Int64).alias("time"),
    ];
    for (index, dimension) in selection.by.iter().enumerate() {
        columns.push(cast(reader.expression(dimension), DataType::Utf8View).alias(format!("group_{index}")));
    }
    if !windows.is_any() {
        columns.remove(1);
    }
    let _turn = reader.turn().await?;
    let rows = reader.events(&selection).await?.select(columns)?;
    let mut parts = JoinSet::new();
    for mut stream in rows.execute_stream_partitioned().await? {
        let (windows, dimensions) = (Arc::clone(&windows), selection.by.len());
        parts.spawn(async move {
            let mut part = Part::default();
            while let Some(batch) = stream.next().await {
                part.count(&batch?, &windows, dimensions)?;
            }
            Ok::<_, QueryError>(part)
        });
    }
    let mut taken = Taken::default();
    while let Some(part) = parts.join_next().await {
        part.map_err(|error| QueryError::Question(format!("counting ended early: {error}")))??.add_to(&mut taken);
    }
    Ok((taken, windows))
}

/// First and last time that rows may have, as the log and the selection say.
fn range(reader: &Reader, selection: &Selection) -> Option<(i64, i64)> {
    let files = reader.files_between(i64::MIN, i64::MAX);
    let known = files.iter().filter_map(|file| match selection.clock {
        Clock::Event => file.statistics.event_time,
        Clock::Sent => file.statistics.sent_time,
    });
    let (first, last) = known.reduce(|(low, high), (l, h)| (low.min(l), high.max(h)))?;
    let since = selection.since.map_or(first, |time| time.timestamp_micros().max(first));
    let until = selection.until.map_or(last, |time| time.timestamp_micros().min(last));
    Some((since, until))
}

impl Part {
    fn count(&mut self, batch: &RecordBatch, windows: &Windows, dimensions: usize) -> Result<(), QueryError> {
        let took = batch.column(0).as_primitive::<Int64Type>();
        let times = windows.is_any().then(|| batch.column(1).as_primitive::<Int64Type>());
        let first = if windows.is_any() { 2 } else { 1 };
        let values = (first..first + dimensions).map(|index| batch.column(index).as_string_view());
        let mut seen: Vec<Seen<'_, u32>> = values.map(Seen::of).collect();
        let mut key = vec![0; dimensions];
        for row in 0..batch.num_rows() {
            if took.is_null(row) {
                self.unknown += 1;
                continue;
            }
            let took = took.value(row);
            self.all.add(took);
            if let Some(times) = times.filter(|times| times.is_valid(row)) {
                self.windows.entry(windows.start(times.value(row))).or_default().add(took);
            }
            for (seen, number) in seen.iter_mut().zip(&mut key) {
                *number = seen.get(row, |value| number_of(&mut self.texts, value));
            }
            if dimensions > 0 {
                match self.groups.get_mut(&key) {
                    Some(times) => times.add(took),
                    None => self.groups.entry(key.clone()).or_default().add(took),
                }
            }
        }
        if self.groups.len() > MOST_GROUPS {
            let most = thousands(MOST_GROUPS as u64);
            return Err(QueryError::Question(format!("more than {most} groups; choose what has fewer values")));
        }
        Ok(())
    }

    fn add_to(self, taken: &mut Taken) {
        taken.all.sum(&self.all);
        taken.unknown += self.unknown;
        self.windows.iter().for_each(|(start, times)| taken.windows.entry(*start).or_default().sum(times));
        let mut texts = vec![None; self.texts.len()];
        for (text, number) in self.texts {
            if let Some(place) = texts.get_mut(number as usize) {
                *place = text.map(String::from);
            }
        }
        for (key, times) in self.groups {
            let group = key.iter().map(|number| texts.get(*number as usize).cloned().flatten()).collect();
            taken.groups.entry(group).or_default().sum(&times);
        }
    }
}

fn number_of(texts: &mut HashMap<Option<Box<str>>, u32, RandomState>, value: Option<&str>) -> u32 {
    let value = value.map(Box::from);
    let next = u32::try_from(texts.len()).unwrap_or(u32::MAX);
    *texts.entry(value).or_insert(next)
}

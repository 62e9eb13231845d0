//! Times of deliveries out of rows of the events table.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::{cast, col};
use foldhash::fast::RandomState;
use futures::StreamExt;
use repute_lake::DataFile;
use repute_lake::schema::column;
use tokio::task::JoinSet;

use super::taken::{MOST_GROUPS, Taken, too_many_groups};
use super::times::Times;
use crate::error::QueryError;
use crate::scan::{Reader, Selection};
use crate::seen::Seen;
use crate::windows::Windows;

/// A part of the rows while they are counted.
#[derive(Default)]
struct Part {
    all: Times,
    windows: HashMap<i64, Times, RandomState>,
    texts: HashMap<Option<Box<str>>, u32, RandomState>,
    groups: HashMap<Vec<u32>, Times, RandomState>,
    unknown: u64,
}

/// Adds the times of the selection's rows, of some files or of all.
pub(super) async fn scan(
    reader: &Reader,
    files: Option<Vec<DataFile>>,
    selection: &Selection,
    windows: &Arc<Windows>,
    taken: &mut Taken,
) -> Result<(), QueryError> {
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
    let rows = match files {
        Some(files) => reader.rows_of(files, selection)?,
        None => reader.events(selection).await?,
    };
    let mut parts = JoinSet::new();
    for mut stream in rows.select(columns)?.execute_stream_partitioned().await? {
        let (windows, dimensions) = (Arc::clone(windows), selection.by.len());
        parts.spawn(async move {
            let mut part = Part::default();
            while let Some(batch) = stream.next().await {
                part.count(&batch?, &windows, dimensions)?;
            }
            Ok::<_, QueryError>(part)
        });
    }
    while let Some(part) = parts.join_next().await {
        part.map_err(|error| QueryError::Question(format!("counting ended early: {error}")))??.add_to(taken);
    }
    Ok(())
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
            return Err(too_many_groups());
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

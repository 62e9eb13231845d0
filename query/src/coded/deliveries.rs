//! Deliveries of data files with what they took, out of columns as numbers.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use repute_lake::schema::column;
use repute_lake::{CodedFiles, CodedGroup, Coding, DataFile, EventType};

use super::Sorting;
use super::axis::Axis;
use super::columns::{Columns, Source};
use super::span::Kept;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::selection::Clock;

/// Up to so many combinations of values have a place each, whether a row has them or not: four mebibytes.
const LISTED: usize = 1 << 20;

/// What is read of deliveries.
pub(crate) struct Deliveries {
    clock: Clock,
    sorting: Sorting,
    axes: Vec<Axis>,
    by: Vec<usize>,
    only: Vec<(usize, Option<String>)>,
    columns: Vec<(String, Coding)>,
    sources: Vec<Source>,
}

/// One delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// When, on the clock that was asked for, in microseconds.
    pub(crate) time: i64,
    /// How long it took, in milliseconds, if it says.
    pub(crate) took: Option<i64>,
    /// The place of its values among those of its row group.
    pub(crate) values: u32,
}

/// Takes the deliveries of a row group: the values that they are told apart by, and each with the place of its own.
pub(crate) trait TakeDeliveries {
    /// Says whether there may be more.
    fn take(&mut self, values: &[Vec<Option<&str>>], deliveries: impl Iterator<Item = Delivery>) -> bool;
}

impl Deliveries {
    /// Those that have a time on a clock and these values, told apart by some dimensions.
    pub(crate) fn of(clock: Clock, by: &[Dimension], only: &[(Dimension, Option<String>)], sorting: &Sorting) -> Self {
        let mut axes: Vec<Axis> = Vec::new();
        let mut number = |dimension: &Dimension| {
            let axis = Axis::of(dimension, &sorting.promoted_tags);
            axes.iter().position(|known| *known == axis).unwrap_or_else(|| {
                axes.push(axis);
                axes.len() - 1
            })
        };
        let by = by.iter().map(&mut number).collect();
        let only = only.iter().map(|(dimension, value)| (number(dimension), value.clone())).collect();
        let mut columns = vec![
            (column::EVENT_TYPE.to_owned(), Coding::Text),
            (clock.column().to_owned(), Coding::Time),
            (column::PROCESSING_MS.to_owned(), Coding::Number),
        ];
        columns.extend(axes.iter().flat_map(Axis::columns));
        let sources = Source::all(&columns, &axes);
        Self { clock, sorting: sorting.clone(), axes, by, only, columns, sources }
    }

    /// Reads files, and gives back those that cannot be read so.
    pub(crate) async fn read(
        &self,
        coded: &CodedFiles,
        files: Vec<DataFile>,
        into: &mut (impl TakeDeliveries + Send),
    ) -> Result<Vec<DataFile>, QueryError> {
        let mut others = Vec::new();
        for data in files {
            let file = coded.open(&data).await?;
            if !file.can_read(&self.columns) {
                others.push(data);
                continue;
            }
            for group in 0..file.groups() {
                let group = file.read(group, &self.columns).await?;
                if !self.give(&group, into)? {
                    return Ok(others);
                }
                // Whoever waits no longer is heard between one row group and the next.
                tokio::task::yield_now().await;
            }
        }
        Ok(others)
    }

    fn give(&self, group: &CodedGroup, into: &mut impl TakeDeliveries) -> Result<bool, QueryError> {
        let columns = Columns::of(group, &self.sources);
        let events = columns.texts(column::EVENT_TYPE)?;
        let is_delivery: Vec<bool> = events.texts().map(|text| text == EventType::Delivery.as_str()).collect();
        let mut kept = Kept(None);
        if !is_delivery.contains(&true) || !kept.only(events.translate(false, &is_delivery)?) {
            return Ok(true);
        }
        for (axis, value) in &self.only {
            let values = self.axes[*axis].values(&columns, &self.sorting)?;
            if !values.keep(value.as_deref(), &mut kept) {
                return Ok(true);
            }
        }
        let times = group.times(self.clock.column())?;
        let rows: Vec<u32> = (0..)
            .zip(kept.0.iter().flatten())
            .filter(|(row, kept)| **kept && !is_null(&times.nulls, *row))
            .map(|(row, _)| row)
            .collect();
        let by = self.by.iter().map(|axis| self.axes[*axis].values(&columns, &self.sorting));
        let by = by.collect::<Result<Vec<_>, _>>()?;
        let mut joined = Joined { of_rows: vec![0; rows.len()], values: vec![Vec::new()] };
        for values in &by {
            joined.join(rows.iter().map(|row| values.numbers[*row as usize]), &values.names);
        }
        let took = group.numbers(column::PROCESSING_MS)?;
        let deliveries = rows.iter().zip(&joined.of_rows).map(|(row, values)| Delivery {
            time: times.times[*row as usize],
            took: (!is_null(&took.nulls, *row)).then(|| took.times[*row as usize]),
            values: *values,
        });
        Ok(into.take(&joined.values, deliveries))
    }
}

fn is_null(nulls: &[bool], row: u32) -> bool {
    nulls.get(row as usize).copied().unwrap_or_default()
}

/// The values of several dimensions as one number a row.
struct Joined<'g> {
    of_rows: Vec<u32>,
    values: Vec<Vec<Option<&'g str>>>,
}

impl<'g> Joined<'g> {
    fn join(&mut self, numbers: impl Iterator<Item = u32>, names: &[Option<&'g str>]) {
        let mut joined = Vec::new();
        let mut add = |before: u32, number: u32| {
            let mut values = self.values[before as usize].clone();
            values.push(names[number as usize]);
            joined.push(values);
            (joined.len() - 1) as u32
        };
        let size = self.values.len() * names.len();
        if size <= LISTED {
            let mut known = vec![u32::MAX; size];
            for (of_row, number) in self.of_rows.iter_mut().zip(numbers) {
                let known = &mut known[*of_row as usize * names.len() + number as usize];
                if *known == u32::MAX {
                    *known = add(*of_row, number);
                }
                *of_row = *known;
            }
        } else {
            let mut known: HashMap<(u32, u32), u32, RandomState> = HashMap::default();
            for (of_row, number) in self.of_rows.iter_mut().zip(numbers) {
                *of_row = *known.entry((*of_row, number)).or_insert_with(|| add(*of_row, number));
            }
        }
        self.values = joined;
    }
}

//! Counts rows by window, group and cell of the tally, batch by batch.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int16Type, Int64Type};
use foldhash::fast::RandomState;

use crate::error::QueryError;
use crate::rollup::day::{Gather, floor};
use crate::seen::Seen;
use crate::wording::thousands;

/// So many counts take about half a gigabyte; a question with more would fill the memory.
const MOST_COUNTS: usize = 8_000_000;

/// Counts of batches of (time in microseconds, cell, values of the dimensions).
pub(crate) struct Counter {
    width: Option<i64>,
    /// The texts of each dimension, and their numbers.
    texts: Vec<Texts>,
    groups: HashMap<Vec<u32>, u32, RandomState>,
    /// By window, then group and cell.
    counts: HashMap<(i64, u64), u64, RandomState>,
    last: Last,
}

/// Rows of the same key that came last, and are not among the counts yet.
struct Last {
    numbers: Vec<u32>,
    group: u32,
    key: (i64, u64),
    rows: u64,
}

/// Texts and their numbers; no text is 0.
#[derive(Default)]
struct Texts {
    numbers: HashMap<Box<str>, u32, RandomState>,
}

impl Texts {
    fn number(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return 0 };
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len() + 1).unwrap_or(u32::MAX);
        self.numbers.insert(text.into(), number);
        number
    }

    fn into_list(self) -> Vec<Option<String>> {
        let mut list = vec![None; self.numbers.len() + 1];
        for (text, number) in self.numbers {
            list[number as usize] = Some(text.into());
        }
        list
    }
}

impl Counter {
    pub(crate) fn new(width: Option<i64>, dimensions: usize) -> Self {
        let texts = (0..dimensions).map(|_| Texts::default()).collect();
        let last = Last { numbers: Vec::new(), group: 0, key: (0, u64::MAX), rows: 0 };
        Self { width, texts, groups: HashMap::default(), counts: HashMap::default(), last }
    }

    /// Adds the rows of a batch.
    pub(crate) fn count(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        let times = batch.column(0).as_primitive::<Int64Type>().values();
        let cells = batch.column(1).as_primitive::<Int16Type>();
        let arrays: Vec<_> = (0..self.texts.len()).map(|index| batch.column(2 + index).as_string_view()).collect();
        let mut seen: Vec<Seen<'_, u32>> = arrays.into_iter().map(Seen::of).collect();
        let mut numbers = vec![0; self.texts.len()];
        for (row, time) in times.iter().enumerate() {
            if cells.is_null(row) {
                continue;
            }
            for ((seen, texts), number) in seen.iter_mut().zip(&mut self.texts).zip(&mut numbers) {
                *number = seen.get(row, |text| texts.number(text));
            }
            self.add_row(*time, &numbers, cells.value(row));
        }
        self.end_batch()
    }

    /// The number of a dimension's value.
    pub(crate) fn number(&mut self, dimension: usize, text: Option<&str>) -> u32 {
        self.texts.get_mut(dimension).map_or(0, |texts| texts.number(text))
    }

    /// Adds a row with these numbers of its dimensions' values.
    pub(crate) fn add_row(&mut self, time: i64, numbers: &[u32], cell: i16) {
        if self.last.numbers != numbers || self.last.rows == 0 {
            self.last.group = self.group(numbers);
            self.last.numbers.clear();
            self.last.numbers.extend_from_slice(numbers);
        }
        let window = self.width.map_or(0, |width| floor(time, width));
        let key = (window, u64::from(self.last.group) << 8 | u64::from(cell.cast_unsigned()));
        if key == self.last.key {
            self.last.rows += 1;
            return;
        }
        self.add(self.last.key, self.last.rows);
        (self.last.key, self.last.rows) = (key, 1);
    }

    /// Takes in the rows of a batch.
    ///
    /// # Errors
    /// [`QueryError::Question`] where there are more counts than the memory is for.
    pub(crate) fn end_batch(&mut self) -> Result<(), QueryError> {
        self.add(self.last.key, self.last.rows);
        self.last.rows = 0;
        self.last.key.1 = u64::MAX;
        if self.counts.len() > MOST_COUNTS {
            let most = thousands(MOST_COUNTS as u64);
            let what =
                format!("more than {most} counts; choose a wider window, a shorter range, or what has fewer values");
            return Err(QueryError::Question(what));
        }
        Ok(())
    }

    fn add(&mut self, key: (i64, u64), rows: u64) {
        if rows > 0 {
            *self.counts.entry(key).or_default() += rows;
        }
    }

    fn group(&mut self, numbers: &[u32]) -> u32 {
        if let Some(group) = self.groups.get(numbers) {
            return *group;
        }
        let group = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        self.groups.insert(numbers.to_vec(), group);
        group
    }

    /// Adds all of them to what there is.
    pub(crate) fn add_to(self, into: &mut impl Gather) {
        let texts: Vec<Vec<Option<String>>> = self.texts.into_iter().map(Texts::into_list).collect();
        let mut names = vec![Vec::new(); self.groups.len()];
        for (numbers, group) in self.groups {
            let values = numbers.iter().zip(&texts).map(|(number, texts)| texts[*number as usize].clone());
            names[group as usize] = values.collect();
        }
        let mut counts: Vec<((i64, u64), u64)> = self.counts.into_iter().collect();
        counts.sort_unstable_by_key(|((_, of), _)| *of);
        for of_cell in counts.chunk_by(|((_, a), _), ((_, b), _)| a == b) {
            let Some(((_, first), _)) = of_cell.first() else { continue };
            let rows = of_cell.iter().map(|((window, _), rows)| (*window, *rows));
            into.add(&names[(first >> 8) as usize], (first & 0xff) as i16, rows);
        }
    }
}

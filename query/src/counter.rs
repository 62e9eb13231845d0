//! Counts of rows by window, group and cell of the tally, from whichever way the rows were read.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int16Type, Int64Type};
use foldhash::fast::RandomState;

use crate::error::QueryError;
use crate::part::Part;
use crate::rollup::day::floor;
use crate::seen::Seen;
use crate::selection::Tallied;
use crate::tally::{CELLS, Tally};
use crate::wording::thousands;

/// So many windows and groups take about half a gigabyte; a question with more would fill the memory.
pub(crate) const MOST_ROWS: usize = 2_000_000;

/// Counts by window and group.
pub(crate) struct Counter {
    width: Option<i64>,
    /// The texts of each dimension, and their numbers.
    texts: Vec<Texts>,
    /// Groups of more than two dimensions.
    groups: HashMap<Box<[u32]>, u64, RandomState>,
    places: HashMap<Place, u32, RandomState>,
    counts: Counts,
    last: Option<(Place, u32)>,
    most_rows: usize,
}

/// The start of a window, and a group: the numbers of up to two texts, or its own.
type Place = (i64, u64);

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

    /// By number.
    fn list(&self) -> Vec<Option<&str>> {
        let mut list = vec![None; self.numbers.len() + 1];
        for (text, number) in &self.numbers {
            list[*number as usize] = Some(text.as_ref());
        }
        list
    }
}

impl Counter {
    /// For an answer of at most so many rows.
    pub(crate) fn new(width: Option<i64>, dimensions: usize, most_rows: usize) -> Self {
        Self {
            width,
            texts: (0..dimensions).map(|_| Texts::default()).collect(),
            groups: HashMap::default(),
            places: HashMap::default(),
            counts: Counts::default(),
            last: None,
            most_rows,
        }
    }

    /// One for the same answer that has counted nothing.
    pub(crate) fn empty(&self) -> Self {
        Self::new(self.width, self.texts.len(), self.most_rows)
    }

    /// Adds the rows of a batch of (time in microseconds, cell, values of the dimensions).
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
            let window = self.width.map_or(0, |width| floor(*time, width));
            self.add(window, &numbers, cells.value(row), 1)?;
        }
        Ok(())
    }

    /// The number of a dimension's value.
    pub(crate) fn number(&mut self, dimension: usize, text: Option<&str>) -> u32 {
        self.texts.get_mut(dimension).map_or(0, |texts| texts.number(text))
    }

    /// Adds rows of a window, with these numbers of their dimensions' values.
    ///
    /// # Errors
    /// [`QueryError::Question`] where there are more windows and groups than the memory is for.
    pub(crate) fn add(&mut self, window: i64, numbers: &[u32], cell: i16, rows: u64) -> Result<(), QueryError> {
        let place = (window, self.group(numbers));
        let row = match self.last {
            Some((last, row)) if last == place => row,
            _ => self.row(place)?,
        };
        self.last = Some((place, row));
        self.counts.add(row, cell, rows);
        Ok(())
    }

    /// The row of counts of a window and group.
    fn row(&mut self, place: Place) -> Result<u32, QueryError> {
        if let Some(row) = self.places.get(&place) {
            return Ok(*row);
        }
        no_more_than(self.most_rows, self.places.len() + 1)?;
        let row = self.counts.push();
        self.places.insert(place, row);
        Ok(row)
    }

    fn group(&mut self, numbers: &[u32]) -> u64 {
        match numbers {
            [] => 0,
            [one] => u64::from(*one),
            [one, other] => u64::from(*one) << 32 | u64::from(*other),
            more => {
                if let Some(group) = self.groups.get(more) {
                    return *group;
                }
                let group = self.groups.len() as u64;
                self.groups.insert(more.into(), group);
                group
            }
        }
    }

    /// The groups of more than two dimensions, by number.
    fn list(&self) -> Vec<&[u32]> {
        let mut list: Vec<&[u32]> = vec![&[]; self.groups.len()];
        for (numbers, group) in &self.groups {
            list[*group as usize] = numbers;
        }
        list
    }

    /// The numbers of a group's values.
    fn numbers(&self, group: u64, list: &[&[u32]], numbers: &mut Vec<u32>) {
        numbers.clear();
        match self.texts.len() {
            0 => {}
            1 => numbers.push(group as u32),
            2 => numbers.extend([(group >> 32) as u32, group as u32]),
            _ => numbers.extend_from_slice(list[group as usize]),
        }
    }

    /// Adds what another has counted.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<(), QueryError> {
        let renumbered: Vec<Vec<u32>> = (other.texts.iter().enumerate())
            .map(|(dimension, texts)| texts.list().into_iter().map(|text| self.number(dimension, text)).collect())
            .collect();
        let (list, mut numbers) = (other.list(), Vec::new());
        for ((window, group), row) in &other.places {
            other.numbers(*group, &list, &mut numbers);
            for (number, renumbered) in numbers.iter_mut().zip(&renumbered) {
                *number = renumbered[*number as usize];
            }
            for (cell, rows) in other.counts.of(*row) {
                self.add(*window, &numbers, cell, rows)?;
            }
        }
        Ok(())
    }

    /// Adds what was kept of rows in windows that begin within a range (from, to), and that have one of these values of each of these
    /// dimensions. `order` gives of each dimension its number in the part, which may have more of them; the part's windows may be parts
    /// of this one's.
    pub(crate) fn add_part(
        &mut self,
        part: &Part,
        range: (i64, i64),
        order: &[usize],
        only: &[(usize, Vec<Option<&str>>)],
    ) -> Result<(), QueryError> {
        let mut renumbered: Vec<(usize, Vec<u32>)> = Vec::new();
        for (dimension, place) in order.iter().enumerate() {
            let texts = part.texts.get(*place).into_iter().flatten();
            renumbered.push((*place, texts.map(|text| self.number(dimension, text.as_deref())).collect()));
        }
        let mut mine = vec![0; order.len()];
        for (window, numbers, counts) in part.of(range, only) {
            let window = self.width.map_or(0, |width| floor(window, width));
            for (mine, (place, renumbered)) in mine.iter_mut().zip(&renumbered) {
                *mine = renumbered[numbers[*place] as usize];
            }
            for (cell, rows) in counts {
                self.add(window, &mine, cell, rows)?;
            }
        }
        Ok(())
    }

    /// The same counts in little room.
    pub(crate) fn into_part(self) -> Part {
        let texts = self.texts.iter().map(|texts| texts.list().into_iter().map(|text| text.map(Box::from)).collect());
        let mut part = Part::new(texts.collect());
        let (list, mut numbers) = (self.list(), Vec::new());
        let mut places: Vec<(&Place, &u32)> = self.places.iter().collect();
        places.sort_unstable();
        for ((window, group), row) in places {
            self.numbers(*group, &list, &mut numbers);
            part.push(*window, &numbers, self.counts.of(*row));
        }
        part
    }

    /// All counts, ordered by window and group.
    pub(crate) fn into_tallied(self) -> Vec<Tallied> {
        let texts: Vec<Vec<Option<&str>>> = self.texts.iter().map(Texts::list).collect();
        let (list, mut numbers) = (self.list(), Vec::new());
        let mut rows: Vec<(i64, Vec<Option<&str>>, u32)> = Vec::with_capacity(self.places.len());
        for ((window, group), row) in &self.places {
            self.numbers(*group, &list, &mut numbers);
            let names = numbers.iter().zip(&texts).map(|(number, texts)| texts[*number as usize]).collect();
            rows.push((*window, names, *row));
        }
        rows.sort_unstable();
        let tallied = |(window, names, row): (i64, Vec<Option<&str>>, u32)| {
            let mut tally = Tally::default();
            self.counts.of(row).for_each(|(cell, rows)| tally.add_cell(cell, rows));
            Tallied { window, group: names.into_iter().map(|name| name.map(str::to_owned)).collect(), tally }
        };
        rows.into_iter().map(tallied).collect()
    }
}

/// Refuses answers of more windows and groups.
pub(crate) fn no_more_than(most: usize, rows: usize) -> Result<(), QueryError> {
    if rows <= most {
        return Ok(());
    }
    let most = thousands(most as u64);
    let remedy = "choose a wider window, a shorter range, or what has fewer values";
    Err(QueryError::Question(format!("more than {most} windows and groups; {remedy}")))
}

/// A table of counts, of which the columns are those cells of the tally that were met.
struct Counts {
    /// The cell of each column.
    cells: Vec<i16>,
    /// The column of each cell, [`NO_COLUMN`] where it was not met.
    columns: [u8; CELLS],
    /// How many columns there is room for.
    width: usize,
    rows: u32,
    counts: Vec<u64>,
}

/// Room for columns grows by so many.
const COLUMNS: usize = 8;

const NO_COLUMN: u8 = u8::MAX;

impl Default for Counts {
    fn default() -> Self {
        Self { cells: Vec::new(), columns: [NO_COLUMN; CELLS], width: 0, rows: 0, counts: Vec::new() }
    }
}

impl Counts {
    fn push(&mut self) -> u32 {
        self.rows += 1;
        self.counts.resize(self.rows as usize * self.width, 0);
        self.rows - 1
    }

    fn add(&mut self, row: u32, cell: i16, rows: u64) {
        let Ok(place) = usize::try_from(cell) else { return };
        let column = match self.columns.get(place) {
            Some(&NO_COLUMN) => self.column(cell, place),
            Some(column) => usize::from(*column),
            None => return,
        };
        self.counts[row as usize * self.width + column] += rows;
    }

    fn column(&mut self, cell: i16, place: usize) -> usize {
        self.columns[place] = self.cells.len() as u8;
        self.cells.push(cell);
        if self.cells.len() > self.width {
            let before = self.width.max(1);
            self.width += COLUMNS;
            let mut counts = vec![0; self.rows as usize * self.width];
            for (wide, narrow) in counts.chunks_exact_mut(self.width).zip(self.counts.chunks_exact(before)) {
                wide[..before].copy_from_slice(narrow);
            }
            self.counts = counts;
        }
        self.cells.len() - 1
    }

    /// The counts of a row that are not zero.
    fn of(&self, row: u32) -> impl Iterator<Item = (i16, u64)> + '_ {
        let from = row as usize * self.width;
        let counts = self.cells.iter().zip(&self.counts[from..from + self.width]);
        counts.filter(|(_, rows)| **rows > 0).map(|(cell, rows)| (*cell, *rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::{Kind, RecipientClass, cell};

    /// Counts `rows` of (window, values, kind), and says what comes out.
    fn counted(counter: &mut Counter, rows: &[(i64, &[Option<&str>], Kind)]) {
        for (window, values, kind) in rows {
            let numbers: Vec<u32> = values.iter().enumerate().map(|(i, value)| counter.number(i, *value)).collect();
            counter.add(*window, &numbers, cell(*kind, RecipientClass::Ordinary), 1).unwrap();
        }
    }

    #[test]
    fn two_are_merged_by_what_their_groups_are_called() {
        for dimensions in 0..4 {
            let all: [&[Option<&str>]; 3] =
                [&[None; 3], &[Some("a"), Some("b"), None], &[Some("b"), Some("a"), Some("")]];
            let values = all.map(|values| &values[..dimensions]);
            let (mut one, mut other) = (Counter::new(Some(1), dimensions, 10), Counter::new(Some(1), dimensions, 10));
            counted(&mut one, &[(0, values[1], Kind::Send), (1, values[0], Kind::Open), (0, values[1], Kind::Send)]);
            counted(&mut other, &[(0, values[2], Kind::Click), (0, values[1], Kind::Open), (1, values[0], Kind::Open)]);
            one.merge(&other).unwrap();
            let told: Vec<(i64, usize, [u64; 3])> = one
                .into_tallied()
                .into_iter()
                .map(|t| {
                    let which = values.iter().position(|values| {
                        values.iter().map(|value| value.map(str::to_owned)).collect::<Vec<_>>() == t.group
                    });
                    (t.window, which.unwrap(), [Kind::Send, Kind::Open, Kind::Click].map(|kind| t.tally.all(kind)))
                })
                .collect();
            let expected = match dimensions {
                0 => vec![(0, 0, [2, 1, 1]), (1, 0, [0, 2, 0])],
                _ => vec![(0, 1, [2, 1, 0]), (0, 2, [0, 0, 1]), (1, 0, [0, 2, 0])],
            };
            assert_eq!(told, expected, "{dimensions} dimensions");
        }
    }
}

//! Counts the rows of a row group by a key made of the numbers of window, values and cell.
//!
//! ```text
//! few groups ────────────────────────────────> a place for each, with one for each cell
//! more, of which few have a row ── numbered ──> likewise for those that have one
//! very many ────────────────────────────────> looked up
//! ```
//! Either way a text is named only once for all the rows that have it.

use std::borrow::Cow;

use super::axis::{Values, Windows};
use super::cells::SKIPPED;
use crate::counter::Counter;
use crate::error::QueryError;
use crate::tally::CELLS;

/// Up to so many groups and cells have a place each, whether they have a row or not: a mebibyte.
const LISTED: usize = 1 << 18;

/// Up to so many groups are numbered: four mebibytes.
const NUMBERED: usize = 1 << 20;

/// Room that is used for one row group after the other.
#[derive(Default)]
pub(super) struct Keys {
    counts: Vec<u32>,
    /// The number of each group that has a row; [`NO_NUMBER`] between one row group and the next.
    numbers: Vec<u32>,
    found: Table,
}

const NO_NUMBER: u32 = u32::MAX;

/// The rows of a row group, taken apart.
pub(super) struct Rows<'r> {
    pub(super) cells: &'r [u8],
    pub(super) windows: Option<&'r Windows>,
    pub(super) by: Vec<&'r Values<'r>>,
}

/// The cells that rows have, each with a column of its own; one more is for rows that are skipped.
struct Met {
    cells: Vec<u8>,
    columns: [u8; 256],
}

impl Met {
    fn of(cells: &[u8]) -> Self {
        let mut is_met = [false; 256];
        cells.iter().for_each(|cell| is_met[usize::from(*cell)] = true);
        let met: Vec<u8> = (0..CELLS as u8).filter(|cell| is_met[usize::from(*cell)]).collect();
        let mut columns = [met.len() as u8; 256];
        met.iter().zip(0..).for_each(|(cell, column)| columns[usize::from(*cell)] = column);
        Self { cells: met, columns }
    }

    fn columns(&self) -> usize {
        self.cells.len() + 1
    }
}

/// What the numbers of values are to a counter.
struct Named<'r> {
    by: &'r [&'r Values<'r>],
    /// The counter's number of each name; none where it was not needed yet.
    known: Vec<Vec<Option<u32>>>,
    numbers: Vec<u32>,
}

impl<'r> Named<'r> {
    fn of(by: &'r [&'r Values<'r>]) -> Self {
        Self { by, known: by.iter().map(|values| vec![None; values.names.len()]).collect(), numbers: vec![0; by.len()] }
    }

    fn name(&mut self, dimension: usize, number: u32, counter: &mut Counter) {
        let known = &mut self.known[dimension][number as usize];
        let name = self.by[dimension].names[number as usize];
        self.numbers[dimension] = *known.get_or_insert_with(|| counter.number(dimension, name));
    }
}

impl Keys {
    /// Adds the rows to a counter.
    pub(super) fn count(&mut self, rows: &Rows<'_>, counter: &mut Counter) -> Result<(), QueryError> {
        let met = Met::of(rows.cells);
        let groups = rows.lists().try_fold(1_usize, |groups, (_, size)| groups.checked_mul(size as usize));
        match groups {
            Some(groups) if groups <= LISTED / met.columns() => {
                self.counts.clear();
                self.counts.resize(groups * met.columns(), 0);
                count_cells(&met, rows.cells, &rows.joined(), &mut self.counts);
                self.tell(rows, &met, None, counter)
            }
            Some(groups) if groups <= NUMBERED => {
                let mut joined = rows.joined().into_owned();
                let present = self.number(&mut joined, groups);
                self.counts.clear();
                self.counts.resize(present.len() * met.columns(), 0);
                count_cells(&met, rows.cells, &joined, &mut self.counts);
                self.tell(rows, &met, Some(&present), counter)
            }
            _ => self.count_found(rows, counter),
        }
    }

    /// Puts numbers in the place of groups; says which group has which.
    fn number(&mut self, joined: &mut [u32], groups: usize) -> Vec<u32> {
        if self.numbers.len() < groups {
            self.numbers.resize(groups, NO_NUMBER);
        }
        let mut present = Vec::new();
        for group in joined.iter_mut() {
            let number = &mut self.numbers[*group as usize];
            if *number == NO_NUMBER {
                *number = present.len() as u32;
                present.push(*group);
            }
            *group = *number;
        }
        present.iter().for_each(|group| self.numbers[*group as usize] = NO_NUMBER);
        present
    }

    /// Tells the counter what was counted; `present` are the groups that have a number, all if there is no list.
    fn tell(
        &self,
        rows: &Rows<'_>,
        met: &Met,
        present: Option<&[u32]>,
        counter: &mut Counter,
    ) -> Result<(), QueryError> {
        let sizes: Vec<u32> = rows.by.iter().map(|values| values.names.len() as u32).collect();
        let mut named = Named::of(&rows.by);
        for (number, counts) in self.counts.chunks_exact(met.columns()).enumerate() {
            let counts = &counts[..met.cells.len()];
            if counts.iter().all(|count| *count == 0) {
                continue;
            }
            let mut rest = present.map_or(number as u32, |present| present[number]);
            for (dimension, size) in sizes.iter().enumerate().rev() {
                named.name(dimension, rest % size, counter);
                rest /= size;
            }
            let window = rows.windows.map_or(0, |windows| windows.starts[rest as usize]);
            for (count, cell) in counts.iter().zip(&met.cells).filter(|(count, _)| **count > 0) {
                counter.add(window, &named.numbers, i16::from(*cell), u64::from(*count))?;
            }
        }
        Ok(())
    }

    fn count_found(&mut self, rows: &Rows<'_>, counter: &mut Counter) -> Result<(), QueryError> {
        let (mut keys, mut size): (Vec<u64>, u64) = (vec![0; rows.cells.len()], 1);
        for (list, of_list) in rows.lists() {
            let of_list = u64::from(of_list);
            size = match size.checked_mul(of_list).filter(|size| *size <= u64::MAX / 256) {
                Some(size) => size,
                None => self.found.renumber(&mut keys) * of_list,
            };
            keys.iter_mut().zip(list).for_each(|(key, number)| *key = *key * of_list + u64::from(*number));
        }
        for (row, (key, cell)) in keys.iter().zip(rows.cells).enumerate() {
            if *cell != SKIPPED {
                self.found.add(*key << 8 | u64::from(*cell), row as u32);
            }
        }
        let mut named = Named::of(&rows.by);
        for (row, count) in self.found.take() {
            let row = row as usize;
            for (dimension, values) in rows.by.iter().enumerate() {
                named.name(dimension, values.numbers[row], counter);
            }
            let window = rows.windows.map_or(0, |windows| windows.starts[windows.numbers[row] as usize]);
            counter.add(window, &named.numbers, i16::from(rows.cells[row]), u64::from(count))?;
        }
        Ok(())
    }
}

impl Rows<'_> {
    /// Each row's number of its window and values, with how many numbers there are.
    fn lists(&self) -> impl Iterator<Item = (&[u32], u32)> {
        let windows = self.windows.map(|windows| (&windows.numbers[..], windows.starts.len()));
        let by = self.by.iter().map(|values| (&values.numbers[..], values.names.len()));
        windows.into_iter().chain(by).map(|(numbers, size)| (numbers, size as u32))
    }

    /// Each row's group as one number. There must not be more than fit.
    fn joined(&self) -> Cow<'_, [u32]> {
        let mut lists = self.lists();
        let Some((first, _)) = lists.next() else { return Cow::Owned(vec![0; self.cells.len()]) };
        let mut joined = Cow::Borrowed(first);
        for (list, size) in lists {
            joined.to_mut().iter_mut().zip(list).for_each(|(joined, number)| *joined = *joined * size + number);
        }
        joined
    }
}

/// Counts rows by group and column of their cell.
fn count_cells(met: &Met, cells: &[u8], groups: &[u32], counts: &mut [u32]) {
    let columns = met.columns();
    for (group, cell) in groups.iter().zip(cells) {
        counts[*group as usize * columns + usize::from(met.columns[usize::from(*cell)])] += 1;
    }
}

/// Keys that are looked up: how many rows have each, and the first of them.
#[derive(Default)]
struct Table {
    /// Key, first row, number of rows; nothing where no row has it. Twice as many as there are keys, at least.
    slots: Vec<(u64, u32, u32)>,
    used: usize,
}

impl Table {
    fn add(&mut self, key: u64, row: u32) {
        if self.used * 2 >= self.slots.len() {
            self.grow();
        }
        let slot = self.slot(key);
        let (of_slot, first, count) = &mut self.slots[slot];
        if *count == 0 {
            (*of_slot, *first) = (key, row);
            self.used += 1;
        }
        *count += 1;
    }

    /// Where a key is, or would be.
    fn slot(&self, key: u64) -> usize {
        // Fibonacci hashing: the upper bits of the product depend on all bits of the key.
        let bits = self.slots.len().trailing_zeros();
        let mut slot = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize;
        while self.slots[slot].2 > 0 && self.slots[slot].0 != key {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        slot
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(1 << 12);
        for (key, first, count) in std::mem::replace(&mut self.slots, vec![(0, 0, 0); size]) {
            if count > 0 {
                let slot = self.slot(key);
                self.slots[slot] = (key, first, count);
            }
        }
    }

    /// First row and number of rows of each key, which are then forgotten.
    fn take(&mut self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.used = 0;
        let taken = self.slots.iter_mut().map(std::mem::take);
        taken.filter(|(_, _, count)| *count > 0).map(|(_, first, count)| (first, count))
    }

    /// Puts in the place of each key the place at which it came first; says how many there are.
    fn renumber(&mut self, keys: &mut [u64]) -> u64 {
        for (row, key) in keys.iter().enumerate() {
            self.add(*key, row as u32);
        }
        for key in keys.iter_mut() {
            *key = u64::from(self.slots[self.slot(*key)].1);
        }
        self.take().for_each(drop);
        keys.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_counted_however_many_there_are() {
        let mut table = Table::default();
        for round in 0..2 {
            for row in 0..100_000_u32 {
                table.add(u64::from(row % 30_000) << 40, row);
            }
            let mut found: Vec<(u32, u32)> = table.take().collect();
            found.sort_unstable();
            let count = |row| if row < 10_000 { 4 } else { 3 };
            assert_eq!(found, (0..30_000).map(|row| (row, count(row))).collect::<Vec<_>>(), "{round}");
        }
        let mut keys = [u64::MAX, 7, u64::MAX, 9];
        assert_eq!(table.renumber(&mut keys), 4);
        assert_eq!(keys, [0, 1, 0, 3]);
    }
}

//! Counts the rows of a row group by a key made of the numbers of window, values and cell.
//!
//! Where there are few keys, each has a place in a list; otherwise they are looked up. Either way a text is named only once for
//! all the rows that have it.

use super::axis::{Values, Windows};
use super::cells::SKIPPED;
use crate::counter::Counter;
use crate::error::QueryError;
use crate::tally::CELLS;

/// Up to so many keys have a place each: four mebibytes.
const LISTED: usize = 1 << 20;

/// Room that is used for one row group after the other.
#[derive(Default)]
pub(super) struct Keys {
    listed: Vec<u32>,
    found: Table,
}

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
        let sizes = rows.sizes();
        let keys = sizes.iter().try_fold(met.columns(), |keys, size| keys.checked_mul(*size));
        match keys.filter(|keys| *keys <= LISTED) {
            Some(keys) => self.count_listed(rows, &met, keys, counter),
            None => self.count_found(rows, counter),
        }
    }

    fn count_listed(
        &mut self,
        rows: &Rows<'_>,
        met: &Met,
        keys: usize,
        counter: &mut Counter,
    ) -> Result<(), QueryError> {
        let columns = met.columns();
        let counts = &mut self.listed;
        counts.clear();
        counts.resize(keys, 0);
        let mut lists = rows.lists();
        let mut joined: Vec<u32>;
        let groups: Option<&[u32]> = match (lists.next(), lists.next()) {
            (None, _) => None,
            (Some((only, _)), None) => Some(only),
            (Some((first, _)), Some((second, size))) => {
                joined = first.iter().zip(second).map(|(a, b)| a * size + b).collect();
                for (list, size) in lists {
                    joined.iter_mut().zip(list).for_each(|(joined, number)| *joined = *joined * size + number);
                }
                Some(&joined)
            }
        };
        match groups {
            None => rows.cells.iter().for_each(|cell| counts[usize::from(met.columns[usize::from(*cell)])] += 1),
            Some(groups) => {
                for (group, cell) in groups.iter().zip(rows.cells) {
                    counts[*group as usize * columns + usize::from(met.columns[usize::from(*cell)])] += 1;
                }
            }
        }
        let sizes = rows.sizes();
        let mut named = Named::of(&rows.by);
        for (group, counts) in counts.chunks_exact(columns).enumerate() {
            let counts = &counts[..columns - 1];
            if counts.iter().all(|count| *count == 0) {
                continue;
            }
            let mut rest = group;
            for (dimension, size) in (0..rows.by.len()).zip(sizes.iter().skip(sizes.len() - rows.by.len())).rev() {
                named.name(dimension, (rest % size) as u32, counter);
                rest /= size;
            }
            let window = rows.windows.map_or(0, |windows| windows.starts[rest]);
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

    fn sizes(&self) -> Vec<usize> {
        self.lists().map(|(_, size)| size as usize).collect()
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

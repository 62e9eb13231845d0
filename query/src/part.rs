//! Counts by window, group and cell that stay as they are: lists, a fraction of the memory of what they were counted with.

use crate::dated::Weighed;

/// Counts of some rows, in the order of their windows.
pub(crate) struct Part {
    /// The texts of each dimension, by number.
    pub(crate) texts: Vec<Vec<Option<Box<str>>>>,
    /// Of each window how many places it has.
    windows: Vec<(i64, u32)>,
    /// Of each place the numbers of its texts, one of each dimension,
    numbers: Vec<u32>,
    /// and how many cells it has.
    lengths: Vec<u8>,
    /// Cells of the tally,
    cells: Vec<u8>,
    /// and the rows in each.
    rows: Vec<u32>,
}

impl Part {
    pub(crate) fn new(texts: Vec<Vec<Option<Box<str>>>>) -> Self {
        Self {
            texts,
            windows: Vec::new(),
            numbers: Vec::new(),
            lengths: Vec::new(),
            cells: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Adds a group with its counts, of the window that was added last or a later one.
    pub(crate) fn push(&mut self, window: i64, numbers: &[u32], counts: impl Iterator<Item = (i16, u64)>) {
        match self.windows.last_mut() {
            Some((last, places)) if *last == window => *places += 1,
            _ => self.windows.push((window, 1)),
        }
        self.numbers.extend_from_slice(numbers);
        let before = self.cells.len();
        for (cell, mut rows) in counts.filter_map(|(cell, rows)| Some((u8::try_from(cell).ok()?, rows))) {
            // What does not fit is told in several cells of the same kind.
            while rows > 0 {
                let some = u32::try_from(rows).unwrap_or(u32::MAX);
                rows -= u64::from(some);
                self.cells.push(cell);
                self.rows.push(some);
            }
        }
        self.lengths.push(u8::try_from(self.cells.len() - before).unwrap_or(u8::MAX));
    }

    /// The windows that begin within a range (from, to) and their groups that have one of these values of each of these dimensions, with
    /// the numbers of their texts and their counts.
    pub(crate) fn of(
        &self,
        (from, to): (i64, i64),
        only: &[(usize, Vec<Option<&str>>)],
    ) -> impl Iterator<Item = (i64, &[u32], impl Iterator<Item = (i16, u64)>)> {
        let wanted: Vec<(usize, Vec<bool>)> = (only.iter())
            .filter_map(|(dimension, values)| {
                let texts = self.texts.get(*dimension)?;
                Some((*dimension, texts.iter().map(|text| values.contains(&text.as_deref())).collect()))
            })
            .collect();
        let dimensions = self.texts.len();
        let windows = self.windows.iter().flat_map(|(window, places)| std::iter::repeat_n(*window, *places as usize));
        let mut end = 0;
        let places = windows.zip(&self.lengths).enumerate();
        places.filter_map(move |(place, (window, length))| {
            let counts = end..end + usize::from(*length);
            end = counts.end;
            if window < from || window >= to {
                return None;
            }
            let numbers = self.numbers.get(place * dimensions..(place + 1) * dimensions)?;
            let has = |(dimension, wanted): &(usize, Vec<bool>)| {
                numbers.get(*dimension).and_then(|number| wanted.get(*number as usize)).copied().unwrap_or_default()
            };
            let cells = self.cells.get(counts.clone())?.iter().map(|cell| i16::from(*cell));
            let counts = cells.zip(self.rows.get(counts)?.iter().map(|rows| u64::from(*rows)));
            wanted.iter().all(has).then_some((window, numbers, counts))
        })
    }
}

impl Weighed for Part {
    fn bytes(&self) -> usize {
        let texts =
            self.texts.iter().flatten().map(|text| size_of::<Box<str>>() + text.as_ref().map_or(0, |text| text.len()));
        let places = size_of_val(&*self.windows) + size_of_val(&*self.numbers) + self.lengths.len();
        texts.sum::<usize>() + places + self.cells.len() + size_of_val(&*self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out() {
        let text = |text: &str| Some(Box::from(text));
        let mut part = Part::new(vec![vec![None, text("a"), text("b")]]);
        let huge = 3 * u64::from(u32::MAX) + 7;
        part.push(0, &[1], [(2, 5), (7, 1)].into_iter());
        part.push(0, &[2], std::iter::empty());
        part.push(3_600, &[0], [(2, huge)].into_iter());
        part.push(7_200, &[1], [(0, 9)].into_iter());
        let told = |range, only: &[(usize, Vec<Option<&str>>)]| -> Vec<(i64, u32, u64)> {
            part.of(range, only).map(|(window, n, counts)| (window, n[0], counts.map(|(_, rows)| rows).sum())).collect()
        };
        let all = (i64::MIN, i64::MAX);
        assert_eq!(told(all, &[]), [(0, 1, 6), (0, 2, 0), (3_600, 0, huge), (7_200, 1, 9)]);
        assert_eq!(told((1, 7_200), &[]), [(3_600, 0, huge)]);
        assert_eq!(told(all, &[(0, vec![Some("a")])]), [(0, 1, 6), (7_200, 1, 9)]);
        assert_eq!(told(all, &[(0, vec![None, Some("b")])]), [(0, 2, 0), (3_600, 0, huge)]);
    }
}

//! Counts by window, group and cell that stay as they are: lists, a fraction of the memory of what they were counted with.

use crate::dated::Weighed;

/// Counts of some rows.
pub(crate) struct Part {
    /// The texts of each dimension, by number.
    pub(crate) texts: Vec<Vec<Option<Box<str>>>>,
    /// Of each place its window,
    windows: Vec<i64>,
    /// the numbers of its texts, one of each dimension,
    numbers: Vec<u32>,
    /// and where its counts end.
    ends: Vec<u32>,
    /// Cells of the tally,
    cells: Vec<u8>,
    /// and the rows in each.
    rows: Vec<u64>,
}

impl Part {
    pub(crate) fn new(texts: Vec<Vec<Option<Box<str>>>>) -> Self {
        Self { texts, windows: Vec::new(), numbers: Vec::new(), ends: Vec::new(), cells: Vec::new(), rows: Vec::new() }
    }

    /// Adds a window and group with its counts.
    pub(crate) fn push(&mut self, window: i64, numbers: &[u32], counts: impl Iterator<Item = (i16, u64)>) {
        self.windows.push(window);
        self.numbers.extend_from_slice(numbers);
        for (cell, rows) in counts.filter_map(|(cell, rows)| Some((u8::try_from(cell).ok()?, rows))) {
            self.cells.push(cell);
            self.rows.push(rows);
        }
        self.ends.push(u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
    }

    /// The windows and groups that have one of these values of each of these dimensions, with the numbers of their texts and their counts.
    pub(crate) fn of(
        &self,
        only: &[(usize, Vec<Option<&str>>)],
    ) -> impl Iterator<Item = (i64, &[u32], impl Iterator<Item = (i16, u64)>)> {
        let wanted: Vec<(usize, Vec<bool>)> = (only.iter())
            .filter_map(|(dimension, values)| {
                let texts = self.texts.get(*dimension)?;
                Some((*dimension, texts.iter().map(|text| values.contains(&text.as_deref())).collect()))
            })
            .collect();
        let dimensions = self.texts.len();
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let places = self.windows.iter().zip(starts.zip(&self.ends)).enumerate();
        places.filter_map(move |(place, (window, (start, end)))| {
            let numbers = self.numbers.get(place * dimensions..(place + 1) * dimensions)?;
            let has = |(dimension, wanted): &(usize, Vec<bool>)| {
                numbers.get(*dimension).and_then(|number| wanted.get(*number as usize)).copied().unwrap_or_default()
            };
            let counts = start as usize..*end as usize;
            let cells = self.cells.get(counts.clone())?.iter().map(|cell| i16::from(*cell));
            let counts = cells.zip(self.rows.get(counts)?.iter().copied());
            wanted.iter().all(has).then_some((*window, numbers, counts))
        })
    }
}

impl Weighed for Part {
    fn bytes(&self) -> usize {
        let texts =
            self.texts.iter().flatten().map(|text| size_of::<Box<str>>() + text.as_ref().map_or(0, |text| text.len()));
        let places = size_of_val(&*self.windows) + size_of_val(&*self.numbers) + size_of_val(&*self.ends);
        texts.sum::<usize>() + places + self.cells.len() + size_of_val(&*self.rows)
    }
}

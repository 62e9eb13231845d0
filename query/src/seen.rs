//! What was made of a text, for the rows of a batch that have the same.

use std::collections::HashMap;

use arrow::array::{Array, StringViewArray};
use foldhash::fast::RandomState;

/// What was made of the texts of one array. Equal views (length, first letters, place of the rest) of one array are equal texts, so that a text
/// is looked at once for each place it lies at.
pub(crate) struct Seen<'a, T> {
    array: &'a StringViewArray,
    made: HashMap<Option<u128>, T, RandomState>,
    last: Option<(Option<u128>, T)>,
}

impl<'a, T: Copy> Seen<'a, T> {
    pub(crate) fn of(array: &'a StringViewArray) -> Self {
        Self { array, made: HashMap::default(), last: None }
    }

    /// What `make` makes of a row's text, or made of the same before.
    pub(crate) fn get(&mut self, row: usize, make: impl FnOnce(Option<&'a str>) -> T) -> T {
        let is_valid = self.array.is_valid(row);
        let view = is_valid.then(|| self.array.views()[row]);
        if let Some((last, made)) = self.last
            && last == view
        {
            return made;
        }
        let array = self.array;
        let made = *self.made.entry(view).or_insert_with(|| make(is_valid.then(|| array.value(row))));
        self.last = Some((view, made));
        made
    }
}

//! Texts of rows as numbers: what is kept of the rows of dates holds each different text once.

mod columns;
mod days;
mod groups;
mod sorted;

use std::collections::HashMap;

use arrow::array::{Array, StringViewArray};
use foldhash::fast::RandomState;
use repute_lake::schema::column;

use crate::dated::Weighed;
use crate::dimension::Dimension;

pub(crate) use columns::CodeColumns;
pub(crate) use days::{CodedDay, CodedDays};
pub(crate) use groups::Groups;
pub(crate) use sorted::SortedTexts;

/// With these every day is read from the first time on, since any of them is asked for sooner or later.
pub(crate) const USUAL: [Dimension; 3] =
    [Dimension::CONFIGURATION_SET, Dimension::Column(column::CAMPAIGN), Dimension::Column(column::RECIPIENT_DOMAIN)];

/// Bytes that a text takes beside its letters.
pub(crate) const TEXT: usize = 24;

/// Values of a dimension by number, one number a row.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    pub(crate) numbers: Vec<u32>,
    pub(crate) values: Vec<Option<Box<str>>>,
}

impl Weighed for Codes {
    fn bytes(&self) -> usize {
        let texts = self.values.iter().map(|value| value.as_ref().map_or(0, |text| text.len()) + TEXT);
        self.numbers.len() * size_of::<u32>() + texts.sum::<usize>()
    }
}

/// Texts by number, in the order in which they came; what has none is a text of its own.
#[derive(Default)]
pub(crate) struct Texts {
    numbers: HashMap<Box<str>, u32, RandomState>,
    none: Option<u32>,
    values: Vec<Option<Box<str>>>,
    letters: usize,
}

impl Texts {
    pub(crate) fn number(&mut self, text: Option<&str>) -> u32 {
        let known = text.map_or(self.none, |text| self.numbers.get(text).copied());
        known.unwrap_or_else(|| {
            let number = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
            match text {
                Some(text) => _ = self.numbers.insert(text.into(), number),
                None => self.none = Some(number),
            }
            self.letters += text.map_or(0, str::len);
            self.values.push(text.map(Into::into));
            number
        })
    }

    /// About so many bytes are in them, each text counted once.
    pub(crate) fn bytes(&self) -> usize {
        self.values.len() * TEXT + self.letters
    }

    /// The texts by their numbers.
    pub(crate) fn into_values(self) -> Vec<Option<Box<str>>> {
        self.values
    }
}

/// The dimension of which rows are read to know this one: providers follow from domains.
pub(crate) fn read_as(dimension: &Dimension) -> &Dimension {
    const DOMAIN: Dimension = Dimension::Column(column::RECIPIENT_DOMAIN);
    if *dimension == Dimension::Provider { &DOMAIN } else { dimension }
}

/// The text of a row.
pub(crate) fn view(array: Option<&StringViewArray>, row: usize) -> Option<&str> {
    array.filter(|array| array.is_valid(row)).map(|array| array.value(row))
}

//! Columns of dimensions, as they are read.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, cast};

use super::{Codes, Texts, view};
use crate::dimension::Dimension;
use crate::scan::Reader;

/// The values of some dimensions, of the rows that were read so far.
#[derive(Default)]
pub(crate) struct CodeColumns(Vec<(Dimension, Texts, Vec<u32>)>);

impl CodeColumns {
    pub(crate) fn of(dimensions: &BTreeSet<Dimension>) -> Self {
        Self(dimensions.iter().map(|dimension| (dimension.clone(), Texts::default(), Vec::new())).collect())
    }

    /// The columns of a scan that they are read from.
    pub(crate) fn expressions(&self, reader: &Reader) -> impl Iterator<Item = Expr> {
        self.0.iter().enumerate().map(|(index, (dimension, ..))| {
            cast(reader.expression(dimension), DataType::Utf8View).alias(format!("group_{index}"))
        })
    }

    /// Adds the rows of a batch, in which their columns begin at a place.
    pub(crate) fn take(&mut self, batch: &RecordBatch, first: usize) {
        for (index, (_, texts, numbers)) in self.0.iter_mut().enumerate() {
            let values = batch.column(first + index).as_string_view_opt();
            numbers.extend((0..batch.num_rows()).map(|row| texts.number(view(values, row))));
        }
    }

    /// About so many bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|(_, texts, numbers)| texts.bytes() + numbers.len() * size_of::<u32>()).sum()
    }

    /// The values with the rows in this order.
    pub(crate) fn into_codes(self, order: &[u32]) -> BTreeMap<Dimension, Codes> {
        let in_order = |numbers: &[u32]| order.iter().filter_map(|row| numbers.get(*row as usize).copied()).collect();
        let codes = |texts: Texts, numbers: &[u32]| Codes { numbers: in_order(numbers), values: texts.into_values() };
        self.0.into_iter().map(|(dimension, texts, numbers)| (dimension, codes(texts, &numbers))).collect()
    }
}

//! Days of rows that stay in memory up to a limit, and serve every later version of the lake in which their files are the same. A day is
//! read once more where a dimension is asked for that it was read without.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::sync::Arc;

use chrono::NaiveDate;
use futures::stream::{self, Stream, StreamExt};
use repute_lake::DataFile;

use super::{Codes, USUAL, read_as};
use crate::dated::{Dated, Weighed};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::scan::{Reader, Selection};

/// A day is read with the dimensions that were asked for before, up to so many.
const MOST_DIMENSIONS: usize = 6;

/// The rows of a date with the values of dimensions.
pub(crate) trait CodedDay: Weighed + Send + Sync + Sized {
    /// What else there is of a date.
    type Key: Clone + Eq + Hash + Sync;

    /// The files that may say something of a date.
    fn files(reader: &Reader, date: NaiveDate) -> Vec<DataFile>;

    /// Reads a date from its files, with these dimensions.
    fn read(
        reader: &Reader,
        key: &Self::Key,
        date: NaiveDate,
        files: Vec<DataFile>,
        dimensions: &BTreeSet<Dimension>,
    ) -> impl Future<Output = Result<Self, QueryError>> + Send;

    fn dimensions(&self) -> &BTreeMap<Dimension, Codes>;

    /// With these dimensions it takes too much memory, and has no rows.
    fn too_large_with(&self) -> Option<&BTreeSet<Dimension>> {
        None
    }
}

/// Days by date and key.
pub(crate) struct CodedDays<D: CodedDay>(Dated<D::Key, D>);

impl<D: CodedDay> CodedDays<D> {
    /// Days hold so many bytes together; beyond it those that were not asked for longest are forgotten.
    pub(crate) fn at_most(most_bytes: usize) -> Self {
        Self(Dated::at_most(most_bytes))
    }

    /// The days of these dates with the dimensions of the selection.
    pub(crate) fn of<'a>(
        &'a self,
        reader: &'a Reader,
        key: &'a D::Key,
        dates: BTreeSet<NaiveDate>,
        selection: &Selection,
    ) -> impl Stream<Item = Result<Arc<D>, QueryError>> + 'a {
        let only = selection.only.iter().map(|(dimension, _)| dimension);
        let wanted: Arc<BTreeSet<Dimension>> =
            Arc::new(selection.by.iter().chain(only).map(|dimension| read_as(dimension).clone()).collect());
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let day = move |date| self.day(reader, key, date, Arc::clone(&wanted));
        stream::iter(dates).map(day).buffered(at_once)
    }

    async fn day(
        &self,
        reader: &Reader,
        key: &D::Key,
        date: NaiveDate,
        dimensions: Arc<BTreeSet<Dimension>>,
    ) -> Result<Arc<D>, QueryError> {
        let files = D::files(reader, date);
        let serves = |day: &D| match day.too_large_with() {
            Some(with) => with.is_subset(&dimensions),
            None => dimensions.iter().all(|dimension| day.dimensions().contains_key(dimension)),
        };
        let make = async |known: Option<Arc<D>>| {
            let mut wanted = BTreeSet::clone(&dimensions);
            wanted.extend(USUAL);
            let room = MOST_DIMENSIONS.saturating_sub(wanted.len());
            wanted.extend(known.iter().flat_map(|known| known.dimensions().keys()).take(room).cloned());
            let day = D::read(reader, key, date, files.clone(), &wanted).await?;
            if day.too_large_with().is_some() && wanted != *dimensions {
                return D::read(reader, key, date, files.clone(), &dimensions).await;
            }
            Ok(day)
        };
        self.0.get(date, key, &files, serves, make).await
    }
}

//! What is kept of the deliveries of dates: their times by windows and groups, and for dates that ranges cut, each delivery.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use repute_lake::DataFile;

use super::division::Division;
use super::rows::{DateRows, Gathering, Rows};
use crate::coded::Deliveries;
use crate::dated::{Dated, Weighed, apart};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::rates::Stepping;
use crate::scan::{Clock, Reader};
use crate::windows::Windows;

/// Times by windows and groups may take so many bytes, and
const MOST_DIVIDED: usize = 64 << 20;

/// single deliveries so many. Dates that were not asked for longest are forgotten first.
const MOST_SINGLE: usize = 48 << 20;

/// A date is kept divided in so many ways.
const MOST_DIVISIONS: usize = 8;

/// By what times are put together, each scope apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Divided {
    /// By windows, of this width where they have one.
    Windows(Stepping, Option<i64>),
    /// By the values of dimensions; without any, all together.
    Groups(Vec<Dimension>),
}

/// Which deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Which {
    /// Whose times matter; without a time on it a delivery does not count.
    pub(super) clock: Clock,
    /// The dimensions of their scopes.
    pub(super) scope: Vec<Dimension>,
    /// Only those with these values.
    pub(super) only: Vec<(Dimension, Option<String>)>,
}

/// What is kept of dates.
pub(crate) struct KeptDates {
    dates: Dated<Which, Date>,
    /// Of a file each.
    rows: Dated<(Which, Vec<Dimension>, String), DateRows>,
}

impl Default for KeptDates {
    fn default() -> Self {
        Self { dates: Dated::at_most(MOST_DIVIDED), rows: Dated::at_most(MOST_SINGLE) }
    }
}

/// The divisions of a date's deliveries, some millions in each; nothing where they cannot be kept so.
pub(super) type Divisions = Option<Vec<Arc<Division>>>;

/// The deliveries of a date.
#[derive(Default)]
pub(super) struct Date {
    /// What they were read from.
    files: BTreeSet<String>,
    divisions: Vec<(Divided, Divisions)>,
}

impl Date {
    pub(super) fn divisions(&self, divided: &Divided) -> Option<&Divisions> {
        self.divisions.iter().find(|(known, _)| known == divided).map(|(_, divisions)| divisions)
    }
}

impl Weighed for Date {
    fn bytes(&self) -> usize {
        self.divisions.iter().filter_map(|(_, divisions)| divisions.as_ref()).flatten().map(|of| of.bytes()).sum()
    }
}

impl KeptDates {
    /// A date, divided in each of these ways.
    pub(super) async fn date(
        &self,
        reader: &Reader,
        date: NaiveDate,
        files: &[DataFile],
        which: &Which,
        wanted: &[Divided],
    ) -> Result<Arc<Date>, QueryError> {
        let serves = |date: &Date| wanted.iter().all(|divided| date.divisions(divided).is_some());
        let make = async |known: Option<Arc<Date>>| {
            let names: BTreeSet<String> = files.iter().map(|file| file.path.to_string()).collect();
            let known = known.filter(|known| known.files == names);
            let known = known.iter().flat_map(|known| known.divisions.iter().cloned());
            let (mut divisions, mut others): (Vec<_>, Vec<_>) =
                known.partition(|(divided, _)| wanted.contains(divided));
            let is_missing = |divided: &&Divided| divisions.iter().all(|(known, _)| known != *divided);
            let missing: Vec<Divided> = wanted.iter().filter(is_missing).cloned().collect();
            divisions.extend(read(reader, files, which, missing).await?);
            others.truncate(MOST_DIVISIONS.saturating_sub(divisions.len()));
            divisions.append(&mut others);
            Ok(Date { files: names, divisions })
        };
        self.dates.get(date, which, files, serves, make).await
    }

    /// Each delivery of a date's file, with the values of some dimensions.
    pub(super) async fn rows(
        &self,
        reader: &Reader,
        date: NaiveDate,
        file: &DataFile,
        which: &Which,
        by: &[Dimension],
    ) -> Result<Arc<DateRows>, QueryError> {
        let make = async |_| {
            let add = |found: &mut Vec<Rows>, rows| found.push(rows);
            Ok(DateRows(gather(reader, std::slice::from_ref(file), which, by, add).await?))
        };
        let key = (which.clone(), by.to_vec(), file.path.to_string());
        self.rows.get(date, &key, std::slice::from_ref(file), |_| true, make).await
    }
}

/// Divides the deliveries of files.
async fn read(
    reader: &Reader,
    files: &[DataFile],
    which: &Which,
    wanted: Vec<Divided>,
) -> Result<Vec<(Divided, Divisions)>, QueryError> {
    let by = wanted.iter().find_map(|divided| match divided {
        Divided::Groups(by) => Some(by.clone()),
        Divided::Windows(..) => None,
    });
    let asked = wanted.clone();
    let add = move |divisions: &mut Vec<Vec<Arc<Division>>>, rows: Rows| {
        divisions.resize(asked.len(), Vec::new());
        for (divided, divisions) in asked.iter().zip(divisions) {
            if let Some(division) = divide(&rows, (i64::MIN, i64::MAX), divided) {
                divisions.push(Arc::new(division.compact()));
            }
        }
    };
    let divisions = gather(reader, files, which, &by.unwrap_or_default(), add).await?;
    let mut divisions = divisions.map(Vec::into_iter);
    Ok(wanted.into_iter().map(|divided| (divided, divisions.as_mut().and_then(Iterator::next))).collect())
}

/// The deliveries from (inclusive) to (exclusive) a time; nothing where there are no such windows.
pub(super) fn divide(rows: &Rows, bounds: (i64, i64), divided: &Divided) -> Option<Division> {
    match divided {
        Divided::Groups(_) => Some(Division::by_groups(rows, bounds)),
        Divided::Windows(stepping, width) => {
            let windows = Windows::of(*stepping, *width, || rows.span()).ok()?;
            Some(Division::by_windows(rows, bounds, &windows))
        }
    }
}

/// Reads the deliveries of files, and puts them together; nothing where they cannot be.
async fn gather<T: Default + Send + 'static>(
    reader: &Reader,
    files: &[DataFile],
    which: &Which,
    by: &[Dimension],
    mut add: impl FnMut(&mut T, Rows) + Send + 'static,
) -> Result<Option<T>, QueryError> {
    let Some(coded) = reader.coded.clone() else { return Ok(None) };
    let by = [&which.scope, by].concat();
    let in_scope = which.scope.len();
    let deliveries = Deliveries::of(which.clock, &by, &which.only, &reader.sorting);
    let files = files.to_vec();
    let _turn = reader.turn().await?;
    apart(async move {
        let mut found = T::default();
        let mut gathering = Gathering::new(in_scope, |rows| add(&mut found, rows));
        let others = deliveries.read(&coded, files, &mut gathering).await?;
        let is_all = gathering.finish() && others.is_empty();
        Ok(is_all.then_some(found))
    })
    .await
}

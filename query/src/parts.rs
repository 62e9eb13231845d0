//! Counts of whole dates, by whatever was asked for, stay in memory: a question about another range reads the rows only of those dates
//! that its range cuts.
//!
//! ```text
//! Selection ── its range aside ──> Shape ── for each date wholly within the range ──────────────────> Part, kept ──> answers
//!                                      └── for each file wholly within it, of dates that it cuts ──> Part, kept ──┘
//! ```
//! Most questions are filtered by configuration set, if at all: rows are counted by that then, so that one shape serves all of its values.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use futures::stream::{self, StreamExt, TryStreamExt};
use repute_lake::{DataFile, EventType};

use crate::coded::lies_inside;
use crate::counter::Counter;
use crate::dated::Dated;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::part::Part;
use crate::scan::{Clock, Reader, Selection};

/// All parts hold so many bytes together, and each of them at most so many.
const MOST_BYTES: usize = 96 << 20;
const MOST_EACH: usize = 2 << 20;

/// Dates that are counted at once: one is read while another waits for its files.
const AT_ONCE: usize = 2;

/// Counts of dates.
pub(crate) struct Parts(Dated<Asked, Part>);

/// What was asked for, of all files of a date or of one.
type Asked = (Arc<Shape>, Option<String>);

impl Default for Parts {
    fn default() -> Self {
        Self(Dated::at_most(MOST_BYTES).each_at_most(MOST_EACH))
    }
}

/// A question but for its range.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shape {
    clock: Clock,
    types: Vec<EventType>,
    width: Option<i64>,
    by: Vec<Dimension>,
    only: Vec<(Dimension, Option<String>)>,
}

/// One of which values the rows of an answer have, of the shape's dimensions, which are numbered.
type Only = Vec<(usize, Vec<Option<String>>)>;

impl Shape {
    /// Of a selection; and what of it is left to do.
    fn of(selection: &Selection) -> (Self, Only) {
        let Selection { clock, types, width, by, .. } = selection.clone();
        let is_scope =
            |dimension: &Dimension| *dimension == Dimension::ACCOUNT || *dimension == Dimension::CONFIGURATION_SET;
        // Windows of groups are many enough without that.
        let is_scope = |dimension: &Dimension| is_scope(dimension) && (width.is_none() || by.is_empty());
        let (scope, only): (Vec<_>, Vec<_>) =
            selection.only.iter().cloned().partition(|(dimension, _)| is_scope(dimension));
        let mut shape = Self { clock, types, width, by, only };
        let mut left = Only::new();
        if let Some(last) = shape.by.len().checked_sub(1).filter(|_| !selection.among.is_empty()) {
            left.push((last, selection.among.clone()));
        }
        for (dimension, value) in scope {
            let known = shape.by.iter().position(|known| *known == dimension);
            left.push((known.unwrap_or(shape.by.len()), vec![value]));
            if known.is_none() {
                shape.by.push(dimension);
            }
        }
        (shape, left)
    }

    fn selection(&self) -> Selection {
        let Self { clock, types, width, by, only } = self.clone();
        Selection { clock, types, width, by, only, ..Selection::default() }
    }
}

/// What is known of the files that lie wholly within a selection.
pub(crate) struct Known {
    parts: Vec<Arc<Part>>,
    only: Only,
}

impl Known {
    /// Adds all of it to the counts of the other files.
    pub(crate) fn add_to(&self, counter: &mut Counter) -> Result<(), QueryError> {
        let only: Vec<(usize, Vec<Option<&str>>)> =
            (self.only.iter()).map(|(place, values)| (*place, values.iter().map(Option::as_deref).collect())).collect();
        self.parts.iter().try_for_each(|part| counter.add_part(part, &only))
    }
}

impl Reader {
    /// The counts of files that lie wholly within the selection, and all other files that may hold a row of it.
    pub(crate) async fn parts(&self, selection: &Selection) -> Result<(Known, Vec<DataFile>), QueryError> {
        let Some(parts) = self.parts.as_ref().filter(|_| selection.minutes.is_empty()) else {
            return Ok((Known { parts: Vec::new(), only: Only::new() }, self.table.files().to_vec()));
        };
        let (wholes, cut) = divided(self.table.files(), selection);
        let (shape, only) = Shape::of(selection);
        let (asked, shape) = (&shape.selection(), Arc::new(shape));
        let by = std::slice::from_ref(&asked.by);
        let part = async |Whole { date, files, file }: Whole| {
            let count = async |_| {
                let mut counters = self.count_rows(files.clone(), asked, by).await?;
                let counter = counters.pop().ok_or_else(|| QueryError::Question("nothing to group by".to_owned()))?;
                Ok(counter.into_part())
            };
            parts.0.get(date, &(Arc::clone(&shape), file), &files, |_| true, count).await
        };
        let parts = stream::iter(wholes).map(part).buffered(AT_ONCE).try_collect().await?;
        Ok((Known { parts, only }, cut))
    }
}

/// A date that lies wholly within a selection, or else a file of it that does.
struct Whole {
    date: NaiveDate,
    files: Vec<DataFile>,
    /// Which file it is, if it is one.
    file: Option<String>,
}

/// What lies wholly within the selection, and all other files.
fn divided(files: &[DataFile], selection: &Selection) -> (Vec<Whole>, Vec<DataFile>) {
    let (mut dates, mut cut): (BTreeMap<NaiveDate, Vec<DataFile>>, _) = (BTreeMap::new(), Vec::new());
    for file in files {
        match file.event_date {
            Some(date) => dates.entry(date).or_default().push(file.clone()),
            None => cut.push(file.clone()),
        }
    }
    let mut wholes = Vec::new();
    for (date, files) in dates {
        let (inside, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| lies_inside(file, selection));
        if others.is_empty() {
            wholes.push(Whole { date, files: inside, file: None });
            continue;
        }
        cut.extend(others);
        wholes.extend(inside.into_iter().map(|file| {
            let name = file.path.to_string();
            Whole { date, files: vec![file], file: Some(name) }
        }));
    }
    (wholes, cut)
}

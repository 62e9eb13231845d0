//! Counts rows by the numbers of their texts: each text of a column is looked at once per row group, whatever the question.
//!
//! ```text
//! row group ── times, filters ──> which rows ─┐
//!           ── type, bounce, complaint, domain ──> cell of each row ──┬──> counts by window, group and cell ──> Counter
//!           ── the dimensions' columns ──> number of each row's value ┘
//! ```
//! Several groupings of the same rows are counted in one go.

mod axis;
mod cells;
mod columns;
mod deliveries;
mod keys;
mod span;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use repute_lake::schema::column;
use repute_lake::{CodedFile, CodedFiles, CodedGroup, Coding, DataFile, LakeError};
use tokio::task::JoinSet;

use crate::counter::Counter;
use crate::counting::CountingRules;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::provider::Providers;
use crate::reasons::Classifier;
use crate::selection::Selection;
use axis::{Axis, Values, Windows};
use columns::{Columns, Source};
pub(crate) use deliveries::{Deliveries, Delivery, TakeDeliveries};
use keys::{Keys, Rows};
use span::Span;
pub(crate) use span::lies_inside;

/// Row groups whose bytes are read ahead by each worker.
const READ_AHEAD: usize = 2;

/// Files whose footers are read at once by each worker.
const OPENED_AT_ONCE: usize = 4;

/// By what the operator has rows told apart.
#[derive(Clone)]
pub(crate) struct Sorting {
    pub(crate) rules: Arc<CountingRules>,
    pub(crate) providers: Arc<Providers>,
    pub(crate) classifier: Arc<Classifier>,
    pub(crate) promoted_tags: Arc<[String]>,
    /// Windows and groups that an answer may have.
    pub(crate) most_rows: usize,
}

/// What a question needs of the rows.
pub(crate) struct CodedPlan {
    selection: Selection,
    sorting: Sorting,
    /// Everything that rows are grouped or filtered by, once each.
    axes: Vec<Axis>,
    /// For each grouping, its axes.
    groupings: Vec<Vec<usize>>,
    only: Vec<(usize, Option<String>)>,
    /// Columns that are read of every row group.
    columns: Vec<(String, Coding)>,
    sources: Vec<Source>,
}

/// A row group that is to be counted.
struct Unit {
    file: Arc<CodedFile>,
    group: usize,
    span: Span,
}

impl CodedPlan {
    /// The rows of a selection, by each of the groupings; the selection's own is not looked at.
    pub(crate) fn of(selection: &Selection, groupings: &[Vec<Dimension>], sorting: &Sorting) -> Self {
        let mut axes: Vec<Axis> = Vec::new();
        let mut number = |dimension: &Dimension| {
            let axis = Axis::of(dimension, &sorting.promoted_tags);
            axes.iter().position(|known| *known == axis).unwrap_or_else(|| {
                axes.push(axis);
                axes.len() - 1
            })
        };
        let only = selection.only.iter().map(|(dimension, value)| (number(dimension), value.clone())).collect();
        let groupings = groupings.iter().map(|by| by.iter().map(&mut number).collect()).collect();
        let mut columns = vec![(column::EVENT_TYPE.to_owned(), Coding::Text)];
        columns.extend(cells::columns(&selection.types, &sorting.rules));
        columns.extend(axes.iter().flat_map(Axis::columns));
        if selection.width.is_some() {
            columns.push((selection.clock.column().to_owned(), Coding::Time));
        }
        let sources = Source::all(&columns, &axes);
        Self { selection: selection.clone(), sorting: sorting.clone(), axes, groupings, only, columns, sources }
    }

    /// Counts the rows of files, and gives back those files that cannot be read so, with a counter for each grouping.
    ///
    /// Whoever waits no longer drops the future; the workers stop at the end of a row group.
    pub(crate) async fn count(
        self: Arc<Self>,
        coded: &CodedFiles,
        files: Vec<DataFile>,
    ) -> Result<(Vec<Counter>, Vec<DataFile>), QueryError> {
        let (units, others) = self.units(coded, files).await?;
        let units: Arc<[Unit]> = units.into();
        let next = Arc::new(AtomicUsize::new(0));
        let mut workers = JoinSet::new();
        for _ in 0..threads().min(units.len()) {
            workers.spawn(Arc::clone(&self).work(Arc::clone(&units), Arc::clone(&next)));
        }
        let mut counters: Option<Vec<Counter>> = None;
        while let Some(worked) = workers.join_next().await {
            let worked = worked.map_err(|error| QueryError::Question(format!("counting ended early: {error}")))??;
            match &mut counters {
                None => counters = Some(worked),
                Some(counters) => counters.iter_mut().zip(&worked).try_for_each(|(mine, other)| mine.merge(other))?,
            }
        }
        Ok((counters.unwrap_or_else(|| self.counters()), others))
    }

    fn counters(&self) -> Vec<Counter> {
        self.groupings
            .iter()
            .map(|axes| Counter::new(self.selection.width, axes.len(), self.sorting.most_rows))
            .collect()
    }

    /// The row groups that may hold a row of the selection's time, and the files that cannot be read so.
    async fn units(
        self: &Arc<Self>,
        coded: &CodedFiles,
        mut files: Vec<DataFile>,
    ) -> Result<(Vec<Unit>, Vec<DataFile>), QueryError> {
        files.retain(|file| span::may_hold(file, &self.selection));
        let mut opened = JoinSet::new();
        let share = files.len().div_ceil(threads()).max(1);
        for files in files.chunks(share) {
            let opening: Vec<_> = files.iter().map(|file| open(coded.clone(), file.clone())).collect();
            opened.spawn(async move {
                let opened: Vec<_> = futures::stream::iter(opening).buffered(OPENED_AT_ONCE).collect().await;
                opened.into_iter().collect::<Result<Vec<_>, LakeError>>()
            });
        }
        let needed = [&self.columns[..], &span::columns(&self.selection)].concat();
        let (mut units, mut others) = (Vec::new(), Vec::new());
        while let Some(part) = opened.join_next().await {
            let part = part.map_err(|error| QueryError::Question(format!("counting ended early: {error}")))?;
            for (data, file) in part? {
                if !file.can_read(&needed) {
                    others.push(data);
                    continue;
                }
                for group in 0..file.groups() {
                    if let Some(span) = Span::of(&file.facts(group), &self.selection) {
                        units.push(Unit { file: Arc::clone(&file), group, span });
                    }
                }
            }
        }
        Ok((units, others))
    }

    async fn work(self: Arc<Self>, units: Arc<[Unit]>, next: Arc<AtomicUsize>) -> Result<Vec<Counter>, QueryError> {
        let mut worker = Worker { plan: &self, counters: self.counters(), keys: Keys::default() };
        let plan = Arc::clone(&self);
        let pulled = std::iter::from_fn(move || {
            let Unit { file, group, span } = units.get(next.fetch_add(1, Ordering::Relaxed))?;
            Some(read(Arc::clone(file), *group, [&plan.columns[..], &span.columns()].concat(), *span))
        });
        let mut groups = futures::stream::iter(pulled).buffered(READ_AHEAD);
        while let Some(read) = groups.next().await {
            let (group, span) = read?;
            worker.count(&group, span)?;
            // Whoever waits no longer is heard between one row group and the next.
            tokio::task::yield_now().await;
        }
        Ok(worker.counters)
    }
}

async fn read(
    file: Arc<CodedFile>,
    group: usize,
    columns: Vec<(String, Coding)>,
    span: Span,
) -> Result<(CodedGroup, Span), LakeError> {
    Ok((file.read(group, &columns).await?, span))
}

async fn open(coded: CodedFiles, file: DataFile) -> Result<(DataFile, Arc<CodedFile>), LakeError> {
    let opened = coded.open(&file).await?;
    Ok((file, Arc::new(opened)))
}

/// How many count at once.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Counts row groups one by one.
struct Worker<'p> {
    plan: &'p CodedPlan,
    counters: Vec<Counter>,
    keys: Keys,
}

impl Worker<'_> {
    fn count(&mut self, group: &CodedGroup, span: Span) -> Result<(), QueryError> {
        let plan = self.plan;
        let selection = &plan.selection;
        let columns = Columns::of(group, &plan.sources);
        let Some(mut kept) = span.kept(group, selection)? else { return Ok(()) };
        let mut axes: Vec<Option<Values<'_>>> = plan.axes.iter().map(|_| None).collect();
        for (axis, value) in &plan.only {
            let values = plan.axes[*axis].values(&columns, &plan.sorting)?;
            if !values.keep(value.as_deref(), &mut kept) {
                return Ok(());
            }
            axes[*axis] = Some(values);
        }
        let Some(cells) = cells::of_rows(&columns, &selection.types, &plan.sorting.rules, &kept)? else {
            return Ok(());
        };
        for axis in plan.groupings.iter().flatten() {
            if axes[*axis].is_none() {
                axes[*axis] = Some(plan.axes[*axis].values(&columns, &plan.sorting)?);
            }
        }
        let windows = match selection.width {
            Some(width) => Some(Windows::of(&group.times(selection.clock.column())?, width)),
            None => None,
        };
        for (axes_of, counter) in plan.groupings.iter().zip(&mut self.counters) {
            let by = axes_of.iter().filter_map(|axis| axes[*axis].as_ref()).collect();
            self.keys.count(&Rows { cells: &cells, windows: windows.as_ref(), by }, counter)?;
        }
        Ok(())
    }
}

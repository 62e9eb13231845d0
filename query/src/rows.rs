//! Counts from the rows themselves.
//!
//! ```text
//! ends of the range ── files of the usual kind ──> by the numbers of their texts (`coded`) ──┬──> Counter ──> Tallied
//!     │           └── any others ──> events table ── filter, select ──> batches ──────────┤
//! dates and hours wholly within it ── counted in the same way, once ──> `parts` ─────────────┘
//! ```

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{cast, col, lit};
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use repute_lake::DataFile;
use tokio::task::JoinSet;

use crate::coded::{CodedPlan, Sorting};
use crate::counter::Counter;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::parts::Found;
use crate::scan::{Reader, Selection, Tallied};

impl Reader {
    /// What the selection names, from the rows, ordered by window and group.
    pub(crate) async fn scan(&self, selection: &Selection) -> Result<Vec<Tallied>, QueryError> {
        let Found { parts, rows } = self.parts(selection).await?;
        let mut counter = Counter::new(selection.width, selection.by.len(), self.most_rows());
        for (files, selection) in rows {
            counter.merge(&self.count_rows(files, &selection, self.most_rows()).await?)?;
        }
        parts.add_to(&mut counter)?;
        Ok(counter.into_tallied())
    }

    /// The same by each of the groupings for itself, instead of by the selection's own.
    pub(crate) async fn scan_groupings(
        &self,
        selection: &Selection,
        groupings: &[Vec<Dimension>],
    ) -> Result<Vec<Vec<Tallied>>, QueryError> {
        let counters =
            self.count_groupings(self.table.files().to_vec(), selection, groupings, self.most_rows()).await?;
        Ok(counters.into_iter().map(Counter::into_tallied).collect())
    }

    /// Counts the rows of files that the selection names, in no more windows and groups than `most_rows`.
    pub(crate) async fn count_rows(
        &self,
        files: Vec<DataFile>,
        selection: &Selection,
        most_rows: usize,
    ) -> Result<Counter, QueryError> {
        let by = std::slice::from_ref(&selection.by);
        let counted = self.count_groupings(files, selection, by, most_rows).await?.pop();
        Ok(counted.unwrap_or_else(|| Counter::new(selection.width, selection.by.len(), most_rows)))
    }

    /// The same by each of the groupings.
    async fn count_groupings(
        &self,
        files: Vec<DataFile>,
        selection: &Selection,
        groupings: &[Vec<Dimension>],
        most_rows: usize,
    ) -> Result<Vec<Counter>, QueryError> {
        let (mut counters, others) = match &self.coded {
            // Of a few minutes the engine reads only the pages that hold them.
            Some(coded) if selection.minutes.is_empty() => {
                let sorting = Sorting { most_rows, ..self.sorting.clone() };
                Arc::new(CodedPlan::of(selection, groupings, &sorting)).count(coded, files).await?
            }
            _ => (groupings.iter().map(|by| Counter::new(selection.width, by.len(), most_rows)).collect(), files),
        };
        if !others.is_empty() {
            for (by, counter) in groupings.iter().zip(&mut counters) {
                self.count_by_engine(&others, selection, by, counter).await?;
            }
        }
        Ok(counters)
    }

    async fn count_by_engine(
        &self,
        files: &[DataFile],
        selection: &Selection,
        by: &[Dimension],
        counter: &mut Counter,
    ) -> Result<(), QueryError> {
        let time = cast(col(selection.clock.column()), DataType::Int64);
        let mut columns = vec![if selection.width.is_some() { time } else { lit(0_i64) }.alias("time")];
        columns.push(self.cell().alias("cell"));
        for (index, dimension) in by.iter().enumerate() {
            let value = cast(self.expression(dimension), DataType::Utf8View);
            columns.push(value.alias(format!("group_{index}")));
        }
        let rows = self.context.read_table(Arc::new(self.table.only(files.to_vec())))?;
        let rows = self.filters(selection).into_iter().try_fold(rows, DataFrame::filter)?.select(columns)?;
        let mut parts = JoinSet::new();
        for mut stream in rows.execute_stream_partitioned().await? {
            let mut counter = counter.empty();
            parts.spawn(async move {
                while let Some(batch) = stream.next().await {
                    counter.count(&batch?)?;
                }
                Ok::<_, QueryError>(counter)
            });
        }
        while let Some(part) = parts.join_next().await {
            let part = part.map_err(|error| QueryError::Question(format!("counting ended early: {error}")))?;
            counter.merge(&part?)?;
        }
        Ok(())
    }
}

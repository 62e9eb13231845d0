//! The `events` table for DataFusion: one version's active files as a plain Parquet scan.
//!
//! Files are left out by partition value and by the time ranges the log keeps, before anything is opened. The plan holds
//! only file names and statistics, so it can be sent to another machine.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use async_trait::async_trait;
use chrono::{Datelike, NaiveDate};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PrunableStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, ScalarValue, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{ExecutionPlan, project_schema};

use crate::schema::{column, timestamp};
use crate::table::DataFile;

/// The files of one version of the `events` table.
#[derive(Debug)]
pub struct EventsTable {
    store: ObjectStoreUrl,
    schema: TableSchema,
    files: Vec<DataFile>,
}

impl EventsTable {
    pub(crate) fn new(store: ObjectStoreUrl, file_schema: SchemaRef, files: Vec<DataFile>) -> Self {
        let date = Arc::new(Field::new(column::EVENT_DATE, DataType::Date32, false));
        Self { store, schema: TableSchema::builder(file_schema).with_table_partition_cols(vec![date]).build(), files }
    }

    /// The same table as if it had only these files.
    pub fn only(&self, files: Vec<DataFile>) -> Self {
        Self { store: self.store.clone(), schema: self.schema.clone(), files }
    }

    /// Its files.
    pub fn files(&self) -> &[DataFile] {
        &self.files
    }

    fn partitioned(&self, file: &DataFile) -> PartitionedFile {
        let date = ScalarValue::Date32(file.event_date.map(days_since_epoch));
        PartitionedFile::new(file.path.to_string(), file.size)
            .with_partition_values(vec![date])
            .with_statistics(Arc::new(self.statistics(file, Precision::Inexact)))
    }

    /// What the log says of a file. Its time ranges are rounded outwards, so they may only serve to leave files out: whoever
    /// plans with them is told that they are inexact, and only [`Self::matching`] takes them for the ends they are.
    fn statistics(&self, file: &DataFile, end: fn(ScalarValue) -> Precision<ScalarValue>) -> Statistics {
        let known = &file.statistics;
        let columns = self.schema.file_schema().fields().iter().map(|field| match field.name().as_str() {
            column::EVENT_TIME => times(known.event_time, Some(0), end),
            column::SENT_TIME => times(known.sent_time, known.sent_time_nulls, end),
            _ => ColumnStatistics::new_unknown(),
        });
        let exact = |count: u64| usize::try_from(count).map_or(Precision::Absent, Precision::Exact);
        Statistics {
            num_rows: known.rows.map_or(Precision::Absent, exact),
            total_byte_size: Precision::Absent,
            column_statistics: columns.collect(),
        }
    }

    /// The files that may hold a row for which the predicate is true.
    fn matching(&self, predicate: Option<&Arc<dyn PhysicalExpr>>) -> Result<Vec<PartitionedFile>> {
        let files: Vec<PartitionedFile> = self.files.iter().map(|file| self.partitioned(file)).collect();
        let Some(predicate) = predicate else { return Ok(files) };
        let table_schema = Arc::clone(self.schema.table_schema());
        let Ok(pruning) =
            PruningPredicateBuilder::new().with_file_schema(Arc::clone(&table_schema)).try_build(Arc::clone(predicate))
        else {
            return Ok(files);
        };
        // DataFusion leaves nothing out by statistics that are inexact.
        let known = |file| self.partitioned(file).with_statistics(Arc::new(self.statistics(file, Precision::Exact)));
        let statistics = self.files.iter().filter_map(|file| known(file).statistics).collect();
        let keep = pruning.prune(&PrunableStatistics::new(statistics, table_schema))?;
        Ok(files.into_iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
    }
}

fn days_since_epoch(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - NaiveDate::default().num_days_from_ce()
}

/// A range that the log does not say has null for its ends, of which pruning makes nothing.
fn times(
    range: Option<(i64, i64)>,
    nulls: Option<u64>,
    end: fn(ScalarValue) -> Precision<ScalarValue>,
) -> ColumnStatistics {
    let DataType::Timestamp(_, zone) = timestamp() else { return ColumnStatistics::new_unknown() };
    let value = |micros| end(ScalarValue::TimestampMicrosecond(micros, zone.clone()));
    let mut statistics = ColumnStatistics::new_unknown();
    statistics.min_value = value(range.map(|(low, _)| low));
    statistics.max_value = value(range.map(|(_, high)| high));
    if let Some(count) = nulls.and_then(|n| usize::try_from(n).ok()) {
        statistics.null_count = Precision::Exact(count);
    }
    statistics
}

/// Deals files to `count` groups so that the groups weigh about the same, each keeping the files' order in time.
fn groups(mut files: Vec<PartitionedFile>, count: usize) -> Vec<FileGroup> {
    files.sort_by(|a, b| a.object_meta.location.cmp(&b.object_meta.location));
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); count.max(1)];
    for file in files {
        if let Some((weight, group)) = groups.iter_mut().min_by_key(|(weight, _)| *weight) {
            *weight += file.object_meta.size;
            group.push(file);
        }
    }
    groups.into_iter().filter(|(_, group)| !group.is_empty()).map(|(_, group)| FileGroup::new(group)).collect()
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = DFSchema::try_from(Arc::clone(self.schema.table_schema()))?;
        let predicate =
            conjunction(filters.to_vec()).map(|filter| state.create_physical_expr(filter, &schema)).transpose()?;
        let files = self.matching(predicate.as_ref())?;
        if files.is_empty() {
            // A scan in no parts at all is refused where one part is asked for, as by a sort.
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema(), projection)?)));
        }
        let mut options =
            TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..Default::default() };
        options.global.pushdown_filters = true;
        let mut source = ParquetSource::new(self.schema.clone()).with_table_parquet_options(options);
        if let Some(predicate) = predicate {
            source = source.with_predicate(predicate);
        }
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(groups(files, state.config().target_partitions()))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}

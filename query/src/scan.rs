//! The one scan behind every figure: rows of a time range, filtered, grouped, tallied.
//!
//! ```text
//! events table ── time range, filters ──> (window, group values, tally cell) ── count ──> Tallied { window, group, tally }
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int16Type, Int64Type};
use chrono::{DateTime, TimeDelta, Utc};
use datafusion::common::ScalarValue;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::functions_aggregate::count::count;
use datafusion::functions_aggregate::min_max::max;
use datafusion::logical_expr::{Expr, ScalarUDF, cast, col, lit};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use repute_lake::schema::column;
use repute_lake::{EVENTS, EventType, ImportTotals, Lake, RecentImport};
use tokio::sync::OnceCell;

use crate::counting::CountingRules;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::functions::{bounce_class, bounce_reason, mailbox_provider, tally_cell};
use crate::provider::Providers;
use crate::reasons::Classifier;
use crate::tally::Tally;

/// Memory a reader's queries may hold together, in bytes; beyond it they spill or fail.
const MEMORY_LIMIT: usize = 1 << 30;

/// A minute in microseconds.
pub(crate) const MINUTE: i64 = 60_000_000;

/// By which time an event belongs to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Clock {
    /// When it happened.
    #[default]
    Event,
    /// When the mail it belongs to was sent. Events that do not say are in no window.
    Sent,
}

impl Clock {
    /// The name in options and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Sent => "sent",
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Event => column::EVENT_TIME,
            Self::Sent => column::SENT_TIME,
        }
    }
}

/// Which rows, and how they are grouped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Selection {
    /// By which time.
    pub clock: Clock,
    /// From here on (inclusive); `None` for all.
    pub since: Option<DateTime<Utc>>,
    /// Up to here (exclusive); `None` for all.
    pub until: Option<DateTime<Utc>>,
    /// Only what had happened before this time, whatever the clock; `None` for all.
    pub as_of: Option<DateTime<Utc>>,
    /// Only what lies in the minutes that begin at these times (microseconds); empty for all.
    pub minutes: Vec<i64>,
    /// Only events of these types; empty for all.
    pub types: Vec<EventType>,
    /// Width of a window in microseconds; `None` for one window over everything.
    pub width: Option<i64>,
    /// What to group by.
    pub by: Vec<Dimension>,
    /// Only rows with these values; `None` asks for rows without one.
    pub only: Vec<(Dimension, Option<String>)>,
}

/// One group in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tallied {
    /// Start of the window, microseconds since the epoch; zero when there is one window over everything.
    pub window: i64,
    /// Values of the dimensions, `None` where a row has none.
    pub group: Vec<Option<String>>,
    /// What was counted.
    pub tally: Tally,
}

/// The lake at one version, ready to be asked. An answer is kept, since the version never changes: a page that asks again,
/// and two questions that need the same scan, read nothing twice.
pub struct Reader {
    context: SessionContext,
    promoted_tags: Vec<String>,
    rules: Arc<CountingRules>,
    tally_cell: ScalarUDF,
    provider: ScalarUDF,
    bounce_class: ScalarUDF,
    newest: OnceCell<Option<DateTime<Utc>>>,
    imports: ImportTotals,
    recent: Vec<RecentImport>,
    answers: Mutex<HashMap<Selection, Answer>>,
}

/// An answer, or the place where it will be once the first who asked has it.
type Answer = Arc<OnceCell<Arc<Vec<Tallied>>>>;

/// How many answers are kept, and up to which size.
const KEPT_ANSWERS: usize = 128;
const KEPT_ROWS: usize = 100_000;

impl Reader {
    /// Reads `lake` at the version it shows.
    pub fn new(lake: &Lake, rules: CountingRules, providers: Providers) -> Result<Self, QueryError> {
        let runtime = RuntimeEnvBuilder::new().with_memory_limit(MEMORY_LIMIT, 1.0).build_arc()?;
        let (table, url, store) = lake.events_table()?;
        runtime.register_object_store(url.as_ref(), store);
        let context = SessionContext::new_with_config_rt(SessionConfig::new().with_collect_statistics(false), runtime);
        context.register_table(EVENTS, Arc::new(table))?;
        let rules = Arc::new(rules);
        Ok(Self {
            context,
            promoted_tags: lake.promoted_tags().to_vec(),
            tally_cell: tally_cell(Arc::clone(&rules)),
            rules,
            provider: mailbox_provider(Arc::new(providers)),
            bounce_class: bounce_class(Arc::default()),
            newest: OnceCell::new(),
            imports: ImportTotals::default(),
            recent: Vec::new(),
            answers: Mutex::default(),
        })
    }

    /// The same, knowing what all imports did together.
    pub fn with_imports(self, imports: ImportTotals) -> Self {
        Self { imports, ..self }
    }

    /// The same, knowing what was imported of late.
    pub fn with_recent_imports(self, recent: Vec<RecentImport>) -> Self {
        Self { recent, ..self }
    }

    /// What was imported of late, as far as it was told.
    pub(crate) fn recent_imports(&self) -> &[RecentImport] {
        &self.recent
    }

    /// The same, knowing bounces by the operator's rules.
    pub fn with_reasons(self, classifier: Classifier) -> Self {
        Self { bounce_class: bounce_class(Arc::new(classifier)), ..self }
    }

    /// Custom tags that have a column of their own.
    pub fn promoted_tags(&self) -> &[String] {
        &self.promoted_tags
    }

    /// A dimension over the events table.
    pub(crate) fn expression(&self, dimension: &Dimension) -> Expr {
        dimension.expression(&self.promoted_tags, &self.provider, &self.bounce_class)
    }

    /// The normalised diagnostic over the events table.
    pub(crate) fn reason_text(&self) -> Expr {
        bounce_reason().call(vec![col(column::DIAGNOSTIC_CODE)])
    }

    /// What all imports did together, as far as it was told.
    pub fn imports(&self) -> &ImportTotals {
        &self.imports
    }

    /// The counting rules in force.
    pub fn rules(&self) -> &CountingRules {
        &self.rules
    }

    /// Counts what the selection names, ordered by window and group.
    pub async fn tallies(&self, selection: &Selection) -> Result<Arc<Vec<Tallied>>, QueryError> {
        let selection = self.without_idle_bounds(selection).await?;
        let answer = {
            let mut answers = self.answers();
            if answers.len() >= KEPT_ANSWERS {
                answers.clear();
            }
            Arc::clone(answers.entry(selection.clone()).or_default())
        };
        let tallied = Arc::clone(answer.get_or_try_init(|| self.scan(&selection)).await?);
        if tallied.len() > KEPT_ROWS {
            self.answers().remove(&selection);
        }
        Ok(tallied)
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<Selection, Answer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The selection without ends that lie behind the newest event: they pass everything, and as they move with the clock
    /// they would make every question a new one.
    async fn without_idle_bounds(&self, selection: &Selection) -> Result<Selection, QueryError> {
        let mut selection = selection.clone();
        let newest = self.newest().await?;
        let idle = |end: &DateTime<Utc>| newest.is_none_or(|newest| *end > newest);
        selection.as_of = selection.as_of.filter(|end| !idle(end));
        if selection.clock == Clock::Event {
            selection.until = selection.until.filter(|end| !idle(end));
        }
        Ok(selection)
    }

    async fn scan(&self, selection: &Selection) -> Result<Arc<Vec<Tallied>>, QueryError> {
        let mut groups: BTreeMap<(i64, Vec<Option<String>>), Tally> = BTreeMap::new();
        for batch in &self.grouped(selection).await? {
            collect(batch, selection.by.len(), &mut groups);
        }
        groups.values_mut().for_each(|tally| self.rules.settle(tally));
        let tallied = groups.into_iter().map(|((window, group), tally)| Tallied { window, group, tally });
        Ok(Arc::new(tallied.collect()))
    }

    /// Time of the newest event up to and including `now`; `None` where there is none.
    pub async fn newest_event(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, QueryError> {
        match self.newest().await? {
            Some(newest) if newest > now => {
                let selection = Selection { until: Some(now + TimeDelta::microseconds(1)), ..Selection::default() };
                self.newest_of(&selection).await
            }
            newest => Ok(newest),
        }
    }

    async fn newest(&self) -> Result<Option<DateTime<Utc>>, QueryError> {
        self.newest.get_or_try_init(|| async { self.newest_of(&Selection::default()).await }).await.copied()
    }

    async fn newest_of(&self, selection: &Selection) -> Result<Option<DateTime<Utc>>, QueryError> {
        let events = self.events(selection).await?;
        let newest = max(cast(col(column::EVENT_TIME), DataType::Int64));
        let batches = events.aggregate(vec![], vec![newest])?.collect().await?;
        let values = batches
            .iter()
            .filter(|batch| batch.num_rows() > 0)
            .map(|batch| batch.column(0).as_primitive::<Int64Type>());
        Ok(values.filter(|array| array.is_valid(0)).find_map(|array| DateTime::from_timestamp_micros(array.value(0))))
    }

    /// One row per (window, group values..., tally cell) with its count.
    async fn grouped(&self, selection: &Selection) -> Result<Vec<RecordBatch>, QueryError> {
        let events = self.events(selection).await?;
        let micros = cast(col(selection.clock.column()), DataType::Int64);
        let window = match selection.width {
            Some(width) => micros / lit(width) * lit(width),
            None => lit(0_i64),
        };
        let mut keys = vec![window.alias("window")];
        for (index, dimension) in selection.by.iter().enumerate() {
            let value = self.expression(dimension);
            keys.push(cast(value, DataType::Utf8View).alias(format!("group_{index}")));
        }
        keys.push(self.cell().alias("cell"));
        let grouped = events.aggregate(keys, vec![count(lit(1_i64)).alias("rows")])?;
        Ok(grouped.collect().await?)
    }

    /// The number of the tally's cell over the events table.
    pub(crate) fn cell(&self) -> Expr {
        let mut columns = vec![
            column::EVENT_TYPE,
            column::BOUNCE_TYPE,
            column::BOUNCE_SUBTYPE,
            column::COMPLAINT_FEEDBACK_TYPE,
            column::COMPLAINT_SUBTYPE,
            column::RECIPIENT_DOMAIN,
        ];
        if self.rules.looks_at_addresses() {
            columns.push(column::RECIPIENT);
        }
        self.tally_cell.call(columns.into_iter().map(col).collect())
    }

    /// The rows that the selection names, ungrouped.
    pub(crate) async fn events(&self, selection: &Selection) -> Result<DataFrame, QueryError> {
        let events = self.context.table(EVENTS).await?;
        Ok(self.filters(selection).into_iter().try_fold(events, DataFrame::filter)?)
    }

    fn filters(&self, selection: &Selection) -> Vec<Expr> {
        let time = || col(selection.clock.column());
        let mut filters = Vec::new();
        if selection.clock == Clock::Sent {
            filters.push(time().is_not_null());
        }
        if let Some(since) = selection.since {
            filters.push(time().gt_eq(at(since)));
            if selection.clock == Clock::Event {
                filters.push(col(column::EVENT_DATE).gt_eq(date(since)));
            }
        }
        if let Some(until) = selection.until {
            filters.push(time().lt(at(until)));
            if selection.clock == Clock::Event {
                filters.push(col(column::EVENT_DATE).lt_eq(date(until)));
            }
        }
        if let Some(as_of) = selection.as_of {
            filters.push(col(column::EVENT_TIME).lt(at(as_of)));
            filters.push(col(column::EVENT_DATE).lt_eq(date(as_of)));
        }
        if let (Some(first), Some(last)) = (selection.minutes.iter().min(), selection.minutes.iter().max()) {
            let moment = |micros: i64| at(DateTime::from_timestamp_micros(micros).unwrap_or_default());
            filters.push(time().gt_eq(moment(*first)));
            filters.push(time().lt(moment(last + MINUTE)));
            let minute = cast(time(), DataType::Int64) / lit(MINUTE) * lit(MINUTE);
            filters.push(minute.in_list(selection.minutes.iter().map(|minute| lit(*minute)).collect(), false));
        }
        if !selection.types.is_empty() {
            let names = selection.types.iter().map(|t| lit(ScalarValue::Utf8View(Some(t.as_str().to_owned()))));
            filters.push(col(column::EVENT_TYPE).in_list(names.collect(), false));
        }
        for (dimension, value) in &selection.only {
            let expression = self.expression(dimension);
            filters.push(match value {
                Some(value) => expression.eq(lit(ScalarValue::Utf8View(Some(value.clone())))),
                None => expression.is_null(),
            });
        }
        filters
    }
}

/// A time as a literal.
pub(crate) fn at(time: DateTime<Utc>) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(time.timestamp_micros()), Some("UTC".into())))
}

fn date(time: DateTime<Utc>) -> Expr {
    let days = i32::try_from(time.timestamp().div_euclid(86_400)).unwrap_or(i32::MAX);
    lit(ScalarValue::Date32(Some(days)))
}

fn collect(batch: &RecordBatch, dimensions: usize, groups: &mut BTreeMap<(i64, Vec<Option<String>>), Tally>) {
    let windows = batch.column(0).as_primitive::<Int64Type>();
    let values: Vec<_> = (0..dimensions).map(|index| batch.column(1 + index).as_string_view()).collect();
    let cells = batch.column(1 + dimensions).as_primitive::<Int16Type>();
    let counts = batch.column(2 + dimensions).as_primitive::<Int64Type>();
    for row in 0..batch.num_rows() {
        if cells.is_null(row) {
            continue;
        }
        let group = values.iter().map(|array| array.is_valid(row).then(|| array.value(row).to_owned())).collect();
        let tally = groups.entry((windows.value(row), group)).or_default();
        tally.add_cell(cells.value(row), u64::try_from(counts.value(row)).unwrap_or(0));
    }
}

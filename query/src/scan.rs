//! The lake at one version, and the one question behind every figure: rows of a time range, filtered, grouped, tallied.
//!
//! ```text
//! Selection ── by account, set, whole minutes ──> rollups ─────────┐
//!         └─── anything else ──> rows ── filter, group, count ─────┴──> Tallied { window, group, tally }
//! ```
//! Where a selection begins or ends within a minute, that minute's rows are read, and the rest is taken from the rollups.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::functions_aggregate::min_max::max;
use datafusion::logical_expr::{Expr, ScalarUDF, cast, col};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use repute_lake::schema::column;
use repute_lake::{Books, CodedFiles, DataFile, EVENTS, EventType, EventsTable, ImportTotals, Lake, RecentImport};
use tokio::sync::OnceCell;

use crate::answers::Answers;
use crate::coded::Sorting;
use crate::counter::MOST_ROWS;
use crate::counting::CountingRules;
use crate::delays::KeptDelays;
use crate::dimension::Dimension;
use crate::doctor::KeptFacts;
use crate::engagement::KeptEngagement;
use crate::error::QueryError;
use crate::filter::filters;
use crate::functions::{bounce_class, bounce_reason, mailbox_provider, tally_cell};
use crate::parts::Parts;
use crate::provider::Providers;
use crate::reasons::{Classifier, ReasonDays};
use crate::rollup::day::{Gather, Groups};
use crate::rollup::{FORMAT, RollupStanding, Rollups, Source};
pub(crate) use crate::selection::MINUTE;
pub use crate::selection::{Clock, Selection, Tallied};
use crate::turns::{Turn, Turns};

/// Memory a reader's queries may hold together, in bytes; beyond it they spill or fail.
const MEMORY_LIMIT: usize = 1 << 30;

/// The lake at one version, ready to be asked. An answer is kept, since the version never changes: a page that asks again,
/// and two questions that need the same scan, read nothing twice.
pub struct Reader {
    pub(crate) context: SessionContext,
    pub(crate) table: Arc<EventsTable>,
    /// What reads rows by their numbers, unless the engine is to read them all.
    pub(crate) coded: Option<CodedFiles>,
    pub(crate) sorting: Sorting,
    /// The tally's cell of a row.
    cell: Expr,
    provider: ScalarUDF,
    bounce_class: ScalarUDF,
    newest: OnceCell<Option<DateTime<Utc>>>,
    imports: ImportTotals,
    recent: Vec<RecentImport>,
    books: Option<Arc<Books>>,
    rollups: Option<(Rollups, Source)>,
    answers: Mutex<Answers>,
    facts: KeptFacts,
    pub(crate) engagement: KeptEngagement,
    pub(crate) delays: KeptDelays,
    pub(crate) reasons: ReasonDays,
    /// Counts of dates; nothing where every answer reads rows.
    pub(crate) parts: Option<Arc<Parts>>,
    turns: Turns,
}

impl Reader {
    /// Reads `lake` at the version it shows.
    pub fn new(lake: &Lake, rules: CountingRules, providers: Providers) -> Result<Self, QueryError> {
        let runtime = RuntimeEnvBuilder::new().with_memory_limit(MEMORY_LIMIT, 1.0).build_arc()?;
        let (table, url, store) = lake.events_table()?;
        let table = Arc::new(table);
        runtime.register_object_store(url.as_ref(), store);
        let context = SessionContext::new_with_config_rt(SessionConfig::new().with_collect_statistics(false), runtime);
        context.register_table(EVENTS, Arc::clone(&table) as _)?;
        let (rules, providers) = (Arc::new(rules), Arc::new(providers));
        let classifier = Arc::<Classifier>::default();
        let sidecars = lake.sidecars(&rules.fingerprint(FORMAT))?;
        let cell = cell(&tally_cell(Arc::clone(&rules)), &rules);
        let rollups = Rollups::new(sidecars, &table);
        let source =
            Source { context: context.clone(), table: Arc::clone(&table), cell: cell.clone(), most_rows: MOST_ROWS };
        Ok(Self {
            context,
            table,
            coded: Some(lake.coded_files()),
            cell,
            provider: mailbox_provider(Arc::clone(&providers)),
            bounce_class: bounce_class(Arc::clone(&classifier)),
            sorting: Sorting {
                rules,
                providers,
                classifier,
                promoted_tags: lake.promoted_tags().into(),
                most_rows: MOST_ROWS,
            },
            newest: OnceCell::new(),
            imports: ImportTotals::default(),
            rollups: Some((rollups, source)),
            recent: Vec::new(),
            books: None,
            answers: Mutex::default(),
            facts: KeptFacts::default(),
            engagement: KeptEngagement::default(),
            delays: KeptDelays::default(),
            reasons: ReasonDays::default(),
            parts: Some(Arc::default()),
            turns: Turns::unlimited(),
        })
    }

    /// The same, reading rows for every answer.
    pub fn without_rollups(self) -> Self {
        Self { rollups: None, parts: None, ..self }
    }

    /// The same, having the query engine read the rows.
    pub fn by_engine(self) -> Self {
        Self { coded: None, ..self }
    }

    /// The same, refusing questions whose answers have more windows and groups: each takes up to a kilobyte until it is told.
    pub fn with_most_rows(self, most_rows: usize) -> Self {
        let rollups = self.rollups.map(|(rollups, source)| (rollups, Source { most_rows, ..source }));
        Self { rollups, sorting: Sorting { most_rows, ..self.sorting }, ..self }
    }

    pub(crate) fn most_rows(&self) -> usize {
        self.sorting.most_rows
    }

    /// The same, reading rows only when it is its turn.
    pub fn with_turns(self, turns: Turns) -> Self {
        Self { turns, ..self }
    }

    /// The same, knowing what another version of the lake, asked with the same rules, had counted already.
    pub async fn continuing(mut self, other: &Self) -> Self {
        if let (Some(coded), Some(others)) = (self.coded.take(), &other.coded) {
            self.coded = Some(coded.continuing(others));
        }
        self.engagement.continue_from(&other.engagement);
        self.delays.continue_from(&other.delays);
        if self.sorting.classifier == other.sorting.classifier && self.sorting.providers == other.sorting.providers {
            self.reasons = other.reasons.clone();
        }
        if let (Some((rollups, _)), Some((others, _))) = (&self.rollups, &other.rollups)
            && self.rules().fingerprint(FORMAT) == other.rules().fingerprint(FORMAT)
        {
            rollups.continue_from(others).await;
            self.parts = self.parts.and(other.parts.clone());
        }
        self
    }

    /// Counts the rows that were not counted yet, and keeps the counts beside the lake if it can be written to: questions then need
    /// not wait for it.
    pub async fn prepare(&self) -> Result<(), QueryError> {
        match &self.rollups {
            Some((rollups, source)) => rollups.prepare(source).await,
            None => Ok(()),
        }
    }

    /// The same, knowing what all imports did together.
    pub fn with_imports(self, imports: ImportTotals) -> Self {
        Self { imports, ..self }
    }

    /// The same, knowing what was imported of late.
    pub fn with_recent_imports(self, recent: Vec<RecentImport>) -> Self {
        Self { recent, ..self }
    }

    /// The same, knowing the lake's books of this version.
    pub fn with_books(self, books: Arc<Books>) -> Self {
        Self { books: Some(books), ..self }
    }

    /// The lake's books, if they were told.
    pub fn books(&self) -> Option<&Arc<Books>> {
        self.books.as_ref()
    }

    /// How far rows have been counted, and what is kept of that; nothing where every answer reads rows.
    pub async fn rollup_standing(&self) -> Option<RollupStanding> {
        let (rollups, _) = self.rollups.as_ref()?;
        Some(rollups.standing().await)
    }

    pub(crate) fn kept_facts(&self) -> &KeptFacts {
        &self.facts
    }

    /// What was imported of late, as far as it was told.
    pub(crate) fn recent_imports(&self) -> &[RecentImport] {
        &self.recent
    }

    /// The same, knowing bounces by the operator's rules.
    pub fn with_reasons(self, classifier: Classifier) -> Self {
        let classifier = Arc::new(classifier);
        let sorting = Sorting { classifier: Arc::clone(&classifier), ..self.sorting };
        Self { bounce_class: bounce_class(classifier), sorting, reasons: ReasonDays::default(), ..self }
    }

    /// Custom tags that have a column of their own.
    pub fn promoted_tags(&self) -> &[String] {
        &self.sorting.promoted_tags
    }

    /// A dimension over the events table.
    pub(crate) fn expression(&self, dimension: &Dimension) -> Expr {
        dimension.expression(self.promoted_tags(), &self.provider, &self.bounce_class)
    }

    /// The normalised diagnostic over the events table.
    pub(crate) fn reason_text(&self) -> Expr {
        bounce_reason().call(vec![col(column::DIAGNOSTIC_CODE)])
    }

    /// What all imports did together, as far as it was told.
    pub fn imports(&self) -> &ImportTotals {
        &self.imports
    }

    /// Which domains are one mailbox provider.
    pub(crate) fn providers(&self) -> &Providers {
        &self.sorting.providers
    }

    /// The counting rules in force.
    pub fn rules(&self) -> &CountingRules {
        &self.sorting.rules
    }

    /// Counts what the selection names, ordered by window and group.
    pub async fn tallies(&self, selection: &Selection) -> Result<Arc<Vec<Tallied>>, QueryError> {
        let selection = self.without_idle_bounds(selection).await?;
        let answer = self.answers().place(&selection);
        let is_new = !answer.initialized();
        let tallied = Arc::clone(answer.get_or_try_init(|| self.count(&selection)).await?);
        if is_new {
            self.answers().note(&selection, tallied.len());
        }
        Ok(tallied)
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The selection without ends that lie behind the newest event: they pass everything, and as they move with the clock
    /// they would make every question a new one.
    pub(crate) async fn without_idle_bounds(&self, selection: &Selection) -> Result<Selection, QueryError> {
        let mut selection = selection.clone();
        let newest = self.newest().await?;
        let idle = |end: &DateTime<Utc>| newest.is_none_or(|newest| *end > newest);
        selection.as_of = selection.as_of.filter(|end| !idle(end));
        if selection.clock == Clock::Event {
            selection.until = selection.until.filter(|end| !idle(end));
        }
        Ok(selection)
    }

    async fn count(&self, selection: &Selection) -> Result<Arc<Vec<Tallied>>, QueryError> {
        let mut tallied = match &self.rollups {
            Some((rollups, source)) if selection.is_by_minutes() => {
                let mut groups = Groups::new();
                self.by_minutes(rollups, source, selection, &mut groups).await?;
                listed(groups)
            }
            Some((rollups, source)) if selection.is_by_moments() => self.by_moments(rollups, source, selection).await?,
            _ => {
                let _turn = self.turn().await?;
                self.scan(selection).await?
            }
        };
        if !selection.among.is_empty() {
            tallied.retain(|row| row.group.last().is_some_and(|value| selection.among.contains(value)));
        }
        tallied.iter_mut().for_each(|row| self.rules().settle(&mut row.tally));
        Ok(Arc::new(tallied))
    }

    /// Waits until rows may be read, other than those of a few minutes. It is kept until they are.
    pub(crate) async fn turn(&self) -> Result<Turn, QueryError> {
        self.turns.take().await
    }

    /// What [`Self::tallies`] answers, by group and window; the answer is not kept.
    pub(crate) async fn groups(&self, selection: &Selection) -> Result<Groups, QueryError> {
        let mut groups = Groups::new();
        self.gather(selection, &mut groups).await?;
        groups.values_mut().flat_map(BTreeMap::values_mut).for_each(|tally| self.rules().settle(tally));
        Ok(groups)
    }

    /// Counts the rows as they lie in the lake, before any is taken for one of another kind.
    pub(crate) async fn gather(&self, selection: &Selection, into: &mut impl Gather) -> Result<(), QueryError> {
        let selection = &self.without_idle_bounds(selection).await?;
        if let Some((rollups, source)) = self.rollups.as_ref().filter(|_| selection.is_by_minutes()) {
            return self.by_minutes(rollups, source, selection, into).await;
        }
        // A few minutes are read at once.
        let _turn = if selection.minutes.is_empty() { Some(self.turn().await?) } else { None };
        give(self.scan(selection).await?, into);
        Ok(())
    }

    /// Bounces and complaints by the very time at which their mail was sent, for mail of the selection's minutes; nothing where they
    /// are not counted so, or where sends do not happen when their mail is sent.
    pub(crate) async fn reports(&self, selection: &Selection) -> Result<Option<Groups>, QueryError> {
        let selection = &self.without_idle_bounds(selection).await?;
        let Some((rollups, source)) = self.rollups.as_ref().filter(|_| selection.is_by_moments()) else {
            return Ok(None);
        };
        let mut groups = Groups::new();
        let at_once = rollups.add_reports(source, selection, &selection.minutes, &mut groups).await?;
        groups.values_mut().flat_map(BTreeMap::values_mut).for_each(|tally| self.rules().settle(tally));
        Ok(at_once.then_some(groups))
    }

    /// How many rows the files hold that may have some of a stretch of time, as the log says.
    pub(crate) fn rows_between(&self, since: DateTime<Utc>, until: DateTime<Utc>) -> u64 {
        let (from, to) = (since.timestamp_micros(), until.timestamp_micros());
        let holds = |file: &&DataFile| file.statistics.event_time.is_none_or(|(low, high)| low < to && high >= from);
        self.table.files().iter().filter(holds).filter_map(|file| file.statistics.rows).sum()
    }

    /// Whether the selection is answered without a look at rows, but for those of the minutes in which it begins and ends.
    pub(crate) fn is_counted(&self, selection: &Selection) -> bool {
        self.rollups.is_some() && selection.is_by_minutes()
    }

    /// From the rollups, but for the minutes in which the selection begins and ends.
    async fn by_minutes(
        &self,
        rollups: &Rollups,
        source: &Source,
        selection: &Selection,
        into: &mut impl Gather,
    ) -> Result<(), QueryError> {
        let mut selection = selection.clone();
        if selection.clock == Clock::Event {
            let ends = [selection.until, selection.as_of.take()];
            selection.until = ends.into_iter().flatten().min();
        }
        let from = selection.since.map(|time| time.timestamp_micros());
        let to = selection.until.map(|time| time.timestamp_micros());
        let first = from.map_or(i64::MIN, |from| -(-from).div_euclid(MINUTE) * MINUTE);
        let last = to.map_or(i64::MAX, |to| to.div_euclid(MINUTE) * MINUTE);
        if first >= last {
            give(self.scan(&selection).await?, into);
            return Ok(());
        }
        rollups.add_to(source, &selection, (first, last), into).await?;
        let edges = [from.map(|from| (from, first)), to.map(|to| (last, to))];
        for (from, to) in edges.into_iter().flatten().filter(|(from, to)| from < to) {
            let (since, until) = (DateTime::from_timestamp_micros(from), DateTime::from_timestamp_micros(to));
            let edge = Selection { since, until, ..selection.clone() };
            give(self.scan(&edge).await?, into);
        }
        Ok(())
    }

    /// Bounces and complaints from the rollups, sends from the rows of the minutes.
    async fn by_moments(
        &self,
        rollups: &Rollups,
        source: &Source,
        selection: &Selection,
    ) -> Result<Vec<Tallied>, QueryError> {
        let mut groups = Groups::new();
        if !rollups.add_reports(source, selection, &selection.minutes, &mut groups).await? {
            return self.scan(selection).await;
        }
        if selection.types.contains(&EventType::Send) {
            let sends = Selection { clock: Clock::Event, types: vec![EventType::Send], ..selection.clone() };
            merge(&mut groups, self.scan(&sends).await?);
        }
        Ok(listed(groups))
    }

    /// Time of the newest event up to and including `now`; `None` where there is none.
    pub async fn newest_event(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, QueryError> {
        let newest = self.newest().await?;
        if newest.is_none_or(|newest| newest <= now) {
            return Ok(newest);
        }
        let mut selection = Selection { until: Some(now + TimeDelta::microseconds(1)), ..Selection::default() };
        if let Some((rollups, source)) = &self.rollups {
            let today = now.date_naive();
            let of_today = Selection { since: Some(today.and_time(NaiveTime::MIN).and_utc()), ..selection.clone() };
            if let Some(newest) = self.newest_of(&of_today).await? {
                return Ok(Some(newest));
            }
            if let Some(yesterday) = today.pred_opt() {
                let newest = rollups.newest(source, Some(yesterday)).await?;
                return Ok(newest.and_then(|(_, micros)| DateTime::from_timestamp_micros(micros)));
            }
            selection = of_today;
        }
        self.newest_of(&selection).await
    }

    /// Time of the newest event, also if it is later than now.
    pub(crate) async fn newest(&self) -> Result<Option<DateTime<Utc>>, QueryError> {
        let find = || async {
            match &self.rollups {
                Some((rollups, source)) => {
                    let newest = rollups.newest(source, None).await?;
                    Ok(newest.and_then(|(_, micros)| DateTime::from_timestamp_micros(micros)))
                }
                None => self.newest_of(&Selection::default()).await,
            }
        };
        self.newest.get_or_try_init(find).await.copied()
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

    /// The number of the tally's cell over the events table.
    pub(crate) fn cell(&self) -> Expr {
        self.cell.clone()
    }

    /// What a row of the events table must be.
    pub(crate) fn filters(&self, selection: &Selection) -> Vec<Expr> {
        filters(selection, |dimension| self.expression(dimension))
    }

    /// The files that may hold rows from one time (inclusive) to another, in microseconds, as the log says.
    pub(crate) fn files_between(&self, from: i64, to: i64) -> Vec<DataFile> {
        let holds = |file: &&DataFile| file.statistics.event_time.is_none_or(|(low, high)| low < to && high >= from);
        self.table.files().iter().filter(holds).cloned().collect()
    }

    /// The rows of some files that the selection names, ungrouped.
    pub(crate) fn rows_of(&self, files: Vec<DataFile>, selection: &Selection) -> Result<DataFrame, QueryError> {
        let rows = self.context.read_table(Arc::new(self.table.only(files)))?;
        Ok(self.filters(selection).into_iter().try_fold(rows, DataFrame::filter)?)
    }

    /// The rows that the selection names, ungrouped.
    pub(crate) async fn events(&self, selection: &Selection) -> Result<DataFrame, QueryError> {
        let events = self.context.table(EVENTS).await?;
        Ok(self.filters(selection).into_iter().try_fold(events, DataFrame::filter)?)
    }
}

/// The tally's cell of a row.
fn cell(function: &ScalarUDF, rules: &CountingRules) -> Expr {
    let mut columns = vec![
        column::EVENT_TYPE,
        column::BOUNCE_TYPE,
        column::BOUNCE_SUBTYPE,
        column::COMPLAINT_FEEDBACK_TYPE,
        column::COMPLAINT_SUBTYPE,
        column::RECIPIENT_DOMAIN,
    ];
    if rules.looks_at_addresses() {
        columns.push(column::RECIPIENT);
    }
    function.call(columns.into_iter().map(col).collect())
}

fn merge(groups: &mut Groups, others: Vec<Tallied>) {
    for Tallied { window, group, tally } in others {
        *groups.entry(group).or_default().entry(window).or_default() += &tally;
    }
}

/// Puts counts where they are gathered.
fn give(rows: Vec<Tallied>, into: &mut impl Gather) {
    for Tallied { window, group, tally } in rows {
        for (kind, class, rows) in tally.rows_by_cell() {
            into.add(&group, crate::tally::cell(kind, class), std::iter::once((window, rows)));
        }
    }
}

/// Ordered by window and group.
fn listed(groups: Groups) -> Vec<Tallied> {
    let mut tallied = Vec::new();
    for (group, windows) in groups {
        tallied.extend(windows.into_iter().map(|(window, tally)| Tallied { window, group: group.clone(), tally }));
    }
    tallied.sort_by(|a, b| (a.window, &a.group).cmp(&(b.window, &b.group)));
    tallied
}

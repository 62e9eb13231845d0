//! Rows counted once: by minute, account and configuration set, for each event date.
//!
//! ```text
//! data files of a date ── one pass ──> Day: counts by minute of happening, of sending ──> answers to selections
//!          ^ those not counted yet       └ kept beside the lake, with an index of sums by day
//! ```
//! A data file never changes, so what was counted from it holds as long as the file is active, and needs no care: a commit adds files,
//! which are counted and added; where a file of a date is no longer active (compacted, rows erased), the date is counted anew. The
//! index says from which files each date was counted, and is compared with the version that is read. So answers are those of a
//! full scan, to the row; what is kept only saves work, and any of it may be deleted.
//!
//! Classes of recipients are part of the counts, so what is kept is kept for the counting rules it was made with.

mod build;
pub(crate) mod day;
mod kept;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;
use repute_lake::{DataFile, EventsTable, Sidecars};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::error::QueryError;
use crate::scan::{Clock, MINUTE, Selection};
use day::{DAY, Day, Facts, Gather, Sums, floor};
use kept::Indexed;
pub use standing::RollupStanding;

/// Rises whenever the same rows would be counted differently, or written differently.
pub(crate) const FORMAT: u32 = 2;

/// New rows are counted again by every process until there are so many that it pays to keep the counts.
const WORTH_KEEPING: u64 = 50_000;

/// Rows counted in one pass: each date that has any is kept after it.
const PASS_ROWS: u64 = 8_000_000;

/// Counts of days held in memory, 16 bytes each; days beyond it are read again when they are needed.
const HELD_COUNTS: usize = 12_000_000;

/// A file that no index names is kept so long, since its writer may be about to name it.
const UNNAMED: TimeDelta = TimeDelta::minutes(10);

/// How to count rows that were not counted yet.
pub(crate) struct Source {
    pub(crate) context: SessionContext,
    /// All active files.
    pub(crate) table: Arc<EventsTable>,
    /// The cell of a row.
    pub(crate) cell: Expr,
}

/// The counts of a version of the lake.
pub(crate) struct Rollups {
    sidecars: Sidecars,
    active: BTreeMap<NaiveDate, Vec<DataFile>>,
    state: Mutex<State>,
}

#[derive(Default, Clone)]
struct State {
    has_index: bool,
    dates: BTreeMap<NaiveDate, Known>,
    /// Days of which only what happened before a time (microseconds) was counted.
    partial: BTreeMap<(NaiveDate, i64), Arc<Day>>,
    /// Rows that were counted and not kept.
    unkept: u64,
    /// Nothing can be written here.
    is_read_only: bool,
}

/// What is known of a date.
#[derive(Clone)]
struct Known {
    files: BTreeSet<String>,
    facts: Facts,
    sums: Arc<Sums>,
    /// Its file, if it is kept.
    kept: Option<String>,
    day: Option<Arc<Day>>,
}

impl Known {
    fn of(files: BTreeSet<String>, day: Day) -> Self {
        Self { files, facts: day.facts, sums: Arc::new(day.sums()), kept: None, day: Some(Arc::new(day)) }
    }
}

/// A stretch of a date's time that a selection asks for.
struct Piece {
    known: Known,
    day: Option<Arc<Day>>,
}

/// Which days themselves are wanted, beside their sums.
enum Wanted<'a> {
    Nothing,
    /// Those with rows in a stretch of time.
    Range(Clock, i64, i64),
    /// Those with rows of mail that was sent in minutes that begin at these times.
    SentIn(&'a [i64]),
}

impl Wanted<'_> {
    fn is_of(&self, known: &Known) -> bool {
        let sent_in = |from: i64, to: i64| known.sums.sent.any_in(floor_day(from), to);
        match self {
            Self::Nothing => false,
            Self::Range(Clock::Event, from, to) => known.sums.happened.any_in(floor_day(*from), *to),
            Self::Range(Clock::Sent, from, to) => sent_in(*from, *to),
            Self::SentIn(minutes) => minutes.iter().any(|minute| sent_in(*minute, minute + MINUTE)),
        }
    }
}

impl Rollups {
    pub(crate) fn new(sidecars: Sidecars, table: &EventsTable) -> Self {
        let mut active: BTreeMap<NaiveDate, Vec<DataFile>> = BTreeMap::new();
        for file in table.files() {
            active.entry(file.event_date.unwrap_or_default()).or_default().push(file.clone());
        }
        Self { sidecars, active, state: Mutex::default() }
    }

    /// Takes over what another version knew.
    pub(crate) async fn continue_from(&self, other: &Self) {
        let known = other.state.lock().await.clone();
        *self.state.lock().await = State { partial: BTreeMap::new(), ..known };
    }

    /// Counts whatever was not counted yet, and keeps it.
    pub(crate) async fn prepare(&self, source: &Source) -> Result<(), QueryError> {
        let all = self.active.keys().copied().collect();
        self.known(source, &all).await.map(|_| ())
    }

    /// Adds what the selection asks for of whole minutes in `[from, to)` (microseconds) of its clock.
    pub(crate) async fn add_to(
        &self,
        source: &Source,
        selection: &Selection,
        (from, to): (i64, i64),
        into: &mut impl Gather,
    ) -> Result<(), QueryError> {
        let as_of = selection.as_of.map(|time| time.timestamp_micros());
        let dates = self.dates_of(selection.clock, from, to, as_of);
        let by_day = selection.width.is_none_or(|width| width % DAY == 0)
            && (from == i64::MIN || from % DAY == 0)
            && (to == i64::MAX || to % DAY == 0);
        let wanted = if by_day { Wanted::Nothing } else { Wanted::Range(selection.clock, from, to) };
        for Piece { known, day } in self.pieces(source, &dates, as_of, wanted).await? {
            match (day, selection.clock) {
                (Some(day), Clock::Event) => day.happened.add_to(&day.scopes, selection, from, to, into),
                (Some(day), Clock::Sent) => {
                    day.sent.add_to(&day.scopes, selection, from, to, into);
                    day.reports.add_to(&day.scopes, selection, from, to, into);
                }
                (None, Clock::Event) if by_day => {
                    known.sums.happened.add_to(&known.sums.scopes, selection, from, to, into);
                }
                (None, Clock::Sent) if by_day => {
                    known.sums.sent.add_to(&known.sums.scopes, selection, from, to, into);
                }
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// Adds bounces and complaints by the very time at which their mail was sent, for those sent in the minutes that begin at
    /// `minutes`. Says whether every send happened when its mail was sent.
    pub(crate) async fn add_reports(
        &self,
        source: &Source,
        selection: &Selection,
        minutes: &[i64],
        into: &mut impl Gather,
    ) -> Result<bool, QueryError> {
        let as_of = selection.as_of.map(|time| time.timestamp_micros());
        let dates = self.dates_of(Clock::Sent, i64::MIN, i64::MAX, as_of);
        let mut at_once = true;
        for Piece { known, day } in self.pieces(source, &dates, as_of, Wanted::SentIn(minutes)).await? {
            at_once &= known.facts.sends_at_once;
            for minute in minutes {
                if let Some(day) = &day {
                    day.reports.add_to(&day.scopes, selection, *minute, minute + MINUTE, into);
                }
            }
        }
        Ok(at_once)
    }

    /// Time of the newest event (microseconds) of the dates up to one, and that date.
    pub(crate) async fn newest(
        &self,
        source: &Source,
        up_to: Option<NaiveDate>,
    ) -> Result<Option<(NaiveDate, i64)>, QueryError> {
        for date in self.active.range(..=up_to.unwrap_or(NaiveDate::MAX)).map(|(date, _)| *date).rev() {
            let known = self.known(source, &BTreeSet::from([date])).await?;
            // A file of another writer may hold no rows.
            if let Some(known) = known.get(&date).filter(|known| known.facts.newest != i64::MIN) {
                return Ok(Some((date, known.facts.newest)));
            }
        }
        Ok(None)
    }

    /// The dates that can hold rows of `[from, to)`, as the log says.
    fn dates_of(&self, clock: Clock, from: i64, to: i64, as_of: Option<i64>) -> BTreeSet<NaiveDate> {
        let holds = |file: &DataFile| {
            let range = match clock {
                Clock::Event => file.statistics.event_time,
                Clock::Sent => file.statistics.sent_time,
            };
            range.is_none_or(|(low, high)| low < to && high >= from)
        };
        let happened = |date: &NaiveDate| as_of.is_none_or(|as_of| start_of(*date) < as_of);
        let dates = self.active.iter().filter(|(date, files)| happened(date) && files.iter().any(holds));
        dates.map(|(date, _)| *date).collect()
    }

    /// What is known of the dates, with the days themselves where they are wanted. Of the date in which `as_of` lies, only what had
    /// happened by then.
    async fn pieces(
        &self,
        source: &Source,
        dates: &BTreeSet<NaiveDate>,
        as_of: Option<i64>,
        wanted: Wanted<'_>,
    ) -> Result<Vec<Piece>, QueryError> {
        let cut = as_of
            .and_then(|as_of| Some((*dates.last()?, as_of)))
            .filter(|(date, as_of)| start_of(*date) + DAY > *as_of);
        let mut whole = dates.clone();
        if let Some((date, _)) = cut {
            whole.remove(&date);
        }
        let mut known = self.known(source, &whole).await?;
        let days: BTreeSet<NaiveDate> =
            known.iter().filter(|(_, known)| wanted.is_of(known)).map(|(date, _)| *date).collect();
        if !self.load(&mut known, &days).await {
            // A file is gone or damaged, so what it held was forgotten: count it anew.
            known = self.known(source, &whole).await?;
            self.load(&mut known, &days).await;
        }
        let mut pieces: Vec<Piece> = known
            .into_iter()
            .map(|(date, known)| Piece { day: known.day.clone().filter(|_| days.contains(&date)), known })
            .collect();
        if let Some(cut) = cut {
            let day = self.partial(source, cut).await?;
            let known = Known { day: None, ..Known::of(BTreeSet::new(), Day::clone(&day)) };
            let day = Some(day).filter(|_| wanted.is_of(&known));
            pieces.push(Piece { known, day });
        }
        Ok(pieces)
    }

    /// What had happened of a date by a time.
    async fn partial(&self, source: &Source, cut: (NaiveDate, i64)) -> Result<Arc<Day>, QueryError> {
        let mut state = self.state.lock().await;
        if let Some(day) = state.partial.get(&cut) {
            return Ok(Arc::clone(day));
        }
        let files = self.active.get(&cut.0).cloned().unwrap_or_default();
        let mut days = source.count(files, Some(cut.1)).await?;
        let day = Arc::new(days.remove(&cut.0).unwrap_or_default());
        if state.partial.len() >= 8 {
            state.partial.clear();
        }
        state.partial.insert(cut, Arc::clone(&day));
        Ok(day)
    }

    /// What is known of dates, after counting what was not counted yet.
    async fn known(
        &self,
        source: &Source,
        dates: &BTreeSet<NaiveDate>,
    ) -> Result<BTreeMap<NaiveDate, Known>, QueryError> {
        let mut state = self.state.lock().await;
        if !state.has_index {
            self.read_index(&mut state).await;
        }
        let mut pass = Vec::new();
        for date in dates {
            let files = self.active.get(date).map(Vec::as_slice).unwrap_or_default();
            let names: BTreeSet<String> = files.iter().map(|file| file.path.to_string()).collect();
            match state.dates.get(date) {
                Some(known) if known.files == names => continue,
                Some(known) if known.files.is_subset(&names) => {
                    pass.extend(files.iter().filter(|file| !known.files.contains(file.path.as_ref())).cloned());
                }
                _ => {
                    state.dates.remove(date);
                    pass.extend(files.iter().cloned());
                }
            }
            if rows(&pass) >= PASS_ROWS {
                self.count(source, &mut state, std::mem::take(&mut pass)).await?;
            }
        }
        if !pass.is_empty() {
            self.count(source, &mut state, pass).await?;
        }
        Ok(dates.iter().filter_map(|date| Some((*date, state.dates.get(date)?.clone()))).collect())
    }

    /// Counts files, and adds them to what is known of their dates.
    async fn count(&self, source: &Source, state: &mut State, files: Vec<DataFile>) -> Result<(), QueryError> {
        state.unkept += rows(&files);
        let mut counted = source.count(files.clone(), None).await?;
        let mut names: BTreeMap<NaiveDate, BTreeSet<String>> = BTreeMap::new();
        for file in files {
            names.entry(file.event_date.unwrap_or_default()).or_default().insert(file.path.to_string());
        }
        for (date, mut names) in names {
            let mut day = counted.remove(&date).unwrap_or_default();
            if let Some(before) = state.dates.get(&date) {
                let held = match &before.day {
                    Some(day) => Some(Arc::clone(day)),
                    None => self.read(before).await,
                };
                match held {
                    Some(held) => {
                        day = held.and(&day);
                        names.extend(before.files.iter().cloned());
                    }
                    None => {
                        let all = self.active.get(&date).cloned().unwrap_or_default();
                        names = all.iter().map(|file| file.path.to_string()).collect();
                        day = source.count(all, None).await?.remove(&date).unwrap_or_default();
                    }
                }
            }
            state.dates.insert(date, Known::of(names, day));
        }
        if state.unkept >= WORTH_KEEPING && !state.is_read_only {
            self.keep(state).await;
        }
        Ok(())
    }

    /// Reads the newest index that can be read.
    async fn read_index(&self, state: &mut State) {
        state.has_index = true;
        let mut indexes = self.sidecars.list().await;
        indexes.retain(|file| file.name.starts_with("index-"));
        indexes.sort_by_key(|file| std::cmp::Reverse(file.written));
        for file in indexes {
            if let Some(index) = self.sidecars.read(&file.name).await.as_ref().and_then(kept::decode_index) {
                let known =
                    |Indexed { files, facts, day, sums }| Known { files, facts, sums, kept: Some(day), day: None };
                state.dates = index.into_iter().map(|(date, indexed)| (date, known(indexed))).collect();
                return;
            }
        }
    }

    /// Writes the days that are not kept yet, and an index of all. What cannot be written is counted again by whoever comes next.
    async fn keep(&self, state: &mut State) {
        state.unkept = 0;
        for (date, known) in &mut state.dates {
            let (None, Some(day)) = (&known.kept, &known.day) else { continue };
            let Some(rows) = kept::encode_day(day) else { continue };
            match self.sidecars.write(&date.to_string(), &rows).await {
                Ok(name) => known.kept = Some(name),
                Err(error) => {
                    tracing::debug!(%error, "rollups cannot be kept here");
                    state.is_read_only = true;
                    return;
                }
            }
        }
        let index = self.index(state);
        let Some(rows) = kept::encode_index(&index) else { return };
        let Ok(name) = self.sidecars.write("index", &rows).await else { return };
        self.sweep(&name, &index).await;
    }

    /// The dates that are kept.
    fn index(&self, state: &State) -> BTreeMap<NaiveDate, Indexed> {
        let indexed = |known: &Known| {
            let Known { files, facts, sums, kept, .. } = known;
            Some(Indexed { files: files.clone(), facts: *facts, day: kept.clone()?, sums: Arc::clone(sums) })
        };
        let active = state.dates.iter().filter(|(date, _)| self.active.contains_key(date));
        active.filter_map(|(date, known)| Some((*date, indexed(known)?))).collect()
    }

    /// Removes what the index that was just written does not name.
    async fn sweep(&self, name: &str, index: &BTreeMap<NaiveDate, Indexed>) {
        let named: BTreeSet<&str> = index.values().map(|entry| entry.day.as_str()).chain([name]).collect();
        let all = self.sidecars.list().await;
        let Some(now) = all.iter().find(|file| file.name == name).map(|file| file.written) else { return };
        let is_old = |written: DateTime<Utc>| written + UNNAMED < now;
        let old = all.iter().filter(|file| !named.contains(file.name.as_str()) && is_old(file.written));
        let old: Vec<&str> = old.map(|file| file.name.as_str()).collect();
        self.sidecars.remove(&old).await;
        self.sidecars.remove_unused(now).await;
    }

    /// Puts the days of some dates among what is known. Where one cannot be read, its date is forgotten, and the answer is no.
    async fn load(&self, known: &mut BTreeMap<NaiveDate, Known>, dates: &BTreeSet<NaiveDate>) -> bool {
        let mut reads = JoinSet::new();
        for date in dates {
            let Some(Known { day: None, kept: Some(name), .. }) = known.get(date) else { continue };
            let (date, name, sidecars) = (*date, name.clone(), self.sidecars.clone());
            reads.spawn(async move { (date, read(&sidecars, &name).await) });
        }
        if reads.is_empty() {
            return true;
        }
        let mut all = true;
        let loaded = reads.join_all().await;
        let mut state = self.state.lock().await;
        let held: usize = state.dates.values().filter_map(|known| known.day.as_ref()).map(|day| day.len()).sum();
        if held > HELD_COUNTS {
            state.dates.values_mut().filter(|known| known.kept.is_some()).for_each(|known| known.day = None);
        }
        for (date, day) in loaded {
            all &= day.is_some();
            match day {
                None => {
                    state.dates.remove(&date);
                }
                Some(day) => {
                    for known in [known.get_mut(&date), state.dates.get_mut(&date)].into_iter().flatten() {
                        known.day = Some(Arc::clone(&day));
                    }
                }
            }
        }
        all
    }

    async fn read(&self, known: &Known) -> Option<Arc<Day>> {
        read(&self.sidecars, known.kept.as_ref()?).await
    }
}

impl Source {
    async fn count(&self, files: Vec<DataFile>, until: Option<i64>) -> Result<BTreeMap<NaiveDate, Day>, QueryError> {
        build::days(&self.context, self.table.only(files), self.cell.clone(), until).await
    }
}

async fn read(sidecars: &Sidecars, name: &str) -> Option<Arc<Day>> {
    let rows = sidecars.read(name).await?;
    kept::decode_day(&rows).map(Arc::new)
}

fn rows(files: &[DataFile]) -> u64 {
    files.iter().filter_map(|file| file.statistics.rows).sum()
}

fn floor_day(micros: i64) -> i64 {
    if micros == i64::MIN { micros } else { floor(micros, DAY) }
}

fn start_of(date: NaiveDate) -> i64 {
    date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros()
}

//! `GET /import`: what was imported, whether every record is accounted for, how long it took, and what it takes on the disk.

mod lag;
mod ledger;
mod sizes;
mod watched;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{Books, ImportRun, ObjectFilter, ObjectList, ObjectState, ObjectSums};

use super::bar::{Choice, attribute};
use super::{EmptyPage, Shell};
use crate::failure::{Failure, PageFailure};
use crate::filters::{Filters, Preset, Range};
use crate::format;
use crate::parameters::Parameters;
use crate::state::AppState;
use crate::zone::Zone;
use lag::LagPanel;
use ledger::{FailedRow, ObjectRow, RunRow, failed_rows, object_row, run_row};
use sizes::Sizes;
use watched::{WatchedRow, watched_row};

const PATH: &str = "/import";

/// Objects of a page.
const ROWS: usize = 50;

/// Which objects are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Of(ObjectState),
    /// Those that could not be read, which the ledger does not have.
    Failed,
}

impl Which {
    const ALL: [Self; 5] = [
        Self::All,
        Self::Of(ObjectState::Imported),
        Self::Of(ObjectState::WithBadRecords),
        Self::Of(ObjectState::Partial),
        Self::Failed,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Of(state) => state.as_str(),
            Self::Failed => "failed",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Of(state) => state_words(state),
            Self::Failed => "Failed",
        }
    }
}

fn state_words(state: ObjectState) -> &'static str {
    match state {
        ObjectState::Imported => "Imported",
        ObjectState::WithBadRecords => "With bad records",
        ObjectState::Partial => "Partial",
    }
}

/// What the page is asked.
struct Question {
    filters: Filters,
    name: String,
    which: Which,
    cursor: Option<String>,
}

impl Question {
    fn read(parameters: &Parameters, now: DateTime<Utc>) -> Result<Self, Failure> {
        let text = parameters.one("state")?.unwrap_or(Which::All.as_str());
        let which = Which::ALL.into_iter().find(|which| which.as_str() == text).ok_or_else(|| {
            let known = Which::ALL.map(Which::as_str).join(", ");
            Failure::BadRequest(format!("`state` is `{text}`; known are {known}"))
        })?;
        Ok(Self {
            filters: Filters::from_query(parameters, now)?,
            name: parameters.one("name")?.unwrap_or_default().to_owned(),
            which,
            cursor: parameters.one("after")?.map(str::to_owned),
        })
    }

    /// The address with other choices; from the first page on.
    fn query(&self, filters: &Filters, which: Which) -> String {
        self.query_from(filters, which, None)
    }

    fn query_from(&self, filters: &Filters, which: Which, cursor: Option<&str>) -> String {
        let mut others = vec![("state", which.as_str())];
        others.extend((!self.name.is_empty()).then_some(("name", self.name.as_str())));
        others.extend(cursor.map(|cursor| ("after", cursor)));
        filters.to_query_with(&others)
    }

    /// Imports may have been made after the time for which a page stands, so that an open end stays open.
    fn filter(&self, now: DateTime<Utc>) -> ObjectFilter {
        let (since, until) = range(&self.filters, now);
        let state = match self.which {
            Which::Of(state) => Some(state),
            Which::All | Which::Failed => None,
        };
        ObjectFilter { since, until, name: self.name.clone(), state }
    }
}

/// The range as times; an open end where it ends now.
pub(super) fn range(filters: &Filters, now: DateTime<Utc>) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let until = match filters.range {
        Range::Preset(_) => None,
        Range::Free(_, to) => to,
    };
    (filters.bounds(now).0, until)
}

/// Links to the usual ranges.
pub(super) fn presets(filters: &Filters, query: impl Fn(&Filters) -> String) -> Vec<Choice> {
    let choice = |preset: Preset| Choice {
        name: preset.label().to_owned(),
        query: query(&filters.with_range(Range::Preset(preset))),
        current: filters.range == Range::Preset(preset),
    };
    Preset::ALL.into_iter().map(choice).collect()
}

/// The fields of a form that keep the range and the zone.
pub(super) struct Times {
    pub(super) preset: &'static str,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) zone: &'static str,
}

impl Times {
    pub(super) fn of(filters: &Filters) -> Self {
        let field = |time: Option<DateTime<Utc>>| time.map(|time| filters.zone.field(time)).unwrap_or_default();
        let (preset, from, to) = match filters.range {
            Range::Preset(preset) => (preset.as_str(), None, None),
            Range::Free(from, to) => ("", from, to),
        };
        Self { preset, from: field(from), to: field(to), zone: filters.zone.name() }
    }
}

/// `from ... to ...`, in words.
pub(super) fn period(filters: &Filters, now: DateTime<Utc>) -> String {
    let (since, until) = range(filters, now);
    let from = since.map_or_else(|| "the beginning".to_owned(), |since| filters.zone.time(since));
    format!("{from} to {}", until.map_or_else(|| "now".to_owned(), |until| filters.zone.time(until)))
}

/// A sum with its parts, and whether it comes out even.
struct Law {
    text: String,
    holds: bool,
}

impl Law {
    fn of_records(sums: &ObjectSums) -> Self {
        let number = format::thousands;
        let text = format!(
            "{} read = {} events + {} duplicates + {} quarantined + {} ignored",
            format::count(sums.records, "record"),
            number(sums.events),
            number(sums.duplicates),
            number(sums.quarantined),
            number(sums.ignored)
        );
        Self { text, holds: sums.is_conserved() }
    }

    /// Of the runs that were noted; nothing without any.
    fn of_objects(runs: &[&ImportRun]) -> Option<Self> {
        let sum = |field: fn(&ImportRun) -> u64| runs.iter().map(|run| field(run)).sum::<u64>();
        let whole = runs.iter().filter(|run| run.error.is_none()).count();
        if whole == 0 {
            return None;
        }
        let [listed, imported, skipped, failed] =
            [sum(|run| run.listed), sum(|run| run.imported), sum(|run| run.skipped), sum(|run| run.failed)];
        // What a run that broke off did to each of its objects is not known.
        let broken: u64 = runs.iter().filter(|run| run.error.is_some()).map(|run| run.listed).sum();
        let number = format::thousands;
        let more = if broken > 0 { format!(" + {} of imports that broke off", number(broken)) } else { String::new() };
        let text = format!(
            "{} listed = {} imported + {} skipped + {} failed{more}",
            format::count(listed, "object"),
            number(imported),
            number(skipped),
            number(failed)
        );
        Some(Self { text, holds: listed == imported + skipped + failed + broken })
    }
}

/// How old something is, and since when.
struct Age {
    age: String,
    at: String,
    is_stale: bool,
}

#[derive(Template)]
#[template(path = "imports.html")]
struct ImportsPage {
    shell: Shell,
    path: &'static str,
    presets: Vec<Choice>,
    times: Times,
    period: String,
    /// Escaped for an attribute.
    name: String,
    which: &'static str,
    states: Vec<Choice>,
    newest_event: Option<Age>,
    newest_import: Option<Age>,
    max_age: String,
    sums: Sums,
    records: Law,
    objects: Option<Law>,
    lag: Option<LagPanel>,
    watched: Vec<WatchedRow>,
    rows: Vec<ObjectRow>,
    failed: Option<Vec<FailedRow>>,
    next: Option<String>,
    first: Option<String>,
    runs: Vec<RunRow>,
    sizes: Sizes,
    export: String,
}

/// The figures at the top.
struct Sums {
    objects: String,
    bytes: String,
    rows: String,
}

/// `GET /import`.
pub(crate) async fn imports(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, PageFailure> {
    let now = state.now();
    let question = Question::read(&Parameters::lenient(query.as_deref()), now)?;
    let filters = &question.filters;
    let mut shell = Shell::new(&state, PATH).with_filters(&state, filters);
    let Some(reader) = state.reader() else {
        return match state.trouble() {
            None => Ok(Html(EmptyPage { shell }.render()?)),
            Some(trouble) => Err(Failure::Unreadable(trouble).into()),
        };
    };
    shell.stale = state.trouble().map(|trouble| {
        format!("The lake cannot be read since {}: what is shown was read before.", filters.zone.time(trouble.since))
    });
    let books = reader.books().ok_or(Failure::NoLake)?;
    let filter = question.filter(now);
    let list = books.objects.list(&filter, question.cursor.as_deref(), ROWS);
    let list = list.map_err(|error| Failure::BadRequest(error.to_string()))?;
    let runs = state.runs();
    let runs: Vec<&ImportRun> = runs.iter().filter(|run| is_in(run, &filter)).collect();
    let page = ImportsPage {
        newest_event: Age::of(reader.newest_event(now).await?, &state, filters.zone),
        newest_import: Age::of(books.objects.totals().last_import, &state, filters.zone),
        sizes: Sizes::of(books, reader.rollup_standing().await.as_ref()),
        lag: lag_panel(books, filters, now),
        watched: state.watched().iter().map(|one| watched_row(one, filters.zone, now)).collect(),
        ..ImportsPage::new(shell, &question, &list, &runs, state.options().max_age, now)
    };
    Ok(Html(page.render()?))
}

impl Age {
    fn of(at: Option<DateTime<Utc>>, state: &AppState, zone: Zone) -> Option<Self> {
        let age = state.now() - at?;
        let is_stale = age > state.options().max_age;
        Some(Self { age: format::duration(age.max(TimeDelta::zero())), at: zone.time(at?), is_stale })
    }
}

impl ImportsPage {
    /// With what the ledger and the journal say.
    fn new(
        shell: Shell,
        question: &Question,
        list: &ObjectList,
        runs: &[&ImportRun],
        max_age: TimeDelta,
        now: DateTime<Utc>,
    ) -> Self {
        let filters = &question.filters;
        let zone = filters.zone;
        let state = |which: Which| Choice {
            name: which.label().to_owned(),
            query: question.query(filters, which),
            current: which == question.which,
        };
        Self {
            path: PATH,
            presets: presets(filters, |filters| question.query(filters, question.which)),
            times: Times::of(filters),
            period: period(filters, now),
            name: attribute(&question.name),
            which: question.which.as_str(),
            states: Which::ALL.map(state).into(),
            newest_event: None,
            newest_import: None,
            watched: Vec::new(),
            max_age: format::duration(max_age),
            sums: Sums {
                objects: format::count(list.sums.objects, "object"),
                bytes: format::bytes(list.sums.bytes),
                rows: format::thousands(list.sums.rows),
            },
            records: Law::of_records(&list.sums),
            objects: Law::of_objects(runs),
            lag: None,
            rows: list.objects.iter().map(|object| object_row(object, zone)).collect(),
            failed: (question.which == Which::Failed).then(|| failed_rows(runs, &question.name, zone)),
            next: list.next.as_ref().map(|cursor| question.query_from(filters, question.which, Some(cursor))),
            first: question.cursor.is_some().then(|| question.query(filters, question.which)),
            runs: runs.iter().take(20).map(|run| run_row(run, zone)).collect(),
            sizes: Sizes::default(),
            export: export(question, now),
            shell,
        }
    }
}

fn is_in(run: &ImportRun, filter: &ObjectFilter) -> bool {
    let at = run.span.1;
    filter.since.is_none_or(|since| at >= since) && filter.until.is_none_or(|until| run.span.0 < until)
}

fn lag_panel(books: &Books, filters: &Filters, now: DateTime<Utc>) -> Option<LagPanel> {
    let (since, until) = range(filters, now);
    LagPanel::of(books.objects.spans(since, until), filters.zone)
}

/// The same question to the API.
fn export(question: &Question, now: DateTime<Utc>) -> String {
    let filter = question.filter(now);
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, at) in [("since", filter.since), ("until", filter.until)] {
        if let Some(at) = at {
            query.append_pair(name, &time(at));
        }
    }
    if !filter.name.is_empty() {
        query.append_pair("name", &filter.name);
    }
    if let Some(state) = filter.state {
        query.append_pair("state", state.as_str());
    }
    query.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(listed: u64, imported: u64, skipped: u64, failed: u64, error: Option<&str>) -> ImportRun {
        let at: DateTime<Utc> = "2026-10-31T12:00:00Z".parse().unwrap();
        let error = error.map(str::to_owned);
        ImportRun {
            span: (at, at),
            sources: Vec::new(),
            listed,
            imported,
            skipped,
            failed,
            failures: Vec::new(),
            error,
        }
    }

    #[test]
    fn objects_are_accounted_for() {
        let runs = [run(10, 7, 2, 1, None), run(1_200, 1_200, 0, 0, None)];
        let law = Law::of_objects(&runs.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(
            (law.text.as_str(), law.holds),
            ("1,210 objects listed = 1,207 imported + 2 skipped + 1 failed", true)
        );
        assert!(!Law::of_objects(&[&run(10, 7, 2, 0, None)]).unwrap().holds);
        let broken = [run(10, 7, 2, 1, None), run(5, 0, 0, 0, Some("gone"))];
        let law = Law::of_objects(&broken.iter().collect::<Vec<_>>()).unwrap();
        assert!(law.holds && law.text.ends_with("1 failed + 5 of imports that broke off"), "{}", law.text);
        assert!(Law::of_objects(&[]).is_none());
    }

    #[test]
    fn a_sum_that_does_not_hold_is_told() {
        let sums = ObjectSums { records: 10, events: 7, duplicates: 1, quarantined: 1, ..ObjectSums::default() };
        let law = Law::of_records(&sums);
        assert_eq!(
            (law.text.as_str(), law.holds),
            ("10 records read = 7 events + 1 duplicates + 1 quarantined + 0 ignored", false)
        );
    }
}

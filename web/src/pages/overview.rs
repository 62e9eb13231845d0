//! `GET /`: how things stand, the judged rates, their course, and the configuration sets.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{
    CheckResult, Dimension, JudgedRate, QueryError, Rates, Reader, Reputation, ReputationQuery, Selection, Stepping,
    check, rates, reputation,
};

use super::Shell;
use super::cards::Card;
use super::charts::chart_title;
use super::sets::{SetRow, set_rows};
use super::verdict::Verdict;
use crate::chart::{Colours, DrawError, Point, Series, Size, rate_chart};
use crate::failure::{Failure, PageFailure};
use crate::filters::{Filters, NO_SET, Preset, Range, field_value};
use crate::format;
use crate::history::{History, extent, history};
use crate::parameters::Parameters;
use crate::state::{AppState, Options};

/// `GET /`.
pub(crate) async fn overview(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, PageFailure> {
    let now = state.now();
    let filters = Filters::from_query(&Parameters::lenient(query.as_deref()), now)?;
    let shell = Shell::new(&state, "/");
    let Some(reader) = state.reader() else {
        return match state.trouble() {
            None => Ok(Html(EmptyPage { shell }.render()?)),
            Some(trouble) => Err(Failure::Unreadable(trouble).into()),
        };
    };
    let answers = ask(&reader, &filters, state.options(), now).await?;
    if answers.check.newest_event.is_none() {
        return Ok(Html(EmptyPage { shell }.render()?));
    }
    let mut page = OverviewPage::new(shell, &answers, &filters, state.options(), now)?;
    if let Some(trouble) = state.trouble() {
        page.verdict = Verdict::unreadable(&trouble, answers.check.newest_event, now);
    }
    Ok(Html(page.render()?))
}

/// Asks what the page without filters asks, so that its answers are there when it is opened.
pub(crate) async fn warm_up(state: &AppState) {
    let now = state.now();
    let (Some(reader), Ok(filters)) = (state.reader(), Filters::from_query(&Parameters::lenient(None), now)) else {
        return;
    };
    if let Err(error) = ask(&reader, &filters, state.options(), now).await {
        tracing::warn!(%error, "the overview's questions failed");
    }
}

/// What the page is made of.
struct Answers {
    check: CheckResult,
    reputation: Vec<Reputation>,
    history: Option<History>,
    by_set: Vec<Rates>,
    /// Where there is data, if there is none in the range.
    elsewhere: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

async fn ask(reader: &Reader, filters: &Filters, options: &Options, now: DateTime<Utc>) -> Result<Answers, QueryError> {
    let how = options.check(now);
    let judged = ReputationQuery { last_sends: options.last_sends, since: options.reset, as_of: Some(now) };
    let sets = Selection { by: vec![Dimension::CONFIGURATION_SET], ..filters.selection(now) };
    let (check, reputation, history, by_set) = tokio::try_join!(
        check(reader, &options.rules, &how),
        reputation(reader, &judged),
        history(reader, filters, now),
        rates(reader, &sets, Stepping::Tumbling),
    )?;
    let elsewhere =
        if by_set.is_empty() { extent(reader, filters, now + TimeDelta::microseconds(1)).await? } else { None };
    Ok(Answers { check, reputation, history, by_set, elsewhere })
}

#[derive(Template)]
#[template(path = "empty.html")]
struct EmptyPage {
    shell: Shell,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    shell: Shell,
    verdict: Verdict,
    cards: Vec<Card>,
    last_sends: String,
    reset: Option<String>,
    form: FilterForm,
    period: String,
    charts: Vec<ChartPanel>,
    windows: Vec<WindowRow>,
    sets: Vec<SetRow>,
    elsewhere: Option<Elsewhere>,
}

/// The filters as links and as a form.
struct FilterForm {
    presets: Vec<PresetLink>,
    /// The preset in force; empty if the range is a free one.
    preset: &'static str,
    from: String,
    to: String,
    sets: Vec<SetOption>,
    /// The query string without a configuration set, if there is one now.
    all_sets: Option<String>,
    /// The query string of this page.
    query: String,
    /// What is shown, in words.
    scope: String,
}

struct PresetLink {
    name: &'static str,
    query: String,
    current: bool,
}

struct SetOption {
    /// Escaped for an attribute.
    value: String,
    name: String,
    selected: bool,
}

/// A chart in both sizes.
struct ChartPanel {
    heading: &'static str,
    note: &'static str,
    wide: String,
    narrow: String,
    address: &'static str,
}

/// The figures of a window, beside the charts.
struct WindowRow {
    start: String,
    eligible: String,
    bounces: String,
    bounce_rate: String,
    complaint_eligible: String,
    complaints: String,
    complaint_rate: String,
}

/// Where to look instead.
struct Elsewhere {
    from: String,
    to: String,
    query: String,
}

impl OverviewPage {
    fn new(
        shell: Shell,
        answers: &Answers,
        filters: &Filters,
        options: &Options,
        now: DateTime<Utc>,
    ) -> Result<Self, DrawError> {
        let shown =
            |row: &&Reputation| row.configuration_set.is_none() || row.configuration_set == filters.configuration_set;
        let series = |metric| answers.history.as_ref().map(|found| Series::new(metric, found.span, &found.windows));
        let (bounces, complaints) = (series(JudgedRate::BounceRate), series(JudgedRate::ComplaintRate));
        let charts = bounces.iter().chain(&complaints).filter(|_| !answers.by_set.is_empty());
        Ok(Self {
            shell,
            verdict: Verdict::new(&answers.check, &options.rules, now, options.max_age),
            cards: answers.reputation.iter().filter(shown).map(|row| Card::new(row, options.last_sends)).collect(),
            last_sends: format::thousands(options.last_sends),
            reset: options.reset.map(format::time),
            form: FilterForm::new(filters, answers),
            period: period(filters, answers, now),
            charts: charts.map(|series| ChartPanel::new(series, filters)).collect::<Result<_, _>>()?,
            windows: bounces
                .iter()
                .zip(&complaints)
                .flat_map(|(bounces, complaints)| window_rows(bounces, complaints))
                .collect(),
            sets: set_rows(&answers.by_set, filters, options.last_sends),
            elsewhere: answers.elsewhere.map(|(from, to)| Elsewhere::new(from, to, filters)),
        })
    }
}

impl FilterForm {
    fn new(filters: &Filters, answers: &Answers) -> Self {
        let preset = |preset: Preset| PresetLink {
            name: preset.label(),
            query: filters.with_range(Range::Preset(preset)).to_query(),
            current: filters.range == Range::Preset(preset),
        };
        let (from, to, current) = match filters.range {
            Range::Preset(preset) => (None, None, preset.as_str()),
            Range::Free(from, to) => (from, to, ""),
        };
        Self {
            presets: Preset::ALL.into_iter().map(preset).collect(),
            preset: current,
            from: from.map(field_value).unwrap_or_default(),
            to: to.map(field_value).unwrap_or_default(),
            sets: set_options(filters, answers),
            all_sets: filters.configuration_set.as_ref().map(|_| filters.with_set(None).to_query()),
            query: filters.to_query(),
            scope: match &filters.configuration_set {
                None => "all configuration sets".to_owned(),
                Some(None) => "mail without a configuration set".to_owned(),
                Some(Some(set)) => format!("configuration set {}", format::printable(set)),
            },
        }
    }
}

/// Every set that has ever sent, that has events in the range, or that is asked for.
fn set_options(filters: &Filters, answers: &Answers) -> Vec<SetOption> {
    let sent = answers.reputation.iter().filter_map(|row| row.configuration_set.clone());
    let seen = answers.by_set.iter().filter_map(|row| row.group.first().cloned());
    let sets: BTreeSet<Option<String>> = sent.chain(seen).chain(filters.configuration_set.clone()).collect();
    let option = |set: Option<String>| SetOption {
        selected: filters.configuration_set.as_ref() == Some(&set),
        value: attribute(set.as_deref().unwrap_or(NO_SET)),
        name: set.map_or_else(|| "(no configuration set)".to_owned(), |set| format::printable(&set)),
    };
    sets.into_iter().map(option).collect()
}

/// A value for an attribute of HTML, escaped so that a form sends back exactly this, control characters and all.
fn attribute(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_' | '.') {
            escaped.push(letter);
        } else {
            escaped.push_str(&format!("&#{};", u32::from(letter)));
        }
    }
    escaped
}

impl ChartPanel {
    fn new(series: &Series, filters: &Filters) -> Result<Self, DrawError> {
        let title = chart_title(series.metric, filters);
        let chart = |size| rate_chart(series, &title, series.metric.as_str(), size, Colours::Page);
        let (heading, note, address) = match series.metric {
            JudgedRate::BounceRate => {
                ("Bounce rate", "Counted hard bounces of eligible sends", "/charts/bounce-rate.svg")
            }
            JudgedRate::ComplaintRate => (
                "Complaint rate",
                "Counted complaints of sends to domains that report them",
                "/charts/complaint-rate.svg",
            ),
        };
        Ok(Self { heading, note, wide: chart(Size::Wide)?, narrow: chart(Size::Narrow)?, address })
    }
}

impl Elsewhere {
    fn new(from: DateTime<Utc>, to: DateTime<Utc>, filters: &Filters) -> Self {
        let query = filters.with_range(Range::Free(Some(from), Some(to))).to_query();
        Self { from: format::time(from), to: format::time(to), query }
    }
}

fn window_rows(bounces: &Series, complaints: &Series) -> Vec<WindowRow> {
    let row = |(bounce, complaint): (&Point, &Point)| WindowRow {
        start: format::time(bounce.start),
        eligible: format::thousands(bounce.sends),
        bounces: format::thousands(bounce.events),
        bounce_rate: format::rate(JudgedRate::BounceRate, bounce.rate()),
        complaint_eligible: format::thousands(complaint.sends),
        complaints: format::thousands(complaint.events),
        complaint_rate: format::rate(JudgedRate::ComplaintRate, complaint.rate()),
    };
    bounces.points.iter().zip(&complaints.points).map(row).collect()
}

/// `2026-10-11 00:00 UTC to 2026-11-01 00:00 UTC, windows of 12 h`.
fn period(filters: &Filters, answers: &Answers, now: DateTime<Utc>) -> String {
    let (since, until) = filters.bounds(now);
    let from = since.or(answers.history.as_ref().map(|found| found.span.from));
    let from = from.map_or_else(|| "the beginning".to_owned(), format::time);
    let windows = answers
        .history
        .as_ref()
        .map_or_else(String::new, |found| format!(", in windows of {}", format::duration(found.span.width)));
    format!("{from} to {}{windows}", format::time(until))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Span;
    use repute_query::{AwsCounts, Counts, Side, State as CheckState};

    const HOSTILE: &str = "\"><script>alert('x')</script>&=#\u{1b}\u{202e}";

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-10-31T{text}:00Z").parse().unwrap()
    }

    fn aws(sends: u64, bounces: u64) -> AwsCounts {
        let side = |counted| Side { total: counted, excluded: Vec::new(), counted };
        AwsCounts {
            eligible_sends: side(sends),
            bounces: side(bounces),
            complaint_eligible_sends: side(sends),
            complaints: side(0),
        }
    }

    fn answers(set: &str) -> Answers {
        let window = |hour: u32| Rates {
            window_start: Some(at(&format!("{hour:02}:00"))),
            window_end: Some(at(&format!("{:02}:00", hour + 1))),
            group: Vec::new(),
            counts: Counts { send: 1_000, ..Counts::default() },
            aws: aws(1_000, u64::from(hour)),
            previous: None,
        };
        let judged = |set: Option<Option<String>>| Reputation {
            account_id: Some("123456789012".to_owned()),
            configuration_set: set,
            from: at("00:00"),
            to: at("10:00"),
            full: true,
            aws: aws(10_000, 216),
            recent: None,
        };
        Answers {
            check: CheckResult {
                state: CheckState::Ok,
                summary: String::new(),
                newest_event: Some(at("10:00")),
                findings: Vec::new(),
            },
            reputation: vec![judged(None), judged(Some(Some(set.to_owned())))],
            history: Some(History {
                span: Span { from: at("06:00"), to: at("12:00"), width: TimeDelta::hours(1) },
                windows: vec![window(6), window(7), window(9)],
            }),
            by_set: vec![Rates { group: vec![Some(set.to_owned())], ..window(8) }],
            elsewhere: None,
        }
    }

    fn page(answers: &Answers, filters: &Filters) -> String {
        let shell = Shell { location: format::printable(HOSTILE), ..Shell::bare() };
        let page = OverviewPage::new(shell, answers, filters, &Options::default(), at("10:30")).unwrap();
        page.render().unwrap()
    }

    #[test]
    fn names_from_events_stay_text_everywhere() {
        let filters = Filters { range: Range::Preset(Preset::Day), configuration_set: Some(Some(HOSTILE.to_owned())) };
        let html = page(&answers(HOSTILE), &filters);
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("\"><script"));
        assert!(
            html.contains("configuration_set=%22%3E%3Cscript%3Ealert%28%27x%27%29%3C%2Fscript%3E%26%3D%23%1B%E2%80%AE"),
            "{html}"
        );
        assert!(html.contains("<option value=\"&#34;&#62;&#60;script&#62;"), "{html}");
        assert!(!html.contains(['\u{1b}', '\u{202e}']));
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"), "the chart's title");
    }

    #[test]
    fn the_policy_on_style_is_kept() {
        let html = page(&answers("news"), &Filters { range: Range::Preset(Preset::Day), configuration_set: None });
        for banned in [" style=", "<style", "<script", " onclick", "javascript:"] {
            assert!(!html.contains(banned), "{banned}");
        }
    }

    #[test]
    fn the_page_says_what_counts() {
        let html = page(&answers("news"), &Filters { range: Range::Preset(Preset::Day), configuration_set: None });
        assert!(html.contains("2.16\u{a0}%"));
        assert!(html.contains("216 hard bounces of 10,000 eligible sends"));
        assert!(html.contains("284 more hard bounces before 5\u{a0}%"));
        assert!(html.contains("Healthy"));
        assert!(html.contains("Newest event 30 min old, 2026-10-31 10:00 UTC"));
        assert_eq!(html.matches("<h1").count(), 1);
    }

    #[test]
    fn an_empty_range_says_where_there_is_data() {
        let empty = Answers {
            history: None,
            by_set: Vec::new(),
            elsewhere: Some((at("00:00"), at("11:00"))),
            ..answers("news")
        };
        let html = page(&empty, &Filters { range: Range::Preset(Preset::Day), configuration_set: None });
        assert!(html.contains("No events in this range"), "{html}");
        assert!(html.contains("from=2026-10-31T00%3A00&#38;to=2026-10-31T11%3A00"), "{html}");
        assert!(!html.contains("class=\"chart "));
    }
}

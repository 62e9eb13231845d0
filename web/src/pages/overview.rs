//! `GET /`: how things stand, the judged rates, their course, and the configuration sets.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use chrono::{DateTime, Utc};
use repute_query::{
    CheckResult, Dimension, QueryError, Rates, Reader, Reputation, ReputationQuery, Selection, Stepping, rates,
    reputation,
};

use super::alerts::{Incidents, Known, OpenIncident, open_incidents};
use super::bar::{Bar, known_sets};
use super::cards::Card;
use super::groups::{GroupRow, Order, group_rows};
use super::panel::{ChartPanel, VolumePanel};
use super::tiles::{Tile, tiles};
use super::verdict::Verdict;
use super::{Elsewhere, Ground, Shell};
use crate::chart::{DrawError, Series, Volume};
use crate::checks::latest_check;
use crate::failure::PageFailure;
use crate::filters::Filters;
use crate::format;
use crate::history::{self, History};
use crate::measure::Measure;
use crate::outlook::outlook;
use crate::parameters::Parameters;
use crate::state::{AppState, Options};

const PATH: &str = "/";

/// So many open incidents are listed; the alerts' page has the others.
const MOST_OPEN: usize = 5;

/// `GET /`.
pub(crate) async fn overview(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, PageFailure> {
    let now = state.now();
    let filters = Filters::from_query(&Parameters::lenient(query.as_deref()), now)?;
    let ground = match Ground::of(&state, PATH, &filters).await? {
        Ok(ground) => ground,
        Err(empty) => return Ok(empty),
    };
    let answers = ask(&state, &ground.reader, &filters, now).await?;
    let elsewhere = match answers.by_set.as_slice() {
        [] => Some(Elsewhere::find(&ground.reader, PATH, &filters, now).await?),
        _ => None,
    };
    let bar = Bar::new(PATH, &filters, Vec::new(), known_sets(&ground.reader).await?, now);
    // The verdict says it.
    let shell = Shell { stale: None, ..ground.shell };
    let (options, remembered) = (state.options(), state.remembered());
    let outlook = outlook(&state, &ground.reader, Duration::ZERO).await;
    let incidents = Incidents::of_filters(&state, &filters);
    let mut page = OverviewPage::new(shell, bar, &answers, &filters, &options, &incidents, now)?;
    let known = Known {
        result: &answers.check,
        rules: &options.rules,
        remembered: &remembered,
        outlook: &outlook,
        zone: filters.zone,
        now,
    };
    let mut open = open_incidents(&known, &filters.only);
    page.more_open = open.len().saturating_sub(MOST_OPEN);
    open.truncate(MOST_OPEN);
    if !open.is_empty() {
        // They are told below, with since when and why.
        (page.verdict.findings, page.verdict.more) = (Vec::new(), 0);
    }
    page.open = open;
    page.elsewhere = elsewhere;
    if let Some(trouble) = state.trouble() {
        page.verdict = Verdict::unreadable(&trouble);
    }
    Ok(Html(page.render()?))
}

/// Asks what the page without filters asks, so that its answers are there when it is opened.
pub(crate) async fn warm_up(state: &AppState) {
    let now = state.now();
    let (Some(reader), Ok(filters)) = (state.reader(), Filters::from_query(&Parameters::lenient(None), now)) else {
        return;
    };
    if let Err(error) = ask(state, &reader, &filters, now).await {
        tracing::warn!(%error, "the overview's questions failed");
    }
}

/// What the page is made of.
struct Answers {
    check: Arc<CheckResult>,
    reputation: Vec<Reputation>,
    history: Option<History>,
    by_set: Vec<Rates>,
    /// The same, window by window.
    courses: Vec<Rates>,
}

async fn ask(
    state: &AppState,
    reader: &Arc<Reader>,
    filters: &Filters,
    now: DateTime<Utc>,
) -> Result<Answers, QueryError> {
    let options = state.options();
    let judged = ReputationQuery { last_sends: options.last_sends, since: options.reset, as_of: Some(now) };
    let sets = Selection { by: vec![Dimension::CONFIGURATION_SET], ..filters.selection(now) };
    let courses = async {
        let Some(span) = history::span(reader, filters, now).await? else { return Ok(Vec::new()) };
        rates(reader, &span.over(sets.clone()), span.stepping()).await
    };
    let (check, reputation, history, by_set, courses) = tokio::try_join!(
        latest_check(state, reader),
        reputation(reader, &judged),
        history::history(reader, filters, now),
        rates(reader, &sets, Stepping::Tumbling),
        courses,
    )?;
    Ok(Answers { check, reputation, history, by_set, courses })
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    shell: Shell,
    bar: Bar,
    verdict: Verdict,
    cards: Vec<Card>,
    last_sends: String,
    reset: Option<String>,
    tiles: Vec<Tile>,
    charts: Vec<ChartPanel>,
    volume: Option<VolumePanel>,
    sets: Vec<GroupRow>,
    elsewhere: Option<Elsewhere>,
    open: Vec<OpenIncident>,
    /// How many more there are.
    more_open: usize,
}

impl OverviewPage {
    fn new(
        shell: Shell,
        bar: Bar,
        answers: &Answers,
        filters: &Filters,
        options: &Options,
        incidents: &Incidents,
        now: DateTime<Utc>,
    ) -> Result<Self, DrawError> {
        let wanted = filters.configuration_set();
        let shown = |row: &&Reputation| row.configuration_set.is_none() || row.configuration_set.as_ref() == wanted;
        let history = answers.history.as_ref();
        let drawn = history.filter(|_| !answers.by_set.is_empty());
        let panel = |measure| {
            drawn.map(|found| {
                let series = Series::new(measure, found.span, &found.windows).with_rules(&options.rules);
                let series = series.with_incidents(&incidents.of(measure, &found.span));
                ChartPanel::new(&series, filters, Measure::as_str(measure))
            })
        };
        Ok(Self {
            shell,
            bar: bar.over(filters, history.map(|found| &found.span), now),
            verdict: Verdict::new(&answers.check, &options.rules, now, options.max_age),
            cards: answers.reputation.iter().filter(shown).map(|row| Card::new(row, options.last_sends)).collect(),
            last_sends: format::thousands(options.last_sends),
            reset: options.reset.map(|time| filters.zone.time(time)),
            tiles: drawn.map_or_else(Vec::new, |found| tiles(&found.windows, &answers.check)),
            volume: drawn.map(|f| VolumePanel::new(&Volume::new(f.span, &f.windows))).transpose()?,
            charts: [Measure::Bounce, Measure::Complaint].into_iter().filter_map(panel).collect::<Result<_, _>>()?,
            sets: set_rows(answers, filters, options.last_sends),
            elsewhere: None,
            open: Vec::new(),
            more_open: 0,
        })
    }
}

/// The configuration sets, each with the course of its bounce rate.
fn set_rows(answers: &Answers, filters: &Filters, last_sends: u64) -> Vec<GroupRow> {
    let rows = group_rows(&answers.by_set, &Dimension::CONFIGURATION_SET, filters, Order::Worst, last_sends);
    let mut by_set: HashMap<Option<String>, HashMap<DateTime<Utc>, &Rates>> = HashMap::new();
    for row in &answers.courses {
        if let (Some(set), Some(start)) = (row.group.first(), row.window_start) {
            by_set.entry(set.clone()).or_default().insert(start, row);
        }
    }
    let with_course = |(set, row): (Option<String>, GroupRow)| {
        let (Some(found), Some(windows)) = (&answers.history, by_set.get(&set)) else { return row };
        let rate = |(start, _)| windows.get(&start).and_then(|row| Measure::Bounce.of(row).rate());
        row.with_spark(&found.span.windows().map(rate).collect::<Vec<_>>())
    };
    rows.into_iter().map(with_course).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::TimeDelta;

    use super::*;
    use crate::chart::Span;
    use crate::filters::{Preset, Range};
    use crate::zone::Zone;
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
            check: Arc::new(CheckResult {
                state: CheckState::Ok,
                summary: String::new(),
                newest_event: Some(at("10:00")),
                findings: Vec::new(),
            }),
            reputation: vec![judged(None), judged(Some(Some(set.to_owned())))],
            history: Some(History {
                span: Span { from: at("06:00"), to: at("12:00"), width: TimeDelta::hours(1), zone: Zone::UTC },
                windows: vec![window(6), window(7), window(9)],
            }),
            by_set: vec![Rates { group: vec![Some(set.to_owned())], ..window(8) }],
            courses: vec![Rates { group: vec![Some(set.to_owned())], ..window(7) }],
        }
    }

    fn page(answers: &Answers, filters: &Filters) -> String {
        let shell = Shell { location: format::printable(HOSTILE), ..Shell::bare() };
        let bar = Bar::new(PATH, filters, Vec::new(), BTreeSet::new(), at("10:30"));
        let page =
            OverviewPage::new(shell, bar, answers, filters, &Options::default(), &Incidents::none(), at("10:30"))
                .unwrap();
        page.render().unwrap()
    }

    fn day(only: Vec<(Dimension, Option<String>)>) -> Filters {
        Filters { range: Range::Preset(Preset::Day), only, ..Filters::usual() }
    }

    #[test]
    fn names_from_events_stay_text_everywhere() {
        let filters = day(vec![
            (Dimension::CONFIGURATION_SET, Some(HOSTILE.to_owned())),
            (Dimension::Tag(HOSTILE.to_owned()), Some(HOSTILE.to_owned())),
        ]);
        let html = page(&answers(HOSTILE), &filters);
        assert!(!html.contains("<script>"), "{html}");
        assert_eq!(html.matches("<script").count(), 1, "the page's own");
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
        let html = page(&answers("news"), &day(Vec::new()));
        for banned in [" style=", "<style", "<script>", " onclick", "javascript:"] {
            assert!(!html.contains(banned), "{banned}");
        }
    }

    #[test]
    fn the_page_says_what_counts() {
        let html = page(&answers("news"), &day(Vec::new()));
        assert!(html.contains("2.16\u{a0}%"));
        assert!(html.contains("216 hard bounces of 10,000 eligible sends"));
        assert!(html.contains("284 more hard bounces before 5\u{a0}%"));
        assert!(html.contains("Healthy"));
        assert_eq!(html.matches("<h1").count(), 1);
    }

    #[test]
    fn an_empty_range_says_where_there_is_data() {
        let empty = Answers { history: None, by_set: Vec::new(), courses: Vec::new(), ..answers("news") };
        let bar = Bar::new(PATH, &day(Vec::new()), Vec::new(), BTreeSet::new(), at("10:30"));
        let mut page = OverviewPage::new(
            Shell::bare(),
            bar,
            &empty,
            &day(Vec::new()),
            &Options::default(),
            &Incidents::none(),
            at("10:30"),
        )
        .unwrap();
        let query = "from=2026-10-31T00%3A00&to=2026-10-31T11%3A00".to_owned();
        page.elsewhere = Some(Elsewhere {
            path: PATH,
            scope: "all mail".to_owned(),
            times: Some((format::time(at("00:00")), format::time(at("11:00")), query)),
            unfiltered: None,
        });
        let html = page.render().unwrap();
        assert!(html.contains("No events in this range"), "{html}");
        assert!(html.contains("from=2026-10-31T00%3A00&#38;to=2026-10-31T11%3A00"), "{html}");
        assert!(!html.contains("class=\"chart "));
    }
}

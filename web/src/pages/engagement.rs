//! `GET /engagement`: opens and clicks, likely bots apart, over time and by group, with links and how soon they came.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::{Html, Response};
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{
    Acts, BotVerdict, Clock, Dimension, Engaged, EngagedWindow, Engagement, EngagementQuery, QueryError, Reader,
    Selection, Spread, WAITS, Waited, engagement,
};

use super::bar::{Bar, Choice, dimension_words, known_sets};
use super::bars::{Bars, Part, bars, share, step_names};
use super::panel::{ChartPanel, chart_title};
use super::{Elsewhere, Ground, Shell};
use crate::access::Visitor;
use crate::chart::{Line, Other, Point, Series, Span};
use crate::failure::{Failure, PageFailure};
use crate::filters::{Filters, read_dimension};
use crate::format;
use crate::history;
use crate::image;
use crate::measure::Measure;
use crate::parameters::Parameters;
use crate::sight;
use crate::state::AppState;

const PATH: &str = "/engagement";

/// How many groups are shown.
const LIMITS: [usize; 3] = [25, 100, 500];

/// How many links are shown.
const LINKS: usize = 20;

/// What groups are usually by, before custom tags.
const DIMENSIONS: [&str; 7] =
    ["campaign", "template", "configuration_set", "provider", "recipient_domain", "from_domain", "link"];

/// What the page is asked.
struct Question {
    filters: Filters,
    by: Dimension,
    clock: Clock,
    limit: usize,
}

impl Question {
    fn read(parameters: &Parameters, now: DateTime<Utc>) -> Result<Self, Failure> {
        let limit = match parameters.one("limit")? {
            None => LIMITS[0],
            Some(text) => text.parse().ok().filter(|limit| LIMITS.contains(limit)).ok_or_else(|| {
                let known = LIMITS.map(|limit| limit.to_string()).join(", ");
                Failure::BadRequest(format!("`limit` is `{text}`; known are {known}"))
            })?,
        };
        let clock = match parameters.one("clock")? {
            None | Some("sent") => Clock::Sent,
            Some("event") => Clock::Event,
            Some(text) => return Err(Failure::BadRequest(format!("`clock` is `{text}`; known are sent, event"))),
        };
        let by = read_dimension(parameters.one("by")?.unwrap_or(DIMENSIONS[0]))?;
        Ok(Self { filters: Filters::from_query(parameters, now)?, by, clock, limit })
    }

    fn others(&self) -> Vec<(&'static str, String)> {
        vec![("clock", self.clock.as_str().to_owned()), ("by", self.by.to_string()), ("limit", self.limit.to_string())]
    }

    fn query(&self) -> String {
        let others = self.others();
        let others: Vec<(&str, &str)> = others.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.filters.to_query_with(&others)
    }

    /// The address with something else.
    fn choice(&self, name: String, change: impl FnOnce(&mut Self)) -> Choice {
        let mut other = Self { filters: self.filters.clone(), by: self.by.clone(), ..*self };
        change(&mut other);
        let query = other.query();
        Choice { current: query == self.query(), name, query }
    }

    async fn ask(&self, reader: &Reader, now: DateTime<Utc>) -> Result<Option<(Span, Arc<Engagement>)>, QueryError> {
        let Some(span) = history::span(reader, &self.filters, now).await? else { return Ok(None) };
        let selection = Selection {
            clock: self.clock,
            as_of: Some(now + TimeDelta::microseconds(1)),
            by: vec![self.by.clone()],
            ..self.filters.selection(now)
        };
        let query = EngagementQuery {
            selection: span.over(selection),
            stepping: span.stepping(),
            groups: self.limit,
            links: LINKS,
        };
        Ok(Some((span, engagement(reader, &query).await?)))
    }
}

#[derive(Template)]
#[template(path = "engagement.html")]
struct EngagementPage {
    shell: Shell,
    bar: Bar,
    clocks: Vec<Choice>,
    dimensions: Vec<Choice>,
    limits: Vec<Choice>,
    figures: Vec<Figure>,
    charts: Vec<ChartPanel>,
    reasons: Vec<ReasonRow>,
    judged: String,
    spreads: Vec<Bars>,
    by: String,
    dimension: String,
    groups: Vec<GroupRow>,
    rest: Option<GroupRow>,
    links: Vec<LinkRow>,
    more_links: Option<String>,
    /// The query string of the same as CSV or JSON.
    export: String,
    elsewhere: Option<Elsewhere>,
}

/// A figure above the charts.
struct Figure {
    name: &'static str,
    value: String,
    /// What the value is of.
    of: String,
    note: String,
}

/// A reason why events are likely bots'.
struct ReasonRow {
    words: &'static str,
    name: &'static str,
    is_bot: bool,
    opens: String,
    clicks: String,
    source: &'static str,
}

struct GroupRow {
    name: String,
    /// The query string of the page about it alone.
    query: String,
    deliveries: String,
    opened: String,
    open_rate: String,
    clicked: String,
    click_rate: String,
    bot_opens: String,
    bot_clicks: String,
}

struct LinkRow {
    link: String,
    tags: String,
    messages: String,
    rate: String,
    clicks: String,
    bots: String,
}

/// `GET /engagement`.
pub(crate) async fn engagement_page(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, PageFailure> {
    let now = state.now();
    let question = Question::read(&Parameters::lenient(query.as_deref()), now)?;
    let filters = &question.filters;
    let ground = match Ground::of(&state, PATH, filters).await? {
        Ok(ground) => ground,
        Err(empty) => return Ok(empty),
    };
    let reader = &ground.reader;
    let found = question.ask(reader, now).await?.filter(|(_, found)| found.all != Engaged::default());
    let elsewhere = match found {
        Some(_) => None,
        None => Some(Elsewhere::find(reader, PATH, filters, now).await?),
    };
    let bar = Bar::new(PATH, filters, question.others(), known_sets(reader).await?, now);
    let span = found.as_ref().map(|(span, _)| *span);
    let found = found.map(|(_, found)| found).unwrap_or_default();
    let (rest, more_links) =
        (rest(&found), (found.other_links > 0).then(|| format::count(found.other_links, "more link")));
    let page = EngagementPage {
        bar: bar.over(filters, span.as_ref(), now),
        clocks: [(Clock::Sent, "mail sent in the range"), (Clock::Event, "what happened in the range")]
            .map(|(clock, name)| question.choice(name.to_owned(), |other| other.clock = clock))
            .into(),
        dimensions: dimensions(reader, &question),
        limits: LIMITS
            .map(|limit| question.choice(format::thousands(limit as u64), |other| other.limit = limit))
            .into(),
        figures: figures(&found),
        charts: span.map(|span| charts(&found, span, filters)).transpose()?.unwrap_or_default(),
        reasons: reasons(&found),
        judged: judged(&found),
        spreads: spreads(&found),
        by: dimension_words(&question.by),
        dimension: format::sentence_case(&dimension_words(&question.by)),
        groups: groups(&found, &question, &visitor),
        rest,
        links: links(&found, &visitor),
        more_links,
        export: export(&question, now),
        shell: ground.shell,
        elsewhere,
    };
    Ok(Html(page.render()?))
}

fn dimensions(reader: &Reader, question: &Question) -> Vec<Choice> {
    let usual = DIMENSIONS.iter().filter_map(|name| name.parse::<Dimension>().ok());
    let tags = reader.promoted_tags().iter().map(|tag| Dimension::Tag(tag.clone()));
    let mut all: Vec<Dimension> = usual.chain(tags).collect();
    if !all.contains(&question.by) {
        all.push(question.by.clone());
    }
    all.into_iter().map(|by| question.choice(dimension_words(&by), |other| other.by = by)).collect()
}

fn rate_words(rate: Option<f64>) -> String {
    rate.map_or_else(|| format::NO_DATA.to_owned(), |rate| format::percent(rate, 2))
}

fn figures(found: &Engagement) -> Vec<Figure> {
    let all = &found.all;
    let act = |name, noun: &str, acts: &Acts, rate, with_bots| Figure {
        name,
        value: rate_words(rate),
        of: format!(
            "{} of {} deliveries",
            format::thousands(acts.messages_without_bots),
            format::thousands(all.deliveries)
        ),
        note: format!("{} with likely bots; {} in all", rate_words(with_bots), format::count(acts.events, noun)),
    };
    let both = |pick: fn(&Acts) -> u64| pick(&all.opens) + pick(&all.clicks);
    let (events, machines) = (both(|acts| acts.events), both(|acts| acts.bots));
    vec![
        act("Opened", "open", &all.opens, all.open_rate(), all.open_rate_with_bots()),
        act("Clicked", "click", &all.clicks, all.click_rate(), all.click_rate_with_bots()),
        Figure {
            name: "Likely bots",
            value: share(machines, events),
            of: format!("{} of {} opens and clicks", format::thousands(machines), format::thousands(events)),
            note: format!("{} more through image proxies", format::thousands(both(|acts| acts.proxies))),
        },
        Figure {
            name: "First open",
            value: wait(found.first_open.without_bots.median),
            of: "half of the opened messages, after sending".to_owned(),
            note: format!("first click {}", wait(found.first_click.without_bots.median)),
        },
    ]
}

fn wait(time: Option<TimeDelta>) -> String {
    time.map_or_else(|| format::NO_DATA.to_owned(), |time| format::milliseconds(time.num_milliseconds()))
}

/// The rate over time, with the one that leaves no bots out beside it.
fn series(found: &Engagement, span: Span, measure: Measure) -> Series {
    let acts = |figures: &Engaged| if measure == Measure::Click { figures.clicks } else { figures.opens };
    let points = |count: fn(Acts) -> u64| {
        let of_window = |(start, end)| {
            let window = found.windows.binary_search_by_key(&start, |window: &EngagedWindow| window.start).ok();
            let figures = window.and_then(|index| found.windows.get(index)).map(|window| &window.figures);
            Point {
                start,
                end,
                events: figures.map_or(0, |figures| count(acts(figures))),
                sends: figures.map_or(0, |figures| figures.deliveries),
            }
        };
        span.windows().map(of_window).collect::<Vec<Point>>()
    };
    let with_bots = Other {
        name: "likely bots not left out".to_owned(),
        line: Line::Group(0),
        points: points(|acts| acts.messages),
    };
    let points = points(|acts| acts.messages_without_bots);
    Series { measure, span, points, others: vec![with_bots], thresholds: [None; 2], incidents: Vec::new() }
}

fn charts(found: &Engagement, span: Span, filters: &Filters) -> Result<Vec<ChartPanel>, Failure> {
    let panel = |measure: Measure| {
        let panel = ChartPanel::new(&series(found, span, measure), filters, measure.as_str())?;
        Ok::<_, Failure>(ChartPanel { address: format!("/charts/engagement/{}", measure.file()), ..panel })
    };
    [Measure::Open, Measure::Click].into_iter().map(panel).collect()
}

fn reasons(found: &Engagement) -> Vec<ReasonRow> {
    let row = |(reason, opens, clicks): &(repute_query::BotReason, u64, u64)| ReasonRow {
        words: reason.words(),
        name: reason.name(),
        is_bot: reason.verdict() == BotVerdict::Bot,
        opens: format::thousands(*opens),
        clicks: format::thousands(*clicks),
        source: reason.source(),
    };
    found.reasons.iter().map(row).collect()
}

fn judged(found: &Engagement) -> String {
    let all = found.all.opens.events + found.all.clicks.events;
    format!("SES itself judged {} of the events; rules judge the others.", share(found.judged_by_ses, all))
}

fn spreads(found: &Engagement) -> Vec<Bars> {
    let spread = |id, heading: &str, Waited { all, without_bots }: &Waited| {
        let ends = WAITS.iter().map(|seconds| seconds * 1_000);
        let parts = step_names(ends).into_iter().zip(without_bots.steps.iter().zip(all.steps));
        let parts = parts.map(|(name, (count, behind))| Part { behind, ..Part::new(name, *count) }).collect();
        let Spread { median, p90, messages, .. } = without_bots;
        Bars {
            id,
            heading: heading.to_owned(),
            note: format!(
                "{}; half within {}, nine in ten within {} of sending",
                format::count(*messages, "message"),
                wait(*median),
                wait(*p90)
            ),
            rows: bars(parts, *messages),
            behind: Some("by anybody, bots too"),
        }
    };
    vec![
        spread("first-open", "Time to the first open", &found.first_open),
        spread("first-click", "Time to the first click", &found.first_click),
    ]
}

fn group_row(name: String, query: String, figures: &Engaged) -> GroupRow {
    GroupRow {
        name,
        query,
        deliveries: format::thousands(figures.deliveries),
        opened: format::thousands(figures.opens.messages_without_bots),
        open_rate: rate_words(figures.open_rate()),
        clicked: format::thousands(figures.clicks.messages_without_bots),
        click_rate: rate_words(figures.click_rate()),
        bot_opens: format::thousands(figures.opens.bots),
        bot_clicks: format::thousands(figures.clicks.bots),
    }
}

fn groups(found: &Engagement, question: &Question, visitor: &Visitor) -> Vec<GroupRow> {
    let row = |group: &repute_query::EngagedGroup| {
        let value = group.group.first().cloned().flatten();
        let name = value
            .as_deref()
            .map_or_else(|| "(none)".to_owned(), |value| format::printable(&sight::text(visitor, value)));
        // What is hidden is no filter either.
        let is_whole = value.as_deref().is_none_or(|value| sight::text(visitor, value) == value);
        let filters = question.filters.with_only(question.by.clone(), Some(value));
        let other = Question { filters, by: question.by.clone(), ..*question };
        group_row(name, if is_whole { other.query() } else { String::new() }, &group.figures)
    };
    found.groups.iter().map(row).collect()
}

fn rest(found: &Engagement) -> Option<GroupRow> {
    let (figures, groups) = &found.others;
    (*groups > 0).then(|| group_row(format!("{} more", format::thousands(*groups)), String::new(), figures))
}

fn links(found: &Engagement, visitor: &Visitor) -> Vec<LinkRow> {
    let row = |link: &repute_query::ClickedLink| {
        let link = sight::link(visitor, link.clone());
        let Acts { events, bots, messages_without_bots, .. } = link.clicks;
        LinkRow {
            link: link.link.as_deref().map_or_else(|| "(no link)".to_owned(), format::printable),
            tags: link.tags.as_deref().map(format::printable).unwrap_or_default(),
            messages: format::thousands(messages_without_bots),
            rate: share(messages_without_bots, found.all.deliveries),
            clicks: format::thousands(events),
            bots: format::thousands(bots),
        }
    };
    found.links.iter().map(row).collect()
}

/// The same question to the API.
fn export(question: &Question, now: DateTime<Utc>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("by", &question.by.to_string()).append_pair("clock", question.clock.as_str());
    query.append_pair("limit", &question.limit.to_string());
    format!("{}&{}", question.filters.to_api_query(now), query.finish())
}

/// `GET /charts/engagement/{rate}.svg` and `.png`, with the filters of the page.
pub(crate) async fn engagement_chart(
    State(state): State<AppState>,
    Path(file): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let (name, kind) = file.rsplit_once('.').ok_or(Failure::NotFound)?;
    let measures = [Measure::Open, Measure::Click];
    let measure = measures.into_iter().find(|measure| measure.file() == name).ok_or(Failure::NotFound)?;
    let kind = image::Kind::named(kind).ok_or(Failure::NotFound)?;
    let now = state.now();
    let question = Question::read(&Parameters::lenient(query.as_deref()), now)?;
    let reader = state.current()?;
    let found = question.ask(&reader, now).await?;
    let (span, found) = found.unwrap_or_else(|| (Span::cut(now, now, question.filters.zone), Arc::default()));
    let title = chart_title(measure, &question.filters);
    Ok(image::answer(&series(&found, span, measure), &title, kind)?)
}

//! `GET /delays`: how long deliveries took over time and by group, what was put off and why, what still waits.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{
    DelayCount, DelayReason, Delayed, Delays, DelaysQuery, Dimension, QueryError, Reader, Selection, TIMES, TimesTaken,
    Undecided, delays as ask_delays,
};

use super::bar::{Bar, Choice, dimension_words, known_sets, scope};
use super::bars::{Bars, Part, bars, share, step_names};
use super::messages::address_of;
use super::{Elsewhere, Ground, Shell};
use crate::access::Visitor;
use crate::chart::{Span, time_chart, time_legend};
use crate::failure::{Failure, PageFailure};
use crate::filters::{Filters, read_dimension};
use crate::format;
use crate::history;
use crate::parameters::Parameters;
use crate::sight;
use crate::state::AppState;
use crate::zone::Zone;

const PATH: &str = "/delays";

/// How many groups are shown.
const LIMITS: [usize; 3] = [25, 100, 500];

/// How many reasons of delays are shown.
const REASONS: usize = 15;

/// How many waiting messages are shown.
const WAITING: usize = 20;

/// How many providers have a bar of their own.
const PROVIDERS: usize = 10;

/// What groups are usually by.
const DIMENSIONS: [&str; 6] =
    ["provider", "recipient_domain", "outgoing_ip", "configuration_set", "from_domain", "region"];

/// What the page is asked.
struct Question {
    filters: Filters,
    by: Dimension,
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
        let by = read_dimension(parameters.one("by")?.unwrap_or(DIMENSIONS[0]))?;
        Ok(Self { filters: Filters::from_query(parameters, now)?, by, limit })
    }

    fn others(&self) -> Vec<(&'static str, String)> {
        vec![("by", self.by.to_string()), ("limit", self.limit.to_string())]
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

    async fn ask(&self, reader: &Reader, now: DateTime<Utc>) -> Result<Option<(Span, Arc<Delays>)>, QueryError> {
        let Some(span) = history::span(reader, &self.filters, now).await? else { return Ok(None) };
        let selection = Selection {
            as_of: Some(now + TimeDelta::microseconds(1)),
            by: vec![self.by.clone()],
            ..self.filters.selection(now)
        };
        let query = DelaysQuery {
            selection: span.over(selection),
            stepping: span.stepping(),
            groups: self.limit,
            reasons: REASONS,
        };
        Ok(Some((span, ask_delays(reader, &query).await?)))
    }
}

#[derive(Template)]
#[template(path = "delays.html")]
struct DelaysPage {
    shell: Shell,
    bar: Bar,
    dimensions: Vec<Choice>,
    limits: Vec<Choice>,
    ranks: Vec<(&'static str, String)>,
    deliveries: String,
    unknown: Option<String>,
    chart: Option<TimePanel>,
    spreads: Vec<Bars>,
    by: String,
    dimension: String,
    groups: Vec<GroupRow>,
    more_groups: Option<String>,
    put_off: String,
    fates: Vec<(&'static str, String)>,
    delays: Vec<Bars>,
    waiting: Vec<WaitingRow>,
    overdue: Vec<WaitingRow>,
    more_waiting: Option<String>,
    reasons: Vec<ReasonRow>,
    more_reasons: Option<String>,
    export: String,
    elsewhere: Option<Elsewhere>,
}

/// The chart in both sizes, and its figures.
struct TimePanel {
    svg: String,
    /// The end of its last window, as an address holds it.
    until: String,
    legend: Vec<(&'static str, String)>,
    rows: Vec<(String, Vec<String>)>,
}

struct GroupRow {
    name: String,
    /// The query string of the page about it alone.
    query: String,
    figures: Vec<(&'static str, String)>,
}

struct WaitingRow {
    address: String,
    recipient: String,
    delay_type: String,
    said: String,
    first: String,
    last: String,
    expires: String,
    /// `in 2 h 5 min`, or that it is over.
    left: String,
}

struct ReasonRow {
    text: String,
    delay_type: String,
    status: String,
    count: String,
    share: String,
    providers: String,
    seen: String,
    example: Option<String>,
}

/// `GET /delays`.
pub(crate) async fn delays(
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
    let found = question.ask(reader, now).await?;
    let found = found.filter(|(_, found)| found.all.deliveries + found.unknown + found.delayed.events > 0);
    let elsewhere = match found {
        Some(_) => None,
        None => Some(Elsewhere::find(reader, PATH, filters, now).await?),
    };
    let bar = Bar::new(PATH, filters, question.others(), known_sets(reader).await?, now);
    let span = found.as_ref().map(|(span, _)| *span);
    let found = found.map(|(_, found)| found).unwrap_or_default();
    let delayed = &found.delayed;
    let waiting = |one: &Undecided| waiting(&sight::undecided(&visitor, one.clone()), filters.zone, now);
    let page = DelaysPage {
        bar: bar.over(filters, span.as_ref(), now),
        dimensions: dimensions(reader, &question),
        limits: LIMITS
            .map(|limit| question.choice(format::thousands(limit as u64), |other| other.limit = limit))
            .into(),
        ranks: ranks(&found.all),
        deliveries: format!("{} deliveries", format::thousands(found.all.deliveries)),
        unknown: (found.unknown > 0)
            .then(|| format!("{} more do not say how long they took", format::thousands(found.unknown))),
        chart: span.filter(|_| !found.windows.is_empty()).map(|span| panel(&found, &span, filters)),
        spreads: vec![spread(&found.all)],
        by: dimension_words(&question.by),
        dimension: format::sentence_case(&dimension_words(&question.by)),
        groups: groups(&found, &question),
        more_groups: (found.others.0 > 0).then(|| {
            format!(
                "{} with {} deliveries",
                format::count(found.others.0, "more group"),
                format::thousands(found.others.1)
            )
        }),
        put_off: format!(
            "{} of {}",
            format::count(delayed.events, "delay"),
            format::count(delayed.messages, "message")
        ),
        fates: fates(delayed, now),
        delays: vec![
            counts("delay-types", "By type", &delayed.types, delayed.events, usize::MAX),
            counts("delay-providers", "By provider", &delayed.providers, delayed.events, PROVIDERS),
        ],
        waiting: delayed.waiting(now).take(WAITING).map(waiting).collect(),
        overdue: delayed.overdue(now).take(WAITING).map(waiting).collect(),
        more_waiting: more_waiting(delayed, now),
        reasons: delayed
            .reasons
            .iter()
            .map(|of| reason(&sight::delay_reason(&visitor, of.clone()), delayed, filters.zone))
            .collect(),
        more_reasons: (delayed.others.0 > 0).then(|| {
            format!(
                "{} of {}",
                format::count(delayed.others.0, "delay"),
                format::count(delayed.others.1, "other reason")
            )
        }),
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

fn time(milliseconds: Option<i64>) -> String {
    milliseconds.map_or_else(|| format::NO_DATA.to_owned(), format::milliseconds)
}

fn ranks(times: &TimesTaken) -> Vec<(&'static str, String)> {
    [
        ("Half within", times.p50),
        ("95 in 100 within", times.p95),
        ("99 in 100 within", times.p99),
        ("Worst", times.worst),
    ]
    .map(|(name, rank)| (name, time(rank)))
    .into()
}

fn panel(found: &Delays, span: &Span, filters: &Filters) -> TimePanel {
    let whose = if filters.only.is_empty() { String::new() } else { format!(", {}", scope(filters)) };
    let title = format!("Time from acceptance to delivery{whose}");
    let row = |window: &repute_query::TakenWindow| {
        let times = &window.times;
        let ranks = [times.p50, times.p95, times.p99, times.worst].map(time);
        let cells = std::iter::once(format::thousands(times.deliveries)).chain(ranks).collect();
        (filters.zone.time(window.start), cells)
    };
    TimePanel {
        svg: time_chart(span, &found.windows, &title, "times"),
        until: filters.zone.field(span.to),
        legend: time_legend(),
        rows: found.windows.iter().map(row).collect(),
    }
}

fn spread(times: &TimesTaken) -> Bars {
    let names = step_names(TIMES.into_iter());
    let parts = names.into_iter().zip(times.steps).map(|(name, count)| Part::new(name, count)).collect();
    Bars {
        id: "spread",
        heading: "How long deliveries took".to_owned(),
        note: String::new(),
        rows: bars(parts, times.deliveries),
        behind: None,
    }
}

fn groups(found: &Delays, question: &Question) -> Vec<GroupRow> {
    let row = |group: &repute_query::TakenGroup| {
        let value = group.group.first().cloned().flatten();
        let filters = question.filters.with_only(question.by.clone(), Some(value.clone()));
        let times = &group.times;
        let figures = [
            ("Deliveries", format::thousands(times.deliveries)),
            ("Half within", time(times.p50)),
            ("95 in 100", time(times.p95)),
            ("99 in 100", time(times.p99)),
            ("Worst", time(times.worst)),
            ("Over a minute", share(over_a_minute(times), times.deliveries)),
        ];
        GroupRow {
            name: value.as_deref().map_or_else(|| "(none)".to_owned(), format::printable),
            query: Question { filters, by: question.by.clone(), ..*question }.query(),
            figures: figures.into(),
        }
    };
    found.groups.iter().map(row).collect()
}

fn over_a_minute(times: &TimesTaken) -> u64 {
    let after = TIMES.partition_point(|end| *end <= 60_000);
    times.steps.iter().skip(after).sum()
}

fn fates(delayed: &Delayed, now: DateTime<Utc>) -> Vec<(&'static str, String)> {
    let part = |count: u64| format!("{} ({})", format::thousands(count), share(count, delayed.messages));
    vec![
        ("Delivered afterwards", part(delayed.delivered.deliveries)),
        ("Half of these within", time(delayed.delivered.p50)),
        ("Bounced afterwards", part(delayed.bounced)),
        ("of these given up by SES", part(delayed.expired)),
        ("Still waiting", part(delayed.waiting(now).count() as u64)),
        ("Past their time without a word", part(delayed.overdue(now).count() as u64)),
    ]
}

fn counts(id: &'static str, heading: &str, counts: &[DelayCount], all: u64, most: usize) -> Bars {
    let part = |count: &DelayCount| {
        let where_most: Vec<String> = count
            .most
            .iter()
            .map(|(name, events)| format!("{} {}", format::printable(name), format::thousands(*events)))
            .collect();
        Part {
            note: where_most.join(", "),
            ..Part::new(count.name.as_deref().map_or_else(|| "(none)".to_owned(), format::printable), count.events)
        }
    };
    let rest = counts.len().saturating_sub(most);
    let note = if rest > 0 { format!("and {}", format::count(rest as u64, "more provider")) } else { String::new() };
    let parts = counts.iter().take(most).map(part).collect();
    Bars { id, heading: heading.to_owned(), note, rows: bars(parts, all), behind: None }
}

fn waiting(one: &Undecided, zone: Zone, now: DateTime<Utc>) -> WaitingRow {
    let text = |text: &Option<String>| text.as_deref().map(format::printable).unwrap_or_default();
    WaitingRow {
        address: address_of(&one.message_id, zone),
        recipient: format::printable(&one.recipient),
        delay_type: text(&one.delay_type),
        said: text(&one.diagnostic),
        first: zone.time(one.first),
        last: zone.time(one.last),
        expires: one.expires.map_or_else(|| "not said".to_owned(), |time| zone.time(time)),
        left: match one.expires {
            None => String::new(),
            Some(expires) if expires > now => format!("in {}", format::duration(expires - now)),
            Some(expires) => format!("{} ago", format::duration(now - expires)),
        },
    }
}

fn more_waiting(delayed: &Delayed, now: DateTime<Utc>) -> Option<String> {
    let all = delayed.undecided.len();
    let shown = delayed.waiting(now).take(WAITING).count() + delayed.overdue(now).take(WAITING).count();
    (all > shown).then(|| format!("and {}; CSV and JSON have all", format::count((all - shown) as u64, "more message")))
}

fn reason(of: &DelayReason, delayed: &Delayed, zone: Zone) -> ReasonRow {
    let provider = |(name, count): &(String, u64)| format!("{} {}", format::printable(name), format::thousands(*count));
    let text = |text: &Option<String>| text.as_deref().map(format::printable);
    ReasonRow {
        text: text(&of.text).unwrap_or_else(|| "SES gave no reason".to_owned()),
        delay_type: text(&of.delay_type).unwrap_or_else(|| "no type".to_owned()),
        status: text(&of.status).unwrap_or_default(),
        count: format::thousands(of.events),
        share: share(of.events, delayed.events),
        providers: of.providers.iter().map(provider).collect::<Vec<_>>().join(", "),
        seen: format!("{} to {}", zone.time(of.first), zone.time(of.last)),
        example: text(&of.example),
    }
}

/// The same question to the API.
fn export(question: &Question, now: DateTime<Utc>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("by", &question.by.to_string()).append_pair("limit", &question.limit.to_string());
    format!("{}&{}", question.filters.to_api_query(now), query.finish())
}

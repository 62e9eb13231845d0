//! `GET /providers`, `GET /campaigns`: the rates of every group, with the long tail kept.

use std::collections::{HashMap, HashSet};

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{Dimension, QueryError, Rates, Reader, Selection, Stepping, rates};

use super::bar::{Bar, Choice, dimension_words, known_sets};
use super::groups::{GroupRow, Order, group_rows, rest_row};
use super::pager::{Pager, read_start, within};
use super::{Elsewhere, Ground, Shell};
use crate::failure::{Failure, PageFailure};
use crate::filters::{Filters, read_dimension};
use crate::format;
use crate::parameters::Parameters;
use crate::state::AppState;

/// How many groups are shown at once.
const LIMITS: [usize; 3] = [25, 50, 100];

/// A page that divides mail by one of some dimensions.
struct Topic {
    path: &'static str,
    title: &'static str,
    lead: &'static str,
    dimensions: &'static [&'static str],
    /// Whether custom tags belong to it.
    tags: bool,
}

const PROVIDERS: Topic = Topic {
    path: "/providers",
    title: "Providers and domains",
    lead: "Who receives the mail, and who sends it back.",
    dimensions: &["provider", "recipient_domain"],
    tags: false,
};

const CAMPAIGNS: Topic = Topic {
    path: "/campaigns",
    title: "Campaigns and tags",
    lead: "Which mail it is: campaign, template, sender, tag.",
    dimensions: &["campaign", "template", "from_domain", "caller_identity", "tenant", "outgoing_ip", "region"],
    tags: true,
};

/// What the page is asked.
struct Question {
    filters: Filters,
    by: Dimension,
    order: Order,
    limit: usize,
    /// How many groups come before the first one that is shown.
    start: usize,
}

/// `GET /providers`.
pub(crate) async fn providers(state: State<AppState>, query: RawQuery) -> Result<Html<String>, PageFailure> {
    breakdown(&state, query.0.as_deref(), &PROVIDERS).await
}

/// `GET /campaigns`.
pub(crate) async fn campaigns(state: State<AppState>, query: RawQuery) -> Result<Html<String>, PageFailure> {
    breakdown(&state, query.0.as_deref(), &CAMPAIGNS).await
}

impl Question {
    fn read(parameters: &Parameters, topic: &Topic, now: DateTime<Utc>) -> Result<Self, Failure> {
        let usual = topic.dimensions.first().copied().unwrap_or_default();
        let order = parameters.one("order")?.unwrap_or(Order::Worst.as_str());
        let order = Order::ALL.into_iter().find(|known| known.as_str() == order).ok_or_else(|| {
            let known = Order::ALL.map(Order::as_str).join(", ");
            Failure::BadRequest(format!("`order` is `{order}`; known are {known}"))
        })?;
        let limit = match parameters.one("limit")? {
            None => LIMITS[0],
            Some(text) => text.parse().ok().filter(|limit| LIMITS.contains(limit)).ok_or_else(|| {
                Failure::BadRequest(format!(
                    "`limit` is `{text}`; known are {}",
                    LIMITS.map(|l| l.to_string()).join(", ")
                ))
            })?,
        };
        Ok(Self {
            filters: Filters::from_query(parameters, now)?,
            by: read_dimension(parameters.one("by")?.unwrap_or(usual))?,
            order,
            limit,
            start: read_start(parameters)?,
        })
    }

    fn others(&self) -> Vec<(&'static str, String)> {
        vec![("by", self.by.to_string()), ("order", self.order.as_str().to_owned()), ("limit", self.limit.to_string())]
    }

    /// The address, beginning after so many groups.
    fn query_from(&self, start: usize) -> String {
        let mut others = self.others();
        others.extend((start > 0).then(|| ("start", start.to_string())));
        let others: Vec<(&str, &str)> = others.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.filters.to_query_with(&others)
    }

    /// The address with something else.
    fn choice(&self, name: String, change: impl FnOnce(&mut Self)) -> Choice {
        let mut other = Self { filters: self.filters.clone(), by: self.by.clone(), ..*self };
        change(&mut other);
        let query = other.query_from(0);
        Choice { current: query == self.query_from(0), name, query }
    }

    /// The groups; with the period before beside them, where the range has a beginning.
    async fn ask(&self, reader: &Reader, now: DateTime<Utc>) -> Result<Vec<Rates>, QueryError> {
        let selection = Selection { by: vec![self.by.clone()], ..self.filters.selection(now) };
        let mut rows = rates(reader, &selection, Stepping::Tumbling).await?;
        if let (Some(since), Some(until)) = (selection.since, selection.until) {
            // In whole minutes, so that it is the same period for a minute.
            let period = TimeDelta::minutes((until - since).num_minutes().max(1));
            let before = Selection { since: Some(since - period), until: Some(since), ..selection };
            let before = rates(reader, &before, Stepping::Tumbling).await?;
            let mut before: HashMap<_, _> = before.into_iter().map(|row| (row.group.clone(), row)).collect();
            rows.iter_mut().for_each(|row| row.previous = before.remove(&row.group).map(Box::new));
        }
        Ok(rows)
    }
}

#[derive(Template)]
#[template(path = "breakdown.html")]
struct BreakdownPage {
    shell: Shell,
    bar: Bar,
    title: &'static str,
    lead: &'static str,
    dimension: String,
    dimensions: Vec<Choice>,
    orders: Vec<Choice>,
    limits: Vec<Choice>,
    rows: Vec<GroupRow>,
    pager: Option<Pager>,
    rest: Option<GroupRow>,
    total: Option<GroupRow>,
    /// Whether there was mail in the period before to compare with.
    changes: bool,
    /// The query string of the same as CSV or JSON.
    export: String,
    elsewhere: Option<Elsewhere>,
}

async fn breakdown(state: &AppState, query: Option<&str>, topic: &Topic) -> Result<Html<String>, PageFailure> {
    let now = state.now();
    let question = Question::read(&Parameters::lenient(query), topic, now)?;
    let filters = &question.filters;
    let ground = match Ground::of(state, topic.path, filters).await? {
        Ok(ground) => ground,
        Err(empty) => return Ok(empty),
    };
    let reader = &ground.reader;
    let found = question.ask(reader, now).await?;
    let elsewhere = match found.as_slice() {
        [] => Some(Elsewhere::find(reader, topic.path, filters, now).await?),
        _ => None,
    };
    let last_sends = state.options().last_sends;
    let all_sends = found.iter().map(|row| row.counts.send).sum();
    let mut rows = group_rows(&found, &question.by, filters, question.order, last_sends);
    let start = within(question.start, question.limit, rows.len());
    let shown: Vec<_> = rows.drain(start..(start + question.limit).min(rows.len())).collect();
    let tail: HashSet<&Option<String>> = rows.iter().map(|(value, _)| value).collect();
    let rest: Vec<&Rates> = found.iter().filter(|row| row.group.first().is_some_and(|v| tail.contains(v))).collect();
    let everything: Vec<&Rates> = found.iter().collect();
    let page = BreakdownPage {
        bar: Bar::new(topic.path, filters, question.others(), known_sets(reader).await?, now),
        title: topic.title,
        lead: topic.lead,
        dimension: format::sentence_case(&dimension_words(&question.by)),
        dimensions: dimensions(reader, topic, &question),
        orders: Order::ALL.map(|order| question.choice(order.label().to_owned(), |q| q.order = order)).into(),
        limits: LIMITS.map(|limit| question.choice(format::thousands(limit as u64), |q| q.limit = limit)).into(),
        rest: rest_row(&rest, format!("{} others", format::thousands(rest.len() as u64)), all_sends, last_sends),
        total: rest_row(&everything, "All".to_owned(), all_sends, last_sends).filter(|_| found.len() > 1),
        changes: found.iter().any(|row| row.previous.is_some()),
        rows: shown.into_iter().map(|(_, row)| row).collect(),
        pager: Pager::new(start, question.limit, found.len(), |start| question.query_from(start)),
        export: export(&question, now),
        shell: ground.shell,
        elsewhere,
    };
    Ok(Html(page.render()?))
}

fn dimensions(reader: &Reader, topic: &Topic, question: &Question) -> Vec<Choice> {
    let usual = topic.dimensions.iter().filter_map(|name| name.parse::<Dimension>().ok());
    let tags = reader.promoted_tags().iter().filter(|_| topic.tags).map(|tag| Dimension::Tag(tag.clone()));
    let mut all: Vec<Dimension> = usual.chain(tags).collect();
    if !all.contains(&question.by) {
        all.push(question.by.clone());
    }
    all.into_iter().map(|by| question.choice(dimension_words(&by), |q| q.by = by)).collect()
}

/// The same question to the API.
fn export(question: &Question, now: DateTime<Utc>) -> String {
    let by = url::form_urlencoded::Serializer::new(String::new()).append_pair("by", &question.by.to_string()).finish();
    format!("{}&{by}", question.filters.to_api_query(now))
}

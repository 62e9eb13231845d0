//! `GET /import/quarantine`, `GET /import/quarantine/{id}`, `POST /import/quarantine/retry`: records that could not be read.
//!
//! Raw records hold addresses, and so may messages about them: whoever may not see addresses is shown the place and the class, and
//! told why no more.

mod raw;

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Html;
use chrono::{DateTime, Utc};
use repute_query::{BadClass, BadFilter, Books, KeptRecord, explanation};
use url::form_urlencoded;

use super::bar::{Choice, attribute};
use super::health::{Words, words};
use super::imports::{Times, period, presets, range};
use super::{EmptyPage, Shell};
use crate::access::{Act, Visitor};
use crate::failure::{Failure, PageFailure};
use crate::filters::Filters;
use crate::format;
use crate::mend::{Mended, Retry};
use crate::parameters::Parameters;
use crate::state::AppState;
use crate::zone::Zone;
use raw::RawView;

const PATH: &str = "/import/quarantine";

/// Records of a page.
const ROWS: usize = 50;

/// Why a record's text is not shown.
pub(crate) const REFUSED: &str = "A record's text holds addresses, and you may not see addresses: ask whoever runs this server for \
                                  that right. Its place and class are shown.";

/// What the page is asked.
struct Question {
    filters: Filters,
    class: Option<String>,
    object: String,
    with_resolved: bool,
    cursor: Option<String>,
}

impl Question {
    fn read(parameters: &Parameters, now: DateTime<Utc>) -> Result<Self, Failure> {
        let with_resolved = match parameters.one("resolved")? {
            None | Some("no") => false,
            Some("yes") => true,
            Some(text) => return Err(Failure::BadRequest(format!("`resolved` is `{text}`; known are yes, no"))),
        };
        Ok(Self {
            filters: Filters::from_query(parameters, now)?,
            class: parameters.one("class")?.map(str::to_owned),
            object: parameters.one("object")?.unwrap_or_default().to_owned(),
            with_resolved,
            cursor: parameters.one("after")?.map(str::to_owned),
        })
    }

    /// The address with other choices, from the first page on.
    fn query(&self, filters: &Filters, class: Option<&str>, with_resolved: bool, cursor: Option<&str>) -> String {
        let mut others = Vec::new();
        others.extend(class.map(|class| ("class", class)));
        others.extend((!self.object.is_empty()).then_some(("object", self.object.as_str())));
        others.extend(with_resolved.then_some(("resolved", "yes")));
        others.extend(cursor.map(|cursor| ("after", cursor)));
        filters.to_query_with(&others)
    }

    fn filter(&self, now: DateTime<Utc>) -> BadFilter {
        let (since, until) = range(&self.filters, now);
        BadFilter {
            since,
            until,
            class: self.class.clone(),
            object: self.object.clone(),
            with_resolved: self.with_resolved,
        }
    }
}

/// A class with what it means.
struct ClassCard {
    name: String,
    /// Escaped for an attribute.
    value: String,
    open: String,
    resolved: String,
    newest: String,
    query: String,
    current: bool,
    can_retry: bool,
    meaning: Vec<Words>,
}

/// A bad record in the list.
struct Row {
    id: String,
    at: String,
    class: String,
    object: String,
    line: String,
    offset: String,
    message: String,
    resolved: Option<String>,
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct QuarantinePage {
    shell: Shell,
    path: &'static str,
    presets: Vec<Choice>,
    times: Times,
    period: String,
    /// Escaped for attributes.
    object: String,
    class: Option<String>,
    with_resolved: bool,
    toggle: Choice,
    all_classes: Option<String>,
    classes: Vec<ClassCard>,
    rows: Vec<Row>,
    total: String,
    next: Option<String>,
    first: Option<String>,
    token: Arc<str>,
    may_retry: bool,
    is_hidden: bool,
    export: String,
}

/// `GET /import/quarantine`.
pub(crate) async fn quarantine(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, PageFailure> {
    let now = state.now();
    let question = Question::read(&Parameters::lenient(query.as_deref()), now)?;
    let filters = &question.filters;
    let (shell, books) = match ground(&state, filters)? {
        Ok(ground) => ground,
        Err(empty) => return Ok(Html(empty.render()?)),
    };
    let list = books.bad.list(&question.filter(now), question.cursor.as_deref(), ROWS).await;
    let list = list.map_err(anyhow::Error::from)?.map_err(|error| Failure::BadRequest(error.to_string()))?;
    let may_retry = visitor.may_operate() && state.mender().is_some();
    let class = question.class.as_deref();
    let page = QuarantinePage {
        path: PATH,
        presets: presets(filters, |filters| question.query(filters, class, question.with_resolved, None)),
        times: Times::of(filters),
        period: period(filters, now),
        object: attribute(&question.object),
        class: question.class.as_deref().map(attribute),
        with_resolved: question.with_resolved,
        toggle: Choice {
            name: "Also those that were made good".to_owned(),
            query: question.query(filters, class, !question.with_resolved, None),
            current: question.with_resolved,
        },
        all_classes: class.map(|_| question.query(filters, None, question.with_resolved, None)),
        classes: books.bad.classes().iter().map(|class| card(class, &question, may_retry)).collect(),
        rows: list.records.iter().map(|record| row(record, &visitor, filters.zone)).collect(),
        total: format::count(list.total, "record"),
        next: list.next.map(|cursor| question.query(filters, class, question.with_resolved, Some(&cursor))),
        first: question.cursor.is_some().then(|| question.query(filters, class, question.with_resolved, None)),
        token: Arc::clone(&visitor.token),
        may_retry,
        is_hidden: !visitor.sees_addresses,
        export: export(&question.filter(now)),
        shell,
    };
    Ok(Html(page.render()?))
}

type Ground = (Shell, Arc<Books>);

/// The frame of a page and the books, or the page that says that there is nothing yet.
fn ground(state: &AppState, filters: &Filters) -> Result<Result<Ground, EmptyPage>, Failure> {
    let zone = filters.zone;
    let mut shell = Shell::new(state, "/import").with_filters(state, filters);
    let trouble = state.trouble();
    let Some(reader) = state.reader() else {
        return trouble.map_or(Ok(Err(EmptyPage { shell })), |trouble| Err(Failure::Unreadable(trouble)));
    };
    shell.stale = trouble.map(|trouble| {
        format!("The lake cannot be read since {}: what is shown was read before.", zone.time(trouble.since))
    });
    Ok(Ok((shell, Arc::clone(reader.books().ok_or(Failure::NoLake)?))))
}

fn card(class: &BadClass, question: &Question, may_retry: bool) -> ClassCard {
    ClassCard {
        name: format::printable(&class.class),
        value: attribute(&class.class),
        open: format::thousands(class.open),
        resolved: format::thousands(class.resolved),
        newest: question.filters.zone.time(class.newest),
        query: question.query(&question.filters, Some(&class.class), question.with_resolved, None),
        current: question.class.as_deref() == Some(class.class.as_str()),
        can_retry: may_retry && class.open > 0,
        meaning: meaning(&class.class),
    }
}

/// What a class means and what to do, in paragraphs.
fn meaning(class: &str) -> Vec<Words> {
    explanation(class).iter().map(|paragraph| words(paragraph)).collect()
}

fn row(kept: &KeptRecord, visitor: &Visitor, zone: Zone) -> Row {
    let record = &kept.record;
    Row {
        id: kept.id.clone(),
        at: zone.time(record.quarantined_at),
        class: format::printable(&record.class),
        object: format::printable(&record.object.name),
        line: format::thousands(record.line),
        offset: format::thousands(record.byte_offset),
        message: message(&record.message, visitor),
        resolved: resolved(kept, zone),
    }
}

fn message(message: &str, visitor: &Visitor) -> String {
    if visitor.reveals() { format::printable(message) } else { "(hidden)".to_owned() }
}

fn resolved(kept: &KeptRecord, zone: Zone) -> Option<String> {
    kept.resolved.as_ref().map(|(at, outcome)| format!("{}, {}", format::printable(outcome), zone.time(*at)))
}

/// The same question to the API.
fn export(filter: &BadFilter) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, at) in [("since", filter.since), ("until", filter.until)] {
        if let Some(at) = at {
            query.append_pair(name, &at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
        }
    }
    query.extend_pairs(filter.class.iter().map(|class| ("class", class)));
    query.extend_pairs((!filter.object.is_empty()).then_some(("object", &filter.object)));
    query.extend_pairs(filter.with_resolved.then_some(("resolved", "yes")));
    query.finish()
}

#[derive(Template)]
#[template(path = "bad_record.html")]
struct RecordPage {
    shell: Shell,
    id: String,
    class: String,
    of_class: String,
    meaning: Vec<Words>,
    at: String,
    object: String,
    of_object: String,
    etag: String,
    line: String,
    offset: String,
    part: String,
    message: String,
    resolved: Option<String>,
    /// The bytes, or why they are not shown.
    raw: Option<RawView>,
    refused: &'static str,
    token: Arc<str>,
    can_retry: bool,
}

/// `GET /import/quarantine/{id}`; `from` says at which byte the view of the bytes begins.
pub(crate) async fn bad_record(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, PageFailure> {
    let parameters = Parameters::lenient(query.as_deref());
    let filters = Filters::from_query(&parameters, state.now())?;
    let from = match parameters.one("from_byte")? {
        None => 0,
        Some(text) => text.parse().map_err(|_| {
            Failure::BadRequest(format!("`from_byte` is `{}`, which is no number", format::printable(text)))
        })?,
    };
    let zone = filters.zone;
    let (shell, books) = match ground(&state, &filters)? {
        Ok(ground) => ground,
        Err(empty) => return Ok(Html(empty.render()?)),
    };
    let kept = books.bad.record(&id).await.map_err(anyhow::Error::from)?.ok_or(Failure::NotFound)?;
    let record = &kept.record;
    let raw = visitor.reveals().then(|| RawView::new(&record.raw, from, &format!("{PATH}/{}", kept.id)));
    let of = |name: &str, value: &str| {
        let pairs = [("range", "all"), ("resolved", "yes"), (name, value)];
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    };
    let page = RecordPage {
        of_class: of("class", &record.class),
        class: format::printable(&record.class),
        meaning: meaning(&record.class),
        at: zone.time(record.quarantined_at),
        object: format::printable(&record.object.name),
        of_object: of("object", &record.object.name),
        etag: format::printable(&record.object.etag),
        line: format::thousands(record.line),
        offset: format::thousands(record.byte_offset),
        part: format::thousands(record.part),
        message: message(&record.message, &visitor),
        resolved: resolved(&kept, zone),
        refused: REFUSED,
        token: Arc::clone(&visitor.token),
        can_retry: visitor.may_operate() && state.mender().is_some() && kept.resolved.is_none(),
        id: kept.id.clone(),
        raw,
        shell,
    };
    Ok(Html(page.render()?))
}

#[derive(Template)]
#[template(path = "mended.html")]
struct MendedPage {
    shell: Shell,
    tone: &'static str,
    title: String,
    law: String,
    imported: String,
    failure: Option<String>,
    left: Option<String>,
    still_bad: Vec<(String, String, String)>,
    more_bad: Option<String>,
    cut: Vec<String>,
}

impl MendedPage {
    fn icon(&self) -> &'static str {
        super::level::icon(self.tone)
    }
}

/// So many records that are still bad are listed one by one.
const LISTED: usize = 50;

/// `POST /import/quarantine/retry`: one record by `id`, or all of a `class`.
pub(crate) async fn retry(
    State(state): State<AppState>,
    act: Act<BTreeMap<String, String>>,
) -> Result<Html<String>, PageFailure> {
    let Act { visitor, form } = act;
    let which = match (form.get("id"), form.get("class")) {
        (Some(id), None) => Retry::One(id.clone()),
        (None, Some(class)) => Retry::Class(class.clone()),
        _ => return Err(Failure::BadRequest("give an `id` or a `class` to retry".to_owned()).into()),
    };
    let mended = mend(&state, which).await?;
    let shell = Shell::new(&state, "/import");
    Ok(Html(mended_page(shell, mended, &visitor).render()?))
}

/// Has records read again.
pub(crate) async fn mend(state: &AppState, which: Retry) -> Result<Mended, Failure> {
    if let Retry::One(id) = &which {
        let reader = state.reader().ok_or(Failure::NoLake)?;
        let books = reader.books().ok_or(Failure::NoLake)?;
        books.bad.record(id).await.map_err(anyhow::Error::from)?.ok_or(Failure::NotFound)?;
    }
    let Some(mender) = state.mender() else {
        return Err(Failure::Forbidden("this server does not write to its lake".to_owned()));
    };
    Ok(mender.retry(which).await?)
}

fn mended_page(shell: Shell, mended: Mended, visitor: &Visitor) -> MendedPage {
    let number = |count: usize| format::thousands(count as u64);
    let (resolved, bad, cut, before) =
        (mended.resolved.len(), mended.still_bad.len(), mended.cut.len(), mended.before.len());
    let (tone, title) = match &mended.failure {
        Some(_) => ("bad", "The records could be read, but not imported".to_owned()),
        None if mended.tried() == 0 => ("quiet", "There was nothing to retry".to_owned()),
        None if bad + cut == 0 => ("good", format!("{} imported", format::count(resolved as u64, "record"))),
        None if resolved == 0 => ("warn", "Still bad".to_owned()),
        None => ("warn", format!("{} imported, others are still bad", format::count(resolved as u64, "record"))),
    };
    let more = bad.saturating_sub(LISTED) as u64;
    MendedPage {
        shell,
        tone,
        title,
        law: format!(
            "{} retried = {} imported + {} still bad + {} kept only in part + {} made good before",
            format::count(mended.tried(), "record"),
            number(resolved),
            number(bad),
            number(cut),
            number(before)
        ),
        imported: format!(
            "{} written from {} and {}.",
            format::count(mended.rows, "row"),
            format::count(mended.events, "new event"),
            format::count(mended.duplicates, "duplicate")
        ),
        failure: mended.failure.as_deref().map(format::printable),
        left: (mended.left > 0).then(|| format::count(mended.left, "more record")),
        still_bad: mended
            .still_bad
            .iter()
            .take(LISTED)
            .map(|bad| (bad.id.clone(), format::printable(&bad.class), message(&bad.message, visitor)))
            .collect(),
        more_bad: (more > 0).then(|| format::thousands(more)),
        cut: mended.cut.into_iter().take(LISTED).collect(),
    }
}

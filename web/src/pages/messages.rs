//! `GET /messages`: single messages by recipient, id or subject, and by what happened to them.

mod fate;
mod life;
mod sought;

pub(crate) use life::message;
pub(crate) use sought::Sought;

use std::time::Duration;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use chrono::{DateTime, Utc};
use repute_query::{FoundMessages, Message, MessageQuery, QueryError, Reader, sent_time};
use tokio::time::timeout;
use url::form_urlencoded;

use super::bar::{Bar, Choice, attribute, known_sets};
use super::{Ground, Shell};
use crate::access::Visitor;
use crate::failure::{Failure, PageFailure};
use crate::filters::{Filters, Preset, Range};
use crate::format;
use crate::history::extent;
use crate::parameters::Parameters;
use crate::sight;
use crate::state::AppState;
use crate::zone::Zone;
use fate::Fate;

const PATH: &str = "/messages";

/// How many messages are shown.
const LIMITS: [usize; 3] = [50, 200, 1_000];

/// A search that takes longer is stopped, so that it can be told what to do instead.
pub(crate) const SEARCH_LIMIT: Duration = Duration::from_secs(8);

/// So many recipients of a message are named in the table.
const NAMED_RECIPIENTS: usize = 2;

/// What the page is asked.
struct Question {
    filters: Filters,
    sought: Sought,
    limit: usize,
}

/// How a search ended.
enum Outcome {
    /// Nothing was looked for.
    Nothing,
    /// This is not looked for: what is wrong with it, why, and what to do.
    Refused(&'static str, String),
    /// It was stopped.
    Stopped,
    Found(FoundMessages),
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
        Ok(Self { filters: Filters::from_query(parameters, now)?, sought: Sought::read(parameters)?, limit })
    }

    /// What the page's address has beside the filters.
    fn others(&self, visitor: &Visitor) -> Vec<(&'static str, String)> {
        let limit = (self.limit != LIMITS[0]).then(|| ("limit", self.limit.to_string()));
        self.sought.fields(visitor).into_iter().chain(limit).collect()
    }

    fn query(&self, visitor: &Visitor) -> String {
        let others = self.others(visitor);
        let others: Vec<(&str, &str)> = others.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.filters.to_query_with(&others)
    }

    /// What is asked of the lake. A message id says when; whoever has one need not choose a range.
    fn ask(&self, now: DateTime<Utc>) -> MessageQuery {
        let (since, until) = match self.sought.message_id {
            Some(_) => (None, None),
            None => {
                let (since, until) = self.filters.bounds(now);
                (since, Some(until))
            }
        };
        MessageQuery { since, until, only: self.filters.only.clone(), ..self.sought.query(self.limit) }
    }

    async fn answer(&self, reader: &Reader, visitor: &Visitor, now: DateTime<Utc>) -> Result<Outcome, QueryError> {
        if self.sought.is_empty() && self.filters.only.is_empty() {
            return Ok(Outcome::Nothing);
        }
        if self.sought.subject.is_some() && !visitor.sees_addresses {
            let why = "Subjects are hidden from you, so they cannot be searched. Look for a recipient or a message id instead.";
            return Ok(Outcome::Refused("That search needs the right to see addresses", why.to_owned()));
        }
        if let Some(why) = self.sought.is_too_short() {
            return Ok(Outcome::Refused("That is too little to look for", format!("{}.", format::sentence_case(&why))));
        }
        match timeout(SEARCH_LIMIT, repute_query::messages(reader, &self.ask(now))).await {
            Err(_) => Ok(Outcome::Stopped),
            Ok(found) => found.map(Outcome::Found),
        }
    }
}

#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesPage {
    shell: Shell,
    bar: Bar,
    /// Fields of the search, escaped for attributes; the first is that for everything.
    typed: String,
    recipient: String,
    message_id: String,
    subject: String,
    /// The filters as hidden fields, both escaped for attributes.
    hidden: Vec<(String, String)>,
    /// Whether one of the fields of their own is filled in.
    is_detailed: bool,
    may_search_subjects: bool,
    starts: Vec<Choice>,
    /// What is shown, above the table.
    summary: Option<String>,
    rows: Vec<MessageRow>,
    limits: Vec<Choice>,
    /// How to narrow, where there are more than are shown.
    narrow: Option<String>,
    notice: Option<Notice>,
    /// The same question to the API; not for whoever may not have its words in a link.
    export: Option<String>,
}

/// A message in the table.
struct MessageRow {
    query: String,
    time: String,
    subject: String,
    recipients: String,
    set: String,
    fate: Fate,
    /// `1 of 3` recipients that share the fate.
    share: Option<String>,
    events: String,
}

/// What is said where there is no table.
pub(crate) struct Notice {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    /// Where to go: words and the address.
    pub(crate) ways: Vec<(String, String)>,
}

/// `GET /messages`.
pub(crate) async fn messages(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, PageFailure> {
    let now = state.now();
    let parameters = Parameters::lenient(query.as_deref());
    let question = Question::read(&parameters, now)?;
    let filters = &question.filters;
    let ground = match Ground::of(&state, PATH, filters).await? {
        Ok(ground) => ground,
        Err(empty) => return Ok(empty),
    };
    let reader = &ground.reader;
    let outcome = question.answer(reader, &visitor, now).await?;
    let notice = notice(&question, &outcome, reader, &visitor, now).await?;
    let found = match outcome {
        Outcome::Found(found) => found,
        Outcome::Nothing | Outcome::Refused(..) | Outcome::Stopped => FoundMessages::default(),
    };
    let field = |name: &str| attribute(question.sought.field(name, &visitor).unwrap_or_default());
    let own = ["recipient", "message_id", "subject"];
    let is_shown = !found.messages.is_empty();
    let narrow = narrow(&found, &question);
    let summary = is_shown.then(|| summary(&found, &question, &visitor));
    let page = MessagesPage {
        bar: Bar::new(PATH, filters, question.others(&visitor), known_sets(reader).await?, now),
        typed: field("q"),
        recipient: field(own[0]),
        message_id: field(own[1]),
        subject: field(own[2]),
        hidden: hidden(filters),
        is_detailed: own.iter().any(|name| question.sought.field(name, &visitor).is_some()),
        may_search_subjects: visitor.sees_addresses,
        starts: starts(filters),
        summary,
        // What was sent last comes first.
        rows: found
            .messages
            .into_iter()
            .rev()
            .map(|message| row(&sight::message(&visitor, message), filters))
            .collect(),
        limits: LIMITS
            .map(|limit| {
                let other = Question { filters: filters.clone(), sought: question.sought.clone(), limit };
                Choice {
                    name: format::thousands(limit as u64),
                    query: other.query(&visitor),
                    current: limit == question.limit,
                }
            })
            .into(),
        narrow,
        notice,
        export: export(&question, &visitor, now).filter(|_| is_shown),
        shell: ground.shell,
    };
    Ok(Html(page.render()?))
}

/// The filters as fields of a form that has fields of its own.
fn hidden(filters: &Filters) -> Vec<(String, String)> {
    let query = filters.to_query();
    form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (attribute(&name), attribute(&value))).collect()
}

/// Searches that need no words.
fn starts(filters: &Filters) -> Vec<Choice> {
    let kinds = [
        ("Bounced", "bounce_type", "Permanent"),
        ("Complained of", "event_type", "Complaint"),
        ("Put off", "event_type", "DeliveryDelay"),
        ("Rejected by SES", "event_type", "Reject"),
        ("Not rendered", "event_type", "Rendering Failure"),
    ];
    let day = filters.with_range(Range::Preset(Preset::Day));
    let start = |(name, dimension, value): (&str, &str, &str)| {
        let dimension = dimension.parse().ok()?;
        let query = day.with_only(dimension, Some(Some(value.to_owned()))).to_query();
        Some(Choice { name: name.to_owned(), query, current: false })
    };
    kinds.into_iter().filter_map(start).collect()
}

fn row(message: &Message, filters: &Filters) -> MessageRow {
    let zone = filters.zone;
    let time = message.sent.or_else(|| message.events.first().map(|event| event.time));
    let (fate, share) = Fate::of_message(message);
    let text = |text: Option<&String>| text.map(|text| format::printable(text)).filter(|text| !text.trim().is_empty());
    let named = message.recipients.iter().take(NAMED_RECIPIENTS).map(|address| format::printable(address));
    let more = message.recipients.len().saturating_sub(NAMED_RECIPIENTS);
    let mut recipients: Vec<String> = named.collect();
    if more > 0 {
        recipients.push(format!("{} more", format::thousands(more as u64)));
    }
    MessageRow {
        query: address_of(&message.message_id, zone),
        time: time.map_or_else(|| format::NO_DATA.to_owned(), |time| zone.show(time, "%Y-%m-%d %H:%M:%S")),
        subject: text(message.subject.as_ref()).unwrap_or_else(|| "(no subject)".to_owned()),
        recipients: recipients.join(", "),
        set: text(message.configuration_set.as_ref()).unwrap_or_else(|| "\u{2013}".to_owned()),
        fate,
        share: share.map(|(with, all)| format!("{with} of {all}")),
        events: format::thousands(message.events.len() as u64),
    }
}

/// The address of a message's page.
pub(crate) fn address_of(message_id: &str, zone: Zone) -> String {
    let id: String = form_urlencoded::byte_serialize(message_id.as_bytes()).collect();
    // A plus sign stands for a space in queries only.
    let id = id.replace('+', "%20");
    let query = if zone == Zone::UTC { String::new() } else { format!("?zone={}", zone.name()) };
    format!("/messages/{id}{query}")
}

fn scope(question: &Question, visitor: &Visitor) -> String {
    let words = question.sought.words(visitor);
    let filters = if question.filters.only.is_empty() { String::new() } else { super::bar::scope(&question.filters) };
    let both: Vec<String> = [words, filters].into_iter().filter(|words| !words.is_empty()).collect();
    format::printable(&both.join("; "))
}

fn summary(found: &FoundMessages, question: &Question, visitor: &Visitor) -> String {
    let shown = found.messages.len() as u64;
    let scope = scope(question, visitor);
    match found.more_messages {
        false => format!("{} {scope}", format::count(shown, "message")),
        true => format!(
            "{} {scope}; shown are the {} sent last",
            format::count(found.fitting, "message"),
            format::thousands(shown)
        ),
    }
}

fn narrow(found: &FoundMessages, question: &Question) -> Option<String> {
    let missing = |is_missing: bool, how: &'static str| is_missing.then_some(how);
    let ways: Vec<&str> = [
        Some("choose a shorter range"),
        missing(question.sought.recipient.is_none(), "give the recipient"),
        missing(question.filters.configuration_set().is_none(), "choose a configuration set"),
        missing(question.filters.only.len() < 2, "add a filter such as bounce type or provider"),
    ]
    .into_iter()
    .flatten()
    .collect();
    found.more_messages.then(|| {
        let rest = format::thousands(found.fitting - found.messages.len() as u64);
        format!("{rest} more fit. To find one among them: {}.", ways.join(", "))
    })
}

async fn notice(
    question: &Question,
    outcome: &Outcome,
    reader: &Reader,
    visitor: &Visitor,
    now: DateTime<Utc>,
) -> Result<Option<Notice>, QueryError> {
    let filters = &question.filters;
    let all_time = || {
        let filters = filters.with_range(Range::Preset(Preset::All));
        let other = Question { filters, sought: question.sought.clone(), limit: question.limit };
        ("Look at all times".to_owned(), format!("{PATH}?{}", other.query(visitor)))
    };
    Ok(match outcome {
        Outcome::Nothing => None,
        Outcome::Refused(title, why) => {
            Some(Notice { title: (*title).to_owned(), lines: vec![format::printable(why)], ways: Vec::new() })
        }
        Outcome::Stopped => Some(Notice {
            title: format!("Stopped after {} seconds", SEARCH_LIMIT.as_secs()),
            lines: vec![
                "Nothing is known of what was not looked at. An address or a subject is compared with every event of the range."
                    .to_owned(),
                "Choose a shorter range or a configuration set; a message id is found at once.".to_owned(),
            ],
            ways: Vec::new(),
        }),
        Outcome::Found(found) if !found.messages.is_empty() => None,
        Outcome::Found(_) => match &question.sought.message_id {
            Some(id) => Some(unknown_id(reader, id, filters.zone, now).await?),
            None => {
                let shown = super::bar::period(filters, None, now);
                let scope = scope(question, visitor);
                let lines = vec![format!("There is no message {scope}, {shown}.")];
                let is_all = filters.range == Range::Preset(Preset::All);
                let ways = if is_all { Vec::new() } else { vec![all_time()] };
                Some(Notice { title: "No message found".to_owned(), lines, ways })
            }
        },
    })
}

/// Why a message may not be there, by what its id says.
pub(crate) async fn unknown_id(
    reader: &Reader,
    id: &str,
    zone: Zone,
    now: DateTime<Utc>,
) -> Result<Notice, QueryError> {
    let everything = Filters { range: Range::Preset(Preset::All), zone, only: Vec::new() };
    let held = extent(reader, &everything, now + chrono::TimeDelta::microseconds(1)).await?;
    let mut lines = vec![format!("No event in the lake belongs to {}.", format::printable(id))];
    let holds = held.map(|(from, to)| format!("The lake holds events from {} to {}", zone.time(from), zone.time(to)));
    match (sent_time(id), held) {
        (Some(sent), Some((from, to))) if sent < from || sent >= to => {
            lines.push(format!("The id says that it was sent at {}.", zone.time(sent)));
            lines.push(format!("{}: its events lie outside.", holds.unwrap_or_default()));
        }
        (Some(sent), _) => {
            lines.push(format!(
                "The id says that it was sent at {}, a time of which the lake has events.",
                zone.time(sent)
            ));
            lines.push(
                "Either its objects have not been imported yet, or its configuration set published no events then."
                    .to_owned(),
            );
        }
        (None, _) => {
            let form = "It does not look like an id of SES's: sixteen digits, a UUID and a number, such as 010f019a9974b389-60efe038-5f6e-4f1e-9d26-7a3f40ee2e26-000000.";
            lines.push(form.to_owned());
            lines.extend(holds.map(|holds| format!("{holds}.")));
        }
    }
    Ok(Notice { title: "No such message".to_owned(), lines, ways: Vec::new() })
}

/// The same question to the API.
fn export(question: &Question, visitor: &Visitor, now: DateTime<Utc>) -> Option<String> {
    if question.sought.recipient.is_some() && !visitor.sees_addresses {
        return None;
    }
    let api = match question.sought.message_id {
        // The range does not matter, as it does not here.
        Some(_) => Filters { range: Range::Preset(Preset::All), ..question.filters.clone() },
        None => question.filters.clone(),
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(question.sought.fields(visitor)).append_pair("limit", &question.limit.to_string());
    Some(format!("{}&{}", api.to_api_query(now), query.finish()))
}

//! `GET /messages/{id}`: everything that happened to one message, in order, with what servers and recipients said.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use repute_query::{Detail, EventType, FoundMessages, MOST_EVENTS, Message, MessageEvent, MessageQuery, after};
use url::form_urlencoded;

use super::fate::{Fate, event_words};
use super::{Notice, unknown_id};
use crate::access::Visitor;
use crate::failure::{Failure, PageFailure};
use crate::filters::Filters;
use crate::format;
use crate::pages::level::icon;
use crate::pages::{Ground, Shell};
use crate::parameters::Parameters;
use crate::sight;
use crate::state::AppState;
use crate::zone::Zone;

/// More events are not shown on the page.
const MOST_SHOWN: usize = 500;

/// So many recipients have lanes of their own.
const MOST_LANES: usize = 8;

/// So many recipients are listed.
const MOST_RECIPIENTS: usize = 100;

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    shell: Shell,
    title: String,
    /// Names and values of what is known of the message itself.
    facts: Vec<(&'static str, String)>,
    fate: Fate,
    share: Option<String>,
    /// Where there are several: each with its end.
    recipients: Vec<RecipientRow>,
    more_recipients: Option<String>,
    /// Names of the lanes; none where there is one recipient, or too many.
    lanes: Vec<String>,
    steps: Vec<Step>,
    more: Option<String>,
    export: String,
    zone_query: String,
}

#[derive(Template)]
#[template(path = "unknown.html")]
struct UnknownPage {
    shell: Shell,
    notice: Notice,
}

struct RecipientRow {
    address: String,
    fate: Fate,
    /// When that was decided, after sending.
    after: String,
}

/// A lane of one recipient, beside an event.
struct Lane {
    is_here: bool,
}

/// An event on the page.
struct Step {
    /// To the millisecond, in the zone.
    time: String,
    /// On the day of the event before, only the time of day.
    day: Option<String>,
    after: String,
    words: String,
    tone: &'static str,
    /// Which of the lanes it stands in; none where it is nobody's in particular.
    lanes: Vec<Lane>,
    is_everybodys: bool,
    recipient: String,
    /// What servers and recipients said.
    said: Vec<String>,
    details: Vec<(String, String)>,
}

impl Step {
    fn icon(&self) -> &'static str {
        icon(self.tone)
    }
}

/// `GET /messages/{id}`, with `zone`.
pub(crate) async fn message(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let now = state.now();
    let filters = Filters::from_query(&Parameters::lenient(query.as_deref()), now)?;
    let zone = filters.zone;
    let ground = match Ground::of(&state, "/messages", &filters).await? {
        Ok(ground) => ground,
        Err(empty) => return Ok(empty.into_response()),
    };
    let reader = &ground.reader;
    let query = MessageQuery { message_id: Some(id.clone()), limit: 1, ..MessageQuery::default() };
    let found = repute_query::messages(reader, &query).await?;
    let FoundMessages { messages, more_events, .. } = found;
    let Some(message) = messages.into_iter().next() else {
        let notice = unknown_id(reader, &id, zone, now).await?;
        let page = UnknownPage { shell: ground.shell, notice }.render();
        return Ok((StatusCode::NOT_FOUND, Html(page.map_err(Failure::from)?)).into_response());
    };
    let page = page(ground.shell, &sight::message(&visitor, message), more_events, zone);
    Ok(Html(page.render()?).into_response())
}

fn page(shell: Shell, message: &Message, more_events: bool, zone: Zone) -> MessagePage {
    let (fate, share) = Fate::of_message(message);
    let is_several = message.recipients.len() > 1;
    let lanes: Vec<&String> = if is_several && message.recipients.len() <= MOST_LANES {
        message.recipients.iter().collect()
    } else {
        Vec::new()
    };
    let recipients = message.recipients.iter().take(if is_several { MOST_RECIPIENTS } else { 0 });
    let rest = message.recipients.len().saturating_sub(MOST_RECIPIENTS);
    let hidden = message.events.len().saturating_sub(MOST_SHOWN);
    let more = match (hidden, more_events) {
        (0, _) => None,
        (_, true) => Some(format!(
            "It has more than {} events; shown are the first {}.",
            format::thousands(MOST_EVENTS as u64),
            format::thousands(MOST_SHOWN as u64)
        )),
        (hidden, false) => {
            Some(format!("{} follow; CSV and JSON have them.", format::count(hidden as u64, "more event")))
        }
    };
    MessagePage {
        title: message
            .subject
            .as_deref()
            .map(format::printable)
            .filter(|text| !text.trim().is_empty())
            .unwrap_or_else(|| "(no subject)".to_owned()),
        facts: facts(message, zone),
        fate,
        share: share.map(|(with, all)| format!("{with} of {all} recipients")),
        recipients: recipients.map(|address| recipient(message, address)).collect(),
        more_recipients: (rest > 0).then(|| format!("and {}", format::count(rest as u64, "more recipient"))),
        steps: steps(message, &lanes, zone),
        lanes: lanes.into_iter().map(|address| format::printable(address)).collect(),
        more,
        export: form_urlencoded::Serializer::new(String::new()).append_pair("message_id", &message.message_id).finish(),
        zone_query: if zone == Zone::UTC { String::new() } else { format!("?zone={}", zone.name()) },
        shell,
    }
}

fn facts(message: &Message, zone: Zone) -> Vec<(&'static str, String)> {
    let text = |text: &Option<String>| text.as_deref().map(format::printable);
    let to = match message.recipients.as_slice() {
        [] => None,
        [one] => Some(format::printable(one)),
        several => Some(format::count(several.len() as u64, "recipient")),
    };
    [
        ("Message id", Some(format::printable(&message.message_id))),
        ("Sent", message.sent.map(|sent| zone.show(sent, "%Y-%m-%d %H:%M:%S%.3f %Z"))),
        ("From", text(&message.source)),
        ("To", to),
        ("Configuration set", text(&message.configuration_set)),
        ("Events", Some(format::thousands(message.events.len() as u64))),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn recipient(message: &Message, address: &str) -> RecipientRow {
    let fate = Fate::of_recipient(message, address);
    let is_of = |event: &&MessageEvent| event.recipient.as_deref().is_some_and(|of| of.eq_ignore_ascii_case(address));
    let is_end = |event: &&MessageEvent| {
        !matches!(event.event_type, EventType::Open | EventType::Click | EventType::Subscription)
    };
    let end = message.events.iter().filter(is_of).rfind(is_end);
    let after = message.sent.zip(end).map(|(sent, end)| after(end.time - sent));
    RecipientRow { address: format::printable(address), fate, after: after.unwrap_or_default() }
}

fn steps(message: &Message, lanes: &[&String], zone: Zone) -> Vec<Step> {
    let mut day = String::new();
    let mut step = |event: &MessageEvent| {
        let today = zone.show(event.time, "%A, %-d %B %Y");
        let is_new = day != today;
        day.clone_from(&today);
        let (words, tone) = event_words(event);
        let recipient = event.recipient.as_deref();
        let is_of = |address: &str| recipient.is_some_and(|of| address.eq_ignore_ascii_case(of));
        Step {
            time: zone.show(event.time, "%H:%M:%S%.3f"),
            day: is_new.then_some(today),
            after: message.sent.map(|sent| after(event.time - sent)).unwrap_or_default(),
            words,
            tone,
            is_everybodys: !lanes.iter().any(|address| is_of(address)),
            lanes: lanes.iter().map(|address| Lane { is_here: is_of(address) }).collect(),
            recipient: recipient.map_or_else(|| "which recipient is not known".to_owned(), format::printable),
            said: said(event, zone),
            details: event.details.iter().map(|(name, detail)| (name.replace('_', " "), shown(detail, zone))).collect(),
        }
    };
    message.events.iter().take(MOST_SHOWN).map(&mut step).collect()
}

/// What people want to know of an event beside when and whose it is: first what was said, then what explains it.
fn said(event: &MessageEvent, zone: Zone) -> Vec<String> {
    let detail = |name: &str| event.detail(name).map(|detail| shown(detail, zone));
    let joined = |names: &[&str]| {
        let parts: Vec<String> = names.iter().filter_map(|name| detail(name)).collect();
        (!parts.is_empty()).then(|| parts.join(" \u{b7} "))
    };
    let lines = match event.event_type {
        EventType::Delivery => vec![
            detail("smtp_response"),
            event.detail("processing_ms").and_then(|took| match took {
                Detail::Milliseconds(took) => {
                    let length = after(chrono::TimeDelta::milliseconds(*took));
                    Some(format!("handed over after {}", length.trim_start_matches('+')))
                }
                Detail::Text(_) | Detail::Time(_) => None,
            }),
        ],
        EventType::Bounce => vec![detail("diagnostic_code"), joined(&["bounce_type", "bounce_subtype", "status"])],
        EventType::DeliveryDelay => vec![
            detail("diagnostic_code"),
            joined(&["delay_type", "status"]),
            detail("expiration_time").map(|time| format!("tried until {time}")),
        ],
        EventType::Complaint => vec![joined(&["complaint_feedback_type", "complaint_subtype"]), detail("user_agent")],
        EventType::Reject => vec![detail("reason")],
        EventType::RenderingFailure => {
            vec![detail("reason"), detail("template").map(|name| format!("template {name}"))]
        }
        EventType::Open => vec![joined(&["user_agent", "ip_address"])],
        EventType::Click => vec![detail("link"), joined(&["user_agent", "ip_address"])],
        EventType::Subscription => {
            vec![joined(&["contact_list", "subscription_source"]), detail("new_topic_preferences")]
        }
        EventType::Send => Vec::new(),
    };
    lines.into_iter().flatten().collect()
}

fn shown(detail: &Detail, zone: Zone) -> String {
    match detail {
        Detail::Text(text) => format::printable(text),
        Detail::Time(time) => zone.show(*time, "%Y-%m-%d %H:%M:%S %Z"),
        Detail::Milliseconds(number) => number.to_string(),
    }
}

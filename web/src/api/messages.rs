//! `GET /api/v1/messages`.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use repute_query::{Message, messages_report, messages_table};
use tokio::time::timeout;

use super::answer::csv;
use super::question::{is_dimension, read_filters, read_format, read_number, read_range};
use super::schema::{MESSAGES_LIMITS, MessageLife, MessagesParameters, USUAL_MESSAGES};
use crate::access::Visitor;
use crate::failure::{ApiFailure, Failure};
use crate::pages::{SEARCH_LIMIT, Sought};
use crate::parameters::Parameters;
use crate::sight;
use crate::state::AppState;

const MESSAGES: [&str; 8] = ["q", "recipient", "message_id", "subject", "since", "until", "limit", "format"];

/// Single messages with all their events.
///
/// The same as `repute messages --format json` or `csv`: found by recipient, message id, subject or what happened, those sent last.
/// At least one of these must be given, and all that is given must hold. Whoever may not see addresses gets them as
/// `a***@example.com`, subjects and readers' IP addresses hidden, and cannot look for subjects. A search ends after 8 seconds.
#[utoipa::path(
    get, path = "/api/v1/messages", tag = "messages", params(MessagesParameters),
    responses((status = 200, description = "Messages in the order in which they were sent.",
        content((Vec<MessageLife> = "application/json"), (String = "text/csv")))),
)]
pub(crate) async fn messages(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiFailure> {
    let parameters = Parameters::strict(query.as_deref(), &MESSAGES, is_dimension)?;
    let sought = Sought::read(&parameters)?;
    let mut query = sought.query(read_number(&parameters, "limit", MESSAGES_LIMITS, USUAL_MESSAGES)?);
    (query.since, query.until) = read_range(&parameters, state.now())?;
    query.only = read_filters(&parameters)?;
    let as_csv = read_format(&parameters)?;
    if sought.is_empty() && query.only.is_empty() {
        let what = "what to look for is missing; give `recipient`, `message_id`, `subject` or a dimension";
        return Err(Failure::Unanswerable(what.to_owned()).into());
    }
    if let Some(what) = sought.is_too_short() {
        return Err(Failure::Unanswerable(what).into());
    }
    if sought.subject.is_some() && !visitor.sees_addresses {
        let what = "subjects are hidden from you, so they cannot be searched either";
        return Err(Failure::Forbidden(what.to_owned()).into());
    }
    let reader = state.current()?;
    let found = timeout(SEARCH_LIMIT, repute_query::messages(&reader, &query)).await;
    let found = found.map_err(|_| Failure::TooSlow(SEARCH_LIMIT))??;
    let messages: Vec<Message> = found.messages.into_iter().map(|message| sight::message(&visitor, message)).collect();
    if as_csv {
        return Ok(csv("messages", &messages_table(&messages))?);
    }
    Ok(Json(messages_report(&messages)).into_response())
}

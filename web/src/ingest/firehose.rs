//! `POST /ingest/firehose`: the contract of Firehose's HTTP endpoint delivery.
//!
//! Only 200 is success. 413 ends a delivery for good, and Firehose does not even put it into the stream's error prefix: it is kept for bodies
//! that Firehose never sends, of more than 64 MiB. Whatever else is answered, Firehose tries again and, when its retries are over, puts the
//! records into the backup bucket.
//! Source: docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_ENCODING, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::timeout;

use super::body::{self, Unread};
use super::keys::LONGEST;
use super::{ANSWER_TIME, Delivery, Intake, Refusal};
use crate::state::AppState;

const VERSION: HeaderName = HeaderName::from_static("x-amz-firehose-protocol-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-firehose-request-id");
const ACCESS_KEY: HeaderName = HeaderName::from_static("x-amz-firehose-access-key");

/// The only version of the protocol.
const PROTOCOL: &str = "1.0";

/// Bytes of a body, before compression.
const MOST_BYTES: usize = 64 << 20;

/// Longer ids are not repeated.
const LONGEST_ID: usize = 256;

/// Characters of an error message that Firehose takes; ours are shorter.
const LONGEST_MESSAGE: usize = 8_192;

/// When a sender that honours it may come again, in seconds.
const LATER: &str = "5";

/// What is answered: a status, and what is wrong unless it is 200.
struct Outcome {
    status: StatusCode,
    error: Option<String>,
}

impl Outcome {
    fn error(status: StatusCode, what: impl Into<String>) -> Self {
        Self { status, error: Some(what.into()) }
    }
}

/// Takes a delivery.
pub(super) async fn take(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut id =
        only(&parts.headers, &REQUEST_ID).ok().flatten().filter(|id| id.len() <= LONGEST_ID).map(str::to_owned);
    let outcome = match timeout(ANSWER_TIME, admit(&state, &parts.headers, body, &mut id)).await {
        Ok(Ok(())) => Outcome { status: StatusCode::OK, error: None },
        Ok(Err(outcome)) => outcome,
        Err(_) => Outcome::error(StatusCode::SERVICE_UNAVAILABLE, "it took too long to make the records durable"),
    };
    if let Some(what) = &outcome.error {
        tracing::warn!(status = outcome.status.as_u16(), "a Firehose delivery is refused: {what}");
    }
    answer(&outcome, id.as_deref(), state.now().timestamp_millis())
}

/// Checks who sends it and what, reads it, and has it made durable.
async fn admit(state: &AppState, headers: &HeaderMap, body: Body, id: &mut Option<String>) -> Result<(), Outcome> {
    let (intake, is_gzip) = match judge(state, headers) {
        Ok(judged) => judged,
        Err(outcome) => {
            body::refuse(headers, body, body::MOST_UNREAD).await;
            return Err(outcome);
        }
    };
    let expected = body::announced(headers).unwrap_or(MOST_BYTES);
    if expected > MOST_BYTES {
        body::refuse(headers, body, 2 * MOST_BYTES).await;
        return Err(told(Refusal::TooLarge));
    }
    let busy = |error: super::NoMemory| told(Refusal::Unavailable(error.to_string()));
    let memory = intake.memory.reserve(2 * expected).await.map_err(busy)?;
    let body = body::read(body, expected, MOST_BYTES).await.map_err(|unread| match unread {
        Unread::TooLarge => told(Refusal::TooLarge),
        Unread::BrokeOff => Outcome::error(StatusCode::REQUEST_TIMEOUT, "the body broke off, or took too long"),
    })?;
    let delivery = Delivery { body, is_gzip, most: MOST_BYTES, memory, request_id: id.clone() };
    let taken = intake.taker.take_firehose(delivery).await.map_err(told)?;
    tracing::debug!(records = taken.records, "a Firehose delivery is durable");
    if id.is_none() {
        *id = Some(taken.request_id).filter(|id| id.len() <= LONGEST_ID);
    }
    Ok(())
}

/// What the headers say: whether the sender may, and whether the body is compressed.
fn judge<'s>(state: &'s AppState, headers: &HeaderMap) -> Result<(&'s Intake, bool), Outcome> {
    let bad = |what: &str| Outcome::error(StatusCode::BAD_REQUEST, what);
    let unset = || told(Refusal::Closed("no access keys are set up for Firehose: name a file with them".to_owned()));
    let intake = state.intake().filter(|intake| !intake.keys.is_empty()).ok_or_else(unset)?;
    let key = only(headers, &ACCESS_KEY).ok().flatten().filter(|key| key.len() <= LONGEST).unwrap_or_default();
    if !intake.keys.contains(key.as_bytes()) {
        return Err(Outcome::error(StatusCode::UNAUTHORIZED, "the access key is missing or wrong"));
    }
    if only(headers, &REQUEST_ID).is_err() {
        return Err(bad("the request has several ids"));
    }
    if only(headers, &VERSION) != Ok(Some(PROTOCOL)) {
        return Err(bad("the protocol's version is not 1.0"));
    }
    match only(headers, &CONTENT_ENCODING) {
        Ok(None | Some("identity")) => Ok((intake, false)),
        Ok(Some("gzip")) => Ok((intake, true)),
        _ => Err(bad("the content encoding is neither gzip nor absent")),
    }
}

/// A header's value; none may stand twice, or have bytes that are no visible ASCII.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, ()> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

fn told(refusal: Refusal) -> Outcome {
    match refusal {
        Refusal::Malformed(what) => Outcome::error(StatusCode::BAD_REQUEST, what),
        Refusal::TooLarge => Outcome::error(StatusCode::PAYLOAD_TOO_LARGE, "the body has more than 64 MiB"),
        Refusal::Forbidden(what) => Outcome::error(StatusCode::FORBIDDEN, what),
        Refusal::Unavailable(what) => Outcome::error(StatusCode::SERVICE_UNAVAILABLE, what),
        Refusal::Closed(what) => Outcome::error(StatusCode::NOT_FOUND, what),
    }
}

/// The answer that Firehose reads. It must have its length, and must not be compressed.
fn answer(outcome: &Outcome, id: Option<&str>, now: i64) -> Response {
    let mut answer = json!({ "requestId": id.unwrap_or_default(), "timestamp": now });
    if let Some(what) = &outcome.error {
        let what: String = what.chars().take(LONGEST_MESSAGE).collect();
        answer["errorMessage"] = what.into();
    }
    let mut response = (outcome.status, Json(answer)).into_response();
    let headers = response.headers_mut();
    if outcome.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, axum::http::HeaderValue::from_static(LATER));
    }
    if outcome.error.is_some() {
        // What may still come of the body is not the next request.
        headers.insert(CONNECTION, axum::http::HeaderValue::from_static("close"));
    }
    response
}

//! `POST /ingest/sns`: messages that SNS posts.
//!
//! SNS tries again after a 5xx, a 429 or no answer, and gives up (into the subscription's dead-letter queue) after any other 4xx.
//! Source: docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html

use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_ENCODING, RETRY_AFTER};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::body::{self, Unread};
use super::{ANSWER_TIME, Refusal};
use crate::state::AppState;

const RAW: HeaderName = HeaderName::from_static("x-amz-sns-rawdelivery");

/// Bytes of a body: a message has 256 KiB at most, which JSON in JSON may double, and more where there is little but escapes.
const MOST_BYTES: usize = 2 << 20;

/// When a sender that honours it may come again, in seconds.
const LATER: &str = "5";

/// Takes a message.
pub(super) async fn take(State(state): State<AppState>, request: Request) -> Response {
    let taken = timeout(ANSWER_TIME, admit(&state, request)).await;
    let refusal = match taken {
        Ok(Ok(())) => return (StatusCode::OK, "taken\n").into_response(),
        Ok(Err(refusal)) => refusal,
        Err(_) => Refusal::Unavailable("it took too long to make the message durable".to_owned()),
    };
    let (status, what) = match refusal {
        Refusal::Malformed(what) => (StatusCode::BAD_REQUEST, what),
        Refusal::TooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {} MiB", MOST_BYTES >> 20))
        }
        Refusal::Forbidden(what) => (StatusCode::FORBIDDEN, what),
        Refusal::Unavailable(what) => (StatusCode::SERVICE_UNAVAILABLE, what),
        Refusal::Closed(what) => (StatusCode::NOT_FOUND, what),
    };
    tracing::warn!(status = status.as_u16(), "a message to /ingest/sns is refused: {what}");
    let mut response = (status, [(CONNECTION, "close")], format!("{what}\n")).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, axum::http::HeaderValue::from_static(LATER));
    }
    response
}

async fn admit(state: &AppState, request: Request) -> Result<(), Refusal> {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let unset = || Refusal::Closed("no topics are set up for SNS".to_owned());
    let refusal = match state.intake() {
        None => Err(unset()),
        // A message delivered raw carries no signature: anybody could have sent it.
        Some(_) if headers.contains_key(RAW) => {
            Err(Refusal::Forbidden("raw message delivery is not signed; turn it off for the subscription".to_owned()))
        }
        Some(_) if headers.contains_key(CONTENT_ENCODING) => {
            Err(Refusal::Malformed("SNS does not compress its messages".to_owned()))
        }
        Some(_) if body::announced(headers).is_some_and(|length| length > MOST_BYTES) => Err(Refusal::TooLarge),
        Some(intake) => Ok(intake),
    };
    let intake = match refusal {
        Ok(intake) => intake,
        Err(refusal) => {
            body::refuse(headers, body, body::MOST_UNREAD).await;
            return Err(refusal);
        }
    };
    let expected = body::announced(headers).unwrap_or(MOST_BYTES);
    let _memory = intake.memory.reserve(2 * expected).await.map_err(|error| Refusal::Unavailable(error.to_string()))?;
    let message = body::read(body, expected, MOST_BYTES).await.map_err(|unread| match unread {
        Unread::TooLarge => Refusal::TooLarge,
        Unread::BrokeOff => Refusal::Unavailable("the body broke off, or took too long".to_owned()),
    })?;
    intake.taker.take_sns(message).await
}

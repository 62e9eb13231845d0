//! Posting JSON: one answer of two kinds, since what a receiver refuses will be refused again, and what does not answer may answer later.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

use super::Undelivered;

/// So much of an answer is told.
const ANSWER: usize = 200;

/// A client that follows no redirect: a message goes where it was told to, or nowhere.
pub(crate) fn client(timeout: Duration) -> Result<Client, Undelivered> {
    let client = Client::builder().timeout(timeout).redirect(Policy::none());
    let client = client.user_agent(concat!("repute/", env!("CARGO_PKG_VERSION")));
    client.build().map_err(|error| Undelivered::Unreachable(told(&error)))
}

/// Posts JSON; any 2xx is success.
pub(crate) async fn post(request: RequestBuilder, body: &Value) -> Result<String, Undelivered> {
    send(request.json(body)).await
}

/// Sends a request and gives the answer.
pub(crate) async fn send(request: RequestBuilder) -> Result<String, Undelivered> {
    let response = request.send().await.map_err(|error| Undelivered::Unreachable(told(&error)))?;
    let status = response.status();
    let answer = response.text().await.unwrap_or_default();
    if status.is_success() {
        return Ok(answer);
    }
    let answer = super::message::cut(&crate::output::plain(answer.trim()), ANSWER);
    let what =
        if answer.is_empty() { format!("it answers {status}") } else { format!("it answers {status}: {answer}") };
    let is_later = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY);
    Err(if is_later { Undelivered::Unreachable(what) } else { Undelivered::Refused(what) })
}

/// The error and its causes, without the URL, which may be a secret.
fn told(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if std::ptr::addr_eq(cause, error) { "the request cannot be made".to_owned() } else { cause.to_string() }
}

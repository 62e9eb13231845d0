//! Requests that change something.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::admit::{is_for_programs, told};
use super::audit::What;
use super::secret;
use super::visitor::{How, Visitor};
use crate::failure::Failure;
use crate::problem::ProblemType;
use crate::state::AppState;

/// A form's fields, sent by an operator from a page of ours, or the same as JSON, sent by an operator's program.
///
/// A form is taken only if the visitor is an operator and the form holds the visitor's own `token`, which another site's page cannot
/// know. JSON is taken of programs that show a token of theirs, which no page can make a browser send.
pub(crate) struct Act<T> {
    pub(crate) visitor: Visitor,
    pub(crate) form: T,
}

impl<T: DeserializeOwned> FromRequest<AppState> for Act<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let is_program = is_for_programs(request.uri().path());
        let (visitor, body) = receive(request, state).await?;
        let take = || {
            if !visitor.may_operate() {
                return Err(Failure::Forbidden("this needs the role `operator`".to_owned()));
            }
            let form = body.read(&visitor)?;
            visitor.note(What::Act)?;
            Ok(form)
        };
        let form = take().map_err(|failure| told(failure, is_program))?;
        Ok(Self { visitor, form })
    }
}

/// What came with a request, and as what.
pub(super) struct Body {
    bytes: Bytes,
    is_json: bool,
}

/// Who sends something, and what.
pub(super) async fn receive(request: Request, state: &AppState) -> Result<(Visitor, Body), Response> {
    let is_program = is_for_programs(request.uri().path());
    let (mut parts, body) = request.into_parts();
    let visitor = Visitor::from_request_parts(&mut parts, state).await?;
    let refuse = |kind| told(Failure::Refused(kind), is_program);
    let is_json = read_type(&parts.headers).ok_or_else(|| refuse(ProblemType::UnknownMediaType))?;
    let bytes = Bytes::from_request(Request::from_parts(parts, body), state).await;
    let bytes = bytes.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => refuse(ProblemType::BodyTooLarge),
        _ => refuse(ProblemType::BadRequest),
    })?;
    Ok((visitor, Body { bytes, is_json }))
}

/// Whether the body is JSON, and not a form; nothing if it is neither.
fn read_type(headers: &HeaderMap) -> Option<bool> {
    let given = headers.get(CONTENT_TYPE).map_or("", |given| given.to_str().unwrap_or("?"));
    match given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "application/x-www-form-urlencoded" => Some(false),
        "application/json" => Some(true),
        _ => None,
    }
}

impl Body {
    /// Its fields, if they come from a page that was made for this visitor, or from a program.
    pub(super) fn read<T: DeserializeOwned>(&self, visitor: &Visitor) -> Result<T, Failure> {
        let wrong = |what: &dyn std::fmt::Display| Failure::BadRequest(what.to_string());
        let is_program = matches!(visitor.how, How::Token);
        if self.is_json {
            // Where nobody signs in, another site's page cannot send JSON either, without asking first.
            if !is_program && !matches!(visitor.how, How::Local) {
                return Err(Failure::Forbidden(
                    "JSON is taken of programs that send a token; pages send forms".to_owned(),
                ));
            }
            return serde_json::from_slice(&self.bytes).map_err(|error| wrong(&error));
        }
        if !is_program {
            let token = form_urlencoded::parse(&self.bytes).find(|(name, _)| name == "token").map(|(_, value)| value);
            if token.is_none_or(|token| !secret::equal(&token, &visitor.token)) {
                let what = "the form does not come from a page that this server made for you; load that page again";
                return Err(Failure::Forbidden(what.to_owned()));
            }
        }
        serde_urlencoded::from_bytes(&self.bytes).map_err(|error| wrong(&error))
    }
}

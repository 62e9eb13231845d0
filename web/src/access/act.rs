//! Requests that change something.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::Response;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::Visitor;
use crate::failure::Failure;
use crate::state::AppState;

/// A form's fields, sent by an operator from a page of ours.
///
/// Taken only if the visitor is an operator and the form holds the visitor's own `token`, which another site's page cannot know.
pub(crate) struct Act<T> {
    pub(crate) visitor: Visitor,
    pub(crate) form: T,
}

/// A form of ours is no larger.
const MOST_BYTES: usize = 256 << 10;

impl<T: DeserializeOwned> FromRequest<AppState> for Act<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, state).await?;
        if !visitor.may_operate() {
            return Err(Failure::Forbidden("this needs the role `operator`".to_owned()).into_page());
        }
        let refuse = |what: String| Failure::BadRequest(what).into_page();
        let bytes = axum::body::to_bytes(body, MOST_BYTES).await.map_err(|error| refuse(error.to_string()))?;
        let token = form_urlencoded::parse(&bytes).find(|(name, _)| name == "token").map(|(_, value)| value);
        if token
            .is_none_or(|token| !bool::from(subtle::ConstantTimeEq::ct_eq(token.as_bytes(), visitor.token.as_bytes())))
        {
            let what = "the form does not come from a page that this server made for you; load that page again";
            return Err(Failure::Forbidden(what.to_owned()).into_page());
        }
        let form = serde_urlencoded::from_bytes(&bytes).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { visitor, form })
    }
}

//! What a request can fail of, and how that is told: as a page to a person, as a problem document (RFC 9457) to a program.

use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use repute_query::QueryError;
use serde_json::json;

use crate::format;
use crate::pages::Shell;
use crate::state::Trouble;

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The request asks for something that cannot be: what, in a sentence.
    BadRequest(String),
    /// Whoever asks may not do that: why, in a sentence.
    Forbidden(String),
    /// There is no such page.
    NotFound,
    /// There is no lake yet.
    NoLake,
    /// Newer versions of the lake cannot be read.
    Unreadable(Trouble),
    /// The question could not be answered; never shown as zero.
    Failed(anyhow::Error),
    /// It took too long.
    TooSlow(Duration),
}

/// A failure told as a page.
pub(crate) struct PageFailure(Failure);

/// A failure told as a problem document.
pub(crate) struct ApiFailure(Failure);

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Answers requests for which there is no route.
pub(crate) async fn not_found(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") { Failure::NotFound.into_problem() } else { Failure::NotFound.into_page() }
}

impl Failure {
    pub(crate) fn into_page(self) -> Response {
        self.log();
        let (status, detail) = (self.status(), self.detail());
        let page = ErrorPage {
            shell: Shell::bare(),
            status: status.as_u16(),
            title: self.title(),
            detail: &detail,
            remedy: self.remedy(),
        };
        // A page that cannot even be rendered is told in plain words.
        let Ok(html) = page.render() else { return (status, detail).into_response() };
        (status, Html(html)).into_response()
    }

    pub(crate) fn into_problem(self) -> Response {
        self.log();
        let status = self.status();
        let problem = json!({
            "type": "about:blank",
            "title": self.title(),
            "status": status.as_u16(),
            "detail": self.detail(),
        });
        (status, [(CONTENT_TYPE, "application/problem+json")], Json(problem)).into_response()
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NoLake | Self::Unreadable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooSlow(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "The request cannot be answered as put",
            Self::Forbidden(_) => "That is not allowed",
            Self::NotFound => "There is no such page",
            Self::NoLake => "There is no lake yet",
            Self::Unreadable(_) => "The lake cannot be read",
            Self::Failed(_) => "The query failed",
            Self::TooSlow(_) => "The query took too long",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::BadRequest(what) | Self::Forbidden(what) => format::printable(what),
            Self::NotFound => "nothing is served under this address".to_owned(),
            Self::NoLake => "no events have been imported yet".to_owned(),
            Self::Unreadable(Trouble { since, what }) => {
                format!("since {}: {}", format::time(*since), format::printable(what))
            }
            Self::Failed(error) => format::printable(&format!("{error:#}")),
            Self::TooSlow(limit) => format!("no answer within {} seconds", limit.as_secs()),
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "Correct the value in the address, or start again from the overview.",
            Self::Forbidden(_) => {
                "Nothing was changed. Ask whoever runs this server for the right, or go back and try again."
            }
            Self::NotFound => "Check the address, or start from the overview.",
            Self::NoLake => "Import a dump first; the overview says how.",
            Self::Unreadable(_) => {
                "Run `repute lake fsck` to see what is wrong. Figures come back by themselves once the lake can be read."
            }
            Self::Failed(_) => {
                "No figure is shown, because none is known. Try again; if it fails again, run `repute lake fsck`, which \
                 tells whether the lake is damaged, and look at the server's log."
            }
            Self::TooSlow(_) => "Choose a shorter time range, or compact the lake.",
        }
    }

    fn log(&self) {
        match self {
            Self::Failed(error) => tracing::error!("request failed: {}", format::printable(&format!("{error:#}"))),
            Self::TooSlow(limit) => tracing::warn!("request given up after {limit:?}"),
            Self::BadRequest(_) | Self::Forbidden(_) | Self::NotFound | Self::NoLake | Self::Unreadable(_) => {}
        }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Question(what) => Self::BadRequest(what),
            QueryError::Lake(_) | QueryError::Engine(_) => Self::Failed(error.into()),
        }
    }
}

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<prometheus::Error> for Failure {
    fn from(error: prometheus::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<crate::chart::DrawError> for Failure {
    fn from(error: crate::chart::DrawError) -> Self {
        Self::Failed(error.into())
    }
}

impl<E: Into<Failure>> From<E> for PageFailure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl<E: Into<Failure>> From<E> for ApiFailure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        self.0.into_page()
    }
}

impl IntoResponse for ApiFailure {
    fn into_response(self) -> Response {
        self.0.into_problem()
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    shell: Shell,
    status: u16,
    title: &'a str,
    detail: &'a str,
    remedy: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    async fn text(response: Response) -> String {
        String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_failed_query_is_told_and_escaped() {
        let failure = || Failure::Failed(anyhow::anyhow!("cannot read `<b>.parquet`"));
        let page = failure().into_page();
        assert_eq!(page.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let page = text(page).await;
        assert!(page.contains("The query failed"), "{page}");
        assert!(page.contains("cannot read `&#60;b&#62;.parquet`"), "{page}");
        let problem = failure().into_problem();
        assert_eq!(problem.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            text(problem).await,
            r#"{"type":"about:blank","title":"The query failed","status":500,"detail":"cannot read `<b>.parquet`"}"#
        );
    }

    #[test]
    fn too_slow_is_a_gateway_timeout() {
        assert_eq!(Failure::TooSlow(Duration::from_secs(10)).into_problem().status(), StatusCode::GATEWAY_TIMEOUT);
    }
}

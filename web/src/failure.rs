//! What a request can fail of, and how that is told: as a page to a person, as a problem document (RFC 9457) to a program.

use std::time::Duration;

use askama::Template;
use axum::http::Uri;
use axum::http::header::RETRY_AFTER;
use axum::response::{Html, IntoResponse, Response};
use repute_query::QueryError;

use crate::alerting::Refusal;
use crate::format;
use crate::pages::Shell;
use crate::problem::{Problem, ProblemType, is_api};
use crate::state::Trouble;

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The request asks for something that cannot be: what, in a sentence.
    BadRequest(String),
    /// A parameter is not as it must be: its name, and what is wrong in a sentence.
    BadParameter(String, String),
    /// Every parameter is well formed, but there is no answer to them together: why, in a sentence.
    Unanswerable(String),
    /// A value is well formed, but none that can be, by itself or beside the others: its name, and why in a sentence.
    Unfit(String, String),
    /// Nobody has signed in: what to do, in a sentence.
    Unauthorized(String),
    /// Wrong too often; again in so many seconds.
    TooOften(u64),
    /// Whoever asks may not do that: why, in a sentence.
    Forbidden(String),
    /// There is no such page.
    NotFound,
    /// There is no such thing, or not any more: what, in a sentence.
    Missing(String),
    /// It is not as it was when whoever asks looked at it: what, in a sentence.
    Conflict(String),
    /// It cannot be written where it belongs: why, in a sentence.
    Unwritable(String),
    /// There is no lake yet.
    NoLake,
    /// Newer versions of the lake cannot be read.
    Unreadable(Trouble),
    /// The question could not be answered; never shown as zero.
    Failed(anyhow::Error),
    /// Something that is needed for it cannot be reached: what, in a sentence.
    Unavailable(String),
    /// It took too long.
    TooSlow(Duration),
    /// A fault of ours.
    Broken,
    /// The request is not taken, for a reason that needs no words of its own.
    Refused(ProblemType),
    /// More is asked than can be answered now.
    Overloaded,
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
    if is_api(uri.path()) { Failure::NotFound.into_problem() } else { Failure::NotFound.into_page() }
}

impl Failure {
    /// A parameter of this name is not as it must be.
    pub(crate) fn parameter(name: &str, what: String) -> Self {
        Self::BadParameter(name.to_owned(), what)
    }

    /// What is wrong, as a person wrote it down.
    #[cfg(test)]
    pub(crate) fn what(&self) -> String {
        match self {
            Self::BadRequest(what) | Self::BadParameter(_, what) | Self::Unfit(_, what) | Self::Unanswerable(what) => {
                what.clone()
            }
            other => format!("{other:?}"),
        }
    }

    /// The answer to a person. It carries the problem, should it turn out to be a program that asks.
    pub(crate) fn into_page(self) -> Response {
        let problem = self.log();
        let (status, detail) = (self.kind().status(), self.detail());
        let page = ErrorPage {
            shell: Shell { live: self.may_pass(), ..Shell::bare() },
            status: status.as_u16(),
            title: self.title(),
            detail: &detail,
            remedy: self.remedy(),
        };
        // A page that cannot even be rendered is told in plain words.
        let retry = problem.kind.retry_after();
        let mut response = match page.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => (status, detail).into_response(),
        };
        if let Some(seconds) = retry {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(problem);
        response
    }

    /// The answer to a program.
    pub(crate) fn into_problem(self) -> Response {
        self.log().into_response()
    }

    fn kind(&self) -> ProblemType {
        match self {
            Self::BadRequest(_) => ProblemType::BadRequest,
            Self::BadParameter(..) => ProblemType::BadParameter,
            Self::Unanswerable(_) | Self::Unfit(..) => ProblemType::Unanswerable,
            Self::Unauthorized(_) => ProblemType::SignInRequired,
            Self::TooOften(_) => ProblemType::TooManyRequests,
            Self::Forbidden(_) => ProblemType::Forbidden,
            Self::NotFound | Self::Missing(_) => ProblemType::NotFound,
            Self::Conflict(_) => ProblemType::Conflict,
            Self::Unwritable(_) => ProblemType::NotWritable,
            Self::NoLake => ProblemType::NoLake,
            Self::Unreadable(_) => ProblemType::LakeUnreadable,
            Self::Failed(_) => ProblemType::QueryFailed,
            Self::Unavailable(_) => ProblemType::Overloaded,
            Self::TooSlow(_) => ProblemType::TooSlow,
            Self::Broken => ProblemType::InternalError,
            Self::Refused(kind) => *kind,
            Self::Overloaded => ProblemType::Overloaded,
        }
    }

    /// Whether the same request may have an answer later: its page asks again by itself.
    fn may_pass(&self) -> bool {
        matches!(self, Self::NoLake | Self::Unreadable(_) | Self::Failed(_) | Self::TooSlow(_))
    }

    fn title(&self) -> &'static str {
        match self {
            Self::BadRequest(_) | Self::BadParameter(..) | Self::Unfit(..) | Self::Unanswerable(_) => {
                "The request cannot be answered as put"
            }
            Self::Unauthorized(_) => "Sign in first",
            Self::TooOften(_) => "Too many attempts",
            Self::Forbidden(_) => "That is not allowed",
            Self::NotFound => "There is no such page",
            Self::Missing(_) => "There is no such thing",
            Self::Conflict(_) => "It was changed meanwhile",
            Self::Unwritable(_) => "It cannot be written",
            Self::NoLake => "There is no lake yet",
            Self::Unreadable(_) => "The lake cannot be read",
            Self::Unavailable(_) => "That is not to be had right now",
            Self::Failed(_) => "The query failed",
            Self::TooSlow(_) => "The query took too long",
            Self::Broken => "The server failed",
            Self::Refused(kind) => kind.title(),
            Self::Overloaded => "The server is busy",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::BadRequest(what)
            | Self::BadParameter(_, what)
            | Self::Unfit(_, what)
            | Self::Unanswerable(what)
            | Self::Unauthorized(what)
            | Self::Forbidden(what)
            | Self::Unavailable(what) => format::printable(what),
            Self::TooOften(seconds) => format!("try again in {seconds} seconds"),
            Self::Missing(what) | Self::Conflict(what) | Self::Unwritable(what) => format::printable(what),
            Self::NotFound => "nothing is served under this address".to_owned(),
            Self::NoLake => "no events have been imported yet".to_owned(),
            Self::Unreadable(Trouble { since, what }) => {
                format!("since {}: {}", format::time(*since), format::printable(what))
            }
            Self::Failed(error) => format::printable(&format!("{error:#}")),
            Self::TooSlow(limit) => format!("no answer within {} seconds", limit.as_secs_f32()),
            Self::Broken => "the request was given up at a fault of the server's; its log says more".to_owned(),
            Self::Refused(kind) => kind.meaning().to_owned(),
            Self::Overloaded => "more is asked than can be answered now".to_owned(),
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::BadRequest(_) | Self::BadParameter(..) | Self::Unfit(..) | Self::Unanswerable(_) => {
                "Correct the value in the address, or start again from the overview."
            }
            Self::Unauthorized(_) => "Sign in, then ask again.",
            Self::TooOften(_) => "Nothing was done. Wait, then try again.",
            Self::Forbidden(_) => {
                "Nothing was changed. Ask whoever runs this server for the right, or go back and try again."
            }
            Self::NotFound | Self::Missing(_) => "Check the address, or start from the overview.",
            Self::Conflict(_) => "Nothing was changed. Look at it again, and try once more if it still fits.",
            Self::Unwritable(_) => "Nothing was changed. See to the place that is named, and try again.",
            Self::NoLake => "Import a dump first; the overview says how.",
            Self::Unreadable(_) => {
                "Run `repute lake fsck` to see what is wrong. Figures come back by themselves once the lake can be read."
            }
            Self::Unavailable(_) => "Nothing is lost. Go back and try again.",
            Self::Failed(_) => {
                "No figure is shown, because none is known. Try again; if it fails again, run `repute lake fsck`, which \
                 tells whether the lake is damaged, and look at the server's log."
            }
            Self::TooSlow(_) => "Choose a shorter time range, or compact the lake.",
            Self::Broken => "Nothing else is affected. Please report what the log says.",
            Self::Refused(_) => "Go back, or start from the overview.",
            Self::Overloaded => "Nothing is wrong with your question. Load the page again in a few seconds.",
        }
    }

    /// Logs what the operator should hear of, under the name of this occurrence.
    fn log(&self) -> Problem {
        let mut problem = Problem::new(self.kind(), self.detail());
        let instance = problem.instance.as_str();
        match self {
            Self::Failed(error) => {
                tracing::error!(instance, "request failed: {}", format::printable(&format!("{error:#}")));
            }
            Self::Broken => tracing::error!(instance, "request failed: its handler panicked"),
            Self::TooSlow(limit) => tracing::warn!(instance, "request given up after {limit:?}"),
            Self::Overloaded => tracing::debug!("request refused: the server is busy"),
            Self::BadParameter(name, _) | Self::Unfit(name, _) => problem.parameter = Some(format::printable(name)),
            Self::BadRequest(_)
            | Self::Unanswerable(_)
            | Self::Unauthorized(_)
            | Self::TooOften(_)
            | Self::Forbidden(_)
            | Self::NotFound
            | Self::Missing(_)
            | Self::Conflict(_)
            | Self::Unwritable(_)
            | Self::NoLake
            | Self::Unreadable(_)
            | Self::Unavailable(_)
            | Self::Refused(_) => {}
        }
        problem
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Question(what) => Self::Unanswerable(what),
            QueryError::Busy => Self::Overloaded,
            QueryError::Lake(_) | QueryError::Engine(_) => Self::Failed(error.into()),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Mistake(Some(field), what) => Self::Unfit(field, what),
            Refusal::Mistake(None, what) => Self::Unanswerable(what),
            Refusal::Missing(what) => Self::Missing(what),
            Refusal::Changed(what) => Self::Conflict(what),
            Refusal::Unwritable(what) => Self::Unwritable(what),
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
    use axum::http::StatusCode;
    use axum::http::header::CONTENT_TYPE;

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
        let problem: serde_json::Value = serde_json::from_str(&text(problem).await).unwrap();
        assert_eq!(problem["type"], "/api/v1/problems/query-failed");
        assert_eq!(problem["detail"], "cannot read `<b>.parquet`");
        assert_eq!(problem["parameter"], serde_json::Value::Null);
        let problem = text(Failure::parameter("by", "unknown".to_owned()).into_problem()).await;
        assert!(problem.contains(r#""parameter":"by""#), "{problem}");
    }

    #[test]
    fn too_slow_is_a_gateway_timeout() {
        assert_eq!(Failure::TooSlow(Duration::from_secs(10)).into_problem().status(), StatusCode::GATEWAY_TIMEOUT);
    }
}

//! Failures told to programs: problem documents (RFC 9457), each of a type that is described where its URI points.
//!
//! [`tell`] stands before everything else: whatever fails under `/api/`, the router's own answers and panics too, leaves as a
//! problem.

use std::panic::AssertUnwindSafe;

use axum::Json;
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, RETRY_AFTER, VARY};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use serde_json::json;

use crate::failure::Failure;

/// The media type of problem documents.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Where the types are described.
pub(crate) const TYPES: &str = "/api/v1/problems";

/// A longer address is refused.
const LONGEST_ADDRESS: usize = 8 << 10;

/// More headers, together, are refused.
const MOST_HEADERS: usize = 32 << 10;

/// What kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemType {
    BadParameter,
    BadRequest,
    SignInRequired,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    BodyTooLarge,
    AddressTooLong,
    UnknownMediaType,
    WrongHost,
    Unanswerable,
    TooManyRequests,
    HeadersTooLarge,
    QueryFailed,
    InternalError,
    NoLake,
    LakeUnreadable,
    Overloaded,
    NotWritable,
    TooSlow,
}

impl ProblemType {
    /// All of them, by status.
    pub(crate) const ALL: [Self; 21] = [
        Self::BadParameter,
        Self::BadRequest,
        Self::SignInRequired,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::BodyTooLarge,
        Self::AddressTooLong,
        Self::UnknownMediaType,
        Self::WrongHost,
        Self::Unanswerable,
        Self::TooManyRequests,
        Self::HeadersTooLarge,
        Self::QueryFailed,
        Self::InternalError,
        Self::NoLake,
        Self::LakeUnreadable,
        Self::Overloaded,
        Self::NotWritable,
        Self::TooSlow,
    ];

    /// The last part of its URI.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BadParameter => "bad-parameter",
            Self::BadRequest => "bad-request",
            Self::SignInRequired => "sign-in-required",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Conflict => "conflict",
            Self::BodyTooLarge => "body-too-large",
            Self::AddressTooLong => "address-too-long",
            Self::UnknownMediaType => "unknown-media-type",
            Self::WrongHost => "wrong-host",
            Self::Unanswerable => "unanswerable",
            Self::TooManyRequests => "too-many-requests",
            Self::HeadersTooLarge => "headers-too-large",
            Self::QueryFailed => "query-failed",
            Self::InternalError => "internal-error",
            Self::NoLake => "no-lake",
            Self::LakeUnreadable => "lake-unreadable",
            Self::Overloaded => "overloaded",
            Self::NotWritable => "not-writable",
            Self::TooSlow => "too-slow",
        }
    }

    /// The `type` of its problems: an address on this server, where it is described.
    pub(crate) fn uri(self) -> String {
        format!("{TYPES}/{}", self.as_str())
    }

    /// The status of its answers.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::BadParameter | Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::SignInRequired => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::AddressTooLong => StatusCode::URI_TOO_LONG,
            Self::UnknownMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Self::Unanswerable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::QueryFailed | Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoLake | Self::LakeUnreadable | Self::Overloaded | Self::NotWritable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TooSlow => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// What happened, in a few words that never change.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::BadParameter => "A parameter is not as it must be",
            Self::BadRequest => "The request is not as it must be",
            Self::SignInRequired => "Sign-in is required",
            Self::Forbidden => "That is not allowed",
            Self::NotFound => "Nothing is there",
            Self::MethodNotAllowed => "The method is not known here",
            Self::Conflict => "Something else happened before",
            Self::BodyTooLarge => "The body is too large",
            Self::AddressTooLong => "The address is too long",
            Self::UnknownMediaType => "The body is of an unknown kind",
            Self::WrongHost => "The host name is not this server's",
            Self::Unanswerable => "The question has no answer as put",
            Self::TooManyRequests => "Too many requests",
            Self::HeadersTooLarge => "The headers are too large",
            Self::QueryFailed => "The query failed",
            Self::InternalError => "The server failed",
            Self::NoLake => "There is no lake yet",
            Self::LakeUnreadable => "The lake cannot be read",
            Self::Overloaded => "The server is busy",
            Self::NotWritable => "It cannot be written",
            Self::TooSlow => "The query took too long",
        }
    }

    /// What it means, and what to do.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::BadParameter => {
                "A parameter is unknown, given twice, empty, not UTF-8, or not of the form that the OpenAPI document describes. The member \
                 `parameter` names it. The same request never succeeds."
            }
            Self::BadRequest => "The request, or its body, is not of the form that the OpenAPI document describes.",
            Self::SignInRequired => {
                "Nobody is signed in, or the token is not known. Send `Authorization: Bearer` with an API token."
            }
            Self::Forbidden => "Whoever is signed in may not do that. Nothing was changed.",
            Self::NotFound => "Nothing is served under this address, or what it names is not in the lake.",
            Self::MethodNotAllowed => {
                "The address is served, but not to this method; the header `Allow` says to which."
            }
            Self::Conflict => {
                "What was to be changed was changed by somebody else since it was read. Read it again, and repeat the change."
            }
            Self::BodyTooLarge => "The body of the request is larger than is taken.",
            Self::AddressTooLong => "Address and query are longer than 8 KiB. Ask for less at once.",
            Self::UnknownMediaType => "The header `Content-Type` names no kind of body that is taken here.",
            Self::WrongHost => {
                "The header `Host` names a host that this server does not answer for. Add the name to the allowed hosts if it should."
            }
            Self::Unanswerable => {
                "Each value is well formed, but there is no answer to them: the range ends before it begins, the answer would have more \
                 rows than are given at once, or no rule or silence can be so. `detail` says what to change, and `parameter` names the \
                 value where it is one."
            }
            Self::TooManyRequests => "Too many attempts from there. Wait for as long as `Retry-After` says.",
            Self::HeadersTooLarge => "The headers of the request are larger, together, than 32 KiB.",
            Self::QueryFailed => {
                "The question could not be answered, so no figure is given. Try again; if it fails again, `repute lake fsck` tells \
                 whether the lake is damaged. The server's log has a line with the problem's `instance`."
            }
            Self::InternalError => {
                "A fault of the server's. Its log has a line with the problem's `instance`; please report it."
            }
            Self::NoLake => "No events have been imported yet. Import some; the server sees them by itself.",
            Self::LakeUnreadable => {
                "Newer versions of the lake cannot be read, so figures could be old and are not given. They come back by themselves \
                 once it can be read; `repute lake fsck` says what is wrong."
            }
            Self::NotWritable => {
                "The place where it belongs cannot be written right now. Nothing was changed. Try again after as long as `Retry-After` says."
            }
            Self::Overloaded => {
                "More is asked than can be answered now. Try again after as long as `Retry-After` says."
            }
            Self::TooSlow => {
                "The answer was not there in time. Ask for a shorter range, wider windows or fewer groups."
            }
        }
    }

    /// After how many seconds it may be over.
    pub(crate) fn retry_after(self) -> Option<u16> {
        match self {
            Self::NoLake | Self::LakeUnreadable => Some(5),
            Self::Overloaded => Some(1),
            Self::NotWritable => Some(5),
            Self::TooManyRequests => Some(60),
            _ => None,
        }
    }

    /// What an answer of this status is, if nothing more is known of it.
    fn of_status(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::BAD_REQUEST => Some(Self::BadRequest),
            StatusCode::INTERNAL_SERVER_ERROR => Some(Self::InternalError),
            StatusCode::SERVICE_UNAVAILABLE => Some(Self::Overloaded),
            _ => Self::ALL.into_iter().find(|kind| kind.status() == status),
        }
    }
}

/// One occurrence of a problem.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemType,
    /// What happened this time, in a sentence.
    pub(crate) detail: String,
    /// The parameter that is to blame.
    pub(crate) parameter: Option<String>,
    /// Names this occurrence, in the server's log too: a UUID as a URN.
    pub(crate) instance: String,
}

impl Problem {
    pub(crate) fn new(kind: ProblemType, detail: String) -> Self {
        Self { kind, detail, parameter: None, instance: random_uuid() }
    }
}

/// A version 4 UUID as a URN (RFC 9562).
fn random_uuid() -> String {
    let bits = rand::random::<u128>() & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{bits:032x}");
    let (part, parts) = (|from: usize, to: usize| digits.get(from..to).unwrap_or_default(), [0, 8, 12, 16, 20, 32]);
    let parts: Vec<&str> = parts.windows(2).map(|ends| part(ends[0], ends[1])).collect();
    format!("urn:uuid:{}", parts.join("-"))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut document = json!({
            "type": self.kind.uri(),
            "title": self.kind.title(),
            "status": self.kind.status().as_u16(),
            "detail": self.detail,
            "instance": self.instance,
        });
        if let (Some(parameter), Some(members)) = (self.parameter, document.as_object_mut()) {
            members.insert("parameter".to_owned(), parameter.into());
        }
        let mut response = (self.kind.status(), Json(document)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.kind.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Whether programs ask there, and are told of failures as such.
pub(crate) fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// Makes a problem of everything that fails under `/api/`; elsewhere only of what panics a page.
pub(crate) async fn tell(request: Request, next: Next) -> Response {
    let is_api = is_api(request.uri().path());
    if is_api && let Some(failure) = too_large(&request) {
        return failure.into_problem();
    }
    let is_options = request.method() == Method::OPTIONS;
    // A handler that panics has lost its own request, and nothing else: what is shared is behind locks that recover.
    let response = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response =
        response.unwrap_or_else(|_| if is_api { Failure::Broken.into_problem() } else { Failure::Broken.into_page() });
    match response.status() {
        // The router adds `Allow`. No other site's page may ask (CORS), so there is nothing more to say.
        StatusCode::METHOD_NOT_ALLOWED if is_api && is_options => StatusCode::NO_CONTENT.into_response(),
        status if is_api && (status.is_client_error() || status.is_server_error()) => as_problem(response),
        _ => response,
    }
}

fn too_large(request: &Request) -> Option<Failure> {
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    if request.uri().path_and_query().is_some_and(|address| address.as_str().len() > LONGEST_ADDRESS) {
        Some(Failure::Refused(ProblemType::AddressTooLong))
    } else if headers.sum::<usize>() > MOST_HEADERS {
        Some(Failure::Refused(ProblemType::HeadersTooLarge))
    } else {
        None
    }
}

/// The same answer as a problem, with the words of the page that it is, if it is one of ours.
fn as_problem(response: Response) -> Response {
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_JSON);
    if is_problem {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    let mut answer = match (parts.extensions.remove::<Problem>(), ProblemType::of_status(parts.status)) {
        (Some(problem), _) => problem.into_response(),
        (None, Some(kind)) => Problem::new(kind, kind.meaning().to_owned()).into_response(),
        (None, None) => plain(parts.status),
    };
    keep_headers(answer.headers_mut(), parts.headers);
    answer
}

/// A status without a type of its own.
fn plain(status: StatusCode) -> Response {
    let title = status.canonical_reason().unwrap_or("The request failed");
    let document = json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": title, "instance": random_uuid(),
    });
    let mut response = (status, Json(document)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    response
}

/// What was said beside the body stays: whom to ask, when to come back, whose cookie.
fn keep_headers(headers: &mut HeaderMap, others: HeaderMap) {
    const OF_THE_BODY: [axum::http::HeaderName; 5] = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, ETAG, VARY];
    let mut last = None;
    for (name, value) in others {
        last = name.or(last);
        if let Some(name) = last.as_ref().filter(|name| !OF_THE_BODY.contains(name)) {
            if *name == RETRY_AFTER || *name == ALLOW {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::from_fn;
    use axum::routing::get;
    use serde_json::Value;
    use tower::ServiceExt;

    fn router() -> Router {
        Router::new()
            .route("/api/fine", get(async || "fine"))
            .route("/api/panic", get(async || -> &'static str { panic!("of a handler") }))
            .route("/panic", get(async || -> &'static str { panic!("of a page") }))
            .route(
                "/api/page",
                get(async || Failure::Forbidden("this needs the role `operator`".to_owned()).into_page()),
            )
            .route("/api/teapot", get(async || (StatusCode::IM_A_TEAPOT, "short and stout")))
            .route("/api/busy", get(async || (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "7")], "busy")))
            .fallback(crate::failure::not_found)
            .layer(from_fn(tell))
    }

    async fn ask(method: Method, path: &str) -> (Response<()>, Value) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).unwrap_or_default())
    }

    #[tokio::test]
    async fn whatever_fails_is_told_as_a_problem() {
        let long = format!("/api/fine?since={}", "x".repeat(9_000));
        for (method, path, kind, status) in [
            (Method::GET, "/api/panic", "internal-error", 500),
            (Method::GET, "/api/page", "forbidden", 403),
            (Method::GET, "/api/nothing", "not-found", 404),
            (Method::POST, "/api/fine", "method-not-allowed", 405),
            (Method::GET, "/api/busy", "overloaded", 503),
            (Method::GET, long.as_str(), "address-too-long", 414),
        ] {
            let (response, problem) = ask(method, path).await;
            assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_JSON, "{path}");
            assert_eq!((response.status().as_u16(), &problem["status"]), (status, &json!(status)), "{path}");
            assert_eq!(problem["type"], format!("/api/v1/problems/{kind}"), "{path}");
            let instance = problem["instance"].as_str().unwrap();
            assert!(instance.starts_with("urn:uuid:") && instance.len() == 45, "{instance}");
            for member in ["title", "detail"] {
                assert!(!problem[member].as_str().unwrap().is_empty(), "{path}: {problem}");
            }
        }
        let (response, _) = ask(Method::POST, "/api/fine").await;
        assert_eq!(response.headers()[ALLOW], "GET,HEAD");
        let (response, _) = ask(Method::GET, "/api/busy").await;
        assert_eq!(response.headers()[RETRY_AFTER], "7");
        let (_, problem) = ask(Method::GET, "/api/page").await;
        assert_eq!(problem["detail"], "this needs the role `operator`");
        let (_, problem) = ask(Method::GET, "/api/teapot").await;
        assert_eq!((&problem["type"], &problem["title"]), (&json!("about:blank"), &json!("I'm a teapot")));
    }

    #[tokio::test]
    async fn a_page_that_panics_is_an_error_page() {
        let (response, _) = ask(Method::GET, "/panic").await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    }

    #[tokio::test]
    async fn options_tell_the_methods() {
        let (response, _) = ask(Method::OPTIONS, "/api/fine").await;
        assert_eq!(
            (response.status(), &response.headers()[ALLOW]),
            (StatusCode::NO_CONTENT, &HeaderValue::from_static("GET,HEAD"))
        );
        assert_eq!(ask(Method::OPTIONS, "/api/nothing").await.0.status(), StatusCode::NOT_FOUND);
        assert_eq!(ask(Method::HEAD, "/api/fine").await.0.status(), StatusCode::OK);
    }

    #[test]
    fn instances_are_random_uuids() {
        let (one, other) = (random_uuid(), random_uuid());
        assert_ne!(one, other);
        assert_eq!(one.as_bytes()["urn:uuid:xxxxxxxx-xxxx-".len()], b'4', "{one}");
        assert!(b"89ab".contains(&one.as_bytes()["urn:uuid:xxxxxxxx-xxxx-xxxx-".len()]), "{one}");
    }
}

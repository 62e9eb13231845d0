//! A proxy in front of an S3 server that treats some requests as S3 and the network do on a bad day.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};

use crate::program::runtime;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Not done, 500 `InternalError`.
    InternalError,
    /// Not done, 503 `SlowDown`.
    SlowDown,
    /// Not done, 403 `AccessDenied`.
    AccessDenied,
    /// Not done, 400 `ExpiredToken`.
    ExpiredToken,
    /// The connection ends before anything is done.
    ResetBefore,
    /// Done, and the connection ends without an answer.
    ResetAfter,
    /// Done, and answered with 500.
    ErrorAfter,
    /// Done, and answered with 409 `ConditionalRequestConflict`, as if it were another's.
    Conflict,
    /// Done, and answered with 412 `PreconditionFailed`, as if it were another's.
    Precondition,
    /// Done after two seconds.
    Late,
    /// The answer's body comes in drops.
    SlowBody,
    /// The answer's body ends half way, with the connection.
    CutBody,
    /// An object that was listed is there no more: 404 `NoSuchKey`.
    Gone,
    /// An object that was listed is another now: 412 `PreconditionFailed`.
    Replaced,
    /// The answer to a listing is cut within its XML, and the connection stays.
    CutListing,
}

impl Fault {
    pub(crate) const ALL: [Self; 15] = [
        Self::InternalError,
        Self::SlowDown,
        Self::AccessDenied,
        Self::ExpiredToken,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::ErrorAfter,
        Self::Conflict,
        Self::Precondition,
        Self::Late,
        Self::SlowBody,
        Self::CutBody,
        Self::Gone,
        Self::Replaced,
        Self::CutListing,
    ];

    /// Whether it can happen to this request.
    fn befalls(self, request: &request::Parts) -> bool {
        let (path, is_get) = (request.uri.path(), request.method == Method::GET);
        let lists = is_get && request.uri.query().is_some_and(|query| query.contains("list-type=2"));
        match self {
            Self::InternalError
            | Self::SlowDown
            | Self::AccessDenied
            | Self::ExpiredToken
            | Self::ResetBefore
            | Self::Late => true,
            Self::ResetAfter | Self::ErrorAfter => request.method == Method::PUT,
            Self::Conflict | Self::Precondition => {
                request.method == Method::PUT && request.headers.contains_key(header::IF_NONE_MATCH)
            }
            Self::SlowBody | Self::CutBody => is_get,
            Self::Gone | Self::Replaced => is_get && !lists && path.starts_with("/raw/"),
            Self::CutListing => lists,
        }
    }

    /// The answer instead of the server's, and whether the server is asked all the same.
    fn answer(self) -> Option<(StatusCode, &'static str, bool)> {
        Some(match self {
            Self::InternalError => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError", false),
            Self::SlowDown => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown", false),
            Self::AccessDenied => (StatusCode::FORBIDDEN, "AccessDenied", false),
            Self::ExpiredToken => (StatusCode::BAD_REQUEST, "ExpiredToken", false),
            Self::Gone => (StatusCode::NOT_FOUND, "NoSuchKey", false),
            Self::Replaced => (StatusCode::PRECONDITION_FAILED, "PreconditionFailed", false),
            Self::ErrorAfter => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError", true),
            Self::Conflict => (StatusCode::CONFLICT, "ConditionalRequestConflict", true),
            Self::Precondition => (StatusCode::PRECONDITION_FAILED, "PreconditionFailed", true),
            _ => return None,
        })
    }
}

/// Which of the requests that a fault can happen to it does happen to.
#[derive(Debug, Default)]
struct Plan {
    fault: Option<Fault>,
    first: usize,
    times: usize,
    /// Requests it could have happened to, by fault.
    seen: [usize; Fault::ALL.len()],
    struck: usize,
}

impl Plan {
    /// What becomes of the next request.
    fn next(&mut self, request: &request::Parts) -> Option<Fault> {
        let numbers = Fault::ALL.iter().zip(&mut self.seen).filter(|(fault, _)| fault.befalls(request));
        let mut number = None;
        for (fault, seen) in numbers {
            *seen += 1;
            if self.fault == Some(*fault) {
                number = Some(*seen);
            }
        }
        let strikes = number.is_some_and(|number| (self.first..self.first + self.times).contains(&number));
        self.struck += usize::from(strikes);
        self.fault.filter(|_| strikes)
    }
}

/// Ends with the process.
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Clone)]
struct Pass {
    client: reqwest::Client,
    upstream: String,
    plan: Arc<Mutex<Plan>>,
}

impl Proxy {
    pub(crate) fn start(upstream: &str) -> Self {
        let plan = Arc::new(Mutex::new(Plan::default()));
        let pass = Pass { client: reqwest::Client::new(), upstream: upstream.to_owned(), plan: Arc::clone(&plan) };
        let listener = runtime().block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(handle).with_state(pass);
        runtime().spawn(async { axum::serve(listener, app).await });
        Self { endpoint, plan }
    }

    /// From now on: the fault happens to so many requests, from the one with this number on (the first is 1).
    pub(crate) fn plan(&self, fault: Option<Fault>, first: usize, times: usize) {
        *self.plan.lock().unwrap() = Plan { fault, first, times, ..Plan::default() };
    }

    /// How many requests since then each fault could have happened to, and to how many it did.
    pub(crate) fn seen(&self) -> ([usize; Fault::ALL.len()], usize) {
        let plan = self.plan.lock().unwrap();
        (plan.seen, plan.struck)
    }
}

async fn handle(State(pass): State<Pass>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let fault = pass.plan.lock().unwrap().next(&parts);
    let Some(fault) = fault else { return pass.on(parts, body).await.map_or_else(hang_up, Answer::whole) };
    if let Some((status, code, done)) = fault.answer() {
        if done {
            let _ = pass.on(parts, body).await;
        }
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>test</Message></Error>"
        );
        return (status, [(header::CONTENT_TYPE, "application/xml")], text).into_response();
    }
    if fault == Fault::ResetBefore {
        return hang_up(());
    }
    if fault == Fault::Late {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let Ok(answer) = pass.on(parts, body).await else { return hang_up(()) };
    match fault {
        Fault::ResetAfter => hang_up(()),
        Fault::SlowBody => answer.slow(),
        Fault::CutBody => answer.cut(),
        Fault::CutListing => answer.half(),
        _ => answer.whole(),
    }
}

/// Ends the connection: the server drops it with the task that unwinds, and no panic is reported.
fn hang_up<T>(_: T) -> Response {
    std::panic::resume_unwind(Box::new(()))
}

/// What the server said.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Pass {
    /// Asks the server. The signature covers the path as it was written and the `Host` header, which stay as they are.
    async fn on(&self, request: request::Parts, body: Bytes) -> reqwest::Result<Answer> {
        let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
        let asked = self.client.request(request.method, format!("{}{path}", self.upstream));
        let answer = asked.headers(end_to_end(request.headers)).body(body).send().await?;
        let (status, headers) = (answer.status(), end_to_end(answer.headers().clone()));
        Ok(Answer { status, headers, body: answer.bytes().await? })
    }
}

fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(header::CONNECTION);
    headers.remove(header::TRANSFER_ENCODING);
    headers
}

impl Answer {
    fn whole(self) -> Response {
        let body = Body::from(self.body.clone());
        self.with(body)
    }

    fn with(self, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// In fifty drops over half a second.
    fn slow(self) -> Response {
        let drops: Vec<Bytes> = self.body.chunks(self.body.len() / 50 + 1).map(Bytes::copy_from_slice).collect();
        let drops = stream::iter(drops).then(|drop| async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok::<_, std::io::Error>(drop)
        });
        self.with(Body::from_stream(drops))
    }

    fn cut(self) -> Response {
        let half = self.body.slice(..self.body.len() / 2);
        self.with(Body::from_stream(stream::iter([Ok(half), Err(std::io::Error::other("cut"))])))
    }

    fn half(mut self) -> Response {
        self.headers.remove(header::CONTENT_LENGTH);
        self.body.truncate(self.body.len() / 2);
        self.whole()
    }
}

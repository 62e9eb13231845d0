//! A server in front of another, which sees every request and may answer in its place.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};

use crate::program::runtime;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    /// A header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn lists(&self) -> bool {
        self.method == Method::GET && self.path.contains("list-type=2")
    }
}

/// What becomes of a request.
pub(crate) enum Answer {
    /// The server behind answers.
    Pass,
    /// The server behind answers a request for this path instead, if it checks no signatures.
    As(String),
    /// The server behind answers, and the connection ends after so many bytes of it.
    Cut(usize),
    /// This, and nothing is done.
    Own(Response),
}

/// An S3 error.
pub(crate) fn s3_error(status: u16, code: &str, headers: &[(&'static str, &'static str)]) -> Answer {
    let text =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>test</Message></Error>");
    let mut response = (StatusCode::from_u16(status).unwrap(), text).into_response();
    headers.iter().for_each(|(name, value)| drop(response.headers_mut().insert(*name, value.parse().unwrap())));
    Answer::Own(response)
}

type Decide = Box<dyn Fn(&Asked, usize) -> Answer + Send + Sync>;

/// Ends with the process.
pub(crate) struct Front {
    pub(crate) endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

struct Behind {
    client: reqwest::Client,
    upstream: String,
    delay: Duration,
    decide: Decide,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Front {
    /// `decide` gets a request and how many came before it.
    pub(crate) fn start(upstream: &str, decide: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with_delay(upstream, Duration::ZERO, decide)
    }

    /// The same; every answer comes so much later.
    pub(crate) fn start_with_delay(
        upstream: &str,
        delay: Duration,
        decide: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let behind = Behind {
            client: reqwest::Client::new(),
            upstream: upstream.to_owned(),
            delay,
            decide: Box::new(decide),
            asked: Arc::clone(&asked),
        };
        let listener = runtime().block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(handle).with_state(Arc::new(behind));
        runtime().spawn(async { axum::serve(listener, app).await });
        Self { endpoint, asked }
    }

    /// What came so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn handle(State(behind): State<Arc<Behind>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let asked = Asked { method: parts.method, path, headers: parts.headers, body };
    let before = {
        let mut all = behind.asked.lock().unwrap();
        all.push(asked.clone());
        all.len() - 1
    };
    tokio::time::sleep(behind.delay).await;
    let path = asked.path.clone();
    let (path, cut) = match (behind.decide)(&asked, before) {
        Answer::Own(response) => return response,
        Answer::Pass => (path, None),
        Answer::As(path) => (path, None),
        Answer::Cut(after) => (path, Some(after)),
    };
    // The signature covers the path as it was written and the `Host` header, which stay as they are.
    let to = behind.client.request(asked.method, format!("{}{path}", behind.upstream));
    let Ok(answer) = to.headers(end_to_end(asked.headers)).body(asked.body).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, headers) = (answer.status(), end_to_end(answer.headers().clone()));
    let body = answer.bytes().await.unwrap_or_default();
    let body = match cut {
        None => Body::from(body),
        Some(after) => {
            let some = body.slice(..after.min(body.len()));
            // What was sent must be on its way before the connection ends.
            let end = stream::once(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("cut"))
            });
            Body::from_stream(stream::iter([Ok(some)]).chain(end))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(header::CONNECTION);
    headers.remove(header::TRANSFER_ENCODING);
    headers
}

//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, STRICT_TRANSPORT_SECURITY};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse;
use hyper::body::{Body as HttpBody, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use repute_web::ingest::{BODY_TIME, takes_deliveries};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::body::{Answer, Received, Reception, Upload};
use super::places::Seat;
use super::standing::Standing;
use super::stream::Watched;
use super::tls::Certificate;
use super::{Limits, MOST_BODY_BYTES, MOST_HEAD_BYTES, MOST_HEADERS};

/// Whoever is turned away, or sends too much, has so long to take in the answer.
const FAREWELL: Duration = Duration::from_secs(1);

/// A client whose body is refused may have sent so much of it before it looks at the answer.
const MOST_UNREAD: u64 = 16 << 20;

/// Browsers keep to TLS for a year.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What those are told for whom there is no place.
const NO_PLACE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 2\r\n\
                          content-length: 33\r\nconnection: close\r\n\r\ntoo many connections, come later\n";

/// Speaks with everyone in the same way.
pub(super) struct Speaker {
    application: TowerToHyperService<Router>,
    certificate: Option<Certificate>,
    limits: Limits,
    stopping: watch::Receiver<bool>,
}

/// What happens to a connection.
enum Event {
    Ended,
    Late,
    /// Another connection needs the place.
    Leave,
    /// The server ends.
    Stop,
}

impl Speaker {
    pub(super) fn new(
        application: Router,
        certificate: Option<Certificate>,
        limits: Limits,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { application: TowerToHyperService::new(application), certificate, limits, stopping }
    }

    /// Serves a connection to its end.
    pub(super) async fn converse(&self, stream: TcpStream, peer: SocketAddr, seat: Seat) {
        let Some(certificate) = &self.certificate else { return self.speak(stream, peer, &seat.standing).await };
        let handshake = timeout(self.limits.header_timeout, certificate.acceptor().accept(stream));
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = seat.standing.told_to_leave() => return,
        };
        match accepted {
            Ok(Ok(stream)) => self.speak(stream, peer, &seat.standing).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS handshake"),
            Err(_) => tracing::debug!(%peer, "connection closed: {}", seat.standing.reason()),
        }
    }

    /// Says that there is no place; not over TLS, where agreeing on keys would cost more than a place does.
    pub(super) async fn turn_away(&self, mut stream: TcpStream) {
        if self.certificate.is_some() {
            return;
        }
        let farewell = async {
            stream.write_all(NO_PLACE).await?;
            stream.shutdown().await?;
            // Closing while bytes lie unread would take the answer back.
            tokio::io::copy(&mut stream.take(MOST_HEAD_BYTES as u64), &mut tokio::io::sink()).await
        };
        let _ = timeout(FAREWELL, farewell).await;
    }

    async fn speak<S>(&self, stream: S, peer: SocketAddr, standing: &Arc<Standing>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        standing.is_open();
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(standing)));
        let answer = service_fn(|request| {
            standing.asks();
            self.answer(request, peer, standing)
        });
        let mut http = http1::Builder::new();
        http.max_header_size(MOST_HEAD_BYTES).max_headers(MOST_HEADERS).header_read_timeout(None);
        let mut conversation = pin!(http.serve_connection(stream, answer));
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut stopping = self.stopping.clone();
        loop {
            let next = poll_fn(|context| {
                if conversation.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Event::Ended);
                }
                let Some(deadline) = standing.deadline(&self.limits) else { return Poll::Pending };
                if timer.deadline() != deadline {
                    timer.as_mut().reset(deadline);
                }
                timer.as_mut().poll(context).map(|()| Event::Late)
            });
            let is_open = !standing.is_stopped();
            let event = tokio::select! {
                biased;
                event = next => event,
                () = standing.told_to_leave(), if is_open => Event::Leave,
                _ = stopping.wait_for(|stop| *stop), if is_open => Event::Stop,
            };
            match event {
                Event::Ended => return,
                Event::Late if standing.is_stopped() || !standing.is_idle() => {
                    return tracing::debug!(%peer, "connection closed: {}", standing.reason());
                }
                // Not told gracefully: where nothing was ever asked, a first request would be waited for.
                Event::Leave if standing.idle_since().is_some() => {
                    return tracing::debug!(%peer, "connection closed: another needs its place");
                }
                Event::Late | Event::Leave | Event::Stop => {
                    standing.stop();
                    conversation.as_mut().graceful_shutdown();
                }
            }
        }
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        standing: &Arc<Standing>,
    ) -> Result<Response<Answer>, Infallible> {
        let reception = Arc::new(Reception::default());
        let is_delivery = takes_deliveries(request.uri().path());
        let mut response = if !is_delivery && is_too_large(request.headers()) {
            read_away(&mut request).await;
            refusal(Received::TooLarge)
        } else {
            request.extensions_mut().insert(ConnectInfo(peer));
            let request = request.map(|body| match body.is_end_stream() {
                true => Body::empty(),
                false => {
                    let (most, limit) = match is_delivery {
                        true => (u64::MAX, BODY_TIME),
                        false => (MOST_BODY_BYTES, self.limits.body_timeout),
                    };
                    Body::new(Upload::new(body, most, limit, Arc::clone(&reception)))
                }
            });
            let response = match self.application.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            match reception.get() {
                // Bodies of deliveries are bounded, and their failures told, by those routes.
                _ if is_delivery => response,
                Received::Waiting if response.status() != StatusCode::GATEWAY_TIMEOUT => response,
                Received::Well => response,
                state => refusal(state),
            }
        };
        if self.certificate.is_some() {
            response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HSTS);
        }
        Ok(response.map(|body| Answer::new(body, Arc::clone(standing))))
    }
}

/// Whether more is announced than is taken.
fn is_too_large(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > MOST_BODY_BYTES)
}

/// Takes in what a client sends before it looks at the answer, which a connection closed over unread bytes would take back. Whoever
/// waits to be told to go on is told nothing.
async fn read_away(request: &mut Request<Incoming>) {
    if request.headers().contains_key(EXPECT) {
        return;
    }
    let body = request.body_mut();
    let read = async {
        let mut left = MOST_UNREAD;
        while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            left = left.saturating_sub(frame.data_ref().map_or(0, |bytes| bytes.len() as u64));
            if left == 0 {
                return;
            }
        }
    };
    let _ = timeout(FAREWELL, read).await;
}

/// What is answered for the sake of the body, whatever was made of it.
fn refusal(received: Received) -> Response<Body> {
    let (status, text) = match received {
        Received::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a request's body may have {} KiB at most\n", MOST_BODY_BYTES >> 10),
        ),
        _ => (StatusCode::REQUEST_TIMEOUT, "the request's body took too long\n".to_owned()),
    };
    (status, [(CONNECTION, "close")], text).into_response()
}

//! Connections: taken in, spoken HTTP/1.1 with, and closed by timers.
//!
//! ```text
//! accept ── a place is free? ──> TLS handshake ──> hyper ──> application
//!                │ no: the connection that idles longest makes room; if none does, 503
//! beside each connection one timer, set by where it stands:
//!   handshake, head: 10 s   idle: 75 s   body of a request: 10 s   a client that reads too slowly: 30 s
//! ```
//! Whoever leaves is noticed, and what was being worked out for them is dropped with their connection. HTTP/2 is not spoken: its floods
//! (rapid reset, continuation, settings; RUSTSEC-2024-0003, -2024-0332, -2026-0258) multiply what one connection can ask for, while a
//! dashboard's pages are one request each.

mod body;
mod connection;
mod places;
mod standing;
mod stream;
pub(crate) mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use connection::Speaker;
use places::{Places, Seat};
use tls::Certificate;

/// What a connection may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// So many connections are open at once.
    pub(crate) connections: usize,
    /// From the first byte of a request to the end of its head; also a TLS handshake.
    pub(crate) header_timeout: Duration,
    /// Without a request.
    pub(crate) idle_timeout: Duration,
    /// From a request's head to the end of its body.
    pub(crate) body_timeout: Duration,
    /// A client that takes in less than [`standing::LEAST_RATE`] is waited for so long.
    pub(crate) send_timeout: Duration,
    /// From the signal to stop to the end.
    pub(crate) grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(10),
        }
    }
}

/// Bytes of a request's head, from its method to the empty line; more is answered with 431.
pub(crate) const MOST_HEAD_BYTES: usize = 32 << 10;

/// Headers of a request; more are answered with 431.
pub(crate) const MOST_HEADERS: usize = 100;

/// Bytes of a request's body; more is answered with 413.
pub(crate) const MOST_BODY_BYTES: u64 = 256 << 10;

/// Files that the process may need to open beside its connections.
const SPARE_FILES: usize = 256;

/// While so many newcomers wait for room or are told that there is none, others are closed without a word.
const MOST_NEWCOMERS: usize = 64;

/// A connection that was asked to make room does so within this time.
const ROOM_TIME: Duration = Duration::from_secs(1);

/// So many times it is made in that time, if somebody else takes it.
const ROOMS: u32 = 10;

/// After a failure to accept that is not one connection's own, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Signals that end the server.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens for Ctrl-C and SIGTERM from the call on.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Serves until a signal comes, which `stop` tells others; then finishes what was asked, and what others are at until `finished`, for as
/// long as the grace lasts or until a second signal.
pub(crate) async fn serve(
    listener: TcpListener,
    application: Router,
    certificate: Option<Certificate>,
    limits: Limits,
    mut signals: Signals,
    (stop, finished): (watch::Sender<bool>, impl Future<Output = ()>),
) {
    let grace = limits.grace;
    let places = Arc::new(Places::new(within_open_files(limits.connections), MOST_NEWCOMERS));
    let renewal = tokio::spawn(renewed(certificate.clone()));
    let speaker = Arc::new(Speaker::new(application, certificate, limits, stop.subscribe()));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = signals.next() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => receive(stream, peer, &places, &speaker, &mut connections),
                Err(error) => pause_after(&error).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    stop.send_replace(true);
    let drained = async {
        while connections.join_next().await.is_some() {}
        finished.await;
    };
    tokio::select! {
        () = drained => {}
        () = sleep(grace) => tracing::warn!("connections and imports that are not at their end {} s after the signal are cut off", grace.as_secs_f32()),
        () = signals.next() => {}
    }
    connections.abort_all();
    renewal.abort();
}

/// Gives a newcomer a place, has one made for them, or turns them away.
fn receive(
    stream: TcpStream,
    peer: SocketAddr,
    places: &Arc<Places>,
    speaker: &Arc<Speaker>,
    connections: &mut JoinSet<()>,
) {
    // Pages are written whole: there is nothing to collect.
    let _ = stream.set_nodelay(true);
    let speaker = Arc::clone(speaker);
    if let Some(seat) = Places::take(places) {
        connections.spawn(async move { speaker.converse(stream, peer, seat).await });
        return;
    }
    let Some(waiting) = places.wait() else { return };
    let places = Arc::clone(places);
    let is_coming = places.make_room();
    connections.spawn(async move {
        let seat = match is_coming {
            true => room(&places).await,
            false => None,
        };
        match seat {
            Some(seat) => {
                drop(waiting);
                speaker.converse(stream, peer, seat).await;
            }
            None => speaker.turn_away(stream).await,
        }
    });
}

/// The place that was made. A later newcomer may have come upon it first: then another one is made.
async fn room(places: &Arc<Places>) -> Option<Seat> {
    for _ in 0..ROOMS {
        if let Ok(seat) = timeout(ROOM_TIME / ROOMS, Places::next(places)).await {
            return Some(seat);
        }
        places.make_room();
    }
    None
}

async fn renewed(certificate: Option<Certificate>) {
    if let Some(certificate) = certificate {
        certificate.follow().await;
    }
}

/// What ends one connection ends only that one; what ends all is waited out.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!("cannot take in a connection: {error}");
        sleep(PAUSE).await;
    }
}

/// As many connections as the process may hold files open for.
fn within_open_files(wanted: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some(most) = open_files(&limits) else { return wanted };
    let possible = most.saturating_sub(SPARE_FILES).max(16);
    if possible < wanted {
        tracing::warn!(
            "only {possible} of {wanted} connections fit below the limit of {most} open files; raise it (`ulimit -n`, LimitNOFILE=)"
        );
    }
    wanted.min(possible)
}

/// The soft limit in `/proc/self/limits`; nothing where there is none.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::StatusCode;
    use axum::routing::post;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    /// Counts the bytes of bodies, and tells what was wrong with them in its own way.
    async fn start(limits: Limits) -> SocketAddr {
        let count = async |body: axum::body::Body| match axum::body::to_bytes(body, usize::MAX).await {
            Ok(bytes) => (StatusCode::OK, bytes.len().to_string()),
            Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let application = Router::new().route("/", post(count));
        let others = (watch::Sender::new(false), std::future::ready(()));
        tokio::spawn(serve(listener, application, None, limits, Signals::listen().unwrap(), others));
        address
    }

    /// Sends parts with pauses between them; what comes back until the end, and when.
    async fn exchange(address: SocketAddr, parts: &[&[u8]], pause: Duration) -> (String, Duration) {
        let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
        let start = Instant::now();
        let send = async {
            for part in parts {
                if writer.write_all(part).await.is_err() {
                    break;
                }
                sleep(pause).await;
            }
            std::future::pending::<()>().await;
        };
        let mut told = Vec::new();
        tokio::select! {
            () = send => {}
            _ = reader.read_to_end(&mut told) => {}
        }
        (String::from_utf8_lossy(&told).into_owned(), start.elapsed())
    }

    #[tokio::test]
    async fn bodies_are_held_to_their_size_and_time() {
        let limits = Limits {
            body_timeout: Duration::from_millis(500),
            idle_timeout: Duration::from_millis(300),
            ..Limits::default()
        };
        let address = start(limits).await;
        let plain = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n".as_slice();
        let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice();
        let pause = Duration::from_millis(50);
        let (told, _) = exchange(address, &[plain, b"abc", b"def"], pause).await;
        assert!(told.starts_with("HTTP/1.1 200 ") && told.ends_with("\r\n\r\n6"), "{told}");
        let (told, _) = exchange(address, &[chunked, b"3\r\nabc\r\n", b"0\r\n\r\n"], pause).await;
        assert!(told.starts_with("HTTP/1.1 200 ") && told.ends_with("\r\n\r\n3"), "{told}");

        // A body that trickles in, one that stays away, and one without an end.
        let trickle: Vec<&[u8]> =
            std::iter::once(chunked).chain(std::iter::repeat_n(b"1\r\nx\r\n".as_slice(), 30)).collect();
        for parts in [trickle.as_slice(), &[plain, b"abc"], &[chunked]] {
            let (told, waited) = exchange(address, parts, pause).await;
            assert!(told.starts_with("HTTP/1.1 408 ") && told.contains("connection: close"), "{told}");
            assert!((500..1_500).contains(&waited.as_millis()), "{waited:?}");
        }

        let large = vec![b'x'; 200 << 10];
        let chunk = [format!("{:x}\r\n", large.len()).as_bytes(), &large, b"\r\n"].concat();
        let (told, _) = exchange(address, &[chunked, &chunk, &chunk, b"0\r\n\r\n"], Duration::ZERO).await;
        assert!(told.starts_with("HTTP/1.1 413 ") && told.contains("connection: close"), "{told}");
        let announced = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", MOST_BODY_BYTES + 1);
        let (told, _) = exchange(address, &[announced.as_bytes(), &large], Duration::ZERO).await;
        assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
    }

    #[test]
    fn the_limit_of_open_files_is_found() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             95000                95000                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(open_files("Max open files            unlimited            unlimited            files"), None);
        assert_eq!(open_files(""), None);
    }
}

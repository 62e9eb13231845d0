//! A delivery's body, read within its bounds.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use futures::StreamExt;
use tokio::time::timeout;

/// A sender whose delivery is refused may go on with it for so long and so many bytes, so that it comes to see the answer; with a body
/// that may be large, for as much longer.
const FAREWELL: Duration = Duration::from_secs(1);
pub(super) const MOST_UNREAD: usize = 16 << 20;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    /// It broke off, or did not come in time.
    BrokeOff,
}

/// How many bytes are announced.
pub(super) fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body of at most `most` bytes, of which so many are expected.
pub(super) async fn read(body: Body, expected: usize, most: usize) -> Result<Bytes, Unread> {
    let mut bytes = Vec::with_capacity(expected.min(most));
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Unread::BrokeOff)?;
        if bytes.len() + chunk.len() > most {
            drop(bytes);
            read_away(Body::new(Body::from_stream(stream)), most).await;
            return Err(Unread::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

/// Reads what nobody wants: a connection closed over unread bytes would take the answer back. Whoever waits to be told to go on is told
/// nothing.
pub(super) async fn refuse(headers: &HeaderMap, body: Body, most: usize) {
    if !headers.contains_key(EXPECT) {
        read_away(body, most).await;
    }
}

async fn read_away(body: Body, most: usize) {
    let most = most.max(MOST_UNREAD);
    let read = async {
        let (mut left, mut stream) = (most, body.into_data_stream());
        while let Some(Ok(chunk)) = stream.next().await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => return,
            }
        }
    };
    let _ = timeout(FAREWELL.mul_f64(most as f64 / MOST_UNREAD as f64), read).await;
}

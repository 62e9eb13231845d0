//! Bodies: a request's, held to its size and time, and an answer's, whose end is told.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::standing::Standing;

/// How a request's body came in, as its answer must say.
#[derive(Default)]
pub(super) struct Reception(AtomicU8);

/// States of a [`Reception`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Received {
    /// It is all there, or nobody waits for it.
    Well,
    /// Somebody waits for it.
    Waiting,
    /// It took too long.
    Late,
    /// There was too much of it.
    TooLarge,
}

impl Reception {
    pub(super) fn get(&self) -> Received {
        let all = [Received::Well, Received::Waiting, Received::Late, Received::TooLarge];
        all.into_iter().find(|state| *state as u8 == self.0.load(Ordering::Relaxed)).unwrap_or(Received::Well)
    }

    fn set(&self, state: Received) {
        self.0.store(state as u8, Ordering::Relaxed);
    }
}

/// A request's body within its limits.
pub(super) struct Upload {
    inner: Incoming,
    left: u64,
    limit: Duration,
    late: Pin<Box<Sleep>>,
    reception: Arc<Reception>,
}

impl Upload {
    /// Takes at most `most` bytes until `limit` from now.
    pub(super) fn new(inner: Incoming, most: u64, limit: Duration, reception: Arc<Reception>) -> Self {
        Self { inner, left: most, limit, late: Box::pin(sleep_until(Instant::now() + limit)), reception }
    }

    fn fail(&self, state: Received, what: String) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.reception.set(state);
        Poll::Ready(Some(Err(axum::Error::new(what))))
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.inner).poll_frame(context) {
            Poll::Pending if this.late.as_mut().poll(context).is_ready() => {
                this.fail(Received::Late, format!("the body did not come within {} s", this.limit.as_secs_f32()))
            }
            Poll::Pending => {
                this.reception.set(Received::Waiting);
                Poll::Pending
            }
            Poll::Ready(frame) => {
                this.reception.set(Received::Well);
                let size = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref().map(Bytes::len));
                let size = size.map_or(0, |size| size as u64);
                match this.left.checked_sub(size) {
                    Some(left) => this.left = left,
                    None => return this.fail(Received::TooLarge, "the body is too large".to_owned()),
                }
                Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body: the request counts as answered when it has been taken out of here, or is not wanted any more.
pub(super) struct Answer {
    inner: Body,
    standing: Arc<Standing>,
}

impl Answer {
    pub(super) fn new(inner: Body, standing: Arc<Standing>) -> Self {
        Self { inner, standing }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.standing.is_answered();
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

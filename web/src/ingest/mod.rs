//! Live routes: what AWS posts here is handed to a [`Taker`], and acknowledged once that says it is durable.
//!
//! ```text
//! POST /ingest/firehose ── access key ──┐
//!                                       ├── room in memory, body ──> Taker (outside of this crate) ──> 200, or why not
//! POST /ingest/sns ── (signed body) ────┘
//! ```
//! These routes stand beside the dashboard's guards of host, origin and sign-in: they are no browser's, and each sender proves itself
//! with every request. Without an [`Intake`] they take nothing.

mod body;
mod firehose;
mod keys;
mod memory;
mod sns;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use futures::future::BoxFuture;

use crate::state::AppState;

pub use keys::{AccessKeyError, AccessKeys};
pub use memory::{NoMemory, Reservation};

/// Where Firehose delivers to.
pub(crate) const FIREHOSE: &str = "/ingest/firehose";

/// Where SNS delivers to.
pub(crate) const SNS: &str = "/ingest/sns";

/// A delivery's body has come by then, or is given up.
pub const BODY_TIME: Duration = Duration::from_secs(20);

/// A delivery is answered by then; Firehose waits three minutes, SNS fifteen seconds.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Bytes that deliveries being worked on hold in memory, all together.
const MEMORY: usize = 256 << 20;

/// Makes durable what live routes bring. It knows the wire formats; this crate does not.
pub trait Taker: Send + Sync {
    /// Takes a body of Firehose's HTTP endpoint delivery.
    fn take_firehose(&self, delivery: Delivery) -> BoxFuture<'_, Result<Taken, Refusal>>;

    /// Takes a body that SNS posted, if its signature and all else is right.
    fn take_sns(&self, message: Bytes) -> BoxFuture<'_, Result<(), Refusal>>;
}

/// A body of Firehose's.
#[derive(Debug)]
pub struct Delivery {
    /// As sent.
    pub body: Bytes,
    /// Whether it has to be inflated.
    pub is_gzip: bool,
    /// A body, inflated, of more bytes is [`Refusal::TooLarge`].
    pub most: usize,
    /// What it may take of memory; twice the body's size to begin with.
    pub memory: Reservation,
    /// The request's id, as the header has it.
    pub request_id: Option<String>,
}

/// What became durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The request's id, as the body has it.
    pub request_id: String,
    /// Records.
    pub records: usize,
}

/// Why nothing was taken, in words without any of the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not what its sender should send.
    Malformed(String),
    /// The body is too large.
    TooLarge,
    /// Its sender has not proved who they are, or is not wanted.
    Forbidden(String),
    /// It may be taken later.
    Unavailable(String),
    /// The route is not set up.
    Closed(String),
}

/// What the live routes need.
pub struct Intake {
    taker: Arc<dyn Taker>,
    keys: AccessKeys,
    memory: memory::Memory,
}

impl Intake {
    /// Takes Firehose's deliveries that carry one of the keys, and whatever else the taker lets pass.
    pub fn new(taker: Arc<dyn Taker>, keys: AccessKeys) -> Self {
        Self { taker, keys, memory: memory::Memory::new(MEMORY) }
    }

    /// Puts other access keys in force.
    pub fn replace_keys(&self, keys: AccessKeys) {
        self.keys.replace(keys);
    }
}

/// Whether requests to this path bring deliveries. Their bodies have limits of their own, and their failures are told in the
/// words of their senders.
pub fn takes_deliveries(path: &str) -> bool {
    [FIREHOSE, SNS].contains(&path)
}

/// The routes.
pub(crate) fn routes() -> Router<AppState> {
    Router::new().route(FIREHOSE, post(firehose::take)).route(SNS, post(sns::take))
}

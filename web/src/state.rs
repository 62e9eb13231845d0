//! What the handlers share: the lake as it is now, the clock, and the options of the server.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{REPRESENTATIVE_VOLUME, Reader};
use tokio::sync::watch;

/// Tells the time. A server over a recorded lake may be given a standing clock.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Options of the server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Eligible sends that AWS's rate is taken over.
    pub last_sends: u64,
    /// The reset date, if AWS granted a review: only mail sent from then on is judged.
    pub reset: Option<DateTime<Utc>>,
    /// Data older than this is stale.
    pub max_age: TimeDelta,
}

impl Default for Options {
    fn default() -> Self {
        Self { last_sends: REPRESENTATIVE_VOLUME, reset: None, max_age: TimeDelta::hours(2) }
    }
}

/// State of the application; clones share it.
#[derive(Clone)]
pub struct AppState {
    reader: Arc<watch::Sender<Option<Arc<Reader>>>>,
    now: Now,
    location: Arc<str>,
    options: Arc<Options>,
    hosts: Arc<[String]>,
}

impl AppState {
    /// A state without a lake yet. `location` is where the lake is or will be, as shown to people.
    pub fn new(location: String, now: Now, options: Options) -> Self {
        Self {
            reader: Arc::new(watch::Sender::new(None)),
            now,
            location: location.into(),
            options: Arc::new(options),
            hosts: Arc::new([]),
        }
    }

    /// Answers under these host names too, beside loopback ones: `reputation.example.com`, for any port or the one it names.
    pub fn with_hosts(self, hosts: Vec<String>) -> Self {
        Self { hosts: hosts.into(), ..self }
    }

    /// Lets the requests from now on see another version of the lake.
    pub fn replace_reader(&self, reader: Arc<Reader>) {
        self.reader.send_replace(Some(reader));
    }

    /// The lake at its present version; `None` as long as there is none.
    pub(crate) fn reader(&self) -> Option<Arc<Reader>> {
        self.reader.borrow().clone()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.now)()
    }

    pub(crate) fn location(&self) -> &str {
        &self.location
    }

    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }
}

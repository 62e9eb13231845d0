//! What connections and requests may take, as written under `[serve.limits]`.

use std::time::Duration;

use chrono::TimeDelta;
use repute_query::Turns;
use repute_web::Capacity;
use serde::Deserialize;

use super::duration;
use crate::listening::Limits;

/// So many scans of rows at once, each on all processors: one that reads little need not wait for one that reads much.
const SCANS: usize = 2;

/// Windows and groups of an answer, and of what it is made of: about a third of a gigabyte.
const MOST_ROWS: usize = 500_000;

/// So many wait in line for each that reads.
const WAITING: usize = 8;

/// `[serve.limits]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsText {
    connections: Option<u16>,
    #[serde(deserialize_with = "duration")]
    header_timeout: Option<TimeDelta>,
    #[serde(deserialize_with = "duration")]
    idle_timeout: Option<TimeDelta>,
    #[serde(deserialize_with = "duration")]
    body_timeout: Option<TimeDelta>,
    #[serde(deserialize_with = "duration")]
    send_timeout: Option<TimeDelta>,
    #[serde(deserialize_with = "duration")]
    grace: Option<TimeDelta>,
    #[serde(deserialize_with = "duration")]
    query_timeout: Option<TimeDelta>,
    requests: Option<u16>,
    scans: Option<u16>,
    rows: Option<usize>,
}

impl LimitsText {
    /// What a connection may take.
    pub(super) fn limits(&self) -> Limits {
        let (given, usual) = (self, Limits::default());
        Limits {
            connections: given.connections.map_or(usual.connections, usize::from).max(1),
            header_timeout: or(given.header_timeout, usual.header_timeout),
            idle_timeout: or(given.idle_timeout, usual.idle_timeout),
            body_timeout: or(given.body_timeout, usual.body_timeout),
            send_timeout: or(given.send_timeout, usual.send_timeout),
            grace: or(given.grace, usual.grace),
        }
    }

    /// What requests may take.
    pub(super) fn capacity(&self) -> Capacity {
        let (given, usual) = (self, Capacity::default());
        Capacity {
            time: or(given.query_timeout, usual.time),
            requests: given.requests.map_or(usual.requests, usize::from).max(1),
        }
    }

    /// How many windows and groups an answer may have.
    pub(super) fn most_rows(&self) -> usize {
        self.rows.unwrap_or(MOST_ROWS).max(1)
    }

    /// In whose turn requests read rows.
    pub(super) fn turns(&self) -> Turns {
        let scans = self.scans.map_or(SCANS, usize::from).max(1);
        Turns::new(scans, scans * WAITING)
    }
}

fn or(given: Option<TimeDelta>, usual: Duration) -> Duration {
    given.and_then(|time| time.to_std().ok()).unwrap_or(usual)
}

//! What to generate.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::error::GenerateError;

/// The account all generated mail is sent from.
pub const ACCOUNT_ID: &str = "123456789012";
/// The region all generated mail is sent from.
pub const REGION: &str = "us-east-1";
/// The domains the sender has verified; mail to them counts in no AWS rate.
pub const VERIFIED_DOMAINS: [&str; 2] = ["corp.example", "staff.example"];

/// 2026-11-01T00:00:00Z, fixed so that a seed gives the same bytes on every day of the year.
const DEFAULT_END_SECONDS: i64 = 1_793_491_200;
/// A little above the mean size of a generated record, for choosing buffer sizes.
const RECORD_BYTES: u64 = 2_200;
const MEBIBYTE: u64 = 1 << 20;

/// How records are put one after the other inside an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// One record per line, as SES writes to Firehose.
    Ndjson,
    /// Records follow each other with nothing in between (`}{`), as other producers' records arrive.
    Concatenated,
}

impl Framing {
    /// Every framing.
    pub const ALL: [Self; 2] = [Self::Ndjson, Self::Concatenated];

    /// The name used on the command line and in `truth.json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Concatenated => "concatenated",
        }
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Framing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|framing| framing.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a framing: use `ndjson` or `concatenated`"))
    }
}

/// What to generate: the same plan gives the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Unique events to write; duplicated records (about 0.3 %) come on top.
    pub events: u64,
    /// Seed of every random choice.
    pub seed: u64,
    /// Compress the objects and name them `.gz`.
    pub gzip: bool,
    /// How records follow each other.
    pub framing: Framing,
    /// Length of the dump in days.
    pub days: u32,
    /// No event happens at or after this time.
    pub end: DateTime<Utc>,
    /// Let the `marketing` set mail an old list near the end (see [`Plan::incident_window`]).
    pub incident: bool,
    /// An object is closed once it holds this many bytes, uncompressed.
    pub buffer_bytes: u64,
    /// An object is closed once its first record is this many seconds old.
    pub buffer_seconds: u32,
}

impl Plan {
    /// Three weeks of mail up to 2026-11-01, with the incident, plain NDJSON objects.
    ///
    /// Firehose's own buffer limits are 128 MiB and 900 s. Small dumps wait up to an hour instead, so that they do not
    /// fall apart into thousands of tiny objects; large ones get a larger size limit.
    #[must_use]
    pub fn new(events: u64, seed: u64) -> Self {
        let days = 21;
        let bytes_per_second = events.saturating_mul(RECORD_BYTES) / (u64::from(days) * 86_400);
        let seconds = (5 * MEBIBYTE / bytes_per_second.max(1)).clamp(300, 3_600);
        Self {
            events,
            seed,
            gzip: false,
            framing: Framing::Ndjson,
            days,
            end: DateTime::from_timestamp(DEFAULT_END_SECONDS, 0).unwrap_or_default(),
            incident: true,
            buffer_bytes: if events > 5_000_000 { 64 * MEBIBYTE } else { 5 * MEBIBYTE },
            buffer_seconds: u32::try_from(seconds).unwrap_or(3_600),
        }
    }

    /// When the first mail may be sent.
    #[must_use]
    pub fn start(&self) -> DateTime<Utc> {
        self.end.checked_sub_signed(TimeDelta::days(i64::from(self.days))).unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    /// When the old list is mailed: ten hours from thirty hours before the end, and shorter and nearer to the end if the
    /// whole dump is shorter than four days. Both limits are whole hours from the start.
    #[must_use]
    pub fn incident_window(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let hours = i64::from(self.days) * 24;
        let from = (hours - 30).max(hours * 2 / 3);
        let length = (hours / 8).clamp(1, 10);
        let start = self.start();
        (start + TimeDelta::hours(from), start + TimeDelta::hours(from + length))
    }

    pub(crate) fn check(&self) -> Result<(), GenerateError> {
        if self.events == 0 {
            return Err(GenerateError::Plan { what: "0 events".into(), remedy: "ask for at least 1" });
        }
        if self.days == 0 || self.days > 3_660 {
            return Err(GenerateError::Plan { what: format!("{} days", self.days), remedy: "use 1 to 3660 days" });
        }
        // A message id holds its send time in 12 hex digits, so it must not be negative.
        if self.start().timestamp() < 0 || self.end.timestamp() > 32_503_680_000 {
            return Err(GenerateError::Plan {
                what: format!("mail from {} to {}", self.start(), self.end),
                remedy: "stay between 1970 and 3000",
            });
        }
        Ok(())
    }
}

//! The bounds within which an object is read.

use chrono::{DateTime, Utc};

/// How much of an object is believed before it is called damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest record in bytes, also the bound of the read buffer. The default of 16 MiB lies above every
    /// single record AWS delivers (Firehose 1,000 KiB, SNS and SQS 1 MiB, a Lambda payload 6 MiB); whole
    /// Firehose HTTP bodies, up to 64 MiB, need it raised.
    pub max_record: usize,
    /// Deepest nesting of objects and arrays in a record; `serde_json` refuses more than 128.
    pub max_depth: usize,
    /// Most fields and elements in a record, all levels together. SES events have about a hundred, and a wrapper's inner events
    /// stand in strings.
    pub max_values: usize,
    /// Most wrappers around one event; the deepest chain seen in the wild has three.
    pub max_wrappers: usize,
    /// Most bytes unwrapped (unescaped, decoded, inflated) out of one record before the rest of it is refused.
    pub max_unwrapped: u64,
    /// Largest ratio of decoded to compressed bytes; JSON reaches 5 to 100, a bomb up to 1,032.
    pub max_expansion: u64,
    /// Most raw bytes of a record that are handed to the sink.
    pub max_raw: usize,
    /// Event times after this are `bad_time`; `None` for no upper bound.
    pub latest: Option<DateTime<Utc>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_record: 16 << 20,
            max_depth: 128,
            max_values: 100_000,
            max_wrappers: 8,
            max_unwrapped: 256 << 20,
            max_expansion: 200,
            max_raw: 64 << 10,
            latest: None,
        }
    }
}

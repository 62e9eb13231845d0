//! Records that could not be read.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

use super::parameters::{after, choice, format, holds, number, parameters, since, until, zone};
use crate::api::objects::{MOST, USUAL};

parameters! { QuarantineParameters =
    since(),
    until(),
    zone("Whose days: a date in `since` and `until` begins at midnight there."),
    holds("class", "Only records of this class."),
    holds("object", "Only records of objects whose name holds this."),
    choice("resolved", "Whether records that a retry has imported are listed, too.", ["yes", "no"], "no"),
    number("limit", "How many records at most.", (1, MOST), USUAL),
    after("^[0-9a-f]{16}$"),
    format(),
}

/// A page of the quarantine.
#[derive(ToSchema)]
pub(crate) struct QuarantineReport {
    /// Classes of the whole lake, those with most records that are still bad first.
    classes: Vec<BadClass>,
    /// Newest first.
    records: Vec<BadRecord>,
    /// How many fit.
    total: u64,
    /// `after` of the next page; null at the end.
    #[schema(required)]
    next: Option<String>,
    /// Why messages are null; null where they are not.
    #[schema(required)]
    refused: Option<String>,
}

/// Bad records of one class.
#[derive(ToSchema)]
pub(crate) struct BadClass {
    #[schema(example = "truncated_json")]
    class: String,
    /// Records that are still bad.
    bad: u64,
    /// Records that a retry has imported.
    made_good: u64,
    /// When the newest was found.
    newest: DateTime<Utc>,
}

/// A bad record and its place.
#[derive(ToSchema)]
pub(crate) struct BadRecord {
    #[schema(pattern = "^[0-9a-f]{16}$")]
    id: String,
    /// When it was found.
    quarantined_at: DateTime<Utc>,
    class: String,
    /// URL of the object it was in.
    object: String,
    /// Entity tag of the object.
    etag: String,
    /// Where it begins in the decoded object.
    byte_offset: u64,
    /// Its line in the decoded object, from 1.
    line: u64,
    /// Its place among the records of one wrapper, from 0.
    part: u64,
    /// What is wrong; null for whoever may not see addresses.
    #[schema(required)]
    message: Option<String>,
    /// When a retry imported it; null if none has.
    #[schema(required)]
    resolved_at: Option<DateTime<Utc>>,
    /// What became of it.
    #[schema(required)]
    resolution: Option<String>,
}

/// A bad record with its bytes.
#[derive(ToSchema)]
pub(crate) struct BadRecordReport {
    #[schema(pattern = "^[0-9a-f]{16}$")]
    id: String,
    /// When it was found.
    quarantined_at: DateTime<Utc>,
    class: String,
    /// URL of the object it was in.
    object: String,
    /// Entity tag of the object.
    etag: String,
    /// Where it begins in the decoded object.
    byte_offset: u64,
    /// Its line in the decoded object, from 1.
    line: u64,
    /// Its place among the records of one wrapper, from 0.
    part: u64,
    /// What is wrong; null for whoever may not see addresses.
    #[schema(required)]
    message: Option<String>,
    /// When a retry imported it; null if none has.
    #[schema(required)]
    resolved_at: Option<DateTime<Utc>>,
    /// What became of it.
    #[schema(required)]
    resolution: Option<String>,
    /// Its bytes in base64; null for whoever may not see addresses.
    #[schema(required)]
    raw_base64: Option<String>,
    /// Whether only its beginning was kept.
    raw_is_cut: bool,
    /// Why message and bytes are null; null where they are not.
    #[schema(required)]
    refused: Option<String>,
}

/// Which records are to be read again.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum RetryRequest {
    One(RetryOne),
    Class(RetryClass),
}

/// One record.
#[derive(ToSchema)]
pub(crate) struct RetryOne {
    #[schema(pattern = "^[0-9a-f]{16}$")]
    id: String,
}

/// All records of a class that are still bad.
#[derive(ToSchema)]
pub(crate) struct RetryClass {
    class: String,
}

/// What a retry did.
#[derive(ToSchema)]
pub(crate) struct MendedReport {
    /// How many records were tried.
    retried: u64,
    /// Ids of records that could be read now, and were imported.
    resolved: Vec<String>,
    still_bad: Vec<StillBad>,
    /// Ids of records of which only the beginning was kept.
    cut: Vec<String>,
    /// Ids of records that had been made good before.
    resolved_before: Vec<String>,
    /// How many records of the class were left for another retry.
    left: u64,
    records: MendedRecords,
    /// Rows written.
    rows: u64,
    /// Why nothing could be imported; null if it could.
    #[schema(required)]
    failure: Option<String>,
}

/// What came of the records that could be read.
#[derive(ToSchema)]
pub(crate) struct MendedRecords {
    /// New events.
    events: u64,
    /// Events that were in the lake already.
    duplicates: u64,
}

/// A record that is still bad.
#[derive(ToSchema)]
pub(crate) struct StillBad {
    id: String,
    /// The class that it has now.
    class: String,
    /// What is wrong; null for whoever may not see addresses.
    #[schema(required)]
    message: Option<String>,
}

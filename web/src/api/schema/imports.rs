//! Freshness, lags, imports and sizes.

use chrono::{DateTime, NaiveDate, Utc};
use utoipa::ToSchema;

use super::names;
use super::parameters::{parameters, since, until, zone};

parameters! { ImportsParameters =
    since(),
    until(),
    zone("Whose days: a date in `since` and `until` begins at midnight there."),
}

names! {
    /// A table of the lake.
    TableName = ["events", "quarantine", "objects"]
}

/// How fresh the lake is, what imports did, and what it takes on the disk.
#[derive(ToSchema)]
pub(crate) struct ImportsReport {
    /// Time of the newest event; null without any.
    #[schema(required)]
    newest_event: Option<DateTime<Utc>>,
    /// When the newest object was imported; null without any.
    #[schema(required)]
    newest_import: Option<DateTime<Utc>>,
    /// Whether the newest event is older than `max_age_seconds`.
    is_stale: bool,
    /// From this age on data is stale.
    max_age_seconds: u64,
    lag: Lag,
    /// Sources that this server imports from by itself.
    watched: Vec<WatchedSource>,
    /// Imports that found something new, newest first.
    imports: Vec<ImportRun>,
    sizes: Sizes,
}

/// From an object's events to its import.
#[derive(ToSchema)]
pub(crate) struct Lag {
    /// How many objects with events.
    objects: u64,
    /// By the oldest event of each object: no event waited longer. Null without objects.
    #[schema(required)]
    oldest_event_seconds: Option<Lags>,
    /// By the newest event of each object. Null without objects.
    #[schema(required)]
    newest_event_seconds: Option<Lags>,
}

/// Seconds; below zero where an importer's clock was slow.
#[derive(ToSchema)]
pub(crate) struct Lags {
    /// Half of the objects took no longer.
    p50: f64,
    /// 95 in a hundred took no longer.
    p95: f64,
    /// The longest.
    max: f64,
}

/// A source that this server imports from by itself. What is counted is counted since the server was started.
#[derive(ToSchema)]
pub(crate) struct WatchedSource {
    /// As it was given.
    #[schema(example = "s3://bucket/ses")]
    source: String,
    /// When a look at it last came to its end; null if none did.
    #[schema(required)]
    last_success: Option<DateTime<Utc>>,
    /// When something of it was last imported; null if nothing was.
    #[schema(required)]
    last_import: Option<DateTime<Utc>>,
    /// From the writing of the oldest object of the last import to that import; null if there was none.
    #[schema(required)]
    lag_seconds: Option<f64>,
    /// Objects imported.
    imported: u64,
    /// Looks and imports that failed.
    failures: u64,
    /// Why the last look failed; null if it did not.
    #[schema(required)]
    trouble: Option<String>,
    /// Objects that could not be read, and are tried again.
    unreadable: u64,
    /// Messages of a queue; null for other sources.
    #[schema(required)]
    messages: Option<QueueMessages>,
}

/// What became of a queue's messages.
#[derive(ToSchema)]
pub(crate) struct QueueMessages {
    /// Received, those that came again too.
    received: u64,
    /// Done and deleted.
    deleted: u64,
    /// Left to the queue's dead-letter queue.
    refused: u64,
}

/// What an import did.
#[derive(ToSchema)]
pub(crate) struct ImportRun {
    began: DateTime<Utc>,
    ended: DateTime<Utc>,
    /// What was to be imported.
    sources: Vec<String>,
    objects: ObjectCounts,
    /// The first objects that could not be read.
    failures: Vec<FailedObject>,
    /// Why it broke off; null if it came to its end.
    #[schema(required)]
    error: Option<String>,
}

/// Objects: listed = imported + skipped + failed, where the import came to its end.
#[derive(ToSchema)]
pub(crate) struct ObjectCounts {
    listed: u64,
    imported: u64,
    /// Objects that had been imported before.
    skipped: u64,
    failed: u64,
}

/// An object that could not be read.
#[derive(ToSchema)]
pub(crate) struct FailedObject {
    object: String,
    reason: String,
}

/// What the lake takes on the disk.
#[derive(ToSchema)]
pub(crate) struct Sizes {
    tables: Vec<TableSize>,
    /// Rows counted once and kept; null where every answer reads rows.
    #[schema(required)]
    rollups: Option<RollupSize>,
    /// The events table by date.
    dates: Vec<DateSize>,
    logs: Vec<LogSize>,
    compaction_due: CompactionDue,
}

/// A table.
#[derive(ToSchema)]
pub(crate) struct TableSize {
    table: TableName,
    version: u64,
    /// Null if the log does not say it of every file.
    #[schema(required)]
    rows: Option<u64>,
    files: u64,
    /// Files of less than 1 MiB.
    small_files: u64,
    bytes: u64,
}

/// Rows counted once and kept.
#[derive(ToSchema)]
pub(crate) struct RollupSize {
    files: u64,
    bytes: u64,
    /// Event dates of the lake.
    dates: u64,
    /// Those that were counted from all their files.
    counted_dates: u64,
    /// Rows that were not counted yet.
    rows_behind: u64,
}

/// The files of an event date.
#[derive(ToSchema)]
pub(crate) struct DateSize {
    /// UTC.
    date: NaiveDate,
    /// Null if the log does not say it of every file.
    #[schema(required)]
    rows: Option<u64>,
    files: u64,
    /// Files of less than 1 MiB.
    small_files: u64,
    bytes: u64,
    /// Bytes of its counts; null where none are kept.
    #[schema(required)]
    rollup_bytes: Option<u64>,
}

/// A table's log.
#[derive(ToSchema)]
pub(crate) struct LogSize {
    table: TableName,
    version: u64,
    /// The version of the newest checkpoint; null without one.
    #[schema(required)]
    checkpoint: Option<u64>,
    /// Entries after it.
    entries_behind: u64,
}

/// Files that `repute lake compact` would put into others.
#[derive(ToSchema)]
pub(crate) struct CompactionDue {
    files: u64,
    bytes: u64,
}

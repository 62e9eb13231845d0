//! The ledger of imported objects.

use chrono::{DateTime, Utc};
use repute_query::ObjectState;
use utoipa::ToSchema;

use super::names;
use super::parameters::{after, format, holds, number, one_of, parameters, since, until, zone};
use crate::api::objects::{MOST, USUAL};

parameters! { ObjectsParameters =
    since(),
    until(),
    zone("Whose days: a date in `since` and `until` begins at midnight there."),
    holds("name", "Only objects whose name holds this."),
    one_of("state", "Only objects in this state.", ObjectState::ALL.map(ObjectState::as_str)),
    number("limit", "How many objects at most.", (1, MOST), USUAL),
    after("^[0-9]{1,18}-[0-9a-f]{16}$"),
    format(),
}

names! {
    /// Whether all of an object could be read: `bad_records` if some of its records are in quarantine, `partial` if its bytes are
    /// damaged or of an unknown form, so that what came after could not be read.
    ObjectStateName = ObjectState::ALL.map(ObjectState::as_str)
}

/// A page of the ledger.
#[derive(ToSchema)]
pub(crate) struct ObjectsReport {
    /// Newest import first, then by name.
    objects: Vec<BookedObject>,
    /// `after` of the next page; null at the end.
    #[schema(required)]
    next: Option<String>,
    sums: ObjectSums,
}

/// An object that was read to its end.
#[derive(ToSchema)]
pub(crate) struct BookedObject {
    /// URL of the object.
    #[schema(example = "s3://bucket/ses/2026/10/31/12/stream-1-2026-10-31-12-00-00-3f0e")]
    name: String,
    /// Entity tag of the store; of a file its inode, time and size.
    etag: String,
    state: ObjectStateName,
    /// Bytes as stored.
    size: u64,
    records: RecordCounts,
    /// Rows written.
    rows: u64,
    /// Time of its first event; null without events.
    #[schema(required)]
    first_event: Option<DateTime<Utc>>,
    /// Time of its last event; null without events.
    #[schema(required)]
    last_event: Option<DateTime<Utc>>,
    imported_at: DateTime<Utc>,
    /// By which version of which program.
    imported_by: String,
}

/// Records: read = events + duplicates + quarantined + ignored.
#[derive(ToSchema)]
pub(crate) struct RecordCounts {
    read: u64,
    /// Events of which at least one row was new.
    events: u64,
    /// Events that were in the lake already.
    duplicates: u64,
    /// Bad records.
    quarantined: u64,
    /// Control messages and the like.
    ignored: u64,
}

/// Sums over all objects that fit.
#[derive(ToSchema)]
pub(crate) struct ObjectSums {
    /// How many objects.
    objects: u64,
    /// Their bytes as stored.
    bytes: u64,
    records: RecordCounts,
    /// Rows written.
    rows: u64,
    /// Whether the records come out even.
    conserved: bool,
}

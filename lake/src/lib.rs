//! The lake: the vocabulary every stage shares, and the Delta tables the events rest in.
//!
//! ```text
//! Event ── EventRows ──> EventChunk ── Lake::append ──> Parquet files + one Delta commit
//!                                                             │
//!                                        EventsTable (DataFusion) <── active files of a version
//! ```
//! This is the only code that names Delta and Parquet files. It knows no SES JSON, no SQL and no HTTP.

mod event;
pub mod schema;

mod beside;
mod disk;
mod error;
mod lease;
mod retry;
mod store;

mod checkpoint;
mod coded;
mod datafile;
mod encode;
mod log;
mod reader;
mod rows;
mod sidecar;
mod statistics;
mod table;
mod totals;

mod append;
mod compact;
mod known;
mod ledger;
mod object_set;
mod provider;
mod quarantine;

mod books;
mod fsck;
mod journal;
mod lake;

pub use append::{Appended, EventCounts};
pub use beside::{Document, DocumentLock, DocumentVersion, Hold};
pub use books::{
    BadBook, BadClass, BadFilter, BadList, BookedObject, Books, DayFiles, LogStanding, ObjectBook, ObjectFilter,
    ObjectList, ObjectState, ObjectSums, WrongCursor,
};
pub use coded::{CodedFile, CodedFiles, CodedGroup, CodedTexts, CodedTimes, Coding, GroupFacts};
pub use compact::{Compacted, CompactionMeter, KEPT};
pub use error::LakeError;
pub use event::{Event, EventType, Recipient, Tag, Tags, UnknownEventType};
pub use fsck::{
    Damage, DamageKind, Inspection, ORPHAN_AGE, STAGED_AGE, Stray, TableFindings, drop_file, inspect, repair,
    sweep_staged,
};
pub use journal::{Journal, JournalNote};
pub use lake::{EVENTS, Lake};
pub use ledger::{BadRecord, ImportedObject, ObjectKey};
pub use object_set::ObjectSet;
pub use provider::EventsTable;
pub use quarantine::{KeptRecord, Resolution};
pub use rows::{EventChunk, EventRows, RowKey};
pub use sidecar::{Sidecar, Sidecars};
pub use statistics::{FileStatistics, TableStatistics};
pub use store::Location;
pub use table::DataFile;
pub use totals::{ImportTotals, RecentImport};

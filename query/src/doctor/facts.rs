//! What checks judge by.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use repute_lake::{BadClass, EventType, LogStanding, ObjectSums, TableStatistics};

use crate::alert::{Expected, Rule, Silence};
use crate::counting::AwsCounts;
use crate::rollup::RollupStanding;
use crate::wording::thousands;

/// Some events: those of a lake, or those of a sample of a dump. Counts are of recipient rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFacts {
    /// Rows of each type by day (UTC).
    pub days: BTreeMap<NaiveDate, BTreeMap<EventType, u64>>,
    /// Earliest and latest event, as exactly as is known.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Rows without a configuration set, by type.
    pub without_set: BTreeMap<EventType, u64>,
    /// Rows by account.
    pub accounts: BTreeMap<Option<String>, u64>,
    /// Bounces and complaints looked at, and those among them that are there with and without a configuration set.
    pub twice: Seen,
    /// Events looked at, and those among them with a tag of the sender's.
    pub tagged: Seen,
    /// Deliveries and bounces against the times of their sends.
    pub delays: SendingDelays,
    /// Sends to domains that report complaints, as the counting rules have it.
    pub complaint_eligible: u64,
    /// Whether it is a sample, in which the absence of something rare says nothing.
    pub is_sample: bool,
}

/// How many of those looked at are so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Looked at.
    pub all: u64,
    /// Those that are.
    pub are: u64,
}

/// Deliveries and bounces against the times of their sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendingDelays {
    /// Looked at.
    pub all: u64,
    /// More than [`Late::AFTER`] after the send.
    pub late: u64,
    /// More than [`Late::BEFORE`] before the send.
    pub before: u64,
}

/// When a delivery or bounce is odd.
#[derive(Debug, Clone, Copy)]
pub struct Late;

impl Late {
    /// SES gives up after 14 hours unless told otherwise.
    pub const AFTER: TimeDelta = TimeDelta::days(3);
    /// Clocks of SES's hosts differ by milliseconds.
    pub const BEFORE: TimeDelta = TimeDelta::minutes(5);
}

impl EventFacts {
    /// Rows of a type.
    pub fn rows(&self, event_type: EventType) -> u64 {
        self.days.values().filter_map(|day| day.get(&event_type)).sum()
    }

    /// All rows.
    pub fn all(&self) -> u64 {
        self.days.values().flat_map(BTreeMap::values).sum()
    }

    /// Rows of every type that is there: `4,812 Send, 4,502 Delivery`.
    pub(super) fn listed(&self) -> String {
        let types = EventType::ALL.into_iter().map(|of| (of, self.rows(of))).filter(|(_, rows)| *rows > 0);
        types.map(|(of, rows)| format!("{} {of}", thousands(rows))).collect::<Vec<_>>().join(", ")
    }

    /// `in the lake` or `in the sample`.
    pub(super) fn place(&self) -> &'static str {
        if self.is_sample { "in the sample" } else { "in the lake" }
    }
}

/// A lake at one version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LakeFacts {
    /// Its events.
    pub events: EventFacts,
    /// Newest event, up to now.
    pub newest: Option<DateTime<Utc>>,
    /// Rows of events after now.
    pub future: u64,
    /// The latest of those.
    pub latest: Option<DateTime<Utc>>,
    /// As AWS counts, over everything.
    pub aws: AwsCounts,
    /// Verified identities that were given.
    pub verified: Vec<String>,
    /// Domains that report no complaints, as was given or is usual.
    pub no_feedback_loop: Vec<String>,
    /// The time that the following was counted over.
    pub recent: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Domains that mail is sent from, and sends to and hard bounces of recipients in these same domains and below them, where
    /// those are not verified identities.
    pub own_domains: BTreeMap<String, (u64, u64)>,
    /// By recipient domain that is taken to report complaints: deliveries and complaints, where there are many of the first.
    pub reporting: BTreeMap<String, (u64, u64)>,
    /// What each rule can measure, by its name.
    pub rules: BTreeMap<String, RuleFacts>,
    /// Sends of the last whole day, those that were handed to SES on it, and the day.
    pub coverage: Option<(u64, u64, NaiveDate)>,
    /// The ledger's sums.
    pub objects: ObjectSums,
    /// Records and bad records of the imports of the last seven days.
    pub recent_records: Seen,
    /// When the newest object was imported.
    pub last_import: Option<DateTime<Utc>>,
    /// Objects whose latest event lies after their import, and the longest such time.
    pub early_imports: (u64, Option<TimeDelta>),
    /// Bad records by class.
    pub bad: Vec<BadClass>,
    /// The tables.
    pub tables: Vec<TableStatistics>,
    /// Event dates.
    pub dates: u64,
    /// Files that a compaction would put into others, and their bytes.
    pub compaction_due: (u64, u64),
    /// The tables' logs.
    pub logs: Vec<LogStanding>,
    /// What was counted once and is kept.
    pub rollups: RollupStanding,
}

/// What a rule finds in a lake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleFacts {
    /// Rows of mail with the values that the rule asks for; `None` where it asks for none.
    pub rows: Option<u64>,
    /// The most sends (or what else is its denominator) that a window of its width has had; `None` where nobody looked.
    pub most: Option<u64>,
}

/// What lies around the data: the time, the configuration, what checks and imports wrote down. What is not known is not judged.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// The time it is.
    pub now: DateTime<Utc>,
    /// Data older than this is stale.
    pub max_age: TimeDelta,
    /// Eligible sends that AWS's rate is taken over.
    pub last_sends: u64,
    /// Alert rules in force.
    pub rules: Vec<Rule>,
    /// Silences.
    pub silences: Vec<Silence>,
    /// Mail handed to SES, where the operator says so.
    pub sent: Option<Expected>,
    /// Whether checks run.
    pub checks: Option<Watch>,
    /// How many receivers of notifications there are.
    pub receivers: Option<usize>,
    /// Imports that did something, newest first.
    pub runs: Vec<ImportRun>,
    /// Sources that the server imports from by itself; none where no server is asked.
    pub watched: Vec<WatchedSource>,
}

/// How watching a source goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedSource {
    /// As it was given: a path, `s3://...`, `sqs://...`.
    pub source: String,
    /// When a look at it last came to its end; `None` if none has since the server was started.
    pub last_success: Option<DateTime<Utc>>,
    /// Why the last look failed, if it did.
    pub trouble: Option<String>,
    /// Looks that failed since the server was started.
    pub failures: u64,
    /// Objects that could not be read, and are tried again.
    pub unreadable: u64,
}

/// What is known of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// When the last one came to its end; `None` if none has.
    pub last: Option<DateTime<Utc>>,
    /// Longer ago than this is too long.
    pub limit: TimeDelta,
}

/// An import that was noted beside the lake. `listed` = `imported` + `skipped` + `failed`.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportRun {
    /// When it began and ended.
    pub span: (DateTime<Utc>, DateTime<Utc>),
    /// What was to be imported.
    pub sources: Vec<String>,
    /// Objects found.
    pub listed: u64,
    /// Objects read to their end and noted.
    pub imported: u64,
    /// Objects that had been imported before.
    pub skipped: u64,
    /// Objects that could not be read.
    pub failed: u64,
    /// The first of those.
    pub failures: Vec<Failed>,
    /// Why it ended before its end, if it did.
    pub error: Option<String>,
}

/// An object that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its name.
    pub object: String,
    /// Why.
    pub reason: String,
}

/// A dump that was looked at and not imported.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DumpFacts {
    /// The place, as it was given.
    pub place: String,
    /// Objects listed, and their bytes.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether there are more objects than were listed.
    pub is_cut: bool,
    /// Paths that were left out, and why.
    pub refused: Vec<(String, String)>,
    /// The objects that were read.
    pub sample: Vec<SampledObject>,
    /// Their events.
    pub events: EventFacts,
}

/// An object of a sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampledObject {
    /// Its name.
    pub name: String,
    /// Bytes as stored.
    pub size: u64,
    /// Bytes after decompression, as far as it was read.
    pub decoded: u64,
    /// How it is compressed: `plain`, `gzip`, or the name of what is not read.
    pub compression: String,
    /// How records follow one another: `lines`, `concatenated`, `array`, `pretty`, `mixed`; empty without records.
    pub framing: String,
    /// What records were wrapped in, and how many: `none`, `sns`, `sqs`, `eventbridge`, `sns in sqs` and the like.
    pub envelopes: BTreeMap<String, u64>,
    /// Records read.
    pub records: u64,
    /// Events among them.
    pub events: u64,
    /// Bad records by class, each with one of the reasons.
    pub bad: BTreeMap<String, (u64, String)>,
    /// Records that are rightly left out, by class.
    pub ignored: BTreeMap<String, u64>,
    /// Whether only its beginning was read.
    pub is_cut: bool,
    /// Why it could not be read.
    pub failure: Option<String>,
    /// Earliest and latest event.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl DumpFacts {
    /// Records that were read.
    pub fn records(&self) -> u64 {
        self.sample.iter().map(|object| object.records).sum()
    }

    /// Events among them.
    pub fn event_records(&self) -> u64 {
        self.sample.iter().map(|object| object.events).sum()
    }

    /// Bad records by class, each with one of the reasons.
    pub fn bad(&self) -> BTreeMap<&str, (u64, &str)> {
        let mut classes: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
        for (class, (count, reason)) in self.sample.iter().flat_map(|object| &object.bad) {
            classes.entry(class).or_insert((0, reason)).0 += count;
        }
        classes
    }

    /// Records that are left out, by class.
    pub fn ignored(&self) -> BTreeMap<&str, u64> {
        let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
        for (class, count) in self.sample.iter().flat_map(|object| &object.ignored) {
            *classes.entry(class).or_default() += count;
        }
        classes
    }
}

//! Why a dashboard is empty, a rate impossible, or a figure not what it seems.
//!
//! ```text
//! lake ── gather: a few cheap questions, once per version ──> LakeFacts ──┐
//! dump ── a sample of its objects, read by the caller ──────> DumpFacts ──┼── checks: facts -> Option<Advice> ──> [Advice]
//! stream ── DescribeDeliveryStream, asked by the caller ────> StreamFacts ┤
//! configuration, clock, what checks and imports wrote down ──> Around ────┘
//! ```
//! A check is a pure function. Each has a name, under which `docs/doctor.md` says what its evidence means and what to do.

mod advice;
mod facts;
mod gather;

mod alerts;
mod audience;
mod clock;
mod coverage;
mod dump;
mod freshness;
mod imports;
mod lake;
mod report;
mod rules;
mod stream;
mod tags;
mod types;
mod upkeep;
mod watched;

use std::sync::Arc;

use crate::error::QueryError;
use crate::scan::Reader;

pub use advice::{Advice, Severity, explanation};
pub use lake::{damaged_lake, no_lake};
pub use report::{doctor_report, dump_report};
pub use stream::{StreamFacts, stream_advice, stream_report};
pub use watched::watched_advice;

pub use facts::{
    Around, DumpFacts, EventFacts, Failed, ImportRun, LakeFacts, Late, RuleFacts, SampledObject, Seen, SendingDelays,
    Watch, WatchedSource,
};

/// A check of a lake.
type LakeCheck = fn(&LakeFacts, &Around) -> Option<Advice>;

/// A check of events, wherever they come from.
type EventCheck = fn(&EventFacts) -> Option<Advice>;

/// A check of a dump.
type DumpCheck = fn(&DumpFacts, &Around) -> Option<Advice>;

/// What is looked for in events, of a lake or of a dump.
const EVENT_CHECKS: [EventCheck; 10] = [
    types::missing_sends,
    types::missing_deliveries,
    types::missing_bounces,
    types::missing_complaints,
    types::no_tracking,
    tags::both_routes,
    tags::no_configuration_set,
    tags::no_tags,
    tags::several_accounts,
    clock::late_events,
];

/// What else is looked for in a lake.
const LAKE_CHECKS: [LakeCheck; 23] = [
    imports::empty_lake,
    watched::watched_sources,
    freshness::stale,
    types::stopped,
    clock::future_events,
    clock::imported_before_it_happened,
    coverage::nothing_eligible,
    coverage::complaints_impossible,
    coverage::coverage,
    audience::verified_identities,
    audience::feedback_loops,
    imports::failed_objects,
    imports::quarantined,
    imports::not_conserved,
    upkeep::rollups,
    upkeep::small_files,
    upkeep::checkpoints,
    alerts::checks_not_running,
    alerts::nobody_is_told,
    rules::never_measured,
    rules::never_reached,
    rules::never_enough,
    rules::silenced_for_long,
];

/// What else is looked for in a dump.
const DUMP_CHECKS: [DumpCheck; 8] = [
    dump::nothing_there,
    dump::unreadable,
    dump::not_supported,
    dump::no_events,
    dump::bad_records,
    dump::error_output,
    dump::small_objects,
    dump::old,
];

/// Looks at a lake. The worst comes first.
pub async fn diagnose(reader: &Reader, around: &Around) -> Result<Vec<Advice>, QueryError> {
    let facts = reader.facts().await?;
    let facts = gather::as_of(reader, &facts, around).await?;
    Ok(lake_advice(&facts, around))
}

/// What there is to say about a lake.
pub fn lake_advice(facts: &LakeFacts, around: &Around) -> Vec<Advice> {
    let of_events = EVENT_CHECKS.iter().filter_map(|check| check(&facts.events));
    let of_lake = LAKE_CHECKS.iter().filter_map(|check| check(facts, around));
    sorted(of_lake.chain(of_events).collect())
}

/// What there is to say about a dump that was not imported.
pub fn dump_advice(facts: &DumpFacts, around: &Around) -> Vec<Advice> {
    let of_dump = DUMP_CHECKS.iter().filter_map(|check| check(facts, around));
    let of_events = EVENT_CHECKS.iter().filter_map(|check| check(&facts.events));
    sorted(of_dump.chain(of_events).collect())
}

/// The worst first; of the same severity in the order of the checks.
fn sorted(mut found: Vec<Advice>) -> Vec<Advice> {
    found.sort_by_key(|advice| std::cmp::Reverse(advice.severity));
    found
}

/// Facts of a version are gathered once.
pub(crate) type KeptFacts = tokio::sync::OnceCell<Arc<LakeFacts>>;

impl Reader {
    /// The facts of this version.
    async fn facts(&self) -> Result<Arc<LakeFacts>, QueryError> {
        let gather = || async { gather::facts(self).await.map(Arc::new) };
        self.kept_facts().get_or_try_init(gather).await.cloned()
    }
}

#[cfg(test)]
mod tests;

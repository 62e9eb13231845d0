//! Alert rules, judged now.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use repute_query::{Metric, State};
use utoipa::ToSchema;

use super::names;

names! {
    /// What a rule watches.
    MetricName = Metric::ALL.map(Metric::as_str)
}

names! {
    /// A state.
    StateName = State::ALL.map(State::as_str)
}

names! {
    /// A state; RECOVERING is kept although its threshold is not reached any more.
    FindingState = State::ALL.map(State::as_str).into_iter().chain(["RECOVERING"])
}

names! {
    /// Whose mail: an account's, or a part of it.
    FindingScope = ["account", "configuration_set", "group"]
}

/// Every rule for every account and group, and what it comes to.
#[derive(ToSchema)]
pub(crate) struct CheckReport {
    state: StateName,
    /// What it comes to, in one sentence.
    summary: String,
    /// Time of the newest event; null in a lake without any.
    #[schema(required)]
    newest_event: Option<DateTime<Utc>>,
    /// The worst first.
    findings: Vec<Finding>,
}

/// One rule for one account or group.
#[derive(ToSchema)]
pub(crate) struct Finding {
    scope: FindingScope,
    /// Null where the events name none.
    #[schema(required)]
    account_id: Option<String>,
    /// One property for each dimension of the rule; null for mail without a value.
    #[serde(flatten)]
    group: BTreeMap<String, Option<String>>,
    /// The rule's name.
    rule: String,
    metric: MetricName,
    state: FindingState,
    /// Why, in words.
    reason: String,
    /// `events` over `sends`, a fraction; null without sends, and for a metric that is no rate.
    #[schema(required, minimum = 0)]
    rate: Option<f64>,
    /// Bounces, complaints or whatever is watched; of a duration, its seconds or milliseconds.
    events: u64,
    /// Sends, or deliveries where those are the denominator.
    sends: u64,
    /// Ends of the 95 % Wilson score interval of the rate, fractions; null for a metric that is no rate.
    #[schema(required, min_items = 2, max_items = 2)]
    interval_95: Option<Vec<f64>>,
    /// The threshold of WARNING, in the metric's own unit; null where the rule has none.
    #[schema(required)]
    warn: Option<f64>,
    /// The threshold of CRITICAL, in the metric's own unit; null where the rule has none.
    #[schema(required)]
    critical: Option<f64>,
    /// Start of what was measured; null where there was nothing.
    #[schema(required)]
    from: Option<DateTime<Utc>>,
    /// End of what was measured; null where there was nothing.
    #[schema(required)]
    to: Option<DateTime<Utc>>,
    /// Why it does not enter the state of the check; null if it does.
    #[schema(required)]
    muted: Option<Muted>,
    /// Where an alarm comes from; null where nobody looked.
    #[schema(required)]
    attribution: Option<Attribution>,
}

/// Why a finding does not enter the state of the check.
#[derive(ToSchema)]
pub(crate) struct Muted {
    /// `silence`, or the name of the rule that says CRITICAL of the same.
    by: String,
    /// Until when it is silenced.
    #[schema(nullable = false)]
    until: Option<DateTime<Utc>>,
    /// Why it is silenced.
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// Where an alarm comes from, or why that was not found out.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum Attribution {
    Unknown(UnknownAttribution),
    Found(FoundAttribution),
}

/// Why it was not found out.
#[derive(ToSchema)]
pub(crate) struct UnknownAttribution {
    error: String,
}

/// What was more than expected, and of what.
#[derive(ToSchema)]
pub(crate) struct FoundAttribution {
    /// What it comes to, in one sentence.
    why: String,
    baseline: Baseline,
    /// How many events were to be expected.
    expected: f64,
    /// How many more, or fewer where that is bad.
    excess: f64,
    /// Dimensions with more than one value, the more telling first.
    dimensions: Vec<DividedExcess>,
}

/// What the excess is over.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum Baseline {
    Past(PastBaseline),
    Threshold(ThresholdBaseline),
}

names! {
    /// The same mail in the days before.
    PastKind = ["past"]
}

names! {
    /// The rule's first threshold, as there is no past, or one that was as bad.
    ThresholdKind = ["threshold"]
}

/// The same mail in the days before.
#[derive(ToSchema)]
pub(crate) struct PastBaseline {
    kind: PastKind,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    events: u64,
    sends: u64,
}

/// The rule's first threshold.
#[derive(ToSchema)]
pub(crate) struct ThresholdBaseline {
    kind: ThresholdKind,
    /// The threshold, in the metric's own unit.
    value: f64,
}

/// The excess by the values of a dimension.
#[derive(ToSchema)]
pub(crate) struct DividedExcess {
    /// A dimension's name.
    #[schema(example = "campaign")]
    dimension: String,
    /// Whether sends have it too; of bounces alone only their number can be compared.
    of_sends: bool,
    /// The share of the excess that is a change of the mix, a fraction.
    mix: f64,
    /// The values with the largest excess, or the largest part in the mix.
    values: Vec<PartOfExcess>,
}

/// What a value brought.
#[derive(ToSchema)]
pub(crate) struct PartOfExcess {
    /// Null for mail without one.
    #[schema(required)]
    value: Option<String>,
    events: u64,
    sends: u64,
    past: PastNumbers,
    /// What its sends would have brought at its own past rate.
    expected: f64,
    /// The difference, on the bad side.
    excess: f64,
    /// Its share in the whole excess, a fraction.
    share: f64,
    /// The share of the whole excess that comes of its part of the mail being another than before, a fraction.
    mix: f64,
}

/// The same in the past.
#[derive(ToSchema)]
pub(crate) struct PastNumbers {
    events: u64,
    sends: u64,
}

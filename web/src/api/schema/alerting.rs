//! Rules, incidents and silences.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use utoipa::ToSchema;
use utoipa::openapi::schema::ArrayBuilder;

use super::check::{MetricName, StateName};
use super::names;
use super::parameters::{choice, parameters, query, since, text, until, value, zone};
use crate::alerting::{RULE_KEYS, Severity};
use crate::pages::RuleOrigin;

parameters! { IncidentsParameters =
    since(),
    until(),
    zone("The time zone of `since` and `until` where they are dates."),
    query("rule", "Only incidents of this rule.", text().min_length(Some(1))),
    choice("state", "Only incidents that are open, or that are over.", ["open", "over", "all"], "all"),
}

parameters! { SilencesParameters =
    choice("state", "Only silences that hold, or those too that are over.", ["holding", "all"], "holding"),
}

parameters! { PreviewParameters =
    RULE_KEYS.into_iter().filter_map(|key| {
        query(key, &format!("The rule's `{key}`, as in `repute.toml`."), value())
    }),
    query(
        "without",
        "Keys that are left out of the rule: repeated, or separated by commas.",
        ArrayBuilder::new().items(text().enum_values(Some(RULE_KEYS))).unique_items(true).min_items(Some(1)),
    ),
}

names! {
    /// Where a rule stands.
    RuleOriginName = RuleOrigin::ALL.map(RuleOrigin::as_str)
}

names! {
    /// How it is counted.
    CountingName = ["aws", "plain"]
}

names! {
    /// By which time an event belongs to a window.
    ClockName = ["event", "sent"]
}

names! {
    /// On which side of the thresholds there is trouble.
    CompareName = ["above", "below"]
}

names! {
    /// What must reach the threshold.
    ConfidenceName = ["rate", "interval", "interval of groups"]
}

names! {
    /// What a minute without a verdict stands for.
    MissingName = ["no_data", "keep", "ok", "warning", "critical"]
}

names! {
    /// How bad it is.
    SeverityName = [Severity::Warning, Severity::Critical, Severity::Unknown].map(Severity::as_str)
}

/// An alert rule.
#[derive(ToSchema)]
pub(crate) struct RuleDescription {
    name: String,
    /// What it watches, in words.
    watches: String,
    origin: RuleOriginName,
    metric: MetricName,
    counting: CountingName,
    clock: ClockName,
    /// Width of its windows; null for a rule over the last sends.
    #[schema(required)]
    window_minutes: Option<u32>,
    /// Eligible sends it is taken over; null for a rule over windows of minutes.
    #[schema(required)]
    last_sends: Option<u64>,
    /// Dimensions that divide accounts into groups.
    by: Vec<String>,
    /// Only mail with these values; null for mail without one.
    only: BTreeMap<String, Option<String>>,
    /// Whether accounts are judged as a whole.
    total: bool,
    compare: CompareName,
    /// The threshold of WARNING, in the metric's own unit.
    #[schema(required)]
    warn: Option<f64>,
    /// The threshold of CRITICAL, in the metric's own unit.
    #[schema(required)]
    critical: Option<f64>,
    /// With fewer sends there is no verdict.
    min_sends: u64,
    /// With fewer events it is OK.
    min_events: u64,
    confidence: ConfidenceName,
    /// The threshold must be reached for so long.
    for_minutes: u32,
    /// The state is kept for so long afterwards.
    keep_firing_for_minutes: u32,
    /// Reached in so many of so many minutes.
    #[schema(min_items = 2, max_items = 2)]
    hits: Vec<u32>,
    no_data: MissingName,
    /// The worst of so many minutes is told.
    look_back_minutes: u32,
}

/// What a changed rule would have told, beside the one in force.
#[derive(ToSchema)]
pub(crate) struct RulePreview {
    /// The rule's name.
    rule: String,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    /// When the rule in force would have fired.
    in_force: Vec<Episode>,
    /// When the changed one would have.
    changed: Vec<Episode>,
    /// The changed rule as it would be written.
    toml: String,
}

/// A time in which a rule would have been WARNING or CRITICAL without a break.
#[derive(ToSchema)]
pub(crate) struct Episode {
    /// `account`, `configuration_set` or `group`.
    scope: super::check::FindingScope,
    /// Null where the events name none.
    #[schema(required)]
    account_id: Option<String>,
    /// One property for each dimension of the rule; null for mail without a value.
    #[serde(flatten)]
    group: BTreeMap<String, Option<String>>,
    /// The rule's name.
    rule: String,
    metric: MetricName,
    state: StateName,
    from: DateTime<Utc>,
    /// When it was last seen.
    to: DateTime<Utc>,
    /// Whether it lasts still.
    ongoing: bool,
    /// The rate at worst, a fraction; null for a metric that is no rate.
    #[schema(required, minimum = 0)]
    rate: Option<f64>,
    /// Bounces, complaints or whatever is watched, at worst.
    events: u64,
    /// Sends at worst.
    sends: u64,
}

/// Something that is or was wrong.
#[derive(ToSchema)]
pub(crate) struct IncidentReport {
    id: String,
    /// The rule's name; `no_mail` and `check` where it is of none.
    rule: String,
    /// Whether it is of a rule.
    of_rule: bool,
    /// Null where the events name none.
    #[schema(required)]
    account_id: Option<String>,
    /// Values of the rule's dimensions; null for mail without one.
    group: BTreeMap<String, Option<String>>,
    /// Null where it is of no rule.
    #[schema(required)]
    metric: Option<MetricName>,
    /// When it was last seen.
    state: SeverityName,
    /// At worst.
    worst: SeverityName,
    /// What was wrong at worst.
    sentence: String,
    /// The value at worst, in the metric's own unit.
    #[schema(required)]
    value: Option<f64>,
    /// Where it comes from; null where nobody looked.
    #[schema(required)]
    why: Option<String>,
    since: DateTime<Utc>,
    /// When it was last seen.
    seen: DateTime<Utc>,
    /// Nobody is told of it right now.
    muted: bool,
    /// When it ended; null while it is open.
    #[schema(required)]
    ended: Option<DateTime<Utc>>,
    /// Why it ended.
    #[schema(required)]
    ending: Option<String>,
    /// Receivers that were told of it.
    told: Vec<String>,
}

/// A silence.
#[derive(ToSchema)]
pub(crate) struct SilenceReport {
    /// Null for one of the configuration.
    #[schema(required)]
    id: Option<String>,
    /// Whether it stands in the configuration.
    in_file: bool,
    /// Null for every rule.
    #[schema(required)]
    rule: Option<String>,
    /// Only findings with these values; null for mail without one.
    only: BTreeMap<String, Option<String>>,
    /// Only accounts as a whole.
    total: bool,
    /// Null for one of the configuration.
    #[schema(required)]
    from: Option<DateTime<Utc>>,
    until: DateTime<Utc>,
    reason: String,
    /// Null for one of the configuration.
    #[schema(required)]
    author: Option<String>,
    /// When it was ended before its time.
    #[schema(required)]
    ended: Option<DateTime<Utc>>,
    #[schema(required)]
    ended_by: Option<String>,
    /// Whether it holds now.
    holds: bool,
}

/// The name of a silence that was made.
#[derive(ToSchema)]
pub(crate) struct MadeSilence {
    id: String,
}

/// A silence that is asked for: `until` or `for`, one of both.
#[derive(ToSchema)]
pub(crate) struct SilenceRequest {
    /// Every rule without it.
    #[schema(example = "bounce_rate_10m")]
    rule: Option<String>,
    /// Only findings with these values of dimensions; null for mail without one. `account_id` may be among them.
    #[schema(example = json!({"configuration_set": "marketing"}))]
    only: Option<BTreeMap<String, Option<String>>>,
    /// Only accounts as a whole, none of their groups.
    total: Option<bool>,
    /// When it ends.
    until: Option<DateTime<Utc>>,
    /// How long it lasts.
    #[schema(rename = "for", schema_with = super::parameters::duration)]
    lasting: Option<String>,
    /// Why, for whoever finds it.
    #[schema(min_length = 1, max_length = 500, example = "ticket 4711")]
    reason: String,
}

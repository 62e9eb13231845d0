//! How long deliveries took, and what was put off.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use repute_query::DelayRows;
use utoipa::ToSchema;

use super::engagement::{LIMITS, USUAL_LIMIT};
use super::parameters::{by, choice, dimensions, format, number, parameters, query, since, text, until, window, zone};

parameters! { DelaysParameters =
    since(),
    until(),
    choice("clock", "By which time something lies in the range: its own, or that of the send it belongs to.", ["event", "sent"], "event"),
    window("Width of a window; no windows without it."),
    zone("Whose days: windows of whole days begin at midnight there. Needs a `window` of whole days."),
    by(),
    number("limit", "How many groups, reasons and waiting messages at most.", LIMITS, USUAL_LIMIT),
    query("rows", "Which rows CSV has; without it groups, windows or all, by what is asked.", text().enum_values(Some(DelayRows::ALL.map(DelayRows::as_str)))),
    format(),
    dimensions(),
}

/// How long deliveries took: milliseconds from acceptance by SES to the receiving server. Ranks are exact (nearest rank).
#[derive(ToSchema)]
pub(crate) struct DelaysReport {
    /// Deliveries that say how long they took.
    deliveries: u64,
    #[schema(required)]
    p50_ms: Option<i64>,
    #[schema(required)]
    p95_ms: Option<i64>,
    #[schema(required)]
    p99_ms: Option<i64>,
    #[schema(required)]
    worst_ms: Option<i64>,
    steps: Vec<TimeStep>,
    /// Deliveries that do not say.
    unknown: u64,
    /// Where a `window` was asked for; those without any delivery are not there.
    windows: Vec<DelayWindow>,
    /// Where `by` was asked for: those with most deliveries.
    groups: Vec<DelayGroup>,
    others: OtherDelayGroups,
    delayed: DelayedReport,
}

/// Deliveries that took up to so long, and longer than the step before.
#[derive(ToSchema)]
pub(crate) struct TimeStep {
    /// Null for whatever is longer.
    #[schema(required)]
    up_to_ms: Option<i64>,
    deliveries: u64,
}

/// A window.
#[derive(ToSchema)]
pub(crate) struct DelayWindow {
    window_start: DateTime<Utc>,
    window_end: DateTime<Utc>,
    deliveries: u64,
    #[schema(required)]
    p50_ms: Option<i64>,
    #[schema(required)]
    p95_ms: Option<i64>,
    #[schema(required)]
    p99_ms: Option<i64>,
    #[schema(required)]
    worst_ms: Option<i64>,
    steps: Vec<TimeStep>,
}

/// A group.
#[derive(ToSchema)]
pub(crate) struct DelayGroup {
    /// One property for each dimension of `by`; null for mail without a value.
    #[serde(flatten)]
    group: BTreeMap<String, Option<String>>,
    deliveries: u64,
    #[schema(required)]
    p50_ms: Option<i64>,
    #[schema(required)]
    p95_ms: Option<i64>,
    #[schema(required)]
    p99_ms: Option<i64>,
    #[schema(required)]
    worst_ms: Option<i64>,
    steps: Vec<TimeStep>,
}

/// Groups beyond `limit`.
#[derive(ToSchema)]
pub(crate) struct OtherDelayGroups {
    groups: u64,
    deliveries: u64,
}

/// Mail that was put off.
#[derive(ToSchema)]
pub(crate) struct DelayedReport {
    /// DeliveryDelay events, one for each recipient.
    events: u64,
    types: Vec<DelayTypeCount>,
    providers: Vec<DelayProviderCount>,
    /// Equal reasons together, the most frequent first.
    reasons: Vec<DelayReasonCount>,
    others: OtherDelayReasons,
    /// Messages that were delayed, each for a recipient.
    messages: u64,
    delivered: DeliveredAfterDelay,
    /// Those that bounced afterwards.
    bounced: u64,
    /// Those of them that SES gave up, being out of time.
    expired: u64,
    waiting: WaitingMessages,
    overdue: OverdueMessages,
}

/// Delays of a type.
#[derive(ToSchema)]
pub(crate) struct DelayTypeCount {
    #[schema(required)]
    delay_type: Option<String>,
    events: u64,
    /// Providers with most of them, at most three.
    most: Vec<ProviderDelays>,
}

/// Delays at a provider.
#[derive(ToSchema)]
pub(crate) struct ProviderDelays {
    provider: String,
    events: u64,
}

/// Delays at a provider, with their types.
#[derive(ToSchema)]
pub(crate) struct DelayProviderCount {
    #[schema(required)]
    provider: Option<String>,
    events: u64,
    /// Types of most of them, at most three.
    most: Vec<TypeDelays>,
}

/// Delays of a type at a provider.
#[derive(ToSchema)]
pub(crate) struct TypeDelays {
    delay_type: String,
    events: u64,
}

/// Delays with the same reason.
#[derive(ToSchema)]
pub(crate) struct DelayReasonCount {
    #[schema(required)]
    delay_type: Option<String>,
    /// Enhanced status code (RFC 3463).
    #[schema(required)]
    status: Option<String>,
    /// The server's answer without what differs from one message to the next.
    #[schema(required)]
    text: Option<String>,
    events: u64,
    /// There may have been so many more.
    events_may_lack: u64,
    providers: Vec<ProviderDelays>,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    /// The latest answer as it was, but for addresses.
    #[schema(required)]
    example: Option<String>,
}

/// Reasons beyond `limit`.
#[derive(ToSchema)]
pub(crate) struct OtherDelayReasons {
    reasons: u64,
    events: u64,
}

/// Messages that were delivered after they had been delayed; times are from sending.
#[derive(ToSchema)]
pub(crate) struct DeliveredAfterDelay {
    deliveries: u64,
    #[schema(required)]
    p50_ms: Option<i64>,
    #[schema(required)]
    p95_ms: Option<i64>,
    #[schema(required)]
    p99_ms: Option<i64>,
    #[schema(required)]
    worst_ms: Option<i64>,
    steps: Vec<TimeStep>,
}

/// Messages that SES still tries to deliver.
#[derive(ToSchema)]
pub(crate) struct WaitingMessages {
    messages: u64,
    /// Those that it gives up first.
    next: Vec<UndecidedMessage>,
}

/// Messages whose time is over, and of which nothing was heard.
#[derive(ToSchema)]
pub(crate) struct OverdueMessages {
    messages: u64,
    first: Vec<UndecidedMessage>,
}

/// A message to a recipient, neither delivered nor bounced.
#[derive(ToSchema)]
pub(crate) struct UndecidedMessage {
    message_id: String,
    recipient: String,
    #[schema(required)]
    provider: Option<String>,
    #[schema(required)]
    delay_type: Option<String>,
    #[schema(required)]
    diagnostic_code: Option<String>,
    first_delay: DateTime<Utc>,
    last_delay: DateTime<Utc>,
    /// When SES stops trying.
    #[schema(required)]
    expires: Option<DateTime<Utc>>,
}

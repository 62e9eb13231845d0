//! Opens and clicks.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use repute_query::{BotReason, EngagementRows};
use utoipa::ToSchema;

use super::names;
use super::parameters::{by, choice, dimensions, format, number, parameters, query, since, text, until, window, zone};

/// Bounds of how many rows of a kind are asked for.
pub(crate) const LIMITS: (usize, usize) = (1, 10_000);

/// How many rows of a kind are told unless others are asked for.
pub(crate) const USUAL_LIMIT: usize = 100;

parameters! { EngagementParameters =
    since(),
    until(),
    choice("clock", "Whether `since` and `until` are about when mail was sent, or about when it was opened.", ["event", "sent"], "sent"),
    window("Width of a window; no windows without it."),
    zone("Whose days: windows of whole days begin at midnight there. Needs a `window` of whole days."),
    by(),
    number("limit", "How many groups and how many links at most, the largest.", LIMITS, USUAL_LIMIT),
    query("rows", "Which rows CSV has; without it groups, windows or all, by what is asked.", text().enum_values(Some(EngagementRows::ALL.map(EngagementRows::as_str)))),
    format(),
    dimensions(),
}

names! {
    /// Why an event is likely a bot's: the rules of `docs/engagement.md`.
    BotReasonName = BotReason::all().map(BotReason::name)
}

names! {
    /// What a reason makes of an event.
    BotVerdictName = ["bot", "proxy"]
}

/// Opens or clicks.
#[derive(ToSchema)]
pub(crate) struct ActsReport {
    /// All events.
    events: u64,
    /// Those that are likely bots'.
    likely_bots: u64,
    /// Those that image proxies made for readers, perhaps; not among `likely_bots`.
    image_proxies: u64,
    /// Messages with at least one.
    messages: u64,
    /// Messages with at least one that is no likely bot's.
    messages_without_bots: u64,
    /// `messages` over deliveries, a fraction; null without deliveries. Above 1 where deliveries lie outside of the range.
    #[schema(required, minimum = 0)]
    rate: Option<f64>,
    /// `messages_without_bots` over deliveries.
    #[schema(required, minimum = 0)]
    rate_without_bots: Option<f64>,
}

/// Opens and clicks, in all and divided.
#[derive(ToSchema)]
pub(crate) struct EngagementReport {
    /// Recipient rows of deliveries.
    deliveries: u64,
    opens: ActsReport,
    clicks: ActsReport,
    /// Events that SES itself judged, one way or the other.
    judged_by_ses: u64,
    /// In the order in which the rules are asked; those that fitted nothing are not there.
    reasons: Vec<BotReasonCount>,
    time_to_first_open: WaitedReport,
    time_to_first_click: WaitedReport,
    /// Where a `window` was asked for; those without any event are not there.
    windows: Vec<EngagementWindow>,
    /// Where `by` was asked for: those with most deliveries.
    groups: Vec<EngagementGroup>,
    others: OtherEngagement,
    /// Those with most clicks.
    links: Vec<LinkReport>,
    /// How many links are beyond `limit`.
    other_links: u64,
}

/// Events that are not simply taken for a reader's.
#[derive(ToSchema)]
pub(crate) struct BotReasonCount {
    reason: BotReasonName,
    is: BotVerdictName,
    opens: u64,
    clicks: u64,
    /// The reason in words.
    words: String,
    /// Who says so.
    source: String,
}

/// Times from sending to the first open or click of messages.
#[derive(ToSchema)]
pub(crate) struct WaitedReport {
    all: SpreadReport,
    without_bots: SpreadReport,
}

/// How long messages waited.
#[derive(ToSchema)]
pub(crate) struct SpreadReport {
    messages: u64,
    /// Half of them waited no longer.
    #[schema(required)]
    median_seconds: Option<i64>,
    /// Nine in ten waited no longer.
    #[schema(required)]
    p90_seconds: Option<i64>,
    steps: Vec<WaitStep>,
}

/// Messages that waited up to so long, and longer than the step before.
#[derive(ToSchema)]
pub(crate) struct WaitStep {
    /// Null for whatever is longer.
    #[schema(required)]
    up_to_seconds: Option<i64>,
    messages: u64,
}

/// A window.
#[derive(ToSchema)]
pub(crate) struct EngagementWindow {
    window_start: DateTime<Utc>,
    window_end: DateTime<Utc>,
    deliveries: u64,
    opens: ActsReport,
    clicks: ActsReport,
}

/// A group.
#[derive(ToSchema)]
pub(crate) struct EngagementGroup {
    /// One property for each dimension of `by`; null for mail without a value.
    #[serde(flatten)]
    group: BTreeMap<String, Option<String>>,
    deliveries: u64,
    opens: ActsReport,
    clicks: ActsReport,
}

/// What is beyond `limit`; a message that is in several groups counts in each.
#[derive(ToSchema)]
pub(crate) struct OtherEngagement {
    /// How many groups.
    groups: u64,
    deliveries: u64,
    opens: ActsReport,
    clicks: ActsReport,
}

/// A link, with the tags that it has in mail.
#[derive(ToSchema)]
pub(crate) struct LinkReport {
    #[schema(required)]
    link: Option<String>,
    /// `name=value; ...`
    #[schema(required)]
    link_tags: Option<String>,
    clicks: u64,
    likely_bots: u64,
    messages: u64,
    messages_without_bots: u64,
}

//! Counts and rates per window and group.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

use super::parameters::{by, choice, dimensions, format, parameters, since, until, window, zone};

parameters! { RatesParameters =
    window("Width of a window. Windows follow one another from 1970-01-01 on; one window over everything without it."),
    since(),
    until(),
    by(),
    choice("clock", "By which time something belongs to a window: its own, or that of the send it belongs to.", ["event", "sent"], "event"),
    zone("Whose days: windows of whole days begin at midnight there. Needs a `window` of whole days."),
    format(),
    dimensions(),
}

/// Figures of one group in one window. Windows and groups without any event are not there.
#[derive(ToSchema)]
pub(crate) struct RatesRow {
    /// Start of the window, inclusive; null where the question is open at that end.
    #[schema(required)]
    window_start: Option<DateTime<Utc>>,
    /// End of the window, exclusive; null where the question is open at that end.
    #[schema(required)]
    window_end: Option<DateTime<Utc>>,
    /// One property for each dimension of `by`; null for mail without a value.
    #[serde(flatten)]
    group: BTreeMap<String, Option<String>>,
    counts: Counts,
    aws: AwsRates,
    plain: PlainRates,
}

/// Recipient rows by what happened, nothing left out.
#[derive(ToSchema)]
pub(crate) struct Counts {
    send: u64,
    delivery: u64,
    /// Bounces of type Permanent.
    hard_bounce: u64,
    /// Bounces of type Transient.
    soft_bounce: u64,
    /// Bounces of any other type.
    undetermined_bounce: u64,
    complaint: u64,
    reject: u64,
    delivery_delay: u64,
    /// Opens, likely bots among them.
    open: u64,
    /// Clicks, likely bots among them.
    click: u64,
    rendering_failure: u64,
    /// Changes of a recipient's subscriptions.
    subscription: u64,
}

/// As Amazon SES counts.
#[derive(ToSchema)]
pub(crate) struct AwsRates {
    /// Sends that enter the bounce rate.
    eligible_sends: u64,
    /// Hard bounces that count.
    counted_bounces: u64,
    /// `counted_bounces` over `eligible_sends`, a fraction; null without such sends. Above 1 where bounces of earlier mail outnumber the sends.
    #[schema(required, minimum = 0)]
    bounce_rate: Option<f64>,
    /// Sends that enter the complaint rate: those to domains that report complaints.
    complaint_eligible_sends: u64,
    /// Complaints that count.
    counted_complaints: u64,
    /// `counted_complaints` over `complaint_eligible_sends`, a fraction; null without such sends.
    #[schema(required, minimum = 0)]
    complaint_rate: Option<f64>,
}

/// Of all events, nothing left out.
#[derive(ToSchema)]
pub(crate) struct PlainRates {
    /// All bounces over all sends, a fraction; null without sends.
    #[schema(required, minimum = 0)]
    bounce_rate: Option<f64>,
    /// All complaints over all deliveries, a fraction; null without deliveries.
    #[schema(required, minimum = 0)]
    complaint_rate: Option<f64>,
    /// Deliveries over sends, a fraction; null without sends.
    #[schema(required, minimum = 0)]
    delivery_rate: Option<f64>,
}

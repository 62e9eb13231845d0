//! Why mail bounced.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use repute_query::{BounceClass, MOST_REASONS};
use utoipa::ToSchema;

use super::names;
use super::parameters::{by, choices, dimensions, format, number, parameters, since, until};

parameters! { BouncesParameters =
    since(),
    until(),
    by(),
    choices("class", "Only these classes: repeated, or separated by commas.", BounceClass::ALL.map(BounceClass::as_str)),
    number("limit", "How many groups at most, the largest.", (1, MOST_REASONS), 50),
    format(),
    dimensions(),
}

names! {
    /// Why a bounce happened, told from its type, subtype, status and text.
    BounceClassName = BounceClass::ALL.map(BounceClass::as_str)
}

/// All bounces that were asked for, by class and by reason.
#[derive(ToSchema)]
pub(crate) struct BouncesReport {
    /// How many bounces.
    bounces: u64,
    /// How many of each class that occurs, the largest first.
    classes: Vec<ClassCount>,
    /// The largest groups of bounces with the same reason.
    groups: Vec<ReasonGroup>,
    others: OtherReasons,
    /// Whether there were more groups than can be told apart; counts may then lack what `count_may_lack` says.
    more_groups_than_told_apart: bool,
}

/// The bounces of a class.
#[derive(ToSchema)]
pub(crate) struct ClassCount {
    class: BounceClassName,
    count: u64,
    /// Of all bounces that were asked for, a fraction.
    #[schema(required, minimum = 0, maximum = 1)]
    share: Option<f64>,
}

/// Bounces with the same reason.
#[derive(ToSchema)]
pub(crate) struct ReasonGroup {
    /// One property for each dimension of `by`; null for mail without a value.
    #[serde(flatten)]
    group: BTreeMap<String, Option<String>>,
    class: BounceClassName,
    /// Enhanced status code (RFC 3463), of SES's report or else of the text.
    #[schema(required, example = "5.1.1")]
    status: Option<String>,
    /// `Permanent`, `Transient`, `Undetermined`, or what SES adds.
    #[schema(required)]
    bounce_type: Option<String>,
    /// `General`, `NoEmail`, `Suppressed`, ...
    #[schema(required)]
    bounce_subtype: Option<String>,
    /// The server's answer without what differs from one message to the next; null where SES reports none.
    #[schema(required)]
    text: Option<String>,
    /// How many bounces.
    count: u64,
    /// There may have been so many more; 0 unless `more_groups_than_told_apart`.
    count_may_lack: u64,
    /// Of all bounces that were asked for, a fraction.
    #[schema(required, minimum = 0, maximum = 1)]
    share: Option<f64>,
    /// The recipients' mailbox providers with most of them, at most three.
    #[schema(max_items = 3)]
    providers: Vec<ProviderCount>,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    /// The latest answer as it was, but for addresses.
    #[schema(required)]
    example: Option<String>,
}

/// Bounces of a mailbox provider.
#[derive(ToSchema)]
pub(crate) struct ProviderCount {
    provider: String,
    /// At least so many.
    count: u64,
}

/// What is beyond `limit`.
#[derive(ToSchema)]
pub(crate) struct OtherReasons {
    /// How many groups, as far as they were told apart.
    groups: u64,
    /// How many bounces.
    count: u64,
    /// Of all bounces that were asked for, a fraction.
    #[schema(required, minimum = 0, maximum = 1)]
    share: Option<f64>,
}

//! The rates AWS judges by.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use repute_query::{Exclusion, Silent};
use utoipa::ToSchema;

use super::names;

names! {
    /// Something that AWS does not say whether it counts.
    SilentName = Silent::ALL.map(Silent::as_str)
}

names! {
    /// Why something does not count.
    ExclusionName = Exclusion::ALL.map(Exclusion::as_str)
}

names! {
    /// Whose figures they are: an account's, or those of one of its configuration sets.
    ReputationScope = ["account", "configuration_set"]
}

/// The judged figures of every account and configuration set, and the rules they were counted by.
#[derive(ToSchema)]
pub(crate) struct ReputationReport {
    /// Eligible sends that the rates are taken over.
    last_eligible_sends: u64,
    /// Domains and addresses that are verified: mail to them does not count.
    verified_identities: Vec<String>,
    /// Recipient domains that report no complaints.
    no_feedback_loop: Vec<String>,
    /// What is counted although AWS does not say so.
    counted_where_aws_is_silent: Vec<SilentName>,
    /// What is left out although AWS does not say so.
    left_out_where_aws_is_silent: Vec<SilentName>,
    /// One for each account, and one for each of its configuration sets.
    reputation: Vec<Reputation>,
}

/// The judged figures of an account or a configuration set.
#[derive(ToSchema)]
pub(crate) struct Reputation {
    scope: ReputationScope,
    /// Null where the events name none.
    #[schema(required)]
    account_id: Option<String>,
    /// Of the scope `configuration_set` only; null for mail without one.
    configuration_set: Option<String>,
    /// Time of the first send that counts.
    from: DateTime<Utc>,
    /// Time of the last send in the lake.
    to: DateTime<Utc>,
    /// From first to last, in days.
    #[schema(minimum = 0)]
    span_days: f64,
    /// Whether there were as many eligible sends as `last_eligible_sends`.
    full_volume: bool,
    bounce: JudgedBounces,
    complaint: JudgedComplaints,
}

/// The bounce rate, and how it comes about.
#[derive(ToSchema)]
pub(crate) struct JudgedBounces {
    /// All sends of the span.
    sends: u64,
    /// Sends that do not count, by reason; reasons without any are not there.
    excluded_sends: BTreeMap<ExclusionName, u64>,
    /// `sends` less those that do not count.
    eligible_sends: u64,
    /// All bounces of those sends.
    bounces: u64,
    /// Bounces that do not count, by reason; reasons without any are not there.
    excluded_bounces: BTreeMap<ExclusionName, u64>,
    /// `bounces` less those that do not count.
    counted_bounces: u64,
    /// `counted_bounces` over `eligible_sends`, a fraction; null without such sends.
    #[schema(required, minimum = 0)]
    bounce_rate: Option<f64>,
    /// Ends of the 95 % Wilson score interval of the rate, fractions.
    #[schema(min_items = 2, max_items = 2)]
    interval_95: Vec<f64>,
    /// At this rate AWS puts an account under review, a fraction.
    review_line: f64,
    /// At this rate AWS may pause sending, a fraction.
    pause_line: f64,
    /// So many more counted bounces bring the rate to the review line.
    headroom_review: u64,
    /// So many more counted bounces bring the rate to the pause line.
    headroom_pause: u64,
    /// Days until the review line is reached if mail goes on as it did lately; null if it will not be, or there was too little mail.
    #[schema(required, minimum = 0)]
    days_to_review: Option<f64>,
    /// Days until the pause line is reached if mail goes on as it did lately; null if it will not be, or there was too little mail.
    #[schema(required, minimum = 0)]
    days_to_pause: Option<f64>,
}

/// The complaint rate, and how it comes about.
#[derive(ToSchema)]
pub(crate) struct JudgedComplaints {
    /// All sends of the span.
    sends: u64,
    /// Sends that do not count, by reason; reasons without any are not there.
    excluded_sends: BTreeMap<ExclusionName, u64>,
    /// `sends` less those that do not count.
    complaint_eligible_sends: u64,
    /// All complaints about those sends.
    complaints: u64,
    /// Complaints that do not count, by reason; reasons without any are not there.
    excluded_complaints: BTreeMap<ExclusionName, u64>,
    /// `complaints` less those that do not count.
    counted_complaints: u64,
    /// `counted_complaints` over `complaint_eligible_sends`, a fraction; null without such sends.
    #[schema(required, minimum = 0)]
    complaint_rate: Option<f64>,
    /// Ends of the 95 % Wilson score interval of the rate, fractions.
    #[schema(min_items = 2, max_items = 2)]
    interval_95: Vec<f64>,
    /// At this rate AWS puts an account under review, a fraction.
    review_line: f64,
    /// At this rate AWS may pause sending, a fraction.
    pause_line: f64,
    /// So many more counted complaints bring the rate to the review line.
    headroom_review: u64,
    /// So many more counted complaints bring the rate to the pause line.
    headroom_pause: u64,
    /// Days until the review line is reached if mail goes on as it did lately; null if it will not be, or there was too little mail.
    #[schema(required, minimum = 0)]
    days_to_review: Option<f64>,
    /// Days until the pause line is reached if mail goes on as it did lately; null if it will not be, or there was too little mail.
    #[schema(required, minimum = 0)]
    days_to_pause: Option<f64>,
}

//! What a correct reader must find in a generated dump, and by which rules it is counted.
//!
//! **Rows.** Everything is counted in recipient rows, after duplicates are removed. Send, Reject and Rendering Failure
//! have one row per destination; Delivery, Bounce, Complaint and DeliveryDelay one per recipient they list; Open, Click
//! and Subscription one row in all, with a recipient only if the mail has exactly one destination.
//!
//! **Clocks.** An event falls into a window by its own time (`event`; for Send, Reject and Rendering Failure that is
//! `mail.timestamp`) or by `mail.timestamp` (`sent`). An event without `mail.timestamp` is in no `sent` window. Windows
//! are whole UTC hours and days, lower limit included; windows without any row are left out.
//!
//! **Classes.** A recipient is, by the first that fits: `simulator` (at `simulator.amazonses.com`), `verified_domain`
//! (at one of the sender's own domains), `no_feedback_loop` (at `gmail.com` or `googlemail.com`), or ordinary.
//!
//! **Counts.** `hard_bounce` is bounce type `Permanent` of whatever subtype, `soft_bounce` `Transient`,
//! `undetermined_bounce` anything else.
//!
//! **As AWS counts.** *Suppressed* bounces are `Permanent` ones with the subtype `OnAccountSuppressionList`,
//! `OnTenantSuppressionList`, `EmailValidationSuppressed` or `UnsubscribedRecipient`. Then, over one window and clock:
//! - `eligible_sends`: Send rows to ordinary and no-feedback-loop recipients, minus suppressed bounces of such recipients
//!   (never below 0);
//! - `counted_bounces`: `Permanent` bounces of such recipients that are not suppressed ones;
//! - `complaint_eligible_sends`: as `eligible_sends`, for ordinary recipients alone;
//! - `counted_complaints`: Complaint rows of ordinary recipients, except feedback type `not-spam` and subtypes
//!   `OnAccountSuppressionList` and `OnTenantSuppressionList`. Each listed recipient counts, though SES lists candidates.
//!
//! **Plain.** All bounces by sends, complaints by deliveries, deliveries by sends. A rate over nothing is null.
//!
//! **Exclusions** carry the first reason that fits, in the order of the fields of [`SendExclusions`],
//! [`BounceExclusions`] and [`ComplaintExclusions`]. For sends they add up: `send = complaint_eligible_sends` plus all
//! exclusions, and `eligible_sends = complaint_eligible_sends + no_feedback_loop`.
//!
//! **Last N eligible sends.** The latest time t such that eligible sends sent at or after t number at least N (all that
//! were sent at t included); everything, if there are fewer in all. All numbers are those of mail sent at or after t.
//!
//! Rates are written in full; reading them back through a decimal parser that rounds in its own way may move the last
//! bit, so compare them with a tolerance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::Framing;

/// The truth about one dump: what is in `truth.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Seed of the plan.
    pub seed: u64,
    /// Framing of the plan.
    pub framing: Framing,
    /// Whether the objects are compressed.
    pub gzip: bool,
    /// Records in all objects: `events + duplicates`.
    pub records: u64,
    /// Unique events.
    pub events: u64,
    /// Records that repeat an earlier one byte for byte.
    pub duplicates: u64,
    /// Recipient rows of the unique events.
    pub rows: u64,
    /// Objects written.
    pub objects: u64,
    /// Size of the objects as they lie on disk.
    pub bytes: u64,
    /// Size of the objects before compression, framing included.
    pub decoded_bytes: u64,
    /// Time of the first event, RFC 3339 UTC with milliseconds.
    pub first_event: String,
    /// Time of the last event.
    pub last_event: String,
    /// `mail.sendingAccountId` of all events.
    pub account_id: String,
    /// Region of all events (it shows in `mail.sourceArn`).
    pub region: String,
    /// Domains to treat as verified by the sender.
    pub verified_domains: Vec<String>,
    /// The incident, if the plan has one.
    pub incident: Option<Incident>,
    /// Rows by kind over the whole dump.
    pub totals: Counts,
    /// Standing over the last eligible sends: of the account, then of each configuration set by name.
    pub reputation: Vec<Reputation>,
    /// Windows: for both clocks, hours and days of everything and by `configuration_set`, days by `recipient_domain` and
    /// by `campaign`.
    pub cells: Vec<Cell>,
}

/// When and where the old list was mailed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The configuration set.
    pub configuration_set: String,
    /// The campaign tag of the mail.
    pub campaign: String,
    /// First hour, RFC 3339 UTC.
    pub from: String,
    /// End of the last hour.
    pub to: String,
}

/// Recipient rows by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the event types")]
pub struct Counts {
    pub send: u64,
    pub delivery: u64,
    pub hard_bounce: u64,
    pub soft_bounce: u64,
    pub undetermined_bounce: u64,
    pub complaint: u64,
    pub reject: u64,
    pub delivery_delay: u64,
    pub open: u64,
    pub click: u64,
    pub rendering_failure: u64,
    pub subscription: u64,
}

/// The rates AWS judges by, with their parts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the module says how each is counted")]
pub struct Aws {
    pub eligible_sends: u64,
    pub counted_bounces: u64,
    pub bounce_rate: Option<f64>,
    pub complaint_eligible_sends: u64,
    pub counted_complaints: u64,
    pub complaint_rate: Option<f64>,
}

/// Rates with nothing excluded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the module says how each is counted")]
pub struct Plain {
    pub bounce_rate: Option<f64>,
    pub complaint_rate: Option<f64>,
    pub delivery_rate: Option<f64>,
}

/// Which time puts an event into a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// When it happened.
    Event,
    /// When its mail was sent.
    Sent,
}

/// The length of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Window {
    /// A UTC hour.
    #[serde(rename = "1h")]
    Hour,
    /// A UTC day.
    #[serde(rename = "1d")]
    Day,
}

/// One window of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The clock the window is on.
    pub clock: Clock,
    /// Its length.
    pub window: Window,
    /// Its first instant, RFC 3339 UTC.
    pub window_start: String,
    /// The first instant after it.
    pub window_end: String,
    /// The group: empty for everything, otherwise one dimension with its value, null where a row has none.
    pub group: BTreeMap<String, Option<String>>,
    /// Rows by kind.
    pub counts: Counts,
    /// As AWS counts.
    pub aws: Aws,
    /// As everyone counts.
    pub plain: Plain,
}

/// Standing over the last eligible sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reputation {
    /// Empty for the account, otherwise the `configuration_set`.
    pub group: BTreeMap<String, Option<String>>,
    /// How many eligible sends were asked for.
    pub last: u64,
    /// Send time of the earliest mail counted, RFC 3339 UTC with milliseconds; null if nothing was sent.
    pub from: Option<String>,
    /// As AWS counts.
    #[serde(flatten)]
    pub aws: Aws,
    /// What was left out, by reason.
    pub excluded: Excluded,
}

/// Rows left out of the rates, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    /// Of the sends.
    pub sends: SendExclusions,
    /// Of the bounces.
    pub bounces: BounceExclusions,
    /// Of the complaints.
    pub complaints: ComplaintExclusions,
}

/// Why sends are not eligible. Suppressed ones are known by their bounces; `no_feedback_loop` holds the eligible sends
/// that are left out for complaints only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the reasons")]
pub struct SendExclusions {
    pub simulator: u64,
    pub verified_domain: u64,
    pub account_suppression: u64,
    pub tenant_suppression: u64,
    pub email_validation: u64,
    pub unsubscribed: u64,
    pub no_feedback_loop: u64,
}

/// Why bounces are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the reasons")]
pub struct BounceExclusions {
    pub soft: u64,
    pub undetermined: u64,
    pub simulator: u64,
    pub verified_domain: u64,
    pub account_suppression: u64,
    pub tenant_suppression: u64,
    pub email_validation: u64,
    pub unsubscribed: u64,
}

/// Why complaints are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the reasons")]
pub struct ComplaintExclusions {
    pub not_spam: u64,
    pub account_suppression: u64,
    pub tenant_suppression: u64,
    pub no_feedback_loop: u64,
    pub verified_domain: u64,
    pub simulator: u64,
}

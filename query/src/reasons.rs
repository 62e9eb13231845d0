//! Why mail bounced: normalised texts, classes, and groups of equal reasons.
//!
//! ```text
//! bounces ── normalise ──> text ── classify ──> class ── groups ──> the largest, with first, last, providers, an example
//!       └──> days in memory, each text normalised once ── count ──┘
//! ```
//! Days are asked first; rows are read where they would take too much memory, or have more reasons than are told apart.

mod classify;
mod count;
mod day;
mod days;
mod groups;
mod mail;
mod normalise;
mod tail;

pub(crate) use classify::Bounce;
pub use classify::{BounceClass, Classifier, ReasonRule, UnknownClass, WrongReason};
pub(crate) use count::Rows;
pub(crate) use day::Day;
pub(crate) use days::ReasonDays;
pub use groups::{BounceQuery, BounceReasons, MOST_REASONS, ReasonGroup, bounce_reasons};
pub(crate) use groups::{FIXED, Found, Grouped, example};
pub(crate) use mail::mail_key;
pub use normalise::normalise;
pub(crate) use normalise::status_in;
pub(crate) use tail::Frequent;

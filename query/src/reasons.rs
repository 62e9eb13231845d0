//! Why mail bounced: normalised texts, classes, and groups of equal reasons.
//!
//! ```text
//! bounces ── normalise ──> text ── classify ──> class ── groups ──> the largest, with first, last, providers, an example
//! ```

mod classify;
mod groups;
mod normalise;
mod tail;

pub(crate) use classify::Bounce;
pub use classify::{BounceClass, Classifier, ReasonRule, UnknownClass, WrongReason};
pub use groups::{BounceQuery, BounceReasons, MOST_REASONS, ReasonGroup, bounce_reasons};
pub(crate) use groups::{FIXED, Grouped, Largest, example};
pub use normalise::normalise;
pub(crate) use normalise::status_in;
pub(crate) use tail::Frequent;

//! The examiner: seeded Amazon SES event dumps that come with their truth, and (in `samples/`) hand-written payloads
//! with their verdicts.
//!
//! ```text
//! Plan -> calendar -> message -> fate -> arrivals -> wire -> firehose -> objects
//!                                           `-> ledger, reputation -> truth.json
//! ```
//!
//! [`generate()`] writes what Firehose would have put into a bucket and counts, from its own decisions and never by
//! reading the output back, what a correct reader must find in it ([`Truth`]). The crate imports nothing of the rest of
//! the workspace, so that it can judge it.

mod plan;

mod calendar;
mod domain;
mod profile;

mod fate;
mod message;
mod outcome;
mod rarity;

mod diagnostic;
mod wire;

mod arrivals;
mod firehose;

mod ledger;
mod reputation;
mod tally;
pub mod truth;

mod error;
mod generate;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod samples;

pub use error::GenerateError;
pub use generate::generate;
pub use plan::{ACCOUNT_ID, Framing, Plan, REGION, VERIFIED_DOMAINS};
pub use truth::Truth;

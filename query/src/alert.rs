//! Alert rules: pure functions of rules, measured numbers and minutes.
//!
//! ```text
//! tally ── metric ──> Measured ── judge ──> Verdict ──(one a minute)──> machine ──> State
//! ```

mod judge;
mod machine;
mod metric;
mod rule;
mod silence;
mod sums;

pub(crate) use judge::state_of;
pub use judge::{Measured, Verdict, decisive, judge};
pub(crate) use machine::Machine;
pub use metric::{Counting, JudgedRate, Metric, Unit, UnknownMetric};
pub use rule::{Compare, Confidence, Expected, Missing, Rule, Window, default_rules};
pub use silence::Silence;
pub(crate) use sums::{Sums, Weights};

/// The state of a rule for one group, or of a whole check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Below the thresholds.
    Ok,
    /// A threshold is reached, but not yet for long enough.
    Pending,
    /// At or above the first threshold.
    Warning,
    /// At or above the second threshold.
    Critical,
    /// Too little, too old or no data: no verdict, never OK.
    NoData,
}

impl State {
    /// All of them, from well to unknown.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Pending, Self::Warning, Self::Critical, Self::NoData];

    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Pending => "PENDING",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::NoData => "NO DATA",
        }
    }
}

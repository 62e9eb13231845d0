//! The doctor's findings.

use utoipa::ToSchema;

use super::names;

names! {
    /// A problem: figures are wrong, impossible or missing. A warning: they mislead, or will. A note: nothing is wrong.
    SeverityName = ["note", "warning", "problem"]
}

/// What was found.
#[derive(ToSchema)]
pub(crate) struct HealthReport {
    /// How many problems.
    problems: u64,
    /// How many warnings.
    warnings: u64,
    /// How many notes.
    notes: u64,
    /// The worst first.
    findings: Vec<Advice>,
}

/// A finding.
#[derive(ToSchema)]
pub(crate) struct Advice {
    /// Name of the check, as the documentation has it.
    #[schema(example = "missing_sends")]
    check: String,
    severity: SeverityName,
    /// What is the matter, a sentence without its period.
    title: String,
    /// The numbers that show it, a sentence each.
    evidence: Vec<String>,
    /// What to do, in sentences.
    remedy: String,
    /// Where the check is explained.
    #[schema(example = "docs/doctor.md#missing_sends")]
    documentation: String,
}

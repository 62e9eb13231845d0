//! `GET /health`: why something is empty, impossible or not what it seems, worst first.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use repute_query::{Advice, Severity, damaged_lake, diagnose, explanation, no_lake, watched_advice};

use super::Shell;
use super::level::icon;
use crate::failure::{Failure, PageFailure};
use crate::filters::Filters;
use crate::format;
use crate::parameters::Parameters;
use crate::state::AppState;

const PATH: &str = "/health";

/// A paragraph: text, and what is to be typed.
pub(super) struct Words(pub(super) Vec<(bool, String)>);

/// Splits a paragraph where backticks are.
pub(super) fn words(paragraph: &str) -> Words {
    let parts = paragraph.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    Words(parts.map(|(index, part)| (index % 2 == 1, format::printable(part))).collect())
}

/// A finding.
struct Finding {
    check: &'static str,
    tone: &'static str,
    severity: &'static str,
    title: String,
    evidence: Vec<Words>,
    remedy: Words,
    more: Vec<Words>,
}

impl Finding {
    fn new(advice: &Advice) -> Self {
        let (tone, severity) = match advice.severity {
            Severity::Problem => ("bad", "Problem"),
            Severity::Warning => ("warn", "Warning"),
            Severity::Note => ("quiet", "Note"),
        };
        Self {
            check: advice.check,
            tone,
            severity,
            title: format::printable(&advice.title),
            evidence: advice.evidence.iter().map(|evidence| words(evidence)).collect(),
            remedy: words(&advice.remedy),
            more: explanation(advice.check).iter().map(|paragraph| words(paragraph)).collect(),
        }
    }

    fn icon(&self) -> &'static str {
        icon(self.tone)
    }
}

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    shell: Shell,
    tone: &'static str,
    title: String,
    summary: String,
    findings: Vec<Finding>,
    notes: Vec<Finding>,
    location: String,
}

impl HealthPage {
    fn icon(&self) -> &'static str {
        icon(self.tone)
    }
}

/// `GET /health`.
pub(crate) async fn health(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, PageFailure> {
    let filters = Filters::from_query(&Parameters::lenient(query.as_deref()), state.now())?;
    let found = advice(&state).await?;
    let number = |severity: Severity| found.iter().filter(|advice| advice.severity == severity).count() as u64;
    let (problems, warnings) = (number(Severity::Problem), number(Severity::Warning));
    let (tone, title) = match (problems, warnings) {
        (0, 0) => ("good", "Nothing is wrong".to_owned()),
        (0, warnings) => ("warn", format::count(warnings, "warning")),
        (problems, 0) => ("bad", format::count(problems, "problem")),
        (problems, warnings) => {
            ("bad", format!("{}, {}", format::count(problems, "problem"), format::count(warnings, "warning")))
        }
    };
    let (notes, findings): (Vec<&Advice>, Vec<&Advice>) =
        found.iter().partition(|advice| !advice.severity.is_finding());
    let page = HealthPage {
        shell: Shell::new(&state, PATH).with_filters(&state, &filters),
        tone,
        title,
        summary: match (findings.first(), notes.len()) {
            (Some(worst), _) => format!("{}.", format::printable(&worst.title)),
            (None, 0) => "Every check of the lake, its events and what watches them found all in order.".to_owned(),
            (None, _) => "Every check found all in order; below is what is worth knowing.".to_owned(),
        },
        findings: findings.into_iter().map(Finding::new).collect(),
        notes: notes.into_iter().map(Finding::new).collect(),
        location: format::printable(state.location()),
    };
    Ok(Html(page.render()?))
}

/// What the doctor has to say about the lake as the server sees it.
pub(crate) async fn advice(state: &AppState) -> Result<Vec<Advice>, Failure> {
    let trouble = state
        .trouble()
        .map(|trouble| damaged_lake(&format!("since {}: {}", format::time(trouble.since), trouble.what), ""));
    let Some(reader) = state.reader() else {
        let around = state.around();
        let watched = watched_advice(&around.watched, around.now);
        return Ok(trouble.or_else(|| Some(no_lake(state.location()))).into_iter().chain(watched).collect());
    };
    let found = diagnose(&reader, &state.around()).await?;
    Ok(trouble.into_iter().chain(found).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_stands_apart() {
        let parts = words("Run `repute lake compact`, or `x`.").0;
        let parts: Vec<(bool, &str)> = parts.iter().map(|(is_code, text)| (*is_code, text.as_str())).collect();
        assert_eq!(
            parts,
            [(false, "Run "), (true, "repute lake compact"), (false, ", or "), (true, "x"), (false, ".")]
        );
        assert!(words("").0.is_empty());
    }
}

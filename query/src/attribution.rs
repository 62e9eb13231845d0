//! Where an alarm comes from: which value of which dimension brought how much of the excess over its own past.
//!
//! ```text
//! finding ── the same counts by each dimension, then and in the days before ──> excess of each value ──> the telling ones
//! ```
//! A value's excess is its events less what its sends would have brought at its own past rate. Where a value has little past, its rate
//! is drawn towards that of the whole, by as much as the values of the dimension did not differ: the empirical Bayes estimator by
//! moments of R. J. Marshall, "Mapping Disease and Mortality Rates using Empirical Bayes Estimators", Applied Statistics 40 (1991).
//! What is left of the whole's excess is a change of the mix: more of the mail belongs to values that were bad before. Source: E. M.
//! Kitagawa, "Components of a Difference Between Two Rates", JASA 50 (1955).

mod counts;
mod frame;
mod words;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, timeout_at};

use crate::alert::{Measured, Metric, Rule, State, Window};
use crate::check::{CheckResult, Finding};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::scan::Reader;
use crate::tally::Tally;
use counts::{Question, counts};
use frame::Frame;

/// How far back the past goes before what was measured.
const PAST: TimeDelta = TimeDelta::days(7);

/// So many findings of a check are looked into.
const MOST_FINDINGS: usize = 8;

/// So many values of a dimension are told.
const TOLD_VALUES: usize = 5;

/// Where alarms come from, as far as it was found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// What the excess is over.
    pub baseline: Baseline,
    /// What was measured, all together.
    pub measured: Measured,
    /// What was to be expected.
    pub expected: f64,
    /// The difference, on the bad side.
    pub excess: f64,
    /// Dimensions with more than one value, each with its most telling ones.
    pub dimensions: Vec<Divided>,
    /// What it comes to, in one sentence.
    pub why: String,
}

/// What an excess is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Baseline {
    /// The same mail in these days.
    Past {
        /// Their start.
        from: DateTime<Utc>,
        /// Their end.
        to: DateTime<Utc>,
        /// What was measured then.
        measured: Measured,
    },
    /// The rule's first threshold, as there is no past, or one that was as bad.
    Threshold(f64),
}

/// An excess by the values of a dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Divided {
    /// Which.
    pub dimension: Dimension,
    /// Whether sends have it, too; of bounces alone only their number can be compared.
    pub of_sends: bool,
    /// The share of the whole's excess that is a change of the mix.
    pub mix: f64,
    /// The values with the largest excess, or the largest part in the mix.
    pub values: Vec<Part>,
}

/// What a value brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The value; `None` for mail without one.
    pub value: Option<String>,
    /// What was measured.
    pub measured: Measured,
    /// The same in the past.
    pub past: Measured,
    /// What its sends would have brought at its own past rate.
    pub expected: f64,
    /// The difference, on the bad side.
    pub excess: f64,
    /// Its share in the whole's excess.
    pub share: f64,
    /// The share of the whole's excess that comes of its part of the mail being another than before.
    pub mix: f64,
}

/// What is looked at, the more telling first, unless told otherwise; promoted tags come after campaign and template.
fn usual_dimensions(promoted_tags: &[String]) -> Vec<Dimension> {
    let named = |name: &str| name.parse::<Dimension>().ok();
    let first = ["campaign", "template"].into_iter().filter_map(named);
    let tags = promoted_tags.iter().map(|tag| Dimension::Tag(tag.clone()));
    let others = [
        "configuration_set",
        "tenant",
        "provider",
        "from_domain",
        "caller_identity",
        "recipient_domain",
        "outgoing_ip",
    ];
    first.chain(tags).chain(others.into_iter().filter_map(named)).collect()
}

/// Looks into the alarms of a check until the deadline, by these dimensions (not at all by none) or else the usual ones. What fails or comes too
/// late leaves the result as it was, with a word on it.
pub async fn attribute_alarms(
    reader: &Reader,
    rules: &[Rule],
    dimensions: Option<&[Dimension]>,
    result: &mut CheckResult,
    now: DateTime<Utc>,
    deadline: Option<Instant>,
) {
    let usual = usual_dimensions(reader.promoted_tags());
    let dimensions = dimensions.unwrap_or(&usual);
    if dimensions.is_empty() {
        return;
    }
    let is_told = |finding: &&mut Finding| {
        finding.muted.is_none() && matches!(finding.verdict.state, State::Warning | State::Critical)
    };
    for finding in result.findings.iter_mut().filter(is_told).take(MOST_FINDINGS) {
        let Some(rule) = rules.iter().find(|rule| rule.name == finding.rule) else { continue };
        let question = attribution(reader, rule, dimensions, finding, now);
        let answer = match deadline {
            Some(deadline) => timeout_at(deadline, question).await.map_err(|_| "no time was left".to_owned()),
            None => Ok(question.await),
        };
        finding.attribution = match answer {
            Ok(Ok(found)) => found.map(|found| Ok(Box::new(found))),
            Ok(Err(error)) => Some(Err(error.to_string())),
            Err(late) => Some(Err(late)),
        };
    }
}

/// Where one finding comes from; `None` where there is nothing to divide.
pub async fn attribution(
    reader: &Reader,
    rule: &Rule,
    dimensions: &[Dimension],
    finding: &Finding,
    now: DateTime<Utc>,
) -> Result<Option<Attribution>, QueryError> {
    let Some((from, to)) = finding.span.filter(|_| !rule.metric.is_gauge()) else { return Ok(None) };
    let mut by: Vec<Dimension> = Vec::new();
    for dimension in dimensions.iter().chain(&kinds(rule.metric)) {
        let is_fixed = finding.group.iter().chain(&rule.only).any(|(fixed, _)| fixed == dimension);
        if !is_fixed && !by.contains(dimension) {
            by.push(dimension.clone());
        }
    }
    let present = Question { rule, finding, from, to: matches!(rule.window, Window::Minutes(_)).then_some(to), now };
    let past = Question { from: from - PAST, to: Some(from), ..present };
    let found = counts(reader, &present.selection(), &by, None).await?;
    let before = counts(reader, &past.selection(), &by, Some(&found.by)).await?;
    let measure = |tally: &Tally| rule.metric.measure(rule.counting, tally);
    let Some(frame) = Frame::of(rule, finding.measured, measure(&before.whole), (past.from, from), to) else {
        return Ok(None);
    };
    let mut divided = Vec::new();
    for ((dimension, now), then) in by.iter().zip(&found.by).zip(&before.by) {
        let is_kind = kinds(rule.metric).contains(dimension);
        if !now.is_too_many && (is_kind || now.values.len() > 1) {
            divided.push(frame.divide(dimension, &now.measured(measure), &then.measured(measure), measure(&then.rest)));
        }
    }
    let why = words::why(rule.metric, &frame, &divided);
    for divided in &mut divided {
        divided.values.truncate(TOLD_VALUES);
    }
    Ok(Some(Attribution {
        baseline: frame.baseline,
        measured: frame.measured,
        expected: frame.expected,
        excess: frame.excess,
        dimensions: divided,
        why,
    }))
}

/// Dimensions that only the events have, not the sends: what kind of bounces they are.
fn kinds(metric: Metric) -> Vec<Dimension> {
    match metric {
        Metric::BounceRate | Metric::SoftBounceRate | Metric::Bounces => vec![Dimension::BounceClass],
        Metric::DelayRate => "delay_type".parse().into_iter().collect(),
        _ => Vec::new(),
    }
}

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

mod words;

use std::collections::{BTreeMap, HashMap};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int16Type};
use chrono::{DateTime, TimeDelta, Utc};
use datafusion::logical_expr::cast;
use futures::TryStreamExt;
use tokio::time::{Instant, timeout_at};

use crate::alert::{Compare, Measured, Metric, Rule, State, Window};
use crate::check::{CheckResult, Finding};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::scan::{Reader, Selection};
use crate::tally::Tally;

/// How far back the past goes before what was measured.
const PAST: TimeDelta = TimeDelta::days(7);

/// With fewer sends there is no past.
const LEAST_PAST: u64 = 50;

/// So many findings of a check are looked into.
const MOST_FINDINGS: usize = 8;

/// A dimension with more values says nothing that could be read.
const MOST_VALUES: usize = 10_000;

/// So many values of a dimension are told.
const TOLD_VALUES: usize = 5;

/// An excess below this share of what was measured is none.
const LEAST_EXCESS: f64 = 0.1;

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

/// Counts for a finding's mail in some span.
#[derive(Clone, Copy)]
struct Question<'a> {
    rule: &'a Rule,
    finding: &'a Finding,
    from: DateTime<Utc>,
    to: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
}

impl Question<'_> {
    fn selection(&self) -> Selection {
        let account = (Dimension::ACCOUNT, self.finding.account_id.clone());
        Selection {
            clock: self.clock(),
            since: Some(self.from),
            until: self.to,
            as_of: Some(self.now),
            types: self.rule.metric.types(self.rule.counting).to_vec(),
            only: self.rule.only.iter().chain(&self.finding.group).cloned().chain([account]).collect(),
            ..Selection::default()
        }
    }

    fn clock(&self) -> crate::scan::Clock {
        match self.rule.window {
            Window::LastSends(_) => crate::scan::Clock::Sent,
            Window::Minutes(_) => self.rule.clock,
        }
    }
}

/// Counts of some mail as a whole, and by several dimensions, from one scan.
struct Counts {
    whole: Tally,
    by: Vec<ByValue>,
}

/// Counts by the values of one dimension.
#[derive(Default)]
struct ByValue {
    values: HashMap<Option<String>, Tally>,
    /// Of values that were not asked for.
    rest: Tally,
    is_too_many: bool,
}

impl ByValue {
    fn measured(&self, measure: impl Fn(&Tally) -> Measured) -> BTreeMap<Option<String>, Measured> {
        self.values.iter().map(|(value, tally)| (value.clone(), measure(tally))).collect()
    }
}

/// Counts what the selection names, by each dimension for itself; of values only those that `known` has, if it is given.
async fn counts(
    reader: &Reader,
    selection: &Selection,
    by: &[Dimension],
    known: Option<&[ByValue]>,
) -> Result<Counts, QueryError> {
    let mut columns = vec![reader.cell().alias("cell")];
    for (index, dimension) in by.iter().enumerate() {
        columns.push(cast(reader.expression(dimension), DataType::Utf8View).alias(format!("group_{index}")));
    }
    let _turn = reader.turn().await?;
    let mut stream = reader.events(selection).await?.select(columns)?.execute_stream().await?;
    let mut counts = Counts { whole: Tally::default(), by: by.iter().map(|_| ByValue::default()).collect() };
    while let Some(batch) = stream.try_next().await? {
        count(&batch, &mut counts, known);
    }
    let tallies = counts.by.iter_mut().flat_map(|by| by.values.values_mut().chain([&mut by.rest]));
    tallies.chain([&mut counts.whole]).for_each(|tally| reader.rules().settle(tally));
    Ok(counts)
}

fn count(batch: &RecordBatch, counts: &mut Counts, known: Option<&[ByValue]>) {
    let cells = batch.column(0).as_primitive::<Int16Type>();
    cells.iter().flatten().for_each(|cell| counts.whole.add_cell(cell, 1));
    for (index, by) in counts.by.iter_mut().enumerate().filter(|(_, by)| !by.is_too_many) {
        let known = known.and_then(|known| known.get(index));
        let Some(values) = batch.column(1 + index).as_string_view_opt() else { continue };
        // Rows of one value by cell: few, so that a value is looked up once a batch.
        let mut of_batch: HashMap<(Option<&str>, i16), u64> = HashMap::new();
        for (value, cell) in values.iter().zip(cells.iter()) {
            if let Some(cell) = cell {
                *of_batch.entry((value, cell)).or_default() += 1;
            }
        }
        for ((value, cell), rows) in of_batch {
            let value = value.map(str::to_owned);
            if known.is_some_and(|known| !known.values.contains_key(&value)) {
                by.rest.add_cell(cell, rows);
            } else {
                by.values.entry(value).or_default().add_cell(cell, rows);
            }
        }
        if by.values.len() > MOST_VALUES {
            *by = ByValue { is_too_many: true, ..ByValue::default() };
        }
    }
}

/// What the whole brought and was expected to bring; values are held against it.
struct Frame {
    metric: Metric,
    /// On which side there is trouble: 1 or -1.
    sign: f64,
    measured: Measured,
    baseline: Baseline,
    /// Past of the whole, and the rate that the expectation rests on.
    past: Measured,
    rate: f64,
    /// The length of what was measured over that of the past: numbers are scaled by it.
    scale: f64,
    expected: f64,
    excess: f64,
}

impl Frame {
    fn of(
        rule: &Rule,
        measured: Measured,
        past: Measured,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        end: DateTime<Utc>,
    ) -> Option<Self> {
        let sign = if rule.compare == Compare::Above { 1.0 } else { -1.0 };
        let scale = (end - to).num_seconds() as f64 / (to - from).num_seconds() as f64;
        let threshold = rule.warn.or(rule.critical)?;
        let is_rate = rule.metric.is_rate();
        let expect = |rate: f64| if is_rate { rate * measured.sends as f64 } else { rate };
        let rate = if is_rate { past.rate().unwrap_or_default() } else { past.events as f64 * scale };
        let expected = expect(rate);
        let excess = sign * (measured.events as f64 - expected);
        let is_past = past.sends >= LEAST_PAST && excess > LEAST_EXCESS * measured.events.max(1) as f64;
        let frame = Self {
            metric: rule.metric,
            sign,
            measured,
            baseline: Baseline::Past { from, to, measured: past },
            past,
            rate,
            scale,
            expected,
            excess,
        };
        if is_past {
            return Some(frame);
        }
        let expected = expect(threshold);
        let excess = sign * (measured.events as f64 - expected);
        let baseline = Baseline::Threshold(threshold);
        (is_rate && excess > 0.0).then_some(Self { baseline, rate: threshold, expected, excess, ..frame })
    }

    fn has_past(&self) -> bool {
        matches!(self.baseline, Baseline::Past { .. })
    }

    fn divide(
        &self,
        dimension: &Dimension,
        now: &BTreeMap<Option<String>, Measured>,
        past: &BTreeMap<Option<String>, Measured>,
        rest: Measured,
    ) -> Divided {
        let without_sends: u64 = now.values().filter(|m| m.sends == 0).map(|m| m.events).sum();
        let of_sends = !self.metric.is_rate() || 2 * without_sends <= self.measured.events;
        let estimator = Estimator::of(past.values().copied().chain([rest]), self.rate);
        let mut values: Vec<Part> = now
            .iter()
            .map(|(value, measured)| {
                let before = past.get(value).copied().unwrap_or_default();
                self.part(value.clone(), *measured, before, of_sends, &estimator)
            })
            .collect();
        // Values that only the past has are less of the mail now, too.
        let gone = self.part(None, Measured::default(), rest, of_sends, &estimator);
        let mix = values.iter().chain([&gone]).map(|part| part.mix).sum();
        values.sort_by(|a, b| b.telling().total_cmp(&a.telling()).then_with(|| a.value.cmp(&b.value)));
        Divided { dimension: dimension.clone(), of_sends, mix, values }
    }

    fn part(
        &self,
        value: Option<String>,
        measured: Measured,
        past: Measured,
        of_sends: bool,
        estimator: &Estimator,
    ) -> Part {
        let own_rate = if self.has_past() { estimator.rate(past) } else { self.rate };
        let sends = measured.sends as f64;
        let (expected, mix) = if !self.metric.is_rate() {
            (past.events as f64 * self.scale, 0.0)
        } else if !of_sends {
            let share = past.events as f64 / self.past.events.max(1) as f64;
            (if self.has_past() { share * self.expected } else { 0.0 }, 0.0)
        } else {
            let usual =
                crate::interval::rate(past.sends, self.past.sends).map(|part| part * self.measured.sends as f64);
            let mix = usual.filter(|_| self.has_past()).map_or(0.0, |usual| (sends - usual) * (own_rate - self.rate));
            (own_rate * sends, mix)
        };
        let excess = self.sign * (measured.events as f64 - expected);
        let of_whole = |part: f64| part / self.excess;
        Part { value, measured, past, expected, excess, share: of_whole(excess), mix: of_whole(self.sign * mix) }
    }
}

impl Part {
    fn telling(&self) -> f64 {
        self.share.max(self.mix)
    }
}

/// Past rates of values, drawn towards that of the whole.
struct Estimator {
    whole: f64,
    /// Variance between the values' true rates, by moments.
    between: f64,
}

impl Estimator {
    fn of(past: impl Iterator<Item = Measured>, whole: f64) -> Self {
        let past: Vec<Measured> = past.filter(|measured| measured.sends > 0).collect();
        let sends: f64 = past.iter().map(|measured| measured.sends as f64).sum();
        if sends == 0.0 {
            return Self { whole, between: 0.0 };
        }
        let spread = |m: &Measured| m.sends as f64 * (m.events as f64 / m.sends as f64 - whole).powi(2);
        let observed = past.iter().map(spread).sum::<f64>() / sends;
        // Of what is observed, so much would be there by chance.
        let by_chance = whole / (sends / past.len() as f64);
        Self { whole, between: (observed - by_chance).max(0.0) }
    }

    fn rate(&self, past: Measured) -> f64 {
        if past.sends == 0 || self.between == 0.0 {
            return self.whole;
        }
        let sends = past.sends as f64;
        let trust = self.between / (self.between + self.whole / sends);
        self.whole + trust * (past.events as f64 / sends - self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(events: u64, sends: u64) -> Measured {
        Measured { events, sends }
    }

    /// Worked out by hand after Marshall's formulas: rates 1 % of 1,000 and 5 % of 1,000, whole 3 %; observed variance
    /// 0.0004, by chance 0.03 / 1,000 = 0.00003, between 0.00037; trust 0.00037 / (0.00037 + 0.00003) = 0.925.
    #[test]
    fn rates_with_much_past_stay_and_those_without_are_the_wholes() {
        let past = [measured(10, 1_000), measured(50, 1_000)];
        let estimator = Estimator::of(past.into_iter(), 0.03);
        assert!((estimator.rate(past[0]) - (0.03 - 0.925 * 0.02)).abs() < 1e-12);
        assert!((estimator.rate(past[1]) - (0.03 + 0.925 * 0.02)).abs() < 1e-12);
        assert!((estimator.rate(measured(0, 0)) - 0.03).abs() < 1e-12);
        // Ten sends without a bounce say little: trust 0.00037 / (0.00037 + 0.003).
        assert!((estimator.rate(measured(0, 10)) - 0.03 * (1.0 - 0.00037 / 0.00337)).abs() < 1e-12);
        // Values that differ by chance only are all the whole.
        let same = [measured(30, 1_000), measured(29, 1_000), measured(31, 1_000)];
        assert!((Estimator::of(same.into_iter(), 0.03).rate(same[2]) - 0.03).abs() < 1e-12);
    }
}

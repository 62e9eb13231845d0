//! What was measured against what was to be expected: for the whole, and for each value of a dimension.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Baseline, Divided, Part};
use crate::alert::{Compare, Measured, Metric, Rule};
use crate::dimension::Dimension;

/// With fewer sends there is no past.
const LEAST_PAST: u64 = 50;

/// An excess below this share of what was measured is none.
const LEAST_EXCESS: f64 = 0.1;

/// What the whole brought and was expected to bring; values are held against it.
pub(super) struct Frame {
    pub(super) metric: Metric,
    /// On which side there is trouble: 1 or -1.
    pub(super) sign: f64,
    pub(super) measured: Measured,
    pub(super) baseline: Baseline,
    /// Past of the whole, and the rate that the expectation rests on.
    pub(super) past: Measured,
    pub(super) rate: f64,
    /// The length of what was measured over that of the past: numbers are scaled by it.
    pub(super) scale: f64,
    pub(super) expected: f64,
    pub(super) excess: f64,
}

impl Frame {
    pub(super) fn of(
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

    pub(super) fn has_past(&self) -> bool {
        matches!(self.baseline, Baseline::Past { .. })
    }

    pub(super) fn divide(
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

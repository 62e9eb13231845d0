//! The verdict on one measured value: a pure function of a rule and two numbers.

use super::{Compare, JudgedRate, Metric, Rule, State};
use crate::interval::{reaches, wilson};
use crate::wording::{count, percent, thousands};

/// What was measured: a rate's two numbers, or a number and the sends beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measured {
    /// Bounces, complaints or whatever is watched.
    pub events: u64,
    /// Sends, or deliveries where those are the denominator.
    pub sends: u64,
}

impl Measured {
    /// The rate, or `None` without sends.
    pub fn rate(self) -> Option<f64> {
        crate::interval::rate(self.events, self.sends)
    }

    /// Its 95 % interval.
    pub fn interval(self) -> (f64, f64) {
        wilson(self.events, self.sends)
    }
}

/// What a rule makes of a measured value.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The state.
    pub state: State,
    /// Why, in words.
    pub reason: String,
}

/// Holds a measured value, of an account or of one of its groups, against a rule.
pub fn judge(rule: &Rule, measured: Measured, of_group: bool) -> Verdict {
    let state = state_of(rule, measured, of_group);
    let decisive = decisive(rule, measured, of_group);
    let reason = match state {
        State::NoData => format!(
            "{}, fewer than the {} needed for a verdict",
            count(measured.sends, rule.metric.denominator().unwrap_or_default()),
            thousands(rule.min_sends)
        ),
        State::Ok if reached(rule, decisive) != State::Ok => {
            format!("{}, fewer than the {} that would alarm", count(measured.events, "event"), rule.min_events)
        }
        State::Ok if over_by_chance(rule, measured, decisive) => {
            let first = rule.warn.or(rule.critical).unwrap_or_default();
            format!("too little mail to be sure of {}", threshold_words(rule.metric, first))
        }
        State::Ok => calm(rule),
        state => crossed(rule, decisive, state),
    };
    Verdict { state, reason }
}

/// The state alone, without words: the past is judged minute by minute.
pub(crate) fn state_of(rule: &Rule, measured: Measured, of_group: bool) -> State {
    // Too few sends to judge a rate are themselves what a rule on their number watches.
    if rule.metric.denominator().is_some() && measured.sends < rule.min_sends {
        return State::NoData;
    }
    // Of a value that is too small there cannot be too few events.
    let enough = rule.compare == Compare::Below || measured.events >= rule.min_events;
    if enough { reached(rule, decisive(rule, measured, of_group)) } else { State::Ok }
}

/// The higher of the thresholds that a value has reached.
fn reached(rule: &Rule, decisive: f64) -> State {
    let over = |threshold: Option<f64>| threshold.is_some_and(|threshold| is_over(rule, decisive, threshold));
    if over(rule.critical) {
        State::Critical
    } else if over(rule.warn) {
        State::Warning
    } else {
        State::Ok
    }
}

/// The value that is held against the thresholds: of a sample the end of its interval that is nearer to being well.
pub fn decisive(rule: &Rule, measured: Measured, of_group: bool) -> f64 {
    match (rule.metric.is_rate() && rule.is_confident(of_group), rule.compare) {
        (false, _) => rule.metric.value(measured).unwrap_or_default(),
        (true, Compare::Above) => measured.interval().0,
        (true, Compare::Below) => measured.interval().1,
    }
}

/// Whether a rate is over the first threshold, but its interval is not.
fn over_by_chance(rule: &Rule, measured: Measured, decisive: f64) -> bool {
    let first = rule.warn.or(rule.critical);
    let rate = rule.metric.value(measured);
    rate.zip(first).is_some_and(|(rate, first)| is_over(rule, rate, first) && !is_over(rule, decisive, first))
}

fn is_over(rule: &Rule, value: f64, threshold: f64) -> bool {
    match rule.compare {
        Compare::Above => reaches(value, threshold),
        Compare::Below => !reaches(value, threshold),
    }
}

/// A threshold in words: a percentage, or a number.
fn threshold_words(metric: Metric, value: f64) -> String {
    metric.show(value)
}

fn calm(rule: &Rule) -> String {
    let Some(first) = rule.warn.or(rule.critical) else { return "nothing to hold it against".to_owned() };
    let side = if rule.compare == Compare::Above { "below" } else { "at least" };
    format!("{side} {}", threshold_words(rule.metric, first))
}

/// The highest of AWS's lines, or share of one, that a rate AWS judges has reached; else the rule's own threshold.
fn crossed(rule: &Rule, value: f64, state: State) -> String {
    let judged = rule.judged();
    let lines = judged.map(|judged| [(judged.pause_line(), "pause line"), (judged.review_line(), "review line")]);
    for (line, name) in lines.into_iter().flatten() {
        for (share, words) in [(1.0, ""), (0.8, "80 % of ")] {
            if reaches(value, share * line) {
                return format!("over {words}AWS's {name} ({})", percent(line));
            }
        }
    }
    let threshold = if state == State::Critical { rule.critical } else { rule.warn }.unwrap_or_default();
    match (rule.compare, judged.map(JudgedRate::review_line)) {
        (Compare::Above, Some(line)) => {
            format!("over {} of AWS's review line ({})", percent(threshold / line), percent(line))
        }
        (Compare::Above, None) => format!("at or over {}", threshold_words(rule.metric, threshold)),
        (Compare::Below, _) => format!("below {}", threshold_words(rule.metric, threshold)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Confidence;

    fn rule(confidence: Confidence) -> Rule {
        Rule {
            warn: Some(0.02),
            critical: Some(0.05),
            min_events: 5,
            confidence,
            ..Rule::new("test", Metric::BounceRate)
        }
    }

    fn state(rule: &Rule, events: u64, sends: u64) -> State {
        judge(rule, Measured { events, sends }, false).state
    }

    #[test]
    fn below_the_floor_there_is_no_verdict() {
        let verdict = judge(&rule(Confidence::Rate), Measured { events: 49, sends: 49 }, false);
        assert_eq!(verdict.state, State::NoData);
        assert_eq!(verdict.reason, "49 sends, fewer than the 50 needed for a verdict");
        assert_eq!(state(&rule(Confidence::Rate), 0, 0), State::NoData);
    }

    #[test]
    fn thresholds_are_reached_from_below() {
        let rule = rule(Confidence::Rate);
        assert_eq!(state(&rule, 19, 1_000), State::Ok);
        assert_eq!(state(&rule, 20, 1_000), State::Warning);
        assert_eq!(state(&rule, 50, 1_000), State::Critical);
        assert_eq!(state(&rule, 4, 50), State::Ok);
        assert_eq!(state(&Rule { critical: None, ..rule }, 500, 1_000), State::Warning);
    }

    #[test]
    fn a_sample_must_convince() {
        // Lower ends of the 95 % intervals: 60/1000 4.69 %, 65/1000 5.13 %, 9/100 4.81 %, 10/100 5.52 %.
        let sure = rule(Confidence::Interval);
        assert_eq!(state(&sure, 60, 1_000), State::Warning);
        assert_eq!(state(&sure, 65, 1_000), State::Critical);
        assert_eq!(state(&sure, 9, 100), State::Warning);
        assert_eq!(state(&sure, 10, 100), State::Critical);
        let groups = rule(Confidence::IntervalOfGroups);
        let judged = |of_group| judge(&groups, Measured { events: 60, sends: 1_000 }, of_group).state;
        assert_eq!((judged(false), judged(true)), (State::Critical, State::Warning));
        let unsure = judge(&sure, Measured { events: 5, sends: 200 }, false);
        assert_eq!((unsure.state, unsure.reason.as_str()), (State::Ok, "too little mail to be sure of 2 %"));
    }

    #[test]
    fn a_value_may_be_too_small() {
        let low = Rule {
            compare: Compare::Below,
            warn: Some(0.95),
            critical: Some(0.90),
            confidence: Confidence::Rate,
            ..Rule::new("test", Metric::DeliveryRate)
        };
        assert_eq!(state(&low, 950, 1_000), State::Ok);
        assert_eq!(state(&low, 949, 1_000), State::Warning);
        assert_eq!(state(&low, 899, 1_000), State::Critical);
        // The upper end of the interval of 88 in 100 is 93.0 %, of 80 in 100 86.7 %.
        let sure = Rule { confidence: Confidence::Interval, ..low.clone() };
        assert_eq!((state(&sure, 88, 100), state(&sure, 80, 100)), (State::Warning, State::Critical));
        assert_eq!(judge(&low, Measured { events: 90, sends: 100 }, false).reason, "below 95 %");
        let few = Rule { warn: Some(1_000.0), compare: Compare::Below, ..Rule::new("test", Metric::Sends) };
        assert_eq!((state(&few, 1_000, 1_000), state(&few, 0, 0)), (State::Ok, State::Warning));
    }

    #[test]
    fn the_reason_names_the_line() {
        let reason = |events| judge(&rule(Confidence::Rate), Measured { events, sends: 1_000 }, false).reason;
        assert_eq!(reason(25), "over 40 % of AWS's review line (5 %)");
        assert_eq!(reason(52), "over AWS's review line (5 %)");
        assert_eq!(reason(101), "over AWS's pause line (10 %)");
        assert_eq!(reason(10), "below 2 %");
        let soft = Rule { metric: Metric::SoftBounceRate, ..rule(Confidence::Rate) };
        assert_eq!(judge(&soft, Measured { events: 60, sends: 1_000 }, false).reason, "at or over 5 %");
    }
}

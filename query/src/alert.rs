//! Alert rules and their verdicts: pure functions of measured numbers.

use crate::interval::{reaches, wilson};
use crate::reputation::{BOUNCE_PAUSE, BOUNCE_REVIEW, COMPLAINT_PAUSE, COMPLAINT_REVIEW};
use crate::wording::{count, percent, thousands};

/// What a rule watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Counted hard bounces over eligible sends.
    BounceRate,
    /// Counted complaints over sends to domains that report complaints.
    ComplaintRate,
}

impl Metric {
    /// The name in output and performance data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BounceRate => "bounce_rate",
            Self::ComplaintRate => "complaint_rate",
        }
    }

    /// The rate in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::BounceRate => "bounce rate",
            Self::ComplaintRate => "complaint rate",
        }
    }

    /// The rate at which AWS puts an account under review.
    pub fn review_line(self) -> f64 {
        match self {
            Self::BounceRate => BOUNCE_REVIEW,
            Self::ComplaintRate => COMPLAINT_REVIEW,
        }
    }

    /// The rate at which AWS may pause sending.
    pub fn pause_line(self) -> f64 {
        match self {
            Self::BounceRate => BOUNCE_PAUSE,
            Self::ComplaintRate => COMPLAINT_PAUSE,
        }
    }
}

/// What a rule measures over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The last so many eligible sends, on the clock of the send: what AWS judges by.
    LastSends(u64),
    /// The worst of all windows of this many minutes that ended within the last hour, on the clock of the event.
    Minutes(u32),
}

/// A rate and the two thresholds it is held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Name in output and performance data.
    pub name: &'static str,
    /// What is watched.
    pub metric: Metric,
    /// Over what.
    pub window: Window,
    /// From this rate on: WARNING.
    pub warn: f64,
    /// From this rate on: CRITICAL.
    pub critical: f64,
    /// Below this many sends in the denominator there is no verdict.
    pub min_sends: u64,
    /// Below this many bounces or complaints the state is OK: a rate of one or two events says little.
    pub min_events: u64,
    /// Whether the lower end of the 95 % interval must reach the threshold, not just the rate itself. SES judges an
    /// account's rate over its volume as it is; a few minutes, or one configuration set, are a sample.
    pub confident: bool,
}

impl Rule {
    /// The rule for one configuration set of the account it is made for.
    pub fn for_part(&self) -> Self {
        Self { confident: true, ..self.clone() }
    }
}

/// The rules that hold without a configuration, AWS's own rate taken over `last_sends` eligible sends: WARNING at 40 % and CRITICAL at 80 % of AWS's review lines (2 % and 4 %
/// for bounces, 0.04 % and 0.08 % for complaints), as cloud.gov alarms; findings name the line that is crossed.
///
/// The volume floors: one event alone must not reach a threshold, as AWS's own figure over 10,000 sends would not.
pub fn default_rules(last_sends: u64) -> Vec<Rule> {
    let rule = |name, metric: Metric, window, min_sends, min_events, confident| Rule {
        name,
        metric,
        window,
        warn: 0.4 * metric.review_line(),
        critical: 0.8 * metric.review_line(),
        min_sends,
        min_events,
        confident,
    };
    vec![
        rule("aws_bounce_rate", Metric::BounceRate, Window::LastSends(last_sends), 500, 5, false),
        rule("aws_complaint_rate", Metric::ComplaintRate, Window::LastSends(last_sends), 2_500, 2, false),
        rule("bounce_rate_10m", Metric::BounceRate, Window::Minutes(10), 50, 5, true),
        rule("complaint_rate_10m", Metric::ComplaintRate, Window::Minutes(10), 1_000, 3, true),
    ]
}

/// The state of a rule for one group, or of a whole check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Below the thresholds.
    Ok,
    /// At or above the first threshold.
    Warning,
    /// At or above the second threshold.
    Critical,
    /// Too little, too old or no data: no verdict, never OK.
    NoData,
}

impl State {
    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::NoData => "NO DATA",
        }
    }
}

/// A measured rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measured {
    /// Bounces or complaints.
    pub events: u64,
    /// Sends.
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

/// What a rule makes of a measured rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The state.
    pub state: State,
    /// Why, in words.
    pub reason: String,
}

/// Holds a measured rate against a rule.
pub fn judge(rule: &Rule, measured: Measured) -> Verdict {
    if measured.sends < rule.min_sends {
        let reason = format!(
            "{}, fewer than the {} needed for a verdict",
            count(measured.sends, "send"),
            thousands(rule.min_sends)
        );
        return Verdict { state: State::NoData, reason };
    }
    let rate = measured.rate().unwrap_or_default();
    let decisive = if rule.confident { measured.interval().0 } else { rate };
    let enough = measured.events >= rule.min_events;
    let state = if enough && reaches(decisive, rule.critical) {
        State::Critical
    } else if enough && reaches(decisive, rule.warn) {
        State::Warning
    } else {
        State::Ok
    };
    let reason = match state {
        State::Ok if !enough && reaches(decisive, rule.warn) => {
            format!("{}, fewer than the {} that would alarm", count(measured.events, "event"), rule.min_events)
        }
        State::Ok => format!("below {}", percent(rule.warn)),
        _ => line_crossed(rule, decisive),
    };
    Verdict { state, reason }
}

/// The highest of AWS's lines, or share of one, that the rate has reached.
fn line_crossed(rule: &Rule, rate: f64) -> String {
    let lines = [(rule.metric.pause_line(), "pause line"), (rule.metric.review_line(), "review line")];
    for (line, name) in lines {
        for (share, words) in [(1.0, ""), (0.8, "80 % of ")] {
            if reaches(rate, share * line) {
                return format!("over {words}AWS's {name} ({})", percent(line));
            }
        }
    }
    format!(
        "over {} of AWS's review line ({})",
        percent(rule.warn / rule.metric.review_line()),
        percent(rule.metric.review_line())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(confident: bool) -> Rule {
        Rule {
            name: "test",
            metric: Metric::BounceRate,
            window: Window::Minutes(10),
            warn: 0.02,
            critical: 0.05,
            min_sends: 50,
            min_events: 5,
            confident,
        }
    }

    fn state(rule: &Rule, events: u64, sends: u64) -> State {
        judge(rule, Measured { events, sends }).state
    }

    #[test]
    fn below_the_floor_there_is_no_verdict() {
        let verdict = judge(&rule(false), Measured { events: 49, sends: 49 });
        assert_eq!(verdict.state, State::NoData);
        assert_eq!(verdict.reason, "49 sends, fewer than the 50 needed for a verdict");
        assert_eq!(state(&rule(false), 0, 0), State::NoData);
    }

    #[test]
    fn thresholds_are_reached_from_below() {
        assert_eq!(state(&rule(false), 19, 1_000), State::Ok);
        assert_eq!(state(&rule(false), 20, 1_000), State::Warning);
        assert_eq!(state(&rule(false), 50, 1_000), State::Critical);
        assert_eq!(state(&rule(false), 4, 50), State::Ok);
    }

    #[test]
    fn a_sample_must_convince() {
        // Lower ends of the 95 % intervals: 60/1000 4.69 %, 65/1000 5.13 %, 9/100 4.81 %, 10/100 5.52 %.
        assert_eq!(state(&rule(true), 60, 1_000), State::Warning);
        assert_eq!(state(&rule(true), 65, 1_000), State::Critical);
        assert_eq!(state(&rule(true), 9, 100), State::Warning);
        assert_eq!(state(&rule(true), 10, 100), State::Critical);
    }

    #[test]
    fn the_reason_names_the_line() {
        let reason = |events| judge(&rule(false), Measured { events, sends: 1_000 }).reason;
        assert_eq!(reason(25), "over 40 % of AWS's review line (5 %)");
        assert_eq!(reason(52), "over AWS's review line (5 %)");
        assert_eq!(reason(101), "over AWS's pause line (10 %)");
        assert_eq!(reason(10), "below 2 %");
    }
}

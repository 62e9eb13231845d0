//! A rule: what is watched, over what, held against which thresholds, and for how long before it counts.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Counting, JudgedRate, Measured, Metric};
use crate::dimension::Dimension;
use crate::scan::Clock;

/// What a rule measures over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// The last so many eligible sends, on the clock of the send: what AWS judges by.
    LastSends(u64),
    /// Every window of so many minutes, in steps of one.
    Minutes(u32),
}

/// On which side of a threshold there is trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// At or above it.
    Above,
    /// Below it.
    Below,
}

/// What a minute that cannot be judged, for want of mail, stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// For nothing: NO DATA. What fired before is neither over nor shown.
    NoData,
    /// For what there was before.
    Keep,
    /// For a minute in which all is well.
    Ok,
    /// For one over the first threshold.
    Warning,
    /// For one over the second threshold.
    Critical,
}

/// When the lower end of the 95 % interval must reach the threshold, not just the rate itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// Never: the rate is taken as it is, as AWS takes it.
    Rate,
    /// For the groups of an account, which are samples; the account's rate is taken as it is.
    IntervalOfGroups,
    /// Always.
    Interval,
}

/// How much mail was handed to SES.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// So much on every day.
    EveryDay(u64),
    /// So much on these days (UTC).
    Days(BTreeMap<NaiveDate, u64>),
}

impl Expected {
    /// How much on a day, if that is known.
    pub fn on(&self, day: NaiveDate) -> Option<u64> {
        match self {
            Self::EveryDay(sends) => Some(*sends),
            Self::Days(days) => days.get(&day).copied(),
        }
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Name in output and performance data.
    pub name: String,
    /// What is watched.
    pub metric: Metric,
    /// How it is counted.
    pub counting: Counting,
    /// By which time an event belongs to a window of minutes.
    pub clock: Clock,
    /// Over what it is measured.
    pub window: Window,
    /// Whether accounts are judged as a whole.
    pub total: bool,
    /// What an account is divided by to be judged in groups; empty for no groups.
    pub by: Vec<Dimension>,
    /// Only mail with these values.
    pub only: Vec<(Dimension, Option<String>)>,
    /// What coverage is held against.
    pub expected: Option<Expected>,
    /// On which side of the thresholds there is trouble.
    pub compare: Compare,
    /// From this value on: WARNING.
    pub warn: Option<f64>,
    /// From this value on: CRITICAL.
    pub critical: Option<f64>,
    /// With fewer sends (or deliveries, where those are the denominator) there is no verdict.
    pub min_sends: u64,
    /// Below this many bounces, complaints or the like the state is OK: a rate of one or two events says little.
    pub min_events: u64,
    /// What must reach the threshold.
    pub confidence: Confidence,
    /// Minutes for which a threshold must be reached without a break before it counts; until then the state is PENDING.
    pub pending_minutes: u32,
    /// Minutes for which a state is kept after its threshold was last reached: RECOVERING.
    pub keep_minutes: u32,
    /// A threshold counts as reached in a minute if it was in `.0` of the last `.1` minutes.
    pub hits: (u32, u32),
    /// What minutes that cannot be judged stand for.
    pub missing: Missing,
    /// The worst state of so many minutes is told, so that a check that runs seldom, or late data, misses none.
    pub look_back_minutes: u32,
}

impl Rule {
    /// A rule with the usual choices: as AWS counts, for accounts as a whole, over ten minutes by the time of the event.
    pub fn new(name: &str, metric: Metric) -> Self {
        Self {
            name: name.to_owned(),
            metric,
            counting: if metric.is_judged_by_aws() { Counting::Aws } else { Counting::Plain },
            clock: Clock::Event,
            window: Window::Minutes(10),
            total: true,
            by: Vec::new(),
            only: Vec::new(),
            expected: None,
            compare: match metric {
                Metric::SendsVsWeekday | Metric::Coverage => Compare::Below,
                _ => Compare::Above,
            },
            warn: None,
            critical: None,
            min_sends: 50,
            min_events: 0,
            confidence: if metric.is_gauge() { Confidence::Rate } else { Confidence::Interval },
            pending_minutes: 0,
            keep_minutes: 0,
            hits: (1, 1),
            missing: Missing::NoData,
            look_back_minutes: 60,
        }
    }

    /// The rate that AWS judges, if its lines tell how bad a value is.
    pub fn judged(&self) -> Option<JudgedRate> {
        self.metric.judged().filter(|_| self.compare == Compare::Above && self.counting == Counting::Aws)
    }

    /// Whether it takes the lower end of the interval for an account as a whole, or for one of its groups.
    pub fn is_confident(&self, of_group: bool) -> bool {
        match self.confidence {
            Confidence::Rate => false,
            Confidence::IntervalOfGroups => of_group,
            Confidence::Interval => true,
        }
    }

    /// Whether a measured value lies further on the bad side than another.
    pub(crate) fn is_worse(&self, one: Measured, other: Measured) -> bool {
        match (self.metric.value(one), self.metric.value(other), self.compare) {
            (Some(one), Some(other), Compare::Above) => one > other,
            (Some(one), Some(other), Compare::Below) => one < other,
            (one, other, _) => one.is_some() && other.is_none(),
        }
    }

    /// Minutes before now that bear on its state.
    pub(crate) fn horizon_minutes(&self) -> u32 {
        self.look_back_minutes
            .saturating_add(self.pending_minutes)
            .saturating_add(self.keep_minutes)
            .saturating_add(self.hits.1.saturating_sub(1))
    }
}

/// The rules that hold without a configuration, AWS's own rate taken over `last_sends` eligible sends: WARNING at 40 % and CRITICAL
/// at 80 % of AWS's review lines (2 % and 4 % for bounces, 0.04 % and 0.08 % for complaints), as cloud.gov alarms; findings name
/// the line that is crossed.
///
/// The floors: fewer complaints than are 0.04 % of the 10,000 sends that AWS looks at say little, however few the sends: two in 2,500 would
/// be 0.08 %, and come to one healthy sender in eleven (0.02 %) by chance, four to one in 600.
pub fn default_rules(last_sends: u64) -> Vec<Rule> {
    let rule = |name, judged: JudgedRate, window, min_sends, min_events| {
        // By tenths, so that the numbers come out as they are written.
        let tenths = |tenths: f64| Some(judged.review_line() * tenths / 10.0);
        Rule {
            window,
            by: vec![Dimension::CONFIGURATION_SET],
            warn: tenths(4.0),
            critical: tenths(8.0),
            min_sends,
            min_events,
            confidence: match window {
                Window::LastSends(_) => Confidence::IntervalOfGroups,
                Window::Minutes(_) => Confidence::Interval,
            },
            ..Rule::new(name, judged.metric())
        }
    };
    vec![
        rule("aws_bounce_rate", JudgedRate::BounceRate, Window::LastSends(last_sends), 500, 5),
        rule("aws_complaint_rate", JudgedRate::ComplaintRate, Window::LastSends(last_sends), 500, 4),
        rule("bounce_rate_10m", JudgedRate::BounceRate, Window::Minutes(10), 50, 5),
        rule("complaint_rate_10m", JudgedRate::ComplaintRate, Window::Minutes(10), 1_000, 3),
    ]
}

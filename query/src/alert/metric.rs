//! What a rule can watch, measured from a tally.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use repute_lake::EventType;

use super::Measured;
use super::sums::Sums;
use crate::reputation::{BOUNCE_PAUSE, BOUNCE_REVIEW, COMPLAINT_PAUSE, COMPLAINT_REVIEW};
use crate::tally::Tally;
use crate::wording::{after, percent, thousands};

/// What a rule watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Hard bounces over sends.
    BounceRate,
    /// Complaints over sends: as AWS counts, those to domains that report complaints; plain, over deliveries.
    ComplaintRate,
    /// Transient bounces over sends.
    SoftBounceRate,
    /// Deliveries over sends.
    DeliveryRate,
    /// Rejects over sends.
    RejectRate,
    /// Delivery delays over sends.
    DelayRate,
    /// Rendering failures over sends.
    RenderingFailureRate,
    /// Opens over deliveries; one recipient may open more than once.
    OpenRate,
    /// Clicks over deliveries; one recipient may click more than once.
    ClickRate,
    /// How many sends.
    Sends,
    /// How many deliveries.
    Deliveries,
    /// How many hard bounces.
    Bounces,
    /// How many complaints.
    Complaints,
    /// How old the newest event is.
    Freshness,
    /// Sends of a window over the median of the same window on the same weekday of the four weeks before.
    SendsVsWeekday,
    /// Bad records over all records of recent imports.
    QuarantineRatio,
    /// How long deliveries take: half of them no longer.
    DelayP50,
    /// The same of 95 in a hundred.
    DelayP95,
    /// The same of 99 in a hundred.
    DelayP99,
    /// Sends in the lake over those that were handed to SES, of a whole day.
    Coverage,
}

/// What values of a metric are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Fractions, told as percentages.
    Share,
    /// Numbers.
    Number,
    /// Durations in seconds.
    Seconds,
    /// Durations in milliseconds.
    Milliseconds,
}

/// One of the two rates that AWS judges a sender by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JudgedRate {
    /// Counted hard bounces over eligible sends.
    BounceRate,
    /// Counted complaints over sends to domains that report complaints.
    ComplaintRate,
}

impl JudgedRate {
    /// The name in output and performance data.
    pub fn as_str(self) -> &'static str {
        self.metric().as_str()
    }

    /// The rate in words.
    pub fn words(self) -> &'static str {
        self.metric().words()
    }

    /// The metric that measures it.
    pub fn metric(self) -> Metric {
        match self {
            Self::BounceRate => Metric::BounceRate,
            Self::ComplaintRate => Metric::ComplaintRate,
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

/// How a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counting {
    /// As SES does: see [`crate::AwsCounts`].
    Aws,
    /// Every recipient row.
    Plain,
}

/// A name that is no metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no metric; known are {list}", list = Metric::ALL.map(Metric::as_str).join(", "))]
pub struct UnknownMetric(pub String);

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == text).ok_or_else(|| UnknownMetric(text.to_owned()))
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Metric {
    /// All of them, in the order in which help lists them.
    pub const ALL: [Self; 20] = [
        Self::BounceRate,
        Self::ComplaintRate,
        Self::SoftBounceRate,
        Self::DeliveryRate,
        Self::RejectRate,
        Self::DelayRate,
        Self::RenderingFailureRate,
        Self::OpenRate,
        Self::ClickRate,
        Self::Sends,
        Self::Deliveries,
        Self::Bounces,
        Self::Complaints,
        Self::Freshness,
        Self::SendsVsWeekday,
        Self::QuarantineRatio,
        Self::DelayP50,
        Self::DelayP95,
        Self::DelayP99,
        Self::Coverage,
    ];

    /// The name in rules, output and performance data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BounceRate => "bounce_rate",
            Self::ComplaintRate => "complaint_rate",
            Self::SoftBounceRate => "soft_bounce_rate",
            Self::DeliveryRate => "delivery_rate",
            Self::RejectRate => "reject_rate",
            Self::DelayRate => "delay_rate",
            Self::RenderingFailureRate => "rendering_failure_rate",
            Self::OpenRate => "open_rate",
            Self::ClickRate => "click_rate",
            Self::Sends => "sends",
            Self::Deliveries => "deliveries",
            Self::Bounces => "bounces",
            Self::Complaints => "complaints",
            Self::Freshness => "freshness",
            Self::SendsVsWeekday => "sends_vs_weekday",
            Self::QuarantineRatio => "quarantine_ratio",
            Self::DelayP50 => "delay_p50",
            Self::DelayP95 => "delay_p95",
            Self::DelayP99 => "delay_p99",
            Self::Coverage => "coverage",
        }
    }

    /// The metric in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::BounceRate => "bounce rate",
            Self::ComplaintRate => "complaint rate",
            Self::SoftBounceRate => "soft bounce rate",
            Self::DeliveryRate => "delivery rate",
            Self::RejectRate => "reject rate",
            Self::DelayRate => "delay rate",
            Self::RenderingFailureRate => "rendering failure rate",
            Self::OpenRate => "open rate",
            Self::ClickRate => "click rate",
            Self::Sends => "sends",
            Self::Deliveries => "deliveries",
            Self::Bounces => "hard bounces",
            Self::Complaints => "complaints",
            Self::Freshness => "age of the newest event",
            Self::SendsVsWeekday => "sends against the same weekday",
            Self::QuarantineRatio => "bad records",
            Self::DelayP50 => "time to delivery of 50 %",
            Self::DelayP95 => "time to delivery of 95 %",
            Self::DelayP99 => "time to delivery of 99 %",
            Self::Coverage => "sends in the lake",
        }
    }

    /// Whether it is a share of something, not a number.
    pub fn is_rate(self) -> bool {
        self.unit() == Unit::Share
    }

    /// What its values are.
    pub fn unit(self) -> Unit {
        match self {
            Self::Sends | Self::Deliveries | Self::Bounces | Self::Complaints => Unit::Number,
            Self::Freshness => Unit::Seconds,
            Self::DelayP50 | Self::DelayP95 | Self::DelayP99 => Unit::Milliseconds,
            _ => Unit::Share,
        }
    }

    /// Whether it is read once, at the time of a check, not minute by minute.
    pub fn is_gauge(self) -> bool {
        self.is_duration() || matches!(self, Self::SendsVsWeekday | Self::QuarantineRatio | Self::Coverage)
    }

    /// Whether its values are durations.
    pub fn is_duration(self) -> bool {
        matches!(self.unit(), Unit::Seconds | Unit::Milliseconds)
    }

    /// What there may be too little of for a verdict.
    pub fn denominator(self) -> Option<&'static str> {
        match self {
            Self::QuarantineRatio => Some("record"),
            Self::DelayP50 | Self::DelayP95 | Self::DelayP99 => Some("delivered mail"),
            Self::SendsVsWeekday => Some("usual send"),
            Self::Coverage => Some("expected send"),
            _ => self.is_rate().then_some("send"),
        }
    }

    /// A value as it is told: `5.2 %`, `1,234`, `3 h 12 min`.
    pub fn show(self, value: f64) -> String {
        let milliseconds = |value: f64| after(TimeDelta::milliseconds(value.max(0.0).round() as i64));
        match self.unit() {
            Unit::Share => percent(value),
            Unit::Number => thousands(value.max(0.0).round() as u64),
            Unit::Seconds => milliseconds(value * 1_000.0).trim_start_matches('+').to_owned(),
            Unit::Milliseconds => milliseconds(value).trim_start_matches('+').to_owned(),
        }
    }

    /// Whether AWS's counting differs from the plain one.
    pub fn is_judged_by_aws(self) -> bool {
        matches!(self, Self::BounceRate | Self::ComplaintRate | Self::Sends | Self::Bounces | Self::Complaints)
    }

    /// The rate as AWS judges it, if it is one of the two.
    pub fn judged(self) -> Option<JudgedRate> {
        match self {
            Self::BounceRate => Some(JudgedRate::BounceRate),
            Self::ComplaintRate => Some(JudgedRate::ComplaintRate),
            _ => None,
        }
    }

    /// Types of the events it is measured from. As AWS counts, suppressed bounces take their sends out.
    pub(crate) fn types(self, counting: Counting) -> &'static [EventType] {
        use EventType::{Bounce, Click, Complaint, Delivery, DeliveryDelay, Open, Reject, RenderingFailure, Send};
        match (self, counting) {
            (Self::ComplaintRate | Self::Complaints, Counting::Plain) => &[Delivery, Complaint],
            (Self::BounceRate | Self::ComplaintRate | Self::Sends | Self::Bounces | Self::Complaints, _) => {
                &[Send, Bounce, Complaint]
            }
            (Self::SoftBounceRate, _) => &[Send, Bounce],
            (Self::DeliveryRate | Self::Deliveries, _) => &[Send, Delivery],
            (Self::RejectRate, _) => &[Send, Reject],
            (Self::DelayRate, _) => &[Send, DeliveryDelay],
            (Self::RenderingFailureRate, _) => &[Send, RenderingFailure],
            (Self::OpenRate, _) => &[Delivery, Open],
            (Self::ClickRate, _) => &[Delivery, Click],
            (
                Self::Freshness
                | Self::SendsVsWeekday
                | Self::QuarantineRatio
                | Self::DelayP50
                | Self::DelayP95
                | Self::DelayP99
                | Self::Coverage,
                _,
            ) => &[],
        }
    }

    /// Measures it. A number has itself as events, and the sends beside it. What is read off has no tally.
    pub(crate) fn measure(self, counting: Counting, tally: &Tally) -> Measured {
        Sums::of(self, counting, tally).measured()
    }

    /// The value that is held against thresholds: a fraction or a number; `None` for a rate of nothing.
    pub fn value(self, measured: Measured) -> Option<f64> {
        if self.is_rate() { measured.rate() } else { Some(measured.events as f64) }
    }
}

//! Rules that can never fire.

use chrono::TimeDelta;
use repute_lake::EventType;

use super::advice::Severity::Warning;
use super::{Advice, Around, LakeFacts};
use crate::alert::{Compare, Metric, Rule, Unit, default_rules};
use crate::wording::{age, count, thousands};

/// Silenced for longer than this is forgotten.
const LONG: TimeDelta = TimeDelta::days(30);

/// Whether a rule is one of those that hold without a configuration: nobody has written it, and nobody need mend it.
pub(super) fn is_default(rule: &Rule, last_sends: u64) -> bool {
    default_rules(last_sends).contains(rule)
}

/// The rules that somebody has written.
fn written(around: &Around) -> impl Iterator<Item = &Rule> {
    around.rules.iter().filter(|rule| !is_default(rule, around.last_sends))
}

/// Rules on events of which there are none, or on mail with values that none has.
pub(super) fn never_measured(facts: &LakeFacts, around: &Around) -> Option<Advice> {
    if facts.events.all() == 0 {
        return None;
    }
    let lines: Vec<String> = written(around).filter_map(|rule| nothing_to_measure(rule, facts)).collect();
    let advice = Advice::new(
        "never_measured",
        Warning,
        format!("{} can never fire: there is nothing to measure", rules(lines.len())),
    );
    (!lines.is_empty()).then(|| {
        lines.into_iter().fold(advice, Advice::because).remedy(
            "Look for a misspelt value under `only` (`repute rates --by DIMENSION` lists those that are there), and for event \
             types that are not published; or remove the rule.",
        )
    })
}

fn nothing_to_measure(rule: &Rule, facts: &LakeFacts) -> Option<String> {
    if facts.rules.get(&rule.name).is_some_and(|found| found.rows == Some(0)) {
        let value = |(dimension, value): &(crate::Dimension, Option<String>)| {
            format!("{dimension} = {}", value.as_deref().unwrap_or("(none)"))
        };
        let wanted: Vec<String> = rule.only.iter().map(value).collect();
        return Some(format!("rule {}: no mail in the lake has {}", rule.name, wanted.join(", ")));
    }
    let needed = needed(rule.metric)?;
    (facts.events.rows(needed) == 0)
        .then(|| format!("rule {}: it watches {}, and there are no {needed} events", rule.name, rule.metric))
}

/// Events without which a metric is always 0, and is no good news.
fn needed(metric: Metric) -> Option<EventType> {
    match metric {
        Metric::OpenRate => Some(EventType::Open),
        Metric::ClickRate => Some(EventType::Click),
        Metric::DeliveryRate | Metric::Deliveries | Metric::DelayP50 | Metric::DelayP95 | Metric::DelayP99 => {
            Some(EventType::Delivery)
        }
        Metric::DelayRate => Some(EventType::DeliveryDelay),
        Metric::BounceRate | Metric::Bounces | Metric::SoftBounceRate => Some(EventType::Bounce),
        Metric::ComplaintRate | Metric::Complaints => Some(EventType::Complaint),
        Metric::Sends | Metric::SendsVsWeekday | Metric::Coverage => Some(EventType::Send),
        Metric::RejectRate | Metric::RenderingFailureRate | Metric::Freshness | Metric::QuarantineRatio => None,
    }
}

/// Rules without thresholds, or with thresholds that no value reaches.
pub(super) fn never_reached(_: &LakeFacts, around: &Around) -> Option<Advice> {
    let lines: Vec<String> = written(around).filter_map(out_of_reach).collect();
    let advice = Advice::new(
        "never_reached",
        Warning,
        format!("{} can never fire: no value reaches the threshold", rules(lines.len())),
    );
    (!lines.is_empty()).then(|| {
        lines
            .into_iter()
            .fold(advice, Advice::because)
            .remedy("Write a threshold that can be reached, such as warn = \"2 %\".")
    })
}

fn out_of_reach(rule: &Rule) -> Option<String> {
    let thresholds: Vec<f64> = [rule.warn, rule.critical].into_iter().flatten().collect();
    if thresholds.is_empty() {
        return Some(format!("rule {}: it has neither `warn` nor `critical`", rule.name));
    }
    // Of one recipient there may be several opens and clicks, and of a weekday any multiple.
    let is_bounded = rule.metric.unit() == Unit::Share
        && !matches!(
            rule.metric,
            Metric::OpenRate | Metric::ClickRate | Metric::SendsVsWeekday | Metric::Coverage | Metric::DelayRate
        );
    let unreachable = |threshold: &f64| match rule.compare {
        Compare::Above => is_bounded && *threshold > 1.0,
        Compare::Below => *threshold <= 0.0,
    };
    thresholds.iter().all(unreachable).then(|| {
        let most = thresholds.iter().copied().fold(f64::MIN, f64::max);
        let side = if rule.compare == Compare::Above { "reach" } else { "be below" };
        format!("rule {}: {} can never {side} {}", rule.name, rule.metric, rule.metric.show(most))
    })
}

/// Rules whose volume floor no window has ever reached.
pub(super) fn never_enough(facts: &LakeFacts, around: &Around) -> Option<Advice> {
    let line = |rule: &Rule| {
        // Where there is no such mail at all, that is told.
        let found = facts.rules.get(&rule.name).filter(|found| found.rows != Some(0))?;
        let most = found.most?;
        (most < rule.min_sends).then(|| {
            format!(
                "rule {}: needs {} in its window; there have been {} at most",
                rule.name,
                count(rule.min_sends, "send"),
                thousands(most)
            )
        })
    };
    let lines: Vec<String> = written(around).filter_map(line).collect();
    let advice = Advice::new(
        "never_enough",
        Warning,
        format!("{} can never fire: there is never mail enough for a verdict", rules(lines.len())),
    );
    (!lines.is_empty()).then(|| {
        lines.into_iter().fold(advice, Advice::because).remedy(
            "Lower `min_sends`, or give the rule a longer `window`, so that a window holds enough mail to say something.",
        )
    })
}

pub(super) fn silenced_for_long(_: &LakeFacts, around: &Around) -> Option<Advice> {
    let long = around.silences.iter().filter(|silence| silence.until - around.now > LONG);
    let lines: Vec<String> = long
        .map(|silence| {
            let whose = silence.rule.as_deref().map_or_else(|| "every rule".to_owned(), |rule| format!("rule {rule}"));
            let reason = if silence.reason.is_empty() { String::new() } else { format!(": {}", silence.reason) };
            format!(
                "{whose} is silenced for another {}, until {}{reason}",
                age(silence.until - around.now),
                silence.until.format("%Y-%m-%d")
            )
        })
        .collect();
    let advice = Advice::new("silenced_for_long", Warning, "Alerts are silenced for more than a month");
    (!lines.is_empty()).then(|| {
        lines
            .into_iter()
            .fold(advice, Advice::because)
            .remedy("End the silence, or remove the rule if nobody wants to hear of it.")
    })
}

fn rules(number: usize) -> String {
    count(number as u64, "rule")
}

//! The arithmetic behind a rule's findings, line by line: what `check --explain` and a rule's page show.

use chrono::{SecondsFormat, TimeDelta};

use crate::alert::{Compare, Counting, Metric, Missing, Rule, Window, decisive};
use crate::attribution::{Attribution, Baseline};
use crate::check::Finding;
use crate::counting::AwsCounts;
use crate::wording::{age, count, percent, thousands};

/// What a rule says.
pub fn explain_rule(rule: &Rule) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let counting = match rule.counting {
        Counting::Aws => "as AWS counts",
        Counting::Plain => "every row counted",
    };
    out.push(("watches", format!("{}, {counting}, {}", rule.metric.words(), window(rule))));
    if !rule.only.is_empty() {
        let only: Vec<String> =
            rule.only.iter().map(|(by, value)| format!("{by} {}", value.as_deref().unwrap_or("(none)"))).collect();
        out.push(("only", only.join(", ")));
    }
    let by: Vec<String> = rule.by.iter().map(ToString::to_string).collect();
    let each = (!by.is_empty()).then(|| format!("each {}", by.join(" and ")));
    let whole = rule.total.then(|| "each account as a whole".to_owned());
    out.push(("judges", whole.into_iter().chain(each).collect::<Vec<_>>().join(", and ")));
    let side = if rule.compare == Compare::Above { "from" } else { "below" };
    let threshold =
        |name: &str, value: Option<f64>| value.map(|value| format!("{name} {side} {}", rule.metric.show(value)));
    let thresholds = [threshold("WARNING", rule.warn), threshold("CRITICAL", rule.critical)];
    out.push(("thresholds", thresholds.into_iter().flatten().collect::<Vec<_>>().join(", ")));
    if let (true, Some(noun)) = (rule.metric.is_gauge(), rule.metric.denominator()) {
        out.push(("floor", count(rule.min_sends, noun)));
    } else if rule.metric.is_rate() {
        out.push(("floor", format!("{} and {}", count(rule.min_sends, "send"), count(rule.min_events, "event"))));
    }
    let patience = patience(rule);
    if !patience.is_empty() {
        out.push(("patience", patience.join(", ")));
    }
    out
}

fn window(rule: &Rule) -> String {
    match (rule.metric, rule.window) {
        (Metric::Freshness, _) => "at the time of the check".to_owned(),
        (Metric::Coverage, _) => "over the last whole day (UTC)".to_owned(),
        (Metric::SendsVsWeekday, Window::Minutes(minutes)) => format!(
            "over the last {} that ended 15 minutes ago, and the same of the four weeks before",
            minutes_words(minutes)
        ),
        (metric, Window::Minutes(minutes)) if metric.is_gauge() => format!("over the last {}", minutes_words(minutes)),
        (_, Window::LastSends(sends)) => format!("over the last {} eligible sends", thousands(sends)),
        (_, Window::Minutes(minutes)) => format!(
            "over any {} by the time of the {}, the worst that ended within the last {}",
            minutes_words(minutes),
            rule.clock.as_str(),
            minutes_words(rule.look_back_minutes),
        ),
    }
}

fn minutes_words(minutes: u32) -> String {
    age(TimeDelta::minutes(minutes.into()))
}

fn patience(rule: &Rule) -> Vec<String> {
    let mut parts = Vec::new();
    if rule.pending_minutes > 0 {
        parts.push(format!("PENDING for {}", minutes_words(rule.pending_minutes)));
    }
    if rule.hits != (1, 1) {
        parts.push(format!("reached in {} of {} minutes", rule.hits.0, rule.hits.1));
    }
    if rule.keep_minutes > 0 {
        parts.push(format!("RECOVERING for {}", minutes_words(rule.keep_minutes)));
    }
    match rule.missing {
        Missing::NoData => {}
        Missing::Keep => parts.push("a minute without data keeps the state".to_owned()),
        Missing::Ok => parts.push("a minute without data is taken as well".to_owned()),
        Missing::Warning => parts.push("a minute without data is a WARNING".to_owned()),
        Missing::Critical => parts.push("a minute without data is CRITICAL".to_owned()),
    }
    parts
}

/// The sums behind a finding.
pub fn explain_finding(rule: &Rule, finding: &Finding) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    if let Some((from, to)) = finding.span {
        let time = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        out.push(("measured", format!("{} to {}", time(from), time(to))));
    }
    if rule.counting == Counting::Aws {
        let aws = AwsCounts::of(&finding.tally);
        let (sends, events, noun) = match finding.metric {
            Metric::ComplaintRate | Metric::Complaints => (aws.complaint_eligible_sends, aws.complaints, "complaints"),
            _ => (aws.eligible_sends, aws.bounces, "bounces"),
        };
        out.push(("sends", sends.arithmetic("sends", "eligible")));
        if finding.metric != Metric::Sends {
            out.push((noun, events.arithmetic(noun, "counted")));
        }
    }
    let (events, sends) = (finding.measured.events, finding.measured.sends);
    if finding.metric.is_gauge() {
        let value =
            finding.metric.value(finding.measured).map_or_else(|| "no data".to_owned(), |v| finding.metric.show(v));
        let of = match finding.metric.denominator() {
            Some(noun) if finding.metric.is_rate() => format!("{} of {}: ", thousands(events), count(sends, noun)),
            Some(noun) => format!("{}: ", count(sends, noun)),
            None => String::new(),
        };
        out.push(("value", format!("{of}{value}")));
        out.push(("state", format!("{}: {}", finding.state_name(), finding.verdict.reason)));
        return out;
    }
    match finding.measured.rate().filter(|_| finding.metric.is_rate()) {
        Some(rate) => {
            let (low, high) = finding.measured.interval();
            let figure = format!("{} of {} = {}", thousands(events), thousands(sends), percent(rate));
            out.push(("rate", format!("{figure}, 95 % interval {} to {}", percent(low), percent(high))));
            if rule.is_confident(!finding.group.is_empty()) {
                let value = decisive(rule, finding.measured, !finding.group.is_empty());
                let end = if rule.compare == Compare::Above { "lower" } else { "upper" };
                out.push(("judged by", format!("the {end} end of the interval, {}", percent(value))));
            }
        }
        None if finding.metric.is_rate() => out.push(("rate", "no data".to_owned())),
        None => out.push(("number", finding.metric.show(events as f64))),
    }
    match &finding.attribution {
        None => {}
        Some(Ok(found)) => out.extend(of_attribution(found)),
        Some(Err(why_not)) => out.push(("why", format!("not found out ({why_not})"))),
    }
    out.push(("state", format!("{}: {}", finding.state_name(), finding.verdict.reason)));
    out
}

/// Where it comes from: the sentence, and the values of each dimension that tell most.
fn of_attribution(found: &Attribution) -> Vec<(&'static str, String)> {
    let mut out = vec![("why", found.why.clone())];
    let expected = |number: f64| thousands(number.max(0.0).round() as u64);
    let over = match &found.baseline {
        Baseline::Past { from, to, measured } => format!(
            "{} of {} from {} to {}",
            thousands(measured.events),
            thousands(measured.sends),
            from.format("%Y-%m-%d %H:%M"),
            to.format("%Y-%m-%d %H:%M")
        ),
        Baseline::Threshold(value) => format!("the threshold, {}", percent(*value)),
    };
    out.push(("expected", format!("{} after {over}", expected(found.expected))));
    for divided in &found.dimensions {
        for part in divided.values.iter().filter(|part| part.share.max(part.mix) >= 0.1).take(3) {
            let value = part.value.as_deref().unwrap_or("(none)");
            let share = format!("{} of the excess", percent((part.share * 100.0).round() / 100.0));
            let numbers = format!(
                "{} of {}, expected {}, before {} of {}",
                thousands(part.measured.events),
                thousands(part.measured.sends),
                expected(part.expected),
                thousands(part.past.events),
                thousands(part.past.sends)
            );
            out.push(("", format!("{} {value}: {share}; {numbers}", divided.dimension)));
        }
    }
    out
}

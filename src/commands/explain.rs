//! `repute check --explain RULE`: the arithmetic behind a rule's findings, line by line.

use chrono::{SecondsFormat, TimeDelta};
use repute_query::{
    Attribution, AwsCounts, Baseline, CheckResult, Compare, Counting, Finding, Metric, Missing, Rule, Window, age,
    count, decisive, percent, thousands,
};

use crate::output::plain;

/// Every finding of a rule with its numbers, after what the rule says.
pub(super) fn text(rule: &Rule, result: &CheckResult) -> String {
    let findings: Vec<String> = result
        .findings
        .iter()
        .filter(|finding| finding.rule == rule.name)
        .map(|finding| of_finding(rule, finding))
        .collect();
    let findings = if findings.is_empty() { "nothing was measured\n".to_owned() } else { findings.join("\n") };
    format!("{}\n{findings}", of_rule(rule))
}

/// A label and what it is, in two columns.
fn line(label: &str, what: &str) -> String {
    format!("  {label:<11} {}\n", plain(what))
}

fn of_rule(rule: &Rule) -> String {
    let mut out = format!("rule {}\n", rule.name);
    let counting = match rule.counting {
        Counting::Aws => "as AWS counts",
        Counting::Plain => "every row counted",
    };
    out += &line("watches", &format!("{}, {counting}, {}", rule.metric.words(), window(rule)));
    if !rule.only.is_empty() {
        let only: Vec<String> =
            rule.only.iter().map(|(by, value)| format!("{by} {}", value.as_deref().unwrap_or("(none)"))).collect();
        out += &line("only", &only.join(", "));
    }
    let by: Vec<String> = rule.by.iter().map(ToString::to_string).collect();
    let each = (!by.is_empty()).then(|| format!("each {}", by.join(" and ")));
    let whole = rule.total.then(|| "each account as a whole".to_owned());
    out += &line("judges", &whole.into_iter().chain(each).collect::<Vec<_>>().join(", and "));
    let side = if rule.compare == Compare::Above { "from" } else { "below" };
    let threshold =
        |name: &str, value: Option<f64>| value.map(|value| format!("{name} {side} {}", words(rule.metric, value)));
    let thresholds = [threshold("WARNING", rule.warn), threshold("CRITICAL", rule.critical)];
    out += &line("thresholds", &thresholds.into_iter().flatten().collect::<Vec<_>>().join(", "));
    if let (true, Some(noun)) = (rule.metric.is_gauge(), rule.metric.denominator()) {
        out += &line("floor", &count(rule.min_sends, noun));
    } else if rule.metric.is_rate() {
        out += &line("floor", &format!("{} and {}", count(rule.min_sends, "send"), count(rule.min_events, "event")));
    }
    let patience = patience(rule);
    if !patience.is_empty() {
        out += &line("patience", &patience.join(", "));
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

fn words(metric: Metric, value: f64) -> String {
    metric.show(value)
}

fn of_finding(rule: &Rule, finding: &Finding) -> String {
    let account = finding.account_id.as_ref().map_or_else(|| "the account".to_owned(), |id| format!("account {id}"));
    let group = finding.group.iter().map(|(by, value)| format!(", {by} {}", value.as_deref().unwrap_or("(none)")));
    let mut out = format!("{}{}\n", plain(&account), plain(&group.collect::<String>()));
    if let Some((from, to)) = finding.span {
        let time = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        out += &line("measured", &format!("{} to {}", time(from), time(to)));
    }
    if rule.counting == Counting::Aws {
        let aws = AwsCounts::of(&finding.tally);
        let (sends, events, noun) = match finding.metric {
            Metric::ComplaintRate | Metric::Complaints => (aws.complaint_eligible_sends, aws.complaints, "complaints"),
            _ => (aws.eligible_sends, aws.bounces, "bounces"),
        };
        out += &line("sends", &sends.arithmetic("sends", "eligible"));
        if finding.metric != Metric::Sends {
            out += &line(noun, &events.arithmetic(noun, "counted"));
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
        out += &line("value", &format!("{of}{value}"));
        return out + &line("state", &format!("{}: {}", finding.state_name(), finding.verdict.reason));
    }
    match finding.measured.rate().filter(|_| finding.metric.is_rate()) {
        Some(rate) => {
            let (low, high) = finding.measured.interval();
            let figure = format!("{} of {} = {}", thousands(events), thousands(sends), percent(rate));
            out += &line("rate", &format!("{figure}, 95 % interval {} to {}", percent(low), percent(high)));
            if rule.is_confident(!finding.group.is_empty()) {
                let value = decisive(rule, finding.measured, !finding.group.is_empty());
                let end = if rule.compare == Compare::Above { "lower" } else { "upper" };
                out += &line("judged by", &format!("the {end} end of the interval, {}", percent(value)));
            }
        }
        None if finding.metric.is_rate() => out += &line("rate", "no data"),
        None => out += &line("number", &finding.metric.show(events as f64)),
    }
    match &finding.attribution {
        None => {}
        Some(Ok(found)) => out += &of_attribution(found),
        Some(Err(why_not)) => out += &line("why", &format!("not found out ({why_not})")),
    }
    out += &line("state", &format!("{}: {}", finding.state_name(), finding.verdict.reason));
    out
}

/// Where it comes from: the sentence, and the values of each dimension that tell most.
fn of_attribution(found: &Attribution) -> String {
    let mut out = line("why", &found.why);
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
    out += &line("expected", &format!("{} after {over}", expected(found.expected)));
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
            out += &line("", &format!("{} {value}: {share}; {numbers}", divided.dimension));
        }
    }
    out
}

//! What a check found, as far as somebody may have to be told of it.

use repute_query::{CheckResult, Compare, Finding, Rule, State, sentence};

use super::incident::{Seen, Sight, Sights};
use super::message::time;
use super::state::{Facts, Key, Level, Subject};

/// Of a check that came to a result.
pub(crate) fn of_result(result: &CheckResult, rules: &[Rule]) -> Sights {
    let is_unknown = result.state == State::NoData;
    let summary = || Facts { sentence: result.summary.clone(), ..Facts::default() };
    let has_alarm = result.findings.iter().any(Finding::is_alarm);
    let check = if is_unknown { Seen::Alarm(Level::Unknown, summary()) } else { Seen::Well };
    let no_mail = match result.state {
        State::Warning if !has_alarm => Seen::Alarm(Level::Warning, summary()),
        State::Ok | State::Pending => Seen::Well,
        State::Warning | State::Critical | State::NoData => Seen::Unjudged,
    };
    let mut all: Vec<Sight> = result.findings.iter().map(|finding| of_finding(finding, rules, is_unknown)).collect();
    all.push(Sight { key: about(Subject::NoMail, "no_mail"), what: no_mail });
    all.push(Sight { key: about(Subject::Check, "check"), what: check });
    Sights { all, rules: Some(rules.iter().map(|rule| rule.name.clone()).collect()) }
}

/// Of a check that failed: nothing is known of anything else.
pub(crate) fn of_failure(what: &str) -> Sights {
    let facts = Facts { sentence: what.to_owned(), ..Facts::default() };
    Sights {
        all: vec![Sight { key: about(Subject::Check, "check"), what: Seen::Alarm(Level::Unknown, facts) }],
        rules: None,
    }
}

fn about(subject: Subject, rule: &str) -> Key {
    Key { subject, rule: rule.to_owned(), account_id: None, group: Vec::new() }
}

/// Where the data is old, what is well may not be so any more.
fn of_finding(finding: &Finding, rules: &[Rule], is_unknown: bool) -> Sight {
    let key = Key {
        account_id: finding.account_id.clone(),
        group: finding.group.iter().map(|(dimension, value)| (dimension.to_string(), value.clone())).collect(),
        ..about(Subject::Rule, &finding.rule)
    };
    let level = match finding.verdict.state {
        State::Warning => Some(Level::Warning),
        State::Critical => Some(Level::Critical),
        State::Ok | State::Pending | State::NoData => None,
    };
    let what = match (level, finding.verdict.state) {
        (Some(level), _) if finding.muted.is_some() => Seen::Muted(level, facts(finding, rules)),
        (Some(level), _) => Seen::Alarm(level, facts(finding, rules)),
        (None, State::Pending) => Seen::Pending,
        (None, State::Ok) if !is_unknown => Seen::Well,
        (None, _) => Seen::Unjudged,
    };
    Sight { key, what }
}

fn facts(finding: &Finding, rules: &[Rule]) -> Facts {
    let rule = rules.iter().find(|rule| rule.name == finding.rule);
    let why = finding.attribution.as_ref().and_then(|found| found.as_ref().ok());
    Facts {
        sentence: sentence(finding),
        metric: Some(finding.metric.to_string()),
        value: finding.metric.value(finding.measured),
        events: Some(finding.measured.events),
        sends: Some(finding.measured.sends),
        warn: finding.thresholds.0,
        critical: finding.thresholds.1,
        from: finding.span.map(|(from, _)| time(from)),
        to: finding.span.map(|(_, to)| time(to)),
        below: rule.is_some_and(|rule| rule.compare == Compare::Below),
        why: why.map(|found| found.why.clone()).filter(|why| !why.is_empty()),
    }
}

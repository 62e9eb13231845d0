//! One evaluation of all rules against the lake: measure, judge, sum up.

pub(crate) mod series;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use repute_lake::EventType;

use crate::alert::{Machine, Measured, Metric, Rule, Silence, State, Verdict, judge};
use crate::attribution::Attribution;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::gauge::{self, Reading};
use crate::scan::{Reader, Selection};
use crate::tally::{Kind, Tally};
use crate::wording::{age, percent, thousands};
use series::{Question, Series, Spans, series};

/// Silence is judged against the same hour of the preceding seven days, if those had at least so many sends an hour.
const SILENCE_DAYS: i64 = 7;
const SILENCE_MIN_SENDS: u64 = 20;

/// How a check is done.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// The time it is.
    pub now: DateTime<Utc>,
    /// Data older than this is stale.
    pub max_age: TimeDelta,
    /// The reset date, if AWS granted a review.
    pub since: Option<DateTime<Utc>>,
    /// What is not to be told of.
    pub silences: Vec<Silence>,
}

/// Values of the dimensions that a rule divides an account by; empty for the account as a whole.
pub type Group = Vec<(Dimension, Option<String>)>;

/// One rule for one account or group.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule's name.
    pub rule: String,
    /// What it watches.
    pub metric: Metric,
    /// Account.
    pub account_id: Option<String>,
    /// Which part of it.
    pub group: Group,
    /// The numbers.
    pub measured: Measured,
    /// The counts that they were taken from.
    pub tally: Tally,
    /// Thresholds: WARNING and CRITICAL.
    pub thresholds: (Option<f64>, Option<f64>),
    /// What they were measured over.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The verdict.
    pub verdict: Verdict,
    /// The state is kept although its threshold is not reached any more.
    pub recovering: bool,
    /// Why it does not enter the state of the check.
    pub muted: Option<Muted>,
    /// Where it comes from, if somebody looked, or why that was not found out.
    pub attribution: Option<Result<Box<Attribution>, String>>,
}

/// Why a finding does not enter the state of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Muted {
    /// Somebody has silenced it until then, for this reason.
    Silenced(DateTime<Utc>, String),
    /// This rule says CRITICAL of the same.
    Inhibited(String),
}

impl Finding {
    /// The configuration set, if it is what the account is divided by.
    pub fn configuration_set(&self) -> Option<Option<&str>> {
        match self.group.as_slice() {
            [(dimension, set)] if *dimension == Dimension::CONFIGURATION_SET => Some(set.as_deref()),
            _ => None,
        }
    }

    /// The state by name: that of the verdict, or RECOVERING.
    pub fn state_name(&self) -> &'static str {
        if self.recovering { "RECOVERING" } else { self.verdict.state.as_str() }
    }

    /// Whether it enters the state of the check as a warning or worse.
    pub fn is_alarm(&self) -> bool {
        self.muted.is_none() && matches!(self.verdict.state, State::Warning | State::Critical)
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckResult {
    /// The worst state, [`State::NoData`] where nothing can be said.
    pub state: State,
    /// What it comes to, in one sentence.
    pub summary: String,
    /// Newest event, if there is one.
    pub newest_event: Option<DateTime<Utc>>,
    /// Every rule for every group, the worst first.
    pub findings: Vec<Finding>,
}

/// Evaluates the rules once.
pub async fn check(reader: &Reader, rules: &[Rule], options: &CheckOptions) -> Result<CheckResult, QueryError> {
    let Some(newest_event) = reader.newest_event(options.now).await? else {
        return Ok(CheckResult {
            state: State::NoData,
            summary: "the lake holds no events".to_owned(),
            newest_event: None,
            findings: Vec::new(),
        });
    };
    let mut findings = Vec::new();
    for rule in rules {
        if rule.metric.is_gauge() {
            let readings = gauge::readings(reader, rule, options.now).await?;
            findings.extend(readings.into_iter().map(|reading| read(rule, reading)));
            continue;
        }
        let question = Question::of(rule, rules);
        let since = options.now - TimeDelta::minutes(question.horizon.into());
        for series in series(reader, &question, since, options.now, options.since).await? {
            findings.extend(finding(rule, &series, options.now));
            // Whoever waits no longer is heard between one group and the next.
            tokio::task::yield_now().await;
        }
    }
    mute(&mut findings, options);
    findings.sort_by_key(|finding| (finding.muted.is_some(), rank(finding.verdict.state), !finding.group.is_empty()));
    let silence = silence(reader, options).await?;
    Ok(sum_up(findings, newest_event, silence, options))
}

/// Findings are told the worst first, and what could not be judged before what is well.
fn rank(state: State) -> u8 {
    match state {
        State::Critical => 0,
        State::Warning => 1,
        State::Pending => 2,
        State::NoData => 3,
        State::Ok => 4,
    }
}

/// What a rule finds in what was measured; nothing where there was nothing to measure a rate of.
fn finding(rule: &Rule, series: &Series, now: DateTime<Utc>) -> Option<Finding> {
    let told = match &series.spans {
        Spans::Volume { from, to, tally } => {
            let measured = rule.metric.measure(rule.counting, tally);
            let verdict = judge(rule, measured, !series.group.is_empty());
            Told { measured, tally: Tally::clone(tally), span: (*from, *to), verdict, recovering: false }
        }
        Spans::Minutes { width, ends } => worst_minute(rule, series, *width, ends, now)?,
    };
    Some(Finding {
        rule: rule.name.clone(),
        metric: rule.metric,
        account_id: series.account_id.clone(),
        group: series.group.clone(),
        measured: told.measured,
        tally: told.tally,
        thresholds: (rule.warn, rule.critical),
        span: Some(told.span),
        verdict: told.verdict,
        recovering: told.recovering,
        muted: None,
        attribution: None,
    })
}

/// What a rule finds in what was read once.
fn read(rule: &Rule, reading: Reading) -> Finding {
    let mut verdict = judge(rule, reading.measured, !reading.group.is_empty());
    let is_alarm = matches!(verdict.state, State::Warning | State::Critical);
    if let Some(meaning) = gauge::meaning(rule.metric).filter(|_| is_alarm) {
        verdict.reason = format!("{}; {meaning}", verdict.reason);
    }
    Finding {
        rule: rule.name.clone(),
        metric: rule.metric,
        account_id: reading.account_id,
        group: reading.group,
        measured: reading.measured,
        tally: Tally::default(),
        thresholds: (rule.warn, rule.critical),
        span: Some(reading.span),
        verdict,
        recovering: false,
        muted: None,
        attribution: None,
    }
}

/// What is told of a series.
struct Told {
    measured: Measured,
    tally: Tally,
    span: (DateTime<Utc>, DateTime<Utc>),
    verdict: Verdict,
    recovering: bool,
}

/// The worst minute of those that the rule looks back on: by state, then by the end of the rate's interval.
fn worst_minute(
    rule: &Rule,
    series: &Series,
    width: u32,
    ends: &BTreeMap<i64, Tally>,
    now: DateTime<Utc>,
) -> Option<Told> {
    let last = now.timestamp().div_euclid(60);
    let (horizon, look_back) = (i64::from(rule.horizon_minutes()), i64::from(rule.look_back_minutes.max(1)));
    let empty = Tally::default();
    let mut machine = Machine::new(rule);
    let mut worst: Option<(_, Told)> = None;
    for end in last - horizon.max(look_back) + 1..=last {
        let tally = ends.get(&end).unwrap_or(&empty);
        let measured = rule.metric.measure(rule.counting, tally);
        let mut verdict = judge(rule, measured, !series.group.is_empty());
        let standing = machine.step(end, verdict.state);
        let is_rate_of_nothing = tally.is_empty() && rule.metric.is_rate() && standing.state == State::NoData;
        if end <= last - look_back || is_rate_of_nothing {
            continue;
        }
        let patience = || age(TimeDelta::minutes(rule.pending_minutes.into()));
        verdict.state = standing.state;
        if standing.recovering {
            verdict.reason = format!("{}, was {} before", verdict.reason, standing.state.as_str());
        } else if standing.state == State::Pending && end == last {
            verdict.reason = format!("{}, not yet for {}", verdict.reason, patience());
        } else if standing.state == State::Pending {
            // Nothing came of it.
            verdict = Verdict { state: State::Ok, reason: format!("{}, but not for {}", verdict.reason, patience()) };
        }
        // A minute with too little mail says nothing as long as another was judged.
        let order = (verdict.state == State::NoData, rank(verdict.state), standing.recovering);
        let is_worse = worst.as_ref().is_none_or(|(of, told): &(_, Told)| {
            order < *of || (order == *of && measured.interval().0 > told.measured.interval().0)
        });
        if is_worse {
            let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0).unwrap_or_default();
            let span = (at(end - i64::from(width)), at(end));
            worst =
                Some((order, Told { measured, tally: tally.clone(), span, verdict, recovering: standing.recovering }));
        }
    }
    worst.map(|(_, told)| told)
}

/// Takes what is silenced, and warnings of what another rule calls critical, out of the state of the check.
fn mute(findings: &mut [Finding], options: &CheckOptions) {
    for finding in findings.iter_mut() {
        let covers = |silence: &&Silence| {
            silence.covers(&finding.rule, finding.account_id.as_deref(), &finding.group, options.now)
        };
        // The one that holds longest tells when it will be heard of again.
        let silence = options.silences.iter().filter(covers).max_by_key(|silence| silence.until);
        finding.muted = silence.map(|silence| Muted::Silenced(silence.until, silence.reason.clone()));
    }
    let critical: Vec<(Metric, Option<String>, Group, String)> = findings
        .iter()
        .filter(|finding| finding.is_alarm() && finding.verdict.state == State::Critical)
        .map(|f| (f.metric, f.account_id.clone(), f.group.clone(), f.rule.clone()))
        .collect();
    for finding in findings.iter_mut().filter(|f| f.muted.is_none() && f.verdict.state == State::Warning) {
        let same = critical.iter().find(|(metric, account, group, _)| {
            (metric, account, group) == (&finding.metric, &finding.account_id, &finding.group)
        });
        finding.muted = same.map(|(.., rule)| Muted::Inhibited(rule.clone()));
    }
}

/// No send for an hour although this hour usually has many: the usual number of sends.
async fn silence(reader: &Reader, options: &CheckOptions) -> Result<Option<u64>, QueryError> {
    let hour = TimeDelta::hours(1);
    let sends = async |until: DateTime<Utc>| -> Result<u64, QueryError> {
        let selection = Selection {
            since: Some(until - hour),
            until: Some(until),
            types: vec![EventType::Send],
            ..Selection::default()
        };
        Ok(reader.tallies(&selection).await?.iter().map(|row| row.tally.all(Kind::Send)).sum())
    };
    // Whole minutes, so that checks within one ask the same.
    let now = DateTime::from_timestamp(options.now.timestamp().div_euclid(60) * 60, 0).unwrap_or(options.now);
    if sends(now).await? > 0 {
        return Ok(None);
    }
    let mut usual = 0;
    for days in 1..=SILENCE_DAYS {
        usual += sends(now - TimeDelta::days(days)).await?;
    }
    let usual = usual / SILENCE_DAYS.unsigned_abs();
    Ok((usual >= SILENCE_MIN_SENDS).then_some(usual))
}

fn sum_up(
    findings: Vec<Finding>,
    newest_event: DateTime<Utc>,
    silence: Option<u64>,
    options: &CheckOptions,
) -> CheckResult {
    let old = options.now - newest_event;
    let alarm = findings.iter().find(|finding| finding.is_alarm());
    let (state, summary) = if old > options.max_age {
        (State::NoData, format!("newest event {} old (limit {})", age(old), age(options.max_age)))
    } else if let Some(worst) = alarm {
        (worst.verdict.state, sentence(worst))
    } else if let Some(usual) = silence {
        (State::Warning, format!("no mail sent for an hour, usually about {usual} at this time of day"))
    } else if findings.iter().any(|finding| finding.muted.is_some() || finding.verdict.state != State::NoData) {
        (State::Ok, headline(&findings))
    } else {
        (State::NoData, headline(&findings))
    };
    CheckResult { state, summary, newest_event: Some(newest_event), findings }
}

/// A finding in a sentence: `bounce rate 5.21 % in marketing (521 of 10,000): over AWS's review line (5 %)`.
pub fn sentence(finding: &Finding) -> String {
    let Measured { events, sends } = finding.measured;
    let whose: Vec<String> =
        finding.group.iter().map(|(dimension, value)| group_words(dimension, value.as_deref())).collect();
    let whose = if whose.is_empty() { String::new() } else { format!(" in {}", whose.join(", ")) };
    let numbers = if finding.metric.is_rate() {
        let rate = finding.measured.rate().map_or_else(|| "no data".to_owned(), percent);
        format!("{rate}{whose} ({} of {})", thousands(events), thousands(sends))
    } else {
        format!("{}{whose}", finding.metric.show(events as f64))
    };
    let state = if finding.recovering { " (RECOVERING)" } else { "" };
    format!("{} {numbers}: {}{state}", finding.metric.words(), finding.verdict.reason)
}

/// A value of a dimension, with the dimension's name unless that is the usual one.
fn group_words(dimension: &Dimension, value: Option<&str>) -> String {
    if *dimension == Dimension::CONFIGURATION_SET {
        return value.unwrap_or("(no configuration set)").to_owned();
    }
    format!("{dimension} {}", value.unwrap_or("(none)"))
}

/// The account's figures, when nothing is wrong or nothing can be said.
fn headline(findings: &[Finding]) -> String {
    let account = || findings.iter().filter(|finding| finding.group.is_empty());
    let judged = |finding: &&Finding| finding.verdict.state != State::NoData;
    let mut sentences: Vec<String> = account().filter(judged).take(2).map(sentence).collect();
    if sentences.is_empty() {
        sentences = account().take(2).map(sentence).collect();
    }
    if sentences.is_empty() {
        sentences.push("no mail was sent".to_owned());
    }
    sentences.join(", ")
}

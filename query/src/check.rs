//! One evaluation of all rules against the lake: measure, judge, sum up.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::{DateTime, TimeDelta, Utc};

use repute_lake::EventType;

use crate::alert::{Measured, Metric, Rule, State, Verdict, Window, judge};
use crate::counting::AwsCounts;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::reputation::{Reputation, ReputationQuery, reputation};
use crate::scan::{Reader, Selection};
use crate::sliding::{Position, sliding};
use crate::tally::Kind;
use crate::wording::{age, percent, thousands};

/// Short windows are looked at if they ended within this time: a check that runs every five minutes misses none even if
/// it fails now and then.
const LOOK_BACK_MINUTES: i64 = 60;

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
}

/// One rule for one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// What it watches.
    pub metric: Metric,
    /// Account.
    pub account_id: Option<String>,
    /// `None` for the account as a whole.
    pub configuration_set: Option<Option<String>>,
    /// The numbers.
    pub measured: Measured,
    /// Thresholds: WARNING and CRITICAL.
    pub thresholds: (f64, f64),
    /// What they were measured over.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The verdict.
    pub verdict: Verdict,
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
    let mut windows: Vec<Window> = Vec::new();
    for rule in rules {
        if !windows.contains(&rule.window) {
            windows.push(rule.window);
        }
    }
    let mut findings = Vec::new();
    for window in windows {
        let groups = match window {
            Window::LastSends(volume) => judged_volume(reader, volume, options).await?,
            Window::Minutes(minutes) => recent_minutes(reader, minutes, options).await?,
        };
        for rule in rules.iter().filter(|rule| rule.window == window) {
            findings.extend(groups.iter().filter_map(|group| worst(rule, group)));
        }
    }
    findings.sort_by_key(|finding| (rank(finding.verdict.state), finding.configuration_set.is_some()));
    let silence = silence(reader, options).await?;
    Ok(sum_up(findings, newest_event, silence, options))
}

/// Findings are told the worst first, and what could not be judged before what is well.
fn rank(state: State) -> u8 {
    match state {
        State::Critical => 0,
        State::Warning => 1,
        State::NoData => 2,
        State::Ok => 3,
    }
}

fn measured(metric: Metric, aws: &AwsCounts) -> Measured {
    match metric {
        Metric::BounceRate => Measured { events: aws.bounces.counted, sends: aws.eligible_sends.counted },
        Metric::ComplaintRate => {
            Measured { events: aws.complaints.counted, sends: aws.complaint_eligible_sends.counted }
        }
    }
}

/// What was measured for an account or one of its configuration sets: one or more spans of time.
struct Group {
    account_id: Option<String>,
    configuration_set: Option<Option<String>>,
    spans: Vec<Span>,
}

struct Span {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    aws: AwsCounts,
}

/// The last `volume` eligible sends: one span for each group.
async fn judged_volume(reader: &Reader, volume: u64, options: &CheckOptions) -> Result<Vec<Group>, QueryError> {
    let query = ReputationQuery { last_sends: volume, since: options.since, as_of: Some(options.now) };
    let found = reputation(reader, &query).await?;
    let group = |row: Reputation| Group {
        account_id: row.account_id,
        configuration_set: row.configuration_set,
        spans: vec![Span { from: row.from, to: row.to, aws: row.aws }],
    };
    Ok(found.into_iter().map(group).collect())
}

/// Every position of a window of `minutes` minutes that ended within the look-back.
async fn recent_minutes(reader: &Reader, minutes: u32, options: &CheckOptions) -> Result<Vec<Group>, QueryError> {
    let since = options.now - TimeDelta::minutes(LOOK_BACK_MINUTES);
    let selection = Selection {
        by: vec![Dimension::ACCOUNT, Dimension::CONFIGURATION_SET],
        types: vec![EventType::Send, EventType::Bounce, EventType::Complaint],
        ..Selection::default()
    };
    let mut groups = Vec::new();
    let mut accounts: BTreeMap<Option<String>, BTreeMap<DateTime<Utc>, Position>> = BTreeMap::new();
    for (values, positions) in sliding(reader, &selection, minutes, since, options.now).await? {
        let mut values = values.into_iter();
        let (account_id, set) = (values.next().flatten(), values.next().flatten());
        let whole = accounts.entry(account_id.clone()).or_default();
        for position in &positions {
            match whole.entry(position.to) {
                Entry::Vacant(place) => _ = place.insert(position.clone()),
                Entry::Occupied(mut place) => place.get_mut().tally += &position.tally,
            }
        }
        groups.push(Group { account_id, configuration_set: Some(set), spans: spans(positions) });
    }
    for (account_id, positions) in accounts {
        groups.push(Group { account_id, configuration_set: None, spans: spans(positions.into_values()) });
    }
    Ok(groups)
}

fn spans(positions: impl IntoIterator<Item = Position>) -> Vec<Span> {
    let span = |p: Position| Span { from: p.from, to: p.to, aws: AwsCounts::of(&p.tally) };
    positions.into_iter().map(span).collect()
}

/// The finding of the worst span: by state, then by the lower end of the rate's interval.
fn worst(rule: &Rule, group: &Group) -> Option<Finding> {
    let rule = if group.configuration_set.is_some() { &rule.for_part() } else { rule };
    let judged = group.spans.iter().map(|span| {
        let measured = measured(rule.metric, &span.aws);
        (span, measured, judge(rule, measured))
    });
    // A span with too little mail says nothing as long as another was judged.
    let order = |verdict: &Verdict| (verdict.state == State::NoData, rank(verdict.state));
    let (span, measured, verdict) =
        judged.min_by(|a, b| order(&a.2).cmp(&order(&b.2)).then(b.1.interval().0.total_cmp(&a.1.interval().0)))?;
    Some(Finding {
        rule: rule.name,
        metric: rule.metric,
        account_id: group.account_id.clone(),
        configuration_set: group.configuration_set.clone(),
        measured,
        thresholds: (rule.warn, rule.critical),
        span: Some((span.from, span.to)),
        verdict,
    })
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
    let worst = findings.first().map_or(State::NoData, |finding| finding.verdict.state);
    let (state, summary) = if old > options.max_age {
        (State::NoData, format!("newest event {} old (limit {})", age(old), age(options.max_age)))
    } else if matches!(worst, State::Critical | State::Warning) {
        (worst, findings.first().map(sentence).unwrap_or_default())
    } else if let Some(usual) = silence {
        (State::Warning, format!("no mail sent for an hour, usually about {usual} at this time of day"))
    } else if findings.iter().any(|finding| finding.verdict.state == State::Ok) {
        (State::Ok, headline(&findings))
    } else {
        (State::NoData, headline(&findings))
    };
    CheckResult { state, summary, newest_event: Some(newest_event), findings }
}

/// A finding in a sentence: `bounce rate 5.21 % in marketing (521 of 10,000): over AWS's review line (5 %)`.
pub fn sentence(finding: &Finding) -> String {
    let Measured { events, sends } = finding.measured;
    let rate = finding.measured.rate().map_or_else(|| "no data".to_owned(), percent);
    let set = match &finding.configuration_set {
        None => String::new(),
        Some(set) => format!(" in {}", set.as_deref().unwrap_or("(no configuration set)")),
    };
    let (events, sends) = (thousands(events), thousands(sends));
    format!("{} {rate}{set} ({events} of {sends}): {}", finding.metric.words(), finding.verdict.reason)
}

/// The account's figures, when nothing is wrong or nothing can be said.
fn headline(findings: &[Finding]) -> String {
    let account = || findings.iter().filter(|finding| finding.configuration_set.is_none());
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

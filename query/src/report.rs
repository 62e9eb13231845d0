//! The machine form of the answers: names here are a contract with scripts that read them.
//!
//! Rates are fractions or null, times RFC 3339 UTC, counts of recipient rows.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::alert::Measured;
use crate::attribution::{Attribution, Baseline, Divided, Part};
use crate::backtest::Episode;
use crate::check::{CheckResult, Finding, Group, Muted};
use crate::counting::{CountingRules, Side};
use crate::dimension::Dimension;
use crate::messages::{Detail, Message, MessageEvent};
use crate::rates::{Counts, Rates};
use crate::reasons::{BounceReasons, ReasonGroup};
use crate::reputation::{BOUNCE_PAUSE, BOUNCE_REVIEW, COMPLAINT_PAUSE, COMPLAINT_REVIEW, Reputation};
use crate::silent::Silent;

pub(crate) fn time(time: DateTime<Utc>) -> Value {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
}

fn counts(counts: &Counts) -> Value {
    json!({
        "send": counts.send,
        "delivery": counts.delivery,
        "hard_bounce": counts.hard_bounce,
        "soft_bounce": counts.soft_bounce,
        "undetermined_bounce": counts.undetermined_bounce,
        "complaint": counts.complaint,
        "reject": counts.reject,
        "delivery_delay": counts.delivery_delay,
        "open": counts.open,
        "click": counts.click,
        "rendering_failure": counts.rendering_failure,
        "subscription": counts.subscription,
    })
}

/// `rates --format json`: an array with one object per window and group; with `previous` where the period before was asked for.
pub fn rates_report(rows: &[Rates], by: &[Dimension], compared: bool) -> Value {
    let object = |row: &Rates| {
        let mut object = Map::new();
        object.insert("window_start".to_owned(), row.window_start.map_or(Value::Null, time));
        object.insert("window_end".to_owned(), row.window_end.map_or(Value::Null, time));
        for (dimension, value) in by.iter().zip(&row.group) {
            object.insert(dimension.to_string(), json!(value));
        }
        object.extend(figures(row));
        if compared {
            let previous = row.previous.as_ref().map(|row| {
                let mut object = figures(row);
                object.insert("window_start".to_owned(), row.window_start.map_or(Value::Null, time));
                object.insert("window_end".to_owned(), row.window_end.map_or(Value::Null, time));
                object
            });
            object.insert("previous".to_owned(), json!(previous));
        }
        Value::Object(object)
    };
    rows.iter().map(object).collect()
}

fn figures(row: &Rates) -> Map<String, Value> {
    let aws = json!({
        "eligible_sends": row.aws.eligible_sends.counted,
        "counted_bounces": row.aws.bounces.counted,
        "bounce_rate": row.aws.bounce_rate(),
        "complaint_eligible_sends": row.aws.complaint_eligible_sends.counted,
        "counted_complaints": row.aws.complaints.counted,
        "complaint_rate": row.aws.complaint_rate(),
    });
    let plain = json!({
        "bounce_rate": row.counts.bounce_rate(),
        "complaint_rate": row.counts.complaint_rate(),
        "delivery_rate": row.counts.delivery_rate(),
    });
    [("counts", counts(&row.counts)), ("aws", aws), ("plain", plain)]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

fn excluded(side: &Side) -> Value {
    side.excluded.iter().map(|(reason, rows)| (reason.as_str().to_owned(), json!(rows))).collect::<Map<_, _>>().into()
}

fn group(account: Option<&str>, set: Option<&Option<String>>) -> Map<String, Value> {
    let mut group = Map::new();
    group.insert("scope".to_owned(), if set.is_some() { "configuration_set" } else { "account" }.into());
    group.insert("account_id".to_owned(), json!(account));
    if let Some(set) = set {
        group.insert("configuration_set".to_owned(), json!(set));
    }
    group
}

/// `reputation --format json`: the rules that were used, and one object per account and configuration set.
pub fn reputation_report(rows: &[Reputation], last_sends: u64, rules: &CountingRules) -> Value {
    let object = |row: &Reputation| {
        let aws = &row.aws;
        let (bounce_low, bounce_high) = row.bounce_interval();
        let (complaint_low, complaint_high) = row.complaint_interval();
        let mut object = group(row.account_id.as_deref(), row.configuration_set.as_ref());
        object.extend([
            ("from".to_owned(), time(row.from)),
            ("to".to_owned(), time(row.to)),
            ("span_days".to_owned(), json!(row.span_days())),
            ("full_volume".to_owned(), json!(row.full)),
            (
                "bounce".to_owned(),
                json!({
                    "sends": aws.eligible_sends.total,
                    "excluded_sends": excluded(&aws.eligible_sends),
                    "eligible_sends": aws.eligible_sends.counted,
                    "bounces": aws.bounces.total,
                    "excluded_bounces": excluded(&aws.bounces),
                    "counted_bounces": aws.bounces.counted,
                    "bounce_rate": aws.bounce_rate(),
                    "interval_95": [bounce_low, bounce_high],
                    "review_line": BOUNCE_REVIEW,
                    "pause_line": BOUNCE_PAUSE,
                    "headroom_review": row.bounce_headroom(BOUNCE_REVIEW),
                    "headroom_pause": row.bounce_headroom(BOUNCE_PAUSE),
                    "days_to_review": row.bounce_days(BOUNCE_REVIEW, last_sends),
                    "days_to_pause": row.bounce_days(BOUNCE_PAUSE, last_sends),
                }),
            ),
            (
                "complaint".to_owned(),
                json!({
                    "sends": aws.complaint_eligible_sends.total,
                    "excluded_sends": excluded(&aws.complaint_eligible_sends),
                    "complaint_eligible_sends": aws.complaint_eligible_sends.counted,
                    "complaints": aws.complaints.total,
                    "excluded_complaints": excluded(&aws.complaints),
                    "counted_complaints": aws.complaints.counted,
                    "complaint_rate": aws.complaint_rate(),
                    "interval_95": [complaint_low, complaint_high],
                    "review_line": COMPLAINT_REVIEW,
                    "pause_line": COMPLAINT_PAUSE,
                    "headroom_review": row.complaint_headroom(COMPLAINT_REVIEW),
                    "headroom_pause": row.complaint_headroom(COMPLAINT_PAUSE),
                    "days_to_review": row.complaint_days(COMPLAINT_REVIEW, last_sends),
                    "days_to_pause": row.complaint_days(COMPLAINT_PAUSE, last_sends),
                }),
            ),
        ]);
        Value::Object(object)
    };
    let (counted, left_out) = rules.silent();
    let names = |list: &[Silent]| list.iter().map(|silent| silent.as_str()).collect::<Vec<_>>();
    json!({
        "last_eligible_sends": last_sends,
        "verified_identities": rules.verified_identities(),
        "no_feedback_loop": rules.no_feedback_loop(),
        "counted_where_aws_is_silent": names(&counted),
        "left_out_where_aws_is_silent": names(&left_out),
        "reputation": rows.iter().map(object).collect::<Vec<_>>(),
    })
}

/// `check --format json`.
pub fn check_report(result: &CheckResult) -> Value {
    json!({
        "state": result.state.as_str(),
        "summary": result.summary,
        "newest_event": result.newest_event.map_or(Value::Null, time),
        "findings": result.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// Whose mail: an account, or a part of it.
fn whose(account: Option<&str>, group: &Group) -> Map<String, Value> {
    let mut object = Map::new();
    let scope = match group.as_slice() {
        [] => "account",
        [(dimension, _)] if *dimension == Dimension::CONFIGURATION_SET => "configuration_set",
        _ => "group",
    };
    object.insert("scope".to_owned(), scope.into());
    object.insert("account_id".to_owned(), json!(account));
    object.extend(group.iter().map(|(dimension, value)| (dimension.to_string(), json!(value))));
    object
}

fn finding(finding: &Finding) -> Value {
    let (low, high) = finding.measured.interval();
    let mut object = whose(finding.account_id.as_deref(), &finding.group);
    object.extend([
        ("rule".to_owned(), json!(finding.rule)),
        ("metric".to_owned(), json!(finding.metric.as_str())),
        ("state".to_owned(), json!(finding.state_name())),
        ("reason".to_owned(), json!(finding.verdict.reason)),
        ("rate".to_owned(), json!(finding.measured.rate().filter(|_| finding.metric.is_rate()))),
        ("events".to_owned(), json!(finding.measured.events)),
        ("sends".to_owned(), json!(finding.measured.sends)),
        (
            "interval_95".to_owned(),
            if finding.metric.is_rate() && !finding.metric.is_gauge() { json!([low, high]) } else { Value::Null },
        ),
        ("warn".to_owned(), json!(finding.thresholds.0)),
        ("critical".to_owned(), json!(finding.thresholds.1)),
        ("from".to_owned(), finding.span.map_or(Value::Null, |(from, _)| time(from))),
        ("to".to_owned(), finding.span.map_or(Value::Null, |(_, to)| time(to))),
        ("muted".to_owned(), muted(finding.muted.as_ref())),
        ("attribution".to_owned(), finding.attribution.as_ref().map_or(Value::Null, attributed)),
    ]);
    Value::Object(object)
}

/// Where a finding comes from, or why that was not found out.
fn attributed(found: &Result<Box<Attribution>, String>) -> Value {
    let found = match found {
        Ok(found) => found,
        Err(why_not) => return json!({"error": why_not}),
    };
    let numbers = |m: &Measured| json!({"events": m.events, "sends": m.sends});
    let part = |part: &Part| {
        json!({
            "value": part.value, "events": part.measured.events, "sends": part.measured.sends, "past": numbers(&part.past),
            "expected": part.expected, "excess": part.excess, "share": part.share, "mix": part.mix,
        })
    };
    let divided = |divided: &Divided| {
        let values: Vec<Value> = divided.values.iter().map(part).collect();
        json!({"dimension": divided.dimension.to_string(), "of_sends": divided.of_sends, "mix": divided.mix, "values": values})
    };
    let baseline = match &found.baseline {
        Baseline::Past { from, to, measured } => {
            json!({"kind": "past", "from": time(*from), "to": time(*to), "events": measured.events, "sends": measured.sends})
        }
        Baseline::Threshold(line) => json!({"kind": "threshold", "value": line}),
    };
    json!({
        "why": found.why, "baseline": baseline, "expected": found.expected, "excess": found.excess,
        "dimensions": found.dimensions.iter().map(divided).collect::<Vec<_>>(),
    })
}

/// Why a finding does not enter the state.
fn muted(muted: Option<&Muted>) -> Value {
    match muted {
        None => Value::Null,
        Some(Muted::Silenced(until, reason)) => json!({"by": "silence", "until": time(*until), "reason": reason}),
        Some(Muted::Inhibited(rule)) => json!({"by": rule}),
    }
}

/// `check --backtest --format json`: an array with one object per episode.
pub fn backtest_report(episodes: &[Episode]) -> Value {
    let object = |episode: &Episode| {
        let mut object = whose(episode.account_id.as_deref(), &episode.group);
        object.extend([
            ("rule".to_owned(), json!(episode.rule)),
            ("metric".to_owned(), json!(episode.metric.as_str())),
            ("state".to_owned(), json!(episode.state.as_str())),
            ("from".to_owned(), time(episode.from)),
            ("to".to_owned(), time(episode.to)),
            ("ongoing".to_owned(), json!(episode.ongoing)),
            ("rate".to_owned(), json!(episode.worst.rate().filter(|_| episode.metric.is_rate()))),
            ("events".to_owned(), json!(episode.worst.events)),
            ("sends".to_owned(), json!(episode.worst.sends)),
        ]);
        Value::Object(object)
    };
    episodes.iter().map(object).collect()
}

/// `messages --format json`: an array with one object per message; a detail that an event lacks is left out.
pub fn messages_report(messages: &[Message]) -> Value {
    let event = |event: &MessageEvent| {
        let mut object = Map::new();
        object.insert("time".to_owned(), time(event.time));
        object.insert("type".to_owned(), event.event_type.as_str().into());
        object.insert("recipient".to_owned(), json!(event.recipient));
        object.extend(event.details.iter().map(|(name, detail)| ((*name).to_owned(), value(detail))));
        Value::Object(object)
    };
    let object = |message: &Message| {
        json!({
            "message_id": message.message_id,
            "sent": message.sent.map_or(Value::Null, time),
            "source": message.source,
            "subject": message.subject,
            "configuration_set": message.configuration_set,
            "recipients": message.recipients,
            "events": message.events.iter().map(event).collect::<Vec<_>>(),
        })
    };
    messages.iter().map(object).collect()
}

/// `bounces --format json`: all bounces, the classes, and the largest groups; `share` is of all bounces that were asked for.
pub fn bounces_report(found: &BounceReasons, by: &[Dimension]) -> Value {
    let share = |count: u64| crate::interval::rate(count, found.bounces);
    let object = |group: &ReasonGroup| {
        let mut object = Map::new();
        for (dimension, value) in by.iter().zip(&group.group) {
            object.insert(dimension.to_string(), json!(value));
        }
        let providers: Vec<Value> =
            group.providers.iter().map(|(provider, count)| json!({"provider": provider, "count": count})).collect();
        object.extend([
            ("class".to_owned(), json!(group.class.as_str())),
            ("status".to_owned(), json!(group.status)),
            ("bounce_type".to_owned(), json!(group.bounce_type)),
            ("bounce_subtype".to_owned(), json!(group.subtype)),
            ("text".to_owned(), json!(group.text)),
            ("count".to_owned(), json!(group.count)),
            ("count_may_lack".to_owned(), json!(group.missed)),
            ("share".to_owned(), json!(share(group.count))),
            ("providers".to_owned(), json!(providers)),
            ("first_seen".to_owned(), time(group.first)),
            ("last_seen".to_owned(), time(group.last)),
            ("example".to_owned(), json!(group.example)),
        ]);
        Value::Object(object)
    };
    let class = |(class, count): &(crate::reasons::BounceClass, u64)| json!({"class": class.as_str(), "count": count, "share": share(*count)});
    json!({
        "bounces": found.bounces,
        "classes": found.classes.iter().map(class).collect::<Vec<_>>(),
        "groups": found.groups.iter().map(object).collect::<Vec<_>>(),
        "others": {"groups": found.other_groups, "count": found.others, "share": share(found.others)},
        "more_groups_than_told_apart": found.is_cut,
    })
}

fn value(detail: &Detail) -> Value {
    match detail {
        Detail::Text(text) => json!(text),
        Detail::Time(at) => time(*at),
        Detail::Milliseconds(number) => json!(number),
    }
}

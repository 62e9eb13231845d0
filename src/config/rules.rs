//! Alert rules and silences as written in `repute.toml`.
//!
//! A value that makes no sense is an error at its own place in the file, so that the line can be named; what only shows in the rule
//! as a whole is told at the rule's first line.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{
    Clock, Compare, Confidence, Counting, Dimension, Expected, Metric, Missing, Rule, Silence, Unit, Window,
    default_rules,
};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::when::{parse_duration, parse_time};

/// Windows and patience are counted in minutes; longer ones would have every check read weeks.
const LONGEST: TimeDelta = TimeDelta::days(7);

/// Firehose may be so late. A rule that keeps firing by itself need not look back any further.
const LATE_MINUTES: u32 = 15;

/// `[[rule]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleText {
    name: String,
    metric: Parsed<Metric>,
    counting: Option<Parsed<Counting>>,
    clock: Option<Parsed<Clock>>,
    window: Option<Minutes>,
    last_sends: Option<u64>,
    #[serde(default)]
    by: Vec<Parsed<Dimension>>,
    total: Option<bool>,
    #[serde(default)]
    only: BTreeMap<Parsed<Dimension>, String>,
    expected_sends: Option<SentText>,
    compare: Option<Parsed<Compare>>,
    warn: Option<Threshold>,
    critical: Option<Threshold>,
    min_sends: Option<u64>,
    min_events: Option<u64>,
    confidence: Option<Parsed<Confidence>>,
    #[serde(rename = "for")]
    pending: Option<Minutes>,
    keep_firing_for: Option<Minutes>,
    hits: Option<Parsed<Hits>>,
    no_data: Option<Parsed<Missing>>,
    look_back: Option<Minutes>,
}

/// `[[silence]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SilenceText {
    rule: Option<String>,
    #[serde(default)]
    only: BTreeMap<Parsed<Dimension>, String>,
    /// Only accounts as a whole.
    total: Option<bool>,
    until: Time,
    #[serde(default)]
    reason: String,
}

/// A word or a few with a meaning.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Parsed<T>(T);

/// What words can mean.
trait Words: Sized {
    fn read(text: &str) -> Result<Self, String>;
}

impl<'de, T: Words> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

/// The meaning of a word out of a list.
pub(super) fn one_of<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, String> {
    let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    let list = || known.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("`{text}` is not known here; write one of {}", list()))
}

impl Words for Metric {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: repute_query::UnknownMetric| error.to_string())
    }
}

impl Words for Dimension {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: repute_query::UnknownDimension| error.to_string())
    }
}

impl Words for Counting {
    fn read(text: &str) -> Result<Self, String> {
        one_of(text, &[("aws", Self::Aws), ("plain", Self::Plain)])
    }
}

impl Words for Clock {
    fn read(text: &str) -> Result<Self, String> {
        one_of(text, &[("event", Self::Event), ("sent", Self::Sent)])
    }
}

impl Words for Compare {
    fn read(text: &str) -> Result<Self, String> {
        one_of(text, &[("above", Self::Above), ("below", Self::Below)])
    }
}

impl Words for Confidence {
    fn read(text: &str) -> Result<Self, String> {
        one_of(
            text,
            &[("rate", Self::Rate), ("interval", Self::Interval), ("interval of groups", Self::IntervalOfGroups)],
        )
    }
}

impl Words for Missing {
    fn read(text: &str) -> Result<Self, String> {
        one_of(
            text,
            &[
                ("no_data", Self::NoData),
                ("keep", Self::Keep),
                ("ok", Self::Ok),
                ("warning", Self::Warning),
                ("critical", Self::Critical),
            ],
        )
    }
}

/// `3 of 5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hits(u32, u32);

impl Words for Hits {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` says not how many minutes of how many; write it as \"3 of 5\", at most 60");
        let (least, of) = text.split_once(" of ").ok_or_else(wrong)?;
        let (least, of) = (least.trim().parse().map_err(|_| wrong())?, of.trim().parse().map_err(|_| wrong())?);
        if (1..=of).contains(&least) && of <= 60 { Ok(Self(least, of)) } else { Err(wrong()) }
    }
}

/// A duration of whole minutes.
#[derive(Debug, Clone, Copy)]
struct Minutes(u32);

impl<'de> Deserialize<'de> for Minutes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let duration = parse_duration(&text).map_err(D::Error::custom)?;
        let whole = duration.num_seconds() % 60 == 0 && duration.subsec_nanos() == 0 && duration <= LONGEST;
        let minutes = u32::try_from(duration.num_minutes()).ok().filter(|_| whole);
        minutes.map(Self).ok_or_else(|| {
            D::Error::custom(format!("`{text}`: give whole minutes, at most 7d, such as \"10m\" or \"2h\""))
        })
    }
}

/// How much mail was handed to SES: a number for every day, or a table of days.
#[derive(Debug, Clone)]
pub(super) struct SentText(Expected);

impl SentText {
    pub(super) fn expected(&self) -> Expected {
        self.0.clone()
    }
}

impl<'de> Deserialize<'de> for SentText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |what: &str| {
            D::Error::custom(format!(
                "{what}; write a number of sends a day, or a table of days such as {{ \"2026-10-05\" = 1200 }}"
            ))
        };
        let number = |value: &toml::Value| {
            let sends = value.as_integer().and_then(|number| u64::try_from(number).ok());
            sends.ok_or_else(|| wrong(&format!("`{value}` is no number of sends")))
        };
        match toml::Value::deserialize(deserializer)? {
            toml::Value::Table(days) => {
                let day = |(day, sends): (String, toml::Value)| {
                    let date = day.parse().map_err(|_| wrong(&format!("`{day}` is no day")))?;
                    Ok((date, number(&sends)?))
                };
                Ok(Self(Expected::Days(days.into_iter().map(day).collect::<Result<_, D::Error>>()?)))
            }
            value => Ok(Self(Expected::EveryDay(number(&value)?))),
        }
    }
}

/// A rate as a fraction or a percentage, a number, or a duration.
#[derive(Debug, Clone, Copy)]
struct Threshold {
    value: f64,
    /// The value is in seconds.
    is_duration: bool,
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |what: String| {
            D::Error::custom(format!(
                "{what} is no threshold; write a percentage such as \"2 %\", a fraction such as 0.02, or a number; of a metric of time a duration such as \"2h\""
            ))
        };
        let mut is_duration = false;
        let value = match toml::Value::deserialize(deserializer)? {
            toml::Value::Integer(number) => number as f64,
            toml::Value::Float(number) => number,
            toml::Value::String(text) => {
                let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
                match (percent, parse_duration(&text)) {
                    (Some(percent), _) => percent / 100.0,
                    (None, Ok(duration)) => {
                        is_duration = true;
                        duration.num_milliseconds() as f64 / 1_000.0
                    }
                    (None, Err(_)) => return Err(wrong(format!("`{text}`"))),
                }
            }
            other => return Err(wrong(format!("`{other}`"))),
        };
        if value.is_finite() && value >= 0.0 {
            Ok(Self { value, is_duration })
        } else {
            Err(wrong(format!("`{value}`")))
        }
    }
}

impl Threshold {
    /// The value in the metric's unit.
    fn of(self, metric: Metric) -> Result<f64, String> {
        match (metric.unit(), self.is_duration) {
            (Unit::Seconds, true) => Ok(self.value),
            (Unit::Milliseconds, true) => Ok(self.value * 1_000.0),
            (Unit::Seconds | Unit::Milliseconds, false) => {
                Err(format!("`{metric}` is a time; write its thresholds as durations such as \"2h\" or \"30s\""))
            }
            (Unit::Share | Unit::Number, true) => {
                Err(format!("`{metric}` is no time; write its thresholds as \"2 %\", 0.02 or a number"))
            }
            (Unit::Share | Unit::Number, false) => Ok(self.value),
        }
    }
}

/// A point in time.
#[derive(Debug, Clone, Copy)]
struct Time(DateTime<Utc>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        parse_time(&text).map(Self).map_err(D::Error::custom)
    }
}

/// A mistake, and where in the file it is.
pub(super) type Mistake = (std::ops::Range<usize>, String);

/// The rules of the file and, unless it does without them, the default ones that it does not replace by name.
pub(super) fn rules(
    texts: &[Spanned<RuleText>],
    with_default: bool,
    last_sends: u64,
    sent: Option<&SentText>,
) -> Result<Vec<Rule>, Mistake> {
    let mut names = BTreeSet::new();
    let mut rules = Vec::new();
    for text in texts {
        let told = |what: String| (text.span(), format!("rule `{}`: {what}", text.get_ref().name));
        let rule = rule(text.get_ref(), last_sends, sent).map_err(told)?;
        if !names.insert(rule.name.clone()) {
            return Err(told("there is another rule of this name; give it a name of its own".to_owned()));
        }
        rules.push(rule);
    }
    let default = default_rules(last_sends).into_iter().filter(|rule| with_default && !names.contains(&rule.name));
    Ok(default.chain(rules).collect())
}

fn rule(text: &RuleText, last_sends: u64, sent: Option<&SentText>) -> Result<Rule, String> {
    let metric = text.metric.0;
    let is_name = |name: &str| {
        !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    if !is_name(&text.name) {
        return Err("a name is made of up to 64 letters, digits, `_` and `-`".to_owned());
    }
    if metric.is_gauge() {
        fits_gauge(text, metric)?;
    } else if text.expected_sends.is_some() {
        return Err("`expected_sends` is of rules on `coverage`; leave it out".to_owned());
    }
    let window = match (text.window, text.last_sends) {
        (Some(_), Some(_)) => return Err("`window` and `last_sends` exclude each other; keep one".to_owned()),
        (Some(minutes), None) => Window::Minutes(minutes.0),
        (None, Some(0)) => return Err("`last_sends` must be at least 1".to_owned()),
        (None, Some(sends)) => Window::LastSends(sends),
        (None, None) if metric == Metric::QuarantineRatio => Window::Minutes(1_440),
        (None, None) if metric.is_gauge() => Window::Minutes(60),
        (None, None) => Window::LastSends(last_sends),
    };
    let usual = Rule::new(&text.name, metric);
    let by: Vec<Dimension> = text.by.iter().map(|Parsed(dimension)| dimension.clone()).collect();
    let rule = Rule {
        counting: text.counting.as_ref().map_or(usual.counting, |Parsed(counting)| *counting),
        clock: text.clock.as_ref().map_or(usual.clock, |Parsed(clock)| *clock),
        window,
        total: text.total.unwrap_or(by.is_empty()),
        by,
        only: only(&text.only),
        compare: text.compare.as_ref().map_or(usual.compare, |Parsed(compare)| *compare),
        expected: text
            .expected_sends
            .as_ref()
            .or(sent)
            .filter(|_| metric == Metric::Coverage)
            .map(|SentText(sent)| sent.clone()),
        warn: text.warn.map(|threshold| threshold.of(metric)).transpose()?,
        critical: text.critical.map(|threshold| threshold.of(metric)).transpose()?,
        min_sends: text.min_sends.unwrap_or(usual.min_sends),
        min_events: text.min_events.unwrap_or(usual.min_events),
        confidence: match (&text.confidence, window) {
            (Some(Parsed(confidence)), _) => *confidence,
            (None, Window::LastSends(_)) => Confidence::IntervalOfGroups,
            (None, Window::Minutes(_)) => usual.confidence,
        },
        pending_minutes: text.pending.map_or(0, |Minutes(minutes)| minutes),
        keep_minutes: text.keep_firing_for.map_or(0, |Minutes(minutes)| minutes),
        hits: text.hits.as_ref().map_or(usual.hits, |Parsed(Hits(least, of))| (*least, *of)),
        missing: text.no_data.as_ref().map_or(usual.missing, |Parsed(missing)| *missing),
        look_back_minutes: match (text.look_back, text.keep_firing_for) {
            (Some(Minutes(minutes)), _) => minutes,
            (None, None) => usual.look_back_minutes,
            (None, Some(_)) => LATE_MINUTES,
        },
        ..usual
    };
    if metric == Metric::Coverage && rule.expected.is_none() {
        return Err(
            "`coverage` needs the number of mails handed to SES; give `expected_sends`, or `sent` under [check]"
                .to_owned(),
        );
    }
    sensible(&rule)?;
    if text.counting.is_some() && rule.counting == Counting::Aws && !metric.is_judged_by_aws() {
        return Err(format!("AWS judges no `{metric}`; write counting = \"plain\""));
    }
    Ok(rule)
}

/// Whether what is written of a rule goes with a metric that is read once a check.
fn fits_gauge(text: &RuleText, metric: Metric) -> Result<(), String> {
    let patience = [
        ("for", text.pending.is_some()),
        ("keep_firing_for", text.keep_firing_for.is_some()),
        ("hits", text.hits.is_some()),
        ("no_data", text.no_data.is_some()),
        ("look_back", text.look_back.is_some()),
        ("last_sends", text.last_sends.is_some()),
        ("clock", text.clock.is_some()),
        ("confidence", text.confidence.is_some()),
        ("min_events", text.min_events.is_some()),
    ];
    if let Some((key, _)) = patience.iter().find(|(_, is_there)| *is_there) {
        return Err(format!("`{metric}` is read once, at the time of a check; leave out `{key}`"));
    }
    if text.window.is_some() && matches!(metric, Metric::Freshness | Metric::Coverage) {
        let over = if metric == Metric::Coverage { "is of the last whole day" } else { "has no window" };
        return Err(format!("`{metric}` {over}; leave out `window`"));
    }
    if metric == Metric::QuarantineRatio && !(text.by.is_empty() && text.only.is_empty()) {
        return Err("bad records belong to no account and no configuration set; leave out `by` and `only`".to_owned());
    }
    if metric == Metric::Coverage && !text.by.is_empty() {
        return Err("`expected_sends` is one number; leave out `by`, and write a rule for each `only`".to_owned());
    }
    if metric != Metric::Coverage && text.expected_sends.is_some() {
        return Err("`expected_sends` is of rules on `coverage`; leave it out".to_owned());
    }
    Ok(())
}

/// Dimensions that only some events have, and no send.
fn is_of_events(dimension: &Dimension) -> bool {
    *dimension == Dimension::BounceClass
        || ["bounce_type", "bounce_subtype", "status", "delay_type", "event_type"]
            .contains(&dimension.to_string().as_str())
}

/// Whether the parts of a rule go together.
fn sensible(rule: &Rule) -> Result<(), String> {
    let (Some(first), critical) = (rule.warn.or(rule.critical), rule.critical) else {
        return Err("it can never fire; give `warn`, `critical` or both".to_owned());
    };
    if critical.is_some_and(|critical| if rule.compare == Compare::Above { critical < first } else { critical > first })
    {
        let side = if rule.compare == Compare::Above { "below" } else { "above" };
        return Err(format!("`critical` lies {side} `warn`, so it would be reached first; exchange them"));
    }
    if rule.metric.is_rate()
        && [rule.warn, rule.critical].into_iter().flatten().any(|value| value > 1.0)
        && !matches!(rule.metric, Metric::OpenRate | Metric::ClickRate | Metric::SendsVsWeekday)
    {
        return Err("a rate over 100 % is never reached; write 5 % as \"5 %\" or 0.05".to_owned());
    }
    if let Window::LastSends(_) = rule.window {
        if !rule.metric.is_judged_by_aws() {
            let metric = rule.metric;
            return Err(format!("`{metric}` is not measured over the last sends; give a `window` such as \"1h\""));
        }
        if rule.by.iter().any(|dimension| *dimension != Dimension::CONFIGURATION_SET) || !rule.only.is_empty() {
            return Err("over the last sends, accounts can be divided by configuration_set only; give a `window` such as \"1h\"".to_owned());
        }
        let patient = rule.pending_minutes > 0 || rule.keep_minutes > 0 || rule.hits != (1, 1);
        if patient || rule.missing != Missing::NoData {
            return Err("`for`, `keep_firing_for`, `hits` and `no_data` need a `window` of minutes; the last sends change slowly by themselves".to_owned());
        }
        if rule.clock != Clock::Event {
            return Err("the last sends are counted by the time of sending anyway; leave out `clock`".to_owned());
        }
    }
    let of_events = rule.by.iter().chain(rule.only.iter().map(|(dimension, _)| dimension)).find(|d| is_of_events(d));
    if let Some(dimension) = of_events.filter(|_| rule.metric.is_rate()) {
        return Err(format!(
            "no send has a `{dimension}`, so a rate by it has no denominator; watch a number such as metric = \"bounces\""
        ));
    }
    if !rule.total && rule.by.is_empty() {
        return Err("`total = false` without `by` leaves nothing to judge; leave it out".to_owned());
    }
    Ok(())
}

fn only(values: &BTreeMap<Parsed<Dimension>, String>) -> Vec<(Dimension, Option<String>)> {
    let value = |text: &String| (!text.is_empty()).then(|| text.clone());
    values.iter().map(|(Parsed(dimension), text)| (dimension.clone(), value(text))).collect()
}

/// The silences of the file, each for a rule that there is.
pub(super) fn silences(texts: &[Spanned<SilenceText>], rules: &[Rule]) -> Result<Vec<Silence>, Mistake> {
    let silence = |spanned: &Spanned<SilenceText>| {
        let text = spanned.get_ref();
        if let Some(name) = text.rule.as_ref().filter(|name| rules.iter().all(|rule| rule.name != **name)) {
            let known = rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err((spanned.span(), format!("silence: there is no rule `{name}`; known are {known}")));
        }
        let Time(until) = text.until;
        let total = text.total.unwrap_or_default();
        if total && text.only.keys().any(|Parsed(dimension)| *dimension != Dimension::ACCOUNT) {
            let what = "silence: `total = true` is of accounts as a whole, which have no groups; leave out `only`";
            return Err((spanned.span(), what.to_owned()));
        }
        let (rule, reason) = (text.rule.clone(), text.reason.clone());
        Ok(Silence { rule, only: only(&text.only), total, from: None, until, reason })
    };
    texts.iter().map(silence).collect()
}

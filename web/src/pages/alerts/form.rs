//! The form of a rule's thresholds and patience.

use repute_query::{Compare, Metric, Rule, Window};

use crate::alerting::{RULE_KEYS, RuleChanges, WrittenRule};
use crate::failure::Failure;

/// A field.
pub(crate) struct Field {
    pub(crate) key: &'static str,
    pub(crate) label: String,
    pub(crate) value: String,
    /// What holds where it is empty.
    pub(crate) usual: String,
    /// What may be chosen; any text where there is nothing.
    pub(crate) choices: Vec<(&'static str, &'static str)>,
    /// What is wrong with it.
    pub(crate) mistake: Option<String>,
}

/// Fields of what a metric that is read once has no use for.
const MINUTES_ONLY: [&str; 5] = ["for", "keep_firing_for", "hits", "no_data", "look_back"];

/// Whether a key means something for a rule, or stands in it.
fn fits(rule: &Rule, key: &str, value: &str) -> bool {
    if !value.is_empty() {
        return true;
    }
    let is_gauge = rule.metric.is_gauge();
    let has_window = !matches!(rule.metric, Metric::Freshness | Metric::Coverage);
    match (key, rule.window) {
        ("warn" | "critical", _) => true,
        ("min_sends", _) => rule.metric.denominator().is_some(),
        ("min_events", _) => !is_gauge && rule.metric.is_rate(),
        ("confidence", _) => !is_gauge && rule.metric.is_rate(),
        ("window", Window::Minutes(_)) => has_window,
        ("last_sends", Window::LastSends(_)) => true,
        (key, Window::Minutes(_)) => MINUTES_ONLY.contains(&key) && !is_gauge,
        (_, Window::LastSends(_)) => false,
    }
}

fn label(rule: &Rule, key: &str) -> String {
    let side = if rule.compare == Compare::Above { "from" } else { "below" };
    match key {
        "warn" => format!("WARNING {side}"),
        "critical" => format!("CRITICAL {side}"),
        "min_sends" => format!("Fewest {}s for a verdict", rule.metric.denominator().unwrap_or("send")),
        "min_events" => "Fewest events for an alarm".to_owned(),
        "window" => "Window".to_owned(),
        "last_sends" => "Last eligible sends".to_owned(),
        "for" => "For".to_owned(),
        "keep_firing_for" => "Keeps firing for".to_owned(),
        "hits" => "Hits".to_owned(),
        "no_data" => "A minute without data".to_owned(),
        "look_back" => "Looks back".to_owned(),
        _ => "Threshold is held against".to_owned(),
    }
}

fn usual(rule: &Rule, key: &str) -> &'static str {
    match (key, rule.window) {
        ("warn" | "critical", _) => "none",
        ("min_sends", _) => "50",
        ("min_events", _) => "0",
        ("last_sends", _) => "as everywhere",
        ("for", _) => "at once",
        ("keep_firing_for", _) => "not",
        ("hits", _) => "1 of 1",
        ("look_back", _) if rule.keep_minutes > 0 => "15m",
        ("look_back", _) => "1h",
        _ => "",
    }
}

fn choices(rule: &Rule, key: &str) -> Vec<(&'static str, &'static str)> {
    match (key, rule.window) {
        ("no_data", _) => vec![
            ("", "is NO DATA"),
            ("keep", "keeps the state"),
            ("ok", "is OK"),
            ("warning", "is a WARNING"),
            ("critical", "is CRITICAL"),
        ],
        ("confidence", window) => {
            let usual = match window {
                Window::LastSends(_) => "as usual: rate of accounts, interval of groups",
                Window::Minutes(_) => "as usual: the interval",
            };
            vec![
                ("", usual),
                ("rate", "the rate itself"),
                ("interval", "its 95 % interval"),
                ("interval of groups", "the interval of groups, the rate of accounts"),
            ]
        }
        _ => Vec::new(),
    }
}

/// The fields with these values, or those that are written.
pub(super) fn fields(
    rule: &Rule,
    written: &WrittenRule,
    changes: Option<&RuleChanges>,
    mistake: Option<&(String, String)>,
) -> Vec<Field> {
    let value = |key: &str| {
        let typed = changes.and_then(|changes| changes.iter().find(|(of, _)| of == key)).map(|(_, value)| value);
        let known = written.values.iter().find(|(of, _)| *of == key).map(|(_, value)| value);
        typed.or(known).cloned().unwrap_or_default()
    };
    RULE_KEYS
        .into_iter()
        .filter(|key| fits(rule, key, &value(key)))
        .map(|key| Field {
            key,
            label: label(rule, key),
            value: value(key),
            usual: usual(rule, key).to_owned(),
            choices: choices(rule, key),
            mistake: mistake.filter(|(of, _)| of == key).map(|(_, what)| what.clone()),
        })
        .collect()
}

/// What was typed. A field that was sent empty leaves its key out; one that was not sent is left as it is.
pub(crate) fn changes_of(fields: &[(String, String)]) -> Result<RuleChanges, Failure> {
    let mut changes = RuleChanges::new();
    for (key, value) in fields.iter().filter(|(key, _)| RULE_KEYS.contains(&key.as_str())) {
        if changes.iter().any(|(of, _)| of == key) {
            return Err(Failure::BadRequest(format!("parameter `{key}` is given more than once")));
        }
        changes.push((key.clone(), value.clone()));
    }
    Ok(changes)
}

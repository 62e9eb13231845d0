//! How rules, findings and silences are told on pages, and how whose they are is kept in addresses.

use chrono::{DateTime, Utc};
use repute_query::{Dimension, Finding, Group, Metric, Muted, Rule, Silence, State};
use url::form_urlencoded;

use crate::access::may_hold;
use crate::alerting::{Remembered, Severity};
use crate::failure::Failure;
use crate::filters::{NO_SET, read_dimension};
use crate::format;
use crate::outlook::Outlook;
use crate::pages::bar::dimension_words;
use crate::pages::level::icon;
use crate::parameters::Parameters;
use crate::zone::Zone;

/// A state on a chip.
pub(crate) struct Chip {
    pub(crate) word: &'static str,
    pub(crate) tone: &'static str,
}

impl Chip {
    pub(crate) fn of_finding(finding: &Finding) -> Self {
        Self { word: finding.state_name(), tone: tone(finding.verdict.state) }
    }

    pub(crate) fn of_state(state: State) -> Self {
        Self { word: state.as_str(), tone: tone(state) }
    }

    pub(crate) fn of_severity(severity: Severity) -> Self {
        let tone = match severity {
            Severity::Warning => "warn",
            Severity::Critical => "bad",
            Severity::Unknown => "quiet",
        };
        Self { word: severity.as_str(), tone }
    }

    /// The chip, whose words are ours.
    pub(crate) fn html(&self) -> String {
        format!("<span class=\"chip tone-{}\">{}{}</span>", self.tone, icon(self.tone), self.word)
    }
}

fn tone(state: State) -> &'static str {
    match state {
        State::Ok => "good",
        State::Pending | State::Warning => "warn",
        State::Critical => "bad",
        State::NoData => "quiet",
    }
}

/// Whose mail: `the account`, `marketing`, `provider gmail, account 111122223333`.
pub(crate) fn whose_words(account_id: Option<&str>, group: &Group, several_accounts: bool) -> String {
    let value =
        |(dimension, value): &(Dimension, Option<String>)| match (value, *dimension == Dimension::CONFIGURATION_SET) {
            (None, true) => "mail without a configuration set".to_owned(),
            (Some(set), true) => format::printable(set),
            (value, false) => {
                format!("{} {}", dimension_words(dimension), format::printable(value.as_deref().unwrap_or(NO_SET)))
            }
        };
    let mut parts: Vec<String> = group.iter().map(value).collect();
    match account_id.filter(|_| several_accounts) {
        Some(account) => parts.push(format!("account {}", format::printable(account))),
        None if parts.is_empty() => parts.push("the account".to_owned()),
        None => {}
    }
    parts.join(", ")
}

/// What a silence covers: `all groups`, `accounts as a whole`, `provider gmail`.
pub(crate) fn silenced_words(silence: &Silence) -> String {
    let value = |(dimension, value): &(Dimension, Option<String>)| {
        format!("{} {}", dimension_words(dimension), format::printable(value.as_deref().unwrap_or(NO_SET)))
    };
    let values: Vec<String> = silence.only.iter().map(value).collect();
    match (values.is_empty(), silence.total) {
        (true, false) => "everything it judges".to_owned(),
        (true, true) => "accounts as a whole".to_owned(),
        (false, true) => format!("{}, as a whole", values.join(", ")),
        (false, false) => values.join(", "),
    }
}

/// The value that was measured: `2.16 %`, `1,234`, `no data`.
pub(crate) fn value_words(finding: &Finding) -> String {
    let value = finding.metric.value(finding.measured);
    value.map_or_else(|| format::NO_DATA.to_owned(), |value| shown(finding.metric, value))
}

/// A value of a metric with as many decimals as mean something.
pub(crate) fn shown(metric: Metric, value: f64) -> String {
    match metric.judged() {
        Some(judged) => format::rate(judged, Some(value)),
        None if metric.is_rate() => format::percent(value, 2),
        None => metric.show(value).replace(' ', "\u{a0}"),
    }
}

/// What it was measured of: `97 of 4,485 eligible sends`; nothing where the value says it all.
pub(crate) fn fraction_words(finding: &Finding, rule: &Rule) -> String {
    let (events, sends) = (finding.measured.events, finding.measured.sends);
    let Some(noun) = finding.metric.denominator() else { return String::new() };
    let noun = match (finding.metric.judged(), rule.counting) {
        (Some(_), repute_query::Counting::Aws) => "eligible send",
        _ => noun,
    };
    match finding.metric.is_rate() {
        true => format!("{} of {}", format::thousands(events), format::count(sends, noun)),
        false => format!("of {}", format::count(sends, noun)),
    }
}

/// Thresholds: `WARNING from 2 %`, `CRITICAL from 4 %`.
pub(crate) fn thresholds(rule: &Rule) -> Vec<(&'static str, String)> {
    let side = if rule.compare == repute_query::Compare::Above { "from" } else { "below" };
    let words = |value: f64| format!("{side} {}", rule.metric.show(value).replace(' ', "\u{a0}"));
    [("warn", rule.warn), ("bad", rule.critical)]
        .into_iter()
        .filter_map(|(tone, value)| Some((tone, words(value?))))
        .collect()
}

/// Since when a finding has its state, by what checks remember or else by the series.
pub(crate) fn since_words(
    finding: &Finding,
    remembered: &Remembered,
    outlook: &Outlook,
    zone: Zone,
    now: DateTime<Utc>,
) -> String {
    let is_alarm = matches!(finding.verdict.state, State::Warning | State::Critical);
    let incident = remembered.incidents.iter().find(|incident| {
        incident.end.is_none()
            && incident.is_of_rule
            && (&incident.rule, &incident.account_id, &incident.group)
                == (&finding.rule, &finding.account_id, &finding.group)
    });
    if let Some(incident) = incident.filter(|_| is_alarm) {
        return since(incident.since, zone, now);
    }
    match outlook.standing(finding) {
        Some(standing) if standing.is_older => format!("for {} or longer", format::duration(now - standing.since)),
        Some(standing) => since(standing.since, zone, now),
        None => String::new(),
    }
}

/// `since 2026-10-31 11:20 UTC, 3 h`.
pub(crate) fn since(time: DateTime<Utc>, zone: Zone, now: DateTime<Utc>) -> String {
    format!("since {}, {}", zone.time(time), format::duration(now - time))
}

/// Why a finding does not enter the state of a check.
pub(crate) fn muted_words(muted: &Muted, zone: Zone) -> String {
    match muted {
        Muted::Silenced(until, reason) if reason.is_empty() => format!("Silenced until {}", zone.time(*until)),
        Muted::Silenced(until, reason) => {
            format!("Silenced until {}: {}", zone.time(*until), format::printable(reason))
        }
        Muted::Inhibited(rule) => format!("Told by {} already", format::printable(rule)),
    }
}

/// The address part that names an account or group: `only=account_id%3D1&only=configuration_set%3Dnews`.
pub(crate) fn whose_query(account_id: Option<&str>, group: &Group) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in whose_pairs(account_id, group) {
        query.append_pair(name, &value);
    }
    query.finish()
}

/// The same as parameters.
pub(crate) fn whose_pairs(account_id: Option<&str>, group: &Group) -> Vec<(&'static str, String)> {
    let account = account_id.map(|id| (Dimension::ACCOUNT, Some(id.to_owned())));
    let pair = |(dimension, value): &(Dimension, Option<String>)| {
        ("only", format!("{dimension}={}", value.as_deref().unwrap_or(NO_SET)))
    };
    account.iter().chain(group).map(pair).filter(|(_, value)| may_hold(value)).collect()
}

/// Values of dimensions as `only` names them.
pub(crate) fn read_only_pairs(parameters: &Parameters) -> Result<Vec<(Dimension, Option<String>)>, Failure> {
    let read = |text: &str| {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::BadRequest(format!("`only` is `{text}`; write it as a dimension and its value: provider=gmail"))
        })?;
        Ok((read_dimension(name.trim())?, (value != NO_SET && !value.is_empty()).then(|| value.to_owned())))
    };
    parameters.all("only").map(read).collect()
}

/// Account and group out of values of dimensions.
pub(crate) fn split_whose(only: Vec<(Dimension, Option<String>)>) -> (Option<String>, Group) {
    let (accounts, group): (Vec<_>, Group) =
        only.into_iter().partition(|(dimension, _)| *dimension == Dimension::ACCOUNT);
    (accounts.into_iter().next().and_then(|(_, id)| id), group)
}

/// Findings by how much they ask for attention: alarms, what waits, what cannot be judged, what is well; silenced ones last.
pub(crate) fn weight(finding: &Finding) -> (bool, u8) {
    let of_state = match finding.verdict.state {
        State::Critical => 0,
        State::Warning => 1,
        State::Pending => 2,
        State::NoData => 3,
        State::Ok => 4,
    };
    (finding.muted.is_some() && of_state < 2, of_state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_it_is_comes_back_from_an_address() {
        let group: Group = vec![
            (Dimension::CONFIGURATION_SET, Some("a=b&c\"<x>".to_owned())),
            (Dimension::Tag("t,u".to_owned()), None),
        ];
        let query = whose_query(Some("1111"), &group);
        let only = read_only_pairs(&Parameters::lenient(Some(&query))).unwrap();
        assert_eq!(split_whose(only), (Some("1111".to_owned()), group));
        assert_eq!(whose_query(None, &Group::new()), "");
        assert!(read_only_pairs(&Parameters::lenient(Some("only=x"))).is_err());
    }

    #[test]
    fn whose_in_words() {
        let set = |value: Option<&str>| vec![(Dimension::CONFIGURATION_SET, value.map(str::to_owned))];
        assert_eq!(whose_words(Some("1"), &Group::new(), false), "the account");
        assert_eq!(whose_words(Some("1"), &Group::new(), true), "account 1");
        assert_eq!(whose_words(Some("1"), &set(Some("news\u{202e}")), true), "news\u{fffd}, account 1");
        assert_eq!(whose_words(None, &set(None), false), "mail without a configuration set");
        assert_eq!(whose_words(None, &vec![(Dimension::Provider, None)], false), "provider (none)");
    }
}

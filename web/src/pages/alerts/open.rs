//! What is wrong now: incidents that checks remember, and alarms that none has seen yet.

use chrono::{DateTime, Utc};
use repute_query::{CheckResult, Dimension, Finding, Group, Muted, Rule, State};

use super::words::{Chip, muted_words, since, since_words, whose_query, whose_words};
use crate::alerting::{Incident, Remembered};
use crate::format;
use crate::outlook::Outlook;
use crate::pages::verdict;
use crate::zone::Zone;

/// One of them.
pub(crate) struct OpenIncident {
    pub(crate) chip: Chip,
    /// The rule's name, or what else it is of.
    pub(crate) rule: String,
    /// The rule's page.
    pub(crate) link: Option<String>,
    pub(crate) whose: String,
    pub(crate) sentence: String,
    /// Since when; empty where that is not known yet.
    pub(crate) since: String,
    /// Where it comes from.
    pub(crate) why: Option<String>,
    /// Who was told.
    pub(crate) told: Option<String>,
    /// Why nobody is told.
    pub(crate) muted: Option<String>,
    /// Where it is silenced.
    pub(crate) silence: Option<String>,
}

/// What the list is made of.
pub(crate) struct Known<'a> {
    pub(crate) result: &'a CheckResult,
    pub(crate) rules: &'a [Rule],
    pub(crate) remembered: &'a Remembered,
    pub(crate) outlook: &'a Outlook,
    pub(crate) zone: Zone,
    pub(crate) now: DateTime<Utc>,
}

impl Known<'_> {
    pub(crate) fn has_several_accounts(&self) -> bool {
        let mut accounts = self.result.findings.iter().map(|finding| &finding.account_id);
        accounts.next().is_some_and(|first| accounts.any(|other| other != first))
    }
}

/// Whether mail with these values is part of a group's mail, or all of it.
pub(crate) fn concerns(group: &Group, only: &[(Dimension, Option<String>)]) -> bool {
    only.iter().all(|wanted| group.iter().all(|value| value.0 != wanted.0 || value == wanted))
}

/// Everything that is wrong for this mail, the worst first; what is silenced comes last.
pub(crate) fn open_incidents(known: &Known<'_>, only: &[(Dimension, Option<String>)]) -> Vec<OpenIncident> {
    let mut findings: Vec<&Finding> =
        known.result.findings.iter().filter(|finding| is_open(finding) && concerns(&finding.group, only)).collect();
    findings.sort_by_key(|finding| super::words::weight(finding));
    let (loud, silenced): (Vec<&Finding>, Vec<&Finding>) =
        findings.into_iter().partition(|finding| finding.muted.is_none());
    let of_others = known.remembered.incidents.iter().filter(|incident| {
        incident.end.is_none() && concerns(&incident.group, only) && is_without_finding(incident, known.result)
    });
    let others: Vec<OpenIncident> = of_others.map(|incident| of_incident(incident, known)).collect();
    let alarms = loud.into_iter().map(|finding| of_finding(finding, known));
    alarms.chain(others).chain(silenced.into_iter().map(|finding| of_finding(finding, known))).collect()
}

/// What another rule tells already is not told twice.
fn is_open(finding: &Finding) -> bool {
    matches!(finding.verdict.state, State::Warning | State::Critical)
        && !matches!(finding.muted, Some(Muted::Inhibited(_)))
}

/// Whether an incident is open although nothing now says how it stands: no mail, or a check that could say nothing.
fn is_without_finding(incident: &Incident, result: &CheckResult) -> bool {
    let finding = result.findings.iter().find(|finding| {
        (&finding.rule, &finding.account_id, &finding.group) == (&incident.rule, &incident.account_id, &incident.group)
    });
    match (incident.is_of_rule, finding) {
        (true, Some(finding)) => finding.verdict.state == State::NoData,
        (true, None) => true,
        // That mail or data is missing says the verdict at the top.
        (false, _) => false,
    }
}

fn of_finding(finding: &Finding, known: &Known<'_>) -> OpenIncident {
    let incident = known.remembered.incidents.iter().find(|incident| {
        incident.end.is_none()
            && (&incident.rule, &incident.account_id, &incident.group)
                == (&finding.rule, &finding.account_id, &finding.group)
    });
    let looked = known.outlook.attribution(&finding.rule, finding.account_id.as_deref(), &finding.group);
    let found = looked.and_then(|looked| looked.as_ref().ok()).map(|found| found.why.clone());
    let why = found.or_else(|| incident.and_then(|incident| incident.why.clone())).filter(|why| !why.is_empty());
    let whose = whose_query(finding.account_id.as_deref(), &finding.group);
    OpenIncident {
        chip: Chip::of_finding(finding),
        rule: finding.rule.clone(),
        link: Some(link(&finding.rule, &whose)),
        whose: whose_words(finding.account_id.as_deref(), &finding.group, known.has_several_accounts()),
        sentence: verdict::sentence(finding, known.rules),
        since: since_words(finding, known.remembered, known.outlook, known.zone, known.now),
        why: why.map(|why| format::printable(&why)),
        told: incident.and_then(told),
        muted: finding.muted.as_ref().map(|muted| muted_words(muted, known.zone)),
        silence: finding.muted.is_none().then(|| silence_link(&finding.rule, &whose, finding.group.is_empty())),
    }
}

fn of_incident(incident: &Incident, known: &Known<'_>) -> OpenIncident {
    let whose = whose_query(incident.account_id.as_deref(), &incident.group);
    let is_known = known.rules.iter().any(|rule| rule.name == incident.rule);
    OpenIncident {
        chip: Chip::of_severity(incident.severity),
        rule: incident.rule.clone(),
        link: is_known.then(|| link(&incident.rule, &whose)),
        whose: whose_words(incident.account_id.as_deref(), &incident.group, known.has_several_accounts()),
        sentence: format!("It cannot be judged now. At worst: {}.", format::printable(&incident.sentence)),
        since: since(incident.since, known.zone, known.now),
        why: incident.why.as_deref().map(format::printable),
        told: told(incident),
        muted: incident.is_muted.then(|| "Silenced".to_owned()),
        silence: is_known.then(|| silence_link(&incident.rule, &whose, incident.group.is_empty())),
    }
}

fn told(incident: &Incident) -> Option<String> {
    (!incident.told.is_empty()).then(|| incident.told.join(", "))
}

pub(crate) fn link(rule: &str, whose: &str) -> String {
    match whose {
        "" => format!("/alerts/{rule}"),
        whose => format!("/alerts/{rule}?{whose}"),
    }
}

/// Where just this is silenced: a finding of an account as a whole leaves its groups to be heard.
pub(crate) fn silence_link(rule: &str, whose: &str, is_whole: bool) -> String {
    let total = if is_whole { "&total=1" } else { "" };
    let whose = if whose.is_empty() { String::new() } else { format!("&{whose}") };
    format!("/silences?rule={rule}{whose}{total}#new")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_of_a_filter_concerns_its_own_groups_and_wholes() {
        let set = |name: &str| (Dimension::CONFIGURATION_SET, Some(name.to_owned()));
        assert!(concerns(&vec![set("a")], &[]));
        assert!(concerns(&Vec::new(), &[set("a")]), "the account's mail holds it");
        assert!(concerns(&vec![set("a")], &[set("a")]));
        assert!(!concerns(&vec![set("b")], &[set("a")]));
        assert!(concerns(&vec![(Dimension::Provider, None)], &[set("a")]), "may hold some of it");
    }
}

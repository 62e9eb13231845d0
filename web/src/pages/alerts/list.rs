//! `GET /alerts`: what is wrong, every rule with its thresholds and values, silences in force, and what was wrong.

use std::time::Duration;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{Dimension, Finding, Rule, State as RuleState, default_rules, explain_rule};

use super::history::{self, HistoryRow};
use super::open::{Known, OpenIncident, concerns, link, open_incidents, silence_link};
use super::silences::{SilenceRow, in_force};
use super::words::{
    Chip, fraction_words, muted_words, since_words, thresholds, value_words, weight, whose_query, whose_words,
};
use crate::access::Visitor;
use crate::checks::latest_check;
use crate::failure::PageFailure;
use crate::filters::Filters;
use crate::format;
use crate::outlook::outlook;
use crate::pages::bar::{Bar, known_sets};
use crate::pages::{Ground, Shell};
use crate::parameters::Parameters;
use crate::state::{AppState, Options};

pub(super) const PATH: &str = "/alerts";

/// So many accounts and groups of a rule are listed; its own page has the others.
const MOST_FINDINGS: usize = 6;

/// So long the page waits for what takes longer.
const PATIENCE: Duration = Duration::from_millis(1_200);

/// A check that ended so long ago was the last one for now.
const LATE: TimeDelta = TimeDelta::minutes(15);

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    shell: Shell,
    bar: Bar,
    trouble: Option<String>,
    checked: Checked,
    open: Vec<OpenIncident>,
    rules: Vec<RuleCard>,
    silences: Vec<SilenceRow>,
    history: Vec<HistoryRow>,
    more: usize,
    token: String,
}

/// When `repute check` last came to its end.
struct Checked {
    words: String,
    is_late: bool,
}

/// A rule with what it found.
pub(super) struct RuleCard {
    pub(super) name: String,
    pub(super) link: String,
    pub(super) chip: Chip,
    pub(super) watches: String,
    pub(super) judges: String,
    pub(super) thresholds: Vec<(&'static str, String)>,
    /// Where it stands.
    pub(super) origin: &'static str,
    pub(super) findings: Vec<FindingRow>,
    /// How many more there are.
    pub(super) more: usize,
}

/// A rule's value for an account or group.
pub(super) struct FindingRow {
    pub(super) whose: String,
    pub(super) link: String,
    pub(super) chip: Chip,
    pub(super) value: String,
    pub(super) fraction: String,
    pub(super) reason: String,
    pub(super) since: String,
    pub(super) muted: Option<String>,
    /// Where it is silenced, if it is alarming.
    pub(super) silence: Option<String>,
}

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleOrigin {
    /// It holds without a configuration.
    Default,
    /// The configuration has it in place of a default one.
    Replaced,
    /// The configuration has it.
    Configured,
}

impl RuleOrigin {
    pub(crate) const ALL: [Self; 3] = [Self::Default, Self::Replaced, Self::Configured];

    pub(crate) fn of(rule: &Rule, last_sends: u64) -> Self {
        match default_rules(last_sends).iter().find(|default| default.name == rule.name) {
            Some(default) if default == rule => Self::Default,
            Some(_) => Self::Replaced,
            None => Self::Configured,
        }
    }

    /// The name in machine output.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Replaced => "replaced",
            Self::Configured => "configured",
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Default => "Default rule",
            Self::Replaced => "In place of a default rule",
            Self::Configured => "From the configuration",
        }
    }
}

/// `GET /alerts`.
pub(crate) async fn alerts(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, PageFailure> {
    let now = state.now();
    let filters = Filters::from_query(&Parameters::lenient(query.as_deref()), now)?;
    let ground = match Ground::of(&state, PATH, &filters).await? {
        Ok(ground) => ground,
        Err(empty) => return Ok(empty),
    };
    let (options, remembered) = (state.options(), state.remembered());
    let (result, outlook) =
        tokio::join!(latest_check(&state, &ground.reader), outlook(&state, &ground.reader, PATIENCE));
    let result = result?;
    let known = Known {
        result: &result,
        rules: &options.rules,
        remembered: &remembered,
        outlook: &outlook,
        zone: filters.zone,
        now,
    };
    let names: Vec<&str> = options.rules.iter().map(|rule| rule.name.as_str()).collect();
    let (history, more) = history::rows(&remembered, &filters.only, None, filters.bounds(now), filters.zone, &names);
    let page = AlertsPage {
        bar: Bar::new(PATH, &filters, Vec::new(), known_sets(&ground.reader).await?, now),
        trouble: remembered.trouble.as_deref().map(format::printable),
        checked: checked(state.last_check(), now),
        open: open_incidents(&known, &filters.only),
        rules: cards(&known, &filters.only, &options),
        silences: in_force(&options, &remembered, visitor.may_operate(), filters.zone, now),
        history,
        more,
        token: visitor.token.to_string(),
        shell: ground.shell,
    };
    Ok(Html(page.render()?))
}

fn checked(last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Checked {
    match last {
        Some(at) => {
            let age = (now - at).max(TimeDelta::zero());
            Checked { words: format!("repute check last ran {} ago", format::duration(age)), is_late: age > LATE }
        }
        None => Checked { words: "repute check has not run yet".to_owned(), is_late: true },
    }
}

/// Every rule, the worst first.
fn cards(known: &Known<'_>, only: &[(Dimension, Option<String>)], options: &Options) -> Vec<RuleCard> {
    let mut cards: Vec<((bool, u8), RuleCard)> = options
        .rules
        .iter()
        .map(|rule| {
            let mut findings = of_rule(known, rule, only);
            findings.sort_by_key(|finding| weight(finding));
            let worst = findings.first().map_or((false, 3), |finding| weight(finding));
            (worst, card(known, rule, &findings, options))
        })
        .collect();
    cards.sort_by_key(|(worst, _)| *worst);
    cards.into_iter().map(|(_, card)| card).collect()
}

/// What a rule finds for this mail.
pub(super) fn of_rule<'a>(known: &Known<'a>, rule: &Rule, only: &[(Dimension, Option<String>)]) -> Vec<&'a Finding> {
    let is_its = |finding: &&Finding| finding.rule == rule.name && concerns(&finding.group, only);
    known.result.findings.iter().filter(is_its).collect()
}

fn card(known: &Known<'_>, rule: &Rule, findings: &[&Finding], options: &Options) -> RuleCard {
    let lines = explain_rule(rule);
    let line = |label: &str| {
        lines.iter().find(|(name, _)| *name == label).map(|(_, what)| format::printable(what)).unwrap_or_default()
    };
    RuleCard {
        name: rule.name.clone(),
        link: format!("{PATH}/{}", rule.name),
        chip: findings.first().map_or_else(|| Chip::of_state(RuleState::NoData), |finding| Chip::of_finding(finding)),
        watches: format::sentence_case(&line("watches")),
        judges: match line("only").as_str() {
            "" => line("judges"),
            only => format!("{}, only {only}", line("judges")),
        },
        thresholds: thresholds(rule),
        origin: RuleOrigin::of(rule, options.last_sends).words(),
        findings: findings.iter().take(MOST_FINDINGS).map(|finding| finding_row(known, rule, finding)).collect(),
        more: findings.len().saturating_sub(MOST_FINDINGS),
    }
}

pub(super) fn finding_row(known: &Known<'_>, rule: &Rule, finding: &Finding) -> FindingRow {
    let whose = whose_query(finding.account_id.as_deref(), &finding.group);
    let is_alarm = finding.is_alarm();
    FindingRow {
        whose: whose_words(finding.account_id.as_deref(), &finding.group, known.has_several_accounts()),
        link: link(&finding.rule, &whose),
        chip: Chip::of_finding(finding),
        value: value_words(finding),
        fraction: fraction_words(finding, rule),
        reason: format::sentence_case(&format::printable(&finding.verdict.reason)),
        since: since_words(finding, known.remembered, known.outlook, known.zone, known.now),
        muted: finding.muted.as_ref().map(|muted| muted_words(muted, known.zone)),
        silence: is_alarm.then(|| silence_link(&finding.rule, &whose, finding.group.is_empty())),
    }
}

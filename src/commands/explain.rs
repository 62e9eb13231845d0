//! `repute check --explain RULE`: the arithmetic behind a rule's findings, line by line.

use repute_query::{CheckResult, Finding, Rule, explain_finding, explain_rule};

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
    format!("rule {}\n{}\n{findings}", rule.name, lines(explain_rule(rule)))
}

/// Labels and what they are, in two columns.
fn lines(lines: Vec<(&'static str, String)>) -> String {
    lines.into_iter().map(|(label, what)| format!("  {label:<11} {}\n", plain(&what))).collect()
}

fn of_finding(rule: &Rule, finding: &Finding) -> String {
    let account = finding.account_id.as_ref().map_or_else(|| "the account".to_owned(), |id| format!("account {id}"));
    let group = finding.group.iter().map(|(by, value)| format!(", {by} {}", value.as_deref().unwrap_or("(none)")));
    let whose = format!("{account}{}", group.collect::<String>());
    format!("{}\n{}", plain(&whose), lines(explain_finding(rule, finding)))
}

//! Whose mail AWS leaves out, and whether that was told.

use super::advice::Severity::{Note, Warning};
use super::{Advice, Around, LakeFacts};
use crate::wording::{count, thousands};

/// A domain with so many deliveries and no complaint, where others complain so much that there would be some.
const EXPECTED_COMPLAINTS: f64 = 10.0;

/// Mail to the sender's own domains, which AWS leaves out and this lake counts.
pub(super) fn verified_identities(facts: &LakeFacts, _: &Around) -> Option<Advice> {
    if facts.aws.eligible_sends.total == 0 {
        return None;
    }
    let own: Vec<_> = facts.own_domains.iter().filter(|(_, (sends, bounces))| sends + bounces > 0).collect();
    let (sends, bounces) = own.iter().fold((0, 0), |sum, (_, (s, b))| (sum.0 + s, sum.1 + b));
    let named = own.iter().take(10).map(|(domain, (sends, bounces))| {
        format!("{domain}: {} and {}, counted", count(*sends, "send"), count(*bounces, "hard bounce"))
    });
    let remedy = "Name the domains and addresses that you have verified in SES: `verified` under [counting] in repute.toml, \
                  or --verified. AWS leaves out mail to them and their bounces.";
    if own.is_empty() {
        return facts.verified.is_empty().then(|| {
            Advice::new("verified_identities", Note, "No verified identities were given")
                .because("of late no mail went to domains that mail is sent from, so it makes no difference so far")
                .remedy(remedy)
        });
    }
    let title = if facts.verified.is_empty() {
        "No verified identities were given, and mail to your own domains is counted"
    } else {
        "Mail to domains that you send from is counted: they are not among the verified identities"
    };
    let advice = Advice::new("verified_identities", Warning, title).because(format!(
        "of late {} and {} to domains that mail is sent from",
        count(sends, "send"),
        count(bounces, "hard bounce")
    ));
    Some(named.fold(advice, Advice::because).remedy(remedy))
}

/// Large domains that never complain make the complaint rate look lower than AWS's.
pub(super) fn feedback_loops(facts: &LakeFacts, _: &Around) -> Option<Advice> {
    let (deliveries, complaints) = facts.reporting.values().fold((0, 0), |sum, (d, c)| (sum.0 + d, sum.1 + c));
    let usual = complaints as f64 / (deliveries as f64).max(1.0);
    let mut silent: Vec<(&String, u64)> = facts
        .reporting
        .iter()
        .filter(|(_, (deliveries, complaints))| *complaints == 0 && *deliveries as f64 * usual >= EXPECTED_COMPLAINTS)
        .map(|(domain, (deliveries, _))| (domain, *deliveries))
        .collect();
    if silent.is_empty() {
        return None;
    }
    silent.sort_by_key(|(_, deliveries)| std::cmp::Reverse(*deliveries));
    let lines = silent.iter().take(10).map(|(domain, deliveries)| {
        let expected = (*deliveries as f64 * usual).round() as u64;
        format!(
            "{domain}: {}, no complaint; others would have made {}",
            count(*deliveries, "delivery row"),
            thousands(expected)
        )
    });
    let advice =
        Advice::new("feedback_loops", Warning, "Large domains never complain: they may report no complaints to SES");
    Some(lines.fold(advice, Advice::because).remedy(
        "If a domain has no feedback loop with SES, AWS leaves it out of the complaint rate, which is then higher than shown. \
         Add it to `no_feedback_loop` under [counting] together with gmail.com and googlemail.com, and compare the rate with \
         that of the SES console.",
    ))
}

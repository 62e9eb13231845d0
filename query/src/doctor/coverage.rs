//! Whether the events are all there are, and whether any of them counts.

use repute_lake::EventType;

use super::advice::Severity::{Note, Problem, Warning};
use super::{Advice, Around, LakeFacts};
use crate::interval::rate;
use crate::wording::{count, percent, thousands};

/// Sends may be missing by so much without a word.
const WARN_BELOW: f64 = 0.95;

/// More sends than were handed over: the number is wrong, or events are of other mail too.
const ODD_ABOVE: f64 = 1.05;

pub(super) fn nothing_eligible(facts: &LakeFacts, around: &Around) -> Option<Advice> {
    let (eligible, sends) = (facts.aws.eligible_sends.counted, facts.events.rows(EventType::Send));
    if sends == 0 || eligible >= around.last_sends {
        return None;
    }
    let arithmetic = facts.aws.eligible_sends.arithmetic("sends", "eligible");
    if eligible == 0 {
        return Some(
            Advice::new("nothing_eligible", Problem, "No send counts towards AWS's rates, so there are none")
                .because(arithmetic)
                .remedy(
                    "Mail to the simulator, to verified identities and to suppressed addresses never counts. If that is \
                     a test account, all is well; else look at --verified: it may name more than you have verified.",
                ),
        );
    }
    Some(
        Advice::new("nothing_eligible", Note, "There is less mail than AWS looks at")
            .because(arithmetic)
            .because(format!("AWS's rate is taken over about the last {} eligible sends", thousands(around.last_sends)))
            .remedy(
                "Rates over so little mail move fast, and AWS may look further back than this lake reaches. Import older \
                 dumps if there are any; see `docs/counting.md`.",
            ),
    )
}

pub(super) fn complaints_impossible(facts: &LakeFacts, _: &Around) -> Option<Advice> {
    let (eligible, all) = (facts.aws.complaint_eligible_sends.counted, facts.aws.eligible_sends.counted);
    (eligible == 0 && all > 0).then(|| {
        Advice::new(
            "complaints_impossible",
            Problem,
            "No send went to a domain that reports complaints, so there is no complaint rate",
        )
        .because(facts.aws.complaint_eligible_sends.arithmetic("sends", "eligible"))
        .because(format!("taken to report none: {}", facts.no_feedback_loop.join(", ")))
        .remedy(
            "Gmail reports none to SES: its own rate stands in Google Postmaster Tools. If other domains are named \
                 in no_feedback_loop, look whether they belong there.",
        )
    })
}

/// Sends of the last whole day against those that were handed to SES.
pub(super) fn coverage(facts: &LakeFacts, around: &Around) -> Option<Advice> {
    if facts.events.all() == 0 {
        return None;
    }
    let Some((sends, expected, day)) = facts.coverage.filter(|(_, expected, _)| *expected > 0) else {
        let is_known = around.sent.is_some() || facts.coverage.is_some();
        return (!is_known).then(|| {
            Advice::new("coverage", Note, "Whether events of all mail arrive is not known")
                .because("nobody says how much mail was handed to SES; mail without a configuration set publishes no events")
                .remedy(
                    "Write the number of sends a day into repute.toml, as `sent` under [check], from GetSendStatistics or \
                     CloudWatch's Send metric (docs/alerts.md), and add a rule on `coverage`.",
                )
        });
    };
    let share = rate(sends, expected).unwrap_or_default();
    let evidence = format!(
        "{day}: {} in the lake of {} handed to SES ({})",
        count(sends, "send"),
        thousands(expected),
        percent(share)
    );
    if share < WARN_BELOW {
        let severity = if share < 0.5 { Problem } else { Warning };
        return Some(
            Advice::new("coverage", severity, "Events of some of the mail are missing").because(evidence).remedy(
                "Mail without a configuration set publishes no events: give every identity a default one, and each set a \
                 Firehose event destination. Then look at Firehose's error prefix and at the import's failed objects.",
            ),
        );
    }
    (share > ODD_ABOVE).then(|| {
        Advice::new("coverage", Warning, "There are more sends in the lake than were handed to SES")
            .because(evidence)
            .because("the lake counts recipients; GetSendStatistics counts them too, an application may count messages")
            .remedy(
                "Look at where the number comes from, and whether the lake holds mail of other accounts or regions.",
            )
    })
}

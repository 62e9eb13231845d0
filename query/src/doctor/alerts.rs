//! Whether anybody would hear of trouble.

use super::advice::Severity::{Note, Warning};
use super::{Advice, Around, LakeFacts};
use crate::wording::{age, count};

pub(super) fn checks_not_running(_: &LakeFacts, around: &Around) -> Option<Advice> {
    let watch = around.checks?;
    let remedy = "Run `repute check --quiet` every five minutes from cron (docs/cron.md has the lines), and a second line with \
                  --heartbeat, on another machine if there is one, that notices when it stops.";
    let Some(last) = watch.last else {
        let severity = if around.receivers.unwrap_or_default() > 0 { Warning } else { Note };
        return Some(
            Advice::new("checks_not_running", severity, "No check has run yet, so nobody would hear of trouble")
                .because("no check has come to its end that could remember it beside this lake")
                .remedy(remedy),
        );
    };
    let silence = around.now - last;
    (silence > watch.limit).then(|| {
        Advice::new("checks_not_running", Warning, format!("The last check ran {} ago", age(silence)))
            .because(format!(
                "{}; a check is due every {} at least",
                last.format("%Y-%m-%d %H:%M UTC"),
                age(watch.limit)
            ))
            .remedy(remedy)
    })
}

pub(super) fn nobody_is_told(_: &LakeFacts, around: &Around) -> Option<Advice> {
    (around.receivers == Some(0)).then(|| {
        Advice::new("nobody_is_told", Note, "No notifications are set up")
            .because(format!("{} and no [[notify]] in the configuration", count(around.rules.len() as u64, "rule")))
            .remedy(
                "Cron's own mail and Nagios do without; for Slack, PagerDuty, a webhook, SNS or mail write a [[notify]] \
                 (docs/alerts.md) and try it with `repute check --test-notify`.",
            )
    })
}

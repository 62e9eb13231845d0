//! What imports left out, and what they could not read.

use chrono::TimeDelta;

use super::advice::Severity::{Note, Problem, Warning};
use super::{Advice, Around, LakeFacts, Seen};
use crate::interval::rate;
use crate::wording::{age, count, percent, thousands};

/// From this share of bad records on something is wrong with the feed, not with a record.
const MANY_BAD: f64 = 0.01;

pub(super) fn empty_lake(facts: &LakeFacts, around: &Around) -> Option<Advice> {
    if facts.events.all() > 0 {
        return None;
    }
    let sums = &facts.objects;
    let advice = |title: &str| Advice::new("empty_lake", Problem, title);
    let failed = around.runs.first().filter(|run| run.failed > 0 && run.imported == 0);
    if let Some(run) = failed {
        let first = run.failures.first().map(|failed| format!("`{}`: {}", failed.object, failed.reason));
        return Some(
            advice("The lake is empty: no object could be read")
                .because(format!(
                    "the last import failed on {} of {}",
                    thousands(run.failed),
                    count(run.listed, "object")
                ))
                .and(first)
                .remedy("See what the import says, mend that, and run it again: it is safe to."),
        );
    }
    if sums.objects == 0 {
        return Some(
            advice("The lake is empty: nothing has been imported").because("no object stands in the ledger").remedy(
                "Run `repute import SOURCE --lake LAKE`; `repute doctor SOURCE` says beforehand what is in a dump.",
            ),
        );
    }
    let arithmetic = format!(
        "{}: {} read = {} events + {} duplicates + {} quarantined + {} ignored",
        count(sums.objects, "object"),
        count(sums.records, "record"),
        thousands(sums.events),
        thousands(sums.duplicates),
        thousands(sums.quarantined),
        thousands(sums.ignored)
    );
    Some(match sums {
        sums if sums.records == 0 => advice("The lake is empty: the objects that were imported hold no records")
            .because(arithmetic)
            .remedy("Look at what the source holds (`repute doctor SOURCE`): empty files, or only folder markers."),
        sums if sums.quarantined >= sums.ignored => {
            advice("The lake is empty: no record could be read as an SES event")
                .because(arithmetic)
                .and(facts.bad.first().map(|bad| format!("most are of class {}", bad.class)))
                .remedy(
                    "See `repute quarantine list` for what they are; the source may be something else than SES events.",
                )
        }
        _ => advice("The lake is empty: all records are of a kind that is left out").because(arithmetic).remedy(
            "Subscription confirmations, inbound mail, SMS and control messages are no sending events. \
                 `repute doctor SOURCE` says which these are; look whether it is the right topic, stream or prefix.",
        ),
    })
}

pub(super) fn failed_objects(_: &LakeFacts, around: &Around) -> Option<Advice> {
    let last = around.runs.first()?;
    if last.failed == 0 && last.error.is_none() {
        return None;
    }
    let ended = age((around.now - last.span.1).max(TimeDelta::zero()));
    let title = match &last.error {
        Some(_) => "The last import did not come to its end".to_owned(),
        None => format!("The last import could not read {}", count(last.failed, "object")),
    };
    let advice = Advice::new("failed_objects", Warning, title)
        .because(format!(
            "{ended} ago: {} listed = {} imported + {} skipped + {} failed",
            count(last.listed, "object"),
            thousands(last.imported),
            thousands(last.skipped),
            thousands(last.failed)
        ))
        .and(last.error.clone());
    let named = last.failures.iter().take(5).map(|failed| format!("`{}`: {}", failed.object, failed.reason));
    Some(named.fold(advice, Advice::because).remedy(
        "Their events are missing until they can be read. Mend what is said of them (rights, a bucket's policy, a broken disk) \
         and run the import again: what is in the lake is skipped.",
    ))
}

pub(super) fn quarantined(facts: &LakeFacts, _: &Around) -> Option<Advice> {
    let open: u64 = facts.bad.iter().map(|bad| bad.open).sum();
    if open == 0 {
        return None;
    }
    let Seen { all, are } = facts.recent_records;
    let recent = rate(are, all).unwrap_or_default();
    let of_all = rate(open, facts.objects.records).unwrap_or_default();
    let severity = match (recent.max(of_all), are) {
        (share, _) if share >= MANY_BAD => Problem,
        (_, 1..) => Warning,
        (_, 0) => Note,
    };
    let classes =
        facts.bad.iter().filter(|bad| bad.open > 0).take(6).map(|bad| format!("{} {}", thousands(bad.open), bad.class));
    Some(
        Advice::new("quarantined", severity, format!("{} could not be read", count(open, "record")))
            .because(format!("{} of all records ever read: {}", percent(of_all), classes.collect::<Vec<_>>().join(", ")))
            .and((all > 0).then(|| {
                format!("imports of the last 7 days: {} of {} ({})", thousands(are), count(all, "record"), percent(recent))
            }))
            .remedy(
                "Their events are missing from every figure. The quarantine page (or `repute quarantine list`) says for each \
                 class what it means and what to do; what can be read now is imported by a retry.",
            ),
    )
}

/// What an importer counts must come out even; if not, that is a defect of this program.
pub(super) fn not_conserved(facts: &LakeFacts, _: &Around) -> Option<Advice> {
    let sums = &facts.objects;
    (!sums.is_conserved()).then(|| {
        Advice::new("not_conserved", Problem, "Records are unaccounted for: the ledger does not come out even")
            .because(format!(
                "{} read, but {} events + {} duplicates + {} quarantined + {} ignored = {}",
                count(sums.records, "record"),
                thousands(sums.events),
                thousands(sums.duplicates),
                thousands(sums.quarantined),
                thousands(sums.ignored),
                thousands(sums.events + sums.duplicates + sums.quarantined + sums.ignored)
            ))
            .remedy("This is a defect of repute or somebody else's change to the `objects` table. Please report it with the numbers.")
    })
}

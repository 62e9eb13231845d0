//! Times that cannot be right.

use chrono::TimeDelta;

use super::advice::Severity::{Note, Problem, Warning};
use super::{Advice, Around, EventFacts, LakeFacts, SendingDelays};
use crate::interval::rate;
use crate::wording::{age, count, percent, thousands};

/// Clocks may differ by so much.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

pub(super) fn future_events(facts: &LakeFacts, around: &Around) -> Option<Advice> {
    let latest = facts.latest.filter(|latest| *latest - around.now > TOLERANCE && facts.future > 0)?;
    Some(
        Advice::new("future_events", Problem, "There are events that have not happened yet")
            .because(format!(
                "{} after now; the latest is {} ahead, at {}",
                count(facts.future, "row"),
                age(latest - around.now),
                latest.format("%Y-%m-%d %H:%M:%S UTC"),
            ))
            .because("they are left out of everything that is judged as of now, and hide that newer events are missing")
            .remedy(
                "SES's own clock does not go wrong like this. Compare this machine's clock (`date -u`) with the true time; \
                 if it is right, look for a test feed or a transformation in Firehose that rewrites timestamps.",
            ),
    )
}

/// An object that was imported before its newest event happened: the clock of the importer is slow.
pub(super) fn imported_before_it_happened(facts: &LakeFacts, _: &Around) -> Option<Advice> {
    let (objects, most) = facts.early_imports;
    let most = most.filter(|most| objects > 0 && *most > TOLERANCE)?;
    Some(
        Advice::new("imported_before_it_happened", Warning, "Objects were imported before their events happened")
            .because(format!("{}; by up to {}", count(objects, "object"), age(most)))
            .because("the clock of whatever imports was slow then, or the events' times are wrong")
            .remedy(
                "Set the clock of the machine that imports (NTP). Lags on the import page are too short by as much, and \
                 rules on fresh data look at the wrong minutes.",
            ),
    )
}

pub(super) fn late_events(events: &EventFacts) -> Option<Advice> {
    let SendingDelays { all, late, before } = events.delays;
    let share = |part: u64| percent(rate(part, all).unwrap_or_default());
    // A single mail may wait long; a feed that is wrong is wrong in many.
    let is_late = late >= 20 && late * 200 > all;
    if !is_late && before == 0 {
        return None;
    }
    let severity = if before > 0 { Warning } else { Note };
    let title = if before > 0 {
        "Mail was delivered or bounced before it was sent"
    } else {
        "Much mail was delivered or bounced days after it was sent"
    };
    let advice = Advice::new("late_events", severity, title)
        .and((before > 0).then(|| {
            format!(
                "{} of {} more than 5 minutes before their send ({})",
                thousands(before),
                count(all, "delivery or bounce row"),
                share(before)
            )
        }))
        .and(is_late.then(|| {
            format!(
                "{} of {} more than 3 days after their send ({})",
                thousands(late),
                count(all, "delivery or bounce row"),
                share(late)
            )
        }));
    Some(advice.remedy(
        "Rates on the clock of the event and on that of the send then differ much: compare both (`repute rates --clock \
         sent`). Look for feeds that rewrite timestamps, for copies of old events, and for time zones taken for UTC.",
    ))
}

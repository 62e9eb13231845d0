//! Types of events that are missing, or that stopped coming.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use repute_lake::EventType;

use super::advice::Severity::{Note, Problem, Warning};
use super::{Advice, Around, EventFacts, LakeFacts};
use crate::wording::{count, thousands};

/// With fewer sends the absence of bounces says nothing: one in a hundred to one in a thousand bounces.
const SENDS_WITH_BOUNCES: u64 = 5_000;

/// The same of complaints, of which 0.02 % are usual: ten of these.
const SENDS_WITH_COMPLAINTS: u64 = 50_000;

/// So many rows of a type that stopped would have come by chance never.
const EXPECTED: f64 = 20.0;

/// Days with mail for which a type must be missing.
const SILENT_DAYS: usize = 2;

/// Events of a type are switched on in SES for each configuration set.
const SWITCH: &str = "In SES: Configuration sets, your set, Event destinations, the Firehose one, Edit, and tick";

pub(super) fn missing_sends(events: &EventFacts) -> Option<Advice> {
    let others = events.all() - events.rows(EventType::Send);
    (events.rows(EventType::Send) == 0 && others > 0).then(|| {
        Advice::new("missing_sends", Problem, "There are no Send events, so no rate can be computed")
            .because(format!("{} {}: {}", count(others, "row"), events.place(), events.listed()))
            .because("AWS's bounce and complaint rates, and the plain ones, are over sends")
            .remedy(format!(
                "{SWITCH} Sends. Identity feedback notifications (SNS) never tell of sends; if these events come from \
                 them, send with a configuration set that has a Firehose event destination."
            ))
    })
}

pub(super) fn missing_deliveries(events: &EventFacts) -> Option<Advice> {
    let (sends, bounces) = (events.rows(EventType::Send), events.rows(EventType::Bounce));
    (events.rows(EventType::Delivery) == 0 && sends >= 100).then(|| {
        Advice::new("missing_deliveries", Warning, "There are no Delivery events")
            .because(format!("{} and {}, no delivery", count(sends, "send"), count(bounces, "bounce")))
            .because("AWS's rates do without them; the delivery rate, plain complaint rate and delays are impossible")
            .remedy(format!("{SWITCH} Deliveries."))
    })
}

pub(super) fn missing_bounces(events: &EventFacts) -> Option<Advice> {
    let sends = events.rows(EventType::Send);
    let is_odd = events.rows(EventType::Bounce) == 0 && sends >= SENDS_WITH_BOUNCES && !events.is_sample;
    is_odd.then(|| {
        Advice::new("missing_bounces", Problem, "No mail has ever bounced, which so much mail cannot do")
            .because(format!(
                "{} and no Bounce event; one in a hundred to one in a thousand is usual",
                count(sends, "send")
            ))
            .because("a bounce rate of 0 % is then no good news but no news")
            .remedy(format!("{SWITCH} Hard bounces (the type Bounce)."))
    })
}

pub(super) fn missing_complaints(events: &EventFacts) -> Option<Advice> {
    let eligible = events.complaint_eligible;
    let is_odd = events.rows(EventType::Complaint) == 0 && eligible >= SENDS_WITH_COMPLAINTS && !events.is_sample;
    is_odd.then(|| {
        Advice::new("missing_complaints", Warning, "Nobody has ever complained, which of so much mail is unlikely")
            .because(format!(
                "{} to domains that report complaints, and no Complaint event; at a usual 0.02 % there would be {}",
                count(eligible, "send"),
                thousands(eligible / 5_000),
            ))
            .remedy(format!(
                "{SWITCH} Complaints. If they are ticked, most recipients may be at domains that report none; see \
                 feedback_loops."
            ))
    })
}

pub(super) fn no_tracking(events: &EventFacts) -> Option<Advice> {
    let (opens, clicks) = (events.rows(EventType::Open), events.rows(EventType::Click));
    let missing = match (opens, clicks) {
        (0, 0) => "Open or Click",
        (0, _) => "Open",
        (_, 0) => "Click",
        _ => return None,
    };
    (events.rows(EventType::Delivery) >= 1_000).then(|| {
        Advice::new("no_tracking", Note, format!("There are no {missing} events: tracking is off"))
            .because(format!(
                "{}, {} and {}",
                count(events.rows(EventType::Delivery), "delivery row"),
                count(opens, "open"),
                count(clicks, "click")
            ))
            .remedy(format!(
                "Nothing to do unless you want open and click rates; bounce and complaint rates do not need them. \
                 {SWITCH} Opens and Clicks."
            ))
    })
}

/// A type that came day by day and then no more, although mail went on.
pub(super) fn stopped(facts: &LakeFacts, around: &Around) -> Option<Advice> {
    const WATCHED: [EventType; 6] = [
        EventType::Send,
        EventType::Delivery,
        EventType::Bounce,
        EventType::Complaint,
        EventType::Open,
        EventType::Click,
    ];
    let today = around.now.date_naive();
    let found: Vec<(EventType, NaiveDate, f64)> = WATCHED
        .into_iter()
        .filter_map(|of| stop_of(&facts.events.days, of, today).map(|(day, n)| (of, day, n)))
        .collect();
    let is_grave = found.iter().any(|(of, _, _)| !matches!(of, EventType::Open | EventType::Click));
    let names: Vec<&str> = found.iter().map(|(of, _, _)| of.as_str()).collect();
    let title = format!("{} events stopped coming while mail went on", names.join(", "));
    let severity = if is_grave { Problem } else { Warning };
    let evidence = found.iter().map(|(of, day, expected)| {
        format!(
            "the last {of} is of {day}; at the rate before, about {} would have come since",
            thousands(expected.round() as u64)
        )
    });
    let advice = evidence.fold(Advice::new("stopped", severity, title), Advice::because);
    (!found.is_empty()).then(|| {
        advice.remedy(
            "Look at what changed on that day: an event destination edited or disabled, mail moved to another \
             configuration set, a Firehose stream or its transformation changed. Then tick the type again in SES, under \
             Configuration sets, Event destinations.",
        )
    })
}

/// The day of the last one, and how many would have come since, where that is more than chance.
fn stop_of(
    days: &BTreeMap<NaiveDate, BTreeMap<EventType, u64>>,
    of: EventType,
    today: NaiveDate,
) -> Option<(NaiveDate, f64)> {
    let rows = |day: &BTreeMap<EventType, u64>, of: EventType| day.get(&of).copied().unwrap_or_default();
    // What goes on beside it: sends; where those are what stopped, deliveries.
    let beside = if of == EventType::Send { EventType::Delivery } else { EventType::Send };
    let whole = || days.range(..today);
    let (last, _) = whole().rfind(|(_, day)| rows(day, of) > 0)?;
    let before = whole().filter(|(date, _)| *date <= last);
    let (came, mail) = before.fold((0, 0), |(came, mail), (_, day)| (came + rows(day, of), mail + rows(day, beside)));
    let first_after = last.checked_add_days(Days::new(1))?;
    let since: Vec<u64> = days.range(first_after..today).map(|(_, day)| rows(day, beside)).filter(|n| *n > 0).collect();
    let expected = came as f64 / (mail as f64).max(1.0) * since.iter().sum::<u64>() as f64;
    let enough = if of == EventType::Send { expected.max(since.iter().sum::<u64>() as f64) } else { expected };
    (since.len() >= SILENT_DAYS && enough >= EXPECTED).then_some((*last, expected))
}

//! What mail is told apart by: configuration sets, tags, accounts; and the same events by two routes.

use repute_lake::EventType;

use super::advice::Severity::{Note, Problem, Warning};
use super::{Advice, EventFacts};
use crate::interval::rate;
use crate::wording::{count, percent, thousands};

/// Types that identity feedback notifications tell of.
const NOTIFIED: [EventType; 3] = [EventType::Bounce, EventType::Complaint, EventType::Delivery];

/// The same bounce as an event of a configuration set and as an identity notification.
pub(super) fn both_routes(events: &EventFacts) -> Option<Advice> {
    let super::Seen { all, are } = events.twice;
    (are > 0).then(|| {
        let share = percent(rate(are, all).unwrap_or_default());
        Advice::new("both_routes", Problem, "The same bounces and complaints come by two routes, and count twice")
            .because(format!(
                "{} of {} have a twin for the same message and recipient: one carries a configuration set, the other none ({share})",
                thousands(are),
                count(all, "bounce or complaint row"),
            ))
            .because(
                "event publishing and identity feedback notifications are both on; SES gives them no common id, so \
                 they cannot be recognised as one",
            )
            .remedy(
                "Keep event publishing and turn feedback notifications off: in SES, Identities, your domain, \
                 Notifications, Feedback notifications: set Bounce, Complaint and Delivery to no SNS topic. Until then \
                 filter by configuration set, which only one of the two carries.",
            )
    })
}

/// Mail without a configuration set publishes no events at all: what has none came as an identity notification.
pub(super) fn no_configuration_set(events: &EventFacts) -> Option<Advice> {
    let without: u64 = NOTIFIED.iter().filter_map(|of| events.without_set.get(of)).sum();
    let all: u64 = NOTIFIED.iter().map(|of| events.rows(*of)).sum();
    let sends = events.without_set.get(&EventType::Send).copied().unwrap_or_default();
    if without + sends == 0 {
        return None;
    }
    let listed = NOTIFIED.iter().filter_map(|of| {
        let rows = events.without_set.get(of).filter(|rows| **rows > 0)?;
        Some(format!("{} of {} {of}", thousands(*rows), thousands(events.rows(*of))))
    });
    let listed: Vec<String> = listed.collect();
    let advice = Advice::new(
        "no_configuration_set",
        if without == all && sends == 0 { Problem } else { Warning },
        "Some events carry no configuration set",
    )
    .and((!listed.is_empty()).then(|| format!("without one: {}", listed.join(", "))))
    .and(
        (sends > 0)
            .then(|| format!("without one: {} of {} Send", thousands(sends), thousands(events.rows(EventType::Send)))),
    );
    let remedy = if sends == 0 {
        "SES publishes no events for mail without a configuration set, so these came as identity feedback notifications: \
         their sends are not here, and rates that count them are too high. Give the sending identity a default \
         configuration set (SES, Identities, your domain, Configuration set) with a Firehose event destination, and turn \
         feedback notifications off."
    } else {
        "Give the sending identity a default configuration set (SES, Identities, your domain, Configuration set), or name \
         one with each message (X-SES-CONFIGURATION-SET)."
    };
    Some(advice.remedy(remedy))
}

pub(super) fn no_tags(events: &EventFacts) -> Option<Advice> {
    let super::Seen { all, are } = events.tagged;
    (are == 0 && all >= 100).then(|| {
        Advice::new("no_tags", Note, "No mail carries a tag of yours, so campaigns cannot be told apart")
            .because(format!("{} looked at, none with a tag beside those that SES sets itself", count(all, "event")))
            .remedy(
                "Tag mail when it is sent: EmailTags of SendEmail, or the header X-SES-MESSAGE-TAGS, such as \
                 campaign=spring. `campaign` and `template` have columns of their own.",
            )
    })
}

pub(super) fn several_accounts(events: &EventFacts) -> Option<Advice> {
    let named: Vec<String> = events
        .accounts
        .iter()
        .filter_map(|(account, rows)| Some(format!("{}: {}", account.as_ref()?, count(*rows, "row"))))
        .collect();
    (named.len() > 1).then(|| {
        let evidence = named.iter().take(10).cloned();
        let advice = Advice::new(
            "several_accounts",
            Note,
            format!("There is mail of {} accounts {}", named.len(), events.place()),
        );
        evidence.fold(advice, Advice::because).remedy(
            "AWS judges each account by itself, and so does repute: reputation and rules are per account. Group or \
             filter by account_id, or keep a lake for each.",
        )
    })
}

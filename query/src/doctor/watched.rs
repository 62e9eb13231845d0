//! Sources that a server imports from by itself.

use super::advice::Severity::{Problem, Warning};
use super::{Advice, Around, LakeFacts, WatchedSource};
use crate::wording::{age, count};

use chrono::{DateTime, TimeDelta, Utc};

/// A source that worked so short a time ago has perhaps only stumbled.
const PATIENCE: TimeDelta = TimeDelta::minutes(10);

pub(super) fn watched_sources(_: &LakeFacts, around: &Around) -> Option<Advice> {
    watched_advice(&around.watched, around.now)
}

/// What there is to say of sources that are watched; they are watched also before there is a lake.
pub fn watched_advice(sources: &[WatchedSource], now: DateTime<Utc>) -> Option<Advice> {
    let failing: Vec<&WatchedSource> = sources.iter().filter(|one| one.trouble.is_some()).collect();
    let halting: Vec<&WatchedSource> =
        sources.iter().filter(|one| one.trouble.is_none() && one.unreadable > 0).collect();
    let is_grave = failing.iter().any(|one| one.last_success.is_none_or(|last| now - last > PATIENCE));
    let severity = if is_grave { Problem } else { Warning };
    let title = match (failing.as_slice(), halting.as_slice()) {
        ([], []) => return None,
        ([], some) => format!("Objects of {} cannot be read", count(some.len() as u64, "watched source")),
        ([one], _) => format!("The watched source `{}` cannot be imported from", one.source),
        (all, _) => format!("{} cannot be imported from", count(all.len() as u64, "watched source")),
    };
    let told = failing.iter().chain(&halting).map(|one| evidence(one, now));
    let mut steps = remedies(&failing);
    if !halting.is_empty() {
        steps.push(
            "Objects that cannot be read are named, with the reason, among the runs of the import page; mend their rights, or remove \
             what is broken.",
        );
    }
    steps.push("It is tried again by itself; nothing has to be restarted.");
    Some(told.fold(Advice::new("watched_sources", severity, title), Advice::because).remedy(steps.join(" ")))
}

fn evidence(one: &WatchedSource, now: DateTime<Utc>) -> String {
    let since = match one.last_success {
        Some(last) => {
            let ago = age((now - last).max(TimeDelta::zero()));
            format!("it last worked {ago} ago, {}", last.format("%Y-%m-%d %H:%M UTC"))
        }
        None => "it has not worked since the server was started".to_owned(),
    };
    let what = match &one.trouble {
        Some(trouble) => format!("{trouble}; {}", count(one.failures, "failed attempt")),
        None => format!("{} cannot be read", count(one.unreadable, "object")),
    };
    format!("`{}`: {what}; {since}", one.source)
}

/// What to do, by the kinds of the sources that fail.
fn remedies(failing: &[&WatchedSource]) -> Vec<&'static str> {
    let is_any = |scheme: &str| failing.iter().any(|one| one.source.starts_with(scheme));
    let mut steps = Vec::new();
    if is_any("s3://") {
        steps.push(
            "A bucket: it must be there under that name, and the server's identity needs s3:ListBucket on it and s3:GetObject on its \
             objects (`aws s3 ls` with the same profile shows whether it has them; `repute setup --print policy` prints the policy).",
        );
    }
    if is_any("sqs://") {
        steps.push(
            "A queue: it must be there in the server's region and account (give its URL if it lies elsewhere), and the identity needs \
             sqs:GetQueueUrl, sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility; what its messages bring needs the \
             lake to be writable and objects to be readable.",
        );
    }
    if failing.iter().any(|one| !one.source.contains("://")) {
        steps.push("A directory: it must be there, mounted, and readable by the user that the server runs as.");
    }
    steps
}

//! How old the newest event is, and why.

use chrono::TimeDelta;

use super::advice::Severity::Problem;
use super::{Advice, Around, LakeFacts};
use crate::wording::age;

pub(super) fn stale(facts: &LakeFacts, around: &Around) -> Option<Advice> {
    let newest = facts.newest?;
    let old = around.now - newest;
    if old <= around.max_age {
        return None;
    }
    let advice = Advice::new("stale", Problem, format!("The newest event is {} old", age(old))).because(format!(
        "newest event {}; older than {} is stale",
        newest.format("%Y-%m-%d %H:%M UTC"),
        age(around.max_age)
    ));
    // Either nothing was imported, or what was imported was old.
    let Some(imported) = facts.last_import else {
        return Some(advice.remedy("Run `repute import SOURCE` from cron."));
    };
    let since = (around.now - imported).max(TimeDelta::zero());
    let advice = advice.because(format!("newest import {} ago, {}", age(since), imported.format("%Y-%m-%d %H:%M UTC")));
    Some(if since > around.max_age {
        advice.remedy(
            "Imports have stopped: look at the crontab or timer that runs `repute import`, and run it by hand to see what it \
             says. If it finds nothing new, look whether Firehose still writes into the bucket (its monitoring tab: \
             DeliveryToS3.Success, and the error prefix).",
        )
    } else {
        advice.remedy(
            "Imports run and find only old events: look whether mail is still sent, whether Firehose is behind \
             (DeliveryToS3.DataFreshness), and whether the prefix that is imported is the one Firehose writes to now.",
        )
    })
}

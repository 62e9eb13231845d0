//! `repute check --backtest`: when rules would have fired, as a table.

use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{Episode, age, percent, thousands};

use crate::output::{self, plain};

/// One line per episode.
pub(super) fn text(episodes: &[Episode], since: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let time = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M").to_string();
    let span = format!("{} to {} UTC", time(since), time(now));
    if episodes.is_empty() {
        return format!("no rule would have fired from {span}\n");
    }
    let header =
        ["from (UTC)", "to (UTC)", "state", "rule", "of", "lasted", "worst", "events", "sends"].map(str::to_owned);
    let rows: Vec<Vec<String>> = episodes
        .iter()
        .map(|episode| {
            let worst = match episode.worst.rate().filter(|_| episode.metric.is_rate()) {
                Some(rate) => percent(rate),
                None => episode.metric.show(episode.worst.events as f64),
            };
            vec![
                time(episode.from),
                if episode.ongoing { "now".to_owned() } else { time(episode.to) },
                episode.state.as_str().to_owned(),
                episode.rule.clone(),
                whose(episode),
                age((episode.to - episode.from).max(TimeDelta::zero())),
                worst,
                thousands(episode.worst.events),
                thousands(episode.worst.sends),
            ]
        })
        .collect();
    let note = "Rules over the last sends are looked at once a day. Silences are not heeded.";
    format!(
        "{}\n{} from {span}. {note}\n",
        output::table(&header, &rows, 5),
        repute_query::count(rows.len() as u64, "episode")
    )
}

fn whose(episode: &Episode) -> String {
    let account = episode.account_id.as_deref().unwrap_or("the account");
    let mut parts = Vec::new();
    for (dimension, value) in &episode.group {
        parts.push(format!("{dimension} {}", value.as_deref().unwrap_or("(none)")));
    }
    plain(&if parts.is_empty() { account.to_owned() } else { parts.join(", ") }).into_owned()
}

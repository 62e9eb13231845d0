//! A changed rule beside the one in force: what each would have told in the last days, and what differs.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{Episode, Group, QueryError, Reader, Rule, State, backtest_each};
use tokio::time::timeout;

use super::words::{Chip, shown, whose_words};
use crate::format;
use crate::zone::Zone;

/// How far back is looked.
pub(crate) const BACK: TimeDelta = TimeDelta::days(30);

/// A preview that takes longer is refused.
pub(crate) const LIMIT: Duration = Duration::from_secs(8);

/// So many differences are listed.
const MOST_ROWS: usize = 200;

/// What both rules would have told, side by side.
pub(crate) struct Preview {
    pub(crate) summary: String,
    pub(crate) rows: Vec<PreviewRow>,
    pub(crate) more: usize,
}

/// A time in which one of the rules or both would have fired.
pub(crate) struct PreviewRow {
    pub(crate) whose: String,
    pub(crate) difference: &'static str,
    /// `fewer`, `more` or `same`, for the sign.
    pub(crate) kind: &'static str,
    pub(crate) now: Option<Side>,
    pub(crate) changed: Option<Side>,
}

/// What a rule would have told in that time.
pub(crate) struct Side {
    pub(crate) chip: Chip,
    pub(crate) when: String,
    pub(crate) lasted: String,
    pub(crate) worst: String,
}

/// Episodes of both rules, each in the order of their beginnings.
pub(crate) struct Compared {
    pub(crate) present: Vec<Episode>,
    pub(crate) changed: Vec<Episode>,
}

/// Plays both rules through the last days; nothing where that takes too long.
pub(crate) async fn compare(
    reader: &Reader,
    present: &Rule,
    changed: &Rule,
    now: DateTime<Utc>,
    reset: Option<DateTime<Utc>>,
) -> Result<Option<Compared>, QueryError> {
    let rules = [present.clone(), changed.clone()];
    let Ok(found) = timeout(LIMIT, backtest_each(reader, &rules, now - BACK, now, reset)).await else {
        return Ok(None);
    };
    let mut found = found?.into_iter();
    let (present, changed) = (found.next().unwrap_or_default(), found.next().unwrap_or_default());
    Ok(Some(Compared { present, changed }))
}

fn length(episode: &Episode) -> TimeDelta {
    (episode.to - episode.from).max(TimeDelta::minutes(1))
}

fn total(episodes: &[&Episode]) -> TimeDelta {
    episodes.iter().map(|episode| length(episode)).fold(TimeDelta::zero(), |sum, length| sum + length)
}

/// Episodes of one account or group that overlap, of either rule.
struct Together<'e> {
    present: Vec<&'e Episode>,
    changed: Vec<&'e Episode>,
}

/// Whether it is of the changed rule, and the episode.
type Sided<'e> = (bool, &'e Episode);

/// Whose, and since when: the key of the order in which differences are told.
fn together<'e>(compared: &'e Compared) -> Vec<Together<'e>> {
    let mut by_whose: BTreeMap<(&Option<String>, &Group), Vec<Sided<'e>>> = BTreeMap::new();
    let sides = [(false, &compared.present), (true, &compared.changed)];
    for (is_changed, episode) in sides.into_iter().flat_map(|(side, all)| all.iter().map(move |one| (side, one))) {
        by_whose.entry((&episode.account_id, &episode.group)).or_default().push((is_changed, episode));
    }
    let mut found: Vec<(DateTime<Utc>, Together<'e>)> = Vec::new();
    for (_, mut episodes) in by_whose {
        episodes.sort_by_key(|(_, episode)| episode.from);
        let mut end: Option<DateTime<Utc>> = None;
        for (is_changed, episode) in episodes {
            if end.is_none_or(|end| episode.from > end) {
                found.push((episode.from, Together { present: Vec::new(), changed: Vec::new() }));
            }
            end = end.max(Some(episode.to));
            if let Some((_, together)) = found.last_mut() {
                if is_changed { together.changed.push(episode) } else { together.present.push(episode) }
            }
        }
    }
    found.sort_by_key(|(from, _)| std::cmp::Reverse(*from));
    found.into_iter().map(|(_, together)| together).collect()
}

fn worst(episodes: &[&Episode]) -> State {
    let is_critical = episodes.iter().any(|episode| episode.state == State::Critical);
    if is_critical { State::Critical } else { State::Warning }
}

/// In words, and for the sign.
fn difference(together: &Together<'_>) -> (&'static str, &'static str) {
    let Together { present, changed } = together;
    match (present.is_empty(), changed.is_empty()) {
        (true, _) => return ("New", "more"),
        (_, true) => return ("Gone", "fewer"),
        (false, false) => {}
    }
    match (worst(present), worst(changed)) {
        (State::Critical, State::Warning) => return ("Milder", "fewer"),
        (State::Warning, State::Critical) => return ("Worse", "more"),
        _ => {}
    }
    match total(changed).cmp(&total(present)) {
        std::cmp::Ordering::Less => ("Shorter", "fewer"),
        std::cmp::Ordering::Greater => ("Longer", "more"),
        std::cmp::Ordering::Equal => ("Same", "same"),
    }
}

impl Preview {
    pub(crate) fn of(compared: &Compared, zone: Zone) -> Self {
        let all = together(compared);
        let accounts = || compared.present.iter().chain(&compared.changed).map(|episode| &episode.account_id);
        let several = accounts().next().is_some_and(|first| accounts().any(|other| other != first));
        let mut rows: Vec<PreviewRow> = all.iter().map(|together| row(together, zone, several)).collect();
        // What differs comes first.
        rows.sort_by_key(|row| row.kind == "same");
        let more = rows.len().saturating_sub(MOST_ROWS);
        rows.truncate(MOST_ROWS);
        Self { summary: summary(compared, &all), rows, more }
    }
}

fn times(episodes: &[Episode]) -> String {
    let all: Vec<&Episode> = episodes.iter().collect();
    match episodes.len() {
        0 => "not once".to_owned(),
        1 => format!("once, for {}", format::duration(total(&all))),
        count => format!("{} times, for {} together", format::thousands(count as u64), format::duration(total(&all))),
    }
}

fn summary(compared: &Compared, all: &[Together<'_>]) -> String {
    let count = |word: &str| all.iter().filter(|together| difference(together).0 == word).count();
    let told = |word: &str, noun: &str| match count(word) {
        0 => None,
        count => Some(format!("{} {noun}", format::thousands(count as u64))),
    };
    let parts: Vec<String> = [
        told("Gone", "gone"),
        told("New", "new"),
        told("Shorter", "shorter"),
        told("Longer", "longer"),
        told("Milder", "milder"),
        told("Worse", "worse"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let parts = if parts.is_empty() { "nothing differs".to_owned() } else { parts.join(", ") };
    format!(
        "In the last {} days the rule in force would have fired {}; changed, {}: {parts}.",
        BACK.num_days(),
        times(&compared.present),
        times(&compared.changed)
    )
}

fn row(together: &Together<'_>, zone: Zone, several_accounts: bool) -> PreviewRow {
    let (difference, kind) = difference(together);
    let whose = together.present.first().or(together.changed.first());
    PreviewRow {
        whose: whose.map_or_else(String::new, |episode| {
            whose_words(episode.account_id.as_deref(), &episode.group, several_accounts)
        }),
        difference,
        kind,
        now: side(&together.present, zone),
        changed: side(&together.changed, zone),
    }
}

fn side(episodes: &[&Episode], zone: Zone) -> Option<Side> {
    let (first, last) = (episodes.first()?, episodes.iter().max_by_key(|episode| episode.to)?);
    let values = episodes.iter().filter_map(|episode| Some((episode.metric, episode.metric.value(episode.worst)?)));
    // Of several, that of the longest.
    let value = values.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(metric, value)| shown(metric, value));
    let times = if episodes.len() > 1 { format!("{} times, ", episodes.len()) } else { String::new() };
    Some(Side {
        chip: Chip::of_state(worst(episodes)),
        when: format!(
            "{} to {}",
            zone.show(first.from, "%Y-%m-%d %H:%M"),
            if last.ongoing { "now".to_owned() } else { zone.show(last.to, "%m-%d %H:%M %Z") }
        ),
        lasted: format!("{times}{}", format::duration(total(episodes))),
        worst: value.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use repute_query::{Dimension, Measured, Metric};

    fn episode(set: &str, from: i64, to: i64, state: State) -> Episode {
        let at = |minute: i64| DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        Episode {
            rule: "a".to_owned(),
            metric: Metric::BounceRate,
            account_id: None,
            group: vec![(Dimension::CONFIGURATION_SET, Some(set.to_owned()))],
            state,
            from: at(from),
            to: at(to),
            ongoing: false,
            worst: Measured { events: 5, sends: 100 },
        }
    }

    #[test]
    fn what_overlaps_is_one_line() {
        use State::{Critical, Warning};
        let compared = Compared {
            present: vec![
                episode("a", 0, 10, Warning),
                episode("a", 20, 30, Critical),
                episode("a", 32, 40, Warning),
                episode("b", 0, 10, Warning),
                episode("b", 50, 60, Critical),
            ],
            changed: vec![
                episode("a", 5, 10, Warning),
                episode("a", 22, 38, Critical),
                episode("b", 50, 60, Warning),
                episode("c", 70, 71, Warning),
            ],
        };
        let preview = Preview::of(&compared, Zone::UTC);
        let told: Vec<String> = preview
            .rows
            .iter()
            .map(|row| {
                format!(
                    "{} {} {}",
                    row.whose,
                    row.difference,
                    row.changed.as_ref().map_or("-", |side| side.lasted.as_str())
                )
            })
            .collect();
        assert_eq!(told, ["c New 1 min", "b Milder 10 min", "a Shorter 16 min", "a Shorter 5 min", "b Gone -"]);
        assert_eq!(
            preview.summary,
            "In the last 30 days the rule in force would have fired 5 times, for 48 min together; changed, 4 times, for 32 min together: 1 gone, 1 new, 2 shorter, 1 milder."
        );
        let same = Compared { present: compared.present.clone(), changed: compared.present };
        assert!(Preview::of(&same, Zone::UTC).summary.ends_with(": nothing differs."));
    }
}

//! Incidents: what was seen before and what is seen now make up who is to be told what. Nothing here sends anything or asks for the time.
//!
//! ```text
//! memory ── observe(what this check saw) ──> incidents opened, worse, held, ended
//!        ── due(receivers, now) ───────────> messages, each with its receiver
//!        ── told(a message, now) ──────────> memory that a later check begins with
//!        ── forget(receivers, now) ────────> without what everybody has heard the end of, which is of the past then
//! ```
//! A message is due until it was told, so that a receiver that is down, or a check that is killed, loses none.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use xxhash_rust::xxh3::xxh3_128;

use super::state::{End, Facts, Held, Incident, Key, Kind, Level, Memory, Subject, Told};

/// An incident that cannot be judged for so long is closed: a campaign may be over for good.
const UNJUDGED: TimeDelta = TimeDelta::days(7);

/// When no check has told anybody of anything for so long, those that tell nobody look after the incidents.
const UNTOLD: TimeDelta = TimeDelta::days(7);

/// So many incidents are kept at most while there is no history to put them into.
const MOST_KEPT: usize = 1_000;

/// The end of an incident is told no later than this after it.
const STALE_END: TimeDelta = TimeDelta::days(7);

/// What a check saw of something that it watches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sight {
    pub(crate) key: Key,
    pub(crate) what: Seen,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    /// It is wrong.
    Alarm(Level, Facts),
    /// It is wrong, and nobody is to be told.
    Muted(Level, Facts),
    /// A threshold is reached again, but not yet for long enough to count.
    Pending,
    /// There is no verdict.
    Unjudged,
    /// It is well.
    Well,
}

/// All that a check saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sights {
    /// In order of their weight.
    pub(crate) all: Vec<Sight>,
    /// Names of the rules there are; `None` where the rules were not evaluated.
    pub(crate) rules: Option<BTreeSet<String>>,
}

/// What a receiver wants to hear.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wants {
    pub(crate) name: String,
    pub(crate) levels: Vec<Level>,
    /// Names of rules; all where empty.
    pub(crate) rules: Vec<String>,
    pub(crate) repeat: TimeDelta,
    /// It takes an incident for over unless it hears of it again and again.
    pub(crate) forgetful: bool,
}

impl Wants {
    fn hears_of(&self, incident: &Incident, level: Level) -> bool {
        self.levels.contains(&level) && (self.rules.is_empty() || self.rules.contains(&incident.key.rule))
    }
}

/// A message that a receiver has not got yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Due {
    pub(crate) receiver: String,
    pub(crate) kind: Kind,
    pub(crate) incident: Incident,
    /// What the receiver was told before.
    pub(crate) before: Option<Told>,
}

impl Key {
    /// The same for every incident about this: what PagerDuty folds by.
    pub(crate) fn hash(&self) -> String {
        let text = serde_json::json!([self.subject, self.rule, self.account_id, self.group]).to_string();
        format!("{:032x}", xxh3_128(text.as_bytes()))
    }

    fn incident(&self, since: DateTime<Utc>) -> String {
        format!("{:032x}", xxh3_128(format!("{} {}", self.hash(), since.timestamp_micros()).as_bytes()))
    }
}

impl Memory {
    /// Takes in what a check saw.
    pub(crate) fn observe(&mut self, sights: &Sights, now: DateTime<Utc>) {
        for sight in &sights.all {
            let open = self.incidents.iter_mut().find(|incident| incident.end.is_none() && incident.key == sight.key);
            match (&sight.what, open) {
                (Seen::Alarm(level, facts), Some(incident)) => incident.see(*level, facts, None, now),
                (Seen::Alarm(level, facts), None) => {
                    self.incidents.push(opened(&sight.key, *level, facts, now));
                }
                (Seen::Muted(level, facts), Some(incident)) => incident.see(*level, facts, Some(Held::Muted), now),
                (Seen::Pending | Seen::Unjudged, Some(incident)) => incident.held = Some(Held::Unjudged),
                (Seen::Well, Some(incident)) => incident.close("it is OK again", now),
                (Seen::Muted(..) | Seen::Pending | Seen::Unjudged | Seen::Well, None) => {}
            }
        }
        let Some(rules) = &sights.rules else { return };
        let seen: BTreeSet<&Key> = sights.all.iter().map(|sight| &sight.key).collect();
        for incident in self.incidents.iter_mut().filter(|incident| incident.end.is_none()) {
            if incident.key.subject == Subject::Rule && !rules.contains(&incident.key.rule) {
                incident.close("the rule was removed", now);
            } else if !seen.contains(&incident.key) {
                incident.held = Some(Held::Unjudged);
            }
            if incident.end.is_none() && now - incident.seen >= UNJUDGED {
                incident.close("it could not be judged for seven days, for want of mail", now);
            }
        }
    }

    /// The messages that these receivers have not got yet: ends first, since what ended may have begun again.
    pub(crate) fn due(&self, receivers: &[Wants], now: DateTime<Utc>) -> Vec<Due> {
        let mut due = Vec::new();
        for wants in receivers {
            let kinds = self.incidents.iter().filter_map(|incident| Some((kind(incident, wants, now)?, incident)));
            let mut kinds: Vec<_> = kinds.collect();
            kinds.sort_by_key(|(kind, incident)| (*kind != Kind::Resolved, std::cmp::Reverse(incident.level)));
            due.extend(kinds.into_iter().map(|(kind, incident)| Due {
                receiver: wants.name.clone(),
                kind,
                incident: incident.clone(),
                before: incident.told.get(&wants.name).cloned(),
            }));
        }
        due
    }

    /// Notes that a message arrived.
    pub(crate) fn told(&mut self, due: &Due, now: DateTime<Utc>) {
        if let Some(incident) = self.incidents.iter_mut().find(|incident| incident.id == due.incident.id) {
            let told = Told { kind: due.kind, level: due.incident.level, at: now };
            incident.told.insert(due.receiver.clone(), told);
        }
    }

    /// Takes the incidents that everybody has heard the end of for past, and says how many were given up.
    pub(crate) fn forget(&mut self, receivers: &[Wants], now: DateTime<Utc>) -> usize {
        let mut given_up = 0;
        let is_past = |incident: &mut Incident| {
            let Some(end) = &incident.end else { return false };
            let is_owed = receivers.iter().any(|wants| kind(incident, wants, now).is_some());
            let is_stale = now - end.at >= STALE_END;
            given_up += usize::from(is_owed && is_stale);
            !is_owed || is_stale
        };
        self.past.extend(self.incidents.extract_if(.., is_past));
        given_up
    }

    /// Takes back what could not be put into the history; of very much, the latest.
    pub(crate) fn keep(&mut self, past: Vec<Incident>) {
        let room = MOST_KEPT.saturating_sub(self.incidents.len());
        self.incidents.extend(past.into_iter().rev().take(room));
    }

    /// Whether a check that tells somebody looks after the incidents.
    pub(crate) fn is_told(&self, now: DateTime<Utc>) -> bool {
        // Before that was noted, only such a check remembered any.
        let was_told = self.telling.is_none() && self.incidents.iter().any(|incident| !incident.told.is_empty());
        was_told || self.telling.is_some_and(|at| now - at < UNTOLD)
    }
}

impl Incident {
    fn see(&mut self, level: Level, facts: &Facts, held: Option<Held>, now: DateTime<Utc>) {
        if is_worse(level, facts, self) {
            self.peak = Some(facts.clone());
        }
        self.level = level;
        self.worst = self.worst.max(level);
        // Where it comes from is not found out by every check.
        let why = facts.why.clone().or_else(|| self.facts.why.take());
        self.facts = Facts { why, ..facts.clone() };
        self.seen = now;
        self.held = held;
    }

    fn close(&mut self, why: &str, now: DateTime<Utc>) {
        self.end = Some(End { at: now, why: why.to_owned() });
    }
}

/// Whether it is worse than it ever was.
fn is_worse(level: Level, facts: &Facts, before: &Incident) -> bool {
    let peak = before.peak.as_ref().unwrap_or(&before.facts);
    let is_further = match (facts.value, peak.value) {
        (Some(now), Some(then)) if facts.below => now < then,
        (Some(now), Some(then)) => now > then,
        (now, then) => now.is_some() && then.is_none(),
    };
    (level, is_further) > (before.worst, false)
}

fn opened(key: &Key, level: Level, facts: &Facts, now: DateTime<Utc>) -> Incident {
    Incident {
        id: key.incident(now),
        key: key.clone(),
        level,
        worst: level,
        facts: facts.clone(),
        peak: Some(facts.clone()),
        since: now,
        seen: now,
        held: None,
        end: None,
        told: Default::default(),
    }
}

/// What this receiver is to be told of an incident now, if anything.
fn kind(incident: &Incident, wants: &Wants, now: DateTime<Utc>) -> Option<Kind> {
    let told = incident.told.get(&wants.name);
    if incident.end.is_some() {
        // Whoever was down from the beginning to the end hears of both at once.
        let is_told = told.is_some_and(|told| told.kind == Kind::Resolved);
        let is_owed = told.is_some() || Level::ALL.iter().any(|level| is_reached(*level, incident, wants));
        return (is_owed && !is_told).then_some(Kind::Resolved);
    }
    if incident.held == Some(Held::Muted) || !wants.hears_of(incident, incident.level) {
        return None;
    }
    match told {
        None => Some(Kind::Opened),
        Some(told) if told.level == Level::Warning && incident.level == Level::Critical => Some(Kind::Escalated),
        Some(told) if wants.forgetful || now - told.at >= wants.repeat => Some(Kind::Repeated),
        Some(_) => None,
    }
}

/// Whether an incident was so bad that the receiver hears of it.
fn is_reached(level: Level, incident: &Incident, wants: &Wants) -> bool {
    level == incident.worst && incident.held != Some(Held::Muted) && wants.hears_of(incident, level)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

//! What rules would have told in the past, had they been in force.
//!
//! ```text
//! past: sums by minute, or the last sends at midnights ──> play: each rule, account and group minute by minute ──> episodes,
//!                                                                                  points of a chart, since when a state holds
//! ```
//! Rules that are measured in the same way, as a rule and the same with other thresholds, are played on one reading of the past.

mod past;
mod track;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};

use crate::alert::{Measured, Rule, Sums, Window, state_of};
use crate::check::Group;
use crate::error::QueryError;
use crate::gauge::{self, Reading};
use crate::reputation::{Volume, volumes};
use crate::scan::Reader;
use crate::{Dimension, State};
use past::{Past, chunks};
pub use track::{Episode, Point, Standing};
use track::{Stretch, Track};

/// Groups appear with the day of their first mail; what is read off is looked at once in each day.
const PIECE: TimeDelta = TimeDelta::days(1);

/// Whose: account and group.
type Whose = (Option<String>, Group);

/// Every episode since `since`, in the order of their beginnings. Silences are not heeded: they are of the present.
pub async fn backtest(
    reader: &Reader,
    rules: &[Rule],
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    reset: Option<DateTime<Utc>>,
) -> Result<Vec<Episode>, QueryError> {
    let mut episodes = backtest_each(reader, rules, since, now, reset).await?.concat();
    episodes.sort_by(|a, b| (a.from, &a.rule, &a.group).cmp(&(b.from, &b.rule, &b.group)));
    Ok(episodes)
}

/// The same for each rule by itself, in the order of the rules.
pub async fn backtest_each(
    reader: &Reader,
    rules: &[Rule],
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    reset: Option<DateTime<Utc>>,
) -> Result<Vec<Vec<Episode>>, QueryError> {
    let plays = trial(reader, rules, Span { since, now, reset }, None).await?;
    Ok(plays.into_iter().map(Play::into_episodes).collect())
}

/// A rule's values for one account or group over time, and its episodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// The worst of each step, in order; steps without a look are not there.
    pub points: Vec<Point>,
    /// Its episodes.
    pub episodes: Vec<Episode>,
}

/// How a rule went for one account or group, in so many steps at most.
pub async fn course(
    reader: &Reader,
    rule: &Rule,
    (account_id, group): (Option<String>, Group),
    (since, now): (DateTime<Utc>, DateTime<Utc>),
    reset: Option<DateTime<Utc>>,
    steps: u32,
) -> Result<Course, QueryError> {
    let whose = (account_id, group);
    let rules = std::slice::from_ref(rule);
    let minutes = (now - since).num_minutes().max(1);
    let step = (minutes + i64::from(steps.max(1)) - 1) / i64::from(steps.max(1));
    let watch = Watch { whose: &whose, step: TimeDelta::minutes(step), since };
    let mut plays = trial(reader, rules, Span { since, now, reset }, Some(watch)).await?;
    let track = plays.pop().and_then(|mut play| play.tracks.remove(&whose));
    let Some(track) = track else { return Ok(Course { points: Vec::new(), episodes: Vec::new() }) };
    let points = track.points().to_vec();
    let episodes = track.into_episodes().into_iter().map(|stretch| stretch.into_episode(rule, &whose)).collect();
    Ok(Course { points, episodes })
}

/// What a check would tell now of every account and group, and since when it would have told the same.
pub async fn standings(
    reader: &Reader,
    rules: &[Rule],
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    reset: Option<DateTime<Utc>>,
) -> Result<Vec<Standing>, QueryError> {
    let mut standings = Vec::new();
    for play in trial(reader, rules, Span { since, now, reset }, None).await? {
        standings.extend(play.tracks.iter().filter_map(|(whose, track)| track.standing(play.rule, whose)));
    }
    Ok(standings)
}

/// Which past.
#[derive(Debug, Clone, Copy)]
struct Span {
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    reset: Option<DateTime<Utc>>,
}

/// Whose values are kept, and in which steps.
#[derive(Clone, Copy)]
struct Watch<'a> {
    whose: &'a Whose,
    step: TimeDelta,
    since: DateTime<Utc>,
}

async fn trial<'r>(
    reader: &Reader,
    rules: &'r [Rule],
    span: Span,
    watch: Option<Watch<'r>>,
) -> Result<Vec<Play<'r>>, QueryError> {
    let mut plays: Vec<Play<'r>> = rules.iter().map(|rule| Play { rule, watch, tracks: BTreeMap::new() }).collect();
    let mut waiting: Vec<&mut Play<'r>> = plays.iter_mut().collect();
    while let Some(rule) = waiting.first().map(|play| play.rule) {
        let (mut together, others): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|play| are_measured_alike(play.rule, rule));
        match rule.window {
            _ if rule.metric.is_gauge() => read(reader, &mut together, span).await?,
            Window::LastSends(volume) => look(reader, &mut together, volume, span).await?,
            Window::Minutes(width) => watch_minutes(reader, &mut together, width, span).await?,
        }
        waiting = others;
    }
    Ok(plays)
}

/// Whether what is read for one rule serves the other too.
fn are_measured_alike(one: &Rule, other: &Rule) -> bool {
    match (one.window, other.window) {
        (Window::LastSends(one), Window::LastSends(other)) => one == other,
        (Window::Minutes(_), Window::Minutes(_)) => {
            let what = |rule: &Rule| (rule.metric, rule.counting, rule.clock, rule.window, rule.total);
            what(one) == what(other) && (&one.by, &one.only, &one.expected) == (&other.by, &other.only, &other.expected)
        }
        (Window::LastSends(_), Window::Minutes(_)) | (Window::Minutes(_), Window::LastSends(_)) => false,
    }
}

/// Days from `since` on.
fn days(since: DateTime<Utc>, now: DateTime<Utc>) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
    let mut from = since;
    std::iter::from_fn(move || {
        let to = (from + PIECE).min(now);
        let piece = (from < now).then_some((from, to));
        from = to;
        piece
    })
}

/// What is read off once is looked at once in each day.
async fn read(reader: &Reader, plays: &mut [&mut Play<'_>], span: Span) -> Result<(), QueryError> {
    let Some(rule) = plays.first().map(|play| play.rule) else { return Ok(()) };
    for (_, to) in days(span.since, span.now) {
        let readings = gauge::readings(reader, rule, to).await?;
        plays.iter_mut().for_each(|play| play.read(&readings, to));
    }
    Ok(())
}

/// The last sends are looked at whenever a day (UTC) is over, and now: dates as a whole are counted already.
async fn look(reader: &Reader, plays: &mut [&mut Play<'_>], volume: u64, span: Span) -> Result<(), QueryError> {
    let midnight = |time: DateTime<Utc>| time.date_naive().and_time(NaiveTime::MIN).and_utc();
    let mut times = Vec::new();
    let mut next = midnight(span.since).checked_add_days(Days::new(1));
    while let Some(time) = next.filter(|time| *time < span.now) {
        times.push(time);
        next = time.checked_add_days(Days::new(1));
    }
    times.extend((span.since < span.now).then_some(span.now));
    for (found, time) in volumes(reader, volume, span.reset, &times).await?.iter().zip(times) {
        plays.iter_mut().for_each(|play| play.look(found, time));
    }
    Ok(())
}

async fn watch_minutes(reader: &Reader, plays: &mut [&mut Play<'_>], width: u32, span: Span) -> Result<(), QueryError> {
    let Some(rule) = plays.first().map(|play| play.rule) else { return Ok(()) };
    for (from, to) in chunks(reader, rule, width, span.since, span.now) {
        let past = Past::read(reader, rule, width, from, to).await?;
        for (from, to) in days(from, to) {
            for play in &mut *plays {
                play.minutes(&past, width, from, to);
                // Whoever waits no longer is heard between one day and the next.
                tokio::task::yield_now().await;
            }
        }
    }
    Ok(())
}

/// A rule on its way through the past.
struct Play<'r> {
    rule: &'r Rule,
    watch: Option<Watch<'r>>,
    tracks: BTreeMap<Whose, Track<'r>>,
}

impl Play<'_> {
    /// In the order of their beginnings.
    fn into_episodes(self) -> Vec<Episode> {
        let mut episodes = Vec::new();
        for (whose, track) in self.tracks {
            episodes.extend(track.into_episodes().into_iter().map(|stretch| stretch.into_episode(self.rule, &whose)));
        }
        episodes.sort_by(|a, b| (a.from, &a.group).cmp(&(b.from, &b.group)));
        episodes
    }

    fn enter(&mut self, whose: Whose) {
        if !self.tracks.contains_key(&whose) {
            let kept = self.watch.filter(|watch| *watch.whose == whose);
            let track = Track::new(self.rule, kept.map(|watch| (watch.since, watch.step)));
            self.tracks.insert(whose, track);
        }
    }

    /// The last sends as they were at one time.
    fn look(&mut self, found: &[Volume], at: DateTime<Utc>) {
        let rule = self.rule;
        let mut seen: BTreeMap<Whose, Measured> = BTreeMap::new();
        for volume in found {
            let is_asked = if volume.configuration_set.is_none() { rule.total } else { !rule.by.is_empty() };
            if is_asked {
                let set = volume.configuration_set.clone().map(|set| (Dimension::CONFIGURATION_SET, set));
                let whose = (volume.account_id.clone(), set.into_iter().collect());
                seen.insert(whose, Sums::of(rule.metric, rule.counting, &volume.tally).measured());
            }
        }
        seen.keys().cloned().for_each(|whose| self.enter(whose));
        for (whose, track) in &mut self.tracks {
            let measured = seen.get(whose).copied().unwrap_or_default();
            let state = match seen.contains_key(whose) {
                true => state_of(rule, measured, !whose.1.is_empty()),
                false => State::NoData,
            };
            track.look(at, state, measured);
        }
    }

    /// What was read off at one time.
    fn read(&mut self, readings: &[Reading], at: DateTime<Utc>) {
        for Reading { account_id, group, measured, .. } in readings {
            let whose = (account_id.clone(), group.clone());
            self.enter(whose.clone());
            let state = state_of(self.rule, *measured, !group.is_empty());
            if let Some(track) = self.tracks.get_mut(&whose) {
                track.look(at, state, *measured);
            }
        }
    }

    /// The minutes that ended in `(from, to]`.
    fn minutes(&mut self, past: &Past, width: u32, from: DateTime<Utc>, to: DateTime<Utc>) {
        let (first, last) = (from.timestamp().div_euclid(60), to.timestamp().div_euclid(60));
        let known: BTreeSet<Whose> = past.present(first - i64::from(width), last + 1).collect();
        known.into_iter().for_each(|whose| self.enter(whose));
        // Where nothing at all happened there is still the number nought to judge.
        if self.rule.total && self.tracks.keys().all(|(_, group)| !group.is_empty()) {
            self.enter((None, Group::new()));
        }
        for (whose, track) in &mut self.tracks {
            track.minutes(past.of(whose), i64::from(width), !whose.1.is_empty(), first + 1..=last);
        }
    }
}

impl Stretch {
    fn into_episode(self, rule: &Rule, (account_id, group): &Whose) -> Episode {
        Episode {
            rule: rule.name.clone(),
            metric: rule.metric,
            account_id: account_id.clone(),
            group: group.clone(),
            state: self.state,
            from: self.from,
            to: self.to,
            ongoing: self.ongoing,
            worst: self.worst,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

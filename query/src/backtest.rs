//! What rules would have told in the past, had they been in force.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::alert::{Machine, Measured, Metric, Rule, State, Window, judge};
use crate::check::Group;
use crate::check::series::{Question, Series, Spans, series};
use crate::error::QueryError;
use crate::gauge::{self, Reading};
use crate::scan::Reader;
use crate::tally::Tally;

/// The past is read in pieces of a day; rules over the last sends are looked at once in each.
const PIECE: TimeDelta = TimeDelta::days(1);

/// A time in which a rule would have been WARNING or CRITICAL for an account or group without a break.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The rule's name.
    pub rule: String,
    /// What it watches.
    pub metric: Metric,
    /// Account.
    pub account_id: Option<String>,
    /// Which part of it.
    pub group: Group,
    /// The worst state.
    pub state: State,
    /// When it would have begun: a whole minute, or the day's look at the last sends.
    pub from: DateTime<Utc>,
    /// When it was last seen.
    pub to: DateTime<Utc>,
    /// Whether it lasts still.
    pub ongoing: bool,
    /// The numbers at the worst of it.
    pub worst: Measured,
}

/// Whose episodes: account and group.
type Whose = (Option<String>, Group);

/// Every episode since `since`, in the order of their beginnings. Silences are not heeded: they are of the present.
pub async fn backtest(
    reader: &Reader,
    rules: &[Rule],
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    reset: Option<DateTime<Utc>>,
) -> Result<Vec<Episode>, QueryError> {
    let mut episodes = Vec::new();
    for rule in rules {
        let mut play = Play { rule, courses: BTreeMap::new() };
        let question = Question::of(rule, std::slice::from_ref(rule));
        let mut from = since;
        while from < now {
            let to = (from + PIECE).min(now);
            if rule.metric.is_gauge() {
                play.read(gauge::readings(reader, rule, to).await?, to);
                from = to;
                continue;
            }
            let found = series(reader, &question, from, to, reset).await?;
            match rule.window {
                Window::LastSends(_) => play.look(&found, to),
                Window::Minutes(_) => play.minutes(found, from, to),
            }
            from = to;
        }
        for (whose, course) in play.courses {
            episodes.extend(course.episodes.into_iter().map(|stretch| stretch.into_episode(rule, &whose)));
        }
    }
    episodes.sort_by(|a, b| (a.from, &a.rule, &a.group).cmp(&(b.from, &b.rule, &b.group)));
    Ok(episodes)
}

/// A rule on its way through the past.
struct Play<'r> {
    rule: &'r Rule,
    courses: BTreeMap<Whose, Course<'r>>,
}

struct Course<'r> {
    machine: Machine<'r>,
    episodes: Vec<Stretch>,
}

struct Stretch {
    state: State,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    ongoing: bool,
    worst: Measured,
}

impl Play<'_> {
    /// The last sends as they were at one time.
    fn look(&mut self, found: &[Series], at: DateTime<Utc>) {
        let rule = self.rule;
        let mut seen = BTreeSet::new();
        for series in found {
            let Spans::Volume { tally, .. } = &series.spans else { continue };
            let measured = rule.metric.measure(rule.counting, tally);
            let state = judge(rule, measured, !series.group.is_empty()).state;
            let whose = (series.account_id.clone(), series.group.clone());
            self.courses.entry(whose.clone()).or_insert_with(|| Course::new(rule)).take(rule, at, state, measured);
            seen.insert(whose);
        }
        for (_, course) in self.courses.iter_mut().filter(|(whose, _)| !seen.contains(*whose)) {
            course.take(rule, at, State::NoData, Measured::default());
        }
    }

    /// What was read off at one time.
    fn read(&mut self, readings: Vec<Reading>, at: DateTime<Utc>) {
        let rule = self.rule;
        for reading in readings {
            let state = judge(rule, reading.measured, !reading.group.is_empty()).state;
            let course = self.courses.entry((reading.account_id, reading.group)).or_insert_with(|| Course::new(rule));
            course.take(rule, at, state, reading.measured);
        }
    }

    /// The minutes that ended in `(from, to]`, of which those without any event are not among what was found.
    fn minutes(&mut self, found: Vec<Series>, from: DateTime<Utc>, to: DateTime<Utc>) {
        let rule = self.rule;
        let mut ends: BTreeMap<Whose, BTreeMap<i64, Tally>> = BTreeMap::new();
        for series in found {
            if let Spans::Minutes { ends: found, .. } = series.spans {
                ends.insert((series.account_id, series.group), found);
            }
        }
        for whose in ends.keys() {
            self.courses.entry(whose.clone()).or_insert_with(|| Course::new(rule));
        }
        let (empty, none) = (Tally::default(), BTreeMap::new());
        for (whose, course) in &mut self.courses {
            let ends = ends.get(whose).unwrap_or(&none);
            for end in from.timestamp().div_euclid(60) + 1..=to.timestamp().div_euclid(60) {
                let measured = rule.metric.measure(rule.counting, ends.get(&end).unwrap_or(&empty));
                let verdict = judge(rule, measured, !whose.1.is_empty()).state;
                let standing = course.machine.step(end, verdict);
                let at = DateTime::from_timestamp(end * 60, 0).unwrap_or_default();
                course.take(rule, at, standing.state, measured);
            }
        }
    }
}

impl<'r> Course<'r> {
    fn new(rule: &'r Rule) -> Self {
        Self { machine: Machine::new(rule), episodes: Vec::new() }
    }

    /// Begins, goes on with or ends an episode.
    fn take(&mut self, rule: &Rule, at: DateTime<Utc>, state: State, measured: Measured) {
        let open = self.episodes.last_mut().filter(|stretch| stretch.ongoing);
        match (matches!(state, State::Warning | State::Critical), open) {
            (true, Some(stretch)) => {
                stretch.to = at;
                if state == State::Critical {
                    stretch.state = state;
                }
                if rule.is_worse(measured, stretch.worst) {
                    stretch.worst = measured;
                }
            }
            (true, None) => {
                self.episodes.push(Stretch { state, from: at, to: at, ongoing: true, worst: measured });
            }
            (false, Some(stretch)) => stretch.ongoing = false,
            (false, None) => {}
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

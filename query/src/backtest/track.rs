//! One account or group on its way through the past.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use chrono::{DateTime, TimeDelta, Utc};

use super::Whose;
use crate::alert::{Machine, Measured, Metric, Rule, State, Sums, state_of};
use crate::check::Group;

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

/// The worst of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Its first minute or look.
    pub from: DateTime<Utc>,
    /// Its last.
    pub to: DateTime<Utc>,
    /// The worst state, NO DATA only if there was no other.
    pub state: State,
    /// The worst that could be judged; nothing where nothing could.
    pub worst: Option<Measured>,
}

/// What a check would tell of an account or group, and since when it would have told the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The rule's name.
    pub rule: String,
    /// Account.
    pub account_id: Option<String>,
    /// Which part of it.
    pub group: Group,
    /// The state.
    pub state: State,
    /// Since when; for rules over the last sends, the first day's look.
    pub since: DateTime<Utc>,
    /// It was so already when the past that was looked at begins.
    pub is_older: bool,
}

/// An episode of whomever.
pub(super) struct Stretch {
    pub(super) state: State,
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
    pub(super) ongoing: bool,
    pub(super) worst: Measured,
}

pub(super) struct Track<'r> {
    rule: &'r Rule,
    machine: Machine<'r>,
    episodes: Vec<Stretch>,
    teller: Teller,
    points: Option<Points>,
}

impl<'r> Track<'r> {
    /// `kept` says from when on, and in which steps, values are kept.
    pub(super) fn new(rule: &'r Rule, kept: Option<(DateTime<Utc>, TimeDelta)>) -> Self {
        Self {
            rule,
            machine: Machine::new(rule),
            episodes: Vec::new(),
            teller: Teller::new(rule.look_back_minutes.max(1) as usize),
            points: kept.map(|(since, step)| Points { since, step, all: Vec::new() }),
        }
    }

    pub(super) fn into_episodes(self) -> Vec<Stretch> {
        self.episodes
    }

    pub(super) fn points(&self) -> &[Point] {
        self.points.as_ref().map(|points| points.all.as_slice()).unwrap_or_default()
    }

    pub(super) fn standing(&self, rule: &Rule, (account_id, group): &Whose) -> Option<Standing> {
        let (state, since) = self.teller.told?;
        Some(Standing {
            rule: rule.name.clone(),
            account_id: account_id.clone(),
            group: group.clone(),
            state,
            since,
            is_older: self.teller.first == Some(since),
        })
    }

    /// The state at a look that stands for itself.
    pub(super) fn look(&mut self, at: DateTime<Utc>, state: State, measured: Measured) {
        self.teller.look(at, state);
        self.take(at, state, measured);
    }

    /// The windows of `width` minutes that end in these minutes, of which `minutes` has the sums.
    pub(super) fn minutes(&mut self, minutes: &[(i64, Sums)], width: i64, of_group: bool, ends: RangeInclusive<i64>) {
        let first = *ends.start() - width;
        let mut entered = minutes.partition_point(|(minute, _)| *minute < first);
        let mut left = entered;
        let mut sums = Sums::default();
        for end in ends {
            while let Some((_, sum)) = minutes.get(entered).filter(|(minute, _)| *minute < end) {
                sums += *sum;
                entered += 1;
            }
            while let Some((_, sum)) = minutes[left..entered].first().filter(|(minute, _)| *minute < end - width) {
                sums -= *sum;
                left += 1;
            }
            let measured = sums.measured();
            let standing = self.machine.step(end, state_of(self.rule, measured, of_group));
            let at = DateTime::from_timestamp(end * 60, 0).unwrap_or_default();
            self.teller.minute(at, standing.state);
            self.take(at, standing.state, measured);
        }
    }

    /// Begins, goes on with or ends an episode.
    fn take(&mut self, at: DateTime<Utc>, state: State, measured: Measured) {
        if let Some(points) = &mut self.points {
            points.take(self.rule, at, state, measured);
        }
        let open = self.episodes.last_mut().filter(|stretch| stretch.ongoing);
        match (matches!(state, State::Warning | State::Critical), open) {
            (true, Some(stretch)) => {
                stretch.to = at;
                if state == State::Critical {
                    stretch.state = state;
                }
                if self.rule.is_worse(measured, stretch.worst) {
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

/// Values in steps of time.
struct Points {
    since: DateTime<Utc>,
    step: TimeDelta,
    all: Vec<Point>,
}

/// From the worst down, NO DATA last: it is told only where there is nothing else.
fn weight(state: State) -> u8 {
    match state {
        State::Critical => 4,
        State::Warning => 3,
        State::Pending => 2,
        State::Ok => 1,
        State::NoData => 0,
    }
}

impl Points {
    fn take(&mut self, rule: &Rule, at: DateTime<Utc>, state: State, measured: Measured) {
        // A minute belongs to the step in which it began.
        let step = |at: DateTime<Utc>| {
            (at - TimeDelta::seconds(1) - self.since).num_seconds().div_euclid(self.step.num_seconds().max(1))
        };
        let judged = (state != State::NoData).then_some(measured);
        match self.all.last_mut() {
            Some(point) if step(point.from) == step(at) => {
                point.to = at;
                if weight(state) > weight(point.state) {
                    point.state = state;
                }
                point.worst = match (point.worst, judged) {
                    (Some(worst), Some(judged)) if !rule.is_worse(judged, worst) => Some(worst),
                    (worst, judged) => judged.or(worst),
                };
            }
            _ => self.all.push(Point { from: at, to: at, state, worst: judged }),
        }
    }
}

/// What a check would tell: the worst of the minutes that it looks back on.
#[derive(Default)]
struct Teller {
    look_back: usize,
    recent: VecDeque<State>,
    /// How many of them are of each weight.
    counts: [usize; 5],
    first: Option<DateTime<Utc>>,
    told: Option<(State, DateTime<Utc>)>,
}

impl Teller {
    fn new(look_back: usize) -> Self {
        Self { look_back, ..Self::default() }
    }

    fn look(&mut self, at: DateTime<Utc>, state: State) {
        self.first.get_or_insert(at);
        if self.told.is_none_or(|(told, _)| told != state) {
            self.told = Some((state, at));
        }
    }

    fn minute(&mut self, at: DateTime<Utc>, state: State) {
        // Of a threshold that was reached for too short a time nothing came.
        let past = if state == State::Pending { State::Ok } else { state };
        self.recent.push_back(past);
        self.counts[usize::from(weight(past))] += 1;
        if self.recent.len() > self.look_back
            && let Some(old) = self.recent.pop_front()
        {
            self.counts[usize::from(weight(old))] -= 1;
        }
        let has = |state: State| self.counts[usize::from(weight(state))] > 0;
        let known = [State::Critical, State::Warning].into_iter().find(|state| has(*state));
        let told = known.unwrap_or(match state {
            State::Pending => State::Pending,
            _ if has(State::Ok) => State::Ok,
            _ => State::NoData,
        });
        self.look(at, told);
    }
}

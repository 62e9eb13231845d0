//! The rows of one event date, counted by minute.

use std::collections::{BTreeMap, HashMap};

use repute_lake::EventType;

use crate::dimension::Dimension;
use crate::scan::{MINUTE, Selection};
use crate::tally::{Kind, Tally};

/// A day in microseconds.
pub(crate) const DAY: i64 = 1_440 * MINUTE;

/// Whose rows: account and configuration set.
pub(crate) type Scope = (Option<String>, Option<String>);

/// Tallies by the values of the selection's dimensions, then by window.
pub(crate) type Groups = HashMap<Vec<Option<String>>, BTreeMap<i64, Tally>>;

/// What counted rows are put into.
pub(crate) trait Gather: Send {
    /// Adds rows of a cell of a group: the starts of their windows, and how many there are.
    fn add(&mut self, group: &[Option<String>], cell: i16, rows: impl Iterator<Item = (i64, u64)>);
}

impl Gather for Groups {
    fn add(&mut self, group: &[Option<String>], cell: i16, rows: impl Iterator<Item = (i64, u64)>) {
        let windows = match self.get_mut(group) {
            Some(windows) => windows,
            None => self.entry(group.to_vec()).or_default(),
        };
        rows.for_each(|(window, rows)| windows.entry(window).or_default().add_cell(cell, rows));
    }
}

/// Numbers of rows by time, for each scope and cell of the tally.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Counts {
    runs: Vec<Run>,
    times: Vec<i64>,
    rows: Vec<u64>,
}

/// The times of one scope and cell, ascending: a range of [`Counts::times`].
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    scope: u32,
    cell: i16,
    from: usize,
    to: usize,
}

/// Rows of a scope and cell at a time (microseconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Count {
    pub(crate) scope: u32,
    pub(crate) cell: i16,
    pub(crate) time: i64,
    pub(crate) rows: u64,
}

impl Counts {
    /// Puts counts in order, and those of the same scope, cell and time together.
    pub(crate) fn of(mut counts: Vec<Count>) -> Self {
        counts.sort_unstable();
        let mut all = Self::default();
        counts.into_iter().for_each(|count| all.push(count));
        all
    }

    fn push(&mut self, Count { scope, cell, time, rows }: Count) {
        let at = self.times.len();
        match self.runs.last_mut() {
            Some(run) if (run.scope, run.cell) == (scope, cell) => {
                if let (Some(last), Some(sum)) = (self.times.last(), self.rows.last_mut())
                    && *last == time
                {
                    *sum += rows;
                    return;
                }
                run.to = at + 1;
            }
            _ => self.runs.push(Run { scope, cell, from: at, to: at + 1 }),
        }
        self.times.push(time);
        self.rows.push(rows);
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Count> + '_ {
        self.runs.iter().flat_map(|run| {
            let rows = self.times[run.from..run.to].iter().zip(&self.rows[run.from..run.to]);
            rows.map(|(time, rows)| Count { scope: run.scope, cell: run.cell, time: *time, rows: *rows })
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether any lies in `[from, to)`.
    pub(crate) fn any_in(&self, from: i64, to: i64) -> bool {
        self.runs.iter().any(|run| !self.slice(*run, from, to).0.is_empty())
    }

    fn slice(&self, run: Run, from: i64, to: i64) -> (&[i64], &[u64]) {
        let (times, rows) = (&self.times[run.from..run.to], &self.rows[run.from..run.to]);
        let (first, last) = (times.partition_point(|t| *t < from), times.partition_point(|t| *t < to));
        if first < last { (&times[first..last], &rows[first..last]) } else { (&[], &[]) }
    }

    /// Adds what the selection asks for of the times in `[from, to)`.
    pub(crate) fn add_to(&self, scopes: &[Scope], selection: &Selection, from: i64, to: i64, into: &mut impl Gather) {
        let kinds = cells(&selection.types);
        let places: Vec<Option<Vec<Option<String>>>> = scopes.iter().map(|scope| project(scope, selection)).collect();
        for run in &self.runs {
            let Some(Some(group)) = places.get(run.scope as usize) else { continue };
            let (times, rows) = self.slice(*run, from, to);
            if times.is_empty() || !kinds.get(run.cell as usize / 4).is_some_and(|wanted| *wanted) {
                continue;
            }
            match selection.width {
                None => into.add(group, run.cell, std::iter::once((0, rows.iter().sum()))),
                Some(width) => into.add(group, run.cell, windows(times, rows, width)),
            }
        }
    }
}

/// Rows by the window in which their times, ascending, lie.
fn windows<'a>(times: &'a [i64], rows: &'a [u64], width: i64) -> impl Iterator<Item = (i64, u64)> + 'a {
    let mut all = times.iter().zip(rows).map(move |(time, rows)| (floor(*time, width), *rows)).peekable();
    std::iter::from_fn(move || {
        let (window, mut sum) = all.next()?;
        while let Some((_, rows)) = all.next_if(|(next, _)| *next == window) {
            sum += rows;
        }
        Some((window, sum))
    })
}

/// The start of the window in which a time lies.
pub(crate) fn floor(time: i64, width: i64) -> i64 {
    time.div_euclid(width) * width
}

/// Which kinds are of these types; all without any.
fn cells(types: &[EventType]) -> Vec<bool> {
    Kind::ALL.iter().map(|kind| types.is_empty() || types.contains(&kind.event_type())).collect()
}

/// The values that a scope's rows are grouped under; `None` if the selection leaves them out.
fn project((account, set): &Scope, selection: &Selection) -> Option<Vec<Option<String>>> {
    let value = |dimension: &Dimension| if *dimension == Dimension::ACCOUNT { account } else { set };
    let passes = selection.only.iter().all(|(dimension, wanted)| value(dimension) == wanted);
    passes.then(|| selection.by.iter().map(|dimension| value(dimension).clone()).collect())
}

/// The rows of an event date.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Day {
    pub(crate) scopes: Vec<Scope>,
    /// All rows by the minute in which they happened.
    pub(crate) happened: Counts,
    /// Rows by the minute in which their mail was sent, but for the reports.
    pub(crate) sent: Counts,
    /// Bounces and complaints by the very time at which their mail was sent: few, and AWS's rate needs them so.
    pub(crate) reports: Counts,
    /// What else is known of it.
    pub(crate) facts: Facts,
}

/// What is known of a date beside its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Time of the newest event, microseconds.
    pub(crate) newest: i64,
    /// Whether every send happened when its mail was sent, as SES has it.
    pub(crate) sends_at_once: bool,
}

impl Default for Facts {
    fn default() -> Self {
        Self { newest: i64::MIN, sends_at_once: true }
    }
}

impl Facts {
    /// Of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { newest: self.newest.max(other.newest), sends_at_once: self.sends_at_once && other.sends_at_once }
    }
}

/// A date's counts summed by day.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) scopes: Vec<Scope>,
    pub(crate) happened: Counts,
    /// With the reports.
    pub(crate) sent: Counts,
}

impl Day {
    /// The rows of both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut scopes = Scopes::default();
        let mut joined = |pick: fn(&Self) -> &Counts| {
            let mut counts = Vec::with_capacity(pick(self).len() + pick(other).len());
            for day in [self, other] {
                let numbers: Vec<u32> = day.scopes.iter().map(|scope| scopes.number(scope)).collect();
                counts.extend(pick(day).iter().map(|count| Count { scope: numbers[count.scope as usize], ..count }));
            }
            Counts::of(counts)
        };
        let (happened, sent, reports) = (joined(|d| &d.happened), joined(|d| &d.sent), joined(|d| &d.reports));
        Self { happened, sent, reports, scopes: scopes.list, facts: self.facts.and(other.facts) }
    }

    /// Summed by day.
    pub(crate) fn sums(&self) -> Sums {
        let by_day = |counts: &mut dyn Iterator<Item = Count>| {
            Counts::of(counts.map(|count| Count { time: floor(count.time, DAY), ..count }).collect())
        };
        Sums {
            scopes: self.scopes.clone(),
            happened: by_day(&mut self.happened.iter()),
            sent: by_day(&mut self.sent.iter().chain(self.reports.iter())),
        }
    }

    /// How many counts it holds.
    pub(crate) fn len(&self) -> usize {
        self.happened.len() + self.sent.len() + self.reports.len()
    }
}

/// Scopes and their numbers.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    pub(crate) list: Vec<Scope>,
    numbers: HashMap<Scope, u32>,
}

impl Scopes {
    /// The number of a scope.
    pub(crate) fn number(&mut self, scope: &Scope) -> u32 {
        if let Some(number) = self.numbers.get(scope) {
            return *number;
        }
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(scope.clone());
        self.numbers.insert(scope.clone(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(scope: u32, cell: i16, time: i64, rows: u64) -> Count {
        Count { scope, cell, time, rows }
    }

    #[test]
    fn counts_of_the_same_come_together() {
        let counts = Counts::of(vec![count(1, 4, 60, 2), count(0, 3, 120, 1), count(1, 4, 60, 5), count(1, 4, 0, 1)]);
        let all: Vec<Count> = counts.iter().collect();
        assert_eq!(all, [count(0, 3, 120, 1), count(1, 4, 0, 1), count(1, 4, 60, 7)]);
        assert!(counts.any_in(60, 61) && !counts.any_in(61, 120));
    }

    #[test]
    fn two_days_are_joined_by_what_their_scopes_are_called() {
        let scope = |name: &str| (None, Some(name.to_owned()));
        let day = |scopes: &[&str], counts: Vec<Count>| Day {
            scopes: scopes.iter().map(|name| scope(name)).collect(),
            happened: Counts::of(counts),
            ..Day::default()
        };
        let both =
            day(&["a", "b"], vec![count(0, 3, 0, 1), count(1, 3, 0, 2)]).and(&day(&["b"], vec![count(0, 3, 0, 4)]));
        let selection = Selection { by: vec![Dimension::CONFIGURATION_SET], ..Selection::default() };
        let mut groups = Groups::new();
        both.happened.add_to(&both.scopes, &selection, i64::MIN, i64::MAX, &mut groups);
        let sends = |name: &str| groups[&vec![Some(name.to_owned())]][&0].all(Kind::Send);
        assert_eq!((sends("a"), sends("b")), (1, 6));
    }
}

//! What rules are held against: tallies of accounts and their groups, over windows of minutes or the last sends.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use repute_lake::EventType;

use super::Group;
use crate::alert::{Rule, Window};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::reputation::{ReputationQuery, judged_volume};
use crate::scan::{Clock, Reader, Selection};
use crate::sliding::sliding;
use crate::tally::Tally;

/// What is asked of the lake for a rule. Rules with the same window, groups and filter share one answer.
#[derive(PartialEq)]
pub(crate) struct Question<'r> {
    window: Window,
    clock: Clock,
    by: &'r [Dimension],
    only: &'r [(Dimension, Option<String>)],
    types: Vec<EventType>,
    /// Minutes before now that bear on the rules.
    pub(crate) horizon: u32,
    total: bool,
}

impl<'r> Question<'r> {
    pub(crate) fn of(rule: &'r Rule, rules: &[Rule]) -> Self {
        let shares = |other: &&Rule| {
            (other.window, other.clock, &other.by, &other.only) == (rule.window, rule.clock, &rule.by, &rule.only)
        };
        let together = || rules.iter().filter(shares);
        let types: BTreeSet<EventType> =
            together().flat_map(|rule| rule.metric.types(rule.counting)).copied().collect();
        Self {
            window: rule.window,
            clock: rule.clock,
            by: &rule.by,
            only: &rule.only,
            types: types.into_iter().collect(),
            horizon: together().map(Rule::horizon_minutes).max().unwrap_or_default(),
            total: rule.total,
        }
    }
}

/// What was measured for an account or one of its groups.
pub(crate) struct Series {
    pub(crate) account_id: Option<String>,
    pub(crate) group: Group,
    pub(crate) spans: Spans,
}

pub(crate) enum Spans {
    /// Over a volume of sends: one.
    Volume { from: DateTime<Utc>, to: DateTime<Utc>, tally: Box<Tally> },
    /// Windows by the minute in which they end (minutes since the epoch), those without any event left out.
    Minutes { width: u32, ends: BTreeMap<i64, Tally> },
}

/// Measures what is asked: windows of minutes that ended in `(since, until]`, or the last sends as they were at `until`.
pub(crate) async fn series(
    reader: &Reader,
    question: &Question<'_>,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    reset: Option<DateTime<Utc>>,
) -> Result<Vec<Series>, QueryError> {
    let found = match question.window {
        Window::LastSends(volume) => volumes(reader, volume, until, reset).await?,
        Window::Minutes(width) => minutes(reader, question, width, since, until).await?,
    };
    let is_asked = |series: &Series| if series.group.is_empty() { question.total } else { !question.by.is_empty() };
    Ok(found.into_iter().filter(is_asked).collect())
}

/// The last `volume` eligible sends of each account and configuration set.
async fn volumes(
    reader: &Reader,
    volume: u64,
    as_of: DateTime<Utc>,
    reset: Option<DateTime<Utc>>,
) -> Result<Vec<Series>, QueryError> {
    let query = ReputationQuery { last_sends: volume, since: reset, as_of: Some(as_of) };
    let series = judged_volume(reader, &query).await?.into_iter().map(|found| Series {
        account_id: found.account_id,
        group: found.configuration_set.map(|set| (Dimension::CONFIGURATION_SET, set)).into_iter().collect(),
        spans: Spans::Volume { from: found.from, to: found.to, tally: Box::new(found.tally) },
    });
    Ok(series.collect())
}

/// Every position of a window of `width` minutes that ended in `(since, until]`, for each account and group.
async fn minutes(
    reader: &Reader,
    question: &Question<'_>,
    width: u32,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Series>, QueryError> {
    let selection = Selection {
        clock: question.clock,
        as_of: Some(until),
        by: std::iter::once(Dimension::ACCOUNT).chain(question.by.iter().cloned()).collect(),
        only: question.only.to_vec(),
        types: question.types.clone(),
        ..Selection::default()
    };
    let mut series = Vec::new();
    let mut accounts: BTreeMap<Option<String>, BTreeMap<i64, Tally>> = BTreeMap::new();
    for (values, positions) in sliding(reader, &selection, width, since, until).await? {
        let mut values = values.into_iter();
        let account_id = values.next().flatten();
        let ends: BTreeMap<i64, Tally> =
            positions.into_iter().map(|position| (position.to.timestamp().div_euclid(60), position.tally)).collect();
        let whole = accounts.entry(account_id.clone()).or_default();
        for (end, tally) in &ends {
            *whole.entry(*end).or_default() += tally;
        }
        if !question.by.is_empty() {
            let group = question.by.iter().cloned().zip(values).collect();
            series.push(Series { account_id, group, spans: Spans::Minutes { width, ends } });
        }
    }
    // Where nothing at all happened there is still the number nought to judge.
    if accounts.is_empty() {
        accounts.insert(None, BTreeMap::new());
    }
    let whole = |(account_id, ends)| Series { account_id, group: Vec::new(), spans: Spans::Minutes { width, ends } };
    series.extend(accounts.into_iter().map(whole));
    Ok(series)
}

//! What is not counted in tallies but read off once, as it is at the time of a check: ages, delays, ratios of what came to what
//! was to come.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use datafusion::functions_aggregate::min_max::max;
use datafusion::logical_expr::{Expr, cast, col};
use repute_lake::EventType;
use repute_lake::schema::column;

use crate::alert::{Measured, Metric, Rule, Window};
use crate::check::Group;
use crate::delays::{Times, taken};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::rates::Stepping;
use crate::scan::{Reader, Selection};
use crate::tally::Kind;

/// The same window of so many weeks before says what is usual.
const WEEKS: i64 = 4;

/// Firehose delivers so late at most: a window that must be whole ends so long ago.
const LATE: TimeDelta = TimeDelta::minutes(15);

/// How far back the newest event of a group is looked for.
const NEWEST: TimeDelta = TimeDelta::days(7);

/// What was read for an account or one of its groups.
pub(crate) struct Reading {
    pub(crate) account_id: Option<String>,
    pub(crate) group: Group,
    pub(crate) measured: Measured,
    pub(crate) span: (DateTime<Utc>, DateTime<Utc>),
}

/// Values of the account and of the dimensions.
type Key = Vec<Option<String>>;

/// Reads what the rule watches, as it is at `now`.
pub(crate) async fn readings(reader: &Reader, rule: &Rule, now: DateTime<Utc>) -> Result<Vec<Reading>, QueryError> {
    let minutes = match rule.window {
        Window::Minutes(minutes) => minutes,
        Window::LastSends(_) => 60,
    };
    let width = TimeDelta::minutes(minutes.into());
    match rule.metric {
        Metric::Freshness => freshness(reader, rule, now).await,
        Metric::SendsVsWeekday => sends_vs_weekday(reader, rule, whole_minute(now - LATE), width).await,
        Metric::Coverage => coverage(reader, rule, now).await,
        Metric::QuarantineRatio => Ok(quarantine_ratio(reader, now - width, now)),
        Metric::DelayP50 => delays(reader, rule, now, width, 50).await,
        Metric::DelayP95 => delays(reader, rule, now, width, 95).await,
        Metric::DelayP99 => delays(reader, rule, now, width, 99).await,
        _ => Ok(Vec::new()),
    }
}

/// What an alarm of a metric means, beside its numbers.
pub(crate) fn meaning(metric: Metric) -> Option<&'static str> {
    match metric {
        Metric::Coverage => Some("the event publishing loses events, or a configuration set has no event destination"),
        Metric::Freshness => Some("no mail is sent, or events do not arrive"),
        _ => None,
    }
}

fn whole_minute(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp().div_euclid(60) * 60, 0).unwrap_or(time)
}

fn selection(rule: &Rule, types: &[EventType], since: DateTime<Utc>, until: DateTime<Utc>) -> Selection {
    Selection {
        since: Some(since),
        until: Some(until),
        types: types.to_vec(),
        by: std::iter::once(Dimension::ACCOUNT).chain(rule.by.iter().cloned()).collect(),
        only: rule.only.clone(),
        ..Selection::default()
    }
}

/// The accounts and groups that a rule judges, of values by key: those of groups, and of accounts all of theirs put together.
fn judged<T: Clone>(
    rule: &Rule,
    by_key: BTreeMap<Key, T>,
    together: impl Fn(&[T]) -> T,
) -> Vec<(Option<String>, Group, T)> {
    let mut found = Vec::new();
    let mut accounts: BTreeMap<Option<String>, Vec<T>> = BTreeMap::new();
    for (key, value) in by_key {
        let mut values = key.into_iter();
        let account = values.next().flatten();
        accounts.entry(account.clone()).or_default().push(value.clone());
        if !rule.by.is_empty() {
            found.push((account, rule.by.iter().cloned().zip(values).collect(), value));
        }
    }
    if rule.total {
        found.extend(accounts.into_iter().map(|(account, values)| (account, Group::new(), together(&values))));
    }
    found
}

async fn sends(
    reader: &Reader,
    rule: &Rule,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<BTreeMap<Key, u64>, QueryError> {
    let rows = reader.tallies(&selection(rule, &[EventType::Send], since, until)).await?;
    Ok(rows.iter().map(|row| (row.group.clone(), row.tally.all(Kind::Send))).collect())
}

/// The age of the newest event, in seconds.
async fn freshness(reader: &Reader, rule: &Rule, now: DateTime<Utc>) -> Result<Vec<Reading>, QueryError> {
    let reading = |account_id, group, newest: DateTime<Utc>| Reading {
        account_id,
        group,
        measured: Measured { events: u64::try_from((now - newest).num_seconds()).unwrap_or_default(), sends: 0 },
        span: (newest, now),
    };
    if rule.by.is_empty() && rule.only.is_empty() {
        return Ok(reader
            .newest_event(now)
            .await?
            .map(|newest| reading(None, Group::new(), newest))
            .into_iter()
            .collect());
    }
    let chosen = selection(rule, &[], now - NEWEST, now);
    let keys = keys(reader, &chosen);
    let newest = max(cast(col(column::EVENT_TIME), DataType::Int64)).alias("newest");
    let batches = reader.events(&chosen).await?.aggregate(keys, vec![newest])?.collect().await?;
    let mut by_key: BTreeMap<Key, DateTime<Utc>> = BTreeMap::new();
    for batch in &batches {
        let times = batch.column(chosen.by.len()).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            by_key.insert(
                key(batch, chosen.by.len(), row),
                DateTime::from_timestamp_micros(times.value(row)).unwrap_or_default(),
            );
        }
    }
    let latest = |times: &[DateTime<Utc>]| times.iter().max().copied().unwrap_or_default();
    Ok(judged(rule, by_key, latest)
        .into_iter()
        .map(|(account, group, newest)| reading(account, group, newest))
        .collect())
}

/// Sends of the window, over the median of the same window on the same weekday in the weeks before.
async fn sends_vs_weekday(
    reader: &Reader,
    rule: &Rule,
    until: DateTime<Utc>,
    width: TimeDelta,
) -> Result<Vec<Reading>, QueryError> {
    // Of each key: now, then week by week; a week in which an account sent nothing at all is taken as not in the lake.
    let mut weeks: BTreeMap<Key, Vec<u64>> = BTreeMap::new();
    let of = WEEKS as usize + 1;
    for week in 0..=WEEKS {
        let end = until - TimeDelta::weeks(week);
        for (key, sends) in sends(reader, rule, end - width, end).await? {
            if let Some(place) = weeks.entry(key).or_insert_with(|| vec![0; of]).get_mut(week as usize) {
                *place = sends;
            }
        }
    }
    let mut accounts: BTreeMap<Option<String>, Vec<u64>> = BTreeMap::new();
    for (key, sends) in &weeks {
        let sums = accounts.entry(key.first().cloned().flatten()).or_insert_with(|| vec![0; of]);
        sums.iter_mut().zip(sends).for_each(|(sum, sends)| *sum += sends);
    }
    let together = |parts: &[Vec<u64>]| (0..of).map(|week| parts.iter().filter_map(|p| p.get(week)).sum()).collect();
    let reading = |(account_id, group, sends): (Option<String>, Group, Vec<u64>)| {
        let known = accounts.get(&account_id);
        let before = sends.iter().enumerate().skip(1);
        let before = before.filter(|(week, _)| known.and_then(|sums| sums.get(*week)).is_some_and(|sum| *sum > 0));
        let measured = Measured {
            events: sends.first().copied().unwrap_or_default(),
            sends: median(before.map(|(_, sends)| *sends).collect()),
        };
        Reading { account_id, group, measured, span: (until - width, until) }
    };
    Ok(judged(rule, weeks, together).into_iter().map(reading).collect())
}

/// Of an even number of values the mean of the two in the middle.
fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle)) {
        (_, None) => 0,
        (0, Some(upper)) => (values.get(middle - 1).copied().unwrap_or_default() + upper) / 2,
        (_, Some(value)) => *value,
    }
}

/// Sends in the lake of the last whole day (UTC), over those that were handed to SES.
async fn coverage(reader: &Reader, rule: &Rule, now: DateTime<Utc>) -> Result<Vec<Reading>, QueryError> {
    let today = (now - LATE).date_naive();
    let Some(day) = today.checked_sub_days(Days::new(1)) else { return Ok(Vec::new()) };
    let at = |day: chrono::NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let events = sends(reader, rule, at(day), at(today)).await?.values().sum();
    let expected = rule.expected.as_ref().and_then(|expected| expected.on(day)).unwrap_or_default();
    let measured = Measured { events, sends: expected };
    Ok(vec![Reading { account_id: None, group: Group::new(), measured, span: (at(day), at(today)) }])
}

/// Bad records over all records of the imports in the window.
fn quarantine_ratio(reader: &Reader, since: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Reading> {
    let recent = reader.recent_imports().iter().filter(|import| import.at > since && import.at <= until);
    let (events, sends) = recent.fold((0, 0), |(bad, all), import| (bad + import.quarantined, all + import.records));
    let measured = Measured { events, sends };
    vec![Reading { account_id: None, group: Group::new(), measured, span: (since, until) }]
}

/// How long deliveries took, in milliseconds: the value that so many in a hundred do not exceed (the nearest rank).
async fn delays(
    reader: &Reader,
    rule: &Rule,
    now: DateTime<Utc>,
    width: TimeDelta,
    percent: u64,
) -> Result<Vec<Reading>, QueryError> {
    let chosen = selection(rule, &[EventType::Delivery], now - width, now);
    let (found, _) = taken(reader, &chosen, Stepping::Tumbling).await?;
    let by_key: BTreeMap<Key, Times> = found.groups.into_iter().collect();
    let together = |parts: &[Times]| {
        let mut sum = Times::default();
        parts.iter().for_each(|part| sum.sum(part));
        sum
    };
    let reading = |(account_id, group, times): (Option<String>, Group, Times)| {
        let [value] = times.nearest([percent]);
        let events = value.and_then(|took| u64::try_from(took).ok()).unwrap_or_default();
        Reading { account_id, group, measured: Measured { events, sends: times.count() }, span: (now - width, now) }
    };
    Ok(judged(rule, by_key, together).into_iter().map(reading).collect())
}

fn keys(reader: &Reader, selection: &Selection) -> Vec<Expr> {
    let name =
        |(index, dimension)| cast(reader.expression(dimension), DataType::Utf8View).alias(format!("group_{index}"));
    selection.by.iter().enumerate().map(name).collect()
}

fn key(batch: &arrow::array::RecordBatch, columns: usize, row: usize) -> Key {
    let value = |index: usize| {
        let values = batch.column(index).as_string_view_opt()?;
        values.is_valid(row).then(|| values.value(row).to_owned())
    };
    (0..columns).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians() {
        assert_eq!(median(Vec::new()), 0);
        assert_eq!(median(vec![7]), 7);
        assert_eq!(median(vec![100, 2, 50, 60]), 55);
        assert_eq!(median(vec![9, 1, 5]), 5);
    }
}

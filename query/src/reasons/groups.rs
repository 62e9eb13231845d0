//! Bounces grouped by reason, in bounded memory, as `tail` counts.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Int64Type};
use chrono::{DateTime, Utc};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{cast, col, lit};
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;
use repute_lake::EventType;
use repute_lake::schema::column;

use super::classify::BounceClass;
use super::count::Rows;
use super::day::Reason;
use super::normalise::{masked, status_in};
use super::tail::{Counted, Frequent};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::scan::{Reader, Selection};

/// So many reasons are told apart at once; `tail` says what becomes of more.
pub const MOST_REASONS: usize = 20_000;

/// So many providers are told apart of each reason.
const MOST_PROVIDERS: usize = 16;

/// So many providers are named of each reason.
const NAMED_PROVIDERS: usize = 3;

/// An example is cut after so many characters.
const LONGEST_EXAMPLE: usize = 600;

/// Which bounces, and how their reasons are told.
#[derive(Debug, Clone, Default)]
pub struct BounceQuery {
    /// From here on (inclusive).
    pub since: Option<DateTime<Utc>>,
    /// Up to here (exclusive).
    pub until: Option<DateTime<Utc>>,
    /// What to group by beside the reason.
    pub by: Vec<Dimension>,
    /// Only rows with these values.
    pub only: Vec<(Dimension, Option<String>)>,
    /// Only these classes; empty for all.
    pub classes: Vec<BounceClass>,
    /// At most so many groups, the largest.
    pub limit: usize,
    /// Whether addresses in examples are shown as they are.
    pub with_addresses: bool,
}

/// Bounces by reason.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BounceReasons {
    /// All bounces that were asked for.
    pub bounces: u64,
    /// How many of each class, the largest first.
    pub classes: Vec<(BounceClass, u64)>,
    /// The largest groups.
    pub groups: Vec<ReasonGroup>,
    /// Bounces of all other groups.
    pub others: u64,
    /// How many other groups, as far as they were told apart.
    pub other_groups: u64,
    /// Whether there were more groups than can be told apart: counts may then be too small by what each group says.
    pub is_cut: bool,
}

/// Bounces with the same reason.
#[derive(Debug, Clone, PartialEq)]
pub struct ReasonGroup {
    /// Values of the dimensions that were asked for.
    pub group: Vec<Option<String>>,
    /// Its class.
    pub class: BounceClass,
    /// Enhanced status code, of SES's report or else of the text.
    pub status: Option<String>,
    /// `Permanent`, ...
    pub bounce_type: Option<String>,
    /// `General`, ...
    pub subtype: Option<String>,
    /// The normalised diagnostic; `None` where SES gave none.
    pub text: Option<String>,
    /// How many bounces.
    pub count: u64,
    /// There may have been so many more.
    pub missed: u64,
    /// The recipients' providers with most of them, each with its number: at least that.
    pub providers: Vec<(String, u64)>,
    /// First and last time.
    pub first: DateTime<Utc>,
    /// Last time.
    pub last: DateTime<Utc>,
    /// The diagnostic of the last one, as it was but for addresses.
    pub example: Option<String>,
}

/// Values of the dimensions, then class, type, subtype, status and text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(crate) Vec<Option<String>>);

/// What is known of a reason beside its number.
struct Seen {
    first: i64,
    last: i64,
    example: Option<String>,
    providers: Frequent<String, ()>,
}

/// A reason with all that is told of it.
pub(crate) struct Told {
    pub(crate) key: Key,
    pub(crate) count: u64,
    pub(crate) missed: u64,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) example: Option<String>,
    /// The providers with most of them, each with its number: at least that.
    pub(crate) providers: Vec<(String, u64)>,
}

impl Told {
    fn of(key: Key, counted: Counted<Seen>) -> Self {
        let Counted { count, missed, more: Seen { first, last, example, providers } } = counted;
        let providers = providers.into_counts().map(|(provider, counted)| (provider, counted.count)).collect();
        Self { key, count, missed, first, last, example, providers: first_providers(providers) }
    }
}

/// The providers with most rows.
pub(super) fn first_providers(mut providers: Vec<(String, u64)>) -> Vec<(String, u64)> {
    providers.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    providers.truncate(NAMED_PROVIDERS);
    providers
}

impl Default for Seen {
    fn default() -> Self {
        Self { first: i64::MAX, last: i64::MIN, example: None, providers: Frequent::new(MOST_PROVIDERS) }
    }
}

/// Rows by reason, and how many of each class.
#[derive(Default)]
pub(crate) struct Grouped {
    rows: u64,
    classes: BTreeMap<String, u64>,
    reasons: Reasons,
}

struct Reasons(Frequent<Key, Seen>);

impl Default for Reasons {
    fn default() -> Self {
        Self(Frequent::new(MOST_REASONS))
    }
}

/// What was found, the largest reasons only.
pub(crate) struct Found {
    pub(crate) rows: u64,
    pub(crate) classes: BTreeMap<String, u64>,
    pub(crate) largest: Largest,
}

/// Columns of the scan before those of the dimensions: class, type, subtype, status, normalised text, time, provider, diagnostic.
const CLASS: usize = 0;
const TYPE: usize = 1;
const SUBTYPE: usize = 2;
const STATUS: usize = 3;
const TEXT: usize = 4;
const TIME: usize = 5;
const PROVIDER: usize = 6;
const DIAGNOSTIC: usize = 7;
pub(crate) const FIXED: usize = 8;

/// Groups the bounces that the query names.
///
/// # Errors
/// [`QueryError::Busy`] where too many read rows, and whatever reading meets.
pub async fn bounce_reasons(reader: &Reader, query: &BounceQuery) -> Result<BounceReasons, QueryError> {
    let selection = Selection { by: query.by.clone(), ..selection(query) };
    let is_asked = |reason: &Reason| {
        query.classes.is_empty() || query.classes.iter().any(|class| reason[0].as_deref() == Some(class.as_str()))
    };
    let days = reader.reasons.of(reader, EventType::Bounce, &selection).await?;
    let _turn = reader.turn().await?;
    if let Some(days) = days
        && let Some(found) =
            Rows::of(&days, &selection, reader.providers(), is_asked).and_then(|rows| rows.largest(query.limit))
    {
        return Ok(told(found, query));
    }
    let mut stream = rows(reader, query).await?.execute_stream().await?;
    let mut grouped = Grouped::default();
    while let Some(batch) = stream.try_next().await? {
        grouped.count(&batch, query.by.len());
    }
    Ok(told(grouped.largest(query.limit), query))
}

fn selection(query: &BounceQuery) -> Selection {
    Selection {
        since: query.since,
        until: query.until,
        only: query.only.clone(),
        types: vec![EventType::Bounce],
        ..Selection::default()
    }
}

async fn rows(reader: &Reader, query: &BounceQuery) -> Result<DataFrame, QueryError> {
    let class = reader.expression(&Dimension::BounceClass);
    let mut rows = reader.events(&selection(query)).await?;
    if !query.classes.is_empty() {
        let names = query.classes.iter().map(|c| lit(ScalarValue::Utf8View(Some(c.as_str().to_owned())))).collect();
        rows = rows.filter(class.clone().in_list(names, false))?;
    }
    let mut columns = vec![
        class.alias("class"),
        col(column::BOUNCE_TYPE).alias("type"),
        col(column::BOUNCE_SUBTYPE).alias("subtype"),
        col(column::STATUS).alias("own_status"),
        reader.reason_text().alias("text"),
        cast(col(column::EVENT_TIME), DataType::Int64).alias("time"),
        cast(reader.expression(&Dimension::Provider), DataType::Utf8View).alias("provider"),
        col(column::DIAGNOSTIC_CODE).alias("diagnostic"),
    ];
    for (index, dimension) in query.by.iter().enumerate() {
        columns.push(cast(reader.expression(dimension), DataType::Utf8View).alias(format!("group_{index}")));
    }
    Ok(rows.select(columns)?)
}

impl Grouped {
    /// Adds the rows of a batch of the scan's columns.
    pub(crate) fn count(&mut self, batch: &RecordBatch, dimensions: usize) {
        let texts: Vec<Option<&StringViewArray>> =
            (0..FIXED + dimensions).map(|index| batch.column(index).as_string_view_opt()).collect();
        let value = |index: usize, row: usize| {
            texts.get(index).copied().flatten().filter(|array| array.is_valid(row)).map(|array| array.value(row))
        };
        let times = batch.column(TIME).as_primitive::<Int64Type>();
        self.rows += batch.num_rows() as u64;
        for row in 0..batch.num_rows() {
            let of_group = (FIXED..FIXED + dimensions).chain([CLASS, TYPE, SUBTYPE, STATUS, TEXT]);
            let key = Key(of_group.map(|index| value(index, row).map(str::to_owned)).collect());
            *self.classes.entry(value(CLASS, row).unwrap_or_default().to_owned()).or_default() += 1;
            let seen = self.reasons.0.add(key);
            let time = times.value(row);
            seen.first = seen.first.min(time);
            let diagnostic = value(DIAGNOSTIC, row);
            // Of several at the same time the first in order, so that the answer does not depend on the order of reading.
            if time > seen.last || (time == seen.last && diagnostic < seen.example.as_deref()) {
                seen.example = diagnostic.map(str::to_owned);
            }
            seen.last = seen.last.max(time);
            if let Some(provider) = value(PROVIDER, row) {
                seen.providers.add(provider.to_owned());
            }
        }
    }

    /// The largest groups.
    pub(crate) fn largest(self, limit: usize) -> Found {
        let Self { rows, classes, reasons: Reasons(reasons) } = self;
        let rest = reasons.rest();
        let mut groups: Vec<_> = reasons.into_counts().collect();
        groups.sort_by(|(a, of_a), (b, of_b)| (of_b.count, a).cmp(&(of_a.count, b)));
        let others = groups.split_off(groups.len().min(limit));
        let largest = Largest {
            groups: groups.into_iter().map(|(key, counted)| Told::of(key, counted)).collect(),
            others: others.iter().map(|(_, counted)| counted.count).sum::<u64>() + rest,
            other_groups: others.len() as u64,
            is_cut: rest > 0,
        };
        Found { rows, classes, largest }
    }
}

/// The largest groups.
pub(crate) struct Largest {
    pub(crate) groups: Vec<Told>,
    /// Rows of all other groups.
    pub(crate) others: u64,
    /// How many other groups, as far as they were told apart.
    pub(crate) other_groups: u64,
    /// Whether there were more than can be told apart.
    pub(crate) is_cut: bool,
}

/// A diagnostic as an example: not too long, addresses hidden unless they are asked for.
pub(crate) fn example(text: &str, with_addresses: bool) -> String {
    let shown = if with_addresses { text.to_owned() } else { masked(text) };
    shown.chars().take(LONGEST_EXAMPLE).collect()
}

fn told(found: Found, query: &BounceQuery) -> BounceReasons {
    let Found { rows: bounces, classes, largest } = found;
    let mut classes: Vec<(BounceClass, u64)> =
        classes.iter().filter_map(|(name, count)| Some((name.parse().ok()?, *count))).collect();
    classes.sort_by_key(|(class, count)| (std::cmp::Reverse(*count), *class));
    let groups = largest.groups.into_iter().map(|told| {
        let mut values = told.key.0.into_iter();
        let group = values.by_ref().take(query.by.len()).collect();
        let mut value = || values.next().flatten();
        let (class, bounce_type, subtype, status, text) = (value(), value(), value(), value(), value());
        let status = status.or_else(|| text.as_deref().and_then(status_in).map(str::to_owned));
        let example = told.example.map(|text| example(&text, query.with_addresses));
        ReasonGroup {
            group,
            class: class.and_then(|name| name.parse().ok()).unwrap_or(BounceClass::Other),
            status,
            bounce_type,
            subtype,
            text,
            count: told.count,
            missed: told.missed,
            first: DateTime::from_timestamp_micros(told.first).unwrap_or_default(),
            last: DateTime::from_timestamp_micros(told.last).unwrap_or_default(),
            providers: told.providers,
            example,
        }
    });
    BounceReasons {
        bounces,
        classes,
        groups: groups.collect(),
        others: largest.others,
        other_groups: largest.other_groups,
        is_cut: largest.is_cut,
    }
}

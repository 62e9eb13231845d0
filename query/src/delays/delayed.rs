//! Mail that was delayed: why, and what became of it.
//!
//! ```text
//! DeliveryDelay rows ──> reasons, types, providers
//!               └──────> delayed messages, each for a recipient ── later deliveries and bounces ──> fates
//! ```

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Int64Type};
use chrono::{DateTime, Utc};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{cast, col, lit};
use foldhash::fast::RandomState;
use foldhash::quality::FixedState;
use futures::TryStreamExt;
use repute_lake::EventType;
use repute_lake::schema::column;

use super::outcomes::{Outcome, decide};
use super::times::{Times, TimesTaken};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::reasons::{FIXED, Frequent, Grouped, example, status_in};
use crate::scan::{Reader, Selection};
use crate::wording::thousands;

/// Of more delayed messages it is not found out what became of them.
const MOST_DELAYED: usize = 1_000_000;

/// So many providers are told apart.
const MOST_PROVIDERS: usize = 20_000;

/// Delays of a kind or at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayCount {
    /// The type of the delay, or the provider; `None` where SES does not say.
    pub name: Option<String>,
    /// How many events.
    pub events: u64,
    /// Where or of which type they were most, each with its number.
    pub most: Vec<(String, u64)>,
}

/// Delays with the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayReason {
    /// SES's type.
    pub delay_type: Option<String>,
    /// Enhanced status code, of SES's report or else of the text.
    pub status: Option<String>,
    /// The normalised diagnostic.
    pub text: Option<String>,
    /// How many events.
    pub events: u64,
    /// There may have been so many more.
    pub missed: u64,
    /// The recipients' providers with most of them.
    pub providers: Vec<(String, u64)>,
    /// First time.
    pub first: DateTime<Utc>,
    /// Last time.
    pub last: DateTime<Utc>,
    /// The diagnostic of the last one, but for addresses.
    pub example: Option<String>,
}

/// A message to a recipient that was delayed, and neither delivered nor bounced since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// SES's id.
    pub message_id: String,
    /// To whom.
    pub recipient: String,
    /// The recipient's provider.
    pub provider: Option<String>,
    /// The type of the last delay.
    pub delay_type: Option<String>,
    /// What the server said last.
    pub diagnostic: Option<String>,
    /// First delay.
    pub first: DateTime<Utc>,
    /// Last delay.
    pub last: DateTime<Utc>,
    /// When SES stops trying, if it says.
    pub expires: Option<DateTime<Utc>>,
}

/// Delayed mail of a range.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delayed {
    /// DeliveryDelay events, one for each recipient.
    pub events: u64,
    /// By type, the most frequent first.
    pub types: Vec<DelayCount>,
    /// By provider, the most frequent first.
    pub providers: Vec<DelayCount>,
    /// By reason, the most frequent first.
    pub reasons: Vec<DelayReason>,
    /// Events of all other reasons, and how many these are.
    pub others: (u64, u64),
    /// Messages that were delayed, each for a recipient.
    pub messages: u64,
    /// How long those took that were delivered afterwards, from sending, in milliseconds.
    pub delivered: TimesTaken,
    /// Those that bounced afterwards.
    pub bounced: u64,
    /// Those of them that SES gave up, being out of time.
    pub expired: u64,
    /// All others; those without an expiration last, else by it.
    pub undecided: Vec<Undecided>,
}

impl Delayed {
    /// Of the undecided those that SES still tries at a time: nearest expiration first.
    pub fn waiting(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Undecided> {
        self.undecided.iter().filter(move |one| one.expires.is_none_or(|expires| expires > now))
    }

    /// Of the undecided those whose time is over: their last word never came.
    pub fn overdue(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Undecided> {
        self.undecided.iter().filter(move |one| one.expires.is_some_and(|expires| expires <= now))
    }
}

/// What is known of a delayed message.
pub(super) struct Known {
    pub(super) undecided: Undecided,
    /// When its mail was sent, microseconds.
    pub(super) sent: Option<i64>,
    pub(super) outcome: Option<(i64, Outcome)>,
}

pub(super) type Messages = HashMap<u64, Known, RandomState>;

/// Columns of the scan after those that reasons are grouped by.
const MESSAGE: usize = FIXED;
const RECIPIENT: usize = FIXED + 1;
const SENT: usize = FIXED + 2;
const EXPIRES: usize = FIXED + 3;
/// Of those the ones that are looked at here too.
const DELAY_TYPE: usize = 0;
const TIME: usize = 5;
const PROVIDER: usize = 6;
const DIAGNOSTIC: usize = 7;

/// Finds the delays of the selection, at most so many reasons, and what became of the mail up to the selection's `as_of`.
pub(super) async fn delayed(reader: &Reader, selection: &Selection, reasons: usize) -> Result<Delayed, QueryError> {
    let mut grouped = Grouped::default();
    let mut messages = Messages::default();
    let mut matrix = Matrix::default();
    let turn = reader.turn().await?;
    let mut stream = delays(reader, selection).await?.execute_stream().await?;
    while let Some(batch) = stream.try_next().await? {
        grouped.count(&batch, 0);
        matrix.count(&batch);
        take(&batch, &mut messages)?;
    }
    drop(turn);
    decide(reader, selection.as_of, &mut messages).await?;
    let found = grouped.largest(reasons);
    let mut delayed = Delayed { events: found.rows, messages: messages.len() as u64, ..Delayed::default() };
    (delayed.types, delayed.providers) = matrix.told();
    delayed.others = (found.largest.others, found.largest.other_groups);
    delayed.reasons = found
        .largest
        .groups
        .into_iter()
        .map(|told| {
            let mut values = told.key.0.into_iter();
            let mut value = || values.next().flatten();
            let (delay_type, _, _, status, text) = (value(), value(), value(), value(), value());
            DelayReason {
                delay_type,
                status: status.or_else(|| text.as_deref().and_then(status_in).map(str::to_owned)),
                text,
                events: told.count,
                missed: told.missed,
                first: DateTime::from_timestamp_micros(told.first).unwrap_or_default(),
                last: DateTime::from_timestamp_micros(told.last).unwrap_or_default(),
                example: told.example.map(|text| example(&text, false)),
                providers: told.providers,
            }
        })
        .collect();
    settle(messages, &mut delayed);
    Ok(delayed)
}

async fn delays(reader: &Reader, selection: &Selection) -> Result<datafusion::prelude::DataFrame, QueryError> {
    let selection = Selection { types: vec![EventType::DeliveryDelay], width: None, ..selection.clone() };
    let none = || lit(ScalarValue::Utf8View(None));
    let micros = |name| cast(col(name), DataType::Int64);
    let columns = vec![
        col(column::DELAY_TYPE).alias("class"),
        none().alias("type"),
        none().alias("subtype"),
        col(column::STATUS).alias("own_status"),
        reader.reason_text().alias("text"),
        micros(column::EVENT_TIME).alias("time"),
        cast(reader.expression(&Dimension::Provider), DataType::Utf8View).alias("provider"),
        col(column::DIAGNOSTIC_CODE).alias("diagnostic"),
        col(column::MESSAGE_ID),
        col(column::RECIPIENT),
        micros(column::SENT_TIME).alias("sent"),
        micros(column::EXPIRATION_TIME).alias("expires"),
    ];
    Ok(reader.events(&selection).await?.select(columns)?)
}

pub(super) fn text(array: Option<&StringViewArray>, row: usize) -> Option<&str> {
    array.filter(|array| array.is_valid(row)).map(|array| array.value(row))
}

/// Case does not tell recipients apart, as identities of events do not either.
pub(super) fn key(message_id: &str, recipient: &str) -> u64 {
    FixedState::with_seed(0).hash_one((message_id, recipient.to_lowercase()))
}

/// Adds a batch's delays to the messages that they are of.
fn take(batch: &RecordBatch, messages: &mut Messages) -> Result<(), QueryError> {
    let column = |index: usize| batch.column(index).as_string_view_opt();
    let [ids, recipients, types, providers, diagnostics] =
        [MESSAGE, RECIPIENT, DELAY_TYPE, PROVIDER, DIAGNOSTIC].map(column);
    let [times, sent, expires] = [TIME, SENT, EXPIRES].map(|index| batch.column(index).as_primitive::<Int64Type>());
    for row in 0..batch.num_rows() {
        let Some(id) = text(ids, row) else { continue };
        let recipient = text(recipients, row).unwrap_or_default();
        let time = DateTime::from_timestamp_micros(times.value(row)).unwrap_or_default();
        let owned = |array| text(array, row).map(str::to_owned);
        let undecided = || Undecided {
            message_id: id.to_owned(),
            recipient: recipient.to_owned(),
            provider: owned(providers),
            delay_type: owned(types),
            diagnostic: owned(diagnostics),
            first: time,
            last: time,
            expires: expires.is_valid(row).then(|| DateTime::from_timestamp_micros(expires.value(row))).flatten(),
        };
        let known = messages.entry(key(id, recipient)).or_insert_with(|| Known {
            undecided: undecided(),
            sent: sent.is_valid(row).then(|| sent.value(row)),
            outcome: None,
        });
        if time > known.undecided.last {
            known.undecided = Undecided { first: known.undecided.first, ..undecided() };
        }
        known.undecided.first = known.undecided.first.min(time);
    }
    if messages.len() > MOST_DELAYED {
        let most = thousands(MOST_DELAYED as u64);
        return Err(QueryError::Question(format!("more than {most} delayed messages; choose a shorter range")));
    }
    Ok(())
}

fn settle(messages: Messages, delayed: &mut Delayed) {
    let mut delivered = Times::default();
    for known in messages.into_values() {
        match known.outcome {
            Some((time, Outcome::Delivered)) => {
                delivered.add((time - known.sent.unwrap_or(time)) / 1_000);
            }
            Some((_, Outcome::Bounced)) => delayed.bounced += 1,
            Some((_, Outcome::Expired)) => {
                delayed.bounced += 1;
                delayed.expired += 1;
            }
            None => delayed.undecided.push(known.undecided),
        }
    }
    delayed.delivered = delivered.taken();
    let place = |one: &Undecided| (one.expires.is_none(), one.expires, one.first);
    delayed.undecided.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.message_id.cmp(&b.message_id)));
}

/// Delays by type and provider.
struct Matrix {
    types: BTreeMap<Option<String>, Frequent<String, ()>>,
    providers: Frequent<Option<String>, BTreeMap<String, u64>>,
}

impl Default for Matrix {
    fn default() -> Self {
        Self { types: BTreeMap::new(), providers: Frequent::new(MOST_PROVIDERS) }
    }
}

impl Matrix {
    fn count(&mut self, batch: &RecordBatch) {
        let [types, providers] = [DELAY_TYPE, PROVIDER].map(|index| batch.column(index).as_string_view_opt());
        for row in 0..batch.num_rows() {
            let [of_type, provider] = [types, providers].map(|array| text(array, row).map(str::to_owned));
            let name = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
            let known = self.types.entry(of_type.clone()).or_insert_with(|| Frequent::new(MOST_PROVIDERS));
            known.add(name(&provider));
            *self.providers.add(provider).entry(name(&of_type)).or_default() += 1;
        }
    }

    fn told(self) -> (Vec<DelayCount>, Vec<DelayCount>) {
        let types = self.types.into_iter().map(|(name, providers)| {
            let providers: Vec<(String, u64)> = providers.into_counts().map(|(name, c)| (name, c.count)).collect();
            DelayCount { name, events: providers.iter().map(|(_, count)| count).sum(), most: providers }
        });
        let providers = self.providers.into_counts().map(|(name, counted)| DelayCount {
            name,
            events: counted.count,
            most: counted.more.into_iter().collect(),
        });
        (largest(types.collect()), largest(providers.collect()))
    }
}

/// The most frequent first, each with what most of them were.
fn largest(mut counts: Vec<DelayCount>) -> Vec<DelayCount> {
    for count in &mut counts {
        count.most.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        count.most.truncate(3);
    }
    counts.sort_by(|a, b| (b.events, &a.name).cmp(&(a.events, &b.name)));
    counts
}

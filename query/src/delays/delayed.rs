//! Mail that was delayed: why, and what became of it.
//!
//! ```text
//! days of delays in memory ──┬──> reasons, types, providers
//! or rows that are read    ──┘──> delayed messages, each for a recipient ── later deliveries and bounces ──> fates
//! ```

mod engine;
mod kept;
mod mail;

use chrono::{DateTime, Utc};
use repute_lake::EventType;

use super::outcomes::{Outcome, decide};
use super::times::{Times, TimesTaken};
use crate::error::QueryError;
use crate::reasons::{Found, Rows, example, status_in};
use crate::scan::{Reader, Selection};
pub(super) use mail::{Known, Messages, Said};

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

/// Finds the delays of the selection, at most so many reasons, and what became of the mail up to the selection's `as_of`.
pub(super) async fn delayed(reader: &Reader, selection: &Selection, reasons: usize) -> Result<Delayed, QueryError> {
    let selection =
        &Selection { types: vec![EventType::DeliveryDelay], by: Vec::new(), width: None, ..selection.clone() };
    if let Some(days) = reader.reasons.of(reader, EventType::DeliveryDelay, selection).await? {
        let turn = reader.turn().await?;
        if let Some(rows) = Rows::of(&days, selection, reader.providers(), |_| true)
            && let Some(found) = rows.largest(reasons)
        {
            let mut messages = kept::messages(&days, &rows)?;
            drop(turn);
            decide(reader, selection.as_of, &mut messages).await?;
            return Ok(told(found, kept::counts(&rows), &messages, |row| kept::said(&days, *row)));
        }
    }
    let (found, counts, mut messages) = engine::read(reader, selection, reasons).await?;
    decide(reader, selection.as_of, &mut messages).await?;
    Ok(told(found, counts, &messages, |said| Some(said.clone())))
}

/// By type and by provider.
type Counts = (Vec<DelayCount>, Vec<DelayCount>);

fn told<S>(
    found: Found,
    (types, providers): Counts,
    messages: &Messages<S>,
    said: impl Fn(&S) -> Option<Said>,
) -> Delayed {
    let mut delayed = Delayed {
        events: found.rows,
        types: largest(types),
        providers: largest(providers),
        others: (found.largest.others, found.largest.other_groups),
        messages: messages.len() as u64,
        ..Delayed::default()
    };
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
                first: time(told.first),
                last: time(told.last),
                example: told.example.map(|text| example(&text, false)),
                providers: told.providers,
            }
        })
        .collect();
    settle(messages, said, &mut delayed);
    delayed
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

fn settle<S>(messages: &Messages<S>, said: impl Fn(&S) -> Option<Said>, delayed: &mut Delayed) {
    let mut delivered = Times::default();
    for known in messages.known() {
        match known.outcome {
            Some((time, Outcome::Delivered)) => delivered.add((time - known.sent.unwrap_or(time)) / 1_000),
            Some((_, Outcome::Bounced)) => delayed.bounced += 1,
            Some((_, Outcome::Expired)) => {
                delayed.bounced += 1;
                delayed.expired += 1;
            }
            None => delayed.undecided.extend(said(&known.said).map(|said| Undecided {
                message_id: said.message_id,
                recipient: said.recipient,
                provider: said.provider,
                delay_type: said.delay_type,
                diagnostic: said.diagnostic,
                first: time(known.first),
                last: time(known.last),
                expires: said.expires.and_then(DateTime::from_timestamp_micros),
            })),
        }
    }
    delayed.delivered = delivered.taken();
    delayed.undecided.sort_by(|a, b| place(a).cmp(&place(b)));
}

/// What expires first comes first.
fn place(one: &Undecided) -> impl Ord + use<'_> {
    (one.expires.is_none(), one.expires, one.first, &one.message_id, &one.recipient)
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

/// What stands for no type, no provider.
fn named(name: Option<&str>) -> String {
    name.unwrap_or("(none)").to_owned()
}

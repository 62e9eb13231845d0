//! The life of single messages: found by recipient, message id or subject, then shown with all their events.
//!
//! ```text
//! recipient, subject, times ──> message ids, span of sending ──┐
//!                      message id ──> its time of sending ─────┴──> all rows of these ids ──> Message { events in order }
//! ```
//! The second step goes by message id, since an open or click of mail to several recipients does not say whose it was. It
//! reads only files in which mail of that span may lie, and of those only row groups whose Bloom filter knows an id.

mod id;
mod life;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use chrono::{DateTime, TimeDelta, Utc};
use datafusion::common::ScalarValue;
use datafusion::functions::expr_fn::{coalesce, contains, lower};
use datafusion::functions_aggregate::bool_and_or::bool_or;
use datafusion::functions_aggregate::min_max::{max, min};
use datafusion::logical_expr::{Expr, cast, col, lit};
use futures::TryStreamExt;
use repute_lake::schema::column;

use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::filter::at;
use crate::scan::{Reader, Selection};

pub use id::{bare_message_id, sent_time};
pub use life::{DETAILS, Detail, Message, MessageEvent};

/// The most events of an answer; whoever opens a message millions of times does not fill the memory.
pub const MOST_EVENTS: usize = 100_000;

/// How far `mail.timestamp` may lie from the time in the message id. In 105 captured payloads it was below a minute.
const TOLERANCE: TimeDelta = TimeDelta::hours(1);

/// Which messages. Whatever is given must hold; each may hold by another event of the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageQuery {
    /// The message with this id.
    pub message_id: Option<String>,
    /// Messages with an event of this bare address. Case does not matter, neither in the domain nor in front of it: identities of
    /// events do not tell it apart either.
    pub recipient: Option<String>,
    /// Messages whose subject holds this text, in whatever case.
    pub subject: Option<String>,
    /// Only messages found by an event from here on (inclusive).
    pub since: Option<DateTime<Utc>>,
    /// Only messages found by an event before this.
    pub until: Option<DateTime<Utc>>,
    /// Only messages found by an event with these values.
    pub only: Vec<(Dimension, Option<String>)>,
    /// At most so many: those sent last.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FoundMessages {
    /// In the order in which they were sent.
    pub messages: Vec<Message>,
    /// Whether there were more messages than asked for.
    pub more_messages: bool,
    /// How many messages fit, shown or not.
    pub fitting: u64,
    /// Whether there were more than [`MOST_EVENTS`] events; the latest are missing then.
    pub more_events: bool,
}

/// First and last time of sending (inclusive).
type Span = (DateTime<Utc>, DateTime<Utc>);

/// Message ids, and when these messages were sent if all of them say.
struct Ids {
    ids: Vec<String>,
    sent: Option<Span>,
    fitting: u64,
}

/// Finds messages. Events without a message id belong to none.
///
/// A message id is looked for first where mail of the time it names lies, then everywhere: the time in an id is AWS's habit and no
/// promise. Events that do not say when their mail was sent are found in either case. Those of one message that do are taken to say
/// the same, give or take an hour.
pub async fn messages(reader: &Reader, query: &MessageQuery) -> Result<FoundMessages, QueryError> {
    let _turn = reader.turn().await?;
    let sent = query.message_id.as_deref().and_then(id::sent_time).map(|time| (time, time));
    let found = look(reader, query, sent).await?;
    if found.messages.is_empty() && sent.is_some() {
        return look(reader, query, None).await;
    }
    Ok(found)
}

async fn look(reader: &Reader, query: &MessageQuery, sent: Option<Span>) -> Result<FoundMessages, QueryError> {
    let only_an_id = MessageQuery { message_id: query.message_id.clone(), limit: query.limit, ..Default::default() };
    let found = match &query.message_id {
        Some(id) if *query == only_an_id => Ids { ids: vec![id.clone()], sent, fitting: 1 },
        _ => find(reader, query, sent).await?,
    };
    if found.ids.is_empty() {
        return Ok(FoundMessages::default());
    }
    let mut rows = rows(reader, &found).await?;
    let more_events = rows.iter().map(RecordBatch::num_rows).sum::<usize>() > MOST_EVENTS;
    let mut room = MOST_EVENTS;
    for batch in &mut rows {
        *batch = batch.slice(0, batch.num_rows().min(room));
        room -= batch.num_rows();
    }
    let messages = life::messages(&rows)?;
    let (shown, asked) = (messages.len() as u64, found.ids.len() as u64);
    // An id that was only asked for need not be there.
    let fitting = if found.fitting == asked { shown } else { found.fitting };
    Ok(FoundMessages { messages, more_messages: found.fitting > asked, fitting, more_events })
}

/// The ids of the messages that fit.
async fn find(reader: &Reader, query: &MessageQuery, sent: Option<Span>) -> Result<Ids, QueryError> {
    let times = Selection { since: query.since, until: query.until, only: query.only.clone(), ..Selection::default() };
    let mut events = reader.events(&times).await?.filter(col(column::MESSAGE_ID).is_not_null())?;
    if let Some(id) = &query.message_id {
        events = events.filter(col(column::MESSAGE_ID).eq(text(id)))?;
    }
    if let Some(span) = sent {
        events = events.filter(sent_in(span))?;
    }
    let recipient = query.recipient.as_deref().map(is_recipient);
    let subject = query.subject.as_deref().map(has_subject);
    let wanted: Vec<Expr> = recipient.into_iter().chain(subject).collect();
    if let Some(any) = wanted.iter().cloned().reduce(Expr::or) {
        events = events.filter(any)?;
    }
    let micros = |name| cast(col(name), DataType::Int64);
    let newest = coalesce(vec![micros(column::SENT_TIME), micros(column::EVENT_TIME)]);
    let mut figures = vec![
        min(micros(column::SENT_TIME)).alias("first_sent"),
        max(micros(column::SENT_TIME)).alias("last_sent"),
        max(newest).alias("newest"),
    ];
    figures.extend(wanted.into_iter().enumerate().map(|(index, fits)| bool_or(fits).alias(format!("fits_{index}"))));
    let fitting = (3..figures.len()).map(|index| col(format!("fits_{}", index - 3))).collect::<Vec<_>>();
    let messages = events.aggregate(vec![col(column::MESSAGE_ID)], figures)?;
    let messages = fitting.into_iter().try_fold(messages, |messages, fits| messages.filter(fits))?;
    let mut stream = messages.execute_stream().await?;
    let mut last = Last::new(query.limit);
    while let Some(batch) = stream.try_next().await? {
        last.take(&batch);
    }
    Ok(last.ids())
}

/// The messages that were sent last, of all that fit.
/// The time of a message, its id, and the span of its events.
type Placed = (i64, Reverse<String>, Option<(i64, i64)>);

struct Last {
    limit: usize,
    fitting: u64,
    /// The earliest of them on top.
    found: BinaryHeap<Reverse<Placed>>,
}

impl Last {
    fn new(limit: usize) -> Self {
        Self { limit, fitting: 0, found: BinaryHeap::new() }
    }

    fn take(&mut self, batch: &RecordBatch) {
        let ids = batch.column(0).as_string_view();
        let [first, last, newest] = [1, 2, 3].map(|index| batch.column(index).as_primitive::<Int64Type>());
        self.fitting += batch.num_rows() as u64;
        for row in 0..batch.num_rows() {
            let earliest = self.found.peek().filter(|_| self.found.len() >= self.limit);
            if earliest.is_some_and(|Reverse((earliest, ..))| newest.value(row) < *earliest) {
                continue;
            }
            let sent = first.is_valid(row).then(|| (first.value(row), last.value(row)));
            self.found.push(Reverse((newest.value(row), Reverse(ids.value(row).to_owned()), sent)));
            if self.found.len() > self.limit {
                self.found.pop();
            }
        }
    }

    fn ids(self) -> Ids {
        let time = DateTime::from_timestamp_micros;
        let spans = self.found.iter().map(|Reverse((.., sent))| sent.and_then(|(a, b)| time(a).zip(time(b))));
        let widened = |a: Span, b: Span| (a.0.min(b.0), a.1.max(b.1));
        let sent = spans.collect::<Option<Vec<Span>>>().and_then(|spans| spans.into_iter().reduce(widened));
        let ids = self.found.into_iter().map(|Reverse((_, Reverse(id), _))| id).collect();
        Ids { ids, sent, fitting: self.fitting }
    }
}

/// All rows of these messages in the order of their times; one more than [`MOST_EVENTS`] if there are more.
async fn rows(reader: &Reader, found: &Ids) -> Result<Vec<RecordBatch>, QueryError> {
    let ids = found.ids.iter().map(|id| text(id)).collect();
    let mut events = reader.events(&Selection::default()).await?.filter(col(column::MESSAGE_ID).in_list(ids, false))?;
    if let Some(span) = found.sent {
        events = events.filter(sent_in(span))?;
    }
    let order = [column::EVENT_TIME, column::EVENT_ID].map(|name| col(name).sort(true, false)).to_vec();
    let rows = events.select(life::columns().map(col))?.sort(order)?.limit(0, Some(MOST_EVENTS + 1))?;
    Ok(rows.collect().await?)
}

/// Sent within the span, give or take the tolerance; or who knows when.
fn sent_in((first, last): Span) -> Expr {
    let sent = || col(column::SENT_TIME);
    let within = sent().gt_eq(at(first - TOLERANCE)).and(sent().lt_eq(at(last + TOLERANCE)));
    within.or(sent().is_null())
}

/// The domain is compared first, as it is quick to read.
fn is_recipient(address: &str) -> Expr {
    let address = address.to_lowercase();
    let same = lower(col(column::RECIPIENT)).eq(text(&address));
    match address.rsplit_once('@') {
        Some((_, domain)) => col(column::RECIPIENT_DOMAIN).eq(text(domain)).and(same),
        None => same,
    }
}

fn has_subject(part: &str) -> Expr {
    contains(lower(col(column::SUBJECT)), text(&part.to_lowercase()))
}

fn text(value: &str) -> Expr {
    lit(ScalarValue::Utf8View(Some(value.to_owned())))
}

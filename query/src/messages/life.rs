//! Rows become messages: every event of one message id, in the order in which they happened.

use std::collections::{BTreeMap, HashSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, SecondsFormat, Utc};
use repute_lake::EventType;
use repute_lake::schema::column;

use crate::error::QueryError;

/// The columns that tell an event from others of its type, in the order in which they are shown.
pub const DETAILS: [&str; 25] = [
    column::BOUNCE_TYPE,
    column::BOUNCE_SUBTYPE,
    column::STATUS,
    column::DIAGNOSTIC_CODE,
    column::COMPLAINT_FEEDBACK_TYPE,
    column::COMPLAINT_SUBTYPE,
    column::ARRIVAL_DATE,
    column::FEEDBACK_ID,
    column::SMTP_RESPONSE,
    column::PROCESSING_MS,
    column::DELAY_TYPE,
    column::EXPIRATION_TIME,
    column::REPORTING_MTA,
    column::REMOTE_MTA_IP,
    column::OUTGOING_IP,
    column::LINK,
    column::IP_ADDRESS,
    column::USER_AGENT,
    column::BOT_LIKELIHOOD,
    column::TEMPLATE,
    column::REASON,
    column::CONTACT_LIST,
    column::SUBSCRIPTION_SOURCE,
    column::NEW_TOPIC_PREFERENCES,
    column::OLD_TOPIC_PREFERENCES,
];

/// What else is read of a row.
const COLUMNS: [&str; 9] = [
    column::MESSAGE_ID,
    column::EVENT_TIME,
    column::EVENT_TYPE,
    column::RECIPIENT,
    column::SENT_TIME,
    column::SOURCE,
    column::SUBJECT,
    column::CONFIGURATION_SET,
    column::EVENT_ID,
];

/// One message to all its recipients.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// SES's id.
    pub message_id: String,
    /// When SES accepted it, if an event says.
    pub sent: Option<DateTime<Utc>>,
    /// The envelope sender as SES reports it.
    pub source: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The configuration set.
    pub configuration_set: Option<String>,
    /// Whom events name, each once, in the order of the events.
    pub recipients: Vec<String>,
    /// By time, then as mail goes (the send, what came of it, what the recipient did), then by recipient.
    pub events: Vec<MessageEvent>,
}

/// One event of a message for one recipient.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageEvent {
    /// When it happened.
    pub time: DateTime<Utc>,
    /// What happened.
    pub event_type: EventType,
    /// Whose it is, where the event says.
    pub recipient: Option<String>,
    /// Those of [`DETAILS`] that the event has, by the name of their column.
    pub details: Vec<(&'static str, Detail)>,
}

impl MessageEvent {
    /// A detail by the name of its column.
    pub fn detail(&self, name: &str) -> Option<&Detail> {
        self.details.iter().find(|(column, _)| *column == name).map(|(_, detail)| detail)
    }
}

/// The value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// Text.
    Text(String),
    /// A time.
    Time(DateTime<Utc>),
    /// A number of milliseconds.
    Milliseconds(i64),
}

impl std::fmt::Display for Detail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Time(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            Self::Milliseconds(number) => write!(f, "{number}"),
        }
    }
}

/// The columns to read.
pub(super) fn columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().chain(DETAILS)
}

/// Puts rows that come in the order of their times together to messages, in the order of sending.
pub(super) fn messages(batches: &[RecordBatch]) -> Result<Vec<Message>, QueryError> {
    let mut messages: BTreeMap<String, Message> = BTreeMap::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let id = text(batch, column::MESSAGE_ID, row).unwrap_or_default();
            let message = messages.entry(id).or_insert_with_key(|id| Message::new(id));
            message.add(batch, row)?;
        }
    }
    let mut messages: Vec<Message> = messages.into_values().collect();
    messages.iter_mut().for_each(Message::finish);
    messages.sort_by_key(|message| message.sent.or_else(|| message.events.first().map(|event| event.time)));
    Ok(messages)
}

impl Message {
    fn new(id: &str) -> Self {
        Self {
            message_id: id.to_owned(),
            sent: None,
            source: None,
            subject: None,
            configuration_set: None,
            recipients: Vec::new(),
            events: Vec::new(),
        }
    }

    fn add(&mut self, batch: &RecordBatch, row: usize) -> Result<(), QueryError> {
        let time = time(batch, column::EVENT_TIME, row);
        let event_type = text(batch, column::EVENT_TYPE, row).unwrap_or_default().parse::<EventType>();
        self.events.push(MessageEvent {
            time: time.ok_or_else(|| QueryError::Question("an event has no time".to_owned()))?,
            event_type: event_type.map_err(|error| QueryError::Question(error.to_string()))?,
            recipient: text(batch, column::RECIPIENT, row),
            details: DETAILS.into_iter().filter_map(|name| Some((name, detail(batch, name, row)?))).collect(),
        });
        self.sent = self.sent.or_else(|| self::time(batch, column::SENT_TIME, row));
        for (name, known) in [
            (column::SOURCE, &mut self.source),
            (column::SUBJECT, &mut self.subject),
            (column::CONFIGURATION_SET, &mut self.configuration_set),
        ] {
            *known = known.take().or_else(|| text(batch, name, row));
        }
        Ok(())
    }

    fn finish(&mut self) {
        self.events.sort_by(|a, b| {
            let place = |event: &MessageEvent| (event.time, rank(event.event_type));
            place(a).cmp(&place(b)).then_with(|| a.recipient.cmp(&b.recipient))
        });
        let mut seen = HashSet::new();
        let named = self.events.iter().filter_map(|event| event.recipient.as_ref());
        self.recipients = named.filter(|address| seen.insert(address.to_lowercase())).cloned().collect();
    }
}

/// The order of events that happened at the same time.
fn rank(event_type: EventType) -> u8 {
    match event_type {
        EventType::Send => 0,
        EventType::RenderingFailure => 1,
        EventType::Reject => 2,
        EventType::DeliveryDelay => 3,
        EventType::Delivery => 4,
        EventType::Bounce => 5,
        EventType::Open => 6,
        EventType::Click => 7,
        EventType::Complaint => 8,
        EventType::Subscription => 9,
    }
}

fn text(batch: &RecordBatch, name: &str, row: usize) -> Option<String> {
    let array = batch.column_by_name(name)?.as_string_view_opt()?;
    array.is_valid(row).then(|| array.value(row).to_owned())
}

fn time(batch: &RecordBatch, name: &str, row: usize) -> Option<DateTime<Utc>> {
    let array = batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>()?;
    array.is_valid(row).then(|| DateTime::from_timestamp_micros(array.value(row))).flatten()
}

fn detail(batch: &RecordBatch, name: &str, row: usize) -> Option<Detail> {
    let array = batch.column_by_name(name)?;
    match array.data_type() {
        DataType::Int64 => {
            let array = array.as_primitive::<Int64Type>();
            array.is_valid(row).then(|| Detail::Milliseconds(array.value(row)))
        }
        DataType::Timestamp(..) => time(batch, name, row).map(Detail::Time),
        _ => text(batch, name, row).map(Detail::Text),
    }
}

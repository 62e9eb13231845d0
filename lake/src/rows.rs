//! Events become rows: Arrow builders for the `events` table, one row per recipient.
//!
//! ```text
//! Event + object number -> EventRows -> EventChunk { record batch, row keys, event of each row, object of each event }
//! ```
//! Nothing is removed here; duplicates are found when chunks are appended to the lake.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Builder, MapBuilder, MapFieldNames, RecordBatch, StringBuilder, StringViewBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use crate::event::{Event, Recipient};
use crate::schema::{column, event_file_schema};

/// Identity of a row: unique in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    /// `event_time` in microseconds since the epoch.
    pub time: i64,
    /// `event_id`.
    pub id: i64,
}

/// Rows of some objects, with what is needed to count them per object.
#[derive(Debug)]
pub struct EventChunk {
    /// The rows, in the order in which they were read; without `ingested_at`'s final value.
    pub batch: RecordBatch,
    /// One key per row.
    pub keys: Vec<RowKey>,
    /// For each row, the index of its event in `event_objects`.
    pub row_events: Vec<u32>,
    /// For each event, the number of the object it came from.
    pub event_objects: Vec<u32>,
}

type TextMapBuilder = MapBuilder<StringBuilder, StringBuilder>;

/// Collects events as rows.
pub struct EventRows {
    schema: SchemaRef,
    promoted_tags: Vec<String>,
    ingested_at: i64,
    event_time: TimestampMicrosecondBuilder,
    sent_time: TimestampMicrosecondBuilder,
    event_id: Int64Builder,
    texts: Vec<StringViewBuilder>,
    promoted: Vec<StringViewBuilder>,
    tags: TextMapBuilder,
    link_tags: TextMapBuilder,
    arrival_date: TimestampMicrosecondBuilder,
    expiration_time: TimestampMicrosecondBuilder,
    processing_ms: Int64Builder,
    source_object: StringViewBuilder,
    object_block: Option<(u32, u32)>,
    ingested: TimestampMicrosecondBuilder,
    keys: Vec<RowKey>,
    row_events: Vec<u32>,
    event_objects: Vec<u32>,
}

/// The text columns filled from an event and its recipient, in the order of [`text_values`].
const TEXT_COLUMNS: [&str; 34] = [
    column::EVENT_TYPE,
    column::CONFIGURATION_SET,
    column::RECIPIENT_DOMAIN,
    column::FROM_DOMAIN,
    column::ACCOUNT_ID,
    column::REGION,
    column::MESSAGE_ID,
    column::RECIPIENT,
    column::CALLER_IDENTITY,
    column::SOURCE,
    column::TENANT,
    column::CAMPAIGN,
    column::TEMPLATE,
    column::OUTGOING_IP,
    column::BOUNCE_TYPE,
    column::BOUNCE_SUBTYPE,
    column::STATUS,
    column::DIAGNOSTIC_CODE,
    column::REPORTING_MTA,
    column::REMOTE_MTA_IP,
    column::FEEDBACK_ID,
    column::COMPLAINT_FEEDBACK_TYPE,
    column::COMPLAINT_SUBTYPE,
    column::SMTP_RESPONSE,
    column::DELAY_TYPE,
    column::IP_ADDRESS,
    column::USER_AGENT,
    column::BOT_LIKELIHOOD,
    column::LINK,
    column::REASON,
    column::SUBJECT,
    column::CONTACT_LIST,
    column::SUBSCRIPTION_SOURCE,
    column::EXTRA,
];

fn text_values<'a>(event: &'a Event<'_>, recipient: &'a Recipient<'_>) -> [Option<&'a str>; TEXT_COLUMNS.len()] {
    [
        Some(event.event_type.as_str()),
        event.configuration_set.as_deref(),
        recipient.domain(),
        event.from_domain.as_deref(),
        event.account_id.as_deref(),
        event.region.as_deref(),
        event.message_id.as_deref(),
        recipient.address.as_deref(),
        event.caller_identity.as_deref(),
        event.source.as_deref(),
        event.tenant.as_deref(),
        tag(event, "campaign"),
        event.template.as_deref().or_else(|| tag(event, "template")),
        event.outgoing_ip.as_deref(),
        event.bounce_type.as_deref(),
        event.bounce_subtype.as_deref(),
        recipient.status.as_deref(),
        recipient.diagnostic_code.as_deref(),
        event.reporting_mta.as_deref(),
        event.remote_mta_ip.as_deref(),
        event.feedback_id.as_deref(),
        event.complaint_feedback_type.as_deref(),
        event.complaint_subtype.as_deref(),
        event.smtp_response.as_deref(),
        event.delay_type.as_deref(),
        event.ip_address.as_deref(),
        event.user_agent.as_deref(),
        event.bot_likelihood.as_deref(),
        event.link.as_deref(),
        event.reason.as_deref(),
        event.subject.as_deref(),
        event.contact_list.as_deref(),
        event.subscription_source.as_deref(),
        event.extra.as_deref(),
    ]
}

/// Preference columns: rare, so kept apart from the hot list.
const PREFERENCE_COLUMNS: [&str; 2] = [column::NEW_TOPIC_PREFERENCES, column::OLD_TOPIC_PREFERENCES];

fn tag<'a>(event: &'a Event<'_>, name: &str) -> Option<&'a str> {
    event.tags.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
}

fn text_map() -> TextMapBuilder {
    let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
}

/// Text is kept in blocks of this many bytes. The default grows to 2 MiB a column, most of it empty in a small chunk.
const TEXT_BLOCK_BYTES: u32 = 32 << 10;

fn text() -> StringViewBuilder {
    StringViewBuilder::new().with_fixed_block_size(TEXT_BLOCK_BYTES)
}

fn times() -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::new().with_timezone("UTC")
}

impl EventRows {
    /// An empty collection for tables with these promoted tags; `ingested_at` is in microseconds since the epoch.
    pub fn new(promoted_tags: &[String], ingested_at: i64) -> Self {
        let texts = TEXT_COLUMNS.len() + PREFERENCE_COLUMNS.len();
        Self {
            schema: event_file_schema(promoted_tags),
            promoted_tags: promoted_tags.to_vec(),
            ingested_at,
            event_time: times(),
            sent_time: times(),
            event_id: Int64Builder::new(),
            texts: (0..texts).map(|_| text()).collect(),
            promoted: promoted_tags.iter().map(|_| text()).collect(),
            tags: text_map(),
            link_tags: text_map(),
            arrival_date: times(),
            expiration_time: times(),
            processing_ms: Int64Builder::new(),
            source_object: text(),
            object_block: None,
            ingested: times(),
            keys: Vec::new(),
            row_events: Vec::new(),
            event_objects: Vec::new(),
        }
    }

    /// Number of rows collected.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Says which object the following events come from; its name is stored once, however many rows point at it.
    pub fn start_object(&mut self, name: &str) {
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        let block = self.source_object.append_block(Buffer::from(name.as_bytes()));
        self.object_block = Some((block, length));
    }

    /// Adds one row per recipient of `event`, counted for object number `object`.
    pub fn push(&mut self, event: &Event<'_>, object: u32) {
        let number = u32::try_from(self.event_objects.len()).unwrap_or(u32::MAX);
        self.event_objects.push(object);
        for recipient in &event.recipients {
            self.push_row(event, recipient);
            self.row_events.push(number);
        }
    }

    fn push_row(&mut self, event: &Event<'_>, recipient: &Recipient<'_>) {
        let time = event.event_time.timestamp_micros();
        self.keys.push(RowKey { time, id: recipient.event_id });
        self.event_time.append_value(time);
        self.sent_time.append_option(event.sent_time.map(|t| t.timestamp_micros()));
        self.event_id.append_value(recipient.event_id);
        let values = text_values(event, recipient);
        let preferences = [event.new_topic_preferences.as_deref(), event.old_topic_preferences.as_deref()];
        for (builder, value) in self.texts.iter_mut().zip(values.into_iter().chain(preferences)) {
            builder.append_option(value);
        }
        for (builder, name) in self.promoted.iter_mut().zip(&self.promoted_tags) {
            builder.append_option(tag(event, name));
        }
        append_map(&mut self.tags, &event.tags);
        append_map(&mut self.link_tags, &event.link_tags);
        self.arrival_date.append_option(event.arrival_date.map(|t| t.timestamp_micros()));
        self.expiration_time.append_option(event.expiration_time.map(|t| t.timestamp_micros()));
        self.processing_ms.append_option(event.processing_ms);
        match self.object_block {
            Some((block, length)) if self.source_object.try_append_view(block, 0, length).is_ok() => {}
            _ => self.source_object.append_null(),
        }
        self.ingested.append_value(self.ingested_at);
    }

    /// The rows so far as a chunk; the collection is empty afterwards.
    pub fn finish(&mut self) -> Result<EventChunk, ArrowError> {
        let mut arrays: HashMap<String, ArrayRef> = HashMap::new();
        let names = TEXT_COLUMNS.iter().chain(&PREFERENCE_COLUMNS);
        for (name, builder) in names.zip(&mut self.texts) {
            arrays.insert((*name).to_owned(), Arc::new(builder.finish()));
        }
        for (name, builder) in self.promoted_tags.iter().zip(&mut self.promoted) {
            arrays.insert(column::promoted(name), Arc::new(builder.finish()));
        }
        let others: [(&str, ArrayRef); 10] = [
            (column::EVENT_TIME, Arc::new(self.event_time.finish())),
            (column::SENT_TIME, Arc::new(self.sent_time.finish())),
            (column::EVENT_ID, Arc::new(self.event_id.finish())),
            (column::TAGS, Arc::new(self.tags.finish())),
            (column::LINK_TAGS, Arc::new(self.link_tags.finish())),
            (column::ARRIVAL_DATE, Arc::new(self.arrival_date.finish())),
            (column::EXPIRATION_TIME, Arc::new(self.expiration_time.finish())),
            (column::PROCESSING_MS, Arc::new(self.processing_ms.finish())),
            (column::SOURCE_OBJECT, Arc::new(self.source_object.finish())),
            (column::INGESTED_AT, Arc::new(self.ingested.finish())),
        ];
        arrays.extend(others.map(|(name, array)| (name.to_owned(), array)));
        self.object_block = None;
        let in_order: Vec<ArrayRef> = self.schema.fields().iter().filter_map(|f| arrays.remove(f.name())).collect();
        Ok(EventChunk {
            batch: RecordBatch::try_new(self.schema.clone(), in_order)?,
            keys: std::mem::take(&mut self.keys),
            row_events: std::mem::take(&mut self.row_events),
            event_objects: std::mem::take(&mut self.event_objects),
        })
    }
}

fn append_map(builder: &mut TextMapBuilder, entries: &[(std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)]) {
    for (key, value) in entries {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    // Keys and values are appended in pairs, so their lengths agree and this cannot fail; an event without tags is a null.
    let _ = builder.append(!entries.is_empty());
}

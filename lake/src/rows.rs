//! Events become rows: Arrow builders for the `events` table, one row per recipient.
//!
//! ```text
//! Event + object number -> EventRows -> EventChunk { record batch, row keys, event of each row, object of each event }
//! ```
//! Nothing is removed here; duplicates are found when chunks are appended to the lake.
//!
//! Most columns belong to one or two types of event and are null in most rows: those are filled up only when a value comes, and
//! keep offsets (4 bytes a row) where the columns of every event keep views (16 bytes a row, quick to sort).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, Int64Builder, MapBuilder, MapFieldNames, PrimitiveBuilder, RecordBatch, StringBuilder, StringViewBuilder,
    TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::buffer::Buffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType,
};
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
    /// The rows, in the order in which they were read. Text that most rows lack is `Utf8`, other text `Utf8View`.
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
    dense: [StringViewBuilder; DENSE_COLUMNS.len()],
    sparse: [SparseText; SPARSE_COLUMNS.len()],
    promoted: Vec<SparseText>,
    tags: TextMapBuilder,
    link_tags: TextMapBuilder,
    arrival_date: Sparse<TimestampMicrosecondType>,
    expiration_time: Sparse<TimestampMicrosecondType>,
    processing_ms: Sparse<Int64Type>,
    source_object: StringViewBuilder,
    object_block: Option<(u32, u32)>,
    keys: Vec<RowKey>,
    row_events: Vec<u32>,
    event_objects: Vec<u32>,
}

/// Text columns that events of every type fill, in the order of [`dense_values`].
const DENSE_COLUMNS: [&str; 14] = [
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
    column::CAMPAIGN,
    column::TEMPLATE,
    column::OUTGOING_IP,
    column::SUBJECT,
];

fn dense_values<'a>(event: &'a Event<'_>, recipient: &'a Recipient<'_>) -> [Option<&'a str>; DENSE_COLUMNS.len()] {
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
        tag(event, "campaign"),
        event.template.as_deref().or_else(|| tag(event, "template")),
        event.outgoing_ip.as_deref(),
        event.subject.as_deref(),
    ]
}

/// Text columns that most events lack, in the order of [`sparse_values`].
const SPARSE_COLUMNS: [&str; 22] = [
    column::TENANT,
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
    column::CONTACT_LIST,
    column::SUBSCRIPTION_SOURCE,
    column::NEW_TOPIC_PREFERENCES,
    column::OLD_TOPIC_PREFERENCES,
    column::EXTRA,
];

fn sparse_values<'a>(event: &'a Event<'_>, recipient: &'a Recipient<'_>) -> [Option<&'a str>; SPARSE_COLUMNS.len()] {
    [
        event.tenant.as_deref(),
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
        event.contact_list.as_deref(),
        event.subscription_source.as_deref(),
        event.new_topic_preferences.as_deref(),
        event.old_topic_preferences.as_deref(),
        event.extra.as_deref(),
    ]
}

fn tag<'a>(event: &'a Event<'_>, name: &str) -> Option<&'a str> {
    event.tags.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
}

/// A column's values so far, with nulls only up to the last of them.
#[derive(Default)]
struct SparseText(StringBuilder);

impl SparseText {
    fn set(&mut self, row: usize, value: Option<&str>) {
        if let Some(value) = value {
            self.0.append_nulls(row - self.0.len());
            self.0.append_value(value);
        }
    }

    fn finish(&mut self, rows: usize) -> ArrayRef {
        self.0.append_nulls(rows - self.0.len());
        Arc::new(self.0.finish())
    }
}

/// The same for numbers and times.
struct Sparse<T: ArrowPrimitiveType>(PrimitiveBuilder<T>);

impl<T: ArrowPrimitiveType> Sparse<T> {
    fn set(&mut self, row: usize, value: Option<T::Native>) {
        if let Some(value) = value {
            self.0.append_nulls(row - self.0.len());
            self.0.append_value(value);
        }
    }

    fn finish(&mut self, rows: usize) -> ArrayRef {
        self.0.append_nulls(rows - self.0.len());
        Arc::new(self.0.finish())
    }
}

fn text_map() -> TextMapBuilder {
    let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
}

/// Text is kept in blocks of this many bytes. The default grows to 2 MiB a column, most of it empty in a small chunk.
const TEXT_BLOCK_BYTES: u32 = 32 << 10;

fn dense() -> StringViewBuilder {
    StringViewBuilder::new().with_fixed_block_size(TEXT_BLOCK_BYTES)
}

fn times() -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::new().with_timezone("UTC")
}

/// The schema of a chunk: that of the files, with plain text where a column is sparse.
fn chunk_schema(promoted_tags: &[String]) -> SchemaRef {
    let promoted: Vec<String> = promoted_tags.iter().map(|tag| column::promoted(tag)).collect();
    let is_sparse = |name: &str| SPARSE_COLUMNS.contains(&name) || promoted.iter().any(|column| column == name);
    let file_schema = event_file_schema(promoted_tags);
    let fields = file_schema.fields().iter().map(|field| {
        if is_sparse(field.name()) {
            Arc::new(Field::new(field.name(), DataType::Utf8, true))
        } else {
            Arc::clone(field)
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl EventRows {
    /// An empty collection for tables with these promoted tags; `ingested_at` is in microseconds since the epoch.
    pub fn new(promoted_tags: &[String], ingested_at: i64) -> Self {
        Self {
            schema: chunk_schema(promoted_tags),
            promoted_tags: promoted_tags.to_vec(),
            ingested_at,
            event_time: times(),
            sent_time: times(),
            event_id: Int64Builder::new(),
            dense: std::array::from_fn(|_| dense()),
            sparse: Default::default(),
            promoted: promoted_tags.iter().map(|_| SparseText::default()).collect(),
            tags: text_map(),
            link_tags: text_map(),
            arrival_date: Sparse(times()),
            expiration_time: Sparse(times()),
            processing_ms: Sparse(Int64Builder::new()),
            source_object: dense(),
            object_block: None,
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
        let row = self.keys.len();
        let time = event.event_time.timestamp_micros();
        self.keys.push(RowKey { time, id: recipient.event_id });
        self.event_time.append_value(time);
        self.sent_time.append_option(event.sent_time.map(|t| t.timestamp_micros()));
        self.event_id.append_value(recipient.event_id);
        for (builder, value) in self.dense.iter_mut().zip(dense_values(event, recipient)) {
            builder.append_option(value);
        }
        for (column, value) in self.sparse.iter_mut().zip(sparse_values(event, recipient)) {
            column.set(row, value);
        }
        for (column, name) in self.promoted.iter_mut().zip(&self.promoted_tags) {
            column.set(row, tag(event, name));
        }
        append_map(&mut self.tags, &event.tags);
        append_map(&mut self.link_tags, &event.link_tags);
        self.arrival_date.set(row, event.arrival_date.map(|t| t.timestamp_micros()));
        self.expiration_time.set(row, event.expiration_time.map(|t| t.timestamp_micros()));
        self.processing_ms.set(row, event.processing_ms);
        match self.object_block {
            Some((block, length)) if self.source_object.try_append_view(block, 0, length).is_ok() => {}
            _ => self.source_object.append_null(),
        }
    }

    /// Throws away what was collected.
    pub fn clear(&mut self) {
        *self = Self::new(&self.promoted_tags, self.ingested_at);
    }

    /// The rows so far as a chunk; the collection is empty afterwards.
    pub fn finish(&mut self) -> Result<EventChunk, ArrowError> {
        let rows = self.keys.len();
        let mut arrays: HashMap<String, ArrayRef> = HashMap::new();
        for (name, builder) in DENSE_COLUMNS.iter().zip(&mut self.dense) {
            arrays.insert((*name).to_owned(), Arc::new(builder.finish()));
        }
        for (name, column) in SPARSE_COLUMNS.iter().zip(&mut self.sparse) {
            arrays.insert((*name).to_owned(), column.finish(rows));
        }
        for (name, column) in self.promoted_tags.iter().zip(&mut self.promoted) {
            arrays.insert(column::promoted(name), column.finish(rows));
        }
        let ingested = TimestampMicrosecondArray::from_value(self.ingested_at, rows).with_timezone("UTC");
        let others: [(&str, ArrayRef); 10] = [
            (column::EVENT_TIME, Arc::new(self.event_time.finish())),
            (column::SENT_TIME, Arc::new(self.sent_time.finish())),
            (column::EVENT_ID, Arc::new(self.event_id.finish())),
            (column::TAGS, Arc::new(self.tags.finish())),
            (column::LINK_TAGS, Arc::new(self.link_tags.finish())),
            (column::ARRIVAL_DATE, self.arrival_date.finish(rows)),
            (column::EXPIRATION_TIME, self.expiration_time.finish(rows)),
            (column::PROCESSING_MS, self.processing_ms.finish(rows)),
            (column::SOURCE_OBJECT, Arc::new(self.source_object.finish())),
            (column::INGESTED_AT, Arc::new(ingested)),
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

fn append_map(builder: &mut TextMapBuilder, entries: &[(Cow<'_, str>, Cow<'_, str>)]) {
    for (key, value) in entries {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    // Keys and values are appended in pairs, so their lengths agree and this cannot fail; an event without tags is a null.
    let _ = builder.append(!entries.is_empty());
}

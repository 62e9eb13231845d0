//! Events become rows: Arrow builders for the `events` table, one row per recipient.
//!
//! ```text
//! Event + object number -> EventRows -> EventChunk { record batch, row keys, event of each row, object of each event }
//! ```
//! Nothing is removed here; duplicates are found when chunks are appended to the lake.
//!
//! What repeats itself (domains, configuration sets, whole lists of tags) is kept once per chunk and numbered, 4 bytes a row.
//! Columns that belong to one or two types of event are null in most rows, and filled up only when a value comes. What is
//! different in every row lies in views, which are quick to sort.

use std::collections::HashMap;
use std::mem::replace;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, DictionaryArray, Int64Builder, MapBuilder, MapFieldNames, PrimitiveBuilder, RecordBatch,
    StringBuilder, StringViewBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder, UInt32Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use foldhash::fast::RandomState;

use crate::event::{Event, Recipient, Tag};
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
    /// The rows, in the order in which they were read; repeated values numbered (Arrow dictionaries).
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
    message_id: StringViewBuilder,
    recipient: StringViewBuilder,
    coded: [CodedText; CODED_COLUMNS.len()],
    sparse: [SparseText; SPARSE_COLUMNS.len()],
    promoted: Vec<CodedText>,
    tags: CodedMaps,
    link_tags: CodedMaps,
    arrival_date: Sparse<TimestampMicrosecondType>,
    expiration_time: Sparse<TimestampMicrosecondType>,
    processing_ms: Sparse<Int64Type>,
    source_object: CodedText,
    object: Option<u32>,
    keys: Vec<RowKey>,
    row_events: Vec<u32>,
    event_objects: Vec<u32>,
}

/// Text columns with ever the same values, in the order of [`coded_values`]. All that figures are counted from is among them: the
/// pages they become carry checksums.
const CODED_COLUMNS: [&str; 16] = [
    column::EVENT_TYPE,
    column::CONFIGURATION_SET,
    column::RECIPIENT_DOMAIN,
    column::FROM_DOMAIN,
    column::ACCOUNT_ID,
    column::REGION,
    column::CALLER_IDENTITY,
    column::SOURCE,
    column::CAMPAIGN,
    column::TEMPLATE,
    column::OUTGOING_IP,
    column::SUBJECT,
    column::BOUNCE_TYPE,
    column::BOUNCE_SUBTYPE,
    column::COMPLAINT_FEEDBACK_TYPE,
    column::COMPLAINT_SUBTYPE,
];

fn coded_values<'a>(event: &'a Event<'_>, recipient: &'a Recipient<'_>) -> [Option<&'a str>; CODED_COLUMNS.len()] {
    [
        Some(event.event_type.as_str()),
        event.configuration_set.as_deref(),
        recipient.domain(),
        event.from_domain.as_deref(),
        event.account_id.as_deref(),
        event.region.as_deref(),
        event.caller_identity.as_deref(),
        event.source.as_deref(),
        tag(event, "campaign"),
        event.template.as_deref().or_else(|| tag(event, "template")),
        event.outgoing_ip.as_deref(),
        event.subject.as_deref(),
        event.bounce_type.as_deref(),
        event.bounce_subtype.as_deref(),
        event.complaint_feedback_type.as_deref(),
        event.complaint_subtype.as_deref(),
    ]
}

/// Text columns that most events lack, in the order of [`sparse_values`].
const SPARSE_COLUMNS: [&str; 18] = [
    column::TENANT,
    column::STATUS,
    column::DIAGNOSTIC_CODE,
    column::REPORTING_MTA,
    column::REMOTE_MTA_IP,
    column::FEEDBACK_ID,
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
        recipient.status.as_deref(),
        recipient.diagnostic_code.as_deref(),
        event.reporting_mta.as_deref(),
        event.remote_mta_ip.as_deref(),
        event.feedback_id.as_deref(),
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

/// A column's distinct values, and one number per row.
#[derive(Default)]
struct CodedText {
    numbers: HashMap<Box<str>, u32, RandomState>,
    values: StringBuilder,
    codes: Vec<u32>,
    /// The value numbered last, which often is the next one too.
    last: String,
    last_code: u32,
}

/// Stands for a null among the numbers.
const NULL: u32 = u32::MAX;

impl CodedText {
    fn push(&mut self, value: Option<&str>) {
        let code = match value {
            None => NULL,
            Some(value) if value == self.last && !self.numbers.is_empty() => self.last_code,
            Some(value) => {
                self.last_code = self.number(value);
                self.last.clear();
                self.last.push_str(value);
                self.last_code
            }
        };
        self.codes.push(code);
    }

    fn number(&mut self, value: &str) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(NULL);
        self.numbers.insert(value.into(), number);
        self.values.append_value(value);
        number
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        self.numbers.clear();
        dictionary(take(&mut self.codes), Arc::new(self.values.finish()))
    }
}

/// The distinct lists of tags, and one number per row.
struct CodedMaps {
    /// Numbers of the lists that are shared by many events (see [`crate::Tags`]).
    numbers: HashMap<u64, u32, RandomState>,
    maps: TextMapBuilder,
    codes: Vec<u32>,
}

impl CodedMaps {
    fn new() -> Self {
        Self { numbers: HashMap::default(), maps: text_map(), codes: Vec::new() }
    }

    /// Adds a row with these tags, which may be known by the number of their list.
    fn push(&mut self, tags: &[Tag<'_>], number: Option<u64>) {
        let code = if tags.is_empty() {
            NULL
        } else if let Some(known) = number.and_then(|number| self.numbers.get(&number)) {
            *known
        } else {
            let code = u32::try_from(self.maps.len()).unwrap_or(NULL);
            append_map(&mut self.maps, tags);
            self.numbers.extend(number.map(|number| (number, code)));
            code
        };
        self.codes.push(code);
    }

    /// Adds another row with the list of the row before.
    fn repeat(&mut self) {
        self.codes.extend(self.codes.last().copied());
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        self.numbers.clear();
        dictionary(take(&mut self.codes), Arc::new(self.maps.finish()))
    }
}

/// The values so far; room is made for as many again.
fn take<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(values.len());
    replace(values, room)
}

fn dictionary(codes: Vec<u32>, values: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let nulls = codes.contains(&NULL).then(|| codes.iter().map(|code| *code != NULL).collect::<NullBuffer>());
    let keys = UInt32Array::new(codes.into(), nulls);
    Ok(Arc::new(DictionaryArray::try_new(keys, values)?))
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

fn views(rows: usize) -> StringViewBuilder {
    StringViewBuilder::with_capacity(rows).with_fixed_block_size(TEXT_BLOCK_BYTES)
}

fn times(rows: usize) -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC")
}

/// The schema of a chunk: that of the files, with numbered values and plain text in place of views and maps where that is
/// cheaper.
fn chunk_schema(promoted_tags: &[String]) -> SchemaRef {
    let promoted: Vec<String> = promoted_tags.iter().map(|tag| column::promoted(tag)).collect();
    let coded = |value: DataType| DataType::Dictionary(Box::new(DataType::UInt32), Box::new(value));
    let data_type = |field: &Field| match field.name().as_str() {
        column::TAGS | column::LINK_TAGS => coded(field.data_type().clone()),
        column::SOURCE_OBJECT => coded(DataType::Utf8),
        name if CODED_COLUMNS.contains(&name) || promoted.iter().any(|column| column == name) => coded(DataType::Utf8),
        name if SPARSE_COLUMNS.contains(&name) => DataType::Utf8,
        _ => field.data_type().clone(),
    };
    let file_schema = event_file_schema(promoted_tags);
    let fields = file_schema.fields().iter().map(|field| field.as_ref().clone().with_data_type(data_type(field)));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl EventRows {
    /// An empty collection for tables with these promoted tags; `ingested_at` is in microseconds since the epoch.
    pub fn new(promoted_tags: &[String], ingested_at: i64) -> Self {
        Self {
            schema: chunk_schema(promoted_tags),
            promoted_tags: promoted_tags.to_vec(),
            ingested_at,
            event_time: times(0),
            sent_time: times(0),
            event_id: Int64Builder::new(),
            message_id: views(0),
            recipient: views(0),
            coded: Default::default(),
            sparse: Default::default(),
            promoted: promoted_tags.iter().map(|_| CodedText::default()).collect(),
            tags: CodedMaps::new(),
            link_tags: CodedMaps::new(),
            arrival_date: Sparse(times(0)),
            expiration_time: Sparse(times(0)),
            processing_ms: Sparse(Int64Builder::new()),
            source_object: CodedText::default(),
            object: None,
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

    /// Says which object the following events come from.
    pub fn start_object(&mut self, name: &str) {
        self.object = Some(self.source_object.number(name));
    }

    /// Adds one row per recipient of `event`, counted for object number `object`.
    pub fn push(&mut self, event: &Event<'_>, object: u32) {
        let number = u32::try_from(self.event_objects.len()).unwrap_or(u32::MAX);
        self.event_objects.push(object);
        for (at, recipient) in event.recipients.iter().enumerate() {
            self.push_row(event, recipient);
            if at == 0 {
                self.tags.push(&event.tags, event.tags.number());
                self.link_tags.push(&event.link_tags, None);
            } else {
                self.tags.repeat();
                self.link_tags.repeat();
            }
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
        self.message_id.append_option(event.message_id.as_deref());
        self.recipient.append_option(recipient.address.as_deref());
        for (column, value) in self.coded.iter_mut().zip(coded_values(event, recipient)) {
            column.push(value);
        }
        for (column, value) in self.sparse.iter_mut().zip(sparse_values(event, recipient)) {
            column.set(row, value);
        }
        for (column, name) in self.promoted.iter_mut().zip(&self.promoted_tags) {
            column.push(tag(event, name));
        }
        self.arrival_date.set(row, event.arrival_date.map(|t| t.timestamp_micros()));
        self.expiration_time.set(row, event.expiration_time.map(|t| t.timestamp_micros()));
        self.processing_ms.set(row, event.processing_ms);
        self.source_object.codes.push(self.object.unwrap_or(NULL));
    }

    /// Throws away what was collected.
    pub fn clear(&mut self) {
        *self = Self::new(&self.promoted_tags, self.ingested_at);
    }

    /// The rows so far as a chunk; the collection is empty afterwards, with room for as many again.
    pub fn finish(&mut self) -> Result<EventChunk, ArrowError> {
        let rows = self.keys.len();
        let mut arrays: HashMap<String, ArrayRef> = HashMap::new();
        for (name, column) in CODED_COLUMNS.iter().zip(&mut self.coded) {
            arrays.insert((*name).to_owned(), column.finish()?);
        }
        for (name, column) in SPARSE_COLUMNS.iter().zip(&mut self.sparse) {
            arrays.insert((*name).to_owned(), column.finish(rows));
        }
        for (name, column) in self.promoted_tags.iter().zip(&mut self.promoted) {
            arrays.insert(column::promoted(name), column.finish()?);
        }
        let ingested = TimestampMicrosecondArray::from_value(self.ingested_at, rows).with_timezone("UTC");
        let others: [(&str, ArrayRef); 12] = [
            (column::EVENT_TIME, Arc::new(replace(&mut self.event_time, times(rows)).finish())),
            (column::SENT_TIME, Arc::new(replace(&mut self.sent_time, times(rows)).finish())),
            (column::EVENT_ID, Arc::new(replace(&mut self.event_id, Int64Builder::with_capacity(rows)).finish())),
            (column::MESSAGE_ID, Arc::new(replace(&mut self.message_id, views(rows)).finish())),
            (column::RECIPIENT, Arc::new(replace(&mut self.recipient, views(rows)).finish())),
            (column::TAGS, self.tags.finish()?),
            (column::LINK_TAGS, self.link_tags.finish()?),
            (column::ARRIVAL_DATE, self.arrival_date.finish(rows)),
            (column::EXPIRATION_TIME, self.expiration_time.finish(rows)),
            (column::PROCESSING_MS, self.processing_ms.finish(rows)),
            (column::SOURCE_OBJECT, self.source_object.finish()?),
            (column::INGESTED_AT, Arc::new(ingested)),
        ];
        arrays.extend(others.map(|(name, array)| (name.to_owned(), array)));
        self.object = None;
        let in_order: Vec<ArrayRef> = self.schema.fields().iter().filter_map(|f| arrays.remove(f.name())).collect();
        Ok(EventChunk {
            batch: RecordBatch::try_new(self.schema.clone(), in_order)?,
            keys: take(&mut self.keys),
            row_events: take(&mut self.row_events),
            event_objects: take(&mut self.event_objects),
        })
    }
}

fn append_map(builder: &mut TextMapBuilder, entries: &[Tag<'_>]) {
    for (key, value) in entries {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    // Keys and values are appended in pairs, so their lengths agree and this cannot fail.
    let _ = builder.append(true);
}

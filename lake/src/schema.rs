//! Column names, types and the partition layout of the three tables: used by writer and reader alike.
//!
//! Columns used in filters come first, because file statistics of Delta tables cover the first 32 columns.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// Names of the columns of the `events` table, one row per event and recipient.
pub mod column {
    /// UTC date of `event_time`; the partition.
    pub const EVENT_DATE: &str = "event_date";
    /// When it happened, microseconds UTC.
    pub const EVENT_TIME: &str = "event_time";
    /// When SES accepted the message, microseconds UTC.
    pub const SENT_TIME: &str = "sent_time";
    /// One of the ten SES event types in SES's spelling.
    pub const EVENT_TYPE: &str = "event_type";
    /// `ses:configuration-set`.
    pub const CONFIGURATION_SET: &str = "configuration_set";
    /// Domain of the recipient, lower case.
    pub const RECIPIENT_DOMAIN: &str = "recipient_domain";
    /// Domain of the sender, lower case.
    pub const FROM_DOMAIN: &str = "from_domain";
    /// Sending AWS account, twelve digits.
    pub const ACCOUNT_ID: &str = "account_id";
    /// AWS region of the sending identity.
    pub const REGION: &str = "region";
    /// SES message id.
    pub const MESSAGE_ID: &str = "message_id";
    /// Recipient address.
    pub const RECIPIENT: &str = "recipient";
    /// 64-bit identity of the row; unique together with `event_time`.
    pub const EVENT_ID: &str = "event_id";
    /// IAM identity that sent.
    pub const CALLER_IDENTITY: &str = "caller_identity";
    /// Envelope sender.
    pub const SOURCE: &str = "source";
    /// SES tenant.
    pub const TENANT: &str = "tenant";
    /// Custom tag `campaign`.
    pub const CAMPAIGN: &str = "campaign";
    /// Template of a rendering failure, else custom tag `template`.
    pub const TEMPLATE: &str = "template";
    /// All tags that have no column of their own, and all custom tags.
    pub const TAGS: &str = "tags";
    /// IP address SES sent from.
    pub const OUTGOING_IP: &str = "outgoing_ip";
    /// `Permanent`, `Transient`, `Undetermined`.
    pub const BOUNCE_TYPE: &str = "bounce_type";
    /// `General`, `NoEmail`, `OnAccountSuppressionList`, ...
    pub const BOUNCE_SUBTYPE: &str = "bounce_subtype";
    /// Enhanced status code, RFC 3463.
    pub const STATUS: &str = "status";
    /// What the receiving server said.
    pub const DIAGNOSTIC_CODE: &str = "diagnostic_code";
    /// Host that reported.
    pub const REPORTING_MTA: &str = "reporting_mta";
    /// IP address of the receiving server.
    pub const REMOTE_MTA_IP: &str = "remote_mta_ip";
    /// SES's id of a bounce or complaint.
    pub const FEEDBACK_ID: &str = "feedback_id";
    /// `abuse`, `not-spam`, ... (IANA MARF).
    pub const COMPLAINT_FEEDBACK_TYPE: &str = "complaint_feedback_type";
    /// `OnAccountSuppressionList` or null.
    pub const COMPLAINT_SUBTYPE: &str = "complaint_subtype";
    /// When a feedback report arrived.
    pub const ARRIVAL_DATE: &str = "arrival_date";
    /// SMTP answer of a delivery.
    pub const SMTP_RESPONSE: &str = "smtp_response";
    /// Milliseconds from acceptance to delivery.
    pub const PROCESSING_MS: &str = "processing_ms";
    /// Kind of a delivery delay.
    pub const DELAY_TYPE: &str = "delay_type";
    /// When SES stops trying.
    pub const EXPIRATION_TIME: &str = "expiration_time";
    /// IP address of an open or click.
    pub const IP_ADDRESS: &str = "ip_address";
    /// User agent of an open, click or complaint.
    pub const USER_AGENT: &str = "user_agent";
    /// `Likely` or `Unlikely`.
    pub const BOT_LIKELIHOOD: &str = "bot_likelihood";
    /// Link of a click.
    pub const LINK: &str = "link";
    /// Tags of the link.
    pub const LINK_TAGS: &str = "link_tags";
    /// Reason of a reject or rendering failure.
    pub const REASON: &str = "reason";
    /// Subject of the message.
    pub const SUBJECT: &str = "subject";
    /// Contact list of a subscription change.
    pub const CONTACT_LIST: &str = "contact_list";
    /// Where a subscription change came from.
    pub const SUBSCRIPTION_SOURCE: &str = "subscription_source";
    /// Preferences after a subscription change, JSON.
    pub const NEW_TOPIC_PREFERENCES: &str = "new_topic_preferences";
    /// Preferences before a subscription change, JSON.
    pub const OLD_TOPIC_PREFERENCES: &str = "old_topic_preferences";
    /// Fields without a column, JSON.
    pub const EXTRA: &str = "extra";
    /// Object the row was first read from.
    pub const SOURCE_OBJECT: &str = "source_object";
    /// When the row was written.
    pub const INGESTED_AT: &str = "ingested_at";

    /// Column of a promoted tag: `tag_` and the tag's name.
    pub fn promoted(tag: &str) -> String {
        format!("tag_{tag}")
    }
}

/// The `objects` table: one row per source object read to its end.
pub mod objects {
    /// URL of the object.
    pub const NAME: &str = "name";
    /// Entity tag of the store, or inode, time and size of a local file.
    pub const ETAG: &str = "etag";
    /// Bytes as stored.
    pub const SIZE: &str = "size";
    /// Records read.
    pub const RECORDS: &str = "records";
    /// Events of which at least one row was new.
    pub const EVENTS: &str = "events";
    /// Events already in the lake.
    pub const DUPLICATES: &str = "duplicates";
    /// Bad records.
    pub const QUARANTINED: &str = "quarantined";
    /// Control messages and mail that is not ours.
    pub const IGNORED: &str = "ignored";
    /// Rows written.
    pub const ROWS: &str = "rows";
    /// Earliest event time.
    pub const FIRST_EVENT: &str = "first_event";
    /// Latest event time.
    pub const LAST_EVENT: &str = "last_event";
    /// When.
    pub const IMPORTED_AT: &str = "imported_at";
    /// By which version of repute.
    pub const IMPORTED_BY: &str = "imported_by";
}

/// The `quarantine` table: one row per bad record.
pub mod quarantine {
    /// URL of the object.
    pub const OBJECT: &str = "object";
    /// Entity tag of the object.
    pub const ETAG: &str = "etag";
    /// Byte offset in the decoded object.
    pub const BYTE_OFFSET: &str = "byte_offset";
    /// Line in the decoded object, from 1.
    pub const LINE: &str = "line";
    /// Position among the records at the same offset (an envelope may hold several), from 0.
    pub const PART: &str = "part";
    /// Class of the trouble.
    pub const CLASS: &str = "class";
    /// What was wrong.
    pub const MESSAGE: &str = "message";
    /// The bytes, cut at 64 KiB.
    pub const RAW: &str = "raw";
    /// When.
    pub const QUARANTINED_AT: &str = "quarantined_at";

    /// Class of a row that says that the bad record with the same object, offset and part has been made good.
    pub const RESOLVED: &str = "resolved";
}

/// Type of every time column: microseconds, UTC (Delta's `timestamp`).
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8View, true)
}

fn time(name: &str) -> Field {
    Field::new(name, timestamp(), true)
}

fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn map(name: &str) -> Field {
    Field::new(name, DataType::Map(map_entries(), false), true)
}

/// The entries field of a text-to-text map, named as Delta names it. Plain text, since DataFusion looks up no views in a map.
pub(crate) fn map_entries() -> Arc<Field> {
    let entries =
        Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)]);
    Arc::new(Field::new("key_value", DataType::Struct(entries), false))
}

/// Schema of the `events` table as it lies in a Parquet file: without the partition column.
pub fn event_file_schema(promoted_tags: &[String]) -> SchemaRef {
    let mut fields = vec![
        Field::new(column::EVENT_TIME, timestamp(), false),
        time(column::SENT_TIME),
        Field::new(column::EVENT_TYPE, DataType::Utf8View, false),
    ];
    for name in [
        column::CONFIGURATION_SET,
        column::RECIPIENT_DOMAIN,
        column::FROM_DOMAIN,
        column::ACCOUNT_ID,
        column::REGION,
        column::MESSAGE_ID,
        column::RECIPIENT,
    ] {
        fields.push(text(name));
    }
    fields.push(Field::new(column::EVENT_ID, DataType::Int64, false));
    for name in [column::CALLER_IDENTITY, column::SOURCE, column::TENANT, column::CAMPAIGN, column::TEMPLATE] {
        fields.push(text(name));
    }
    fields.extend(promoted_tags.iter().map(|tag| text(&column::promoted(tag))));
    fields.push(map(column::TAGS));
    for name in [
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
    ] {
        fields.push(text(name));
    }
    fields.push(time(column::ARRIVAL_DATE));
    fields.push(text(column::SMTP_RESPONSE));
    fields.push(long(column::PROCESSING_MS));
    fields.push(text(column::DELAY_TYPE));
    fields.push(time(column::EXPIRATION_TIME));
    for name in [column::IP_ADDRESS, column::USER_AGENT, column::BOT_LIKELIHOOD, column::LINK] {
        fields.push(text(name));
    }
    fields.push(map(column::LINK_TAGS));
    for name in [
        column::REASON,
        column::SUBJECT,
        column::CONTACT_LIST,
        column::SUBSCRIPTION_SOURCE,
        column::NEW_TOPIC_PREFERENCES,
        column::OLD_TOPIC_PREFERENCES,
        column::EXTRA,
        column::SOURCE_OBJECT,
    ] {
        fields.push(text(name));
    }
    fields.push(Field::new(column::INGESTED_AT, timestamp(), false));
    Arc::new(Schema::new(fields))
}

/// Schema of the `objects` table.
pub fn objects_schema() -> SchemaRef {
    let mut fields = vec![text(objects::NAME), text(objects::ETAG)];
    for name in [
        objects::SIZE,
        objects::RECORDS,
        objects::EVENTS,
        objects::DUPLICATES,
        objects::QUARANTINED,
        objects::IGNORED,
        objects::ROWS,
    ] {
        fields.push(long(name));
    }
    fields.extend([time(objects::FIRST_EVENT), time(objects::LAST_EVENT), time(objects::IMPORTED_AT)]);
    fields.push(text(objects::IMPORTED_BY));
    Arc::new(Schema::new(fields))
}

/// Schema of the `quarantine` table.
pub fn quarantine_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text(quarantine::OBJECT),
        text(quarantine::ETAG),
        long(quarantine::BYTE_OFFSET),
        long(quarantine::LINE),
        long(quarantine::PART),
        text(quarantine::CLASS),
        text(quarantine::MESSAGE),
        Field::new(quarantine::RAW, DataType::Binary, true),
        time(quarantine::QUARANTINED_AT),
    ]))
}

//! Parquet as Firehose's record format conversion writes it: rows back to the events they were, a line of JSON each.
//!
//! The conversion follows a Glue table, whose columns have lower-case names: `eventtype`, `mail.messageid`. They are given SES's own
//! spelling again; tags may be a map, or a struct whose fields stand for `ses:...` as AWS's examples name them. Columns that the table
//! does not have are lost, as the conversion drops them.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, LargeListArray, ListArray, MapArray, RecordBatch, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, TimeUnit};
use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

/// Rows that lie in memory at a time.
const BATCH_ROWS: usize = 1_024;

/// Every name of SES's with a capital letter in it, and wrappers' that may be converted as well.
const NAMES: [&str; 66] = [
    "addHeaders",
    "arrivalDate",
    "bounceSubType",
    "bounceType",
    "bouncedRecipients",
    "callerIdentity",
    "commonHeaders",
    "complainedRecipients",
    "complaintFeedbackType",
    "complaintSubType",
    "contactList",
    "delayType",
    "delayedRecipients",
    "deliveryDelay",
    "diagnosticCode",
    "emailAddress",
    "errorMessage",
    "eventType",
    "expirationTime",
    "feedbackId",
    "headersTruncated",
    "ipAddress",
    "isBotEvent",
    "linkTags",
    "messageId",
    "newTopicPreferences",
    "notificationType",
    "oldTopicPreferences",
    "processingTimeMillis",
    "remoteMtaIp",
    "replyTo",
    "reportingMTA",
    "returnPath",
    "sendingAccountId",
    "smtpResponse",
    "sourceArn",
    "sourceIp",
    "subscriptionStatus",
    "templateName",
    "topicDefaultSubscriptionStatus",
    "topicName",
    "topicSubscriptionStatus",
    "unsubscribeAll",
    "userAgent",
    "Type",
    "MessageId",
    "TopicArn",
    "Subject",
    "Message",
    "Timestamp",
    "SignatureVersion",
    "Signature",
    "SigningCertURL",
    "UnsubscribeURL",
    "MessageAttributes",
    "arrivalTimestamp",
    "attemptsMade",
    "attemptEndingTimestamp",
    "errorCode",
    "lambdaArn",
    "rawData",
    "messageType",
    "logGroup",
    "logStream",
    "logEvents",
    "subscriptionFilters",
];

/// Names that stand for more than one are SES's.
static SPELLING: LazyLock<HashMap<String, &str>> =
    LazyLock::new(|| NAMES.into_iter().rev().map(|name| (name.to_ascii_lowercase(), name)).collect());

/// Lower-case names that are SES's in an event and SNS's in an envelope: right in the first, and an envelope is not converted without
/// its capital letters.
fn spelled(name: &str) -> &str {
    match SPELLING.get(&name.to_ascii_lowercase()) {
        Some(known)
            if known.starts_with(|first: char| first.is_ascii_uppercase())
                && !name.starts_with(|first: char| first.is_ascii_uppercase()) =>
        {
            name
        }
        Some(known) => known,
        None => name,
    }
}

/// `ses_source_ip`, `ses_configurationset` and the like, as AWS's examples map `ses:source-ip` and `ses:configuration-set`.
fn tag(name: &str) -> String {
    match name.strip_prefix("ses_") {
        Some("configurationset") => "ses:configuration-set".to_owned(),
        Some(rest) => format!("ses:{}", rest.replace('_', "-")),
        None => name.to_owned(),
    }
}

/// The rows of an object as lines of JSON.
pub(super) struct Rows {
    reader: ParquetRecordBatchReader,
    text: Vec<u8>,
    at: usize,
}

impl Rows {
    pub(super) fn open(object: Vec<u8>) -> io::Result<Self> {
        let reader = guarded(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(object))?;
            Ok(builder.with_batch_size(BATCH_ROWS).build()?)
        })?;
        Ok(Self { reader, text: Vec::new(), at: 0 })
    }

    /// Writes the next rows; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        let Self { reader, text, at } = self;
        text.clear();
        *at = 0;
        guarded(|| {
            let Some(batch) = reader.next() else { return Ok(false) };
            let batch = in_ses_spelling(&batch?)?;
            let mut writer = LineDelimitedWriter::new(text);
            writer.write(&batch)?;
            writer.finish()?;
            Ok(true)
        })
    }
}

/// A file that contradicts itself makes the Parquet reader panic here and there; to us that is damage like any other.
fn guarded<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> io::Result<T> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(outcome) => outcome.map_err(|error| io::Error::new(ErrorKind::InvalidData, error.to_string())),
        Err(_) => Err(io::Error::new(ErrorKind::InvalidData, "its parts contradict one another")),
    }
}

impl Read for Rows {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() {
            if !self.next()? {
                return Ok(0);
            }
        }
        let text = self.text.get(self.at..).unwrap_or_default();
        let count = text.len().min(out.len());
        out[..count].copy_from_slice(&text[..count]);
        self.at += count;
        Ok(count)
    }
}

fn in_ses_spelling(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let (fields, columns): (Vec<FieldRef>, Vec<ArrayRef>) = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| respell(field, column, spelled(field.name())))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// A column under another name, with what lies in it spelled as SES does.
fn respell(field: &FieldRef, column: &ArrayRef, name: &str) -> Result<(FieldRef, ArrayRef), ArrowError> {
    let column = inner(column, name == "tags" || name == "linkTags")?;
    let field = Field::new(name, column.data_type().clone(), field.is_nullable() || column.null_count() > 0);
    Ok((Arc::new(field), column))
}

fn inner(column: &ArrayRef, holds_tags: bool) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Struct(fields) => {
            let parts = column.as_struct();
            let renamed = fields.iter().zip(parts.columns()).map(|(field, part)| {
                let tag = tag(field.name());
                respell(field, part, if holds_tags { &tag } else { spelled(field.name()) })
            });
            let (fields, parts): (Vec<FieldRef>, Vec<ArrayRef>) =
                renamed.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
            Ok(Arc::new(StructArray::try_new_with_length(
                Fields::from(fields),
                parts,
                column.nulls().cloned(),
                column.len(),
            )?))
        }
        DataType::List(field) => {
            let list: &ListArray = column.as_list();
            let (field, values) = respell(field, list.values(), field.name())?;
            Ok(Arc::new(ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned())?))
        }
        DataType::LargeList(field) => {
            let list: &LargeListArray = column.as_list();
            let (field, values) = respell(field, list.values(), field.name())?;
            Ok(Arc::new(LargeListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned())?))
        }
        DataType::FixedSizeList(field, size) => {
            let list: &FixedSizeListArray = column.as_fixed_size_list();
            let (field, values) = respell(field, list.values(), field.name())?;
            Ok(Arc::new(FixedSizeListArray::try_new(field, *size, values, list.nulls().cloned())?))
        }
        // The keys of a map are data.
        DataType::Map(field, sorted) => {
            let map: &MapArray = column.as_map();
            let entries = map.entries();
            let values = inner(entries.column(1), false)?;
            let fields = entries.fields();
            let (key, value) = (&fields[0], &fields[1]);
            let value = Field::new(value.name(), values.data_type().clone(), value.is_nullable());
            let fields = Fields::from(vec![Arc::clone(key), Arc::new(value)]);
            let entries = StructArray::try_new(fields.clone(), vec![Arc::clone(entries.column(0)), values], None)?;
            let field = Arc::new(Field::new(field.name(), DataType::Struct(fields), false));
            Ok(Arc::new(MapArray::try_new(field, map.offsets().clone(), entries, map.nulls().cloned(), *sorted)?))
        }
        // Times without a zone are UTC, and said to be.
        DataType::Timestamp(_, None) => {
            cast(column, &DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into())))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, Some(zone)) => {
            cast(column, &DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(zone))))
        }
        _ => Ok(Arc::clone(column)),
    }
}

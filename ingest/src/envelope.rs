//! Wrappers: SNS, SQS, Lambda, EventBridge, Firehose and CloudWatch Logs, opened until SES objects are left.
//!
//! ```text
//! {"Type","Message"}               SNS, also as Records[].Sns        {"rawData"}            Firehose error output
//! {"Records":[{"body"}]}, {"Body"} SQS                               {"records":[{"data"}]} Firehose HTTP and transform
//! {"source":"aws.ses","detail"}    EventBridge                       {"logEvents"}          CloudWatch Logs
//! ```
//!
//! Wrappers nest in any order; depth and the bytes that come out of one record are bounded. Every leaf
//! gives one verdict, a wrapper that cannot be opened gives one.

use std::borrow::Cow;
use std::io;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::compact::Skipped;
use crate::decode::{self, Scratch};
use crate::document::{Document, wire};
use crate::frame::Frames;
use crate::frame::scan::{Scan, Scanner};
use crate::json::{self, Json, Raw, is_object, items};
use crate::record::{self, Content};
use crate::ses::TagLists;
use crate::verdict::quoted;
use crate::{IgnoredClass, Limits, Reject, RejectClass, Verdict, ses};

/// What SES publishes to a topic when it becomes an event destination; not JSON.
const TOPIC_VALIDATED: &str = "Successfully validated SNS topic for Amazon SES event publishing.";
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Opens a frame's content and emits a verdict for each record in it.
pub(crate) fn open(content: Content<'_, '_>, tags: &mut TagLists, limits: &Limits, emit: &mut dyn FnMut(Verdict<'_>)) {
    let mut wrapper = Opening { limits, tags, emit, unwrapped: 0 };
    match content {
        Content::Document(document) => wrapper.document(document, 0),
        Content::Text(text) => wrapper.line(text),
        Content::Broken(reject) => wrapper.reject(reject),
    }
}

wire! {
    /// One line of a CloudWatch Logs record.
    LogEvent {
        "id" => id: Skipped,
        "timestamp" => timestamp: Skipped,
        "message" => message: Raw<'a>,
    }
}

/// One frame being opened: how much came out of it already, and where verdicts go.
struct Opening<'o> {
    limits: &'o Limits,
    tags: &'o mut TagLists,
    emit: &'o mut dyn FnMut(Verdict<'_>),
    unwrapped: u64,
}

impl Opening<'_> {
    fn reject(&mut self, reject: Reject) {
        (self.emit)(Verdict::Rejected(reject));
    }

    fn ignore(&mut self, class: IgnoredClass) {
        (self.emit)(Verdict::Ignored(class));
    }

    fn document(&mut self, document: &mut Document<'_>, level: usize) {
        let fields = &document.fields;
        if level > self.limits.max_wrappers {
            let most = self.limits.max_wrappers;
            return self
                .reject(Reject::new(RejectClass::TooDeep, format!("record is wrapped more than `{most}` times")));
        }
        if let Some(key) = fields.duplicate {
            return self.reject(Reject::new(RejectClass::DuplicateKey, format!("key `{key}` stands twice")));
        }
        let inner = level + 1;
        if fields.event_type.is_some() || fields.notification_type.is_some() || !fields.mail.is_absent() {
            (self.emit)(ses::verdict(document, self.tags, self.limits));
        } else if let Some(class) = announced(document) {
            self.ignore(class);
        } else if let Some(records) = fields.lambda_records {
            self.each(records, "Records", inner, Self::lambda_record);
        } else if let Some(records) = fields.firehose_records {
            self.each(records, "records", inner, Self::firehose_record);
        } else if let Some(events) = fields.log_events {
            self.each(events, "logEvents", inner, Self::log_event);
        } else if let Some(message) = fields.sns_message.or(fields.lambda_body).or(fields.sqs_body) {
            self.payload(message, inner);
        } else if let Some(detail) = fields.detail {
            self.event_bridge(document, detail, inner);
        } else if let Some(data) = fields.raw_data {
            self.base64(data, "rawData", inner);
        } else if let Some(data) = fields.aws_logs {
            self.firehose_record(data, inner);
        } else {
            self.reject(Reject::new(RejectClass::NotSes, "record is no SES event and no known wrapper of one"));
        }
    }

    /// Opens every element of a wrapper's list.
    fn each(&mut self, list: Json<'_>, field: &str, level: usize, open: fn(&mut Self, Json<'_>, usize)) {
        match items(list) {
            None => self.reject(Reject::wrong_type(field, "a list")),
            Some(list) if list.is_empty() => self.ignore(IgnoredClass::Empty),
            Some(list) => list.into_iter().for_each(|item| open(self, item, level)),
        }
    }

    /// `Records[]`: an SNS, SQS, Kinesis or inbound-mail record of a Lambda invocation.
    fn lambda_record(&mut self, record: Json<'_>, level: usize) {
        match Document::parse(record.get().as_bytes(), self.limits) {
            Err(reject) => self.reject(reject),
            Ok(Document { fields, .. }) => {
                if let Some(sns) = fields.lambda_sns {
                    self.payload(sns, level);
                } else if let Some(body) = fields.lambda_body.or(fields.sqs_body) {
                    self.payload(body, level);
                } else if let Some(kinesis) = fields.kinesis {
                    self.firehose_record(kinesis, level);
                } else if fields.lambda_ses.is_some() {
                    self.ignore(IgnoredClass::InboundMail);
                } else {
                    self.payload(record, level);
                }
            }
        }
    }

    /// `records[]`: an object whose `data` is base64; AWS's documentation also shows it as an object.
    fn firehose_record(&mut self, record: Json<'_>, level: usize) {
        match Document::parse(record.get().as_bytes(), self.limits) {
            Err(reject) => self.reject(reject),
            Ok(Document { fields, .. }) => match fields.data {
                None => self.reject(Reject::missing("data")),
                Some(data) if is_object(data) => self.payload(data, level),
                Some(data) => self.base64(data, "data", level),
            },
        }
    }

    /// `logEvents[]`: a line whose JSON may stand behind a prefix and before a rest.
    fn log_event(&mut self, event: Json<'_>, level: usize) {
        let Ok(LogEvent { message, .. }) = serde_json::from_str(event.get()) else {
            return self.reject(Reject::wrong_type("logEvents", "a list of objects"));
        };
        let Some(message) = json::non_empty(message) else { return self.ignore(IgnoredClass::Empty) };
        let json = message.find('{').and_then(|start| {
            let rest = message.get(start..)?;
            match Scanner::new().run(rest.as_bytes()) {
                Scan::Complete(end) => rest.get(..end),
                Scan::Broken(_) | Scan::More => None,
            }
        });
        self.text(json.unwrap_or(&message), level);
    }

    /// EventBridge: the event in `detail`; account events share its source.
    fn event_bridge(&mut self, outer: &Document<'_>, detail: Json<'_>, level: usize) {
        let is_event = Document::parse(detail.get().as_bytes(), self.limits)
            .is_ok_and(|inner| inner.fields.event_type.is_some() || !inner.fields.mail.is_absent());
        let detail_type = json::non_empty(outer.fields.detail_type).unwrap_or_default();
        let about_account =
            detail_type.starts_with("Advisor Recommendation") || detail_type.starts_with("Sending Status");
        if !is_event && about_account && json::non_empty(outer.fields.source).as_deref() == Some("aws.ses") {
            self.ignore(IgnoredClass::AccountStatus);
        } else if is_object(detail) {
            self.payload(detail, level);
        } else {
            self.reject(Reject::wrong_type("detail", "an object"));
        }
    }

    /// What a wrapper carries: JSON text in a string, or the object itself.
    fn payload(&mut self, payload: Json<'_>, level: usize) {
        if is_object(payload) {
            match Document::parse(payload.get().as_bytes(), self.limits) {
                Ok(mut document) => self.document(&mut document, level),
                Err(reject) => self.reject(reject),
            }
        } else if let Some(text) = json::text(payload) {
            self.text(&text, level);
        } else {
            self.reject(Reject::new(RejectClass::NotSes, "wrapper carries a list"));
        }
    }

    fn base64(&mut self, payload: Json<'_>, field: &str, level: usize) {
        let Some(text) = json::text(payload) else { return self.reject(Reject::wrong_type(field, "a string")) };
        let text = if text.bytes().any(|b| b.is_ascii_whitespace()) {
            Cow::Owned(text.split_ascii_whitespace().collect())
        } else {
            text
        };
        match BASE64.decode(text.as_bytes()) {
            Ok(bytes) => self.bytes(&bytes, level),
            Err(_) => self.reject(Reject::new(
                RejectClass::BadBase64,
                format!("field `{field}` is no base64: {}", quoted(&text)),
            )),
        }
    }

    fn bytes(&mut self, bytes: &[u8], level: usize) {
        if !decode::is_gzip(bytes) {
            return match std::str::from_utf8(bytes) {
                Ok(text) => self.text(text, level),
                Err(_) if bytes.trim_ascii_start().starts_with(b"{") => {
                    self.frames(&mut Frames::preloaded(io::empty(), bytes, self.limits), level);
                }
                Err(error) => {
                    let at = error.valid_up_to();
                    self.reject(Reject::new(
                        RejectClass::InvalidUtf8,
                        format!("wrapped data is no UTF-8 at byte `{at}`"),
                    ));
                }
            };
        }
        let mut frames = Frames::new(bytes, self.limits, Scratch::default());
        self.frames(&mut frames, level);
        self.unwrapped += frames.bytes().decoded;
    }

    fn text(&mut self, text: &str, level: usize) {
        self.unwrapped += text.len() as u64;
        if self.unwrapped > self.limits.max_unwrapped {
            let most = self.limits.max_unwrapped;
            return self
                .reject(Reject::new(RejectClass::TooLarge, format!("record unwraps to more than `{most}` bytes")));
        }
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            self.ignore(IgnoredClass::Empty);
        } else if text == TOPIC_VALIDATED {
            self.ignore(IgnoredClass::TestMessage);
        } else if !text.starts_with(['{', '[']) {
            self.reject(Reject::new(RejectClass::NotSes, format!("wrapper carries text: {}", quoted(text))));
        } else {
            match Document::parse(text.as_bytes(), self.limits) {
                Ok(mut document) => self.document(&mut document, level),
                Err(_) => self.frames(&mut Frames::preloaded(io::empty(), text.as_bytes(), self.limits), level),
            }
        }
    }

    /// Several records, or damaged ones, in one payload.
    fn frames<R: io::Read>(&mut self, frames: &mut Frames<R>, level: usize) {
        let mut count = 0_usize;
        let result = record::read(frames, self.limits, &mut |_, _, content| {
            count += 1;
            match content {
                Content::Document(document) => self.document(document, level),
                Content::Text(text) => self.line(text),
                Content::Broken(reject) => self.reject(reject),
            }
        });
        if let Err(error) = result {
            self.reject(Reject::new(RejectClass::NotSes, format!("wrapped data cannot be read: {error}")));
        } else if count == 0 {
            self.ignore(IgnoredClass::Empty);
        }
    }

    /// A line that starts neither an object nor an array.
    fn line(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes.trim_ascii()) {
            Ok(TOPIC_VALIDATED) => self.ignore(IgnoredClass::TestMessage),
            Ok(text) if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => {
                self.reject(Reject::new(RejectClass::NotSes, format!("record is no JSON object: {}", quoted(text))));
            }
            Ok(text) => {
                self.reject(Reject::new(RejectClass::InvalidJson, format!("text is no JSON: {}", quoted(text))));
            }
            Err(error) => {
                let at = error.valid_up_to();
                self.reject(Reject::new(RejectClass::InvalidUtf8, format!("text is no UTF-8 at its byte `{at}`")));
            }
        }
    }
}

/// The class of a record that says itself that it carries no event.
fn announced(document: &Document<'_>) -> Option<IgnoredClass> {
    let fields = &document.fields;
    let names = |raw: Raw<'_>, name: &str| json::non_empty(raw).as_deref() == Some(name);
    if names(fields.sns_type, "SubscriptionConfirmation") {
        Some(IgnoredClass::SubscriptionConfirmation)
    } else if names(fields.sns_type, "UnsubscribeConfirmation") {
        Some(IgnoredClass::UnsubscribeConfirmation)
    } else if names(fields.message_type, "CONTROL_MESSAGE") {
        Some(IgnoredClass::ControlMessage)
    } else if json::non_empty(fields.pinpoint_event_type).is_some_and(|name| name.starts_with('_')) {
        Some(IgnoredClass::Pinpoint)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;

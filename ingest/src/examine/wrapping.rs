//! What a record is and what it is wrapped in, in words.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Limits;
use crate::document::Document;
use crate::json::{self, Json, Raw, is_object, items};

/// Wrappers within wrappers are followed so far.
const DEEPEST: usize = 4;

/// `event`, `notification in sns`, `event in sns in sqs`, `other`: of several records in one wrapper the first.
pub(super) fn of(raw: &[u8], limits: &Limits) -> String {
    let mut wrappers = Vec::new();
    let kind = kind(raw.trim_ascii(), limits, &mut wrappers);
    wrappers.push(kind);
    wrappers.reverse();
    wrappers.join(" in ")
}

/// What is inside; wrappers are noted from the outside in.
fn kind(raw: &[u8], limits: &Limits, wrappers: &mut Vec<&'static str>) -> &'static str {
    let Ok(document) = Document::parse(raw, limits) else { return "other" };
    let fields = &document.fields;
    if fields.event_type.is_some() {
        return "event";
    }
    if fields.notification_type.is_some() {
        return "notification";
    }
    if wrappers.len() == DEEPEST {
        return "other";
    }
    let (name, payload): (&str, Raw<'_>) = if let Some(records) = fields.lambda_records {
        ("lambda records", first(records))
    } else if let Some(records) = fields.firehose_records {
        ("firehose records", first(records))
    } else if let Some(events) = fields.log_events {
        ("cloudwatch logs", first(events).and_then(message))
    } else if let Some(sns) = fields.lambda_sns {
        ("sns", Some(sns))
    } else if fields.sns_message.is_some() {
        ("sns", fields.sns_message)
    } else if fields.lambda_body.is_some() || fields.sqs_body.is_some() {
        ("sqs", fields.lambda_body.or(fields.sqs_body))
    } else if fields.detail.is_some() {
        ("eventbridge", fields.detail)
    } else if fields.raw_data.is_some() {
        ("firehose error output", fields.raw_data)
    } else if fields.data.is_some() {
        ("firehose record", fields.data)
    } else if fields.kinesis.is_some() {
        ("kinesis", fields.kinesis)
    } else {
        return "other";
    };
    // An invocation's `Sns` is an envelope by itself, and not one more.
    let is_same = wrappers.last() == Some(&"sns") && name == "sns";
    if !is_same {
        wrappers.push(name);
    }
    payload.map_or("other", |payload| inside(payload, limits, wrappers))
}

fn inside(payload: Json<'_>, limits: &Limits, wrappers: &mut Vec<&'static str>) -> &'static str {
    if is_object(payload) {
        return kind(payload.get().as_bytes(), limits, wrappers);
    }
    let Some(text) = json::text(payload) else { return "other" };
    if text.trim_start().starts_with('{') {
        return kind(text.trim().as_bytes(), limits, wrappers);
    }
    match STANDARD.decode(text.trim()) {
        Ok(bytes) if bytes.trim_ascii_start().starts_with(b"{") => kind(bytes.trim_ascii(), limits, wrappers),
        Ok(bytes) if crate::decode::is_gzip(&bytes) => "compressed",
        _ => "text",
    }
}

fn first(list: Json<'_>) -> Raw<'_> {
    items(list)?.into_iter().next()
}

/// The text of a line of a log.
fn message(line: Json<'_>) -> Raw<'_> {
    let fields: std::collections::BTreeMap<String, Json<'_>> = serde_json::from_str(line.get()).ok()?;
    fields.get("message").copied()
}

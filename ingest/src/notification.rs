//! What messages of a queue tell: that objects were written to a bucket, events of SES themselves, or nothing.
//!
//! ```text
//! {"Records":[{"s3":{...}}]}                          S3's own notification; keys are form-urlencoded (`+`, `%XX`)
//! {"source":"aws.s3","detail":{...}}                  EventBridge; keys are as they are
//! {"Event":"s3:TestEvent"}                            S3's test when a notification is set up
//! {"Type":"Notification","Message":"{...}"}           any of these by way of SNS, without raw delivery
//! {"eventType"|"notificationType"|"mail":...}, {"source":"aws.ses","detail":{...}}   events of SES
//! ```
//! Sources: Amazon S3 user guide, "Event message structure" (the key is URL-encoded) and "EventBridge event message structure" (it is not).

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::form_urlencoded;

/// A message within a message, no deeper than this.
const DEEPEST: usize = 3;

/// Regions have names like `ap-southeast-2`; more than this is none.
const LONGEST_REGION: usize = 32;

/// What SES publishes to a topic when it becomes an event destination; not JSON.
const TOPIC_VALIDATED: &str = "Successfully validated SNS topic for Amazon SES event publishing.";

/// What a message tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// Objects were written.
    Created(Vec<Created>),
    /// Events of SES, in the body as it is.
    Events,
    /// Nothing that would have to be done: a test message, or objects that were removed.
    Nothing,
}

/// An object that was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Created {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
    /// Its entity tag without quotes, if the message has it.
    pub etag: Option<String>,
    /// When it was written, if the message has it.
    pub written: Option<DateTime<Utc>>,
    /// The region of its bucket, if the message has it.
    pub region: Option<String>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(rename = "Type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(rename = "Message", borrow)]
    message: Option<&'a RawValue>,
    #[serde(rename = "Event", borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(rename = "Records", borrow)]
    records: Option<Vec<Record<'a>>>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(rename = "detail-type", borrow)]
    detail_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    region: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(rename = "eventType", borrow)]
    event_type: Option<&'a RawValue>,
    #[serde(rename = "notificationType", borrow)]
    notification_type: Option<&'a RawValue>,
    #[serde(borrow)]
    mail: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(rename = "eventName", borrow)]
    event_name: Option<Cow<'a, str>>,
    #[serde(rename = "eventTime", borrow)]
    event_time: Option<Cow<'a, str>>,
    #[serde(rename = "awsRegion", borrow)]
    region: Option<Cow<'a, str>>,
    #[serde(borrow)]
    s3: Option<Entity<'a>>,
}

/// `s3` of a record, and `detail` of EventBridge.
#[derive(Deserialize)]
struct Entity<'a> {
    #[serde(borrow)]
    bucket: Bucket<'a>,
    #[serde(borrow)]
    object: Object<'a>,
}

#[derive(Deserialize)]
struct Bucket<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(rename = "eTag", alias = "etag", borrow)]
    etag: Option<Cow<'a, str>>,
}

/// Reads the body of a message.
///
/// # Errors
/// Why the body is none of those that are known.
pub fn read_notification(body: &str) -> Result<Notification, String> {
    read(body, 0)
}

fn read(text: &str, level: usize) -> Result<Notification, String> {
    if text.trim() == TOPIC_VALIDATED {
        return Ok(Notification::Nothing);
    }
    if level > DEEPEST {
        return Err(format!("it is wrapped more than {DEEPEST} times"));
    }
    let body: Body<'_> =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON object that is known: {error}"))?;
    if body.event.as_deref() == Some("s3:TestEvent") {
        return Ok(Notification::Nothing);
    }
    if body.event_type.is_some() || body.notification_type.is_some() || body.mail.is_some() {
        return Ok(Notification::Events);
    }
    if let Some(records) = body.records {
        return s3(records);
    }
    if let (Some(kind), Some(message)) = (body.kind.as_deref(), body.message) {
        return match kind {
            "Notification" => within(message, level),
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => Ok(Notification::Nothing),
            _ => Err("it is a message of SNS of a type that is not known".to_owned()),
        };
    }
    match body.detail {
        Some(detail) => {
            let envelope = (text_of(body.source), body.detail_type.as_deref(), text_of(body.region));
            event_bridge(envelope, detail, level)
        }
        None => Err("it is neither a notification of S3 nor an event of SES".to_owned()),
    }
}

/// What SNS carries: mostly a string of JSON.
fn within(message: &RawValue, level: usize) -> Result<Notification, String> {
    match serde_json::from_str::<Cow<'_, str>>(message.get()) {
        Ok(text) => read(&text, level + 1),
        Err(_) => read(message.get(), level + 1),
    }
}

fn text_of(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(value?.get()).ok()
}

/// S3's own notification. Of other services' records none is expected in a queue.
fn s3(records: Vec<Record<'_>>) -> Result<Notification, String> {
    let mut created = Vec::new();
    for record in records {
        let (Some(name), Some(entity)) = (record.event_name, record.s3) else {
            return Err("its `Records` are not those of S3".to_owned());
        };
        if is_created(&name) {
            created.push(Created {
                bucket: entity.bucket.name.into_owned(),
                key: form_decoded(&entity.object.key)?,
                etag: entity.object.etag.map(Cow::into_owned),
                written: record.event_time.and_then(|time| time.parse().ok()),
                region: region(record.region.as_deref())?,
            });
        }
    }
    Ok(if created.is_empty() { Notification::Nothing } else { Notification::Created(created) })
}

/// `ObjectCreated:Put`, which topics and rules also spell with `s3:` before it.
fn is_created(event: &str) -> bool {
    event.strip_prefix("s3:").unwrap_or(event).starts_with("ObjectCreated:")
}

/// `a+b%2Bc` is `a b+c`.
fn form_decoded(key: &str) -> Result<String, String> {
    // A key as a form's only name: nothing in it is left to separate names, but for those that S3 would have encoded.
    let decoded: Vec<u8> = form_urlencoded::parse(key.replace('=', "%3D").replace('&', "%26").as_bytes())
        .flat_map(|(name, _)| name.into_owned().into_bytes())
        .collect();
    let decoded = String::from_utf8(decoded).unwrap_or_default();
    if decoded.is_empty() || decoded.contains('\u{fffd}') {
        return Err(format!("the key `{key}` is not that of an object"));
    }
    Ok(decoded)
}

/// A region, which becomes part of a host's name.
fn region(text: Option<&str>) -> Result<Option<String>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.len() > LONGEST_REGION || !text.bytes().all(fits) {
        return Err(format!("`{}` is no region", text.escape_debug()));
    }
    Ok(Some(text.to_owned()))
}

/// What EventBridge carries: source, type of the detail and region of the envelope, and the detail.
fn event_bridge(
    (source, detail_type, of): (Option<String>, Option<&str>, Option<String>),
    detail: &RawValue,
    level: usize,
) -> Result<Notification, String> {
    match (source.as_deref(), detail_type) {
        (Some("aws.s3"), Some("Object Created")) => {
            let entity: Entity<'_> = serde_json::from_str(detail.get())
                .map_err(|error| format!("its `detail` is not that of S3: {error}"))?;
            Ok(Notification::Created(vec![Created {
                bucket: entity.bucket.name.into_owned(),
                key: entity.object.key.into_owned(),
                etag: entity.object.etag.map(Cow::into_owned),
                written: None,
                region: region(of.as_deref())?,
            }]))
        }
        (Some("aws.s3"), _) => Ok(Notification::Nothing),
        // Those about the account are no events; the importer knows them.
        (Some("aws.ses"), _) => Ok(Notification::Events),
        _ => read(detail.get(), level + 1),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn created(key: &str) -> Notification {
        let (etag, written) = (Some("e".to_owned()), Some("2026-11-28T15:04:05.678Z".parse().unwrap()));
        let region = Some("eu-west-1".to_owned());
        Notification::Created(vec![Created { bucket: "raw".to_owned(), key: key.to_owned(), etag, written, region }])
    }

    fn s3_body(name: &str, key: &str) -> String {
        format!(
            r#"{{"Records":[{{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1","eventTime":"2026-11-28T15:04:05.678Z","eventName":"{name}","s3":{{"bucket":{{"name":"raw"}},"object":{{"key":"{key}","size":7,"eTag":"e"}}}}}}]}}"#
        )
    }

    fn in_sns(message: &str) -> String {
        serde_json::json!({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": message}).to_string()
    }

    #[test]
    fn keys_of_s3_are_form_urlencoded() {
        for (written, key) in [
            ("ses/2026/11/28/15/x-1-2026.gz", "ses/2026/11/28/15/x-1-2026.gz"),
            ("ses%2F2026%2Fx", "ses/2026/x"),
            ("a+b%2Bc", "a b+c"),
            ("day%3D28/a%26b", "day=28/a&b"),
            ("day=28/a&b=", "day=28/a&b="),
            ("%E6%97%A5%E6%9C%AC%25", "日本%"),
            ("%22quoted%22", "\"quoted\""),
        ] {
            let body = s3_body("ObjectCreated:Put", written);
            assert_eq!(read_notification(&body), Ok(created(key)), "{written}");
            assert_eq!(read_notification(&in_sns(&body)), Ok(created(key)), "{written}");
        }
        for key in ["", "%FF", "a%C3"] {
            assert!(read_notification(&s3_body("ObjectCreated:Put", key)).is_err(), "{key}");
        }
    }

    #[test]
    fn keys_of_event_bridge_are_as_they_are() {
        let body = r#"{"version":"0","id":"i","detail-type":"Object Created","source":"aws.s3","account":"1","time":"2026-11-28T15:04:05Z","region":"eu-central-2","resources":[],
            "detail":{"version":"0","bucket":{"name":"raw"},"object":{"key":"a+b%2Bc d","size":7,"etag":"e","sequencer":"0"},"reason":"PutObject"}}"#;
        for body in [body, &in_sns(body)] {
            let Ok(Notification::Created(created)) = read_notification(body) else { panic!("{body}") };
            assert_eq!((created[0].key.as_str(), created[0].etag.as_deref()), ("a+b%2Bc d", Some("e")));
            assert_eq!(created[0].region.as_deref(), Some("eu-central-2"));
        }
        let deleted = body.replace("Object Created", "Object Deleted");
        assert_eq!(read_notification(&deleted), Ok(Notification::Nothing));
    }

    #[test]
    fn regions_are_names_and_nothing_else() {
        let body = s3_body("ObjectCreated:Put", "x");
        for bad in ["evil.example/#", "eu-west-1.evil", "EU", "a b", &"a".repeat(33)] {
            assert!(read_notification(&body.replace("eu-west-1", bad)).is_err(), "{bad}");
        }
        for none in [body.replace("eu-west-1", ""), body.replace(r#""awsRegion":"eu-west-1","#, "")] {
            let Ok(Notification::Created(created)) = read_notification(&none) else { panic!("{none}") };
            assert_eq!(created[0].region, None);
        }
    }

    #[test]
    fn other_messages_are_told_apart() {
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-28T15:04:05.000Z","Bucket":"raw","RequestId":"r","HostId":"h"}"#;
        let ses = r#"{"eventType":"Send","mail":{"messageId":"m"},"send":{}}"#;
        let bridge = format!(r#"{{"version":"0","detail-type":"Email Sent","source":"aws.ses","detail":{ses}}}"#);
        let custom_bus = format!(r#"{{"version":"0","detail-type":"x","source":"mine","detail":{ses}}}"#);
        let removed = s3_body("ObjectRemoved:Delete", "x");
        for (body, expected) in [
            (test, Notification::Nothing),
            (&removed, Notification::Nothing),
            (TOPIC_VALIDATED, Notification::Nothing),
            (ses, Notification::Events),
            (&bridge, Notification::Events),
            (&custom_bus, Notification::Events),
        ] {
            assert_eq!(read_notification(body), Ok(expected.clone()), "{body}");
            assert_eq!(read_notification(&in_sns(body)), Ok(expected), "{body} in SNS");
        }
        let legacy = r#"{"notificationType":"Bounce","mail":{},"bounce":{}}"#;
        assert_eq!(read_notification(legacy), Ok(Notification::Events));
        for poison in [
            "",
            "hello",
            "[]",
            "{}",
            "{\"Records\":[{}]}",
            "{\"Records\":7}",
            "{\"detail\":{}}",
            "{\"Type\":\"Notification\",\"Message\":\"hello\"}",
            "{\"Type\":\"Other\",\"Message\":\"{}\"}",
            "{\"source\":\"aws.s3\",\"detail-type\":\"Object Created\",\"detail\":{}}",
            &in_sns(&in_sns(&in_sns(&in_sns(&in_sns(ses))))),
        ] {
            assert!(read_notification(poison).is_err(), "{poison}");
        }
    }
}

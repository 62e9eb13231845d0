//! Event identity: a 64-bit hash of what makes an event that event.
//!
//! SES gives no event id, so each row's id is XXH3-64 over the event's type, the parts below, and the row's
//! recipient in lower case. Wrapper, key order and route do not enter, nor do the event's other recipients, so it does not
//! matter whether SES reports several recipients in one event or in several.
//!
//! | type | parts |
//! |---|---|
//! | Bounce, Complaint | feedback id |
//! | Send, Reject, Rendering Failure | message id |
//! | Delivery, DeliveryDelay | message id, own time |
//! | Open | message id, own time, IP address, user agent |
//! | Click | those of an open, link |
//! | Subscription | message id, own time, contact list |
//!
//! Two opens or clicks in the same millisecond from one address and agent are one event: nothing tells them from a
//! record delivered twice. Where the feedback or message id is missing, the canonical JSON of the whole
//! event (keys sorted, white space and escapes resolved) takes the parts' place.

use repute_lake::{Event, EventType};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::recipients::lower_case;
use crate::json::{self, Json, Key};

/// Gives every recipient of the event its id; `json` is the event's own text.
pub(super) fn assign(event: &mut Event<'_>, json: &str) {
    let mut key = Vec::with_capacity(256);
    part(&mut key, Some(event.event_type.as_str().as_bytes()));
    if !identify(event, &mut key) {
        let mut canonical = Vec::with_capacity(json.len());
        if let Ok(value) = serde_json::from_str(json) {
            canonicalize(value, &mut canonical);
        }
        part(&mut key, Some(&xxh3_128(&canonical).to_le_bytes()));
    }
    let length = key.len();
    for recipient in &mut event.recipients {
        key.truncate(length);
        let address = recipient.address.as_deref().map(lower_case).unwrap_or_default();
        part(&mut key, Some(address.as_bytes()));
        recipient.event_id = xxh3_64(&key).cast_signed();
    }
}

/// Adds the parts of the event's key; false if the one it cannot do without is missing.
fn identify(event: &Event<'_>, key: &mut Vec<u8>) -> bool {
    let id = match event.event_type {
        EventType::Bounce | EventType::Complaint => &event.feedback_id,
        _ => &event.message_id,
    };
    let Some(id) = id else { return false };
    part(key, Some(id.as_bytes()));
    let time = event.event_time.timestamp_micros().to_le_bytes();
    let texts = match event.event_type {
        EventType::Bounce
        | EventType::Complaint
        | EventType::Send
        | EventType::Reject
        | EventType::RenderingFailure => return true,
        EventType::Delivery | EventType::DeliveryDelay => [None, None, None],
        EventType::Open => [event.ip_address.as_deref(), event.user_agent.as_deref(), None],
        EventType::Click => [event.ip_address.as_deref(), event.user_agent.as_deref(), event.link.as_deref()],
        EventType::Subscription => [event.contact_list.as_deref(), None, None],
    };
    part(key, Some(&time));
    texts.into_iter().for_each(|text| part(key, text.map(str::as_bytes)));
    true
}

/// Adds one part with its length in front, so that no two lists of parts have the same bytes.
fn part(key: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            key.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            key.extend_from_slice(bytes);
        }
        None => key.extend_from_slice(&u64::MAX.to_le_bytes()),
    }
}

/// Writes a value so that equal values have equal bytes; records are bounded in depth before they get here.
fn canonicalize(value: Json<'_>, out: &mut Vec<u8>) {
    let json = value.get();
    match json.as_bytes().first() {
        Some(b'{') => {
            let mut fields = serde_json::from_str(json).map(|Fields(fields)| fields).unwrap_or_default();
            fields.sort_by(|(a, _), (b, _)| a.0.cmp(&b.0));
            out.push(b'{');
            for (Key(name), value) in fields {
                part(out, Some(name.as_bytes()));
                canonicalize(value, out);
            }
            out.push(b'}');
        }
        Some(b'[') => {
            out.push(b'[');
            json::items(value).unwrap_or_default().into_iter().for_each(|item| canonicalize(item, out));
            out.push(b']');
        }
        Some(b'"') => {
            out.push(b'"');
            part(out, json::text(value).as_deref().map(str::as_bytes));
        }
        _ => {
            out.push(b' ');
            out.extend_from_slice(json.as_bytes());
        }
    }
}

/// An object's fields in the order they stand in.
struct Fields<'a>(Vec<(Key<'a>, Json<'a>)>);

impl<'de> serde::Deserialize<'de> for Fields<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> serde::de::Visitor<'de> for List {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(List)
    }
}

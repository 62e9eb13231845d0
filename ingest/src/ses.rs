//! SES's own objects to events: event publishing (`eventType`) and identity notifications (`notificationType`).

mod address;
mod convert;
mod identity;
mod recipients;
mod tags;
mod time;
pub(crate) mod wire;

use std::str::FromStr;

pub use address::bare as bare_address;
use repute_lake::EventType;
pub(crate) use tags::TagLists;

use crate::document::Document;
use crate::json;
use crate::verdict::quoted;
use crate::{IgnoredClass, Limits, Reject, RejectClass, Verdict};

/// What an object with an SES type or a `mail` object is; nothing but its text is left of it afterwards.
pub(crate) fn verdict<'e, 'a: 'e>(document: &mut Document<'a>, tags: &'e mut TagLists, limits: &Limits) -> Verdict<'e> {
    let (field, name) = match (document.fields.event_type, document.fields.notification_type) {
        (Some(name), _) => ("eventType", name),
        (None, Some(name)) => ("notificationType", name),
        (None, None) => return Verdict::Rejected(Reject::missing("eventType")),
    };
    let Some(name) = json::text(name).filter(|_| name.get().starts_with('"')) else {
        return Verdict::Rejected(Reject::wrong_type(field, "a string"));
    };
    match EventType::from_str(&name) {
        Ok(event_type) => match convert::event(document, event_type, tags, limits) {
            Ok(event) => Verdict::Event(event),
            Err(reject) => Verdict::Rejected(reject),
        },
        Err(_) => match &*name {
            "Received" => Verdict::Ignored(IgnoredClass::InboundMail),
            "AmazonSnsSubscriptionSucceeded" => Verdict::Ignored(IgnoredClass::TestMessage),
            _ if ["TEXT_", "VOICE_", "MEDIA_"].iter().any(|kind| name.starts_with(kind)) => {
                Verdict::Ignored(IgnoredClass::Sms)
            }
            _ => Verdict::Rejected(Reject::new(
                RejectClass::UnknownEventType,
                format!("unknown event type {}", quoted(&name)),
            )),
        },
    }
}

#[cfg(test)]
mod tests;

//! What SNS posts, and what of it is signed.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Deserialize;

use super::SnsRefusal;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    message_id: Cow<'a, str>,
    topic_arn: Cow<'a, str>,
    subject: Option<Cow<'a, str>>,
    message: Cow<'a, str>,
    timestamp: Cow<'a, str>,
    signature_version: Cow<'a, str>,
    signature: Cow<'a, str>,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: Cow<'a, str>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<Cow<'a, str>>,
    token: Option<Cow<'a, str>>,
}

/// A message, not believed yet.
///
/// The signed text separates its values by line feeds and does not escape those inside of them. So that it can be read in one way
/// only, no value but the message's may have any.
pub(super) struct Envelope<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) id: Cow<'a, str>,
    pub(super) topic: Cow<'a, str>,
    pub(super) timestamp: DateTime<Utc>,
    pub(super) version: Cow<'a, str>,
    pub(super) signature: Cow<'a, str>,
    pub(super) certificate: Cow<'a, str>,
    subject: Option<Cow<'a, str>>,
    message: Cow<'a, str>,
    time: Cow<'a, str>,
}

/// What a message is about.
pub(super) enum Kind<'a> {
    Notification,
    SubscriptionConfirmation { token: Cow<'a, str>, url: Cow<'a, str> },
    UnsubscribeConfirmation { token: Cow<'a, str>, url: Cow<'a, str> },
}

impl Kind<'_> {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::SubscriptionConfirmation { .. } => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation { .. } => "UnsubscribeConfirmation",
        }
    }
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, SnsRefusal> {
        let wire: Wire<'a> = serde_json::from_slice(body)
            .map_err(|_| SnsRefusal::Malformed("a field is missing, or of another type"))?;
        let timestamp = NaiveDateTime::parse_from_str(&wire.timestamp, "%Y-%m-%dT%H:%M:%S%.3fZ")
            .map_err(|_| SnsRefusal::Malformed("the time is no time"))?;
        if !is_id(&wire.message_id) {
            return Err(SnsRefusal::Malformed("the message's id is no UUID"));
        }
        let kind = match &*wire.r#type {
            "Notification" => Kind::Notification,
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                let (Some(token), Some(url)) = (wire.token, wire.subscribe_url) else {
                    return Err(SnsRefusal::Malformed("a confirmation has no token"));
                };
                let is_token = (1..=1_024).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_alphanumeric());
                if !is_token || url.contains(char::is_control) {
                    return Err(SnsRefusal::Malformed("a confirmation's token or address is none"));
                }
                match &*wire.r#type {
                    "SubscriptionConfirmation" => Kind::SubscriptionConfirmation { token, url },
                    _ => Kind::UnsubscribeConfirmation { token, url },
                }
            }
            _ => return Err(SnsRefusal::Malformed("its type is unknown")),
        };
        if wire.subject.as_ref().is_some_and(|subject| subject.contains(char::is_control)) {
            return Err(SnsRefusal::Malformed("the subject has control characters"));
        }
        Ok(Self {
            kind,
            id: wire.message_id,
            topic: wire.topic_arn,
            timestamp: timestamp.and_utc(),
            version: wire.signature_version,
            signature: wire.signature,
            certificate: wire.signing_cert_url,
            subject: wire.subject,
            message: wire.message,
            time: wire.timestamp,
        })
    }

    /// What the signature is of: names and values, each with a line feed behind it, in the order of the names.
    pub(super) fn signed_text(&self) -> String {
        let mut fields = vec![("Message", &*self.message), ("MessageId", &self.id)];
        match &self.kind {
            Kind::Notification => {
                fields.extend(self.subject.as_deref().map(|subject| ("Subject", subject)));
                fields.push(("Timestamp", &self.time));
            }
            Kind::SubscriptionConfirmation { token, url } | Kind::UnsubscribeConfirmation { token, url } => {
                fields.extend([("SubscribeURL", &**url), ("Timestamp", &self.time), ("Token", token)]);
            }
        }
        fields.extend([("TopicArn", &*self.topic), ("Type", self.kind.as_str())]);
        fields.into_iter().flat_map(|(name, value)| [name, "\n", value, "\n"]).collect()
    }
}

/// `22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324`
fn is_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

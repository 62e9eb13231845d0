//! The vocabulary every stage shares: one SES event, its closed sets, and its place in time.
//!
//! An [`Event`] borrows its text from the record it was parsed from and becomes one row per
//! [`Recipient`] when it is appended to [`crate::EventRows`].

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use chrono::{DateTime, Utc};

/// What happened to a message: the ten SES event types.
///
/// Source: SES developer guide, "Contents of event data that Amazon SES publishes to Firehose".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventType {
    /// SES accepted the send request and will attempt to deliver.
    Send,
    /// The receiving mail server accepted the message.
    Delivery,
    /// A hard bounce, or a soft bounce on which SES gave up.
    Bounce,
    /// A recipient marked the message as spam.
    Complaint,
    /// SES accepted the message and then refused to send it (a virus).
    Reject,
    /// A temporary failure; SES goes on trying.
    DeliveryDelay,
    /// The recipient's mail client fetched the tracking pixel.
    Open,
    /// A tracked link was followed.
    Click,
    /// A template could not be rendered; nothing was sent.
    RenderingFailure,
    /// The recipient changed subscription preferences.
    Subscription,
}

impl EventType {
    /// All ten, in the order in which SES documents them.
    pub const ALL: [Self; 10] = [
        Self::Send,
        Self::Delivery,
        Self::Bounce,
        Self::Complaint,
        Self::Reject,
        Self::DeliveryDelay,
        Self::Open,
        Self::Click,
        Self::RenderingFailure,
        Self::Subscription,
    ];

    /// SES's own spelling, as stored in the `event_type` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Send => "Send",
            Self::Delivery => "Delivery",
            Self::Bounce => "Bounce",
            Self::Complaint => "Complaint",
            Self::Reject => "Reject",
            Self::DeliveryDelay => "DeliveryDelay",
            Self::Open => "Open",
            Self::Click => "Click",
            Self::RenderingFailure => "Rendering Failure",
            Self::Subscription => "Subscription",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names none of the ten event types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown event type `{0}`")]
pub struct UnknownEventType(pub String);

impl FromStr for EventType {
    type Err = UnknownEventType;

    /// Takes SES's spelling, and also the same letters without spaces or in another case
    /// (`RenderingFailure`, `open`), which hand-made feeds use.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let same = |a: &str, b: &str| {
            let letters =
                |s: &str| s.bytes().filter(|b| *b != b' ').map(|b| b.to_ascii_lowercase()).collect::<Vec<_>>();
            letters(a) == letters(b)
        };
        Self::ALL
            .into_iter()
            .find(|t| t.as_str() == text)
            .or_else(|| Self::ALL.into_iter().find(|t| same(t.as_str(), text)))
            .ok_or_else(|| UnknownEventType(text.to_owned()))
    }
}

/// A tag's name and its values, joined by a comma.
pub type Tag<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The tags of one event: its own, or a list that its reader has met before.
#[derive(Debug, Clone)]
pub enum Tags<'a> {
    /// A list of this event's own.
    Own(Vec<Tag<'a>>),
    /// A list that many events share.
    Shared {
        /// The same number always stands for the same list, as long as one reader reads.
        number: u64,
        /// The list.
        tags: &'a [Tag<'a>],
    },
}

impl Tags<'_> {
    /// The number of a shared list.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Own(_) => None,
            Self::Shared { number, .. } => Some(*number),
        }
    }
}

impl<'a> Deref for Tags<'a> {
    type Target = [Tag<'a>];

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Own(tags) => tags,
            Self::Shared { tags, .. } => tags,
        }
    }
}

impl<'a> From<Vec<Tag<'a>>> for Tags<'a> {
    fn from(tags: Vec<Tag<'a>>) -> Self {
        Self::Own(tags)
    }
}

impl Default for Tags<'_> {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl PartialEq for Tags<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// One SES event, independent of the wrapper and route it came by.
///
/// Every text is borrowed from the record where it stood unescaped. Times are UTC. A field is
/// `None` where SES does not send it for this type or this event lacks it; see [`crate::schema`]
/// for the column each becomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// What happened.
    pub event_type: EventType,
    /// When it happened; for Send, Reject and Rendering Failure, which carry no time of their own, `mail.timestamp`.
    pub event_time: DateTime<Utc>,
    /// When SES accepted the message: `mail.timestamp`.
    pub sent_time: Option<DateTime<Utc>>,
    /// One per row. Never empty: an event without any known recipient holds one with no address.
    pub recipients: Vec<Recipient<'a>>,
    /// Tag `ses:configuration-set`.
    pub configuration_set: Option<Cow<'a, str>>,
    /// Tag `ses:from-domain`, else the domain of `mail.source`, in lower case.
    pub from_domain: Option<Cow<'a, str>>,
    /// `mail.sendingAccountId`: twelve digits, kept as text.
    pub account_id: Option<Cow<'a, str>>,
    /// The region in `mail.sourceArn`.
    pub region: Option<Cow<'a, str>>,
    /// `mail.messageId`.
    pub message_id: Option<Cow<'a, str>>,
    /// Tag `ses:caller-identity`, else `mail.callerIdentity`.
    pub caller_identity: Option<Cow<'a, str>>,
    /// `mail.source`: the envelope sender as SES reports it.
    pub source: Option<Cow<'a, str>>,
    /// Tag `ses:tenant-name`.
    pub tenant: Option<Cow<'a, str>>,
    /// Every tag without a column of its own, and all custom tags: name, values joined by a comma.
    pub tags: Tags<'a>,
    /// Tag `ses:outgoing-ip`.
    pub outgoing_ip: Option<Cow<'a, str>>,
    /// `mail.commonHeaders.subject`, damaged text replaced by U+FFFD.
    pub subject: Option<Cow<'a, str>>,
    /// `failure.templateName`; else the custom tag `template` fills the column.
    pub template: Option<Cow<'a, str>>,
    /// `bounceType`: `Permanent`, `Transient`, `Undetermined`, or whatever AWS adds.
    pub bounce_type: Option<Cow<'a, str>>,
    /// `bounceSubType`; an open set.
    pub bounce_subtype: Option<Cow<'a, str>>,
    /// `reportingMTA` of a bounce, delivery or delay, without its `dns;` or `dsn;` prefix.
    pub reporting_mta: Option<Cow<'a, str>>,
    /// `remoteMtaIp`.
    pub remote_mta_ip: Option<Cow<'a, str>>,
    /// `feedbackId` of a bounce or complaint.
    pub feedback_id: Option<Cow<'a, str>>,
    /// `complaintFeedbackType` (IANA MARF: `abuse`, `not-spam`, ...).
    pub complaint_feedback_type: Option<Cow<'a, str>>,
    /// `complaintSubType`.
    pub complaint_subtype: Option<Cow<'a, str>>,
    /// `complaint.arrivalDate`: when the feedback report arrived.
    pub arrival_date: Option<DateTime<Utc>>,
    /// `delivery.smtpResponse`.
    pub smtp_response: Option<Cow<'a, str>>,
    /// `delivery.processingTimeMillis`, in milliseconds.
    pub processing_ms: Option<i64>,
    /// `deliveryDelay.delayType`.
    pub delay_type: Option<Cow<'a, str>>,
    /// `deliveryDelay.expirationTime`: when SES will stop trying.
    pub expiration_time: Option<DateTime<Utc>>,
    /// `ipAddress` of an open or click.
    pub ip_address: Option<Cow<'a, str>>,
    /// `userAgent` of an open, click or complaint.
    pub user_agent: Option<Cow<'a, str>>,
    /// `isBotEvent`: `Likely` or `Unlikely`.
    pub bot_likelihood: Option<Cow<'a, str>>,
    /// `click.link`.
    pub link: Option<Cow<'a, str>>,
    /// `click.linkTags`: name, values joined by a comma.
    pub link_tags: Vec<Tag<'a>>,
    /// `reject.reason`, or `failure.errorMessage`.
    pub reason: Option<Cow<'a, str>>,
    /// `subscription.contactList`.
    pub contact_list: Option<Cow<'a, str>>,
    /// `subscription.source`.
    pub subscription_source: Option<Cow<'a, str>>,
    /// `subscription.newTopicPreferences`, as the JSON text SES sent.
    pub new_topic_preferences: Option<Cow<'a, str>>,
    /// `subscription.oldTopicPreferences`, as the JSON text SES sent.
    pub old_topic_preferences: Option<Cow<'a, str>>,
    /// Fields of the event that have no column, as one JSON object; AWS reserves the right to add fields.
    pub extra: Option<Cow<'a, str>>,
}

impl Event<'_> {
    /// An event of this type at this time with nothing else known: no recipient yet, every other field `None`.
    pub fn new(event_type: EventType, event_time: DateTime<Utc>) -> Self {
        Self {
            event_type,
            event_time,
            sent_time: None,
            recipients: Vec::new(),
            configuration_set: None,
            from_domain: None,
            account_id: None,
            region: None,
            message_id: None,
            caller_identity: None,
            source: None,
            tenant: None,
            tags: Tags::default(),
            outgoing_ip: None,
            subject: None,
            template: None,
            bounce_type: None,
            bounce_subtype: None,
            reporting_mta: None,
            remote_mta_ip: None,
            feedback_id: None,
            complaint_feedback_type: None,
            complaint_subtype: None,
            arrival_date: None,
            smtp_response: None,
            processing_ms: None,
            delay_type: None,
            expiration_time: None,
            ip_address: None,
            user_agent: None,
            bot_likelihood: None,
            link: None,
            link_tags: Vec::new(),
            reason: None,
            contact_list: None,
            subscription_source: None,
            new_topic_preferences: None,
            old_topic_preferences: None,
            extra: None,
        }
    }
}

/// One recipient of an event: what is its own in the row it becomes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recipient<'a> {
    /// The bare address, display name and angle brackets removed, domain in lower case.
    /// `None` where the event does not say which recipient acted.
    pub address: Option<Cow<'a, str>>,
    /// 64-bit hash of the event's canonical identity and this recipient; unique together with the event's time.
    pub event_id: i64,
    /// Enhanced status code (RFC 3463), as in `4.4.7`.
    pub status: Option<Cow<'a, str>>,
    /// `diagnosticCode`: the receiving server's words.
    pub diagnostic_code: Option<Cow<'a, str>>,
}

impl Recipient<'_> {
    /// The part after the last `@`, or `None` where there is no address or no `@`.
    pub fn domain(&self) -> Option<&str> {
        self.address.as_deref()?.rsplit_once('@').map(|(_, domain)| domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_its_spelling() {
        for event_type in EventType::ALL {
            assert_eq!(event_type.as_str().parse(), Ok(event_type));
        }
        assert_eq!("RenderingFailure".parse(), Ok(EventType::RenderingFailure));
        assert_eq!("open".parse(), Ok(EventType::Open));
        assert_eq!("TEXT_SENT".parse::<EventType>(), Err(UnknownEventType("TEXT_SENT".into())));
    }
}

//! What became of a record: an event, or a class and a reason.

use std::fmt;

use repute_lake::Event;

/// Where a frame starts in its decoded object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Byte offset in the decoded object.
    pub offset: u64,
    /// Line number, starting at 1.
    pub line: u64,
}

impl Place {
    pub(crate) const START: Self = Self { offset: 0, line: 1 };
}

/// What one record turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict<'a> {
    /// An SES event.
    Event(Box<Event<'a>>),
    /// A record that is known to be no event and of no further interest.
    Ignored(IgnoredClass),
    /// A record that could not be understood, for the quarantine.
    Rejected(Reject),
}

/// Why a record was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The kind of damage.
    pub class: RejectClass,
    /// What exactly is wrong, in lower case with the bad value in backticks.
    pub reason: String,
}

impl Reject {
    pub(crate) fn new(class: RejectClass, reason: impl Into<String>) -> Self {
        Self { class, reason: reason.into() }
    }

    pub(crate) fn missing(field: &str) -> Self {
        Self::new(RejectClass::MissingField, format!("field `{field}` is missing"))
    }

    pub(crate) fn wrong_type(field: &str, expected: &str) -> Self {
        Self::new(RejectClass::WrongType, format!("field `{field}` is not {expected}"))
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.as_str(), self.reason)
    }
}

/// The kinds of damage a record can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectClass {
    /// A record that stops before its end: at the end of the object, or where the next line begins a new one.
    TruncatedJson,
    /// Text that is no JSON.
    InvalidJson,
    /// Bytes that are no UTF-8.
    InvalidUtf8,
    /// JSON nested deeper than [`crate::Limits::max_depth`], or more wrappers than [`crate::Limits::max_wrappers`].
    TooDeep,
    /// A record larger than [`crate::Limits::max_record`], or one that unwraps or inflates beyond its limit.
    TooLarge,
    /// A time that cannot be read, or lies before 2011 or after [`crate::Limits::latest`].
    BadTime,
    /// A needed field is absent, null or empty.
    MissingField,
    /// A needed field holds another JSON type.
    WrongType,
    /// A known key stands twice in one object.
    DuplicateKey,
    /// Shaped like an SES event, but of none of the ten types.
    UnknownEventType,
    /// Readable, but no SES event and no known wrapper of one.
    NotSes,
    /// A gzip stream that stops before its end.
    TruncatedGzip,
    /// A gzip stream that contradicts itself, or bytes after it that are no gzip member.
    CorruptGzip,
    /// Packed otherwise than by gzip, and cut off.
    TruncatedCompression,
    /// Packed otherwise than by gzip, and contradicting itself.
    CorruptCompression,
    /// Packed in a way that is not read here.
    UnsupportedCompression,
    /// A wrapper's base64 that cannot be decoded.
    BadBase64,
}

impl RejectClass {
    /// The class as stored and printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TruncatedJson => "truncated_json",
            Self::InvalidJson => "invalid_json",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::TooDeep => "too_deep",
            Self::TooLarge => "too_large",
            Self::BadTime => "bad_time",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::DuplicateKey => "duplicate_key",
            Self::UnknownEventType => "unknown_event_type",
            Self::NotSes => "not_ses",
            Self::TruncatedGzip => "truncated_gzip",
            Self::CorruptGzip => "corrupt_gzip",
            Self::TruncatedCompression => "truncated_compression",
            Self::CorruptCompression => "corrupt_compression",
            Self::UnsupportedCompression => "unsupported_compression",
            Self::BadBase64 => "bad_base64",
        }
    }
}

/// The kinds of record that share buckets and topics with SES events and are rightly left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IgnoredClass {
    /// SNS asks to confirm a subscription.
    SubscriptionConfirmation,
    /// SNS confirms that a subscription ended.
    UnsubscribeConfirmation,
    /// What SES sends when a topic is connected.
    TestMessage,
    /// Mail that SES received (`notificationType` `Received`, the Lambda action's `ses` record).
    InboundMail,
    /// AWS End User Messaging: text, voice and media messages.
    Sms,
    /// Amazon Pinpoint's `event_type` records.
    Pinpoint,
    /// EventBridge events about the account: advisor recommendations, sending status.
    AccountStatus,
    /// CloudWatch Logs checking its destination.
    ControlMessage,
    /// A wrapper with nothing in it.
    Empty,
}

impl IgnoredClass {
    /// The class as stored and printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SubscriptionConfirmation => "subscription_confirmation",
            Self::UnsubscribeConfirmation => "unsubscribe_confirmation",
            Self::TestMessage => "test_message",
            Self::InboundMail => "inbound_mail",
            Self::Sms => "sms",
            Self::Pinpoint => "pinpoint",
            Self::AccountStatus => "account_status",
            Self::ControlMessage => "control_message",
            Self::Empty => "empty",
        }
    }
}

/// A value as it may stand in a reason: in backticks, at most 64 characters, control characters escaped.
pub(crate) fn quoted(value: &str) -> String {
    let mut text = String::from("`");
    for (count, c) in value.chars().enumerate() {
        if count == 64 {
            text.push('…');
            break;
        }
        if c.is_control() || c == '`' {
            text.extend(c.escape_unicode());
        } else {
            text.push(c);
        }
    }
    text.push('`');
    text
}

//! What can happen to a message: the ten SES event types with what tells one event of a type from another.
//!
//! Spellings: <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-firehose-contents.html>.

/// Which of a message's recipients an event is about: bit n stands for the n-th destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Among(pub(crate) u8);

impl Among {
    pub(crate) fn positions(self) -> impl Iterator<Item = usize> {
        (0..8).filter(move |position| self.0 & (1 << position) != 0)
    }
}

/// One event of one message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Event {
    /// When it happened, in milliseconds since 1970.
    pub(crate) time: i64,
    /// Its place among the events of its message.
    pub(crate) number: u16,
    pub(crate) what: What,
}

/// An event type and its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Send,
    Delivery(Among),
    Bounce(Bounce, Among),
    /// With the time the mail arrived, in milliseconds since 1970.
    Complaint(Complaint, Among, i64),
    Reject,
    DeliveryDelay(Delay, Among),
    /// Whether a machine did it.
    Open(bool),
    Click(bool),
    RenderingFailure,
    Subscription,
}

/// The documented bounces; two of them share the spelling `Transient`/`General`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bounce {
    NoEmail,
    General,
    Suppressed,
    AccountList,
    TenantList,
    Unsubscribed,
    EmailValidation,
    OutOfOffice,
    Expired,
    MailboxFull,
    MessageTooLarge,
    ContentRejected,
    AttachmentRejected,
    TimeoutExceeded,
    Undetermined,
}

impl Bounce {
    pub(crate) const ALL: [Self; 15] = [
        Self::NoEmail,
        Self::General,
        Self::Suppressed,
        Self::AccountList,
        Self::TenantList,
        Self::Unsubscribed,
        Self::EmailValidation,
        Self::OutOfOffice,
        Self::Expired,
        Self::MailboxFull,
        Self::MessageTooLarge,
        Self::ContentRejected,
        Self::AttachmentRejected,
        Self::TimeoutExceeded,
        Self::Undetermined,
    ];

    /// `bounceType` and `bounceSubType`.
    pub(crate) fn spelling(self) -> (&'static str, &'static str) {
        match self {
            Self::NoEmail => ("Permanent", "NoEmail"),
            Self::General => ("Permanent", "General"),
            Self::Suppressed => ("Permanent", "Suppressed"),
            Self::AccountList => ("Permanent", "OnAccountSuppressionList"),
            Self::TenantList => ("Permanent", "OnTenantSuppressionList"),
            Self::Unsubscribed => ("Permanent", "UnsubscribedRecipient"),
            Self::EmailValidation => ("Permanent", "EmailValidationSuppressed"),
            Self::OutOfOffice | Self::Expired => ("Transient", "General"),
            Self::MailboxFull => ("Transient", "MailboxFull"),
            Self::MessageTooLarge => ("Transient", "MessageTooLarge"),
            Self::ContentRejected => ("Transient", "ContentRejected"),
            Self::AttachmentRejected => ("Transient", "AttachmentRejected"),
            Self::TimeoutExceeded => ("Transient", "CustomTimeoutExceeded"),
            Self::Undetermined => ("Undetermined", "Undetermined"),
        }
    }
}

/// The complaints: by feedback type, without a report, or by subtype.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Complaint {
    Abuse,
    Fraud,
    Other,
    NotSpam,
    NoReport,
    AccountList,
    TenantList,
}

impl Complaint {
    pub(crate) const ALL: [Self; 7] =
        [Self::Abuse, Self::Fraud, Self::Other, Self::NotSpam, Self::NoReport, Self::AccountList, Self::TenantList];

    /// `complaintFeedbackType`, where a report came with it.
    pub(crate) fn feedback_type(self) -> Option<&'static str> {
        match self {
            Self::Abuse => Some("abuse"),
            Self::Fraud => Some("fraud"),
            Self::Other => Some("other"),
            Self::NotSpam => Some("not-spam"),
            Self::NoReport | Self::AccountList | Self::TenantList => None,
        }
    }

    /// `complaintSubType`, null in most events.
    pub(crate) fn subtype(self) -> Option<&'static str> {
        match self {
            Self::AccountList => Some("OnAccountSuppressionList"),
            Self::TenantList => Some("OnTenantSuppressionList"),
            Self::Abuse | Self::Fraud | Self::Other | Self::NotSpam | Self::NoReport => None,
        }
    }
}

/// `delayType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delay {
    InternalFailure,
    General,
    MailboxFull,
    SpamDetected,
    RecipientServerError,
    IpFailure,
    TransientCommunicationFailure,
    ByoipHostNameLookupUnavailable,
    Undetermined,
    SendingDeferral,
}

impl Delay {
    pub(crate) const ALL: [Self; 10] = [
        Self::TransientCommunicationFailure,
        Self::RecipientServerError,
        Self::General,
        Self::MailboxFull,
        Self::SpamDetected,
        Self::IpFailure,
        Self::SendingDeferral,
        Self::Undetermined,
        Self::InternalFailure,
        Self::ByoipHostNameLookupUnavailable,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InternalFailure => "InternalFailure",
            Self::General => "General",
            Self::MailboxFull => "MailboxFull",
            Self::SpamDetected => "SpamDetected",
            Self::RecipientServerError => "RecipientServerError",
            Self::IpFailure => "IPFailure",
            Self::TransientCommunicationFailure => "TransientCommunicationFailure",
            Self::ByoipHostNameLookupUnavailable => "BYOIPHostNameLookupUnavailable",
            Self::Undetermined => "Undetermined",
            Self::SendingDeferral => "SendingDeferral",
        }
    }
}

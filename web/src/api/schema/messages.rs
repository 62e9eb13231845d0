//! Single messages and their events.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

use super::parameters::{dimensions, format, number, parameters, query, since, until, value};

/// Bounds of how many messages are asked for.
pub(crate) const MESSAGES_LIMITS: (usize, usize) = (1, 10_000);

/// How many messages are told unless more are asked for, as on the command line.
pub(crate) const USUAL_MESSAGES: usize = 50;

parameters! { MessagesParameters =
    query("q", "A recipient's address, a message id, or words of a subject: taken for what it looks like.", value()),
    query("recipient", "Messages to this address, in whatever case.", value()),
    query("message_id", "The message with this id, as SES writes it or as a header has it.", value()),
    query("subject", "Messages whose subject holds this text of at least three letters, in whatever case.", value()),
    since(),
    until(),
    number("limit", "How many messages at most, those sent last.", MESSAGES_LIMITS, USUAL_MESSAGES),
    format(),
    dimensions(),
}

/// A message to all its recipients.
#[derive(ToSchema)]
pub(crate) struct MessageLife {
    /// SES's id.
    message_id: String,
    /// When SES accepted it.
    #[schema(required)]
    sent: Option<DateTime<Utc>>,
    /// The envelope sender.
    #[schema(required)]
    source: Option<String>,
    #[schema(required)]
    subject: Option<String>,
    #[schema(required)]
    configuration_set: Option<String>,
    /// Whom events name, each once.
    recipients: Vec<String>,
    /// In the order in which they happened.
    events: Vec<MessageEvent>,
}

/// An event of a message for a recipient; what it lacks is left out.
#[derive(ToSchema)]
pub(crate) struct MessageEvent {
    time: DateTime<Utc>,
    /// In SES's spelling: `Send`, `Delivery`, `Bounce`, `Complaint`, `Reject`, `DeliveryDelay`, `Open`, `Click`, `Rendering Failure`,
    /// `Subscription`.
    r#type: String,
    /// Null where the event does not say whose it is.
    #[schema(required)]
    recipient: Option<String>,
    #[schema(nullable = false)]
    bounce_type: Option<String>,
    #[schema(nullable = false)]
    bounce_subtype: Option<String>,
    /// Enhanced status code (RFC 3463).
    #[schema(nullable = false)]
    status: Option<String>,
    /// What the receiving server said.
    #[schema(nullable = false)]
    diagnostic_code: Option<String>,
    #[schema(nullable = false)]
    complaint_feedback_type: Option<String>,
    #[schema(nullable = false)]
    complaint_subtype: Option<String>,
    #[schema(nullable = false)]
    arrival_date: Option<DateTime<Utc>>,
    #[schema(nullable = false)]
    feedback_id: Option<String>,
    #[schema(nullable = false)]
    smtp_response: Option<String>,
    /// Milliseconds from acceptance to delivery.
    #[schema(nullable = false)]
    processing_ms: Option<i64>,
    #[schema(nullable = false)]
    delay_type: Option<String>,
    /// When SES stops trying.
    #[schema(nullable = false)]
    expiration_time: Option<DateTime<Utc>>,
    #[schema(nullable = false)]
    reporting_mta: Option<String>,
    #[schema(nullable = false)]
    remote_mta_ip: Option<String>,
    #[schema(nullable = false)]
    outgoing_ip: Option<String>,
    #[schema(nullable = false)]
    link: Option<String>,
    #[schema(nullable = false)]
    ip_address: Option<String>,
    #[schema(nullable = false)]
    user_agent: Option<String>,
    /// `Likely` or `Unlikely`.
    #[schema(nullable = false)]
    bot_likelihood: Option<String>,
    #[schema(nullable = false)]
    template: Option<String>,
    /// Of a reject or a rendering failure.
    #[schema(nullable = false)]
    reason: Option<String>,
    #[schema(nullable = false)]
    contact_list: Option<String>,
    #[schema(nullable = false)]
    subscription_source: Option<String>,
    /// JSON as text.
    #[schema(nullable = false)]
    new_topic_preferences: Option<String>,
    /// JSON as text.
    #[schema(nullable = false)]
    old_topic_preferences: Option<String>,
}

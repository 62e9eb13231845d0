//! The conversion from SES's objects to the domain's [`Event`].

use std::borrow::Cow;

use repute_lake::{Event, EventType, Recipient};

use super::tags::{TagLists, last_of_each};
use super::wire::{Bounce, Click, Complaint, Delivery, DeliveryDelay, Mail, Open, Subscription};
use super::{address, identity, recipients, time};
use crate::document::{Document, Fields};
use crate::json::{self, Json, Object, Raw};
use crate::{Limits, Reject, RejectClass};

/// A field without a column, as it stands.
type Leftover<'a> = (Cow<'a, str>, Json<'a>);

/// Makes the event of the given type out of a document.
pub(super) fn event<'e, 'a: 'e>(
    document: &mut Document<'a>,
    event_type: EventType,
    tags: &'e mut TagLists,
    limits: &Limits,
) -> Result<Box<Event<'e>>, Reject> {
    let fields = &mut document.fields;
    let mail = std::mem::take(&mut fields.mail).required("mail")?;
    refuse_duplicate("mail", mail.duplicate)?;
    let sent_time = time::optional(mail.timestamp, "mail.timestamp", limits)?;
    let leftovers = fields.wrapper_fields().chain(std::mem::take(&mut fields.unknown)).collect::<Vec<_>>();
    let mut own = Own { event_type, sent_time, destination: mail.destination, limits, leftovers: Vec::new() };
    let mut event: Box<Event<'e>> = own.event(fields)?;
    let own_leftovers = own.leftovers;
    event.sent_time = sent_time;
    let mail_leftovers = fill_mail(&mut event, *mail, tags);
    identity::assign(&mut event, document.json);
    event.extra = extra(&leftovers, [("mail", mail_leftovers), (own_key(event_type), own_leftovers)]);
    Ok(event)
}

/// The part of an event that is its type's own, while it is read.
struct Own<'a, 'l> {
    event_type: EventType,
    sent_time: Option<chrono::DateTime<chrono::Utc>>,
    destination: Raw<'a>,
    limits: &'l Limits,
    leftovers: Vec<Leftover<'a>>,
}

impl<'a> Own<'a, '_> {
    fn event(&mut self, fields: &mut Fields<'a>) -> Result<Box<Event<'a>>, Reject> {
        match self.event_type {
            EventType::Send => {
                let send = std::mem::take(&mut fields.send).optional("send")?.unwrap_or_default();
                self.keep("send", send.duplicate, send.unknown)?;
                self.at_sending()
            }
            EventType::Reject => {
                let reject = std::mem::take(&mut fields.reject).optional("reject")?.unwrap_or_default();
                self.keep("reject", reject.duplicate, reject.unknown)?;
                let mut event = self.at_sending()?;
                event.reason = self.text("reason", reject.reason);
                Ok(event)
            }
            EventType::RenderingFailure => {
                let failure = std::mem::take(&mut fields.failure).optional("failure")?.unwrap_or_default();
                self.keep("failure", failure.duplicate, failure.unknown)?;
                let mut event = self.at_sending()?;
                event.reason = self.text("errorMessage", failure.error_message);
                event.template = self.text("templateName", failure.template_name);
                Ok(event)
            }
            EventType::Delivery => self.delivery(*std::mem::take(&mut fields.delivery).required("delivery")?),
            EventType::Bounce => self.bounce(*std::mem::take(&mut fields.bounce).required("bounce")?),
            EventType::Complaint => self.complaint(*std::mem::take(&mut fields.complaint).required("complaint")?),
            EventType::DeliveryDelay => {
                self.delivery_delay(*std::mem::take(&mut fields.delivery_delay).required("deliveryDelay")?)
            }
            EventType::Open => self.open(*std::mem::take(&mut fields.open).required("open")?),
            EventType::Click => self.click(*std::mem::take(&mut fields.click).required("click")?),
            EventType::Subscription => {
                self.subscription(*std::mem::take(&mut fields.subscription).required("subscription")?)
            }
        }
    }

    /// An event without a time and recipients of its own.
    fn at_sending(&self) -> Result<Box<Event<'a>>, Reject> {
        let sent_time = self.sent_time.ok_or_else(|| Reject::missing("mail.timestamp"))?;
        let mut event = Box::new(Event::new(self.event_type, sent_time));
        event.recipients = recipients::each(self.destination, "mail.destination")?;
        Ok(event)
    }

    fn begin(&self, timestamp: Raw<'a>, recipients: Vec<Recipient<'a>>) -> Result<Box<Event<'a>>, Reject> {
        let field = own_time(self.event_type);
        let time = time::required(timestamp, field, self.limits)?;
        let mut event = Box::new(Event::new(self.event_type, time));
        event.recipients = recipients;
        Ok(event)
    }

    fn delivery(&mut self, delivery: Delivery<'a>) -> Result<Box<Event<'a>>, Reject> {
        self.keep("delivery", delivery.duplicate, delivery.unknown)?;
        let mut event = self.begin(delivery.timestamp, Vec::new())?;
        event.recipients = recipients::each(delivery.recipients, "delivery.recipients")?;
        event.processing_ms = self.milliseconds("processingTimeMillis", delivery.processing_time_millis);
        event.smtp_response = self.text("smtpResponse", delivery.smtp_response);
        event.reporting_mta = self.text("reportingMTA", delivery.reporting_mta).map(recipients::mta_name);
        event.remote_mta_ip = self.text("remoteMtaIp", delivery.remote_mta_ip);
        Ok(event)
    }

    fn bounce(&mut self, bounce: Bounce<'a>) -> Result<Box<Event<'a>>, Reject> {
        self.keep("bounce", bounce.duplicate, bounce.unknown)?;
        let mut event = self.begin(bounce.timestamp, Vec::new())?;
        event.recipients = recipients::each(bounce.bounced_recipients, "bounce.bouncedRecipients")?;
        event.bounce_type = self.text("bounceType", bounce.bounce_type);
        event.bounce_subtype = self.text("bounceSubType", bounce.bounce_sub_type);
        event.feedback_id = self.text("feedbackId", bounce.feedback_id);
        event.reporting_mta = self.text("reportingMTA", bounce.reporting_mta).map(recipients::mta_name);
        event.remote_mta_ip = self.text("remoteMtaIp", bounce.remote_mta_ip);
        Ok(event)
    }

    fn complaint(&mut self, complaint: Complaint<'a>) -> Result<Box<Event<'a>>, Reject> {
        self.keep("complaint", complaint.duplicate, complaint.unknown)?;
        let mut event = self.begin(complaint.timestamp, Vec::new())?;
        event.recipients = recipients::each(complaint.complained_recipients, "complaint.complainedRecipients")?;
        event.feedback_id = self.text("feedbackId", complaint.feedback_id);
        event.complaint_subtype = self.text("complaintSubType", complaint.complaint_sub_type);
        event.complaint_feedback_type = self.text("complaintFeedbackType", complaint.complaint_feedback_type);
        event.user_agent = self.text("userAgent", complaint.user_agent);
        event.arrival_date = self.time("arrivalDate", complaint.arrival_date);
        Ok(event)
    }

    fn delivery_delay(&mut self, delay: DeliveryDelay<'a>) -> Result<Box<Event<'a>>, Reject> {
        self.keep("deliveryDelay", delay.duplicate, delay.unknown)?;
        let mut event = self.begin(delay.timestamp, Vec::new())?;
        event.recipients = recipients::each(delay.delayed_recipients, "deliveryDelay.delayedRecipients")?;
        event.delay_type = self.text("delayType", delay.delay_type);
        event.expiration_time = self.time("expirationTime", delay.expiration_time);
        event.reporting_mta = self.text("reportingMTA", delay.reporting_mta).map(recipients::mta_name);
        Ok(event)
    }

    fn open(&mut self, open: Open<'a>) -> Result<Box<Event<'a>>, Reject> {
        self.keep("open", open.duplicate, open.unknown)?;
        let mut event = self.begin(open.timestamp, recipients::only(self.destination))?;
        event.ip_address = self.text("ipAddress", open.ip_address);
        event.user_agent = self.text("userAgent", open.user_agent);
        event.bot_likelihood = self.text("isBotEvent", open.is_bot_event);
        Ok(event)
    }

    fn click(&mut self, click: Click<'a>) -> Result<Box<Event<'a>>, Reject> {
        self.keep("click", click.duplicate, click.unknown)?;
        let mut event = self.begin(click.timestamp, recipients::only(self.destination))?;
        event.ip_address = self.text("ipAddress", click.ip_address);
        event.user_agent = self.text("userAgent", click.user_agent);
        event.bot_likelihood = self.text("isBotEvent", click.is_bot_event);
        event.link = self.text("link", click.link);
        event.link_tags = last_of_each(click.link_tags);
        Ok(event)
    }

    fn subscription(&mut self, subscription: Subscription<'a>) -> Result<Box<Event<'a>>, Reject> {
        self.keep("subscription", subscription.duplicate, subscription.unknown)?;
        let mut event = self.begin(subscription.timestamp, recipients::only(self.destination))?;
        event.contact_list = self.text("contactList", subscription.contact_list);
        event.subscription_source = self.text("source", subscription.source);
        event.new_topic_preferences = subscription.new_topic_preferences.map(|raw| Cow::Borrowed(raw.get()));
        event.old_topic_preferences = subscription.old_topic_preferences.map(|raw| Cow::Borrowed(raw.get()));
        Ok(event)
    }

    fn keep(&mut self, object: &str, duplicate: Option<&str>, unknown: Vec<Leftover<'a>>) -> Result<(), Reject> {
        self.leftovers = unknown;
        refuse_duplicate(object, duplicate)
    }

    /// The text of a field nothing depends on; what is no text is left over.
    fn text(&mut self, name: &'static str, raw: Raw<'a>) -> Option<Cow<'a, str>> {
        text_or_left(name, raw, &mut self.leftovers)
    }

    /// A time nothing depends on; what is no time is left over.
    fn time(&mut self, name: &'static str, raw: Raw<'a>) -> Option<chrono::DateTime<chrono::Utc>> {
        let raw = raw?;
        let time = time::read(raw);
        if time.is_none() {
            self.leftovers.push((Cow::Borrowed(name), raw));
        }
        time
    }

    fn milliseconds(&mut self, name: &'static str, raw: Raw<'a>) -> Option<i64> {
        let raw = raw?;
        let milliseconds = json::text(raw).and_then(|text| text.trim().parse().ok());
        if milliseconds.is_none() {
            self.leftovers.push((Cow::Borrowed(name), raw));
        }
        milliseconds
    }
}

/// The key of the object that a type's own fields stand in.
fn own_key(event_type: EventType) -> &'static str {
    match event_type {
        EventType::Send => "send",
        EventType::Delivery => "delivery",
        EventType::Bounce => "bounce",
        EventType::Complaint => "complaint",
        EventType::Reject => "reject",
        EventType::DeliveryDelay => "deliveryDelay",
        EventType::Open => "open",
        EventType::Click => "click",
        EventType::RenderingFailure => "failure",
        EventType::Subscription => "subscription",
    }
}

/// The field with the time of an event that has one of its own.
fn own_time(event_type: EventType) -> &'static str {
    match event_type {
        EventType::Delivery => "delivery.timestamp",
        EventType::Bounce => "bounce.timestamp",
        EventType::Complaint => "complaint.timestamp",
        EventType::DeliveryDelay => "deliveryDelay.timestamp",
        EventType::Open => "open.timestamp",
        EventType::Click => "click.timestamp",
        EventType::Subscription => "subscription.timestamp",
        EventType::Send | EventType::Reject | EventType::RenderingFailure => "mail.timestamp",
    }
}

fn refuse_duplicate(object: &str, duplicate: Option<&str>) -> Result<(), Reject> {
    match duplicate {
        Some(key) => Err(Reject::new(RejectClass::DuplicateKey, format!("key `{object}.{key}` stands twice"))),
        None => Ok(()),
    }
}

fn text_or_left<'a>(name: &'static str, raw: Raw<'a>, left: &mut Vec<Leftover<'a>>) -> Option<Cow<'a, str>> {
    let raw = raw?;
    let text = json::text(raw);
    if text.is_none() {
        left.push((Cow::Borrowed(name), raw));
    }
    text.filter(|text| !text.is_empty())
}

/// Fills in what `mail` says and returns its fields that have no column.
fn fill_mail<'e>(event: &mut Event<'e>, mail: Mail<'e>, tags: &'e mut TagLists) -> Vec<Leftover<'e>> {
    let mut left = mail.unknown;
    event.message_id = text_or_left("messageId", mail.message_id, &mut left);
    event.source = text_or_left("source", mail.source, &mut left);
    event.account_id = text_or_left("sendingAccountId", mail.sending_account_id, &mut left);
    event.caller_identity = text_or_left("callerIdentity", mail.caller_identity, &mut left);
    event.region = json::non_empty(mail.source_arn).and_then(region);
    if let Object::Is(headers) = mail.common_headers {
        event.subject = json::non_empty(headers.subject);
    }
    if let Some(json) = mail.tags {
        tags.fill(event, json);
    }
    if event.from_domain.is_none() {
        event.from_domain = event.source.clone().and_then(address::domain).map(Cow::Owned);
    }
    left
}

/// The region of `arn:aws:ses:REGION:ACCOUNT:identity/NAME`.
fn region(arn: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(':')?;
    let length = rest.strip_prefix("ses:")?.split(':').next().map(str::len).filter(|length| *length > 0)?;
    let start = "arn:".len() + partition.len() + ":ses:".len();
    match arn {
        Cow::Borrowed(arn) => arn.get(start..start + length).map(Cow::Borrowed),
        Cow::Owned(arn) => arn.get(start..start + length).map(|region| Cow::Owned(region.to_owned())),
    }
}

/// The leftovers as one JSON object, those of inner objects under their keys.
fn extra<'a>(top: &[Leftover<'_>], inner: [(&str, Vec<Leftover<'_>>); 2]) -> Option<Cow<'a, str>> {
    let members = |fields: &[Leftover<'_>]| {
        let known = fields.iter().filter(|(_, raw)| raw.get() != "null");
        known.map(|(name, raw)| format!("{}:{}", quote(name), raw.get())).collect::<Vec<_>>()
    };
    let mut all = members(top);
    for (key, fields) in inner {
        let fields = members(&fields);
        if !fields.is_empty() {
            all.push(format!("{}:{{{}}}", quote(key), fields.join(",")));
        }
    }
    (!all.is_empty()).then(|| Cow::Owned(format!("{{{}}}", all.join(","))))
}

fn quote(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

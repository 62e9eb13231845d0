//! Events as SES writes them to Firehose: compact JSON with the keys in the order of captured events (`eventType`, `mail`,
//! the type's own object).

mod mail;
mod particulars;
pub(crate) mod text;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::domain::Domains;
use crate::message::Message;
use crate::outcome::{Event, What};

/// Appends one event, without anything around it.
pub(crate) fn write(out: &mut String, message: &Message, event: &Event, domains: &Domains) {
    out.push_str("{\"eventType\":\"");
    out.push_str(event_type(event.what));
    out.push_str("\",\"mail\":");
    let identity = mail::write(out, message, event, domains);
    out.push(',');
    let seed = message.seed.wrapping_add(u64::from(event.number) + 1);
    particulars::write(out, message, event, identity, domains, &mut ChaCha8Rng::seed_from_u64(seed));
    out.push('}');
}

fn event_type(what: What) -> &'static str {
    match what {
        What::Send => "Send",
        What::Delivery(_) => "Delivery",
        What::Bounce(..) => "Bounce",
        What::Complaint(..) => "Complaint",
        What::Reject => "Reject",
        What::DeliveryDelay(..) => "DeliveryDelay",
        What::Open(_) => "Open",
        What::Click(_) => "Click",
        What::RenderingFailure => "Rendering Failure",
        What::Subscription => "Subscription",
    }
}

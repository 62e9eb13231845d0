//! The `mail` object: the same for all events of a message but for what SES leaves out by type (`sourceArn` in Open and
//! Click, headers in Rendering Failure and DeliveryDelay, the outgoing address in all but Delivery).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::domain::Domains;
use crate::message::Message;
use crate::outcome::{Event, What};
use crate::plan::{ACCOUNT_ID, REGION};
use crate::wire::text;

/// What the mail object and the type's own object must agree on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) outgoing_ip: &'static str,
    pub(crate) link: u32,
}

/// Dedicated addresses of the sender (documentation range, RFC 5737).
const OUTGOING: [&str; 6] =
    ["203.0.113.10", "203.0.113.11", "203.0.113.12", "203.0.113.13", "203.0.113.20", "203.0.113.21"];

/// What all events of a message show alike, drawn from the message's seed in this order.
struct Look {
    id: String,
    host: u32,
    source_ip: u32,
    subject: &'static str,
    outgoing_ip: &'static str,
    link: u32,
}

pub(crate) fn write(out: &mut String, message: &Message, event: &Event, domains: &Domains) -> Identity {
    let mut rng = ChaCha8Rng::seed_from_u64(message.seed);
    let look = Look::draw(message, &mut rng);
    let profile = message.profile();
    out.push_str("{\"timestamp\":\"");
    text::time(out, message.sent);
    out.push_str("\",\"source\":");
    text::quoted(out, profile.source);
    if !matches!(event.what, What::Open(_) | What::Click(_)) {
        for part in [",\"sourceArn\":\"arn:aws:ses:", REGION, ":", ACCOUNT_ID, ":identity/", profile.from_domain, "\""]
        {
            out.push_str(part);
        }
    }
    for part in [",\"sendingAccountId\":\"", ACCOUNT_ID, "\",\"messageId\":\"", &look.id, "\",\"destination\":["] {
        out.push_str(part);
    }
    recipients(out, message, domains, "\"", "\",\"");
    out.push_str("],\"headersTruncated\":false");
    if !matches!(event.what, What::RenderingFailure | What::DeliveryDelay(..)) {
        out.push_str(",\"headers\":[");
        headers(out, message, event, &look, domains, &mut rng);
        out.push_str("],\"commonHeaders\":{\"from\":[");
        text::quoted(out, profile.from_header);
        out.push_str("],\"to\":[");
        recipients(out, message, domains, "\"", "\",\"");
        for part in ["],\"messageId\":\"", &look.id, "\",\"subject\":"] {
            out.push_str(part);
        }
        text::quoted(out, look.subject);
        out.push('}');
    }
    out.push_str(",\"tags\":{");
    tags(out, message, event, &look);
    out.push_str("}}");
    Identity { outgoing_ip: look.outgoing_ip, link: look.link }
}

impl Look {
    fn draw(message: &Message, rng: &mut ChaCha8Rng) -> Self {
        let mut id = String::with_capacity(60);
        text::ses_id(&mut id, message.sent, rng);
        let profile = message.profile();
        // Marketing and newsletters have a pool of their own.
        let pool = if profile.from_domain == "corp.example" { &OUTGOING[..4] } else { &OUTGOING[4..] };
        Self {
            id,
            host: rng.random_range(1..=9),
            source_ip: rng.random_range(20..60),
            subject: profile.subjects[rng.random_range(0..profile.subjects.len())],
            outgoing_ip: pool[rng.random_range(0..pool.len())],
            link: rng.random_range(0..4),
        }
    }
}

/// Appends all destinations: `around` before and after the list, `between` between two.
fn recipients(out: &mut String, message: &Message, domains: &Domains, around: &str, between: &str) {
    out.push_str(around);
    for (position, recipient) in message.recipients().iter().enumerate() {
        if position > 0 {
            out.push_str(between);
        }
        recipient.write(domains, out);
    }
    out.push_str(around);
}

fn header(out: &mut String, name: &str) {
    out.push_str("\"},{\"name\":\"");
    out.push_str(name);
    out.push_str("\",\"value\":\"");
}

fn headers(out: &mut String, message: &Message, event: &Event, look: &Look, domains: &Domains, rng: &mut ChaCha8Rng) {
    let profile = message.profile();
    received(out, message, look, rng);
    dkim_signature(out, message, rng);
    header(out, "Date");
    text::mail_date(out, message.sent);
    header(out, "From");
    text::escaped(out, profile.from_header);
    header(out, "Reply-To");
    out.push_str("support@corp.example");
    header(out, "To");
    recipients(out, message, domains, "", ", ");
    header(out, "Message-ID");
    if matches!(event.what, What::Open(_) | What::Click(_)) {
        out.push_str("null");
    } else {
        out.push('<');
        text::uuid(out, rng);
        out.push('@');
        out.push_str(profile.from_domain);
        out.push('>');
    }
    header(out, "Subject");
    text::escaped(out, look.subject);
    header(out, "MIME-Version");
    out.push_str("1.0");
    header(out, "Content-Type");
    out.push_str("text/html; charset=UTF-8");
    if profile.list_mail {
        list_headers(out, message, rng);
    }
    out.push_str("\"}");
}

fn received(out: &mut String, message: &Message, look: &Look, rng: &mut ChaCha8Rng) {
    out.push_str("{\"name\":\"Received\",\"value\":\"from mailer-");
    text::number(out, u64::from(look.host));
    out.push_str(".corp.example (ec2-198-51-100-");
    text::number(out, u64::from(look.source_ip));
    out.push_str(".compute-1.amazonaws.com [198.51.100.");
    text::number(out, u64::from(look.source_ip));
    out.push_str("]) by email-smtp.amazonaws.com with SMTP (SimpleEmailService-d-");
    text::token(out, 9, rng);
    out.push_str(") id ");
    text::token(out, 20, rng);
    out.push_str("; ");
    text::mail_date(out, message.sent);
    out.push_str(" (UTC)");
}

fn dkim_signature(out: &mut String, message: &Message, rng: &mut ChaCha8Rng) {
    header(out, "DKIM-Signature");
    out.push_str("v=1; a=rsa-sha256; c=relaxed/relaxed; d=");
    out.push_str(message.profile().from_domain);
    out.push_str("; s=mail2026; t=");
    text::number(out, message.sent as u64 / 1_000);
    out.push_str("; h=from:to:subject:date:message-id; bh=");
    text::base64(out, 43, rng);
    out.push_str("=; b=");
    // A 1,024-bit signature.
    text::base64(out, 171, rng);
    out.push('=');
}

fn list_headers(out: &mut String, message: &Message, rng: &mut ChaCha8Rng) {
    let profile = message.profile();
    header(out, "List-Unsubscribe");
    out.push_str("<https://corp.example/unsubscribe/");
    text::token(out, 24, rng);
    out.push_str(">, <mailto:unsubscribe@corp.example>");
    header(out, "List-Unsubscribe-Post");
    out.push_str("List-Unsubscribe=One-Click");
    header(out, "Feedback-ID");
    for part in [message.campaign.unwrap_or("none"), ":", message.template, ":", profile.name, ":corp"] {
        out.push_str(part);
    }
}

fn tags(out: &mut String, message: &Message, event: &Event, look: &Look) {
    let profile = message.profile();
    let mut first = true;
    let mut tag = |name: &str, value: &str| {
        out.push_str(if first { "\"" } else { ",\"" });
        first = false;
        for part in [name, "\":[\"", value, "\"]"] {
            out.push_str(part);
        }
    };
    tag("ses:operation", profile.operation);
    tag("ses:configuration-set", profile.name);
    if let Some(campaign) = message.campaign {
        tag("campaign", campaign);
    }
    tag("template", message.template);
    tag("team", profile.team);
    tag("ses:source-tls-version", "TLSv1.3");
    tag("ses:source-ip", ["198.51.100.20", "198.51.100.21", "198.51.100.22"][look.source_ip as usize % 3]);
    tag("ses:from-domain", profile.from_domain);
    tag("ses:caller-identity", profile.caller);
    if let Some(tenant) = message.tenant {
        tag("ses:tenant-name", tenant);
    }
    if matches!(event.what, What::Delivery(_)) {
        tag("ses:outgoing-tls-version", "TLSv1.3");
        tag("ses:outgoing-ip", look.outgoing_ip);
    }
}

//! The type's own object: `bounce`, `delivery`, `open` and so on.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::diagnostic::{self, Diagnostic};
use crate::domain::{Class, Domains, Provider};
use crate::fate::EXPIRY;
use crate::message::Message;
use crate::outcome::{Among, Bounce, Complaint, Delay, Event, What};
use crate::wire::mail::Identity;
use crate::wire::text;

/// 2026-08-07T00:00:00Z: Open and Click events carry `isBotEvent` from then on.
const BOT_EVENTS_SINCE: i64 = 1_786_060_800_000;

const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Thunderbird/143.0",
];
const MACHINES: [&str; 2] = [
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
];
const LINKS: [&str; 4] = [
    "https://corp.example/account",
    "https://corp.example/offers/this-week?utm_source=email&utm_medium=newsletter",
    "https://corp.example/posts/4711#comments",
    "https://corp.example/help",
];

/// Everything the objects are written from.
struct Scene<'a> {
    message: &'a Message,
    time: i64,
    domains: &'a Domains,
    rng: &'a mut ChaCha8Rng,
}

pub(crate) fn write(
    out: &mut String,
    message: &Message,
    event: &Event,
    identity: Identity,
    domains: &Domains,
    rng: &mut ChaCha8Rng,
) {
    let mut scene = Scene { message, time: event.time, domains, rng };
    match event.what {
        What::Send => out.push_str("\"send\":{}"),
        What::Reject => out.push_str("\"reject\":{\"reason\":\"Bad content\"}"),
        What::RenderingFailure => {
            out.push_str("\"failure\":{\"errorMessage\":\"Attribute 'firstName' is not present in the rendering data.\",\"templateName\":\"");
            out.push_str(message.template);
            out.push_str("\"}");
        }
        What::Delivery(among) => scene.delivery(out, among),
        What::Bounce(bounce, among) => scene.bounce(out, bounce, among, identity),
        What::Complaint(complaint, among, arrival) => scene.complaint(out, complaint, among, arrival),
        What::DeliveryDelay(delay, among) => scene.delay(out, delay, among),
        What::Open(bot) => scene.engagement(out, bot, None),
        What::Click(bot) => scene.engagement(out, bot, Some(identity.link)),
        What::Subscription => scene.subscription(out),
    }
}

impl Scene<'_> {
    fn address(&self, position: usize) -> String {
        let mut address = String::with_capacity(48);
        if let Some(recipient) = self.message.recipients().get(position) {
            recipient.write(self.domains, &mut address);
        }
        address
    }

    fn provider(&self, among: Among) -> Provider {
        let first = among.positions().next().and_then(|position| self.message.recipients().get(position));
        first.map_or(Provider::Postfix, |recipient| self.domains.get(recipient.domain).provider)
    }

    fn smtp_host(&mut self, out: &mut String) {
        out.push('a');
        text::number(out, self.rng.random_range(8..60));
        out.push('-');
        text::number(out, self.rng.random_range(1..200));
        out.push_str(".smtp-out.amazonses.com");
    }

    fn remote_ip(&mut self, out: &mut String) {
        out.push_str("192.0.2.");
        text::number(out, self.rng.random_range(1..255));
    }

    fn timestamp(&self, out: &mut String) {
        out.push_str("\"timestamp\":\"");
        text::time(out, self.time);
        out.push('"');
    }

    fn delivery(&mut self, out: &mut String, among: Among) {
        let provider = self.provider(among);
        out.push_str("\"delivery\":{");
        self.timestamp(out);
        out.push_str(",\"processingTimeMillis\":");
        text::number(out, (self.time - self.message.sent) as u64);
        out.push_str(",\"recipients\":[");
        for (index, position) in among.positions().enumerate() {
            out.push_str(if index == 0 { "\"" } else { ",\"" });
            out.push_str(&self.address(position));
            out.push('"');
        }
        out.push_str("],\"smtpResponse\":\"");
        diagnostic::fill(out, diagnostic::acceptance(provider), "", self.time, self.rng);
        out.push_str("\",\"remoteMtaIp\":\"");
        self.remote_ip(out);
        out.push_str("\",\"reportingMTA\":\"");
        self.smtp_host(out);
        out.push_str("\"}");
    }

    fn bounce(&mut self, out: &mut String, bounce: Bounce, among: Among, identity: Identity) {
        let provider = self.provider(among);
        let diagnostic = diagnostic::of_bounce(bounce, provider);
        let (bounce_type, subtype) = bounce.spelling();
        out.push_str("\"bounce\":{\"feedbackId\":\"");
        text::ses_id(out, self.time, self.rng);
        for part in
            ["\",\"bounceType\":\"", bounce_type, "\",\"bounceSubType\":\"", subtype, "\",\"bouncedRecipients\":["]
        {
            out.push_str(part);
        }
        self.diagnosed(out, among, diagnostic.as_ref(), true);
        out.push_str("],");
        self.timestamp(out);
        match diagnostic {
            Some(Diagnostic { remote: true, .. }) => {
                out.push_str(",\"remoteMtaIp\":\"");
                self.remote_ip(out);
                // Both spellings are seen; the second one is SES's own.
                out.push_str(if self.rng.random::<f64>() < 0.6 {
                    "\",\"reportingMTA\":\"dns; "
                } else {
                    "\",\"reportingMTA\":\"dsn; "
                });
                self.smtp_host(out);
                out.push('"');
            }
            Some(_) => out.push_str(",\"reportingMTA\":\"dns; amazonses.com\""),
            None if bounce == Bounce::Undetermined => {
                for part in
                    [",\"reportingMTA\":\"dns; ", diagnostic::exchanger(provider), " (", identity.outgoing_ip, ")\""]
                {
                    out.push_str(part);
                }
            }
            None => {}
        }
        out.push('}');
    }

    /// Appends recipients with what was said about them.
    fn diagnosed(&mut self, out: &mut String, among: Among, diagnostic: Option<&Diagnostic>, action: bool) {
        for (index, position) in among.positions().enumerate() {
            let address = self.address(position);
            out.push_str(if index == 0 { "{\"emailAddress\":\"" } else { ",{\"emailAddress\":\"" });
            out.push_str(&address);
            out.push('"');
            if let Some(Diagnostic { status, template, .. }) = diagnostic {
                out.push_str(if action { ",\"action\":\"failed\",\"status\":\"" } else { ",\"status\":\"" });
                out.push_str(status);
                out.push_str("\",\"diagnosticCode\":\"");
                diagnostic::fill(out, template, &address, self.time, self.rng);
                out.push('"');
            }
            out.push('}');
        }
    }

    fn complaint(&mut self, out: &mut String, complaint: Complaint, among: Among, arrival: i64) {
        out.push_str("\"complaint\":{\"feedbackId\":\"");
        text::ses_id(out, self.time, self.rng);
        out.push_str("\",\"complaintSubType\":");
        match complaint.subtype() {
            Some(subtype) => text::quoted(out, subtype),
            None => out.push_str("null"),
        }
        out.push_str(",\"complainedRecipients\":[");
        self.diagnosed(out, among, None, false);
        out.push_str("],");
        self.timestamp(out);
        if let Some(feedback_type) = complaint.feedback_type() {
            let agent = match self.provider(among) {
                Provider::Yahoo => "Yahoo!-Mail-Feedback/2.0",
                Provider::Simulator => "Amazon SES Mailbox Simulator",
                _ => "ReturnPathFBL/2.0",
            };
            for part in
                [",\"userAgent\":\"", agent, "\",\"complaintFeedbackType\":\"", feedback_type, "\",\"arrivalDate\":\""]
            {
                out.push_str(part);
            }
            text::time(out, arrival);
            out.push('"');
        }
        out.push('}');
    }

    fn delay(&mut self, out: &mut String, delay: Delay, among: Among) {
        let diagnostic = diagnostic::of_delay(delay, self.provider(among));
        out.push_str("\"deliveryDelay\":{");
        self.timestamp(out);
        out.push_str(",\"delayType\":\"");
        out.push_str(delay.as_str());
        out.push_str("\",\"expirationTime\":\"");
        text::time(out, self.message.sent + EXPIRY);
        out.push_str("\",\"delayedRecipients\":[");
        self.diagnosed(out, among, Some(&diagnostic), false);
        out.push_str("],\"reportingMTA\":\"");
        self.smtp_host(out);
        out.push_str("\"}");
    }

    fn engagement(&mut self, out: &mut String, bot: bool, link: Option<u32>) {
        out.push_str(if link.is_some() { "\"click\":{" } else { "\"open\":{" });
        self.timestamp(out);
        out.push_str(",\"userAgent\":");
        let agents = if bot { &MACHINES[..] } else { &AGENTS[..] };
        text::quoted(out, agents[self.rng.random_range(0..agents.len())]);
        out.push_str(",\"ipAddress\":\"");
        if self.rng.random::<f64>() < 0.25 {
            out.push_str("2001:db8:");
            text::hex(out, self.rng.random(), 4);
            out.push_str("::");
            text::hex(out, self.rng.random(), 3);
        } else {
            out.push_str("198.51.100.");
            text::number(out, self.rng.random_range(1..255));
        }
        out.push('"');
        if let Some(link) = link {
            out.push_str(",\"link\":");
            text::quoted(out, LINKS[link as usize % LINKS.len()]);
            let tagged = self.rng.random::<f64>() < 0.3;
            out.push_str(if tagged { ",\"linkTags\":{\"position\":[\"header\"]}" } else { ",\"linkTags\":null" });
        }
        if self.time >= BOT_EVENTS_SINCE {
            out.push_str(if bot { ",\"isBotEvent\":\"Likely\"" } else { ",\"isBotEvent\":\"Unlikely\"" });
        }
        out.push('}');
    }

    fn subscription(&mut self, out: &mut String) {
        out.push_str("\"subscription\":{\"contactList\":\"corp-contacts\",");
        self.timestamp(out);
        out.push_str(",\"source\":\"UnsubscribeHeader\",\"newTopicPreferences\":{\"unsubscribeAll\":");
        let all = self
            .message
            .recipients()
            .iter()
            .all(|recipient| self.domains.get(recipient.domain).class == Class::Ordinary);
        out.push_str(if all { "true" } else { "false" });
        out.push_str(",\"topicSubscriptionStatus\":[{\"topicName\":\"offers\",\"subscriptionStatus\":\"OptOut\"}]},\"oldTopicPreferences\":{\"unsubscribeAll\":false,\"topicSubscriptionStatus\":[{\"topicName\":\"offers\",\"subscriptionStatus\":\"OptIn\"}]}}");
    }
}

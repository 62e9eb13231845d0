//! What came with an event as a visitor may see it: recipients, subjects, addresses in texts and links, and where readers sat.

use std::borrow::Cow;

use repute_query::{ClickedLink, DelayReason, Detail, Message, MessageEvent, Undecided};

use crate::access::Visitor;

/// Where readers sat.
const IP_ADDRESS: &str = "ip_address";

/// Stands for what is hidden whole.
const HIDDEN: &str = "(hidden)";

/// A message as the visitor may see it.
pub(crate) fn message(visitor: &Visitor, message: Message) -> Message {
    if visitor.reveals() {
        return message;
    }
    let address = |address: String| visitor.address(&address).into_owned();
    Message {
        source: message.source.map(address),
        subject: message.subject.map(|subject| visitor.subject(&subject).into_owned()),
        recipients: message.recipients.into_iter().map(address).collect(),
        events: message.events.into_iter().map(|event| self::event(visitor, event)).collect(),
        ..message
    }
}

fn event(visitor: &Visitor, event: MessageEvent) -> MessageEvent {
    let hidden = |(name, detail): (&'static str, Detail)| match detail {
        Detail::Text(_) if name == IP_ADDRESS => (name, Detail::Text(HIDDEN.to_owned())),
        Detail::Text(said) => (name, Detail::Text(text(visitor, &said).into_owned())),
        other => (name, other),
    };
    MessageEvent {
        recipient: event.recipient.map(|address| visitor.address(&address).into_owned()),
        details: event.details.into_iter().map(hidden).collect(),
        ..event
    }
}

/// A text or link in which addresses may stand, written out or as links have them (`jane%40example.com`).
pub(crate) fn text<'t>(visitor: &Visitor, text: &'t str) -> Cow<'t, str> {
    visitor.text(text)
}

/// A link with its clicks.
pub(crate) fn link(visitor: &Visitor, link: ClickedLink) -> ClickedLink {
    let hide = |said: String| text(visitor, &said).into_owned();
    ClickedLink { link: link.link.map(hide), tags: link.tags.map(hide), ..link }
}

/// A message that waits.
pub(crate) fn undecided(visitor: &Visitor, one: Undecided) -> Undecided {
    Undecided {
        recipient: visitor.address(&one.recipient).into_owned(),
        diagnostic: one.diagnostic.map(|said| text(visitor, &said).into_owned()),
        ..one
    }
}

/// Why mail was put off.
pub(crate) fn delay_reason(visitor: &Visitor, reason: DelayReason) -> DelayReason {
    let hide = |said: Option<String>| said.map(|said| text(visitor, &said).into_owned());
    DelayReason { text: hide(reason.text), example: hide(reason.example), ..reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(sees_addresses: bool) -> Visitor {
        Visitor::of_test(sees_addresses)
    }

    #[test]
    fn addresses_in_links_are_hidden_too() {
        let link = "https://shop.example/off?mail=jane.doe%40example.com&list=7#x=bob%40b.example";
        assert_eq!(text(&visitor(true), link), link);
        assert_eq!(text(&visitor(false), link), "https://shop.example/off?mail=***&list=7#x=***");
        assert_eq!(text(&visitor(false), "https://shop.example/é?a=b"), "https://shop.example/é?a=b");
        assert_eq!(text(&visitor(false), "550 <jane@example.com> no"), "550 <j***@example.com> no");
    }

    #[test]
    fn nothing_of_a_message_names_anybody() {
        let said = |text: &str| Detail::Text(text.to_owned());
        let event = MessageEvent {
            time: "2026-10-05T12:00:00Z".parse().unwrap(),
            event_type: "Click".parse().unwrap(),
            recipient: Some("jane@example.com".to_owned()),
            details: vec![("ip_address", said("192.0.2.7")), ("link", said("https://a/?m=jane%40example.com"))],
        };
        let message = Message {
            message_id: "1".to_owned(),
            sent: None,
            source: Some("bounces+jane=example.com@shop.example".to_owned()),
            subject: Some("Dear Jane".to_owned()),
            configuration_set: Some("orders".to_owned()),
            recipients: vec!["jane@example.com".to_owned()],
            events: vec![event],
        };
        assert_eq!(self::message(&visitor(true), message.clone()), message);
        let shown = format!("{:?}", self::message(&visitor(false), message));
        assert!(!shown.to_lowercase().contains("jane") && !shown.contains("192.0.2.7"), "{shown}");
        assert!(shown.contains("j***@example.com") && shown.contains("b***@shop.example") && shown.contains("orders"));
    }
}

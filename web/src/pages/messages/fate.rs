//! What became of a message, and what an event of it means: a word, a tone and an icon of its own for each.

use repute_query::{Detail, EventType, Message, MessageEvent, bot_reason};

use crate::pages::level::icon;

/// What is known of the end of a message, or of a message for one of its recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Sent,
    Clicked,
    Opened,
    Delivered,
    Delayed,
    SoftBounce,
    Unsubscribed,
    NotRendered,
    Rejected,
    HardBounce,
    Complained,
}

impl Fate {
    /// Of all events of some recipients. A complaint is the last word; else what happened to the mail last, if it came through.
    pub(crate) fn of<'e>(events: impl Iterator<Item = &'e MessageEvent>) -> Self {
        let mut of_mail = Self::Sent;
        let (mut opened, mut clicked, mut unsubscribed, mut complained) = (false, false, false, false);
        for event in events {
            match event.event_type {
                EventType::Delivery => of_mail = Self::Delivered,
                EventType::DeliveryDelay => of_mail = Self::Delayed,
                EventType::Bounce => of_mail = if is_hard(event) { Self::HardBounce } else { Self::SoftBounce },
                EventType::Reject => of_mail = Self::Rejected,
                EventType::RenderingFailure => of_mail = Self::NotRendered,
                EventType::Open => opened = true,
                EventType::Click => clicked = true,
                EventType::Subscription => unsubscribed = true,
                EventType::Complaint => complained = true,
                EventType::Send => {}
            }
        }
        let came_through = matches!(of_mail, Self::Delivered | Self::Sent);
        match (complained, came_through) {
            (true, _) => Self::Complained,
            (false, false) => of_mail,
            (false, true) if unsubscribed => Self::Unsubscribed,
            (false, true) if clicked => Self::Clicked,
            (false, true) if opened => Self::Opened,
            (false, true) => of_mail,
        }
    }

    /// Of a message, and how many of its recipients share it.
    pub(crate) fn of_message(message: &Message) -> (Self, Option<(usize, usize)>) {
        let fates: Vec<Self> = message.recipients.iter().map(|address| Self::of_recipient(message, address)).collect();
        let worst = fates.iter().max().copied();
        match (worst, fates.len()) {
            (None, _) => (Self::of(message.events.iter()), None),
            (Some(_), 1) => (Self::of(message.events.iter()), None),
            (Some(worst), all) => (worst, Some((fates.iter().filter(|fate| **fate == worst).count(), all))),
        }
    }

    /// Of a message for one of its recipients.
    pub(crate) fn of_recipient(message: &Message, address: &str) -> Self {
        let is_of =
            |event: &&MessageEvent| event.recipient.as_deref().is_some_and(|of| of.eq_ignore_ascii_case(address));
        Self::of(message.events.iter().filter(is_of))
    }

    /// On a chip.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sent => "Sent, no word yet",
            Self::Clicked => "Clicked",
            Self::Opened => "Opened",
            Self::Delivered => "Delivered",
            Self::Delayed => "Put off",
            Self::SoftBounce => "Bounced softly",
            Self::Unsubscribed => "Unsubscribed",
            Self::NotRendered => "Not rendered",
            Self::Rejected => "Rejected by SES",
            Self::HardBounce => "Bounced",
            Self::Complained => "Complained of",
        }
    }

    /// The tone of its colours, beside word and icon.
    pub(crate) fn tone(self) -> &'static str {
        match self {
            Self::Sent => "quiet",
            Self::Clicked | Self::Opened | Self::Delivered => "good",
            Self::Delayed | Self::SoftBounce | Self::Unsubscribed => "warn",
            Self::NotRendered | Self::Rejected | Self::HardBounce | Self::Complained => "bad",
        }
    }

    pub(crate) fn icon(self) -> &'static str {
        icon(self.tone())
    }
}

fn said<'e>(event: &'e MessageEvent, name: &str) -> Option<&'e str> {
    match event.detail(name) {
        Some(Detail::Text(text)) => Some(text),
        _ => None,
    }
}

fn is_hard(event: &MessageEvent) -> bool {
    said(event, "bounce_type") == Some("Permanent")
}

/// An event in words and its tone.
pub(crate) fn event_words(event: &MessageEvent) -> (String, &'static str) {
    let act = |word: &str, is_click: bool| match bot_reason(
        is_click,
        said(event, "bot_likelihood"),
        said(event, "user_agent"),
    ) {
        Some(reason) => (format!("{word}: {}", lower_first(reason.words())), "quiet"),
        None => (word.to_owned(), "good"),
    };
    match event.event_type {
        EventType::Send => ("Accepted by SES".to_owned(), "quiet"),
        EventType::Delivery => ("Delivered".to_owned(), "good"),
        EventType::DeliveryDelay => ("Put off".to_owned(), "warn"),
        EventType::Bounce if is_hard(event) => ("Bounced".to_owned(), "bad"),
        EventType::Bounce => ("Bounced softly".to_owned(), "warn"),
        EventType::Complaint => ("Complaint".to_owned(), "bad"),
        EventType::Reject => ("Rejected by SES".to_owned(), "bad"),
        EventType::RenderingFailure => ("Not rendered".to_owned(), "bad"),
        EventType::Subscription => ("Changed the subscription".to_owned(), "warn"),
        EventType::Open => act("Opened", false),
        EventType::Click => act("Clicked", true),
    }
}

/// `SES says` stays, `A scanner` becomes `a scanner`.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next();
    if letters.clone().next().is_some_and(char::is_uppercase) {
        return text.to_owned();
    }
    first.map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, to: &str, details: &[(&'static str, &str)]) -> MessageEvent {
        MessageEvent {
            time: "2026-10-05T12:00:00Z".parse().unwrap(),
            event_type: kind.parse().unwrap(),
            recipient: Some(to.to_owned()),
            details: details.iter().map(|(name, text)| (*name, Detail::Text((*text).to_owned()))).collect(),
        }
    }

    fn fate(kinds: &[&str]) -> Fate {
        let events: Vec<MessageEvent> = kinds.iter().map(|kind| event(kind, "a@b.example", &[])).collect();
        Fate::of(events.iter())
    }

    #[test]
    fn the_last_word_counts() {
        assert_eq!(fate(&["Send"]), Fate::Sent);
        assert_eq!(fate(&["Send", "DeliveryDelay"]), Fate::Delayed);
        assert_eq!(fate(&["Send", "DeliveryDelay", "Delivery"]), Fate::Delivered);
        assert_eq!(fate(&["Send", "Delivery", "Open", "Click", "Open"]), Fate::Clicked);
        assert_eq!(fate(&["Send", "Delivery", "Open", "Bounce"]), Fate::SoftBounce);
        assert_eq!(fate(&["Send", "Delivery", "Complaint", "Open"]), Fate::Complained);
        assert_eq!(fate(&["Rendering Failure"]), Fate::NotRendered);
        let hard = [event("Bounce", "a@b.example", &[("bounce_type", "Permanent")])];
        assert_eq!(Fate::of(hard.iter()), Fate::HardBounce);
    }

    #[test]
    fn the_worst_of_several_recipients_is_told_with_their_number() {
        let events = ["a@x.example", "b@x.example", "C@x.example"].map(|to| event("Delivery", to, &[]));
        let mut message = Message {
            message_id: "1".to_owned(),
            sent: None,
            source: None,
            subject: None,
            configuration_set: None,
            recipients: vec!["a@x.example".to_owned(), "b@x.example".to_owned(), "c@x.example".to_owned()],
            events: events.to_vec(),
        };
        assert_eq!(Fate::of_message(&message), (Fate::Delivered, Some((3, 3))));
        message.events.push(event("Bounce", "B@x.example", &[("bounce_type", "Permanent")]));
        assert_eq!(Fate::of_message(&message), (Fate::HardBounce, Some((1, 3))));
    }

    #[test]
    fn a_bots_open_is_told_as_one() {
        let google = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";
        let (words, tone) = event_words(&event("Open", "a@b.example", &[("user_agent", google)]));
        assert_eq!((words.as_str(), tone), ("Opened: an image proxy fetched it, perhaps for a reader", "quiet"));
        let likely = [("bot_likelihood", "Likely"), ("user_agent", "Chrome")];
        assert_eq!(event_words(&event("Click", "a@b.example", &likely)).0, "Clicked: SES says it is likely automated");
        assert_eq!(
            event_words(&event("Open", "a@b.example", &[("user_agent", "Chrome")])),
            ("Opened".to_owned(), "good")
        );
    }
}

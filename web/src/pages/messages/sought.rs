//! What somebody looks for: one field that takes an address, a message id or words of a subject, and a field for each of these.

use repute_query::{MessageQuery, bare_message_id, sent_time};

use crate::access::Visitor;
use crate::failure::Failure;
use crate::parameters::Parameters;

/// A shorter part of a subject stands in nearly all of them.
const SHORTEST_SUBJECT: usize = 3;

/// Names of the fields.
const FIELDS: [&str; 4] = ["q", "recipient", "message_id", "subject"];

/// What is looked for, each of which must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sought {
    pub(crate) recipient: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) subject: Option<String>,
    /// What stood in the field for everything, and which of the others it was taken for.
    typed: Option<(String, &'static str)>,
}

impl Sought {
    /// Reads the fields. What stands in the one for everything counts only where its own field is empty.
    pub(crate) fn read(parameters: &Parameters) -> Result<Self, Failure> {
        let field = |name: &str| Ok::<_, Failure>(parameters.one(name)?.map(str::trim).filter(|text| !text.is_empty()));
        let mut sought = match field("q")? {
            None => Self::default(),
            Some(text) => Self::of(text),
        };
        let own = [
            ("recipient", field("recipient")?.map(address)),
            ("message_id", field("message_id")?.map(|text| bare_message_id(text).to_owned())),
            ("subject", field("subject")?.map(str::to_owned)),
        ];
        for (name, text) in own.into_iter().filter(|(_, text)| text.is_some()) {
            *sought.place(name) = text;
            sought.typed = sought.typed.filter(|(_, taken_for)| *taken_for != name);
        }
        Ok(sought)
    }

    /// Why the subject is too short to be looked for, if it is.
    pub(crate) fn is_too_short(&self) -> Option<String> {
        let subject = self.subject.as_ref().filter(|subject| subject.chars().count() < SHORTEST_SUBJECT)?;
        Some(format!("`{subject}` stands in nearly every subject; give at least {SHORTEST_SUBJECT} letters of it"))
    }

    /// What a text looks like.
    fn of(text: &str) -> Self {
        let (id, bare) = (bare_message_id(text), address(text));
        let (name, found) = match () {
            () if is_message_id(id) => ("message_id", id.to_owned()),
            () if is_address(&bare) => ("recipient", bare),
            () => ("subject", text.to_owned()),
        };
        let mut sought = Self { typed: Some((text.to_owned(), name)), ..Self::default() };
        *sought.place(name) = Some(found);
        sought
    }

    fn place(&mut self, name: &str) -> &mut Option<String> {
        match name {
            "recipient" => &mut self.recipient,
            "message_id" => &mut self.message_id,
            _ => &mut self.subject,
        }
    }

    /// What stands in a field, if the visitor may see it.
    pub(crate) fn field(&self, name: &str, visitor: &Visitor) -> Option<&str> {
        let typed = self.typed.as_ref();
        let (text, of) = match name {
            "q" => (typed.map(|(text, _)| text), typed.map_or("", |(_, taken_for)| taken_for)),
            _ if typed.is_some_and(|(_, taken_for)| *taken_for == name) => return None,
            "recipient" => (self.recipient.as_ref(), name),
            "message_id" => (self.message_id.as_ref(), name),
            _ => (self.subject.as_ref(), name),
        };
        text.filter(|_| of != "recipient" || visitor.sees_addresses).map(String::as_str)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.recipient.is_none() && self.message_id.is_none() && self.subject.is_none()
    }

    /// In words: `mail to jane@example.com, with “order” in the subject`.
    pub(crate) fn words(&self, visitor: &Visitor) -> String {
        let recipient = self.recipient.as_deref().map(|address| format!("to {}", visitor.address(address)));
        let id = self.message_id.as_deref().map(|id| format!("with the id {id}"));
        let subject = self.subject.as_deref().map(|text| format!("with \u{201c}{text}\u{201d} in the subject"));
        recipient.into_iter().chain(id).chain(subject).collect::<Vec<_>>().join(", ")
    }

    /// The fields of a link that leads here again. Whoever may not see addresses gets none in a link either.
    pub(crate) fn fields(&self, visitor: &Visitor) -> Vec<(&'static str, String)> {
        let field = |name| Some((name, self.field(name, visitor)?.to_owned()));
        FIELDS.into_iter().filter_map(field).collect()
    }

    /// The same, asked of the lake.
    pub(crate) fn query(&self, limit: usize) -> MessageQuery {
        MessageQuery {
            recipient: self.recipient.clone(),
            message_id: self.message_id.clone(),
            subject: self.subject.clone(),
            limit,
            ..MessageQuery::default()
        }
    }
}

/// An address without name and brackets.
fn address(text: &str) -> String {
    let inside = text.rsplit_once('<').map_or(text, |(_, rest)| rest.split('>').next().unwrap_or_default());
    inside.trim().to_owned()
}

fn is_address(text: &str) -> bool {
    let whole = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
    text.rsplit_once('@').is_some_and(|(local, domain)| whole(local) && whole(domain))
}

/// As SES writes them, or nearly: hexadecimal digits in groups, as whoever edits a payload leaves some of.
fn is_message_id(text: &str) -> bool {
    const SHORTEST: usize = 24;
    let is_part = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
    sent_time(text).is_some() || (text.len() >= SHORTEST && text.contains('-') && text.chars().all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Sought {
        Sought::read(&Parameters::lenient(Some(query))).unwrap()
    }

    /// The same without what was typed.
    fn found(query: &str) -> Sought {
        Sought { typed: None, ..read(query) }
    }

    fn only(recipient: Option<&str>, message_id: Option<&str>, subject: Option<&str>) -> Sought {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Sought {
            recipient: owned(recipient),
            message_id: owned(message_id),
            subject: owned(subject),
            ..Sought::default()
        }
    }

    const ID: &str = "010f019a9974b389-60efe038-5f6e-4f1e-9d26-7a3f40ee2e26-000000";

    #[test]
    fn one_field_takes_all_three() {
        for (text, sought) in [
            ("jane@example.com", only(Some("jane@example.com"), None, None)),
            ("Jane+Doe+%3Cjane@example.com%3E", only(Some("jane@example.com"), None, None)),
            (ID, only(None, Some(ID), None)),
            (&format!("%3C{ID}@eu-west-1.amazonses.com%3E"), only(None, Some(ID), None)),
            ("0102019a-00000001-0000-4000-8000", only(None, Some("0102019a-00000001-0000-4000-8000"), None)),
            ("Your+order", only(None, None, Some("Your order"))),
            ("50%25+off+@+home", only(None, None, Some("50% off @ home"))),
            ("@handle", only(None, None, Some("@handle"))),
            ("++", Sought::default()),
        ] {
            assert_eq!(found(&format!("q={text}")), sought, "{text}");
        }
    }

    #[test]
    fn fields_of_their_own_win() {
        assert_eq!(
            found(&format!("q=Your+order&recipient=jane@example.com&message_id=%3C{ID}@email.amazonses.com%3E")),
            only(Some("jane@example.com"), Some(ID), Some("Your order"))
        );
        assert_eq!(found("q=Your+order&subject=invoice"), only(None, None, Some("invoice")));
        assert!(read("q=of").is_too_short().is_some_and(|what| what.contains("at least 3 letters")));
        assert_eq!(read("q=off").is_too_short(), None);
        assert!(Sought::read(&Parameters::lenient(Some("q=abc&q=def"))).is_err());
    }

    #[test]
    fn fields_keep_what_was_typed_but_no_address_for_whoever_sees_none() {
        let fields = |query: &str, sees| -> String {
            let fields = read(query).fields(&Visitor::of_test(sees));
            fields.iter().map(|(name, value)| format!("{name}={value} ")).collect()
        };
        assert_eq!(
            fields("q=Jane+%3Cjane@example.com%3E&subject=order", true),
            "q=Jane <jane@example.com> subject=order "
        );
        assert_eq!(fields("q=jane@example.com&message_id=4711", false), "message_id=4711 ");
        assert_eq!(fields("recipient=jane@example.com&q=Your+order", false), "q=Your order ");
        assert_eq!(fields("q=Your+order&subject=invoice", true), "subject=invoice ");
    }
}

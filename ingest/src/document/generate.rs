//! Records and objects for tests, put together from structured parts: as SES writes them, odd, and damaged.
//!
//! Every part follows from a list of choices, of which 0 is the simplest, so a failing case shrinks to a simple one.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// A bare event in a layout that the compact reader knows.
pub(crate) fn compact_event() -> impl Strategy<Value = String> {
    vec(any::<u8>(), 0..400).prop_map(|choices| Choices::new(&choices, false).event())
}

/// A bare event that may have any oddity.
pub(crate) fn any_event() -> impl Strategy<Value = String> {
    vec(any::<u8>(), 0..400).prop_map(|choices| Choices::new(&choices, true).event())
}

/// Any value, as a field may hold it.
pub(crate) fn value() -> impl Strategy<Value = String> {
    vec(any::<u8>(), 0..60).prop_map(|choices| Choices::new(&choices, true).field_value())
}

/// An object of several records and what may stand between them.
pub(crate) fn object() -> impl Strategy<Value = Vec<u8>> {
    let piece = (any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..160));
    (any::<u8>(), vec(piece, 0..14)).prop_map(|(layout, pieces)| {
        let layout = Layout::new(layout);
        let mut object = layout.before.as_bytes().to_vec();
        for (kind, between, choices) in pieces {
            object.extend(Choices::new(&choices, false).piece(kind));
            object.extend(layout.between(between));
        }
        object.extend(layout.after.as_bytes());
        object
    })
}

/// What is changed at one place of a text.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    kind: u8,
    at: Index,
    other: Index,
    byte: u8,
}

/// A few changes.
pub(crate) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let byte = prop_oneof![proptest::sample::select(MEANINGFUL.to_vec()), any::<u8>()];
    let edit = (0..7_u8, any::<Index>(), any::<Index>(), byte);
    vec(edit.prop_map(|(kind, at, other, byte)| Edit { kind, at, other, byte }), 1..5)
}

/// The bytes with all changes made.
pub(crate) fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        if bytes.is_empty() {
            break;
        }
        edit.make(&mut bytes);
    }
    bytes
}

const MEANINGFUL: &[u8] = b"{}[]\",:\\ \n\r\t\0\x0b\x0c\x1f0-+.eunt\xff\xc3\xef";

impl Edit {
    fn make(&self, bytes: &mut Vec<u8>) {
        let (at, other) = (self.at.index(bytes.len()), self.other.index(bytes.len()));
        match self.kind {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, self.byte),
            2 => bytes[at] = self.byte,
            3 => bytes.swap(at, other),
            4 => bytes[at] ^= 1 << (self.byte % 8),
            5 => bytes.truncate(at),
            _ => {
                let slice = bytes[at..(at + other % 40 + 1).min(bytes.len())].to_vec();
                bytes.splice(other..other, slice);
            }
        }
    }
}

/// What stands before, between and after an object's records.
struct Layout {
    before: &'static str,
    usual: &'static str,
    after: &'static str,
}

impl Layout {
    fn new(choice: u8) -> Self {
        let (before, usual, after) = match choice % 10 {
            0..3 => ("", "\n", ""),
            3..5 => ("", "", "\n"),
            5 => ("\u{feff}", "\r\n", ""),
            6 => ("[", ",\n", "]"),
            7 => ("[\n", ",", "\n]\n"),
            8 => ("\n[", ",\n", "\n"),
            _ => (" \n", "\n\n", "\n\n"),
        };
        Self { before, usual, after }
    }

    fn between(&self, choice: u8) -> &'static [u8] {
        const UNUSUAL: [&str; 14] =
            ["\n", "", "\r\n", ",\n", "\n\n\n", " ", "\t", "\\n", "\u{feff}", "\x0c", "\x0b", ",", "]\n", "\n["];
        match choice {
            0..180 => self.usual.as_bytes(),
            _ => UNUSUAL[usize::from(choice) % UNUSUAL.len()].as_bytes(),
        }
    }
}

/// Lines that are no records. Some begin as a compressed object does, which only matters at an object's start.
const GARBAGE: [&[u8]; 24] = [
    b"garbage",
    b"}",
    b"{",
    b"{\"a\":",
    b"[1,2]",
    b"[",
    b"]",
    b"[{",
    b"\"",
    b"{\"a\":\"}{\"}",
    b"{\"a\":\"}{\"}\nPAR1",
    b"{\"a\":\"}{\",\"b\":\"}{\"}",
    b"PAR1 ",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"\xff\xfe",
    b"null",
    b"{\"a\":tru}",
    b"{\"eventType\":\"",
    b"{\"eventType\":\"Send\"",
    b"{\n\"a\": {\n\"b\": 1\n}\n}",
    b"{\"a\":\"\n}\n{\"b\":1}",
    b"Successfully validated SNS topic for Amazon SES event publishing.",
];

/// A type's name and the key of its own object.
const TYPES: [(&str, &str); 10] = [
    ("Send", "send"),
    ("Delivery", "delivery"),
    ("Bounce", "bounce"),
    ("Complaint", "complaint"),
    ("Open", "open"),
    ("Click", "click"),
    ("Reject", "reject"),
    ("Rendering Failure", "failure"),
    ("DeliveryDelay", "deliveryDelay"),
    ("Subscription", "subscription"),
];
const OTHER_TYPES: [&str; 6] = ["Received", "AmazonSnsSubscriptionSucceeded", "TEXT_SENT", "Sent", "send", ""];
const TIMES: [&str; 4] =
    ["2024-03-25T23:01:53.733Z", "2024-03-25T23:01:54.001Z", "2024-02-29T00:00:00.000Z", "2025-12-31T23:59:59.999Z"];
const OTHER_TIMES: [&str; 8] = [
    "2024-03-25T23:01:53Z",
    "2024-03-25T23:01:53.733+02:00",
    "2024-03-25 23:01:53 UTC",
    "2016-12-31T23:59:60.000Z",
    "2023-02-29T00:00:00.000Z",
    "1999-01-01T00:00:00.000Z",
    "2024-03-25T23:01:53.73",
    "",
];
const ADDRESSES: [&str; 8] = [
    "a@b.example",
    "c@d.example",
    "Jane <Jane@B.Example>",
    r#"\"Doe, J\" <j@d.example>"#,
    "=?UTF-8?Q?J=C3=A9?= <j@d.example>",
    "é@ü.example",
    "no address",
    "",
];
const TAGS: [&str; 8] =
    ["ses:configuration-set", "ses:from-domain", "ses:caller-identity", "ses:tenant-name", "campaign", "a", "é", ""];
const KEYS: [&str; 10] =
    ["new", "x-y", "", "é", "eventtype", "mail2", "source", "Type", "a longer name than most fields have", "tags"];

/// Parts of a string.
const TEXTS: [&str; 22] = [
    "plain",
    "",
    " ",
    "a longer run of ordinary text",
    "é",
    "✔ 漢字 😀",
    r#"\""#,
    r"\\",
    r"\/",
    r"\b\f\n\r\t",
    r"\u00e9",
    r"\ud83d\ude00",
    r"\ud800",
    r"\udc00x",
    r"\u0000",
    "}{",
    r#"}\n{\""#,
    "[{",
    ",",
    ":",
    "\u{7f}\u{80}",
    "\u{2028}\u{feff}",
];
/// Parts no string may have.
const WRONG_TEXTS: [&str; 9] = ["\n", "\0", "\u{1f}", "\t", r"\x", r"\u12g4", r"\u12", "\\", "\""];
const NUMBERS: [&str; 7] =
    ["0", "1", "-1", "658", "-0", "18446744073709551616", "340282366920938463463374607431768211456"];
/// Values that only the general way can read, and some that none can.
const ODD_VALUES: [&str; 28] = [
    "1.5",
    "-0.0",
    "1e3",
    "1E+2",
    "1e400",
    "01",
    "-01",
    "-",
    "+1",
    ".5",
    "1.",
    "0x1",
    "NaN",
    "1e",
    "tru",
    "nul",
    "True",
    "",
    " 1",
    "[1 ]",
    "[ ]",
    "[1,]",
    "{,}",
    "{ }",
    r#"{"a" :1}"#,
    r#"{"a": 1}"#,
    r#"{"a":1,}"#,
    r#"{"\ud800":1}"#,
];
const ODD_KEYS: [&str; 6] = [r"ma\u0069l", r"\ud800", r#"a\"b"#, r"\u0000", "a\nb", r"eventTyp\u0065"];

/// What may stand in a field's place.
enum Holds {
    /// Any value.
    Any,
    /// Only an object; anything else is left to the general way.
    Object,
}

/// Makes records out of choices; 0 follows when they have run out.
struct Choices<'c> {
    left: std::slice::Iter<'c, u8>,
    odd: bool,
}

type Field = (String, String, Holds);

fn field(key: &str, value: String) -> Field {
    (key.to_owned(), value, Holds::Any)
}

fn string(text: &str) -> String {
    format!("\"{text}\"")
}

impl<'c> Choices<'c> {
    fn new(choices: &'c [u8], odd: bool) -> Self {
        Self { left: choices.iter(), odd }
    }

    fn next(&mut self) -> usize {
        self.left.next().copied().map_or(0, usize::from)
    }

    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.next() % texts.len()]
    }

    fn rarely(&mut self) -> bool {
        self.next() > 245
    }

    fn oddly(&mut self) -> bool {
        self.odd && self.next() > 252
    }

    fn text(&mut self) -> String {
        let mut text: String = (0..=self.next() % 3).map(|_| self.pick(&TEXTS)).collect();
        if self.oddly() {
            text += self.pick(&WRONG_TEXTS);
        }
        string(&text)
    }

    fn id(&mut self) -> String {
        string(&format!("id-{}", self.next()))
    }

    fn time(&mut self) -> String {
        string(if self.rarely() { self.pick(&OTHER_TIMES) } else { self.pick(&TIMES) })
    }

    fn address(&mut self) -> String {
        if self.rarely() { self.text() } else { string(self.pick(&ADDRESSES)) }
    }

    fn list(&mut self, least: usize, item: fn(&mut Self) -> String) -> String {
        let items: Vec<String> = (0..least + self.next() % 3).map(|_| item(self)).collect();
        format!("[{}]", items.join(","))
    }

    fn addresses(&mut self) -> String {
        let least = usize::from(!self.rarely());
        self.list(least, Self::address)
    }

    fn field_value(&mut self) -> String {
        self.value(8)
    }

    /// Any value that nests no deeper than this, if it is not odd.
    fn value(&mut self, depth: usize) -> String {
        if self.oddly() {
            return self.odd_value();
        }
        let Some(inner) = depth.checked_sub(1) else { return self.text() };
        match self.next() % 9 {
            0..3 => self.text(),
            3 => self.pick(&NUMBERS).to_owned(),
            4 => self.pick(&["true", "false", "null"]).to_owned(),
            5 => {
                let items: Vec<String> = (0..self.next() % 4).map(|_| self.value(inner)).collect();
                format!("[{}]", items.join(","))
            }
            6 => {
                let members: Vec<String> =
                    (0..self.next() % 4).map(|_| format!("{}:{}", self.text(), self.value(inner))).collect();
                format!("{{{}}}", members.join(","))
            }
            7 => nested(1 + self.next() % depth),
            _ => self.pairs(depth),
        }
    }

    fn odd_value(&mut self) -> String {
        match self.next() % 4 {
            0 => nested(9 + self.next() % 4),
            1 => nested(100 + self.next()),
            _ => self.pick(&ODD_VALUES).to_owned(),
        }
    }

    /// A map as in `mail.tags`.
    fn pairs(&mut self, depth: usize) -> String {
        let pairs: Vec<String> = (0..self.next() % 6)
            .map(|_| {
                let name = if self.oddly() { self.pick(&ODD_KEYS) } else { self.pick(&TAGS) };
                let value = match self.next() % 8 {
                    0..5 => format!("[{}]", self.text()),
                    5 if depth > 1 => self.list(0, Self::text),
                    _ if depth > 1 => self.value(depth - 1),
                    _ => self.text(),
                };
                format!("\"{name}\":{value}")
            })
            .collect();
        format!("{{{}}}", pairs.join(","))
    }

    /// An object of these fields, some of which may be missing or hold something else, and a few others.
    fn object(&mut self, fields: Vec<Field>) -> String {
        self.object_within(8, fields)
    }

    /// The same, with fields that nest no deeper than this.
    fn object_within(&mut self, depth: usize, mut fields: Vec<Field>) -> String {
        fields.retain(|_| !self.rarely());
        for (_, value, holds) in &mut fields {
            match holds {
                _ if self.rarely() => *value = "null".to_owned(),
                Holds::Any if self.rarely() => *value = self.value(depth),
                Holds::Object if self.oddly() => *value = self.value(depth),
                Holds::Any | Holds::Object => {}
            }
        }
        for _ in 0..self.next().saturating_sub(200) / 25 {
            let key = if self.oddly() { self.pick(&ODD_KEYS) } else { self.pick(&KEYS) };
            let known = fields.iter().any(|(name, ..)| name == key);
            if !known || self.odd {
                fields.push(field(key, self.value(depth)));
            }
        }
        self.join(fields)
    }

    fn join(&mut self, mut fields: Vec<Field>) -> String {
        if !fields.is_empty() && self.rarely() {
            let by = self.next() % fields.len();
            fields.rotate_left(by);
        }
        if !fields.is_empty() && self.oddly() {
            let twice = self.next() % fields.len();
            fields.push(field(&fields[twice].0.clone(), self.value(3)));
        }
        let (comma, colon) = if self.oddly() { (", ", ": ") } else { (",", ":") };
        let members: Vec<String> = fields.iter().map(|(key, value, _)| format!("\"{key}\"{colon}{value}")).collect();
        format!("{{{}{}}}", members.join(comma), if self.oddly() { comma } else { "" })
    }

    fn event(&mut self) -> String {
        let choice = self.next();
        let (name, key) = TYPES[choice % TYPES.len()];
        let name = if self.rarely() { self.pick(&OTHER_TYPES) } else { name };
        let own = self.own(choice % TYPES.len());
        let type_key = if self.next() > 200 { "notificationType" } else { "eventType" };
        let mut fields = vec![
            field(type_key, string(name)),
            ("mail".to_owned(), self.mail(), Holds::Object),
            (key.to_owned(), own, Holds::Object),
        ];
        if self.next() > 128 {
            fields.swap(1, 2);
        }
        self.object(fields)
    }

    fn own(&mut self, event_type: usize) -> String {
        let fields = match event_type {
            0 => Vec::new(),
            1 => self.delivery(),
            2 => self.bounce(),
            3 => self.complaint(),
            4 | 5 => self.open_or_click(event_type == 5),
            6 => vec![field("reason", self.text())],
            7 => vec![field("errorMessage", self.text()), field("templateName", self.text())],
            8 => self.delivery_delay(),
            _ => self.subscription(),
        };
        self.object(fields)
    }

    fn delivery(&mut self) -> Vec<Field> {
        vec![
            field("timestamp", self.time()),
            field("processingTimeMillis", self.pick(&NUMBERS).to_owned()),
            field("recipients", self.addresses()),
            field("smtpResponse", self.text()),
            field("reportingMTA", self.text()),
            field("remoteMtaIp", self.text()),
        ]
    }

    fn bounce(&mut self) -> Vec<Field> {
        vec![
            field("feedbackId", self.id()),
            field("bounceType", string(self.pick(&["Permanent", "Transient", "Undetermined"]))),
            field("bounceSubType", string(self.pick(&["General", "Suppressed", "OnAccountSuppressionList"]))),
            field("bouncedRecipients", self.list(1, Self::recipient)),
            field("timestamp", self.time()),
            field("reportingMTA", string(self.pick(&["dns; a.example", "dsn;a.example", ";"]))),
        ]
    }

    fn complaint(&mut self) -> Vec<Field> {
        vec![
            field("complainedRecipients", self.list(1, Self::recipient)),
            field("timestamp", self.time()),
            field("feedbackId", self.id()),
            field("complaintSubType", self.text()),
            field("complaintFeedbackType", string(self.pick(&["abuse", "not-spam"]))),
            field("arrivalDate", self.time()),
        ]
    }

    fn open_or_click(&mut self, click: bool) -> Vec<Field> {
        let mut fields = vec![
            field("timestamp", self.time()),
            field("userAgent", self.text()),
            field("ipAddress", string("192.0.2.1")),
            field("isBotEvent", self.text()),
        ];
        if click {
            fields.push(field("link", self.text()));
            fields.push(("linkTags".to_owned(), self.pairs(7), Holds::Object));
        }
        fields
    }

    fn delivery_delay(&mut self) -> Vec<Field> {
        vec![
            field("timestamp", self.time()),
            field("delayType", string("MailboxFull")),
            field("expirationTime", self.time()),
            field("delayedRecipients", self.list(1, Self::recipient)),
        ]
    }

    fn subscription(&mut self) -> Vec<Field> {
        vec![
            field("contactList", self.text()),
            field("timestamp", self.time()),
            field("source", self.text()),
            field("newTopicPreferences", self.value(4)),
            field("oldTopicPreferences", self.value(4)),
        ]
    }

    fn recipient(&mut self) -> String {
        let fields = vec![
            field("emailAddress", self.address()),
            field("action", string("failed")),
            field("status", string(self.pick(&["5.1.1", "4.4.7", ""]))),
            field("diagnosticCode", self.text()),
        ];
        self.object_within(6, fields)
    }

    fn mail(&mut self) -> String {
        let mut fields = vec![
            field("timestamp", self.time()),
            field("source", self.address()),
            field(
                "sourceArn",
                string(self.pick(&["arn:aws:ses:eu-west-1:012345678901:identity/x.example", "arn:aws:ses"])),
            ),
            field("sendingAccountId", string("012345678901")),
            field("messageId", self.id()),
            field("destination", self.addresses()),
            field("headersTruncated", "false".to_owned()),
            field("headers", self.headers()),
            ("commonHeaders".to_owned(), self.common_headers(), Holds::Object),
            field("tags", self.pairs(8)),
        ];
        if self.rarely() {
            fields.push(field("headers", self.headers()));
        }
        self.object(fields)
    }

    fn headers(&mut self) -> String {
        match self.next() {
            0..200 => self.list(0, |choices| format!(r#"{{"name":{},"value":{}}}"#, choices.text(), choices.text())),
            200..230 => self.list(1, |choices| format!(r#"{{"value":{},"name":{}}}"#, choices.text(), choices.text())),
            _ => self.value(8),
        }
    }

    fn common_headers(&mut self) -> String {
        let fields = vec![
            field("from", self.list(1, Self::address)),
            field("to", self.addresses()),
            field("messageId", self.id()),
            field("subject", self.text()),
        ];
        self.object(fields)
    }

    /// Something that stands in an object: mostly an event.
    fn piece(&mut self, kind: u8) -> Vec<u8> {
        let kind = kind % 20;
        self.odd = kind == 10;
        match kind {
            0..=10 => self.event().into_bytes(),
            11 | 12 => self.pretty().into_bytes(),
            13 | 14 => self.wrapped().into_bytes(),
            15 => {
                let mut event = self.event().into_bytes();
                let at = event.len() * self.next() / 256;
                event.truncate(at);
                event
            }
            16 => {
                let event = self.event();
                let quotes: Vec<usize> = event.match_indices('"').map(|(at, _)| at).collect();
                let at = quotes[self.next() % quotes.len()];
                [&event[..at], &event[at + 1..]].concat().into_bytes()
            }
            _ => GARBAGE[self.next() % GARBAGE.len()].to_vec(),
        }
    }

    /// An event over several lines; as it is if it holds what no value can.
    fn pretty(&mut self) -> String {
        let event = self.event();
        serde_json::from_str::<serde_json::Value>(&event).map_or(event, |value| format!("{value:#}"))
    }

    fn wrapped(&mut self) -> String {
        let event = self.event();
        let text = serde_json::Value::from(&*event);
        match self.next() % 5 {
            0 => format!(r#"{{"Type":"Notification","MessageId":"m","Message":{text}}}"#),
            1 => format!(r#"{{"Records":[{{"body":{text}}},{{"Sns":{{"Message":{text}}}}}]}}"#),
            2 => format!(r#"{{"source":"aws.ses","detail-type":"Email Sent","detail":{event}}}"#),
            3 => format!(r#"{{"records":[{{"data":"{}"}}]}}"#, BASE64_STANDARD.encode(event)),
            _ => {
                format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{{"id":"1","timestamp":1,"message":{text}}}]}}"#)
            }
        }
    }
}

/// So many lists and objects within each other.
fn nested(depth: usize) -> String {
    let opened: String = (0..depth).map(|level| if level % 2 == 0 { "[" } else { "{\"a\":" }).collect();
    let closed: String = (0..depth).rev().map(|level| if level % 2 == 0 { "]" } else { "}" }).collect();
    format!("{opened}{}{closed}", if depth.is_multiple_of(2) { "0" } else { "" })
}

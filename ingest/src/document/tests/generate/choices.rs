//! Events out of choices: which fields they have, in what order, and what stands in them.

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
pub(super) struct Choices<'c> {
    left: std::slice::Iter<'c, u8>,
    /// Whether records may have what the compact reader does not know.
    pub(super) odd: bool,
}

type Field = (String, String, Holds);

fn field(key: &str, value: String) -> Field {
    (key.to_owned(), value, Holds::Any)
}

fn string(text: &str) -> String {
    format!("\"{text}\"")
}

impl<'c> Choices<'c> {
    pub(super) fn new(choices: &'c [u8], odd: bool) -> Self {
        Self { left: choices.iter(), odd }
    }

    pub(super) fn next(&mut self) -> usize {
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

    pub(super) fn field_value(&mut self) -> String {
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
                    0..5 if depth > 1 => format!("[{}]", self.text()),
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

    pub(super) fn event(&mut self) -> String {
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
}

/// So many lists and objects within each other.
fn nested(depth: usize) -> String {
    let opened: String = (0..depth).map(|level| if level % 2 == 0 { "[" } else { "{\"a\":" }).collect();
    let closed: String = (0..depth).rev().map(|level| if level % 2 == 0 { "]" } else { "}" }).collect();
    format!("{opened}{}{closed}", if depth.is_multiple_of(2) { "0" } else { "" })
}

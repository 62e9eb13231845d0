//! Classes of bounces, by rules that are data: `classes.tsv`, and those of the operator before them.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use super::normalise::{normalise, status_in};

/// Why mail came back, as far as somebody can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BounceClass {
    /// The mailbox is not there, or not in use any more.
    InvalidMailbox,
    /// The domain is not there, or takes no mail.
    InvalidDomain,
    /// The mailbox is full.
    MailboxFull,
    /// The receiver does not take mail that is so sent: its policy, or missing authentication.
    PolicyBlock,
    /// The receiver does not take this message: spam, size, attachment.
    Content,
    /// The receiver does not take mail from this sender: block lists, complaints, low reputation.
    Reputation,
    /// A reply of somebody who is away: the mail has arrived.
    OutOfOffice,
    /// Put off until SES gave up.
    Expired,
    /// SES did not try: a suppression list.
    Suppressed,
    /// The network or a server failed.
    Connection,
    /// Nothing that the rules know.
    Other,
}

/// A name that is no class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no bounce class; known are {list}", list = BounceClass::ALL.map(BounceClass::as_str).join(", "))]
pub struct UnknownClass(pub String);

impl BounceClass {
    /// All of them, in the order in which help lists them.
    pub const ALL: [Self; 11] = [
        Self::InvalidMailbox,
        Self::InvalidDomain,
        Self::MailboxFull,
        Self::PolicyBlock,
        Self::Content,
        Self::Reputation,
        Self::OutOfOffice,
        Self::Expired,
        Self::Suppressed,
        Self::Connection,
        Self::Other,
    ];

    /// The name in options, rules and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidMailbox => "invalid_mailbox",
            Self::InvalidDomain => "invalid_domain",
            Self::MailboxFull => "mailbox_full",
            Self::PolicyBlock => "policy_block",
            Self::Content => "content",
            Self::Reputation => "reputation",
            Self::OutOfOffice => "out_of_office",
            Self::Expired => "expired",
            Self::Suppressed => "suppressed",
            Self::Connection => "connection",
            Self::Other => "other",
        }
    }

    /// The name for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::InvalidMailbox => "No such mailbox",
            Self::InvalidDomain => "No such domain",
            Self::MailboxFull => "Mailbox full",
            Self::PolicyBlock => "Blocked by policy",
            Self::Content => "Content refused",
            Self::Reputation => "Blocked for reputation",
            Self::OutOfOffice => "Out of office",
            Self::Expired => "Gave up after delays",
            Self::Suppressed => "Suppressed, not tried",
            Self::Connection => "Connection failed",
            Self::Other => "Other",
        }
    }
}

impl fmt::Display for BounceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BounceClass {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|class| class.as_str() == text).ok_or_else(|| UnknownClass(text.to_owned()))
    }
}

/// What is known of a bounce. `text` is normalised.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounce<'b> {
    /// `Permanent`, `Transient`, `Undetermined`.
    pub bounce_type: Option<&'b str>,
    /// `General`, `NoEmail`, ...
    pub subtype: Option<&'b str>,
    /// Enhanced status code as SES reports it; the first one in the text counts as well.
    pub status: Option<&'b str>,
    /// The normalised diagnostic.
    pub text: Option<&'b str>,
}

/// One rule: what it asks for must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonRule {
    class: BounceClass,
    bounce_type: Option<String>,
    subtype: Option<String>,
    status: Option<Pattern>,
    /// One of these is in the text; empty for any text.
    texts: Vec<Pattern>,
    without_text: bool,
}

/// Text in lower case; `*` stands for any characters, `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern(String);

impl Pattern {
    fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    /// Whether a text in lower case holds it. `?` is not looked at here.
    fn is_in(&self, text: &str) -> bool {
        let mut rest = Some(text);
        for part in self.0.split('*').map(str::trim) {
            rest = rest.and_then(|text| text.find(part).and_then(|at| text.get(at + part.len()..)));
        }
        rest.is_some()
    }

    /// Whether an enhanced status code fits, part by part.
    fn is_status(&self, status: &str) -> bool {
        let fits = |pattern: &str, part: &str| {
            pattern == "*"
                || (pattern.len() == part.len() && pattern.bytes().zip(part.bytes()).all(|(p, b)| p == b'?' || p == b))
        };
        let (mut patterns, mut parts) = (self.0.split('.'), status.split('.'));
        patterns.by_ref().zip(parts.by_ref()).all(|(pattern, part)| fits(pattern, part))
            && self.0.split('.').count() == status.split('.').count()
    }
}

/// A rule of the operator that can never fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongReason {
    /// It asks for nothing.
    #[error("it fits every bounce; give `text`, `status`, `type` or `subtype`")]
    Empty,
    /// The text holds what is taken out before texts are compared.
    #[error(
        "`text` is compared with what `repute bounces` shows, where this reads `{0}`; write it so, or `*` in its place"
    )]
    NotNormal(String),
    /// Too short to mean anything.
    #[error("`text` has fewer than three letters, and would fit nearly everything")]
    Short,
    /// No pattern of a status code.
    #[error("`{0}` is no enhanced status code; write it as \"5.7.1\" or \"5.7.*\"")]
    Status(String),
}

impl ReasonRule {
    /// A rule of the operator.
    ///
    /// # Errors
    /// [`WrongReason`] for one that fits all or none.
    pub fn new(
        class: BounceClass,
        bounce_type: Option<&str>,
        subtype: Option<&str>,
        status: Option<&str>,
        text: Option<&str>,
    ) -> Result<Self, WrongReason> {
        if bounce_type.or(subtype).or(status).or(text).is_none() {
            return Err(WrongReason::Empty);
        }
        let is_part =
            |part: &str| part == "*" || ((1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
        if let Some(status) = status.filter(|status| status.split('.').count() != 3 || !status.split('.').all(is_part))
        {
            return Err(WrongReason::Status(status.to_owned()));
        }
        if let Some(text) = text {
            if text.chars().filter(|c| c.is_alphanumeric()).count() < 3 {
                return Err(WrongReason::Short);
            }
            let parts: Vec<String> = text.split('*').map(|part| normalise_part(part.trim())).collect();
            let normal = parts.join(" * ");
            let given: Vec<&str> = text.split('*').map(str::trim).collect();
            if normal != given.join(" * ") {
                return Err(WrongReason::NotNormal(normal));
            }
        }
        Ok(Self {
            class,
            bounce_type: bounce_type.map(str::to_owned),
            subtype: subtype.map(str::to_owned),
            status: status.map(Pattern::new),
            texts: text.map(Pattern::new).into_iter().collect(),
            without_text: false,
        })
    }

    /// A line of the table.
    fn parse(line: &str) -> Option<Self> {
        let mut cells = line.split('\t').map(|cell| Some(cell).filter(|cell| *cell != "-"));
        let class = cells.next()??.parse().ok()?;
        let [bounce_type, subtype, status, text, source] =
            [cells.next()?, cells.next()?, cells.next()?, cells.next()?, cells.next()?];
        let without_text = text == Some("(none)");
        let texts = text.filter(|_| !without_text).into_iter().flat_map(|text| text.split(" | ")).map(Pattern::new);
        source.map(|_| Self {
            class,
            bounce_type: bounce_type.map(str::to_owned),
            subtype: subtype.map(str::to_owned),
            status: status.map(Pattern::new),
            texts: texts.collect(),
            without_text,
        })
    }

    fn fits(&self, bounce: &Bounce<'_>, statuses: &[&str], lower: &str) -> bool {
        let is =
            |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| Some(wanted) == found);
        is(&self.bounce_type, bounce.bounce_type)
            && is(&self.subtype, bounce.subtype)
            && self.status.as_ref().is_none_or(|status| statuses.iter().any(|found| status.is_status(found)))
            && (self.texts.is_empty() || self.texts.iter().any(|text| text.is_in(lower)))
            && (!self.without_text || lower.is_empty())
    }
}

/// A part of a pattern, as it is in a normalised text that has something before it.
fn normalise_part(part: &str) -> String {
    let whole = normalise(&format!("… {part}"));
    whole.trim_start_matches('…').trim().to_owned()
}

static BUILT_IN: LazyLock<Vec<ReasonRule>> = LazyLock::new(|| lines().filter_map(ReasonRule::parse).collect());

fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("classes.tsv").lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

/// The rules in force: the operator's, then those that ship.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Classifier {
    own: Vec<ReasonRule>,
}

impl Classifier {
    /// With rules that come before the built-in ones, in their order.
    pub fn new(own: Vec<ReasonRule>) -> Self {
        Self { own }
    }

    /// The class of the first rule that fits.
    pub fn class(&self, bounce: &Bounce<'_>) -> BounceClass {
        let lower = bounce.text.unwrap_or_default().to_lowercase();
        let statuses: Vec<&str> = bounce.status.into_iter().chain(status_in(&lower)).collect();
        let mut rules = self.own.iter().chain(BUILT_IN.iter());
        rules.find(|rule| rule.fits(bounce, &statuses, &lower)).map_or(BounceClass::Other, |rule| rule.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_rule() {
        for line in lines() {
            assert!(ReasonRule::parse(line).is_some(), "{line}");
        }
        assert!(BUILT_IN.len() > 40);
    }

    #[test]
    fn every_class_but_the_last_has_a_rule() {
        for class in BounceClass::ALL.into_iter().filter(|class| *class != BounceClass::Other) {
            assert!(BUILT_IN.iter().any(|rule| rule.class == class), "{class}");
            assert_eq!(class.as_str().parse(), Ok(class));
        }
    }

    #[test]
    fn own_rules_come_first_and_must_make_sense() {
        let rule = |status, text| ReasonRule::new(BounceClass::PolicyBlock, None, None, status, text);
        let own = Classifier::new(vec![rule(None, Some("user unknown * partner")).unwrap()]);
        let text = |text| Bounce { text: Some(text), ..Bounce::default() };
        assert_eq!(own.class(&text("550 5.1.1 User unknown at PARTNER")), BounceClass::PolicyBlock);
        assert_eq!(own.class(&text("550 5.1.1 User unknown")), BounceClass::InvalidMailbox);
        assert_eq!(rule(None, None), Err(WrongReason::Empty));
        assert_eq!(rule(None, Some("no")), Err(WrongReason::Short));
        assert_eq!(rule(Some("5.7"), None), Err(WrongReason::Status("5.7".to_owned())));
        assert!(rule(Some("5.7.*"), None).is_ok());
        let wrong = rule(None, Some("ask jane@example.com for 4711")).unwrap_err();
        assert_eq!(wrong, WrongReason::NotNormal("ask {address} for {number}".to_owned()));
        assert!(rule(None, Some("ask {address} for {number}")).is_ok());
    }
}

//! Who opened or clicked: rules that are data, `bots.tsv`, for whatever SES did not judge itself.

use std::sync::LazyLock;

use chrono::TimeDelta;

/// What a rule says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BotVerdict {
    /// It was made without a reader.
    Bot,
    /// It was fetched for a reader, who may have read or not.
    Proxy,
}

impl BotVerdict {
    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Proxy => "proxy",
        }
    }
}

/// Why an open or click is not simply taken for a reader's: a line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BotReason(u8);

/// Opens or clicks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    Open,
    Click,
}

struct Rule {
    name: &'static str,
    words: &'static str,
    verdict: BotVerdict,
    act: Option<Act>,
    asks: Asks,
    source: &'static str,
}

/// What a rule asks of an event.
enum Asks {
    /// What SES says of it.
    Likelihood(&'static str),
    Agent(Vec<Pattern>),
    /// That it came so soon after a delivery of its message.
    AfterDelivery(TimeDelta),
    /// That so many links of its message were clicked within this time.
    Links(usize, TimeDelta),
}

enum Pattern {
    Missing,
    Whole(&'static str),
    Part(&'static str),
}

impl Pattern {
    fn parse(text: &'static str) -> Self {
        match text.strip_prefix('=') {
            Some(whole) => Self::Whole(whole),
            None if text == "(none)" => Self::Missing,
            None => Self::Part(text),
        }
    }

    /// Whether an agent in lower case fits; no agent is empty.
    fn fits(&self, agent: &str) -> bool {
        match self {
            Self::Missing => agent.is_empty(),
            Self::Whole(whole) => agent == *whole,
            Self::Part(part) => agent.contains(part),
        }
    }
}

impl Rule {
    fn parse(line: &'static str) -> Option<Self> {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, words, verdict, events, asks, value, source] = cells.try_into().ok()?;
        let seconds = |text: &str| text.parse().ok().map(TimeDelta::seconds);
        let asks = match asks {
            "likelihood" => Asks::Likelihood(value),
            "agent" => Asks::Agent(value.split(" | ").map(Pattern::parse).collect()),
            "seconds_after_delivery" => Asks::AfterDelivery(seconds(value)?),
            "links_in_seconds" => {
                let (links, within) = value.split_once(" in ")?;
                Asks::Links(links.parse().ok()?, seconds(within)?)
            }
            _ => return None,
        };
        let verdict = [BotVerdict::Bot, BotVerdict::Proxy].into_iter().find(|known| known.as_str() == verdict)?;
        let act = match events {
            "any" => None,
            "open" => Some(Act::Open),
            "click" => Some(Act::Click),
            _ => return None,
        };
        Some(Self { name, words, verdict, act, asks, source })
    }
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| lines().filter_map(Rule::parse).collect());

fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("bots.tsv").lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

impl BotReason {
    /// All of them, in the order in which they are asked.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..RULES.len()).filter_map(|index| u8::try_from(index).ok().map(Self))
    }

    fn rule(self) -> Option<&'static Rule> {
        RULES.get(usize::from(self.0))
    }

    /// Its name in output.
    pub fn name(self) -> &'static str {
        self.rule().map_or("", |rule| rule.name)
    }

    /// The name for people.
    pub fn words(self) -> &'static str {
        self.rule().map_or("", |rule| rule.words)
    }

    /// What it makes of an event.
    pub fn verdict(self) -> BotVerdict {
        self.rule().map_or(BotVerdict::Bot, |rule| rule.verdict)
    }

    /// Who says so.
    pub fn source(self) -> &'static str {
        self.rule().map_or("", |rule| rule.source)
    }

    /// Whether it is SES's own word.
    pub(crate) fn is_of_ses(self) -> bool {
        self.rule().is_some_and(|rule| matches!(rule.asks, Asks::Likelihood(_)))
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What is known of an event by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// SES says that it was no machine.
    Reader,
    /// The first rule that fits, if any does.
    By(Option<BotReason>),
}

/// Why an open or click is not simply taken for a reader's, as far as it tells itself: without what happened around it.
pub fn bot_reason(is_click: bool, likelihood: Option<&str>, agent: Option<&str>) -> Option<BotReason> {
    match judge(if is_click { Act::Click } else { Act::Open }, likelihood, agent) {
        Judged::Reader => None,
        Judged::By(reason) => reason,
    }
}

/// Judges an event by what SES and its agent say.
pub(crate) fn judge(act: Act, likelihood: Option<&str>, agent: Option<&str>) -> Judged {
    if likelihood.is_some_and(|text| text.eq_ignore_ascii_case("Unlikely")) {
        return Judged::Reader;
    }
    let agent = agent.unwrap_or_default().trim().to_lowercase();
    let fits = |rule: &Rule| {
        rule.act.is_none_or(|of| of == act)
            && match &rule.asks {
                Asks::Likelihood(wanted) => likelihood.is_some_and(|text| text.eq_ignore_ascii_case(wanted)),
                Asks::Agent(patterns) => patterns.iter().any(|pattern| pattern.fits(&agent)),
                Asks::AfterDelivery(_) | Asks::Links(..) => false,
            }
    };
    let first = RULES.iter().position(fits).and_then(|index| u8::try_from(index).ok());
    Judged::By(first.map(BotReason))
}

/// The rule on deliveries, and how soon after one is too soon.
pub(crate) fn after_delivery() -> Option<(BotReason, TimeDelta)> {
    BotReason::all().find_map(|reason| match reason.rule()?.asks {
        Asks::AfterDelivery(within) => Some((reason, within)),
        _ => None,
    })
}

/// The rule on links: how many of a message in how long a time are too many.
pub(crate) fn many_links() -> Option<(BotReason, usize, TimeDelta)> {
    BotReason::all().find_map(|reason| match reason.rule()?.asks {
        Asks::Links(links, within) => Some((reason, links, within)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(act: Act, likelihood: Option<&str>, agent: &str) -> &'static str {
        match judge(act, likelihood, Some(agent)) {
            Judged::Reader => "reader",
            Judged::By(reason) => reason.map_or("", BotReason::name),
        }
    }

    #[test]
    fn every_line_of_the_table_is_a_rule_with_a_source() {
        for line in lines() {
            assert!(Rule::parse(line).is_some_and(|rule| !rule.source.is_empty()), "{line}");
        }
        assert_eq!(RULES.len(), lines().count());
        assert_eq!(after_delivery().unwrap().1, TimeDelta::seconds(5));
        let (reason, links, within) = many_links().unwrap();
        assert_eq!((reason.name(), links, within), ("every_link", 3, TimeDelta::seconds(10)));
    }

    #[test]
    fn agents_tell_machines_from_readers() {
        let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
        let google = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";
        for (act, agent, reason) in [
            (Act::Open, chrome, ""),
            (Act::Click, chrome, ""),
            (Act::Open, google, "image_proxy"),
            (Act::Click, google, ""),
            (Act::Open, "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "image_proxy"),
            (Act::Open, "Mozilla/5.0", "apple_preload"),
            (Act::Click, "Mozilla/5.0", ""),
            (Act::Click, "Microsoft Office Existence Discovery", "head_request"),
            (Act::Click, "Mozilla/5.0 (compatible; Barracuda Sentinel)", "scanner"),
            (Act::Click, "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "link_preview"),
            (Act::Click, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "crawler"),
            (Act::Open, "curl/8.5.0", "program"),
            (Act::Open, "  ", "no_agent"),
            (Act::Click, "Amazon CloudFront", ""),
        ] {
            assert_eq!(name(act, None, agent), reason, "{agent}");
        }
        assert_eq!(judge(Act::Open, None, None), judge(Act::Open, None, Some("")));
    }

    #[test]
    fn what_ses_says_comes_first() {
        assert_eq!(name(Act::Open, Some("Likely"), "curl/8"), "ses_likely");
        assert_eq!(name(Act::Open, Some("Unlikely"), "curl/8"), "reader");
        assert_eq!(name(Act::Open, Some("Perhaps"), "curl/8"), "program", "a word that is not known says nothing");
    }
}

//! Where mail goes: mailbox providers with their many domains, a long tail of small ones, the sender's own domains and
//! the mailbox simulator.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::plan::VERIFIED_DOMAINS;

/// How a receiving system words its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    Google,
    Yahoo,
    Microsoft,
    Apple,
    MailAndMedia,
    Postfix,
    Exchange,
    Simulator,
}

/// How AWS counts a recipient. By precedence: the simulator before verified domains before domains that send SES no
/// complaint feedback (Gmail, <https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Ordinary,
    NoFeedbackLoop,
    VerifiedDomain,
    Simulator,
}

/// A recipient domain.
#[derive(Debug)]
pub(crate) struct Domain {
    pub(crate) name: String,
    pub(crate) provider: Provider,
    pub(crate) class: Class,
}

/// All recipient domains, drawn by weight.
pub(crate) struct Domains {
    list: Vec<Domain>,
    cumulative: Vec<f64>,
    /// For each 1,024th part of the total weight, the first domain that reaches into it.
    guide: Vec<u16>,
}

const SIMULATOR: &str = "simulator.amazonses.com";
/// Domains beyond the named ones; rank k of them has a weight of 1/k (Zipf), together this part of the mail.
const TAIL: usize = 2_500;
const TAIL_WEIGHT: f64 = 8.0;
const GUIDE: usize = 1_024;

use Provider::{Apple, Exchange, Google, MailAndMedia, Microsoft, Postfix, Yahoo};

/// Named domains with their weight in per cent of the mail.
const HEAD: [(&str, Provider, f64); 40] = [
    ("gmail.com", Google, 36.0),
    ("yahoo.com", Yahoo, 9.0),
    ("hotmail.com", Microsoft, 8.0),
    ("outlook.com", Microsoft, 6.5),
    ("icloud.com", Apple, 6.0),
    ("aol.com", Yahoo, 3.2),
    ("gmx.de", MailAndMedia, 2.6),
    ("web.de", MailAndMedia, 2.1),
    ("live.com", Microsoft, 1.6),
    ("yahoo.co.uk", Yahoo, 1.4),
    ("comcast.net", Postfix, 1.3),
    ("orange.fr", Postfix, 1.0),
    ("t-online.de", Postfix, 0.9),
    ("msn.com", Microsoft, 0.9),
    ("hotmail.co.uk", Microsoft, 0.9),
    ("gmx.net", MailAndMedia, 0.8),
    ("googlemail.com", Google, 0.8),
    ("me.com", Apple, 0.8),
    ("hotmail.fr", Microsoft, 0.8),
    ("yahoo.fr", Yahoo, 0.7),
    ("libero.it", Postfix, 0.6),
    ("proton.me", Postfix, 0.6),
    ("att.net", Yahoo, 0.5),
    ("qq.com", Postfix, 0.5),
    ("btinternet.com", Postfix, 0.4),
    ("ymail.com", Yahoo, 0.3),
    ("verizon.net", Yahoo, 0.3),
    ("sbcglobal.net", Yahoo, 0.3),
    ("cox.net", Postfix, 0.3),
    ("freenet.de", Postfix, 0.3),
    ("naver.com", Postfix, 0.3),
    ("mac.com", Apple, 0.2),
    ("wanadoo.fr", Postfix, 0.2),
    ("fastmail.com", Postfix, 0.2),
    ("bell.net", Exchange, 0.2),
    ("earthlink.net", Postfix, 0.2),
    ("bigpond.com", Exchange, 0.2),
    ("gmx.at", MailAndMedia, 0.2),
    ("rocketmail.com", Yahoo, 0.1),
    ("zoho.com", Postfix, 0.1),
];

const ADJECTIVES: [&str; 25] = [
    "amber", "bright", "calm", "cedar", "clear", "copper", "coral", "dawn", "east", "fern", "golden", "green", "high",
    "ivory", "lake", "maple", "misty", "north", "quiet", "river", "silver", "south", "stone", "west", "wild",
];
const NOUNS: [&str; 20] = [
    "bakery",
    "bank",
    "clinic",
    "college",
    "consulting",
    "dental",
    "design",
    "farm",
    "foods",
    "foundry",
    "garden",
    "hotel",
    "labs",
    "legal",
    "logistics",
    "media",
    "press",
    "school",
    "studio",
    "works",
];
const ENDINGS: [&str; 5] = [".example", "-group.example", "-online.example", ".example.org", ".example.net"];

impl Domains {
    pub(crate) fn new() -> Self {
        let mut list = Vec::with_capacity(HEAD.len() + TAIL + 3);
        let mut weights = Vec::with_capacity(list.capacity());
        let mut push = |name: String, provider, class, weight: f64| {
            list.push(Domain { name, provider, class });
            weights.push(weight);
        };
        for (name, provider, weight) in HEAD {
            let class =
                if matches!(name, "gmail.com" | "googlemail.com") { Class::NoFeedbackLoop } else { Class::Ordinary };
            push(name.to_owned(), provider, class, weight);
        }
        let harmonic: f64 = (1..=TAIL).map(|rank| 1.0 / rank as f64).sum();
        for rank in 0..TAIL {
            let provider = [Google, Exchange, Postfix, Microsoft, Postfix][rank % 5];
            push(tail_name(rank), provider, Class::Ordinary, TAIL_WEIGHT / harmonic / (rank + 1) as f64);
        }
        push(VERIFIED_DOMAINS[0].to_owned(), Exchange, Class::VerifiedDomain, 0.7);
        push(VERIFIED_DOMAINS[1].to_owned(), Exchange, Class::VerifiedDomain, 0.4);
        push(SIMULATOR.to_owned(), Provider::Simulator, Class::Simulator, 0.2);
        let mut total = 0.0;
        let cumulative: Vec<f64> = weights
            .iter()
            .map(|weight| {
                total += weight;
                total
            })
            .collect();
        let guide = (0..GUIDE)
            .map(|part| cumulative.partition_point(|upper| *upper <= total * part as f64 / GUIDE as f64) as u16)
            .collect();
        Self { list, cumulative, guide }
    }

    /// A domain by weight.
    pub(crate) fn draw(&self, rng: &mut ChaCha8Rng) -> u16 {
        let unit = rng.random::<f64>();
        let point = unit * self.cumulative.last().copied().unwrap_or_default();
        let mut index = self.guide[(unit * GUIDE as f64) as usize] as usize;
        while index + 1 < self.list.len() && self.cumulative[index] <= point {
            index += 1;
        }
        index as u16
    }

    pub(crate) fn get(&self, index: u16) -> &Domain {
        &self.list[index as usize]
    }

    pub(crate) fn find(&self, name: &str) -> Option<u16> {
        self.list.iter().position(|domain| domain.name == name).map(|index| index as u16)
    }

    pub(crate) fn simulator(&self) -> u16 {
        (self.list.len() - 1) as u16
    }
}

/// A small domain under a name reserved for examples (RFC 2606, RFC 6761), a different one for each rank.
fn tail_name(rank: usize) -> String {
    let (adjective, rest) = (rank % ADJECTIVES.len(), rank / ADJECTIVES.len());
    // Steps through the nouns from a different one for each adjective, so that neighbours in rank look unlike.
    let noun = (rest + adjective * 7) % NOUNS.len();
    format!("{}{}{}", ADJECTIVES[adjective], NOUNS[noun], ENDINGS[rest / NOUNS.len() % ENDINGS.len()])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn names_differ_and_shares_hold() {
        let domains = Domains::new();
        let names: HashSet<_> = domains.list.iter().map(|domain| &domain.name).collect();
        assert_eq!(names.len(), HEAD.len() + TAIL + 3);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let gmail = (0..100_000).filter(|_| domains.get(domains.draw(&mut rng)).name == "gmail.com").count();
        assert!((34_000..38_000).contains(&gmail), "{gmail}");
    }
}

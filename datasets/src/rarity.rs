//! What must not be left to chance: every kind of event, bounce, delay and complaint occurs at least once in a dump of a
//! few thousand events, spread over its first half so that late consequences still fall inside.

use rand_chacha::ChaCha8Rng;

use crate::domain::Domains;
use crate::fate::{Decree, Fate};
use crate::message::{Message, SIMULATOR_MAILBOXES};
use crate::outcome::{Bounce, Complaint, Delay};
use crate::plan::VERIFIED_DOMAINS;

const NEWSLETTER: usize = 2;
const NOTIFICATIONS: usize = 3;

/// One arranged message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rarity {
    pub(crate) decree: Option<Decree>,
    /// The set it has to be sent by.
    pub(crate) set: Option<usize>,
    to: To,
}

#[derive(Debug, Clone, Copy)]
enum To {
    Drawn,
    Simulator(u32),
    Domain(&'static str, usize),
}

impl Rarity {
    /// Addresses a message as this rarity needs it.
    pub(crate) fn address(self, message: &mut Message, domains: &Domains, population: u32, rng: &mut ChaCha8Rng) {
        match self.to {
            To::Drawn => {}
            To::Simulator(mailbox) => message.address_to_simulator(domains, mailbox),
            To::Domain(name, count) => {
                if let Some(domain) = domains.find(name) {
                    message.address_to(domain, count, population, rng);
                }
            }
        }
    }

    fn fate(fate: Fate, name: &'static str, count: usize) -> Self {
        Self { decree: Some(Decree::Fate(fate)), set: None, to: To::Domain(name, count) }
    }
}

/// All rarities; what takes longest to show comes first.
pub(crate) fn rarities() -> Vec<Rarity> {
    let mut all = Vec::new();
    for complaint in Complaint::ALL {
        let set = (complaint == Complaint::TenantList).then_some(NOTIFICATIONS);
        all.push(Rarity { set, ..Rarity::fate(Fate::complained(complaint), "yahoo.com", 1) });
    }
    all.push(Rarity::fate(Fate::complained(Complaint::Abuse), "outlook.com", 2));
    all.push(Rarity::fate(Fate::complained(Complaint::Abuse), "googlemail.com", 1));
    all.push(Rarity::fate(Fate::complained(Complaint::Abuse), VERIFIED_DOMAINS[0], 1));
    all.extend(Delay::ALL.map(|delay| Rarity::fate(Fate::delayed(delay), "gmx.de", 1)));
    all.push(Rarity::fate(Fate::delayed(Delay::RecipientServerError), "yahoo.com", 2));
    for mailbox in 0..SIMULATOR_MAILBOXES.len() as u32 {
        all.push(Rarity { decree: None, set: None, to: To::Simulator(mailbox) });
    }
    all.extend([Decree::Subscription, Decree::Reject, Decree::RenderingFailure].map(|decree| Rarity {
        decree: Some(decree),
        set: None,
        to: To::Drawn,
    }));
    let homes = ["gmail.com", "yahoo.com", "hotmail.com", "icloud.com", "comcast.net"];
    for (bounce, home) in Bounce::ALL.into_iter().zip(homes.into_iter().cycle()) {
        let set = match bounce {
            Bounce::TenantList => Some(NOTIFICATIONS),
            Bounce::Unsubscribed => Some(NEWSLETTER),
            _ => None,
        };
        all.push(Rarity { set, ..Rarity::fate(Fate::bounced(bounce), home, 1) });
    }
    all.push(Rarity::fate(Fate::bounced(Bounce::NoEmail), "yahoo.com", 3));
    all.push(Rarity::fate(Fate::bounced(Bounce::NoEmail), VERIFIED_DOMAINS[1], 1));
    all.push(Rarity::fate(Fate::bounced_late(Bounce::NoEmail), "aol.com", 1));
    all
}

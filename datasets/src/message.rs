//! A message as it is sent: small enough to wait in memory for its last event, with a seed from which everything that
//! only shows (ids, hosts, signatures) is made again whenever one of its events is written.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::calendar::Slot;
use crate::domain::{Class, Domains};
use crate::profile::{INCIDENT_CAMPAIGN, PROFILES, Profile};

/// The most destinations a generated message has.
pub(crate) const MOST_RECIPIENTS: usize = 4;
/// Part of the messages that go to more than one recipient.
const SHARED: f64 = 0.03;
const DAY: i64 = 86_400_000;

/// The simulator's mailboxes
/// (<https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator>).
pub(crate) const SIMULATOR_MAILBOXES: [&str; 5] = ["success", "bounce", "ooto", "complaint", "suppressionlist"];

/// One recipient: a domain of [`Domains`] and the number of a user there (of a mailbox, at the simulator).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Recipient {
    pub(crate) domain: u16,
    pub(crate) user: u32,
}

/// One message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) seed: u64,
    /// Milliseconds since 1970.
    pub(crate) sent: i64,
    pub(crate) set: usize,
    pub(crate) incident: bool,
    pub(crate) campaign: Option<&'static str>,
    pub(crate) template: &'static str,
    pub(crate) tenant: Option<&'static str>,
    recipients: [Recipient; MOST_RECIPIENTS],
    count: usize,
}

impl Message {
    /// Makes the message for a slot, to users out of `population` per domain.
    pub(crate) fn draw(slot: Slot, population: u32, domains: &Domains, rng: &mut ChaCha8Rng) -> Self {
        let profile = &PROFILES[slot.set];
        let campaign = match profile.campaigns.len() {
            _ if slot.incident => Some(INCIDENT_CAMPAIGN),
            0 => None,
            count => Some(profile.campaigns[((slot.sent / DAY) as usize + rng.random_range(0..2)) % count]),
        };
        let tenant = (!profile.tenants.is_empty()).then(|| profile.tenants[rng.random_range(0..profile.tenants.len())]);
        let mut message = Self {
            seed: rng.random(),
            sent: slot.sent,
            set: slot.set,
            incident: slot.incident,
            campaign,
            template: profile.templates[rng.random_range(0..profile.templates.len())],
            tenant,
            recipients: [Recipient::default(); MOST_RECIPIENTS],
            count: 0,
        };
        let first = domains.draw(rng);
        if domains.get(first).class == Class::Simulator {
            message.address_to_simulator(domains, rng.random_range(0..SIMULATOR_MAILBOXES.len() as u32));
            return message;
        }
        message.add(first, population, rng);
        if rng.random::<f64>() < SHARED {
            for _ in 0..rng.random_range(1..MOST_RECIPIENTS) {
                let other = domains.draw(rng);
                let stays = rng.random::<f64>() < 0.6 || domains.get(other).class == Class::Simulator;
                message.add(if stays { first } else { other }, population, rng);
            }
        }
        message
    }

    pub(crate) fn profile(&self) -> &'static Profile {
        &PROFILES[self.set]
    }

    pub(crate) fn recipients(&self) -> &[Recipient] {
        &self.recipients[..self.count]
    }

    /// Redirects the message to one mailbox of the simulator.
    pub(crate) fn address_to_simulator(&mut self, domains: &Domains, mailbox: u32) {
        self.recipients[0] = Recipient { domain: domains.simulator(), user: mailbox };
        self.count = 1;
    }

    /// Redirects the message to `count` users of one domain.
    pub(crate) fn address_to(&mut self, domain: u16, count: usize, population: u32, rng: &mut ChaCha8Rng) {
        self.count = 0;
        for _ in 0..count.min(MOST_RECIPIENTS) {
            self.add(domain, population, rng);
        }
    }

    fn add(&mut self, domain: u16, population: u32, rng: &mut ChaCha8Rng) {
        let mut recipient = Recipient { domain, user: rng.random_range(0..population) };
        // No message names an address twice: its two rows would be one.
        while self.recipients().contains(&recipient) {
            recipient.user += 1;
        }
        self.recipients[self.count] = recipient;
        self.count += 1;
    }
}

impl Recipient {
    /// Writes the address. No local part can be a person's: it is `user-` and ten hex digits.
    pub(crate) fn write(self, domains: &Domains, out: &mut String) {
        let domain = domains.get(self.domain);
        if domain.class == Class::Simulator {
            out.push_str(SIMULATOR_MAILBOXES[self.user as usize % SIMULATOR_MAILBOXES.len()]);
        } else {
            out.push_str("user-");
            let mixed = scramble(u64::from(self.domain) << 32 | u64::from(self.user));
            crate::wire::text::hex(out, mixed >> 24, 10);
        }
        out.push('@');
        out.push_str(&domain.name);
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): a bijection that hides the order of its inputs.
fn scramble(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

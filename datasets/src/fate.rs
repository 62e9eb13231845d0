//! What becomes of a message: the events it leads to, with their times.
//!
//! ```text
//! Rendering Failure
//! Send -> Reject
//! Send -> DeliveryDelay* -> Delivery -> Bounce (out of office, or a late refusal)
//!                                    -> Complaint (hours to days later)
//!                                    -> Open* -> Click*, Subscription
//!                        -> Bounce
//! ```
//!
//! Recipients of one domain that share their fate share their events, as at SES.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::domain::{Class, Domains};
use crate::message::{MOST_RECIPIENTS, Message};
use crate::outcome::{Among, Bounce, Complaint, Delay, Event, What};
use crate::profile::{INCIDENT_COMPLAINT_FACTOR, INCIDENT_HARD};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// SES gives up after 840 minutes.
pub(crate) const EXPIRY: i64 = 840 * MINUTE;

/// What becomes of one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    delay: Option<Delay>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Bounced(Bounce),
    Delivered { bounce: Option<Bounce>, complaint: Option<Complaint> },
}

const DELIVERED: Fate = Fate { delay: None, end: End::Delivered { bounce: None, complaint: None } };

impl Fate {
    pub(crate) fn bounced(bounce: Bounce) -> Self {
        match bounce {
            Bounce::OutOfOffice => Self::bounced_late(bounce),
            _ => Self { delay: None, end: End::Bounced(bounce) },
        }
    }

    pub(crate) fn bounced_late(bounce: Bounce) -> Self {
        Self { delay: None, end: End::Delivered { bounce: Some(bounce), complaint: None } }
    }

    pub(crate) fn delayed(delay: Delay) -> Self {
        Self { delay: Some(delay), ..DELIVERED }
    }

    pub(crate) fn complained(complaint: Complaint) -> Self {
        Self { delay: None, end: End::Delivered { bounce: None, complaint: Some(complaint) } }
    }
}

/// What is decided about a message before it is left to chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Decree {
    RenderingFailure,
    Reject,
    Subscription,
    /// The fate of the recipients at the first recipient's domain.
    Fate(Fate),
}

/// Appends the message's events to `events`, the first one first.
pub(crate) fn unfold(
    message: &Message,
    decree: Option<Decree>,
    domains: &Domains,
    rng: &mut ChaCha8Rng,
    events: &mut Vec<Event>,
) {
    let mut story = Story { sent: message.sent, events };
    let chance = rng.random::<f64>();
    if decree == Some(Decree::RenderingFailure) || (decree.is_none() && chance < 0.0004) {
        return story.push(message.sent, What::RenderingFailure);
    }
    story.push(message.sent, What::Send);
    if decree == Some(Decree::Reject) || (decree.is_none() && chance < 0.0006) {
        return story.push(message.sent, What::Reject);
    }
    let mut delivered = None;
    let mut done = 0u8;
    for (position, recipient) in message.recipients().iter().enumerate() {
        if done & (1 << position) != 0 {
            continue;
        }
        let decreed = match decree {
            Some(Decree::Fate(fate)) if position == 0 => Some(fate),
            _ => None,
        };
        for (fate, among) in shared_fates(message, recipient.domain, decreed, domains, rng).into_iter().flatten() {
            done |= among.0;
            delivered = story.play(fate, among, rng).or(delivered);
        }
    }
    if let Some(delivered) = delivered {
        story.engagement(message, delivered, decree == Some(Decree::Subscription), rng);
    }
}

type Shared = [Option<(Fate, Among)>; MOST_RECIPIENTS];

/// The fates of all recipients at one domain, equal ones together.
fn shared_fates(
    message: &Message,
    domain: u16,
    decreed: Option<Fate>,
    domains: &Domains,
    rng: &mut ChaCha8Rng,
) -> Shared {
    let mut shared: Shared = [None; MOST_RECIPIENTS];
    let mut common = decreed;
    for (position, recipient) in message.recipients().iter().enumerate() {
        if recipient.domain != domain {
            continue;
        }
        let fate = match common {
            Some(fate) if decreed.is_some() || rng.random::<f64>() < 0.7 => fate,
            _ => draw(message, domains.get(domain).class, recipient.user, rng),
        };
        common.get_or_insert(fate);
        let bit = 1u8 << position;
        for entry in &mut shared {
            match entry {
                Some((other, among)) if *other == fate => among.0 |= bit,
                Some(_) => continue,
                None => *entry = Some((fate, Among(bit))),
            }
            break;
        }
    }
    shared
}

fn draw(message: &Message, class: Class, user: u32, rng: &mut ChaCha8Rng) -> Fate {
    if class == Class::Simulator {
        return simulated(user);
    }
    let profile = message.profile();
    let hard = if message.incident { INCIDENT_HARD } else { profile.hard };
    let tenant = if message.tenant.is_some() { 0.003 } else { 0.0 };
    let mut point = rng.random::<f64>();
    let mut within = |chance: f64| {
        point -= chance;
        point < 0.0
    };
    if within(profile.account_suppressed) {
        Fate::bounced(Bounce::AccountList)
    } else if within(tenant) {
        Fate::bounced(Bounce::TenantList)
    } else if within(profile.unsubscribed) {
        Fate::bounced(Bounce::Unsubscribed)
    } else if within(0.0006) {
        Fate::bounced(Bounce::EmailValidation)
    } else if within(hard) {
        const HARD: [(Bounce, f64); 3] = [(Bounce::NoEmail, 0.5), (Bounce::General, 0.38), (Bounce::Suppressed, 0.12)];
        Fate::bounced(choose(&HARD, rng))
    } else if within(profile.soft) {
        Fate::bounced(soft_bounce(rng))
    } else if within(0.012) {
        let delay = Delay::ALL[(rng.random::<f64>().powi(2) * Delay::ALL.len() as f64) as usize];
        let end = if rng.random::<f64>() < 0.2 { End::Bounced(soft_bounce(rng)) } else { DELIVERED.end };
        Fate { delay: Some(delay), end }
    } else if within(0.004) {
        Fate::bounced_late(Bounce::OutOfOffice)
    } else if within(0.0004) {
        Fate::bounced_late(Bounce::NoEmail)
    } else {
        Fate { delay: None, end: End::Delivered { bounce: None, complaint: draw_complaint(message, class, rng) } }
    }
}

fn draw_complaint(message: &Message, class: Class, rng: &mut ChaCha8Rng) -> Option<Complaint> {
    let reported = match class {
        Class::Ordinary => 1.0,
        // Gmail reports nothing, but a mail forwarded from there may be complained about where it arrives.
        Class::NoFeedbackLoop => 0.002,
        Class::VerifiedDomain => 0.05,
        Class::Simulator => 0.0,
    };
    let factor = if message.incident { INCIDENT_COMPLAINT_FACTOR } else { 1.0 };
    if rng.random::<f64>() >= message.profile().complaint * reported * factor {
        return None;
    }
    const KINDS: [(Complaint, f64); 6] = [
        (Complaint::Abuse, 0.88),
        (Complaint::NoReport, 0.05),
        (Complaint::NotSpam, 0.03),
        (Complaint::AccountList, 0.02),
        (Complaint::Fraud, 0.01),
        (Complaint::Other, 0.01),
    ];
    Some(choose(&KINDS, rng))
}

fn soft_bounce(rng: &mut ChaCha8Rng) -> Bounce {
    const KINDS: [(Bounce, f64); 7] = [
        (Bounce::MailboxFull, 0.36),
        (Bounce::Expired, 0.2),
        (Bounce::Undetermined, 0.16),
        (Bounce::ContentRejected, 0.12),
        (Bounce::TimeoutExceeded, 0.08),
        (Bounce::MessageTooLarge, 0.05),
        (Bounce::AttachmentRejected, 0.03),
    ];
    choose(&KINDS, rng)
}

fn simulated(mailbox: u32) -> Fate {
    match mailbox {
        1 => Fate::bounced(Bounce::General),
        2 => Fate::bounced(Bounce::OutOfOffice),
        3 => Fate::complained(Complaint::Abuse),
        4 => Fate::bounced(Bounce::Suppressed),
        _ => DELIVERED,
    }
}

fn choose<T: Copy, const N: usize>(kinds: &[(T, f64); N], rng: &mut ChaCha8Rng) -> T {
    let mut point = rng.random::<f64>();
    for (kind, chance) in kinds {
        if point < *chance {
            return *kind;
        }
        point -= chance;
    }
    kinds[0].0
}

/// The events of one message as they are put together.
struct Story<'a> {
    sent: i64,
    events: &'a mut Vec<Event>,
}

impl Story<'_> {
    fn push(&mut self, time: i64, what: What) {
        let number = u16::try_from(self.events.len()).unwrap_or(u16::MAX);
        self.events.push(Event { time, number, what });
    }

    /// Plays out one fate and says when the mail was delivered, if it was.
    fn play(&mut self, fate: Fate, among: Among, rng: &mut ChaCha8Rng) -> Option<i64> {
        let mut time = self.sent + 250 + around(1_200, 0.8, rng).min(20 * MINUTE);
        if let Some(delay) = fate.delay {
            let mut wait = 4 * MINUTE + around(6 * MINUTE, 0.6, rng).min(2 * HOUR);
            time = self.sent + wait;
            for _ in 0..rng.random_range(1..=4) {
                self.push(time, What::DeliveryDelay(delay, among));
                wait = wait * 2 + rng.random_range(0..MINUTE);
                time += wait;
                if time >= self.sent + EXPIRY {
                    time = self.sent + EXPIRY;
                    break;
                }
            }
        }
        match fate.end {
            End::Bounced(bounce) => {
                let time = match bounce {
                    Bounce::AccountList | Bounce::TenantList | Bounce::Unsubscribed | Bounce::EmailValidation => {
                        self.sent + rng.random_range(80..900)
                    }
                    Bounce::Expired => self.sent + EXPIRY + rng.random_range(0..MINUTE),
                    Bounce::TimeoutExceeded => time.max(self.sent + 30 * MINUTE),
                    _ => time + around(900, 0.9, rng).min(HOUR),
                };
                self.push(time, What::Bounce(bounce, among));
                None
            }
            End::Delivered { bounce, complaint } => {
                self.push(time, What::Delivery(among));
                if let Some(bounce) = bounce {
                    let wait = if bounce == Bounce::OutOfOffice { 12 * SECOND } else { 20 * MINUTE };
                    self.push(time + around(wait, 1.0, rng).min(2 * 24 * HOUR), What::Bounce(bounce, among));
                }
                if let Some(complaint) = complaint {
                    let wait = MINUTE + around(7 * HOUR, 1.2, rng).min(20 * 24 * HOUR);
                    self.push(time + wait, What::Complaint(complaint, among, time));
                }
                Some(time)
            }
        }
    }

    /// Opens, clicks on the heels of opens, and now and then a change of subscription.
    fn engagement(&mut self, message: &Message, delivered: i64, unsubscribes: bool, rng: &mut ChaCha8Rng) {
        let profile = message.profile();
        let mut last = delivered;
        if rng.random::<f64>() < profile.open {
            for _ in 0..=geometric(0.3, 6, rng) {
                let bot = rng.random::<f64>() < 0.15;
                let wait =
                    if bot { around(1_300, 0.5, rng) } else { around(100 * MINUTE, 1.5, rng).min(30 * 24 * HOUR) };
                // No two opens of a message at one instant: nothing would tell them apart.
                last = (delivered + wait).max(last + 1);
                self.push(last, What::Open(bot));
                if rng.random::<f64>() < profile.click {
                    for _ in 0..=geometric(0.25, 3, rng) {
                        last += 1_500 + around(20 * SECOND, 0.9, rng).min(HOUR);
                        self.push(last, What::Click(bot));
                    }
                }
            }
        }
        if unsubscribes || (profile.list_mail && rng.random::<f64>() < 0.0012) {
            self.push(last + around(5 * MINUTE, 1.2, rng).min(5 * 24 * HOUR), What::Subscription);
        }
    }
}

/// A log-normal time with this median.
fn around(median: i64, sigma: f64, rng: &mut ChaCha8Rng) -> i64 {
    let normal: f64 = StandardNormal.sample(rng);
    (median as f64 * (sigma * normal).exp()) as i64
}

fn geometric(again: f64, most: u32, rng: &mut ChaCha8Rng) -> u32 {
    (0..most).take_while(|_| rng.random::<f64>() < again).count() as u32
}

/// How long after it happened an event reaches Firehose, in milliseconds.
pub(crate) fn travel(rng: &mut ChaCha8Rng) -> i64 {
    let exponential: f64 = Exp1.sample(rng);
    200 + (exponential * 1_500.0) as i64
}

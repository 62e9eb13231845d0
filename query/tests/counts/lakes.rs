//! Random lakes, and random questions to them.

use std::borrow::Cow;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use rand::prelude::*;
use rand::rngs::StdRng;
use repute_lake::{Event, EventChunk, EventRows, EventType, Lake, Location, Recipient};
use repute_query::{CountingRules, Dimension, Providers, Reader, Selection, Silent};

pub(crate) const DAYS: i64 = 4;

pub(crate) fn start() -> DateTime<Utc> {
    "2026-10-01T00:00:00Z".parse().unwrap()
}

pub(crate) fn rules() -> CountingRules {
    let verified = ["corp.example", "boss@partner.example"].map(str::to_owned);
    CountingRules::new(verified, ["gmail.com".to_owned()]).counting([Silent::ALL[0]])
}

pub(crate) fn pick<'a>(random: &mut StdRng, values: &[Option<&'a str>]) -> Option<Cow<'a, str>> {
    values.choose(random).copied().flatten().map(Cow::Borrowed)
}

pub(crate) const ACCOUNTS: [Option<&str>; 3] = [Some("111122223333"), Some("444455556666"), None];
pub(crate) const SETS: [Option<&str>; 5] =
    [Some("marketing"), Some("marketing-with-a-long-name"), Some("receipts"), Some(""), None];
pub(crate) const ADDRESSES: [Option<&str>; 7] = [
    Some("a@gmail.com"),
    Some("b@mail.corp.example"),
    Some("bounce@simulator.amazonses.com"),
    Some("boss@partner.example"),
    Some("other@partner.example"),
    Some("c@else.example"),
    None,
];

pub(crate) const IPS: [Option<&str>; 4] = [Some("192.0.2.1"), Some("192.0.2.2"), Some("2001:db8::1"), None];
pub(crate) const CAMPAIGNS: [Option<&str>; 4] = [Some("autumn"), Some("größe"), Some(""), None];
pub(crate) const TEAMS: [Option<&str>; 4] = [Some("red"), Some("blue"), Some(""), None];
const DIAGNOSTICS: [Option<&str>; 6] = [
    Some("smtp; 550 5.1.1 <a@b.example>: user unknown"),
    Some("smtp; 550 5.1.1 <c@d.example>: user unknown"),
    Some("smtp; 550 5.1.1 user unknown"),
    Some("smtp; 452 4.2.2 mailbox full"),
    Some("smtp; 550 5.7.1 blocked by policy"),
    None,
];

/// Tags in any order; some events have none. Every other order number is used once only.
fn tags(random: &mut StdRng) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    let mut tags = Vec::new();
    for (name, values) in
        [("campaign", &CAMPAIGNS), ("team", &TEAMS), ("tier", &[Some("gold"), Some("tin"), None, None])]
    {
        tags.extend(values.choose(random).copied().flatten().map(|value| (Cow::Borrowed(name), Cow::Borrowed(value))));
    }
    if random.random_bool(0.3) {
        tags.push(("order".into(), random.random_range(0..1_000_000).to_string().into()));
    }
    tags.shuffle(random);
    tags
}

/// Events of every type, most of them after their mail was sent; `is_odd` lets sends happen at other times than their mail's.
fn rows(random: &mut StdRng, count: usize, days: (i64, i64), is_odd: bool) -> EventChunk {
    let mut rows = EventRows::new(&["tier".to_owned()], 0);
    rows.start_object("object");
    for _ in 0..count {
        let event_type = *EventType::ALL.choose(random).unwrap();
        // Half the events lie in a few minutes, so that minutes hold many.
        let day = random.random_range(days.0..days.1) * 86_400_000_000;
        let of_day = if random.random() {
            random.random_range(0..86_400_000_000)
        } else {
            random.random_range(0..20) * 3_600_000_000 + random.random_range(0..300) * 1_000_000
        };
        let time = start() + TimeDelta::microseconds(day + of_day);
        let mut event = Event::new(event_type, time);
        event.sent_time = match event_type {
            EventType::Send if !is_odd => Some(time),
            _ if random.random_range(0..20) == 0 => None,
            _ => Some(time - TimeDelta::microseconds(random.random_range(0..200_000_000_000) / 1000 * 1000)),
        };
        event.account_id = pick(random, &ACCOUNTS);
        event.configuration_set = pick(random, &SETS);
        event.outgoing_ip = pick(random, &IPS);
        event.tags = tags(random).into();
        if event_type == EventType::DeliveryDelay {
            event.delay_type = pick(random, &[Some("MailboxFull"), Some("SpamDetected"), None]);
        }
        if event_type == EventType::Bounce {
            event.bounce_type = pick(random, &[Some("Permanent"), Some("Transient"), Some("Undetermined")]);
            event.bounce_subtype = pick(random, &[Some("General"), Some("OnAccountSuppressionList"), None]);
        }
        if event_type == EventType::Complaint {
            event.complaint_feedback_type = pick(random, &[Some("abuse"), Some("not-spam"), None]);
            event.complaint_subtype = pick(random, &[Some("OnAccountSuppressionList"), None, None]);
        }
        let address = match pick(random, &ADDRESSES) {
            Some(address) if address.starts_with("c@") => Some(
                format!("c{}@else{}.example", random.random_range(0..1_000_000), random.random_range(0..300)).into(),
            ),
            address => address,
        };
        let is_bounce = event_type == EventType::Bounce;
        let status = pick(random, &[Some("5.1.1"), Some("4.2.2"), None]).filter(|_| is_bounce);
        let diagnostic_code = pick(random, &DIAGNOSTICS).filter(|_| is_bounce);
        let recipient = Recipient { address, event_id: random.random(), status, diagnostic_code };
        event.recipients = vec![recipient];
        rows.push(&event, 0);
    }
    rows.finish().unwrap()
}

pub(crate) struct Test {
    pub(crate) random: StdRng,
    pub(crate) location: Location,
    pub(crate) lake: Lake,
}

impl Test {
    pub(crate) async fn new(folder: &Path, seed: u64) -> Self {
        let location = Location::parse(folder.to_str().unwrap()).unwrap();
        let lake = Lake::open_or_create(&location, &["tier".to_owned()]).await.unwrap();
        Self { random: StdRng::seed_from_u64(seed), location, lake }
    }

    pub(crate) async fn append(&mut self, count: usize, days: (i64, i64), is_odd: bool) {
        let chunk = rows(&mut self.random, count, days, is_odd);
        self.lake.append(vec![chunk], start(), 2).await.unwrap();
    }

    pub(crate) async fn reader(&self) -> Reader {
        let lake = Lake::open(&self.location).await.unwrap();
        Reader::new(&lake, rules(), Providers::default()).unwrap()
    }

    pub(crate) fn time(&mut self) -> DateTime<Utc> {
        let micros = self.random.random_range(-86_400_000_000..(DAYS + 1) * 86_400_000_000);
        let unit = [1, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000].choose(&mut self.random).unwrap();
        start() + TimeDelta::microseconds(micros / unit * unit)
    }

    /// A random stretch of time, as of a random time, of random groups and types.
    pub(crate) fn filter(&mut self) -> Selection {
        let mut ends = [self.time(), self.time()];
        ends.sort();
        let random = &mut self.random;
        let some = |random: &mut StdRng, time| random.random_bool(0.6).then_some(time);
        let (since, until) = (some(random, ends[0]), some(random, ends[1]));
        let mut only = Vec::new();
        if random.random_bool(0.3) {
            only.push((Dimension::ACCOUNT, pick(random, &ACCOUNTS).map(Cow::into_owned)));
        }
        if random.random_bool(0.3) {
            only.push((Dimension::CONFIGURATION_SET, pick(random, &SETS).map(Cow::into_owned)));
        }
        let types = match random.random_range(0..3) {
            0 => EventType::ALL.iter().copied().filter(|_| random.random_bool(0.4)).collect(),
            1 => vec![EventType::Send, EventType::Bounce, EventType::Complaint],
            _ => Vec::new(),
        };
        let time = self.time();
        let as_of = some(&mut self.random, time).filter(|_| self.random.random_bool(0.4));
        Selection { since, until, as_of, only, types, ..Selection::default() }
    }
}

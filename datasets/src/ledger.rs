//! Rows by window and group, kept as events are written and turned into the cells of the truth at the end.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, SecondsFormat};

use crate::domain::{Class, Domains};
use crate::message::Message;
use crate::outcome::{Event, What};
use crate::profile::PROFILES;
use crate::tally::Tally;
use crate::truth::{Cell, Clock, Counts, Window};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Rows by clock, window and group. Days and totals of the sets are sums of their hours.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) rows: u64,
    hours: HashMap<(Clock, i64, usize), Tally>,
    domains: HashMap<(Clock, i64, Option<u16>), Tally>,
    campaigns: HashMap<(Clock, i64, Option<&'static str>), Tally>,
}

/// The rows of an event: for each, the recipient's domain and class.
pub(crate) fn rows(message: &Message, what: What, domains: &Domains) -> impl Iterator<Item = (Option<u16>, Class)> {
    let recipients = message.recipients();
    let among = match what {
        What::Send | What::Reject | What::RenderingFailure => (1u8 << recipients.len()) - 1,
        What::Delivery(among)
        | What::Bounce(_, among)
        | What::Complaint(_, among, _)
        | What::DeliveryDelay(_, among) => among.0,
        What::Open(_) | What::Click(_) | What::Subscription => u8::from(recipients.len() == 1),
    };
    let listed = recipients.iter().enumerate().filter(move |(position, _)| among & (1 << position) != 0);
    let nobody = (among == 0).then_some((None, Class::Ordinary));
    listed.map(|(_, recipient)| (Some(recipient.domain), domains.get(recipient.domain).class)).chain(nobody)
}

impl Ledger {
    pub(crate) fn count(&mut self, message: &Message, event: &Event, domains: &Domains) {
        for (domain, class) in rows(message, event.what, domains) {
            self.rows += 1;
            for (clock, time) in [(Clock::Event, event.time), (Clock::Sent, message.sent)] {
                let (hour, day) = (time.div_euclid(HOUR), time.div_euclid(DAY));
                self.hours.entry((clock, hour, message.set)).or_default().count(event.what, class);
                self.domains.entry((clock, day, domain)).or_default().count(event.what, class);
                self.campaigns.entry((clock, day, message.campaign)).or_default().count(event.what, class);
            }
        }
    }

    pub(crate) fn totals(&self) -> Counts {
        let mut total = Tally::default();
        self.hours.iter().filter(|((clock, ..), _)| *clock == Clock::Event).for_each(|(_, tally)| total.add(tally));
        total.counts
    }

    /// All cells, in an order that depends on nothing but their contents.
    pub(crate) fn cells(&self, domains: &Domains) -> Vec<Cell> {
        let mut all: BTreeMap<(Clock, Window, i64), Tally> = BTreeMap::new();
        let mut sets: BTreeMap<(Clock, Window, &str, i64), Tally> = BTreeMap::new();
        for (&(clock, hour, set), tally) in &self.hours {
            for (window, start) in [(Window::Hour, hour * HOUR), (Window::Day, (hour * HOUR).div_euclid(DAY) * DAY)] {
                all.entry((clock, window, start)).or_default().add(tally);
                sets.entry((clock, window, PROFILES[set].name, start)).or_default().add(tally);
            }
        }
        let mut cells = Vec::new();
        for ((clock, window, start), tally) in &all {
            cells.push(cell(*clock, *window, *start, BTreeMap::new(), tally));
        }
        for ((clock, window, set, start), tally) in &sets {
            cells.push(cell(*clock, *window, *start, group("configuration_set", Some(set)), tally));
        }
        let mut by_domain: Vec<_> = self.domains.iter().collect();
        by_domain.sort_unstable_by_key(|(key, _)| **key);
        for (&(clock, day, domain), tally) in by_domain {
            let name = domain.map(|index| domains.get(index).name.as_str());
            cells.push(cell(clock, Window::Day, day * DAY, group("recipient_domain", name), tally));
        }
        let mut by_campaign: Vec<_> = self.campaigns.iter().collect();
        by_campaign.sort_unstable_by_key(|(key, _)| **key);
        for (&(clock, day, campaign), tally) in by_campaign {
            cells.push(cell(clock, Window::Day, day * DAY, group("campaign", campaign), tally));
        }
        cells
    }
}

/// A group of one dimension.
pub(crate) fn group(dimension: &str, value: Option<&str>) -> BTreeMap<String, Option<String>> {
    BTreeMap::from([(dimension.to_owned(), value.map(str::to_owned))])
}

fn cell(clock: Clock, window: Window, start: i64, group: BTreeMap<String, Option<String>>, tally: &Tally) -> Cell {
    let length = match window {
        Window::Hour => HOUR,
        Window::Day => DAY,
    };
    Cell {
        clock,
        window,
        window_start: rfc3339(start, SecondsFormat::Secs),
        window_end: rfc3339(start + length, SecondsFormat::Secs),
        group,
        counts: tally.counts,
        aws: tally.aws(),
        plain: tally.plain(),
    }
}

/// A time in milliseconds since 1970 as RFC 3339 UTC.
pub(crate) fn rfc3339(milliseconds: i64, format: SecondsFormat) -> String {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default().to_rfc3339_opts(format, true)
}

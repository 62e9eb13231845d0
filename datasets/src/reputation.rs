//! Standing over the last eligible sends, kept for the account and each configuration set while events are written.
//!
//! A trail holds one tally per instant of sending. Its oldest instants are dropped once the younger ones hold clearly
//! more eligible sends than asked for: suppressed bounces, which take eligible sends away again, follow their send within
//! a second.

use std::collections::{BTreeMap, VecDeque};

use chrono::SecondsFormat;

use crate::domain::Domains;
use crate::ledger::{group, rfc3339, rows};
use crate::message::Message;
use crate::outcome::Event;
use crate::profile::PROFILES;
use crate::tally::Tally;
use crate::truth::Reputation;

/// Two public notices of AWS name 10,476 and 10,192 eligible mails as the volume they judged by.
const LAST: u64 = 10_000;
const KEPT: u64 = LAST + LAST / 10;

/// The trails of the account and of all configuration sets.
#[derive(Default)]
pub(crate) struct Standing {
    account: Trail,
    sets: [Trail; PROFILES.len()],
}

#[derive(Default)]
struct Trail {
    /// When mail was sent, ascending, and what it led to: apart, because only the times are searched.
    sent: VecDeque<i64>,
    tallies: VecDeque<Tally>,
    eligible: u64,
    dropped_before: Option<i64>,
}

impl Standing {
    pub(crate) fn count(&mut self, message: &Message, event: &Event, domains: &Domains) {
        for trail in [&mut self.account, &mut self.sets[message.set]] {
            trail.count(message, event, domains);
        }
    }

    pub(crate) fn reputation(&self) -> Vec<Reputation> {
        let mut all = vec![self.account.reputation(BTreeMap::new())];
        let mut sets: Vec<_> = PROFILES.iter().map(|profile| profile.name).zip(&self.sets).collect();
        sets.sort_unstable_by_key(|(name, _)| *name);
        all.extend(sets.into_iter().map(|(name, trail)| trail.reputation(group("configuration_set", Some(name)))));
        all
    }
}

impl Trail {
    fn count(&mut self, message: &Message, event: &Event, domains: &Domains) {
        if self.dropped_before.is_some_and(|first| message.sent < first) {
            return;
        }
        let place = self.sent.partition_point(|sent| *sent < message.sent);
        if self.sent.get(place) != Some(&message.sent) {
            self.sent.insert(place, message.sent);
            self.tallies.insert(place, Tally::default());
        }
        let Some(tally) = self.tallies.get_mut(place) else { return };
        let before = tally.eligible_sends();
        for (_, class) in rows(message, event.what, domains) {
            tally.count(event.what, class);
        }
        self.eligible = self.eligible + tally.eligible_sends() - before;
        self.drop_oldest();
    }

    fn drop_oldest(&mut self) {
        while let Some(oldest) = self.tallies.front() {
            let rest = self.eligible - oldest.eligible_sends();
            if rest < KEPT {
                return;
            }
            self.eligible = rest;
            self.tallies.pop_front();
            self.sent.pop_front();
            self.dropped_before = self.sent.front().copied();
        }
    }

    fn reputation(&self, group: BTreeMap<String, Option<String>>) -> Reputation {
        let mut sum = Tally::default();
        let mut from = None;
        for (sent, tally) in self.sent.iter().zip(&self.tallies).rev() {
            sum.add(tally);
            if tally.counts.send > 0 {
                from = Some(*sent);
            }
            if sum.eligible_sends() >= LAST {
                break;
            }
        }
        Reputation {
            group,
            last: LAST,
            from: from.map(|sent| rfc3339(sent, SecondsFormat::Millis)),
            aws: sum.aws(),
            excluded: sum.excluded(),
        }
    }
}

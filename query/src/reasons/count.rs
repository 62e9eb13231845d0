//! Rows of kept days by reason. What is counted here is exact; more reasons than are told apart are left to whoever reads the rows.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::day::{Day, Reason};
use super::groups::{Found, Key, Largest, MOST_REASONS, Told, first_providers};
use crate::codes::Groups;
use crate::provider::Providers;
use crate::scan::Selection;

/// Stands for rows that are not asked for.
const NONE: u32 = u32::MAX;

/// What is counted of one reason of one group.
struct Entry {
    count: u64,
    first: i64,
    last: i64,
    /// Day and number of the last one's diagnostic.
    text: (usize, u32),
}

/// The rows of some days that a selection names.
pub(crate) struct Rows<'d> {
    days: &'d [Arc<Day>],
    groups: Groups,
    /// Of each day the places of its rows.
    places: Vec<Range<usize>>,
    /// All reasons, and of each day the number of each of its own; [`NONE`] for those that are not asked for.
    reasons: Vec<&'d Reason>,
    numbers: Vec<Vec<u32>>,
}

impl<'d> Rows<'d> {
    /// Those of the reasons that `is_asked` takes; nothing where they are of more groups than the memory is for.
    pub(crate) fn of(
        days: &'d [Arc<Day>],
        selection: &Selection,
        providers: &'d Providers,
        is_asked: impl Fn(&Reason) -> bool,
    ) -> Option<Self> {
        let groups =
            Groups::of(days.iter().map(|day| (day.times.len(), &day.dimensions)), selection, providers).ok()?;
        let since = selection.since.map_or(i64::MIN, |time| time.timestamp_micros());
        let until = [selection.until, selection.as_of].into_iter().flatten().min();
        let until = until.map_or(i64::MAX, |time| time.timestamp_micros());
        let place = |day: &Arc<Day>, end: i64| day.times.partition_point(|time| *time < end);
        let places = days.iter().map(|day| place(day, since)..place(day, until).max(place(day, since))).collect();
        let mut known: HashMap<&Reason, u32, RandomState> = HashMap::default();
        let mut reasons = Vec::new();
        let mut number = |reason: &'d Reason| {
            if !is_asked(reason) {
                return NONE;
            }
            *known.entry(reason).or_insert_with(|| {
                reasons.push(reason);
                u32::try_from(reasons.len() - 1).unwrap_or(NONE)
            })
        };
        let numbers = days.iter().map(|day| day.reasons.iter().map(&mut number).collect()).collect();
        Some(Self { days, groups, places, reasons, numbers })
    }

    /// Calls with day, place, group, number of the reason, and number of reason and provider of each row.
    pub(crate) fn each(&self, mut take: impl FnMut(usize, usize, u32, u32, u32)) {
        for (number, ((day, places), reasons)) in self.days.iter().zip(&self.places).zip(&self.numbers).enumerate() {
            // The reason of each pair is looked up once.
            let of_pair: Vec<u32> =
                day.pairs.iter().map(|(reason, _)| reasons.get(*reason as usize).copied().unwrap_or(NONE)).collect();
            for place in places.clone() {
                let pair = day.of_pair.get(place).copied().unwrap_or(NONE);
                let reason = of_pair.get(pair as usize).copied().unwrap_or(NONE);
                if reason == NONE {
                    continue;
                }
                if let Some(group) = self.groups.of_row(number, place) {
                    take(number, place, group, reason, pair);
                }
            }
        }
    }

    /// Counts by reason and tells the largest; nothing where there are more reasons than are told apart.
    pub(crate) fn largest(&self, limit: usize) -> Option<Found> {
        let mut entries = Entries::of(self);
        let mut rows = 0;
        self.each(|day, place, group, reason, _| {
            let (Some(time), Some(text)) = (self.days[day].times.get(place), self.days[day].of_text.get(place)) else {
                return;
            };
            rows += 1;
            entries.add(group, reason, *time, (day, *text));
        });
        if entries.list.len() > MOST_REASONS {
            return None;
        }
        let mut classes: BTreeMap<String, u64> = BTreeMap::new();
        for ((_, reason), entry) in &entries.list {
            let class = self.reasons.get(*reason as usize).and_then(|reason| reason[0].as_deref());
            *classes.entry(class.unwrap_or_default().to_owned()).or_default() += entry.count;
        }
        let names = self.groups.names();
        let mut sorted: Vec<(Key, (u32, u32), Entry)> =
            entries.list.into_iter().map(|(place, entry)| (self.key(&names, place), place, entry)).collect();
        sorted.sort_by(|(a, _, of_a), (b, _, of_b)| (of_b.count, a).cmp(&(of_a.count, b)));
        let rest = sorted.split_off(sorted.len().min(limit));
        let mut providers = self.providers(sorted.iter().map(|(_, place, _)| *place)).into_iter();
        let groups = sorted.into_iter().map(|(key, _, entry)| Told {
            key,
            count: entry.count,
            missed: 0,
            first: entry.first,
            last: entry.last,
            example: self.text(entry.text),
            providers: providers.next().unwrap_or_default(),
        });
        let largest = Largest {
            groups: groups.collect(),
            others: rest.iter().map(|(.., entry)| entry.count).sum(),
            other_groups: rest.len() as u64,
            is_cut: false,
        };
        Some(Found { rows, classes, largest })
    }

    fn key(&self, names: &[Vec<Option<String>>], (group, reason): (u32, u32)) -> Key {
        let values = names.get(group as usize).into_iter().flatten().cloned();
        let reason = self.reasons.get(reason as usize).into_iter().flat_map(|reason| reason.iter());
        Key(values.chain(reason.map(|value| value.as_deref().map(str::to_owned))).collect())
    }

    fn text(&self, (day, number): (usize, u32)) -> Option<String> {
        self.days.get(day)?.texts.get(number as usize)
    }

    /// The providers with most rows, of each of these groups and reasons.
    fn providers(&self, wanted: impl Iterator<Item = (u32, u32)>) -> Vec<Vec<(String, u64)>> {
        let wanted: HashMap<(u32, u32), u32, RandomState> = wanted.zip(0..).collect();
        let mut counts: Vec<HashMap<&str, u64, RandomState>> = (0..wanted.len()).map(|_| HashMap::default()).collect();
        for (day, pairs) in self.pairs(|group, reason| wanted.get(&(group, reason)).copied()) {
            for ((rank, pair), count) in pairs {
                let provider = day.pairs.get(pair as usize).and_then(|(_, p)| day.providers.get(*p as usize));
                if let (Some(Some(provider)), Some(counts)) = (provider, counts.get_mut(rank as usize)) {
                    *counts.entry(provider).or_default() += count;
                }
            }
        }
        let named = |counts: HashMap<&str, u64, RandomState>| {
            first_providers(counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect())
        };
        counts.into_iter().map(named).collect()
    }

    /// How many rows are of a reason and a provider; the same two may come more than once.
    pub(crate) fn by_provider(&self) -> Vec<(&'d Reason, Option<&'d str>, u64)> {
        let mut counted = Vec::new();
        for (day, pairs) in self.pairs(|_, reason| Some(reason)) {
            for ((reason, pair), count) in pairs {
                let provider = day.pairs.get(pair as usize).and_then(|(_, number)| day.providers.get(*number as usize));
                if let (Some(reason), Some(provider)) = (self.reasons.get(reason as usize), provider) {
                    counted.push((*reason, provider.as_deref(), count));
                }
            }
        }
        counted
    }

    /// Of each day how many rows there are of a rank and a pair.
    fn pairs(
        &self,
        rank: impl Fn(u32, u32) -> Option<u32>,
    ) -> impl Iterator<Item = (&'d Day, HashMap<(u32, u32), u64, RandomState>)> {
        let mut of_days: Vec<HashMap<(u32, u32), u64, RandomState>> =
            self.days.iter().map(|_| HashMap::default()).collect();
        if self.groups.is_any() {
            self.each(|day, _, group, reason, pair| {
                if let Some(rank) = rank(group, reason) {
                    *of_days[day].entry((rank, pair)).or_default() += 1;
                }
            });
        } else {
            let mut counts: Vec<Vec<u64>> = self.days.iter().map(|day| vec![0; day.pairs.len()]).collect();
            self.each(|day, _, _, _, pair| counts[day][pair as usize] += 1);
            for (day, counts) in counts.into_iter().enumerate() {
                for (pair, count) in (0..).zip(counts).filter(|(_, count)| *count > 0) {
                    let reason = self.days[day].pairs.get(pair as usize).map(|(reason, _)| *reason);
                    let number = reason.and_then(|reason| self.numbers[day].get(reason as usize)).copied();
                    if let Some(rank) = number.and_then(|number| rank(0, number)) {
                        of_days[day].insert((rank, pair), count);
                    }
                }
            }
        }
        self.days.iter().map(|day| &**day).zip(of_days)
    }
}

/// What is counted, by group and reason.
struct Entries {
    list: Vec<((u32, u32), Entry)>,
    /// With one group only, the place of each reason.
    of_reason: Vec<u32>,
    of_group: HashMap<(u32, u32), u32, RandomState>,
    is_grouped: bool,
}

impl Entries {
    fn of(rows: &Rows<'_>) -> Self {
        let is_grouped = rows.groups.is_any();
        let of_reason = if is_grouped { Vec::new() } else { vec![NONE; rows.reasons.len()] };
        Self { list: Vec::new(), of_reason, of_group: HashMap::default(), is_grouped }
    }

    fn add(&mut self, group: u32, reason: u32, time: i64, text: (usize, u32)) {
        let next = u32::try_from(self.list.len()).unwrap_or(NONE);
        let place = if self.is_grouped {
            *self.of_group.entry((group, reason)).or_insert(next)
        } else {
            match self.of_reason.get_mut(reason as usize) {
                Some(place) if *place == NONE => {
                    *place = next;
                    next
                }
                Some(place) => *place,
                None => return,
            }
        };
        if place == next {
            self.list.push(((group, reason), Entry { count: 0, first: i64::MAX, last: i64::MIN, text }));
        }
        let Some((_, entry)) = self.list.get_mut(place as usize) else { return };
        entry.count += 1;
        entry.first = entry.first.min(time);
        // Of several at the same time, which are of one day, the first in order: the answer does not depend on the order of reading.
        if time > entry.last || (time == entry.last && text < entry.text) {
            entry.text = text;
        }
        entry.last = entry.last.max(time);
    }
}

//! Figures from days: messages are taken one after another, each with all that happened to it, so that those that are the same are
//! counted once without being remembered.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use foldhash::fast::RandomState;
use tokio::task::JoinSet;

use super::bots::{BotReason, BotVerdict};
use super::day::{Day, Link, NO_TIME, Row};
use super::spread::Waits;
use super::{Acts, EngagementQuery};
use crate::codes::Groups;
use crate::error::QueryError;
use crate::provider::Providers;
use crate::scan::Clock;
use crate::windows::Windows;

/// The messages are counted in so many parts, each small enough for a processor's own memory.
const PARTS: usize = 256;

/// Opens and clicks of something.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Both {
    pub(super) opens: Acts,
    pub(super) clicks: Acts,
}

/// All that is counted.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) all: Both,
    /// Opens and clicks by the number of their reason, from 1.
    pub(super) reasons: Vec<[u64; 2]>,
    /// Events that SES itself called a reader's.
    pub(super) readers: u64,
    pub(super) windows: HashMap<i64, Both, RandomState>,
    pub(super) groups: HashMap<u32, Both, RandomState>,
    pub(super) links: HashMap<u32, Acts, RandomState>,
    pub(super) first_open: Waits,
    pub(super) first_click: Waits,
}

/// One open or click that passes, with the numbers of what it belongs to.
#[derive(Clone, Copy)]
struct Passing {
    message: u64,
    time: i64,
    sent: i64,
    window: i64,
    group: u32,
    link: u32,
    is_click: bool,
    reason: u8,
    verdict: Option<BotVerdict>,
}

/// What the parts are counted from.
struct Plan {
    days: Vec<Arc<Day>>,
    query: EngagementQuery,
    windows: Windows,
    groups: Groups,
    /// Of each day, the numbers of its links in `links`.
    links: Vec<Vec<u32>>,
    verdicts: Vec<BotVerdict>,
    next: AtomicUsize,
}

/// From and to.
type Window = (DateTime<Utc>, DateTime<Utc>);

/// What windows, groups and links are, the latter two by their numbers.
pub(super) struct Names {
    pub(super) windows: Vec<(Window, Both)>,
    pub(super) links: Vec<Link>,
    pub(super) groups: Vec<Vec<Option<String>>>,
}

/// Counts what passes the query.
pub(super) async fn count(
    days: Vec<Arc<Day>>,
    query: &EngagementQuery,
    providers: &Providers,
) -> Result<(Counted, Names), QueryError> {
    let (links, all_links) = number_links(&days);
    let windows = Windows::of(query.stepping, query.selection.width, || range(&days, query.selection.clock))?;
    let groups = Groups::of(days.iter().map(|day| (day.rows.len(), &day.dimensions)), &query.selection, providers)?;
    let verdicts = BotReason::all().map(BotReason::verdict).collect();
    let plan =
        Arc::new(Plan { days, query: query.clone(), windows, groups, links, verdicts, next: AtomicUsize::new(0) });
    let mut parts = JoinSet::new();
    for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
        let plan = Arc::clone(&plan);
        parts.spawn(async move {
            let mut counted = Counted { reasons: vec![[0; 2]; plan.verdicts.len() + 1], ..Counted::default() };
            let mut passing = Vec::new();
            loop {
                let part = plan.next.fetch_add(1, Ordering::Relaxed);
                if part >= PARTS {
                    return counted;
                }
                plan.gather(part, &mut passing);
                plan.count(&mut passing, &mut counted);
                // Whoever waits no longer is heard between one part and the next.
                tokio::task::yield_now().await;
            }
        });
    }
    let mut counted = Counted { reasons: vec![[0; 2]; plan.verdicts.len() + 1], ..Counted::default() };
    while let Some(part) = parts.join_next().await {
        counted.add(part.map_err(|error| QueryError::Question(format!("counting ended early: {error}")))?);
    }
    let mut windows: Vec<(i64, Both)> = counted.windows.drain().collect();
    windows.sort_unstable_by_key(|(start, _)| *start);
    let ends = |(start, both): &(i64, Both)| plan.windows.ends(*start).map(|ends| (ends, *both));
    let windows = windows.iter().filter_map(ends).collect();
    Ok((counted, Names { links: all_links, groups: plan.groups.names(), windows }))
}

/// First and last time.
fn range(days: &[Arc<Day>], clock: Clock) -> Option<(i64, i64)> {
    let time = |row: &Row| if clock == Clock::Sent { row.sent } else { row.time };
    let times = || days.iter().flat_map(|day| &day.rows).map(time).filter(|time| *time != NO_TIME);
    times().min().zip(times().max())
}

fn number_links(days: &[Arc<Day>]) -> (Vec<Vec<u32>>, Vec<Link>) {
    let mut numbers: HashMap<&Link, u32, RandomState> = HashMap::default();
    let mut all = Vec::new();
    let mut of_days = Vec::new();
    for day in days {
        let mut number = |link| {
            *numbers.entry(link).or_insert_with(|| {
                all.push(Link::clone(link));
                u32::try_from(all.len() - 1).unwrap_or(u32::MAX)
            })
        };
        of_days.push(day.links.iter().map(&mut number).collect());
    }
    (of_days, all)
}

impl Plan {
    /// The rows of a part that pass, by message and time.
    fn gather(&self, part: usize, passing: &mut Vec<Passing>) {
        passing.clear();
        let selection = &self.query.selection;
        let micros = |time: Option<DateTime<Utc>>| time.map(|time| time.timestamp_micros());
        let (since, until) = (micros(selection.since), micros(selection.until));
        let as_of = micros(selection.as_of).unwrap_or(i64::MAX);
        for (index, day) in self.days.iter().enumerate() {
            for place in day.part(part, PARTS) {
                let Some(row) = day.rows.get(place) else { continue };
                let clock = if selection.clock == Clock::Sent { row.sent } else { row.time };
                let is_in = clock != NO_TIME
                    && since.is_none_or(|since| since <= clock)
                    && until.is_none_or(|until| clock < until)
                    && row.time < as_of;
                let Some(group) = is_in.then(|| self.groups.of_row(index, place)).flatten() else { continue };
                let link = self.links.get(index).and_then(|links| links.get(row.link as usize)).copied();
                let reason = row.what.reason();
                passing.push(Passing {
                    message: row.message,
                    time: row.time,
                    sent: row.sent,
                    window: self.windows.start(clock),
                    group,
                    link: link.unwrap_or_default(),
                    is_click: row.what.is_click(),
                    reason: if row.what.is_reader() { u8::MAX } else { u8::try_from(reason).unwrap_or(u8::MAX) },
                    verdict: reason.checked_sub(1).and_then(|index| self.verdicts.get(index)).copied(),
                });
            }
        }
        // Each day brings its rows in this order.
        passing.sort_by_key(|row| (row.message, row.time));
    }

    fn count(&self, passing: &mut [Passing], counted: &mut Counted) {
        let mut scratch = Vec::new();
        for of_message in passing.chunk_by(|a, b| a.message == b.message) {
            for row in of_message {
                match counted.reasons.get_mut(usize::from(row.reason)) {
                    Some(by_act) => by_act[usize::from(row.is_click)] += 1,
                    None => counted.readers += 1,
                }
            }
            counted.all.sum(&Both::of(of_message.iter()));
            if self.windows.is_any() {
                by(
                    of_message,
                    &mut scratch,
                    |row| row.window,
                    |window, rows| {
                        counted.windows.entry(window).or_default().sum(&Both::of(rows));
                    },
                );
            }
            if self.groups.is_any() {
                by(
                    of_message,
                    &mut scratch,
                    |row| row.group,
                    |group, rows| {
                        counted.groups.entry(group).or_default().sum(&Both::of(rows));
                    },
                );
            }
            if of_message.iter().any(|row| row.is_click) {
                by(
                    of_message,
                    &mut scratch,
                    |row| (row.is_click, row.link),
                    |(is_click, link), rows| {
                        if is_click {
                            counted.links.entry(link).or_default().sum(&Both::of(rows).clicks);
                        }
                    },
                );
            }
            self.wait(of_message, counted);
        }
    }

    /// How long the message waited for its first open and click. On the clock of events only for mail that was sent in the range, of
    /// which nothing that came before can be missing.
    fn wait(&self, of_message: &[Passing], counted: &mut Counted) {
        let since = self.query.selection.since.map_or(i64::MIN, |since| since.timestamp_micros());
        let known = |row: &&Passing| row.sent != NO_TIME && row.sent >= since;
        for (is_click, waits) in [(false, &mut counted.first_open), (true, &mut counted.first_click)] {
            let of_act = || of_message.iter().filter(known).filter(|row| row.is_click == is_click);
            let first = of_act().next();
            let by_reader = of_act().find(|row| row.verdict != Some(BotVerdict::Bot));
            waits.add(first.map(|row| row.time - row.sent), by_reader.map(|row| row.time - row.sent));
        }
    }
}

/// Takes a message's rows apart by a number.
fn by<'p, N: Ord + Copy>(
    of_message: &'p [Passing],
    scratch: &mut Vec<&'p Passing>,
    number: impl Fn(&Passing) -> N,
    mut take: impl FnMut(N, &mut dyn Iterator<Item = &'p Passing>),
) {
    if let [row] = of_message {
        return take(number(row), &mut std::iter::once(row));
    }
    scratch.clear();
    scratch.extend(of_message);
    scratch.sort_by_key(|row| number(row));
    for rows in scratch.chunk_by(|a, b| number(a) == number(b)) {
        if let Some(first) = rows.first() {
            take(number(first), &mut rows.iter().copied());
        }
    }
}

impl Acts {
    fn take(&mut self, row: &Passing) {
        self.events += 1;
        match row.verdict {
            Some(BotVerdict::Bot) => self.bots += 1,
            Some(BotVerdict::Proxy) => self.proxies += 1,
            None => {}
        }
    }

    /// All that was taken is of one message.
    fn close(&mut self) {
        self.messages = u64::from(self.events > 0);
        self.messages_without_bots = u64::from(self.events > self.bots);
    }

    fn sum(&mut self, other: &Self) {
        self.events += other.events;
        self.bots += other.bots;
        self.proxies += other.proxies;
        self.messages += other.messages;
        self.messages_without_bots += other.messages_without_bots;
    }
}

impl Both {
    /// What happened to one message.
    fn of<'p>(rows: impl Iterator<Item = &'p Passing>) -> Self {
        let mut both = Self::default();
        for row in rows {
            if row.is_click { both.clicks.take(row) } else { both.opens.take(row) }
        }
        both.opens.close();
        both.clicks.close();
        both
    }

    pub(super) fn sum(&mut self, other: &Self) {
        self.opens.sum(&other.opens);
        self.clicks.sum(&other.clicks);
    }
}

impl Counted {
    fn add(&mut self, other: Self) {
        self.all.sum(&other.all);
        self.readers += other.readers;
        for (mine, others) in self.reasons.iter_mut().zip(other.reasons) {
            mine[0] += others[0];
            mine[1] += others[1];
        }
        other.windows.into_iter().for_each(|(window, both)| self.windows.entry(window).or_default().sum(&both));
        other.groups.into_iter().for_each(|(group, both)| self.groups.entry(group).or_default().sum(&both));
        other.links.into_iter().for_each(|(link, acts)| self.links.entry(link).or_default().sum(&acts));
        self.first_open.sum(other.first_open);
        self.first_click.sum(other.first_click);
    }
}

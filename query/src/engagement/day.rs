//! The opens and clicks of a date, judged, without their texts: what every figure is counted from.
//!
//! ```text
//! opens and clicks of a date, and some seconds around it ── agent, SES's own word ──> reasons
//!                                                        ── deliveries just before ──> reasons
//!                                                        ── clicks just before and after ──> reasons ──> Day, by message
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;

use chrono::{DateTime, NaiveDate, TimeDelta};
use foldhash::quality::FixedState;
use repute_lake::DataFile;

use super::bots::{Act, BotReason, after_delivery, many_links};
use super::reading::{Delivered, Reading, add_deliveries};
use crate::codes::{CodedDay, Codes};
use crate::dated::{Weighed, ends};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::scan::Reader;

/// One open or click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Hash of the message's id. Of four million messages two have the same with a chance of one in two million.
    pub(crate) message: u64,
    /// When it happened, microseconds.
    pub(crate) time: i64,
    /// When the mail was sent; [`NO_TIME`] if the event does not say.
    pub(crate) sent: i64,
    /// Number of the link of a click.
    pub(crate) link: u32,
    pub(crate) what: What,
}

/// Stands for a time that is not known.
pub(crate) const NO_TIME: i64 = i64::MIN;

/// Open or click, and what is said against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct What(u8);

impl What {
    const CLICK: u8 = 0x80;
    /// SES says that it was no machine.
    const READER: u8 = 0x7f;

    pub(crate) fn new(act: Act, reason: Option<BotReason>) -> Self {
        let number = reason.and_then(|reason| u8::try_from(reason.index() + 1).ok()).unwrap_or_default();
        Self(number | if act == Act::Click { Self::CLICK } else { 0 })
    }

    pub(crate) fn of_reader(act: Act) -> Self {
        Self(Self::new(act, None).0 | Self::READER)
    }

    pub(crate) fn is_click(self) -> bool {
        self.0 & Self::CLICK != 0
    }

    fn act(self) -> Act {
        if self.is_click() { Act::Click } else { Act::Open }
    }

    /// Number of the reason, from 1; 0 if there is none.
    pub(crate) fn reason(self) -> usize {
        match self.0 & Self::READER {
            Self::READER => 0,
            number => usize::from(number),
        }
    }

    /// Whether SES says that it was no machine.
    pub(crate) fn is_reader(self) -> bool {
        self.0 & Self::READER == Self::READER
    }

    /// Whether this rule may still be asked: SES did not judge, and no earlier one fits.
    fn is_open_to(self, rule: BotReason) -> bool {
        !self.is_reader() && (self.reason() == 0 || self.reason() > rule.index() + 1)
    }
}

/// A link, with its tags as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Link {
    pub(crate) url: Box<str>,
    pub(crate) tags: Box<str>,
}

/// The opens and clicks of a date in the order of their messages, then of their times.
#[derive(Debug, Default)]
pub(crate) struct Day {
    pub(crate) rows: Vec<Row>,
    pub(crate) links: Vec<Link>,
    pub(crate) dimensions: BTreeMap<Dimension, Codes>,
}

impl Day {
    /// The rows of messages whose hash begins with these bits: their places.
    pub(crate) fn part(&self, part: usize, parts: usize) -> std::ops::Range<usize> {
        let width = (u64::MAX / parts as u64).saturating_add(1);
        let first = |part: usize| {
            let from = width.saturating_mul(part as u64);
            self.rows.partition_point(|row| row.message < from)
        };
        first(part)..if part + 1 == parts { self.rows.len() } else { first(part + 1) }
    }
}

impl Weighed for Day {
    fn bytes(&self) -> usize {
        const TEXT: usize = 24;
        let links: usize = self.links.iter().map(|link| link.url.len() + link.tags.len() + 2 * TEXT).sum();
        let codes = self.dimensions.values().map(Weighed::bytes);
        self.rows.len() * size_of::<Row>() + links + codes.sum::<usize>()
    }
}

/// The hash of a message's id, the same in every day.
pub(crate) fn message(id: &str) -> u64 {
    FixedState::with_seed(0).hash_one(id)
}

/// So far around a date rows are looked at, since they may say something of those in it.
fn margin() -> TimeDelta {
    let deliveries = after_delivery().map(|(_, within)| within);
    let links = many_links().map(|(.., within)| within);
    deliveries.into_iter().chain(links).max().unwrap_or_default()
}

impl CodedDay for Day {
    type Key = ();

    /// Those of the date, and those around it.
    fn files(reader: &Reader, date: NaiveDate) -> Vec<DataFile> {
        let (start, end) = ends(date);
        let margin = margin().num_microseconds().unwrap_or_default();
        reader.files_between(start - margin, end + margin)
    }

    async fn read(
        reader: &Reader,
        (): &(),
        date: NaiveDate,
        files: Vec<DataFile>,
        dimensions: &BTreeSet<Dimension>,
    ) -> Result<Self, QueryError> {
        let (start, end) = ends(date);
        let around = |time: i64, margin: TimeDelta| DateTime::from_timestamp_micros(time).map(|time| time + margin);
        let span = (around(start, -margin()), around(end, margin()));
        let _turn = reader.turn().await?;
        let mut day = Reading::of(reader, files.clone(), span, dimensions).await?;
        day.judge_by_deliveries(reader, files).await?;
        day.judge_by_links();
        Ok(day.within(start, end))
    }

    fn dimensions(&self) -> &BTreeMap<Dimension, Codes> {
        &self.dimensions
    }
}

impl Day {
    /// Judges what came just after a delivery of its message.
    async fn judge_by_deliveries(&mut self, reader: &Reader, files: Vec<DataFile>) -> Result<(), QueryError> {
        let Some((rule, within)) = after_delivery() else { return Ok(()) };
        let is_asked = |row: &&Row| row.what.is_open_to(rule);
        let asked: Delivered = self.rows.iter().filter(is_asked).map(|row| (row.message, Vec::new())).collect();
        let times = || self.rows.iter().filter(is_asked).map(|row| row.time);
        let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(()) };
        let width = within.num_microseconds().unwrap_or_default();
        let delivered = add_deliveries(reader, files, (first - width, last), asked).await?;
        for row in &mut self.rows {
            let soon = |time: &i64| (0..=width).contains(&(row.time - time));
            if row.what.is_open_to(rule) && delivered.get(&row.message).is_some_and(|times| times.iter().any(soon)) {
                row.what = What::new(row.what.act(), Some(rule));
            }
        }
        Ok(())
    }

    /// Judges clicks on many links of a message in a short time.
    fn judge_by_links(&mut self) {
        let Some((rule, most, within)) = many_links() else { return };
        let width = within.num_microseconds().unwrap_or_default();
        for of_message in self.rows.chunk_by_mut(|a, b| a.message == b.message) {
            let clicks: Vec<(i64, u32)> =
                of_message.iter().filter(|row| row.what.is_click()).map(|row| (row.time, row.link)).collect();
            if clicks.len() < most {
                continue;
            }
            let hurried = hurried(&clicks, most, width);
            let clicked = of_message.iter_mut().filter(|row| row.what.is_click());
            for (row, _) in clicked.zip(hurried).filter(|(row, is_hurried)| *is_hurried && row.what.is_open_to(rule)) {
                row.what = What::new(Act::Click, Some(rule));
            }
        }
    }

    /// Only what happened from `start` (inclusive) to `end`.
    fn within(mut self, start: i64, end: i64) -> Self {
        let stays: Vec<bool> = self.rows.iter().map(|row| (start..end).contains(&row.time)).collect();
        let keep = |numbers: &mut Vec<u32>| {
            let mut stays = stays.iter();
            numbers.retain(|_| stays.next().copied().unwrap_or_default());
        };
        self.dimensions.values_mut().for_each(|codes| keep(&mut codes.numbers));
        self.rows.retain(|row| (start..end).contains(&row.time));
        self.rows.shrink_to_fit();
        self
    }
}

/// Which of some clicks, in the order of their times, lie in a stretch of `width` in which `most` different links were clicked.
fn hurried(clicks: &[(i64, u32)], most: usize, width: i64) -> Vec<bool> {
    let mut hurried = vec![false; clicks.len()];
    let mut links: HashMap<u32, u32> = HashMap::new();
    let (mut first, mut marked) = (0, 0);
    for (last, (time, link)) in clicks.iter().enumerate() {
        *links.entry(*link).or_default() += 1;
        while let Some((_, link)) = clicks.get(first).filter(|(early, _)| time - early > width) {
            if let Some(count) = links.get_mut(link) {
                *count -= 1;
                if *count == 0 {
                    links.remove(link);
                }
            }
            first += 1;
        }
        if links.len() >= most {
            marked = marked.max(first);
            hurried[marked..=last].fill(true);
            marked = last;
        }
    }
    hurried
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_and_an_act_fit_into_a_byte() {
        assert!(BotReason::all().count() < usize::from(What::READER));
        for act in [Act::Open, Act::Click] {
            for reason in BotReason::all() {
                let what = What::new(act, Some(reason));
                assert_eq!((what.act(), what.reason(), what.is_reader()), (act, reason.index() + 1, false));
                assert!(!what.is_open_to(reason));
            }
            assert_eq!((What::new(act, None).reason(), What::of_reader(act).reason()), (0, 0));
            assert!(What::of_reader(act).is_reader() && What::of_reader(act).act() == act);
        }
    }

    #[test]
    fn clicks_on_three_links_within_ten_seconds_are_hurried() {
        let second = 1_000_000;
        let marks = |clicks: &[(i64, u32)]| {
            let clicks: Vec<(i64, u32)> = clicks.iter().map(|(time, link)| (time * second, *link)).collect();
            hurried(&clicks, 3, 10 * second).iter().map(|is| if *is { 'x' } else { '.' }).collect::<String>()
        };
        assert_eq!(marks(&[(0, 1), (4, 2), (10, 3)]), "xxx");
        assert_eq!(marks(&[(0, 1), (4, 2), (11, 3)]), "...", "eleven seconds");
        assert_eq!(marks(&[(0, 1), (1, 1), (2, 1), (3, 2)]), "....", "two links");
        assert_eq!(marks(&[(0, 1), (5, 2), (8, 1), (12, 3), (100, 1)]), ".xxx.");
        assert_eq!(marks(&[(0, 1), (1, 2), (2, 3), (60, 1), (61, 2), (62, 3), (63, 3)]), "xxxxxxx");
        assert_eq!(marks(&[]), "");
    }

    #[test]
    fn parts_hold_every_row_once() {
        let row = |message| Row { message, time: 0, sent: 0, link: 0, what: What::new(Act::Open, None) };
        let rows = [0, 1, 1 << 55, 1 << 60, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX].map(row).to_vec();
        let day = Day { rows, ..Day::default() };
        for parts in [1, 2, 256] {
            let places: Vec<usize> = (0..parts).flat_map(|part| day.part(part, parts)).collect();
            assert_eq!(places, (0..8).collect::<Vec<_>>(), "{parts}");
        }
    }
}

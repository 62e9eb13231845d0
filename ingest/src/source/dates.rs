//! Dates in the names of objects: when Firehose got the oldest record of an object, as its key says.
//!
//! Firehose ends every name in `-YYYY-MM-dd-HH-mm-ss-UUID` and puts folders before it, `YYYY/MM/dd/HH/` unless a prefix of
//! one's own says otherwise (Firehose developer guide, "Configure Amazon S3 object name format"). Both are in UTC, or in the
//! stream's own time zone.
//!
//! ```text
//! ses/2026/11/28/15/              a number a folder
//! year=2026/month=11/day=28/      Hive's names
//! dt=2026-11-28/, 20261128/       in one piece
//! mail2026/11/28/15/              behind a prefix without a `/` at its end: only together with its month and day
//! ```
//! [`super::KeyRange`] asks for the span of a key, [`super::DayFamilies`] for the text around a day.

use std::ops::Range;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// Times from one to another, the latter excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(super) from: NaiveDateTime,
    pub(super) until: NaiveDateTime,
}

impl Span {
    fn new(from: NaiveDateTime, until: Option<NaiveDateTime>) -> Option<Self> {
        Some(Self { from, until: until? })
    }

    /// Whether it is an hour or less: folders below have no further dates.
    pub(crate) fn is_short(self) -> bool {
        self.until - self.from <= TimeDelta::hours(1)
    }
}

/// The date of a key: the second in its name, or the hour, day, month or year of its folders.
pub(crate) fn key_date(key: &str) -> Option<Span> {
    let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
    stamp(name).or_else(|| folder_date(folder))
}

/// The last `-YYYY-MM-dd-HH-mm-ss` of a name.
fn stamp(name: &str) -> Option<Span> {
    const FORM: &[u8] = b"-0000-00-00-00-00-00";
    let fits = |window: &&[u8]| {
        let pairs = window.iter().zip(FORM);
        pairs.into_iter().all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form })
    };
    let found = name.as_bytes().windows(FORM.len()).rfind(fits)?;
    let text = std::str::from_utf8(found).ok()?;
    let from = NaiveDateTime::parse_from_str(text, "-%Y-%m-%d-%H-%M-%S").ok()?;
    Span::new(from, from.checked_add_signed(TimeDelta::seconds(1)))
}

/// The date of folders: the last one that they have, unless there is a plain one before one behind a prefix.
pub(crate) fn folder_date(folder: &str) -> Option<Span> {
    let dates = FolderDate::all(folder);
    let last = |trust: Trust| dates.iter().rfind(|date| date.trust == trust && date.is_told());
    last(Trust::Plain).or_else(|| last(Trust::Glued))?.span()
}

/// A number of a date.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Number {
    value: u32,
    /// Where it stands.
    at: Range<usize>,
}

/// How plainly something is said to be a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// By its form and its place, or by a name such as `dt=`.
    Plain,
    /// It begins behind other text.
    Glued,
    /// It has a name that is none of a date.
    Named,
}

/// A date in the names of folders: a year, and as far as it goes on, month, day and hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FolderDate {
    trust: Trust,
    /// Year, month, day and hour, the first of them at least.
    numbers: Vec<Number>,
}

impl FolderDate {
    /// All dates in the names of folders, from the left.
    pub(super) fn all(folders: &str) -> Vec<Self> {
        let (mut dates, mut start) = (Vec::new(), 0);
        // Whether a bare number goes on with the last date.
        let mut follows = false;
        for segment in folders.split('/') {
            follows = match segment.split_once('=') {
                Some((name, value)) => {
                    named(&mut dates, &name.to_ascii_lowercase(), value, start + name.len() + 1);
                    false
                }
                // Folders without names change nothing.
                None if segment.is_empty() => follows,
                None => bare(&mut dates, segment, start, follows),
            };
            start += segment.len() + 1;
        }
        dates
    }

    fn is_told(&self) -> bool {
        self.trust == Trust::Plain || (self.trust == Trust::Glued && self.numbers.len() >= 3)
    }

    /// Adds the next number, if it is the one of this place.
    fn push(&mut self, place: usize, value: Option<u32>, at: Range<usize>) -> bool {
        let value = value.filter(|_| self.numbers.len() == place);
        self.numbers.extend(value.map(|value| Number { value, at }));
        value.is_some()
    }

    fn number(&self, place: usize) -> Option<u32> {
        self.numbers.get(place).map(|number| number.value)
    }

    fn span(&self) -> Option<Span> {
        let year = i32::try_from(self.number(0)?).ok()?;
        let first = NaiveDate::from_ymd_opt(year, self.number(1).unwrap_or(1), self.number(2).unwrap_or(1))?;
        let from = first.and_time(NaiveTime::MIN);
        match self.numbers.len() {
            1 => Span::new(from, from.with_year(from.year() + 1)),
            2 => Span::new(from, from.checked_add_months(Months::new(1))),
            3 => Span::new(from, from.checked_add_days(Days::new(1))),
            _ => {
                let from = first.and_hms_opt(self.number(3)?, 0, 0)?;
                Span::new(from, from.checked_add_signed(TimeDelta::hours(1)))
            }
        }
    }

    /// Its day, and where year, month and day stand; nothing if it has none, or one that is not written with two digits each.
    pub(super) fn day(&self) -> Option<(NaiveDate, [Range<usize>; 3])> {
        let [year, month, day] = self.numbers.get(..3)? else { return None };
        let is_padded = [month, day].iter().all(|number| number.at.len() == 2);
        let date = NaiveDate::from_ymd_opt(i32::try_from(year.value).ok()?, month.value, day.value)?;
        is_padded.then(|| (date, [year, month, day].map(|number| number.at.clone())))
    }
}

/// A Hive partition, whose value stands there.
fn named(dates: &mut Vec<FolderDate>, name: &str, value: &str, start: usize) {
    let number = value.parse().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()));
    let at = start..start + value.len();
    let goes_on = |dates: &mut Vec<FolderDate>, place| {
        let date = dates.last_mut().filter(|date| date.trust == Trust::Plain);
        date.is_some_and(|date| date.push(place, number, at.clone()))
    };
    match name {
        "month" | "mon" | "m" | "mm" => drop(goes_on(dates, 1)),
        "day" | "d" | "dd" if value.len() <= 2 => drop(goes_on(dates, 2)),
        "hour" | "hr" | "h" | "hh" => drop(goes_on(dates, 3)),
        _ => {
            let is_year = matches!(name, "year" | "y" | "yyyy") && value.len() == 4;
            let is_date = matches!(name, "dt" | "ds" | "day" | "d") || name.contains("date");
            let found = in_one_piece(value, start).filter(|numbers| is_year || numbers.len() > 1);
            let trust = if is_year || is_date { Trust::Plain } else { Trust::Named };
            dates.extend(found.map(|numbers| FolderDate { trust, numbers }));
        }
    }
}

/// A folder without a Hive name. Says whether a bare number may go on with its date.
fn bare(dates: &mut Vec<FolderDate>, segment: &str, start: usize, follows: bool) -> bool {
    if let Some(numbers) = in_one_piece(segment, start) {
        dates.push(FolderDate { trust: Trust::Plain, numbers });
        return true;
    }
    if follows && segment.len() == 2 && segment.bytes().all(|byte| byte.is_ascii_digit()) {
        let at = start..start + segment.len();
        return dates
            .last_mut()
            .is_some_and(|date| date.numbers.len() < 4 && date.push(date.numbers.len(), segment.parse().ok(), at));
    }
    // Behind a prefix without a `/`; numbers without anything between may be of all kinds.
    let is_number_start = |(at, _): &(usize, char)| {
        let bytes = segment.as_bytes();
        bytes[*at].is_ascii_digit() && *at > 0 && !bytes[at - 1].is_ascii_digit()
    };
    let numbers = segment.char_indices().filter(is_number_start).find_map(|(at, _)| {
        let numbers = in_one_piece(&segment[at..], start + at)?;
        let is_apart = numbers.windows(2).all(|two| two[0].at.end < two[1].at.start);
        is_apart.then_some(numbers)
    });
    let is_found = numbers.is_some();
    dates.extend(numbers.map(|numbers| FolderDate { trust: Trust::Glued, numbers }));
    is_found
}

/// A text that is a year, or goes on to the month, day or hour: `2026`, `2026-11`, `2026-11-28`, `2026-11-28-15`, `20261128`,
/// `2026112815`; also with `_` or `.`.
fn in_one_piece(text: &str, start: usize) -> Option<Vec<Number>> {
    const FORMS: [&str; 6] = ["0000", "0000-00", "0000-00-00", "0000-00-00-00", "00000000", "0000000000"];
    let mark = text.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '-' | '_' | '.'));
    let fits = |form: &&str| {
        let fits = |(form, c): (char, char)| if form == '0' { c.is_ascii_digit() } else { Some(c) == mark };
        form.len() == text.len() && form.chars().zip(text.chars()).all(fits)
    };
    FORMS.iter().find(|form| fits(form))?;
    let (mut numbers, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let length = if at == 0 { 4 } else { 2 };
        let value = text.get(at..at + length)?.parse().ok()?;
        numbers.push(Number { value, at: start + at..start + at + length });
        at += length + usize::from(mark.is_some());
    }
    // A year in which there may be mail.
    numbers.first().is_some_and(|year| (2000..2100).contains(&year.value)).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn told(span: Option<Span>) -> String {
        span.map_or("none".to_owned(), |span| format!("{} to {}", span.from, span.until))
    }

    #[test]
    fn the_second_in_a_name_goes_before_folders() {
        let key = "ses/2026/11/28/15/ses-1-2026-11-28-15-04-05-0f9c2d3e.gz";
        assert_eq!(told(key_date(key)), "2026-11-28 15:04:05 to 2026-11-28 15:04:06");
        assert_eq!(told(key_date("a-2020-01-01-00-00-00-b-1-2026-11-28-15-04-05-x")).get(..10), Some("2026-11-28"));
        assert_eq!(told(key_date("ses/2026/11/28/15/part-0")), "2026-11-28 15:00:00 to 2026-11-28 16:00:00");
        assert_eq!(told(key_date("ses-1-2026-13-28-15-04-05-x")), "none");
    }

    #[test]
    fn folders_are_dated_as_far_as_they_say() {
        for (folder, expected) in [
            ("ses/2026", "2026-01-01 00:00:00 to 2027-01-01 00:00:00"),
            ("ses/2026/12/", "2026-12-01 00:00:00 to 2027-01-01 00:00:00"),
            ("2024/02/29/", "2024-02-29 00:00:00 to 2024-03-01 00:00:00"),
            ("year=2026/month=11/day=28/hour=15", "2026-11-28 15:00:00 to 2026-11-28 16:00:00"),
            ("year=2026/month=1/day=5/set=orders", "2026-01-05 00:00:00 to 2026-01-06 00:00:00"),
            ("dt=2026-11-28", "2026-11-28 00:00:00 to 2026-11-29 00:00:00"),
            ("ses/2026-11-28-15", "2026-11-28 15:00:00 to 2026-11-28 16:00:00"),
            ("ses/2026_11_28", "2026-11-28 00:00:00 to 2026-11-29 00:00:00"),
            ("20261128/orders", "2026-11-28 00:00:00 to 2026-11-29 00:00:00"),
            ("2026/11/28/15/07", "2026-11-28 15:00:00 to 2026-11-28 16:00:00"),
            ("2026/11/28/set=07/15", "2026-11-28 00:00:00 to 2026-11-29 00:00:00"),
            ("2026/11//28", "2026-11-28 00:00:00 to 2026-11-29 00:00:00"),
            ("mail2026/11/28/15", "2026-11-28 15:00:00 to 2026-11-28 16:00:00"),
            ("ses-2026-11-28/a", "2026-11-28 00:00:00 to 2026-11-29 00:00:00"),
            ("2026/11/28/batch-2025-01-02", "2026-11-28 00:00:00 to 2026-11-29 00:00:00"),
            ("mail2026/11", "none"),
            ("mail20261128", "none"),
            ("campaign=20261005/07", "none"),
            ("campaign=2026-10-05/07", "none"),
            ("2026/31/31", "none"),
            ("ses/12345678", "none"),
            ("11/28", "none"),
            ("2026-11/日本-28", "2026-11-01 00:00:00 to 2026-12-01 00:00:00"),
            ("", "none"),
        ] {
            assert_eq!(told(folder_date(folder)), expected, "{folder}");
        }
    }
}

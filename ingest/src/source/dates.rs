//! Dates in the names of objects: when Firehose got the oldest record of an object, as its key says.
//!
//! Firehose ends every name in `-YYYY-MM-dd-HH-mm-ss-UUID` and puts folders before it, `YYYY/MM/dd/HH/` unless a prefix of
//! one's own says otherwise (Firehose developer guide, "Configure Amazon S3 object name format"). Both are in UTC, or in the
//! stream's own time zone.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

/// Times from one to another, the latter excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    from: NaiveDateTime,
    until: NaiveDateTime,
}

/// Which objects are wanted, by the dates in their keys. Objects without one are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyRange {
    since: Option<NaiveDateTime>,
    until: Option<NaiveDateTime>,
}

impl KeyRange {
    /// From one time to another, and `margin` more on either side, for keys whose dates are in this time zone.
    ///
    /// Firehose tries for up to 24 hours to deliver what it has (developer guide, "Understand data delivery"), so that an
    /// object may appear long after its key's date; and it buffers, so that an object holds records later than its date.
    pub fn new(since: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>, margin: TimeDelta, zone: Tz) -> Self {
        let local = |time: DateTime<Utc>| time.with_timezone(&zone).naive_local();
        let since = since.and_then(|since| since.checked_sub_signed(margin)).map(local);
        let until = until.and_then(|until| until.checked_add_signed(margin)).map(local);
        Self { since, until }
    }

    /// Whether nothing is left out.
    pub fn is_all(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    /// Whether the object of this key is wanted.
    pub fn takes(&self, key: &str) -> bool {
        self.meets(key_date(key))
    }

    /// Whether some of a span is wanted; of what has no date, all.
    pub(crate) fn meets(&self, span: Option<Span>) -> bool {
        span.is_none_or(|span| {
            self.since.is_none_or(|since| span.until > since) && self.until.is_none_or(|until| span.from < until)
        })
    }

    /// Whether all of a span is wanted.
    pub(crate) fn holds(&self, span: Span) -> bool {
        self.since.is_none_or(|since| span.from >= since) && self.until.is_none_or(|until| span.until <= until)
    }
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

/// What is known of a date while folders are read from the left.
#[derive(Debug, Clone, Copy, Default)]
struct Partial {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: Option<u32>,
}

/// The date of folders: `2026/11/28/15`, `year=2026/month=11/day=28`, `dt=2026-11-28`, `2026-11-28-15`, `20261128`.
pub(crate) fn folder_date(folder: &str) -> Option<Span> {
    let mut date = Partial::default();
    // Whether a bare number goes on with the date.
    let mut follows = false;
    for segment in folder.split('/').filter(|segment| !segment.is_empty()) {
        follows = match segment.split_once('=') {
            Some((name, value)) => {
                date.named(&name.to_ascii_lowercase(), value);
                false
            }
            None => date.whole(segment) || date.bare(segment, follows),
        };
    }
    date.span()
}

impl Partial {
    /// A Hive partition.
    fn named(&mut self, name: &str, value: &str) {
        let number = value.parse::<u32>().ok();
        match (name, number) {
            ("year" | "y" | "yyyy", Some(year)) if is_year(value) => {
                *self = Self { year: Some(year as i32), ..Self::default() };
            }
            ("month" | "mon" | "m" | "mm", Some(month)) => self.month = Some(month),
            ("day" | "d" | "dd", Some(day)) if value.len() <= 2 => self.day = Some(day),
            ("hour" | "hr" | "h" | "hh", Some(hour)) => self.hour = Some(hour),
            (name, _) if matches!(name, "dt" | "ds" | "day" | "d") || name.contains("date") => {
                self.whole(value);
            }
            _ => {}
        }
    }

    /// A date in one piece, perhaps with its hour.
    fn whole(&mut self, text: &str) -> bool {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        let is_date = ["0000-00-00", "0000-00-00-00", "00000000", "0000000000", "0000-00"].iter().any(|form| {
            form.len() == text.len()
                && form
                    .chars()
                    .zip(text.chars())
                    .all(|(form, c)| if form == '0' { c.is_ascii_digit() } else { c == form })
        });
        if !is_date || !is_year(digits.get(..4).unwrap_or_default()) {
            return false;
        }
        let number = |from: usize| digits.get(from..from + 2).and_then(|text| text.parse().ok());
        let year = digits.get(..4).and_then(|text| text.parse().ok());
        *self = Self { year, month: number(4), day: number(6), hour: number(8) };
        true
    }

    /// A bare number: a year, or what follows one.
    fn bare(&mut self, text: &str, follows: bool) -> bool {
        if is_year(text) {
            *self = Self { year: text.parse().ok(), ..Self::default() };
            return true;
        }
        let number = text.parse().ok().filter(|_| follows && text.len() == 2);
        match (number, self.month, self.day, self.hour) {
            (Some(month), None, _, _) => self.month = Some(month),
            (Some(day), _, None, _) => self.day = Some(day),
            (Some(hour), _, _, None) => self.hour = Some(hour),
            _ => return false,
        }
        true
    }

    fn span(self) -> Option<Span> {
        let first = NaiveDate::from_ymd_opt(self.year?, self.month.unwrap_or(1), self.day.unwrap_or(1))?;
        let from = first.and_time(NaiveTime::MIN);
        match (self.month, self.day, self.hour) {
            (None, _, _) => Span::new(from, from.with_year(from.year() + 1)),
            (_, None, _) => Span::new(from, from.checked_add_months(Months::new(1))),
            (_, _, None) => Span::new(from, from.checked_add_days(Days::new(1))),
            (_, _, Some(hour)) => {
                let from = first.and_hms_opt(hour, 0, 0)?;
                Span::new(from, from.checked_add_signed(TimeDelta::hours(1)))
            }
        }
    }
}

/// Four digits that are a year in which there may be mail.
fn is_year(text: &str) -> bool {
    text.len() == 4 && text.parse::<i32>().is_ok_and(|year| (2000..2100).contains(&year))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(span: Option<Span>) -> String {
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
            ("20261128/orders", "2026-11-28 00:00:00 to 2026-11-29 00:00:00"),
            ("2026/11/28/15/07", "2026-11-28 15:00:00 to 2026-11-28 16:00:00"),
            ("2026/11/28/set=07/15", "2026-11-28 00:00:00 to 2026-11-29 00:00:00"),
            ("campaign=20261005/07", "none"),
            ("2026/31/31", "none"),
            ("ses/12345678", "none"),
            ("11/28", "none"),
            ("", "none"),
        ] {
            assert_eq!(told(folder_date(folder)), expected, "{folder}");
        }
    }

    #[test]
    fn ranges_have_margins_and_zones() {
        let time = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let (since, until) = (time("2026-11-28T12:00:00Z"), time("2026-11-28T13:00:00Z"));
        let range = |margin, zone| KeyRange::new(Some(since), Some(until), margin, zone);
        let wants = |range: KeyRange, folder: &str| range.meets(folder_date(folder));
        let exact = range(TimeDelta::zero(), Tz::UTC);
        let day = ["11", "12", "13", "14"].map(|hour| wants(exact, &format!("2026/11/28/{hour}")));
        assert_eq!(day, [false, true, false, false]);
        let wide = range(TimeDelta::hours(1), Tz::UTC);
        let day = ["10", "11", "12", "13", "14"].map(|hour| wants(wide, &format!("2026/11/28/{hour}")));
        assert_eq!(day, [false, true, true, true, false]);
        assert!(wants(range(TimeDelta::zero(), Tz::Asia__Tokyo), "2026/11/28/21"));
        assert!(wants(exact, "2026") && wants(exact, "undated") && !wants(exact, "2025"));
        assert!(KeyRange::default().is_all() && KeyRange::default().holds(folder_date("2026").unwrap()));
        assert!(!exact.holds(folder_date("2026/11/28").unwrap()));
    }
}

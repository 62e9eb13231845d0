//! Which objects are wanted, by the dates in their keys.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::dates::{Span, key_date};

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
    pub(super) fn meets(&self, span: Option<Span>) -> bool {
        span.is_none_or(|span| {
            self.since.is_none_or(|since| span.until > since) && self.until.is_none_or(|until| span.from < until)
        })
    }

    /// Whether all of a span is wanted.
    pub(super) fn holds(&self, span: Span) -> bool {
        self.since.is_none_or(|since| span.from >= since) && self.until.is_none_or(|until| span.until <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::super::dates::folder_date;
    use super::*;

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

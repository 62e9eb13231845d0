//! Days as people count them: windows that begin at midnight in a time zone, 23 to 25 hours long.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Time zones differ from UTC by whole quarters of an hour, so quarters can be put together to days of any of them.
pub(crate) const QUARTER: i64 = 15 * 60 * 1_000_000;

/// Windows of some calendar days in a time zone, counted from 1970-01-01 there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalDays {
    /// Whose midnight.
    pub zone: Tz,
    /// Days of one window, at least one.
    pub days: u32,
}

impl LocalDays {
    /// The window that holds a time: its start, and its end, which is the next one's start.
    pub fn window(self, time: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let days = i64::from(self.days.max(1));
        let since = time.with_timezone(&self.zone).date_naive().signed_duration_since(NaiveDate::default()).num_days();
        let first = since.div_euclid(days) * days;
        (self.midnight(first), self.midnight(first + days))
    }

    /// The start of the window that lies so many days before the one that begins at `start`.
    pub fn earlier(self, start: DateTime<Utc>, days: u32) -> DateTime<Utc> {
        let date = start.with_timezone(&self.zone).date_naive();
        let date = date.checked_sub_days(Days::new(days.into())).unwrap_or(date);
        self.midnight(date.signed_duration_since(NaiveDate::default()).num_days())
    }

    /// The first moment of a day, counted from 1970-01-01. Where clocks skip midnight it is when they go on; where they
    /// show it twice, the first time.
    fn midnight(self, day: i64) -> DateTime<Utc> {
        let midnight = (NaiveDate::default() + TimeDelta::days(day)).and_time(NaiveTime::MIN);
        let moments = (0..=12).map(|quarters| midnight + TimeDelta::minutes(15 * quarters));
        let mut moments = moments.filter_map(|moment| self.zone.from_local_datetime(&moment).earliest());
        moments.next().map_or_else(|| midnight.and_utc(), |moment| moment.to_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(zone: &str, days: u32, time: &str) -> (String, String) {
        let days = LocalDays { zone: zone.parse().unwrap(), days };
        let (start, end) = days.window(time.parse().unwrap());
        (start.format("%m-%d %H:%M").to_string(), end.format("%m-%d %H:%M").to_string())
    }

    /// Offsets and changes from the IANA time zone database.
    #[test]
    fn days_begin_at_midnight_where_people_are() {
        let of = |start: &str, end: &str| (start.to_owned(), end.to_owned());
        assert_eq!(window("UTC", 1, "2026-10-05T12:00:00Z"), of("10-05 00:00", "10-06 00:00"));
        assert_eq!(window("Europe/Berlin", 1, "2026-10-05T12:00:00Z"), of("10-04 22:00", "10-05 22:00"));
        assert_eq!(window("Europe/Berlin", 1, "2026-10-05T22:30:00Z"), of("10-05 22:00", "10-06 22:00"));
        // Clocks go back on 2026-10-25 and forward on 2026-03-29: 25 and 23 hours.
        assert_eq!(window("Europe/Berlin", 1, "2026-10-25T12:00:00Z"), of("10-24 22:00", "10-25 23:00"));
        assert_eq!(window("Europe/Berlin", 1, "2026-03-29T12:00:00Z"), of("03-28 23:00", "03-29 22:00"));
        assert_eq!(window("Asia/Kathmandu", 1, "2026-10-05T18:20:00Z"), of("10-05 18:15", "10-06 18:15"));
        // In Beirut clocks skip midnight of 2026-03-29, when summer time begins.
        assert_eq!(window("Asia/Beirut", 1, "2026-03-29T12:00:00Z"), of("03-28 22:00", "03-29 21:00"));
        assert_eq!(window("America/New_York", 7, "2026-10-05T12:00:00Z"), of("10-01 04:00", "10-08 04:00"));
    }

    #[test]
    fn weeks_follow_one_another_over_a_change_of_clocks() {
        let weeks = LocalDays { zone: Tz::Europe__Berlin, days: 7 };
        let mut time: DateTime<Utc> = "2026-09-01T00:00:00Z".parse().unwrap();
        for _ in 0..20 {
            let (start, end) = weeks.window(time);
            assert!(start <= time && time < end);
            assert_eq!(weeks.earlier(end, 7), start);
            time = end;
        }
    }
}

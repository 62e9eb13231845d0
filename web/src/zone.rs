//! Times as people in a time zone read and write them.

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use repute_query::Tz;

/// The time zone of a page: times are shown in it, days begin at its midnight, and times without a zone are taken to be of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(pub Tz);

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone of a name of the IANA database, in whatever case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let exact = name.parse().ok();
        let zone = exact.or_else(|| repute_query::ZONES.iter().copied().find(|z| z.name().eq_ignore_ascii_case(name)));
        zone.map(Self)
    }

    /// Its name in the IANA database.
    pub(crate) fn name(self) -> &'static str {
        self.0.name()
    }

    /// To the minute: `2026-10-31 23:58 CET`.
    pub(crate) fn time(self, time: DateTime<Utc>) -> String {
        self.show(time, "%Y-%m-%d %H:%M %Z")
    }

    /// In a pattern of chrono's.
    pub(crate) fn show(self, time: DateTime<Utc>, pattern: &str) -> String {
        time.with_timezone(&self.0).format(pattern).to_string()
    }

    /// As a `datetime-local` field holds it; seconds only where there are some.
    pub(crate) fn field(self, time: DateTime<Utc>) -> String {
        self.show(time, if time.timestamp() % 60 == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" })
    }

    /// The moment at which clocks show this. Where they show it twice, the first; where they skip it, as much later as they skip.
    pub(crate) fn moment(self, local: NaiveDateTime) -> DateTime<Utc> {
        let found = self.0.from_local_datetime(&local).earliest();
        let found = found.or_else(|| {
            let before = self.0.from_local_datetime(&(local - chrono::TimeDelta::hours(3))).earliest()?;
            Some(before + chrono::TimeDelta::hours(3))
        });
        found.map_or_else(|| local.and_utc(), |moment| moment.to_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Zone {
        Zone::named("europe/berlin").unwrap()
    }

    #[test]
    fn times_are_those_of_the_zone() {
        let time: DateTime<Utc> = "2026-10-31T23:58:31Z".parse().unwrap();
        assert_eq!(Zone::UTC.time(time), "2026-10-31 23:58 UTC");
        assert_eq!(berlin().time(time), "2026-11-01 00:58 CET");
        assert_eq!(berlin().field(time), "2026-11-01T00:58:31");
        assert_eq!(Zone::named("Atlantis/Centre"), None);
    }

    /// Clocks in Berlin went from 02:00 to 03:00 on 2026-03-29 and from 03:00 to 02:00 on 2026-10-25.
    #[test]
    fn what_clocks_show_twice_or_never_has_a_moment() {
        let moment = |text: &str| berlin().moment(text.parse().unwrap()).to_rfc3339();
        assert_eq!(moment("2026-10-31T12:00:00"), "2026-10-31T11:00:00+00:00");
        assert_eq!(moment("2026-10-25T02:30:00"), "2026-10-25T00:30:00+00:00");
        assert_eq!(moment("2026-03-29T02:30:00"), "2026-03-29T01:30:00+00:00");
    }
}

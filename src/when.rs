//! Times and durations as people type them.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

/// A point in time as typed: absolute, or a duration back from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// RFC 3339, or a date (its first moment, UTC).
    At(DateTime<Utc>),
    /// A duration such as `24h` or `30d`, back from now.
    Ago(TimeDelta),
}

impl When {
    /// The point in time, given what time it is.
    pub(crate) fn resolve(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(time) => time,
            Self::Ago(delta) => now - delta,
        }
    }
}

/// `2026-10-31T12:00:00Z`, `2026-10-31`, `24h`, `30d`.
pub(crate) fn parse_when(text: &str) -> Result<When, String> {
    if let Ok(time) = parse_time(text) {
        return Ok(When::At(time));
    }
    parse_duration(text).map(When::Ago).map_err(|_| {
        format!("`{text}` is neither a time (2026-10-31T12:00:00Z), nor a date (2026-10-31), nor a duration (24h, 30d)")
    })
}

/// `2026-10-31T12:00:00Z`, `2026-10-31T14:00:00+02:00`, `2026-10-31`.
pub(crate) fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let date = text.parse::<NaiveDate>();
    date.map(|date| date.and_time(NaiveTime::MIN).and_utc()).map_err(|_| {
        format!("`{text}` is no time: use RFC 3339 with a zone (2026-10-31T12:00:00Z) or a date (2026-10-31)")
    })
}

/// `10m`, `1h`, `1d`, `90s`; longer than nothing.
pub(crate) fn parse_duration(text: &str) -> Result<TimeDelta, String> {
    let wrong = || format!("`{text}` is no duration: use a number and a unit, as in 10m, 24h or 30d");
    let duration = humantime::parse_duration(text).map_err(|_| wrong())?;
    TimeDelta::from_std(duration).ok().filter(|delta| *delta > TimeDelta::zero()).ok_or_else(wrong)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_dates_and_durations() {
        let now = parse_time("2026-11-01T00:00:00Z").unwrap();
        assert_eq!(parse_when("24h").unwrap().resolve(now), parse_time("2026-10-31").unwrap());
        assert_eq!(parse_when("2026-10-31T02:00:00+02:00").unwrap().resolve(now), parse_time("2026-10-31").unwrap());
        assert!(parse_when("yesterday").unwrap_err().contains("`yesterday` is neither"));
        assert!(parse_duration("0s").is_err());
        assert!(parse_time("2026-10-31T12:00:00").is_err());
    }
}

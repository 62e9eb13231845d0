//! Times and durations as people put them into addresses and forms.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use crate::zone::Zone;

/// A time: RFC 3339, what a `datetime-local` field sends, a date (its first moment), or a duration back from `now`. What names no
/// zone is of the one given.
pub(crate) fn parse_moment(text: &str, zone: Zone, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    for pattern in ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, pattern) {
            return Some(zone.moment(time));
        }
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(zone.moment(date.and_time(NaiveTime::MIN)));
    }
    now.checked_sub_signed(parse_duration(text)?)
}

/// A positive duration in one unit: `90s`, `30m`, `24h`, `7d`, `2w`.
pub(crate) fn parse_duration(text: &str) -> Option<TimeDelta> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    let number: i64 = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok()).flatten()?;
    TimeDelta::try_seconds(number.checked_mul(seconds)?).filter(|duration| *duration > TimeDelta::zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let now: DateTime<Utc> = "2026-11-01T12:00:00Z".parse().unwrap();
        let parsed = |text| parse_moment(text, Zone::UTC, now).map(|time| time.to_rfc3339());
        assert_eq!(parsed("2026-10-31T10:00:00+02:00").unwrap(), "2026-10-31T08:00:00+00:00");
        assert_eq!(parsed("2026-10-31T10:05").unwrap(), "2026-10-31T10:05:00+00:00");
        assert_eq!(parsed("2026-10-31T10:05:06").unwrap(), "2026-10-31T10:05:06+00:00");
        assert_eq!(parsed("2026-10-31").unwrap(), "2026-10-31T00:00:00+00:00");
        assert_eq!(parsed("36h").unwrap(), "2026-10-31T00:00:00+00:00");
        for text in
            ["", "yesterday", "2026-13-01", "2026-02-30T00:00", "h", "-1h", "0h", "1.5h", "99999999999999999d", "1é"]
        {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("90s"), Some(TimeDelta::seconds(90)));
        assert_eq!(parse_duration("2w"), Some(TimeDelta::days(14)));
        assert_eq!(parse_duration("30"), None);
    }
}

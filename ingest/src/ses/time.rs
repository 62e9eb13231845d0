//! Timestamps: RFC 3339, and the odd forms SES and its examples have used.

use chrono::{DateTime, FixedOffset, NaiveDate, TimeDelta, TimeZone, Utc};

use crate::json::{self, Json, Raw};
use crate::verdict::quoted;
use crate::{Limits, Reject, RejectClass};

/// SES opened in January 2011; an event before that is a clock or a fixture gone wrong.
const EARLIEST_MILLIS: i64 = 1_293_840_000_000;
/// What stands between the numbers of a time, and where.
const SEPARATORS: [(usize, &[u8]); 5] = [(4, b"-"), (7, b"-"), (10, b"Tt "), (13, b":"), (16, b":")];

/// A time the event cannot do without.
pub(super) fn required(raw: Raw<'_>, field: &str, limits: &Limits) -> Result<DateTime<Utc>, Reject> {
    optional(raw, field, limits)?.ok_or_else(|| Reject::missing(field))
}

/// A time that may be absent but must be right: from 2011 to [`Limits::latest`].
pub(super) fn optional(raw: Raw<'_>, field: &str, limits: &Limits) -> Result<Option<DateTime<Utc>>, Reject> {
    let Some(raw) = raw else { return Ok(None) };
    let bad = |why: &str| Reject::new(RejectClass::BadTime, format!("field `{field}` {why}: {}", quoted(raw.get())));
    let time = read(raw).ok_or_else(|| bad("is no time with a zone"))?;
    if time.timestamp_millis() < EARLIEST_MILLIS {
        return Err(bad("lies before 2011"));
    }
    if limits.latest.is_some_and(|latest| time > latest) {
        return Err(bad("lies in the future"));
    }
    Ok(Some(time))
}

/// The time a JSON string holds, if it holds one.
pub(super) fn read(raw: Json<'_>) -> Option<DateTime<Utc>> {
    if !raw.get().starts_with('"') {
        return None;
    }
    parse(json::text(raw)?.trim())
}

/// Reads `YYYY-MM-DD?hh:mm:ss[.fraction][ ]zone`, where `?` is `T` or a space and the zone `Z`, `UTC`, `+hh:mm`, `+hhmm` or `+hh`.
///
/// A leap second is taken for the second after it, as POSIX clocks do.
fn parse(text: &str) -> Option<DateTime<Utc>> {
    let bytes = text.as_bytes();
    if let Some(usual) = usual(bytes) {
        return Some(usual);
    }
    let digits = |from: usize, count: usize| number(bytes.get(from..from + count)?);
    if SEPARATORS.iter().any(|(at, allowed)| !bytes.get(*at).is_some_and(|b| allowed.contains(b))) {
        return None;
    }
    let year = i32::try_from(digits(0, 4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, digits(5, 2)?, digits(8, 2)?)?;
    let second = digits(17, 2)?;
    let time = date.and_hms_opt(digits(11, 2)?, digits(14, 2)?, second.min(59))?;
    let leap = match second {
        0..=59 => TimeDelta::zero(),
        60 => TimeDelta::seconds(1),
        _ => return None,
    };
    let (nanos, zone) = fraction(bytes.get(19..)?)?;
    let offset = offset(zone.trim_ascii_start())?;
    let time = (time + leap).checked_add_signed(TimeDelta::nanoseconds(nanos))?;
    Some(offset.from_local_datetime(&time).single()?.with_timezone(&Utc))
}

/// Reads `YYYY-MM-DDThh:mm:ss.fffZ`, as SES writes times, and nothing else.
fn usual(bytes: &[u8]) -> Option<DateTime<Utc>> {
    let bytes: &[u8; 24] = bytes.try_into().ok()?;
    let [.., b'Z'] = bytes else { return None };
    if [bytes[4], bytes[7], bytes[10], bytes[13], bytes[16], bytes[19]] != *b"--T::." {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(number(&bytes[..4])?).ok()?,
        number(&bytes[5..7])?,
        number(&bytes[8..10])?,
    )?;
    let time = date.and_hms_milli_opt(
        number(&bytes[11..13])?,
        number(&bytes[14..16])?,
        // A leap second is another case.
        number(&bytes[17..19]).filter(|second| *second < 60)?,
        number(&bytes[20..23])?,
    )?;
    Some(time.and_utc())
}

fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, zone) = rest.split_at(count);
    let kept = digits.get(..9).unwrap_or(digits);
    if kept.is_empty() {
        return None;
    }
    let scale = 10_i64.pow(9 - u32::try_from(kept.len()).ok()?);
    Some((i64::from(number(kept)?) * scale, zone))
}

fn offset(zone: &[u8]) -> Option<FixedOffset> {
    if matches!(zone, b"Z" | b"z" | b"UTC" | b"GMT") {
        return FixedOffset::east_opt(0);
    }
    let (sign, digits) = match zone {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        2 => (digits, &b"00"[..]),
        4 => digits.split_at(2),
        5 if digits.get(2) == Some(&b':') => (digits.get(..2)?, digits.get(3..)?),
        _ => return None,
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if minutes > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?)
}

/// At most nine digits as a number.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, b| b.is_ascii_digit().then(|| value * 10 + u32::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_form_seen_is_read() {
        // 2018-10-08T14:05:45Z is 1539007545 seconds after the epoch.
        for (text, nanos) in [
            ("2018-10-08T14:05:45Z", 0),
            ("2018-10-08T14:05:45.000Z", 0),
            ("2018-10-08T14:05:45.5Z", 500_000_000),
            ("2018-10-08T14:05:45 +0000", 0),
            ("2018-10-08 14:05:45+00:00", 0),
            ("2018-10-08T14:05:45 UTC", 0),
            ("2018-10-08T07:05:45.123-07:00", 123_000_000),
            ("2018-10-08T19:35:45.123456+05:30", 123_456_000),
            ("2018-10-08T17:05:45.123456789123+03", 123_456_789),
            ("2018-10-08T14:05:44.999999999z", -1),
        ] {
            let expected = 1_539_007_545_000_000_000_i64 + nanos;
            assert_eq!(parse(text).unwrap().timestamp_nanos_opt().unwrap(), expected, "{text}");
        }
        assert_eq!(parse("2016-12-31T23:59:60Z").unwrap().to_rfc3339(), "2017-01-01T00:00:00+00:00");
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "timestamp",
            "1506035354675",
            "2018-10-08",
            "2018-10-08T14:05:45",
            "2018-10-08T14:05:45.Z",
            "2018-13-08T14:05:45Z",
            "2018-02-30T14:05:45Z",
            "2018-10-08T24:00:00Z",
            "2018-10-08T14:05:61Z",
            "2018-10-08T14:05:45+5:30",
            "2018-10-08T14:05:45+00:60",
            "2018-10-08T14:05:45+99:00",
            "2018-10-08T14:05:45Zjunk",
            "２018-10-08T14:05:45Z",
            "+018-10-08T14:05:45Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_outside_the_possible_are_bad() {
        let latest = parse("2026-01-02T00:00:00Z");
        let limits = Limits { latest, ..Limits::default() };
        let class = |json: &str| {
            let raw: Json<'_> = serde_json::from_str(json).unwrap();
            required(Some(raw), "mail.timestamp", &limits).err().map(|reject| reject.to_string())
        };
        assert_eq!(class(r#""2011-01-01T00:00:00Z""#), None);
        assert_eq!(class(r#""2026-01-02T00:00:00Z""#), None);
        assert_eq!(
            class(r#""2010-12-31T23:59:59.999Z""#).unwrap(),
            "bad_time: field `mail.timestamp` lies before 2011: `\"2010-12-31T23:59:59.999Z\"`"
        );
        assert!(class(r#""2026-01-02T00:00:00.001Z""#).unwrap().starts_with("bad_time: "));
        assert!(class(r#""9999-01-01T00:00:00Z""#).unwrap().starts_with("bad_time: "));
        assert!(class("1506035354675").unwrap().starts_with("bad_time: "));
    }
}

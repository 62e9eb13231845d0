//! What a request asks, read from its parameters to the letter: what is taken here is what `schema::parameters` describes.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use repute_query::{BounceClass, Clock, Dimension, Selection, UnknownClass};

use crate::failure::Failure;
use crate::filters::{read_only, read_zone};
use crate::moment::parse_duration;
use crate::parameters::Parameters;
use crate::zone::Zone;

/// An answer is divided by at most so many dimensions.
pub(crate) const MOST_DIMENSIONS: usize = 6;

/// Whether a parameter's name is that of a dimension.
pub(crate) fn is_dimension(name: &str) -> bool {
    name.parse::<Dimension>().is_ok()
}

/// Whether CSV is asked for.
pub(crate) fn read_format(parameters: &Parameters) -> Result<bool, Failure> {
    match parameters.one("format")? {
        None | Some("json") => Ok(false),
        Some("csv") => Ok(true),
        Some(text) => Err(Failure::parameter("format", format!("`format` is `{text}`; known are json, csv"))),
    }
}

/// A whole number between two, both inclusive.
pub(crate) fn read_number(
    parameters: &Parameters,
    name: &str,
    (least, most): (usize, usize),
    usual: usize,
) -> Result<usize, Failure> {
    let Some(text) = parameters.one(name)? else { return Ok(usual) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
    let refuse = || Failure::parameter(name, format!("`{name}` is `{text}`; give a number from {least} to {most}"));
    number.ok_or_else(refuse)
}

/// Names from a closed set, each at most once.
pub(crate) fn read_names<T: FromStr + PartialEq>(parameters: &Parameters, name: &str) -> Result<Vec<T>, Failure>
where
    T::Err: std::fmt::Display,
{
    let mut read = Vec::new();
    for text in parameters.list(name) {
        let one = text.parse::<T>().map_err(|error| Failure::parameter(name, error.to_string()))?;
        if read.contains(&one) {
            return Err(Failure::parameter(name, format!("`{name}` holds `{text}` more than once")));
        }
        read.push(one);
    }
    Ok(read)
}

/// What `by` names.
pub(crate) fn read_by(parameters: &Parameters) -> Result<Vec<Dimension>, Failure> {
    let by = read_names(parameters, "by")?;
    if by.len() > MOST_DIMENSIONS {
        return Err(Failure::parameter("by", format!("`by` holds more than {MOST_DIMENSIONS} dimensions")));
    }
    Ok(by)
}

/// From (inclusive) and to (exclusive); open where `None`.
type Range = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// `since` and `until`.
pub(crate) fn read_range(parameters: &Parameters, now: DateTime<Utc>) -> Result<Range, Failure> {
    let zone = read_exact_zone(parameters)?;
    let moment = |name| parameters.one(name)?.map(|text| read_moment(name, text, zone, now)).transpose();
    let (since, until) = (moment("since")?, moment("until")?);
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err(Failure::Unanswerable("`since` must be before `until`".to_owned()));
    }
    Ok((since, until))
}

/// Values of dimensions. Any text may be one, but for those that are a closed set.
pub(crate) fn read_filters(parameters: &Parameters) -> Result<Vec<(Dimension, Option<String>)>, Failure> {
    let only = read_only(parameters)?;
    for (dimension, value) in &only {
        if let (Dimension::BounceClass, Some(value)) = (dimension, value) {
            let wrong = |error: UnknownClass| Failure::parameter("bounce_class", error.to_string());
            value.parse::<BounceClass>().map_err(wrong)?;
        }
    }
    Ok(only)
}

/// Which rows, in which windows, divided by what.
pub(crate) fn read_selection(parameters: &Parameters, now: DateTime<Utc>) -> Result<Selection, Failure> {
    let (since, until) = read_range(parameters, now)?;
    Ok(Selection {
        clock: read_clock(parameters.one("clock")?)?,
        since,
        until,
        as_of: Some(now + TimeDelta::microseconds(1)),
        width: parameters.one("window")?.map(read_window).transpose()?,
        by: read_by(parameters)?,
        only: read_filters(parameters)?,
        ..Selection::default()
    })
}

/// A zone of the IANA database, as it is spelled there.
pub(crate) fn read_exact_zone(parameters: &Parameters) -> Result<Zone, Failure> {
    let zone = read_zone(parameters)?;
    match parameters.one("zone")? {
        Some(name) if name != zone.name() => {
            Err(Failure::parameter("zone", format!("`zone` is `{name}`; write it as `{}`", zone.name())))
        }
        _ => Ok(zone),
    }
}

/// A time: RFC 3339, a date (its first moment in the zone), or a duration back from now.
pub(crate) fn read_moment(name: &str, text: &str, zone: Zone, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    let is_time = text.as_bytes().get(10).is_some_and(|letter| letter.eq_ignore_ascii_case(&b't'));
    let time = || DateTime::parse_from_rfc3339(text).ok().filter(|_| is_time).map(|time| time.to_utc());
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == "2026-11-01".len());
    let first_moment = || date().map(|date| zone.moment(date.and_time(NaiveTime::MIN)));
    let back = || now.checked_sub_signed(read_duration(text)?);
    let moment = time().or_else(first_moment).or_else(back).ok_or_else(|| {
        let remedy =
            "an RFC 3339 time such as `2026-10-31T12:00:00Z`, a date, or a duration back from now such as `24h`";
        Failure::parameter(name, format!("`{name}` is `{text}`; give {remedy}"))
    })?;
    Ok(in_calendar(moment))
}

/// A leap second is the one after it, and a time whose offset carries it out of the years 0 to 9999, which RFC 3339 has, is their
/// first or last.
fn in_calendar(time: DateTime<Utc>) -> DateTime<Utc> {
    const FIRST: i64 = -62_167_219_200_000_000;
    const LAST: i64 = 253_402_300_799_999_999;
    DateTime::from_timestamp_micros(time.timestamp_micros().clamp(FIRST, LAST)).unwrap_or(time)
}

/// As [`parse_duration`], without leading zeros, and no longer than some centuries.
fn read_duration(text: &str) -> Option<TimeDelta> {
    let most_digits = match text.as_bytes().last()? {
        b's' => 9,
        b'm' => 7,
        b'h' => 6,
        b'd' => 5,
        b'w' => 4,
        _ => return None,
    };
    let digits = text.len() - 1;
    parse_duration(text).filter(|_| digits <= most_digits && !text.starts_with('0'))
}

fn read_clock(text: Option<&str>) -> Result<Clock, Failure> {
    match text {
        None | Some("event") => Ok(Clock::Event),
        Some("sent") => Ok(Clock::Sent),
        Some(text) => Err(Failure::parameter("clock", format!("`clock` is `{text}`; known are event, sent"))),
    }
}

fn read_window(text: &str) -> Result<i64, Failure> {
    let width = read_duration(text).filter(|width| *width >= TimeDelta::minutes(1));
    width.and_then(|width| width.num_microseconds()).ok_or_else(|| {
        let remedy = "a duration of a minute or more such as `1h` or `1d`";
        Failure::parameter("window", format!("`window` is `{text}`; give {remedy}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::rates::RATES;

    fn read(query: &str) -> Result<Selection, String> {
        let now: DateTime<Utc> = "2026-11-01T12:00:00Z".parse().unwrap();
        let parameters = Parameters::strict(Some(query), &RATES, is_dimension);
        parameters.and_then(|parameters| read_selection(&parameters, now)).map_err(|failure| failure.what())
    }

    #[test]
    fn a_question_is_read() {
        let selection = read("window=1h&since=24h&until=2026-11-01T00:00:00Z&by=configuration_set&by=provider&clock=sent&configuration_set=a").unwrap();
        assert_eq!(selection.width, Some(3_600_000_000));
        assert_eq!(selection.since.unwrap().to_rfc3339(), "2026-10-31T12:00:00+00:00");
        assert_eq!(selection.until.unwrap().to_rfc3339(), "2026-11-01T00:00:00+00:00");
        assert_eq!(selection.by, [Dimension::CONFIGURATION_SET, Dimension::Provider]);
        assert_eq!(selection.clock, Clock::Sent);
        assert_eq!(selection.only, [(Dimension::CONFIGURATION_SET, Some("a".to_owned()))]);
    }

    #[test]
    fn times_are_those_of_rfc_3339_and_of_the_calendar() {
        let since = |text: &str| read(&format!("since={text}")).map(|selection| selection.since.unwrap().to_rfc3339());
        for (text, time) in [
            ("2026-10-31T14:00:00.25%2B02:00", "2026-10-31T12:00:00.250+00:00"),
            ("2026-10-31t12:00:00z", "2026-10-31T12:00:00+00:00"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
            ("0000-01-01T00:00:00%2B23:59", "0000-01-01T00:00:00+00:00"),
            ("0000-01-01", "0000-01-01T00:00:00+00:00"),
            ("2026-10-01&zone=Europe/Berlin", "2026-09-30T22:00:00+00:00"),
            ("9999w", "1835-03-15T12:00:00+00:00"),
        ] {
            assert_eq!(since(text).unwrap(), time, "{text}");
        }
        for text in [
            "2026-10-31+12:00:00Z",
            "2026-10-31T12:00",
            "2026-10-31T12:00:00",
            "2026-1-5",
            "%2B12026-10-31",
            "10000w",
            "01h",
            "0h",
            "h",
            "1H",
            "-9999-01-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-10-31&zone=europe/berlin",
            "2026-10-31&zone=+UTC",
        ] {
            assert!(since(text).is_err(), "{text}");
        }
        assert_eq!(
            read("until=9999-12-31T23:59:59-23:59").unwrap().until.unwrap().to_rfc3339(),
            "9999-12-31T23:59:59.999999+00:00"
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert!(read("since=never").unwrap_err().starts_with("`since` is `never`; give an RFC 3339 time"));
        assert_eq!(
            read("window=1s").unwrap_err(),
            "`window` is `1s`; give a duration of a minute or more such as `1h` or `1d`"
        );
        assert_eq!(read("clock=wall").unwrap_err(), "`clock` is `wall`; known are event, sent");
        assert_eq!(read("since=1h&until=2h").unwrap_err(), "`since` must be before `until`");
        assert!(read("by=colour").unwrap_err().starts_with("unknown dimension `colour`; known are configuration_set"));
        assert_eq!(read("by=region&by=region").unwrap_err(), "`by` holds `region` more than once");
        assert!(read("by=region,+tenant").unwrap_err().starts_with("unknown dimension ` tenant`"));
        assert_eq!(
            read("by=tag:a,tag:b,tag:c,tag:d,tag:e,tag:f,tag:g").unwrap_err(),
            "`by` holds more than 6 dimensions"
        );
        assert_eq!(read("region=a&region=b").unwrap_err(), "parameter `region` is given more than once");
        assert_eq!(
            read("bounce_class=bad").unwrap_err(),
            "`bad` is no bounce class; known are invalid_mailbox, invalid_domain, mailbox_full, policy_block, content, reputation, \
             out_of_office, expired, suppressed, connection, other"
        );
        assert!(read("bounce_class=(none)&provider=bad").is_ok());
        assert!(read("group=a").unwrap_err().starts_with("unknown parameter `group`"));
    }

    #[test]
    fn numbers_are_digits_within_their_bounds() {
        let read = |text: &str| {
            let parameters = Parameters::strict(Some(&format!("limit={text}")), &["limit"], |_| false)?;
            read_number(&parameters, "limit", (1, 50), 7)
        };
        assert_eq!((read("50").unwrap(), read("1").unwrap()), (50, 1));
        for text in ["0", "51", "-1", "%2B5", "1.0", "1e1", "x", "99999999999999999999999"] {
            assert!(read(text).unwrap_err().what().starts_with("`limit` is `"), "{text}");
        }
    }
}

//! What a page is asked to show: a time range and a configuration set, kept in the address.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use repute_query::{Dimension, Selection};
use url::form_urlencoded;

use crate::failure::Failure;
use crate::moment::parse_moment;
use crate::parameters::Parameters;

/// In addresses, mail without a configuration set. SES allows no parentheses in the name of one.
pub(crate) const NO_SET: &str = "(none)";

/// A range that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    Day,
    Week,
    ThreeWeeks,
    Quarter,
    All,
}

/// Which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    Preset(Preset),
    /// From (inclusive) to (exclusive); open where `None`.
    Free(Option<DateTime<Utc>>, Option<DateTime<Utc>>),
}

/// The filters of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filters {
    pub(crate) range: Range,
    /// `None` for all; inside, `None` for mail without a configuration set.
    pub(crate) configuration_set: Option<Option<String>>,
}

impl Preset {
    pub(crate) const ALL: [Self; 5] = [Self::Day, Self::Week, Self::ThreeWeeks, Self::Quarter, Self::All];

    /// The value in addresses.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::ThreeWeeks => "21d",
            Self::Quarter => "90d",
            Self::All => "all",
        }
    }

    /// The name on the page.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::ThreeWeeks => "21 days",
            Self::Quarter => "90 days",
            Self::All => "All",
        }
    }

    fn length(self) -> Option<TimeDelta> {
        match self {
            Self::Day => Some(TimeDelta::hours(24)),
            Self::Week => Some(TimeDelta::days(7)),
            Self::ThreeWeeks => Some(TimeDelta::days(21)),
            Self::Quarter => Some(TimeDelta::days(90)),
            Self::All => None,
        }
    }
}

impl Filters {
    /// Reads `range`, or `from` and `to`, which win over it, and `configuration_set`. Without any: the last 21 days of all.
    pub(crate) fn from_query(parameters: &Parameters, now: DateTime<Utc>) -> Result<Self, Failure> {
        let moment = |name| parameters.one(name)?.map(|text| read_moment(name, text, now)).transpose();
        let range = match (moment("from")?, moment("to")?) {
            (None, None) => Range::Preset(read_preset(parameters.one("range")?)?),
            (Some(from), Some(to)) if from >= to => {
                return Err(Failure::BadRequest("`from` must be before `to`".to_owned()));
            }
            (from, to) => Range::Free(from, to),
        };
        Ok(Self { range, configuration_set: read_set(parameters)? })
    }

    /// The range as times, nothing later than `now`: from (inclusive, `None` for the beginning) and to (exclusive).
    pub(crate) fn bounds(&self, now: DateTime<Utc>) -> (Option<DateTime<Utc>>, DateTime<Utc>) {
        let end = now + TimeDelta::microseconds(1);
        match self.range {
            // From a whole minute on, so that the page asks the same question for a minute.
            Range::Preset(preset) => {
                let start = preset.length().map(|length| now - length);
                (start.map(|start| start.duration_trunc(TimeDelta::minutes(1)).unwrap_or(start)), end)
            }
            Range::Free(from, to) => (from, to.map_or(end, |to| to.min(end))),
        }
    }

    /// The rows that pass.
    pub(crate) fn selection(&self, now: DateTime<Utc>) -> Selection {
        let (since, until) = self.bounds(now);
        Selection { since, until: Some(until), only: self.only(), ..Selection::default() }
    }

    /// The rows of the configuration set, at any time.
    pub(crate) fn only(&self) -> Vec<(Dimension, Option<String>)> {
        self.configuration_set.iter().map(|set| (Dimension::CONFIGURATION_SET, set.clone())).collect()
    }

    /// The same for another range.
    pub(crate) fn with_range(&self, range: Range) -> Self {
        Self { range, ..self.clone() }
    }

    /// The same for another configuration set.
    pub(crate) fn with_set(&self, configuration_set: Option<Option<String>>) -> Self {
        Self { range: self.range, configuration_set }
    }

    /// The query string that leads here, without the question mark.
    pub(crate) fn to_query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        match self.range {
            Range::Preset(preset) => _ = query.append_pair("range", preset.as_str()),
            Range::Free(from, to) => {
                for (name, time) in [("from", from), ("to", to)] {
                    if let Some(time) = time {
                        query.append_pair(name, &field_value(time));
                    }
                }
            }
        }
        if let Some(set) = &self.configuration_set {
            query.append_pair("configuration_set", set.as_deref().unwrap_or(NO_SET));
        }
        query.finish()
    }
}

/// Reads `configuration_set`.
pub(crate) fn read_set(parameters: &Parameters) -> Result<Option<Option<String>>, Failure> {
    let set = parameters.one("configuration_set")?;
    Ok(set.map(|set| (set != NO_SET).then(|| set.to_owned())))
}

/// A time as a `datetime-local` field holds it, in UTC; seconds only where there are some.
pub(crate) fn field_value(time: DateTime<Utc>) -> String {
    let pattern = if time.timestamp() % 60 == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" };
    time.format(pattern).to_string()
}

fn read_moment(name: &str, text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    parse_moment(text, now).ok_or_else(|| {
        Failure::BadRequest(format!("`{name}` is `{text}`, which is no time; write it as 2026-10-31T12:00, in UTC"))
    })
}

fn read_preset(text: Option<&str>) -> Result<Preset, Failure> {
    let Some(text) = text else { return Ok(Preset::ThreeWeeks) };
    let preset = Preset::ALL.into_iter().find(|preset| preset.as_str() == text);
    preset.ok_or_else(|| {
        let known = Preset::ALL.map(Preset::as_str).join(", ");
        Failure::BadRequest(format!("`range` is `{text}`; known are {known}, or give `from` and `to`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-01T12:00:00Z".parse().unwrap()
    }

    fn read(query: &str) -> Result<Filters, String> {
        Filters::from_query(&Parameters::lenient(Some(query)), now()).map_err(|failure| match failure {
            Failure::BadRequest(what) => what,
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn what_is_read_is_what_is_written() {
        for query in [
            "range=7d",
            "range=all&configuration_set=marketing",
            "from=2026-10-01T00%3A00",
            "from=2026-10-01T00%3A00&to=2026-10-02T06%3A30%3A05&configuration_set=%28none%29",
            "range=24h&configuration_set=a%26b%3D%22%3Cscript%3E",
        ] {
            assert_eq!(read(query).unwrap().to_query(), query);
        }
        assert_eq!(read("").unwrap().to_query(), "range=21d");
        assert_eq!(read("range=7d&from=&to=&configuration_set=").unwrap().to_query(), "range=7d");
        assert_eq!(
            read("range=7d&to=2026-10-02").unwrap().range,
            Range::Free(None, Some("2026-10-02T00:00:00Z".parse().unwrap()))
        );
        assert_eq!(read("configuration_set=(none)").unwrap().configuration_set, Some(None));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        assert_eq!(
            read("range=fortnight").unwrap_err(),
            "`range` is `fortnight`; known are 24h, 7d, 21d, 90d, all, or give `from` and `to`"
        );
        assert_eq!(
            read("from=soon").unwrap_err(),
            "`from` is `soon`, which is no time; write it as 2026-10-31T12:00, in UTC"
        );
        assert_eq!(read("from=2026-10-02&to=2026-10-01").unwrap_err(), "`from` must be before `to`");
        assert_eq!(read("range=7d&range=24h").unwrap_err(), "parameter `range` is given more than once");
    }

    #[test]
    fn nothing_later_than_now_is_shown() {
        let (since, until) = read("range=24h").unwrap().bounds(now());
        assert_eq!(since.unwrap().to_rfc3339(), "2026-10-31T12:00:00+00:00");
        assert_eq!(until - now(), TimeDelta::microseconds(1));
        let (since, until) = read("to=2030-01-01").unwrap().bounds(now());
        assert_eq!((since, until - now()), (None, TimeDelta::microseconds(1)));
    }
}

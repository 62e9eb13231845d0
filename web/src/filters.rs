//! What a page is asked to show: a time range, a time zone, and values of dimensions, all kept in the address, so that a link
//! shows what its sender saw.
//!
//! ```text
//! ?range=7d&zone=Europe/Berlin&configuration_set=marketing&provider=gmail&tag:campaign=spring
//! ```

use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use repute_query::{Dimension, Selection};
use url::form_urlencoded;

use crate::access::may_hold;
use crate::failure::Failure;
use crate::moment::parse_moment;
use crate::parameters::Parameters;
use crate::zone::Zone;

/// In addresses, mail without a value. SES allows no parentheses in the name of a configuration set or in a tag.
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
    pub(crate) zone: Zone,
    /// Only what has these values; `None` for what has none. Each dimension once.
    pub(crate) only: Vec<(Dimension, Option<String>)>,
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
    /// The last 21 days of all mail, in UTC: what an address without filters shows.
    pub(crate) fn usual() -> Self {
        Self { range: Range::Preset(Preset::ThreeWeeks), zone: Zone::UTC, only: Vec::new() }
    }

    /// Whether an address without filters shows the same.
    pub(crate) fn are_usual(&self) -> bool {
        *self == Self::usual()
    }

    /// Reads `range`, or `from` and `to`, which win over it; `zone`; and dimensions by their names, or one by `filter` and `value`, as
    /// the form sends it. Without any: the last 21 days of all mail, in UTC.
    pub(crate) fn from_query(parameters: &Parameters, now: DateTime<Utc>) -> Result<Self, Failure> {
        let zone = read_zone(parameters)?;
        let moment = |name| parameters.one(name)?.map(|text| read_moment(name, text, zone, now)).transpose();
        let range = match (moment("from")?, moment("to")?) {
            (None, None) => Range::Preset(read_preset(parameters.one("range")?)?),
            (Some(from), Some(to)) if from >= to => {
                return Err(Failure::BadRequest("`from` must be before `to`".to_owned()));
            }
            (from, to) => Range::Free(from, to),
        };
        let mut filters = Self { range, zone, only: read_only(parameters)? };
        if let (Some(dimension), Some(value)) = (parameters.one("filter")?, parameters.one("value")?) {
            filters = filters.with_only(read_dimension(dimension)?, Some(read_value(value)));
        }
        Ok(filters)
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
        Selection { since, until: Some(until), only: self.only.clone(), ..Selection::default() }
    }

    /// The configuration set that is asked for, if one is; inside, `None` for mail without one.
    pub(crate) fn configuration_set(&self) -> Option<&Option<String>> {
        self.only.iter().find(|(dimension, _)| *dimension == Dimension::CONFIGURATION_SET).map(|(_, value)| value)
    }

    /// The same for another range.
    pub(crate) fn with_range(&self, range: Range) -> Self {
        Self { range, ..self.clone() }
    }

    /// The same with another value of a dimension, or with any value of it.
    pub(crate) fn with_only(&self, dimension: Dimension, value: Option<Option<String>>) -> Self {
        let mut only: Vec<_> = self.only.iter().filter(|(of, _)| *of != dimension).cloned().collect();
        only.extend(value.map(|value| (dimension, value)));
        only.sort_by_key(|(dimension, _)| *dimension != Dimension::CONFIGURATION_SET);
        Self { only, ..self.clone() }
    }

    /// The same for another configuration set.
    pub(crate) fn with_set(&self, configuration_set: Option<Option<String>>) -> Self {
        self.with_only(Dimension::CONFIGURATION_SET, configuration_set)
    }

    /// The same rows asked of the API: `since`, `until` and the dimensions.
    pub(crate) fn to_api_query(&self, now: DateTime<Utc>) -> String {
        let (since, until) = self.bounds(now);
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, time) in [("since", since), ("until", Some(until))] {
            if let Some(time) = time {
                query.append_pair(name, &time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
            }
        }
        self.append_only(&mut query);
        query.finish()
    }

    /// A link must not tell an address that its reader may not see: it leads to all, then.
    fn append_only(&self, query: &mut form_urlencoded::Serializer<'_, String>) {
        for (dimension, value) in self.only.iter().filter(|(_, value)| value.as_deref().is_none_or(may_hold)) {
            query.append_pair(&dimension.to_string(), value.as_deref().unwrap_or(NO_SET));
        }
    }

    /// The query string that leads here, without the question mark.
    pub(crate) fn to_query(&self) -> String {
        self.to_query_with(&[])
    }

    /// The same with what else belongs to the page.
    pub(crate) fn to_query_with(&self, others: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        match self.range {
            Range::Preset(preset) => _ = query.append_pair("range", preset.as_str()),
            Range::Free(from, to) => {
                for (name, time) in [("from", from), ("to", to)] {
                    if let Some(time) = time {
                        query.append_pair(name, &self.zone.field(time));
                    }
                }
            }
        }
        if self.zone != Zone::UTC {
            query.append_pair("zone", self.zone.name());
        }
        self.append_only(&mut query);
        query.extend_pairs(others).finish()
    }
}

/// Reads `zone`; UTC without it.
pub(crate) fn read_zone(parameters: &Parameters) -> Result<Zone, Failure> {
    let Some(name) = parameters.one("zone")? else { return Ok(Zone::UTC) };
    Zone::named(name.trim()).ok_or_else(|| {
        Failure::BadRequest(format!("`zone` is `{name}`, which is no time zone; write it as `UTC` or `Europe/Berlin`"))
    })
}

/// Reads the dimensions that are asked for by name.
pub(crate) fn read_only(parameters: &Parameters) -> Result<Vec<(Dimension, Option<String>)>, Failure> {
    let mut only: Vec<(Dimension, Option<String>)> = Vec::new();
    for name in parameters.names() {
        let Ok(dimension) = name.parse::<Dimension>() else { continue };
        if let Some(value) = parameters.one(name)?
            && only.iter().all(|(known, _)| *known != dimension)
        {
            only.push((dimension, read_value(value)));
        }
    }
    only.sort_by_key(|(dimension, _)| *dimension != Dimension::CONFIGURATION_SET);
    Ok(only)
}

/// Reads the name of a dimension.
pub(crate) fn read_dimension(name: &str) -> Result<Dimension, Failure> {
    name.parse().map_err(|error: repute_query::UnknownDimension| Failure::BadRequest(error.to_string()))
}

fn read_value(value: &str) -> Option<String> {
    (value != NO_SET).then(|| value.to_owned())
}

fn read_moment(name: &str, text: &str, zone: Zone, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    parse_moment(text, zone, now).ok_or_else(|| {
        let zone = zone.name();
        Failure::BadRequest(format!("`{name}` is `{text}`, which is no time; write it as 2026-10-31T12:00, in {zone}"))
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
        Filters::from_query(&Parameters::lenient(Some(query)), now()).map_err(|failure| failure.what())
    }

    #[test]
    fn what_is_read_is_what_is_written() {
        for query in [
            "range=7d",
            "range=all&configuration_set=marketing",
            "from=2026-10-01T00%3A00",
            "from=2026-10-01T00%3A00&to=2026-10-02T06%3A30%3A05&configuration_set=%28none%29",
            "range=24h&configuration_set=a%26b%3D%22%3Cscript%3E",
            "range=24h&zone=Europe%2FBerlin&configuration_set=a&provider=gmail&tag%3Acampaign=spring",
            "from=2026-10-31T00%3A00&zone=America%2FNew_York",
        ] {
            assert_eq!(read(query).unwrap().to_query(), query);
        }
        assert_eq!(read("").unwrap().to_query(), "range=21d");
        assert_eq!(read("range=7d&from=&to=&configuration_set=").unwrap().to_query(), "range=7d");
        assert_eq!(
            read("range=7d&to=2026-10-02").unwrap().range,
            Range::Free(None, Some("2026-10-02T00:00:00Z".parse().unwrap()))
        );
        assert_eq!(read("configuration_set=(none)").unwrap().configuration_set(), Some(&None));
        assert_eq!(
            read("range=7d&filter=tag:campaign&value=x&colour=red").unwrap().to_query(),
            "range=7d&tag%3Acampaign=x",
            "as the form sends it; what is no filter is left to others"
        );
        assert_eq!(read("range=7d&provider=a&filter=provider&value=b").unwrap().to_query(), "range=7d&provider=b");
    }

    #[test]
    fn times_are_of_the_zone() {
        let filters = read("from=2026-10-31T00:00&zone=europe/berlin").unwrap();
        assert_eq!(filters.range, Range::Free(Some("2026-10-30T23:00:00Z".parse().unwrap()), None));
        assert_eq!(filters.to_query(), "from=2026-10-31T00%3A00&zone=Europe%2FBerlin");
        assert!(read("zone=Mars").unwrap_err().starts_with("`zone` is `Mars`, which is no time zone"));
        assert!(read("filter=colour&value=x").unwrap_err().starts_with("unknown dimension `colour`"));
        assert_eq!(read("provider=a&provider=b").unwrap_err(), "parameter `provider` is given more than once");
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

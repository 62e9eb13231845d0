//! The bar of filters above the figures of a page: links and a form, so that it works without a script.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use repute_query::{COLUMNS, Dimension, QueryError, Reader, Selection, Stepping, rates};

use crate::access::{may_hold, shown};
use crate::filters::{Filters, NO_SET, Preset, Range};
use crate::format;
use crate::history::Span;

/// Zones that are suggested; any other may be typed.
const ZONES: [&str; 16] = [
    "UTC",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/Warsaw",
    "Africa/Johannesburg",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
];

/// The bar.
pub(crate) struct Bar {
    /// The page it is on.
    pub(crate) path: Cow<'static, str>,
    /// What else belongs to the page's address.
    pub(crate) others: Vec<(&'static str, String)>,
    pub(crate) presets: Vec<Choice>,
    /// The preset in force; empty if the range is a free one.
    pub(crate) preset: &'static str,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) zone: &'static str,
    pub(crate) zones: [&'static str; 16],
    pub(crate) sets: Vec<SetOption>,
    /// Values of other dimensions that are asked for.
    pub(crate) chips: Vec<Chip>,
    pub(crate) dimensions: Vec<String>,
    /// The query string without a configuration set, if there is one now.
    pub(crate) all_sets: Option<String>,
    /// The query string of this page.
    pub(crate) query: String,
    /// Whose mail is shown, in words.
    pub(crate) scope: String,
    /// Which time is shown, in words.
    pub(crate) period: String,
}

/// One of several links, of which one may be where the reader is.
pub(crate) struct Choice {
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) current: bool,
}

/// A configuration set to choose.
pub(crate) struct SetOption {
    /// Escaped for an attribute.
    pub(crate) value: String,
    pub(crate) name: String,
    pub(crate) selected: bool,
}

/// A value that is asked for.
pub(crate) struct Chip {
    pub(crate) text: String,
    /// The query string without it.
    pub(crate) without: String,
    /// Its field in the form, both escaped for attributes.
    pub(crate) name: String,
    pub(crate) value: String,
}

/// The sets that have ever had an event.
pub(crate) async fn known_sets(reader: &Reader) -> Result<BTreeSet<Option<String>>, QueryError> {
    let selection = Selection { by: vec![Dimension::CONFIGURATION_SET], ..Selection::default() };
    let rows = rates(reader, &selection, Stepping::Tumbling).await?;
    Ok(rows.into_iter().filter_map(|row| row.group.into_iter().next()).collect())
}

impl Bar {
    /// The bar of a page whose address has `others` beside the filters.
    pub(crate) fn new(
        path: &'static str,
        filters: &Filters,
        others: Vec<(&'static str, String)>,
        mut sets: BTreeSet<Option<String>>,
        now: DateTime<Utc>,
    ) -> Self {
        let query = |filters: &Filters| {
            let others: Vec<(&str, &str)> = others.iter().map(|(name, value)| (*name, value.as_str())).collect();
            filters.to_query_with(&others)
        };
        let preset = |preset: Preset| Choice {
            name: preset.label().to_owned(),
            query: query(&filters.with_range(Range::Preset(preset))),
            current: filters.range == Range::Preset(preset),
        };
        let (from, to, current) = match filters.range {
            Range::Preset(preset) => (None, None, preset.as_str()),
            Range::Free(from, to) => (from, to, ""),
        };
        let field = |time: Option<DateTime<Utc>>| time.map(|time| filters.zone.field(time)).unwrap_or_default();
        let wanted = filters.configuration_set();
        sets.extend(wanted.cloned());
        let chip = |(dimension, value): &(Dimension, Option<String>)| Chip {
            text: worded(dimension, value.as_deref()),
            without: query(&filters.with_only(dimension.clone(), None)),
            name: attribute(&dimension.to_string()),
            value: attribute(value.as_deref().unwrap_or(NO_SET)),
        };
        let rest = filters.only.iter().filter(|(dimension, _)| *dimension != Dimension::CONFIGURATION_SET);
        let set = |set: Option<String>| SetOption {
            selected: wanted == Some(&set),
            value: attribute(set.as_deref().unwrap_or(NO_SET)),
            name: set.map_or_else(|| "(no configuration set)".to_owned(), |set| format::printable(&set)),
        };
        Self {
            path: path.into(),
            presets: Preset::ALL.into_iter().map(preset).collect(),
            preset: current,
            from: field(from),
            to: field(to),
            zone: filters.zone.name(),
            zones: ZONES,
            sets: sets.into_iter().map(set).collect(),
            chips: rest.map(chip).collect(),
            dimensions: dimensions(),
            all_sets: wanted.map(|_| query(&filters.with_set(None))),
            query: query(filters),
            scope: scope(filters),
            period: period(filters, None, now),
            others: others.into_iter().map(|(name, value)| (name, attribute(&value))).collect(),
        }
    }

    /// On a page of many.
    pub(crate) fn at(self, path: String) -> Self {
        Self { path: path.into(), ..self }
    }

    /// With the time that the charts cover.
    pub(crate) fn over(self, filters: &Filters, span: Option<&Span>, now: DateTime<Utc>) -> Self {
        Self { period: period(filters, span, now), ..self }
    }
}

/// What can be filtered by beside the configuration set.
fn dimensions() -> Vec<String> {
    let columns = COLUMNS.into_iter().filter(|name| *name != Dimension::CONFIGURATION_SET.to_string());
    ["provider"].into_iter().chain(columns).map(str::to_owned).collect()
}

/// A dimension's name for people: `recipient domain`, `tag campaign`.
pub(crate) fn dimension_words(dimension: &Dimension) -> String {
    match dimension {
        Dimension::Tag(name) => format!("tag {}", format::printable(name)),
        other => other.to_string().replace('_', " "),
    }
}

fn worded(dimension: &Dimension, value: Option<&str>) -> String {
    let value = value.map_or_else(|| "(none)".to_owned(), format::printable);
    format!("{}: {value}", dimension_words(dimension))
}

/// Whose mail is shown: `configuration set marketing, provider: gmail`.
pub(crate) fn scope(filters: &Filters) -> String {
    let set = match filters.configuration_set() {
        None if filters.only.is_empty() => return "all mail".to_owned(),
        None => None,
        Some(None) => Some("mail without a configuration set".to_owned()),
        Some(Some(set)) => Some(format!("configuration set {}", format::printable(set))),
    };
    let rest = filters.only.iter().filter(|(dimension, _)| *dimension != Dimension::CONFIGURATION_SET);
    let words: Vec<String> =
        set.into_iter().chain(rest.map(|(dimension, value)| worded(dimension, value.as_deref()))).collect();
    words.join(", ")
}

/// `2026-10-11 00:00 UTC to 2026-11-01 00:00 UTC, in windows of 12 h`.
pub(crate) fn period(filters: &Filters, span: Option<&Span>, now: DateTime<Utc>) -> String {
    let (since, until) = filters.bounds(now);
    let from = since.or(span.map(|span| span.from));
    let from = from.map_or_else(|| "the beginning".to_owned(), |time| filters.zone.time(time));
    let windows = span.map_or_else(String::new, |span| format!(", in windows of {}", format::duration(span.width)));
    format!("{from} to {}{windows}", filters.zone.time(until))
}

/// A value for an attribute of HTML, escaped so that a form sends back exactly this, control characters and all; but for an address that
/// its reader may not see.
pub(crate) fn attribute(text: &str) -> String {
    let masked = if may_hold(text) { Cow::Borrowed(text) } else { shown(text) };
    let text = masked.as_ref();
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_' | '.') {
            escaped.push(letter);
        } else {
            escaped.push_str(&format!("&#{};", u32::from(letter)));
        }
    }
    escaped
}

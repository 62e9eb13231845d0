//! How long events took to the lake.

use chrono::{DateTime, TimeDelta, Utc};

use crate::chart::{Lags, lag_chart, lag_legend, lag_words};
use crate::format;
use crate::history::Span;
use crate::zone::Zone;

/// The lags of a range.
pub(super) struct LagPanel {
    pub(super) p50: String,
    pub(super) p95: String,
    pub(super) max: String,
    /// The same of the newest event of an object: the middle and the usual worst.
    pub(super) newest: String,
    pub(super) objects: String,
    pub(super) svg: String,
    /// Names and classes of its curves.
    pub(super) legend: Vec<(&'static str, String)>,
    /// The end of its last window, as an address holds it.
    pub(super) until: String,
    pub(super) windows: Vec<WindowRow>,
}

/// A window in the table.
pub(super) struct WindowRow {
    pub(super) start: String,
    pub(super) objects: String,
    pub(super) p50: String,
    pub(super) p95: String,
    pub(super) max: String,
}

impl LagPanel {
    /// Of objects, each with the times of its import, its first and its last event; nothing of none.
    pub(super) fn of(spans: impl Iterator<Item = [DateTime<Utc>; 3]>, zone: Zone) -> Option<Self> {
        let spans: Vec<[DateTime<Utc>; 3]> = spans.collect();
        let (from, to) = (spans.iter().map(|[at, ..]| *at).min()?, spans.iter().map(|[at, ..]| *at).max()?);
        let all = Lags::of(spans.iter().map(|[at, first, _]| *at - *first).collect())?;
        let newest = Lags::of(spans.iter().map(|[at, _, last]| *at - *last).collect())?;
        let span = Span::cut(from, to + TimeDelta::microseconds(1), zone);
        let windows: Vec<Option<Lags>> = span
            .windows()
            .map(|(start, end)| {
                let within = spans.iter().filter(|[at, ..]| (start..end).contains(at));
                Lags::of(within.map(|[at, first, _]| *at - *first).collect())
            })
            .collect();
        let row = |((start, _), lags): ((DateTime<Utc>, DateTime<Utc>), &Option<Lags>)| {
            let lags = lags.as_ref()?;
            Some(WindowRow {
                start: zone.time(start),
                objects: format::thousands(lags.objects),
                p50: lag_words(lags.p50),
                p95: lag_words(lags.p95),
                max: lag_words(lags.max),
            })
        };
        Some(Self {
            p50: lag_words(all.p50),
            p95: lag_words(all.p95),
            max: lag_words(all.max),
            newest: format!("{}, 95\u{a0}% within {}", lag_words(newest.p50), lag_words(newest.p95)),
            objects: format::count(all.objects, "object"),
            svg: lag_chart(&span, &windows),
            legend: lag_legend(),
            until: zone.field(span.to),
            windows: span.windows().zip(&windows).filter_map(row).collect(),
        })
    }
}

//! How long events take to the lake, over time: the middle, the usual worst and the worst, on a scale of times that people know.

use chrono::TimeDelta;

use super::palette::Ink;
use super::ranks::{Ranks, marks_around};
use crate::format;
use crate::history::Span;

/// The lags of the objects of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lags {
    /// Objects.
    pub(crate) objects: u64,
    /// Half of them took no longer.
    pub(crate) p50: TimeDelta,
    /// 95 in a hundred took no longer.
    pub(crate) p95: TimeDelta,
    /// The longest.
    pub(crate) max: TimeDelta,
}

impl Lags {
    /// Of lags in any order; nothing of none.
    pub(crate) fn of(mut lags: Vec<TimeDelta>) -> Option<Self> {
        lags.sort_unstable();
        let rank = |percent: usize| lags.get((lags.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Self { objects: lags.len() as u64, p50: rank(50)?, p95: rank(95)?, max: *lags.last()? })
    }
}

/// Marks of the scale, in seconds.
const MARKS: [(i64, &str); 10] = [
    (1, "1 s"),
    (10, "10 s"),
    (60, "1 min"),
    (600, "10 min"),
    (3_600, "1 h"),
    (6 * 3_600, "6 h"),
    (86_400, "1 d"),
    (7 * 86_400, "7 d"),
    (30 * 86_400, "30 d"),
    (365 * 86_400, "1 y"),
];

/// A curve: its name in a legend, what draws it, and its value.
type Curve = (&'static str, Ink, fn(&Lags) -> TimeDelta);

const CURVES: [Curve; 3] = [
    ("the longest", Ink::Group0, |lags| lags.max),
    ("95\u{a0}% of the objects", Ink::Group1, |lags| lags.p95),
    ("half of the objects", Ink::Rate, |lags| lags.p50),
];

/// Names and classes of the curves, for a legend.
pub(crate) fn lag_legend() -> Vec<(&'static str, String)> {
    CURVES.iter().map(|(name, ink, _)| (*name, format!("key-{}", ink.name()))).collect()
}

fn seconds(lag: TimeDelta) -> i64 {
    lag.num_seconds().max(1)
}

/// A chart as an SVG element for a page, whose stylesheet has its colours. `windows` are those of the span, in order.
pub(crate) fn lag_chart(span: &Span, windows: &[Option<Lags>]) -> String {
    let lags = || windows.iter().flatten();
    let least = lags().map(|lag| seconds(lag.p50)).min().unwrap_or(60);
    let most = lags().map(|lag| seconds(lag.max)).max().unwrap_or(3_600);
    let values = |pick: fn(&Lags) -> TimeDelta| {
        windows.iter().map(|lags| lags.as_ref().map(|lags| seconds(pick(lags)))).collect()
    };
    let told = |lags: &Option<Lags>| {
        lags.as_ref().map_or_else(
            || "nothing was imported".to_owned(),
            |lags| {
                let [p50, p95, max] = [lags.p50, lags.p95, lags.max].map(lag_words);
                format!(
                    "half within {p50}\n95 % within {p95}\nlongest {max}\n{}",
                    format::count(lags.objects, "object")
                )
            },
        )
    };
    let ranks = Ranks {
        span,
        marks: marks_around(MARKS.iter().map(|(mark, name)| (*mark, (*name).to_owned())), least, most),
        curves: CURVES.iter().map(|(_, ink, pick)| (*ink, values(*pick))).collect(),
        figures: windows.iter().map(told).collect(),
        description: described(span, windows),
    };
    ranks.finish("Time from event to lake", "lag")
}

fn described(span: &Span, windows: &[Option<Lags>]) -> String {
    let zone = span.zone;
    let (from, to) = (zone.show(span.from, "%Y-%m-%d %H:%M"), zone.show(span.to, "%Y-%m-%d %H:%M %Z"));
    let Some(worst) = windows.iter().flatten().max_by_key(|lag| lag.max) else {
        return format!("{from} to {to}: nothing was imported.");
    };
    let last = windows.iter().flatten().next_back().unwrap_or(worst);
    format!(
        "{from} to {to}, in windows of {}: in the last one with imports half of the objects took no longer than {}, 95 in a \
         hundred no longer than {}; the longest of all took {}.",
        format::duration(span.width),
        lag_words(last.p50),
        lag_words(last.p95),
        lag_words(worst.max)
    )
}

/// A lag in words: `42 s`, `12 min`, `3 h 12 min`.
pub(crate) fn lag_words(lag: TimeDelta) -> String {
    if lag < TimeDelta::zero() {
        return format!("-{}", lag_words(-lag));
    }
    if lag < TimeDelta::minutes(1) { format!("{} s", lag.num_seconds()) } else { format::duration(lag) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Zone;

    fn minutes(minutes: &[i64]) -> Vec<TimeDelta> {
        minutes.iter().map(|minutes| TimeDelta::minutes(*minutes)).collect()
    }

    #[test]
    fn ranks_are_the_nearest() {
        assert_eq!(Lags::of(Vec::new()), None);
        let lags = Lags::of(minutes(&[4, 1, 3, 2])).unwrap();
        assert_eq!([lags.p50, lags.p95, lags.max].map(|lag| lag.num_minutes()), [2, 4, 4]);
        let lags = Lags::of(minutes(&(1..=100).collect::<Vec<_>>())).unwrap();
        assert_eq!([lags.p50, lags.p95, lags.max].map(|lag| lag.num_minutes()), [50, 95, 100]);
    }

    #[test]
    fn gaps_stay_gaps_and_there_is_a_text() {
        let from: chrono::DateTime<chrono::Utc> = "2026-10-31T00:00:00Z".parse().unwrap();
        let span = Span { from, to: from + TimeDelta::hours(4), width: TimeDelta::hours(1), zone: Zone::UTC };
        let lag = Lags::of(minutes(&[5, 7, 61]));
        let svg = lag_chart(&span, &[lag, lag, None, lag]);
        assert_eq!(svg.matches("stroke-width=\"1.75\"").count(), 3, "{svg}");
        assert_eq!(svg.matches("<circle").count(), 3, "the last window alone");
        assert!(svg.contains("half of the objects took no longer than 7 min"), "{svg}");
        assert!(svg.contains("the longest of all took 1 h 1 min"), "{svg}");
        assert!(svg.contains(">1 min<") && svg.contains(">6 h<"), "{svg}");
        assert!(!svg.contains("style"));
        assert!(lag_chart(&span, &[None; 4]).contains("nothing was imported"));
        assert_eq!(lag_words(TimeDelta::seconds(42)), "42 s");
    }
}

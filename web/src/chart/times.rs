//! How long deliveries took over time: three ranks.

use repute_query::TakenWindow;

use super::palette::Ink;
use super::ranks::{Ranks, marks_around};
use crate::format;
use crate::history::Span;

/// Where the scale is labelled, in milliseconds.
const TICKS: [i64; 11] =
    [1, 10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 360_000_000, 3_600_000_000];

/// A rank with what draws it.
struct Curve {
    name: &'static str,
    ink: Ink,
    of: fn(&TakenWindow) -> Option<i64>,
}

const CURVES: [Curve; 3] = [
    Curve { name: "99 in 100", ink: Ink::Group0, of: |window| window.times.p99 },
    Curve { name: "95 in 100", ink: Ink::Group1, of: |window| window.times.p95 },
    Curve { name: "half", ink: Ink::Rate, of: |window| window.times.p50 },
];

/// Names and classes of the curves, for a legend.
pub(crate) fn time_legend() -> Vec<(&'static str, String)> {
    CURVES.iter().map(|curve| (curve.name, format!("key-{}", curve.ink.name()))).collect()
}

/// The chart as an SVG element of a page. `title` names it and is escaped; `id` must be unique in the page and plain letters.
pub(crate) fn time_chart(span: &Span, windows: &[TakenWindow], title: &str, id: &str) -> String {
    let times = || windows.iter().flat_map(|window| CURVES.iter().filter_map(move |curve| (curve.of)(window)));
    let (least, most) = (times().min().unwrap_or(100), times().max().unwrap_or(1_000));
    let all: Vec<Option<&TakenWindow>> =
        span.windows().map(|(start, _)| windows.iter().find(|window| window.start == start)).collect();
    let values = |curve: &Curve| all.iter().map(|window| window.and_then(curve.of)).collect();
    let told = |window: &Option<&TakenWindow>| window.map_or_else(|| "no deliveries".to_owned(), hint);
    let ranks = Ranks {
        span,
        marks: marks_around(TICKS.into_iter().map(|tick| (tick, format::milliseconds(tick))), least, most),
        curves: CURVES.iter().map(|curve| (curve.ink, values(curve))).collect(),
        figures: all.iter().map(told).collect(),
        description: description(span, windows),
    };
    ranks.finish(title, id)
}

/// In lines of their own: half, 95, 99 in 100, the worst.
fn hint(window: &TakenWindow) -> String {
    let parts = told(window);
    let parts = parts.strip_suffix(')').and_then(|parts| parts.split_once(" ("));
    parts.map_or_else(String::new, |(ranks, deliveries)| format!("{}\n{deliveries}", ranks.replace(", ", "\n")))
}

/// `half within 1.2 s, 95 in 100 within 4.0 s, 99 in 100 within 9.1 s, worst 3 min 2 s (1,234 deliveries)`.
fn told(window: &TakenWindow) -> String {
    let times = &window.times;
    let time = |time: Option<i64>| time.map_or_else(|| format::NO_DATA.to_owned(), format::milliseconds);
    format!(
        "half within {}, 95 in 100 within {}, 99 in 100 within {}, worst {} ({} deliveries)",
        time(times.p50),
        time(times.p95),
        time(times.p99),
        time(times.worst),
        format::thousands(times.deliveries)
    )
}

fn description(span: &Span, windows: &[TakenWindow]) -> String {
    let slowest = windows.iter().max_by_key(|window| window.times.p95);
    let (Some(first), Some(last), Some(slowest)) = (windows.first(), windows.last(), slowest) else {
        return "No deliveries in this range.".to_owned();
    };
    let at = |window: &TakenWindow| format!("at {} {}", span.zone.time(window.start), told(window));
    format!(
        "Time from acceptance to delivery by windows of {}, {} to {}. First {}. Last {}. Slowest {}.",
        format::duration(span.width),
        span.zone.time(span.from),
        span.zone.time(span.to),
        at(first),
        at(last),
        at(slowest)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Zone;
    use chrono::{DateTime, TimeDelta, Utc};
    use repute_query::TimesTaken;

    fn window(hour: i64, p50: i64) -> TakenWindow {
        let start: DateTime<Utc> = "2026-10-31T00:00:00Z".parse().unwrap();
        let start = start + TimeDelta::hours(hour);
        let times = TimesTaken {
            deliveries: 7,
            p50: Some(p50),
            p95: Some(p50 * 3),
            p99: Some(p50 * 9),
            worst: Some(p50 * 20),
            ..TimesTaken::default()
        };
        TakenWindow { start, end: start + TimeDelta::hours(1), times }
    }

    fn chart(windows: &[TakenWindow], title: &str) -> String {
        let from = "2026-10-31T00:00:00Z".parse().unwrap();
        let span = Span { from, to: from + TimeDelta::hours(6), width: TimeDelta::hours(1), zone: Zone::UTC };
        time_chart(&span, windows, title, "took")
    }

    #[test]
    fn windows_without_deliveries_are_gaps() {
        let svg = chart(&[window(0, 800), window(1, 900), window(4, 1_000)], "Times");
        assert_eq!(svg.matches("stroke-width=\"1.75\"").count(), 3, "{svg}");
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("31 Oct 04:00 to 31 Oct 05:00 UTC\nhalf within 1 s\n95 in 100 within 3 s\n"), "{svg}");
        assert!(svg.contains("31 Oct 02:00 to 31 Oct 03:00 UTC\nno deliveries"), "{svg}");
        assert!(
            svg.contains(">100 ms</text>") && svg.contains(">10 s</text>") && !svg.contains(">1 min</text>"),
            "{svg}"
        );
        assert!(!svg.contains("style="));
    }

    #[test]
    fn nothing_and_strange_titles_are_drawn() {
        let svg = chart(&[], "<script>");
        assert!(svg.contains("No deliveries in this range.") && !svg.contains("<script>"), "{svg}");
        assert!(chart(&[window(0, 0)], "Times").contains("<circle"), "no time at all has a place");
    }
}

//! How long deliveries took over time: three ranks on a scale of powers of ten, as an SVG element in the page's colours.

use std::fmt::Write as _;

use repute_query::TakenWindow;

use super::document::{Size, escape};
use super::draw::FINE;
use super::palette::Ink;
use super::ticks::time_ticks;
use crate::format;
use crate::history::Span;

/// Widths and heights around the curves, in pixels.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 12.0;
const BELOW: f64 = 26.0;

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

/// Places on the canvas.
struct Scale {
    from: i64,
    to: i64,
    low: f64,
    high: f64,
    width: f64,
    height: f64,
}

impl Scale {
    fn of(span: &Span, windows: &[TakenWindow], size: Size) -> Option<Self> {
        let times = || windows.iter().flat_map(|window| CURVES.iter().filter_map(move |curve| (curve.of)(window)));
        let (least, most) = (times().min()?.max(1), times().max()?.max(1));
        let below = TICKS.iter().rev().find(|tick| **tick <= least).copied().unwrap_or(1);
        let above = TICKS.iter().find(|tick| **tick > most).copied().unwrap_or(most);
        let (width, height) = size.pixels();
        let (from, to) = (span.from.timestamp(), span.to.timestamp());
        let (low, high) = ((below as f64).log10(), (above as f64).log10());
        Some(Self { from, to, low, high, width: width.into(), height: height.into() })
    }

    fn x(&self, seconds: i64) -> f64 {
        let part = (seconds - self.from) as f64 / (self.to - self.from).max(1) as f64;
        (LEFT + part * (self.width - LEFT - RIGHT)) * f64::from(FINE)
    }

    fn y(&self, milliseconds: i64) -> f64 {
        let part = ((milliseconds.max(1) as f64).log10() - self.low) / (self.high - self.low).max(0.1);
        (TOP + (1.0 - part.clamp(0.0, 1.0)) * (self.height - TOP - BELOW)) * f64::from(FINE)
    }

    fn bottom(&self) -> f64 {
        (self.height - BELOW) * f64::from(FINE)
    }
}

/// The chart. `title` names it and is escaped; `id` must be unique in the page and plain letters.
pub(crate) fn time_chart(span: &Span, windows: &[TakenWindow], title: &str, id: &str, size: Size) -> String {
    let (width, height) = size.pixels();
    let name = size.name();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart chart-{name}\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{id}-{name}-title {id}-{name}-desc\">\n\
         <title id=\"{id}-{name}-title\">{}</title>\n<desc id=\"{id}-{name}-desc\">{}</desc>\n",
        width * FINE,
        height * FINE,
        escape(title),
        escape(&description(span, windows)),
    );
    if let Some(scale) = Scale::of(span, windows, size) {
        push_axes(&mut svg, &scale, span, size);
        for curve in &CURVES {
            push_curve(&mut svg, &scale, windows, curve);
        }
        if size == Size::Wide {
            push_hints(&mut svg, &scale, span, windows);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn push_text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let size = 12 * FINE;
    _ = writeln!(
        svg,
        "<text x=\"{x:.0}\" y=\"{y:.0}\" dy=\"0.35em\" font-size=\"{size}\" text-anchor=\"{anchor}\" \
         fill=\"var(--chart-text)\">{}</text>",
        escape(text)
    );
}

fn push_axes(svg: &mut String, scale: &Scale, span: &Span, size: Size) {
    let fine = f64::from(FINE);
    let (left, right) = (scale.x(scale.from), scale.x(scale.to));
    let is_in = |tick: &&i64| (scale.low..=scale.high).contains(&(**tick as f64).log10());
    for tick in TICKS.iter().filter(is_in) {
        let y = scale.y(*tick);
        _ = writeln!(
            svg,
            "<path d=\"M{left:.0} {y:.0}H{right:.0}\" stroke=\"var(--chart-grid)\" stroke-width=\"{fine}\" fill=\"none\"/>"
        );
        push_text(svg, left - 7.0 * fine, y, "end", &format::milliseconds(*tick));
    }
    let bottom = scale.bottom();
    let below = bottom + 15.0 * fine;
    push_text(svg, left - 7.0 * fine, below, "end", &span.zone.show(span.to, "%Z"));
    for (tick, text) in time_ticks(span, size.most_times()) {
        let x = scale.x(tick);
        _ = writeln!(
            svg,
            "<path d=\"M{x:.0} {bottom:.0}v{}\" stroke=\"var(--chart-text)\" stroke-width=\"{fine}\" fill=\"none\"/>",
            4 * FINE
        );
        let (anchor, x) = match x {
            x if x - left < 18.0 * fine => ("start", x),
            x if right - x < 18.0 * fine => ("end", right + 8.0 * fine),
            x => ("middle", x),
        };
        push_text(svg, x, below, anchor, &text);
    }
}

/// A line through the windows that have deliveries; a window without any is a gap.
fn push_curve(svg: &mut String, scale: &Scale, windows: &[TakenWindow], curve: &Curve) {
    let colour = format!("var(--chart-{})", curve.ink.name());
    let dashes: Vec<String> = curve.ink.dashes().iter().map(|length| (length * FINE).to_string()).collect();
    let dashes = if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", dashes.join(" ")) };
    let follows = |a: &TakenWindow, b: &TakenWindow| a.end == b.start;
    for run in windows.chunk_by(follows) {
        let points: Vec<(f64, f64)> = run
            .iter()
            .filter_map(|window| {
                let middle = i64::midpoint(window.start.timestamp(), window.end.timestamp());
                Some((scale.x(middle), scale.y((curve.of)(window)?)))
            })
            .collect();
        if let [(x, y)] = points.as_slice() {
            _ = writeln!(svg, "<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"{}\" fill=\"{colour}\"/>", 3 * FINE);
            continue;
        }
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.0},{y:.0}")).collect();
        let width = 2 * FINE;
        _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{dashes}/>",
            path.join(" ")
        );
    }
}

/// An invisible strip over each window, whose title shows where the pointer rests.
fn push_hints(svg: &mut String, scale: &Scale, span: &Span, windows: &[TakenWindow]) {
    for window in windows {
        let (left, right) = (scale.x(window.start.timestamp()), scale.x(window.end.timestamp()));
        let (start, end) =
            (span.zone.show(window.start, "%-d %b %H:%M"), span.zone.show(window.end, "%-d %b %H:%M %Z"));
        _ = writeln!(
            svg,
            "<rect class=\"hint\" x=\"{left:.0}\" y=\"0\" width=\"{:.0}\" height=\"{:.0}\" fill=\"#888888\" \
             fill-opacity=\"0\"><title>{}</title></rect>",
            right - left,
            scale.height * f64::from(FINE),
            escape(&format!("{start} to {end}: {}", told(window))),
        );
    }
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
        time_chart(&span, windows, title, "took", Size::Wide)
    }

    #[test]
    fn windows_without_deliveries_are_gaps() {
        let svg = chart(&[window(0, 800), window(1, 900), window(4, 1_000)], "Times");
        assert_eq!(svg.matches("<polyline").count(), 3, "{svg}");
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("31 Oct 04:00 to 31 Oct 05:00 UTC: half within 1 s, 95 in 100 within 3 s"));
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

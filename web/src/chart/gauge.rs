//! A rate on a scale towards AWS's two lines.

use std::fmt::Write as _;

use repute_query::{JudgedRate, Measured};

use crate::format;

/// Width of the scale in the drawing's own units.
const WIDTH: f64 = 360.0;

/// The scale ends a fifth above the pause line.
const OVER: f64 = 1.2;

/// A scale with the zones below review, up to pause and above, and the measured rate with its interval. The colours are
/// the page's. The figures stand beside it in words, so it is hidden from screen readers.
pub fn gauge(metric: JudgedRate, measured: Measured) -> String {
    let place = |rate: f64| (rate / (metric.pause_line() * OVER)).clamp(0.0, 1.0) * WIDTH;
    let (review, pause) = (place(metric.review_line()), place(metric.pause_line()));
    let mut svg = format!("<svg class=\"gauge\" viewBox=\"0 0 {WIDTH} 46\" aria-hidden=\"true\" focusable=\"false\">");
    for (zone, from, to) in [("calm", 0.0, review), ("review", review, pause), ("pause", pause, WIDTH)] {
        let width = to - from - if zone == "pause" { 0.0 } else { 2.0 };
        _ = write!(
            svg,
            "<rect class=\"zone-{zone}\" x=\"{from:.1}\" y=\"12\" width=\"{width:.1}\" height=\"8\" rx=\"2\"/>"
        );
    }
    for (name, line, x) in [("review", metric.review_line(), review), ("pause", metric.pause_line(), pause)] {
        let line = format::line(line);
        _ = write!(
            svg,
            "<path class=\"tick\" d=\"M{x:.1} 8V25\"/><text class=\"gauge-text\" x=\"{x:.1}\" y=\"40\" \
             text-anchor=\"middle\">{name} {line}</text>"
        );
    }
    if let Some(rate) = measured.rate() {
        let (low, high) = measured.interval();
        let (low, high, x) = (place(low), place(high), place(rate).clamp(2.0, WIDTH - 2.0));
        _ = write!(
            svg,
            "<rect class=\"gauge-band\" x=\"{low:.1}\" y=\"14\" width=\"{:.1}\" height=\"4\" rx=\"2\"/><path \
             class=\"needle\" d=\"M{x:.1} 5V24\"/><path class=\"needle-head\" d=\"M{:.1} 0h10l-5 7z\"/>",
            high - low,
            (x - 5.0).clamp(0.0, WIDTH - 10.0),
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_needle_stand_where_the_scale_has_them() {
        // 12 % is the end of the scale: 5 % at 150 of 360, 10 % at 300, 6 % at 180.
        let svg = gauge(JudgedRate::BounceRate, Measured { events: 60, sends: 1_000 });
        assert!(svg.contains("x=\"150.0\" y=\"40\" text-anchor=\"middle\">review 5\u{a0}%<"), "{svg}");
        assert!(svg.contains("x=\"300.0\" y=\"40\" text-anchor=\"middle\">pause 10\u{a0}%<"), "{svg}");
        assert!(svg.contains("M180.0 5V24"), "{svg}");
    }

    #[test]
    fn without_mail_there_is_no_needle() {
        assert!(!gauge(JudgedRate::ComplaintRate, Measured::default()).contains("needle"));
        assert!(gauge(JudgedRate::ComplaintRate, Measured { events: 9, sends: 10 }).contains("M358.0 5V24"));
    }
}

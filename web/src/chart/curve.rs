//! A rate over time: its curve, and what it is a rate of.

use std::fmt::Write as _;

use super::document::{Colours, Hint, Sheet};
use super::draw::{DrawError, draw};
use super::rows::HEIGHT;
use super::series::{Point, Series};
use crate::format;

/// A rate chart as an SVG element: on a page as wide as there is room, on its own of one size.
///
/// `title` names it and is escaped; `id` must be unique in the page and plain letters.
pub fn rate_chart(series: &Series, title: &str, id: &str, colours: Colours) -> Result<String, DrawError> {
    let hint = |(index, point): (usize, &Point)| {
        Hint::new(&series.span, (point.start, point.end), &figures(series, index, point))
    };
    let sheet = Sheet {
        title,
        id,
        description: series.description(),
        height: HEIGHT,
        drawing: draw(series)?,
        hints: series.points.iter().enumerate().map(hint).collect(),
    };
    Ok(sheet.finish(colours))
}

fn figures(series: &Series, index: usize, point: &Point) -> String {
    let measure = series.measure;
    let mut figures = match point.rate() {
        None => "no mail".to_owned(),
        Some(rate) => format!(
            "{}: {} of {} {}\n95 % interval {}",
            measure.show(Some(rate)),
            format::thousands(point.events),
            format::thousands(point.sends),
            measure.sends(),
            measure.interval(point.interval()),
        ),
    };
    for other in &series.others {
        if let Some(there) = other.points.get(index).filter(|point| point.sends > 0) {
            let (events, sends) = (format::thousands(there.events), format::thousands(there.sends));
            let name = format::printable(&other.name);
            _ = write!(figures, "\n{name}: {} ({events} of {sends})", measure.show(there.rate()));
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Span;
    use crate::measure::Measure;
    use crate::zone::Zone;
    use chrono::{DateTime, TimeDelta, Utc};

    fn series(sends: &[(u64, u64)]) -> Series {
        let from: DateTime<Utc> = "2026-10-31T00:00:00Z".parse().unwrap();
        let hour = TimeDelta::hours(1);
        let points: Vec<Point> = sends
            .iter()
            .zip(0..)
            .map(|((events, sends), index)| Point {
                start: from + hour * index,
                end: from + hour * (index + 1),
                events: *events,
                sends: *sends,
            })
            .collect();
        let to = points.last().map_or(from + hour, |point| point.end);
        let span = Span { from, to, width: hour, zone: Zone::UTC };
        Series {
            measure: Measure::Bounce,
            span,
            points,
            others: Vec::new(),
            thresholds: [None; 2],
            incidents: Vec::new(),
        }
    }

    fn chart(sends: &[(u64, u64)], colours: Colours) -> String {
        rate_chart(&series(sends), "Bounce rate", "bounce", colours).unwrap()
    }

    const DAY: [(u64, u64); 7] = [(1, 100), (2, 100), (0, 0), (9, 100), (3, 80), (0, 0), (1, 50)];

    #[test]
    fn the_page_supplies_the_colours() {
        let svg = chart(&DAY, Colours::Page);
        assert!(svg.contains("stroke=\"var(--chart-rate)\""), "{svg}");
        assert!(svg.contains("fill=\"var(--chart-volume)\""));
        assert!(!svg.contains("style"), "{svg}");
        assert!(!svg.contains("#0000"), "{svg}");
        assert_eq!(svg.matches("<svg").count(), 3);
        assert_eq!(svg.matches("</svg>").count(), 3);
    }

    #[test]
    fn alone_it_has_its_own_in_light_and_dark() {
        let svg = chart(&DAY, Colours::Own);
        assert!(svg.contains("prefers-color-scheme:dark"));
        assert!(svg.contains("stroke=\"#2456c9\" class=\"stroke-rate\""));
        assert!(!svg.contains("var("));
        assert!(!svg.contains("style="));
    }

    #[test]
    fn a_gap_breaks_the_line() {
        let svg = chart(&DAY, Colours::Page);
        let lines = svg.matches("<polyline fill=\"none\" stroke=\"var(--chart-rate)\"").count();
        assert_eq!(lines, 2, "two runs of two windows; the last window alone is a dot\n{svg}");
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(svg.contains("31 Oct 02:00 to 31 Oct 03:00 UTC\nno mail"));
    }

    #[test]
    fn both_lines_are_named_whatever_the_scale() {
        for sends in [[(0, 1_000), (1, 1_000)], [(900, 1_000), (20, 1_000)]] {
            let svg = chart(&sends, Colours::Page);
            assert!(svg.contains("review line 5 %"), "{svg}");
            assert!(svg.contains("pause line 10 %"), "{svg}");
        }
    }

    #[test]
    fn nothing_at_all_can_be_drawn() {
        assert!(chart(&[], Colours::Page).contains("No mail in this range."));
        assert!(chart(&[(0, 0)], Colours::Own).contains("No mail in this range."));
    }

    #[test]
    fn strange_titles_stay_text() {
        let svg = rate_chart(&series(&DAY), "</title><script>alert('x')</script>&\u{1}", "b", Colours::Own).unwrap();
        assert!(!svg.contains("<script"));
        assert!(svg.contains("&lt;/title&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;\u{fffd}"), "{svg}");
    }
}

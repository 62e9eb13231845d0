//! The finished SVG: colours, a text alternative, and the figures of each window where the pointer rests.

use std::fmt::Write as _;

use super::draw::{DrawError, Drawing, FINE, draw};
use super::palette::Ink;
use super::series::{Point, Series};
use crate::format;

/// How large a chart is drawn; it scales, but its text should stay near its natural size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 700 x 300, for a desktop.
    Wide,
    /// 340 x 270, for a phone.
    Narrow,
}

/// Where the colours of a chart come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// The custom properties `--chart-...` of the page.
    Page,
    /// The chart itself: light, or dark where the reader prefers that.
    Own,
    /// The chart itself, light and with its title in it.
    Light,
}

impl Size {
    pub(crate) fn pixels(self) -> (u32, u32) {
        match self {
            Self::Wide => (700, 300),
            Self::Narrow => (340, 270),
        }
    }

    pub(super) fn most_times(self) -> i64 {
        match self {
            Self::Wide => 9,
            Self::Narrow => 4,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

/// A rate chart as an SVG element.
///
/// `title` names it and is escaped; `id` must be unique in the page and plain letters.
pub fn rate_chart(series: &Series, title: &str, id: &str, size: Size, colours: Colours) -> Result<String, DrawError> {
    let Drawing { elements, strips } = draw(series, size)?;
    let (width, height) = size.pixels();
    let name = size.name();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart chart-{name}\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{id}-{name}-title {id}-{name}-desc\">\n\
         <title id=\"{id}-{name}-title\">{}</title>\n<desc id=\"{id}-{name}-desc\">{}</desc>\n",
        width * FINE,
        height * FINE,
        escape(title),
        escape(&series.description()),
    );
    match colours {
        Colours::Page => {}
        Colours::Own => svg.push_str(&own_style()),
        Colours::Light => {
            _ = write!(
                svg,
                "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<text x=\"{}\" y=\"{}\" fill=\"#18202c\" \
             font-family=\"sans-serif\" font-size=\"{}\" text-anchor=\"end\">{}</text>\n",
                (width - 12) * FINE,
                14 * FINE,
                13 * FINE,
                escape(title),
            )
        }
    }
    svg.push_str(&coloured(elements, colours));
    if size == Size::Wide && colours != Colours::Light {
        push_hints(&mut svg, series, &strips, height * FINE);
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// Replaces the stand-in colours. A text cannot hold one: the writer escapes quotation marks.
fn coloured(mut elements: String, colours: Colours) -> String {
    for ink in Ink::ALL {
        for attribute in ["fill", "stroke"] {
            let stand_in = format!(" {attribute}=\"{}\"", ink.spelled());
            let name = ink.name();
            let mut real = match colours {
                Colours::Page => format!(" {attribute}=\"var(--chart-{name})\""),
                Colours::Light => format!(" {attribute}=\"{}\"", ink.light()),
                Colours::Own => format!(" {attribute}=\"{}\" class=\"{attribute}-{name}\"", ink.light()),
            };
            if attribute == "stroke" && !ink.dashes().is_empty() {
                let dashes: Vec<String> = ink.dashes().iter().map(|length| (length * FINE).to_string()).collect();
                _ = write!(real, " stroke-dasharray=\"{}\"", dashes.join(" "));
            }
            elements = elements.replace(&stand_in, &real);
        }
    }
    elements
}

/// The dark colours, and a ground of its own so that the chart can be read wherever it is put.
fn own_style() -> String {
    let mut style = String::from("<style>text{font-family:system-ui,sans-serif}@media (prefers-color-scheme:dark){");
    style.push_str(".ground{fill:#171c23}");
    for ink in Ink::ALL {
        let (name, dark) = (ink.name(), ink.dark());
        _ = write!(style, ".fill-{name}{{fill:{dark}}}.stroke-{name}{{stroke:{dark}}}");
    }
    style.push_str("}</style>\n<rect class=\"ground\" width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    style
}

/// An invisible strip over each window, whose title shows where the pointer rests.
fn push_hints(svg: &mut String, series: &Series, strips: &[(i32, i32)], height: u32) {
    for (index, (point, (left, width))) in series.points.iter().zip(strips).enumerate() {
        let hint = escape(&hint(series, index, point));
        _ = writeln!(
            svg,
            "<rect class=\"hint\" x=\"{left}\" y=\"0\" width=\"{width}\" height=\"{height}\" fill=\"#888888\" \
             fill-opacity=\"0\"><title>{hint}</title></rect>"
        );
    }
}

fn hint(series: &Series, index: usize, point: &Point) -> String {
    let (zone, measure) = (series.span.zone, series.measure);
    let window = format!("{} to {}", zone.show(point.start, "%-d %b %H:%M"), zone.show(point.end, "%-d %b %H:%M %Z"));
    let mut hint = match point.rate() {
        None => format!("{window}: no mail"),
        Some(rate) => format!(
            "{window}: {} ({} of {}; 95 % interval {})",
            measure.show(Some(rate)),
            format::thousands(point.events),
            format::thousands(point.sends),
            measure.interval(point.interval()),
        ),
    };
    for other in &series.others {
        if let Some(there) = other.points.get(index).filter(|point| point.sends > 0) {
            let (events, sends) = (format::thousands(there.events), format::thousands(there.sends));
            _ = write!(hint, "\n{}: {} ({events} of {sends})", other.name, measure.show(there.rate()));
        }
    }
    hint
}

pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    // Only line feeds are let through: where a hint has several lines.
    for letter in text.split('\n').map(format::printable).collect::<Vec<_>>().join("\n").chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML 1.0 has no place for these, not even escaped.
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
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
        Series { measure: Measure::Bounce, span, points, others: Vec::new() }
    }

    fn chart(sends: &[(u64, u64)], colours: Colours) -> String {
        rate_chart(&series(sends), "Bounce rate", "bounce", Size::Wide, colours).unwrap()
    }

    const DAY: [(u64, u64); 7] = [(1, 100), (2, 100), (0, 0), (9, 100), (3, 80), (0, 0), (1, 50)];

    #[test]
    fn the_page_supplies_the_colours() {
        let svg = chart(&DAY, Colours::Page);
        assert!(svg.contains("stroke=\"var(--chart-rate)\""), "{svg}");
        assert!(svg.contains("fill=\"var(--chart-volume)\""));
        assert!(!svg.contains("style"), "{svg}");
        assert!(!svg.contains("#0000"), "{svg}");
        assert_eq!(svg.matches("<svg").count(), 1);
        assert_eq!(svg.matches("</svg>").count(), 1);
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
        let lines = svg.matches("<polyline fill=\"none\" opacity=\"1\" stroke=\"var(--chart-rate)\"").count();
        assert_eq!(lines, 2, "two runs of two windows; the last window alone is a dot\n{svg}");
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(svg.contains("31 Oct 02:00 to 31 Oct 03:00 UTC: no mail"));
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
        let svg =
            rate_chart(&series(&DAY), "</title><script>alert('x')</script>&\u{1}", "b", Size::Narrow, Colours::Own)
                .unwrap();
        assert!(!svg.contains("<script"));
        assert!(svg.contains("&lt;/title&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;\u{fffd}"), "{svg}");
    }
}

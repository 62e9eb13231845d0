//! The finished SVG: colours, a text alternative, and the figures of each window where the pointer rests.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::Span;
use super::draw::Drawing;
use super::label::{Label, Mark};
use super::palette::Ink;
use super::rows::{FINE, HEIGHT, LEFT, RIGHT, WIDTH};
use crate::format;

/// Width and height of a chart that is a document of its own, in pixels.
pub(crate) const SIZE: (u32, u32) = (LEFT + WIDTH + RIGHT, HEIGHT);

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

/// A chart before it is put together.
pub(super) struct Sheet<'a> {
    /// Names it; escaped here.
    pub(super) title: &'a str,
    /// Unique in the page, and plain letters.
    pub(super) id: &'a str,
    /// The chart in words.
    pub(super) description: String,
    pub(super) height: u32,
    pub(super) drawing: Drawing,
    pub(super) hints: Vec<Hint>,
}

/// The figures of a window, which show where the pointer rests.
pub(super) struct Hint {
    /// From where to where, as shares of the width.
    pub(super) place: (f64, f64),
    /// When the window begins, as an address holds it.
    pub(super) at: String,
    pub(super) text: String,
}

impl Hint {
    /// The hint of a window of a span: what it is over, then its figures.
    pub(super) fn new(span: &Span, (start, end): (DateTime<Utc>, DateTime<Utc>), figures: &str) -> Self {
        let (from, to) = (span.zone.show(start, "%-d %b %H:%M"), span.zone.show(end, "%-d %b %H:%M %Z"));
        Self {
            place: (span.share(start.timestamp()), span.share(end.timestamp())),
            at: span.zone.field(start),
            text: format!("{from} to {to}\n{figures}"),
        }
    }
}

impl Sheet<'_> {
    /// The chart as an SVG element: on a page as wide as there is room, on its own of [`SIZE`].
    pub(super) fn finish(self, colours: Colours) -> String {
        let mut svg = self.head(colours);
        let Self { drawing: Drawing { curves, labels, marks }, height, hints, .. } = self;
        let curves = coloured(curves, colours);
        let canvas = format!("viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\"", WIDTH * FINE, height * FINE);
        _ = match colours {
            // Labels must not stretch with the curves.
            Colours::Page => write!(svg, "<svg class=\"plot curves\" {canvas}>{curves}</svg>\n<svg class=\"plot\">"),
            Colours::Own | Colours::Light => write!(
                svg,
                "<svg x=\"{LEFT}\" width=\"{WIDTH}\" height=\"{height}\" {canvas}>{curves}</svg>\n<g \
                 transform=\"translate({LEFT})\" font-family=\"sans-serif\" font-size=\"12\">"
            ),
        };
        labels.iter().for_each(|label| push_label(&mut svg, label, colours));
        marks.iter().for_each(|mark| push_mark(&mut svg, mark, colours));
        if colours != Colours::Light {
            hints.iter().for_each(|hint| push_hint(&mut svg, hint, height, colours));
        }
        svg.push_str(if colours == Colours::Page { "</svg></svg>\n" } else { "</g></svg>\n" });
        svg
    }

    fn head(&self, colours: Colours) -> String {
        let Self { id, height, .. } = self;
        let width = SIZE.0;
        let size = match colours {
            Colours::Page => " class=\"chart\"".to_owned(),
            Colours::Own | Colours::Light => {
                format!(" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\"")
            }
        };
        let (name, description) = (escape(self.title), escape(&self.description));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\"{size} role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n\
             <title id=\"{id}-title\">{name}</title>\n<desc id=\"{id}-desc\">{description}</desc>\n"
        );
        match colours {
            Colours::Page => {}
            Colours::Own => svg.push_str(&own_style()),
            Colours::Light => {
                let x = width - RIGHT;
                _ = writeln!(
                    svg,
                    "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<text x=\"{x}\" y=\"200\" fill=\"#18202c\" \
                     font-family=\"sans-serif\" font-size=\"13\" text-anchor=\"end\">{name}</text>"
                );
            }
        }
        svg
    }
}

/// A place across: a share of the room on a page, pixels in a document of its own.
fn across(x: f64, colours: Colours) -> String {
    match colours {
        Colours::Page => format!("{}%", rounded(x * 100.0)),
        Colours::Own | Colours::Light => rounded(x * f64::from(WIDTH)),
    }
}

/// To hundredths, without needless zeros.
fn rounded(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The attribute that gives something its colour.
fn fill(ink: Ink, colours: Colours) -> String {
    let name = ink.name();
    match colours {
        Colours::Page => format!("fill=\"var(--chart-{name})\""),
        Colours::Light => format!("fill=\"{}\"", ink.light()),
        Colours::Own => format!("fill=\"{}\" class=\"fill-{name}\"", ink.light()),
    }
}

fn push_label(svg: &mut String, label: &Label, colours: Colours) {
    let Label { dx, y, anchor, ink, text, .. } = label;
    let x = across(label.x, colours);
    let dx = if *dx == 0 { String::new() } else { format!(" dx=\"{dx}\"") };
    let class = if label.is_minor && colours == Colours::Page { " class=\"minor\"" } else { "" };
    let (y, anchor, ink, text) = (rounded(*y), anchor.as_str(), fill(*ink, colours), escape(text));
    _ = write!(svg, "<text{class} x=\"{x}\"{dx} y=\"{y}\" text-anchor=\"{anchor}\" {ink}>{text}</text>");
}

/// A dot, or an arrow upwards.
fn push_mark(svg: &mut String, mark: &Mark, colours: Colours) {
    let (x, y, ink) = (across(mark.x, colours), rounded(mark.y), fill(mark.ink, colours));
    _ = match mark.is_over {
        true => write!(
            svg,
            "<svg x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\" overflow=\"visible\"><path d=\"M-5 4h10L0-5z\" {ink}/></svg>"
        ),
        false => write!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" {ink}/>"),
    };
}

/// Replaces the stand-in colours. A text cannot hold one: none is drawn.
fn coloured(mut elements: String, colours: Colours) -> String {
    // What is said anyway.
    elements = elements.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "");
    if colours == Colours::Page {
        // Strokes keep their width when the curves are stretched, so they are told in pixels.
        for width in 1..=4 * FINE {
            let pixels = rounded(f64::from(width) / f64::from(FINE));
            elements = elements.replace(&format!(" stroke-width=\"{width}\""), &format!(" stroke-width=\"~{pixels}\""));
        }
        elements = elements.replace("\"~", "\"");
    }
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
                let step = if colours == Colours::Page { 1 } else { FINE };
                let dashes: Vec<String> = ink.dashes().iter().map(|length| (length * step).to_string()).collect();
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

/// An invisible strip over a window, whose title shows where the pointer rests. On a page it says when the window begins too, so that the
/// script can lead to it.
fn push_hint(svg: &mut String, hint: &Hint, height: u32, colours: Colours) {
    let (left, right) = hint.place;
    let (x, width, text) = (across(left, colours), across(right - left, colours), escape(&hint.text));
    let at = if colours == Colours::Page { format!(" data-at=\"{}\"", hint.at) } else { String::new() };
    _ = write!(
        svg,
        "<rect class=\"hint\"{at} x=\"{x}\" width=\"{width}\" height=\"{height}\" fill=\"#888\" fill-opacity=\"0\"><title>{text}\
         </title></rect>"
    );
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

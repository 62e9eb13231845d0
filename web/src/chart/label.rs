//! Texts and signs of a chart, placed by their share of the width: on a page they keep their size whatever it is.

use super::Span;
use super::palette::Ink;
use super::rows::{RATES, Row};
use super::series::Series;
use super::ticks::{rate_ticks, time_ticks};
use crate::format;

/// So many labels stand under a time axis, at most; where there is little room every second one.
const MOST_TIMES: i64 = 9;

/// Lines closer than this cannot both be named.
const CLEAR: f64 = 12.0;

/// On which side of its place a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    /// Share of the width, from zero to one.
    pub(super) x: f64,
    /// Pixels beside it.
    pub(super) dx: i32,
    /// Pixels from the top to the foot of the letters.
    pub(super) y: f64,
    pub(super) anchor: Anchor,
    pub(super) ink: Ink,
    pub(super) text: String,
    /// Whether it is left out where there is little room.
    pub(super) is_minor: bool,
}

impl Label {
    pub(super) fn new(x: f64, dx: i32, y: f64, anchor: Anchor, ink: Ink, text: String) -> Self {
        Self { x, dx, y, anchor, ink, text, is_minor: false }
    }

    /// In the margin.
    fn beside(y: f64, text: String) -> Self {
        Self::new(0.0, -7, y, Anchor::End, Ink::Text, text)
    }
}

/// A sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) ink: Ink,
    /// Whether it says that the rate is above the scale.
    pub(super) is_over: bool,
}

impl Mark {
    pub(super) fn dot(x: f64, y: f64, ink: Ink) -> Self {
        Self { x, y, ink, is_over: false }
    }

    pub(super) fn over(x: f64, ink: Ink) -> Self {
        Self { x, y: f64::from(RATES.top), ink, is_over: true }
    }
}

/// Names of rates and of the lines.
pub(super) fn rate_labels(series: &Series) -> Vec<Label> {
    let scale = series.floor()..series.ceiling();
    let (ticks, decimals) = rate_ticks(scale.start, scale.end);
    let tick = |tick: &f64| Label::beside(RATES.at(*tick, &scale) + 4.0, format!("{:.decimals$} %", tick * 100.0));
    let mut labels: Vec<Label> = ticks.iter().map(tick).collect();
    // AWS's lines come first, so it is they that are named where lines lie together.
    let mut named: Vec<f64> = Vec::new();
    for line in series.lines() {
        let name = format!("{} {}", line.name, format::line(line.rate).replace('\u{a0}', " "));
        let is_above = line.rate > scale.end;
        let y = if is_above { f64::from(RATES.top) } else { RATES.at(line.rate, &scale) };
        if named.iter().any(|other| (other - y).abs() < CLEAR) {
            continue;
        }
        named.push(y);
        labels.push(match is_above {
            true => Label::new(1.0, 0, y + 2.0, Anchor::End, line.ink, format!("{name} \u{2191}")),
            false => Label::new(0.0, 4, y - 3.0, Anchor::Start, line.ink, name),
        });
    }
    labels
}

/// What a row of bars shows, and the most.
pub(super) fn row_labels(row: Row, name: &str, most: u64) -> [Label; 3] {
    let (top, bottom) = (f64::from(row.top), f64::from(row.bottom()));
    [
        Label::new(0.0, 2, top - 5.0, Anchor::Start, Ink::Text, name.to_owned()),
        Label::beside(top + 4.0, short_count(most)),
        Label::beside(bottom + 4.0, "0".to_owned()),
    ]
}

/// The time axis, so far down, and its zone.
pub(super) fn time_labels(span: &Span, y: u32) -> Vec<Label> {
    let y = f64::from(y);
    let mut labels = vec![Label::beside(y, span.zone.show(span.to, "%Z"))];
    for (index, (tick, text)) in time_ticks(span, MOST_TIMES).into_iter().enumerate() {
        let x = span.share(tick);
        // At the ends the labels stay clear of the zone's name and of the edge.
        let anchor = match x {
            x if x < 0.03 => Anchor::Start,
            x if x > 0.97 => Anchor::End,
            _ => Anchor::Middle,
        };
        let is_minor = index % 2 == 1;
        labels.push(Label { is_minor, ..Label::new(x, 0, y, anchor, Ink::Text, text) });
    }
    labels
}

/// A count that fits beside an axis: `940`, `12.4k`, `3.1M`.
fn short_count(number: u64) -> String {
    match number {
        n if n < 10_000 => format::thousands(n),
        n if n < 1_000_000 => format!("{:.1}k", n as f64 / 1_000.0),
        n => format!("{:.1}M", n as f64 / 1_000_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_fit_beside_an_axis() {
        assert_eq!([940, 9_999, 12_400, 3_100_000].map(short_count), ["940", "9,999", "12.4k", "3.1M"]);
    }
}

//! Ranks of durations over time, such as the middle and the usual worst, on a scale of tenfolds.

use std::fmt::Write as _;

use super::Span;
use super::document::{Colours, Hint, Sheet};
use super::draw::Drawing;
use super::label::{Anchor, Label, Mark, time_labels};
use super::palette::Ink;
use super::rows::{FINE, Row, WIDTH};

const HEIGHT: u32 = 220;
const CURVES: Row = Row { top: 10, height: 176 };
const TIMES: u32 = CURVES.top + CURVES.height + 17;

/// What is drawn: for every window of the span a value of each curve, unless there is none.
pub(super) struct Ranks<'a> {
    pub(super) span: &'a Span,
    /// Places of the scale that have names, in order: at least two. The first is its foot, the last its top.
    pub(super) marks: Vec<(i64, String)>,
    pub(super) curves: Vec<(Ink, Vec<Option<i64>>)>,
    /// What is said of each window.
    pub(super) figures: Vec<String>,
    pub(super) description: String,
}

impl Ranks<'_> {
    /// The chart as an SVG element of a page: see [`super::rate_chart`].
    pub(super) fn finish(self, title: &str, id: &str) -> String {
        let middles: Vec<f64> = self
            .span
            .windows()
            .map(|(start, end)| self.span.share(i64::midpoint(start.timestamp(), end.timestamp())))
            .collect();
        let mut curves = String::new();
        let mut labels = Vec::new();
        for (value, name) in &self.marks {
            let y = self.y(*value);
            let (across, at) = (WIDTH * FINE, fine(y));
            _ = write!(curves, "<path d=\"M0 {at}H{across}\" fill=\"none\" stroke=\"var(--chart-grid)\"/>");
            labels.push(Label::new(0.0, -7, y + 4.0, Anchor::End, Ink::Text, name.clone()));
        }
        labels.extend(time_labels(self.span, TIMES));
        let mut marks = Vec::new();
        for (ink, values) in &self.curves {
            let points: Vec<Option<(f64, f64)>> =
                middles.iter().zip(values).map(|(x, value)| Some((*x, self.y((*value)?)))).collect();
            for run in points.chunk_by(|a, b| a.is_some() == b.is_some()) {
                let run: Vec<(f64, f64)> = run.iter().copied().flatten().collect();
                match run.as_slice() {
                    [] => {}
                    [(x, y)] => marks.push(Mark::dot(*x, *y, *ink)),
                    run => curves.push_str(&path(*ink, run)),
                }
            }
        }
        let hint = |(window, figures): (_, &String)| Hint::new(self.span, window, figures);
        let hints = self.span.windows().zip(&self.figures).map(hint).collect();
        let drawing = Drawing { curves, labels, marks };
        Sheet { title, id, description: self.description, height: HEIGHT, drawing, hints }.finish(Colours::Page)
    }

    /// How far down a value stands.
    fn y(&self, value: i64) -> f64 {
        let log = |value: i64| (value.max(1) as f64).ln();
        let ends = self.marks.first().zip(self.marks.last());
        let (low, high) = ends.map_or((0.0, 1.0), |((low, _), (high, _))| (log(*low), log(*high)));
        CURVES.at(log(value).clamp(low, high.max(low)), &(low..high.max(low + 0.1)))
    }
}

/// A line through some places, in fine steps of the canvas.
fn path(ink: Ink, places: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (x, y) in places {
        let (x, y) = (fine(x * f64::from(WIDTH)), fine(*y));
        _ = write!(path, "{}{x} {y}", if path.is_empty() { "M" } else { "L" });
    }
    let dashes: Vec<String> = ink.dashes().iter().map(ToString::to_string).collect();
    let dashes = if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", dashes.join(" ")) };
    let name = ink.name();
    format!("<path d=\"{path}\" fill=\"none\" stroke=\"var(--chart-{name})\" stroke-width=\"1.75\"{dashes}/>")
}

fn fine(pixels: f64) -> i64 {
    (pixels * f64::from(FINE)).round() as i64
}

/// The marks around some values: from the last one that is no greater than the least to the first one that is no less than the most.
pub(super) fn marks_around(marks: impl Iterator<Item = (i64, String)>, least: i64, most: i64) -> Vec<(i64, String)> {
    let marks: Vec<(i64, String)> = marks.collect();
    let first = marks.iter().rposition(|(mark, _)| *mark <= least).unwrap_or(0).min(marks.len().saturating_sub(2));
    let last = marks.iter().position(|(mark, _)| *mark >= most).unwrap_or(marks.len().saturating_sub(1)).max(first + 1);
    marks.into_iter().skip(first).take(last + 1 - first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_holds_all_values() {
        let marks = || [1, 10, 100, 1_000].map(|mark| (mark, mark.to_string())).into_iter();
        let around =
            |least, most| marks_around(marks(), least, most).into_iter().map(|(mark, _)| mark).collect::<Vec<_>>();
        assert_eq!(around(12, 99), [10, 100]);
        assert_eq!(around(10, 100), [10, 100]);
        assert_eq!(around(0, 5_000), [1, 10, 100, 1_000]);
        assert_eq!(around(100, 100), [100, 1_000]);
        assert_eq!(around(2_000, 5_000), [100, 1_000]);
    }
}

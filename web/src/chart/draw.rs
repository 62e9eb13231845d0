//! Drawing: curves and bars onto a canvas, in stand-in colours.

use std::io;
use std::ops::Range;

use chrono::{DateTime, Utc};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::{RangedCoordf64, RangedCoordi64};
use plotters::prelude::*;

use super::Span;
use super::label::{Label, Mark, rate_labels, row_labels, time_labels};
use super::palette::Ink;
use super::rows::{FINE, HEIGHT, RATES, Row, TIMES, WIDTH, below};
use super::series::{Other, Point, Series, runs};
use super::ticks::rate_ticks;

/// The chart could not be drawn.
#[derive(Debug)]
pub struct DrawError(String);

impl std::fmt::Display for DrawError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot draw the chart: {}", self.0)
    }
}

impl std::error::Error for DrawError {}

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Panel<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordi64, RangedCoordf64>>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// A drawing in parts that can be put together for any width.
pub(super) struct Drawing {
    /// The elements of curves and bars, in fine steps of a canvas of [`WIDTH`] pixels.
    pub(super) curves: String,
    pub(super) labels: Vec<Label>,
    pub(super) marks: Vec<Mark>,
}

/// The curve of a rate, and bars of what it divides.
pub(super) fn draw(series: &Series) -> Result<Drawing, DrawError> {
    let curves = canvas(HEIGHT, |root| draw_rows(series, root))?;
    let mut labels = rate_labels(series);
    for (row, (name, most)) in below().zip(figures(series)) {
        labels.extend(row_labels(row, name, most));
    }
    labels.extend(time_labels(&series.span, TIMES));
    Ok(Drawing { curves, labels, marks: marks(series) })
}

/// What is drawn onto a canvas of some height, as elements of SVG.
pub(super) fn canvas(height: u32, draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, DrawError> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, (WIDTH * FINE, height * FINE)).into_drawing_area();
    draw(&root).and_then(|()| root.present()).map_err(|error| DrawError(error.to_string()))?;
    drop(root);
    // The document has a root element of its own.
    Ok(svg.split_once('\n').map_or("", |(_, rest)| rest).trim_end().trim_end_matches("</svg>").to_owned())
}

/// What the rows under the curve show: the denominator and the numerator, with the most of any window.
fn figures(series: &Series) -> [(&'static str, u64); 2] {
    let most = |pick: fn(&Point) -> u64| series.points.iter().map(pick).max().unwrap_or(0);
    [(series.measure.sends(), most(|point| point.sends)), (series.measure.events(), most(|point| point.events))]
}

fn draw_rows(series: &Series, root: &Area<'_>) -> Drawn {
    let scale = series.floor()..series.ceiling();
    let rates = panel(root, &series.span, RATES, scale.clone());
    draw_shades(&rates, series, &scale)?;
    draw_grid(&rates, series, &scale)?;
    for other in &series.others {
        draw_other(&rates, other, &scale)?;
    }
    for run in runs(&series.points) {
        draw_run(&rates, run, &scale)?;
    }
    draw_lines(&rates, series, &scale)?;
    let picks: [fn(&Point) -> u64; 2] = [|point| point.sends, |point| point.events];
    let inks = [Ink::Volume, Ink::Rate];
    for ((row, (_, most)), (pick, ink)) in below().zip(figures(series)).zip(picks.into_iter().zip(inks)) {
        let panel = panel(root, &series.span, row, 0.0..most.max(1) as f64);
        let bar = |point: &Point| (point.start, point.end, 0, pick(point));
        draw_bars(&panel, &series.span, series.points.iter().map(bar), ink)?;
        draw_across(&panel, &series.span, 0.0, stroke(Ink::Grid, 1.0))?;
    }
    Ok(())
}

pub(super) fn panel<'a>(root: &Area<'a>, span: &Span, row: Row, scale: Range<f64>) -> Panel<'a> {
    let [top, height] = [row.top, row.height].map(|pixels| i32::try_from(pixels * FINE).unwrap_or(0));
    let width = i32::try_from(WIDTH * FINE).unwrap_or(0);
    let times = span.from.timestamp()..span.to.timestamp();
    let place = Cartesian2d::<RangedCoordi64, RangedCoordf64>::new(times, scale, (0..width, top + height..top));
    root.apply_coord_spec(place)
}

/// Lines across at round rates.
fn draw_grid(panel: &Panel<'_>, series: &Series, scale: &Range<f64>) -> Drawn {
    for tick in rate_ticks(scale.start, scale.end).0 {
        draw_across(panel, &series.span, tick, stroke(Ink::Grid, 1.0))?;
    }
    Ok(())
}

/// AWS's lines and the thresholds of the rule in force, over the curve.
fn draw_lines(panel: &Panel<'_>, series: &Series, scale: &Range<f64>) -> Drawn {
    for line in series.lines().into_iter().filter(|line| scale.contains(&line.rate)) {
        let width = if matches!(line.ink, Ink::Review | Ink::Pause) { 1.5 } else { 1.0 };
        draw_across(panel, &series.span, line.rate, stroke(line.ink, width))?;
    }
    Ok(())
}

pub(super) fn draw_across(panel: &Panel<'_>, span: &Span, value: f64, style: ShapeStyle) -> Drawn {
    let (from, to) = (span.from.timestamp(), span.to.timestamp());
    panel.draw(&PathElement::new([(from, value), (to, value)], style))
}

/// A ground behind the stretches in which the rate was surely over the review line, and behind incidents, which have a bar on top of it
/// too.
fn draw_shades(panel: &Panel<'_>, series: &Series, scale: &Range<f64>) -> Drawn {
    let ground =
        |(from, to): (DateTime<Utc>, DateTime<Utc>), foot: f64| [(from.timestamp(), scale.end), (to.timestamp(), foot)];
    for stretch in series.over_review() {
        panel.draw(&Rectangle::new(ground(stretch, scale.start), Ink::Pause.stand_in().mix(0.1).filled()))?;
    }
    let bar = scale.end - (scale.end - scale.start) * 4.0 / f64::from(RATES.height);
    for stretch in series.incidents_within() {
        panel.draw(&Rectangle::new(ground(stretch, scale.start), Ink::Pause.stand_in().mix(0.07).filled()))?;
        panel.draw(&Rectangle::new(ground(stretch, bar), Ink::Pause.stand_in().filled()))?;
    }
    Ok(())
}

/// A line of a group or of the period before, without an interval; what is above the scale runs along its top.
fn draw_other(panel: &Panel<'_>, other: &Other, scale: &Range<f64>) -> Drawn {
    let ink = Ink::of(other.line);
    for run in runs(&other.points).filter(|run| run.len() > 1) {
        let rate = |point: &Point| point.rate().unwrap_or(0.0).clamp(scale.start, scale.end);
        let rates: Vec<(i64, f64)> = run.iter().map(|point| (point.middle(), rate(point))).collect();
        panel.draw(&PathElement::new(rates, stroke(ink, 1.5)))?;
    }
    Ok(())
}

/// A stretch with mail: the interval as a band, the rate as a line.
fn draw_run(panel: &Panel<'_>, run: &[Point], scale: &Range<f64>) -> Drawn {
    let at = |point: &Point, value: f64| (point.middle(), value.clamp(scale.start, scale.end));
    if let [only] = run {
        let whisker = [at(only, only.interval().0), at(only, only.interval().1)];
        return panel.draw(&PathElement::new(whisker, Ink::Band.stand_in().mix(0.3).stroke_width(4 * FINE)));
    }
    let high = run.iter().map(|point| at(point, point.interval().1));
    let low = run.iter().rev().map(|point| at(point, point.interval().0));
    let band: Vec<(i64, f64)> = high.chain(low).collect();
    panel.draw(&Polygon::new(band, Ink::Band.stand_in().mix(0.16)))?;
    let rates: Vec<(i64, f64)> = run.iter().map(|point| at(point, point.rate().unwrap_or(0.0))).collect();
    panel.draw(&PathElement::new(rates, stroke(Ink::Rate, 1.75)))
}

/// Dots where a window with mail has no neighbours, and arrows where a rate is above the scale.
fn marks(series: &Series) -> Vec<Mark> {
    let scale = series.floor()..series.ceiling();
    let place = |point: &Point| (series.span.share(point.middle()), point.rate().unwrap_or(0.0));
    let mut marks = Vec::new();
    for run in runs(&series.points) {
        for (x, rate) in run.iter().map(place) {
            if rate > scale.end {
                marks.push(Mark::over(x, Ink::Rate));
            } else if run.len() == 1 {
                marks.push(Mark::dot(x, RATES.at(rate, &scale), Ink::Rate));
            }
        }
    }
    for other in &series.others {
        let alone = runs(&other.points).filter(|run| run.len() == 1).flatten().map(place);
        let dot = |(x, rate): (f64, f64)| {
            Mark::dot(x, RATES.at(rate.clamp(scale.start, scale.end), &scale), Ink::of(other.line))
        };
        marks.extend(alone.map(dot));
    }
    marks
}

/// Bars: start and end of each window, and from where to where it goes.
pub(super) fn draw_bars(
    panel: &Panel<'_>,
    span: &Span,
    bars: impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>, u64, u64)>,
    ink: Ink,
) -> Drawn {
    let gap = (span.width.num_seconds() / 10).max(1);
    for (start, end, low, high) in bars.filter(|(_, _, low, high)| low < high) {
        let corners = [(start.timestamp() + gap, high as f64), (end.timestamp() - gap, low as f64)];
        panel.draw(&Rectangle::new(corners, ink.stand_in().filled()))?;
    }
    Ok(())
}

pub(super) fn stroke(ink: Ink, width: f64) -> ShapeStyle {
    ink.stand_in().stroke_width((width * f64::from(FINE)) as u32)
}

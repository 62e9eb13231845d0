//! Drawing: a series onto a canvas, in stand-in colours.

use std::io;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::{RangedCoordf64, RangedCoordi64};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::document::Size;
use super::palette::Ink;
use super::series::{Other, Point, Series, runs};
use super::ticks::{rate_ticks, time_ticks};
use crate::format;

/// Steps of the canvas in one pixel of the chart: the SVG writer knows whole steps only.
pub(super) const FINE: u32 = 4;

/// Heights and widths around the two panels, in pixels.
const LEFT: u32 = 58;
const RIGHT: u32 = 10;
const TOP: u32 = 12;
const VOLUME: u32 = 82;
const BELOW: u32 = 24;

/// The SVG writer divides font sizes by this.
const FONT: f64 = 1.24;

/// The chart could not be drawn.
#[derive(Debug)]
pub struct DrawError(String);

impl std::fmt::Display for DrawError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot draw the chart: {}", self.0)
    }
}

impl std::error::Error for DrawError {}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Panel<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordi64, RangedCoordf64>>;
type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// A drawing: the elements of the SVG, and the strip of each point as left edge and width, all in steps of the canvas.
pub(super) struct Drawing {
    pub(super) elements: String,
    pub(super) strips: Vec<(i32, i32)>,
}

pub(super) fn draw(series: &Series, size: Size) -> Result<Drawing, DrawError> {
    let mut svg = String::new();
    let strips = draw_panels(series, size, &mut svg).map_err(|error| DrawError(error.to_string()))?;
    // The document has a root element of its own.
    let elements = svg.split_once('\n').map_or("", |(_, rest)| rest).trim_end().trim_end_matches("</svg>").to_owned();
    Ok(Drawing { elements, strips })
}

fn draw_panels(
    series: &Series,
    size: Size,
    svg: &mut String,
) -> Result<Vec<(i32, i32)>, DrawingAreaErrorKind<io::Error>> {
    let (width, height) = size.pixels();
    let root = SVGBackend::with_string(svg, (width * FINE, height * FINE)).into_drawing_area();
    let (upper, lower) = root.split_vertically((height - VOLUME) * FINE);
    let ceiling = series.ceiling();

    let foot = series.floor();
    let mut rates = panel(&upper, series, foot..ceiling, TOP, 0)?;
    draw_shades(&rates, series, foot..ceiling)?;
    draw_grid(&mut rates, foot, ceiling)?;
    for other in &series.others {
        draw_other(&rates, other, ceiling)?;
    }
    for run in runs(&series.points) {
        draw_run(&rates, run, foot..ceiling)?;
    }
    draw_incidents(&rates, series, foot..ceiling)?;
    // Over the curve, so that their names stay legible.
    draw_lines(&rates, series, ceiling)?;

    let most = series.most_sends().max(1) as f64;
    let mut volume = panel(&lower, series, 0.0..most, 24, BELOW)?;
    draw_volume(&mut volume, series, most)?;
    draw_times(&root, &volume, series, size)?;

    let strips = series.points.iter().map(|point| {
        let (left, _) = volume.backend_coord(&(point.start.timestamp(), 0.0));
        let (right, _) = volume.backend_coord(&(point.end.timestamp(), 0.0));
        (left, right - left)
    });
    let strips = strips.collect();
    drop((rates, volume));
    root.present()?;
    Ok(strips)
}

fn panel<'a>(
    area: &Area<'a>,
    series: &Series,
    scale: Range<f64>,
    above: u32,
    below: u32,
) -> Result<Panel<'a>, DrawingAreaErrorKind<io::Error>> {
    ChartBuilder::on(area)
        .margin_top(above * FINE)
        .margin_right(RIGHT * FINE)
        .set_label_area_size(LabelAreaPosition::Left, LEFT * FINE)
        .set_label_area_size(LabelAreaPosition::Bottom, below * FINE)
        .build_cartesian_2d(series.span.from.timestamp()..series.span.to.timestamp(), scale)
}

/// Horizontal lines at round rates, labelled.
fn draw_grid(panel: &mut Panel<'_>, foot: f64, ceiling: f64) -> Drawn {
    let (ticks, decimals) = rate_ticks(foot, ceiling);
    let (from, to) = ends(panel);
    let style = text_style(Ink::Text, HPos::Right, VPos::Center);
    for tick in ticks {
        panel.draw_series([PathElement::new([(from, tick), (to, tick)], stroke(Ink::Grid, 1.0))])?;
        let (x, y) = panel.backend_coord(&(from, tick));
        let text = format!("{:.decimals$} %", tick * 100.0);
        write(panel, &text, &style, (x - px(7), y))?;
    }
    Ok(())
}

/// AWS's lines with their names; a line above the scale is only named.
fn draw_lines(panel: &Panel<'_>, series: &Series, ceiling: f64) -> Drawn {
    let Some(judged) = series.measure.judged() else { return Ok(()) };
    let (from, to) = ends(panel);
    let lines = [("review", judged.review_line(), Ink::Review), ("pause", judged.pause_line(), Ink::Pause)];
    for (name, line, ink) in lines {
        let name = format!("{name} line {}", format::line(line).replace('\u{a0}', " "));
        if line > ceiling {
            let (x, y) = panel.backend_coord(&(to, ceiling));
            write(
                panel,
                &format!("{name} \u{2191}"),
                &text_style(ink, HPos::Right, VPos::Top),
                (x - px(2), y - px(8)),
            )?;
            continue;
        }
        let (left, y) = panel.backend_coord(&(from, line));
        panel.plotting_area().draw(&PathElement::new([(from, line), (to, line)], stroke(ink, 1.5)))?;
        write(panel, &name, &text_style(ink, HPos::Left, VPos::Bottom), (left + px(4), y - px(2)))?;
    }
    Ok(())
}

/// A ground behind the stretches in which the rate was surely over the review line.
fn draw_shades(panel: &Panel<'_>, series: &Series, scale: Range<f64>) -> Drawn {
    for (from, to) in series.over_review() {
        let corners = [(from.timestamp(), scale.end), (to.timestamp(), scale.start)];
        panel.plotting_area().draw(&Rectangle::new(corners, Ink::Pause.stand_in().mix(0.1).filled()))?;
    }
    Ok(())
}

/// A bar along the top for each time in which checks saw an incident, never so short that it is not seen.
fn draw_incidents(panel: &Panel<'_>, series: &Series, scale: Range<f64>) -> Drawn {
    let area = panel.plotting_area();
    let (width, height) = area.dim_in_pixel();
    let (first, last) = ends(panel);
    let least = (last - first) * i64::from(px(3)) / i64::from(width.max(1));
    let thick = (scale.end - scale.start) * f64::from(px(4)) / f64::from(height.max(1));
    for (from, to) in &series.incidents {
        let from = from.timestamp().min(last - least);
        let corners = [(from, scale.end), (to.timestamp().max(from + least), scale.end - thick)];
        area.draw(&Rectangle::new(corners, Ink::Pause.stand_in().filled()))?;
    }
    Ok(())
}

/// A line of a group or of the period before, without an interval; what is above the scale runs along its top.
fn draw_other(panel: &Panel<'_>, other: &Other, ceiling: f64) -> Drawn {
    let ink = Ink::of(other.line);
    for run in runs(&other.points) {
        let rates: Vec<(i64, f64)> =
            run.iter().map(|point| (point.middle(), point.rate().unwrap_or(0.0).min(ceiling))).collect();
        match rates.as_slice() {
            [only] => panel.plotting_area().draw(&Circle::new(*only, px(2), ink.stand_in().filled()))?,
            _ => panel.plotting_area().draw(&PathElement::new(rates, stroke(ink, 1.5)))?,
        }
    }
    Ok(())
}

/// A stretch with mail: the interval as a band, the rate as a line, what is above the scale as triangles at the top.
fn draw_run(panel: &Panel<'_>, run: &[Point], scale: Range<f64>) -> Drawn {
    let area = panel.plotting_area();
    let ceiling = scale.end;
    let at = |point: &Point, value: f64| (point.middle(), value.clamp(scale.start, ceiling));
    let high = run.iter().map(|point| at(point, point.interval().1));
    let low = run.iter().rev().map(|point| at(point, point.interval().0));
    let band: Vec<(i64, f64)> = high.chain(low).collect();
    let rates: Vec<(i64, f64)> = run.iter().map(|point| at(point, point.rate().unwrap_or(0.0))).collect();
    if let [only] = run {
        let whisker = [at(only, only.interval().0), at(only, only.interval().1)];
        area.draw(&PathElement::new(whisker, Ink::Band.stand_in().mix(0.3).stroke_width(px(4).unsigned_abs())))?;
    } else {
        area.draw(&Polygon::new(band, Ink::Band.stand_in().mix(0.16)))?;
        area.draw(&PathElement::new(rates.clone(), stroke(Ink::Rate, 1.75)))?;
    }
    for (point, place) in run.iter().zip(rates) {
        if point.rate().unwrap_or(0.0) > ceiling {
            area.draw(&TriangleMarker::new(place, px(5), Ink::Rate.stand_in().filled()))?;
        } else if run.len() == 1 {
            area.draw(&Circle::new(place, px(3), Ink::Rate.stand_in().filled()))?;
        }
    }
    Ok(())
}

/// Eligible sends as bars, with the height of the highest.
fn draw_volume(panel: &mut Panel<'_>, series: &Series, most: f64) -> Drawn {
    let (from, to) = ends(panel);
    let gap = (series.span.width.num_seconds() / 8).max(1);
    let bar = |point: &Point| {
        let corners = [(point.start.timestamp() + gap, point.sends as f64), (point.end.timestamp() - gap, 0.0)];
        Rectangle::new(corners, Ink::Volume.stand_in().filled())
    };
    panel.draw_series(series.points.iter().filter(|point| point.sends > 0).map(bar))?;
    panel.draw_series([PathElement::new([(from, 0.0), (to, 0.0)], stroke(Ink::Text, 1.0))])?;
    let (x, y) = panel.backend_coord(&(from, most));
    write(panel, &short_count(most), &text_style(Ink::Text, HPos::Right, VPos::Center), (x - px(7), y))?;
    let (_, bottom) = panel.backend_coord(&(from, 0.0));
    write(panel, "0", &text_style(Ink::Text, HPos::Right, VPos::Center), (x - px(7), bottom))?;
    write(panel, series.measure.sends(), &text_style(Ink::Text, HPos::Left, VPos::Bottom), (x + px(4), y - px(2)))
}

/// The time axis, and its zone.
fn draw_times(root: &Area<'_>, panel: &Panel<'_>, series: &Series, size: Size) -> Drawn {
    let (from, to) = ends(panel);
    let (left, bottom) = panel.backend_coord(&(from, 0.0));
    let (right, _) = panel.backend_coord(&(to, 0.0));
    let zone = series.span.zone.show(series.span.to, "%Z");
    root.draw_text(&zone, &text_style(Ink::Text, HPos::Right, VPos::Top), (left - px(7), bottom + px(7)))?;
    for (tick, text) in time_ticks(&series.span, size.most_times()) {
        let (x, y) = panel.backend_coord(&(tick, 0.0));
        root.draw(&PathElement::new([(x, y), (x, y + px(4))], stroke(Ink::Text, 1.0)))?;
        // At the ends the labels stay clear of the zone's name and of the edge.
        let (side, x) = match x {
            x if x - left < px(18) => (HPos::Left, x),
            x if right - x < px(18) => (HPos::Right, right + px(8)),
            x => (HPos::Center, x),
        };
        root.draw_text(&text, &text_style(Ink::Text, side, VPos::Top), (x, bottom + px(7)))?;
    }
    Ok(())
}

/// Writes at a place of the canvas, whatever the panel it belongs to.
fn write(panel: &Panel<'_>, text: &str, style: &TextStyle<'_>, place: (i32, i32)) -> Drawn {
    let area = panel.plotting_area().strip_coord_spec();
    let (left, top) = area.get_base_pixel();
    area.draw_text(text, style, (place.0 - left, place.1 - top))
}

fn ends(panel: &Panel<'_>) -> (i64, i64) {
    let range = panel.x_range();
    (range.start, range.end)
}

fn text_style(ink: Ink, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    let size = 12.0 * FONT * f64::from(FINE);
    let font = ("sans-serif", size).into_font();
    TextStyle { font, color: ink.stand_in().to_backend_color(), pos: Pos::new(horizontal, vertical) }
}

fn stroke(ink: Ink, width: f64) -> ShapeStyle {
    ink.stand_in().stroke_width((width * f64::from(FINE)) as u32)
}

fn px(pixels: u32) -> i32 {
    i32::try_from(pixels * FINE).unwrap_or(0)
}

/// A count that fits beside an axis: `940`, `12.4k`, `3.1M`.
fn short_count(number: f64) -> String {
    match number {
        n if n < 10_000.0 => format::thousands(n as u64),
        n if n < 1_000_000.0 => format!("{:.1}k", n / 1_000.0),
        n => format!("{:.1}M", n / 1_000_000.0),
    }
}

//! A rate chart on a page, with what can be done with it.

use crate::chart::{Colours, DrawError, Line, Point, Series, Volume, rate_chart, volume_chart};
use crate::filters::Filters;
use crate::format;
use crate::measure::Measure;
use crate::pages::bar::scope;

/// A chart with its figures.
pub(crate) struct ChartPanel {
    /// Unique in the page.
    pub(crate) id: String,
    pub(crate) heading: &'static str,
    pub(crate) note: &'static str,
    pub(crate) svg: String,
    /// The end of its last window, as an address holds it.
    pub(crate) until: String,
    /// Where it is served on its own, without the ending.
    pub(crate) address: String,
    /// Whether there is a ground where the rate was surely over the review line.
    pub(crate) is_shaded: bool,
    pub(crate) has_incidents: bool,
    /// Names of its other lines, with their classes.
    pub(crate) others: Vec<(String, String)>,
    pub(crate) rows: Vec<WindowRow>,
    /// Headings of the figures in `rows`.
    pub(crate) columns: [&'static str; 2],
}

/// The figures of a window.
pub(crate) struct WindowRow {
    pub(crate) start: String,
    pub(crate) sends: String,
    pub(crate) events: String,
    pub(crate) rate: String,
    pub(crate) interval: String,
    /// Rates of the other lines.
    pub(crate) others: Vec<String>,
}

impl ChartPanel {
    /// `id` must be unique in the page.
    pub(crate) fn new(series: &Series, filters: &Filters, id: &str) -> Result<Self, DrawError> {
        let measure = series.measure;
        let title = chart_title(measure, filters);
        let others = series.others.iter().map(|other| (format::printable(&other.name), key(other.line)));
        Ok(Self {
            id: format!("chart-{id}"),
            heading: measure.label(),
            note: measure.note(),
            svg: rate_chart(series, &title, id, Colours::Page)?,
            until: series.span.zone.field(series.span.to),
            address: format!("/charts/{}", measure.file()),
            is_shaded: !series.over_review().is_empty(),
            has_incidents: !series.incidents.is_empty(),
            others: others.collect(),
            rows: window_rows(series),
            columns: [measure.sends(), measure.events()],
        })
    }
}

/// Sends over time, with their figures.
pub(crate) struct VolumePanel {
    pub(crate) svg: String,
    pub(crate) until: String,
    /// Start, sends, eligible ones.
    pub(crate) rows: Vec<[String; 3]>,
}

impl VolumePanel {
    pub(crate) fn new(volume: &Volume) -> Result<Self, DrawError> {
        let zone = volume.span.zone;
        let rows = volume
            .windows
            .iter()
            .map(|window| [zone.time(window.start), format::thousands(window.all), format::thousands(window.eligible)]);
        Ok(Self {
            svg: volume_chart(volume, "Sends", "sends")?,
            until: zone.field(volume.span.to),
            rows: rows.collect(),
        })
    }
}

fn key(line: Line) -> String {
    match line {
        Line::Before => "key-before".to_owned(),
        Line::Group(index) => format!("key-group-{index}"),
    }
}

/// The title of a chart.
pub(crate) fn chart_title(measure: Measure, filters: &Filters) -> String {
    let how = if measure.judged().is_some() { " as AWS counts" } else { "" };
    let rate = format!("{}{how}", measure.label());
    if filters.only.is_empty() { rate } else { format!("{rate}, {}", scope(filters)) }
}

fn window_rows(series: &Series) -> Vec<WindowRow> {
    let (measure, zone) = (series.measure, series.span.zone);
    let row = |(index, point): (usize, &Point)| WindowRow {
        start: zone.time(point.start),
        sends: format::thousands(point.sends),
        events: format::thousands(point.events),
        rate: measure.show(point.rate()),
        interval: if point.sends > 0 { measure.interval(point.interval()) } else { String::new() },
        others: series.others.iter().map(|other| measure.show(other.points.get(index).and_then(Point::rate))).collect(),
    };
    series.points.iter().enumerate().map(row).collect()
}

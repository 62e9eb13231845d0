//! A rule's value over time with its thresholds: a pure function from points to SVG, coloured by the page.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use repute_query::{Compare, Metric, Unit};

use super::document::escape;
use super::ticks::{rate_ticks, time_ticks, value_ticks};
use crate::format;
use crate::history::Span;
use crate::zone::Zone;

/// Room around the panel, in pixels.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 14.0;
const BELOW: f64 = 26.0;

/// The highest threshold stands at least at this share of the height, whatever the values.
const LOWEST_THRESHOLD: f64 = 0.12;

/// How large it is drawn; it scales, but its text should stay near its natural size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CourseSize {
    /// 700 x 240, for a desktop.
    Wide,
    /// 340 x 220, for a phone.
    Narrow,
}

/// A rule's value over time.
#[derive(Debug, Clone, PartialEq)]
pub struct CourseChart {
    /// What it is of.
    pub metric: Metric,
    /// On which side of the thresholds there is trouble.
    pub compare: Compare,
    /// The time it covers.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
    /// Whose clocks.
    pub zone: Zone,
    /// The points, in order.
    pub points: Vec<CoursePoint>,
    /// From here on: WARNING.
    pub warn: Option<f64>,
    /// From here on: CRITICAL.
    pub critical: Option<f64>,
    /// When the rule fired: from, to, and whether it was critical.
    pub episodes: Vec<(DateTime<Utc>, DateTime<Utc>, bool)>,
}

/// The worst of a step of time.
#[derive(Debug, Clone, PartialEq)]
pub struct CoursePoint {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
    /// The value; `None` where nothing could be judged, which is a gap and not nought.
    pub value: Option<f64>,
    /// What is told of it.
    pub words: String,
}

impl CoursePoint {
    fn middle(&self) -> f64 {
        i64::midpoint(self.from.timestamp(), self.to.timestamp()) as f64
    }
}

impl CourseChart {
    fn ceiling(&self) -> f64 {
        let top = self.warn.into_iter().chain(self.critical).fold(0.0, f64::max);
        let highest = self.points.iter().filter_map(|point| point.value).fold(top, f64::max);
        let least = if self.metric.unit() == Unit::Share { 1e-4 } else { 1.0 };
        let ceiling = (1.15 * highest).max(least);
        if top > 0.0 && self.compare == Compare::Above { ceiling.min(top / LOWEST_THRESHOLD) } else { ceiling }
    }

    /// The chart in words.
    pub fn description(&self) -> String {
        let judged = || self.points.iter().filter_map(|point| Some((point, point.value?)));
        let worst = match self.compare {
            Compare::Above => judged().max_by(|a, b| a.1.total_cmp(&b.1)),
            Compare::Below => judged().min_by(|a, b| a.1.total_cmp(&b.1)),
        };
        let Some(((worst, value), (_, last))) = worst.zip(judged().next_back()) else {
            return "Nothing could be judged in this time.".to_owned();
        };
        let show = |value: f64| self.metric.show(value);
        let threshold = |name: &str, value: Option<f64>| {
            value.map_or_else(String::new, |value| format!(" {name} at {}.", show(value)))
        };
        format!(
            "{}, {} to {}. Worst {} at {}, last {}.{}{} It fired {}.",
            format::sentence_case(self.metric.words()),
            self.zone.time(self.from),
            self.zone.time(self.to),
            show(value),
            self.zone.time(worst.to),
            show(last),
            threshold("WARNING", self.warn),
            threshold("CRITICAL", self.critical),
            match self.episodes.len() {
                0 => "not once".to_owned(),
                1 => "once".to_owned(),
                times => format!("{times} times"),
            },
        )
    }
}

/// Where times and values come to lie.
struct Scale {
    width: f64,
    height: f64,
    from: f64,
    to: f64,
    ceiling: f64,
}

impl Scale {
    fn x(&self, seconds: f64) -> f64 {
        let share = ((seconds - self.from) / (self.to - self.from).max(1.0)).clamp(0.0, 1.0);
        LEFT + share * (self.width - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value / self.ceiling).clamp(0.0, 1.0);
        self.height - BELOW - share * (self.height - BELOW - TOP)
    }
}

/// The chart as an SVG element. `title` names it and is escaped; `id` must be unique in the page and plain letters.
pub fn course_chart(chart: &CourseChart, title: &str, id: &str, size: CourseSize) -> String {
    let (width, height, name, most_times) = match size {
        CourseSize::Wide => (700.0, 240.0, "wide", 9),
        CourseSize::Narrow => (340.0, 220.0, "narrow", 4),
    };
    let (from, to) = (chart.from.timestamp() as f64, chart.to.timestamp() as f64);
    let scale = Scale { width, height, from, to, ceiling: chart.ceiling() };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"course course-{name}\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-{name}-title {id}-{name}-desc\">\n\
         <title id=\"{id}-{name}-title\">{}</title>\n<desc id=\"{id}-{name}-desc\">{}</desc>\n",
        escape(title),
        escape(&chart.description()),
    );
    push_episodes(&mut svg, chart, &scale);
    push_axes(&mut svg, chart, &scale, most_times);
    push_values(&mut svg, chart, &scale);
    push_thresholds(&mut svg, chart, &scale);
    if size == CourseSize::Wide {
        push_hints(&mut svg, chart, &scale);
    }
    svg.push_str("</svg>\n");
    svg
}

fn push_episodes(svg: &mut String, chart: &CourseChart, scale: &Scale) {
    let foot = scale.height - BELOW;
    for (from, to, is_critical) in &chart.episodes {
        let (left, right) = (scale.x(from.timestamp() as f64), scale.x(to.timestamp() as f64));
        let class = if *is_critical { "fired-critical" } else { "fired-warning" };
        let width = (right - left).max(1.5);
        _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
            foot - TOP
        );
    }
}

fn push_axes(svg: &mut String, chart: &CourseChart, scale: &Scale, most_times: i64) {
    let (right, foot) = (scale.width - RIGHT, scale.height - BELOW);
    let ticks = match chart.metric.unit() {
        Unit::Share => {
            let (ticks, decimals) = rate_ticks(0.0, scale.ceiling);
            ticks.into_iter().map(|tick| (tick, format!("{:.decimals$} %", tick * 100.0))).collect()
        }
        Unit::Number | Unit::Seconds | Unit::Milliseconds => {
            value_ticks(scale.ceiling).into_iter().map(|tick| (tick, chart.metric.show(tick))).collect::<Vec<_>>()
        }
    };
    for (tick, text) in ticks {
        let y = scale.y(tick);
        _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>");
        _ = writeln!(
            svg,
            "<text class=\"axis end\" x=\"{}\" y=\"{:.1}\">{}</text>",
            LEFT - 7.0,
            y + 4.0,
            escape(&text)
        );
    }
    let span = Span { from: chart.from, to: chart.to, width: chrono::TimeDelta::hours(1), zone: chart.zone };
    for (time, text) in time_ticks(&span, most_times) {
        let x = scale.x(time as f64);
        let anchor = match x {
            x if x < LEFT + 18.0 => "start",
            x if x > right - 18.0 => "end",
            _ => "middle",
        };
        _ = writeln!(svg, "<path class=\"tick-mark\" d=\"M{x:.1} {foot}v4\"/>");
        _ = writeln!(svg, "<text class=\"axis {anchor}\" x=\"{x:.1}\" y=\"{}\">{}</text>", foot + 17.0, escape(&text));
    }
    let zone = chart.zone.show(chart.to, "%Z");
    _ = writeln!(svg, "<text class=\"axis end\" x=\"{}\" y=\"{}\">{}</text>", LEFT - 7.0, foot + 17.0, escape(&zone));
}

/// A line for each stretch that could be judged; what lies above the scale runs along its top.
fn push_values(svg: &mut String, chart: &CourseChart, scale: &Scale) {
    let is_judged = |point: &CoursePoint| point.value.is_some();
    for run in chart.points.chunk_by(|a, b| is_judged(a) == is_judged(b)) {
        let places: Vec<(f64, f64)> =
            run.iter().filter_map(|point| Some((scale.x(point.middle()), scale.y(point.value?)))).collect();
        match places.as_slice() {
            [] => {}
            [(x, y)] => _ = writeln!(svg, "<circle class=\"value-dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"/>"),
            places => {
                let points: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
                _ = writeln!(svg, "<polyline class=\"value-line\" points=\"{}\"/>", points.join(" "));
            }
        }
    }
}

fn push_thresholds(svg: &mut String, chart: &CourseChart, scale: &Scale) {
    let right = scale.width - RIGHT;
    // One name at each side, so that they stay apart where the lines are close.
    let sides = [
        ("WARNING", "warning", chart.warn, right - 4.0, "end"),
        ("CRITICAL", "critical", chart.critical, LEFT + 4.0, "start"),
    ];
    for (name, class, value, x, anchor) in sides {
        let Some(value) = value else { continue };
        let y = scale.y(value);
        let text = escape(&format!("{name} {}", chart.metric.show(value)));
        _ = writeln!(svg, "<path class=\"threshold-{class}\" d=\"M{LEFT} {y:.1}H{right}\"/>");
        _ = writeln!(svg, "<text class=\"axis {anchor} text-{class}\" x=\"{x}\" y=\"{:.1}\">{text}</text>", y - 4.0);
    }
}

/// An invisible strip over each point, whose title shows where the pointer rests.
fn push_hints(svg: &mut String, chart: &CourseChart, scale: &Scale) {
    for point in &chart.points {
        let (left, right) = (scale.x(point.from.timestamp() as f64), scale.x(point.to.timestamp() as f64));
        _ = writeln!(
            svg,
            "<rect class=\"hint\" x=\"{left:.1}\" y=\"0\" width=\"{:.1}\" height=\"{}\" fill=\"#888888\" fill-opacity=\"0\"><title>{}</title></rect>",
            (right - left).max(1.0),
            scale.height,
            escape(&point.words)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> DateTime<Utc> {
        "2026-10-31T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + chrono::TimeDelta::hours(hour)
    }

    fn chart(values: &[Option<f64>]) -> CourseChart {
        let point = |(hour, value): (i64, &Option<f64>)| CoursePoint {
            from: at(hour),
            to: at(hour + 1),
            value: *value,
            words: "<b>".to_owned(),
        };
        CourseChart {
            metric: Metric::BounceRate,
            compare: Compare::Above,
            from: at(0),
            to: at(i64::try_from(values.len()).unwrap().max(1)),
            zone: Zone::UTC,
            points: (0..).zip(values).map(point).collect(),
            warn: Some(0.02),
            critical: Some(0.04),
            episodes: vec![(at(2), at(3), true)],
        }
    }

    #[test]
    fn a_gap_breaks_the_line_and_thresholds_are_named() {
        let svg =
            course_chart(&chart(&[Some(0.01), Some(0.02), None, Some(0.05)]), "a < b", "course", CourseSize::Wide);
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (1, 1), "{svg}");
        assert!(svg.contains(">WARNING 2 %<") && svg.contains(">CRITICAL 4 %<") && svg.contains("a &lt; b"));
        assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>"));
        assert_eq!(svg.matches("fired-critical").count(), 1);
        assert!(!svg.contains("style="), "{svg}");
    }

    #[test]
    fn the_words_say_the_worst_and_the_last() {
        assert_eq!(
            chart(&[Some(0.01), Some(0.08), None, Some(0.02)]).description(),
            "Bounce rate, 2026-10-31 00:00 UTC to 2026-10-31 04:00 UTC. Worst 8 % at 2026-10-31 02:00 UTC, last 2 %. WARNING at 2 %. CRITICAL at 4 %. It fired once."
        );
        assert_eq!(chart(&[None]).description(), "Nothing could be judged in this time.");
        let low =
            CourseChart { compare: Compare::Below, episodes: Vec::new(), ..chart(&[Some(0.5), Some(0.1), Some(0.9)]) };
        assert!(low.description().contains("Worst 10 %") && low.description().ends_with("It fired not once."));
    }

    #[test]
    fn any_value_can_be_drawn() {
        for values in [vec![], vec![Some(0.0)], vec![Some(1.0), Some(0.0)], vec![Some(1e12); 3]] {
            for size in [CourseSize::Wide, CourseSize::Narrow] {
                assert!(!course_chart(&chart(&values), "x", "c", size).contains("NaN"));
            }
        }
        let sends = CourseChart {
            metric: Metric::Sends,
            warn: Some(1_000.0),
            critical: None,
            ..chart(&[Some(1_500.0), Some(2.0)])
        };
        assert!(course_chart(&sends, "x", "c", CourseSize::Wide).contains(">1,000<"));
    }
}

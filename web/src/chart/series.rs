//! Shaping: what a rate chart shows, before anything is drawn.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use repute_query::{JudgedRate, Measured, Rates, Rule, Window, wilson};

use super::Span;
use super::palette::Ink;
use crate::format;
use crate::measure::Measure;

/// One window of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Start of the window.
    pub start: DateTime<Utc>,
    /// End of the window.
    pub end: DateTime<Utc>,
    /// Counted bounces or complaints.
    pub events: u64,
    /// Eligible sends.
    pub sends: u64,
}

impl Point {
    /// The rate; `None` where no mail was sent, which is a gap and not 0 %.
    pub fn rate(&self) -> Option<f64> {
        repute_query::rate(self.events, self.sends)
    }

    /// 95 % interval of the rate.
    pub fn interval(&self) -> (f64, f64) {
        wilson(self.events, self.sends)
    }

    /// The middle of the window, in seconds since the epoch.
    pub fn middle(&self) -> i64 {
        i64::midpoint(self.start.timestamp(), self.end.timestamp())
    }
}

/// A rate over time, one point for every window of the span.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Which rate.
    pub measure: Measure,
    /// The time it covers.
    pub span: Span,
    /// Its windows, without a hole.
    pub points: Vec<Point>,
    /// Other lines in the same chart: groups, or the period before.
    pub others: Vec<Other>,
    /// The first and the second threshold of the rule in force.
    pub thresholds: [Option<f64>; 2],
    /// From and to of incidents.
    pub incidents: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

/// A line across the chart that says what a rate means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reference {
    pub(super) name: &'static str,
    pub(super) rate: f64,
    pub(super) ink: Ink,
}

/// A line beside the chart's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Other {
    /// What it is of.
    pub name: String,
    /// How it is drawn.
    pub line: Line,
    /// The windows of the chart.
    pub points: Vec<Point>,
}

/// How another line is drawn: each has a colour and a dash pattern of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// The period before.
    Before,
    /// One of the groups, counted from zero.
    Group(usize),
}

impl Line {
    /// So many groups can be told apart.
    pub const GROUPS: usize = 5;
}

/// The review line stands at least at this share of the chart's height, whatever the rates.
const LOWEST_REVIEW_LINE: f64 = 0.08;

/// Runs of windows that had mail.
pub(super) fn runs(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    points.chunk_by(|a, b| (a.sends > 0) == (b.sends > 0)).filter(|run| run.iter().any(|point| point.sends > 0))
}

/// Puts the rates of windows into the windows of a span. Windows that are not there had no mail.
fn points<'a>(measure: Measure, span: &Span, windows: impl Iterator<Item = (DateTime<Utc>, &'a Rates)>) -> Vec<Point> {
    let found: HashMap<DateTime<Utc>, &Rates> = windows.collect();
    let point = |(start, end)| {
        let Measured { events, sends } = found.get(&start).map(|row| measure.of(row)).unwrap_or_default();
        Point { start, end, events, sends }
    };
    span.windows().map(point).collect()
}

impl Series {
    /// The rate of some windows.
    pub fn new(measure: Measure, span: Span, windows: &[Rates]) -> Self {
        let windows = windows.iter().filter_map(|row| Some((row.window_start?, row)));
        let points = points(measure, &span, windows);
        Self { measure, span, points, others: Vec::new(), thresholds: [None; 2], incidents: Vec::new() }
    }

    /// With the thresholds of the rule that watches this rate of accounts as a whole: the one over AWS's volume, or else the first.
    pub fn with_rules(mut self, rules: &[Rule]) -> Self {
        let watched = self.measure.watched();
        let fits = |rule: &&Rule| {
            rule.total && rule.only.is_empty() && watched == Some((rule.metric, rule.counting, rule.compare))
        };
        let over_volume = |rule: &&Rule| matches!(rule.window, Window::LastSends(_));
        let found = rules.iter().filter(fits);
        if let Some(rule) = found.clone().find(over_volume).or_else(|| found.clone().next()) {
            self.thresholds = [rule.warn, rule.critical];
        }
        self
    }

    /// With a ground and a bar at the top while incidents lasted.
    pub fn with_incidents(mut self, incidents: &[(DateTime<Utc>, DateTime<Utc>)]) -> Self {
        self.incidents = incidents.to_vec();
        self
    }

    /// The incidents as far as the chart goes.
    pub(super) fn incidents_within(&self) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
        let (first, last) = (self.span.from, self.span.to);
        self.incidents.iter().map(move |(from, to)| (*from.max(&first), *to.min(&last))).filter(|(from, to)| from < to)
    }

    /// AWS's lines, then the thresholds that are not the same as one of them.
    pub(super) fn lines(&self) -> Vec<Reference> {
        let aws = self.measure.judged().map(|judged| {
            [("review line", judged.review_line(), Ink::Review), ("pause line", judged.pause_line(), Ink::Pause)]
        });
        let mut lines: Vec<_> = aws.into_iter().flatten().collect();
        for (name, rate, ink) in
            [("warning", self.thresholds[0], Ink::Warn), ("critical", self.thresholds[1], Ink::Critical)]
        {
            let Some(rate) = rate else { continue };
            if lines.iter().all(|(_, other, _)| (rate - other).abs() > f64::EPSILON) {
                lines.push((name, rate, ink));
            }
        }
        lines.into_iter().map(|(name, rate, ink)| Reference { name, rate, ink }).collect()
    }

    /// With the period before, if it had any mail; its windows are put under those of the chart one by one.
    pub fn with_before(mut self, span: &Span, windows: &[Rates]) -> Self {
        let windows = windows.iter().filter_map(|row| Some((row.window_start?, row)));
        let before = points(self.measure, span, windows);
        let moved = |(now, then): (&Point, Point)| Point { start: now.start, end: now.end, ..then };
        let points: Vec<Point> = self.points.iter().zip(before).map(moved).collect();
        if points.iter().any(|point| point.sends > 0) {
            self.others.push(Other { name: "period before".to_owned(), line: Line::Before, points });
        }
        self
    }

    /// With another line for each of the first groups: name and windows.
    pub fn with_groups(mut self, groups: &[(String, Vec<Rates>)]) -> Self {
        for (index, (name, windows)) in groups.iter().take(Line::GROUPS).enumerate() {
            let windows = windows.iter().filter_map(|row| Some((row.window_start?, row)));
            let points = points(self.measure, &self.span, windows);
            self.others.push(Other { name: name.clone(), line: Line::Group(index), points });
        }
        self
    }

    /// Stretches in which the rate was surely over AWS's review line: from and to.
    pub fn over_review(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let Some(judged) = self.measure.judged() else { return Vec::new() };
        let is_over = |point: &Point| point.sends > 0 && point.interval().0 >= judged.review_line();
        let runs = self.points.chunk_by(|a, b| is_over(a) == is_over(b));
        let over = runs.filter(|run| run.first().is_some_and(is_over));
        over.filter_map(|run| Some((run.first()?.start, run.last()?.end))).collect()
    }

    /// Whether any window had mail.
    pub fn has_mail(&self) -> bool {
        self.points.iter().any(|point| point.sends > 0)
    }

    /// The rate at the top of the scale: room for the review line and for every rate that means something, but never so
    /// much that the review line sinks into the axis. Rates above it are drawn at the top and marked.
    ///
    /// In a window of so few sends that a single event crosses the review line, the lower end of the interval is taken.
    pub fn ceiling(&self) -> f64 {
        if self.measure == Measure::Delivery {
            return 1.0;
        }
        let review = self.measure.judged().map_or(0.0, JudgedRate::review_line);
        let enough = if review > 0.0 { 1.0 / review } else { 20.0 };
        let meaning = |point: &Point| {
            if point.sends as f64 >= enough { point.rate().unwrap_or(0.0) } else { point.interval().0 }
        };
        let all = self.points.iter().chain(self.others.iter().flat_map(|other| &other.points));
        let highest = all.filter(|point| point.sends > 0).map(meaning).fold(review, f64::max);
        if review == 0.0 {
            return (1.15 * highest).clamp(0.001, 1.0);
        }
        (1.15 * highest).min(review / LOWEST_REVIEW_LINE)
    }

    /// The rate at the foot of the scale: zero, but for deliveries, of which nearly all of the scale would be empty.
    pub fn floor(&self) -> f64 {
        if self.measure != Measure::Delivery {
            return 0.0;
        }
        let all = self.points.iter().chain(self.others.iter().flat_map(|other| &other.points));
        let lowest = all.filter_map(Point::rate).fold(1.0, f64::min);
        // Whole twentieths, and never less than one of them.
        ((lowest - 0.005) * 20.0).floor().clamp(0.0, 19.0) / 20.0
    }

    /// The chart in words: first, last and highest rate.
    pub fn description(&self) -> String {
        let with_mail = || self.points.iter().filter(|point| point.sends > 0);
        let by_rate = |a: &&Point, b: &&Point| a.rate().unwrap_or(0.0).total_cmp(&b.rate().unwrap_or(0.0));
        let (Some(first), Some(last), Some(highest)) =
            (with_mail().next(), with_mail().next_back(), with_mail().max_by(by_rate))
        else {
            return "No mail in this range.".to_owned();
        };
        let zone = self.span.zone;
        let told = |point: &Point| format!("{} at {}", self.measure.show(point.rate()), zone.time(point.start));
        let lines: Vec<String> = self.lines().iter().map(|l| format!("{} {}", l.name, format::line(l.rate))).collect();
        let lines = if lines.is_empty() { String::new() } else { format!(" Lines: {}.", lines.join(", ")) };
        format!(
            "{} by windows of {}, {} to {}. First {}, last {}, highest {} ({} of {} {}).{lines}{}",
            self.measure.label(),
            format::duration(self.span.width),
            zone.time(self.span.from),
            zone.time(self.span.to),
            told(first),
            told(last),
            told(highest),
            format::thousands(highest.events),
            format::thousands(highest.sends),
            self.measure.sends(),
            self.other_words(),
        )
    }

    /// ` Over the whole time: gmail 2.10 %, yahoo 0.40 %.`
    fn other_words(&self) -> String {
        let told = |other: &Other| {
            let (events, sends) =
                other.points.iter().fold((0, 0), |(events, sends), p| (events + p.events, sends + p.sends));
            let name = format::printable(&other.name);
            format!("{name} {}", self.measure.show(repute_query::rate(events, sends)))
        };
        if self.others.is_empty() {
            return String::new();
        }
        let told: Vec<String> = self.others.iter().map(told).collect();
        format!(" Over the whole time: {}.", told.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Zone;
    use repute_query::{AwsCounts, Counts, Side};

    fn at(hour: u32) -> DateTime<Utc> {
        format!("2026-10-31T{hour:02}:00:00Z").parse().unwrap()
    }

    fn rates(hour: u32, events: u64, sends: u64) -> Rates {
        let side = |counted| Side { total: counted, excluded: Vec::new(), counted };
        Rates {
            window_start: Some(at(hour)),
            window_end: Some(at(hour + 1)),
            group: Vec::new(),
            counts: Counts::default(),
            aws: AwsCounts {
                eligible_sends: side(sends),
                bounces: side(events),
                complaint_eligible_sends: side(sends / 2),
                complaints: side(1),
            },
            previous: None,
        }
    }

    fn series(windows: &[(u32, u64, u64)]) -> Series {
        let span = Span { from: at(8), to: at(14), width: chrono::TimeDelta::hours(1), zone: Zone::UTC };
        let windows: Vec<Rates> = windows.iter().map(|(hour, events, sends)| rates(*hour, *events, *sends)).collect();
        Series::new(Measure::Bounce, span, &windows)
    }

    #[test]
    fn hours_without_mail_are_gaps() {
        let series = series(&[(8, 1, 100), (9, 0, 50), (11, 0, 0), (12, 3, 100)]);
        let found: Vec<Option<f64>> = series.points.iter().map(Point::rate).collect();
        assert_eq!(found, [Some(0.01), Some(0.0), None, None, Some(0.03), None]);
        let runs: Vec<usize> = runs(&series.points).map(<[Point]>::len).collect();
        assert_eq!(runs, [2, 1]);
    }

    #[test]
    fn the_scale_holds_the_lines_and_what_means_something() {
        let ceiling = |windows: &[(u32, u64, u64)]| (series(windows).ceiling() * 10_000.0).round() / 10_000.0;
        assert_eq!(ceiling(&[]), 0.0575);
        assert_eq!(ceiling(&[(8, 1, 1_000)]), 0.0575);
        assert_eq!(ceiling(&[(8, 200, 1_000)]), 0.23);
        assert_eq!(ceiling(&[(8, 1_000, 1_000)]), 0.625);
        // One bounce of two sends is 50 %, of which hardly 10 % is certain.
        assert_eq!(ceiling(&[(8, 1, 2)]), 0.1087);
    }

    #[test]
    fn the_words_name_first_last_and_highest() {
        let words = series(&[(8, 1, 100), (9, 30, 1_000), (12, 2, 100)]).description();
        assert_eq!(
            words,
            "Bounce rate by windows of 1 h, 2026-10-31 08:00 UTC to 2026-10-31 14:00 UTC. First 1.00\u{a0}% at 2026-10-31 \
             08:00 UTC, last 2.00\u{a0}% at 2026-10-31 12:00 UTC, highest 3.00\u{a0}% at 2026-10-31 09:00 UTC (30 of \
             1,000 eligible sends). Lines: review line 5\u{a0}%, pause line 10\u{a0}%."
        );
        assert_eq!(series(&[]).description(), "No mail in this range.");
    }

    #[test]
    fn thresholds_of_the_rule_in_force_are_lines_beside_those_of_aws() {
        let lines = |rules: &[Rule]| {
            let series = series(&[]).with_rules(rules);
            series.lines().iter().map(|line| (line.name, line.rate)).collect::<Vec<_>>()
        };
        let aws = [("review line", 0.05), ("pause line", 0.1)];
        assert_eq!(lines(&[]), aws);
        let rules = repute_query::default_rules(10_000);
        assert_eq!(lines(&rules), [aws[0], aws[1], ("warning", 0.02), ("critical", 0.04)]);
        let at_review = Rule { critical: Some(0.05), ..rules[0].clone() };
        assert_eq!(lines(&[rules[2].clone(), at_review]), [aws[0], aws[1], ("warning", 0.02)]);
        let of_one_set = Rule { only: vec![(repute_query::Dimension::Provider, None)], ..rules[0].clone() };
        assert_eq!(lines(&[of_one_set]), aws);
    }

    #[test]
    fn incidents_end_where_the_chart_ends() {
        let series = series(&[]).with_incidents(&[(at(6), at(9)), (at(13), at(20)), (at(20), at(22))]);
        assert_eq!(series.incidents_within().collect::<Vec<_>>(), [(at(8), at(9)), (at(13), at(14))]);
    }

    #[test]
    fn complaints_have_their_own_denominator() {
        let span = Span { from: at(8), to: at(9), width: chrono::TimeDelta::hours(1), zone: Zone::UTC };
        let series = Series::new(Measure::Complaint, span, &[rates(8, 5, 1_000)]);
        assert_eq!((series.points[0].events, series.points[0].sends), (1, 500));
    }
}

//! Shaping: what a rate chart shows, before anything is drawn.

use chrono::{DateTime, Utc};
use repute_query::{JudgedRate, Rates, wilson};

use super::Span;
use crate::format;

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
    pub metric: JudgedRate,
    /// The time it covers.
    pub span: Span,
    /// Its windows, without a hole.
    pub points: Vec<Point>,
}

/// The review line stands at least at this share of the chart's height, whatever the rates.
const LOWEST_REVIEW_LINE: f64 = 0.08;

impl Series {
    /// Puts the rates of windows into the windows of a span. Windows that are not there had no mail.
    pub fn new(metric: JudgedRate, span: Span, windows: &[Rates]) -> Self {
        let point = |(start, end)| {
            let found = windows.iter().find(|row| row.window_start == Some(start));
            let (events, sends) = found.map_or((0, 0), |row| match metric {
                JudgedRate::BounceRate => (row.aws.bounces.counted, row.aws.eligible_sends.counted),
                JudgedRate::ComplaintRate => (row.aws.complaints.counted, row.aws.complaint_eligible_sends.counted),
            });
            Point { start, end, events, sends }
        };
        Self { metric, span, points: span.windows().map(point).collect() }
    }

    /// Whether any window had mail.
    pub fn has_mail(&self) -> bool {
        self.points.iter().any(|point| point.sends > 0)
    }

    /// Runs of windows that had mail.
    pub fn runs(&self) -> impl Iterator<Item = &[Point]> {
        self.points
            .chunk_by(|a, b| (a.sends > 0) == (b.sends > 0))
            .filter(|run| run.iter().any(|point| point.sends > 0))
    }

    /// The rate at the top of the scale: room for the review line and for every rate that means something, but never so
    /// much that the review line sinks into the axis. Rates above it are drawn at the top and marked.
    ///
    /// In a window of so few sends that a single event crosses the review line, the lower end of the interval is taken.
    pub fn ceiling(&self) -> f64 {
        let review = self.metric.review_line();
        let meaning = |point: &Point| {
            if point.sends as f64 * review >= 1.0 { point.rate().unwrap_or(0.0) } else { point.interval().0 }
        };
        let highest = self.points.iter().filter(|point| point.sends > 0).map(meaning).fold(review, f64::max);
        (1.15 * highest).min(review / LOWEST_REVIEW_LINE)
    }

    /// The most eligible sends of a window.
    pub fn most_sends(&self) -> u64 {
        self.points.iter().map(|point| point.sends).max().unwrap_or(0)
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
        let told =
            |point: &Point| format!("{} at {}", format::rate(self.metric, point.rate()), format::time(point.start));
        format!(
            "{} by windows of {}, {} to {}. First {}, last {}, highest {} ({} of {}). AWS's review line is at {}, its \
             pause line at {}.",
            format::sentence_case(self.metric.words()),
            format::duration(self.span.width),
            format::time(self.span.from),
            format::time(self.span.to),
            told(first),
            told(last),
            told(highest),
            format::thousands(highest.events),
            format::count(highest.sends, "eligible send"),
            format::line(self.metric.review_line()),
            format::line(self.metric.pause_line()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let span = Span { from: at(8), to: at(14), width: chrono::TimeDelta::hours(1) };
        let windows: Vec<Rates> = windows.iter().map(|(hour, events, sends)| rates(*hour, *events, *sends)).collect();
        Series::new(JudgedRate::BounceRate, span, &windows)
    }

    #[test]
    fn hours_without_mail_are_gaps() {
        let series = series(&[(8, 1, 100), (9, 0, 50), (11, 0, 0), (12, 3, 100)]);
        let found: Vec<Option<f64>> = series.points.iter().map(Point::rate).collect();
        assert_eq!(found, [Some(0.01), Some(0.0), None, None, Some(0.03), None]);
        let runs: Vec<usize> = series.runs().map(<[Point]>::len).collect();
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
             1,000 eligible sends). AWS's review line is at 5\u{a0}%, its pause line at 10\u{a0}%."
        );
        assert_eq!(series(&[]).description(), "No mail in this range.");
    }

    #[test]
    fn complaints_have_their_own_denominator() {
        let span = Span { from: at(8), to: at(9), width: chrono::TimeDelta::hours(1) };
        let series = Series::new(JudgedRate::ComplaintRate, span, &[rates(8, 5, 1_000)]);
        assert_eq!((series.points[0].events, series.points[0].sends), (1, 500));
    }
}

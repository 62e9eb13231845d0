//! How long events take to the lake, over time: the middle, the usual worst and the worst, on a scale of times that people know.

use std::fmt::Write as _;

use chrono::TimeDelta;

use crate::format;
use crate::history::Span;

/// The lags of the objects of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lags {
    /// Objects.
    pub(crate) objects: u64,
    /// Half of them took no longer.
    pub(crate) p50: TimeDelta,
    /// 95 in a hundred took no longer.
    pub(crate) p95: TimeDelta,
    /// The longest.
    pub(crate) max: TimeDelta,
}

impl Lags {
    /// Of lags in any order; nothing of none.
    pub(crate) fn of(mut lags: Vec<TimeDelta>) -> Option<Self> {
        lags.sort_unstable();
        let rank = |percent: usize| lags.get((lags.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Self { objects: lags.len() as u64, p50: rank(50)?, p95: rank(95)?, max: *lags.last()? })
    }
}

/// Marks of the scale, in seconds.
const MARKS: [(i64, &str); 10] = [
    (1, "1 s"),
    (10, "10 s"),
    (60, "1 min"),
    (600, "10 min"),
    (3_600, "1 h"),
    (6 * 3_600, "6 h"),
    (86_400, "1 d"),
    (7 * 86_400, "7 d"),
    (30 * 86_400, "30 d"),
    (365 * 86_400, "1 y"),
];

const LEFT: f64 = 52.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

/// Where windows and lags lie on the canvas; lags by their logarithm.
struct Scale {
    width: f64,
    height: f64,
    step: f64,
    low: i64,
    high: i64,
}

impl Scale {
    fn of(windows: &[Option<Lags>], (width, height): (u32, u32)) -> Self {
        let (width, height) = (f64::from(width), f64::from(height));
        let lags = || windows.iter().flatten();
        let least = lags().map(|lag| seconds(lag.p50)).min().unwrap_or(60);
        let most = lags().map(|lag| seconds(lag.max)).max().unwrap_or(3_600);
        let low = MARKS.iter().rev().find(|(mark, _)| *mark <= least).map_or(1, |(mark, _)| *mark);
        let high = MARKS.iter().find(|(mark, _)| *mark >= most && *mark > low);
        let high = high.map_or(most.max(low * 10), |(mark, _)| *mark);
        Self { width, height, step: (width - LEFT - RIGHT) / windows.len().max(1) as f64, low, high }
    }

    fn x(&self, index: usize) -> f64 {
        LEFT + (index as f64 + 0.5) * self.step
    }

    fn y(&self, seconds: i64) -> f64 {
        let log = |value: i64| (value as f64).ln();
        let share = (log(seconds.clamp(self.low, self.high)) - log(self.low)) / (log(self.high) - log(self.low));
        self.height - BOTTOM - share * (self.height - BOTTOM - TOP)
    }
}

fn seconds(lag: TimeDelta) -> i64 {
    lag.num_seconds().max(1)
}

/// A chart as an SVG element for a page, whose stylesheet has its colours. `windows` are those of the span, in order.
pub(crate) fn lag_chart(span: &Span, windows: &[Option<Lags>], name: &str, size: (u32, u32)) -> String {
    let scale = Scale::of(windows, size);
    let mut svg = format!(
        "<svg class=\"lag-chart lag-{name}\" viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" \
         aria-labelledby=\"lag-{name}-title lag-{name}-desc\"><title id=\"lag-{name}-title\">Time from event to lake</title>\
         <desc id=\"lag-{name}-desc\">{}</desc>",
        scale.width,
        scale.height,
        described(span, windows)
    );
    push_grid(&mut svg, &scale);
    let lines: [(&str, fn(&Lags) -> TimeDelta); 3] =
        [("max", |lag| lag.max), ("p95", |lag| lag.p95), ("p50", |lag| lag.p50)];
    for (class, pick) in lines {
        let path = path(windows, &scale, pick);
        _ = write!(svg, "<path class=\"lag-line lag-line-{class}\" d=\"{path}\"/>");
    }
    push_times(&mut svg, &scale, span, windows.len());
    svg.push_str("</svg>");
    svg
}

fn push_grid(svg: &mut String, scale: &Scale) {
    for (mark, label) in MARKS.iter().filter(|(mark, _)| (scale.low..=scale.high).contains(mark)) {
        let at = scale.y(*mark);
        _ = write!(
            svg,
            "<path class=\"lag-grid\" d=\"M{LEFT} {at:.1}H{:.0}\"/><text class=\"lag-text\" x=\"{:.0}\" y=\"{:.1}\" \
             text-anchor=\"end\">{label}</text>",
            scale.width - RIGHT,
            LEFT - 6.0,
            at + 4.0
        );
    }
}

fn path(windows: &[Option<Lags>], scale: &Scale, pick: fn(&Lags) -> TimeDelta) -> String {
    let mut path = String::new();
    let mut is_down = false;
    for (index, lag) in windows.iter().enumerate() {
        let Some(lag) = lag else {
            is_down = false;
            continue;
        };
        let (x, y) = (scale.x(index), scale.y(seconds(pick(lag))));
        _ = write!(path, "{}{x:.1} {y:.1}", if is_down { "L" } else { "M" });
        // A window alone is a dot.
        let is_alone = !is_down && windows.get(index + 1).is_none_or(Option::is_none);
        path.push_str(if is_alone { "h.1" } else { "" });
        is_down = true;
    }
    path
}

fn push_times(svg: &mut String, scale: &Scale, span: &Span, windows: usize) {
    let pattern = if span.width >= TimeDelta::days(1) { "%-d %b" } else { "%-d %b %H:%M" };
    let every = windows.div_ceil(if scale.width > 500.0 { 6 } else { 3 }).max(1);
    for (index, (start, _)) in span.windows().enumerate().step_by(every) {
        // The first label would lie over the scale's if it were in the middle.
        let anchor = if index == 0 { "start" } else { "middle" };
        _ = write!(
            svg,
            "<text class=\"lag-text\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            scale.x(index),
            scale.height - 7.0,
            span.zone.show(start, pattern)
        );
    }
}

fn described(span: &Span, windows: &[Option<Lags>]) -> String {
    let zone = span.zone;
    let (from, to) = (zone.show(span.from, "%Y-%m-%d %H:%M"), zone.show(span.to, "%Y-%m-%d %H:%M %Z"));
    let Some(worst) = windows.iter().flatten().max_by_key(|lag| lag.max) else {
        return format!("{from} to {to}: nothing was imported.");
    };
    let last = windows.iter().flatten().next_back().unwrap_or(worst);
    format!(
        "{from} to {to}, in windows of {}: in the last one with imports half of the objects took no longer than {}, 95 in a \
         hundred no longer than {}; the longest of all took {}.",
        format::duration(span.width),
        lag_words(last.p50),
        lag_words(last.p95),
        lag_words(worst.max)
    )
}

/// A lag in words: `42 s`, `12 min`, `3 h 12 min`.
pub(crate) fn lag_words(lag: TimeDelta) -> String {
    if lag < TimeDelta::zero() {
        return format!("-{}", lag_words(-lag));
    }
    if lag < TimeDelta::minutes(1) { format!("{} s", lag.num_seconds()) } else { format::duration(lag) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Zone;

    fn minutes(minutes: &[i64]) -> Vec<TimeDelta> {
        minutes.iter().map(|minutes| TimeDelta::minutes(*minutes)).collect()
    }

    #[test]
    fn ranks_are_the_nearest() {
        assert_eq!(Lags::of(Vec::new()), None);
        let lags = Lags::of(minutes(&[4, 1, 3, 2])).unwrap();
        assert_eq!([lags.p50, lags.p95, lags.max].map(|lag| lag.num_minutes()), [2, 4, 4]);
        let lags = Lags::of(minutes(&(1..=100).collect::<Vec<_>>())).unwrap();
        assert_eq!([lags.p50, lags.p95, lags.max].map(|lag| lag.num_minutes()), [50, 95, 100]);
    }

    #[test]
    fn gaps_stay_gaps_and_there_is_a_text() {
        let from: chrono::DateTime<chrono::Utc> = "2026-10-31T00:00:00Z".parse().unwrap();
        let span = Span { from, to: from + TimeDelta::hours(4), width: TimeDelta::hours(1), zone: Zone::UTC };
        let lag = Lags::of(minutes(&[5, 7, 61]));
        let svg = lag_chart(&span, &[lag, lag, None, lag], "wide", (720, 200));
        assert_eq!(svg.matches("<path class=\"lag-line ").count(), 3);
        let line = svg.split("lag-line-p50\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(
            (line.matches('M').count(), line.matches('L').count(), line.matches("h.1").count()),
            (2, 1, 1),
            "{line}"
        );
        assert!(svg.contains("half of the objects took no longer than 7 min"), "{svg}");
        assert!(svg.contains("the longest of all took 1 h 1 min"), "{svg}");
        assert!(svg.contains(">1 min<") && svg.contains(">6 h<"), "{svg}");
        assert!(!svg.contains("style"));
        assert!(lag_chart(&span, &[None; 4], "wide", (720, 200)).contains("nothing was imported"));
        assert_eq!(lag_words(TimeDelta::seconds(42)), "42 s");
    }
}

//! Figures over time for the charts: which windows a range is cut into, and their rates.

use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{QueryError, Rates, Reader, Selection, Stepping, rates};

use crate::filters::Filters;

/// A chart has at most so many windows.
const MOST_WINDOWS: i64 = 60;

/// Widths of a window, in seconds: from a minute to four weeks.
const WIDTHS: [i64; 12] =
    [60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 2 * 86_400, 7 * 86_400, 28 * 86_400];

const DAY: TimeDelta = TimeDelta::days(1);

/// A stretch of time cut into windows of one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Start of the first window.
    pub from: DateTime<Utc>,
    /// End of the last window.
    pub to: DateTime<Utc>,
    /// Width of a window.
    pub width: TimeDelta,
}

impl Span {
    /// Cuts the time from `from` to `to` into at most some sixty windows that start at whole multiples of their width.
    pub fn cut(from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        let seconds = (to - from).num_seconds().max(1);
        let fits = |width: &i64| seconds <= width * MOST_WINDOWS;
        let longest = WIDTHS[WIDTHS.len() - 1];
        let width = WIDTHS.into_iter().find(fits).unwrap_or_else(|| {
            // Over many years: as many times the longest width as it takes.
            (seconds / (longest * MOST_WINDOWS) + 1) * longest
        });
        let first = from.timestamp().div_euclid(width) * width;
        let last = (to.timestamp_micros() - 1).div_euclid(width * 1_000_000) * width + width;
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        Self { from: at(first), to: at(last.max(first + width)), width: TimeDelta::seconds(width) }
    }

    /// Starts and ends of the windows.
    pub fn windows(&self) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
        let mut start = self.from;
        let Self { to, width, .. } = *self;
        std::iter::from_fn(move || {
            let window = (start < to).then_some((start, start + width))?;
            start = window.1;
            Some(window)
        })
    }
}

/// The figures of a range, window by window.
pub(crate) struct History {
    pub(crate) span: Span,
    /// Windows without any event are not there.
    pub(crate) windows: Vec<Rates>,
}

/// The figures that pass the filters; `None` where the lake is empty and the range has no beginning of its own.
pub(crate) async fn history(
    reader: &Reader,
    filters: &Filters,
    now: DateTime<Utc>,
) -> Result<Option<History>, QueryError> {
    let (since, until) = filters.bounds(now);
    let (from, to) = match since {
        Some(since) => (since, until.max(since + TimeDelta::seconds(1))),
        None => match extent(reader, filters, until).await? {
            Some(extent) => extent,
            None => return Ok(None),
        },
    };
    // A range that ends now, on the dot, has no window that only begins now.
    let span = Span::cut(from, to.min(now.max(from)));
    let selection = Selection { width: span.width.num_microseconds(), ..filters.selection(now) };
    Ok(Some(History { span, windows: rates(reader, &selection, Stepping::Tumbling).await? }))
}

/// The days that hold events of the filters' configuration set up to a time: start of the first, end of the last or that
/// time.
pub(crate) async fn extent(
    reader: &Reader,
    filters: &Filters,
    until: DateTime<Utc>,
) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, QueryError> {
    let selection =
        Selection { until: Some(until), only: filters.only(), width: DAY.num_microseconds(), ..Selection::default() };
    let days = rates(reader, &selection, Stepping::Tumbling).await?;
    let first = days.iter().filter_map(|day| day.window_start).min();
    let last = days.iter().filter_map(|day| day.window_end).max();
    Ok(first.zip(last.map(|last| last.min(until))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(from: &str, to: &str) -> (String, String, i64) {
        let span = Span::cut(from.parse().unwrap(), to.parse().unwrap());
        let text = |time: DateTime<Utc>| time.format("%m-%d %H:%M").to_string();
        (text(span.from), text(span.to), span.width.num_minutes())
    }

    #[test]
    fn the_width_follows_the_range() {
        let owned = |from: &str, to: &str, width| (from.to_owned(), to.to_owned(), width);
        assert_eq!(cut("2026-10-31T12:10:00Z", "2026-11-01T12:10:00Z"), owned("10-31 12:00", "11-01 12:30", 30));
        assert_eq!(cut("2026-10-25T12:10:00Z", "2026-11-01T12:10:00Z"), owned("10-25 12:00", "11-01 15:00", 180));
        assert_eq!(cut("2026-10-11T00:00:00Z", "2026-11-01T00:00:00Z"), owned("10-11 00:00", "11-01 00:00", 720));
        assert_eq!(
            cut("2026-08-03T00:00:00Z", "2026-11-01T00:00:00.000001Z"),
            owned("08-03 00:00", "11-03 00:00", 2_880)
        );
        assert_eq!(cut("2026-11-01T00:00:10Z", "2026-11-01T00:00:11Z"), owned("11-01 00:00", "11-01 00:01", 1));
    }

    #[test]
    fn even_a_century_has_few_windows() {
        let span = Span::cut("1926-01-01T00:00:00Z".parse().unwrap(), "2026-01-01T00:00:00Z".parse().unwrap());
        assert!(span.windows().count() <= 62, "{}", span.windows().count());
    }
}

//! Figures over time for the charts: which windows a range is cut into, and their rates.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use repute_query::{LocalDays, QueryError, Rates, Reader, Selection, Stepping, rates};

use crate::filters::Filters;
use crate::zone::Zone;

/// A chart has at most so many windows.
const MOST_WINDOWS: i64 = 60;

const DAY: i64 = 86_400;

/// Widths of a window, in seconds: from a minute to four weeks.
const WIDTHS: [i64; 12] = [60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, DAY, 2 * DAY, 7 * DAY, 28 * DAY];

/// A stretch of time cut into windows: of one width, or of as many days as people in the zone count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Start of the first window.
    pub from: DateTime<Utc>,
    /// End of the last window.
    pub to: DateTime<Utc>,
    /// Width of a window.
    pub width: TimeDelta,
    /// Whose days, and whose clocks.
    pub zone: Zone,
}

impl Span {
    /// Cuts the time from `from` to `to` into at most some sixty windows. Those shorter than a day start at whole multiples of their
    /// width, the others at midnight.
    pub fn cut(from: DateTime<Utc>, to: DateTime<Utc>, zone: Zone) -> Self {
        let seconds = (to - from).num_seconds().max(1);
        let fits = |width: &i64| seconds <= width * MOST_WINDOWS;
        let longest = WIDTHS[WIDTHS.len() - 1];
        let width = WIDTHS.into_iter().find(fits).unwrap_or_else(|| {
            // Over many years: as many times the longest width as it takes.
            (seconds / (longest * MOST_WINDOWS) + 1) * longest
        });
        let mut span = Self { from, to, width: TimeDelta::seconds(width), zone };
        (span.from, span.to) = (span.window(from).0, span.window(to - TimeDelta::microseconds(1)).1);
        span.to = span.to.max(span.window(from).1);
        span
    }

    /// The window that holds a time.
    fn window(&self, time: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        if let Some(days) = self.days() {
            return days.window(time);
        }
        let width = self.width.num_seconds();
        let start = time.timestamp().div_euclid(width) * width;
        let start = DateTime::from_timestamp(start, 0).unwrap_or_default();
        (start, start + self.width)
    }

    fn days(&self) -> Option<LocalDays> {
        let days = u32::try_from(self.width.num_days()).ok().filter(|days| *days > 0)?;
        Some(LocalDays { zone: self.zone.0, days })
    }

    /// How windows follow one another in a question. Days of UTC are all of one length, which is quicker to answer.
    pub(crate) fn stepping(&self) -> Stepping {
        self.days().filter(|_| self.zone != Zone::UTC).map_or(Stepping::Tumbling, Stepping::Days)
    }

    /// The selection cut into these windows.
    pub(crate) fn over(&self, selection: Selection) -> Selection {
        let width = self.width.num_microseconds().filter(|_| self.stepping() == Stepping::Tumbling);
        Selection { width, ..selection }
    }

    /// The span of the same length before: as many windows, and whole days earlier where it covers any.
    pub(crate) fn before(&self) -> Self {
        let length = self.to - self.from;
        let days = (length + TimeDelta::hours(12)).num_days();
        let period = if days > 0 { TimeDelta::days(days) } else { length };
        // Days can be an hour longer or shorter: from the middle of the first window to the middle of the last.
        let middle = |(start, end): (DateTime<Utc>, DateTime<Utc>)| start + (end - start) / 2 - period;
        let last = self.window(self.to - TimeDelta::microseconds(1));
        Self {
            from: self.window(middle(self.window(self.from))).0,
            to: self.window(middle(last)).1,
            width: self.width,
            zone: self.zone,
        }
    }

    /// Where a time stands in it, from zero to one.
    pub(crate) fn share(&self, seconds: i64) -> f64 {
        let (from, to) = (self.from.timestamp(), self.to.timestamp());
        (seconds - from) as f64 / (to - from).max(1) as f64
    }

    /// Starts and ends of the windows.
    pub fn windows(&self) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + use<> {
        let mut start = self.from;
        let span = *self;
        std::iter::from_fn(move || {
            let window = (start < span.to).then(|| span.window(start))?;
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

/// The time that the filters' range covers; `None` where the lake is empty and the range has no beginning of its own.
pub(crate) async fn span(reader: &Reader, filters: &Filters, now: DateTime<Utc>) -> Result<Option<Span>, QueryError> {
    let (since, until) = filters.bounds(now);
    let (from, to) = match since {
        Some(since) => (since, until.max(since + TimeDelta::seconds(1))),
        None => match extent(reader, filters, until).await? {
            Some(extent) => extent,
            None => return Ok(None),
        },
    };
    // A range that ends now, on the dot, has no window that only begins now.
    Ok(Some(Span::cut(from, to.min(now.max(from)), filters.zone)))
}

/// The figures that pass the filters; `None` where there is no span.
pub(crate) async fn history(
    reader: &Reader,
    filters: &Filters,
    now: DateTime<Utc>,
) -> Result<Option<History>, QueryError> {
    let Some(span) = span(reader, filters, now).await? else { return Ok(None) };
    let selection = span.over(filters.selection(now));
    Ok(Some(History { span, windows: rates(reader, &selection, span.stepping()).await? }))
}

/// The figures of the span of the same length before.
pub(crate) async fn before(
    reader: &Reader,
    filters: &Filters,
    span: &Span,
    now: DateTime<Utc>,
) -> Result<History, QueryError> {
    let earlier = span.before();
    let (since, until) = filters.bounds(now);
    let shift = span.from - earlier.from;
    let selection = Selection {
        since: Some(since.map_or(earlier.from, |since| since - shift)),
        until: Some((until - shift).duration_trunc(TimeDelta::minutes(1)).unwrap_or(until - shift)),
        ..earlier.over(filters.selection(now))
    };
    Ok(History { span: earlier, windows: rates(reader, &selection, earlier.stepping()).await? })
}

/// The days that hold events of the filters' values up to a time: start of the first, end of the last or that time.
pub(crate) async fn extent(
    reader: &Reader,
    filters: &Filters,
    until: DateTime<Utc>,
) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, QueryError> {
    let selection = Selection {
        until: Some(until),
        only: filters.only.clone(),
        width: TimeDelta::seconds(DAY).num_microseconds(),
        ..Selection::default()
    };
    let days = rates(reader, &selection, Stepping::Tumbling).await?;
    let first = days.iter().filter_map(|day| day.window_start).min();
    let last = days.iter().filter_map(|day| day.window_end).max();
    Ok(first.zip(last.map(|last| last.min(until))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(from: &str, to: &str) -> (String, String, i64) {
        let span = Span::cut(from.parse().unwrap(), to.parse().unwrap(), Zone::UTC);
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
        let span =
            Span::cut("1926-01-01T00:00:00Z".parse().unwrap(), "2026-01-01T00:00:00Z".parse().unwrap(), Zone::UTC);
        assert!(span.windows().count() <= 62, "{}", span.windows().count());
    }

    #[test]
    fn days_begin_where_the_reader_is() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        // Clocks go back on 2026-10-25.
        let span = Span::cut("2026-10-01T00:00:00Z".parse().unwrap(), "2026-11-20T00:00:00Z".parse().unwrap(), zone);
        assert_eq!((span.width, span.from.to_rfc3339()), (TimeDelta::days(1), "2026-09-30T22:00:00+00:00".to_owned()));
        let lengths: Vec<i64> = span.windows().map(|(start, end)| (end - start).num_hours()).collect();
        assert_eq!(lengths.iter().filter(|hours| **hours != 24).collect::<Vec<_>>(), [&25]);
        assert_eq!(span.windows().last().unwrap().1, span.to);
        assert!(matches!(span.stepping(), Stepping::Days(_)));
        let before = span.before();
        assert_eq!(before.windows().count(), span.windows().count());
        assert_eq!(before.to, span.from);
    }
}

//! Where the axes are labelled, and how.

use chrono::{DateTime, Offset, Utc};

use repute_query::LocalDays;

use super::Span;

/// Steps between the labels of the time axis, in seconds.
const STEPS: [i64; 16] = [
    300,
    900,
    1_800,
    3_600,
    2 * 3_600,
    3 * 3_600,
    6 * 3_600,
    12 * 3_600,
    86_400,
    2 * 86_400,
    3 * 86_400,
    7 * 86_400,
    14 * 86_400,
    28 * 86_400,
    91 * 86_400,
    364 * 86_400,
];

const DAY: i64 = 86_400;

/// Labels of a time axis: seconds since the epoch and text, at most `most` of them.
pub(super) fn time_ticks(span: &Span, most: i64) -> Vec<(i64, String)> {
    let (from, to) = (span.from.timestamp(), span.to.timestamp());
    let fits = |step: &i64| (to - from) / step <= most;
    let longest = STEPS[STEPS.len() - 1];
    let step = STEPS.into_iter().find(fits).unwrap_or_else(|| ((to - from) / (longest * most) + 1) * longest);
    let at = |seconds: i64| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let years = to - from > 300 * DAY;
    let date = if years { "%b %Y" } else { "%-d %b" };
    if let Some(days) = u32::try_from(step / DAY).ok().filter(|days| *days > 0) {
        let days = LocalDays { zone: span.zone.0, days };
        let (start, next) = days.window(span.from);
        let first = if start == span.from { start } else { next };
        let ticks = std::iter::successors(Some(first), |tick| Some(days.window(*tick).1));
        let ticks = ticks.take_while(|tick| *tick <= span.to);
        return ticks.map(|tick| (tick.timestamp(), span.zone.show(tick, date))).collect();
    }
    // Whole steps of the zone's own clocks, as they go at the start.
    let ahead = i64::from(span.from.with_timezone(&span.zone.0).offset().fix().local_minus_utc());
    let first = (from + ahead + step - 1).div_euclid(step) * step - ahead;
    let label = |time: DateTime<Utc>| {
        let clock = span.zone.show(time, "%H:%M");
        if clock == "00:00" { span.zone.show(time, date) } else { clock }
    };
    let ticks = (0..).map(|index| first + index * step).take_while(|tick| *tick <= to);
    ticks.map(|tick| (tick, label(at(tick)))).collect()
}

/// Labels of a rate axis from `foot` to below `ceiling`, at round steps, and the decimals they need as percentages.
pub(super) fn rate_ticks(foot: f64, ceiling: f64) -> (Vec<f64>, usize) {
    let percent = (ceiling - foot) * 100.0;
    let magnitude = 10_f64.powf((percent / 4.0).log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * magnitude).into_iter().find(|step| percent / step <= 5.0);
    let step = step.unwrap_or(percent);
    let decimals = (0..6).find(|places| is_whole(step * 10_f64.powi(*places))).unwrap_or(6);
    let ticks = (0..).map(|index| foot + f64::from(index) * step / 100.0);
    let ticks = ticks.take_while(|tick| *tick <= ceiling + 1e-9).collect();
    (ticks, usize::try_from(decimals).unwrap_or(0))
}

/// Labels of an axis of numbers from nought to below `ceiling`, at round steps.
pub(super) fn value_ticks(ceiling: f64) -> Vec<f64> {
    let magnitude = 10_f64.powf((ceiling / 4.0).log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * magnitude).into_iter().find(|step| ceiling / step <= 5.0);
    let step = step.filter(|step| *step > 0.0).unwrap_or(ceiling.max(1.0));
    (0..8).map(|index| f64::from(index) * step).take_while(|tick| *tick <= ceiling * (1.0 + 1e-9)).collect()
}

fn is_whole(number: f64) -> bool {
    (number - number.round()).abs() < 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Zone;

    fn texts(from: &str, to: &str, most: i64) -> Vec<String> {
        let span = Span::cut(from.parse().unwrap(), to.parse().unwrap(), Zone::UTC);
        time_ticks(&span, most).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn days_have_dates_and_hours_have_times() {
        assert_eq!(
            texts("2026-10-31T12:00:00Z", "2026-11-01T12:00:00Z", 8),
            ["12:00", "15:00", "18:00", "21:00", "1 Nov", "03:00", "06:00", "09:00", "12:00"]
        );
        assert_eq!(texts("2026-10-25T00:00:00Z", "2026-11-01T00:00:00Z", 4), ["26 Oct", "28 Oct", "30 Oct", "1 Nov"]);
        assert_eq!(texts("2024-01-01T00:00:00Z", "2026-11-01T00:00:00Z", 4), ["Oct 2024", "Oct 2025", "Oct 2026"]);
    }

    #[test]
    fn rates_have_round_steps() {
        assert_eq!(rate_ticks(0.0, 0.0575), (vec![0.0, 0.02, 0.04], 0));
        let (ticks, decimals) = rate_ticks(0.0, 0.00115);
        assert_eq!(
            ticks.iter().map(|t| format!("{:.decimals$}", t * 100.0)).collect::<Vec<_>>(),
            ["0.000", "0.025", "0.050", "0.075", "0.100"]
        );
        assert_eq!(rate_ticks(0.0, 0.625).0.len(), 4);
    }
}

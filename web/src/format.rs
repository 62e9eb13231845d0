//! Figures and times as people read them.

use crate::access::shown;
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::JudgedRate;
pub(crate) use repute_query::{count, thousands};

/// What stands where there is no figure.
pub(crate) const NO_DATA: &str = "no data";

/// A text that came with an event, for showing: characters that steer a terminal, break lines or turn the direction of
/// writing are replaced, and addresses masked for whoever may not see them.
pub(crate) fn printable(text: &str) -> String {
    harmless(&shown(text))
}

/// The same of a text that is the reader's own.
pub(crate) fn harmless(text: &str) -> String {
    let steers = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|letter| if steers(letter) { '\u{fffd}' } else { letter }).collect()
}

/// A fraction as a percentage with a fixed number of decimals, so that columns line up: `2.16 %`.
pub(crate) fn percent(fraction: f64, decimals: usize) -> String {
    format!("{:.decimals$}\u{a0}%", fraction * 100.0)
}

/// A rate as its metric is read: bounces to two decimals, complaints (whose lines are at 0.1 % and 0.5 %) to three.
pub(crate) fn rate(metric: JudgedRate, rate: Option<f64>) -> String {
    rate.map_or_else(|| NO_DATA.to_owned(), |rate| percent(rate, decimals(metric)))
}

/// An interval of a rate: `1.90 % to 2.44 %`.
pub(crate) fn interval(metric: JudgedRate, (low, high): (f64, f64)) -> String {
    format!("{} to {}", percent(low, decimals(metric)), percent(high, decimals(metric)))
}

/// A threshold, without needless zeros: `5 %`, `0.1 %`.
pub(crate) fn line(fraction: f64) -> String {
    repute_query::percent(fraction).replace(' ', "\u{a0}")
}

/// A time to the minute: `2026-10-31 23:58 UTC`.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// A duration in its two largest units: `12 min`, `3 h 12 min`, `4 d 2 h`, `112 d`.
pub(crate) fn duration(duration: TimeDelta) -> String {
    let minutes = duration.num_minutes().max(0);
    match (minutes / 1_440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, m) => format!("{m} min"),
        (0, h, 0) => format!("{h} h"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, h, _) if h > 0 && d < 30 => format!("{d} d {h} h"),
        (d, _, _) => format!("{d} d"),
    }
}

/// Bytes with a unit: `940 B`, `1.2 GB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1_000 {
        return format!("{count}\u{a0}B");
    }
    let mut value = count as f64 / 1_000.0;
    let mut unit = 0;
    while value >= 1_000.0 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    format!("{value:.1}\u{a0}{}", UNITS[unit])
}

/// Milliseconds in their two largest units: `850 ms`, `1.2 s`, `4 min 5 s`, `10 min`, `3 h 12 min`.
pub(crate) fn milliseconds(number: i64) -> String {
    let seconds = number / 1_000;
    let pair = |large: i64, small: i64, units: [&str; 2]| match small {
        0 => format!("{large} {}", units[0]),
        small => format!("{large} {} {small} {}", units[0], units[1]),
    };
    match seconds {
        ..1 => format!("{number} ms"),
        1..60 if number % 1_000 == 0 => format!("{seconds} s"),
        1..60 => format!("{seconds}.{} s", number / 100 % 10),
        60..3_600 => pair(seconds / 60, seconds % 60, ["min", "s"]),
        3_600..86_400 => pair(seconds / 3_600, seconds / 60 % 60, ["h", "min"]),
        _ => pair(seconds / 86_400, seconds / 3_600 % 24, ["d", "h"]),
    }
}

/// A span in days: `3.4 days`, `75 days`; below a day as a duration.
pub(crate) fn days(days: f64) -> String {
    if days < 1.0 {
        return duration(TimeDelta::minutes((days * 1_440.0).round() as i64));
    }
    if days < 20.0 { format!("{days:.1} days") } else { format!("{days:.0} days") }
}

/// The first letter in upper case.
pub(crate) fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn decimals(metric: JudgedRate) -> usize {
    match metric {
        JudgedRate::BounceRate => 2,
        JudgedRate::ComplaintRate => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_reader() {
        assert_eq!(printable("a\u{1b}[31m\u{202e}b\n\u{2028}<é>"), "a\u{fffd}[31m\u{fffd}b\u{fffd}\u{fffd}<é>");
    }

    #[test]
    fn rates() {
        assert_eq!(rate(JudgedRate::BounceRate, Some(97.0 / 4_485.0)), "2.16\u{a0}%");
        assert_eq!(rate(JudgedRate::ComplaintRate, Some(0.000_43)), "0.043\u{a0}%");
        assert_eq!(rate(JudgedRate::BounceRate, None), "no data");
        assert_eq!(interval(JudgedRate::BounceRate, (0.019, 0.0244)), "1.90\u{a0}% to 2.44\u{a0}%");
        assert_eq!(line(0.05), "5\u{a0}%");
        assert_eq!(line(0.001), "0.1\u{a0}%");
    }

    #[test]
    fn sizes() {
        assert_eq!(
            [0, 999, 1_000, 1_250_000, 3_200_000_000].map(bytes),
            ["0\u{a0}B", "999\u{a0}B", "1.0\u{a0}kB", "1.2\u{a0}MB", "3.2\u{a0}GB"]
        );
    }

    #[test]
    fn milliseconds_read_well() {
        for (number, words) in [
            (0, "0 ms"),
            (850, "850 ms"),
            (1_000, "1 s"),
            (1_234, "1.2 s"),
            (10_000, "10 s"),
            (60_000, "1 min"),
            (245_000, "4 min 5 s"),
            (600_000, "10 min"),
            (3_600_000, "1 h"),
            (11_520_000, "3 h 12 min"),
            (172_800_000, "2 d"),
        ] {
            assert_eq!(milliseconds(number), words);
        }
    }

    #[test]
    fn durations_and_times() {
        let minutes = |m| duration(TimeDelta::minutes(m));
        assert_eq!(minutes(0), "less than a minute");
        assert_eq!(minutes(-5), "less than a minute");
        assert_eq!(minutes(12), "12 min");
        assert_eq!(minutes(180), "3 h");
        assert_eq!(minutes(192), "3 h 12 min");
        assert_eq!(minutes(98 * 60), "4 d 2 h");
        assert_eq!(minutes(112 * 1_440 + 60), "112 d");
        assert_eq!(days(3.42), "3.4 days");
        assert_eq!(days(74.9), "75 days");
        assert_eq!(days(0.5), "12 h");
        assert_eq!(time("2026-10-31T23:58:31Z".parse().unwrap()), "2026-10-31 23:58 UTC");
        assert_eq!(sentence_case("no mail"), "No mail");
    }
}

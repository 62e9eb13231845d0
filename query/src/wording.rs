//! Figures in words, the same on the command line, in alerts and on pages.

use chrono::TimeDelta;

/// A fraction as a percentage with as many digits as a rate needs: `5 %`, `0.04 %`, `2.163 %`.
pub fn percent(fraction: f64) -> String {
    let text = format!("{:.3}", fraction * 100.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number and its noun: `1 send`, `1,234 sends`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// An age to the minute: `12m`, `3h12m`, `4d2h`.
pub fn age(age: TimeDelta) -> String {
    let minutes = age.num_minutes();
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, m) => format!("{m}m"),
        (0, h, m) => format!("{h}h{m:02}m"),
        (d, h, _) => format!("{d}d{h}h"),
    }
}

/// How long after something else: `+40 ms`, `+2.1 s`, `+4 min 5 s`, `+3 h 12 min`, `+3 d 4 h`; before it with a minus.
pub fn after(delta: TimeDelta) -> String {
    let sign = if delta < TimeDelta::zero() { "-" } else { "+" };
    let delta = delta.abs();
    let (milliseconds, seconds, minutes) = (delta.num_milliseconds(), delta.num_seconds(), delta.num_minutes());
    let length = match seconds {
        0 => format!("{milliseconds} ms"),
        1..60 => format!("{seconds}.{} s", milliseconds / 100 % 10),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1440, minutes / 60 % 24),
    };
    format!("{sign}{length}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(percent(0.05), "5 %");
        assert_eq!(percent(0.0004), "0.04 %");
        assert_eq!(percent(0.021_627), "2.163 %");
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(count(1, "send"), "1 send");
        assert_eq!(count(1_000, "send"), "1,000 sends");
        assert_eq!(age(TimeDelta::minutes(192)), "3h12m");
        assert_eq!(age(TimeDelta::hours(98)), "4d2h");
    }

    #[test]
    fn what_comes_after_says_when() {
        let words = |milliseconds| after(TimeDelta::milliseconds(milliseconds));
        assert_eq!(words(0), "+0 ms");
        assert_eq!(words(40), "+40 ms");
        assert_eq!(words(2_199), "+2.1 s");
        assert_eq!(words(-2_199), "-2.1 s");
        assert_eq!(words(59_999), "+59.9 s");
        assert_eq!(words(245_000), "+4 min 5 s");
        assert_eq!(words(11_520_000), "+3 h 12 min");
        assert_eq!(words(273_600_000), "+3 d 4 h");
    }
}

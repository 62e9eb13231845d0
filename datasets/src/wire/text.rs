//! JSON text, times and ids, appended to one growing string.

use chrono::{DateTime, Datelike, Timelike, Utc};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Appends `value` as a JSON string, quotes included.
pub(crate) fn quoted(out: &mut String, value: &str) {
    out.push('"');
    escaped(out, value);
    out.push('"');
}

/// Appends `value` escaped for the inside of a JSON string.
pub(crate) fn escaped(out: &mut String, value: &str) {
    if !value.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        return out.push_str(value);
    }
    for letter in value.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if control < ' ' => {
                out.push_str("\\u");
                hex(out, u64::from(u32::from(control)), 4);
            }
            other => out.push(other),
        }
    }
}

/// Appends the lowest `digits` hexadecimal digits of `value`.
pub(crate) fn hex(out: &mut String, value: u64, digits: u32) {
    for digit in (0..digits).rev() {
        out.push(char::from(b"0123456789abcdef"[(value >> (4 * digit) & 15) as usize]));
    }
}

/// Appends a number.
pub(crate) fn number(out: &mut String, value: u64) {
    let digits = value.checked_ilog10().unwrap_or(0) + 1;
    decimal(out, value, digits);
}

/// Appends the lowest `digits` decimal digits of `value`.
pub(crate) fn decimal(out: &mut String, value: u64, digits: u32) {
    let mut unit = 10u64.pow(digits - 1);
    for _ in 0..digits {
        out.push(char::from(b'0' + (value / unit % 10) as u8));
        unit = (unit / 10).max(1);
    }
}

/// Appends a time as SES writes it: UTC, with milliseconds and a `Z`.
pub(crate) fn time(out: &mut String, milliseconds: i64) {
    let time = moment(milliseconds);
    decimal(out, time.year() as u64, 4);
    for (before, value) in [('-', time.month()), ('-', time.day()), ('T', time.hour())] {
        out.push(before);
        decimal(out, u64::from(value), 2);
    }
    for value in [time.minute(), time.second()] {
        out.push(':');
        decimal(out, u64::from(value), 2);
    }
    out.push('.');
    decimal(out, u64::from(time.timestamp_subsec_millis()), 3);
    out.push('Z');
}

/// Appends a time as mail headers write it (RFC 5322).
pub(crate) fn mail_date(out: &mut String, milliseconds: i64) {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let time = moment(milliseconds);
    out.push_str(DAYS[time.weekday().num_days_from_monday() as usize]);
    out.push_str(", ");
    number(out, u64::from(time.day()));
    out.push(' ');
    out.push_str(MONTHS[time.month0() as usize]);
    out.push(' ');
    number(out, time.year() as u64);
    for (before, value) in [(' ', time.hour()), (':', time.minute()), (':', time.second())] {
        out.push(before);
        decimal(out, u64::from(value), 2);
    }
    out.push_str(" +0000");
}

fn moment(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}

/// Appends a random (version 4) UUID.
pub(crate) fn uuid(out: &mut String, rng: &mut ChaCha8Rng) {
    let (high, low) = (rng.next_u64(), rng.next_u64());
    hex(out, high >> 32, 8);
    out.push('-');
    hex(out, high >> 16, 4);
    out.push_str("-4");
    hex(out, high, 3);
    out.push('-');
    hex(out, low >> 48 & 0x3fff | 0x8000, 4);
    out.push('-');
    hex(out, low, 12);
}

/// Appends an SES message or feedback id: a region's four digits (these are us-east-1's), the milliseconds since 1970 in
/// twelve, a UUID and six zeros.
pub(crate) fn ses_id(out: &mut String, milliseconds: i64, rng: &mut ChaCha8Rng) {
    out.push_str("0100");
    hex(out, milliseconds as u64, 12);
    out.push('-');
    uuid(out, rng);
    out.push_str("-000000");
}

/// Appends `count` random letters of the base64 alphabet.
pub(crate) fn base64(out: &mut String, count: usize, rng: &mut ChaCha8Rng) {
    random_letters(out, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", count, rng);
}

/// Appends `count` random letters and digits.
pub(crate) fn token(out: &mut String, count: usize, rng: &mut ChaCha8Rng) {
    random_letters(out, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789zx", count, rng);
}

fn random_letters(out: &mut String, alphabet: &[u8; 64], count: usize, rng: &mut ChaCha8Rng) {
    let mut bits = 0;
    for index in 0..count {
        if index % 10 == 0 {
            bits = rng.next_u64();
        }
        out.push(char::from(alphabet[(bits & 63) as usize]));
        bits >>= 6;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn numbers_and_times() {
        assert_eq!(written(|out| number(out, 0)), "0");
        assert_eq!(written(|out| number(out, 1_203)), "1203");
        assert_eq!(written(|out| hex(out, 0x1ab, 5)), "001ab");
        assert_eq!(written(|out| time(out, 1_793_491_200_007)), "2026-11-01T00:00:00.007Z");
        assert_eq!(written(|out| mail_date(out, 1_793_491_200_007)), "Sun, 1 Nov 2026 00:00:00 +0000");
    }

    #[test]
    fn ids_hold_their_time() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let id = written(|out| ses_id(out, 0x019a_9974_b389, &mut rng));
        assert!(id.starts_with("0100019a9974b389-") && id.ends_with("-000000"), "{id}");
        assert_eq!(id.len(), 60);
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(written(|out| quoted(out, "a \"b\"\\\n\u{1}é")), "\"a \\\"b\\\"\\\\\\n\\u0001é\"");
    }
}

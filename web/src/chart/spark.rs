//! A rate as a line the size of a word.

use std::fmt::Write as _;

const WIDTH: f64 = 96.0;
const HEIGHT: f64 = 24.0;

/// The course of a rate, with AWS's review line where the rate comes near it. The colours are the page's. The figure stands beside it
/// in words, so it is hidden from screen readers.
pub(crate) fn spark(rates: &[Option<f64>], review: f64) -> String {
    let highest = rates.iter().flatten().copied().fold(0.0, f64::max);
    let top = highest.max(review * 0.3) * 1.1;
    let step = WIDTH / (rates.len().max(2) - 1) as f64;
    let place = |index: usize, rate: f64| (index as f64 * step, HEIGHT - 1.0 - rate / top * (HEIGHT - 2.0));
    let mut path = String::new();
    let mut is_down = false;
    for (index, rate) in rates.iter().enumerate() {
        let Some(rate) = rate else {
            is_down = false;
            continue;
        };
        let (x, y) = place(index, *rate);
        let alone = !is_down && rates.get(index + 1).is_none_or(Option::is_none);
        _ = write!(path, "{}{x:.1} {y:.1}", if is_down { "L" } else { "M" });
        if alone {
            path.push_str("h.1");
        }
        is_down = true;
    }
    let mut svg =
        format!("<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\" focusable=\"false\">");
    if review < top {
        let (_, y) = place(0, review);
        _ = write!(svg, "<path class=\"spark-review\" d=\"M0 {y:.1}H{WIDTH}\"/>");
    }
    _ = write!(svg, "<path class=\"spark-rate\" d=\"{path}\"/></svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_stay_gaps() {
        let svg = spark(&[Some(0.0), Some(0.01), None, Some(0.02), None], 0.05);
        assert!(svg.contains("d=\"M0.0 23.0L24.0 13.0M72.0 3.0h.1"), "{svg}");
        assert!(!svg.contains("spark-review"));
        assert!(spark(&[Some(0.2), Some(0.1)], 0.05).contains("spark-review"));
        assert!(spark(&[], 0.05).contains("<svg"));
    }
}

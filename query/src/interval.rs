//! Wilson's score interval: what a rate of few events can mean.

/// Quantile of the standard normal distribution for a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % Wilson score interval of `events` among `trials`, as fractions; (0, 1) without trials.
///
/// Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
pub fn wilson(events: u64, trials: u64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let n = trials as f64;
    // More events than trials happens on the event's clock: a bounce may fall into another window than its send.
    let p = (events as f64 / n).min(1.0);
    let scale = 1.0 + Z * Z / n;
    let centre = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    (((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0))
}

/// `events / trials`, or `None` without trials: an empty denominator is no data, not 0 %.
pub fn rate(events: u64, trials: u64) -> Option<f64> {
    (trials > 0).then(|| events as f64 / trials as f64)
}

/// Whether a rate is at or over a line. Lines such as 40 % of 5 % have no exact binary form, so a rate that is equal on paper
/// counts as reached.
pub fn reaches(rate: f64, line: f64) -> bool {
    rate >= line - 1e-12
}

/// How many more events, all else equal, bring the rate to `line`; zero if it is there already.
pub fn headroom(events: u64, trials: u64, line: f64) -> u64 {
    let at_line = (line * trials as f64 - 1e-9).ceil();
    (at_line.max(0.0) as u64).saturating_sub(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Percentages worked out outside this code, to two decimals.
    const VECTORS: [(u64, u64, f64, f64); 9] = [
        (0, 0, 0.0, 100.0),
        (0, 10, 0.0, 27.75),
        (1, 10, 1.79, 40.42),
        (5, 100, 2.15, 11.18),
        (9, 100, 4.81, 16.23),
        (10, 100, 5.52, 17.44),
        (60, 1000, 4.69, 7.65),
        (65, 1000, 5.13, 8.20),
        (545, 10_000, 5.02, 5.91),
    ];

    #[test]
    fn intervals_match_the_published_formula() {
        for (events, trials, low, high) in VECTORS {
            let (l, h) = wilson(events, trials);
            assert!((l * 100.0 - low).abs() < 0.01, "{events}/{trials}: {l}");
            assert!((h * 100.0 - high).abs() < 0.01, "{events}/{trials}: {h}");
        }
    }

    #[test]
    fn one_complaint_convinces_only_below_177_sends() {
        assert!(wilson(1, 176).0 > 0.001);
        assert!(wilson(1, 177).0 < 0.001);
    }

    #[test]
    fn headroom_counts_up_to_the_line() {
        assert_eq!(headroom(288, 10_000, 0.05), 212);
        assert_eq!(headroom(500, 10_000, 0.05), 0);
        assert_eq!(headroom(600, 10_000, 0.05), 0);
        assert_eq!(headroom(0, 33, 0.05), 2);
    }
}

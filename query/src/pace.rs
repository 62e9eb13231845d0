//! When a rate would reach a line if mail went on as it did lately.

/// How mail went lately.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Eligible sends a day.
    pub sends_per_day: f64,
    /// Counted bounces or complaints of those sends.
    pub rate: f64,
}

impl Pace {
    /// Days until `events` of `sends` come to `line`: 0 if they have, `None` if they never will at this pace. Sends are added until there
    /// are `volume`; from then on each takes the place of an earlier one, of which it is assumed that they bounced as all of them did.
    pub fn days_until(self, line: f64, events: u64, sends: u64, volume: u64) -> Option<f64> {
        let (events, sends, volume) = (events as f64, sends as f64, (volume.max(sends)) as f64);
        if sends > 0.0 && events >= line * sends {
            return Some(0.0);
        }
        // Neither a growing nor a sliding volume ever gets a higher rate than that of what is added to it.
        if self.rate <= line || self.sends_per_day <= 0.0 {
            return None;
        }
        let room = volume - sends;
        let growing = (line * sends - events) / (self.rate - line);
        if growing <= room {
            return Some(growing / self.sends_per_day);
        }
        let events = events + room * self.rate;
        let sliding = (line * volume - events) / (self.rate - events / volume);
        Some((room + sliding) / self.sends_per_day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(line: f64, events: u64, sends: u64, volume: u64, rate: f64) -> Option<f64> {
        let days = Pace { sends_per_day: 100.0, rate }.days_until(line, events, sends, volume);
        days.map(|days| (days * 1_000.0).round() / 1_000.0)
    }

    #[test]
    fn a_full_volume_slides() {
        // 1,000 sends with 20 bounces, 10 % lately: each new send brings 0.1 - 0.02 more, and 30 are missing: 375 sends.
        assert_eq!(days(0.05, 20, 1_000, 1_000, 0.10), Some(3.75));
        assert_eq!(days(0.05, 20, 1_000, 1_000, 0.05), None);
        assert_eq!(days(0.05, 50, 1_000, 1_000, 0.0), Some(0.0));
    }

    #[test]
    fn a_volume_that_is_not_full_grows_first() {
        // 20 + 0.1 x = 0.05 (1,000 + x): 600 sends.
        assert_eq!(days(0.05, 20, 1_000, 10_000, 0.10), Some(6.0));
        // There is room for 200: 40 of 1,200, each further send brings 0.1 - 40/1,200 more, and 20 are missing: 300 sends.
        assert_eq!(days(0.05, 20, 1_000, 1_200, 0.10), Some(5.0));
        assert_eq!(days(0.05, 0, 0, 10_000, 0.10), Some(0.0));
    }
}

//! How long it took until somebody opened or clicked.

use chrono::TimeDelta;

/// Waits are told in these steps, in seconds; the last step is whatever is longer.
pub const WAITS: [i64; 12] = [5, 30, 60, 300, 900, 3_600, 10_800, 43_200, 86_400, 259_200, 604_800, 2_592_000];

/// Waits of some messages, to the second.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spread {
    /// How many messages.
    pub messages: u64,
    /// Half of them took no longer than this.
    pub median: Option<TimeDelta>,
    /// Nine in ten took no longer than this.
    pub p90: Option<TimeDelta>,
    /// How many took up to each of [`WAITS`] (inclusive) and longer than the one before; the last one longer than all.
    pub steps: [u64; WAITS.len() + 1],
}

/// The first open or click of messages: of anybody, and of somebody who is no likely bot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waited {
    /// Whoever it was.
    pub all: Spread,
    /// Likely bots left out.
    pub without_bots: Spread,
}

/// The same while it is counted: a number for each message.
#[derive(Debug, Default)]
pub(super) struct Waits {
    all: Vec<u32>,
    without_bots: Vec<u32>,
}

impl Waits {
    /// Adds a message's waits, in microseconds.
    pub(super) fn add(&mut self, first: Option<i64>, without_bots: Option<i64>) {
        let seconds = |micros: i64| u32::try_from((micros / 1_000_000).max(0)).unwrap_or(u32::MAX);
        self.all.extend(first.map(seconds));
        self.without_bots.extend(without_bots.map(seconds));
    }

    pub(super) fn sum(&mut self, mut other: Self) {
        self.all.append(&mut other.all);
        self.without_bots.append(&mut other.without_bots);
    }

    pub(super) fn told(self) -> Waited {
        Waited { all: Spread::of(self.all), without_bots: Spread::of(self.without_bots) }
    }
}

impl Spread {
    fn of(mut seconds: Vec<u32>) -> Self {
        let mut steps = [0; WAITS.len() + 1];
        for wait in &seconds {
            let step = WAITS.partition_point(|most| *most < i64::from(*wait));
            if let Some(step) = steps.get_mut(step) {
                *step += 1;
            }
        }
        let mut nearest = |percent: usize| {
            let rank = (seconds.len() * percent).div_ceil(100).checked_sub(1)?;
            let (_, value, _) = seconds.select_nth_unstable(rank);
            Some(TimeDelta::seconds(i64::from(*value)))
        };
        let (median, p90) = (nearest(50), nearest(90));
        Self { messages: seconds.len() as u64, median, p90, steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten waits of 1, 5, 6, 30, 31, 60, 3,600, 3,601, 86,400 and 9,000,000 seconds; the fifth is the median, the ninth 90 %.
    #[test]
    fn waits_in_steps() {
        let mut waits = Waits::default();
        for seconds in [9_000_000, 6, 5, 1, 31, 30, 86_400, 60, 3_601, 3_600] {
            waits.add(Some(seconds * 1_000_000), None);
        }
        let waited = waits.told();
        assert_eq!(waited.all.steps, [2, 2, 2, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1]);
        assert_eq!(
            (waited.all.median, waited.all.p90),
            (Some(TimeDelta::seconds(31)), Some(TimeDelta::seconds(86_400)))
        );
        assert_eq!((waited.all.messages, &waited.without_bots), (10, &Spread::default()));
    }

    #[test]
    fn what_is_told_before_it_was_sent_took_no_time() {
        let mut waits = Waits::default();
        waits.add(Some(-3_000_000), Some(1_999_999));
        let waited = waits.told();
        assert_eq!(
            (waited.all.median, waited.without_bots.median),
            (Some(TimeDelta::zero()), Some(TimeDelta::seconds(1)))
        );
    }
}

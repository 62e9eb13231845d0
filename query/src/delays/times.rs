//! How long deliveries took: every time with how often it was, so that any rank is exact.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Times are told in these steps, in milliseconds; the last step is whatever is longer.
pub const TIMES: [i64; 11] =
    [1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000, 43_200_000];

/// Times in milliseconds, each with how often it was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(HashMap<i64, u64, RandomState>);

/// Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimesTaken {
    /// How many deliveries.
    pub deliveries: u64,
    /// Half of them took no longer than this; `None` where there are none, as of the others.
    pub p50: Option<i64>,
    /// 95 in a hundred took no longer than this.
    pub p95: Option<i64>,
    /// 99 in a hundred took no longer than this.
    pub p99: Option<i64>,
    /// The longest.
    pub worst: Option<i64>,
    /// How many took up to each of [`TIMES`] (inclusive) and longer than the one before; the last one longer than all.
    pub steps: [u64; TIMES.len() + 1],
}

impl Times {
    pub(crate) fn add(&mut self, time: i64) {
        *self.0.entry(time).or_default() += 1;
    }

    pub(crate) fn sum(&mut self, other: &Self) {
        other.0.iter().for_each(|(time, count)| *self.0.entry(*time).or_default() += count);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The times that so many in a hundred do not exceed: the nearest rank, which is a time that was.
    pub(crate) fn nearest<const N: usize>(&self, percents: [u64; N]) -> [Option<i64>; N] {
        let mut sorted: Vec<(i64, u64)> = self.0.iter().map(|(time, count)| (*time, *count)).collect();
        sorted.sort_unstable();
        let all: u64 = sorted.iter().map(|(_, count)| count).sum();
        percents.map(|percent| {
            let mut rank = (all * percent).div_ceil(100);
            let found = sorted.iter().find(|(_, count)| {
                let is_it = rank <= *count;
                rank = rank.saturating_sub(*count);
                is_it
            });
            found.map(|(time, _)| *time)
        })
    }

    pub(crate) fn taken(&self) -> TimesTaken {
        let mut steps = [0; TIMES.len() + 1];
        for (time, count) in &self.0 {
            if let Some(step) = steps.get_mut(TIMES.partition_point(|most| most < time)) {
                *step += count;
            }
        }
        let [p50, p95, p99, worst] = self.nearest([50, 95, 99, 100]);
        TimesTaken { deliveries: self.count(), p50, p95, p99, worst, steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 1 to 100 seconds the 50th, 95th, 99th and 100th; of three times the second (1.5), third (2.85), third and third.
    #[test]
    fn ranks_are_the_nearest() {
        let mut hundred = Times::default();
        (1..=100).for_each(|second| hundred.add(second * 1_000));
        let taken = hundred.taken();
        let some = |times: [i64; 4]| times.map(Some);
        assert_eq!([taken.p50, taken.p95, taken.p99, taken.worst], some([50_000, 95_000, 99_000, 100_000]));
        assert_eq!(taken.steps, [1, 1, 3, 5, 20, 30, 40, 0, 0, 0, 0, 0]);
        let mut three = Times::default();
        [7, 3, 3].into_iter().for_each(|time| three.add(time));
        assert_eq!(three.nearest([50, 95, 99, 100]), some([3, 7, 7, 7]));
        hundred.sum(&three);
        assert_eq!((hundred.count(), hundred.nearest([1])), (103, [Some(3)]));
        assert_eq!(Times::default().taken(), TimesTaken::default());
    }
}

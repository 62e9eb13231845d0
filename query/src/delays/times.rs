//! How long deliveries took: exact ranks over runs of times, which are only put together as far as a question needs it.
//!
//! ```text
//! few times ──────────────> in order
//! many ── up to a minute ─> how often each millisecond was
//!      └─ longer ─────────> in order
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::division::Division;

/// Times are told in these steps, in milliseconds; the last step is whatever is longer.
pub const TIMES: [i64; 11] =
    [1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000, 43_200_000];

/// Up to so many times are put in order.
const FEW: u64 = 2_000;

/// Short times have a place each.
const SHORT: usize = 1 << 16;

/// So many places are summed up at once to find a rank.
const BLOCK: usize = 1 << 8;

/// Times in milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    runs: Vec<(Arc<Division>, u32)>,
    /// Others, each with how often it was.
    loose: HashMap<i64, u64, RandomState>,
    count: u64,
}

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
        self.add_times(time, 1);
    }

    fn add_times(&mut self, time: i64, times: u64) {
        *self.loose.entry(time).or_default() += times;
        self.count += times;
    }

    pub(super) fn add_run(&mut self, division: &Arc<Division>, run: u32) {
        self.count += division.runs.get(run as usize).map_or(0, |run| run.times);
        self.runs.push((Arc::clone(division), run));
    }

    pub(crate) fn sum(&mut self, other: &Self) {
        self.runs.extend_from_slice(&other.runs);
        other.loose.iter().for_each(|(time, times)| self.add_times(*time, *times));
        self.count += other.runs.iter().filter_map(|(of, run)| Some(of.runs.get(*run as usize)?.times)).sum::<u64>();
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The times that so many in a hundred do not exceed: the nearest rank, which is a time that was.
    pub(crate) fn nearest<const N: usize>(&self, percents: [u64; N]) -> [Option<i64>; N] {
        let mut room = Room::default();
        let ranked = self.ranked(&mut room);
        percents.map(|percent| ranked.nearest(self.count, percent))
    }

    pub(crate) fn taken(&self) -> TimesTaken {
        self.taken_in(&mut Room::default())
    }

    /// The same for one after the other.
    pub(crate) fn taken_in(&self, room: &mut Room) -> TimesTaken {
        let ranked = self.ranked(room);
        let mut steps = [0; TIMES.len() + 1];
        let mut before = 0;
        for (step, most) in steps.iter_mut().zip(TIMES) {
            let up_to = ranked.up_to(most);
            *step = up_to - before;
            before = up_to;
        }
        steps[TIMES.len()] = self.count - before;
        let [p50, p95, p99, worst] = [50, 95, 99, 100].map(|percent| ranked.nearest(self.count, percent));
        TimesTaken { deliveries: self.count, p50, p95, p99, worst, steps }
    }

    fn ranked<'r>(&self, room: &'r mut Room) -> Ranked<'r> {
        if self.count > FEW && u32::try_from(self.count).is_ok() {
            return self.counted(room);
        }
        let mut all: Vec<(i64, u64)> = self.loose.iter().map(|(time, times)| (*time, *times)).collect();
        for (division, run) in &self.runs {
            let times = division.times(*run);
            times.short(|time, times| all.push((i64::from(time), u64::from(times))));
            all.extend(times.long.iter().map(|time| (*time, 1)));
        }
        all.sort_unstable();
        Ranked { below: all, short: &[], blocks: Vec::new(), above: Vec::new() }
    }

    fn counted<'r>(&self, room: &'r mut Room) -> Ranked<'r> {
        let counts = room.clear();
        let (mut below, mut above) = (Vec::new(), Vec::new());
        for (division, run) in &self.runs {
            let times = division.times(*run);
            times.short(|time, times| counts[usize::from(time)] += times);
            let long = times.long.iter().map(|time| (*time, 1));
            long.for_each(|long| if long.0 < 0 { below.push(long) } else { above.push(long) });
        }
        for (time, times) in &self.loose {
            match (usize::try_from(*time), u32::try_from(*times)) {
                (Ok(time), Ok(times)) if time < SHORT => counts[time] += times,
                (Ok(_), _) => above.push((*time, *times)),
                (Err(_), _) => below.push((*time, *times)),
            }
        }
        below.sort_unstable();
        above.sort_unstable();
        let sum = |block: &[u32]| block.iter().map(|times| u64::from(*times)).sum();
        let blocks = counts.chunks(BLOCK).map(sum).collect();
        Ranked { below, short: counts, blocks, above }
    }
}

/// Room that is used for one after the other.
#[derive(Default)]
pub(crate) struct Room(Vec<u32>);

impl Room {
    /// [`SHORT`] zeros.
    fn clear(&mut self) -> &mut [u32] {
        self.0.clear();
        self.0.resize(SHORT, 0);
        &mut self.0
    }
}

/// Times in order: those below the short ones, the short ones by how often each was, and those above. A time may be there twice.
struct Ranked<'r> {
    below: Vec<(i64, u64)>,
    short: &'r [u32],
    /// Sums of so many of the short ones.
    blocks: Vec<u64>,
    above: Vec<(i64, u64)>,
}

impl Ranked<'_> {
    /// How many there are up to a time (inclusive).
    fn up_to(&self, most: i64) -> u64 {
        let apart = self.below.iter().chain(&self.above).filter(|(time, _)| *time <= most).map(|(_, times)| times);
        let end = usize::try_from(most.saturating_add(1)).unwrap_or_default().min(self.short.len());
        let whole = end / BLOCK;
        let rest = self.short[whole * BLOCK..end].iter().map(|times| u64::from(*times));
        apart.sum::<u64>() + self.blocks[..whole].iter().sum::<u64>() + rest.sum::<u64>()
    }

    fn nearest(&self, all: u64, percent: u64) -> Option<i64> {
        let mut rank = (u128::from(all) * u128::from(percent)).div_ceil(100).max(1) as u64;
        let mut is_past = |times: u64| {
            let is_past = rank > times;
            if is_past {
                rank -= times;
            }
            is_past
        };
        if let Some((time, _)) = self.below.iter().find(|(_, times)| !is_past(*times)) {
            return Some(*time);
        }
        if let Some(block) = self.blocks.iter().position(|times| !is_past(*times)) {
            let first = block * BLOCK;
            let place = self.short[first..].iter().position(|times| !is_past(u64::from(*times)))?;
            return i64::try_from(first + place).ok();
        }
        self.above.iter().find(|(_, times)| !is_past(*times)).map(|(time, _)| *time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded::{Delivery, TakeDeliveries};
    use crate::delays::rows::Gathering;

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

    /// The times of a division of one group, compact or as it was gathered.
    fn run_of(times: &[i64], is_compact: bool) -> Times {
        let mut rows = Vec::new();
        let mut gathering = Gathering::new(1, |found| rows.push(found));
        let deliveries = times.iter().map(|took| Delivery { time: 0, took: Some(*took), values: 0 });
        assert!(gathering.take(&[vec![Some("news")]], deliveries));
        assert!(gathering.finish());
        let mut all = Times::default();
        for rows in rows {
            let division = Division::by_groups(&rows, (i64::MIN, i64::MAX));
            let division = Arc::new(if is_compact { division.compact() } else { division });
            (0..division.runs.len() as u32).for_each(|run| all.add_run(&division, run));
        }
        all
    }

    /// 10,000 deliveries: 10 at -1 ms (a clock that was wrong), 5,000 of 1 to 5,000 ms, 4,890 of 60 s, 40 of 65,534 ms, 60 of a day. The
    /// 5,000th is 4,990 ms, the 9,500th is one of 60 s, the 9,900th the last of them, the 9,901st to 9,940th took 65,534 ms.
    #[test]
    fn ranks_are_found_over_runs() {
        let mut times: Vec<i64> = vec![-1; 10];
        times.extend(1..=5_000);
        times.extend([vec![60_000; 4_890], vec![65_534; 40], vec![86_400_000; 60]].concat());
        times.reverse();
        let one = [run_of(&times, false), run_of(&times, true)];
        let mut parts = run_of(&times[..1_234], true);
        parts.sum(&run_of(&times[1_234..7_000], true));
        times[7_000..].iter().for_each(|time| parts.add(*time));
        for taken in one.iter().chain([&parts]).map(Times::taken) {
            assert_eq!(taken.deliveries, 10_000);
            let ranks = [taken.p50, taken.p95, taken.p99, taken.worst];
            assert_eq!(ranks, [4_990, 60_000, 60_000, 86_400_000].map(Some));
            // Up to a second 10 and 1,000; up to two another 1,000; up to five 3,000; up to a minute 4,890; up to five 40.
            assert_eq!(taken.steps, [1_010, 1_000, 3_000, 0, 0, 4_890, 40, 0, 0, 0, 0, 60]);
        }
        for one in one {
            let mut with_more = one.clone();
            (0..100).for_each(|_| with_more.add(7_000_000));
            // Of 10,100 the 9,999th.
            assert_eq!(with_more.nearest([99, 0]), [Some(7_000_000), Some(-1)]);
        }
    }

    #[test]
    fn few_times_of_runs_are_put_in_order() {
        let mut times = run_of(&[5, 3, 70_000, -4, 3], true);
        times.sum(&run_of(&[], true));
        times.add(4);
        // -4, 3, 3, 4, 5, 70,000.
        assert_eq!(times.nearest([1, 33, 50, 67, 83, 84]), [-4, 3, 3, 5, 5, 70_000].map(Some));
        assert_eq!(times.taken().steps, [5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    }
}

//! When mail is sent, and by which set: hourly weights with daily and weekly seasons, and the incident as a seventh
//! stream that exists only in its window.
//!
//! Each send takes its place among those still to come as the smallest of so many uniform draws over the weight that is
//! left, so the last one falls just before the end whatever the estimate of their number was on the way.

use chrono::{DateTime, Datelike, Timelike};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::plan::Plan;
use crate::profile::{INCIDENT_SHARE, MARKETING, PROFILES};

const HOUR: i64 = 3_600_000;
const INCIDENT: usize = PROFILES.len();
const STREAMS: usize = PROFILES.len() + 1;

/// The place of the next send in time.
pub(crate) struct Calendar {
    start: i64,
    /// Weight of each stream in each hour from the start.
    hours: Vec<[f64; STREAMS]>,
    hour: usize,
    /// How much of the current hour's weight has passed.
    passed: f64,
    /// Weight left, the current hour's rest included.
    left: f64,
}

/// A send to be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slot {
    /// Milliseconds since 1970.
    pub(crate) sent: i64,
    /// Index into [`PROFILES`].
    pub(crate) set: usize,
    pub(crate) incident: bool,
}

impl Calendar {
    pub(crate) fn new(plan: &Plan) -> Self {
        let start = plan.start().timestamp_millis();
        let mut hours = vec![[0.0; STREAMS]; plan.days as usize * 24];
        for (set, profile) in PROFILES.iter().enumerate() {
            for (index, weights) in hours.iter_mut().enumerate() {
                let time = DateTime::from_timestamp_millis(start + index as i64 * HOUR).unwrap_or_default();
                let weekday = time.weekday().num_days_from_monday() as usize;
                weights[set] = f64::from(profile.hours[time.hour() as usize] * profile.weekdays[weekday]);
            }
            scale(&mut hours, set, profile.share);
        }
        if plan.incident {
            let (from, to) = plan.incident_window();
            let first = ((from.timestamp_millis() - start) / HOUR) as usize;
            let last = ((to.timestamp_millis() - start) / HOUR) as usize;
            hours.iter_mut().take(last).skip(first).for_each(|weights| weights[INCIDENT] = 1.0);
            scale(&mut hours, INCIDENT, INCIDENT_SHARE / (1.0 - INCIDENT_SHARE));
        }
        let left = hours.iter().flatten().sum();
        Self { start, hours, hour: 0, passed: 0.0, left }
    }

    /// The next send, if about `remaining` are still to come.
    pub(crate) fn next(&mut self, remaining: f64, rng: &mut ChaCha8Rng) -> Slot {
        let step = self.left * (1.0 - (1.0 - rng.random::<f64>()).powf(1.0 / remaining.max(1.0)));
        self.left -= step;
        self.passed += step;
        let mut total: f64 = self.hours[self.hour].iter().sum();
        while self.passed >= total && self.hour + 1 < self.hours.len() {
            self.passed -= total;
            self.hour += 1;
            total = self.hours[self.hour].iter().sum();
        }
        let within = if total > 0.0 { (self.passed / total * HOUR as f64) as i64 } else { 0 };
        let sent = self.start + self.hour as i64 * HOUR + within.min(HOUR - 1);
        let stream = pick(&self.hours[self.hour], rng.random::<f64>() * total);
        let set = if stream == INCIDENT { MARKETING } else { stream };
        Slot { sent, set, incident: stream == INCIDENT }
    }
}

/// Scales one stream so that its whole weight is `share`.
fn scale(hours: &mut [[f64; STREAMS]], stream: usize, share: f64) {
    let total: f64 = hours.iter().map(|weights| weights[stream]).sum();
    if total > 0.0 {
        hours.iter_mut().for_each(|weights| weights[stream] *= share / total);
    }
}

fn pick(weights: &[f64; STREAMS], mut point: f64) -> usize {
    for (stream, weight) in weights.iter().enumerate() {
        if point < *weight {
            return stream;
        }
        point -= weight;
    }
    0
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn sends_fill_the_whole_span_in_order() {
        let plan = Plan::new(1_000, 1);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut calendar = Calendar::new(&plan);
        let slots: Vec<_> = (0..20_000).map(|index| calendar.next(f64::from(20_000 - index), &mut rng)).collect();
        assert!(slots.is_sorted_by_key(|slot| slot.sent));
        let (start, end) = (plan.start().timestamp_millis(), plan.end.timestamp_millis());
        assert!(slots[0].sent >= start && slots[0].sent < start + HOUR);
        assert!(slots[19_999].sent < end && slots[19_999].sent > end - 2 * HOUR);
        let (from, to) = plan.incident_window();
        let incident = slots.iter().filter(|slot| slot.incident);
        assert!(incident.clone().all(|slot| slot.sent >= from.timestamp_millis() && slot.sent < to.timestamp_millis()));
        assert!((3_100..3_700).contains(&incident.count()));
    }
}

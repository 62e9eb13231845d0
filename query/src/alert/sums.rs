//! What a metric is made of: three sums over rows, which add up over minutes and groups. What is measured does not, since taking out
//! ends at zero: over a window on the event's clock a suppressed bounce may stand in another window than its send.

use std::ops::{Add, AddAssign, SubAssign};

use super::{Counting, Measured, Metric};
use crate::counting::CountingRules;
use crate::tally::{CELLS, Kind, RecipientClass, Tally};
use RecipientClass::{NoFeedbackLoop, Ordinary, Simulator, Verified};

/// The sums of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sums {
    /// Bounces, complaints or whatever is watched.
    events: i64,
    /// Sends (or deliveries) that count, less those that were never attempted.
    sends: i64,
    /// Those of them to domains that report no complaints, where that matters.
    silent: i64,
}

impl Sums {
    const NONE: Self = Self { events: 0, sends: 0, silent: 0 };

    /// Of a tally that is settled.
    pub(crate) fn of(metric: Metric, counting: Counting, tally: &Tally) -> Self {
        let mut sums = Self::NONE;
        for (kind, class, rows) in tally.rows_by_cell() {
            sums += of_row(metric, counting, kind, class).times(rows);
        }
        sums
    }

    pub(crate) fn measured(self) -> Measured {
        let number = |sum: i64| u64::try_from(sum).unwrap_or_default();
        Measured { events: number(self.events), sends: number(self.sends - self.silent.max(0)) }
    }

    fn times(self, rows: u64) -> Self {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        Self { events: self.events * rows, sends: self.sends * rows, silent: self.silent * rows }
    }
}

impl Add for Sums {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.sends += other.sends;
        self.silent += other.silent;
    }
}

impl SubAssign for Sums {
    fn sub_assign(&mut self, other: Self) {
        self.events -= other.events;
        self.sends -= other.sends;
        self.silent -= other.silent;
    }
}

/// What one row of each cell of a tally adds to a metric's sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Weights([Sums; CELLS]);

impl Weights {
    /// Of rows as they lie in the lake, which the rules may count as those of another kind.
    pub(crate) fn of(metric: Metric, counting: Counting, rules: &CountingRules) -> Self {
        let mut weights = [Sums::NONE; CELLS];
        for (weight, place) in weights.iter_mut().zip(0..) {
            let mut tally = Tally::default();
            tally.add_cell(place, 1);
            rules.settle(&mut tally);
            *weight = Sums::of(metric, counting, &tally);
        }
        Self(weights)
    }

    /// What rows of a cell add; nothing where they do not matter.
    pub(crate) fn of_rows(&self, cell: i16, rows: u64) -> Option<Sums> {
        let weight = self.0.get(usize::try_from(cell).ok()?).filter(|weight| **weight != Sums::NONE)?;
        Some(weight.times(rows))
    }
}

/// Bounces of mail that was never attempted.
fn is_suppressed(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::BounceAccountSuppression
            | Kind::BounceTenantSuppression
            | Kind::BounceEmailValidation
            | Kind::BounceUnsubscribed
    )
}

fn is_hard(kind: Kind) -> bool {
    kind == Kind::HardBounce || is_suppressed(kind)
}

fn is_complaint(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Complaint | Kind::ComplaintNotSpam | Kind::ComplaintAccountSuppression | Kind::ComplaintTenantSuppression
    )
}

/// What a row adds, by the arithmetic of [`crate::AwsCounts`] and [`crate::Counts`].
fn of_row(metric: Metric, counting: Counting, kind: Kind, class: RecipientClass) -> Sums {
    let one = |is_one: bool| i64::from(is_one);
    let is_outside = match class {
        NoFeedbackLoop | Ordinary => true,
        Simulator | Verified => false,
    };
    // A send that counts, or one that does not for this bounce.
    let eligible = match kind {
        Kind::Send => one(is_outside),
        kind => -one(is_outside && is_suppressed(kind)),
    };
    let silent = if class == NoFeedbackLoop { eligible } else { 0 };
    let counted_bounce = one(is_outside && matches!(kind, Kind::HardBounce | Kind::CountedUndetermined));
    let counted_complaint = one(class == Ordinary && kind == Kind::Complaint);
    let (send, delivery) = (one(kind == Kind::Send), one(kind == Kind::Delivery));
    let (events, sends, silent) = match (metric, counting) {
        (Metric::BounceRate | Metric::Bounces, Counting::Aws) => (counted_bounce, eligible, 0),
        (Metric::BounceRate | Metric::Bounces, Counting::Plain) => (one(is_hard(kind)), send, 0),
        (Metric::ComplaintRate | Metric::Complaints, Counting::Aws) => (counted_complaint, eligible, silent),
        (Metric::ComplaintRate | Metric::Complaints, Counting::Plain) => (one(is_complaint(kind)), delivery, 0),
        (Metric::SoftBounceRate, _) => (one(kind == Kind::SoftBounce), send, 0),
        (Metric::DeliveryRate | Metric::Deliveries, _) => (delivery, send, 0),
        (Metric::RejectRate, _) => (one(kind == Kind::Reject), send, 0),
        (Metric::DelayRate, _) => (one(kind == Kind::DeliveryDelay), send, 0),
        (Metric::RenderingFailureRate, _) => (one(kind == Kind::RenderingFailure), send, 0),
        (Metric::OpenRate, _) => (one(kind == Kind::Open), delivery, 0),
        (Metric::ClickRate, _) => (one(kind == Kind::Click), delivery, 0),
        (Metric::Sends, Counting::Aws) => (eligible, eligible, 0),
        (Metric::Sends, Counting::Plain) => (send, send, 0),
        (
            Metric::Freshness
            | Metric::SendsVsWeekday
            | Metric::QuarantineRatio
            | Metric::DelayP50
            | Metric::DelayP95
            | Metric::DelayP99
            | Metric::Coverage,
            _,
        ) => (0, 0, 0),
    };
    Sums { events, sends, silent }
}

#[cfg(test)]
mod tests {
    use rand::prelude::*;
    use rand::rngs::StdRng;

    use super::*;
    use crate::counting::AwsCounts;
    use crate::rates::Counts;
    use crate::silent::Silent;
    use crate::tally::cell;

    /// What AWS's and the plain counts say, which are worked out by hand in their own tests.
    fn by_counts(metric: Metric, counting: Counting, tally: &Tally) -> Measured {
        let (aws, all) = (AwsCounts::of(tally), Counts::of(tally));
        let (events, sends) = match (metric, counting) {
            (Metric::BounceRate | Metric::Bounces, Counting::Aws) => (aws.bounces.counted, aws.eligible_sends.counted),
            (Metric::BounceRate | Metric::Bounces, Counting::Plain) => (all.hard_bounce, all.send),
            (Metric::ComplaintRate | Metric::Complaints, Counting::Aws) => {
                (aws.complaints.counted, aws.complaint_eligible_sends.counted)
            }
            (Metric::ComplaintRate | Metric::Complaints, Counting::Plain) => (all.complaint, all.delivery),
            (Metric::SoftBounceRate, _) => (all.soft_bounce, all.send),
            (Metric::DeliveryRate | Metric::Deliveries, _) => (all.delivery, all.send),
            (Metric::RejectRate, _) => (all.reject, all.send),
            (Metric::DelayRate, _) => (all.delivery_delay, all.send),
            (Metric::RenderingFailureRate, _) => (all.rendering_failure, all.send),
            (Metric::OpenRate, _) => (all.open, all.delivery),
            (Metric::ClickRate, _) => (all.click, all.delivery),
            (Metric::Sends, Counting::Aws) => (aws.eligible_sends.counted, aws.eligible_sends.counted),
            (Metric::Sends, Counting::Plain) => (all.send, all.send),
            _ => (0, 0),
        };
        Measured { events, sends }
    }

    /// Small numbers, so that suppressed bounces outnumber sends as often as not.
    fn random_tally(random: &mut StdRng) -> Tally {
        let mut tally = Tally::default();
        for place in 0..CELLS {
            if random.random_bool(0.6) {
                tally.add_cell(i16::try_from(place).unwrap(), random.random_range(0..6));
            }
        }
        tally
    }

    #[test]
    fn sums_measure_what_the_counts_say() {
        let mut random = StdRng::seed_from_u64(7);
        for _ in 0..2_000 {
            let tally = random_tally(&mut random);
            for metric in Metric::ALL {
                for counting in [Counting::Aws, Counting::Plain] {
                    let measured = Sums::of(metric, counting, &tally).measured();
                    assert_eq!(measured, by_counts(metric, counting, &tally), "{metric} {counting:?} {tally:?}");
                }
            }
        }
    }

    #[test]
    fn rows_as_they_lie_count_as_the_rules_have_it() {
        let mut random = StdRng::seed_from_u64(8);
        let rules = CountingRules::default().counting(Silent::ALL);
        for _ in 0..500 {
            let raw = random_tally(&mut random);
            let mut settled = raw.clone();
            rules.settle(&mut settled);
            for metric in Metric::ALL {
                let weights = Weights::of(metric, Counting::Aws, &rules);
                let mut sums = Sums::default();
                for (kind, class, rows) in raw.rows_by_cell() {
                    sums += weights.of_rows(cell(kind, class), rows).unwrap_or_default();
                }
                assert_eq!(sums, Sums::of(metric, Counting::Aws, &settled), "{metric} {raw:?}");
            }
        }
    }
}

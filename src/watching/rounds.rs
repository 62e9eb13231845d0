//! How much of a source is listed in a look: all of it now and then, otherwise the days in which something may be new.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use repute_ingest::DayFamilies;

/// A source of no more objects is always listed as a whole: that is two of S3's pages.
const SMALL: usize = 2_000;

/// A larger one is listed as a whole so often.
const WHOLE_EVERY: Duration = Duration::from_secs(3_600);

/// And the days before and after, in which late objects and other zones may lie, so often.
const MARGIN_EVERY: Duration = Duration::from_secs(60);

/// A listing takes no more than this share of the time: the pause after it is so many times as long.
const PAUSE_SHARE: u32 = 2;

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// Everything.
    Whole,
    /// The days of which there may be late objects.
    Margin,
    /// The present day.
    Day,
}

/// When what was listed.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// What the last whole listing has taught.
    pub(super) families: DayFamilies,
    size: usize,
    whole: Option<Instant>,
    margin: Option<Instant>,
}

impl Rounds {
    /// What to list next; `at` is now on the clock that only goes forward.
    pub(super) fn next(&self, now: DateTime<Utc>, at: Instant) -> Round {
        let is_due = |last: Option<Instant>, every| last.is_none_or(|last| at.duration_since(last) >= every);
        if self.size <= SMALL || is_due(self.whole, WHOLE_EVERY) || !self.families.suffice(now) {
            Round::Whole
        } else if is_due(self.margin, MARGIN_EVERY) {
            Round::Margin
        } else {
            Round::Day
        }
    }

    /// A round that began then and took so long has come to its end. Of a whole one: what it has taught, and the number of objects.
    /// Gives the pause before the next, where `usual` is the pause otherwise.
    pub(super) fn ended(
        &mut self,
        round: Round,
        (began, took): (Instant, Duration),
        (families, size): (DayFamilies, usize),
        usual: Duration,
    ) -> Duration {
        match round {
            Round::Whole => {
                (self.families, self.size) = (families, size);
                (self.whole, self.margin) = (Some(began), Some(began));
            }
            Round::Margin => self.margin = Some(began),
            Round::Day => {}
        }
        usual.max(took * PAUSE_SHARE)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_large_source_is_listed_by_days() {
        let now: DateTime<Utc> = "2026-11-28T15:04:05Z".parse().unwrap();
        let mut families = DayFamilies::default();
        families.learn("ses/2026/11/28/15/x", now);
        let (usual, second, start) = (Duration::from_secs(2), Duration::from_secs(1), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut rounds = Rounds::default();
        assert_eq!(rounds.next(now, at(0)), Round::Whole);
        rounds.ended(Round::Whole, (at(0), second), (families.clone(), 10), usual);
        assert_eq!(rounds.next(now, at(1)), Round::Whole, "a small source");
        let pause = rounds.ended(Round::Whole, (at(1), 30 * second), (families.clone(), 5_000), usual);
        assert_eq!(pause, 60 * second);
        assert_eq!(rounds.next(now, at(31)), Round::Day);
        assert_eq!(rounds.next(now, at(61)), Round::Margin);
        assert_eq!(rounds.ended(Round::Margin, (at(61), second / 10), Default::default(), usual), usual);
        assert_eq!(rounds.next(now, at(62)), Round::Day);
        assert_eq!(rounds.next(now, at(3_601)), Round::Whole);
        rounds.ended(Round::Whole, (at(3_601), second), (DayFamilies::default(), 5_000), usual);
        assert_eq!(rounds.next(now, at(3_602)), Round::Whole, "no days are known");
    }
}

//! Which window a time lies in, for figures that are no tallies.

use chrono::{DateTime, TimeDelta, Utc};

use crate::calendar::LocalDays;
use crate::error::QueryError;
use crate::rates::Stepping;

/// How times fall into windows; a window goes by its start in microseconds.
#[derive(Debug)]
pub(crate) enum Windows {
    /// There is one over everything.
    None,
    /// Of this width, from 1970.
    Tumbling(i64),
    /// Calendar days that start at these times.
    Days(LocalDays, Vec<i64>),
}

impl Windows {
    /// Windows for times that lie between the two of `range` (inclusive).
    ///
    /// # Errors
    /// [`QueryError::Question`] for sliding windows.
    pub(crate) fn of(
        stepping: Stepping,
        width: Option<i64>,
        range: impl FnOnce() -> Option<(i64, i64)>,
    ) -> Result<Self, QueryError> {
        match (stepping, width) {
            (Stepping::Tumbling, None) => Ok(Self::None),
            (Stepping::Tumbling, Some(width)) => Ok(Self::Tumbling(width.max(1))),
            (Stepping::Days(local), _) => {
                Ok(Self::Days(local, range().map(|ends| starts(local, ends)).unwrap_or_default()))
            }
            (Stepping::Sliding(_), _) => Err(QueryError::Question("there are no sliding windows of this".to_owned())),
        }
    }

    pub(crate) fn is_any(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// The start of the window of a time.
    pub(crate) fn start(&self, time: i64) -> i64 {
        match self {
            Self::None => 0,
            Self::Tumbling(width) => time.div_euclid(*width) * width,
            Self::Days(_, starts) => {
                let after = starts.partition_point(|start| *start <= time);
                after.checked_sub(1).and_then(|index| starts.get(index)).copied().unwrap_or_default()
            }
        }
    }

    /// Start and end of the window of a time, microseconds; of the last calendar day the end is not known, and later than any time.
    pub(crate) fn around(&self, time: i64) -> (i64, i64) {
        let start = self.start(time);
        match self {
            Self::None => (i64::MIN, i64::MAX),
            Self::Tumbling(width) => (start, start.saturating_add(*width)),
            Self::Days(_, starts) => {
                (start, starts.get(starts.partition_point(|start| *start <= time)).copied().unwrap_or(i64::MAX))
            }
        }
    }

    /// Start and end of the window that starts at a time.
    pub(crate) fn ends(&self, start: i64) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let begins = DateTime::from_timestamp_micros(start)?;
        match self {
            Self::None => None,
            Self::Tumbling(width) => Some((begins, begins + TimeDelta::microseconds(*width))),
            Self::Days(local, _) => Some((begins, local.window(begins).1)),
        }
    }
}

fn starts(local: LocalDays, (first, last): (i64, i64)) -> Vec<i64> {
    let mut starts = Vec::new();
    let mut time = first;
    while time <= last {
        let Some(moment) = DateTime::from_timestamp_micros(time) else { break };
        let (start, end) = local.window(moment);
        starts.push(start.timestamp_micros());
        if end.timestamp_micros() <= time {
            break;
        }
        time = end.timestamp_micros();
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_a_zone_are_those_of_its_people() {
        let hour = 3_600_000_000;
        let at = |time: &str| time.parse::<DateTime<Utc>>().unwrap().timestamp_micros();
        // Clocks in Berlin go back on 2026-10-25.
        let local = LocalDays { zone: chrono_tz::Tz::Europe__Berlin, days: 1 };
        let range = || Some((at("2026-10-24T12:00:00Z"), at("2026-10-26T12:00:00Z")));
        let windows = Windows::of(Stepping::Days(local), None, range).unwrap();
        let first = at("2026-10-23T22:00:00Z");
        assert_eq!(windows.start(at("2026-10-24T12:00:00Z")), first);
        assert_eq!(windows.start(first + 48 * hour), first + 24 * hour);
        assert_eq!(windows.start(first + 49 * hour), first + 49 * hour, "the day had 25 hours");
        let after = first + 24 * hour;
        assert_eq!([after, after + 25 * hour - 1].map(|time| windows.around(time)), [(after, after + 25 * hour); 2]);
        let (start, end) = windows.ends(first + 24 * hour).unwrap();
        assert_eq!(end - start, TimeDelta::hours(25));
        assert_eq!(Windows::Tumbling(hour).start(-1), -hour);
        assert_eq!(Windows::Tumbling(hour).around(hour - 1), (0, hour));
        assert!(Windows::of(Stepping::Sliding(10), None, || None).is_err());
    }
}

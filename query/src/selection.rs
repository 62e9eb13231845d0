//! What is asked of the rows, and what is answered.

use chrono::{DateTime, Utc};
use repute_lake::EventType;
use repute_lake::schema::column;

use crate::dimension::Dimension;
use crate::tally::Tally;

/// A minute in microseconds.
pub(crate) const MINUTE: i64 = 60_000_000;

/// By which time an event belongs to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Clock {
    /// When it happened.
    #[default]
    Event,
    /// When the mail it belongs to was sent. Events that do not say are in no window.
    Sent,
}

impl Clock {
    /// The name in options and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Sent => "sent",
        }
    }

    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Event => column::EVENT_TIME,
            Self::Sent => column::SENT_TIME,
        }
    }
}

/// Which rows, and how they are grouped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Selection {
    /// By which time.
    pub clock: Clock,
    /// From here on (inclusive); `None` for all.
    pub since: Option<DateTime<Utc>>,
    /// Up to here (exclusive); `None` for all.
    pub until: Option<DateTime<Utc>>,
    /// Only what had happened before this time, whatever the clock; `None` for all.
    pub as_of: Option<DateTime<Utc>>,
    /// Only what lies in the minutes that begin at these times (microseconds); empty for all.
    pub minutes: Vec<i64>,
    /// Only events of these types; empty for all.
    pub types: Vec<EventType>,
    /// Width of a window in microseconds; `None` for one window over everything.
    pub width: Option<i64>,
    /// What to group by.
    pub by: Vec<Dimension>,
    /// Only groups whose last dimension has one of these values; empty for all.
    pub among: Vec<Option<String>>,
    /// Only rows with these values; `None` asks for rows without one.
    pub only: Vec<(Dimension, Option<String>)>,
}

impl Selection {
    /// Whether rows counted by minute, account and configuration set can answer it, but for the minutes in which it begins and ends.
    pub(crate) fn is_by_minutes(&self) -> bool {
        self.is_by_scope() && self.minutes.is_empty() && self.width.is_none_or(|width| width % MINUTE == 0)
    }

    /// Whether it asks when the mail of sends, bounces and complaints was sent, to the microsecond, in some minutes.
    pub(crate) fn is_by_moments(&self) -> bool {
        const KNOWN: [EventType; 3] = [EventType::Send, EventType::Bounce, EventType::Complaint];
        let is_known = !self.types.is_empty() && self.types.iter().all(|of| KNOWN.contains(of));
        let is_fine = self.clock == Clock::Sent && self.width == Some(1) && !self.minutes.is_empty();
        self.is_by_scope() && is_known && is_fine && self.since.is_none() && self.until.is_none()
    }

    fn is_by_scope(&self) -> bool {
        let dimensions = self.by.iter().chain(self.only.iter().map(|(dimension, _)| dimension));
        dimensions.into_iter().all(|d| *d == Dimension::ACCOUNT || *d == Dimension::CONFIGURATION_SET)
    }
}

/// One group in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tallied {
    /// Start of the window, microseconds since the epoch; zero when there is one window over everything.
    pub window: i64,
    /// Values of the dimensions, `None` where a row has none.
    pub group: Vec<Option<String>>,
    /// What was counted.
    pub tally: Tally,
}

//! Delayed messages, each for a recipient.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::RandomState;

use crate::delays::outcomes::Outcome;
use crate::error::QueryError;
use crate::wording::thousands;

/// Of more delayed messages it is not found out what became of them.
const MOST_DELAYED: usize = 1_000_000;

/// What is said with a delay. Of two at the same time the greater one counts as the later, whichever is read first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::delays) struct Said {
    pub(super) diagnostic: Option<String>,
    pub(super) delay_type: Option<String>,
    pub(super) provider: Option<String>,
    /// When SES stops trying, microseconds.
    pub(super) expires: Option<i64>,
    pub(super) recipient: String,
    pub(super) message_id: String,
}

/// What is known of a delayed message; times are microseconds.
pub(in crate::delays) struct Known<S> {
    /// First delay.
    pub(in crate::delays) first: i64,
    /// Last delay.
    pub(super) last: i64,
    /// What was said with the last delay, or where that is found.
    pub(super) said: S,
    /// When the mail was sent.
    pub(in crate::delays) sent: Option<i64>,
    pub(in crate::delays) outcome: Option<(i64, Outcome)>,
}

/// Messages by their keys.
pub(in crate::delays) struct Messages<S>(HashMap<u64, Known<S>, RandomState>);

impl<S> Default for Messages<S> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<S> Messages<S> {
    /// Adds a delay. `is_later` tells of two at the same time whether the first counts as the later one.
    ///
    /// # Errors
    /// [`QueryError::Question`] for more messages than are looked after.
    pub(super) fn add(
        &mut self,
        key: u64,
        time: i64,
        sent: Option<i64>,
        said: S,
        is_later: impl Fn(&S, &S) -> bool,
    ) -> Result<(), QueryError> {
        match self.0.entry(key) {
            Entry::Vacant(place) => {
                place.insert(Known { first: time, last: time, said, sent, outcome: None });
                if self.0.len() > MOST_DELAYED {
                    let most = thousands(MOST_DELAYED as u64);
                    let message = format!("more than {most} delayed messages; choose a shorter range");
                    return Err(QueryError::Question(message));
                }
            }
            Entry::Occupied(mut place) => {
                let known = place.get_mut();
                if time > known.last || (time == known.last && is_later(&said, &known.said)) {
                    (known.last, known.said) = (time, said);
                }
                known.first = known.first.min(time);
                known.sent = known.sent.into_iter().chain(sent).min();
            }
        }
        Ok(())
    }

    pub(in crate::delays) fn len(&self) -> usize {
        self.0.len()
    }

    pub(in crate::delays) fn get_mut(&mut self, key: u64) -> Option<&mut Known<S>> {
        self.0.get_mut(&key)
    }

    pub(in crate::delays) fn known(&self) -> impl Iterator<Item = &Known<S>> {
        self.0.values()
    }
}

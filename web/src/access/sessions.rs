//! Who has signed in, kept in memory: a restart signs everybody out.
//!
//! A session is known by 256 random bits in a cookie, of which only the SHA-256 is kept. Ids are made here and at sign-in only, so
//! that nobody can be given one by somebody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::rights::Rights;
use super::secret::{random, sha256};

/// Past this the session that was longest idle goes.
const MOST: usize = 10_000;

/// Where a session's rights come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The users file as it is now, as long as the password is the same.
    Password { stamp: [u8; 32] },
    /// An identity provider, at sign-in.
    Oidc(Rights),
}

/// Somebody who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) name: Arc<str>,
    pub(super) origin: Origin,
    started: DateTime<Utc>,
    seen: DateTime<Utc>,
}

/// All sessions.
pub(super) struct Sessions {
    /// Unused for so long, a session ends.
    idle: TimeDelta,
    /// A session lasts no longer, however much it is used.
    longest: TimeDelta,
    by_digest: Mutex<HashMap<[u8; 32], Session>>,
}

impl Sessions {
    pub(super) fn new(idle: TimeDelta, longest: TimeDelta) -> Self {
        Self { idle, longest, by_digest: Mutex::new(HashMap::new()) }
    }

    /// Begins a session and gives its id.
    pub(super) fn begin(&self, name: &str, origin: Origin, now: DateTime<Utc>) -> String {
        let id = random();
        let session = Session { name: name.into(), origin, started: now, seen: now };
        let mut sessions = self.lock();
        if sessions.len() >= MOST {
            sessions.retain(|_, session| self.is_alive(session, now));
        }
        if sessions.len() >= MOST
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.seen).map(|(digest, _)| *digest)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(sha256(&id), session);
        id
    }

    /// The session of this id, if it has not ended; it is used by that.
    pub(super) fn find(&self, id: &str, now: DateTime<Utc>) -> Option<Session> {
        let digest = sha256(id);
        let mut sessions = self.lock();
        let session = sessions.get_mut(&digest)?;
        if !self.is_alive(session, now) {
            sessions.remove(&digest);
            return None;
        }
        session.seen = now;
        Some(session.clone())
    }

    /// Ends a session.
    pub(super) fn end(&self, id: &str) {
        self.lock().remove(&sha256(id));
    }

    fn is_alive(&self, session: &Session, now: DateTime<Utc>) -> bool {
        now - session.seen < self.idle && now - session.started < self.longest
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.by_digest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::rights::Role;

    fn noon() -> DateTime<Utc> {
        "2026-11-01T12:00:00Z".parse().unwrap()
    }

    fn origin() -> Origin {
        Origin::Oidc(Rights { role: Role::Viewer, addresses: false })
    }

    #[test]
    fn a_session_ends_when_idle_when_old_and_when_told() {
        let sessions = Sessions::new(TimeDelta::hours(1), TimeDelta::hours(3));
        let id = sessions.begin("jane", origin(), noon());
        for minutes in [59, 118, 177] {
            assert!(sessions.find(&id, noon() + TimeDelta::minutes(minutes)).is_some(), "{minutes}");
        }
        assert!(sessions.find(&id, noon() + TimeDelta::minutes(180)).is_none(), "three hours are over");
        let id = sessions.begin("jane", origin(), noon());
        assert!(sessions.find(&id, noon() + TimeDelta::minutes(60)).is_none(), "it was idle for an hour");
        assert!(sessions.find(&id, noon()).is_none(), "what has ended does not come back");
        let id = sessions.begin("jane", origin(), noon());
        let other = sessions.begin("jane", origin(), noon());
        sessions.end(&id);
        assert!(sessions.find(&id, noon()).is_none());
        assert_eq!(sessions.find(&other, noon()).unwrap().name.as_ref(), "jane");
        assert!(sessions.find("", noon()).is_none());
    }

    #[test]
    fn sessions_are_bounded() {
        let sessions = Sessions::new(TimeDelta::hours(1), TimeDelta::hours(3));
        let first = sessions.begin("first", origin(), noon());
        for second in 1..=MOST {
            sessions.begin("more", origin(), noon() + TimeDelta::milliseconds(second as i64));
        }
        assert_eq!(sessions.lock().len(), MOST);
        assert!(sessions.find(&first, noon()).is_none());
    }
}

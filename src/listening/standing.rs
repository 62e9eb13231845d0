//! Where a connection stands, and until when it may stand there.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Limits;

/// Bytes per second that a client takes in at least, once its patience is used up.
pub(super) const LEAST_RATE: u32 = 8 << 10;

/// A connection that is to end has so long to send the rest of a request's head, or to say good-bye.
const STOP_TIME: Duration = Duration::from_secs(1);

/// A connection's standing, told by its stream and its service, and asked by its timer.
pub(super) struct Standing {
    state: Mutex<State>,
    leave: Notify,
}

impl Standing {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::new(Instant::now())), leave: Notify::new() }
    }

    /// Requests may come.
    pub(super) fn is_open(&self) {
        self.state().enter(Phase::Idle, Instant::now());
    }

    /// Bytes came.
    pub(super) fn hears(&self) {
        self.state().hears(Instant::now());
    }

    /// A request is there.
    pub(super) fn asks(&self) {
        self.state().enter(Phase::Asked, Instant::now());
    }

    /// All of the answer is written, or about to be.
    pub(super) fn is_answered(&self) {
        self.state().enter(Phase::Idle, Instant::now());
    }

    /// The client takes nothing in for now.
    pub(super) fn is_blocked(&self) {
        self.state().blocked.get_or_insert_with(Instant::now);
    }

    /// The client took bytes in.
    pub(super) fn took(&self, bytes: usize) {
        self.state().took(bytes, Instant::now());
    }

    /// The connection is to end: a request that has not begun is no longer waited for.
    pub(super) fn stop(&self) {
        self.state().stopped.get_or_insert_with(Instant::now);
    }

    /// Whether it is to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.state().stopped.is_some()
    }

    /// Whether it could end well: nothing of a request is there.
    pub(super) fn is_idle(&self) -> bool {
        self.state().phase == Phase::Idle
    }

    /// When the connection is to be closed, as things stand.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        self.state().deadline(limits)
    }

    /// Since when nothing has been asked for, and nothing is owed.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.phase != Phase::Asked && state.blocked.is_none()).then_some(state.since)
    }

    /// Whether it was asked to make room.
    pub(super) fn is_leaving(&self) -> bool {
        self.state().is_leaving
    }

    /// What it is closed for at its deadline.
    pub(super) fn reason(&self) -> &'static str {
        self.state().reason()
    }

    /// Asks the connection to make room for another.
    pub(super) fn leave(&self) {
        self.state().is_leaving = true;
        self.leave.notify_one();
    }

    /// Waits until it is asked to.
    pub(super) async fn told_to_leave(&self) {
        self.leave.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct State {
    phase: Phase,
    since: Instant,
    /// Since when a write waits for the client.
    blocked: Option<Instant>,
    /// How long writes have waited, less what the bytes that went out were worth.
    used: Duration,
    is_leaving: bool,
    /// When it was told to end.
    stopped: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Agreeing on keys.
    Handshake,
    /// No request has begun.
    Idle,
    /// Some of a request's head is there.
    Head,
    /// A request is being answered.
    Asked,
}

impl State {
    fn new(now: Instant) -> Self {
        let (phase, used) = (Phase::Handshake, Duration::ZERO);
        Self { phase, since: now, blocked: None, used, is_leaving: false, stopped: None }
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        (self.phase, self.since) = (phase, now);
    }

    fn hears(&mut self, now: Instant) {
        if self.phase == Phase::Idle {
            self.enter(Phase::Head, now);
        }
    }

    fn took(&mut self, bytes: usize, now: Instant) {
        let blocked = self.blocked.take();
        if bytes == 0 && blocked.is_none() {
            return;
        }
        let waited = blocked.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let worth = Duration::from_secs_f64(bytes as f64 / f64::from(LEAST_RATE));
        self.used = (self.used + waited).saturating_sub(worth);
        // An answer that is still on its way out keeps a connection from being idle.
        if self.phase == Phase::Idle {
            self.since = now;
        }
    }

    fn deadline(&self, limits: &Limits) -> Option<Instant> {
        if let Some(since) = self.blocked {
            return Some(since + limits.send_timeout.saturating_sub(self.used));
        }
        let stop = self.stopped.map(|stopped| stopped.max(self.since) + STOP_TIME);
        let head = self.since + limits.header_timeout;
        match self.phase {
            Phase::Handshake | Phase::Head => Some(stop.map_or(head, |stop| stop.min(head))),
            Phase::Idle => stop.or(Some(self.since + limits.idle_timeout)),
            Phase::Asked => None,
        }
    }

    fn reason(&self) -> &'static str {
        match self.phase {
            _ if self.blocked.is_some() => "the client does not take in its answer",
            Phase::Handshake => "the TLS handshake took too long",
            Phase::Idle => "nothing was asked",
            Phase::Head => "the head of the request took too long",
            Phase::Asked => "the answer took too long",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_phase_has_its_time() {
        let (limits, start) = (Limits::default(), Instant::now());
        let mut state = State::new(start);
        assert_eq!(state.deadline(&limits), Some(start + seconds(10)));
        state.enter(Phase::Idle, start);
        assert_eq!(state.deadline(&limits), Some(start + seconds(75)));
        state.hears(start + seconds(60));
        assert_eq!(state.deadline(&limits), Some(start + seconds(70)));
        // One byte more does not begin the time anew.
        state.hears(start + seconds(65));
        assert_eq!(state.deadline(&limits), Some(start + seconds(70)));
        state.enter(Phase::Asked, start + seconds(66));
        state.hears(start + seconds(67));
        assert_eq!(state.deadline(&limits), None);
        state.stopped = Some(start + seconds(68));
        assert_eq!(state.deadline(&limits), None);
        state.enter(Phase::Idle, start + seconds(69));
        assert_eq!(state.deadline(&limits), Some(start + seconds(70)));
        // Its answer is still on its way out.
        state.blocked = Some(start + seconds(69));
        assert_eq!(state.deadline(&limits), Some(start + seconds(99)));
        state.took(1 << 20, start + seconds(80));
        assert_eq!(state.deadline(&limits), Some(start + seconds(81)));
        // There was nothing to write.
        state.took(0, start + seconds(90));
        assert_eq!(state.deadline(&limits), Some(start + seconds(81)));
    }

    #[test]
    fn patience_with_slow_readers_is_used_up_and_earned() {
        let (limits, start) = (Limits::default(), Instant::now());
        let mut state = State::new(start);
        state.enter(Phase::Asked, start);
        state.blocked = Some(start);
        assert_eq!(state.deadline(&limits), Some(start + seconds(30)));
        state.took(1, start + seconds(20));
        assert_eq!(state.deadline(&limits), None);
        let left = |state: &mut State| {
            state.blocked = Some(start);
            let left = state.deadline(&limits).unwrap() - start;
            state.blocked = None;
            left.as_secs_f64()
        };
        // Next to nothing was earned by one byte.
        assert!((left(&mut state) - 10.0).abs() < 0.001);
        state.took(8 * LEAST_RATE as usize, start);
        assert!((left(&mut state) - 18.0).abs() < 0.001);
        state.took(1 << 30, start);
        assert!((left(&mut state) - 30.0).abs() < 0.001);
    }
}

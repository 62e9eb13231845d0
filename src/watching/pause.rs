//! Pauses that grow while something fails, and differ between those that fail together.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// The longest pause of a source that fails.
const LONGEST: Duration = Duration::from_secs(120);

/// How long to wait after so many failures in a row: twice as long each time, spread by half.
pub(super) fn after_failures(failures: u32, usual: Duration) -> Duration {
    let least = usual.max(Duration::from_millis(500));
    let full = least.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(LONGEST.max(usual));
    full.mul_f64(rand::random_range(0.5..1.0))
}

/// Waits; whether it is to be gone on afterwards.
pub(super) async fn pause(time: Duration, stopping: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = sleep(time) => true,
        () = stop(stopping) => false,
    }
}

/// Returns once everything is to end.
pub(super) async fn stop(stopping: &mut watch::Receiver<bool>) {
    // Whoever could say so has gone.
    if stopping.wait_for(|stop| *stop).await.is_err() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let usual = Duration::from_secs(1);
        for (failures, from, to) in [(1, 1, 2), (3, 4, 8), (10, 60, 120), (u32::MAX, 60, 120)] {
            let pause = after_failures(failures, usual);
            assert!(pause >= Duration::from_secs(from) && pause <= Duration::from_secs(to), "{failures}: {pause:?}");
        }
        assert!(after_failures(9, Duration::from_secs(3_600)) <= Duration::from_secs(3_600));
    }
}

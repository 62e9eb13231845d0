//! Pauses between attempts.

use std::time::Duration;

/// A pause that grows with every attempt and differs between writers, so that those who met do not meet again.
pub(crate) async fn pause_among_writers(attempt: u32) {
    let full = 20 * u64::from(attempt);
    let spread = u64::from(uuid::Uuid::new_v4().as_fields().0) % full.max(1);
    tokio::time::sleep(Duration::from_millis(full / 2 + spread)).await;
}

/// A pause for a store in trouble: 0.1 s, then three times as long each time.
pub(crate) async fn pause_for_store(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(100 * 3_u64.saturating_pow(attempt.saturating_sub(1)))).await;
}

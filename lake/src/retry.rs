//! Pauses between attempts.

use std::time::Duration;

/// How long to wait before a further attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pauses {
    /// The pause before the second attempt on a store in trouble.
    pub(crate) first: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { first: Duration::from_millis(100) }
    }
}

impl Pauses {
    /// After meeting another writer: grows with every attempt and differs between writers, so that those who met do not
    /// meet again.
    pub(crate) async fn among_writers(self, attempt: u32) {
        let full = self.first * attempt / 5;
        let spread = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
        tokio::time::sleep(full.mul_f64(0.5 + spread)).await;
    }

    /// With a store in trouble: three times as long each time.
    pub(crate) async fn for_store(self, attempt: u32) {
        tokio::time::sleep(self.first * 3_u32.saturating_pow(attempt.saturating_sub(1))).await;
    }
}

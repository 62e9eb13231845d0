//! Memory that deliveries hold while they are worked on, bounded for all of them together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// What is reserved at a time.
const UNIT: usize = 64 << 10;

/// A delivery waits so long for others to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// What there is for all deliveries.
#[derive(Debug)]
pub(super) struct Memory {
    left: Arc<Semaphore>,
    patience: Duration,
}

/// What one delivery has of it, until it is dropped.
#[derive(Debug)]
pub struct Reservation {
    memory: Arc<Semaphore>,
    held: OwnedSemaphorePermit,
    left: usize,
}

/// Too many large deliveries are worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many large deliveries at once")]
pub struct NoMemory;

impl Memory {
    pub(super) fn new(bytes: usize) -> Self {
        Self { left: Arc::new(Semaphore::new(bytes / UNIT)), patience: PATIENCE }
    }

    /// Waits for so many bytes.
    pub(super) async fn reserve(&self, bytes: usize) -> Result<Reservation, NoMemory> {
        let units = units(bytes);
        let held = timeout(self.patience, Arc::clone(&self.left).acquire_many_owned(units)).await;
        let held = held.map_err(|_| NoMemory)?.map_err(|_| NoMemory)?;
        Ok(Reservation { memory: Arc::clone(&self.left), held, left: units as usize * UNIT - bytes })
    }
}

impl Reservation {
    /// Takes more, if there is some at once: two that wait for each other would wait for ever.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn grow(&mut self, bytes: usize) -> Result<(), NoMemory> {
        if let Some(left) = self.left.checked_sub(bytes) {
            self.left = left;
            return Ok(());
        }
        let units = units(bytes - self.left);
        let more = Arc::clone(&self.memory).try_acquire_many_owned(units).map_err(|_| NoMemory)?;
        self.held.merge(more);
        self.left = self.left + units as usize * UNIT - bytes;
        Ok(())
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_deliveries_together_stay_within_it() {
        let memory = Memory { patience: Duration::from_millis(10), ..Memory::new(4 * UNIT) };
        let mut one = memory.reserve(UNIT + 1).await.unwrap();
        one.grow(UNIT - 1).unwrap();
        let mut other = memory.reserve(UNIT).await.unwrap();
        one.grow(1).unwrap();
        assert_eq!(other.grow(1), Err(NoMemory));
        assert_eq!(memory.reserve(1).await.unwrap_err(), NoMemory);
        drop(one);
        other.grow(3 * UNIT).unwrap();
        drop(other);
        memory.reserve(4 * UNIT).await.unwrap();
    }
}

//! Whose turn it is to read rows, where many ask at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::QueryError;

/// So many scans read rows at once, each on all processors, and so many more wait in line. Answers that need no rows pass by.
#[derive(Debug, Clone)]
pub struct Turns {
    reading: Arc<Semaphore>,
    line: Arc<Semaphore>,
}

/// The right to read rows, given back when it is dropped.
#[must_use]
pub(crate) struct Turn(#[allow(dead_code)] Option<OwnedSemaphorePermit>);

impl Turns {
    /// `reading` at once, and `waiting` in line.
    pub fn new(reading: usize, waiting: usize) -> Self {
        Self { reading: Arc::new(Semaphore::new(reading)), line: Arc::new(Semaphore::new(waiting)) }
    }

    /// As many as come.
    pub(crate) fn unlimited() -> Self {
        Self::new(Semaphore::MAX_PERMITS, 0)
    }

    /// Waits in line for a turn.
    ///
    /// # Errors
    /// [`QueryError::Busy`] at once where the line is full.
    pub(crate) async fn take(&self) -> Result<Turn, QueryError> {
        if let Ok(turn) = Arc::clone(&self.reading).try_acquire_owned() {
            return Ok(Turn(Some(turn)));
        }
        let _place = self.line.try_acquire().map_err(|_| QueryError::Busy)?;
        // Nobody closes it.
        Ok(Turn(Arc::clone(&self.reading).acquire_owned().await.ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_line_turns_away_and_moves_on() {
        let turns = Turns::new(1, 1);
        let first = turns.take().await.unwrap();
        let second = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take().await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(matches!(turns.take().await, Err(QueryError::Busy)));
        drop(first);
        second.await.unwrap().unwrap();
        turns.take().await.map(drop).unwrap();
    }
}

//! Answers that are kept as long as they hold: whoever asks the same again, or at the same time, waits for one answer.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::error::QueryError;

/// An answer, or the place where it will be once the first who asked has it.
type Answer<V> = Arc<OnceCell<Arc<V>>>;

/// Answers to questions of one kind about one version of the lake.
pub(crate) struct Kept<K, V> {
    most: usize,
    answers: Mutex<HashMap<K, Answer<V>>>,
}

impl<K: Eq + Hash, V> Kept<K, V> {
    /// At most so many; when there are more, all are forgotten.
    pub(crate) fn at_most(most: usize) -> Self {
        Self { most, answers: Mutex::new(HashMap::new()) }
    }

    /// The answer to a question, asked unless somebody has it or is about to. One that fails, or whose asker leaves, is asked again.
    pub(crate) async fn get<F>(&self, question: K, ask: impl FnOnce() -> F) -> Result<Arc<V>, QueryError>
    where
        F: Future<Output = Result<V, QueryError>>,
    {
        let answer = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            if answers.len() >= self.most && !answers.contains_key(&question) {
                answers.clear();
            }
            Arc::clone(answers.entry(question).or_default())
        };
        answer.get_or_try_init(async || Ok(Arc::new(ask().await?))).await.cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn a_question_is_asked_once_unless_it_fails() {
        let kept: Kept<u32, u32> = Kept::at_most(2);
        let asked = AtomicU32::new(0);
        let ask = async |question: u32, fails: bool| {
            let answer = kept.get(question, async || {
                asked.fetch_add(1, Ordering::Relaxed);
                if fails { Err(QueryError::Question("no".to_owned())) } else { Ok(question * 2) }
            });
            answer.await.ok().map(|answer| *answer)
        };
        assert_eq!(ask(1, true).await, None);
        assert_eq!((ask(1, false).await, ask(1, false).await), (Some(2), Some(2)));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert_eq!((ask(2, false).await, ask(3, false).await, ask(1, false).await), (Some(4), Some(6), Some(2)));
        assert_eq!(asked.load(Ordering::Relaxed), 5, "the third question made the first forgotten");
    }
}

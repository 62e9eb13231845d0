//! Answers that are kept, within a bound: those asked for last.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::selection::{Selection, Tallied};

/// How many answers are kept, and how many rows they may have together: a row takes up to a kilobyte.
const MOST_ANSWERS: usize = 1_024;
const MOST_ROWS: usize = 150_000;

/// An answer with more rows is not kept: it would drive out hundreds that are asked for again and again.
const LARGE: usize = 25_000;

/// An answer, or the place where it will be once the first who asked has it.
pub(crate) type Answer = Arc<OnceCell<Arc<Vec<Tallied>>>>;

/// Answers by what was asked.
#[derive(Default)]
pub(crate) struct Answers {
    by_selection: HashMap<Selection, Kept>,
    asked: u64,
}

#[derive(Default)]
struct Kept {
    answer: Answer,
    /// The number of the question that asked for it last.
    last: u64,
    rows: usize,
}

impl Answers {
    /// The place of the answer to a selection.
    pub(crate) fn place(&mut self, selection: &Selection) -> Answer {
        self.asked += 1;
        if !self.by_selection.contains_key(selection) && self.is_full() {
            self.forget_half();
        }
        let kept = self.by_selection.entry(selection.clone()).or_default();
        kept.last = self.asked;
        Arc::clone(&kept.answer)
    }

    /// Takes note of how many rows the answer to a selection has.
    pub(crate) fn note(&mut self, selection: &Selection, rows: usize) {
        if rows > LARGE {
            self.by_selection.remove(selection);
        } else if let Some(kept) = self.by_selection.get_mut(selection) {
            kept.rows = rows;
        }
    }

    fn is_full(&self) -> bool {
        self.by_selection.len() >= MOST_ANSWERS
            || self.by_selection.values().map(|kept| kept.rows).sum::<usize>() > MOST_ROWS
    }

    fn forget_half(&mut self) {
        let mut lasts: Vec<u64> = self.by_selection.values().map(|kept| kept.last).collect();
        let middle = lasts.len() / 2;
        let (_, median, _) = lasts.select_nth_unstable(middle);
        let median = *median;
        self.by_selection.retain(|_, kept| kept.last >= median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(width: usize) -> Selection {
        Selection { width: Some(width as i64), ..Selection::default() }
    }

    #[test]
    fn those_asked_for_last_are_kept() {
        let mut answers = Answers::default();
        let first = answers.place(&selection(0));
        for width in 1..=MOST_ANSWERS {
            answers.place(&selection(width));
            assert!(Arc::ptr_eq(&first, &answers.place(&selection(0))));
        }
        assert!(answers.by_selection.len() <= MOST_ANSWERS);
        assert!(!answers.by_selection.contains_key(&selection(1)));
        assert!(answers.by_selection.contains_key(&selection(MOST_ANSWERS)));
    }

    #[test]
    fn rows_are_bounded() {
        let mut answers = Answers::default();
        for width in 0..20 {
            answers.place(&selection(width));
            answers.note(&selection(width), LARGE);
        }
        assert!(answers.by_selection.values().map(|kept| kept.rows).sum::<usize>() <= MOST_ROWS + LARGE);
        answers.place(&selection(99));
        answers.note(&selection(99), LARGE + 1);
        assert!(!answers.by_selection.contains_key(&selection(99)));
    }
}

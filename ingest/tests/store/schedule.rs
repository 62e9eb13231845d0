//! One actor runs at a time, from one operation on the store to the next; a seed says whose turn it is.
//!
//! Threads that an actor waits for (parsing, encoding, replaying the log) run within its turn, so that a seed gives the same
//! order every time.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};

/// What an actor does.
pub(crate) type Work<T> = Pin<Box<dyn Future<Output = T>>>;

/// Who waits for a turn.
pub(crate) struct Turns {
    /// Only operations on the thread of the test take turns; others belong to the turn of who waits for them.
    thread: ThreadId,
    actors: Mutex<Vec<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    /// Turns given so far.
    turns: u64,
    wakers: Vec<Waker>,
}

impl Turns {
    pub(crate) fn new(actors: usize) -> Self {
        let actors = std::iter::repeat_with(Waiting::default).take(actors).collect();
        Self { thread: thread::current().id(), actors: Mutex::new(actors) }
    }

    /// Waits until it is this actor's turn again.
    pub(crate) async fn wait(&self, actor: usize) {
        if thread::current().id() != self.thread {
            return;
        }
        let mut came = None;
        poll_fn(|context| {
            let waiting = &mut self.actors.lock().unwrap()[actor];
            let came = *came.get_or_insert(waiting.turns);
            if waiting.turns > came {
                return Poll::Ready(());
            }
            waiting.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn give(&self, actor: usize) {
        let waiting = &mut self.actors.lock().unwrap()[actor];
        waiting.turns += 1;
        waiting.wakers.drain(..).for_each(Waker::wake);
    }

    fn is_waiting(&self, actor: usize) -> bool {
        !self.actors.lock().unwrap()[actor].wakers.is_empty()
    }

    /// Gives an actor a turn. `Some` is how it ended, `None` that it waits for the next.
    pub(crate) async fn run<T>(&self, actor: usize, work: &mut Work<T>) -> Option<T> {
        self.give(actor);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if self.is_waiting(actor) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// After an actor was killed: nobody waits on its behalf.
    pub(crate) fn forget(&self, actor: usize) {
        self.actors.lock().unwrap()[actor].wakers.clear();
    }
}

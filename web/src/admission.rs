//! How many requests are worked on at once, for how long, and where.
//!
//! ```text
//! request ── a place is free? ──> a runtime of its own ── reads rows? ──> its turn (repute-query) ──> page
//!                 │ no: 503 at once                          │ the line is full: 503
//! ```
//! What is worked out here takes whole processors for a while, so it does so on threads of its own: those that take in connections,
//! answer `/healthz` and turn people away have others. A request that its client no longer waits for, or that took too long, is given
//! up wherever it is.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinError, JoinHandle};

use crate::failure::Failure;
use crate::state::AppState;

/// What requests may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// So many are worked on at once; more are refused.
    pub requests: usize,
    /// One that takes longer is given up.
    pub time: Duration,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { requests: 32, time: Duration::from_secs(10) }
    }
}

/// The places of requests, and the runtime that works on them.
#[derive(Clone)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    workers: Option<Handle>,
    pub(crate) time: Duration,
}

impl Admission {
    /// Without workers requests are worked on where they come in.
    pub(crate) fn new(capacity: Capacity, workers: Option<Handle>) -> Self {
        Self { places: Arc::new(Semaphore::new(capacity.requests)), workers, time: capacity.time }
    }

    /// Works on something, whether there is a place or not.
    pub(crate) fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        match &self.workers {
            Some(workers) => workers.spawn(work),
            None => tokio::spawn(work),
        }
    }

    /// Works on something if there is a place for it.
    async fn work<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, Failure> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Failure::Overloaded)?;
        // The place is free when the work has ended, which is later than when nobody waits for it any more.
        let work = async move {
            let done = work.await;
            drop(place);
            done
        };
        match &self.workers {
            None => Ok(work.await),
            Some(workers) => {
                let task = workers.spawn(work);
                let _given_up = GivenUp(task.abort_handle());
                task.await.map_err(ended)
            }
        }
    }
}

/// Aborts its task when it is dropped.
struct GivenUp(AbortHandle);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A panic goes on where the request came in. Only the end of the server ends a task otherwise.
fn ended(error: JoinError) -> Failure {
    match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(_) => Failure::Overloaded,
    }
}

/// Lets requests in that ask the lake, as many as can be worked on.
pub(crate) async fn admit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    match state.admission().work(next.run(request)).await {
        Ok(response) => response,
        Err(failure) if is_api => failure.into_problem(),
        Err(failure) => failure.into_page(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    fn admission(workers: bool) -> Admission {
        let capacity = Capacity { requests: 1, ..Capacity::default() };
        Admission::new(capacity, workers.then(Handle::current))
    }

    #[tokio::test]
    async fn only_so_many_are_let_in() {
        for workers in [false, true] {
            let admission = admission(workers);
            let (end, ended) = oneshot::channel::<u8>();
            let first = tokio::spawn({
                let admission = admission.clone();
                async move { admission.work(async move { ended.await.unwrap() }).await.unwrap() }
            });
            tokio::task::yield_now().await;
            assert!(matches!(admission.work(async { 0 }).await, Err(Failure::Overloaded)));
            end.send(7).unwrap();
            assert_eq!(first.await.unwrap(), 7);
            assert_eq!(admission.work(async { 8 }).await.unwrap(), 8);
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_given_up() {
        let admission = admission(true);
        let (told, dropped) = oneshot::channel::<()>();
        let forever = async move {
            let _told = told;
            std::future::pending::<()>().await;
        };
        let waited = tokio::time::timeout(Duration::from_millis(10), admission.work(forever)).await;
        assert!(waited.is_err());
        assert!(dropped.await.is_err());
        assert_eq!(admission.work(async { 1 }).await.unwrap(), 1);
    }

    #[tokio::test]
    #[should_panic(expected = "a fault of ours")]
    async fn a_panic_goes_on_where_the_request_came_in() {
        let _ = admission(true).work(async { panic!("a fault of ours") }).await;
    }
}

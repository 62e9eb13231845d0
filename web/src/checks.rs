//! The rules checked for pages: the result of one check serves everybody for some seconds.

use std::sync::Arc;
use std::time::Duration;

use repute_query::{CheckResult, QueryError, Reader, check};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::state::{AppState, Options};

/// So long a result serves, unless the lake, the rules or the silences change.
const FRESH: Duration = Duration::from_secs(5);

/// The last result.
#[derive(Default)]
pub(crate) struct Checks(Mutex<Option<Checked>>);

struct Checked {
    reader: Arc<Reader>,
    options: Arc<Options>,
    at: Instant,
    result: Arc<CheckResult>,
}

/// What a check of the rules in force found, some seconds ago at most. Whoever asks at the same time waits for the same.
pub(crate) async fn latest_check(state: &AppState, reader: &Arc<Reader>) -> Result<Arc<CheckResult>, QueryError> {
    let mut last = state.checks().0.lock().await;
    let options = state.options();
    let holds = |last: &&Checked| {
        Arc::ptr_eq(&last.reader, reader) && Arc::ptr_eq(&last.options, &options) && last.at.elapsed() < FRESH
    };
    if let Some(last) = last.as_ref().filter(holds) {
        return Ok(Arc::clone(&last.result));
    }
    let result = Arc::new(check(reader, &options.rules, &options.check(state.now())).await?);
    *last = Some(Checked { reader: Arc::clone(reader), options, at: Instant::now(), result: Arc::clone(&result) });
    Ok(result)
}

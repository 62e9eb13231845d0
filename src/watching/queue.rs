//! A queue: notifications of S3 tell what to import, events of SES go to the landing area.
//!
//! ```text
//! long poll, more while there is more ──> what does each tell? ──> nothing ───────────────────────────────────> deleted
//!                │ kept invisible                               ├─> objects ── looked up ── imported, committed ──> deleted
//!                                                               ├─> events ── landed, durable ────────────────────> deleted
//!                                                               └─> not understood, or no such object ─> counted, left alone
//! ```
//! A message that is left alone comes again after a pause that grows, until the queue gives it to its dead-letter queue.

mod buckets;
mod messages;
mod work;

use std::sync::Arc;
use std::time::Duration;

use repute_ingest::Landing;
use tokio::sync::watch;

use super::board::{Line, words};
use super::importer::Importer;
use super::pause::{pause, stop};
use super::source::QueueName;
use crate::aws;
use crate::exit::Failure;
use buckets::Buckets;
use messages::Queue;
use work::Worker;

/// The pause after the first failure is up to twice as long.
const USUAL: Duration = Duration::from_secs(1);

/// Takes messages until `stopping` says so.
pub(super) async fn watch(
    name: QueueName,
    importer: Arc<Importer>,
    landing: Landing,
    mut line: Line,
    mut stopping: watch::Receiver<bool>,
) {
    let client = aws::sqs(name.region()).await;
    let mut worker = Worker { buckets: Buckets::new(name.region()), importer, landing };
    let (mut queue, mut has_failed) = (None, false);
    line.messages(|_| {});
    loop {
        let received = tokio::select! {
            received = receive(&client, &name, &mut queue, has_failed.then_some(&worker.importer)) => received,
            () = stop(&mut stopping) => return,
        };
        let done = match (received, &queue) {
            (Ok(messages), Some(queue)) => worker.work(queue, messages, &mut line).await,
            (Ok(_), None) => Ok(()),
            (Err(failure), _) => Err(failure),
        };
        has_failed = done.is_err();
        match done {
            Ok(()) => line.looked(),
            Err(failure) => {
                let wait = line.failed(words(failure), USUAL);
                if !pause(wait, &mut stopping).await {
                    return;
                }
            }
        }
    }
}

/// Waits for messages. After a failure it is first looked whether the lake is there: every reception counts against a message.
async fn receive(
    client: &aws_sdk_sqs::Client,
    name: &QueueName,
    queue: &mut Option<Queue>,
    failed: Option<&Arc<Importer>>,
) -> Result<Vec<messages::Message>, Failure> {
    if let Some(importer) = failed {
        importer.confirm().await?;
    }
    let queue = match queue {
        Some(queue) => queue,
        None => queue.insert(Queue::find(client, name).await?),
    };
    queue.receive().await
}

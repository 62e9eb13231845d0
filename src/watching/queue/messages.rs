//! The requests to a queue.

use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName,
};
use tokio::time::sleep;

use crate::aws::failed;
use crate::exit::Failure;
use crate::watching::source::QueueName;

/// Messages of one request: SQS's limit.
const BATCH: usize = 10;

/// Seconds that a request waits for the first message: SQS's limit.
const LONG_POLL: i32 = 20;

/// Messages that are worked on together, or bytes of them, or how long others are gathered after the first: for fewer commits.
const MOST: usize = 500;
const MOST_BYTES: usize = 32 << 20;
const GATHER: Duration = Duration::from_secs(1);

/// Seconds for which nobody else sees a message, unless that is extended; also the delay after a kill.
const INVISIBLE: i32 = 30;

/// So often it is extended.
const EXTEND_EVERY: Duration = Duration::from_secs(10);

/// A message that was left alone comes again after this many seconds, then after four times as many, up to a bound.
const FIRST_PAUSE: i32 = 5;
const LONGEST_PAUSE: i32 = 900;

/// A message that was received.
pub(super) struct Message {
    /// Stands for this reception of it.
    handle: String,
    pub(super) id: String,
    pub(super) body: String,
    /// How often it was received, this time included.
    pub(super) times: u32,
}

/// A queue that is there.
pub(super) struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// Asks for the URL of a queue that is known by its name.
    pub(super) async fn find(client: &Client, name: &QueueName) -> Result<Self, Failure> {
        let url = match name {
            QueueName::Url(url) => url.to_string(),
            QueueName::Name(name) => {
                let answer = client.get_queue_url().queue_name(name).send().await;
                let answer = answer.map_err(|error| failed(&error, &format!("cannot find the queue `{name}`")))?;
                answer.queue_url.ok_or_else(|| anyhow::anyhow!("SQS gave no URL for the queue `{name}`"))?
            }
        };
        Ok(Self { client: client.clone(), url })
    }

    /// Waits for messages and takes those that come soon after; none if none come.
    pub(super) async fn receive(&self) -> Result<Vec<Message>, Failure> {
        let mut messages = self.receive_batch(LONG_POLL).await?;
        let (began, mut is_more) = (Instant::now(), !messages.is_empty());
        while is_more
            && messages.len() < MOST
            && messages.iter().map(|message| message.body.len()).sum::<usize>() < MOST_BYTES
            && began.elapsed() < GATHER
        {
            // What is there already is not given up for want of more.
            let more = self.receive_batch(0).await.unwrap_or_default();
            is_more = !more.is_empty();
            messages.extend(more);
        }
        Ok(messages)
    }

    async fn receive_batch(&self, wait: i32) -> Result<Vec<Message>, Failure> {
        let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(BATCH as i32);
        let request = request.wait_time_seconds(wait).visibility_timeout(INVISIBLE);
        let counted = request.message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let answer = counted.send().await;
        let answer = answer.map_err(|error| failed(&error, &format!("cannot receive from `{}`", self.url)))?;
        let message = |message: aws_sdk_sqs::types::Message| {
            let count = MessageSystemAttributeName::ApproximateReceiveCount;
            let times = message.attributes().and_then(|attributes| attributes.get(&count)?.parse().ok()).unwrap_or(1);
            Some(Message {
                handle: message.receipt_handle?,
                id: message.message_id.unwrap_or_default(),
                body: message.body.unwrap_or_default(),
                times,
            })
        };
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(message).collect())
    }

    /// Keeps messages invisible while something is done.
    pub(super) async fn holding<T>(&self, messages: &[Message], work: impl Future<Output = T>) -> T {
        let extend = async {
            loop {
                sleep(EXTEND_EVERY).await;
                self.set_invisible(messages.iter().map(|message| (message, INVISIBLE))).await;
            }
        };
        tokio::select! {
            done = work => done,
            () = extend => std::future::pending().await,
        }
    }

    /// Deletes messages; gives how many are gone. Others will come again, and be known.
    pub(super) async fn delete(&self, done: &[&Message]) -> u64 {
        let mut deleted = 0;
        for batch in done.chunks(BATCH) {
            let entry = |(number, message): (usize, &&Message)| {
                DeleteMessageBatchRequestEntry::builder().id(number.to_string()).receipt_handle(&message.handle).build()
            };
            let entries = batch.iter().enumerate().filter_map(|one| entry(one).ok()).collect();
            match self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await {
                Ok(answer) => {
                    deleted += answer.successful.len() as u64;
                    for failure in answer.failed {
                        tracing::debug!(code = failure.code, "a message could not be deleted, and will come again");
                    }
                }
                Err(error) => {
                    let error = failed(&error, "cannot delete messages");
                    tracing::warn!(%error, "messages could not be deleted, and will come again");
                }
            }
        }
        deleted
    }

    /// Leaves messages alone: they come again after a pause that grows with the number of receptions.
    pub(super) async fn leave(&self, messages: &[&Message]) {
        let pause = |message: &Message| {
            FIRST_PAUSE.saturating_mul(4_i32.saturating_pow(message.times.saturating_sub(1))).min(LONGEST_PAUSE)
        };
        self.set_invisible(messages.iter().map(|message| (*message, pause(message)))).await;
    }

    async fn set_invisible<'a>(&self, messages: impl Iterator<Item = (&'a Message, i32)>) {
        let messages: Vec<_> = messages.collect();
        for batch in messages.chunks(BATCH) {
            let entry = |(number, (message, seconds)): (usize, &(&Message, i32))| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(number.to_string());
                entry.receipt_handle(&message.handle).visibility_timeout(*seconds).build()
            };
            let entries = batch.iter().enumerate().filter_map(|one| entry(one).ok()).collect();
            let request = self.client.change_message_visibility_batch().queue_url(&self.url);
            if let Err(error) = request.set_entries(Some(entries)).send().await {
                let error = failed(&error, "cannot change the visibility of messages");
                tracing::warn!(%error, "messages may be received twice");
            }
        }
    }
}

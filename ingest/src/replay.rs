//! The way back: records of a dump onto a Firehose stream.
//!
//! ```text
//! records ──push──> batch ──PutRecordBatch──> acknowledged ──> journal
//!                     ^ the refused ones, again ──┘
//! ```
//! Limits of PutRecordBatch (Firehose API reference): 500 records, 4 MiB, and 1,000 KiB a record. Some records of a batch
//! may be refused; those alone are put again. A call whose answer was lost is made again too, so a record may arrive more than
//! once, and never less.

mod journal;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_firehose::Client;
use aws_sdk_firehose::error::ProvideErrorMetadata;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;
use repute_lake::ObjectKey;
use tokio::time::Instant;

pub use journal::{Journal, JournalError, Standing};

use crate::source::said;

const MAX_RECORDS: usize = 500;
const MAX_BYTES: usize = 4 << 20;
const MAX_RECORD_BYTES: usize = 1_000 << 10;

/// How often a refused record is put again: with doubling pauses half a minute to a minute in all.
const MAX_ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// What stops a replay. Records that were put stay put.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The service refused the call.
    #[error("stream `{stream}`: {reason}")]
    Refused {
        /// Name of the stream.
        stream: String,
        /// What the service said, and what helps.
        reason: String,
    },
    /// Some records were refused again and again, as by a stream that is throttled.
    #[error(
        "stream `{stream}` refused {records} {} {MAX_ATTEMPTS} times, the last time with `{reason}`; a lower --rate may help",
        if *records == 1 { "record" } else { "records" }
    )]
    Exhausted {
        /// Name of the stream.
        stream: String,
        /// How many.
        records: usize,
        /// The last error code.
        reason: String,
    },
    /// What was acknowledged cannot be written down.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Where a record stands.
#[derive(Debug, Clone)]
pub struct Position {
    /// Its object.
    pub object: Arc<ObjectKey>,
    /// Its number in the object, from 1.
    pub number: u64,
}

/// How far an object is in a batch.
struct Mark {
    object: Arc<ObjectKey>,
    standing: Standing,
}

/// Puts records onto one stream, in batches.
pub struct Replay {
    /// None for a rehearsal.
    client: Option<Client>,
    stream: String,
    /// Records a second.
    rate: Option<u32>,
    journal: Option<Journal>,
    batch: Vec<Record>,
    batch_bytes: usize,
    marks: Vec<Mark>,
    /// Before this no batch is put.
    free_at: Instant,
    /// Records put so far, or that would have been.
    pub put: u64,
    /// Their bytes, each with its newline.
    pub bytes: u64,
    /// Calls they took, or would have taken.
    pub batches: u64,
    /// Records left out because Firehose takes none of that size.
    pub too_large: u64,
}

impl Replay {
    /// Begins with an empty batch; without a client nothing is put.
    pub fn new(client: Option<Client>, stream: &str, rate: Option<u32>, journal: Option<Journal>) -> Self {
        Self {
            client,
            stream: stream.to_owned(),
            rate,
            journal,
            batch: Vec::new(),
            batch_bytes: 0,
            marks: Vec::new(),
            free_at: Instant::now(),
            put: 0,
            bytes: 0,
            batches: 0,
            too_large: 0,
        }
    }

    /// Adds a record, ended by a newline as SES does it; puts the batch when it is full.
    ///
    /// # Errors
    /// When the batch before it cannot be put.
    pub async fn push(&mut self, at: &Position, record: &[u8]) -> Result<(), ReplayError> {
        let mut data = record.to_vec();
        data.push(b'\n');
        if data.len() > MAX_RECORD_BYTES {
            self.too_large += 1;
            self.mark(&at.object, Standing::Begun(at.number));
            return Ok(());
        }
        // A batch holds no more than may be put in a second.
        let most = self.rate.map_or(MAX_RECORDS, |rate| MAX_RECORDS.min(rate.max(1) as usize));
        if self.batch.len() >= most || self.batch_bytes + data.len() > MAX_BYTES {
            self.flush().await?;
        }
        self.batch_bytes += data.len();
        self.mark(&at.object, Standing::Begun(at.number));
        // `data` is set, so the builder cannot fail.
        self.batch.extend(Record::builder().data(Blob::new(data)).build().ok());
        Ok(())
    }

    /// An object has no more records.
    pub fn finish(&mut self, object: &Arc<ObjectKey>) {
        self.mark(object, Standing::Done);
    }

    fn mark(&mut self, object: &Arc<ObjectKey>, standing: Standing) {
        match self.marks.last_mut() {
            Some(last) if Arc::ptr_eq(&last.object, object) => last.standing = standing,
            _ => self.marks.push(Mark { object: Arc::clone(object), standing }),
        }
    }

    /// Puts what is left, and writes down what was acknowledged.
    ///
    /// # Errors
    /// When the batch cannot be put, or the journal not written.
    pub async fn flush(&mut self) -> Result<(), ReplayError> {
        let records = std::mem::take(&mut self.batch);
        let (count, bytes) = (records.len() as u64, std::mem::take(&mut self.batch_bytes) as u64);
        if count > 0 {
            self.wait_for_turn(count).await;
            if let Some(client) = &self.client {
                put(client, &self.stream, records).await?;
            }
            self.put += count;
            self.bytes += bytes;
            self.batches += 1;
        }
        let marks = std::mem::take(&mut self.marks);
        if let Some(journal) = &mut self.journal {
            journal.note(marks.iter().map(|mark| (mark.object.as_ref(), mark.standing)))?;
        }
        Ok(())
    }

    async fn wait_for_turn(&mut self, records: u64) {
        let (Some(rate), true) = (self.rate, self.client.is_some()) else { return };
        tokio::time::sleep_until(self.free_at).await;
        self.free_at = Instant::now() + Duration::from_secs_f64(records as f64 / f64::from(rate.max(1)));
    }
}

/// Puts records, and again those that are refused.
async fn put(client: &Client, stream: &str, mut records: Vec<Record>) -> Result<(), ReplayError> {
    let mut reason = String::new();
    for attempt in 0..MAX_ATTEMPTS {
        if attempt > 0 {
            // Half of the pause is left to chance, so that several that were refused together do not come back together.
            let pause = FIRST_PAUSE * 2_u32.pow(attempt - 1);
            tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
        }
        (records, reason) = put_once(client, stream, records).await?;
        if records.is_empty() {
            return Ok(());
        }
    }
    Err(ReplayError::Exhausted { stream: stream.to_owned(), records: records.len(), reason })
}

/// One call; returns the records that were refused and the last reason.
async fn put_once(client: &Client, stream: &str, records: Vec<Record>) -> Result<(Vec<Record>, String), ReplayError> {
    let refused = |reason| ReplayError::Refused { stream: stream.to_owned(), reason };
    let call = client.put_record_batch().delivery_stream_name(stream).set_records(Some(records.clone()));
    let answer = call.send().await.map_err(|error| {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let said = said(&error);
        refused(match (error.code(), status) {
            (Some("ResourceNotFoundException"), _) => {
                format!(
                    "there is none of this name in this region and account ({said}); look at AWS_REGION and AWS_PROFILE"
                )
            }
            (_, Some(403)) | (Some("AccessDeniedException"), _) => {
                format!("{said}; these credentials lack firehose:PutRecordBatch on it")
            }
            _ => said,
        })
    })?;
    let answers = answer.request_responses();
    if answers.len() != records.len() {
        return Err(refused(format!("it answered for {} of {} records", answers.len(), records.len())));
    }
    let mut reason = String::new();
    let mut again = Vec::new();
    for (record, answer) in records.into_iter().zip(answers) {
        if let Some(code) = answer.error_code() {
            code.clone_into(&mut reason);
            again.push(record);
        }
    }
    Ok((again, reason))
}

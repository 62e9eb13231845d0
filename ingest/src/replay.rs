//! The way back: records of a dump onto a Firehose stream.
//!
//! Limits of PutRecordBatch (Firehose API reference): 500 records, 4 MiB, and 1,000 KiB a record. Some records of a batch
//! may be refused; those alone are put again.

use std::time::Duration;

use aws_sdk_firehose::Client;
use aws_sdk_firehose::error::DisplayErrorContext;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;

const MAX_RECORDS: usize = 500;
const MAX_BYTES: usize = 4 << 20;
const MAX_RECORD_BYTES: usize = 1_000 << 10;

/// How often a refused record is put again: with doubling pauses about 50 seconds in all.
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
        /// What the service said.
        reason: String,
    },
    /// Some records were refused again and again, as by a stream that is throttled.
    #[error("stream `{stream}` refused {records} records {MAX_ATTEMPTS} times, the last time with `{reason}`")]
    Exhausted {
        /// Name of the stream.
        stream: String,
        /// How many.
        records: usize,
        /// The last error code.
        reason: String,
    },
}

/// Puts records onto one stream, in batches.
pub struct Replay {
    client: Client,
    stream: String,
    batch: Vec<Record>,
    batch_bytes: usize,
    /// Records put so far.
    pub put: u64,
    /// Records left out because Firehose takes none of that size.
    pub too_large: u64,
}

impl Replay {
    /// Begins with an empty batch.
    pub fn new(client: Client, stream: &str) -> Self {
        Self { client, stream: stream.to_owned(), batch: Vec::new(), batch_bytes: 0, put: 0, too_large: 0 }
    }

    /// Adds a record, ended by a newline as SES does it; puts the batch when it is full.
    pub async fn push(&mut self, record: &[u8]) -> Result<(), ReplayError> {
        let mut data = record.to_vec();
        data.push(b'\n');
        if data.len() > MAX_RECORD_BYTES {
            self.too_large += 1;
            return Ok(());
        }
        if self.batch.len() == MAX_RECORDS || self.batch_bytes + data.len() > MAX_BYTES {
            self.flush().await?;
        }
        self.batch_bytes += data.len();
        // `data` is set, so the builder cannot fail.
        self.batch.extend(Record::builder().data(Blob::new(data)).build().ok());
        Ok(())
    }

    /// Puts what is left.
    pub async fn flush(&mut self) -> Result<(), ReplayError> {
        let mut records = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let mut reason = String::new();
        for attempt in 0..MAX_ATTEMPTS {
            if records.is_empty() {
                return Ok(());
            }
            if attempt > 0 {
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
            }
            let before = records.len();
            (records, reason) = self.put_batch(records).await?;
            self.put += (before - records.len()) as u64;
        }
        match records.len() {
            0 => Ok(()),
            left => Err(ReplayError::Exhausted { stream: self.stream.clone(), records: left, reason }),
        }
    }

    /// One call; returns the records that were refused and the last reason.
    async fn put_batch(&self, records: Vec<Record>) -> Result<(Vec<Record>, String), ReplayError> {
        let call = self.client.put_record_batch().delivery_stream_name(&self.stream).set_records(Some(records.clone()));
        let answer = call.send().await.map_err(|error| ReplayError::Refused {
            stream: self.stream.clone(),
            reason: DisplayErrorContext(&error).to_string(),
        })?;
        if answer.failed_put_count() == 0 {
            return Ok((Vec::new(), String::new()));
        }
        let mut reason = String::new();
        let mut refused = Vec::new();
        for (record, response) in records.into_iter().zip(answer.request_responses()) {
            if let Some(code) = response.error_code() {
                code.clone_into(&mut reason);
                refused.push(record);
            }
        }
        Ok((refused, reason))
    }
}

//! Objects of a bucket, page by page, so that a source of any size takes the memory of one page.

use std::io;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use chrono::{DateTime, Utc};

use super::bucket::{KeyPages, denied, failure, object};
use super::{ListError, SourceObject, is_bookkeeping};

/// An object that was found, and when it was written.
#[derive(Debug, Clone)]
pub struct Listed {
    /// What can be imported.
    pub object: SourceObject,
    /// Its key below the source: for a bucket the whole key, for a directory the path below it.
    pub key: String,
    /// When its bytes were last changed.
    pub written: DateTime<Utc>,
}

/// Objects of a bucket whose keys begin with a text.
#[derive(Debug)]
pub struct BucketPages(KeyPages);

impl BucketPages {
    /// Begins with the first page. Objects are to be read within the runtime in which they are listed.
    pub fn new(client: Client, bucket: String, prefix: String) -> Self {
        Self(KeyPages::new(client, bucket, prefix))
    }

    /// Whether there are keys that begin with this.
    ///
    /// # Errors
    /// If the bucket cannot be listed.
    pub async fn is_there(client: &Client, bucket: &str, prefix: &str) -> Result<bool, ListError> {
        let answer = client.list_objects_v2().bucket(bucket).prefix(prefix).max_keys(1).send().await;
        let answer = answer.map_err(|error| denied(bucket, prefix, &error))?;
        Ok(!answer.contents.unwrap_or_default().is_empty())
    }

    /// The next page, which may hold nothing; `None` after the last. Left out without a word: folder markers (keys that end in
    /// `/`), and the names that [`super::list`] leaves out.
    ///
    /// # Errors
    /// If the bucket cannot be listed; the next call asks again.
    pub async fn next(&mut self) -> Result<Option<Vec<Listed>>, ListError> {
        let Some(page) = self.0.next().await? else { return Ok(None) };
        let mut found = Vec::new();
        for one in page.objects {
            let (Some(key), Some(etag)) = (one.key, one.e_tag) else { continue };
            if key.ends_with('/') || is_bookkeeping(key.rsplit('/').next().unwrap_or_default()) {
                continue;
            }
            let size = u64::try_from(one.size.unwrap_or_default()).unwrap_or_default();
            let written = one.last_modified.and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()));
            let object = object(self.0.client(), self.0.bucket(), key.clone(), etag, size);
            found.push(Listed { object, key, written: written.unwrap_or_default() });
        }
        Ok(Some(found))
    }
}

/// An object of a bucket as it is now.
///
/// # Errors
/// If it is not there, or cannot be asked for.
pub async fn look_up(client: &Client, bucket: &str, key: &str) -> io::Result<Listed> {
    let answer = client.head_object().bucket(bucket).key(key).send().await;
    let head = answer.map_err(|error| match &error {
        // A HEAD's answer has no document that would say why.
        SdkError::ServiceError(answer) if answer.raw().status().as_u16() == 404 => {
            io::Error::new(io::ErrorKind::NotFound, "there is no such object (any more)")
        }
        SdkError::ServiceError(answer) if answer.raw().status().as_u16() == 403 && error.message().is_none() => {
            io::Error::new(
                io::ErrorKind::PermissionDenied,
                "403: the right s3:GetObject is missing, or there is no such object",
            )
        }
        _ => failure(&error, &format!("s3:GetObject on arn:aws:s3:::{bucket}/{key}")),
    })?;
    let etag = head.e_tag.ok_or_else(|| io::Error::other("the store gave no ETag"))?;
    let size = u64::try_from(head.content_length.unwrap_or_default()).unwrap_or_default();
    let written = head.last_modified.and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()));
    let object = object(client, bucket, key.to_owned(), etag, size);
    Ok(Listed { object, key: key.to_owned(), written: written.unwrap_or_default() })
}

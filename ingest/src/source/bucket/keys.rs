//! Keys of a bucket as S3 gives them, page by page.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::Object;

use super::denied;
use crate::source::ListError;

/// The keys that begin with a prefix.
#[derive(Debug)]
pub(in crate::source) struct KeyPages {
    client: Client,
    bucket: String,
    prefix: String,
    /// Whether what lies in folders is given as the folders' names.
    is_delimited: bool,
    /// Where the next page begins; nothing after the last.
    next: Option<Option<String>>,
}

/// Up to a thousand of them.
#[derive(Debug, Default)]
pub(in crate::source) struct KeyPage {
    pub(in crate::source) objects: Vec<Object>,
    pub(in crate::source) folders: Vec<String>,
}

impl KeyPages {
    /// Begins with the first page.
    pub(in crate::source) fn new(client: Client, bucket: String, prefix: String) -> Self {
        Self { client, bucket, prefix, is_delimited: false, next: Some(None) }
    }

    /// The same with what lies in folders below the prefix given as the names of those.
    pub(super) fn delimited(self) -> Self {
        Self { is_delimited: true, ..self }
    }

    /// All keys that begin with the prefix, from the first page on.
    pub(super) fn again(&self) -> Self {
        Self::new(self.client.clone(), self.bucket.clone(), self.prefix.clone())
    }

    pub(in crate::source) fn client(&self) -> &Client {
        &self.client
    }

    pub(in crate::source) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The next page, which may hold nothing; `None` after the last.
    ///
    /// # Errors
    /// If the bucket cannot be listed; the next call asks again.
    pub(in crate::source) async fn next(&mut self) -> Result<Option<KeyPage>, ListError> {
        let Some(token) = &self.next else { return Ok(None) };
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(&self.prefix);
        let request = request.set_delimiter(self.is_delimited.then(|| "/".to_owned()));
        let answer = request.set_continuation_token(token.clone()).send().await;
        let page = answer.map_err(|error| denied(&self.bucket, &self.prefix, &error))?;
        let is_last = !page.is_truncated.unwrap_or_default() || page.next_continuation_token.is_none();
        self.next = (!is_last).then_some(page.next_continuation_token);
        let folders = page.common_prefixes.unwrap_or_default().into_iter().filter_map(|folder| folder.prefix);
        Ok(Some(KeyPage { folders: folders.collect(), objects: page.contents.unwrap_or_default() }))
    }

    /// Whether there is another page.
    pub(super) fn has_more(&self) -> bool {
        self.next.is_some()
    }
}

//! One listing of a directory or a bucket, page by page.

use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::Client;
use chrono::{DateTime, Utc};
use repute_ingest::{BucketPages, DayFamilies, DirectoryPages, ListError, Listed};

use super::rounds::Round;
use crate::exit::Failure;

/// A listing that is under way.
pub(super) enum Listing {
    Directory {
        pages: DirectoryPages,
        /// Folders of days that are over by these are left out.
        families: Option<Arc<DayFamilies>>,
        now: DateTime<Utc>,
    },
    Bucket {
        client: Client,
        bucket: String,
        /// The next one last.
        prefixes: Vec<String>,
        pages: Option<BucketPages>,
    },
}

impl Listing {
    /// Begins to list a directory.
    pub(super) async fn of_directory(
        path: &Path,
        round: Round,
        families: &DayFamilies,
        now: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let path = path.to_owned();
        let pages = tokio::task::spawn_blocking(move || DirectoryPages::new(&path)).await??;
        let families = (round != Round::Whole).then(|| Arc::new(families.clone()));
        Ok(Self::Directory { pages, families, now })
    }

    /// Begins to list what lies below a prefix of a bucket.
    pub(super) fn of_bucket(
        client: &Client,
        bucket: &str,
        prefix: &str,
        round: Round,
        families: &DayFamilies,
        now: DateTime<Utc>,
    ) -> Self {
        let mut prefixes = match round {
            Round::Whole => vec![prefix.to_owned()],
            Round::Margin => families.prefixes(now, true),
            Round::Day => families.prefixes(now, false),
        };
        prefixes.reverse();
        Self::Bucket { client: client.clone(), bucket: bucket.to_owned(), prefixes, pages: None }
    }

    /// The next page; `None` after the last.
    pub(super) async fn next(self) -> Result<Option<(Self, Vec<Listed>)>, Failure> {
        match self {
            Self::Directory { mut pages, families, now } => {
                let read = move || {
                    let is_past =
                        |folder: &str| families.as_ref().is_some_and(|families| families.are_past(folder, now));
                    let page = pages.next(&is_past)?;
                    Ok::<_, ListError>(page.map(|page| (Self::Directory { pages, families, now }, page.listed)))
                };
                Ok(tokio::task::spawn_blocking(read).await??)
            }
            Self::Bucket { client, bucket, mut prefixes, mut pages } => loop {
                if let Some(open) = &mut pages
                    && let Some(page) = open.next().await?
                {
                    return Ok(Some((Self::Bucket { client, bucket, prefixes, pages }, page)));
                }
                let Some(prefix) = prefixes.pop() else { return Ok(None) };
                pages = Some(BucketPages::new(client.clone(), bucket.clone(), prefix));
            },
        }
    }
}

//! Listing by dates: folders whose dates are not wanted are not listed.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::Object;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::{denied, keys};
use crate::source::ListError;
use crate::source::dates::{KeyRange, folder_date, key_date};

/// So many folders are listed at a time.
const AT_ONCE: usize = 8;

/// Where a folder holds more folders without dates than this, it is listed as a whole: that is fewer requests.
const MOST_UNDATED: usize = 100;

/// Deeper folders are listed as a whole.
const DEEPEST: usize = 16;

/// What is done with a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Step {
    /// Nothing below it is wanted.
    Skip,
    /// Everything below it is listed at once.
    Whole,
    /// What is in it is listed, then the folders in it are looked at.
    Into,
}

/// What a folder's own dates say of it.
pub(in crate::source) fn by_date(range: &KeyRange, folder: &str) -> Step {
    match folder_date(folder) {
        span if !range.meets(span) => Step::Skip,
        Some(span) if span.is_short() || range.holds(span) => Step::Whole,
        _ => Step::Into,
    }
}

/// Says what is done with a folder.
pub(in crate::source) type Choose<'a> = &'a (dyn Fn(&str) -> Step + Send + Sync);

/// What one step of the walk found.
#[derive(Default)]
struct Found {
    objects: Vec<Object>,
    folders: Vec<String>,
}

/// The objects below a prefix whose keys' dates are wanted, in the folders that are chosen; `each` gets those of a folder.
pub(super) async fn walk(
    client: &Client,
    bucket: &str,
    prefix: &str,
    range: &KeyRange,
    choose: Choose<'_>,
    each: &mut (dyn FnMut(Vec<Object>) -> Result<(), ListError> + Send),
) -> Result<(), ListError> {
    let wanted = |object: &Object| object.key().is_some_and(|key| range.meets(key_date(key)));
    let mut level = vec![(prefix.to_owned(), Step::Into)];
    for depth in 0.. {
        let steps = level.into_iter().map(|(folder, step)| {
            let step = if depth < DEEPEST { step } else { Step::Whole };
            list(client, bucket, folder, step)
        });
        let mut found = stream::iter(steps).buffered(AT_ONCE);
        level = Vec::new();
        while let Some(Found { objects, folders }) = found.try_next().await? {
            each(objects.into_iter().filter(wanted).collect())?;
            let chosen = folders.into_iter().map(|folder| {
                let step = choose(&folder);
                (folder, step)
            });
            level.extend(chosen.filter(|(_, step)| *step != Step::Skip));
        }
        if level.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Lists one folder: its objects and the folders in it; or all that is below it.
async fn list(client: &Client, bucket: &str, folder: String, step: Step) -> Result<Found, ListError> {
    if step == Step::Whole {
        return all(client, bucket, &folder).await;
    }
    let request = client.list_objects_v2().bucket(bucket).prefix(&folder).delimiter("/");
    let (mut pages, mut found) = (request.into_paginator().send(), Found::default());
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| denied(bucket, &folder, &error))?;
        found.objects.extend(page.contents.unwrap_or_default());
        found.folders.extend(page.common_prefixes.unwrap_or_default().into_iter().filter_map(|folder| folder.prefix));
        if found.folders.iter().filter(|folder| folder_date(folder).is_none()).count() > MOST_UNDATED {
            return all(client, bucket, &folder).await;
        }
    }
    Ok(found)
}

async fn all(client: &Client, bucket: &str, folder: &str) -> Result<Found, ListError> {
    let (objects, _) = keys(client, bucket, folder, usize::MAX).await?;
    Ok(Found { objects, folders: Vec::new() })
}

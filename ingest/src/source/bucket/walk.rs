//! Listing by dates: folders whose dates are not wanted are not listed.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::Object;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::keys::{KeyPage, KeyPages};
use crate::source::dates::{folder_date, key_date};
use crate::source::{KeyRange, ListError, Listing};

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

/// Makes objects of what was found.
pub(super) type Part<'a> = &'a mut (dyn FnMut(Vec<Object>) -> Result<Listing, ListError> + Send);

/// The objects below a prefix whose keys' dates are wanted, in the folders that are chosen, level by level. They are handed over page
/// by page, as long as there is somebody who takes them: no more than a page of each of some folders is held.
pub(super) async fn walk(
    client: &Client,
    (bucket, prefix): (&str, &str),
    range: &KeyRange,
    choose: Choose<'_>,
    part: Part<'_>,
    parts: &mpsc::Sender<Listing>,
) -> Result<(), ListError> {
    let wanted = |object: &Object| object.key().is_some_and(|key| range.meets(key_date(key)));
    let mut level = vec![(prefix.to_owned(), Step::Into)];
    for depth in 0.. {
        let opened = level.into_iter().map(|(folder, step)| {
            let step = if depth < DEEPEST { step } else { Step::Whole };
            Folder::open(client, bucket, folder, step)
        });
        // The first pages of the next folders come while this one is handed over.
        let mut opened = stream::iter(opened).buffered(AT_ONCE);
        level = Vec::new();
        while let Some(mut folder) = opened.try_next().await? {
            while let Some(objects) = folder.next().await? {
                let listing = part(objects.into_iter().filter(wanted).collect())?;
                if parts.send(listing).await.is_err() {
                    return Ok(());
                }
            }
            let chosen = folder.folders.into_iter().map(|folder| {
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

/// A folder that is being listed: what is in it, or all that is below it.
struct Folder {
    pages: KeyPages,
    /// The page that comes next, if it is here.
    page: Option<KeyPage>,
    is_whole: bool,
    /// Folders in it, so far.
    folders: Vec<String>,
    /// What was handed over of it before it was listed as a whole: its own objects up to this key.
    given: Option<String>,
}

impl Folder {
    /// Begins with the first page.
    async fn open(client: &Client, bucket: &str, folder: String, step: Step) -> Result<Self, ListError> {
        let pages = KeyPages::new(client.clone(), bucket.to_owned(), folder);
        let is_whole = step == Step::Whole;
        let mut pages = if is_whole { pages } else { pages.delimited() };
        let page = pages.next().await?;
        Ok(Self { pages, page, is_whole, folders: Vec::new(), given: None })
    }

    /// The objects of the next page; `None` after the last.
    async fn next(&mut self) -> Result<Option<Vec<Object>>, ListError> {
        let page = match self.page.take() {
            Some(page) => Some(page),
            None => self.pages.next().await?,
        };
        let Some(KeyPage { mut objects, folders }) = page else { return Ok(None) };
        if self.is_whole {
            let prefix = self.pages.prefix();
            let is_given = |key: &str| {
                let is_own = key.strip_prefix(prefix).is_some_and(|rest| !rest.contains('/'));
                is_own && self.given.as_deref().is_some_and(|given| key <= given)
            };
            objects.retain(|object| !object.key().is_some_and(is_given));
            return Ok(Some(objects));
        }
        self.given = objects.iter().filter_map(Object::key).max().map(str::to_owned).max(self.given.take());
        self.folders.extend(folders);
        if self.folders.iter().filter(|folder| folder_date(folder).is_none()).count() > MOST_UNDATED {
            self.folders = Vec::new();
            self.is_whole = true;
            self.pages = self.pages.again();
        }
        Ok(Some(objects))
    }
}

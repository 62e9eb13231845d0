//! Objects of an S3 bucket: listed as a whole, in part, or by the dates in their keys.
//!
//! The AWS SDK does this rather than the store that lakes lie in: that one cannot name keys with empty or dot segments
//! (`ses//2026/...`), which S3 allows and Firehose writes where a prefix begins or ends with a slash too many.

mod keys;
mod object;
mod walk;

use std::collections::HashSet;
use std::io;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::Object;
use repute_lake::ObjectKey;
use tokio::sync::mpsc;

use super::{KeyRange, ListError, Listing, SourceObject, is_bookkeeping, said};

pub(super) use keys::KeyPages;
pub(super) use walk::{Choose, Step, by_date};

/// The header in which S3 says where a bucket lies, also to whoever asks in another region.
const REGION_HEADER: &str = "x-amz-bucket-region";

/// Lists the objects of a bucket below a prefix, to be read within this runtime.
///
/// The prefix is taken as it is written: a folder (with or without its last `/`), an object, or the beginning of names.
/// Left out without a word: folder markers (keys that end in `/`), and the names that [`super::list`] leaves out.
pub async fn list_bucket(client: &Client, bucket: &str, prefix: &str) -> Result<Listing, ListError> {
    let (found, _) = keys(client, bucket, prefix, usize::MAX).await?;
    listing(client, bucket, prefix, found)
}

/// The same of those objects whose keys' dates are wanted, and of those without a date, handed over while others are still being
/// listed, as long as there is somebody who takes them. Folders whose dates are not wanted are not listed.
pub async fn list_bucket_into(
    client: &Client,
    (bucket, prefix): (&str, &str),
    range: &KeyRange,
    parts: &mpsc::Sender<Listing>,
) -> Result<(), ListError> {
    let meant = meant(client, bucket, prefix).await?;
    if let Meant::Folder(folder) = &meant
        && !range.is_all()
    {
        let mut part = |found| listing(client, bucket, folder, found);
        return walk::walk(client, (bucket, folder), range, &|folder| by_date(range, folder), &mut part, parts).await;
    }
    let begin = match &meant {
        Meant::Folder(folder) => folder,
        Meant::Object | Meant::Beginning => prefix,
    };
    let mut pages = KeyPages::new(client.clone(), bucket.to_owned(), begin.to_owned());
    while let Some(page) = pages.next().await? {
        let mut found = plain_keys(page.objects);
        found.retain(|(key, _)| range.takes(key) && (meant != Meant::Object || is_within(key, prefix)));
        if parts.send(objects(client, bucket, found)?).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// What a prefix stands for.
#[derive(Debug, PartialEq, Eq)]
enum Meant {
    /// What is below this.
    Folder(String),
    /// One object, and what is below it if it is also a folder.
    Object,
    /// Whatever begins with it.
    Beginning,
}

async fn meant(client: &Client, bucket: &str, prefix: &str) -> Result<Meant, ListError> {
    if prefix.is_empty() || prefix.ends_with('/') {
        return Ok(Meant::Folder(prefix.to_owned()));
    }
    let first = async |prefix: &str| {
        let listed = client.list_objects_v2().bucket(bucket).prefix(prefix).max_keys(1).send().await;
        let found = listed.map_err(|error| denied(bucket, prefix, &error))?.contents.unwrap_or_default();
        Ok(found.into_iter().next().and_then(|object| object.key))
    };
    let folder = format!("{prefix}/");
    // The shortest name comes first.
    if first(prefix).await?.is_some_and(|key| key == prefix) {
        return Ok(Meant::Object);
    }
    Ok(if first(&folder).await?.is_some() { Meant::Folder(folder) } else { Meant::Beginning })
}

/// The objects below a prefix, in the folders that are chosen, that a test takes, whatever their names; how many it does not take.
pub(super) async fn list_matching(
    client: &Client,
    place: (&str, &str),
    range: &KeyRange,
    choose: Choose<'_>,
    takes: &(dyn Fn(&str) -> bool + Send + Sync),
    parts: &mpsc::Sender<Listing>,
) -> Result<u64, ListError> {
    let mut all_others = 0;
    let mut part = |found: Vec<Object>| {
        let keyed = found.into_iter().filter_map(|mut object| object.key.take().map(|key| (key, object)));
        let (taken, others): (Vec<_>, Vec<_>) =
            keyed.filter(|(key, _)| !key.ends_with('/')).partition(|(key, _)| takes(key));
        all_others += others.len() as u64;
        objects(client, place.0, taken)
    };
    walk::walk(client, place, range, choose, &mut part, parts).await?;
    Ok(all_others)
}

/// As [`list_bucket`], but of no more keys than `most` or a thousand more; where there are more, of the first ones and of those in the newest
/// folder, by name, at every level below the prefix. Says whether there are more.
pub async fn list_bucket_part(
    client: &Client,
    bucket: &str,
    prefix: &str,
    most: usize,
) -> Result<(Listing, bool), ListError> {
    let (mut found, is_cut) = keys(client, bucket, prefix, most).await?;
    if is_cut {
        let known: HashSet<Option<String>> = found.iter().map(|object| object.key.clone()).collect();
        let newest = newest_folder(client, bucket, prefix).await?;
        let (newest, _) = keys(client, bucket, &newest, 1_000).await?;
        found.extend(newest.into_iter().filter(|object| !known.contains(&object.key)));
    }
    Ok((listing(client, bucket, prefix, found)?, is_cut))
}

async fn keys(client: &Client, bucket: &str, prefix: &str, most: usize) -> Result<(Vec<Object>, bool), ListError> {
    let mut pages = KeyPages::new(client.clone(), bucket.to_owned(), prefix.to_owned());
    let mut found: Vec<Object> = Vec::new();
    while let Some(page) = pages.next().await? {
        found.extend(page.objects);
        if found.len() >= most && pages.has_more() {
            return Ok((found, true));
        }
    }
    Ok((found, false))
}

/// The folder that one comes to who takes the last by name at every level.
async fn newest_folder(client: &Client, bucket: &str, prefix: &str) -> Result<String, ListError> {
    /// Firehose's own names have four levels, Hive's a few more.
    const DEEPEST: usize = 16;
    let mut folder = prefix.to_owned();
    for _ in 0..DEEPEST {
        let mut pages = KeyPages::new(client.clone(), bucket.to_owned(), folder.clone()).delimited();
        let mut last = None;
        while let Some(page) = pages.next().await? {
            last = page.folders.into_iter().max().max(last);
        }
        match last {
            Some(next) => folder = next,
            None => break,
        }
    }
    Ok(folder)
}

fn listing(client: &Client, bucket: &str, prefix: &str, found: Vec<Object>) -> Result<Listing, ListError> {
    objects(client, bucket, below(prefix, found))
}

fn objects(client: &Client, bucket: &str, found: Vec<(String, Object)>) -> Result<Listing, ListError> {
    let mut listing = Listing::default();
    for (key, object) in found {
        let size = u64::try_from(object.size.unwrap_or_default()).unwrap_or_default();
        let Some(etag) = object.e_tag else {
            let source = io::Error::other("the store gives no ETag for it");
            return Err(ListError { source_name: format!("s3://{bucket}/{key}"), source, region: None });
        };
        listing.objects.push(self::object(client, bucket, key, etag, size));
    }
    listing.objects.sort_by(|a, b| a.key.name.cmp(&b.key.name));
    Ok(listing)
}

/// An object as a store tells of it, to be read within this runtime.
pub(super) fn object(client: &Client, bucket: &str, key: String, etag: String, size: u64) -> SourceObject {
    let name = format!("s3://{bucket}/{key}");
    let content = object::remote(client, bucket, key, &etag, size);
    SourceObject::new(ObjectKey { name, etag }, size, content)
}

/// Of the keys that begin with the prefix those that it stands for as a folder or an object; if there are none, all.
fn below(prefix: &str, found: Vec<Object>) -> Vec<(String, Object)> {
    let (within, beside): (Vec<_>, Vec<_>) = plain_keys(found).into_iter().partition(|(key, _)| is_within(key, prefix));
    if within.is_empty() { beside } else { within }
}

/// Whether a key that begins with a prefix is the prefix, or below it.
fn is_within(key: &str, prefix: &str) -> bool {
    let rest = key.strip_prefix(prefix).unwrap_or_default();
    prefix.is_empty() || prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')
}

/// The objects by their keys, without folder markers and names that [`super::list`] leaves out.
fn plain_keys(found: Vec<Object>) -> Vec<(String, Object)> {
    let keyed = found.into_iter().filter_map(|mut object| object.key.take().map(|key| (key, object)));
    let is_plain = |key: &str| !key.ends_with('/') && !is_bookkeeping(key.rsplit('/').next().unwrap_or_default());
    keyed.filter(|(key, _)| is_plain(key)).collect()
}

/// Why a listing failed, and where the bucket lies if it was looked for in another region.
pub(super) fn denied<E>(bucket: &str, prefix: &str, error: &SdkError<E>) -> ListError
where
    SdkError<E>: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let header = error.raw_response().and_then(|response| response.headers().get(REGION_HEADER));
    let is_elsewhere = matches!(
        error.code(),
        Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException")
    );
    let region = header.filter(|_| is_elsewhere).map(str::to_owned);
    let right = format!("s3:ListBucket on arn:aws:s3:::{bucket}");
    ListError { source_name: format!("s3://{bucket}/{prefix}"), source: failure(error, &right), region }
}

/// What the SDK says, with all causes, and what helps; `right` is the one that the request needs.
pub(super) fn failure<E>(error: &SdkError<E>, right: &str) -> io::Error
where
    SdkError<E>: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let text = said(error);
    let is_forbidden = error.raw_response().is_some_and(|response| response.status().as_u16() == 403);
    let remedy = match error.code() {
        None | Some("AccessDenied" | "AllAccessDisabled" | "Forbidden") if is_forbidden => format!(
            "; these credentials lack {right}, or a policy of the bucket denies it (a bucket whose reader pays needs --requester-pays)"
        ),
        Some("InvalidAccessKeyId" | "SignatureDoesNotMatch") => {
            "; look at AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned()
        }
        Some("ExpiredToken" | "TokenRefreshRequired") => "; sign in again: these credentials have ended".to_owned(),
        Some("PermanentRedirect" | "AuthorizationHeaderMalformed") => {
            "; the bucket lies in another region: set AWS_REGION to it".to_owned()
        }
        Some("NoSuchBucket") => "; look at its name, and at AWS_ENDPOINT_URL if that is set".to_owned(),
        Some("InvalidObjectState") => "; it is archived: restore it first (aws s3api restore-object)".to_owned(),
        Some("RequestTimeTooSkewed") => "; set this machine's clock".to_owned(),
        _ => String::new(),
    };
    io::Error::other(text + &remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken of a bucket with these keys for a prefix, as S3 lists them.
    fn taken<'a>(keys: &[&'a str], prefix: &str) -> Vec<&'a str> {
        let found: Vec<Object> =
            keys.iter().filter(|key| key.starts_with(prefix)).map(|key| Object::builder().key(*key).build()).collect();
        let taken = below(prefix, found);
        keys.iter().filter(|key| taken.iter().any(|(taken, _)| taken == *key)).copied().collect()
    }

    #[test]
    fn a_prefix_is_a_folder_an_object_or_the_beginning_of_names() {
        let keys = [
            "ses/2026/1/z",
            "ses/2026/10/02/a",
            "ses/2026/10/02/b",
            "ses/2026/10/_SUCCESS",
            "ses/2026/10/empty/",
            "ses/2026/11/c",
            "ses//2026/12/d",
            "other/d",
        ];
        let october = &keys[1..3];
        for prefix in ["ses/2026/10", "ses/2026/10/", "ses/2026/10/02"] {
            assert_eq!(taken(&keys, prefix), october, "{prefix}");
        }
        assert_eq!(taken(&keys, "ses/2026/10/02/a"), october[..1]);
        assert_eq!(taken(&keys, "ses/2026/1"), ["ses/2026/1/z"]);
        assert_eq!(taken(&keys[1..], "ses/2026/1"), ["ses/2026/10/02/a", "ses/2026/10/02/b", "ses/2026/11/c"]);
        assert_eq!(taken(&keys, "ses//"), ["ses//2026/12/d"]);
        assert_eq!(taken(&keys, "").len(), 6);
        assert_eq!(taken(&keys, "nothing/").len(), 0);
    }
}

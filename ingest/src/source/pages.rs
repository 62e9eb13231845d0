//! Listings that are handed over page by page, so that a source of any size takes the memory of one page.

use std::fs::{self, ReadDir};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use chrono::{DateTime, Utc};

use super::bucket::{failure, object};
use super::{ListError, SourceObject, is_bookkeeping};

/// Objects of a page; also S3's.
const PAGE: usize = 1_000;

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
pub struct BucketPages {
    client: Client,
    bucket: String,
    prefix: String,
    /// Where the next page begins; nothing after the last.
    next: Option<Option<String>>,
}

impl BucketPages {
    /// Begins with the first page. Objects are to be read within the runtime in which they are listed.
    pub fn new(client: Client, bucket: String, prefix: String) -> Self {
        Self { client, bucket, prefix, next: Some(None) }
    }

    /// Whether there are keys that begin with this.
    ///
    /// # Errors
    /// If the bucket cannot be listed.
    pub async fn is_there(client: &Client, bucket: &str, prefix: &str) -> Result<bool, ListError> {
        let answer = client.list_objects_v2().bucket(bucket).prefix(prefix).max_keys(1).send().await;
        let answer = answer.map_err(|error| failed(bucket, prefix, failure(&error)))?;
        Ok(!answer.contents.unwrap_or_default().is_empty())
    }

    /// The next page, which may hold nothing; `None` after the last. Left out without a word: folder markers (keys that end in
    /// `/`), and the names that [`super::list`] leaves out.
    ///
    /// # Errors
    /// If the bucket cannot be listed; the next call asks again.
    pub async fn next(&mut self) -> Result<Option<Vec<Listed>>, ListError> {
        let Some(token) = &self.next else { return Ok(None) };
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(&self.prefix);
        let answer = request.set_continuation_token(token.clone()).send().await;
        let page = answer.map_err(|error| failed(&self.bucket, &self.prefix, failure(&error)))?;
        let is_last = !page.is_truncated.unwrap_or_default() || page.next_continuation_token.is_none();
        self.next = (!is_last).then_some(page.next_continuation_token);
        let mut found = Vec::new();
        for one in page.contents.unwrap_or_default() {
            let (Some(key), Some(etag)) = (one.key, one.e_tag) else { continue };
            if key.ends_with('/') || is_bookkeeping(key.rsplit('/').next().unwrap_or_default()) {
                continue;
            }
            let size = u64::try_from(one.size.unwrap_or_default()).unwrap_or_default();
            let written = one.last_modified.and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()));
            let object = object(&self.client, &self.bucket, key.clone(), etag, size);
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
        _ => failure(&error),
    })?;
    let etag = head.e_tag.ok_or_else(|| io::Error::other("the store gave no ETag"))?;
    let size = u64::try_from(head.content_length.unwrap_or_default()).unwrap_or_default();
    let written = head.last_modified.and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()));
    let object = object(client, bucket, key.to_owned(), etag, size);
    Ok(Listed { object, key: key.to_owned(), written: written.unwrap_or_default() })
}

fn failed(bucket: &str, prefix: &str, source: io::Error) -> ListError {
    ListError { source_name: format!("s3://{bucket}/{prefix}"), source }
}

/// Files below a directory, in the order of names from folder to folder, in no order within one.
#[derive(Debug)]
pub struct DirectoryPages {
    root: PathBuf,
    /// Folders that are still to be read, the next one last.
    pending: Vec<PathBuf>,
    open: Option<ReadDir>,
    folders: Vec<PathBuf>,
}

impl DirectoryPages {
    /// Begins with the first page.
    ///
    /// # Errors
    /// If there is no such directory, or file.
    pub fn new(root: &Path) -> Result<Self, ListError> {
        let root = fs::canonicalize(root).map_err(|source| at(root, source))?;
        Ok(Self { pending: vec![root.clone()], root, open: None, folders: Vec::new() })
    }

    /// The next page; `None` after the last. Left out without a word is what [`super::list`] leaves out, with or without a reason,
    /// and what goes away meanwhile; also folders that `skips` says of, by their path below the directory with a `/` at the end.
    ///
    /// # Errors
    /// If a folder or file cannot be looked at.
    pub fn next(&mut self, skips: &dyn Fn(&str) -> bool) -> Result<Option<Vec<Listed>>, ListError> {
        let mut found = Vec::new();
        while found.len() < PAGE {
            let Some(open) = &mut self.open else {
                let Some(path) = self.pending.pop() else { break };
                self.begin(&path, &mut found)?;
                continue;
            };
            match open.next() {
                Some(entry) => {
                    let entry = entry.map_err(|source| at(&self.root, source))?;
                    let path = entry.path();
                    match entry.file_type() {
                        _ if is_bookkeeping(&entry.file_name().to_string_lossy()) => {}
                        Ok(kind) if kind.is_dir() && skips(&format!("{}/", self.below(&path))) => {}
                        Ok(kind) if kind.is_dir() => self.folders.push(path),
                        Ok(kind) if kind.is_file() => self.file(&path, &mut found)?,
                        _ => {}
                    }
                }
                None => {
                    self.open = None;
                    self.folders.sort_by(|a, b| b.cmp(a));
                    self.pending.append(&mut self.folders);
                }
            }
        }
        let is_over = found.is_empty() && self.open.is_none() && self.pending.is_empty();
        Ok((!is_over).then_some(found))
    }

    /// Opens a folder; the path that was given may also be that of a file.
    fn begin(&mut self, path: &Path, found: &mut Vec<Listed>) -> Result<(), ListError> {
        match fs::read_dir(path) {
            Ok(open) => self.open = Some(open),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => self.file(path, found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && *path != *self.root => {}
            Err(error) => return Err(at(path, error)),
        }
        Ok(())
    }

    fn file(&self, path: &Path, found: &mut Vec<Listed>) -> Result<(), ListError> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(at(path, error)),
        };
        let written = u32::try_from(metadata.mtime_nsec()).ok();
        let written = written.and_then(|nanoseconds| DateTime::from_timestamp(metadata.mtime(), nanoseconds));
        let key = self.below(path);
        let object = SourceObject::file(path.to_owned(), &metadata).map_err(|source| at(path, source))?;
        found.push(Listed { object, key, written: written.unwrap_or_default() });
        Ok(())
    }

    fn below(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }
}

fn at(path: &Path, source: io::Error) -> ListError {
    ListError { source_name: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_comes_in_pages() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for day in ["2026/11/27", "2026/11/28"] {
            fs::create_dir_all(at(day)).unwrap();
            (0..1_200).for_each(|number| fs::write(at(&format!("{day}/{number}")), "{}").unwrap());
        }
        for name in ["truth.json", "_SUCCESS", ".hidden"] {
            fs::write(at(name), "{}").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
        let all = |skips: &dyn Fn(&str) -> bool| {
            let mut pages = DirectoryPages::new(directory.path()).unwrap();
            let mut sizes = Vec::new();
            let mut keys = Vec::new();
            while let Some(page) = pages.next(skips).unwrap() {
                sizes.push(page.len());
                keys.extend(page.into_iter().map(|listed| listed.key));
            }
            keys.sort();
            keys.dedup();
            (sizes, keys.len())
        };
        assert_eq!(all(&|_| false), (vec![1_000, 1_000, 400], 2_400));
        assert_eq!(all(&|folder| folder == "2026/11/27/"), (vec![1_000, 200], 1_200));
        let mut one = DirectoryPages::new(&at("2026/11/27/7")).unwrap();
        assert_eq!(one.next(&|_| false).unwrap().unwrap().len(), 1);
        assert!(one.next(&|_| false).unwrap().is_none());
        assert!(DirectoryPages::new(&at("nothing")).is_err());
    }
}

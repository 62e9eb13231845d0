//! Files below a directory, page by page and in the order of their paths, so that a source of any size takes the memory of some names.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::io;
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use tokio::sync::mpsc;

use super::pages::Listed;
use super::{KeyRange, ListError, Listing, SourceObject, is_bookkeeping};

/// Files of a page; also S3's.
const PAGE: usize = 1_000;

/// So many names of a folder are held at a time. One that holds more is read several times over.
const NAMES: usize = 1 << 17;

/// What was found in one go.
#[derive(Debug, Default)]
pub struct DirectoryPage {
    /// Files.
    pub listed: Vec<Listed>,
    /// Paths that were left out although they look like data, each with the reason.
    pub refused: Vec<(PathBuf, &'static str)>,
}

/// Files below a directory, in the order of their paths.
#[derive(Debug)]
pub struct DirectoryPages {
    root: PathBuf,
    /// What was given, until it is looked at.
    start: Option<Entry>,
    /// Folders that are being read, each within the one before.
    folders: Vec<Folder>,
    names: usize,
}

/// A folder that is being read.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// What is in it, the next one last.
    entries: Vec<Entry>,
    /// The last of the entries that were read, if there are more in the folder.
    more_after: Option<Entry>,
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: OsString,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Link,
    Other,
}

impl Kind {
    fn of(kind: FileType) -> Self {
        match kind {
            kind if kind.is_dir() => Self::Folder,
            kind if kind.is_file() => Self::File,
            kind if kind.is_symlink() => Self::Link,
            _ => Self::Other,
        }
    }
}

impl Ord for Entry {
    /// As whole paths would be ordered.
    fn cmp(&self, other: &Self) -> Ordering {
        fn bytes(entry: &Entry) -> impl Iterator<Item = &u8> {
            let end: &[u8] = if entry.kind == Kind::Folder { b"/" } else { b"" };
            entry.name.as_bytes().iter().chain(end)
        }
        bytes(self).cmp(bytes(other))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl DirectoryPages {
    /// Begins with the first page. The path may also be that of a file; it may be a link, where those below it are left out.
    ///
    /// # Errors
    /// If there is no such directory, or file.
    pub fn new(root: &Path) -> Result<Self, ListError> {
        let root = fs::canonicalize(root).map_err(|source| at(root, source))?;
        let metadata = fs::symlink_metadata(&root).map_err(|source| at(&root, source))?;
        let start = Entry { name: OsString::new(), kind: Kind::of(metadata.file_type()) };
        Ok(Self { root, start: Some(start), folders: Vec::new(), names: NAMES })
    }

    /// The next page; `None` after the last. Left out without a word is what [`super::list`] leaves out so, and what goes away
    /// meanwhile; also folders that `skips` says of, by their path below the directory with a `/` at the end.
    ///
    /// # Errors
    /// If a folder or file cannot be looked at.
    pub fn next(&mut self, skips: &dyn Fn(&str) -> bool) -> Result<Option<DirectoryPage>, ListError> {
        let mut page = DirectoryPage::default();
        if let Some(start) = self.start.take() {
            self.take(self.root.clone(), start.kind, &mut page)?;
        }
        while page.listed.len() < PAGE && page.refused.len() < PAGE {
            let Some(folder) = self.folders.last_mut() else { break };
            let Some(entry) = folder.entries.pop() else {
                match folder.more_after.take() {
                    Some(last) => {
                        let path = mem::take(&mut folder.path);
                        self.folders.pop();
                        self.read(path, Some(&last))?;
                    }
                    None => drop(self.folders.pop()),
                }
                continue;
            };
            let path = folder.path.join(&entry.name);
            if entry.kind != Kind::Folder || !skips(&format!("{}/", self.below(&path))) {
                self.take(path, entry.kind, &mut page)?;
            }
        }
        let is_over = page.listed.is_empty() && page.refused.is_empty() && self.folders.is_empty();
        Ok((!is_over).then_some(page))
    }

    fn take(&mut self, path: PathBuf, kind: Kind, page: &mut DirectoryPage) -> Result<(), ListError> {
        match kind {
            Kind::Folder => self.read(path, None)?,
            Kind::File => page.listed.extend(self.file(&path)?),
            Kind::Link => page.refused.push((path, "a symbolic link")),
            Kind::Other => page.refused.push((path, "not a regular file")),
        }
        Ok(())
    }

    /// Reads the names of a folder, those behind one if it is given.
    fn read(&mut self, path: PathBuf, after: Option<&Entry>) -> Result<(), ListError> {
        match first_entries(&path, after, self.names) {
            Ok((mut entries, is_all)) => {
                let more_after = entries.last().filter(|_| !is_all).cloned();
                entries.reverse();
                self.folders.push(Folder { path, entries, more_after });
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && path != self.root => Ok(()),
            Err(error) => Err(at(&path, error)),
        }
    }

    /// A file as it is now, if it is there.
    fn file(&self, path: &Path) -> Result<Option<Listed>, ListError> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(path, error)),
        };
        let written = u32::try_from(metadata.mtime_nsec()).ok();
        let written = written.and_then(|nanoseconds| DateTime::from_timestamp(metadata.mtime(), nanoseconds));
        let key = self.below(path);
        let object = SourceObject::file(path.to_owned(), &metadata).map_err(|source| at(path, source))?;
        Ok(Some(Listed { object, key, written: written.unwrap_or_default() }))
    }

    fn below(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }
}

/// The first `most` entries of a folder, in order, behind one if it is given, and whether those are all.
fn first_entries(folder: &Path, after: Option<&Entry>, most: usize) -> io::Result<(Vec<Entry>, bool)> {
    let (mut first, mut is_all) = (BinaryHeap::new(), true);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_left_out(&name) {
            continue;
        }
        let kind = match entry.file_type() {
            Ok(kind) => Kind::of(kind),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let entry = Entry { name, kind };
        if after.is_some_and(|after| entry <= *after) {
            continue;
        }
        first.push(entry);
        if first.len() > most {
            first.pop();
            is_all = false;
        }
    }
    Ok((first.into_sorted_vec(), is_all))
}

fn is_left_out(name: &OsStr) -> bool {
    is_bookkeeping(&name.to_string_lossy())
}

/// Hands over a file, or the files below a directory, whose keys' dates are wanted, page by page, as long as there is somebody who
/// takes them.
///
/// # Errors
/// If a folder or file cannot be looked at; what was handed over before stays so.
pub async fn list_directory_into(
    path: &Path,
    range: &KeyRange,
    parts: &mpsc::Sender<Listing>,
) -> Result<(), ListError> {
    let failed = |error: tokio::task::JoinError| at(path, io::Error::other(error));
    let given = path.to_owned();
    let mut pages = tokio::task::spawn_blocking(move || DirectoryPages::new(&given)).await.map_err(failed)??;
    loop {
        let read = move || pages.next(&|_| false).map(|page| (pages, page));
        let (rest, page) = tokio::task::spawn_blocking(read).await.map_err(failed)??;
        pages = rest;
        let Some(DirectoryPage { listed, refused }) = page else { return Ok(()) };
        let objects = listed.into_iter().map(|listed| listed.object);
        let objects = objects.filter(|object| range.takes(&object.key.name)).collect();
        if parts.send(Listing { objects, refused }).await.is_err() {
            return Ok(());
        }
    }
}

fn at(path: &Path, source: io::Error) -> ListError {
    ListError::new(path.display().to_string(), source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_of(mut pages: DirectoryPages, skips: &dyn Fn(&str) -> bool) -> (Vec<usize>, Vec<String>) {
        let (mut sizes, mut keys) = (Vec::new(), Vec::new());
        while let Some(page) = pages.next(skips).unwrap() {
            sizes.push(page.listed.len());
            keys.extend(page.listed.into_iter().map(|listed| listed.key));
        }
        (sizes, keys)
    }

    #[test]
    fn a_directory_comes_in_pages_and_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let mut names: Vec<String> =
            ["2026/11/28.old", "2026/11/28/a b", "2026/11/280", "a", "a-b", "é"].map(str::to_owned).into();
        names.extend((0..1_200).flat_map(|number| ["2026/11/27", "2026/11/28"].map(|day| format!("{day}/{number}"))));
        for name in &names {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), "{}").unwrap();
        }
        for name in ["truth.json", "_SUCCESS", ".hidden"] {
            fs::write(at(name), "{}").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
        names.sort();
        let all = |held: usize| DirectoryPages { names: held, ..DirectoryPages::new(directory.path()).unwrap() };
        assert_eq!(keys_of(all(NAMES), &|_| false), (vec![1_000, 1_000, 406], names.clone()));
        // A folder with more names than are held comes all the same.
        for held in [1, 7, 1_200] {
            assert_eq!(keys_of(all(held), &|_| false).1, names, "{held} names at a time");
        }
        let (sizes, keys) = keys_of(all(7), &|folder| folder == "2026/11/27/");
        assert_eq!((sizes, keys.len()), (vec![1_000, 206], 1_206));
        let one = DirectoryPages::new(&at("2026/11/27/7")).unwrap();
        assert_eq!(keys_of(one, &|_| false).0, [1]);
        assert!(DirectoryPages::new(&at("nothing")).is_err());
    }
}

//! What a replay has done, in a file, so that another can go on from there.
//!
//! One line of JSON for the stream, then one for each object of every batch that was acknowledged. Lines are appended in one
//! write and synced; a line that a crash cut off is dropped, so the file always tells of whole batches.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use repute_lake::ObjectKey;
use serde::{Deserialize, Serialize};

/// Why what was done cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system says no.
    #[error("progress file `{}`", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another replay writes it.
    #[error("progress file `{}` is in use by another replay", .0.display())]
    InUse(PathBuf),
    /// It is no such file, or one of another stream.
    #[error("progress file `{}`: {what}; name another file, or remove this one to begin again", path.display())]
    Other {
        /// Which file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
}

/// How far an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// So many of its first records are acknowledged, or are too large to be put.
    Begun(u64),
    /// All are.
    Done,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Stream { stream: String },
    Begun { object: String, etag: String, records: u64 },
    Done { object: String, etag: String, done: bool },
}

/// The file, held by one replay.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    known: HashMap<ObjectKey, Standing>,
}

impl Journal {
    /// Opens the file of a replay onto a stream, or creates it.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub fn open(path: &Path, stream: &str) -> Result<Self, JournalError> {
        let failed = |source| JournalError::File { path: path.to_owned(), source };
        let other = |what: String| JournalError::Other { path: path.to_owned(), what };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(other("it is no regular file".to_owned()));
        }
        file.try_lock().map_err(|_| JournalError::InUse(path.to_owned()))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut known = HashMap::new();
        for (number, line) in lines.enumerate() {
            let is_first = number == 0;
            match serde_json::from_slice(line) {
                Ok(Line::Stream { stream: of }) if is_first && of == stream => {}
                Ok(Line::Stream { stream: of }) if is_first => return Err(other(format!("it is of stream `{of}`"))),
                Ok(Line::Begun { object, etag, records }) if !is_first => {
                    known.insert(ObjectKey { name: object, etag }, Standing::Begun(records));
                }
                Ok(Line::Done { object, etag, .. }) if !is_first => {
                    known.insert(ObjectKey { name: object, etag }, Standing::Done);
                }
                _ => return Err(other(format!("line {} is none of a replay's", number + 1))),
            }
        }
        const BEGINNING: &[u8] = b"{\"stream\"";
        if whole == 0 && !text.starts_with(BEGINNING) && !BEGINNING.starts_with(&text) {
            return Err(other("it is no progress file".to_owned()));
        }
        file.set_len(whole as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut journal = Self { path: path.to_owned(), file, known };
        if whole == 0 {
            journal.append(&[Line::Stream { stream: stream.to_owned() }])?;
        }
        Ok(journal)
    }

    /// How far an object is; nothing if none of it was put.
    pub fn standing(&self, object: &ObjectKey) -> Option<Standing> {
        self.known.get(object).copied()
    }

    /// Writes down how far objects are.
    pub(super) fn note<'a>(
        &mut self,
        objects: impl Iterator<Item = (&'a ObjectKey, Standing)>,
    ) -> Result<(), JournalError> {
        let lines: Vec<Line> = objects
            .map(|(key, standing)| {
                let (object, etag) = (key.name.clone(), key.etag.clone());
                match standing {
                    Standing::Begun(records) => Line::Begun { object, etag, records },
                    Standing::Done => Line::Done { object, etag, done: true },
                }
            })
            .collect();
        if lines.is_empty() { Ok(()) } else { self.append(&lines) }
    }

    fn append(&mut self, lines: &[Line]) -> Result<(), JournalError> {
        let mut text = Vec::new();
        let written = lines.iter().try_for_each(|line| {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
            Ok::<_, serde_json::Error>(())
        });
        let written = written.map_err(io::Error::from).and_then(|()| self.file.write_all(&text));
        let synced = written.and_then(|()| self.file.sync_data());
        synced.map_err(|source| JournalError::File { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey { name: name.to_owned(), etag: "1".to_owned() }
    }

    #[test]
    fn what_was_done_is_known_again_whatever_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress");
        let mut journal = Journal::open(&path, "ses").unwrap();
        let (a, b) = (key("a"), key("b"));
        journal.note([(&a, Standing::Begun(3))].into_iter()).unwrap();
        journal.note([(&a, Standing::Done), (&b, Standing::Begun(2))].into_iter()).unwrap();
        assert!(matches!(Journal::open(&path, "ses"), Err(JournalError::InUse(_))));
        drop(journal);
        let all = std::fs::read(&path).unwrap();
        for cut in 0..=all.len() {
            std::fs::write(&path, &all[..cut]).unwrap();
            let journal = Journal::open(&path, "ses").unwrap();
            let lines = all[..cut].iter().filter(|byte| **byte == b'\n').count();
            let expected = match lines {
                0 | 1 => (None, None),
                2 => (Some(Standing::Begun(3)), None),
                3 => (Some(Standing::Done), None),
                _ => (Some(Standing::Done), Some(Standing::Begun(2))),
            };
            assert_eq!((journal.standing(&a), journal.standing(&b)), expected, "cut at {cut}");
        }
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress");
        for text in
            ["hello", "hello\n", "{\"stream\":\"other\"}\n", "{\"object\":\"a\",\"etag\":\"1\",\"records\":1}\n"]
        {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Journal::open(&path, "ses"), Err(JournalError::Other { .. })), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        // What would be read without end.
        for path in ["/dev/null", "/dev/zero"] {
            assert!(matches!(Journal::open(Path::new(path), "ses"), Err(JournalError::Other { .. })), "{path}");
        }
    }
}

//! Reads columns of data files as numbers of their distinct texts, row group by row group: a question then looks at each text once,
//! and at a row only for its number.
//!
//! ```text
//! DataFile ── footer (kept) ──> CodedFile ── bytes of some columns ──> CodedGroup ──> CodedTexts: texts, a number per row
//!                                                                            └──────> times
//! ```
//! A general reader makes arrays of texts, or of numbers with their null bits and dictionaries, of which a count needs neither. Any
//! Parquet file can be read so as long as its columns are of the plain kinds that [`CodedFile::can_read`] knows; the others are for
//! the engine.

mod chunk;
mod footer;
mod hybrid;
mod tags;
mod texts;
mod times;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStore;
use object_store::path::Path;
use parquet::errors::ParquetError;

use crate::error::LakeError;
use crate::table::DataFile;
use chunk::Chunk;
use footer::Footer;
pub use texts::CodedTexts;
use texts::OfRows;
pub use times::CodedTimes;

/// Column chunks whose places are kept in memory, some 400 bytes each.
const KEPT_CHUNKS: usize = 100_000;

/// Where data files are read. What is known of files is kept, since they never change, and shared by clones.
#[derive(Debug, Clone)]
pub struct CodedFiles {
    store: Arc<dyn ObjectStore>,
    footers: Arc<Mutex<Footers>>,
}

#[derive(Debug, Default)]
struct Footers {
    by_path: HashMap<Path, Arc<Footer>>,
    chunks: usize,
}

/// A data file, of which only the places of its columns were read.
pub struct CodedFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    footer: Arc<Footer>,
}

/// What a column is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Texts.
    Text,
    /// Maps from texts to texts.
    Map,
    /// Times in microseconds.
    Time,
    /// Whole numbers of 64 bits.
    Number,
}

/// Rows of a file that lie together, as its footer knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupFacts {
    /// How many.
    pub rows: usize,
    /// Bounds of `event_time`, microseconds.
    pub event_time: Option<(i64, i64)>,
    /// Bounds of `sent_time`, microseconds.
    pub sent_time: Option<(i64, i64)>,
    /// Rows without `sent_time`.
    pub sent_time_nulls: Option<u64>,
}

/// The bytes of some columns of a row group.
pub struct CodedGroup {
    path: Path,
    rows: usize,
    /// A column's chunks: one, or those of a map's keys and values.
    columns: HashMap<String, Vec<Chunk>>,
}

impl CodedFiles {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, footers: Arc::default() }
    }

    /// The same files, knowing what the other knew.
    pub fn continuing(self, other: &Self) -> Self {
        Self { footers: Arc::clone(&other.footers), ..self }
    }

    /// Reads where a file's columns lie, unless that is known.
    pub async fn open(&self, file: &DataFile) -> Result<CodedFile, LakeError> {
        let found = |footer| CodedFile { store: Arc::clone(&self.store), path: file.path.clone(), footer };
        if let Some(footer) = self.footers().by_path.get(&file.path) {
            return Ok(found(Arc::clone(footer)));
        }
        let footer = Footer::read(&self.store, file).await.map_err(|source| failed(&file.path, source))?;
        let footer = Arc::new(footer);
        let mut footers = self.footers();
        footers.chunks += footer.chunks();
        if footers.chunks > KEPT_CHUNKS {
            *footers = Footers { chunks: footer.chunks(), ..Footers::default() };
        }
        footers.by_path.insert(file.path.clone(), Arc::clone(&footer));
        Ok(found(footer))
    }

    fn footers(&self) -> std::sync::MutexGuard<'_, Footers> {
        self.footers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CodedFile {
    /// Whether the columns are such as can be read here. One that the file lacks can: it is null everywhere.
    pub fn can_read(&self, columns: &[(String, Coding)]) -> bool {
        columns.iter().all(|(name, coding)| self.footer.can_read(name, *coding))
    }

    /// How many row groups there are.
    pub fn groups(&self) -> usize {
        self.footer.groups()
    }

    /// What is known of a row group.
    pub fn facts(&self, group: usize) -> GroupFacts {
        self.footer.facts(group)
    }

    /// Reads the bytes of some columns of a row group.
    pub async fn read(&self, group: usize, columns: &[(String, Coding)]) -> Result<CodedGroup, LakeError> {
        let mut wanted: Vec<(&str, Vec<footer::ChunkPlace>)> = Vec::new();
        for (name, _) in columns {
            if !wanted.iter().any(|(known, _)| known == name) {
                wanted.push((name, self.footer.places(group, name)));
            }
        }
        let ranges: Vec<_> = wanted.iter().flat_map(|(_, places)| places.iter().map(|place| place.range())).collect();
        let read = self.store.get_ranges(&self.path, &ranges).await;
        let mut bytes = read.map_err(|error| LakeError::of_file(self.path.as_ref(), Box::new(error)))?.into_iter();
        let mut read = HashMap::new();
        for (name, places) in wanted {
            let chunks =
                places.into_iter().zip(bytes.by_ref()).map(|(place, bytes)| Chunk::new(place, bytes)).collect();
            read.insert(name.to_owned(), chunks);
        }
        Ok(CodedGroup { path: self.path.clone(), rows: self.facts(group).rows, columns: read })
    }
}

impl CodedGroup {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A column of texts.
    pub fn texts(&self, column: &str) -> Result<CodedTexts, LakeError> {
        let [chunk] = self.chunks(column) else { return Ok(CodedTexts::nothing(&self.path, self.rows)) };
        let (texts, pages) = texts::read(chunk, self.rows).map_err(|source| failed(&self.path, source))?;
        CodedTexts::of(&self.path, self.rows, texts, OfRows::Pages(pages))
    }

    /// What a column of maps holds under a key: of several equal keys, the first.
    pub fn under_key(&self, column: &str, key: &str) -> Result<CodedTexts, LakeError> {
        let [keys, values] = self.chunks(column) else { return Ok(CodedTexts::nothing(&self.path, self.rows)) };
        let read = tags::read(keys, values, key, self.rows);
        let (texts, numbers) = read.map_err(|source| failed(&self.path, source))?;
        CodedTexts::of(&self.path, self.rows, texts, OfRows::Numbers(numbers))
    }

    /// A column of times.
    pub fn times(&self, column: &str) -> Result<CodedTimes, LakeError> {
        let [chunk] = self.chunks(column) else { return Ok(CodedTimes::nothing(self.rows)) };
        times::read(chunk, self.rows).map_err(|source| failed(&self.path, source))
    }

    /// A column of whole numbers, in the place of times.
    pub fn numbers(&self, column: &str) -> Result<CodedTimes, LakeError> {
        self.times(column)
    }

    fn chunks(&self, column: &str) -> &[Chunk] {
        self.columns.get(column).map(Vec::as_slice).unwrap_or_default()
    }
}

fn failed(path: &Path, source: ParquetError) -> LakeError {
    LakeError::of_file(path.as_ref(), Box::new(source))
}

/// A file that is not what its own parts say.
fn wrong(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

#[cfg(test)]
mod tests;

//! The pages of one column chunk whose bytes are in memory.

use std::sync::Arc;

use bytes::Bytes;
use bytes::buf::{Buf, Reader};
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length, SerializedPageReader};
use parquet::schema::types::ColumnDescPtr;

use super::footer::ChunkPlace;
use super::wrong;

/// A column chunk.
pub(super) struct Chunk {
    place: ChunkPlace,
    bytes: Bytes,
}

/// Texts with their lengths in front, and how many there are.
pub(super) struct Dictionary {
    pub(super) texts: Bytes,
    pub(super) count: usize,
}

/// A page of data, cut into its parts.
pub(super) struct DataPage {
    /// Levels and values, null or not.
    pub(super) entries: usize,
    pub(super) repetition: Option<Bytes>,
    pub(super) definition: Option<Bytes>,
    pub(super) encoding: Encoding,
    pub(super) values: Bytes,
}

impl Chunk {
    pub(super) fn new(place: ChunkPlace, bytes: Bytes) -> Self {
        Self { place, bytes }
    }

    pub(super) fn description(&self) -> ColumnDescPtr {
        self.metadata().column_descr_ptr()
    }

    fn metadata(&self) -> &ColumnChunkMetaData {
        self.place.metadata()
    }

    /// Its pages one by one, inflated.
    pub(super) fn pages(&self, rows: usize) -> Result<SerializedPageReader<Placed>> {
        let placed = Placed { start: self.place.range().start, bytes: self.bytes.clone() };
        SerializedPageReader::new(Arc::new(placed), self.metadata(), rows, None)
    }

    /// What its dictionary lists, and the pages of data.
    pub(super) fn read(&self, rows: usize) -> Result<(Option<Dictionary>, Vec<DataPage>)> {
        let (mut dictionary, mut data) = (None, Vec::new());
        let description = self.description();
        let has = (description.max_rep_level() > 0, description.max_def_level() > 0);
        let mut pages = self.pages(rows)?;
        while let Some(page) = pages.get_next_page()? {
            match page {
                Page::DictionaryPage { buf, num_values, .. } => {
                    dictionary = Some(Dictionary { texts: buf, count: num_values as usize });
                }
                page => data.push(DataPage::of(page, has)?),
            }
        }
        Ok((dictionary, data))
    }
}

impl DataPage {
    fn of(page: Page, (has_repetition, has_definition): (bool, bool)) -> Result<Self> {
        match page {
            Page::DataPage { mut buf, num_values, encoding, def_level_encoding, rep_level_encoding, .. } => {
                let mut levels = |is_there: bool, encoding| match (is_there, encoding) {
                    (false, _) => Ok(None),
                    (true, Encoding::RLE) => sized(&mut buf).map(Some),
                    (true, other) => Err(wrong(&format!("levels encoded as {other}"))),
                };
                let repetition = levels(has_repetition, rep_level_encoding)?;
                let definition = levels(has_definition, def_level_encoding)?;
                Ok(Self { entries: num_values as usize, repetition, definition, encoding, values: buf })
            }
            Page::DataPageV2 { mut buf, num_values, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
                let mut cut = |length: u32| match length as usize {
                    length if length <= buf.len() => Ok(buf.split_to(length)),
                    _ => Err(wrong("levels longer than their page")),
                };
                let (repetition, definition) = (cut(rep_levels_byte_len)?, cut(def_levels_byte_len)?);
                Ok(Self {
                    entries: num_values as usize,
                    repetition: has_repetition.then_some(repetition),
                    definition: has_definition.then_some(definition),
                    encoding,
                    values: buf,
                })
            }
            Page::DictionaryPage { .. } => Err(wrong("a second dictionary")),
        }
    }
}

/// Takes off bytes that have their length in front.
pub(super) fn sized(bytes: &mut Bytes) -> Result<Bytes> {
    if bytes.len() < 4 {
        return Err(wrong("a length is cut"));
    }
    let length = bytes.get_u32_le() as usize;
    if length > bytes.len() {
        return Err(wrong("something is longer than its page"));
    }
    Ok(bytes.split_to(length))
}

/// Bytes that lie at some place of a file.
pub(super) struct Placed {
    start: u64,
    bytes: Bytes,
}

impl Placed {
    fn from(&self, start: u64) -> Result<Bytes> {
        let at = start.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let at = at.filter(|at| *at <= self.bytes.len()).ok_or_else(|| wrong("a page outside its column"))?;
        Ok(self.bytes.slice(at..))
    }
}

impl Length for Placed {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Placed {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.from(start).map(Buf::reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let rest = self.from(start)?;
        if length > rest.len() {
            return Err(wrong("a page longer than its column"));
        }
        Ok(rest.slice(..length))
    }
}

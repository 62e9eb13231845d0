//! Columns whose values are numbered already become dictionary-encoded Parquet without looking at a value twice.
//!
//! ```text
//! batch 1: numbers, values ──┐
//! batch 2: numbers, values ──┼──> one dictionary, one number per row ──> dictionary page, data pages
//! ```
//! A general writer hashes and compares every value of every row again. Here each distinct value of a batch is looked up once,
//! which for columns that repeat themselves (domains, configuration sets, whole lists of tags) leaves only the packing of bits.
//! The pages are those any Parquet writer makes (data page version 1, `RLE_DICTIONARY`). A dictionary that does not pay is
//! left to the general writer.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, StringArray};
use arrow::datatypes::{DataType, UInt32Type};
use bytes::Bytes;
use foldhash::fast::RandomState;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::{Place, ZSTD_LEVEL, hybrid};

/// Rows of one data page: little enough to skip within a row group.
const PAGE_ROWS: usize = 16 * 1024;

/// A dictionary above this size must repeat itself to be worth it.
const MAX_DICTIONARY_BYTES: usize = 1 << 20;

/// Longer values are not written down as a column's least and greatest.
const MAX_STATISTIC_BYTES: usize = 64;

/// Stands for a number not given yet.
const UNSEEN: u32 = u32::MAX;

/// One encoded column of one row group.
pub(super) struct CodedChunk {
    pub(super) bytes: Bytes,
    pub(super) close: ColumnCloseResult,
}

/// Encodes the values at the places if all arrays are dictionaries of text or of maps from text to text, and their values repeat
/// themselves.
pub(super) fn encode(
    arrays: &[&ArrayRef],
    places: &[Place],
    descriptions: &[ColumnDescPtr],
) -> Result<Option<Vec<CodedChunk>>, ParquetError> {
    let value_type = match arrays.first().map(|array| array.data_type()) {
        Some(DataType::Dictionary(key, value)) if **key == DataType::UInt32 => value.as_ref(),
        _ => return Ok(None),
    };
    match (value_type, descriptions) {
        (DataType::Utf8, [description]) => text(arrays, places, description),
        (DataType::Map(..), [key, value]) => maps(arrays, places, key, value),
        _ => Ok(None),
    }
}

fn text(
    arrays: &[&ArrayRef],
    places: &[Place],
    description: &ColumnDescPtr,
) -> Result<Option<Vec<CodedChunk>>, ParquetError> {
    let mut dictionary = Dictionary::default();
    let mut sources: Vec<Source<'_, StringArray, u32>> = sources(arrays, |values| values.as_string::<i32>());
    let mut column = Levelled::new(description);
    for &(batch, row) in places {
        match sources[batch].code(row) {
            None => column.push(0, 0, None),
            Some(code) => {
                let source = &mut sources[batch];
                if source.numbers[code] == UNSEEN {
                    source.numbers[code] = dictionary.number(source.values.value(code));
                }
                column.push(0, column.max_definition, Some(source.numbers[code]));
            }
        }
        column.end_row();
    }
    if dictionary.is_wasteful(places.len()) {
        return Ok(None);
    }
    Ok(Some(vec![column.finish(&dictionary)?]))
}

fn maps(
    arrays: &[&ArrayRef],
    places: &[Place],
    key: &ColumnDescPtr,
    value: &ColumnDescPtr,
) -> Result<Option<Vec<CodedChunk>>, ParquetError> {
    let (mut key_dictionary, mut value_dictionary) = (Dictionary::default(), Dictionary::default());
    let mut sources: Vec<Source<'_, MapArray, Option<Entries>>> = sources(arrays, |values| values.as_map());
    let (mut keys, mut values) = (Levelled::new(key), Levelled::new(value));
    for &(batch, row) in places {
        match sources[batch].code(row) {
            None => {
                keys.push(0, 0, None);
                values.push(0, 0, None);
            }
            Some(code) => {
                let Source { values: maps, numbers, .. } = &mut sources[batch];
                let entries = numbers[code]
                    .get_or_insert_with(|| numbered(maps, code, &mut key_dictionary, &mut value_dictionary));
                if entries.is_empty() {
                    // The map is there and holds nothing: one level less than an entry.
                    keys.push(0, keys.max_definition - 1, None);
                    values.push(0, keys.max_definition - 1, None);
                }
                for (at, (key, value)) in entries.iter().enumerate() {
                    let repetition = u32::from(at > 0);
                    keys.push(repetition, keys.max_definition, Some(*key));
                    values.push(repetition, values.max_definition - u32::from(value.is_none()), *value);
                }
            }
        }
        keys.end_row();
        values.end_row();
    }
    if key_dictionary.is_wasteful(places.len()) || value_dictionary.is_wasteful(places.len()) {
        return Ok(None);
    }
    Ok(Some(vec![keys.finish(&key_dictionary)?, values.finish(&value_dictionary)?]))
}

/// The entries of one map by their numbers in the dictionaries of keys and of values.
type Entries = Box<[(u32, Option<u32>)]>;

fn numbered(maps: &MapArray, code: usize, key_numbers: &mut Dictionary, value_numbers: &mut Dictionary) -> Entries {
    let entries = maps.value(code);
    let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
    let numbered = keys.iter().flatten().zip(values.iter());
    numbered.map(|(key, value)| (key_numbers.number(key), value.map(|value| value_numbers.number(value)))).collect()
}

/// The column of one batch: a code per row, the values they stand for, and what is known of each value.
struct Source<'a, V, N> {
    codes: &'a arrow::array::UInt32Array,
    values: &'a V,
    numbers: Vec<N>,
}

fn sources<'a, V, N: Clone + Unknown>(
    arrays: &[&'a ArrayRef],
    values: impl Fn(&'a ArrayRef) -> &'a V,
) -> Vec<Source<'a, V, N>> {
    let source = |array: &&'a ArrayRef| {
        let dictionary = array.as_dictionary::<UInt32Type>();
        Source {
            codes: dictionary.keys(),
            values: values(dictionary.values()),
            numbers: vec![N::UNKNOWN; dictionary.values().len()],
        }
    };
    arrays.iter().map(source).collect()
}

/// What stands where nothing is known yet.
trait Unknown {
    const UNKNOWN: Self;
}

impl Unknown for u32 {
    const UNKNOWN: Self = UNSEEN;
}

impl Unknown for Option<Entries> {
    const UNKNOWN: Self = None;
}

impl<V, N> Source<'_, V, N> {
    fn code(&self, row: usize) -> Option<usize> {
        self.codes.is_valid(row).then(|| self.codes.value(row) as usize)
    }
}

/// Distinct values in the order in which they were seen, and the page that lists them.
#[derive(Default)]
struct Dictionary {
    numbers: HashMap<Box<str>, u32, RandomState>,
    page: Vec<u8>,
    range: Option<(Box<str>, Box<str>)>,
}

impl Dictionary {
    fn number(&mut self, value: &str) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(UNSEEN);
        self.numbers.insert(value.into(), number);
        // A value is part of a record, and those are far below four gibibytes.
        self.page.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.page.extend_from_slice(value.as_bytes());
        match &mut self.range {
            None => self.range = Some((value.into(), value.into())),
            Some((low, _)) if value < &**low => *low = value.into(),
            Some((_, high)) if value > &**high => *high = value.into(),
            Some(_) => {}
        }
        number
    }

    /// Whether the values hardly repeat themselves, and are so many that a reader would rather not hold them all.
    fn is_wasteful(&self, rows: usize) -> bool {
        self.page.len() > MAX_DICTIONARY_BYTES && self.numbers.len() > rows / 4
    }
}

/// One Parquet column as levels and dictionary numbers, with page ends marked.
struct Levelled {
    description: ColumnDescPtr,
    max_definition: u32,
    max_repetition: u32,
    repetitions: Vec<u32>,
    definitions: Vec<u32>,
    numbers: Vec<u32>,
    rows: usize,
    /// Rows, levels and numbers up to each page's end.
    pages: Vec<(usize, usize, usize)>,
}

impl Levelled {
    fn new(description: &ColumnDescPtr) -> Self {
        Self {
            description: description.clone(),
            max_definition: u32::from(description.max_def_level().unsigned_abs()),
            max_repetition: u32::from(description.max_rep_level().unsigned_abs()),
            repetitions: Vec::new(),
            definitions: Vec::new(),
            numbers: Vec::new(),
            rows: 0,
            pages: Vec::new(),
        }
    }

    fn push(&mut self, repetition: u32, definition: u32, number: Option<u32>) {
        if self.max_repetition > 0 {
            self.repetitions.push(repetition);
        }
        self.definitions.push(definition);
        self.numbers.extend(number);
    }

    fn end_row(&mut self) {
        self.rows += 1;
        if self.rows.is_multiple_of(PAGE_ROWS) {
            self.end_page();
        }
    }

    fn end_page(&mut self) {
        self.pages.push((self.rows, self.definitions.len(), self.numbers.len()));
    }

    fn finish(mut self, dictionary: &Dictionary) -> Result<CodedChunk, ParquetError> {
        if self.pages.last().is_none_or(|(rows, ..)| *rows < self.rows) {
            self.end_page();
        }
        let mut sink = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut sink);
        let mut zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
        // Whoever decodes a page then sees whether it is what was written; most figures come from these columns.
        zstd.include_checksum(true)?;
        let listed = Page::DictionaryPage {
            buf: zstd.compress(&dictionary.page)?.into(),
            num_values: u32::try_from(dictionary.numbers.len()).unwrap_or(u32::MAX),
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let written = writer.write_page(CompressedPage::new(listed, dictionary.page.len()))?;
        let mut total = written.uncompressed_size;
        let data_offset = written.bytes_written;
        let mut offsets = OffsetIndexBuilder::new();
        let width = hybrid::bit_width(u32::try_from(dictionary.numbers.len()).unwrap_or(u32::MAX).saturating_sub(1));
        let mut from = (0, 0, 0);
        for &to in &self.pages {
            let body = self.page_body(from, to, width);
            let page = Page::DataPage {
                buf: zstd.compress(&body)?.into(),
                num_values: u32::try_from(to.1 - from.1).unwrap_or(u32::MAX),
                encoding: Encoding::RLE_DICTIONARY,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            let written = writer.write_page(CompressedPage::new(page, body.len()))?;
            total += written.uncompressed_size;
            offsets.append_offset_and_size(signed(written.offset), i32::try_from(written.compressed_size).unwrap_or(0));
            offsets.append_row_count(signed((to.0 - from.0) as u64));
            offsets.append_unencoded_byte_array_data_bytes(None);
            from = to;
        }
        let bytes = Bytes::from(sink.into_inner()?);
        let metadata = ColumnChunkMetaData::builder(self.description.clone())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_total_compressed_size(signed(bytes.len() as u64))
            .set_total_uncompressed_size(signed(total as u64))
            .set_num_values(signed(self.definitions.len() as u64))
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(signed(data_offset))
            .set_statistics(self.statistics(dictionary))
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(offsets.build()),
        };
        Ok(CodedChunk { bytes, close })
    }

    /// Levels, each list with its length in front, then the numbers with their width in front.
    fn page_body(&self, from: (usize, usize, usize), to: (usize, usize, usize), width: u8) -> Vec<u8> {
        let mut body = Vec::with_capacity((to.2 - from.2) * usize::from(width) / 8 + 64);
        for (levels, max) in [(&self.repetitions, self.max_repetition), (&self.definitions, self.max_definition)] {
            if max > 0 {
                let start = body.len();
                body.extend_from_slice(&[0; 4]);
                hybrid::append(&levels[from.1..to.1], hybrid::bit_width(max), &mut body);
                let length = u32::try_from(body.len() - start - 4).unwrap_or(u32::MAX);
                body[start..start + 4].copy_from_slice(&length.to_le_bytes());
            }
        }
        body.push(width);
        hybrid::append(&self.numbers[from.2..to.2], width, &mut body);
        body
    }

    fn statistics(&self, dictionary: &Dictionary) -> Statistics {
        let nulls = (self.definitions.len() - self.numbers.len()) as u64;
        let range = dictionary.range.clone();
        let (low, high) = range.filter(|(low, high)| low.len().max(high.len()) <= MAX_STATISTIC_BYTES).unzip();
        let bytes = |text: Option<Box<str>>| text.map(|text| ByteArray::from(text.into_string().into_bytes()));
        Statistics::byte_array(bytes(low), bytes(high), None, Some(nulls), false)
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

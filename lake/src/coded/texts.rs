//! A column of texts: those it has, and a number for each row.

use bytes::{Buf, Bytes};
use object_store::path::Path;
use parquet::basic::Encoding;
use parquet::errors::{ParquetError, Result};

use super::chunk::{Chunk, DataPage, sized};
use super::hybrid::{self, Piece, Pieces};
use super::{failed, wrong};
use crate::error::LakeError;

/// The texts of a column, and which of them each row has.
pub struct CodedTexts {
    path: Path,
    rows: usize,
    texts: Texts,
    of_rows: OfRows,
}

/// Texts one behind the other.
#[derive(Default)]
pub(super) struct Texts {
    text: String,
    ends: Vec<usize>,
    /// How many of them are a dictionary's.
    listed: usize,
}

/// Which text a row has.
pub(super) enum OfRows {
    /// As the pages of a file say.
    Pages(Vec<CodedPage>),
    /// The text of this number, beginning with 1; 0 for none.
    Numbers(Vec<u32>),
}

/// A page of numbers.
pub(super) struct CodedPage {
    /// Levels and values, null or not.
    pub(super) entries: usize,
    pub(super) repetition: Option<Bytes>,
    pub(super) definition: Option<Bytes>,
    numbers: Numbers,
}

enum Numbers {
    /// In Parquet's hybrid, of so many bits each.
    Packed(Bytes, u8),
    /// Counting up from this.
    From(u32),
}

impl Texts {
    /// Adds a text, and says its number, beginning with 0.
    pub(super) fn push(&mut self, text: &str) -> u32 {
        self.text.push_str(text);
        self.ends.push(self.text.len());
        u32::try_from(self.ends.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes texts that have their lengths in front; says how many there were.
    fn take(&mut self, mut bytes: Bytes) -> Result<usize> {
        let before = self.ends.len();
        while bytes.has_remaining() {
            let text = sized(&mut bytes)?;
            self.push(std::str::from_utf8(&text).map_err(|_| wrong("a text that is not UTF-8"))?);
        }
        if self.ends.len() >= u32::MAX as usize {
            return Err(wrong("more texts than can be numbered"));
        }
        Ok(self.ends.len() - before)
    }

    pub(super) fn get(&self, number: usize) -> &str {
        let from = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[from..self.ends[number]]
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

/// The texts of a chunk, and its pages. `present` is the level of definition at which there is a value.
pub(super) fn read(chunk: &Chunk, rows: usize) -> Result<(Texts, Vec<CodedPage>)> {
    let (dictionary, data) = chunk.read(rows)?;
    let mut texts = Texts::default();
    if let Some(dictionary) = dictionary {
        texts.listed = texts.take(dictionary.texts)?;
        if texts.listed != dictionary.count {
            return Err(wrong("a dictionary of another length than it says"));
        }
    }
    let pages = data.into_iter().map(|page| CodedPage::of(page, &mut texts)).collect::<Result<_>>()?;
    Ok((texts, pages))
}

impl CodedPage {
    fn of(page: DataPage, texts: &mut Texts) -> Result<Self> {
        let DataPage { entries, repetition, definition, encoding, mut values } = page;
        let numbers = match encoding {
            Encoding::PLAIN => {
                let first = u32::try_from(texts.len()).unwrap_or(u32::MAX);
                texts.take(values)?;
                Numbers::From(first)
            }
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                // Where all are null there may be no bytes.
                let width = if values.has_remaining() { values.get_u8() } else { 0 };
                Numbers::Packed(values, width)
            }
            other => return Err(wrong(&format!("texts encoded as {other}"))),
        };
        Ok(Self { entries, repetition, definition, numbers })
    }

    /// Puts down the numbers of its values, of which there are so many.
    pub(super) fn numbers(&self, count: usize, texts: &Texts, out: &mut Vec<u32>) -> Result<()> {
        out.clear();
        let limit = match &self.numbers {
            Numbers::Packed(bytes, width) => {
                hybrid::numbers(bytes, *width, count, out)?;
                texts.listed
            }
            Numbers::From(first) => {
                out.extend((*first..).take(count));
                texts.len()
            }
        };
        if out.iter().fold(0, |most, number| most.max(*number)) as usize >= limit && count > 0 {
            return Err(wrong("a number that no text has"));
        }
        Ok(())
    }

    /// Appends what `of_texts` has for each row.
    fn translate<T: Copy>(&self, of: &Translation<'_, T>, room: &mut Room<T>, out: &mut Vec<T>) -> Result<()> {
        let count = match &self.definition {
            Some(levels) => hybrid::ones(levels, self.entries)?,
            None => self.entries,
        };
        self.numbers(count, of.texts, &mut room.numbers)?;
        let translated = room.numbers.iter().map(|number| of.of_texts[*number as usize]);
        match &self.definition {
            Some(levels) if count < self.entries => {
                room.translated.clear();
                room.translated.extend(translated);
                spread(levels, self.entries, &room.translated, of.of_null, out)
            }
            _ => {
                out.extend(translated);
                Ok(())
            }
        }
    }
}

/// What stands for texts.
struct Translation<'a, T> {
    texts: &'a Texts,
    of_null: T,
    of_texts: &'a [T],
}

/// What is used anew for each page.
struct Room<T> {
    numbers: Vec<u32>,
    translated: Vec<T>,
}

/// Appends the values with nulls between them, as the levels say.
fn spread<T: Copy>(levels: &[u8], rows: usize, values: &[T], of_null: T, out: &mut Vec<T>) -> Result<()> {
    let mut pieces = Pieces::of(levels, 1, rows)?;
    let mut rest = values;
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at_checked(count).ok_or_else(|| wrong("fewer values than levels"))?;
        rest = left;
        Ok::<_, ParquetError>(taken)
    };
    while let Some(piece) = pieces.next()? {
        match piece {
            Piece::Run { value: 0, count } => out.resize(out.len() + count, of_null),
            Piece::Run { count, .. } => out.extend_from_slice(take(count)?),
            Piece::Packed { bytes, count } => {
                let start = out.len();
                out.resize(start + count, of_null);
                for (places, bits) in out[start..].chunks_mut(8).zip(bytes) {
                    let mut bits = bits & ((1_u16 << places.len()) - 1) as u8;
                    for value in take(bits.count_ones() as usize)? {
                        places[bits.trailing_zeros() as usize] = *value;
                        bits &= bits - 1;
                    }
                }
            }
        }
    }
    Ok(())
}

impl CodedTexts {
    pub(super) fn of(path: &Path, rows: usize, texts: Texts, of_rows: OfRows) -> std::result::Result<Self, LakeError> {
        let found = match &of_rows {
            OfRows::Pages(pages) => pages.iter().map(|page| page.entries).sum(),
            OfRows::Numbers(numbers) => numbers.len(),
        };
        if found != rows {
            return Err(failed(path, wrong("a column of another length than its row group")));
        }
        Ok(Self { path: path.clone(), rows, texts, of_rows })
    }

    /// No text in any row.
    pub(super) fn nothing(path: &Path, rows: usize) -> Self {
        Self { path: path.clone(), rows, texts: Texts::default(), of_rows: OfRows::Numbers(vec![0; rows]) }
    }

    /// The texts that rows may have. One may be there twice, or not be that of any row.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.texts.len()).map(|number| self.texts.get(number))
    }

    /// One of them.
    pub fn text(&self, number: usize) -> Option<&str> {
        (number < self.texts.len()).then(|| self.texts.get(number))
    }

    /// For each row what stands for its text: `of_texts` has something for each of [`Self::texts`].
    pub fn translate<T: Copy>(&self, of_null: T, of_texts: &[T]) -> std::result::Result<Vec<T>, LakeError> {
        if of_texts.len() != self.texts.len() {
            return Err(failed(&self.path, wrong("something for each text is wanted")));
        }
        let pages = match &self.of_rows {
            OfRows::Pages(pages) => pages,
            OfRows::Numbers(numbers) => {
                let of = |number: &u32| number.checked_sub(1).map_or(of_null, |number| of_texts[number as usize]);
                return Ok(numbers.iter().map(of).collect());
            }
        };
        let mut out = Vec::with_capacity(self.rows);
        let mut room = Room { numbers: Vec::new(), translated: Vec::new() };
        let translation = Translation { texts: &self.texts, of_null, of_texts };
        for page in pages {
            page.translate(&translation, &mut room, &mut out).map_err(|source| failed(&self.path, source))?;
        }
        Ok(out)
    }
}

//! What a column of maps holds under one key.

use parquet::errors::Result;

use super::chunk::Chunk;
use super::hybrid::{self, Piece, Pieces};
use super::texts::{self, CodedPage, Texts};
use super::wrong;

/// A row group of more tags than this would not fit in memory.
const MOST_ENTRIES: usize = 1 << 28;

/// One of a map's two Parquet columns.
struct Leaf {
    texts: Texts,
    pages: Vec<CodedPage>,
    /// The level of definition at which there is a value.
    present: u8,
    /// Levels of repetition and definition, one for each entry and one for each row without entries.
    repetition: Vec<u8>,
    definition: Vec<u8>,
}

/// For each row the number of the text under the key, beginning with 1, and 0 for none; and these texts.
pub(super) fn read(keys: &Chunk, values: &Chunk, key: &str, rows: usize) -> Result<(Texts, Vec<u32>)> {
    let (keys, values) = (Leaf::read(keys, rows)?, Leaf::read(values, rows)?);
    if keys.definition.len() != values.definition.len() {
        return Err(wrong("maps with other keys than values"));
    }
    let is_wanted: Vec<bool> = (0..keys.texts.len()).map(|number| keys.texts.get(number) == key).collect();
    if !is_wanted.contains(&true) {
        return Ok((Texts::default(), vec![0; rows]));
    }
    let mut is_match = Vec::new();
    keys.values(|number| is_match.push(is_wanted[number as usize]))?;
    let mut numbers = Vec::new();
    values.values(|number| numbers.push(number))?;
    let (mut is_match, mut numbers) = (is_match.into_iter(), numbers.into_iter());
    let mut used = Used::of(&values.texts);
    let mut found = Vec::with_capacity(rows);
    let mut is_found = false;
    for ((repetition, key), value) in keys.repetition.iter().zip(&keys.definition).zip(&values.definition) {
        if *repetition == 0 {
            found.push(0);
            is_found = false;
        }
        let number = if *value == values.present { numbers.next() } else { None };
        if *key == keys.present && is_match.next() == Some(true) && !is_found {
            is_found = true;
            if let (Some(number), Some(row)) = (number, found.last_mut()) {
                *row = used.number(number);
            }
        }
    }
    Ok((used.texts, found))
}

impl Leaf {
    fn read(chunk: &Chunk, rows: usize) -> Result<Self> {
        let (texts, pages) = texts::read(chunk, rows)?;
        let description = chunk.description();
        let present = description.max_def_level().unsigned_abs() as u8;
        if pages.iter().map(|page| page.entries).sum::<usize>() > MOST_ENTRIES {
            return Err(wrong("more tags than can be held"));
        }
        let (mut repetition, mut definition) = (Vec::new(), Vec::new());
        for page in &pages {
            let levels = |levels: &Option<_>| levels.clone().ok_or_else(|| wrong("a map without levels"));
            append_levels(&levels(&page.repetition)?, 1, page.entries, &mut repetition)?;
            append_levels(&levels(&page.definition)?, present, page.entries, &mut definition)?;
        }
        Ok(Self { texts, pages, present, repetition, definition })
    }

    /// Tells the numbers of all values.
    fn values(&self, mut tell: impl FnMut(u32)) -> Result<()> {
        let (mut room, mut at) = (Vec::new(), 0);
        for page in &self.pages {
            let levels = &self.definition[at..at + page.entries];
            at += page.entries;
            let count = levels.iter().filter(|level| **level == self.present).count();
            page.numbers(count, &self.texts, &mut room)?;
            room.iter().for_each(|number| tell(*number));
        }
        Ok(())
    }
}

/// Appends levels, of which `most` is the highest.
fn append_levels(bytes: &[u8], most: u8, count: usize, out: &mut Vec<u8>) -> Result<()> {
    let width = (u8::BITS - most.leading_zeros()) as u8;
    let mut pieces = Pieces::of(bytes, width, count)?;
    let mut room = Vec::new();
    while let Some(piece) = pieces.next()? {
        match piece {
            Piece::Run { value, count } => out.resize(out.len() + count, u8::try_from(value).unwrap_or(u8::MAX)),
            Piece::Packed { bytes, count } => {
                room.clear();
                hybrid::unpack(bytes, width, count, &mut room);
                out.extend(room.iter().map(|level| *level as u8));
            }
        }
    }
    Ok(())
}

/// Texts that any row has: of a map, most belong to other keys.
struct Used<'a> {
    all: &'a Texts,
    texts: Texts,
    /// The new number of each, beginning with 1; 0 where there is none yet.
    numbers: Vec<u32>,
}

impl<'a> Used<'a> {
    fn of(all: &'a Texts) -> Self {
        Self { all, texts: Texts::default(), numbers: vec![0; all.len()] }
    }

    fn number(&mut self, number: u32) -> u32 {
        let known = &mut self.numbers[number as usize];
        if *known == 0 {
            *known = self.texts.push(self.all.get(number as usize)) + 1;
        }
        *known
    }
}

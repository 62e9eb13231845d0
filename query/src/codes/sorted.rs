//! Many sorted texts in little room: each is kept as what it does not share with the beginning of the one before it.

use crate::dated::Weighed;

/// So many texts are read at most to know one.
const BLOCK: usize = 16;

/// Texts in their order, by number; no text may be one of them, and is the first then.
#[derive(Debug, Default)]
pub(crate) struct SortedTexts {
    has_none: bool,
    /// Of each text how many bytes it shares with the one before, how many more it has, and these. The first of a block shares none.
    bytes: Vec<u8>,
    /// Where blocks begin.
    blocks: Vec<u32>,
    length: usize,
}

impl SortedTexts {
    /// Of sorted texts, of which only the first may be none.
    pub(crate) fn of(texts: &[Option<Box<str>>]) -> Self {
        let mut sorted = Self { has_none: texts.first().is_some_and(Option::is_none), ..Self::default() };
        let mut before = "";
        for text in texts.iter().flatten() {
            let shared = if sorted.length.is_multiple_of(BLOCK) {
                sorted.blocks.push(u32::try_from(sorted.bytes.len()).unwrap_or(u32::MAX));
                0
            } else {
                before.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count()
            };
            put(&mut sorted.bytes, shared);
            put(&mut sorted.bytes, text.len() - shared);
            sorted.bytes.extend_from_slice(&text.as_bytes()[shared..]);
            sorted.length += 1;
            before = text;
        }
        sorted.bytes.shrink_to_fit();
        sorted
    }

    /// A text by its number; nothing for none, and for numbers that no text has.
    pub(crate) fn get(&self, number: usize) -> Option<String> {
        let number = number.checked_sub(usize::from(self.has_none)).filter(|number| *number < self.length)?;
        let mut bytes = self.bytes.get(*self.blocks.get(number / BLOCK)? as usize..)?;
        let mut text = Vec::new();
        for _ in 0..=number % BLOCK {
            let (shared, more) = (take(&mut bytes)?, take(&mut bytes)?);
            text.truncate(shared);
            text.extend_from_slice(bytes.get(..more)?);
            bytes = bytes.get(more..)?;
        }
        String::from_utf8(text).ok()
    }
}

impl Weighed for SortedTexts {
    fn bytes(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.blocks)
    }
}

/// Adds a number, seven bits a byte, the lowest first; the last byte has no high bit.
fn put(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_found_by_its_number() {
        let long = "x".repeat(70_000);
        let mut texts: Vec<Option<Box<str>>> =
            (0..1_000).map(|n| Some(format!("smtp; 550 5.1.1 <user-{n}@é.example>").into())).collect();
        texts.extend([
            Some("".into()),
            Some("é".into()),
            Some("è".into()),
            Some(long.as_str().into()),
            Some(format!("{long}y").into()),
        ]);
        texts.sort();
        for has_none in [false, true] {
            if has_none {
                texts.insert(0, None);
            }
            let sorted = SortedTexts::of(&texts);
            for (number, text) in texts.iter().enumerate() {
                assert_eq!(sorted.get(number).as_deref(), text.as_deref());
            }
            assert_eq!(sorted.get(texts.len()), None);
            assert!(Weighed::bytes(&sorted) < 100_000);
        }
        assert_eq!(SortedTexts::of(&[]).get(0), None);
    }
}

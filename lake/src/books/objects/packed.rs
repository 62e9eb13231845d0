//! Columns of a ledger in little memory: numbers in as few bytes as they need, and names compressed in blocks.
//!
//! Names of neighbours differ in little but a UUID: of 150 bytes some 30 stay.

/// So many rows are compressed together.
const BLOCK_ROWS: usize = 512;

/// zstd's level: the highest that is hardly slower than the lowest.
const LEVEL: i32 = 3;

/// Numbers, each as what it is above the least of them.
#[derive(Debug)]
pub(super) struct Numbers {
    least: u64,
    above: Above,
}

#[derive(Debug)]
enum Above {
    /// All are the least.
    Nothing,
    Bytes(Box<[u8]>),
    Halves(Box<[u16]>),
    Words(Box<[u32]>),
    Whole(Box<[u64]>),
}

impl Numbers {
    pub(super) fn of(values: &[u64]) -> Self {
        let least = values.iter().min().copied().unwrap_or_default();
        let most = values.iter().max().map_or(0, |most| most - least);
        let above = values.iter().map(|value| value - least);
        let above = match most {
            0 => Above::Nothing,
            most if u8::try_from(most).is_ok() => Above::Bytes(above.map(|value| value as u8).collect()),
            most if u16::try_from(most).is_ok() => Above::Halves(above.map(|value| value as u16).collect()),
            most if u32::try_from(most).is_ok() => Above::Words(above.map(|value| value as u32).collect()),
            _ => Above::Whole(above.collect()),
        };
        Self { least, above }
    }

    /// The number of a row of which there is one.
    pub(super) fn get(&self, row: usize) -> u64 {
        self.least
            + match &self.above {
                Above::Nothing => 0,
                Above::Bytes(values) => values[row].into(),
                Above::Halves(values) => values[row].into(),
                Above::Words(values) => values[row].into(),
                Above::Whole(values) => values[row],
            }
    }
}

/// Times in microseconds, or none.
#[derive(Debug)]
pub(super) struct Times(Numbers);

impl Times {
    pub(super) fn of(times: impl Iterator<Item = Option<i64>>) -> Self {
        // In the order of the times, and 0 for none.
        let number = |time: i64| (time as u64 ^ (1 << 63)).max(1);
        Self(Numbers::of(&times.map(|time| time.map_or(0, number)).collect::<Vec<_>>()))
    }

    pub(super) fn get(&self, row: usize) -> Option<i64> {
        match self.0.get(row) {
            0 => None,
            number => Some((number ^ (1 << 63)) as i64),
        }
    }
}

/// Names and entity tags.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Block>);

#[derive(Debug)]
struct Block {
    packed: Box<[u8]>,
    /// Bytes when it is unpacked.
    length: usize,
}

impl Keys {
    pub(super) fn of(keys: &[(&str, &str)]) -> std::io::Result<Self> {
        let block = |keys: &[(&str, &str)]| {
            let texts = || keys.iter().flat_map(|(name, etag)| [*name, *etag]);
            let mut bytes: Vec<u8> = texts().flat_map(|text| (text.len() as u32).to_le_bytes()).collect();
            texts().for_each(|text| bytes.extend_from_slice(text.as_bytes()));
            Ok(Block { packed: zstd::bulk::compress(&bytes, LEVEL)?.into(), length: bytes.len() })
        };
        keys.chunks(BLOCK_ROWS).map(block).collect::<std::io::Result<_>>().map(Self)
    }

    pub(super) fn reader(&self) -> KeyReader<'_> {
        KeyReader { keys: self, block: None, texts: Vec::new() }
    }
}

/// Reads names and entity tags, quickly if neighbours follow each other.
pub(super) struct KeyReader<'k> {
    keys: &'k Keys,
    /// The number of the block that is unpacked.
    block: Option<usize>,
    /// Its names and entity tags by turns.
    texts: Vec<String>,
}

impl KeyReader<'_> {
    /// The name and the entity tag of a row.
    pub(super) fn get(&mut self, row: usize) -> (&str, &str) {
        let (block, row) = (row / BLOCK_ROWS, row % BLOCK_ROWS);
        if self.block != Some(block) {
            self.texts = self.keys.0.get(block).and_then(unpacked).unwrap_or_default();
            self.block = Some(block);
        }
        let text = |at: usize| self.texts.get(at).map(String::as_str).unwrap_or_default();
        (text(2 * row), text(2 * row + 1))
    }
}

/// Nothing if it is not what was packed, which only memory that fails can bring about.
fn unpacked(block: &Block) -> Option<Vec<String>> {
    let bytes = zstd::bulk::decompress(&block.packed, block.length).ok()?;
    let (mut texts, mut lengths) = (Vec::with_capacity(2 * BLOCK_ROWS), 0);
    let length = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    // The lengths end where the texts begin: at what is left when all texts are taken off the end.
    let mut sum = 0;
    while lengths + sum < bytes.len() {
        sum += length(lengths)?;
        lengths += 4;
    }
    let mut at = lengths;
    for number in 0..lengths / 4 {
        let end = at + length(4 * number)?;
        texts.push(String::from_utf8(bytes.get(at..end)?.to_vec()).ok()?);
        at = end;
    }
    Some(texts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_come_back() {
        for values in [
            &[][..],
            &[7, 7, 7],
            &[0, 255],
            &[1_000, 1_256],
            &[5, 70_000],
            &[0, u64::from(u32::MAX) + 1],
            &[u64::MAX, 0, u64::MAX - 1],
        ] {
            let packed = Numbers::of(values);
            let back: Vec<u64> = (0..values.len()).map(|row| packed.get(row)).collect();
            assert_eq!(back, values);
        }
        let times = [Some(0), None, Some(-1), Some(i64::MAX), Some(1_795_856_632_260_378)];
        let packed = Times::of(times.into_iter());
        assert_eq!([0, 1, 2, 3, 4].map(|row| packed.get(row)), times);
    }

    #[test]
    fn keys_come_back_in_little_memory() {
        // Digits that cannot be foreseen, as in a UUID.
        let random = |number: u64| xxhash_rust::xxh3::xxh3_128(&number.to_le_bytes());
        let name =
            |number: u64| format!("s3://bucket/ses/2026/11/28/15/ses-1-2026-11-28-15-04-05-{:032x}", random(number));
        let mut all: Vec<(String, String)> = (0..1_500).map(|number| (name(number), format!("{number:x}"))).collect();
        for row in [0, 3, 511, 512, 1_499] {
            all[row] = (String::new(), String::new());
        }
        all[700] = ("é\n\0".to_owned(), "\u{1f4a9}".to_owned());
        let keys = Keys::of(&all.iter().map(|(name, etag)| (&**name, &**etag)).collect::<Vec<_>>()).unwrap();
        let mut reader = keys.reader();
        for row in (0..all.len()).chain([0, 1_499, 700, 3]) {
            assert_eq!(reader.get(row), (&*all[row].0, &*all[row].1), "{row}");
        }
        let bytes: usize = keys.0.iter().map(|block| block.packed.len()).sum();
        assert!(bytes < 30 * all.len(), "{} bytes a key", bytes / all.len());
        let empty = Keys::of(&[("", ""), ("", "")]).unwrap();
        assert_eq!(empty.reader().get(1), ("", ""));
    }
}

//! Takes Parquet's hybrid of run-length encoding and bit packing apart, as `encode::hybrid` puts it together.
//!
//! Source: Apache Parquet format, `Encodings.md`, "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)".

use parquet::errors::Result;

use super::wrong;

/// Values packed together.
const GROUP: usize = 8;

/// Bytes of which eight values of any width can be taken, with what is read beyond the last of them.
const WINDOW: usize = 40;

/// Equal values, or packed ones: `bytes` begins with those and goes on to the list's end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Run { value: u32, count: usize },
    Packed { bytes: &'a [u8], count: usize },
}

/// The pieces of an encoded list.
pub(super) struct Pieces<'a> {
    bytes: &'a [u8],
    width: u8,
    /// How many values are still to come.
    left: usize,
}

impl<'a> Pieces<'a> {
    pub(super) fn of(bytes: &'a [u8], width: u8, count: usize) -> Result<Self> {
        if width > 32 {
            return Err(wrong("numbers of more than 32 bits"));
        }
        Ok(Self { bytes, width, left: count })
    }

    /// The next piece; nothing once all values were there.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'a>>> {
        while self.left > 0 {
            let header = self.varint()?;
            let count = usize::try_from(header >> 1).map_err(|_| wrong("a run without end"))?;
            if count == 0 {
                continue;
            }
            if header & 1 == 0 {
                let mut value = [0; 4];
                let bytes = self.take(usize::from(self.width.div_ceil(8)))?;
                value[..bytes.len()].copy_from_slice(bytes);
                let count = count.min(self.left);
                self.left -= count;
                return Ok(Some(Piece::Run { value: u32::from_le_bytes(value), count }));
            }
            let length = count.saturating_mul(usize::from(self.width));
            let count = count.saturating_mul(GROUP).min(self.left);
            // The last groups of a page may be cut where no value is left.
            let needed = (count * usize::from(self.width)).div_ceil(8);
            let bytes = self.bytes;
            self.take(length.min(self.bytes.len()).max(needed))?;
            self.left -= count;
            return Ok(Some(Piece::Packed { bytes, count }));
        }
        Ok(None)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(|| wrong("a list of numbers is cut"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64> {
        let (mut value, mut shift) = (0, 0);
        while shift < 64 {
            let [byte, ..] = self.take(1)? else { break };
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
        Err(wrong("a length of more than 64 bits"))
    }
}

/// Appends all values of a list.
pub(super) fn numbers(bytes: &[u8], width: u8, count: usize, out: &mut Vec<u32>) -> Result<()> {
    let mut pieces = Pieces::of(bytes, width, count)?;
    out.reserve(count);
    while let Some(piece) = pieces.next()? {
        match piece {
            Piece::Run { value, count } => out.resize(out.len() + count, value),
            Piece::Packed { bytes, count } => unpack(bytes, width, count, out),
        }
    }
    Ok(())
}

/// How many of a list's values of one bit are set.
pub(super) fn ones(bytes: &[u8], count: usize) -> Result<usize> {
    let mut pieces = Pieces::of(bytes, 1, count)?;
    let mut ones = 0;
    while let Some(piece) = pieces.next()? {
        ones += match piece {
            Piece::Run { value, count } => value as usize * count,
            Piece::Packed { bytes, count } => {
                let (whole, rest) = bytes.split_at(count / 8);
                let cut = rest.first().map_or(0, |byte| byte & ((1_u16 << (count % 8)) - 1) as u8);
                whole.iter().map(|byte| byte.count_ones() as usize).sum::<usize>() + cut.count_ones() as usize
            }
        };
    }
    Ok(ones)
}

macro_rules! unpack_widths {
    ($width:expr, $bytes:expr, $count:expr, $out:expr; $($w:literal)*) => {
        match $width {
            $($w => unpack_as::<$w>($bytes, $count, $out),)*
            _ => $out.resize($out.len() + $count, 0),
        }
    };
}

/// Appends so many values of the packed bytes.
pub(super) fn unpack(bytes: &[u8], width: u8, count: usize, out: &mut Vec<u32>) {
    unpack_widths!(width, bytes, count, out; 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
}

/// With the width known, places and shifts of a group's values are constants.
fn unpack_as<const WIDTH: usize>(bytes: &[u8], count: usize, out: &mut Vec<u32>) {
    let end = out.len() + count;
    let mut at = 0;
    while out.len() + GROUP <= end {
        let group = match bytes.get(at..at + WINDOW).and_then(|bytes| bytes.first_chunk::<WINDOW>()) {
            Some(window) => group::<WIDTH>(window),
            None => group::<WIDTH>(&window(bytes, at)),
        };
        out.extend_from_slice(&group);
        at += WIDTH;
    }
    if out.len() < end {
        out.extend_from_slice(&group::<WIDTH>(&window(bytes, at))[..end - out.len()]);
    }
}

/// The bytes from a place on, filled up with zeros.
fn window(bytes: &[u8], at: usize) -> [u8; WINDOW] {
    let mut window = [0; WINDOW];
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest.len().min(WINDOW);
    window[..length].copy_from_slice(&rest[..length]);
    window
}

#[inline(always)]
fn group<const WIDTH: usize>(window: &[u8; WINDOW]) -> [u32; GROUP] {
    let mut group = [0; GROUP];
    for (index, value) in group.iter_mut().enumerate() {
        let bit = index * WIDTH;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&window[bit / 8..bit / 8 + 8]);
        *value = (u64::from_le_bytes(bytes) >> (bit % 8) & (u64::MAX >> (64 - WIDTH))) as u32;
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_together_comes_apart() {
        for width in 0..=32_u8 {
            let max = if width == 0 { 0 } else { u32::MAX >> (32 - width) };
            for count in [0, 1, 7, 8, 9, 63, 64, 1_000] {
                let value = |n: u32| if n % 100 < 40 { max } else { n.wrapping_mul(0x9e37_79b9) & max };
                let values: Vec<u32> = (0..count).map(value).collect();
                let mut bytes = Vec::new();
                crate::encode::hybrid::append(&values, width, &mut bytes);
                let mut read = Vec::new();
                numbers(&bytes, width, values.len(), &mut read).unwrap();
                assert_eq!(read, values, "{width}");
                if width == 1 {
                    assert_eq!(ones(&bytes, values.len()).unwrap() as u32, values.iter().sum::<u32>());
                }
                if count > 0 && !bytes.is_empty() {
                    for cut in 0..bytes.len() {
                        // Whatever is cut off is missed, unless it only filled up the last group.
                        let mut read = Vec::new();
                        if numbers(&bytes[..cut], width, values.len(), &mut read).is_ok() {
                            assert_eq!(read, values, "{width} {cut}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        let mut read = Vec::new();
        assert!(numbers(&[0x80; 11], 3, 5, &mut read).is_err());
        assert!(numbers(&[0, 0, 0], 3, 5, &mut read).is_err());
        assert!(numbers(&[2, 1], 33, 1, &mut read).is_err());
        // A run of more values than are wanted is cut, as its length may be a lie.
        numbers(&[0xfe, 0xff, 0xff, 0xff, 0x0f, 1], 3, 2, &mut read).unwrap();
        assert_eq!(read, [1, 1]);
    }
}

//! Parquet's hybrid of run-length encoding and bit packing, for levels and dictionary indices.
//!
//! Source: Apache Parquet format, `Encodings.md`, "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)".

/// Values are packed eight at a time; a run that fills no eight is packed too.
const GROUP: usize = 8;

/// How many bits the values up to `max` take.
pub(crate) fn bit_width(max: u32) -> u8 {
    // At most 32, so the cast keeps it.
    (u32::BITS - max.leading_zeros()) as u8
}

/// Appends the values, each below two to the power of `width`, without a length in front.
pub(crate) fn append(values: &[u32], width: u8, out: &mut Vec<u8>) {
    let mut packed_from = 0;
    let mut at = 0;
    while at < values.len() {
        let run = run_length(&values[at..]);
        if run >= GROUP {
            append_packed(&values[packed_from..at], width, out);
            append_varint((run as u64) << 1, out);
            out.extend_from_slice(&values[at].to_le_bytes()[..usize::from(width.div_ceil(8))]);
            at += run;
            packed_from = at;
        } else {
            at = values.len().min(at + GROUP);
        }
    }
    append_packed(&values[packed_from..], width, out);
}

/// How many equal values stand first; 1 if not even a whole group of them does.
fn run_length(values: &[u32]) -> usize {
    match values {
        [first, rest @ ..] if rest.len() + 1 >= GROUP && rest[..GROUP - 1].iter().all(|value| value == first) => {
            1 + rest.iter().take_while(|value| *value == first).count()
        }
        _ => 1,
    }
}

/// Appends values bit by bit, the last group filled up with zeros.
fn append_packed(values: &[u32], width: u8, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(GROUP);
    append_varint(((groups as u64) << 1) | 1, out);
    for group in values.chunks(GROUP) {
        // Eight values of at most 32 bits are four times 64 bits; half a group fits 128.
        let (low, high) = group.split_at(group.len().min(GROUP / 2));
        let bits = |half: &[u32]| half.iter().rev().fold(0_u128, |bits, value| (bits << width) | u128::from(*value));
        let half_bits = u32::from(width) * 4;
        let (low, high) = (bits(low), bits(high));
        let first = if half_bits == 128 { low } else { low | (high << half_bits) };
        let rest = if half_bits > 64 { high >> (128 - half_bits) } else { 0 };
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&first.to_le_bytes());
        bytes[16..].copy_from_slice(&if half_bits == 128 { high } else { rest }.to_le_bytes());
        out.extend_from_slice(&bytes[..usize::from(width)]);
    }
}

/// Unsigned LEB128.
fn append_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(values: &[u32], width: u8) -> Vec<u8> {
        let mut out = Vec::new();
        append(values, width, &mut out);
        out
    }

    #[test]
    fn the_format_s_own_example_is_packed_as_it_says() {
        // Encodings.md: 0 to 7 in three bits are 10001000 11000110 11111010.
        assert_eq!(encoded(&[0, 1, 2, 3, 4, 5, 6, 7], 3), [0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
    }

    #[test]
    fn runs_are_counted_and_the_rest_is_packed() {
        assert_eq!(encoded(&[5; 100], 3), [200, 1, 5]);
        assert_eq!(encoded(&[1000; 8], 10), [16, 0xe8, 0x03]);
        assert_eq!(encoded(&[1, 0, 1], 1), [0b11, 0b101]);
        assert_eq!(encoded(&[0; 9], 0), [18]);
        assert!(encoded(&[], 4).is_empty());
    }

    #[test]
    fn every_width_keeps_every_bit() {
        for width in 1..=32_u8 {
            let max = u32::MAX >> (32 - width);
            let values: Vec<u32> = (0..19).map(|n: u32| n.wrapping_mul(0x9e37_79b9) & max).collect();
            let bytes = encoded(&values, width);
            let groups = bytes[0] >> 1;
            assert_eq!((bytes[0] & 1, usize::from(groups)), (1, 3), "{width}");
            let bit = |n: usize| (bytes[1 + n / 8] >> (n % 8)) & 1;
            for (at, value) in values.iter().enumerate() {
                let start = at * usize::from(width);
                let read = (0..usize::from(width)).fold(0, |read, n| read | (u32::from(bit(start + n)) << n));
                assert_eq!(read, *value, "{width}");
            }
            assert_eq!(bytes.len(), 1 + 3 * usize::from(width));
        }
    }
}

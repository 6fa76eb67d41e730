//! Runs of one number and packed numbers, in turns: levels, indexes of dictionaries, booleans.

use super::thrift::Reader;
use super::{Result, damaged};

/// The first `count` numbers of `width` bits; the caller has charged them.
pub(super) fn read(data: &[u8], width: u32, count: usize) -> Result<Vec<u32>> {
    let mut numbers = Vec::with_capacity(count);
    if width > 32 {
        return damaged(format!("numbers of {width} bits are too wide"));
    }
    let mut reader = Reader::new(data);
    while numbers.len() < count {
        let left = count - numbers.len();
        let header = reader.varint()?;
        let length = usize::try_from(header >> 1).unwrap_or(usize::MAX);
        if header & 1 == 0 {
            let bytes = reader.take(width.div_ceil(8) as usize)?;
            let number = bytes
                .iter()
                .rev()
                .fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
            numbers.resize(numbers.len() + length.min(left), number);
        } else {
            // The last group may be cut behind the last number that is there.
            let packed = length.saturating_mul(width as usize).min(reader.rest.len());
            let available = match width {
                0 => length.saturating_mul(8),
                width => packed * 8 / width as usize,
            };
            let bytes = reader.take(packed)?;
            unpack(bytes, width, left.min(available), &mut numbers);
        }
    }
    Ok(numbers)
}

/// Numbers that stand bit by bit behind each other, the lowest bit first.
fn unpack(bytes: &[u8], width: u32, count: usize, numbers: &mut Vec<u32>) {
    let mask = (1_u64 << width) - 1;
    let (mut held, mut bits) = (0_u64, 0);
    let mut bytes = bytes.iter();
    for _ in 0..count {
        while bits < width {
            held |= u64::from(*bytes.next().unwrap_or(&0)) << bits;
            bits += 8;
        }
        numbers.push((held & mask) as u32);
        held >>= width;
        bits -= width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_packed_numbers_take_turns() {
        // Eight numbers of three bits, 0 to 7, and a run of three fives.
        let data = [0x03, 0x88, 0xc6, 0xfa, 0x06, 0x05];
        let read = |count| read(&data, 3, count).expect("they are there");
        assert_eq!(read(11), [0, 1, 2, 3, 4, 5, 6, 7, 5, 5, 5]);
        assert_eq!(read(2), [0, 1]);
        assert!(super::read(&data, 3, 12).is_err());
    }

    #[test]
    fn numbers_without_bits_are_zeros() {
        assert_eq!(read(&[0x06], 0, 3).expect("a run"), [0, 0, 0]);
        assert_eq!(read(&[0x03], 0, 3).expect("packed"), [0, 0, 0]);
    }

    #[test]
    fn runs_that_lie_are_errors_or_cut() {
        for (data, width) in [
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..],
                3,
            ),
            (&[0x02], 8),
            (&[], 1),
            (&[0x02, 1], 33),
        ] {
            assert!(read(data, width, 5).is_err(), "{data:?}");
        }
        let endless = [0xfe, 0xff, 0xff, 0xff, 0x0f, 1];
        assert_eq!(read(&endless, 1, 4).expect("a run"), [1, 1, 1, 1]);
    }
}

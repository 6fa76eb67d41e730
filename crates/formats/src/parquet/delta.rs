//! Integers as differences, and the bytes whose lengths are such.

use super::thrift::Reader;
use super::{Budget, Result, damaged};

/// The most values in a block.
const BLOCK_MAX: u64 = 1 << 20;

/// `count` integers, and what follows them; the caller has charged them.
///
/// A block is its smallest difference and miniblocks of values, each packed in as few bits as its
/// largest one needs. The last miniblock is filled up; those behind it are left out.
pub(super) fn integers(data: &[u8], count: usize) -> Result<(Vec<i64>, &[u8])> {
    let mut reader = Reader::new(data);
    let (block, miniblocks) = (reader.varint()?, reader.varint()?);
    let total = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
    let mut value = reader.integer()?;
    let is_sound = (1..=BLOCK_MAX).contains(&block)
        && (1..=block).contains(&miniblocks)
        && block % miniblocks == 0
        && (block / miniblocks) % 8 == 0;
    if !is_sound || total != count {
        return damaged("a page of differences does not hold what its header says");
    }
    let mut values = Vec::with_capacity(count);
    if count > 0 {
        values.push(value);
    }
    let per_miniblock = (block / miniblocks) as usize;
    while values.len() < count {
        let smallest = reader.integer()?;
        for width in reader.take(miniblocks as usize)? {
            if values.len() == count {
                break;
            }
            let width = usize::from(*width);
            if width > 64 {
                return damaged("differences are wider than 64 bits");
            }
            let packed = reader.take(per_miniblock / 8 * width)?;
            let taken = per_miniblock.min(count - values.len());
            unpack(packed, width, taken, |difference| {
                value = value.wrapping_add(smallest).wrapping_add(difference as i64);
                values.push(value);
            });
        }
    }
    Ok((values, reader.rest))
}

fn unpack(bytes: &[u8], width: usize, count: usize, mut each: impl FnMut(u64)) {
    let mask = match width {
        64 => u64::MAX,
        width => (1 << width) - 1,
    };
    let (mut held, mut bits) = (0_u128, 0);
    let mut bytes = bytes.iter();
    for _ in 0..count {
        while bits < width {
            held |= u128::from(*bytes.next().unwrap_or(&0)) << bits;
            bits += 8;
        }
        each(held as u64 & mask);
        held >>= width;
        bits -= width;
    }
}

/// `count` slices of bytes, whose lengths come first, and what follows them.
pub(super) fn slices(data: &[u8], count: usize) -> Result<(Vec<&[u8]>, &[u8])> {
    let (lengths, mut rest) = integers(data, count)?;
    let mut slices = Vec::with_capacity(count);
    for length in lengths {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| rest.split_at_checked(length));
        let Some((slice, behind)) = taken else {
            return damaged("a value is longer than its page");
        };
        slices.push(slice);
        rest = behind;
    }
    Ok((slices, rest))
}

/// `count` values, each as the length of what it shares with the one before, and its end.
pub(super) fn prefixed(data: &[u8], count: usize, budget: &mut Budget) -> Result<Vec<Vec<u8>>> {
    let (shared, rest) = integers(data, count)?;
    let (ends, _) = slices(rest, count)?;
    let mut values: Vec<Vec<u8>> = Vec::with_capacity(count);
    for (shared, end) in shared.into_iter().zip(ends) {
        let before = values.last().map_or(&[][..], Vec::as_slice);
        let start = usize::try_from(shared).ok().and_then(|it| before.get(..it));
        let Some(start) = start else {
            return damaged("a value shares more with the one before than that has");
        };
        budget.charge(start.len() + end.len(), 1)?;
        let value = [start, end].concat();
        values.push(value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_added_up() {
        // 7, 5, 3, 1, 2, 3, 4, 5 in one block, from the specification of the format.
        let data = [
            128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0, 99,
        ];
        let (values, rest) = integers(&data, 8).expect("they are there");
        assert_eq!(values, [7, 5, 3, 1, 2, 3, 4, 5]);
        assert_eq!(rest, [99]);
    }

    #[test]
    fn headers_that_lie_are_errors() {
        let huge = [128, 1, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 2];
        for data in [
            &huge[..],
            &[128, 1, 0, 8, 14],
            &[0, 4, 8, 14],
            &[128, 1, 4, 8, 14],
            &[],
        ] {
            assert!(integers(data, 8).is_err(), "{data:?}");
        }
    }

    #[test]
    fn prefixes_cannot_unfold_without_bound() {
        let integers = |first: u8, delta: u8| {
            // Two hundred and one values: the first, and then the same difference.
            let mut data = vec![128, 1, 4, 0xc9, 1, first];
            for _ in 0..2 {
                data.extend([delta, 0, 0, 0, 0]);
            }
            data
        };
        // Each value is the one before and a byte more.
        let mut data = integers(0, 2);
        data.extend(integers(2, 0));
        data.extend([b'a'; 201]);
        let mut budget = Budget {
            limit: 10_000,
            left: 10_000,
        };
        assert!(prefixed(&data, 201, &mut budget).is_err());
        let mut budget = Budget {
            limit: 100_000,
            left: 100_000,
        };
        let values = prefixed(&data, 201, &mut budget).expect("there is room");
        assert_eq!(values[200].len(), 201);
    }
}

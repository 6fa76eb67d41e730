//! Integers of variable length: seven bits a byte, the low ones first, as in Protocol Buffers.

/// Takes an unsigned integer of at most 64 bits from the front of `bytes`; `None` when it does not
/// end there, or is longer than `longest` bytes.
fn take(bytes: &mut &[u8], longest: usize) -> Option<u64> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(longest).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *bytes = &bytes[index + 1..];
            return Some(value);
        }
    }
    None
}

/// A signed integer of at most 32 bits, zigzag-encoded.
pub(crate) fn take_i32(bytes: &mut &[u8]) -> Option<i32> {
    let value = u32::try_from(take(bytes, 5)?).ok()?;
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

/// A signed integer of at most 64 bits, zigzag-encoded.
pub(crate) fn take_i64(bytes: &mut &[u8]) -> Option<i64> {
    let value = take(bytes, 10)?;
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

/// Appends a zigzag-encoded integer; one that fits 32 bits is written as [`take_i32`] reads it.
pub(crate) fn put_i64(value: i64, out: &mut Vec<u8>) {
    let mut left = (value << 1 ^ value >> 63).cast_unsigned();
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

/// How many bytes [`put_i64`] appends.
pub(crate) fn size(value: i64) -> usize {
    let zigzag = (value << 1 ^ value >> 63).cast_unsigned();
    let bits = 64 - (zigzag | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_is_taken(value: i64, small: i32) {
            let mut out = Vec::new();
            put_i64(value, &mut out);
            prop_assert_eq!(out.len(), size(value));
            put_i64(i64::from(small), &mut out);
            let mut left = &out[..];
            prop_assert_eq!(take_i64(&mut left), Some(value));
            prop_assert_eq!(take_i32(&mut left), Some(small));
            prop_assert!(left.is_empty());
        }

        #[test]
        fn any_bytes_end(bytes: Vec<u8>) {
            let mut left = &bytes[..];
            while take_i64(&mut left).is_some() {}
            let mut left = &bytes[..];
            while take_i32(&mut left).is_some() {}
        }
    }

    #[test]
    fn what_is_too_long_or_cut_off_is_refused() {
        assert_eq!(
            take_i32(&mut &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..]),
            None
        );
        assert_eq!(take_i32(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]), None);
        assert_eq!(take_i64(&mut &[0x80][..]), None);
        assert_eq!(take_i64(&mut &[][..]), None);
    }
}

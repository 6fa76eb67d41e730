//! One entry of the `memory` cache, in as few bytes as it takes: a cache that remembers a
//! million small keys spends more on each of them than the keys are long.

use bytes::Bytes;

/// A point in time: nanoseconds since the cache was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub u64);

impl Moment {
    /// Later than every other moment.
    pub const NEVER: Self = Self(u64::MAX);
}

/// A key with its value and the moment it expires.
pub(super) enum Item {
    /// All three in one allocation; readers get a copy of the value.
    Packed(Box<[u8]>),
    /// With a value that is too long to be copied for each reader.
    Shared(Box<SharedItem>),
}

pub(super) struct SharedItem {
    key: Box<str>,
    value: Bytes,
    expires: Moment,
}

/// A packed item begins with its moment (8 bytes) and the length of its key (4 bytes).
const MOMENT: usize = size_of::<u64>();
const HEADER: usize = MOMENT + size_of::<u32>();
/// The longest item that is packed.
const PACKED_MAX: usize = 4096;

impl Item {
    /// Copies key and value, so that neither keeps the payload alive that it came from.
    pub fn new(key: &str, value: &[u8], expires: Moment) -> Self {
        let length = HEADER + key.len() + value.len();
        match u32::try_from(key.len()) {
            Ok(key_length) if length <= PACKED_MAX => {
                let mut packed = Vec::with_capacity(length);
                packed.extend_from_slice(&expires.0.to_le_bytes());
                packed.extend_from_slice(&key_length.to_le_bytes());
                packed.extend_from_slice(key.as_bytes());
                packed.extend_from_slice(value);
                Self::Packed(packed.into_boxed_slice())
            }
            _ => Self::Shared(Box::new(SharedItem {
                key: key.into(),
                value: Bytes::copy_from_slice(value),
                expires,
            })),
        }
    }

    pub fn key(&self) -> &[u8] {
        match self {
            Self::Packed(packed) => &packed[HEADER..HEADER + key_length(packed)],
            Self::Shared(shared) => shared.key.as_bytes(),
        }
    }

    pub fn value(&self) -> Bytes {
        match self {
            Self::Packed(packed) => Bytes::copy_from_slice(&packed[HEADER + key_length(packed)..]),
            Self::Shared(shared) => shared.value.clone(),
        }
    }

    pub fn expires(&self) -> Moment {
        match self {
            Self::Packed(packed) => Moment(u64::from_le_bytes(field(packed, 0))),
            Self::Shared(shared) => shared.expires,
        }
    }
}

fn key_length(packed: &[u8]) -> usize {
    u32::from_le_bytes(field(packed, MOMENT)) as usize
}

fn field<const N: usize>(packed: &[u8], at: usize) -> [u8; N] {
    *packed[at..]
        .first_chunk()
        .expect("a packed item begins with its header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_takes_two_words_beside_its_allocation() {
        assert_eq!(size_of::<Item>(), 2 * size_of::<usize>());
    }

    #[test]
    fn short_and_long_items_give_back_what_they_hold() {
        for length in [0, 1, PACKED_MAX - HEADER - 3, PACKED_MAX, 100_000] {
            let value = vec![b'v'; length];
            let item = Item::new("ké", &value, Moment(7));
            assert_eq!(item.key(), "ké".as_bytes());
            assert_eq!(item.value(), value);
            assert_eq!(item.expires(), Moment(7));
        }
    }
}

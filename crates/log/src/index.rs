//! The two sparse indexes of a segment: from offset to position, and from time to offset.
//!
//! ```text
//! .index       relative offset i32 · position i32                     8 bytes an entry
//! .timeindex   timestamp i64 · relative offset i32                   12 bytes an entry
//! ```
//!
//! All numbers are big-endian and grow from entry to entry; offsets are relative to that in the
//! name of the file. An entry of the first says where the batch begins that ends with its offset,
//! an entry of the second that no record up to its offset has a later timestamp. The files have no
//! checksum: they follow from the log, and are made anew when they do not fit it.

use std::io;
use std::sync::Arc;

use crate::files::File;

/// An entry of one of the two.
pub(crate) trait Entry: Copy + PartialEq {
    const SIZE: usize;
    fn put(self, out: &mut Vec<u8>);
    /// `bytes` are [`Entry::SIZE`].
    fn read(bytes: &[u8]) -> Self;
    fn relative_offset(self) -> u32;
}

/// Where the batch begins whose last offset it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    pub relative_offset: u32,
    pub position: u32,
}

/// The largest timestamp up to an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    pub timestamp: i64,
    pub relative_offset: u32,
}

impl Entry for OffsetEntry {
    const SIZE: usize = 8;

    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.relative_offset.to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        Self {
            relative_offset: u32_at(bytes, 0),
            position: u32_at(bytes, 4),
        }
    }

    fn relative_offset(self) -> u32 {
        self.relative_offset
    }
}

impl Entry for TimeEntry {
    const SIZE: usize = 12;

    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.relative_offset.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let high = i64::from(u32_at(bytes, 0).cast_signed());
        Self {
            timestamp: high << 32 | i64::from(u32_at(bytes, 4)),
            relative_offset: u32_at(bytes, 8),
        }
    }

    fn relative_offset(self) -> u32 {
        self.relative_offset
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The entries: in memory while the segment grows, then in their file.
pub(crate) enum Index<E> {
    Memory(Vec<E>),
    /// It is read entry by entry: a sealed segment costs a descriptor, no memory.
    File {
        file: Arc<dyn File>,
        count: usize,
    },
}

impl<E: Entry> Index<E> {
    /// # Errors
    /// It is not made of whole entries, or cannot be read.
    pub fn from_file(file: Arc<dyn File>) -> io::Result<Self> {
        let size = usize::try_from(file.size()?).unwrap_or(usize::MAX);
        if !size.is_multiple_of(E::SIZE) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = size / E::SIZE;
        Ok(Index::File { file, count })
    }

    pub fn len(&self) -> usize {
        match self {
            Index::Memory(entries) => entries.len(),
            Index::File { count, .. } => *count,
        }
    }

    pub fn get(&self, at: usize) -> io::Result<E> {
        match self {
            Index::Memory(entries) => Ok(entries[at]),
            Index::File { file, .. } => {
                let mut bytes = [0; 12];
                let bytes = &mut bytes[..E::SIZE];
                match file.read_at(bytes, (at * E::SIZE) as u64)? {
                    read if read == E::SIZE => Ok(E::read(bytes)),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        }
    }

    pub fn last(&self) -> io::Result<Option<E>> {
        match self.len() {
            0 => Ok(None),
            len => self.get(len - 1).map(Some),
        }
    }

    /// The last of the first entries, for which `is_before` holds.
    pub fn last_where(&self, is_before: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        let (mut low, mut high) = (0, self.len());
        let mut found = None;
        while low < high {
            let middle = low.midpoint(high);
            let entry = self.get(middle)?;
            if is_before(&entry) {
                found = Some(entry);
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(found)
    }

    /// The same entries in memory; `None` when their offsets do not grow, as those of a file that
    /// was not written as a whole.
    pub fn to_memory(&self) -> io::Result<Option<Self>> {
        let entries = match self {
            Index::Memory(entries) => Some(entries.clone()),
            Index::File { file, count } => {
                let mut bytes = vec![0; count * E::SIZE];
                let read = file.read_at(&mut bytes, 0)?;
                parse(&bytes[..read])
            }
        };
        Ok(entries.map(Index::Memory))
    }

    /// The bytes of the file, for an index in memory.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len() * E::SIZE);
        if let Index::Memory(entries) = self {
            entries.iter().for_each(|entry| entry.put(&mut out));
        }
        out
    }
}

/// The entries in the bytes of a file, or `None` when it was not written as a whole: offsets must
/// grow.
pub(crate) fn parse<E: Entry>(bytes: &[u8]) -> Option<Vec<E>> {
    if !bytes.len().is_multiple_of(E::SIZE) {
        return None;
    }
    let entries: Vec<E> = bytes.chunks_exact(E::SIZE).map(E::read).collect();
    let mut pairs = entries.windows(2);
    let is_growing = pairs.all(|pair| pair[0].relative_offset() < pair[1].relative_offset());
    is_growing.then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_laid_out_as_kafka_does() {
        let mut bytes = Vec::new();
        let entry = OffsetEntry {
            relative_offset: 0x0102_0304,
            position: 0x0506_0708,
        };
        entry.put(&mut bytes);
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(OffsetEntry::read(&bytes), entry);
        let mut bytes = Vec::new();
        let entry = TimeEntry {
            timestamp: 0x0102_0304_8506_0708,
            relative_offset: 9,
        };
        entry.put(&mut bytes);
        assert_eq!(bytes, [1, 2, 3, 4, 0x85, 6, 7, 8, 0, 0, 0, 9]);
        assert_eq!(TimeEntry::read(&bytes), entry);
    }

    #[test]
    fn zeros_that_a_crash_left_are_no_entries() {
        assert!(parse::<OffsetEntry>(&[0; 16]).is_none());
        assert!(parse::<OffsetEntry>(&[0; 7]).is_none());
        assert_eq!(parse::<OffsetEntry>(&[0; 8]).unwrap().len(), 1);
    }

    #[test]
    fn the_last_entry_before_a_bound_is_found() {
        let entries = (0..9).map(|at| OffsetEntry {
            relative_offset: at * 10,
            position: at * 100,
        });
        let index = Index::Memory(entries.collect());
        for bound in 0..95 {
            let found = index.last_where(|it| it.relative_offset <= bound).unwrap();
            assert_eq!(found.unwrap().relative_offset, (bound / 10 * 10).min(80));
        }
        assert!(index.last_where(|_| false).unwrap().is_none());
    }
}

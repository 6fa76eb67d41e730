//! `.txnindex`: the aborted transactions whose markers lie in a segment.
//!
//! ```text
//! version i16 = 0 · producer id i64 · first offset i64 · last offset i64 · last stable offset i64
//! ```
//!
//! 34 bytes an entry, in the order of the markers, which are the last offsets. There is no file
//! for a segment without one.

/// The size of an entry.
pub(crate) const ENTRY: usize = 34;

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Whose it was.
    pub producer_id: i64,
    /// That of its first record.
    pub first_offset: i64,
    /// That of its marker.
    pub last_offset: i64,
    /// Up to where everything was decided when it ended.
    pub last_stable_offset: i64,
}

pub(crate) fn to_bytes(aborted: &[AbortedTxn]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(aborted.len() * ENTRY);
    for txn in aborted {
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&txn.producer_id.to_be_bytes());
        bytes.extend_from_slice(&txn.first_offset.to_be_bytes());
        bytes.extend_from_slice(&txn.last_offset.to_be_bytes());
        bytes.extend_from_slice(&txn.last_stable_offset.to_be_bytes());
    }
    bytes
}

/// `None` when the bytes are not whole entries of the version 0 with markers in order, or one lies
/// before the segment.
pub(crate) fn parse(bytes: &[u8], base_offset: i64) -> Option<Vec<AbortedTxn>> {
    let mut aborted: Vec<AbortedTxn> = Vec::with_capacity(bytes.len() / ENTRY);
    let (entries, rest) = bytes.as_chunks::<ENTRY>();
    for entry in entries {
        let i64_at = |at: usize| {
            let mut field = [0; 8];
            field.copy_from_slice(&entry[at..at + 8]);
            i64::from_be_bytes(field)
        };
        let txn = AbortedTxn {
            producer_id: i64_at(2),
            first_offset: i64_at(10),
            last_offset: i64_at(18),
            last_stable_offset: i64_at(26),
        };
        let least = aborted
            .last()
            .map_or(base_offset, |it| it.last_offset.saturating_add(1));
        if entry[..2] != [0, 0] || txn.last_offset < least {
            return None;
        }
        aborted.push(txn);
    }
    rest.is_empty().then_some(aborted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_laid_out_as_kafka_does() {
        let txn = AbortedTxn {
            producer_id: 1,
            first_offset: 2,
            last_offset: 0x304,
            last_stable_offset: -1,
        };
        let bytes = to_bytes(&[txn]);
        let mut expected = vec![0; 34];
        (expected[9], expected[17]) = (1, 2);
        (expected[24], expected[25]) = (3, 4);
        expected[26..].fill(0xff);
        assert_eq!(bytes, expected);
        assert_eq!(parse(&bytes, 0x304), Some(vec![txn]));
        assert_eq!(parse(&bytes, 0x305), None);
        assert_eq!(parse(&bytes[..33], 0), None);
        assert_eq!(parse(&[&bytes[..], &bytes].concat(), 0), None);
    }
}

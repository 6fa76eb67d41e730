//! Record batches: what is built is read, what was changed is found, and nothing panics.

use millrace_kafka_wire::batch::{
    BatchBuilder, BatchError, BatchHeader, ControlType, HEADER_SIZE, Header, Record, Records,
    is_intact, put_with_time, set_append_time, set_position, size_of,
};
use proptest::prelude::*;

/// Two records as a client writes them.
fn two_records() -> Vec<u8> {
    let mut batch = BatchBuilder::new(7).leader_epoch(3).producer(42, 1, 10);
    batch.add(1000, Some(b"k"), Some(b"one"), &[(b"h", Some(b"v"))]);
    batch.add(1005, None, None, &[]);
    batch.finish()
}

#[test]
fn a_record_is_laid_out_as_the_format_says() {
    let batch = two_records();
    let first = [
        // Length 14, attributes, time 0, offset 0, key "k", value "one", one header "h": "v".
        28, 0, 0, 0, 2, b'k', 6, b'o', b'n', b'e', 2, 2, b'h', 2, b'v',
    ];
    // Length 6, attributes, time 5, offset 1, no key, no value, no headers.
    let second = [12, 0, 10, 2, 1, 1, 0];
    assert_eq!(batch[HEADER_SIZE..], [&first[..], &second[..]].concat());
    assert_eq!(batch[..8], 7_i64.to_be_bytes());
    assert_eq!(batch[12..16], 3_i32.to_be_bytes());
    assert_eq!(batch[16], 2);
}

#[test]
fn what_is_built_is_read() {
    let batch = two_records();
    let header = is_intact(&batch).unwrap();
    assert_eq!(header.size(), batch.len());
    assert_eq!((header.base_offset, header.last_offset()), (7, 8));
    assert_eq!((header.base_timestamp, header.max_timestamp), (1000, 1005));
    assert_eq!((header.base_sequence, header.last_sequence()), (10, 11));
    let records = Records::new(&batch[HEADER_SIZE..], header.record_count);
    let records: Vec<_> = records.map(Result::unwrap).collect();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].value, Some(&b"one"[..]));
    let headers: Vec<_> = records[0].headers.iter().collect();
    let expected = Header {
        key: b"h",
        value: Some(b"v"),
    };
    assert_eq!(headers, [expected]);
    assert_eq!(records[1].offset_delta, 1);
    assert_eq!(records[1].timestamp_delta, 5);
    assert_eq!(records[1].value, None);
}

#[test]
fn a_record_is_put_with_another_time_and_is_else_the_same() {
    let batch = two_records();
    let bytes = &batch[HEADER_SIZE..];
    for time in [0, -1, 63, -64, 64, 1 << 20, i64::MIN, i64::MAX] {
        let mut records = Records::new(bytes, 2);
        let (mut before, mut out) = (bytes, Vec::new());
        while records.next().is_some() {
            let taken = &before[..before.len() - records.rest().len()];
            put_with_time(taken, time, &mut out);
            before = records.rest();
        }
        let old = Records::new(bytes, 2).map(Result::unwrap);
        let expected: Vec<_> = old
            .map(|record| Record {
                timestamp_delta: time,
                ..record
            })
            .collect();
        let put = Records::new(&out, 2).map(Result::unwrap);
        assert_eq!(put.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_marker_says_how_its_transaction_ends() {
    let marker = BatchBuilder::marker(ControlType::Commit, (9, 2), 5, 77);
    let header = is_intact(&marker).unwrap();
    assert!(header.attributes.is_control() && header.attributes.is_transactional());
    assert_eq!(header.base_sequence, -1);
    let record = Records::new(&marker[HEADER_SIZE..], 1).next().unwrap();
    let record = record.unwrap();
    assert_eq!(record.key, Some(&[0, 0, 0, 1][..]));
    assert_eq!(record.value, Some(&[0, 0, 0, 0, 0, 5][..]));
}

#[test]
fn a_position_leaves_the_checksum_and_an_append_time_makes_it_anew() {
    let mut batch = two_records();
    let before = is_intact(&batch).unwrap();
    set_position(&mut batch, 1_000_000, 9);
    let moved = is_intact(&batch).unwrap();
    assert_eq!((moved.base_offset, moved.leader_epoch), (1_000_000, 9));
    assert_eq!(moved.crc, before.crc);
    set_append_time(&mut batch, 2000);
    let stamped = is_intact(&batch).unwrap();
    assert!(stamped.attributes.is_append_time());
    assert_eq!(stamped.max_timestamp, 2000);
    assert_ne!(stamped.crc, before.crc);
}

#[test]
fn a_sequence_starts_again_after_the_largest() {
    let header = BatchHeader {
        base_sequence: i32::MAX,
        last_offset_delta: 2,
        ..is_intact(&two_records()).unwrap()
    };
    assert_eq!(header.last_sequence(), 1);
}

#[test]
fn lengths_that_lie_are_refused() {
    let mut batch = two_records();
    batch[8..12].copy_from_slice(&(-1_i32).to_be_bytes());
    assert_eq!(size_of(&batch), Err(BatchError::Length(-1)));
    batch[8..12].copy_from_slice(&48_i32.to_be_bytes());
    assert_eq!(size_of(&batch), Err(BatchError::Length(48)));
    batch[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    let needed = 12 + i32::MAX as usize;
    assert_eq!(is_intact(&batch), Err(BatchError::Short { needed }));
}

proptest! {
    #[test]
    fn every_changed_bit_behind_the_position_is_found(bit in 17 * 8..83 * 8_usize) {
        let mut batch = two_records();
        prop_assert_eq!(batch.len(), 83);
        batch[bit / 8] ^= 1 << (bit % 8);
        let is_refused = matches!(is_intact(&batch), Err(BatchError::Checksum { .. }));
        prop_assert!(is_refused);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, count: i32) {
        let read = Records::new(&bytes, count).filter_map(Result::ok).count();
        prop_assert!(read <= bytes.len());
        if let Ok(header) = is_intact(&bytes) {
            prop_assert!(header.size() <= bytes.len());
        }
    }

    #[test]
    fn a_header_is_written_as_it_was_read(mut bytes in prop::collection::vec(any::<u8>(), 61)) {
        bytes[8..12].copy_from_slice(&100_i32.to_be_bytes());
        bytes[16] = 2;
        let header = BatchHeader::read(&bytes).unwrap();
        prop_assert_eq!(&header.to_bytes()[..], &bytes[..]);
    }
}

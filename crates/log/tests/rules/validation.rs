//! What a client may not send: each lie is refused with the error that Kafka has for it.

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, ControlType, HEADER_SIZE, checksum};
use millrace_log::{InvalidKind, Rules, check_records, validate};

const NOW: i64 = 1_700_000_000_000;

fn good() -> Vec<u8> {
    let mut builder = BatchBuilder::new(0).producer(7, 0, 0);
    builder.add(NOW, Some(b"a"), Some(b"one"), &[]);
    builder.add(NOW + 5, Some(b"b"), Some(b"two"), &[(b"h", None)]);
    builder.finish()
}

/// A good batch with other bytes at a position, and a checksum that fits them.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut batch = good();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    checksummed(batch)
}

fn checksummed(mut batch: Vec<u8>) -> Vec<u8> {
    let crc = checksum(&batch);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

fn refused(batch: Vec<u8>) -> (InvalidKind, i16) {
    let invalid = validate(batch.into(), &Rules::default(), NOW).unwrap_err();
    assert!(!invalid.to_string().is_empty());
    (invalid.kind, invalid.code())
}

const CORRUPT: (InvalidKind, i16) = (InvalidKind::Corrupt, 2);
const RECORD: (InvalidKind, i16) = (InvalidKind::Record, 87);
const TIMESTAMP: (InvalidKind, i16) = (InvalidKind::Timestamp, 32);

#[test]
fn a_good_batch_is_taken() {
    let batch = validate(good().into(), &Rules::default(), NOW).unwrap();
    assert_eq!(batch.header().record_count, 2);
}

#[test]
fn bytes_that_are_not_those_that_were_sent_are_corrupt() {
    assert_eq!(refused(good()[..good().len() - 1].to_vec()), CORRUPT);
    assert_eq!(refused(good()[..40].to_vec()), CORRUPT);
    let mut flipped = good();
    flipped[70] ^= 1;
    assert_eq!(refused(flipped), CORRUPT);
    let mut short = good();
    short[8..12].copy_from_slice(&10_i32.to_be_bytes());
    assert_eq!(refused(short), CORRUPT);
}

#[test]
fn exactly_one_batch_of_the_format_2_is_taken() {
    assert_eq!(refused([good(), good()].concat()), RECORD);
    assert_eq!(refused([good(), vec![0]].concat()), RECORD);
    assert_eq!(refused(Vec::new()), RECORD);
    assert_eq!(refused(with(16, &[1])), RECORD);
}

#[test]
fn a_header_that_lies_is_refused() {
    // Records: none, fewer than offsets, fewer than counted.
    assert_eq!(refused(with(57, &0_i32.to_be_bytes())), RECORD);
    assert_eq!(refused(with(57, &(-1_i32).to_be_bytes())), RECORD);
    assert_eq!(refused(with(57, &1_i32.to_be_bytes())), RECORD);
    assert_eq!(refused(with(23, &i32::MAX.to_be_bytes())), RECORD);
    let mut three = with(57, &3_i32.to_be_bytes());
    three[23..27].copy_from_slice(&2_i32.to_be_bytes());
    let crc = checksum(&three);
    three[17..21].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(refused(three), RECORD);
    // Attributes: an unknown codec, control, a delete horizon; a transaction without producer.
    assert_eq!(refused(with(21, &5_i16.to_be_bytes())), RECORD);
    assert_eq!(refused(with(21, &0x20_i16.to_be_bytes())), RECORD);
    assert_eq!(refused(with(21, &0x40_i16.to_be_bytes())), RECORD);
    let marker = BatchBuilder::marker(ControlType::Commit, (7, 0), 0, NOW);
    assert_eq!(refused(marker), RECORD);
    let mut alone = BatchBuilder::new(0).transactional();
    alone.add(NOW, None, None, &[]);
    assert_eq!(refused(alone.finish()), RECORD);
    // Producer: an id without an epoch or a sequence, one that is none.
    assert_eq!(refused(with(51, &(-1_i16).to_be_bytes())), RECORD);
    assert_eq!(refused(with(53, &(-1_i32).to_be_bytes())), RECORD);
    assert_eq!(refused(with(43, &(-2_i64).to_be_bytes())), RECORD);
}

#[test]
fn a_client_without_idempotence_may_count_as_it_likes() {
    // Some write sequence 0 without a producer id.
    let mut builder = BatchBuilder::new(0).producer(-1, -1, 0);
    builder.add(NOW, None, Some(b"x"), &[]);
    validate(builder.finish().into(), &Rules::default(), NOW).unwrap();
}

#[test]
fn times_out_of_order_or_bounds_are_refused() {
    assert_eq!(refused(with(21, &8_i16.to_be_bytes())), TIMESTAMP);
    assert_eq!(refused(with(35, &(NOW - 1).to_be_bytes())), TIMESTAMP);
    let hour = 60 * 60 * 1000;
    let ahead = validate(good().into(), &Rules::default(), NOW - hour - 6).unwrap_err();
    assert_eq!(ahead.kind, InvalidKind::Timestamp);
    validate(good().into(), &Rules::default(), NOW - hour + 5).unwrap();
    let young = Rules {
        timestamp_before_max_ms: 1000,
        ..Rules::default()
    };
    validate(good().into(), &young, NOW + 1000).unwrap();
    assert!(validate(good().into(), &young, NOW + 1001).is_err());
    let stamped = Rules {
        is_append_time: true,
        ..young
    };
    validate(good().into(), &stamped, NOW + 1001).unwrap();
}

#[test]
fn a_largest_time_that_a_client_counted_wrong_is_corrected() {
    let batch = with(35, &(NOW + 500).to_be_bytes());
    let batch = validate(batch.into(), &Rules::default(), NOW).unwrap();
    assert_eq!(batch.header().max_timestamp, NOW + 5);
}

#[test]
fn a_batch_that_is_too_large_a_codec_and_a_missing_key_are_refused_by_the_rules() {
    let small = Rules {
        max_batch_bytes: good().len() - 1,
        ..Rules::default()
    };
    let invalid = validate(good().into(), &small, NOW).unwrap_err();
    assert_eq!((invalid.kind, invalid.code()), (InvalidKind::TooLarge, 10));
    let old = Rules {
        allows_zstd: false,
        ..Rules::default()
    };
    let invalid = validate(with(21, &4_i16.to_be_bytes()).into(), &old, NOW).unwrap_err();
    assert_eq!(invalid.code(), 76);
    let compacted = Rules {
        needs_keys: true,
        ..Rules::default()
    };
    validate(good().into(), &compacted, NOW).unwrap();
    let mut builder = BatchBuilder::new(0);
    builder.add(NOW, Some(b"k"), None, &[]);
    builder.add(NOW, None, Some(b"v"), &[]);
    let invalid = validate(builder.finish().into(), &compacted, NOW).unwrap_err();
    assert_eq!((&invalid.records[..], invalid.code()), (&[1][..], 87));
}

#[test]
fn all_records_that_a_topic_does_not_take_are_told_and_a_wrong_time_counts_most() {
    let compacted = Rules {
        needs_keys: true,
        ..Rules::default()
    };
    let mut builder = BatchBuilder::new(0);
    builder.add(NOW, None, Some(b"v"), &[]);
    builder.add(NOW, Some(b"k"), Some(b"v"), &[]);
    builder.add(NOW, None, Some(b"v"), &[]);
    let invalid = validate(builder.finish().into(), &compacted, NOW).unwrap_err();
    assert_eq!((&invalid.records[..], invalid.code()), (&[0, 2][..], 87));
    let late = NOW + compacted.timestamp_after_max_ms + 1;
    let mut builder = BatchBuilder::new(0);
    for (time, key) in [(NOW, None), (late, Some(&b"k"[..])), (NOW, Some(&b"k"[..]))] {
        builder.add(time, key, Some(b"v"), &[]);
    }
    let mut late = builder.finish();
    // The header says that all is well; the record does not.
    late[35..43].copy_from_slice(&NOW.to_be_bytes());
    let invalid = validate(checksummed(late).into(), &compacted, NOW).unwrap_err();
    assert_eq!((&invalid.records[..], invalid.code()), (&[0, 1][..], 32));
}

#[test]
fn every_record_is_walked() {
    let batch = good();
    for at in HEADER_SIZE..batch.len() {
        for value in [0, 0x7f, 0xff] {
            let changed = with(at, &[value]);
            // Keys and values may be anything; what structure says must stay true.
            if let Ok(taken) = validate(Bytes::from(changed.clone()), &Rules::default(), NOW) {
                let records = &changed[HEADER_SIZE..];
                check_records(taken.header(), records, &Rules::default(), NOW).unwrap();
            }
        }
    }
    // The second record with the offset of the first.
    let at = batch.len() - 15;
    assert!(
        (HEADER_SIZE..batch.len()).any(|at| refused_record(at) == Some(1)),
        "{at}"
    );
}

fn refused_record(at: usize) -> Option<usize> {
    let batch = with(at, &[0]);
    let invalid = validate(batch.into(), &Rules::default(), NOW).err()?;
    invalid.records.first().copied()
}

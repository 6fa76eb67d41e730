//! What is read of the bytes that a broker sends.

use bytes::Bytes;
use millrace_kafka_client::{Limits, PartitionReader, Reason};
use millrace_kafka_wire::api::fetch::AbortedTransaction;
use millrace_kafka_wire::batch::{BatchBuilder, ControlType, HEADER_SIZE, set_position};

fn batch(offset: i64, builder: BatchBuilder, values: &[&str]) -> Vec<u8> {
    let mut builder = builder;
    for value in values {
        builder.add(5, None, Some(value.as_bytes()), &[]);
    }
    at(offset, builder.finish())
}

fn at(offset: i64, mut batch: Vec<u8>) -> Vec<u8> {
    set_position(&mut batch, offset, 0);
    batch
}

/// A batch of a transaction of this producer.
fn transactional(offset: i64, producer: i64, values: &[&str]) -> Vec<u8> {
    let builder = BatchBuilder::new(0)
        .producer(producer, 0, 0)
        .transactional();
    batch(offset, builder, values)
}

fn marker(offset: i64, producer: i64, kind: ControlType) -> Vec<u8> {
    at(offset, BatchBuilder::marker(kind, (producer, 0), 0, 5))
}

fn reader(bytes: &[u8], position: i64, aborted: &[(i64, i64)]) -> PartitionReader {
    let aborted = aborted
        .iter()
        .map(|(producer_id, first_offset)| AbortedTransaction {
            producer_id: *producer_id,
            first_offset: *first_offset,
        });
    let name = ("orders".into(), 0);
    let bytes = Bytes::copy_from_slice(bytes);
    PartitionReader::new(name, bytes, position, aborted.collect(), Limits::default())
}

fn values(reader: &mut PartitionReader) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
        found.push((record.offset, value));
    }
    found
}

fn expected(values: &[(i64, &str)]) -> Vec<(i64, String)> {
    values
        .iter()
        .map(|(offset, value)| (*offset, (*value).to_owned()))
        .collect()
}

#[test]
fn aborted_transactions_and_markers_are_left_out_and_the_position_goes_behind_them() {
    let bytes = [
        transactional(0, 1, &["a0", "a1"]),
        batch(2, BatchBuilder::new(0), &["plain"]),
        transactional(3, 2, &["b3"]),
        marker(4, 1, ControlType::Abort),
        transactional(5, 1, &["c5"]),
        marker(6, 2, ControlType::Commit),
        marker(7, 1, ControlType::Commit),
    ]
    .concat();
    let mut committed = reader(&bytes, 0, &[(1, 0)]);
    let found = values(&mut committed);
    assert_eq!(found, expected(&[(2, "plain"), (3, "b3"), (5, "c5")]));
    assert_eq!(committed.position(), 8);
    // Who reads all sees what was aborted, and still no marker.
    let all = values(&mut reader(&bytes, 0, &[]));
    assert_eq!(all.len(), 5);
}

#[test]
fn two_transactions_of_a_producer_are_told_apart() {
    let bytes = [
        transactional(0, 1, &["aborted"]),
        marker(1, 1, ControlType::Abort),
        transactional(2, 1, &["committed"]),
        marker(3, 1, ControlType::Commit),
        transactional(4, 1, &["aborted again"]),
        marker(5, 1, ControlType::Abort),
    ]
    .concat();
    // In any order.
    let mut committed = reader(&bytes, 0, &[(1, 4), (1, 0)]);
    assert_eq!(values(&mut committed), expected(&[(2, "committed")]));
}

#[test]
fn a_batch_is_read_from_the_position_on_and_a_cut_one_is_left() {
    let whole = batch(10, BatchBuilder::new(0), &["a", "b", "c"]);
    let next = batch(13, BatchBuilder::new(0), &["d"]);
    for cut in [0, 5, 20, next.len() - 1] {
        let bytes = [&whole[..], &next[..cut]].concat();
        let mut reader = reader(&bytes, 11, &[]);
        assert_eq!(
            values(&mut reader),
            expected(&[(11, "b"), (12, "c")]),
            "{cut}"
        );
        assert_eq!(reader.position(), 13);
    }
}

#[test]
fn a_damaged_batch_is_an_error_at_its_offset_and_nothing_comes_behind_it() {
    let good = batch(0, BatchBuilder::new(0), &["a"]);
    let bad = batch(1, BatchBuilder::new(0), &["b"]);
    for at in 16..bad.len() {
        let mut bytes = [&good[..], &bad].concat();
        bytes[good.len() + at] ^= 0x10;
        let mut reader = reader(&bytes, 0, &[]);
        assert!(reader.next_record().unwrap().is_some());
        let error = reader.next_record().unwrap_err();
        assert!(
            matches!(error.reason(), Reason::Batch(_)),
            "byte {at}: {error}"
        );
        assert!(
            error.to_string().contains("topic `orders` at offset 1"),
            "{error}"
        );
        assert!(reader.next_record().unwrap().is_none());
    }
}

#[test]
fn records_that_are_none_and_codecs_that_are_none_are_errors() {
    let sound = batch(0, BatchBuilder::new(0), &["a"]);
    let forged = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sound.clone();
        change(&mut bytes);
        let crc = millrace_kafka_wire::batch::checksum(&bytes).to_be_bytes();
        bytes[17..21].copy_from_slice(&crc);
        reader(&bytes, 0, &[]).next_record()
    };
    let lengths: &dyn Fn(&mut Vec<u8>) = &|it| it[HEADER_SIZE] = 0x7e;
    let codec: &dyn Fn(&mut Vec<u8>) = &|it| it[22] = 7;
    let gzip: &dyn Fn(&mut Vec<u8>) = &|it| it[22] = 1;
    // A batch that counts more records than it has, and one that counts fewer.
    let more: &dyn Fn(&mut Vec<u8>) = &|it| it[57..61].copy_from_slice(&[0x7f; 4]);
    let fewer: &dyn Fn(&mut Vec<u8>) = &|it| it[57..61].copy_from_slice(&[0; 4]);
    // Its only record has the offset 1, and the batch ends with 0.
    let offsets: &dyn Fn(&mut Vec<u8>) = &|it| it[HEADER_SIZE + 3] = 2;
    for change in [lengths, codec, gzip, more, fewer, offsets] {
        let error = forged(change).unwrap_err();
        assert!(matches!(error.reason(), Reason::Records(_)), "{error}");
        let place = error.unreadable().unwrap();
        assert_eq!((place.offset, place.behind), (0, Some(1)));
        let remedy = "`millrace topic delete-records orders --partition 0 --before 1`";
        assert!(error.to_string().contains(remedy), "{error}");
    }
}

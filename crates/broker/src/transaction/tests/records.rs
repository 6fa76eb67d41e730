//! Records byte for byte: their formats are Kafka's.

use bytes::Bytes;
use millrace_kafka_wire::records::transaction_log::{PartitionsSchema, TransactionLogValue};
use millrace_kafka_wire::{read_versioned, write_prefixed};

use super::super::state::State;
use super::super::*;
use super::harness::*;

fn value(record: &KeyAndValue) -> TransactionLogValue {
    let (version, value) = read_versioned(record.1.clone().unwrap()).unwrap();
    assert_eq!(version, 1);
    value
}

#[test]
fn a_record_has_kafkas_bytes() {
    let mut bench = Bench::at((3, LAST));
    bench.now = 0x0102;
    bench.add((3, LAST), "t");
    bench.end((3, LAST), true).unwrap();
    let (key, value) = bench.log.last().unwrap();
    assert_eq!(&key[..], b"\0\0\0\x08payments");
    let expected: Vec<u8> = [
        &[0, 1][..],
        &3_i64.to_be_bytes(),
        &i16::MAX.to_be_bytes(),
        &TIMEOUT_MS.to_be_bytes(),
        &[2],
        // One topic of one partition.
        &[2, 2, b't', 2, 0, 0, 0, 0, 0],
        &0x0102_i64.to_be_bytes(),
        &0x0102_i64.to_be_bytes(),
        // Three tags: the previous id, the next one, the version of transactions.
        &[3, 0, 8],
        &3_i64.to_be_bytes(),
        &[1, 8],
        &FIRST.to_be_bytes(),
        &[2, 2, 0, 2],
    ]
    .concat();
    assert_eq!(&value.as_ref().unwrap()[..], expected);
}

#[test]
fn every_step_of_a_transaction_is_written() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    bench.end(producer, true).unwrap();
    bench.markers_written();
    let next = bench.begin();
    let states: Vec<_> = bench.log.iter().map(value).collect();
    let states: Vec<_> = states
        .iter()
        .map(|it| {
            let partitions = it.transaction_partitions.as_ref().map(Vec::len);
            (it.transaction_status, it.producer_epoch, partitions)
        })
        .collect();
    let expected = [
        (State::Empty, producer.1, None),
        (State::Ongoing, producer.1, Some(1)),
        (State::PrepareCommit, producer.1 + 1, Some(1)),
        (State::CompleteCommit, producer.1 + 1, Some(0)),
        (State::Empty, next.1, None),
    ];
    assert_eq!(states, expected.map(|it| (it.0.number(), it.1, it.2)));
}

#[test]
fn records_of_version_0_are_read() {
    let mut bench = Bench::new();
    let key = {
        bench.begin();
        bench.log[0].0.clone()
    };
    let value = TransactionLogValue {
        producer_id: 4,
        producer_epoch: 9,
        transaction_timeout_ms: 5000,
        transaction_status: State::Ongoing.number(),
        transaction_partitions: Some(vec![PartitionsSchema {
            topic: "a".into(),
            partition_ids: vec![2, 1],
        }]),
        transaction_last_update_timestamp_ms: bench.now,
        transaction_start_timestamp_ms: bench.now,
        ..Default::default()
    };
    let value = write_prefixed(0, &value, 0).unwrap();
    bench.log.push((key.clone(), Some(value)));
    let mut loaded = bench.reload();
    assert_eq!(loaded.describe().topics[0].partitions, [1, 2]);
    assert!(loaded.end((4, 9), true).is_ok());

    let nothing = TransactionLogValue {
        transaction_partitions: None,
        ..Default::default()
    };
    let value: Bytes = write_prefixed(0, &nothing, 0).unwrap();
    bench.log.push((key, Some(value)));
    assert_eq!(bench.reload().state(), "Empty");
}

use bytes::Bytes;
use millrace_kafka_wire::records::transaction_log::TransactionLogValue;
use millrace_kafka_wire::{ErrorCode, write_prefixed};

use super::super::*;
use super::harness::*;

#[test]
fn a_transaction_that_is_ending_goes_on_with_another_coordinator() {
    for is_commit in [true, false] {
        let mut bench = Bench::new();
        let producer = bench.begin();
        bench.add(producer, "a");
        let next = bench.end(producer, is_commit).unwrap();
        let mut other = bench.reload();
        let sent = other.sent.remove(0);
        assert_eq!(sent.coordinator_epoch, 1);
        let as_before = Markers {
            coordinator_epoch: 0,
            ..sent.clone()
        };
        assert_eq!(as_before, bench.sent[0]);
        assert_eq!(other.init(), Err(ErrorCode::ConcurrentTransactions));
        let effects = other.shard.on_markers_written(other.now, &sent);
        other.run(effects);
        assert_eq!(other.end(producer, is_commit), Ok(next));
        assert!(other.reload().sent.is_empty());
    }
}

#[test]
fn a_transaction_without_partitions_that_is_ending_is_over_at_once() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.end(producer, false).unwrap();
    // Of the two records, the second was lost: Kafka writes them apart.
    bench.log.pop();
    let mut bench = bench.reload();
    assert_eq!(bench.state(), "CompleteAbort");
    assert!(bench.sent.is_empty());
    assert_eq!(bench.reload().state(), "CompleteAbort");
    let mut bench = bench.reload();
    assert_eq!(bench.end(producer, false), Ok((producer.0, producer.1 + 1)));
}

#[test]
fn what_is_told_to_partitions_after_a_load_waits_for_nothing() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    bench.end(producer, true).unwrap();
    let mut shard = Shard::new(bench.settings.clone(), 1);
    for (key, value) in bench.log {
        shard.load(key, value).unwrap();
    }
    let effects = shard.loaded(bench.now);
    assert!(effects.steps[0].records.is_empty());
    assert_eq!(effects.steps[0].markers.len(), 1);
}

#[test]
fn a_record_that_cannot_be_read_is_an_error_and_one_of_another_kind_is_not() {
    let mut bench = Bench::new();
    bench.begin();
    let key = bench.log[0].0.clone();
    let shard = &mut bench.shard;
    let before = shard.transactions.clone();

    let short = shard.load(key.clone(), Some(Bytes::from_static(&[0, 1, 0])));
    assert!(matches!(short, Err(LoadError::Format(_))));
    let unknown = shard.load(key.clone(), Some(Bytes::from_static(&[0, 9])));
    assert!(matches!(unknown, Err(LoadError::Format(_))));
    for status in [6, 7, -1] {
        let value = TransactionLogValue {
            transaction_status: status,
            ..Default::default()
        };
        let value = write_prefixed(1, &value, 1).unwrap();
        let error = shard.load(key.clone(), Some(value)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(ID) && text.contains(&status.to_string()),
            "{text}"
        );
    }
    let other = Bytes::from_static(&[0, 7, 1, 2, 3]);
    shard.load(other.clone(), None).unwrap();
    shard.load(other, Some(Bytes::new())).unwrap();
    assert_eq!(shard.skipped().collect::<Vec<_>>(), [(7, 2)]);
    assert_eq!(shard.transactions, before);
}

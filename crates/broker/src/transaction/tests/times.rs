use millrace_kafka_wire::ErrorCode;

use super::super::*;
use super::harness::*;

#[test]
fn a_transaction_is_aborted_when_its_time_is_over() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    bench.advance(1000);
    // Later partitions give it no more time.
    bench.add(producer, "b");
    bench.advance(i64::from(TIMEOUT_MS) - 1001);
    assert_eq!(bench.state(), "Ongoing");
    let mut other = bench.reload();
    for bench in [&mut other, &mut bench] {
        bench.advance(1);
        assert_eq!(bench.state(), "PrepareAbort");
        let sent = bench.markers_written();
        assert_eq!(sent[0].producer_epoch, producer.1 + 1);
        assert_eq!(sent[0].partitions.len(), 2);
        assert_eq!(bench.end(producer, true), Err(ErrorCode::InvalidTxnState));
        assert_eq!(bench.add(producer, "c"), ErrorCode::ProducerFenced);
    }
}

#[test]
fn a_producer_whose_transaction_timed_out_goes_on_after_an_abort() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    bench.advance(TIMEOUT_MS.into());
    bench.markers_written();
    let next = bench.end(producer, false).unwrap();
    assert_eq!(next, (producer.0, producer.1 + 1));
    assert_eq!(bench.add(next, "a"), ErrorCode::None);
}

#[test]
fn a_client_that_keeps_its_epoch_is_fenced_by_the_timeout() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add_at(3, producer, "a");
    bench.advance(TIMEOUT_MS.into());
    bench.markers_written();
    for committed in [true, false] {
        let told = bench.end_at(4, producer, committed);
        assert_eq!(code(told.error_code), ErrorCode::ProducerFenced);
    }
}

#[test]
fn a_transaction_that_is_ending_does_not_time_out() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    bench.end(producer, true).unwrap();
    assert_eq!(bench.shard.deadline(), None);
    bench.advance(bench.settings.id_expiration_ms * 2);
    assert_eq!(bench.state(), "PrepareCommit");
    assert_eq!(bench.reload().state(), "PrepareCommit");
}

#[test]
fn an_id_that_is_unused_is_forgotten() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    let expiration_ms = bench.settings.id_expiration_ms;
    bench.advance(expiration_ms - 1);
    assert_eq!(bench.state(), "Empty");
    bench.add(producer, "a");
    bench.end(producer, true).unwrap();
    bench.markers_written();
    bench.advance(expiration_ms - 1);
    assert_eq!(bench.state(), "CompleteCommit");
    let mut other = bench.reload();
    for bench in [&mut other, &mut bench] {
        bench.advance(1);
        assert_eq!(bench.log.last().unwrap().1, None);
        let told = code(bench.describe().error_code);
        assert_eq!(told, ErrorCode::TransactionalIdNotFound);
        assert_eq!(bench.shard.deadline(), None);
    }
    let told = code(bench.reload().describe().error_code);
    assert_eq!(told, ErrorCode::TransactionalIdNotFound);
    let told = bench.add((producer.0, producer.1 + 1), "a");
    assert_eq!(told, ErrorCode::InvalidProducerIdMapping);
}

#[test]
fn many_ids_are_forgotten_in_batches_that_fit() {
    let mut bench = Bench::with(TransactionSettings {
        max_batch_bytes: 1000,
        ..Default::default()
    });
    for number in 0..100 {
        let mut request = init();
        request.transactional_id = Some(format!("{ID}-{number}").into());
        bench.init_at(5, request).unwrap();
    }
    bench.batches.clear();
    bench.advance(bench.settings.id_expiration_ms);
    assert_eq!(bench.batches.iter().sum::<usize>(), 100);
    assert!(bench.batches.len() > 2);
    assert!(bench.batches.iter().all(|it| *it < 30));
}

#[test]
fn a_transaction_of_two_phase_commit_does_not_time_out() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    let mut transaction = bench.shard.transactions.values().next().unwrap().clone();
    transaction.timeout_ms = i32::MAX;
    bench.log.push(records::record(&ID.into(), &transaction));
    let mut bench = bench.reload();
    assert_eq!(bench.shard.deadline(), None);
    assert!(bench.end(producer, true).is_ok());
}

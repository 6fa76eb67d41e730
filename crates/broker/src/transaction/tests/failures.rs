use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::add_offsets_to_txn::AddOffsetsToTxnRequest;
use millrace_kafka_wire::api::add_partitions_to_txn::AddPartitionsToTxnRequest;
use millrace_kafka_wire::api::describe_transactions::DescribeTransactionsRequest;
use millrace_kafka_wire::api::end_txn::EndTxnRequest;

use super::super::*;
use super::harness::*;

/// All codes of an answer, and whether it says anything but codes of a producer.
fn codes(response: &Response) -> Vec<ErrorCode> {
    match response {
        Response::InitProducerId(it) => {
            assert_eq!((it.producer_id, it.producer_epoch), (-1, -1));
            vec![code(it.error_code)]
        }
        Response::EndTxn(it) => {
            assert_eq!((it.producer_id, it.producer_epoch), (-1, -1));
            vec![code(it.error_code)]
        }
        Response::AddOffsetsToTxn(it) => vec![code(it.error_code)],
        Response::ListTransactions(it) => vec![code(it.error_code)],
        Response::AddPartitionsToTxn(it) => {
            let results = it.results_by_transaction.iter();
            let topics = results.flat_map(|it| &it.topic_results);
            let topics = topics.chain(&it.results_by_topic_v3_and_below);
            let partitions = topics.flat_map(|it| &it.results_by_partition);
            partitions.map(|it| code(it.partition_error_code)).collect()
        }
        Response::DescribeTransactions(it) => {
            let states = it.transaction_states.iter();
            states.map(|it| code(it.error_code)).collect()
        }
        Response::Settled(code) => vec![*code],
    }
}

fn requests() -> Vec<(i16, usize, Request)> {
    let topics = || vec![topic_of("a", &[0, 1]), topic_of("b", &[2])];
    let before_4 = AddPartitionsToTxnRequest {
        v3_and_below_topics: topics(),
        ..Default::default()
    };
    let describe = DescribeTransactionsRequest {
        transactional_ids: vec!["a".into(), "b".into()],
    };
    let offsets = Request::AddOffsetsToTxn {
        request: AddOffsetsToTxnRequest::default(),
        offsets_partition: 0,
    };
    let add = Request::add_partitions(ID.into(), (1, 1), false, topics());
    vec![
        (5, 1, Request::InitProducerId(init())),
        (3, 3, Request::AddPartitionsToTxn(before_4)),
        (5, 3, add),
        (4, 1, offsets),
        (5, 1, Request::EndTxn(EndTxnRequest::default())),
        (0, 2, Request::DescribeTransactions(describe)),
        (2, 1, Request::ListTransactions(Default::default())),
        (0, 1, Request::Hold),
        (0, 1, Request::AbortAll),
        (0, 1, Request::RenewAll { below: 0 }),
    ]
}

#[test]
fn a_request_that_no_shard_takes_is_refused_in_every_part() {
    for (version, parts, request) in requests() {
        let code = ErrorCode::CoordinatorLoadInProgress;
        let refused = request.failed(version, code);
        assert_eq!(codes(&refused), vec![code; parts], "{request:?}");
    }
}

#[test]
fn an_answer_that_was_not_written_is_refused_in_every_part() {
    for (version, parts, request) in requests() {
        let mut bench = Bench::new();
        let answer = bench.answer_to(version, request);
        let told = |code| codes(&answer.clone().failed(version, code));
        let written = [
            (ErrorCode::KafkaStorageError, ErrorCode::NotCoordinator),
            (ErrorCode::NotLeaderOrFollower, ErrorCode::NotCoordinator),
            (
                ErrorCode::NotEnoughReplicas,
                ErrorCode::CoordinatorNotAvailable,
            ),
            (ErrorCode::MessageTooLarge, ErrorCode::UnknownServerError),
        ];
        for (by_log, expected) in written {
            assert_eq!(told(by_log), vec![expected; parts], "{answer:?}");
        }
    }
}

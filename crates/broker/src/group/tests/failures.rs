use millrace_kafka_wire::api::delete_groups::DeleteGroupsRequest;
use millrace_kafka_wire::api::describe_groups::DescribeGroupsRequest;
use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic,
};
use millrace_kafka_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use millrace_kafka_wire::{ErrorCode, Message, Writer};

use super::super::*;
use super::harness::*;

/// Writes an answer in a version, or says why that has no place for it.
fn write(version: i16, response: &Response) -> Result<(), String> {
    fn one<M: Message>(version: i16, it: &M) -> Result<(), String> {
        let written = it.write(&mut Writer::new(), version);
        written.map_err(|error| error.to_string())
    }
    match response {
        Response::JoinGroup(it) => one(version, it),
        Response::SyncGroup(it) => one(version, it),
        Response::Heartbeat(it) => one(version, it),
        Response::LeaveGroup(it) => one(version, it),
        Response::OffsetCommit(it) => one(version, it),
        Response::OffsetFetch(it) => one(version, it),
        Response::OffsetDelete(it) => one(version, it),
        Response::TxnOffsetCommit(it) => one(version, it),
        Response::DescribeGroups(it) => one(version, it),
        Response::ListGroups(it) => one(version, it),
        Response::DeleteGroups(it) => one(version, it),
    }
}

/// One request of each kind, with the versions that it has.
fn requests() -> Vec<(Request, std::ops::RangeInclusive<i16>)> {
    let partition = TxnOffsetCommitRequestPartition::default();
    let topic = TxnOffsetCommitRequestTopic {
        name: "events".into(),
        partitions: vec![partition],
    };
    let group = OffsetFetchRequestGroup {
        group_id: GROUP.into(),
        ..Default::default()
    };
    let asked = OffsetFetchRequestTopic {
        name: "events".into(),
        partition_indexes: vec![0],
    };
    vec![
        (Request::JoinGroup(join("")), 0..=9),
        (Request::SyncGroup(Default::default()), 0..=5),
        (Request::Heartbeat(Default::default()), 0..=4),
        (Request::LeaveGroup(Default::default()), 0..=5),
        (Request::OffsetCommit(commit(1)), 2..=10),
        (
            Request::OffsetFetch(OffsetFetchRequest {
                group_id: GROUP.into(),
                topics: Some(vec![asked]),
                groups: vec![group],
                require_stable: false,
            }),
            1..=10,
        ),
        (Request::OffsetDelete(Default::default()), 0..=0),
        (
            Request::TxnOffsetCommit(TxnOffsetCommitRequest {
                group_id: GROUP.into(),
                topics: vec![topic],
                ..Default::default()
            }),
            0..=5,
        ),
        (
            Request::DescribeGroups(DescribeGroupsRequest {
                groups: vec![GROUP.into(), "other".into()],
                ..Default::default()
            }),
            0..=6,
        ),
        (Request::ListGroups(Default::default()), 0..=5),
        (
            Request::DeleteGroups(DeleteGroupsRequest {
                groups_names: vec![GROUP.into()],
            }),
            0..=2,
        ),
    ]
}

#[test]
fn every_answer_can_be_written_in_the_version_of_its_request() {
    for (request, versions) in requests() {
        for version in versions {
            let mut bench = Bench::new();
            if let Request::DescribeGroups(_) = request {
                bench.one_member();
            }
            let answer = bench.answer_to(version, request.clone());
            write(version, &answer).unwrap();
            let code = ErrorCode::NotCoordinator;
            write(version, &answer.failed(version, code)).unwrap();
            write(version, &request.failed(version, code)).unwrap();
        }
    }
}

#[test]
fn every_error_says_what_is_wrong() {
    for (request, versions) in requests() {
        for version in versions {
            let failed = request.failed(version, ErrorCode::NotCoordinator);
            let text = format!("{failed:?}");
            assert!(text.contains("error_code: 16"), "{version}: {text}");
            // With several groups, each has its error.
            let is_of_groups = matches!(request, Request::OffsetFetch(_)) && version >= 8;
            assert!(!text.contains("error_code: 0") || is_of_groups, "{text}");
        }
    }
}

#[test]
fn a_heartbeat_finds_no_error_while_the_log_is_read() {
    let request = Request::Heartbeat(Default::default());
    let answer = request.failed(4, ErrorCode::CoordinatorLoadInProgress);
    assert!(format!("{answer:?}").contains("error_code: 0"));
}

#[test]
fn errors_of_the_log_are_told_in_words_of_groups() {
    let cases = [
        (ErrorCode::NotLeaderOrFollower, ErrorCode::NotCoordinator),
        (ErrorCode::KafkaStorageError, ErrorCode::NotCoordinator),
        (
            ErrorCode::NotEnoughReplicas,
            ErrorCode::CoordinatorNotAvailable,
        ),
        (ErrorCode::MessageTooLarge, ErrorCode::UnknownServerError),
        (
            ErrorCode::CoordinatorLoadInProgress,
            ErrorCode::CoordinatorLoadInProgress,
        ),
    ];
    for (said, told) in cases {
        let failed = Request::SyncGroup(Default::default()).failed(5, said);
        let number = told.number();
        assert!(format!("{failed:?}").contains(&format!("error_code: {number}")));
    }
}

#[test]
fn an_old_producer_is_not_told_that_the_log_is_read() {
    let (request, _) = requests().remove(7);
    let failed = request.failed(1, ErrorCode::CoordinatorLoadInProgress);
    assert!(
        format!("{failed:?}").contains("error_code: 15"),
        "{failed:?}"
    );
    let failed = request.failed(2, ErrorCode::CoordinatorLoadInProgress);
    assert!(
        format!("{failed:?}").contains("error_code: 14"),
        "{failed:?}"
    );
}

#[test]
fn a_shard_that_ends_answers_whoever_waits() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let one = bench.join(join(&first.member_id));
    let other = bench.join(join(&second.member_id));
    bench.joined(one);
    let second = bench.joined(other);
    let sync = bench.sync(&second, &[]);
    let mut other_group = join("");
    other_group.group_id = "other".into();
    bench.join_now(other_group.clone());
    let waiting = bench.join(other_group);
    let answers = bench.shard.close(ErrorCode::NotLeaderOrFollower);
    let tokens: Vec<_> = answers.iter().map(|(token, _)| token.0).collect();
    assert_eq!(tokens, [sync, waiting]);
    for (_, answer) in &answers {
        assert!(format!("{answer:?}").contains("error_code: 16"));
    }
}

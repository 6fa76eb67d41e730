use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::delete_groups::DeleteGroupsRequest;
use millrace_kafka_wire::api::join_group::JoinGroupRequest;
use millrace_kafka_wire::api::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use millrace_kafka_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

use super::super::*;
use super::harness::*;

fn delete_groups(bench: &mut Bench, ids: &[&str]) -> Vec<ErrorCode> {
    let request = DeleteGroupsRequest {
        groups_names: ids.iter().map(|it| Str::from(*it)).collect(),
    };
    match bench.answer_to(2, Request::DeleteGroups(request)) {
        Response::DeleteGroups(it) => it.results.iter().map(|it| code(it.error_code)).collect(),
        other => panic!("{other:?}"),
    }
}

/// The code of the whole, and of partition 0 of the topic.
fn delete_offset(bench: &mut Bench, topic: &str) -> (ErrorCode, Option<ErrorCode>) {
    let request = OffsetDeleteRequest {
        group_id: GROUP.into(),
        topics: vec![OffsetDeleteRequestTopic {
            name: topic.into(),
            partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
        }],
    };
    match bench.answer_to(0, Request::OffsetDelete(request)) {
        Response::OffsetDelete(it) => {
            let partition = it.topics.first().map(|it| &it.partitions[0]);
            (code(it.error_code), partition.map(|it| code(it.error_code)))
        }
        other => panic!("{other:?}"),
    }
}

/// An offset in a transaction that is open.
fn pending(topic: &str) -> Request {
    Request::TxnOffsetCommit(TxnOffsetCommitRequest {
        group_id: GROUP.into(),
        producer_id: 7,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: topic.into(),
            partitions: vec![TxnOffsetCommitRequestPartition::default()],
        }],
        ..Default::default()
    })
}

#[test]
fn an_empty_group_is_deleted_with_its_offsets_for_good() {
    let mut bench = Bench::new();
    bench.commit(9, commit(1));
    bench.answer_to(3, pending("more"));
    // Who names it twice deletes it once.
    assert_eq!(
        delete_groups(&mut bench, &[GROUP, GROUP]),
        [ErrorCode::None]
    );
    assert_eq!(bench.state(), "Dead");
    bench.log.push(Logged::Marker(7, true));
    bench.shard.on_marker(bench.now, 7, true);
    for mut bench in [bench.reload(), bench] {
        assert_eq!(bench.state(), "Dead");
        assert_eq!(bench.committed(), -1);
        let found = delete_groups(&mut bench, &[GROUP]);
        assert_eq!(found, [ErrorCode::GroupIdNotFound]);
    }
}

#[test]
fn a_group_that_has_members_or_is_not_there_is_not_deleted() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    assert_eq!(
        delete_groups(&mut bench, &[GROUP, "other"]),
        [ErrorCode::NonEmptyGroup, ErrorCode::GroupIdNotFound]
    );
    assert_eq!(bench.heartbeat(&member), ErrorCode::None);
}

#[test]
fn an_offset_is_deleted_unless_a_member_subscribes_to_its_topic() {
    let mut bench = Bench::new();
    bench.commit(9, commit(1));
    let mut more = commit(2);
    more.topics[0].name = "more".into();
    bench.commit(9, more);
    bench.one_member();
    let subscribed = (ErrorCode::None, Some(ErrorCode::GroupSubscribedToTopic));
    assert_eq!(delete_offset(&mut bench, "events"), subscribed);
    assert_eq!(bench.committed(), 1);
    let deleted = (ErrorCode::None, Some(ErrorCode::None));
    assert_eq!(delete_offset(&mut bench, "more"), deleted);
    let records = bench.log.len();
    assert_eq!(delete_offset(&mut bench, "more"), deleted);
    assert_eq!(bench.log.len(), records);
}

#[test]
fn subscriptions_hold_after_a_restart_and_end_with_the_members() {
    let mut bench = Bench::new();
    bench.commit(9, commit(1));
    let member = bench.one_member();
    let mut bench = bench.reload();
    let subscribed = (ErrorCode::None, Some(ErrorCode::GroupSubscribedToTopic));
    assert_eq!(delete_offset(&mut bench, "events"), subscribed);
    bench.leave(vec![leaving(&member.member_id)]);
    let deleted = (ErrorCode::None, Some(ErrorCode::None));
    assert_eq!(delete_offset(&mut bench, "events"), deleted);
    assert_eq!(bench.reload().committed(), -1);
}

#[test]
fn members_that_are_no_consumers_keep_all_their_offsets() {
    let mut bench = Bench::new();
    assert_eq!(
        delete_offset(&mut bench, "events"),
        (ErrorCode::GroupIdNotFound, None)
    );
    bench.join_now(JoinGroupRequest {
        protocol_type: "connect".into(),
        ..join("")
    });
    assert_eq!(
        delete_offset(&mut bench, "events"),
        (ErrorCode::NonEmptyGroup, None)
    );
}

#[test]
fn consumers_whose_subscription_cannot_be_read_keep_all_their_offsets() {
    let mut bench = Bench::new();
    let mut request = join("");
    request.protocols[0].metadata = bytes::Bytes::from_static(b"?");
    bench.join_now(request);
    let subscribed = (ErrorCode::None, Some(ErrorCode::GroupSubscribedToTopic));
    assert_eq!(delete_offset(&mut bench, "whatever"), subscribed);
}

#[test]
fn what_was_committed_for_a_topic_is_gone_with_the_topic() {
    let mut bench = Bench::new();
    bench.commit(9, commit(1));
    bench.answer_to(3, pending("events"));
    let mut more = commit(2);
    more.topics[0].name = "more".into();
    bench.commit(9, more);
    let effects = bench.shard.topic_deleted(bench.now, "events");
    bench.run(effects);
    bench.log.push(Logged::Marker(7, true));
    bench.shard.on_marker(bench.now, 7, true);
    for mut bench in [bench.reload(), bench] {
        assert_eq!(bench.committed(), -1);
        assert_eq!(delete_offset(&mut bench, "more").0, ErrorCode::None);
    }
}

#[test]
fn many_tombstones_are_several_batches() {
    let mut bench = Bench::with(GroupSettings {
        max_batch_bytes: 1_000,
        ..Default::default()
    });
    for partition in 0..100 {
        let mut request = commit(1);
        request.topics[0].partitions[0].partition_index = partition;
        bench.commit(9, request);
    }
    bench.log.clear();
    assert_eq!(delete_groups(&mut bench, &[GROUP]), [ErrorCode::None]);
    assert!(bench.log.len() > 5, "{}", bench.log.len());
}

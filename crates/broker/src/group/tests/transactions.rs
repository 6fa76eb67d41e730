use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::join_group::JoinGroupResponse;
use millrace_kafka_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

use super::super::*;
use super::harness::*;

fn commit_in(producer_id: i64, offset: i64) -> TxnOffsetCommitRequest {
    let partition = TxnOffsetCommitRequestPartition {
        committed_offset: offset,
        ..Default::default()
    };
    TxnOffsetCommitRequest {
        transactional_id: "t".into(),
        group_id: GROUP.into(),
        producer_id,
        producer_epoch: 3,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: "events".into(),
            partitions: vec![partition],
        }],
        ..Default::default()
    }
}

fn ask(bench: &mut Bench, version: i16, request: TxnOffsetCommitRequest) -> ErrorCode {
    match bench.answer_to(version, Request::TxnOffsetCommit(request)) {
        Response::TxnOffsetCommit(it) => code(it.topics[0].partitions[0].error_code),
        other => panic!("{other:?}"),
    }
}

fn end(bench: &mut Bench, producer_id: i64, is_commit: bool) {
    bench.log.push(Logged::Marker(producer_id, is_commit));
    let effects = bench.shard.on_marker(bench.now, producer_id, is_commit);
    bench.run(effects);
}

#[test]
fn an_offset_of_a_transaction_is_there_when_it_commits() {
    let mut bench = Bench::new();
    bench.commit(9, commit(1));
    assert_eq!(ask(&mut bench, 3, commit_in(7, 2)), ErrorCode::None);
    assert!(matches!(
        bench.log.last(),
        Some(Logged::Batch(_, Some((7, 3))))
    ));
    assert_eq!(bench.committed(), 1);
    let unstable = bench.fetched(true);
    assert_eq!(code(unstable.error_code), ErrorCode::UnstableOffsetCommit);
    assert_eq!(unstable.committed_offset, -1);
    assert_eq!(bench.reload().fetched(true), unstable);

    end(&mut bench, 7, true);
    assert_eq!(bench.fetched(true).committed_offset, 2);
    assert_eq!(bench.reload().fetched(true).committed_offset, 2);
}

#[test]
fn an_offset_of_a_transaction_is_gone_when_it_aborts() {
    let mut bench = Bench::new();
    bench.commit(9, commit(1));
    ask(&mut bench, 3, commit_in(7, 2));
    end(&mut bench, 7, false);
    assert_eq!(bench.fetched(true).committed_offset, 1);
    assert_eq!(bench.reload().fetched(true).committed_offset, 1);
}

#[test]
fn the_later_of_a_commit_inside_and_one_outside_a_transaction_holds() {
    let mut bench = Bench::new();
    ask(&mut bench, 3, commit_in(7, 2));
    bench.commit(9, commit(5));
    end(&mut bench, 7, true);
    assert_eq!(bench.committed(), 5);
    assert_eq!(bench.reload().committed(), 5);
}

#[test]
fn one_transaction_does_not_end_another() {
    let mut bench = Bench::new();
    ask(&mut bench, 3, commit_in(7, 2));
    ask(&mut bench, 3, commit_in(8, 3));
    end(&mut bench, 8, true);
    assert_eq!(bench.committed(), 3);
    let unstable = bench.fetched(true);
    assert_eq!(code(unstable.error_code), ErrorCode::UnstableOffsetCommit);
    end(&mut bench, 7, false);
    assert_eq!(bench.fetched(true).committed_offset, 3);
}

#[test]
fn a_transactional_commit_is_one_of_this_generation() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    let of = |member: &JoinGroupResponse| TxnOffsetCommitRequest {
        generation_id: member.generation_id,
        member_id: member.member_id.clone(),
        ..commit_in(7, 2)
    };
    assert_eq!(ask(&mut bench, 3, of(&member)), ErrorCode::None);
    let zombie = TxnOffsetCommitRequest {
        generation_id: member.generation_id - 1,
        ..of(&member)
    };
    assert_eq!(ask(&mut bench, 3, zombie), ErrorCode::IllegalGeneration);
    let other = TxnOffsetCommitRequest {
        member_id: "other".into(),
        ..of(&member)
    };
    assert_eq!(ask(&mut bench, 3, other), ErrorCode::UnknownMemberId);
    let fenced = TxnOffsetCommitRequest {
        group_instance_id: Some("other".into()),
        ..of(&member)
    };
    assert_eq!(ask(&mut bench, 3, fenced), ErrorCode::UnknownMemberId);
    // Versions before 3 do not say who commits.
    assert_eq!(ask(&mut bench, 2, commit_in(7, 3)), ErrorCode::None);
}

#[test]
fn a_transactional_commit_waits_for_no_assignment() {
    let mut bench = Bench::new();
    let joined = bench.join_now(join(""));
    assert_eq!(bench.state(), "CompletingRebalance");
    let request = TxnOffsetCommitRequest {
        generation_id: joined.generation_id,
        member_id: joined.member_id,
        ..commit_in(7, 2)
    };
    assert_eq!(ask(&mut bench, 3, request), ErrorCode::None);
}

#[test]
fn a_transactional_commit_needs_a_group() {
    let mut bench = Bench::new();
    let nameless = TxnOffsetCommitRequest {
        group_id: Str::EMPTY,
        ..commit_in(7, 2)
    };
    assert_eq!(ask(&mut bench, 3, nameless), ErrorCode::InvalidGroupId);
    let unknown = TxnOffsetCommitRequest {
        generation_id: 1,
        member_id: "m".into(),
        ..commit_in(7, 2)
    };
    assert_eq!(ask(&mut bench, 5, unknown), ErrorCode::IllegalGeneration);
    assert_eq!(ask(&mut bench, 5, commit_in(7, 2)), ErrorCode::None);
    assert_eq!(bench.state(), "Empty");
}

use millrace_kafka_wire::api::offset_commit::OffsetCommitRequest;
use millrace_kafka_wire::{ErrorCode, Uuid};

use super::super::*;
use super::harness::*;

#[test]
fn what_is_committed_is_fetched_also_after_a_restart() {
    let mut bench = Bench::new();
    let mut request = commit(42);
    let partition = &mut request.topics[0].partitions[0];
    partition.committed_leader_epoch = 7;
    partition.committed_metadata = Some("from here".into());
    request.topics[0].topic_id = Uuid([1; 16]);
    assert_eq!(bench.commit(9, request), ErrorCode::None);
    let fetched = bench.fetched(false);
    assert_eq!(fetched.committed_offset, 42);
    assert_eq!(fetched.committed_leader_epoch, 7);
    assert_eq!(fetched.metadata.as_deref(), Some("from here"));
    assert_eq!(bench.reload().fetched(false), fetched);
}

#[test]
fn a_commit_is_answered_with_its_records_in_one_batch() {
    let mut bench = Bench::new();
    let mut request = commit(1);
    let more = request.topics[0].partitions[0].clone();
    for partition_index in 1..4 {
        let mut more = more.clone();
        more.partition_index = partition_index;
        request.topics[0].partitions.push(more);
    }
    assert_eq!(bench.commit(9, request), ErrorCode::None);
    assert_eq!(bench.log.len(), 1);
    let Logged::Batch(records, None) = &bench.log[0] else {
        panic!("{:?}", bench.log);
    };
    assert_eq!(records.len(), 4);
}

#[test]
fn who_is_no_member_commits_only_while_the_group_has_none() {
    let mut bench = Bench::new();
    assert_eq!(bench.commit(9, commit(1)), ErrorCode::None);
    let member = bench.one_member();
    assert_eq!(bench.commit(9, commit(2)), ErrorCode::UnknownMemberId);
    assert_eq!(bench.committed(), 1);
    bench.leave(vec![leaving(&member.member_id)]);
    assert_eq!(bench.commit(9, commit(3)), ErrorCode::None);
    assert_eq!(bench.committed(), 3);
}

#[test]
fn a_member_commits_in_its_generation_only() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    let later = OffsetCommitRequest {
        generation_id_or_member_epoch: member.generation_id + 1,
        ..commit_of(&member, 1)
    };
    assert_eq!(bench.commit(7, later), ErrorCode::IllegalGeneration);
    let without = OffsetCommitRequest {
        generation_id_or_member_epoch: -1,
        ..commit_of(&member, 1)
    };
    assert_eq!(bench.commit(7, without), ErrorCode::IllegalGeneration);
    let other = OffsetCommitRequest {
        member_id: "other".into(),
        ..commit_of(&member, 1)
    };
    assert_eq!(bench.commit(7, other), ErrorCode::UnknownMemberId);
    assert_eq!(bench.commit(7, commit_of(&member, 5)), ErrorCode::None);
    assert_eq!(bench.committed(), 5);
}

#[test]
fn a_member_commits_while_others_join_but_not_while_the_leader_assigns() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let one = bench.join(join(&first.member_id));
    assert_eq!(bench.commit(7, commit_of(&second, 1)), ErrorCode::None);
    let other = bench.join(join(&second.member_id));
    bench.joined(one);
    let second = bench.joined(other);
    let refused = bench.commit(7, commit_of(&second, 2));
    assert_eq!(refused, ErrorCode::RebalanceInProgress);
    assert_eq!(bench.committed(), 1);
}

#[test]
fn a_group_that_is_not_there_has_no_generation() {
    let mut bench = Bench::new();
    let request = || OffsetCommitRequest {
        generation_id_or_member_epoch: 1,
        member_id: "m".into(),
        ..commit(1)
    };
    assert_eq!(bench.commit(8, request()), ErrorCode::IllegalGeneration);
    assert_eq!(bench.commit(9, request()), ErrorCode::GroupIdNotFound);
    assert_eq!(bench.state(), "Dead");
}

#[test]
fn too_much_metadata_is_refused_for_its_partition_alone() {
    let mut bench = Bench::new();
    let mut request = commit(1);
    let mut long = request.topics[0].partitions[0].clone();
    long.partition_index = 1;
    // As many characters as are allowed, and more bytes.
    request.topics[0].partitions[0].committed_metadata = Some("é".repeat(4096).into());
    long.committed_metadata = Some("e".repeat(4097).into());
    request.topics[0].partitions.push(long);
    let answer = bench.answer_to(9, Request::OffsetCommit(request));
    let Response::OffsetCommit(answer) = answer else {
        panic!("{answer:?}");
    };
    let codes: Vec<_> = answer.topics[0]
        .partitions
        .iter()
        .map(|it| code(it.error_code))
        .collect();
    assert_eq!(codes, [ErrorCode::None, ErrorCode::OffsetMetadataTooLarge]);
    assert_eq!(bench.committed(), 1);
}

#[test]
fn a_commit_that_fits_no_batch_is_refused_whole() {
    let mut bench = Bench::with(GroupSettings {
        max_batch_bytes: 1_000,
        ..Default::default()
    });
    let mut request = commit(1);
    let more = request.topics[0].partitions[0].clone();
    request.topics[0].partitions.resize(100, more);
    assert_eq!(bench.commit(9, request), ErrorCode::InvalidCommitOffsetSize);
    assert_eq!((bench.committed(), bench.log.len()), (-1, 0));
}

#[test]
fn offsets_may_belong_to_a_group_without_a_name() {
    let mut bench = Bench::new();
    let request = OffsetCommitRequest {
        group_id: Str::EMPTY,
        ..commit(1)
    };
    assert_eq!(bench.commit(9, request), ErrorCode::None);
}

#[test]
fn what_is_committed_is_kept_in_memory_of_its_own() {
    let mut bench = Bench::new();
    let frame = bytes::Bytes::from(vec![b'x'; 64]);
    let text = |range| Str::from_utf8(frame.slice(range)).unwrap();
    let mut request = commit(1);
    request.group_id = text(0..8);
    request.topics[0].name = text(8..16);
    request.topics[0].partitions[0].committed_metadata = Some(text(16..24));
    assert_eq!(bench.commit(9, request), ErrorCode::None);
    assert!(frame.is_unique());
}

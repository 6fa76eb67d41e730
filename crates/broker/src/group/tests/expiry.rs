use super::super::*;
use super::harness::*;

const DAY: i64 = 24 * 60 * 60_000;
/// Longer than from one sweep to the next.
const SWEEP: i64 = 11 * 60_000;

#[test]
fn offsets_of_nobody_expire_after_their_last_commit() {
    let mut bench = Bench::new();
    bench.commit(9, commit(1));
    bench.advance(4 * DAY);
    bench.commit(9, commit(2));
    bench.advance(7 * DAY - SWEEP);
    assert_eq!(bench.committed(), 2);
    bench.advance(2 * SWEEP);
    for mut bench in [bench.reload(), bench] {
        assert_eq!(bench.committed(), -1);
        assert_eq!(bench.state(), "Dead");
    }
}

#[test]
fn offsets_of_a_group_expire_after_it_became_empty() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    bench.commit(7, commit_of(&member, 1));
    for _ in 0..8 * DAY / 9_000 {
        bench.advance(9_000);
        bench.heartbeat(&member);
    }
    bench.leave(vec![leaving(&member.member_id)]);
    bench.advance(7 * DAY - SWEEP);
    assert_eq!(bench.committed(), 1);
    // Another broker does not count anew.
    let mut bench = bench.reload();
    bench.advance(2 * SWEEP);
    assert_eq!(bench.committed(), -1);
    assert_eq!(bench.state(), "Dead");
}

#[test]
fn offsets_that_members_may_need_do_not_expire_and_others_do() {
    let mut bench = Bench::with(GroupSettings {
        initial_rebalance_delay_ms: 0,
        offsets_retention_ms: 30 * 60_000,
        ..Default::default()
    });
    let member = bench.one_member();
    bench.commit(7, commit_of(&member, 1));
    let mut more = commit_of(&member, 2);
    more.topics[0].name = "more".into();
    bench.commit(7, more);
    let offsets = |bench: &mut Bench| {
        let group = millrace_kafka_wire::api::offset_fetch::OffsetFetchRequest {
            group_id: GROUP.into(),
            topics: None,
            ..Default::default()
        };
        match bench.answer_to(7, Request::OffsetFetch(group)) {
            Response::OffsetFetch(it) => it.topics.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(offsets(&mut bench), 2);
    for _ in 0..300 {
        bench.advance(9_000);
        bench.heartbeat(&member);
    }
    assert_eq!(offsets(&mut bench), 1);
    assert_eq!(bench.committed(), 1);
}

#[test]
fn an_old_client_says_how_long_its_offsets_are_kept() {
    let mut bench = Bench::new();
    let mut request = commit(1);
    request.retention_time_ms = 60 * 60_000;
    bench.commit(4, request);
    let mut bench = bench.reload();
    bench.advance(60 * 60_000 - SWEEP);
    assert_eq!(bench.committed(), 1);
    bench.advance(2 * SWEEP);
    assert_eq!(bench.committed(), -1);
}

#[test]
fn an_offset_with_an_open_transaction_does_not_expire() {
    use millrace_kafka_wire::api::txn_offset_commit::*;
    let mut bench = Bench::new();
    bench.commit(9, commit(1));
    let request = TxnOffsetCommitRequest {
        group_id: GROUP.into(),
        producer_id: 7,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: "events".into(),
            partitions: vec![TxnOffsetCommitRequestPartition::default()],
        }],
        ..Default::default()
    };
    bench.answer_to(3, Request::TxnOffsetCommit(request));
    bench.advance(8 * DAY);
    assert_eq!(bench.committed(), 1);
    bench.shard.on_marker(bench.now, 7, false);
    bench.advance(SWEEP);
    assert_eq!(bench.committed(), -1);
}

#[test]
fn a_group_that_holds_nothing_is_removed() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    bench.leave(vec![leaving(&member.member_id)]);
    assert_eq!(bench.state(), "Empty");
    bench.advance(SWEEP);
    assert_eq!(bench.state(), "Dead");
    assert_eq!(bench.reload().state(), "Dead");
}

#[test]
fn a_group_that_somebody_is_about_to_join_is_not_removed() {
    let mut bench = Bench::new();
    bench.advance(10 * 60_000 - 1_000);
    let token = bench.join_at(4, join(""));
    let told = bench.joined(token);
    // A search for groups that hold nothing comes between.
    bench.advance(2_000);
    let token = bench.join_at(4, join(&told.member_id));
    assert_eq!(bench.joined(token).error_code, 0);
}

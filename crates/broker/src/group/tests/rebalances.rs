use millrace_kafka_wire::ErrorCode;

use super::super::*;
use super::harness::*;

#[test]
fn an_empty_group_waits_for_more_members_as_long_as_they_come() {
    let mut bench = Bench::with(GroupSettings::default());
    let first = bench.join(join(""));
    bench.advance(2_000);
    let second = bench.join(join(""));
    // The delay of the first is over, and begins again for the second.
    bench.advance(1_500);
    assert!(bench.is_waiting(first) && bench.is_waiting(second));
    bench.advance(2_500);
    let (first, second) = (bench.joined(first), bench.joined(second));
    assert_eq!((first.generation_id, second.generation_id), (1, 1));
    assert_eq!(first.members.len(), 2);
    assert_eq!(second.members.len(), 0);
    assert_eq!(second.leader, first.member_id);
}

#[test]
fn an_empty_group_waits_no_longer_than_its_members_allow() {
    let mut bench = Bench::with(GroupSettings::default());
    let request = || {
        let mut request = join("");
        request.rebalance_timeout_ms = 7_000;
        request
    };
    let first = bench.join(request());
    // Somebody comes every second and a half.
    for _ in 0..4 {
        bench.advance(1_500);
        bench.join(request());
        assert!(bench.is_waiting(first));
    }
    bench.advance(1_000);
    assert_eq!(bench.joined(first).members.len(), 5);
}

#[test]
fn a_member_that_does_not_join_in_time_is_removed() {
    let mut bench = Bench::new();
    let first = bench.one_member();
    let token = bench.join(join(""));
    for _ in 0..6 {
        bench.advance(4_999);
        assert!(bench.is_waiting(token));
        assert_eq!(bench.heartbeat(&first), ErrorCode::RebalanceInProgress);
    }
    bench.advance(30);
    let joined = bench.joined(token);
    assert_eq!(joined.leader, joined.member_id);
    assert_eq!(joined.members.len(), 1);
    assert_eq!(bench.heartbeat(&first), ErrorCode::UnknownMemberId);
}

#[test]
fn a_rebalance_waits_for_ids_that_were_given() {
    let mut bench = Bench::new();
    let first = bench.one_member();
    let told = bench.join_at(4, join(""));
    let told = bench.joined(told);
    let first = bench.join(join(&first.member_id));
    assert!(bench.is_waiting(first));
    let second = bench.join_at(4, join(&told.member_id));
    assert_eq!(bench.joined(first).members.len(), 2);
    assert_eq!(bench.joined(second).error_code, 0);
}

#[test]
fn a_new_member_waits_five_minutes_at_most() {
    let mut bench = Bench::new();
    let first = bench.one_member();
    let mut long = join(&first.member_id);
    long.rebalance_timeout_ms = 600_000;
    let again = bench.join(long);
    let first = bench.joined(again);
    let sync = bench.sync(&first, &[]);
    bench.synced(sync);
    let token = bench.join(join(""));
    for _ in 0..50 {
        bench.advance(5_999);
        assert_eq!(bench.heartbeat(&first), ErrorCode::RebalanceInProgress);
        assert!(bench.is_waiting(token));
    }
    bench.advance(50);
    let told = bench.joined(token);
    assert_eq!(code(told.error_code), ErrorCode::UnknownMemberId);
    assert_eq!(told.member_id, "");
}

#[test]
fn a_group_whose_members_are_all_gone_is_empty_in_a_new_generation() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    bench.advance(10_000);
    assert_eq!(bench.state(), "Empty");
    let mut again = bench.reload();
    assert_eq!(again.state(), "Empty");
    let joined = again.join_now(join(""));
    assert_eq!(joined.generation_id, member.generation_id + 2);
}

#[test]
fn members_that_do_not_ask_for_their_assignment_are_removed() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let one = bench.join(join(&first.member_id));
    let other = bench.join(join(&second.member_id));
    let first = bench.joined(one);
    let second = bench.joined(other);
    let token = bench.sync(&first, &[]);
    assert_eq!(bench.synced(token).error_code, 0);
    // The second member lives, but does not go on.
    for _ in 0..4 {
        bench.advance(7_000);
        assert_eq!(bench.heartbeat(&first), ErrorCode::None);
        assert_eq!(bench.heartbeat(&second), ErrorCode::None);
    }
    bench.advance(2_000);
    assert_eq!(bench.heartbeat(&first), ErrorCode::RebalanceInProgress);
    assert_eq!(bench.heartbeat(&second), ErrorCode::UnknownMemberId);
}

#[test]
fn the_next_member_leads_when_the_leader_does_not_join() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let mut changed = join(&second.member_id);
    changed.protocols = vec![protocol("range", &["more"])];
    let token = bench.join(changed);
    bench.advance(30_000);
    let joined = bench.joined(token);
    assert_eq!(joined.leader, second.member_id);
    assert_eq!(bench.heartbeat(&first), ErrorCode::UnknownMemberId);
}

#[test]
fn a_rebalance_tells_who_waits_for_an_assignment_to_join_again() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let one = bench.join(join(&first.member_id));
    let other = bench.join(join(&second.member_id));
    bench.joined(one);
    let second = bench.joined(other);
    let waiting = bench.sync(&second, &[]);
    assert!(bench.is_waiting(waiting));
    let third = bench.join(join(""));
    let told = bench.synced(waiting);
    assert_eq!(code(told.error_code), ErrorCode::RebalanceInProgress);
    assert!(bench.is_waiting(third));
}

#[test]
fn an_id_that_is_not_used_holds_a_rebalance_up_for_a_session_at_most() {
    let mut bench = Bench::new();
    let first = bench.one_member();
    let told = bench.join_at(4, join(""));
    bench.joined(told);
    bench.advance(5_000);
    let first = bench.join(join(&first.member_id));
    bench.advance(4_999);
    assert!(bench.is_waiting(first));
    bench.advance(1);
    assert_eq!(bench.joined(first).members.len(), 1);
}

#[test]
fn who_joins_after_a_rebalance_that_nobody_joined_waits_for_the_next_end_only() {
    let mut bench = Bench::new();
    let mut long = join("");
    long.session_timeout_ms = 600_000;
    long.group_instance_id = Some("one".into());
    let token = bench.join_at(5, long);
    let first = bench.joined(token);
    let token = bench.sync(&first, &[]);
    bench.synced(token);
    let told = bench.join_at(4, join(""));
    let told = bench.joined(told);
    let waiting = bench.join_at(4, join(&told.member_id));
    bench.leave(vec![leaving(&told.member_id)]);
    bench.joined(waiting);
    // The time of this rebalance is over, and nobody is there.
    bench.advance(31_000);
    let late = bench.join(join(""));
    bench.advance(30_000);
    assert_eq!(bench.joined(late).members.len(), 2);
}

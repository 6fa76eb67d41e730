use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::leave_group::{LeaveGroupRequest, MemberIdentity};

use super::super::*;
use super::harness::*;

#[test]
fn the_others_rebalance_when_a_member_leaves() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    assert_eq!(
        bench.leave(vec![leaving(&first.member_id)]),
        [ErrorCode::None]
    );
    assert_eq!(bench.heartbeat(&second), ErrorCode::RebalanceInProgress);
    let joined = bench.join_now(join(&second.member_id));
    assert_eq!(joined.leader, second.member_id);
    assert_eq!(joined.generation_id, second.generation_id + 1);
}

#[test]
fn a_group_is_empty_and_stays_so_when_its_last_member_left() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    bench.leave(vec![leaving(&member.member_id)]);
    assert_eq!(bench.state(), "Empty");
    assert_eq!(bench.reload().state(), "Empty");
}

#[test]
fn each_of_several_members_is_told_whether_it_left() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let codes = bench.leave(vec![
        leaving(&first.member_id),
        leaving(&"nobody".into()),
        MemberIdentity {
            group_instance_id: Some("no instance".into()),
            ..leaving(&second.member_id)
        },
        leaving(&Str::EMPTY),
    ]);
    use ErrorCode::{None, UnknownMemberId};
    let unknown = UnknownMemberId;
    assert_eq!(codes, [None, unknown, unknown, unknown]);
    assert_eq!(bench.heartbeat(&second), ErrorCode::RebalanceInProgress);
}

#[test]
fn versions_before_3_have_one_error_for_one_member() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    let mut ask = |group: &str, member: &Str| {
        let request = LeaveGroupRequest {
            group_id: group.into(),
            member_id: member.clone(),
            ..Default::default()
        };
        match bench.answer_to(2, Request::LeaveGroup(request)) {
            Response::LeaveGroup(it) => (code(it.error_code), it.members.len()),
            other => panic!("{other:?}"),
        }
    };
    let unknown = (ErrorCode::UnknownMemberId, 0);
    assert_eq!(ask("other", &member.member_id), unknown);
    assert_eq!(ask(GROUP, &"other".into()), unknown);
    assert_eq!(ask("", &"other".into()), (ErrorCode::InvalidGroupId, 0));
    assert_eq!(ask(GROUP, &member.member_id), (ErrorCode::None, 0));
    assert_eq!(ask(GROUP, &member.member_id), unknown);
}

#[test]
fn a_member_that_leaves_while_its_join_waits_is_told_so() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let waiting = bench.join(join(&first.member_id));
    bench.leave(vec![leaving(&first.member_id)]);
    let told = bench.joined(waiting);
    assert_eq!(code(told.error_code), ErrorCode::UnknownMemberId);
    let joined = bench.join_now(join(&second.member_id));
    assert_eq!(joined.members.len(), 1);
}

#[test]
fn a_member_that_leaves_while_its_sync_waits_is_told_so() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let one = bench.join(join(&first.member_id));
    let other = bench.join(join(&second.member_id));
    bench.joined(one);
    let second = bench.joined(other);
    let waiting = bench.sync(&second, &[]);
    bench.leave(vec![leaving(&second.member_id)]);
    let told = bench.synced(waiting);
    assert_eq!(code(told.error_code), ErrorCode::UnknownMemberId);
}

#[test]
fn the_last_one_that_is_waited_for_ends_the_wait_by_leaving() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let waiting = bench.join(join(&first.member_id));
    bench.leave(vec![leaving(&second.member_id)]);
    assert_eq!(bench.joined(waiting).members.len(), 1);
}

#[test]
fn an_id_that_was_given_is_given_back() {
    let mut bench = Bench::new();
    let token = bench.join_at(4, join(""));
    let told = bench.joined(token);
    assert_eq!(
        bench.leave(vec![leaving(&told.member_id)]),
        [ErrorCode::None]
    );
    let token = bench.join_at(4, join(&told.member_id));
    let joined = bench.joined(token);
    assert_eq!(code(joined.error_code), ErrorCode::UnknownMemberId);
}

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::heartbeat::HeartbeatRequest;
use millrace_kafka_wire::api::join_group::{JoinGroupRequest, JoinGroupResponse};
use millrace_kafka_wire::api::leave_group::MemberIdentity;
use millrace_kafka_wire::api::sync_group::SyncGroupRequest;

use super::super::*;
use super::harness::*;

fn static_join(member_id: &str, instance_id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_instance_id: Some(instance_id.into()),
        ..join(member_id)
    }
}

/// Two static members, `one` leads; `a` and `b` are assigned to them.
fn stable(bench: &mut Bench) -> (JoinGroupResponse, JoinGroupResponse) {
    let token = bench.join_at(5, static_join("", "one"));
    let first = bench.joined(token);
    let other = bench.join_at(5, static_join("", "other"));
    let one = bench.join_at(5, static_join(&first.member_id, "one"));
    let (first, second) = (bench.joined(one), bench.joined(other));
    let assigned = [(&first.member_id, "a"), (&second.member_id, "b")];
    let one = bench.sync(&first, &assigned);
    let other = bench.sync(&second, &[]);
    bench.synced(one);
    bench.synced(other);
    (first, second)
}

#[test]
fn a_static_member_is_not_asked_to_join_twice() {
    let mut bench = Bench::new();
    let token = bench.join_at(9, static_join("", "one"));
    let joined = bench.joined(token);
    assert_eq!(joined.error_code, 0);
    assert!(joined.member_id.starts_with("one-"));
    assert_eq!(joined.members[0].group_instance_id.as_deref(), Some("one"));
}

#[test]
fn a_static_follower_that_comes_back_goes_on_with_what_it_had() {
    let mut bench = Bench::new();
    let (first, second) = stable(&mut bench);
    let token = bench.join_at(5, static_join("", "other"));
    let back = bench.joined(token);
    assert_eq!(back.error_code, 0);
    assert_eq!(back.generation_id, second.generation_id);
    assert_ne!(back.member_id, second.member_id);
    assert_eq!(bench.state(), "Stable");
    assert_eq!(bench.heartbeat(&first), ErrorCode::None);
    let token = bench.sync(&back, &[]);
    assert_eq!(&bench.synced(token).assignment[..], b"b");
    // That is durable.
    let mut again = bench.reload();
    assert_eq!(again.heartbeat(&back), ErrorCode::None);
    assert_eq!(again.heartbeat(&second), ErrorCode::UnknownMemberId);
}

#[test]
fn who_still_uses_the_old_id_of_a_static_member_is_fenced() {
    let mut bench = Bench::new();
    let (_, second) = stable(&mut bench);
    let token = bench.join_at(5, static_join("", "other"));
    bench.joined(token);
    let instance_id = Some(Str::from("other"));
    let heartbeat = HeartbeatRequest {
        group_id: GROUP.into(),
        generation_id: second.generation_id,
        member_id: second.member_id.clone(),
        group_instance_id: instance_id.clone(),
    };
    let answer = bench.answer_to(3, Request::Heartbeat(heartbeat));
    let Response::Heartbeat(answer) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(code(answer.error_code), ErrorCode::FencedInstanceId);

    let joined = bench.join_at(5, static_join(&second.member_id, "other"));
    let fenced = bench.joined(joined);
    assert_eq!(code(fenced.error_code), ErrorCode::FencedInstanceId);

    let request = SyncGroupRequest {
        group_instance_id: instance_id.clone(),
        ..sync(&second, &[])
    };
    let token = bench.ask(3, Request::SyncGroup(request));
    let fenced = bench.synced(token);
    assert_eq!(code(fenced.error_code), ErrorCode::FencedInstanceId);

    let mut request = commit_of(&second, 1);
    request.group_instance_id = instance_id.clone();
    assert_eq!(bench.commit(7, request), ErrorCode::FencedInstanceId);

    let identity = MemberIdentity {
        group_instance_id: instance_id,
        ..leaving(&second.member_id)
    };
    assert_eq!(bench.leave(vec![identity]), [ErrorCode::FencedInstanceId]);
}

#[test]
fn a_static_leader_that_comes_back_is_told_to_assign_nothing() {
    let mut bench = Bench::new();
    let (first, _) = stable(&mut bench);
    let token = bench.join_at(9, static_join("", "one"));
    let back = bench.joined(token);
    assert!(back.skip_assignment);
    assert_eq!(back.leader, back.member_id);
    assert_eq!(back.members.len(), 2);

    // Clients that do not know of that are told of a leader that they are not.
    let token = bench.join_at(8, static_join("", "one"));
    let again = bench.joined(token);
    assert!(!again.skip_assignment);
    assert_eq!(again.leader, back.member_id);
    assert_ne!(again.leader, again.member_id);
    assert!(again.members.is_empty());
    assert_eq!(again.generation_id, first.generation_id);
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn a_static_member_that_comes_back_with_another_protocol_begins_a_rebalance() {
    let mut bench = Bench::new();
    let token = bench.join_at(
        5,
        JoinGroupRequest {
            protocols: vec![protocol("a", &["events"]), protocol("b", &["events"])],
            ..static_join("", "one")
        },
    );
    let first = bench.joined(token);
    let token = bench.sync(&first, &[]);
    bench.synced(token);
    let token = bench.join_at(
        5,
        JoinGroupRequest {
            protocols: vec![protocol("b", &["events"])],
            ..static_join("", "one")
        },
    );
    let back = bench.joined(token);
    assert_eq!(back.generation_id, first.generation_id + 1);
    assert_eq!(back.protocol_name.as_deref(), Some("b"));
}

#[test]
fn a_static_member_that_comes_back_while_the_leader_assigns_begins_a_rebalance() {
    let mut bench = Bench::new();
    let (first, second) = stable(&mut bench);
    let one = bench.join_at(5, static_join(&first.member_id, "one"));
    let other = bench.join_at(5, static_join(&second.member_id, "other"));
    let (first, second) = (bench.joined(one), bench.joined(other));
    let waiting = bench.sync(&second, &[]);
    let back = bench.join_at(5, static_join("", "other"));
    let fenced = bench.synced(waiting);
    assert_eq!(code(fenced.error_code), ErrorCode::FencedInstanceId);
    assert!(bench.is_waiting(back));
    assert_eq!(bench.heartbeat(&first), ErrorCode::RebalanceInProgress);
}

#[test]
fn a_static_member_whose_join_waits_is_replaced_and_fenced() {
    let mut bench = Bench::new();
    let (first, second) = stable(&mut bench);
    let waiting = bench.join_at(5, static_join(&first.member_id, "one"));
    let back = bench.join_at(5, static_join("", "one"));
    let fenced = bench.joined(waiting);
    assert_eq!(code(fenced.error_code), ErrorCode::FencedInstanceId);
    assert_eq!(fenced.member_id, first.member_id);
    let other = bench.join_at(5, static_join(&second.member_id, "other"));
    assert_eq!(bench.joined(back).members.len(), 2);
    assert_eq!(bench.joined(other).error_code, 0);
}

#[test]
fn a_static_member_is_not_removed_by_a_rebalance_that_it_misses() {
    let mut bench = Bench::new();
    let mut long = static_join("", "one");
    long.session_timeout_ms = 120_000;
    let token = bench.join_at(5, long);
    let first = bench.joined(token);
    let token = bench.sync(&first, &[]);
    bench.synced(token);
    let token = bench.join_at(5, static_join("", "other"));
    bench.advance(30_000);
    let joined = bench.joined(token);
    assert_eq!(joined.members.len(), 2);
    assert_eq!(joined.leader, joined.member_id);
}

#[test]
fn a_rebalance_that_no_member_joins_waits_for_the_end_of_their_sessions() {
    let mut bench = Bench::new();
    let mut long = static_join("", "one");
    long.session_timeout_ms = 120_000;
    let token = bench.join_at(5, long);
    let first = bench.joined(token);
    let token = bench.sync(&first, &[]);
    bench.synced(token);
    let dynamic = bench.join_at(4, join(""));
    let dynamic = bench.joined(dynamic);
    let waiting = bench.join_at(4, join(&dynamic.member_id));
    bench.leave(vec![leaving(&dynamic.member_id)]);
    bench.joined(waiting);
    bench.advance(119_000);
    assert_eq!(bench.state(), "PreparingRebalance");
    bench.advance(1_000);
    assert_eq!(bench.state(), "Empty");
}

#[test]
fn an_operator_removes_a_static_member_by_its_instance() {
    let mut bench = Bench::new();
    let (_, second) = stable(&mut bench);
    let identity = MemberIdentity {
        group_instance_id: Some("one".into()),
        ..Default::default()
    };
    assert_eq!(bench.leave(vec![identity]), [ErrorCode::None]);
    assert_eq!(bench.describe().members.len(), 1);
    assert_eq!(bench.heartbeat(&second), ErrorCode::RebalanceInProgress);
}

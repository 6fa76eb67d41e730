use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::heartbeat::HeartbeatRequest;

use super::super::*;
use super::harness::*;

#[test]
fn a_member_stays_as_long_as_it_is_heard_of() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    for _ in 0..10 {
        bench.advance(9_999);
        assert_eq!(bench.heartbeat(&member), ErrorCode::None);
    }
    bench.advance(10_000);
    assert_eq!(bench.heartbeat(&member), ErrorCode::UnknownMemberId);
    assert_eq!(bench.state(), "Empty");
}

#[test]
fn a_heartbeat_is_checked_before_it_counts() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    let heartbeat = || HeartbeatRequest {
        group_id: GROUP.into(),
        generation_id: member.generation_id,
        member_id: member.member_id.clone(),
        group_instance_id: None,
    };
    let cases = [
        (
            ErrorCode::InvalidGroupId,
            HeartbeatRequest {
                group_id: Str::EMPTY,
                ..heartbeat()
            },
        ),
        (
            ErrorCode::UnknownMemberId,
            HeartbeatRequest {
                group_id: "other".into(),
                ..heartbeat()
            },
        ),
        (
            ErrorCode::UnknownMemberId,
            HeartbeatRequest {
                member_id: "other".into(),
                ..heartbeat()
            },
        ),
        (
            ErrorCode::UnknownMemberId,
            HeartbeatRequest {
                group_instance_id: Some("other".into()),
                ..heartbeat()
            },
        ),
        (
            ErrorCode::IllegalGeneration,
            HeartbeatRequest {
                generation_id: member.generation_id + 1,
                ..heartbeat()
            },
        ),
    ];
    for (expected, request) in cases {
        bench.advance(1_900);
        let answer = bench.answer_to(3, Request::Heartbeat(request.clone()));
        let Response::Heartbeat(answer) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(code(answer.error_code), expected, "{request:?}");
    }
    // None of them was a sign of life.
    bench.advance(500);
    assert_eq!(bench.heartbeat(&member), ErrorCode::UnknownMemberId);
}

#[test]
fn a_member_that_waits_for_an_answer_needs_no_heartbeat() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let token = bench.join(join(&first.member_id));
    for _ in 0..3 {
        bench.advance(9_000);
        assert_eq!(bench.heartbeat(&second), ErrorCode::RebalanceInProgress);
    }
    assert!(bench.is_waiting(token));
    let other = bench.join(join(&second.member_id));
    let (first, second) = (bench.joined(token), bench.joined(other));
    // The session begins anew with the answer.
    bench.advance(9_999);
    assert_eq!(bench.heartbeat(&first), ErrorCode::None);
    assert_eq!(bench.heartbeat(&second), ErrorCode::None);
}

#[test]
fn a_commit_of_a_member_is_a_sign_of_life() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    for offset in 0..5 {
        bench.advance(9_999);
        assert_eq!(bench.commit(7, commit_of(&member, offset)), ErrorCode::None);
    }
    bench.advance(9_999);
    assert_eq!(bench.heartbeat(&member), ErrorCode::None);
}

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::sync_group::SyncGroupRequest;

use super::super::*;
use super::harness::*;

#[test]
fn members_wait_for_the_leaders_assignment_and_each_gets_its_part() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let one = bench.join(join(&first.member_id));
    let other = bench.join(join(&second.member_id));
    let (first, second) = (bench.joined(one), bench.joined(other));
    let waiting = bench.sync(&second, &[]);
    assert!(bench.is_waiting(waiting));
    assert_eq!(bench.state(), "CompletingRebalance");
    let leader = bench.sync(&first, &[(&first.member_id, "0"), (&second.member_id, "1")]);
    let leader = bench.synced(leader);
    assert_eq!(&leader.assignment[..], b"0");
    assert_eq!(leader.protocol_name.as_deref(), Some("range"));
    assert_eq!(&bench.synced(waiting).assignment[..], b"1");
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn who_is_not_assigned_anything_gets_nothing() {
    let mut bench = Bench::new();
    let joined = bench.join_now(join(""));
    let token = bench.sync(&joined, &[]);
    let synced = bench.synced(token);
    assert_eq!((synced.error_code, synced.assignment.len()), (0, 0));
}

#[test]
fn assignments_are_answered_with_the_record_that_keeps_them() {
    let mut bench = Bench::new();
    let joined = bench.join_now(join(""));
    let request = Request::SyncGroup(sync(&joined, &[(&joined.member_id, "all")]));
    let caller = Caller {
        version: 3,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
    };
    let effects = bench.shard.handle(bench.now, Token(99), caller, request);
    assert_eq!(effects.steps.len(), 1);
    assert_eq!(effects.steps[0].records.len(), 1);
    assert_eq!(effects.steps[0].replies.len(), 1);
}

#[test]
fn who_is_not_of_this_generation_gets_no_assignment() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    let cases = [
        (
            ErrorCode::InvalidGroupId,
            3,
            SyncGroupRequest {
                group_id: Str::EMPTY,
                ..sync(&member, &[])
            },
        ),
        (
            ErrorCode::UnknownMemberId,
            3,
            SyncGroupRequest {
                group_id: "other".into(),
                ..sync(&member, &[])
            },
        ),
        (
            ErrorCode::UnknownMemberId,
            3,
            SyncGroupRequest {
                member_id: "other".into(),
                ..sync(&member, &[])
            },
        ),
        (
            ErrorCode::IllegalGeneration,
            3,
            SyncGroupRequest {
                generation_id: member.generation_id - 1,
                ..sync(&member, &[])
            },
        ),
        (ErrorCode::InconsistentGroupProtocol, 5, sync(&member, &[])),
        (
            ErrorCode::InconsistentGroupProtocol,
            5,
            SyncGroupRequest {
                protocol_type: Some("consumer".into()),
                protocol_name: Some("sticky".into()),
                ..sync(&member, &[])
            },
        ),
        (
            ErrorCode::None,
            5,
            SyncGroupRequest {
                protocol_type: Some("consumer".into()),
                protocol_name: Some("range".into()),
                ..sync(&member, &[])
            },
        ),
    ];
    for (expected, version, request) in cases {
        let token = bench.ask(version, Request::SyncGroup(request.clone()));
        let synced = bench.synced(token);
        assert_eq!(code(synced.error_code), expected, "{request:?}");
    }
}

#[test]
fn during_a_rebalance_there_is_no_assignment() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    bench.join(join(&first.member_id));
    let token = bench.sync(&second, &[]);
    let synced = bench.synced(token);
    assert_eq!(code(synced.error_code), ErrorCode::RebalanceInProgress);
}

#[test]
fn an_assignment_that_fits_no_batch_is_refused_and_the_group_rebalances() {
    let mut bench = Bench::with(GroupSettings {
        initial_rebalance_delay_ms: 0,
        max_batch_bytes: 2_000,
        ..Default::default()
    });
    let joined = bench.join_now(join(""));
    let mut request = sync(&joined, &[(&joined.member_id, "")]);
    request.assignments[0].assignment = vec![0; 2_000].into();
    let token = bench.ask(3, Request::SyncGroup(request));
    let synced = bench.synced(token);
    assert_eq!(code(synced.error_code), ErrorCode::UnknownServerError);
    assert_eq!(bench.heartbeat(&joined), ErrorCode::RebalanceInProgress);
    let again = bench.join_now(join(&joined.member_id));
    assert_eq!(again.generation_id, joined.generation_id + 1);
}

#[test]
fn assignments_are_kept_in_memory_of_their_own() {
    let mut bench = Bench::new();
    let joined = bench.join_now(join(""));
    let frame = bytes::Bytes::from(vec![b'x'; 64]);
    let mut request = sync(&joined, &[(&joined.member_id, "")]);
    request.assignments[0].assignment = frame.slice(8..16);
    let token = bench.ask(3, Request::SyncGroup(request));
    assert_eq!(&bench.synced(token).assignment[..], b"xxxxxxxx");
    bench.log.clear();
    assert!(frame.is_unique());
}

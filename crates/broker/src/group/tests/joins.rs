use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::join_group::JoinGroupRequest;

use super::super::*;
use super::harness::*;

#[test]
fn the_first_member_leads_and_is_told_of_all_members() {
    let mut bench = Bench::new();
    let joined = bench.join_now(join(""));
    assert_eq!(joined.error_code, 0);
    assert_eq!(joined.generation_id, 1);
    assert_eq!(joined.leader, joined.member_id);
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert_eq!(joined.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, subscription(&["events"]));
    assert!(
        joined.member_id.starts_with("client-"),
        "{}",
        joined.member_id
    );
}

#[test]
fn a_dynamic_member_of_version_4_is_given_its_id_and_joins_with_it() {
    let mut bench = Bench::new();
    let token = bench.join_at(4, join(""));
    let told = bench.joined(token);
    assert_eq!(code(told.error_code), ErrorCode::MemberIdRequired);
    assert!(!told.member_id.is_empty());
    let token = bench.join_at(4, join(&told.member_id));
    let joined = bench.joined(token);
    assert_eq!(joined.error_code, 0);
    assert_eq!(joined.member_id, told.member_id);
}

#[test]
fn an_id_that_is_not_used_within_the_session_is_forgotten() {
    let mut bench = Bench::new();
    let token = bench.join_at(4, join(""));
    let told = bench.joined(token);
    bench.advance(10_000);
    let token = bench.join_at(4, join(&told.member_id));
    let joined = bench.joined(token);
    assert_eq!(code(joined.error_code), ErrorCode::UnknownMemberId);
}

#[test]
fn requests_that_no_group_can_take_are_refused_and_leave_no_group() {
    let mut bench = Bench::new();
    let cases = [
        (
            ErrorCode::InvalidGroupId,
            JoinGroupRequest {
                group_id: Str::EMPTY,
                ..join("")
            },
        ),
        (
            ErrorCode::InvalidSessionTimeout,
            JoinGroupRequest {
                session_timeout_ms: 5_999,
                ..join("")
            },
        ),
        (
            ErrorCode::InvalidSessionTimeout,
            JoinGroupRequest {
                session_timeout_ms: 1_800_001,
                ..join("")
            },
        ),
        (
            ErrorCode::InconsistentGroupProtocol,
            JoinGroupRequest {
                protocols: Vec::new(),
                ..join("")
            },
        ),
        (
            ErrorCode::InconsistentGroupProtocol,
            JoinGroupRequest {
                protocol_type: Str::EMPTY,
                ..join("")
            },
        ),
        (ErrorCode::UnknownMemberId, join("somebody")),
    ];
    for (expected, request) in cases {
        let joined = bench.join_now(request.clone());
        assert_eq!(code(joined.error_code), expected, "{request:?}");
        assert_eq!(joined.protocol_name.as_deref(), Some(""));
    }
    assert_eq!(bench.state(), "Dead");
    assert!(bench.log.is_empty());
}

#[test]
fn a_member_that_shares_no_protocol_with_the_others_is_refused() {
    let mut bench = Bench::new();
    bench.one_member();
    let mut other = join("");
    other.protocols = vec![protocol("sticky", &["events"])];
    let joined = bench.join_now(other);
    assert_eq!(
        code(joined.error_code),
        ErrorCode::InconsistentGroupProtocol
    );
    let mut connect = join("");
    connect.protocol_type = "connect".into();
    let joined = bench.join_now(connect);
    assert_eq!(
        code(joined.error_code),
        ErrorCode::InconsistentGroupProtocol
    );
}

#[test]
fn the_protocol_is_one_that_all_know_and_most_prefer() {
    let mut bench = Bench::with(GroupSettings::default());
    let prefer = |names: &[&str]| {
        let mut request = join("");
        request.protocols = names.iter().map(|it| protocol(it, &["events"])).collect();
        request
    };
    let tokens = [
        bench.join(prefer(&["a", "b", "c"])),
        bench.join(prefer(&["c", "b"])),
        bench.join(prefer(&["c", "b", "c"])),
        bench.join(prefer(&["x", "c", "b"])),
    ];
    bench.advance(60_000);
    for token in tokens {
        let joined = bench.joined(token);
        assert_eq!(joined.protocol_name.as_deref(), Some("c"));
    }
}

#[test]
fn a_group_takes_no_more_members_than_it_may_have() {
    let mut bench = Bench::with(GroupSettings {
        initial_rebalance_delay_ms: 0,
        max_size: 2,
        ..Default::default()
    });
    let (first, _) = bench.two_members();
    let refused = bench.join_now(join(""));
    assert_eq!(code(refused.error_code), ErrorCode::GroupMaxSizeReached);
    assert_eq!(bench.heartbeat(&first), ErrorCode::None);
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn of_ids_that_were_given_only_as_many_join_as_there_is_room() {
    let mut bench = Bench::with(GroupSettings {
        max_size: 1,
        ..Default::default()
    });
    let ids: Vec<_> = (0..2)
        .map(|_| {
            let token = bench.join_at(5, join(""));
            bench.joined(token).member_id
        })
        .collect();
    let one = bench.join_at(5, join(&ids[0]));
    let other = bench.join_at(5, join(&ids[1]));
    let refused = bench.joined(other);
    assert_eq!(code(refused.error_code), ErrorCode::GroupMaxSizeReached);
    bench.advance(3_000);
    assert_eq!(bench.joined(one).error_code, 0);
}

#[test]
fn a_follower_that_joins_again_unchanged_is_told_its_generation() {
    let mut bench = Bench::new();
    let (_, second) = bench.two_members();
    let again = bench.join_now(join(&second.member_id));
    assert_eq!(again.generation_id, second.generation_id);
    assert!(again.members.is_empty());
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn a_leader_that_joins_again_begins_a_rebalance() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let token = bench.join(join(&first.member_id));
    assert!(bench.is_waiting(token));
    assert_eq!(bench.heartbeat(&second), ErrorCode::RebalanceInProgress);
}

#[test]
fn a_follower_that_changed_begins_a_rebalance() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let mut changed = join(&second.member_id);
    changed.protocols = vec![protocol("range", &["events", "more"])];
    let token = bench.join(changed);
    assert!(bench.is_waiting(token));
    assert_eq!(bench.heartbeat(&first), ErrorCode::RebalanceInProgress);
}

#[test]
fn a_member_that_lost_the_answer_is_told_again_while_the_leader_assigns() {
    let mut bench = Bench::new();
    let joined = bench.join_now(join(""));
    let again = bench.join_now(join(&joined.member_id));
    assert_eq!(again, joined);
}

#[test]
fn a_join_that_comes_again_takes_the_place_of_the_one_before() {
    let mut bench = Bench::new();
    let (first, second) = bench.two_members();
    let old = bench.join(join(&first.member_id));
    let new = bench.join(join(&first.member_id));
    let told = bench.joined(old);
    assert_eq!(code(told.error_code), ErrorCode::RebalanceInProgress);
    let other = bench.join(join(&second.member_id));
    assert_eq!(bench.joined(new).generation_id, 3);
    assert_eq!(bench.joined(other).generation_id, 3);
}

#[test]
fn version_0_has_one_timeout_for_session_and_rebalance() {
    let mut bench = Bench::new();
    let mut request = join("");
    request.rebalance_timeout_ms = -1;
    let token = bench.join_at(0, request);
    let first = bench.joined(token);
    let sync = bench.sync(&first, &[]);
    bench.synced(sync);
    let mut request = join("");
    request.rebalance_timeout_ms = -1;
    let waiting = bench.join_at(0, request);
    // The first member sends heartbeats and does not join.
    bench.advance(9_000);
    assert_eq!(bench.heartbeat(&first), ErrorCode::RebalanceInProgress);
    assert!(bench.is_waiting(waiting));
    bench.advance(1_000);
    assert_eq!(bench.joined(waiting).members.len(), 1);
}

#[test]
fn what_a_member_says_is_kept_in_memory_of_its_own() {
    let mut bench = Bench::new();
    let frame = bytes::Bytes::from(vec![b'x'; 64]);
    let mut request = join("");
    request.protocols[0].metadata = frame.slice(8..16);
    request.protocol_type = Str::from_utf8(frame.slice(0..8)).unwrap();
    request.group_id = Str::from_utf8(frame.slice(16..24)).unwrap();
    request.group_instance_id = Some(Str::from_utf8(frame.slice(24..32)).unwrap());
    let token = bench.join_at(5, request);
    assert_eq!(bench.joined(token).error_code, 0);
    bench.log.clear();
    assert!(frame.is_unique());
}

#[test]
fn a_client_with_a_very_long_name_is_a_member_like_others() {
    let mut bench = Bench::new();
    let name = "é".repeat(i16::MAX as usize / 2);
    let token = bench.ask_as(&name, 3, Request::JoinGroup(join("")));
    let joined = bench.joined(token);
    assert!(joined.member_id.len() < 1100);
    let token = bench.sync(&joined, &[]);
    assert_eq!(bench.synced(token).error_code, 0);
    assert_eq!(bench.reload().heartbeat(&joined), ErrorCode::None);
}

#[test]
fn a_refused_member_is_told_of_no_protocol() {
    let mut bench = Bench::new();
    for (version, expected) in [(0, Some("")), (6, Some("")), (7, None), (9, None)] {
        let token = bench.join_at(version, join("nobody"));
        let joined = bench.joined(token);
        assert_eq!(code(joined.error_code), ErrorCode::UnknownMemberId);
        assert_eq!(joined.protocol_name.as_deref(), expected, "{version}");
        assert_eq!(joined.generation_id, -1);
    }
}

#[test]
fn an_id_that_was_given_to_a_dynamic_member_is_none_for_a_static_one() {
    let mut bench = Bench::new();
    let token = bench.join_at(5, join(""));
    let told = bench.joined(token);
    let mut request = join(&told.member_id);
    request.group_instance_id = Some("one".into());
    let token = bench.join_at(5, request);
    let joined = bench.joined(token);
    assert_eq!(code(joined.error_code), ErrorCode::UnknownServerError);
    let token = bench.join_at(5, join(&told.member_id));
    assert_eq!(bench.joined(token).error_code, 0);
}

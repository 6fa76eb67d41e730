use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::describe_groups::{DescribeGroupsRequest, DescribedGroup};
use millrace_kafka_wire::api::join_group::JoinGroupRequest;
use millrace_kafka_wire::api::list_groups::ListGroupsRequest;

use super::super::*;
use super::harness::*;

fn describe_unknown(version: i16) -> DescribedGroup {
    let request = DescribeGroupsRequest {
        groups: vec!["nothing".into()],
        ..Default::default()
    };
    match Bench::new().answer_to(version, Request::DescribeGroups(request)) {
        Response::DescribeGroups(mut it) => it.groups.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stable_group_is_described_with_its_members() {
    let mut bench = Bench::new();
    let member = bench.one_member();
    let described = bench.describe();
    assert_eq!(described.group_state, "Stable");
    assert_eq!(described.protocol_type, "consumer");
    assert_eq!(described.protocol_data, "range");
    let shown = &described.members[0];
    assert_eq!(shown.member_id, member.member_id);
    assert_eq!(shown.client_id, "client");
    assert_eq!(shown.client_host, "/127.0.0.1");
    assert_eq!(shown.member_metadata, subscription(&["events"]));
    assert_eq!(&shown.member_assignment[..], b"all");
    assert_eq!(bench.reload().describe(), described);
}

#[test]
fn what_members_say_is_not_told_while_it_is_not_decided() {
    let mut bench = Bench::new();
    bench.join_now(join(""));
    let described = bench.describe();
    assert_eq!(described.group_state, "CompletingRebalance");
    assert_eq!(described.protocol_data, "");
    assert_eq!(described.members[0].member_metadata.len(), 0);
}

#[test]
fn a_group_that_is_not_there_is_dead_and_from_version_6_an_error() {
    for version in 0..=5 {
        let dead = describe_unknown(version);
        assert_eq!((dead.error_code, &*dead.group_state), (0, "Dead"));
        assert_eq!(dead.error_message, None);
    }
    let dead = describe_unknown(6);
    assert_eq!(code(dead.error_code), ErrorCode::GroupIdNotFound);
    assert_eq!(dead.group_state, "Dead");
    assert_eq!(
        dead.error_message.as_deref(),
        Some("Group nothing not found.")
    );
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let mut bench = Bench::new();
    bench.one_member();
    bench.commit(9, {
        let mut request = commit(1);
        request.group_id = "simple".into();
        request
    });
    bench.join_now(JoinGroupRequest {
        group_id: "joining".into(),
        protocol_type: "connect".into(),
        ..join("")
    });
    let mut list = |states: &[&str], types: &[&str]| {
        let request = ListGroupsRequest {
            states_filter: states.iter().map(|it| Str::from(*it)).collect(),
            types_filter: types.iter().map(|it| Str::from(*it)).collect(),
        };
        let answer = bench.answer_to(5, Request::ListGroups(request));
        let Response::ListGroups(answer) = answer else {
            panic!("{answer:?}");
        };
        let groups = answer.groups.iter().map(|it| {
            assert_eq!(it.group_type, "Classic");
            format!("{}:{}:{}", it.group_id, it.protocol_type, it.group_state)
        });
        groups.collect::<Vec<_>>()
    };
    let joining = "joining:connect:CompletingRebalance";
    let stable = "orders:consumer:Stable";
    assert_eq!(list(&[], &[]), [joining, stable, "simple::Empty"]);
    assert_eq!(list(&[" stable"], &["CLASSIC"]), [stable]);
    assert_eq!(
        list(&["Empty", "CompletingRebalance"], &[]),
        [joining, "simple::Empty"]
    );
    assert!(list(&[], &["consumer"]).is_empty());
    assert!(list(&["unheard of"], &[]).is_empty());
}

#[test]
fn a_group_that_is_named_often_is_described_once() {
    let mut bench = Bench::new();
    bench.one_member();
    let request = DescribeGroupsRequest {
        groups: vec![GROUP.into(), "other".into(), GROUP.into(), "other".into()],
        ..Default::default()
    };
    let answer = bench.answer_to(5, Request::DescribeGroups(request));
    let Response::DescribeGroups(answer) = answer else {
        panic!("{answer:?}");
    };
    let ids: Vec<_> = answer.groups.iter().map(|it| &*it.group_id).collect();
    assert_eq!(ids, [GROUP, "other"]);
}

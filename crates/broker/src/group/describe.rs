//! DescribeGroups and ListGroups.

use std::collections::BTreeSet;

use millrace_kafka_wire::api::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use millrace_kafka_wire::api::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};
use millrace_kafka_wire::{ErrorCode, Str};

use super::effects::Effects;
use super::member::Member;
use super::membership::Group;
use super::state::State;
use super::{Caller, Response, Shard, Token};

/// From this version on it is an error when a group is not there (KIP-1043).
const NOT_FOUND_FROM: i16 = 6;

impl Shard {
    pub(super) fn describe(
        &self,
        token: Token,
        caller: &Caller,
        request: DescribeGroupsRequest,
        out: &mut Effects,
    ) {
        let groups = distinct(request.groups).into_iter();
        let described = groups.map(|id| match self.groups.get(&id) {
            Some(group) => described(group),
            None => absent(caller.version, id),
        });
        let response = DescribeGroupsResponse {
            groups: described.collect(),
            ..Default::default()
        };
        out.reply(token, Response::DescribeGroups(response));
    }

    pub(super) fn list(&self, token: Token, request: &ListGroupsRequest, out: &mut Effects) {
        let groups = self.groups.values().filter(|it| is_asked_for(it, request));
        let response = ListGroupsResponse {
            groups: groups.map(listed).collect(),
            ..Default::default()
        };
        out.reply(token, Response::ListGroups(response));
    }
}

/// Each of these once, in their order: a group that is named over and over is no larger answer.
pub(super) fn distinct(ids: Vec<Str>) -> Vec<Str> {
    let mut named = BTreeSet::new();
    let mut ids = ids;
    ids.retain(|it| named.insert(it.clone()));
    ids
}

fn described(group: &Group) -> DescribedGroup {
    // Before a generation is stable, what its members say and get is not decided.
    let protocol = match group.is(State::Stable) {
        true => group.protocol.clone(),
        false => None,
    };
    let members = group.members();
    let members = members.map(|it| described_member(it, protocol.as_ref()));
    DescribedGroup {
        group_id: group.id.clone(),
        group_state: Str::from_static(group.state.name()),
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        members: members.collect(),
        protocol_data: protocol.clone().unwrap_or_default(),
        ..Default::default()
    }
}

fn described_member(member: &Member, protocol: Option<&Str>) -> DescribedGroupMember {
    let metadata = protocol.map(|it| member.metadata(it));
    DescribedGroupMember {
        member_id: member.id.clone(),
        group_instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        member_metadata: metadata.unwrap_or_default(),
        member_assignment: member.assignment.clone(),
    }
}

fn absent(version: i16, group_id: Str) -> DescribedGroup {
    let dead = DescribedGroup {
        group_state: Str::from_static(State::Dead.name()),
        ..Default::default()
    };
    match version {
        ..NOT_FOUND_FROM => DescribedGroup { group_id, ..dead },
        _ => DescribedGroup {
            error_code: ErrorCode::GroupIdNotFound.into(),
            error_message: Some(format!("Group {group_id} not found.").into()),
            group_id,
            ..dead
        },
    }
}

/// Every group of this coordinator is of this type.
const TYPE: &str = "Classic";

fn is_asked_for(group: &Group, request: &ListGroupsRequest) -> bool {
    let says = |filter: &[Str], value: &str| {
        filter.is_empty()
            || filter
                .iter()
                .any(|it| it.trim().eq_ignore_ascii_case(value))
    };
    says(&request.states_filter, group.state.name()) && says(&request.types_filter, TYPE)
}

fn listed(group: &Group) -> ListedGroup {
    ListedGroup {
        group_id: group.id.clone(),
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        group_state: Str::from_static(group.state.name()),
        group_type: Str::from_static(TYPE),
    }
}

//! What holds between two calls, whatever they are.

use std::collections::BTreeSet;

use super::super::state::State;
use super::super::*;

pub(super) fn check(shard: &Shard) {
    for (id, group) in &shard.groups {
        assert_eq!(*id, group.id);
        check_members(group);
        check_state(group);
    }
    check_timers(shard);
}

fn check_members(group: &Group) {
    let joining = group.members().filter(|it| it.join.is_some()).count();
    assert_eq!(joining, group.joining());
    assert_eq!(group.leader.is_some(), group.members().len() > 0);
    if let Some(leader) = &group.leader {
        assert!(group.member(leader).is_some(), "{leader} leads {group:?}");
    }
    for member in group.members() {
        if let Some(instance_id) = &member.instance_id {
            assert_eq!(group.static_member(instance_id), Some(&member.id));
        }
        assert!(!group.pending_join.contains(&member.id));
        assert!(member.join.is_none() || member.sync.is_none());
    }
    for id in &group.pending_sync {
        assert!(group.member(id).is_some());
    }
}

fn check_state(group: &Group) {
    let has_joining = group.joining() > 0;
    let has_syncing = group.members().any(|it| it.sync.is_some());
    match group.state {
        State::Empty => assert_eq!(group.members().len(), 0),
        State::PreparingRebalance => assert!(!has_syncing, "{group:?}"),
        State::CompletingRebalance => assert!(!has_joining, "{group:?}"),
        State::Stable => assert!(!has_joining && !has_syncing, "{group:?}"),
        State::Dead => panic!("{group:?}"),
    }
    if matches!(group.state, State::CompletingRebalance | State::Stable) {
        let protocol = group.protocol.as_deref().expect("a protocol was chosen");
        for member in group.members() {
            assert!(member.protocols.iter().any(|it| it.name == *protocol));
        }
    }
    assert_eq!(
        group.initial.is_some(),
        group.initial.is_some() && group.is(State::PreparingRebalance)
    );
}

/// Nothing waits without a deadline, and no deadline is left of what is gone.
fn check_timers(shard: &Shard) {
    let mut expected = BTreeSet::from([Timer::Sweep]);
    let mut allowed = BTreeSet::new();
    for (id, group) in &shard.groups {
        for member in group.members() {
            let timer = Timer::Session(id.clone(), member.id.clone());
            match member.is_excused() {
                true => allowed.insert(timer),
                false => expected.insert(timer),
            };
        }
        let given = group.pending_join.iter();
        expected.extend(given.map(|it| Timer::Session(id.clone(), it.clone())));
        if group.is(State::PreparingRebalance) {
            expected.insert(Timer::Join(id.clone()));
        }
        if !group.pending_sync.is_empty() {
            expected.insert(Timer::Sync(id.clone()));
        }
    }
    let set: BTreeSet<Timer> = shard.timers.all().cloned().collect();
    let missing: Vec<_> = expected.difference(&set).collect();
    assert!(missing.is_empty(), "no deadline for {missing:?}");
    let left = set.difference(&expected).filter(|it| !allowed.contains(it));
    let left: Vec<_> = left.collect();
    assert!(left.is_empty(), "deadlines of what is gone: {left:?}");
}

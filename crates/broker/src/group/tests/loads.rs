use bytes::Bytes;
use millrace_kafka_wire::records::group_metadata::{
    GroupMetadataKey, GroupMetadataValue, MemberMetadata,
};
use millrace_kafka_wire::records::offset_commit::{OffsetCommitKey, OffsetCommitValue};
use millrace_kafka_wire::{ErrorCode, Message, write_prefixed};

use super::super::*;
use super::harness::*;

fn batch(key: Bytes, value: Option<Bytes>) -> Logged {
    Logged::Batch(vec![(key, value)], None)
}

fn offset_key(version: i16) -> Bytes {
    let key = OffsetCommitKey {
        group: GROUP.into(),
        topic: "events".into(),
        partition: 0,
    };
    write_prefixed(version, &key, 0).unwrap()
}

fn value<M: Message>(version: i16, value: &M) -> Option<Bytes> {
    Some(write_prefixed(version, value, version).unwrap())
}

#[test]
fn offsets_of_all_versions_of_records_are_read() {
    for key_version in 0..=1 {
        for version in 0..=4 {
            let said = OffsetCommitValue {
                offset: 5,
                commit_timestamp: 1_000_000,
                ..Default::default()
            };
            let log = vec![batch(offset_key(key_version), value(version, &said))];
            let mut bench = Bench::from_log(GroupSettings::default(), 1_000_000, log);
            assert_eq!(bench.committed(), 5, "{key_version} {version}");
        }
    }
}

fn group_value() -> GroupMetadataValue {
    GroupMetadataValue {
        protocol_type: "consumer".into(),
        generation: 5,
        protocol: Some("range".into()),
        leader: Some("b".into()),
        members: ["a", "b"]
            .map(|id| MemberMetadata {
                member_id: id.into(),
                client_id: "client".into(),
                client_host: "/127.0.0.1".into(),
                session_timeout: 10_000,
                subscription: subscription(&["events"]),
                assignment: Bytes::from_static(b"x"),
                ..Default::default()
            })
            .to_vec(),
        ..Default::default()
    }
}

fn group_key() -> Bytes {
    let key = GroupMetadataKey {
        group: GROUP.into(),
    };
    write_prefixed(2, &key, 0).unwrap()
}

#[test]
fn groups_of_all_versions_of_records_are_read() {
    for version in 0..=4 {
        let log = vec![batch(group_key(), value(version, &group_value()))];
        let mut bench = Bench::from_log(GroupSettings::default(), 1_000_000, log);
        let described = bench.describe();
        assert_eq!(described.group_state, "Stable", "{version}");
        assert_eq!(described.members.len(), 2);
        assert_eq!(&described.members[0].member_assignment[..], b"x");
        // The leader is who led.
        let token = bench.join(join("b"));
        assert!(bench.is_waiting(token));
        let other = bench.join(join("a"));
        assert_eq!(bench.joined(token).generation_id, 6);
        assert_eq!(bench.joined(other).leader, "b");
    }
}

#[test]
fn sessions_begin_when_the_log_was_read() {
    let log = vec![batch(group_key(), value(3, &group_value()))];
    let mut bench = Bench::from_log(GroupSettings::default(), 1_000_000, log);
    bench.advance(9_999);
    assert_eq!(bench.describe().members.len(), 2);
    bench.advance(1);
    assert_eq!(bench.state(), "Empty");
}

#[test]
fn a_group_that_is_larger_than_it_may_be_rebalances() {
    let settings = GroupSettings {
        max_size: 1,
        ..Default::default()
    };
    let log = vec![batch(group_key(), value(3, &group_value()))];
    let mut bench = Bench::from_log(settings, 1_000_000, log);
    assert_eq!(bench.state(), "PreparingRebalance");
    let first = bench.join(join("a"));
    let second = bench.join_now(join("b"));
    assert_eq!(code(second.error_code), ErrorCode::GroupMaxSizeReached);
    assert_eq!(bench.joined(first).members.len(), 1);
}

#[test]
fn tombstones_remove_what_was_there() {
    let said = OffsetCommitValue::default();
    let log = vec![
        batch(group_key(), value(3, &group_value())),
        batch(offset_key(1), value(3, &said)),
        batch(offset_key(1), None),
        batch(group_key(), None),
    ];
    let mut bench = Bench::from_log(GroupSettings::default(), 1_000_000, log);
    assert_eq!(bench.state(), "Dead");
    assert_eq!(bench.committed(), -1);
}

#[test]
fn offsets_outlive_the_record_of_their_group() {
    // As when a group of the other protocol took its place, whose records are not read.
    let said = OffsetCommitValue {
        offset: 5,
        commit_timestamp: 1_000_000,
        ..Default::default()
    };
    let log = vec![
        batch(group_key(), value(3, &group_value())),
        batch(offset_key(1), value(3, &said)),
        batch(group_key(), None),
    ];
    let mut bench = Bench::from_log(GroupSettings::default(), 1_000_000, log);
    assert_eq!(bench.committed(), 5);
    assert_eq!(bench.state(), "Empty");
}

#[test]
fn records_of_other_kinds_of_groups_are_counted_and_skipped() {
    let log = [3_i16, 5, 5, 16]
        .map(|number| {
            let key = Bytes::copy_from_slice(&number.to_be_bytes());
            batch(key, Some(Bytes::from_static(b"?")))
        })
        .to_vec();
    let bench = Bench::from_log(GroupSettings::default(), 1_000_000, log);
    let skipped: Vec<_> = bench.shard.skipped().collect();
    assert_eq!(skipped, [(3, 1), (5, 2), (16, 1)]);
}

#[test]
fn a_record_that_cannot_be_read_is_an_error_and_changes_nothing() {
    let mut shard = Shard::new(GroupSettings::default(), ids(1));
    let cases = [
        (Bytes::new(), None),
        (offset_key(1).slice(..5), None),
        (offset_key(1), Some(Bytes::from_static(&[0, 99]))),
        (offset_key(1), Some(Bytes::from_static(&[0, 3, 0]))),
        (group_key(), Some(Bytes::from_static(&[0, 3, 0]))),
    ];
    for (key, value) in cases {
        let read = shard.load(key, value, RecordOrigin::default());
        assert!(read.is_err());
    }
    assert!(format!("{shard:?}").contains("groups: {}"), "{shard:?}");
}

#[test]
fn what_is_loaded_is_kept_in_memory_of_its_own() {
    let offset = OffsetCommitValue {
        metadata: "noted".into(),
        commit_timestamp: 1_000_000,
        ..Default::default()
    };
    let mut shard = Shard::new(GroupSettings::default(), ids(1));
    let records = [
        (offset_key(1), value(3, &offset)),
        (group_key(), value(3, &group_value())),
    ];
    for (key, value) in records.clone() {
        shard.load(key, value, RecordOrigin::default()).unwrap();
    }
    shard.loaded(1_000_000);
    for (key, value) in records {
        assert!(key.is_unique());
        assert!(value.unwrap().is_unique());
    }
}

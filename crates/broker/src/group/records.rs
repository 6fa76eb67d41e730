//! The records of `__consumer_offsets`, in the versions that Kafka 4.3.1 writes.

use bytes::Bytes;
use millrace_kafka_wire::records::group_metadata::{
    GroupMetadataKey, GroupMetadataValue, MemberMetadata,
};
use millrace_kafka_wire::records::offset_commit::{OffsetCommitKey, OffsetCommitValue};
use millrace_kafka_wire::{
    Message, ReadError, Reader, Str, WriteError, read_prefix, read_versioned, write_prefixed,
};

use super::effects::{KeyAndValue, batch_size};
use super::membership::Group;
use super::offsets::{Offset, Place};
use super::turn::Turn;

const GROUP_VALUE_VERSION: i16 = 3;
const OFFSET_VALUE_VERSION: i16 = 4;
/// The one version that says when an offset expires.
const EXPIRING_OFFSET_VALUE_VERSION: i16 = 1;

/// What a record is of.
#[derive(Debug, PartialEq)]
pub(super) enum Key {
    Offset(Place),
    Group(Str),
    /// A record of another kind of group, by its number.
    Other(i16),
}

pub(super) fn read_key(key: Bytes) -> Result<Key, ReadError> {
    let mut reader = Reader::new(key);
    match read_prefix(&mut reader)? {
        // Of two numbers for the same.
        0 | OffsetCommitKey::ID => {
            let key = OffsetCommitKey::read(&mut reader, 0)?;
            Ok(Key::Offset(Place {
                group: key.group,
                topic: key.topic,
                partition: key.partition,
            }))
        }
        GroupMetadataKey::ID => {
            let key = GroupMetadataKey::read(&mut reader, 0)?;
            Ok(Key::Group(key.group))
        }
        number => Ok(Key::Other(number)),
    }
}

pub(super) fn read_offset(value: Bytes) -> Result<Offset, ReadError> {
    let (_, value) = read_versioned::<OffsetCommitValue>(value)?;
    Ok(Offset {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata,
        committed_at: value.commit_timestamp,
        expires_at: (value.expire_timestamp != -1).then_some(value.expire_timestamp),
        topic_id: value.topic_id,
    })
}

pub(super) fn read_group(value: Bytes) -> Result<GroupMetadataValue, ReadError> {
    Ok(read_versioned(value)?.1)
}

const FITS: &str = "texts that were read from a request or a record are short enough for a record";

pub(super) fn offset_record(place: &Place, offset: &Offset) -> KeyAndValue {
    let version = match offset.expires_at {
        Some(_) => EXPIRING_OFFSET_VALUE_VERSION,
        None => OFFSET_VALUE_VERSION,
    };
    let value = OffsetCommitValue {
        offset: offset.offset,
        leader_epoch: offset.leader_epoch,
        metadata: offset.metadata.clone(),
        commit_timestamp: offset.committed_at,
        expire_timestamp: offset.expires_at.unwrap_or(-1),
        topic_id: offset.topic_id,
    };
    let value = write_prefixed(version, &value, version).expect(FITS);
    (offset_key(place), Some(value))
}

pub(super) fn offset_tombstone(place: &Place) -> KeyAndValue {
    (offset_key(place), None)
}

fn offset_key(place: &Place) -> Bytes {
    let key = OffsetCommitKey {
        group: place.group.clone(),
        topic: place.topic.clone(),
        partition: place.partition,
    };
    write_prefixed(OffsetCommitKey::ID, &key, 0).expect(FITS)
}

pub(super) fn group_tombstone(group: &Str) -> KeyAndValue {
    (group_key(group), None)
}

fn group_key(group: &Str) -> Bytes {
    let key = GroupMetadataKey {
        group: group.clone(),
    };
    write_prefixed(GroupMetadataKey::ID, &key, 0).expect(FITS)
}

fn group_value(group: &Group) -> Result<Bytes, WriteError> {
    let protocol = group.protocol.clone().unwrap_or_default();
    let members = group.members().map(|it| MemberMetadata {
        member_id: it.id.clone(),
        group_instance_id: it.instance_id.clone(),
        client_id: it.client_id.clone(),
        client_host: it.client_host.clone(),
        rebalance_timeout: it.rebalance_timeout_ms,
        session_timeout: it.session_timeout_ms,
        subscription: it.metadata(&protocol),
        assignment: it.assignment.clone(),
    });
    let value = GroupMetadataValue {
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        generation: group.generation,
        protocol: group.protocol.clone(),
        leader: group.leader.clone(),
        current_state_timestamp: group.state_since.unwrap_or(-1),
        members: members.collect(),
    };
    write_prefixed(GROUP_VALUE_VERSION, &value, GROUP_VALUE_VERSION)
}

impl Turn<'_> {
    /// Writes the group as it is. One whose members say so much of themselves that it fits no
    /// batch is not written; the answer is whether it was.
    pub fn write_group(&mut self) -> bool {
        let Ok(value) = group_value(self.group) else {
            return false;
        };
        let record = (group_key(&self.group.id), Some(value));
        let fits = batch_size(std::slice::from_ref(&record)) <= self.settings.max_batch_bytes;
        let has_members = self.group.members().len() > 0;
        if fits || !has_members {
            self.out.write(vec![record]);
            return true;
        }
        false
    }

    /// Writes that there is such a group, which has had no generation.
    pub fn write_new_group(&mut self, now: i64) {
        let group = Group::new(self.group.id.clone(), Some(now));
        let value = group_value(&group).expect(FITS);
        self.out.write(vec![(group_key(&group.id), Some(value))]);
    }
}

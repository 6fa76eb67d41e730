//! The same messages read and written by the crate `kafka-protocol`, which knows Kafka 4.1.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message};
use millrace_kafka_wire::Reader;

use crate::random::Random;
use crate::round_trips::kind;
use crate::sample::{Choice, TABLES, sample};

/// The message as they write it after they have read it.
fn rewritten<M: Message + Decodable + Encodable>(bytes: &[u8], version: i16) -> BytesMut {
    let mut left = Bytes::copy_from_slice(bytes);
    let message = M::decode(&mut left, version).expect("they read it");
    assert!(left.is_empty(), "they leave {left:02x?}");
    let mut out = BytesMut::new();
    message.encode(&mut out, version).expect("they write it");
    out
}

/// One message of both codecs, in all versions that both know; returns how many these are.
fn compare<M: Message + Decodable + Encodable>(name: &str) -> usize {
    let of = |it: &&millrace_kafka_tables::Table| it.messages.iter().any(|it| it.name == name);
    let table = TABLES.iter().find(of).expect("there is a table");
    let message = table.messages.iter().find(|it| it.name == name);
    let message = message.expect("the table has it");
    let (first, last) = (M::VERSIONS.min, M::VERSIONS.max);
    let mut random = Random::new(7);
    let versions: Vec<i16> = message
        .versions
        .all()
        .filter(|version| (first..=last).contains(version))
        .collect();
    for version in &versions {
        for _ in 0..30 {
            let bytes = sample(table, message, *version, Choice::Random, &mut random);
            // What the tables say is read by them, written as we write it, and read by us.
            let written = rewritten::<M>(&bytes, *version);
            assert_eq!(written, bytes, "{name} version {version}");
            let reader = Reader::new(written.freeze());
            let ours = (kind(name).rewrite)(reader, *version);
            let ours = ours.expect("we read it").expect("we write it");
            assert_eq!(ours.into_bytes(), bytes, "{name} version {version}");
        }
    }
    versions.len()
}

macro_rules! compare_all {
    ($($name:ident)*) => {
        [$((stringify!($name), compare::<theirs::$name>(stringify!($name)))),*]
    };
}

/// All but LeaderChangeMessage and VotersRecord, whose first field is called "version" and is taken
/// there for the version of what follows it.
#[test]
fn another_codec_reads_and_writes_the_same_messages() {
    let versions = compare_all! {
        AddOffsetsToTxnRequest AddOffsetsToTxnResponse
        AddPartitionsToTxnRequest AddPartitionsToTxnResponse
        AlterConfigsRequest AlterConfigsResponse
        AlterPartitionReassignmentsRequest AlterPartitionReassignmentsResponse
        ApiVersionsRequest ApiVersionsResponse
        CreatePartitionsRequest CreatePartitionsResponse
        CreateTopicsRequest CreateTopicsResponse
        DeleteGroupsRequest DeleteGroupsResponse
        DeleteRecordsRequest DeleteRecordsResponse
        DeleteTopicsRequest DeleteTopicsResponse
        DescribeClusterRequest DescribeClusterResponse
        DescribeConfigsRequest DescribeConfigsResponse
        DescribeGroupsRequest DescribeGroupsResponse
        DescribeLogDirsRequest DescribeLogDirsResponse
        DescribeProducersRequest DescribeProducersResponse
        DescribeQuorumRequest DescribeQuorumResponse
        DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse
        DescribeTransactionsRequest DescribeTransactionsResponse
        ElectLeadersRequest ElectLeadersResponse
        EndTxnRequest EndTxnResponse
        FetchRequest FetchResponse
        FindCoordinatorRequest FindCoordinatorResponse
        HeartbeatRequest HeartbeatResponse
        IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse
        InitProducerIdRequest InitProducerIdResponse
        JoinGroupRequest JoinGroupResponse
        LeaveGroupRequest LeaveGroupResponse
        ListConfigResourcesRequest ListConfigResourcesResponse
        ListGroupsRequest ListGroupsResponse
        ListOffsetsRequest ListOffsetsResponse
        ListPartitionReassignmentsRequest ListPartitionReassignmentsResponse
        ListTransactionsRequest ListTransactionsResponse
        MetadataRequest MetadataResponse
        OffsetCommitRequest OffsetCommitResponse
        OffsetDeleteRequest OffsetDeleteResponse
        OffsetFetchRequest OffsetFetchResponse
        OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse
        ProduceRequest ProduceResponse
        SaslAuthenticateRequest SaslAuthenticateResponse
        SaslHandshakeRequest SaslHandshakeResponse
        SyncGroupRequest SyncGroupResponse
        TxnOffsetCommitRequest TxnOffsetCommitResponse
        WriteTxnMarkersRequest WriteTxnMarkersResponse
        RequestHeader ResponseHeader
        ConsumerProtocolSubscription ConsumerProtocolAssignment
        EndTxnMarker SnapshotHeaderRecord SnapshotFooterRecord KRaftVersionRecord
    };
    for (name, count) in versions {
        assert!(count > 0, "{name} has no version that both know");
    }
}

//! DescribeQuorum (KIP-595, KIP-836, KIP-853): who keeps the metadata log, and how far each has come.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Listener, Node, PartitionData, ReplicaState,
    TopicData, TopicRequest,
};

use super::Call;
use crate::metadata::{LogReplica, MetadataLog, Quorum};

pub async fn handle(call: Call, request: DescribeQuorumRequest) -> DescribeQuorumResponse {
    if !is_of_the_metadata(&request) {
        return DescribeQuorumResponse {
            topics: request.topics.into_iter().map(unknown).collect(),
            ..DescribeQuorumResponse::default()
        };
    }
    let quorum = call.broker.metadata().quorum(call.broker.clock().now());
    let log = MetadataLog::partition();
    // What version 2 has begun with.
    let nodes = match call.version {
        ..2 => Vec::new(),
        _ => quorum.voters.iter().map(|it| node(&call, it.id)).collect(),
    };
    DescribeQuorumResponse {
        topics: vec![TopicData {
            topic_name: log.topic.as_str().into(),
            partitions: vec![partition(&call, log.partition, &quorum)],
        }],
        nodes,
        ..DescribeQuorumResponse::default()
    }
}

/// Kafka answers for this partition alone, and only when nothing else is asked for.
fn is_of_the_metadata(request: &DescribeQuorumRequest) -> bool {
    let log = MetadataLog::partition();
    let [topic] = &*request.topics else {
        return false;
    };
    let [partition] = &*topic.partitions else {
        return false;
    };
    *topic.topic_name == *log.topic && partition.partition_index == log.partition
}

fn unknown(asked: TopicRequest) -> TopicData {
    let partitions = asked.partitions.iter().map(|it| PartitionData {
        partition_index: it.partition_index,
        error_code: ErrorCode::UnknownTopicOrPartition.number(),
        error_message: Some("only the metadata log has a quorum".into()),
        ..PartitionData::default()
    });
    TopicData {
        topic_name: asked.topic_name,
        partitions: partitions.collect(),
    }
}

fn partition(call: &Call, partition_index: i32, quorum: &Quorum) -> PartitionData {
    let states = |all: &[LogReplica]| all.iter().map(|it| state(it, call.version)).collect();
    PartitionData {
        partition_index,
        leader_id: quorum.leader,
        leader_epoch: quorum.leader_epoch,
        high_watermark: quorum.high_watermark,
        current_voters: states(&quorum.voters),
        observers: states(&quorum.observers),
        ..PartitionData::default()
    }
}

fn state(replica: &LogReplica, version: i16) -> ReplicaState {
    let state = ReplicaState {
        replica_id: replica.id,
        log_end_offset: replica.end_offset,
        last_fetch_timestamp: replica.last_fetch,
        last_caught_up_timestamp: replica.last_caught_up,
        ..ReplicaState::default()
    };
    match version {
        ..2 => state,
        _ => ReplicaState {
            replica_directory_id: replica.dir,
            ..state
        },
    }
}

/// A voter with its listeners; there are none of controllers alone, so that they are a broker's.
fn node(call: &Call, node_id: i32) -> Node {
    let image = call.broker.metadata().image();
    let config = call.broker.config();
    let reached = config.listeners.get(call.peer.listener);
    let broker = image.brokers.get(&node_id);
    let endpoints = broker
        .into_iter()
        .flat_map(|broker| broker.endpoints.iter().map(move |it| (broker, it)));
    let listeners = endpoints.map(|(broker, endpoint)| {
        let is_reached = reached.is_some_and(|it| *it.name == *endpoint.name);
        let (host, port) = match is_reached {
            true => call.broker.address_of(node_id, broker, &call.peer),
            false => (endpoint.host.clone(), i32::from(endpoint.port)),
        };
        Listener {
            name: endpoint.name.clone(),
            host,
            port: u16::try_from(port).unwrap_or(0),
        }
    });
    Node {
        node_id,
        listeners: listeners.collect(),
    }
}

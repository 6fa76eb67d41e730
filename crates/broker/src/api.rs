//! The APIs: one file for each, from a request to its response.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::{
    ApiKey, Frame, Message, Reader, Request, Str, read_request_header, write_response,
};

use crate::broker::Broker;
use crate::net::Peer;

mod alter_configs;
mod alter_partition_reassignments;
mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod elect_leaders;
mod fetch;
mod find_coordinator;
mod group;
mod init_producer_id;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod metadata;
mod offset_commit;
mod offset_fetch;
mod offset_for_leader_epoch;
mod operations;
mod produce;
mod sasl;
mod scram_credentials;
mod transaction;
mod txn_offset_commit;
mod verify;
mod write_txn_markers;

pub use fetch::Sessions;
pub use scram_credentials::record as credential_record;

/// A request and what belongs to it.
#[derive(Clone)]
pub struct Call {
    pub broker: Arc<Broker>,
    pub peer: Arc<Peer>,
    pub version: i16,
    pub client_id: Option<Str>,
    correlation_id: i32,
}

/// What is sent for a request.
pub enum Answer {
    Frame(Frame),
    /// The client waits for none.
    Nothing,
    /// The connection is closed: the client can be told in no other way.
    Close,
}

/// A request that is being worked on.
pub struct Work {
    pub is_produce: bool,
    pub answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
}

/// Whether a frame holds a Produce.
pub fn is_produce(frame: &Bytes) -> bool {
    frame.starts_with(&ApiKey::Produce.number().to_be_bytes())
}

/// Whether a frame holds a SaslHandshake.
pub fn is_handshake(frame: &Bytes) -> bool {
    frame.starts_with(&ApiKey::SaslHandshake.number().to_be_bytes())
}

/// Begins to work on a request; `None` closes the connection, as Kafka does for what it does not
/// know.
pub fn begin(broker: &Arc<Broker>, peer: &Arc<Peer>, frame: Bytes) -> Option<Work> {
    let mut reader = Reader::new(frame);
    let header = match read_request_header(&mut reader) {
        Ok(header) => header,
        Err(error) => {
            tracing::debug!(client = %peer.address, %error, "a request has no header");
            return None;
        }
    };
    let call = Call {
        broker: Arc::clone(broker),
        peer: Arc::clone(peer),
        version: header.request_api_version,
        client_id: header.client_id,
        correlation_id: header.correlation_id,
    };
    let key = ApiKey::from_number(header.request_api_key)?;
    if key == ApiKey::ApiVersions && !key.has_version(call.version) {
        return Some(work(call, api_versions::unsupported()));
    }
    if !key.is_advertised() || !key.has_version(call.version) {
        let (client, version) = (peer.address, call.version);
        tracing::debug!(%client, api = %key, version, "a request of a version that is not served");
        return None;
    }
    match key {
        ApiKey::Produce => produce::begin(call, &mut reader),
        ApiKey::Fetch => answer(call, &mut reader, fetch::handle),
        ApiKey::ListOffsets => answer(call, &mut reader, list_offsets::handle),
        ApiKey::Metadata => answer(call, &mut reader, metadata::handle),
        ApiKey::ApiVersions => answer(call, &mut reader, api_versions::handle),
        ApiKey::CreateTopics => answer(call, &mut reader, create_topics::handle),
        ApiKey::DeleteTopics => answer(call, &mut reader, delete_topics::handle),
        ApiKey::CreatePartitions => answer(call, &mut reader, create_partitions::handle),
        ApiKey::DeleteRecords => answer(call, &mut reader, delete_records::handle),
        ApiKey::DescribeCluster => answer(call, &mut reader, describe_cluster::handle),
        ApiKey::InitProducerId => answer(call, &mut reader, init_producer_id::handle),
        ApiKey::OffsetForLeaderEpoch => answer(call, &mut reader, offset_for_leader_epoch::handle),
        ApiKey::DescribeTopicPartitions => {
            answer(call, &mut reader, describe_topic_partitions::handle)
        }
        ApiKey::DescribeConfigs => answer(call, &mut reader, describe_configs::handle),
        ApiKey::AlterConfigs => answer(call, &mut reader, alter_configs::replace),
        ApiKey::IncrementalAlterConfigs => answer(call, &mut reader, alter_configs::incrementally),
        ApiKey::FindCoordinator => answer(call, &mut reader, find_coordinator::handle),
        ApiKey::JoinGroup => answer(call, &mut reader, group::join),
        ApiKey::SyncGroup => answer(call, &mut reader, group::sync),
        ApiKey::Heartbeat => answer(call, &mut reader, group::heartbeat),
        ApiKey::LeaveGroup => answer(call, &mut reader, group::leave),
        ApiKey::OffsetCommit => answer(call, &mut reader, offset_commit::handle),
        ApiKey::OffsetFetch => answer(call, &mut reader, offset_fetch::handle),
        ApiKey::OffsetDelete => answer(call, &mut reader, group::delete_offsets),
        ApiKey::DescribeGroups => answer(call, &mut reader, describe_groups::handle),
        ApiKey::ListGroups => answer(call, &mut reader, list_groups::handle),
        ApiKey::DeleteGroups => answer(call, &mut reader, delete_groups::handle),
        ApiKey::AddPartitionsToTxn => answer(call, &mut reader, transaction::add_partitions),
        ApiKey::AddOffsetsToTxn => answer(call, &mut reader, transaction::add_offsets),
        ApiKey::EndTxn => answer(call, &mut reader, transaction::end),
        ApiKey::TxnOffsetCommit => answer(call, &mut reader, txn_offset_commit::handle),
        ApiKey::DescribeTransactions => answer(call, &mut reader, transaction::describe),
        ApiKey::ListTransactions => answer(call, &mut reader, transaction::list),
        ApiKey::WriteTxnMarkers => answer(call, &mut reader, write_txn_markers::handle),
        ApiKey::DescribeLogDirs => answer(call, &mut reader, describe_log_dirs::handle),
        ApiKey::DescribeProducers => answer(call, &mut reader, describe_producers::handle),
        ApiKey::DescribeQuorum => answer(call, &mut reader, describe_quorum::handle),
        ApiKey::ElectLeaders => answer(call, &mut reader, elect_leaders::handle),
        ApiKey::AlterPartitionReassignments => {
            answer(call, &mut reader, alter_partition_reassignments::handle)
        }
        ApiKey::ListPartitionReassignments => {
            answer(call, &mut reader, list_partition_reassignments::handle)
        }
        ApiKey::ListConfigResources => answer(call, &mut reader, list_config_resources::handle),
        ApiKey::SaslHandshake => answer(call, &mut reader, sasl::handshake),
        ApiKey::SaslAuthenticate => answer(call, &mut reader, sasl::authenticate),
        ApiKey::DescribeUserScramCredentials => {
            answer(call, &mut reader, scram_credentials::describe)
        }
        ApiKey::AlterUserScramCredentials => answer(call, &mut reader, scram_credentials::alter),
    }
}

/// Reads the request and has it handled; `None` when it is malformed.
fn answer<R, F>(call: Call, reader: &mut Reader, handle: impl FnOnce(Call, R) -> F) -> Option<Work>
where
    R: Request,
    F: Future<Output = R::Response> + Send + 'static,
{
    let request = read::<R>(&call, reader)?;
    let response = handle(call.clone(), request);
    Some(Work {
        is_produce: false,
        answer: Box::pin(async move { write(R::KEY, &call, &response.await) }),
    })
}

fn work(call: Call, response: impl Message + Send + 'static) -> Work {
    Work {
        is_produce: false,
        answer: Box::pin(async move {
            // A client that is told a version that it did not ask for reads the oldest.
            let call = Call { version: 0, ..call };
            write(ApiKey::ApiVersions, &call, &response)
        }),
    }
}

fn read<R: Request>(call: &Call, reader: &mut Reader) -> Option<R> {
    match R::read(reader, call.version) {
        Ok(request) => Some(request),
        Err(error) => {
            tracing::debug!(client = %call.peer.address, %error, "a request is malformed");
            None
        }
    }
}

fn write(key: ApiKey, call: &Call, response: &impl Message) -> Answer {
    match write_response(key, call.version, call.correlation_id, response) {
        Ok(frame) => Answer::Frame(frame),
        Err(error) => {
            tracing::error!(%error, "a response cannot be written");
            Answer::Close
        }
    }
}

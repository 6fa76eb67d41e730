//! DescribeCluster (KIP-700).

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

use super::{Call, operations};

/// The endpoints of brokers; the other type are those of controllers.
const BROKERS: i8 = 1;

pub async fn handle(call: Call, request: DescribeClusterRequest) -> DescribeClusterResponse {
    if call.version >= 1 && request.endpoint_type != BROKERS {
        let reason = "this is an endpoint of brokers; it knows no others";
        return DescribeClusterResponse {
            error_code: ErrorCode::MismatchedEndpointType.number(),
            error_message: Some(reason.into()),
            endpoint_type: request.endpoint_type,
            ..DescribeClusterResponse::default()
        };
    }
    let image = call.broker.metadata().image();
    let shown = image
        .brokers
        .iter()
        .filter(|(_, it)| request.include_fenced_brokers || !it.is_fenced);
    let brokers = shown.map(|(broker_id, it)| {
        let (host, port) = call.broker.address_of(*broker_id, it, &call.peer);
        DescribeClusterBroker {
            broker_id: *broker_id,
            host,
            port,
            rack: it.rack.clone(),
            is_fenced: call.version >= 2 && it.is_fenced,
        }
    });
    DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: call.broker.cluster_id().clone(),
        controller_id: call.broker.node_id(),
        brokers: brokers.collect(),
        cluster_authorized_operations: operations::if_asked(
            request.include_cluster_authorized_operations,
            operations::CLUSTER,
        ),
        ..DescribeClusterResponse::default()
    }
}

//! ListConfigResources (KIP-714, KIP-1142): what has settings, or can have them.

use millrace_kafka_wire::api::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use millrace_kafka_wire::{ErrorCode, Str};

use super::Call;
use crate::metadata::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, Image, TOPIC};

/// The types of resources, in the order of the answer, which is Kafka's.
const TYPES: [i8; 5] = [GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC];

pub async fn handle(
    call: Call,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    let known = match call.version {
        0 => &[CLIENT_METRICS][..],
        _ => &TYPES[..],
    };
    let wanted = &request.resource_types;
    if wanted.iter().any(|it| !known.contains(it)) {
        return ListConfigResourcesResponse {
            error_code: ErrorCode::UnsupportedVersion.number(),
            ..ListConfigResourcesResponse::default()
        };
    }
    let image = call.broker.metadata().image();
    let listed = known
        .iter()
        .filter(|it| wanted.is_empty() || wanted.contains(it));
    let resources = listed.flat_map(|resource_type| {
        let names = names(&image, *resource_type).into_iter();
        names.map(|resource_name| ConfigResource {
            resource_name,
            resource_type: *resource_type,
        })
    });
    ListConfigResourcesResponse {
        config_resources: resources.collect(),
        ..ListConfigResourcesResponse::default()
    }
}

/// Topics and brokers have settings whether or not something was set; the others begin with it.
fn names(image: &Image, resource_type: i8) -> Vec<Str> {
    match resource_type {
        TOPIC => image.topics().map(|it| it.name.clone()).collect(),
        BROKER | BROKER_LOGGER => {
            let alive = image.brokers.iter().filter(|(_, it)| !it.is_fenced);
            alive.map(|(id, _)| id.to_string().into()).collect()
        }
        _ => image.configured(resource_type).cloned().collect(),
    }
}

//! ApiVersions (KIP-511, KIP-584): what this broker serves.

use std::sync::Arc;

use millrace_kafka_wire::api::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use millrace_kafka_wire::{ApiKey, ErrorCode, advertised};

use super::Call;
use crate::metadata::{FEATURES, Image};

/// Answers a version that is not known: in the oldest, with what the client needs to ask again.
pub fn unsupported() -> ApiVersionsResponse {
    let own = advertised().filter(|it| it.key == ApiKey::ApiVersions);
    ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.number(),
        api_keys: own.map(version).collect(),
        ..ApiVersionsResponse::default()
    }
}

pub async fn handle(call: Call, request: ApiVersionsRequest) -> ApiVersionsResponse {
    let image = call.broker.metadata().image();
    if call.version >= 3 && !is_sound(&request) {
        return ApiVersionsResponse {
            error_code: ErrorCode::InvalidRequest.number(),
            ..ApiVersionsResponse::default()
        };
    }
    let mut response = ApiVersionsResponse {
        api_keys: advertised().map(version).collect(),
        ..ApiVersionsResponse::default()
    };
    if call.version >= 3 {
        features(&mut response, &image, call.version);
    }
    response
}

/// Kafka asks for a name and a version that look like one.
fn is_sound(request: &ApiVersionsRequest) -> bool {
    let is_word = |text: &str| {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        text.starts_with(|it: char| it.is_ascii_alphanumeric())
            && text.ends_with(|it: char| it.is_ascii_alphanumeric())
            && text.bytes().all(inside)
    };
    is_word(&request.client_software_name) && is_word(&request.client_software_version)
}

fn features(response: &mut ApiVersionsResponse, image: &Arc<Image>, version: i16) {
    // Clients that know version 3 only take a first version of 0 for an error (KAFKA-17011).
    let supported = FEATURES.iter().filter(|it| version >= 4 || it.first > 0);
    let supported = supported.map(|it| SupportedFeatureKey {
        name: it.name.into(),
        min_version: it.first,
        max_version: it.last,
    });
    response.supported_features = supported.collect();
    let finalized = image.features.iter().filter(|(_, level)| **level > 0);
    let finalized = finalized.map(|(name, level)| FinalizedFeatureKey {
        name: name.clone(),
        max_version_level: *level,
        min_version_level: *level,
    });
    response.finalized_features = finalized.collect();
    response.finalized_features_epoch = image.end_offset - 1;
}

fn version(it: millrace_kafka_wire::Advertised) -> ApiVersion {
    ApiVersion {
        api_key: it.key.number(),
        min_version: it.first,
        max_version: it.last,
    }
}

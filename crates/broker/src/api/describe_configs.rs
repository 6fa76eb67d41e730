//! DescribeConfigs: every setting with its value and where that comes from.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult,
};

use super::Call;
use crate::config::{Asked, Refusal, Resource, Texts, describe};
use crate::live::Live;

pub async fn handle(call: Call, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|asked| {
        let described = described(&call, asked, &request);
        let refusal = described.as_ref().err();
        DescribeConfigsResult {
            error_code: refusal.map_or(ErrorCode::None, |it| it.code).number(),
            error_message: refusal.map(|it| it.message.as_str().into()),
            resource_type: asked.resource_type,
            resource_name: asked.resource_name.clone(),
            configs: described.unwrap_or_default(),
        }
    });
    DescribeConfigsResponse {
        results: results.collect(),
        ..DescribeConfigsResponse::default()
    }
}

fn described(
    call: &Call,
    asked: &DescribeConfigsResource,
    request: &DescribeConfigsRequest,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let config = call.broker.config();
    let resource = Resource::of(asked.resource_type, &asked.resource_name, config.node_id)?;
    let image = call.broker.metadata().image();
    let overrides = match &resource {
        Resource::Topic(name) => {
            image.topic(name).ok_or_else(|| no_topic(name))?;
            Live::overrides(&image, name)
        }
        Resource::Broker | Resource::Cluster => Texts::new(),
    };
    let wanted = Asked::of(
        asked,
        request.include_synonyms,
        request.include_documentation,
    );
    let mut entries = describe(&resource, &config, &overrides, wanted);
    if call.version < 3 {
        // What the version has no room for.
        for entry in &mut entries {
            (entry.config_type, entry.documentation) = (0, None);
        }
    }
    Ok(entries)
}

/// The topic is unknown.
pub(super) fn no_topic(name: &str) -> Refusal {
    Refusal {
        code: ErrorCode::UnknownTopicOrPartition,
        message: format!("there is no topic `{name}`"),
    }
}

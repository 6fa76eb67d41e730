//! AlterConfigs and IncrementalAlterConfigs (KIP-339): settings of topics and brokers.

use millrace_kafka_wire::api::alter_configs::{
    AlterConfigsRequest, AlterConfigsResourceResponse, AlterConfigsResponse,
};
use millrace_kafka_wire::api::incremental_alter_configs as incremental;
use millrace_kafka_wire::metadata::MetadataRecord;
use millrace_kafka_wire::{ErrorCode, Str};

use super::Call;
use super::describe_configs::no_topic;
use crate::config::{Altered, BrokerConfig, Refusal, Resource, Texts, alter, alter_incrementally};
use crate::metadata::Image;

/// What becomes of one resource.
type Decided = Result<Vec<MetadataRecord>, Refusal>;

/// What the settings of a resource are to become, from what they are.
type Alter = dyn Fn(&Resource, &BrokerConfig, &Texts) -> Result<Altered, Refusal> + Send + Sync;

/// A resource of a request, and what its settings are to become.
struct Wanted {
    kind: i8,
    name: Str,
    alter: Box<Alter>,
}

pub async fn replace(call: Call, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let wanted = request.resources.into_iter().map(|it| Wanted {
        kind: it.resource_type,
        name: it.resource_name,
        alter: Box::new(move |resource, config, now| alter(resource, config, now, &it.configs)),
    });
    let results = change(&call, wanted.collect(), request.validate_only).await;
    let responses = results
        .into_iter()
        .map(|(kind, name, refusal)| AlterConfigsResourceResponse {
            error_code: code(refusal.as_ref()),
            error_message: refusal.map(|it| it.message.into()),
            resource_type: kind,
            resource_name: name,
        });
    AlterConfigsResponse {
        responses: responses.collect(),
        ..AlterConfigsResponse::default()
    }
}

pub async fn incrementally(
    call: Call,
    request: incremental::IncrementalAlterConfigsRequest,
) -> incremental::IncrementalAlterConfigsResponse {
    let wanted = request.resources.into_iter().map(|it| Wanted {
        kind: it.resource_type,
        name: it.resource_name,
        alter: Box::new(move |resource, config, now| {
            alter_incrementally(resource, config, now, &it.configs)
        }),
    });
    let results = change(&call, wanted.collect(), request.validate_only).await;
    let responses = results.into_iter();
    let responses =
        responses.map(
            |(kind, name, refusal)| incremental::AlterConfigsResourceResponse {
                error_code: code(refusal.as_ref()),
                error_message: refusal.map(|it| it.message.into()),
                resource_type: kind,
                resource_name: name,
            },
        );
    incremental::IncrementalAlterConfigsResponse {
        responses: responses.collect(),
        ..incremental::IncrementalAlterConfigsResponse::default()
    }
}

fn code(refusal: Option<&Refusal>) -> i16 {
    refusal.map_or(ErrorCode::None, |it| it.code).number()
}

/// Changes each resource, or says why not.
async fn change(
    call: &Call,
    wanted: Vec<Wanted>,
    is_tried: bool,
) -> Vec<(i8, Str, Option<Refusal>)> {
    let named: Vec<_> = wanted.iter().map(|it| (it.kind, it.name.clone())).collect();
    let config = call.broker.config();
    let decide = move |image: &Image| {
        let mut records = Vec::new();
        let mut refusals = Vec::new();
        for (at, one) in wanted.iter().enumerate() {
            let is_again = |it: &Wanted| it.kind == one.kind && it.name == one.name;
            let decided = match wanted[..at].iter().any(is_again) {
                true => Err(Refusal {
                    code: ErrorCode::InvalidRequest,
                    message: "the resource is named more than once".into(),
                }),
                false => decide(image, &config, one),
            };
            refusals.push(decided.as_ref().err().cloned());
            records.extend(decided.unwrap_or_default());
        }
        (records, refusals)
    };
    let refusals = match is_tried {
        true => Ok(decide(&call.broker.metadata().image()).1),
        false => call.broker.metadata().change(decide).await,
    };
    let refusals = refusals.unwrap_or_else(|refused| {
        let refusal = Refusal {
            code: refused.code,
            message: refused.reason,
        };
        vec![Some(refusal); named.len()]
    });
    let results = named.into_iter().zip(refusals);
    results
        .map(|((kind, name), refusal)| (kind, name, refusal))
        .collect()
}

fn decide(image: &Image, config: &BrokerConfig, wanted: &Wanted) -> Decided {
    let resource = Resource::of(wanted.kind, &wanted.name, config.node_id)?;
    if let Resource::Topic(name) = &resource {
        image.topic(name).ok_or_else(|| no_topic(name))?;
    }
    let now = image.config(wanted.kind, &wanted.name);
    let now = now.map(|it| Texts::clone(it)).unwrap_or_default();
    let altered = (wanted.alter)(&resource, config, &now)?;
    let records = altered.changes.into_iter();
    let records = records.map(|it| it.into_record(&resource, config.node_id));
    Ok(records.map(MetadataRecord::Config).collect())
}

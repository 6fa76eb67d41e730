//! Produce: appends batches.
//!
//! Source: KIP-98, KIP-467 (errors of records), KIP-951 (who leads now); what is refused and why is
//! in [`validate`].

use std::time::Duration;

use millrace_kafka_wire::api::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use millrace_kafka_wire::batch::{Compression, HEADER_SIZE};
use millrace_kafka_wire::{ApiKey, ErrorCode, Reader, Str, Uuid};
use millrace_log::{Batch, Invalid, InvalidKind, Origin, Rules, check_records, validate};

use super::{Answer, Call, Work, read, write};
use crate::broker::{Found, Topic};
use crate::compression::decompress;
use crate::config::{TopicConfig, Validation};
use crate::partitions::{Acks, Refused, Reply, Written, answered};

/// From this version on a client that uses transactions means version 2 of them (KIP-890).
const TRANSACTIONS_2: i16 = 12;
/// From this version on zstd may be used.
const ZSTD: i16 = 7;

/// A partition of a request on its way.
enum Pending {
    Appending(Reply<Written>),
    Refused(PartitionProduceResponse),
}

/// Has the batches appended, in the order of the requests of this connection; the answer waits for
/// them.
pub fn begin(call: Call, reader: &mut Reader) -> Option<Work> {
    let request = read::<ProduceRequest>(&call, reader)?;
    let is_answered = request.acks != 0;
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let mut topics = Vec::with_capacity(request.topic_data.len());
    for topic in &request.topic_data {
        let begun = topic.partition_data.iter();
        let begun = begun.map(|it| (it.index, append(&call, &request, topic, it)));
        topics.push((
            topic.name.clone(),
            topic.topic_id,
            begun.collect::<Vec<_>>(),
        ));
    }
    Some(Work {
        is_produce: true,
        answer: Box::pin(async move {
            let deadline = tokio::time::Instant::now() + timeout;
            let mut responses = Vec::with_capacity(topics.len());
            let mut has_failed = false;
            for (name, topic_id, partitions) in topics {
                let mut answers = Vec::with_capacity(partitions.len());
                for (index, pending) in partitions {
                    let answer = settled(index, pending, deadline).await;
                    has_failed |= answer.error_code != 0;
                    answers.push(answer);
                }
                responses.push(TopicProduceResponse {
                    name,
                    topic_id,
                    partition_responses: answers,
                });
            }
            match (is_answered, has_failed) {
                (true, _) => {
                    let response = ProduceResponse {
                        responses,
                        ..ProduceResponse::default()
                    };
                    write(ApiKey::Produce, &call, &response)
                }
                // A client that waits for no answer learns from the end of the connection.
                (false, true) => Answer::Close,
                (false, false) => Answer::Nothing,
            }
        }),
    })
}

fn append(
    call: &Call,
    request: &ProduceRequest,
    topic: &TopicProduceData,
    data: &PartitionProduceData,
) -> Pending {
    let acks = match request.acks {
        0 | 1 => Acks::Leader,
        -1 => Acks::All,
        _ => {
            let refused = Refused::new(
                ErrorCode::InvalidRequiredAcks,
                "acks is none of 0, 1 and -1",
            );
            return Pending::Refused(failed(data.index, &refused));
        }
    };
    match try_append(call, acks, topic, data) {
        Ok(reply) => Pending::Appending(reply),
        Err(response) => Pending::Refused(response),
    }
}

fn try_append(
    call: &Call,
    acks: Acks,
    topic: &TopicProduceData,
    data: &PartitionProduceData,
) -> Result<Reply<Written>, PartitionProduceResponse> {
    let broker = &call.broker;
    let refuse = |refused: Refused| failed(data.index, &refused);
    let named = match topic.topic_id == Uuid::ZERO {
        true => Topic::Name(&topic.name),
        false => Topic::Id(topic.topic_id),
    };
    let found = broker.find(named, data.index).map_err(refuse)?;
    let Found { topic, partition } = found;
    let config = partition.config();
    if acks == Acks::All && topic.in_sync(data.index) < config.min_insync_replicas {
        let reason = "fewer replicas are in sync than `min.insync.replicas` asks for";
        return Err(refuse(Refused::new(ErrorCode::NotEnoughReplicas, reason)));
    }
    if topic.is_internal() && call.client_id.as_deref() != Some("__admin_client") {
        let reason = "clients do not write to internal topics";
        return Err(refuse(Refused::new(
            ErrorCode::InvalidTopicException,
            reason,
        )));
    }
    let rules = Rules {
        allows_zstd: call.version >= ZSTD,
        ..config.rules.clone()
    };
    let bytes = data.records.clone().unwrap_or_default();
    let batch = validate(bytes, &rules, broker.clock().now());
    let batch = batch.map_err(|invalid| invalid_batch(data.index, &invalid))?;
    check_compressed(&batch, &config, &rules, broker.clock().now())
        .map_err(|invalid| invalid_batch(data.index, &invalid))?;
    let origin = Origin::Client {
        transaction_version: if call.version >= TRANSACTIONS_2 { 2 } else { 1 },
    };
    Ok(partition.append(batch, origin, acks))
}

/// Opens a compressed batch where the topic is compacted, which needs a key of every record, or asks
/// for it.
fn check_compressed(
    batch: &Batch,
    config: &TopicConfig,
    rules: &Rules,
    now: i64,
) -> Result<(), Invalid> {
    let header = batch.header();
    let codec = header.attributes.compression().unwrap_or(Compression::None);
    let is_opened = rules.needs_keys || config.validation == Validation::Full;
    if codec == Compression::None || !is_opened {
        return Ok(());
    }
    let records = decompress(codec, &batch.bytes()[HEADER_SIZE..]).map_err(|_| Invalid {
        kind: InvalidKind::Corrupt,
        records: Vec::new(),
        reason: "cannot be decompressed",
    })?;
    check_records(header, &records, rules, now).map(drop)
}

async fn settled(
    index: i32,
    pending: Pending,
    deadline: tokio::time::Instant,
) -> PartitionProduceResponse {
    let reply = match pending {
        Pending::Appending(reply) => reply,
        Pending::Refused(response) => return response,
    };
    match tokio::time::timeout_at(deadline, answered(reply)).await {
        Ok(Ok(written)) => PartitionProduceResponse {
            index,
            base_offset: written.base_offset,
            log_append_time_ms: written.append_time.unwrap_or(-1),
            log_start_offset: written.log_start_offset,
            ..PartitionProduceResponse::default()
        },
        Ok(Err(refused)) => failed(index, &refused),
        Err(_) => {
            let reason = "the batch was written and was not durable in time";
            failed(index, &Refused::new(ErrorCode::RequestTimedOut, reason))
        }
    }
}

fn failed(index: i32, refused: &Refused) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        error_code: refused.code.number(),
        base_offset: -1,
        log_append_time_ms: -1,
        log_start_offset: -1,
        error_message: Some(refused.reason.as_str().into()),
        ..PartitionProduceResponse::default()
    }
}

fn invalid_batch(index: i32, invalid: &Invalid) -> PartitionProduceResponse {
    let reason = Str::from(invalid.reason);
    let records = invalid
        .records
        .iter()
        .filter_map(|it| i32::try_from(*it).ok());
    let errors = records.map(|batch_index| BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: Some(reason.clone()),
    });
    PartitionProduceResponse {
        error_code: invalid.code(),
        record_errors: errors.collect(),
        ..failed(index, &Refused::new(ErrorCode::InvalidRecord, invalid))
    }
}

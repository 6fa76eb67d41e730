//! Produce: appends batches.
//!
//! Source: KIP-98, KIP-467 (errors of records), KIP-951 (who leads now); what is refused and why is
//! in [`validate`].

use std::sync::Arc;
use std::time::Duration;

use millrace_kafka_wire::api::add_partitions_to_txn::AddPartitionsToTxnTopic;
use millrace_kafka_wire::api::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use millrace_kafka_wire::{ApiKey, ErrorCode, Reader, Str, Uuid};
use millrace_log::{Batch, Invalid, Origin, Rules, validate};

use super::verify::{Producer, verify};
use super::{Answer, Call, Work, read, write};
use crate::broker::{Found, Topic};
use crate::compression::as_stored;
use crate::metrics::Metrics;
use crate::partitions::{Acks, Partition, Refused, Reply, Written, answered};

/// From this version on a client that uses transactions means version 2 of them (KIP-890).
const TRANSACTIONS_2: i16 = 12;
/// From this version on clients know that a transaction is to be aborted.
const ABORTABLE: i16 = 11;
/// From this version on zstd may be used.
const ZSTD: i16 = 7;

/// A partition of a request, and its batch if it may be appended.
struct Asked {
    index: i32,
    checked: Result<Ready, PartitionProduceResponse>,
}

/// A batch that may be appended.
struct Ready {
    partition: Arc<Partition>,
    batch: Batch,
    origin: Origin,
}

/// A topic of a request.
struct AskedTopic {
    name: Str,
    topic_id: Uuid,
    partitions: Vec<Asked>,
}

/// A batch that the log has been given.
struct Appending {
    records: u64,
    bytes: u64,
    reply: Reply<Written>,
}

/// Has the batches appended, in the order of the requests of this connection; the answer waits for
/// them. Before the first batch of a transaction its coordinator is asked, and the requests behind
/// wait for that.
pub fn begin(call: Call, reader: &mut Reader) -> Option<Work> {
    let request = read::<ProduceRequest>(&call, reader)?;
    let mut topics: Vec<_> = request
        .topic_data
        .iter()
        .map(|it| check(&call, &request, it))
        .collect();
    let reply = Answering {
        acks: request.acks,
        timeout: Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)),
    };
    let id = request.transactional_id;
    if is_first_of_transaction(&topics) {
        let answer = async move {
            verify_all(&call, id.as_ref(), &mut topics).await;
            settle(&call, append(topics, reply.acks()), &reply).await
        };
        return Some(Work {
            is_produce: false,
            answer: Box::pin(answer),
        });
    }
    let appending = append(topics, reply.acks());
    Some(Work {
        is_produce: true,
        answer: Box::pin(async move { settle(&call, appending, &reply).await }),
    })
}

/// How the client is answered.
struct Answering {
    acks: i16,
    timeout: Duration,
}

impl Answering {
    fn acks(&self) -> Acks {
        match self.acks {
            -1 => Acks::All,
            _ => Acks::Leader,
        }
    }
}

fn check(call: &Call, request: &ProduceRequest, topic: &TopicProduceData) -> AskedTopic {
    let partitions = topic.partition_data.iter().map(|data| Asked {
        index: data.index,
        checked: check_partition(call, request, topic, data),
    });
    AskedTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
    }
}

fn check_partition(
    call: &Call,
    request: &ProduceRequest,
    topic: &TopicProduceData,
    data: &PartitionProduceData,
) -> Result<Ready, PartitionProduceResponse> {
    let broker = &call.broker;
    let refuse = |refused: Refused| failed(data.index, &refused);
    if !(-1..=1).contains(&request.acks) {
        let reason = "acks is none of 0, 1 and -1";
        return Err(refuse(Refused::new(ErrorCode::InvalidRequiredAcks, reason)));
    }
    let named = match topic.topic_id == Uuid::ZERO {
        true => Topic::Name(&topic.name),
        false => Topic::Id(topic.topic_id),
    };
    let found = broker.find(named, data.index).map_err(refuse)?;
    let Found { topic, partition } = found;
    let config = partition.config();
    if request.acks == -1 && topic.has_too_few_in_sync(data.index, config.min_insync_replicas) {
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
    let now = broker.clock().now();
    let batch = validate(bytes, &rules, now)
        .and_then(|batch| as_stored(batch, &config, &rules, now))
        .map_err(|invalid| invalid_batch(data.index, &invalid))?;
    let origin = Origin::Client {
        transaction_version: if call.version >= TRANSACTIONS_2 { 2 } else { 1 },
    };
    if batch.header().attributes.is_transactional() && request.transactional_id.is_none() {
        let reason = "a batch is of a transaction, and the request names no transactional id";
        let code = ErrorCode::TransactionalIdAuthorizationFailed;
        return Err(refuse(Refused::new(code, reason)));
    }
    Ok(Ready {
        partition,
        batch,
        origin,
    })
}

/// Whether a batch begins what its transaction writes to its partition.
fn is_first(ready: &Ready) -> bool {
    let header = ready.batch.header();
    header.attributes.is_transactional()
        && !(ready.partition).is_in_transaction(header.producer_id, header.producer_epoch)
}

fn is_first_of_transaction(topics: &[AskedTopic]) -> bool {
    let partitions = topics.iter().flat_map(|it| &it.partitions);
    partitions
        .filter_map(|it| it.checked.as_ref().ok())
        .any(is_first)
}

/// Asks the coordinator of the transaction for the batches that are the first at their partitions;
/// those that it refuses are not appended.
async fn verify_all(call: &Call, id: Option<&Str>, topics: &mut [AskedTopic]) {
    let Some(id) = id else { return };
    // Of a client that adds its partitions by itself it need not be made sure.
    let adds_itself = call.version < TRANSACTIONS_2;
    if adds_itself && !call.broker.config().transactions.verifies_partitions {
        return;
    }
    let partitions = topics.iter_mut().flat_map(|it| &mut it.partitions);
    for asked in partitions {
        let Some(ready) = asked.checked.as_ref().ok().filter(|it| is_first(it)) else {
            continue;
        };
        let header = ready.batch.header();
        let producer = Producer {
            transactional_id: id,
            id: header.producer_id,
            epoch: header.producer_epoch,
            verify_only: adds_itself,
        };
        let topic = AddPartitionsToTxnTopic {
            name: ready.partition.topic.clone(),
            partitions: vec![asked.index],
        };
        if let Err(code) = verify(call, producer, vec![topic]).await {
            let code = as_told_to_producers(code, call.version);
            let reason = "the coordinator of the transaction does not know of this batch";
            asked.checked = Err(failed(asked.index, &Refused::new(code, reason)));
        }
    }
}

/// What a producer of this version does the right thing for.
fn as_told_to_producers(code: ErrorCode, version: i16) -> ErrorCode {
    match code {
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        ErrorCode::TransactionAbortable if version < ABORTABLE => ErrorCode::InvalidTxnState,
        ErrorCode::ConcurrentTransactions if version < TRANSACTIONS_2 => {
            ErrorCode::NotEnoughReplicas
        }
        // The client sends it again.
        ErrorCode::NotCoordinator
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::CoordinatorLoadInProgress => ErrorCode::NotEnoughReplicas,
        code => code,
    }
}

/// A topic whose batches are on their way.
type AppendingTopic = (
    Str,
    Uuid,
    Vec<(i32, Result<Appending, PartitionProduceResponse>)>,
);

fn append(topics: Vec<AskedTopic>, acks: Acks) -> Vec<AppendingTopic> {
    let append = |asked: Asked| {
        let appending = asked.checked.map(|ready| Appending {
            records: u64::try_from(ready.batch.header().record_count).unwrap_or(0),
            bytes: ready.batch.bytes().len() as u64,
            reply: ready.partition.append(ready.batch, ready.origin, acks),
        });
        (asked.index, appending)
    };
    let topics = topics.into_iter();
    let topics = topics.map(|it| {
        (
            it.name,
            it.topic_id,
            it.partitions.into_iter().map(append).collect(),
        )
    });
    topics.collect()
}

/// Waits for all batches, and answers.
async fn settle(call: &Call, topics: Vec<AppendingTopic>, reply: &Answering) -> Answer {
    let deadline = tokio::time::Instant::now() + reply.timeout;
    let mut responses = Vec::with_capacity(topics.len());
    let mut has_failed = false;
    for (name, topic_id, partitions) in topics {
        let mut answers = Vec::with_capacity(partitions.len());
        for (index, pending) in partitions {
            let answer = settled(call.broker.metrics(), index, pending, deadline).await;
            has_failed |= answer.error_code != 0;
            answers.push(answer);
        }
        responses.push(TopicProduceResponse {
            name,
            topic_id,
            partition_responses: answers,
        });
    }
    match (reply.acks, has_failed) {
        // A client that waits for no answer learns from the end of the connection.
        (0, true) => Answer::Close,
        (0, false) => Answer::Nothing,
        _ => {
            let response = ProduceResponse {
                responses,
                ..ProduceResponse::default()
            };
            write(ApiKey::Produce, call, &response)
        }
    }
}

async fn settled(
    metrics: &Metrics,
    index: i32,
    pending: Result<Appending, PartitionProduceResponse>,
    deadline: tokio::time::Instant,
) -> PartitionProduceResponse {
    let Appending {
        records,
        bytes,
        reply,
    } = match pending {
        Ok(appending) => appending,
        Err(response) => {
            metrics.produce_refused.inc();
            return response;
        }
    };
    match tokio::time::timeout_at(deadline, answered(reply)).await {
        Ok(Ok(written)) => {
            metrics.messages_in.add(records);
            metrics.bytes_in.add(bytes);
            PartitionProduceResponse {
                index,
                base_offset: written.base_offset,
                log_append_time_ms: written.append_time.unwrap_or(-1),
                log_start_offset: written.log_start_offset,
                ..PartitionProduceResponse::default()
            }
        }
        Ok(Err(refused)) => {
            metrics.produce_refused.inc();
            failed(index, &refused)
        }
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

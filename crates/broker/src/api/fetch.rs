//! Fetch: reads batches, and waits for them.
//!
//! Source: KIP-74 (the first batch is returned whatever its size), KIP-98 (committed records),
//! KIP-227 (sessions), KIP-320 (leader epochs), KIP-516 (topic ids).

use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::api::fetch::{
    AbortedTransaction, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FetchableTopicResponse, PartitionData,
};
use millrace_kafka_wire::batch::BatchHeader;
use millrace_kafka_wire::{ErrorCode, Segment};
use millrace_log::{LogError, Slice};
use tokio::time::{Duration, Instant, sleep_until};

use super::Call;
use crate::broker::Topic;
use crate::metrics::Metrics;
use crate::partitions::{Partition, Refused, View, Wait, Waits};

mod follower;
mod session;

pub use session::Sessions;

use follower::{Follower, diverging};

use session::{Asking, Begun};

/// From this version on there are sessions.
const SESSIONS: i16 = 7;
/// From this version on topics are named by their ids.
const TOPIC_IDS: i16 = 13;

/// Who reads, and how far.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A consumer: up to the high watermark.
    Uncommitted,
    /// A consumer: up to the last stable offset.
    Committed,
    /// Another broker: up to the end of the log.
    Follower(Follower),
}

impl Reader {
    /// Whoever gives this id of a replica, −1 for none, and wants to read so far.
    pub(super) fn of(replica_id: i32, broker_epoch: i64, isolation_level: i8) -> Self {
        match (replica_id, isolation_level) {
            (id @ 0.., _) => Self::Follower(Follower { id, broker_epoch }),
            (_, 0) => Self::Uncommitted,
            _ => Self::Committed,
        }
    }

    /// Up to which offset it reads.
    pub(super) fn end(self, view: &View) -> i64 {
        match self {
            Self::Uncommitted => view.high_watermark,
            Self::Committed => view.last_stable_offset,
            Self::Follower(_) => view.log.end_offset(),
        }
    }

    fn waits(self, partition: &Partition) -> &Waits {
        match self {
            Self::Follower(_) => partition.follower_waits(),
            _ => partition.waits(),
        }
    }
}

pub async fn handle(call: Call, mut request: FetchRequest) -> FetchResponse {
    if request.replica_id == -1 {
        // From version 15 on a replica says so beside.
        request.replica_id = request.replica_state.replica_id;
    }
    let sessions = call.broker.fetch_sessions();
    let asking = Asking {
        now: call.broker.clock().now(),
        uses_ids: call.version >= TOPIC_IDS,
        random: call.broker.new_number(),
    };
    let begun = match call.version < SESSIONS {
        true => Ok(Begun::without(&mut request)),
        false => sessions.begin(&mut request, &asking),
    };
    let Begun {
        session_id,
        topics,
        is_incremental,
    } = match begun {
        Ok(begun) => begun,
        Err(code) => {
            return FetchResponse {
                error_code: code.number(),
                ..FetchResponse::default()
            };
        }
    };
    let mut response = read_or_wait(&call, &request, topics).await;
    if request.replica_id < 0 {
        count(call.broker.metrics(), &response);
    }
    sessions.finish(session_id, is_incremental, &mut response.responses);
    response.session_id = session_id;
    response
}

/// Counts what consumers get.
fn count(metrics: &Metrics, response: &FetchResponse) {
    for data in response.responses.iter().flat_map(|it| &it.partitions) {
        let Segment::Bytes(bytes) = &data.records else {
            continue;
        };
        metrics.bytes_out.add(bytes.len() as u64);
        let mut rest = &bytes[..];
        while let Ok(header) = BatchHeader::read(rest) {
            metrics
                .messages_out
                .add(u64::try_from(header.record_count).unwrap_or(0));
            rest = rest.get(header.size()..).unwrap_or_default();
        }
    }
}

/// Reads, and waits until there is as much as is asked for, or the time is over.
async fn read_or_wait(
    call: &Call,
    request: &FetchRequest,
    topics: Vec<FetchTopic>,
) -> FetchResponse {
    let deadline = Instant::now() + Duration::from_millis(request.max_wait_ms.max(0) as u64);
    let wanted = usize::try_from(request.min_bytes).unwrap_or(0);
    let fetch = Fetch::new(call, request, topics);
    let mut round = fetch.read(call).await;
    if round.is_final || round.bytes >= wanted || request.max_wait_ms <= 0 {
        return round.response;
    }
    let wait = Wait::new(wanted - round.bytes);
    let noted = fetch.note(call, &wait);
    // What came between the first look and the note was not paid.
    round = fetch.read(call).await;
    if !round.is_final && round.bytes < wanted {
        // Whether it was paid or is late, or nothing more comes: what is there is the answer.
        tokio::select! {
            biased;
            () = wait.done() => {}
            () = sleep_until(deadline) => {}
            () = call.broker.stopped() => {}
        }
        round = fetch.read(call).await;
    }
    drop(noted);
    round.response
}

/// A fetch, read as often as it takes.
struct Fetch {
    topics: Vec<FetchTopic>,
    reader: Reader,
    max_bytes: usize,
}

/// One look at all partitions.
struct Round {
    response: FetchResponse,
    bytes: usize,
    /// Waiting would not change it.
    is_final: bool,
}

/// Notes of a fetch at its partitions, which go when it ends.
struct Noted {
    reader: Reader,
    wait: Arc<Wait>,
    partitions: Vec<Arc<Partition>>,
}

impl Drop for Noted {
    fn drop(&mut self) {
        for partition in &self.partitions {
            self.reader.waits(partition).remove(&self.wait);
        }
    }
}

impl Fetch {
    fn new(call: &Call, request: &FetchRequest, topics: Vec<FetchTopic>) -> Self {
        let asked = usize::try_from(request.max_bytes).unwrap_or(0);
        Self {
            reader: Reader::of(
                request.replica_id,
                request.replica_state.replica_epoch,
                request.isolation_level,
            ),
            max_bytes: asked.min(call.broker.config().max_fetch_bytes),
            topics,
        }
    }

    fn note(&self, call: &Call, wait: &Arc<Wait>) -> Noted {
        let mut partitions = Vec::new();
        for topic in &self.topics {
            for asked in &topic.partitions {
                if let Ok(partition) = find(call, topic, asked.partition) {
                    self.reader.waits(&partition).add(wait);
                    partitions.push(partition);
                }
            }
        }
        Noted {
            reader: self.reader,
            wait: Arc::clone(wait),
            partitions,
        }
    }

    async fn read(&self, call: &Call) -> Round {
        let mut left = self.max_bytes;
        let mut round = Round {
            response: FetchResponse::default(),
            bytes: 0,
            is_final: self.topics.is_empty(),
        };
        for topic in &self.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                let is_first = round.bytes == 0;
                let data = self
                    .read_partition(call, topic, asked, left, is_first)
                    .await;
                round.is_final |= data.error_code != 0 || data.diverging_epoch.epoch >= 0;
                round.bytes += data.records.len();
                left = left.saturating_sub(data.records.len());
                partitions.push(data);
            }
            round.response.responses.push(FetchableTopicResponse {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                partitions,
            });
        }
        round
    }

    async fn read_partition(
        &self,
        call: &Call,
        topic: &FetchTopic,
        asked: &FetchPartition,
        left: usize,
        is_first: bool,
    ) -> PartitionData {
        let index = asked.partition;
        let found = find(call, topic, index).and_then(|it| Ok((it.view()?, it)));
        let (mut view, partition) = match found {
            Ok(found) => found,
            Err(refused) => return failed(index, None, refused.code),
        };
        if let Err(code) = check_epoch(asked.current_leader_epoch, view.leader_epoch) {
            return failed(index, Some(&view), code);
        }
        if let Reader::Follower(follower) = self.reader {
            if let Some(diverging_epoch) = diverging(&view, asked) {
                return PartitionData {
                    diverging_epoch,
                    ..described(index, Some(&view))
                };
            }
            view = match follower.note(call, &partition, asked, &view).await {
                Ok(view) => view,
                Err(code) => return failed(index, Some(&view), code),
            };
        }
        let end = self.reader.end(&view);
        let most = usize::try_from(asked.partition_max_bytes)
            .unwrap_or(0)
            .min(left);
        let records = match (most, is_first) {
            // Only the first batch of a response may be larger than what is left.
            (0, false) => Ok(None),
            _ => records(&view, asked.fetch_offset, most, is_first, end).await,
        };
        let records = match records {
            Ok(records) => records,
            Err(error) => return failed(index, Some(&view), code_of(&error)),
        };
        let (records, next) = records.unwrap_or((Bytes::new(), asked.fetch_offset));
        let aborted = match self.reader {
            Reader::Uncommitted | Reader::Follower(_) => None,
            Reader::Committed => match view.log.aborted(asked.fetch_offset, next) {
                Ok(aborted) => Some(aborted),
                Err(error) => return failed(index, Some(&view), code_of(&error)),
            },
        };
        let aborted = aborted.map(|list| {
            let aborted = list.iter().map(|it| AbortedTransaction {
                producer_id: it.producer_id,
                first_offset: it.first_offset,
            });
            aborted.collect()
        });
        PartitionData {
            records: Segment::Bytes(records),
            aborted_transactions: aborted,
            ..described(index, Some(&view))
        }
    }
}

/// The batches from an offset on, and the offset behind them.
async fn records(
    view: &Arc<View>,
    offset: i64,
    most: usize,
    is_first: bool,
    end: i64,
) -> Result<Option<(Bytes, i64)>, LogError> {
    let Some(slice) = view.log.read(offset, most, end)? else {
        return Ok(None);
    };
    if slice.length > most && !is_first {
        return Ok(None);
    }
    let next = slice.next_offset;
    match slice.cached_bytes()? {
        Some(bytes) => Ok(Some((bytes, next))),
        None => Ok(Some((from_disk(slice).await?, next))),
    }
}

/// Waits for the disk where waiting does not hold up others.
async fn from_disk(slice: Slice) -> Result<Bytes, LogError> {
    let read = tokio::task::spawn_blocking(move || slice.bytes()).await;
    read.unwrap_or(Err(LogError::Misuse("a read was given up")))
}

fn find(call: &Call, topic: &FetchTopic, index: i32) -> Result<Arc<Partition>, Refused> {
    let topic = match call.version < TOPIC_IDS {
        true => Topic::Name(&topic.topic),
        false => Topic::Id(topic.topic_id),
    };
    Ok(call.broker.find(topic, index)?.partition)
}

/// Compares the epoch that a client knows with that of the leader (KIP-320).
pub(super) fn check_epoch(known: i32, leader: i32) -> Result<(), ErrorCode> {
    match known {
        -1 => Ok(()),
        known if known < leader => Err(ErrorCode::FencedLeaderEpoch),
        known if known > leader => Err(ErrorCode::UnknownLeaderEpoch),
        _ => Ok(()),
    }
}

fn code_of(error: &LogError) -> ErrorCode {
    match error {
        LogError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        // What was read is gone since: the client looks again.
        LogError::Gone { .. } => ErrorCode::NotLeaderOrFollower,
        error => {
            tracing::error!(%error, "cannot read a log");
            ErrorCode::KafkaStorageError
        }
    }
}

fn failed(index: i32, view: Option<&Arc<View>>, code: ErrorCode) -> PartitionData {
    PartitionData {
        error_code: code.number(),
        ..described(index, view)
    }
}

fn described(index: i32, view: Option<&Arc<View>>) -> PartitionData {
    PartitionData {
        partition_index: index,
        high_watermark: view.map_or(-1, |it| it.high_watermark),
        last_stable_offset: view.map_or(-1, |it| it.last_stable_offset),
        log_start_offset: view.map_or(-1, |it| it.log.start_offset()),
        aborted_transactions: None,
        preferred_read_replica: -1,
        ..PartitionData::default()
    }
}

//! A client of the broker that is told what goes wrong, and when an answer came.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use millrace_kafka_client::{Limits, PartitionReader};
use millrace_kafka_wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use millrace_kafka_wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use millrace_kafka_wire::api::end_txn::EndTxnRequest;
use millrace_kafka_wire::api::fetch::{FetchResponse, PartitionData};
use millrace_kafka_wire::api::find_coordinator::FindCoordinatorRequest;
use millrace_kafka_wire::api::init_producer_id::InitProducerIdRequest;
use millrace_kafka_wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use millrace_kafka_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use millrace_kafka_wire::api::produce::ProduceResponse;
use millrace_kafka_wire::batch::BatchBuilder;
use millrace_kafka_wire::{ErrorCode, Request, Segment};
use millrace_testkit::kafka::{self, fetch};
use millrace_testkit::poll;

/// How long anything may take that works at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// The number of a producer and its epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Identity {
    pub id: i64,
    pub epoch: i16,
}

/// Values with their offsets.
pub type Values = Vec<(i64, Vec<u8>)>;

/// A connection of its own.
pub struct Client(kafka::Client);

impl Client {
    /// Connects to a broker that may still be on its way.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        Self::connect_for(address, PATIENCE)
    }

    /// As [`Client::connect`] to a broker that takes so long to start, or to answer.
    pub fn connect_for(address: SocketAddr, patience: Duration) -> Result<Self> {
        let stream = poll::until("the broker", patience, || TcpStream::connect(address).ok())?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        Ok(Self(kafka::Client::over(stream)))
    }

    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response> {
        self.0
            .try_send(version, request)
            .context("send a request")?;
        let response = self.0.try_receive::<R>(version);
        response.context("the broker does not answer")
    }

    pub fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<()> {
        let configs = settings.iter().map(|(name, value)| CreatableTopicConfig {
            name: (*name).into(),
            value: Some((*value).into()),
        });
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.into(),
                num_partitions: partitions,
                replication_factor: 1,
                configs: configs.collect(),
                ..CreatableTopic::default()
            }],
            timeout_ms: 10_000,
            ..CreateTopicsRequest::default()
        };
        let response = self.ask(7, &request)?;
        all_well(
            "create a topic",
            response.topics.iter().map(|it| it.error_code),
        )
    }

    pub fn delete_topic(&mut self, name: &str) -> Result<()> {
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState {
                name: Some(name.into()),
                ..DeleteTopicState::default()
            }],
            timeout_ms: 10_000,
            ..DeleteTopicsRequest::default()
        };
        let response = self.ask(6, &request)?;
        all_well(
            "delete a topic",
            response.responses.iter().map(|it| it.error_code),
        )
    }

    /// A number for a producer; a transaction that is open under this name is aborted.
    pub fn producer(&mut self, transactional_id: Option<&str>) -> Result<Identity> {
        let request = InitProducerIdRequest {
            transactional_id: transactional_id.map(Into::into),
            transaction_timeout_ms: 60_000,
            producer_id: -1,
            producer_epoch: -1,
        };
        let busy = [
            ErrorCode::ConcurrentTransactions,
            ErrorCode::CoordinatorNotAvailable,
            ErrorCode::NotCoordinator,
            ErrorCode::CoordinatorLoadInProgress,
        ];
        let busy = busy.map(ErrorCode::number);
        let mut given = None;
        poll::until_ok("a number for a producer", PATIENCE, || {
            if let Some(id) = transactional_id {
                self.find_coordinator(1, id)?;
            }
            let response = self.ask(5, &request)?;
            if busy.contains(&response.error_code) {
                return Ok(false);
            }
            all_well("get a number", [response.error_code])?;
            given = Some(Identity {
                id: response.producer_id,
                epoch: response.producer_epoch,
            });
            Ok(true)
        })?;
        given.context("there is a number")
    }

    fn find_coordinator(&mut self, key_type: i8, key: &str) -> Result<()> {
        let request = FindCoordinatorRequest {
            key_type,
            coordinator_keys: vec![key.into()],
            ..FindCoordinatorRequest::default()
        };
        self.ask(4, &request).map(drop)
    }

    /// Sends a batch; the offset of its first record. As long as the transaction before it is on its way
    /// to its end it is sent again.
    pub fn produce(
        &mut self,
        (topic, partition): (&str, i32),
        transactional_id: Option<&str>,
        batch: Bytes,
    ) -> Result<i64> {
        let mut request = kafka::produce(topic, partition, batch, -1);
        request.transactional_id = transactional_id.map(Into::into);
        let busy = ErrorCode::ConcurrentTransactions.number();
        let mut offset = None;
        poll::until_ok("a place for a batch", PATIENCE, || {
            let response: ProduceResponse = self.ask(12, &request)?;
            let answers = response.responses.iter();
            let mut answers = answers.flat_map(|it| &it.partition_responses);
            let answer = answers.next().context("there is an answer")?;
            if answer.error_code == busy {
                return Ok(false);
            }
            all_well("produce", [answer.error_code])?;
            offset = Some(answer.base_offset);
            Ok(true)
        })?;
        offset.context("there is an offset")
    }

    /// Ends a transaction; the number for the next one.
    pub fn end(
        &mut self,
        transactional_id: &str,
        of: Identity,
        committed: bool,
    ) -> Result<Identity> {
        let request = EndTxnRequest {
            transactional_id: transactional_id.into(),
            producer_id: of.id,
            producer_epoch: of.epoch,
            committed,
        };
        let busy = ErrorCode::ConcurrentTransactions.number();
        let mut next = of;
        poll::until_ok("the end of a transaction", PATIENCE, || {
            let response = self.ask(5, &request)?;
            if response.error_code == busy {
                return Ok(false);
            }
            all_well("end a transaction", [response.error_code])?;
            next = Identity {
                id: response.producer_id,
                epoch: response.producer_epoch,
            };
            Ok(true)
        })?;
        Ok(next)
    }

    pub fn commit(&mut self, group: &str, topic: &str, offset: i64) -> Result<()> {
        let request = OffsetCommitRequest {
            group_id: group.into(),
            generation_id_or_member_epoch: -1,
            topics: vec![OffsetCommitRequestTopic {
                name: topic.into(),
                partitions: vec![OffsetCommitRequestPartition {
                    partition_index: 0,
                    committed_offset: offset,
                    committed_leader_epoch: -1,
                    committed_metadata: None,
                }],
                ..OffsetCommitRequestTopic::default()
            }],
            ..OffsetCommitRequest::default()
        };
        self.until_coordinated(group, |client| {
            let response = client.ask(9, &request)?;
            let partitions = response.topics.iter().flat_map(|it| &it.partitions);
            Ok((partitions.map(|it| it.error_code).next(), ()))
        })
    }

    /// What a group has committed; −1 when that is nothing.
    pub fn committed(&mut self, group: &str, topic: &str) -> Result<i64> {
        let request = OffsetFetchRequest {
            groups: vec![OffsetFetchRequestGroup {
                group_id: group.into(),
                member_epoch: -1,
                topics: Some(vec![OffsetFetchRequestTopics {
                    name: topic.into(),
                    partition_indexes: vec![0],
                    ..OffsetFetchRequestTopics::default()
                }]),
                ..OffsetFetchRequestGroup::default()
            }],
            ..OffsetFetchRequest::default()
        };
        self.until_coordinated(group, |client| {
            let response = client.ask(9, &request)?;
            let group = response.groups.first().context("the group is answered")?;
            let partitions = group.topics.iter().flat_map(|it| &it.partitions);
            let offset = partitions.map(|it| it.committed_offset).next();
            Ok((Some(group.error_code), offset.unwrap_or(-1)))
        })
    }

    /// Asks again as long as the coordinator of a group is not there.
    fn until_coordinated<T>(
        &mut self,
        group: &str,
        mut ask: impl FnMut(&mut Self) -> Result<(Option<i16>, T)>,
    ) -> Result<T> {
        let waits = [
            ErrorCode::CoordinatorNotAvailable,
            ErrorCode::NotCoordinator,
            ErrorCode::CoordinatorLoadInProgress,
        ];
        let waits = waits.map(ErrorCode::number);
        let mut found = None;
        poll::until_ok("the coordinator of a group", PATIENCE, || {
            self.find_coordinator(0, group)?;
            let (code, answer) = ask(self)?;
            if code.is_some_and(|it| waits.contains(&it)) {
                return Ok(false);
            }
            all_well("ask a group", code)?;
            found = Some(answer);
            Ok(true)
        })?;
        found.context("there is an answer")
    }

    /// The first offset that a partition still has; `None` when there is no such topic.
    pub fn first_offset(&mut self, topic: &str, partition: i32) -> Result<Option<i64>> {
        const EARLIEST: i64 = -2;
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: topic.into(),
                partitions: vec![ListOffsetsPartition {
                    partition_index: partition,
                    current_leader_epoch: -1,
                    timestamp: EARLIEST,
                }],
            }],
            ..ListOffsetsRequest::default()
        };
        let response = self.ask(7, &request)?;
        let mut partitions = response.topics.iter().flat_map(|it| &it.partitions);
        let found = partitions.next().context("the partition is answered")?;
        if found.error_code == ErrorCode::UnknownTopicOrPartition.number() {
            return Ok(None);
        }
        all_well("ask for the first offset", [found.error_code])?;
        Ok(Some(found.offset))
    }

    /// All values of a partition, with their offsets; `None` when there is no such topic.
    pub fn read(
        &mut self,
        topic: &str,
        partition: i32,
        is_committed: bool,
    ) -> Result<Option<Values>> {
        let mut all = Vec::new();
        let Some(mut offset) = self.first_offset(topic, partition)? else {
            return Ok(None);
        };
        loop {
            let mut request = fetch(topic, &[(partition, offset)], 0);
            request.isolation_level = i8::from(is_committed);
            let response: FetchResponse = self.ask(12, &request)?;
            all_well("fetch", [response.error_code])?;
            let mut partitions = response.responses.into_iter().flat_map(|it| it.partitions);
            let data: PartitionData = partitions.next().context("the partition is answered")?;
            if data.error_code == ErrorCode::UnknownTopicOrPartition.number() {
                return Ok(None);
            }
            // The oldest were deleted in the meantime.
            if data.error_code == ErrorCode::OffsetOutOfRange.number()
                && let Some(first) = self.first_offset(topic, partition)?
                && first > offset
            {
                all.clear();
                offset = first;
                continue;
            }
            all_well("fetch", [data.error_code])?;
            let Segment::Bytes(bytes) = data.records else {
                bail!("the records are no bytes");
            };
            if bytes.is_empty() {
                return Ok(Some(all));
            }
            let aborted = data.aborted_transactions.unwrap_or_default();
            let name = (topic.into(), partition);
            let mut reader = PartitionReader::new(name, bytes, offset, aborted, Limits::default());
            while let Some(record) = reader.next_record().context("read a record")? {
                let value = record.value.context("a record has no value")?;
                all.push((record.offset, value.to_vec()));
            }
            offset = reader.position();
        }
    }
}

/// A batch with one record that has a key.
pub fn keyed(of: Identity, sequence: i32, key: &[u8], value: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new(0).producer(of.id, of.epoch, sequence);
    builder.add((now() * 1000.0) as i64, Some(key), Some(value), &[]);
    builder.finish().into()
}

/// A batch with one value.
pub fn batch(of: Identity, sequence: i32, is_transactional: bool, value: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new(0).producer(of.id, of.epoch, sequence);
    if is_transactional {
        builder = builder.transactional();
    }
    builder.add((now() * 1000.0) as i64, None, Some(value), &[]);
    builder.finish().into()
}

/// In seconds since 1970, as the traces have it.
pub fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |it| it.as_secs_f64())
}

fn all_well(what: &str, codes: impl IntoIterator<Item = i16>) -> Result<()> {
    for code in codes {
        if code != 0 {
            let name = ErrorCode::from_number(code).map_or("an unknown error", ErrorCode::name);
            bail!("{what}: {name}");
        }
    }
    Ok(())
}

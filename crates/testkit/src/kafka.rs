//! A client of Kafka's protocol that says exactly what a test tells it to.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Buf, Bytes};
use millrace_kafka_wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use millrace_kafka_wire::api::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};
use millrace_kafka_wire::api::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
pub use millrace_kafka_wire::batch::Compression;
use millrace_kafka_wire::batch::{
    BatchBuilder, BatchHeader, HEADER_SIZE, PREFIX_SIZE, Records, checksum, compress,
};
use millrace_kafka_wire::{Request, Segment, Uuid, read_response, write_request};

mod transactional;

pub use transactional::{Transactional, committed, committed_offset};

/// A connection of its own; over TLS, of another type of stream.
pub struct Client<S = TcpStream> {
    pub stream: S,
    next: i32,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the broker listens");
        let patience = Some(Duration::from_secs(60));
        let set = stream
            .set_read_timeout(patience)
            .and_then(|()| stream.set_nodelay(true));
        set.expect("a connection takes its options");
        Self::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    /// Over a connection that is there.
    pub fn over(stream: S) -> Self {
        Self { stream, next: 0 }
    }

    /// Sends a request and does not wait.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        self.try_send(version, request).expect("the broker reads")
    }

    /// Sends a request to a broker that may be gone.
    ///
    /// # Errors
    /// The connection broke.
    pub fn try_send<R: Request>(&mut self, version: i16, request: &R) -> io::Result<i32> {
        self.next += 1;
        let frame = write_request(version, self.next, Some("test".into()), request);
        let frame = frame.expect("the version can say it").into_bytes();
        self.stream.write_all(&frame)?;
        Ok(self.next)
    }

    /// The next response, whatever it answers; `None` when the broker is gone.
    pub fn try_receive<R: Request>(&mut self, version: i16) -> Option<R::Response> {
        let response = read_response::<R>(self.frame()?, version);
        Some(response.expect("the broker writes what it means").1)
    }

    /// The next response, which must be that to `correlation`.
    pub fn receive<R: Request>(&mut self, version: i16, correlation: i32) -> R::Response {
        let frame = self.frame().expect("the broker answers");
        let (found, response) =
            read_response::<R>(frame, version).expect("the broker writes what it means");
        assert_eq!(
            found, correlation,
            "responses leave in the order of the requests"
        );
        response
    }

    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let correlation = self.send(version, request);
        self.receive::<R>(version, correlation)
    }

    /// The next frame; `None` when the broker has closed the connection.
    pub fn frame(&mut self) -> Option<Bytes> {
        let mut size = [0; 4];
        if self.stream.read_exact(&mut size).is_err() {
            return None;
        }
        let mut frame = vec![0; u32::from_be_bytes(size) as usize];
        self.stream.read_exact(&mut frame).ok()?;
        Some(frame.into())
    }

    pub fn create_topic(&mut self, name: &str, partitions: i32) -> Uuid {
        self.create_topic_with(name, partitions, &[])
    }

    /// Makes a topic with settings of its own.
    pub fn create_topic_with(
        &mut self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Uuid {
        let settings = settings.iter().map(|(name, value)| CreatableTopicConfig {
            name: (*name).into(),
            value: Some((*value).into()),
        });
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.into(),
                num_partitions: partitions,
                replication_factor: 1,
                configs: settings.collect(),
                ..CreatableTopic::default()
            }],
            timeout_ms: 10_000,
            ..CreateTopicsRequest::default()
        };
        let created = self.ask(7, &request).topics.remove(0);
        assert_eq!(created.error_code, 0, "{:?}", created.error_message);
        created.topic_id
    }

    pub fn produce(
        &mut self,
        topic: &str,
        partition: i32,
        batch: Bytes,
    ) -> PartitionProduceResponse {
        let mut response = self.ask(12, &produce(topic, partition, batch, -1));
        response.responses.remove(0).partition_responses.remove(0)
    }

    /// Fetches from one partition.
    pub fn fetch(&mut self, topic: &str, partition: i32, offset: i64, wait: i32) -> PartitionData {
        let request = fetch(topic, &[(partition, offset)], wait);
        let mut response: FetchResponse = self.ask(12, &request);
        assert_eq!(response.error_code, 0);
        response.responses.remove(0).partitions.remove(0)
    }

    /// All values of a partition from an offset on, with their offsets.
    pub fn read_all(
        &mut self,
        topic: &str,
        partition: i32,
        mut offset: i64,
    ) -> Vec<(i64, Vec<u8>)> {
        let mut all = Vec::new();
        loop {
            let data = self.fetch(topic, partition, offset, 0);
            assert_eq!(data.error_code, 0);
            let found = values(&data);
            match found.last() {
                None => return all,
                Some((last, _)) => offset = last + 1,
            }
            all.extend(found);
        }
    }
}

/// A batch of values.
pub fn batch(values: &[&[u8]]) -> Bytes {
    let mut builder = BatchBuilder::new(0);
    for value in values {
        builder.add(now(), None, Some(value), &[]);
    }
    builder.finish().into()
}

/// A batch of an idempotent producer.
pub fn idempotent(producer: i64, epoch: i16, sequence: i32, values: &[&[u8]]) -> Bytes {
    let mut builder = BatchBuilder::new(0).producer(producer, epoch, sequence);
    for value in values {
        builder.add(now(), None, Some(value), &[]);
    }
    builder.finish().into()
}

/// A batch that says this codec and this count of records of the bytes behind its
/// header, whatever they are; its checksum is right.
pub fn claimed(codec: Compression, count: i32, bytes: &[u8]) -> Bytes {
    let plain = batch(&[b""]);
    let mut header = BatchHeader::read(&plain).expect("it is a batch");
    header.length = (HEADER_SIZE - PREFIX_SIZE + bytes.len()) as i32;
    header.attributes = header.attributes.with_compression(codec);
    header.record_count = count;
    header.last_offset_delta = count - 1;
    let mut batch = [&header.to_bytes()[..], bytes].concat();
    header.crc = checksum(&batch);
    batch[..HEADER_SIZE].copy_from_slice(&header.to_bytes());
    batch.into()
}

/// A compressed batch that counts so many records, and holds these values.
pub fn counted(codec: Compression, count: i32, values: &[&[u8]]) -> Bytes {
    let bytes = compress(codec, &records(values)).expect("the codec takes all");
    claimed(codec, count, &bytes)
}

/// The records of a batch of these values, as they lie behind its header.
pub fn records(values: &[&[u8]]) -> Bytes {
    batch(values).slice(HEADER_SIZE..)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| it.as_millis() as i64)
}

pub fn produce(topic: &str, index: i32, batch: Bytes, acks: i16) -> ProduceRequest {
    ProduceRequest {
        acks,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            partition_data: vec![PartitionProduceData {
                index,
                records: Some(batch),
            }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

pub fn fetch(topic: &str, partitions: &[(i32, i64)], max_wait_ms: i32) -> FetchRequest {
    let partitions = partitions
        .iter()
        .map(|(partition, fetch_offset)| FetchPartition {
            partition: *partition,
            fetch_offset: *fetch_offset,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: 1 << 20,
            ..FetchPartition::default()
        });
    FetchRequest {
        replica_id: -1,
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 50 << 20,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: topic.into(),
            partitions: partitions.collect(),
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    }
}

/// The values of what was fetched, with their offsets.
pub fn values(data: &PartitionData) -> Vec<(i64, Vec<u8>)> {
    let Segment::Bytes(bytes) = &data.records else {
        unreachable!("the codec reads bytes");
    };
    let mut bytes = bytes.clone();
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let header = BatchHeader::read(&bytes).expect("a batch begins here");
        for record in Records::new(&bytes[HEADER_SIZE..header.size()], header.record_count) {
            let record = record.expect("the records are sound");
            let offset = header.base_offset + i64::from(record.offset_delta);
            found.push((offset, record.value.expect("the test sent one").to_vec()));
        }
        bytes.advance(header.size());
    }
    found
}

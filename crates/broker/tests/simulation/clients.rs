//! The clients of a history. What they know lasts longer than the broker; when that ends, they go on
//! with the next one.

use std::sync::Arc;

use bytes::Bytes;
use millrace_broker::Broker;
use millrace_kafka_wire::api::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData,
};
use millrace_kafka_wire::batch::BatchBuilder;
use millrace_log::files::sim::{Random, Simulated};
use tokio::time::{Duration, sleep};

use crate::link::{Gone, Link};
use crate::told::{Place, Told};

pub mod groups;
pub mod idempotent;
pub mod operator;
pub mod reader;
pub mod transactional;

/// What clients of one broker have around them.
#[derive(Clone)]
pub struct Stage {
    pub broker: Arc<Broker>,
    pub disk: Simulated,
    pub told: Arc<Told>,
    /// How long a client waits between two steps at most, in microseconds.
    pub pace: u64,
}

/// The number of a producer and its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub id: i64,
    pub epoch: i16,
}

impl Stage {
    pub fn link(&self) -> Link {
        Link::open(&self.broker, &self.disk)
    }

    pub async fn think(&self, random: &mut Random) {
        sleep(Duration::from_micros(random.below(self.pace + 1))).await;
    }

    pub fn now(&self) -> i64 {
        self.broker.clock().now()
    }
}

/// A batch with these values, all with one key.
pub fn batch(
    of: Identity,
    sequence: i32,
    is_transactional: bool,
    time: i64,
    key: Option<&[u8]>,
    values: &[Bytes],
) -> Bytes {
    let mut builder = BatchBuilder::new(0).producer(of.id, of.epoch, sequence);
    if is_transactional {
        builder = builder.transactional();
    }
    for value in values {
        builder.add(time, key, Some(value), &[]);
    }
    builder.finish().into()
}

/// A request to append one batch.
pub fn produce(
    place: Place,
    acks: i16,
    transactional_id: Option<&str>,
    batch: Bytes,
) -> ProduceRequest {
    ProduceRequest {
        transactional_id: transactional_id.map(Into::into),
        acks,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: place.0.into(),
            partition_data: vec![PartitionProduceData {
                index: place.1,
                records: Some(batch),
            }],
            ..TopicProduceData::default()
        }],
    }
}

/// The version in which it is sent.
pub const PRODUCE: i16 = 12;

/// What was answered for the one partition.
pub async fn produced(link: &mut Link) -> Result<PartitionProduceResponse, Gone> {
    let mut response: ProduceResponse = link.receive::<ProduceRequest>(PRODUCE).await?;
    Ok(response.responses.remove(0).partition_responses.remove(0))
}

/// A value that says who wrote it, and which of theirs it is.
pub fn value(writer: &str, number: i64, random: &mut Random) -> Bytes {
    let padding = random.below(200) as usize;
    format!("{writer} {number} {:padding$}", "").into()
}

/// What [`value`] was given.
pub fn origin(value: &[u8]) -> Option<(&str, i64)> {
    let mut words = std::str::from_utf8(value).ok()?.split(' ');
    Some((words.next()?, words.next()?.parse().ok()?))
}

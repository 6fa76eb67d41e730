//! Where partitions end.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use millrace_kafka_wire::api::api_versions::ApiVersionsRequest;
use millrace_kafka_wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};

use crate::promises::client::Client;

/// The version of ListOffsets that both brokers know.
const VERSION: i16 = 5;
/// The version of ApiVersions that both brokers know.
const API_VERSIONS: i16 = 0;
/// The timestamp that asks for the end.
const END: i64 = -1;
/// Between two questions, which themselves take of the broker's CPU.
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(180);

/// The end of each partition that has one, or the number of the error.
pub fn ask(client: &mut Client, topic: &str, partitions: i32) -> Result<Vec<Result<i64, i16>>> {
    let partition = |partition_index| ListOffsetsPartition {
        partition_index,
        current_leader_epoch: -1,
        timestamp: END,
    };
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: topic.into(),
            partitions: (0..partitions).map(partition).collect(),
        }],
        ..ListOffsetsRequest::default()
    };
    let response = client.ask(VERSION, &request)?;
    let answers = response.topics.into_iter().flat_map(|it| it.partitions);
    let mut answers: Vec<_> = answers.collect();
    answers.sort_by_key(|it| it.partition_index);
    let asked = 0..partitions;
    if !answers.iter().map(|it| it.partition_index).eq(asked) {
        bail!("other partitions are answered than were asked for");
    }
    let end = answers.iter().map(|it| match it.error_code {
        0 => Ok(it.offset),
        error => Err(error),
    });
    Ok(end.collect())
}

/// The end of each partition.
pub fn all(broker: SocketAddr, topic: &str, partitions: i32) -> Result<Vec<i64>> {
    let found = ask(&mut Client::connect(broker)?, topic, partitions)?;
    let mut ends = Vec::new();
    for (index, end) in found.into_iter().enumerate() {
        match end {
            Ok(end) => ends.push(end),
            Err(error) => bail!("partition {index}: error {error}"),
        }
    }
    Ok(ends)
}

/// When a broker that was started served.
pub struct Served {
    /// Any request. The system takes connections for it before that.
    pub any: Instant,
    /// One of the partitions at least.
    pub first: Instant,
    pub all: Instant,
}

/// Asks until each partition says where it ends.
pub fn wait_until_served(broker: SocketAddr, topic: &str, partitions: i32) -> Result<Served> {
    let mut client = Client::connect_for(broker, PATIENCE)?;
    client.ask(API_VERSIONS, &ApiVersionsRequest::default())?;
    let any = Instant::now();
    let mut first = None;
    loop {
        let ends = ask(&mut client, topic, partitions)?;
        let now = Instant::now();
        if ends.iter().any(Result::is_ok) {
            first.get_or_insert(now);
        }
        match (first, ends.iter().find_map(|it| it.err())) {
            (Some(first), None) => {
                return Ok(Served {
                    any,
                    first,
                    all: now,
                });
            }
            (_, error) if any.elapsed() > PATIENCE => {
                bail!("partitions are not served: error {error:?}")
            }
            _ => sleep(PAUSE),
        }
    }
}

//! Batches on their way to the leaders of their partitions.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use millrace_kafka_wire::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use tokio::time::Instant;

use super::{Answered, Sender, Sent};
use crate::Result;
use crate::admin::TopicPartition;
use crate::connection::Pending;
use crate::producer::settings::Acks;

/// How many bytes of batches a request has, unless one batch is larger.
const REQUEST_BYTES: usize = 4 << 20;
/// Batches with their partitions and numbers.
type Batches = Vec<(TopicPartition, u64, Bytes)>;

impl Sender {
    /// Sends what may be sent.
    pub(super) async fn dispatch(&mut self) {
        loop {
            let by_leader = self.by_leader().await;
            if by_leader.is_empty() {
                return;
            }
            for (broker, batches) in by_leader {
                self.send(broker, batches).await;
            }
        }
    }

    /// One batch of each partition that has one, for brokers that take another request.
    async fn by_leader(&mut self) -> HashMap<i32, Batches> {
        let now = Instant::now();
        let ready = self.queues.iter().filter_map(|(partition, queue)| {
            let (number, bytes) = queue.next(now)?;
            Some((partition.clone(), number, bytes))
        });
        let ready: Vec<_> = ready.collect();
        let mut by_leader: HashMap<i32, Vec<_>> = HashMap::new();
        let mut sizes: HashMap<i32, usize> = HashMap::new();
        for (partition, number, bytes) in ready {
            let leader = match self.cluster.leader_once(&partition).await {
                Ok(leader) => leader,
                Err(error) => {
                    self.again(&partition, number, error).await;
                    continue;
                }
            };
            let open = self.in_flight.get(&leader).copied().unwrap_or(0);
            let size = sizes.entry(leader).or_default();
            let has_room = *size == 0 || *size + bytes.len() <= REQUEST_BYTES;
            if open < self.settings.max_in_flight_requests && has_room {
                *size += bytes.len();
                by_leader
                    .entry(leader)
                    .or_default()
                    .push((partition, number, bytes));
            }
        }
        by_leader
    }

    async fn send(&mut self, broker: i32, batches: Batches) {
        let sent: Sent = batches
            .iter()
            .map(|(it, number, _)| (it.clone(), *number))
            .collect();
        for (partition, number) in &sent {
            if let Some(queue) = self.queues.get_mut(partition) {
                queue.sent(*number);
            }
        }
        *self.in_flight.entry(broker).or_default() += 1;
        let request = self.request(batches);
        let begun = self.begin(broker, &request).await;
        match begun {
            Ok(Some(pending)) => {
                let pending = pending.within(self.settings.request_timeout);
                self.requests.spawn(async move {
                    let result = pending.wait().await;
                    Answered {
                        broker,
                        sent,
                        result,
                    }
                });
            }
            Ok(None) => self.settle_unanswered(broker, sent),
            Err(error) => {
                let result = Err(error);
                self.settle(Answered {
                    broker,
                    sent,
                    result,
                })
                .await;
            }
        }
    }

    fn request(&self, batches: Batches) -> ProduceRequest {
        let mut topic_data: Vec<TopicProduceData> = Vec::new();
        for (partition, _, bytes) in batches {
            let data = PartitionProduceData {
                index: partition.partition,
                records: Some(bytes),
            };
            match topic_data.iter_mut().find(|it| it.name == partition.topic) {
                Some(topic) => topic.partition_data.push(data),
                None => topic_data.push(TopicProduceData {
                    name: partition.topic,
                    partition_data: vec![data],
                    ..TopicProduceData::default()
                }),
            }
        }
        let timeout = self.settings.request_timeout.as_millis();
        ProduceRequest {
            acks: self.settings.acks.number(),
            timeout_ms: i32::try_from(timeout).unwrap_or(i32::MAX),
            topic_data,
            ..ProduceRequest::default()
        }
    }

    /// Hands a request over; there is nothing to wait for when no acknowledgement is asked for.
    async fn begin(
        &self,
        broker: i32,
        request: &ProduceRequest,
    ) -> Result<Option<Pending<ProduceRequest>>> {
        let connection = self.cluster.broker(broker).await?;
        match self.settings.acks {
            Acks::None => connection.tell(request).await.map(|()| None),
            _ => {
                let begun = connection.begin(request, Duration::ZERO).await;
                begun.map(Some)
            }
        }
    }
}

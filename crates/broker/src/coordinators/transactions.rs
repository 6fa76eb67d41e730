//! The coordinators of transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, ControlType};
use millrace_kafka_wire::{ErrorCode, Str};
use millrace_log::{Batch, Origin};
use tokio::time::{Duration, sleep};

use super::actor::Outcome;
use super::groups::{GroupNews, Groups};
use super::machine::{Machine, Step};
use super::pool::{Coordinators, Surroundings};
use super::topic::InternalTopic;
use crate::config::BrokerConfig;
use crate::group::{Caller, Token};
use crate::metadata::TopicImage;
use crate::partitions::{Acks, PartitionId, Refused, answered};
use crate::transaction::{Effects, Markers, Request, Response, Shard, TransactionSettings};

/// A partition that cannot be written to is tried again after this time.
const AGAIN: Duration = Duration::from_millis(500);

/// The coordinators of transactions on this broker.
pub type Transactions = Coordinators<Machinery>;

/// A shard, and whether it waits for a producer id.
pub struct Machinery {
    shard: Shard,
    is_asking: bool,
}

/// What else transactions are told of.
#[derive(Debug)]
pub enum TransactionNews {
    /// All partitions know how a transaction has ended.
    Told(Markers),
    /// An id that was wanted.
    ProducerId(Result<i64, ErrorCode>),
    /// Decisions are not held any more.
    Release,
}

/// Whether decisions are held on this broker: for those coordinators that begin meanwhile. Who
/// takes it back tells those that run, too.
#[derive(Clone, Debug, Default)]
pub struct HoldSwitch(Arc<AtomicBool>);

impl HoldSwitch {
    pub fn set(&self, is_held: bool) {
        self.0.store(is_held, Ordering::SeqCst);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What is done outside for transactions.
#[derive(Debug)]
pub enum TransactionDuty {
    /// Partitions are told how a transaction has ended.
    Tell(Markers),
    /// A new id is got.
    GetProducerId,
}

/// The coordinators of transactions, as a broker is told.
pub fn transactions(
    around: Surroundings,
    groups: &Arc<Groups>,
    config: &BrokerConfig,
    held: HoldSwitch,
) -> Transactions {
    let told = &config.transactions;
    let topic = InternalTopic {
        name: "__transaction_state",
        partitions: told.partitions,
        config: told.topic.clone(),
    };
    let settings = TransactionSettings {
        max_timeout_ms: told.max_timeout_ms,
        id_expiration_ms: told.id_expiration_ms,
        abort_retry_ms: told.abort_check_ms,
        max_batch_bytes: config.topics.rules.max_batch_bytes,
    };
    let begin = move |partition: &crate::partitions::Partition| {
        let epoch = partition.view().map_or(0, |it| it.leader_epoch);
        let mut shard = Shard::new(settings.clone(), epoch);
        if held.is_set() {
            shard.hold();
        }
        Machinery {
            shard,
            is_asking: false,
        }
    };
    let outside = Outside {
        around: around.clone(),
        groups: Arc::clone(groups),
    };
    let outside = Arc::new(outside);
    let perform = move |duty: TransactionDuty| -> Outcome<Machinery> {
        let outside = Arc::clone(&outside);
        match duty {
            TransactionDuty::Tell(markers) => Box::pin(async move { outside.tell(markers).await }),
            TransactionDuty::GetProducerId => Box::pin(async move {
                let given = outside.around.producer_ids.next().await;
                Some(TransactionNews::ProducerId(given.map_err(|it| it.code)))
            }),
        }
    };
    Coordinators::new(around, topic, begin, Arc::new(perform))
}

/// What is beside the coordinators.
struct Outside {
    around: Surroundings,
    groups: Arc<Groups>,
}

/// What became of one marker.
enum Marked {
    Done,
    Later,
    /// Another coordinator has taken over.
    Fenced(Refused),
}

impl Outside {
    /// Writes markers until each is written or its partition is gone.
    async fn tell(&self, markers: Markers) -> Option<TransactionNews> {
        let mut left = markers.partitions.clone();
        loop {
            let mut asked = Vec::new();
            for (topic, index) in left {
                let marked = self.mark(&markers, topic.clone(), index);
                asked.push((topic, index, tokio::spawn(marked)));
            }
            left = Vec::new();
            for (topic, index, marked) in asked {
                match marked.await {
                    Ok(Marked::Done) => {}
                    Ok(Marked::Later) | Err(_) => left.push((topic, index)),
                    Ok(Marked::Fenced(refused)) => {
                        let (id, reason) = (&markers.transactional_id, refused.reason);
                        tracing::error!(%id, %topic, partition = index, %reason, "a partition refuses the end of a transaction");
                        return None;
                    }
                }
            }
            if left.is_empty() {
                return Some(TransactionNews::Told(markers));
            }
            sleep(AGAIN).await;
        }
    }

    /// Writes one marker.
    fn mark(
        &self,
        markers: &Markers,
        topic: Str,
        index: i32,
    ) -> impl Future<Output = Marked> + Send + use<> {
        let found = self.around.metadata.image().topic(&topic).cloned();
        let found = found.filter(|it| it.partition(index).is_some());
        let append = found.map(|found| {
            let topic_id = found.id;
            let partition = self.around.partitions.get(PartitionId { topic_id, index });
            let batch = marker(markers, self.around.clock.now());
            let origin = Origin::Coordinator {
                transaction_version: u8::try_from(markers.transaction_version).unwrap_or(0),
            };
            let reply = partition.map(|it| it.append(batch, origin, Acks::All));
            (found, reply)
        });
        let groups = Arc::clone(&self.groups);
        let (producer_id, is_commit) = (markers.producer_id, markers.is_commit);
        async move {
            let Some((found, reply)) = append else {
                return Marked::Done;
            };
            let written = match reply {
                Ok(reply) => answered(reply).await,
                Err(refused) => Err(refused),
            };
            match written {
                Ok(_) => {
                    tell_group(&groups, &found, index, producer_id, is_commit);
                    Marked::Done
                }
                Err(refused) => match refused.code {
                    ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced => {
                        Marked::Fenced(refused)
                    }
                    _ => Marked::Later,
                },
            }
        }
    }
}

fn tell_group(groups: &Groups, topic: &TopicImage, index: i32, producer_id: i64, is_commit: bool) {
    if topic.name == *groups.topic() {
        let news = GroupNews::Marker {
            producer_id,
            is_commit,
        };
        groups.tell(topic, index, news);
    }
}

fn marker(markers: &Markers, now: i64) -> Batch {
    let kind = match markers.is_commit {
        true => ControlType::Commit,
        false => ControlType::Abort,
    };
    let producer = (markers.producer_id, markers.producer_epoch);
    let bytes = BatchBuilder::marker(kind, producer, markers.coordinator_epoch, now);
    Batch::own(bytes.into()).expect("it was built as one sound batch")
}

impl Machinery {
    fn steps(&mut self, effects: Effects) -> Vec<Step<Self>> {
        let steps = effects.steps.into_iter().map(|step| Step {
            records: step.records,
            producer: None,
            replies: step.replies,
            duties: step
                .markers
                .into_iter()
                .map(TransactionDuty::Tell)
                .collect(),
        });
        let mut steps: Vec<_> = steps.collect();
        if self.shard.wants_producer_id() && !self.is_asking {
            self.is_asking = true;
            steps.push(Step {
                records: Vec::new(),
                producer: None,
                replies: Vec::new(),
                duties: vec![TransactionDuty::GetProducerId],
            });
        }
        steps
    }
}

impl Machine for Machinery {
    type Request = Request;
    type Response = Response;
    type News = TransactionNews;
    type Duty = TransactionDuty;

    fn load(
        &mut self,
        key: Bytes,
        value: Option<Bytes>,
        _: Option<(i64, i16)>,
    ) -> Result<(), String> {
        self.shard
            .load(key, value)
            .map_err(|error| error.to_string())
    }

    /// Transactions are not kept in transactions.
    fn load_marker(&mut self, _: i64, _: bool) {}

    fn loaded(&mut self, now: i64) -> Vec<Step<Self>> {
        let effects = self.shard.loaded(now);
        self.steps(effects)
    }

    fn ask(&mut self, now: i64, token: Token, caller: Caller, request: Request) -> Vec<Step<Self>> {
        let effects = self.shard.handle(now, token, caller, request);
        self.steps(effects)
    }

    fn hear(&mut self, now: i64, news: TransactionNews) -> Vec<Step<Self>> {
        let effects = match news {
            TransactionNews::Told(markers) => self.shard.on_markers_written(now, &markers),
            TransactionNews::ProducerId(given) => {
                self.is_asking = false;
                self.shard.on_producer_id(now, given)
            }
            TransactionNews::Release => self.shard.release(now),
        };
        self.steps(effects)
    }

    fn deadline(&self) -> Option<i64> {
        self.shard.deadline()
    }

    fn tick(&mut self, now: i64) -> Vec<Step<Self>> {
        let effects = self.shard.tick(now);
        self.steps(effects)
    }

    fn close(self, code: ErrorCode) -> Vec<(Token, Response)> {
        self.shard.close(code)
    }

    fn refuse(request: &Request, version: i16, code: ErrorCode) -> Response {
        request.failed(version, code)
    }

    fn revoke(response: Response, version: i16, code: ErrorCode) -> Response {
        response.failed(version, code)
    }
}

//! The coordinators of consumer groups.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::{ErrorCode, Str};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::machine::{Machine, Step};
use super::pool::{Coordinators, Surroundings};
use super::topic::InternalTopic;
use crate::config::BrokerConfig;
use crate::group::{
    Caller, Effects, GroupSettings, MemberIds, RecordOrigin, Request, Response, Shard, Token,
};

/// The coordinators of consumer groups on this broker.
pub type Groups = Coordinators<Shard>;

/// What else groups are told of.
#[derive(Debug)]
pub enum GroupNews {
    /// Somebody wants to know what is committed.
    Asked(oneshot::Sender<Vec<Committed>>),
    /// A transaction has ended in the partition of the group.
    Marker { producer_id: i64, is_commit: bool },
    /// A topic is gone, and what was committed for it with it.
    TopicDeleted(Str),
}

/// An offset that a group has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub group: Str,
    pub topic: Str,
    pub partition: i32,
    pub offset: i64,
}

/// Nothing is done outside for groups.
#[derive(Clone, Copy, Debug)]
pub enum NoDuty {}

/// The coordinators of groups, as a broker is told.
pub fn groups(around: Surroundings, config: &BrokerConfig) -> Groups {
    let told = &config.groups;
    let topic = InternalTopic {
        name: "__consumer_offsets",
        partitions: told.offsets.partitions,
        config: told.offsets.topic.clone(),
    };
    let settings = GroupSettings {
        min_session_timeout_ms: told.min_session_timeout_ms,
        max_session_timeout_ms: told.max_session_timeout_ms,
        initial_rebalance_delay_ms: told.initial_rebalance_delay_ms,
        max_size: told.max_size,
        offset_metadata_max_bytes: told.offsets.max_metadata_bytes,
        offsets_retention_ms: told.offsets.retention_ms,
        offsets_retention_check_interval_ms: told.offsets.retention_check_ms,
        max_batch_bytes: config.topics.rules.max_batch_bytes,
    };
    let random = Arc::clone(&around.random);
    let begin = move |_: &_| {
        let random = Arc::clone(&random);
        let ids: MemberIds = Box::new(move || u128::from_be_bytes((*random.lock())()));
        Shard::new(settings.clone(), ids)
    };
    Coordinators::new(around, topic, begin, Arc::new(|duty: NoDuty| match duty {}))
}

impl Groups {
    /// What the groups of this broker have committed.
    pub async fn committed(&self) -> Vec<Committed> {
        let replies = Mutex::new(Vec::new());
        self.tell_all(|| {
            let (reply, answer) = oneshot::channel();
            replies.lock().push(answer);
            GroupNews::Asked(reply)
        });
        let mut all = Vec::new();
        for answer in replies.into_inner() {
            // An actor that is gone has no groups.
            all.extend(answer.await.unwrap_or_default());
        }
        all
    }
}

impl Machine for Shard {
    type Request = Request;
    type Response = Response;
    type News = GroupNews;
    type Duty = NoDuty;

    fn load(
        &mut self,
        key: Bytes,
        value: Option<Bytes>,
        producer: Option<(i64, i16)>,
    ) -> Result<(), String> {
        let loaded = Shard::load(self, key, value, RecordOrigin { producer });
        loaded.map_err(|error| error.to_string())
    }

    fn load_marker(&mut self, producer_id: i64, is_commit: bool) {
        Shard::load_marker(self, producer_id, is_commit);
    }

    fn loaded(&mut self, now: i64) -> Vec<Step<Self>> {
        steps(Shard::loaded(self, now))
    }

    fn ask(&mut self, now: i64, token: Token, caller: Caller, request: Request) -> Vec<Step<Self>> {
        steps(self.handle(now, token, caller, request))
    }

    fn hear(&mut self, now: i64, news: GroupNews) -> Vec<Step<Self>> {
        match news {
            GroupNews::Asked(reply) => {
                let committed =
                    self.committed()
                        .map(|(group, topic, partition, offset)| Committed {
                            group: group.clone(),
                            topic: topic.clone(),
                            partition,
                            offset,
                        });
                // Who asked may be gone.
                let _ = reply.send(committed.collect());
                Vec::new()
            }
            GroupNews::Marker {
                producer_id,
                is_commit,
            } => steps(self.on_marker(now, producer_id, is_commit)),
            GroupNews::TopicDeleted(topic) => steps(self.topic_deleted(now, &topic)),
        }
    }

    fn deadline(&self) -> Option<i64> {
        Shard::deadline(self)
    }

    fn tick(&mut self, now: i64) -> Vec<Step<Self>> {
        steps(Shard::tick(self, now))
    }

    fn close(self, code: ErrorCode) -> Vec<(Token, Response)> {
        Shard::close(self, code)
    }

    fn refuse(request: &Request, version: i16, code: ErrorCode) -> Response {
        request.failed(version, code)
    }

    fn revoke(response: Response, version: i16, code: ErrorCode) -> Response {
        response.failed(version, code)
    }
}

fn steps(effects: Effects) -> Vec<Step<Shard>> {
    let steps = effects.steps.into_iter().map(|step| Step {
        records: step.records,
        producer: step.producer,
        replies: step.replies,
        duties: Vec::new(),
    });
    steps.collect()
}

/// Kafka writes a slash before the address of a client.
pub fn client_host(address: IpAddr) -> Str {
    format!("/{address}").into()
}

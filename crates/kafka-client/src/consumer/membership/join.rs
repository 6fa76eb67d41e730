//! How somebody becomes a member and learns what to read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use millrace_kafka_wire::api::heartbeat::HeartbeatRequest;
use millrace_kafka_wire::api::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use millrace_kafka_wire::api::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use millrace_kafka_wire::records::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicPartition as Assigned,
};
use millrace_kafka_wire::{ErrorCode, Message, Request, Str, read_versioned, write_prefixed};
use tokio::time::timeout;

use super::{Heartbeat, Membership, Signal};
use crate::Result;
use crate::admin::TopicPartition;
use crate::connection::Connection;
use crate::consumer::assignor::assign_range;
use crate::error::{Error, Reason};
use crate::settings::Backoff;

/// Longer than a broker holds a new group open for further members by default.
const TOLD_AFTER: Duration = Duration::from_secs(4);
const CONSUMER: &str = "consumer";
const RANGE: &str = "range";
/// The version in which members tell each other what they want: all know it.
const PROTOCOL: i16 = 0;

impl Membership {
    /// Joins the group and waits for what this member is to read.
    ///
    /// Cancel safe: the next call begins again.
    ///
    /// # Errors
    /// The coordinator refuses for good, or cannot be reached for as long as it is tried.
    pub async fn join(&mut self) -> Result<Vec<TopicPartition>> {
        if self.signal() == Signal::Gone {
            self.member = Str::EMPTY;
        }
        self.heartbeat = None;
        let mut backoff = Backoff::new(self.cluster.settings());
        let mut is_named = false;
        loop {
            self.is_joining = true;
            let joined = self.try_join().await;
            self.is_joining = false;
            let error = match joined {
                Ok(assigned) => {
                    let (group, partitions) = (&self.group, assigned.len());
                    tracing::info!(%group, partitions, "the group has given partitions to read");
                    return Ok(assigned);
                }
                Err(error) => error,
            };
            match error.code() {
                // The coordinator gave a name, to be used in the next attempt.
                Some(ErrorCode::MemberIdRequired) if !is_named => {
                    is_named = true;
                    continue;
                }
                // The group has changed once more.
                Some(ErrorCode::RebalanceInProgress) => {
                    backoff = Backoff::new(self.cluster.settings());
                }
                Some(
                    ErrorCode::UnknownMemberId
                    | ErrorCode::IllegalGeneration
                    | ErrorCode::FencedInstanceId,
                ) => self.member = Str::EMPTY,
                _ if error.is_retriable() || error.is_ambiguous() => self.connection = None,
                _ => return Err(error),
            }
            if !backoff.pause().await {
                return Err(error);
            }
        }
    }

    async fn try_join(&mut self) -> Result<Vec<TopicPartition>> {
        let connection = self.connection().await?;
        let (group, session) = (self.group.clone(), self.settings.session_timeout);
        let joining = self.send_join(&connection);
        let joined = told_when_late(&group, session, joining).await?;
        self.generation = joined.generation_id;
        let assignments = match joined.leader == joined.member_id {
            true => self.assign(&joined).await?,
            false => Vec::new(),
        };
        let assigned = self.sync(&connection, assignments).await?;
        let request = HeartbeatRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.member.clone(),
            group_instance_id: self.instance(),
        };
        let every = self.settings.heartbeat_interval;
        self.heartbeat = Some(Heartbeat::start(connection, request, every));
        Ok(assigned)
    }

    async fn send_join(&mut self, connection: &Connection) -> Result<JoinGroupResponse> {
        let subscription = ConsumerProtocolSubscription {
            topics: self.topics.clone(),
            ..ConsumerProtocolSubscription::default()
        };
        let rebalance_timeout = self.settings.rebalance_timeout;
        let request = JoinGroupRequest {
            group_id: self.group.clone(),
            session_timeout_ms: millis(self.settings.session_timeout),
            rebalance_timeout_ms: millis(rebalance_timeout),
            member_id: self.member.clone(),
            group_instance_id: self.instance(),
            protocol_type: CONSUMER.into(),
            protocols: vec![JoinGroupRequestProtocol {
                name: RANGE.into(),
                metadata: written(&subscription)?,
            }],
            ..JoinGroupRequest::default()
        };
        let pending = connection.begin(&request, rebalance_timeout).await?;
        let response = pending.wait().await?;
        if !response.member_id.is_empty() {
            self.member = response.member_id.detach();
        }
        self.check::<JoinGroupRequest>(connection, response.error_code)?;
        Ok(response)
    }

    async fn sync(
        &self,
        connection: &Connection,
        assignments: Vec<SyncGroupRequestAssignment>,
    ) -> Result<Vec<TopicPartition>> {
        let request = SyncGroupRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.member.clone(),
            group_instance_id: self.instance(),
            protocol_type: Some(CONSUMER.into()),
            protocol_name: Some(RANGE.into()),
            assignments,
        };
        let patience = self.settings.rebalance_timeout;
        let response = connection.begin(&request, patience).await?.wait().await?;
        self.check::<SyncGroupRequest>(connection, response.error_code)?;
        // Who gets nothing may be sent nothing.
        if response.assignment.is_empty() {
            return Ok(Vec::new());
        }
        let read = read_versioned::<ConsumerProtocolAssignment>(response.assignment);
        let (_, assignment) =
            read.map_err(|error| connection.error::<SyncGroupRequest>(Reason::Malformed(error)))?;
        let topics = assignment.assigned_partitions.iter();
        let partitions = topics.flat_map(|topic| {
            let name = topic.topic.detach();
            topic.partitions.iter().map(move |it| TopicPartition {
                topic: name.clone(),
                partition: *it,
            })
        });
        Ok(partitions.collect())
    }

    fn check<R: Request>(&self, connection: &Connection, code: i16) -> Result<()> {
        Error::check(code, None).map_err(|error| {
            let error = connection.explain::<R>(error);
            error.of(format_args!("group `{}`", self.group))
        })
    }

    /// As the leader of the group: what each member is to read.
    async fn assign(&self, joined: &JoinGroupResponse) -> Result<Vec<SyncGroupRequestAssignment>> {
        let mut members: BTreeMap<Str, BTreeSet<Str>> = BTreeMap::new();
        for member in &joined.members {
            let read = read_versioned::<ConsumerProtocolSubscription>(member.metadata.clone());
            let (_, wanted) = read.map_err(|error| {
                let error = Error::new(Reason::Malformed(error));
                error.of(format_args!("member `{}`", member.member_id))
            })?;
            let topics = wanted.topics.iter().map(Str::detach).collect();
            members.insert(member.member_id.detach(), topics);
        }
        let mut counts = HashMap::new();
        let topics: BTreeSet<Str> = members.values().flatten().cloned().collect();
        for topic in topics {
            // A topic that is not there yet has no partitions.
            self.cluster.forget(&topic).await;
            let count = self
                .cluster
                .places_once(&topic)
                .await
                .map_or(0, |it| it.count());
            counts.insert(topic, count);
        }
        let assigned = assign_range(&members, &counts);
        let assigned = assigned.into_iter().map(|(member_id, partitions)| {
            Ok(SyncGroupRequestAssignment {
                member_id,
                assignment: written(&assignment(partitions))?,
            })
        });
        assigned.collect()
    }
}

/// Tells why nothing comes when the group lets a member wait.
async fn told_when_late<T>(group: &Str, session: Duration, joining: impl Future<Output = T>) -> T {
    let mut joining = pin!(joining);
    if let Ok(joined) = timeout(TOLD_AFTER, &mut joining).await {
        return joined;
    }
    tracing::info!(
        %group,
        "waits for the group: its other members join again first, and one that was killed is waited for \
         until its session times out, which for members like this one takes {} s",
        session.as_secs()
    );
    joining.await
}

fn assignment(partitions: Vec<TopicPartition>) -> ConsumerProtocolAssignment {
    let mut topics: BTreeMap<Str, Vec<i32>> = BTreeMap::new();
    for it in partitions {
        topics.entry(it.topic).or_default().push(it.partition);
    }
    let topics = topics
        .into_iter()
        .map(|(topic, partitions)| Assigned { topic, partitions });
    ConsumerProtocolAssignment {
        assigned_partitions: topics.collect(),
        user_data: None,
    }
}

fn written(message: &impl Message) -> Result<Bytes> {
    let written = write_prefixed(PROTOCOL, message, PROTOCOL);
    written.map_err(|error| Error::new(Reason::Unwritable(error)))
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

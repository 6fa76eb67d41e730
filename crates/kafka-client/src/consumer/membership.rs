//! A member of a consumer group of the classic protocol.

mod heartbeat;
mod join;

use std::collections::HashMap;
use std::sync::Arc;

use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::leave_group::{LeaveGroupRequest, MemberIdentity};
use tokio::sync::watch;

use self::heartbeat::Heartbeat;
use super::settings::ConsumerSettings;
use crate::Result;
use crate::admin::{Commit, TopicPartition};
use crate::cluster::{Cluster, TopicIds};
use crate::connection::Connection;
use crate::error::Error;

/// From this version on several members leave at once.
const SEVERAL_LEAVE: i16 = 3;

/// What the coordinator last said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Stable,
    /// The group changes, or the coordinator was lost: join again.
    Again,
    /// The group has gone on without this member: join as a new one.
    Gone,
}

/// A member, or somebody who is to become one.
pub struct Membership {
    cluster: Arc<Cluster>,
    settings: ConsumerSettings,
    group: Str,
    topics: Vec<Str>,
    member: Str,
    generation: i32,
    /// A connection for the group alone: a broker answers in order, and who joins may wait long.
    connection: Option<Connection>,
    /// Whether the connection has a request that waits for the group.
    is_joining: bool,
    heartbeat: Option<Heartbeat>,
}

impl Membership {
    pub fn new(
        cluster: Arc<Cluster>,
        settings: ConsumerSettings,
        group: &str,
        topics: Vec<Str>,
    ) -> Self {
        Self {
            cluster,
            settings,
            group: group.into(),
            topics,
            member: Str::EMPTY,
            generation: -1,
            connection: None,
            is_joining: false,
            heartbeat: None,
        }
    }

    fn instance(&self) -> Option<Str> {
        self.settings.group_instance_id.as_deref().map(Into::into)
    }

    pub fn group(&self) -> &Str {
        &self.group
    }

    /// Wants other topics: it is to join again.
    pub fn subscribe(&mut self, topics: Vec<Str>) {
        self.topics = topics;
        self.heartbeat = None;
    }

    /// The one that was joined last; −1 for who never joined.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// What the coordinator says; `Again` for who never joined.
    pub fn signal(&self) -> Signal {
        self.heartbeat
            .as_ref()
            .map_or(Signal::Again, Heartbeat::signal)
    }

    /// Tells of a change of the signal.
    pub fn changes(&self) -> Option<watch::Receiver<Signal>> {
        self.heartbeat.as_ref().map(Heartbeat::changes)
    }

    async fn connection(&mut self) -> Result<Connection> {
        if let Some(open) = self.connection.as_ref().filter(|it| it.is_open()) {
            return Ok(open.clone());
        }
        let coordinator = self.cluster.coordinator(&self.group).await?;
        let address = Arc::clone(coordinator.broker());
        let own = Connection::open(&address, self.cluster.settings()).await?;
        self.connection = Some(own.clone());
        Ok(own)
    }

    /// Commits as this member.
    pub async fn commit(
        &mut self,
        offsets: &HashMap<TopicPartition, i64>,
        ids: &TopicIds,
    ) -> Result<()> {
        let commit = Commit {
            group: self.group.clone(),
            generation: self.generation,
            member: self.member.clone(),
            instance: self.instance(),
        };
        let connection = self.connection().await?;
        let cluster = &self.cluster;
        let sent = cluster.commit_on(&connection, &commit, offsets, ids).await;
        let failed = sent.as_ref();
        if failed.is_err_and(|it| it.is_retriable() || it.is_ambiguous()) {
            self.connection = None;
        }
        sent
    }

    /// Leaves the group, so that the others need not wait for the end of the session.
    pub async fn leave(&mut self) -> Result<()> {
        self.heartbeat = None;
        if self.member.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.is_joining) {
            // Who waits for the group is not answered before that.
            self.connection = None;
        }
        let connection = self.connection().await?;
        let mut request = LeaveGroupRequest {
            group_id: self.group.clone(),
            ..LeaveGroupRequest::default()
        };
        let member = std::mem::take(&mut self.member);
        match connection.version_of::<LeaveGroupRequest>()? >= SEVERAL_LEAVE {
            true => request.members.push(MemberIdentity {
                member_id: member,
                group_instance_id: self.instance(),
                ..MemberIdentity::default()
            }),
            false => request.member_id = member,
        }
        let response = connection.call(&request).await?;
        let codes = response.members.iter().map(|it| it.error_code);
        for code in codes.chain([response.error_code]) {
            Error::check(code, None).map_err(|error| {
                let error = connection.explain::<LeaveGroupRequest>(error);
                error.of(format_args!("group `{}`", self.group))
            })?;
        }
        Ok(())
    }
}

//! What a consumer does as a member of a group.

use std::collections::{HashMap, HashSet};

use millrace_kafka_wire::{Str, Uuid};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Consumer;
use super::membership::{Membership, Signal};
use super::places::Places;
use super::settings::Reset;
use crate::Result;
use crate::admin::TopicPartition;
use crate::error::Error;

impl Consumer {
    /// Joins the group when it is not a member, or no longer.
    pub(super) async fn keep_membership(&mut self) -> Result<()> {
        if let Some(membership) = &mut self.membership
            && membership.signal() != Signal::Stable
        {
            let offsets = self.places.to_commit();
            if self.settings.auto_commit_interval.is_some() && !offsets.is_empty() {
                // The coordinator may have gone on without this member: then others read it again.
                let _refused = membership.commit(&offsets, &self.ids).await;
            }
            self.fetched.clear();
            self.held.clear();
            self.places = Places::default();
            self.assigned = None;
            self.assigned = Some(membership.join().await?);
            self.epoch += 1;
        }
        Ok(())
    }

    /// Finds where the group has left off in what was assigned.
    pub(super) async fn begin_assigned(&mut self) -> Result<()> {
        let Some(assigned) = self.assigned.clone() else {
            return Ok(());
        };
        let topics = assigned.iter().map(|it| &it.topic);
        self.ids.learn(&self.cluster, topics).await?;
        let committed = match assigned.is_empty() {
            true => HashMap::new(),
            false => {
                let group = self.group().ok_or_else(in_no_group)?;
                self.cluster.committed(group, Some(&assigned)).await?
            }
        };
        self.places = Places::committed(assigned, &committed);
        self.assigned = None;
        Ok(())
    }

    /// In whose name it commits.
    fn group(&self) -> Option<&Str> {
        let membership = self.membership.as_ref().map(Membership::group);
        membership.or(self.outside.as_ref())
    }

    /// Begins again in a topic that was deleted and made again: where the group has left off in the
    /// new one, if others were here before, else at its beginning.
    pub(super) async fn begin_again(&mut self, topic: &Str, id: Uuid) -> Result<()> {
        if self.settings.auto_offset_reset == Reset::None {
            return Err(Error::invalid(format!(
                "topic `{topic}` was deleted and made again, and `auto_offset_reset` is `none`: what \
                 was read is of the old one"
            )));
        }
        let of_topic = self.places.partitions().into_iter();
        let of_topic: Vec<_> = of_topic.filter(|it| it.topic == *topic).collect();
        let committed = match self.group() {
            Some(group) => self.cluster.committed(group, Some(&of_topic)).await?,
            None => HashMap::new(),
        };
        // Nothing waits from here on: who stops to poll leaves it whole.
        self.ids.set(topic, id);
        self.fetched.retain(|it| it.partition().topic != *topic);
        self.held.release_topic(topic);
        self.places.begin_again(of_topic, &committed);
        self.replaced.insert(topic.clone());
        Ok(())
    }

    /// The topics that polls have found to be deleted and made again, since this was last asked: what
    /// was read of them before is not there any more, and its offsets mean nothing in the new ones.
    pub fn take_replaced(&mut self) -> HashSet<Str> {
        std::mem::take(&mut self.replaced)
    }

    /// Commits what was returned, as a member of the group.
    ///
    /// # Errors
    /// It is no member, or the coordinator refuses.
    pub async fn commit(&mut self) -> Result<()> {
        let offsets = self.places.to_commit();
        let Some(membership) = &mut self.membership else {
            return Err(in_no_group());
        };
        if !offsets.is_empty() {
            membership.commit(&offsets, &self.ids).await?;
            self.places.set_committed();
        }
        Ok(())
    }

    /// Commits offsets of partitions that the group gave, whatever polls have returned; or of those
    /// that were named, outside of the group.
    ///
    /// # Errors
    /// It has no group, or the coordinator refuses, as it does when the group has gone on or, for
    /// who is outside, has members.
    pub async fn commit_offsets(&mut self, offsets: &HashMap<TopicPartition, i64>) -> Result<()> {
        match &mut self.membership {
            Some(membership) => membership.commit(offsets, &self.ids).await,
            None => {
                let group = self.outside.as_ref().ok_or_else(in_no_group)?;
                self.cluster.commit_read(group, offsets, &self.ids).await
            }
        }
    }

    /// Reads other topics as a member of its group: the next poll joins it again.
    pub fn resubscribe(&mut self, topics: &[&str]) {
        if let Some(membership) = &mut self.membership {
            membership.subscribe(topics.iter().map(|it| (*it).into()).collect());
        }
    }

    /// How often partitions were given to it, by joining its group: what was read before the last
    /// time may be read by others, and comes again from what was committed.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How often the group has changed for this member, in the coordinator's count; −1 for who is
    /// no member. What was read in an earlier generation may be read by others.
    pub fn generation(&self) -> i32 {
        self.membership.as_ref().map_or(-1, Membership::generation)
    }

    /// Whether the group has not changed since this member joined it. The next poll of one that has
    /// joins it again.
    pub fn is_stable(&self) -> bool {
        let membership = self.membership.as_ref();
        membership.is_none_or(|it| it.signal() == Signal::Stable)
    }

    pub(super) async fn commit_when_due(&mut self) -> Result<()> {
        let is_due = self.next_commit.is_some_and(|it| it <= Instant::now());
        let is_member = self.membership.as_ref();
        if !is_due || is_member.is_none_or(|it| it.signal() != Signal::Stable) {
            return Ok(());
        }
        let every = self.settings.auto_commit_interval.unwrap_or_default();
        self.next_commit = Some(Instant::now() + every);
        match self.commit().await {
            // The heartbeat learns of a change of the group, and the next time may be better.
            Err(error) if error.code().is_none() && !error.is_ambiguous() => Err(error),
            _ => Ok(()),
        }
    }

    /// Commits what was returned, unless that is the user's own business, and leaves the group.
    ///
    /// # Errors
    /// The coordinator refuses: what was not committed is read again by others.
    pub async fn close(mut self) -> Result<()> {
        let is_member = self.membership.is_some() && !self.places.to_commit().is_empty();
        let committed = match self.settings.auto_commit_interval {
            Some(_) if is_member => self.commit().await,
            _ => Ok(()),
        };
        committed.and(self.abandon().await)
    }

    /// Leaves the group without a commit.
    ///
    /// # Errors
    /// The coordinator refuses.
    pub async fn abandon(mut self) -> Result<()> {
        match &mut self.membership {
            Some(membership) => membership.leave().await,
            None => Ok(()),
        }
    }
}

fn in_no_group() -> Error {
    Error::invalid("who is in no group commits nothing")
}

/// Waits until the coordinator says something new.
pub(super) async fn changed(signal: Option<watch::Receiver<Signal>>) {
    match signal {
        // A heartbeat that ended has said why.
        Some(mut signal) => {
            if *signal.borrow() == Signal::Stable {
                let _ended = signal.changed().await;
            }
        }
        None => std::future::pending().await,
    }
}

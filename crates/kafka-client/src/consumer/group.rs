//! What a consumer does as a member of a group.

use std::collections::HashMap;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Consumer;
use super::membership::{Membership, Signal};
use super::places::Places;
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
                let _refused = membership.commit(&offsets).await;
            }
            self.fetched.clear();
            self.places = Places::default();
            self.assigned = None;
            self.assigned = Some(membership.join().await?);
            self.epoch += 1;
        }
        let Some(assigned) = self.assigned.clone() else {
            return Ok(());
        };
        let committed = match assigned.is_empty() {
            true => HashMap::new(),
            false => {
                let membership = self.membership.as_ref().map(Membership::group);
                let group = membership.or(self.outside.as_ref());
                let group = group.ok_or_else(in_no_group)?;
                self.cluster.committed(group, Some(&assigned)).await?
            }
        };
        self.places = Places::committed(assigned, &committed);
        self.assigned = None;
        Ok(())
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
            membership.commit(&offsets).await?;
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
            Some(membership) => membership.commit(offsets).await,
            None => {
                let group = self.outside.as_ref().ok_or_else(in_no_group)?;
                self.cluster.commit_for(group, offsets).await
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

//! The replicas of a partition as its leader sees them: how far each of them has come, and which are
//! in sync.
//!
//! Source: KIP-497 (the leader asks for changes of the in-sync replicas), KIP-841 (a broker that is
//! fenced or has begun anew does not join them), KIP-966 (with too few of them the high watermark
//! stays).

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

use super::partition::PartitionId;
use crate::metadata::PartitionImage;

/// A fetch of a follower: it has all that is below this offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    pub replica: i32,
    pub offset: i64,
    /// Whether it may be in sync: its broker is not fenced, and is the one that has registered.
    pub is_eligible: bool,
}

/// What the leader knows of a follower.
#[derive(Clone, Copy, Debug)]
struct Follower {
    /// The offset behind what it has; none before it has said so to this leader.
    end: Option<i64>,
    is_eligible: bool,
    /// When it had all that there was.
    caught_up: Option<Instant>,
    /// When it fetched last, and where the log ended then.
    last: Option<(Instant, i64)>,
}

/// The replicas in sync that a leader asks the controller for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InSync {
    pub partition: PartitionId,
    pub leader: i32,
    pub leader_epoch: i32,
    /// The state of the partition that it follows from.
    pub epoch: i32,
    pub in_sync: Vec<i32>,
}

/// The way to whoever asks the controller.
#[derive(Clone, Debug)]
pub struct Asking(mpsc::UnboundedSender<InSync>);

impl Asking {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<InSync>) {
        let (sender, asked) = mpsc::unbounded_channel();
        (Self(sender), asked)
    }

    pub fn ask(&self, in_sync: Option<InSync>) {
        if let Some(in_sync) = in_sync {
            // A broker that stops asks for nothing more.
            let _ = self.0.send(in_sync);
        }
    }
}

/// The replicas of a partition that this broker leads.
#[derive(Debug)]
pub struct Replicas {
    /// `replica.lag.time.max.ms`: who has not had all that there was for longer is late.
    lag_max: Duration,
    /// Who has to have what, as the metadata says.
    image: PartitionImage,
    /// All but this one.
    followers: BTreeMap<i32, Follower>,
    /// In-sync replicas that the controller was asked for and has not decided on.
    asked: Option<Vec<i32>>,
}

impl Replicas {
    /// Those that are in sync count as such from now on, until they are late.
    pub fn new(lag_max: Duration, image: PartitionImage, now: Instant) -> Self {
        let follower = |id: &i32| Follower {
            end: None,
            is_eligible: true,
            caught_up: image.isr.contains(id).then_some(now),
            last: None,
        };
        let others = image.replicas.iter().filter(|it| **it != image.leader);
        Self {
            followers: others.map(|id| (*id, follower(id))).collect(),
            lag_max,
            image,
            asked: None,
        }
    }

    /// Whether no other replica has to have anything.
    pub fn is_alone(&self) -> bool {
        self.image.isr.len() <= 1
    }

    /// The partition as the metadata says.
    pub fn image(&self) -> &PartitionImage {
        &self.image
    }

    /// Takes over what the metadata says now; a later state is not undone by an earlier one.
    pub fn assign(&mut self, image: PartitionImage, now: Instant) {
        if image.epoch <= self.image.epoch {
            return;
        }
        let mut next = Self::new(self.lag_max, image, now);
        if next.image.leader_epoch == self.image.leader_epoch {
            for (id, follower) in &mut next.followers {
                if let Some(known) = self.followers.get(id) {
                    *follower = *known;
                }
            }
        }
        *self = next;
    }

    /// The controller has refused the last change that it was asked for.
    pub fn refused(&mut self) {
        self.asked = None;
    }

    /// Notes what a follower has; false when it is none.
    pub fn followed(&mut self, followed: Followed, end: i64, now: Instant) -> bool {
        let Some(follower) = self.followers.get_mut(&followed.replica) else {
            return false;
        };
        if followed.offset >= end {
            follower.caught_up = Some(now);
        } else if let Some((then, end_then)) = follower.last
            && followed.offset >= end_then
        {
            // It has had all that there was when it fetched before.
            follower.caught_up = follower.caught_up.max(Some(then));
        }
        follower.end = Some(followed.offset);
        follower.is_eligible = followed.is_eligible;
        follower.last = Some((now, end));
        true
    }

    /// The offset below which every replica has all that counts: those in sync, those that are to be,
    /// and those that keep up and would be left behind for ever otherwise. `None` when it is not known
    /// yet, or when fewer are in sync than there have to be.
    pub fn replicated(&self, own_end: i64, min_in_sync: i32, now: Instant) -> Option<i64> {
        if self.image.has_too_few_in_sync(min_in_sync) {
            return None;
        }
        let asked = self.asked.as_deref().unwrap_or_default();
        let counts = |id: &i32, follower: &Follower| {
            let in_sync = &self.image.isr;
            let keeps_up = follower.is_eligible && !follower.is_late(own_end, now, self.lag_max);
            in_sync.contains(id) || asked.contains(id) || (follower.end.is_some() && keeps_up)
        };
        let followers = self.followers.iter();
        let ends = followers
            .filter(|(id, it)| counts(id, it))
            .map(|(_, it)| it.end);
        ends.chain([Some(own_end)]).min().flatten()
    }

    /// The in-sync replicas with a follower that has come as far as others, if it is to join them.
    pub fn joined_by(&mut self, id: i32, high_watermark: i64) -> Option<Vec<i32>> {
        let follower = self.followers.get(&id)?;
        let has_come = follower.is_eligible && follower.end >= Some(high_watermark);
        if self.asked.is_some() || self.image.isr.contains(&id) || !has_come {
            return None;
        }
        let mut in_sync = self.image.isr.clone();
        in_sync.push(id);
        self.asked = Some(in_sync.clone());
        Some(in_sync)
    }

    /// The in-sync replicas without those that are late, if there are any.
    pub fn without_late(&mut self, own_end: i64, now: Instant) -> Option<Vec<i32>> {
        if self.asked.is_some() {
            return None;
        }
        let is_late = |id: &i32| {
            let follower = self.followers.get(id);
            follower.is_some_and(|it| it.is_late(own_end, now, self.lag_max))
        };
        let mut in_sync = self.image.isr.clone();
        in_sync.retain(|id| !is_late(id));
        if in_sync.len() == self.image.isr.len() {
            return None;
        }
        self.asked = Some(in_sync.clone());
        Some(in_sync)
    }
}

impl Follower {
    /// Whether it has not had all that there was for so long.
    fn is_late(&self, own_end: i64, now: Instant, max: Duration) -> bool {
        let is_there = self.end >= Some(own_end);
        let since = self.caught_up;
        !is_there && since.is_none_or(|it| now.saturating_duration_since(it) > max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG_MAX: Duration = Duration::from_secs(30);

    fn replicas(in_sync: &[i32], now: Instant) -> Replicas {
        let image = PartitionImage {
            leader: 1,
            leader_epoch: 3,
            epoch: 7,
            replicas: vec![1, 2, 3],
            isr: in_sync.to_vec(),
            ..PartitionImage::default()
        };
        Replicas::new(LAG_MAX, image, now)
    }

    fn has(replica: i32, offset: i64) -> Followed {
        Followed {
            replica,
            offset,
            is_eligible: true,
        }
    }

    #[test]
    fn what_all_in_sync_replicas_have_is_replicated() {
        let now = Instant::now();
        let mut of = replicas(&[1, 2], now);
        assert_eq!(of.replicated(10, 1, now), None, "nobody knows what 2 has");
        assert!(of.followed(has(2, 4), 10, now));
        assert_eq!(of.replicated(10, 1, now), Some(4));
        assert!(of.followed(has(2, 10), 10, now));
        assert_eq!(of.replicated(10, 1, now), Some(10));
        assert!(!of.followed(has(9, 10), 10, now), "it is no replica");
    }

    #[test]
    fn with_too_few_in_sync_nothing_more_is_replicated() {
        let now = Instant::now();
        let of = replicas(&[1], now);
        assert_eq!(of.replicated(10, 2, now), None);
        assert_eq!(of.replicated(10, 1, now), Some(10));
        // There cannot be more in sync than there are.
        let alone = PartitionImage {
            leader: 1,
            replicas: vec![1],
            isr: vec![1],
            ..PartitionImage::default()
        };
        let alone = Replicas::new(LAG_MAX, alone, now);
        assert_eq!(alone.replicated(10, 2, now), Some(10));
    }

    #[test]
    fn a_follower_joins_when_it_has_come_to_the_high_watermark_and_counts_at_once() {
        let now = Instant::now();
        let mut of = replicas(&[1], now);
        assert!(of.followed(has(3, 5), 10, now));
        assert_eq!(of.joined_by(3, 6), None);
        assert_eq!(of.joined_by(3, 5), Some(vec![1, 3]));
        assert_eq!(of.joined_by(3, 5), None, "it is asked for already");
        assert_eq!(of.replicated(10, 1, now), Some(5));
        of.refused();
        let mut fenced = has(3, 10);
        fenced.is_eligible = false;
        assert!(of.followed(fenced, 10, now));
        assert_eq!(of.joined_by(3, 5), None);
    }

    #[test]
    fn a_follower_that_is_late_leaves_and_one_that_keeps_up_behind_the_end_does_not() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut of = replicas(&[1, 2, 3], begun);
        // 2 is always a step behind a log that grows.
        for (step, second) in (0..6).zip((0..60).step_by(10)) {
            assert!(of.followed(has(2, step * 10), (step + 1) * 10, at(second)));
        }
        assert_eq!(of.without_late(60, at(30)), None);
        assert_eq!(of.without_late(60, at(55)), Some(vec![1, 2]));
        assert_eq!(of.without_late(60, at(55)), None, "it is asked for already");
        assert_eq!(
            of.replicated(60, 1, at(55)),
            None,
            "3 counts until it has left"
        );
    }

    #[test]
    fn a_later_state_of_the_metadata_is_not_undone_and_keeps_what_is_known() {
        let now = Instant::now();
        let mut of = replicas(&[1, 2], now);
        assert!(of.followed(has(2, 4), 10, now));
        let mut next = of.image().clone();
        (next.epoch, next.isr) = (8, vec![1, 2, 3]);
        of.assign(next.clone(), now);
        assert_eq!(of.replicated(10, 1, now), None, "nobody knows what 3 has");
        assert!(of.followed(has(3, 9), 10, now));
        assert_eq!(of.replicated(10, 1, now), Some(4));
        let mut earlier = next;
        (earlier.epoch, earlier.isr) = (7, vec![1]);
        of.assign(earlier, now);
        assert_eq!(of.image().isr, [1, 2, 3]);
    }
}

//! A partition as its worker has it: the log, and who waits for it to be durable.

use std::collections::VecDeque;
use std::sync::Arc;

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::batch::BatchHeader;
use millrace_log::{
    Appended, Batch, Cleaned, Cleaning, Dirty, Log, LogError, Origin, Refusal, Removed, SyncOutcome,
};
use tokio::sync::oneshot;
use tokio::time::{Duration, Instant};

use super::partition::{Acks, Described, Partition, Refused, View, Written};
use super::replicas::{Followed, InSync, Replicas};
use crate::config::{FlushMode, TopicConfig};
use crate::metadata::PartitionImage;

/// What nobody waits for is synced after this time at the latest,
const SYNC_AFTER: Duration = Duration::from_millis(10);
/// or after so many bytes.
const SYNC_BYTES: u64 = 8 << 20;

/// Where it is left to the system, what it has not done by then is synced, so that little is read
/// after a crash.
const OS_SYNC_AFTER: Duration = Duration::from_secs(30);
const OS_SYNC_BYTES: u64 = 256 << 20;

/// Who is told of an append.
pub(super) type WrittenTo = oneshot::Sender<Result<Written, Refused>>;

/// A partition of which this broker is the leader.
pub(super) struct Owned {
    pub partition: Arc<Partition>,
    log: Log,
    replicas: Replicas,
    /// Appends of this turn, in the order in which they came.
    batches: Vec<Batch>,
    asked: Vec<(Origin, Acks, WrittenTo)>,
    /// Until the high watermark passes the offset.
    waiting: VecDeque<(i64, Written, WrittenTo)>,
    /// Told once the others see what they are told of.
    ready: Vec<(Written, WrittenTo)>,
    /// Batches above the high watermark: their ends and sizes.
    hidden: VecDeque<(i64, u64)>,
    /// Bytes that were appended since the log was shown last.
    appended: u64,
    unsynced: u64,
    /// When the first append was written that nobody has synced.
    unsynced_since: Option<Instant>,
    /// The disk has it and has not answered yet.
    is_syncing: bool,
}

impl Owned {
    pub fn new(partition: Arc<Partition>, log: Log, replicas: Replicas) -> Self {
        Self {
            partition,
            log,
            replicas,
            batches: Vec::new(),
            asked: Vec::new(),
            waiting: VecDeque::new(),
            ready: Vec::new(),
            hidden: VecDeque::new(),
            appended: 0,
            unsynced: 0,
            unsynced_since: None,
            is_syncing: false,
        }
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The log at its end; it is to be closed.
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// What operators are told of it.
    pub fn describe(&self) -> Described {
        let mut producers: Vec<_> = self
            .log
            .producers()
            .map(|(id, it)| (id, it.clone()))
            .collect();
        producers.sort_unstable_by_key(|(id, _)| *id);
        Described {
            dir: self.partition.dir.id,
            size: self.log.size(),
            producers,
        }
    }

    /// Has new settings hold.
    pub fn configure(&mut self, config: &TopicConfig) {
        self.log.set_config(config.log.clone());
        self.advance();
    }

    /// Notes an append of this turn.
    pub fn add(&mut self, batch: Batch, origin: Origin, acks: Acks, reply: WrittenTo) {
        self.batches.push(batch);
        self.asked.push((origin, acks, reply));
    }

    pub fn has_appends(&self) -> bool {
        !self.batches.is_empty()
    }

    /// Appends what this turn brought: one write, but where origins differ. Nothing is appended where
    /// the partition is offline.
    pub fn write(&mut self, now: i64) {
        if let Some(error) = self.partition.failure() {
            let refused = Refused::from(error);
            self.batches.clear();
            for (_, _, reply) in std::mem::take(&mut self.asked) {
                answer(reply, Err(refused.clone()));
            }
            return;
        }
        let batches = std::mem::take(&mut self.batches);
        let mut asked = std::mem::take(&mut self.asked).into_iter().peekable();
        let mut rest = &batches[..];
        while let Some(&(origin, ..)) = asked.peek() {
            let mut same = Vec::new();
            while let Some(next) = asked.next_if(|it| it.0 == origin) {
                same.push((next.1, next.2));
            }
            let (these, others) = rest.split_at(same.len());
            rest = others;
            match self.log.append(these, origin, self.leader_epoch(), now) {
                Ok(results) => self.written(these, results, same),
                Err(error) => {
                    self.fail(&error);
                    let refused = Refused::from(&error);
                    same.into_iter()
                        .for_each(|(_, reply)| answer(reply, Err(refused.clone())));
                }
            }
        }
    }

    fn written(
        &mut self,
        batches: &[Batch],
        results: Vec<Result<Appended, Refusal>>,
        asked: Vec<(Acks, WrittenTo)>,
    ) {
        for ((batch, result), (acks, reply)) in batches.iter().zip(results).zip(asked) {
            let appended = match result {
                Ok(appended) => appended,
                Err(refusal) => {
                    let code = ErrorCode::from_number(refusal.code());
                    let code = code.unwrap_or(ErrorCode::UnknownServerError);
                    answer(reply, Err(Refused::new(code, refusal)));
                    continue;
                }
            };
            let header = batch.header();
            let end = appended.base_offset + i64::from(header.last_offset_delta) + 1;
            note_transaction(&self.partition, header);
            if !appended.is_duplicate {
                self.hidden.push_back((end, header.size() as u64));
                self.appended += header.size() as u64;
                self.unsynced += header.size() as u64;
                self.unsynced_since.get_or_insert_with(Instant::now);
            }
            let written = Written {
                base_offset: appended.base_offset,
                append_time: appended.append_time,
                log_start_offset: self.log.start_offset(),
            };
            match acks {
                Acks::Leader => answer(reply, Ok(written)),
                Acks::All => self.waiting.push_back((end, written, reply)),
            }
        }
        self.advance();
    }

    /// When it is to be synced; `None` when there is nothing to sync, or the disk has it.
    pub fn sync_due(&self) -> Option<Instant> {
        let since = self.unsynced_since.filter(|_| !self.is_syncing)?;
        let (bytes, after) = match self.flush_mode() {
            FlushMode::Group => (SYNC_BYTES, SYNC_AFTER),
            FlushMode::Os => (OS_SYNC_BYTES, OS_SYNC_AFTER),
        };
        let is_urgent = !self.waiting.is_empty() || self.unsynced >= bytes;
        Some(if is_urgent { since } else { since + after })
    }

    /// What the disk has to sync; `None` when there is nothing, or when it cannot be had now.
    pub fn take_dirty(&mut self) -> Option<Dirty> {
        let since = self.unsynced_since.take();
        match self.log.take_dirty() {
            Ok(Some(dirty)) => {
                self.unsynced = 0;
                self.is_syncing = true;
                Some(dirty)
            }
            Ok(None) => None,
            Err(LogError::NoSpace { path }) => {
                let error = LogError::NoSpace { path };
                self.refuse_waiting(&Refused::from(&error));
                // When there is room again, it is synced.
                self.unsynced_since = since.map(|_| Instant::now() + Duration::from_secs(1));
                None
            }
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    /// The disk has answered.
    pub fn synced(&mut self, outcome: SyncOutcome) {
        self.is_syncing = false;
        match self.log.synced(outcome) {
            Ok(_) => self.advance(),
            Err(error) => self.fail(&error),
        }
    }

    /// Moves the high watermark to what all replicas have that count: of this one, what is durable,
    /// or where the topic leaves that to the system, all.
    pub fn advance(&mut self) {
        let config = self.partition.config.load();
        let own_end = match config.flush_mode {
            FlushMode::Group => self.log.durable_end(),
            FlushMode::Os => self.log.end_offset(),
        };
        let min_in_sync = config.min_insync_replicas;
        drop(config);
        let now = Instant::now();
        let replicated = self.replicas.replicated(own_end, min_in_sync, now);
        if let Some(replicated) = replicated {
            self.log.set_high_watermark(replicated);
        }
        self.release_waiting();
    }

    fn leader_epoch(&self) -> i32 {
        self.replicas.image().leader_epoch
    }

    /// Takes over what the metadata says of the replicas now.
    pub fn assign(&mut self, image: PartitionImage) {
        self.replicas.assign(image, Instant::now());
        // Who leads may begin an epoch while it does, as when a replica is taken away.
        self.log.start_epoch(self.leader_epoch());
        self.advance();
    }

    /// The controller has not changed which replicas are in sync.
    pub fn in_sync_refused(&mut self) {
        self.replicas.refused();
        self.advance();
    }

    /// Notes what a follower has; false when there is no such replica. The second is what the
    /// controller is to be asked for, if the follower is to join those in sync.
    pub fn followed(&mut self, followed: Followed) -> (bool, Option<InSync>) {
        let end = self.log.end_offset();
        if !self.replicas.followed(followed, end, Instant::now()) {
            return (false, None);
        }
        let high_watermark = self.log.high_watermark();
        let joined = self.replicas.joined_by(followed.replica, high_watermark);
        self.advance();
        (true, joined.map(|it| self.in_sync(it)))
    }

    /// What the controller is to be asked for when followers are late.
    pub fn without_late(&mut self) -> Option<InSync> {
        let end = self.log.end_offset();
        let without = self.replicas.without_late(end, Instant::now());
        without.map(|it| self.in_sync(it))
    }

    fn in_sync(&self, in_sync: Vec<i32>) -> InSync {
        let PartitionImage {
            leader,
            leader_epoch,
            epoch,
            ..
        } = *self.replicas.image();
        InSync {
            partition: self.partition.id,
            leader,
            leader_epoch,
            epoch,
            in_sync,
        }
    }

    fn flush_mode(&self) -> FlushMode {
        self.partition.config.load().flush_mode
    }

    fn release_waiting(&mut self) {
        let high_watermark = self.log.high_watermark();
        while let Some((end, ..)) = self.waiting.front() {
            if *end > high_watermark {
                break;
            }
            if let Some((_, written, reply)) = self.waiting.pop_front() {
                self.ready.push((written, reply));
            }
        }
    }

    /// Shows others the log as it is now, answers those whose appends they see, and wakes those who
    /// wait for that.
    pub fn publish(&mut self) {
        let view = View::of(&self.log, self.leader_epoch());
        let before = self.partition.view.load();
        // A transaction that ended lets through more than was appended now.
        let is_set_free = before.last_stable_offset < before.high_watermark
            && view.last_stable_offset > before.last_stable_offset;
        let high_watermark = view.high_watermark;
        drop(before);
        self.partition.view.store(Arc::new(view));
        for (written, reply) in self.ready.drain(..) {
            answer(reply, Ok(written));
        }
        let mut visible = 0;
        while let Some((_, size)) = self.hidden.pop_front_if(|it| it.0 <= high_watermark) {
            visible += size;
        }
        let appended = std::mem::take(&mut self.appended);
        if appended > 0 {
            self.partition.follower_waits.pay(appended);
        }
        if is_set_free {
            self.partition.waits.wake();
        } else if visible > 0 {
            self.partition.waits.pay(visible);
        }
    }

    /// Deletes the records below an offset; −1 stands for all that are visible.
    pub fn delete_records(&mut self, offset: i64) -> Result<(i64, Removed), Refused> {
        if let Some(error) = self.partition.failure() {
            return Err(error.into());
        }
        let offset = match offset {
            -1 => self.log.high_watermark(),
            offset => offset,
        };
        if !(0..=self.log.high_watermark()).contains(&offset) {
            let reason = format!(
                "offset {offset} is not within 0..{}",
                self.log.high_watermark()
            );
            return Err(Refused::new(ErrorCode::OffsetOutOfRange, reason));
        }
        let start = offset.max(self.log.start_offset());
        let deleted = match self.delete_below(start) {
            Err(LogError::NoSpace { .. }) => self.delete_with_reserve(start),
            // There was no room for the segment that is to be behind the last one.
            Ok(removed) if removed.is_empty() && self.is_last_unwanted() => {
                self.delete_with_reserve(start)
            }
            deleted => deleted,
        };
        match deleted {
            Ok(removed) => {
                // A segment goes when the one behind it is durable, which nobody else may ask for.
                self.unsynced_since.get_or_insert_with(Instant::now);
                Ok((self.log.start_offset(), removed))
            }
            Err(error) => {
                self.fail(&error);
                Err(Refused::from(&error))
            }
        }
    }

    fn delete_below(&mut self, start: i64) -> Result<Removed, LogError> {
        let stored = self.partition.dir.set_start(&self.partition, start);
        stored.and_then(|()| self.log.delete_records(start))
    }

    fn is_last_unwanted(&self) -> bool {
        self.log.has_unwanted() && self.log.segment_count() == 1
    }

    /// Deletes on a full disk, with the room that is kept for that: in one step, so that nobody else
    /// takes the room.
    fn delete_with_reserve(&mut self, start: i64) -> Result<Removed, LogError> {
        if self.is_syncing || !self.partition.dir.log_dir().spend_reserve()? {
            return self.delete_below(start);
        }
        let path = self.partition.dir.path().display();
        tracing::warn!(%path, "the disk is full: the room that is kept for deleting is used");
        let removed = self.delete_below(start)?;
        // The segment that grew stays until the one behind it is durable.
        self.log.sync()?;
        self.advance();
        Ok(removed.and(self.delete_below(start)?))
    }

    /// Deletes what is older or larger than the topic keeps, with what earlier calls have left, and
    /// forgets producers that are gone.
    pub fn retain(&mut self, now: i64) -> Option<Removed> {
        if self.partition.failure().is_some() {
            return None;
        }
        self.log.expire_producers(now);
        self.log.close_idle_files();
        let start = self.log.retention_start(now);
        let start = start.inspect_err(|error| self.fail(error)).ok()?;
        if start <= self.log.start_offset() && !self.log.has_unwanted() {
            return None;
        }
        self.delete_records(start).ok().map(|(_, removed)| removed)
    }

    /// A pass of compaction, if one is due.
    pub fn plan_cleaning(&mut self, now: i64) -> Option<Cleaning> {
        if self.partition.failure().is_some() {
            return None;
        }
        let stored = self.partition.dir.stored_recovery_point(&self.partition);
        let planned = self.log.plan_cleaning(now, stored);
        planned.inspect_err(|error| self.fail(error)).ok().flatten()
    }

    /// Puts a cleaned segment in its place; `None` when the pass is of no use any more.
    pub fn cleaned(&mut self, cleaned: Cleaned) -> Option<Removed> {
        let swapped = self.log.finish_cleaning(cleaned);
        let swapped = swapped.inspect_err(|error| self.fail(error)).ok()?;
        self.unsynced_since.get_or_insert_with(Instant::now);
        let first_dirty = self.log.first_dirty_offset();
        let stored = self
            .partition
            .dir
            .set_first_dirty(&self.partition, first_dirty);
        if let Err(error) = stored {
            // The next pass begins further ahead than it had to.
            tracing::warn!(topic = %self.partition.topic, %error, "cannot note how far a log is compacted");
        }
        match swapped.is_void {
            true => None,
            false => Some(swapped.removed),
        }
    }

    /// Nothing of the log can be trusted any more: nobody is served from it, and nobody who waits
    /// is told that it worked.
    fn fail(&mut self, error: &LogError) {
        if matches!(
            error,
            LogError::NoSpace { .. }
                | LogError::OutOfRange { .. }
                | LogError::Malformed { .. }
                | LogError::Misuse(_)
        ) {
            return;
        }
        let Partition { topic, id, .. } = &*self.partition;
        tracing::error!(topic = %topic, partition = id.index, %error, "partition is offline");
        self.partition.dir.fail(error);
        // The first failure is the one that counts.
        let _ = self.partition.failure.set(error.clone());
        self.refuse_waiting(&Refused::from(error));
        self.partition.waits.wake();
        self.partition.follower_waits.wake();
    }

    fn refuse_waiting(&mut self, refused: &Refused) {
        let waiting = std::mem::take(&mut self.waiting);
        for (_, _, reply) in waiting {
            answer(reply, Err(refused.clone()));
        }
    }
}

/// Notes that a transaction has written here, or has ended.
fn note_transaction(partition: &Partition, header: &BatchHeader) {
    let attributes = header.attributes;
    if attributes.is_control() {
        partition.transactions.lock().remove(&header.producer_id);
    } else if attributes.is_transactional() {
        let mut transactions = partition.transactions.lock();
        transactions.insert(header.producer_id, header.producer_epoch);
    }
}

fn answer<T>(reply: oneshot::Sender<Result<T, Refused>>, result: Result<T, Refused>) {
    // Who asked may be gone, which changes nothing of what was done.
    let _ = reply.send(result);
}

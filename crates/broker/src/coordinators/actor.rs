//! The actor of one partition of `__consumer_offsets`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, ControlType, HEADER_SIZE, Records};
use millrace_kafka_wire::{ErrorCode, Str};
use millrace_log::{Batch, LogError, Origin};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, sleep};

use crate::clock::Clock;
use crate::group::{
    Caller, Effects, GroupSettings, MemberIds, RecordOrigin, Request, Response, Shard, Step, Token,
};
use crate::partitions::{Acks, Partition, Refused, Reply, Written};

/// The most bytes that are replayed at once.
const READ: usize = 1 << 20;
/// A log that cannot be read is tried again after this time.
const AGAIN: Duration = Duration::from_secs(1);

/// What an actor is told.
pub(super) enum Told {
    Asked(Ask),
    /// A topic is gone, and what was committed for it with it.
    TopicDeleted(Str),
}

/// A request, and who waits for the answer.
pub(super) struct Ask {
    pub caller: Caller,
    pub request: Request,
    pub reply: oneshot::Sender<Response>,
}

/// See the module.
pub(super) struct Actor {
    pub partition: Arc<Partition>,
    pub inbox: mpsc::UnboundedReceiver<Told>,
    pub clock: Clock,
    pub settings: GroupSettings,
    pub ids: Arc<dyn Fn() -> MemberIds + Send + Sync>,
}

/// Who waits for an answer, by token.
#[derive(Default)]
struct Waiting {
    next: u64,
    replies: BTreeMap<Token, (i16, oneshot::Sender<Response>)>,
}

impl Waiting {
    fn add(&mut self, version: i16, reply: oneshot::Sender<Response>) -> Token {
        self.next += 1;
        let token = Token(self.next);
        self.replies.insert(token, (version, reply));
        token
    }

    fn answer(&mut self, replies: Vec<(Token, Response)>) {
        for (token, response) in replies {
            if let Some((_, reply)) = self.replies.remove(&token) {
                // Who asked may be gone; what was decided stays.
                let _ = reply.send(response);
            }
        }
    }

    /// Answers that something could not be written.
    fn refuse(&mut self, replies: Vec<(Token, Response)>, code: ErrorCode) {
        for (token, response) in replies {
            let version = self.replies.get(&token).map_or(0, |it| it.0);
            self.answer(vec![(token, response.failed(version, code))]);
        }
    }
}

/// An append that is not answered, and what is sent when it is.
struct Write {
    appended: Reply<Written>,
    replies: Vec<(Token, Response)>,
}

impl Actor {
    /// Works until nobody asks any more.
    pub async fn run(mut self) {
        loop {
            let loaded = self.load().await;
            match loaded {
                Ok(shard) => {
                    if self.serve(shard).await.is_none() {
                        return;
                    }
                }
                Err(error) => {
                    let (topic, partition) = (&self.partition.topic, self.partition.id.index);
                    tracing::error!(%topic, partition, %error, "a coordinator cannot read its log");
                    if self.refuse_for(AGAIN).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Refuses what comes within a time; `None` when nobody asks any more.
    async fn refuse_for(&mut self, time: Duration) -> Option<()> {
        let over = sleep(time);
        tokio::pin!(over);
        loop {
            tokio::select! {
                biased;
                () = &mut over => return Some(()),
                told = self.inbox.recv() => {
                    // What is committed for a topic that is gone expires by itself.
                    let Told::Asked(Ask { caller, request, reply }) = told? else { continue };
                    let code = ErrorCode::CoordinatorNotAvailable;
                    // Who asked may be gone.
                    let _ = reply.send(request.failed(caller.version, code));
                }
            }
        }
    }

    /// Replays the partition.
    async fn load(&self) -> Result<Shard, LogError> {
        let mut shard = Shard::new(self.settings.clone(), (self.ids)());
        let view = self.partition.view().map_err(|_| LogError::Failed)?;
        let end = view.log.end_offset();
        let mut offset = view.log.start_offset();
        while offset < end {
            let log = view.log.clone();
            let read = move || match log.read(offset, READ, end)? {
                Some(slice) => Ok(Some((slice.bytes()?, slice.next_offset))),
                None => Ok(None),
            };
            let read = tokio::task::spawn_blocking(read).await;
            let Some((bytes, next)) = read.unwrap_or(Err(LogError::Failed))? else {
                break;
            };
            replay(&mut shard, bytes)?;
            offset = next;
        }
        shard.loaded(self.clock.now());
        Ok(shard)
    }

    /// Serves until a write fails; `None` when nobody asks any more.
    async fn serve(&mut self, mut shard: Shard) -> Option<()> {
        let mut waiting = Waiting::default();
        let mut writes: VecDeque<Write> = VecDeque::new();
        loop {
            let due = shard
                .deadline()
                .map(|at| at.saturating_sub(self.clock.now()));
            let due = due.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
            let effects = tokio::select! {
                biased;
                written = first(&mut writes), if !writes.is_empty() => {
                    let replies = writes.pop_front().map(|it| it.replies).unwrap_or_default();
                    if let Err(refused) = written {
                        waiting.refuse(replies, code_for(&refused));
                        self.give_up(shard, &mut waiting, writes, &refused).await;
                        return Some(());
                    }
                    waiting.answer(replies);
                    continue;
                }
                told = self.inbox.recv() => match told? {
                    Told::Asked(Ask { caller, request, reply }) => {
                        let token = waiting.add(caller.version, reply);
                        shard.handle(self.clock.now(), token, caller, request)
                    }
                    Told::TopicDeleted(topic) => shard.topic_deleted(self.clock.now(), &topic),
                },
                () = sleep(due.unwrap_or_default()), if due.is_some() => {
                    shard.tick(self.clock.now())
                }
            };
            self.follow(effects, &mut waiting, &mut writes);
        }
    }

    /// Has records appended, and sends what waits for none.
    fn follow(&self, effects: Effects, waiting: &mut Waiting, writes: &mut VecDeque<Write>) {
        for step in effects.steps {
            match (step.records.is_empty(), writes.back_mut()) {
                (true, None) => waiting.answer(step.replies),
                (true, Some(before)) => before.replies.extend(step.replies),
                (false, _) => writes.push_back(self.write(step)),
            }
        }
    }

    fn write(&self, step: Step) -> Write {
        let now = self.clock.now();
        let mut builder = BatchBuilder::new(0);
        if let Some((id, epoch)) = step.producer {
            builder = builder.producer(id, epoch, -1).transactional();
        }
        for (key, value) in &step.records {
            builder.add(now, Some(key), value.as_deref(), &[]);
        }
        let origin = Origin::Coordinator {
            transaction_version: 2,
        };
        let batch = Batch::own(builder.finish().into()).expect("it was built as one sound batch");
        Write {
            appended: self.partition.append(batch, origin, Acks::All),
            replies: step.replies,
        }
    }

    /// The state is ahead of the log: everybody who waits is refused, and the state thrown away.
    async fn give_up(
        &self,
        shard: Shard,
        waiting: &mut Waiting,
        writes: VecDeque<Write>,
        refused: &Refused,
    ) {
        let (topic, partition) = (&self.partition.topic, self.partition.id.index);
        let reason = &refused.reason;
        tracing::error!(%topic, partition, %reason, "a coordinator cannot write; it begins anew from its log");
        let code = code_for(refused);
        for write in writes {
            // Those behind it may have been written: they are found when the log is read.
            let _ = write.appended.await;
            waiting.refuse(write.replies, code);
        }
        let left = shard.close(code);
        waiting.answer(left);
    }
}

async fn first(writes: &mut VecDeque<Write>) -> Result<Written, Refused> {
    match writes.front_mut() {
        Some(write) => answered_in_place(&mut write.appended).await,
        None => std::future::pending().await,
    }
}

async fn answered_in_place(reply: &mut Reply<Written>) -> Result<Written, Refused> {
    match reply.await {
        Ok(result) => result,
        Err(_) => Err(Refused::gone()),
    }
}

/// What a client does about it is to look for the coordinator again.
fn code_for(refused: &Refused) -> ErrorCode {
    match refused.code {
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => ErrorCode::UnknownServerError,
        _ => ErrorCode::CoordinatorNotAvailable,
    }
}

/// Takes batches into a shard, in the order of the log.
fn replay(shard: &mut Shard, mut bytes: Bytes) -> Result<(), LogError> {
    let damaged = |_| LogError::Misuse("a batch of a coordinator is damaged");
    while !bytes.is_empty() {
        let batch = Batch::own_prefix(&mut bytes).map_err(damaged)?;
        let header = batch.header();
        let attributes = header.attributes;
        let records = &batch.bytes()[HEADER_SIZE..];
        for record in Records::new(records, header.record_count) {
            let record =
                record.map_err(|_| LogError::Misuse("a record of a coordinator is malformed"))?;
            let key = record.key.unwrap_or_default();
            if attributes.is_control() {
                // The key is version and type.
                let kind = key.get(3).copied();
                shard.load_marker(header.producer_id, kind == Some(ControlType::Commit as u8));
                continue;
            }
            let producer = (header.producer_id, header.producer_epoch);
            let origin = RecordOrigin {
                producer: attributes.is_transactional().then_some(producer),
            };
            let value = record.value.map(Bytes::copy_from_slice);
            let loaded = shard.load(Bytes::copy_from_slice(key), value, origin);
            loaded.map_err(|error| {
                tracing::error!(offset = header.base_offset, %error, "a record of a coordinator cannot be read");
                LogError::Misuse("a record of a coordinator cannot be read; see the log line before")
            })?;
        }
    }
    Ok(())
}

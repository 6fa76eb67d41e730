//! The actor of one partition: it drives a [`Machine`].

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::batch::{BatchBuilder, ControlType, HEADER_SIZE, Records};
use millrace_log::{Batch, LogError, Origin};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use super::machine::{Machine, Step};
use crate::clock::Clock;
use crate::driver::{Driver, apart};
use crate::group::{Caller, Token};
use crate::partitions::{Acks, Partition, Refused, Reply, Written};

/// The most bytes that are replayed at once.
const READ: usize = 1 << 20;
/// A log that cannot be read is tried again after this time.
const AGAIN: Duration = Duration::from_secs(1);

/// What an actor is told.
pub(super) enum Told<M: Machine> {
    Asked(Ask<M>),
    News(M::News),
}

/// A request, and who waits for the answer.
pub(super) struct Ask<M: Machine> {
    pub caller: Caller,
    pub request: M::Request,
    pub reply: oneshot::Sender<M::Response>,
}

/// What a duty comes to; the machine is told, if it is to be.
pub(super) type Outcome<M> = Pin<Box<dyn Future<Output = Option<<M as Machine>::News>> + Send>>;

/// Does what a machine wants done.
pub(super) type Perform<M> = Arc<dyn Fn(<M as Machine>::Duty) -> Outcome<M> + Send + Sync>;

/// What is being done; it is given up together with the machine that wanted it.
type Duties<M> = JoinSet<Option<<M as Machine>::News>>;

/// See the module.
pub(super) struct Actor<M: Machine> {
    pub partition: Arc<Partition>,
    pub inbox: mpsc::UnboundedReceiver<Told<M>>,
    pub clock: Clock,
    pub driver: Arc<dyn Driver>,
    /// Makes a machine that has loaded nothing.
    pub begin: Arc<dyn Fn(&Partition) -> M + Send + Sync>,
    pub perform: Perform<M>,
}

/// Who waits for an answer, by token.
struct Waiting<M: Machine> {
    next: u64,
    replies: BTreeMap<Token, (i16, oneshot::Sender<M::Response>)>,
}

impl<M: Machine> Waiting<M> {
    fn add(&mut self, version: i16, reply: oneshot::Sender<M::Response>) -> Token {
        self.next += 1;
        let token = Token(self.next);
        self.replies.insert(token, (version, reply));
        token
    }

    fn answer(&mut self, replies: Vec<(Token, M::Response)>) {
        for (token, response) in replies {
            if let Some((_, reply)) = self.replies.remove(&token) {
                // Who asked may be gone; what was decided stays.
                let _ = reply.send(response);
            }
        }
    }

    /// Answers that something could not be written.
    fn revoke(&mut self, replies: Vec<(Token, M::Response)>, code: ErrorCode) {
        for (token, response) in replies {
            let version = self.replies.get(&token).map_or(0, |it| it.0);
            self.answer(vec![(token, M::revoke(response, version, code))]);
        }
    }
}

/// An append that is not answered, and what is done when it is.
struct Write<M: Machine> {
    appended: Reply<Written>,
    replies: Vec<(Token, M::Response)>,
    duties: Vec<M::Duty>,
}

impl<M: Machine> Actor<M> {
    /// Works until its partition is gone or nobody can ask any more.
    pub async fn run(mut self) {
        loop {
            match self.load().await {
                Ok(machine) => self.serve(machine).await,
                Err(error) => {
                    let (topic, partition) = (&self.partition.topic, self.partition.id.index);
                    tracing::error!(%topic, partition, %error, "a coordinator cannot read its log");
                    self.refuse_for(AGAIN).await;
                }
            }
            if self.partition.is_gone() {
                return;
            }
        }
    }

    /// Refuses what comes within a time.
    async fn refuse_for(&mut self, time: Duration) {
        let over = sleep(time);
        tokio::pin!(over);
        loop {
            let told = tokio::select! {
                biased;
                () = &mut over => return,
                told = self.inbox.recv() => told,
            };
            // News is found in the log when that can be read.
            if let Some(Told::Asked(Ask {
                caller,
                request,
                reply,
            })) = told
            {
                let code = ErrorCode::CoordinatorNotAvailable;
                // Who asked may be gone.
                let _ = reply.send(M::refuse(&request, caller.version, code));
            }
        }
    }

    /// Replays the partition.
    async fn load(&self) -> Result<M, LogError> {
        let mut machine = (self.begin)(&self.partition);
        let view = self.partition.view().map_err(|_| LogError::Failed)?;
        let end = view.log.end_offset();
        let mut offset = view.log.start_offset();
        while offset < end {
            let log = view.log.clone();
            let read = move || match log.read(offset, READ, end)? {
                Some(slice) => Ok(Some((slice.bytes()?, slice.next_offset))),
                None => Ok(None),
            };
            let read = apart(&*self.driver, read).await;
            let Some((bytes, next)) = read.unwrap_or(Err(LogError::Failed))? else {
                break;
            };
            replay(&mut machine, bytes)?;
            offset = next;
        }
        Ok(machine)
    }

    /// Serves until a write fails.
    async fn serve(&mut self, mut machine: M) {
        let mut waiting = Waiting {
            next: 0,
            replies: BTreeMap::new(),
        };
        let mut writes = VecDeque::new();
        let mut duties = JoinSet::new();
        let steps = machine.loaded(self.clock.now());
        self.follow(steps, &mut waiting, &mut writes, &mut duties);
        loop {
            // What is due comes before what is asked after it.
            let now = self.clock.now();
            if machine.deadline().is_some_and(|at| at <= now) {
                let steps = machine.tick(now);
                self.follow(steps, &mut waiting, &mut writes, &mut duties);
            }
            let due = machine
                .deadline()
                .map(|at| at.saturating_sub(self.clock.now()));
            let due = due.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
            let steps = tokio::select! {
                biased;
                written = first(&mut writes), if !writes.is_empty() => {
                    let Some(write) = writes.pop_front() else { continue };
                    if let Err(refused) = written {
                        waiting.revoke(write.replies, code_for(&refused));
                        drop(duties);
                        self.give_up(machine, &mut waiting, writes, &refused).await;
                        return;
                    }
                    self.finish(write.replies, write.duties, &mut waiting, &mut duties);
                    continue;
                }
                Some(done) = duties.join_next() => match done {
                    Ok(Some(news)) => machine.hear(self.clock.now(), news),
                    Ok(None) => continue,
                    Err(error) => {
                        tracing::error!(%error, "a duty of a coordinator ended early");
                        continue;
                    }
                },
                told = self.inbox.recv() => match told {
                    Some(Told::Asked(Ask { caller, request, reply })) => {
                        let token = waiting.add(caller.version, reply);
                        machine.ask(self.clock.now(), token, caller, request)
                    }
                    Some(Told::News(news)) => machine.hear(self.clock.now(), news),
                    None => return,
                },
                () = sleep(due.unwrap_or_default()), if due.is_some() => {
                    machine.tick(self.clock.now())
                }
            };
            self.follow(steps, &mut waiting, &mut writes, &mut duties);
        }
    }

    /// Has records appended, and does what waits for none.
    fn follow(
        &self,
        steps: Vec<Step<M>>,
        waiting: &mut Waiting<M>,
        writes: &mut VecDeque<Write<M>>,
        duties: &mut Duties<M>,
    ) {
        for step in steps {
            match (step.records.is_empty(), writes.back_mut()) {
                (true, None) => self.finish(step.replies, step.duties, waiting, duties),
                (true, Some(before)) => {
                    before.replies.extend(step.replies);
                    before.duties.extend(step.duties);
                }
                (false, _) => writes.push_back(self.write(step)),
            }
        }
    }

    fn finish(
        &self,
        replies: Vec<(Token, M::Response)>,
        begun: Vec<M::Duty>,
        waiting: &mut Waiting<M>,
        duties: &mut Duties<M>,
    ) {
        waiting.answer(replies);
        for duty in begun {
            duties.spawn((self.perform)(duty));
        }
    }

    fn write(&self, step: Step<M>) -> Write<M> {
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
            duties: step.duties,
        }
    }

    /// The state is ahead of the log: everybody who waits is refused, and the state thrown away.
    async fn give_up(
        &self,
        machine: M,
        waiting: &mut Waiting<M>,
        writes: VecDeque<Write<M>>,
        refused: &Refused,
    ) {
        let (topic, partition) = (&self.partition.topic, self.partition.id.index);
        let reason = &refused.reason;
        tracing::error!(%topic, partition, %reason, "a coordinator cannot write; it begins anew from its log");
        let code = code_for(refused);
        for write in writes {
            // Those behind it may have been written: they are found when the log is read.
            let _ = write.appended.await;
            waiting.revoke(write.replies, code);
        }
        waiting.answer(machine.close(code));
    }
}

async fn first<M: Machine>(writes: &mut VecDeque<Write<M>>) -> Result<Written, Refused> {
    match writes.front_mut() {
        Some(write) => match (&mut write.appended).await {
            Ok(result) => result,
            Err(_) => Err(Refused::gone()),
        },
        None => std::future::pending().await,
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

/// Takes batches into a machine, in the order of the log.
fn replay<M: Machine>(machine: &mut M, mut bytes: Bytes) -> Result<(), LogError> {
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
                machine.load_marker(header.producer_id, kind == Some(ControlType::Commit as u8));
                continue;
            }
            let producer = (header.producer_id, header.producer_epoch);
            let producer = attributes.is_transactional().then_some(producer);
            let value = record.value.map(Bytes::copy_from_slice);
            let loaded = machine.load(Bytes::copy_from_slice(key), value, producer);
            loaded.map_err(|error| {
                tracing::error!(offset = header.base_offset, %error, "a record of a coordinator cannot be read");
                LogError::Misuse("a record of a coordinator cannot be read; see the log line before")
            })?;
        }
    }
    Ok(())
}

//! Sends records in batches.

mod partitioner;
mod queue;
mod sender;
mod settings;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::init_producer_id::InitProducerIdRequest;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use self::partitioner::{Counted, Spreader};
use self::queue::{Accepted, Identity, Room};
use self::sender::{Command, Sender};
use crate::Result;
use crate::admin::TopicPartition;
use crate::cluster::Cluster;
use crate::error::Error;

pub use partitioner::{fnv1a, murmur2, partition_of_fnv1a, partition_of_key};
pub use settings::{Acks, KeyHash, ProducerSettings, Spread};

/// How many records may wait for the task that makes batches of them.
const QUEUE: usize = 1024;
/// What a record takes in a batch beside its parts, at most.
const RECORD_OVERHEAD: usize = 32;

/// A record to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRecord {
    pub topic: Str,
    /// Without it the key says, or the record goes where others go.
    pub partition: Option<i32>,
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
    pub headers: Vec<(Bytes, Option<Bytes>)>,
    /// Milliseconds since 1970; now, without it.
    pub timestamp: Option<i64>,
}

impl NewRecord {
    fn size(&self) -> usize {
        let part = |it: &Option<Bytes>| it.as_ref().map_or(0, Bytes::len);
        let headers = self.headers.iter();
        let headers = headers.map(|(key, value)| key.len() + part(value) + RECORD_OVERHEAD);
        part(&self.key) + part(&self.value) + headers.sum::<usize>() + RECORD_OVERHEAD
    }
}

/// Records that have room, and were not handed over yet.
type Ready = Vec<(TopicPartition, Accepted)>;

/// Where a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    pub partition: i32,
    /// Not known without acknowledgement, and of a batch that was sent again and was there already.
    pub offset: Option<i64>,
    /// The record's time in milliseconds, or the broker's where the topic says so.
    pub timestamp: i64,
}

/// What becomes of a record: a future. Within a partition, records are told of in their order.
#[derive(Debug)]
pub struct Delivery(oneshot::Receiver<Result<Delivered>>);

impl Future for Delivery {
    type Output = Result<Delivered>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.0).poll(context);
        polled.map(|it| it.unwrap_or_else(|_| Err(is_closed())))
    }
}

/// Sends records in batches; all may use it at the same time.
///
/// An idempotent producer stops at the first batch that fails for good: what comes behind it fails
/// too, since a gap in the sequence cannot be told from a loss. Begin again with another one.
pub struct Producer {
    cluster: Arc<Cluster>,
    settings: ProducerSettings,
    spreader: Mutex<Spreader>,
    room: Arc<Semaphore>,
    records: Arc<Semaphore>,
    commands: mpsc::Sender<Command>,
}

impl Producer {
    /// Begins; an idempotent producer asks for its number.
    ///
    /// # Errors
    /// The settings contradict each other, or no broker gives a number.
    pub async fn start(cluster: Arc<Cluster>, settings: ProducerSettings) -> Result<Self> {
        settings.check()?;
        let identity = match settings.is_idempotent() {
            true => Some(cluster.retry(|| identity(&cluster)).await?),
            false => None,
        };
        let (commands, queue) = mpsc::channel(QUEUE);
        let sender = Sender::new(Arc::clone(&cluster), settings.clone(), identity);
        tokio::spawn(sender.run(queue));
        let room = settings.buffer_bytes.min(Semaphore::MAX_PERMITS);
        let records = settings.buffer_records.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self {
            cluster,
            spreader: Mutex::new(Spreader::new(settings.spread, settings.batch_size)),
            room: Arc::new(Semaphore::new(room)),
            records: Arc::new(Semaphore::new(records)),
            settings,
            commands,
        })
    }

    /// Hands a record over, and waits until there is room for it. What becomes of it is told by
    /// what is returned, which need not be waited for.
    ///
    /// Cancel safe: the record is handed over or it is not.
    ///
    /// # Errors
    /// The topic or the partition is not there, or the record is too large.
    pub async fn send(&self, record: NewRecord) -> Result<Delivery> {
        let mut ready = Vec::with_capacity(1);
        let delivery = self.accept(record, &mut ready).await?;
        self.hand_over(&mut ready).await?;
        Ok(delivery)
    }

    /// As [`send`](Self::send) for several records in their order, which are handed over together as far
    /// as there is room for them: they stand in as few batches as they fit into, also without `linger`.
    ///
    /// Not cancel safe: some may be handed over, and some not.
    pub async fn send_all(
        &self,
        records: impl IntoIterator<Item = NewRecord>,
    ) -> Vec<Result<Delivery>> {
        let mut ready = Vec::new();
        let mut deliveries = Vec::new();
        for record in records {
            deliveries.push(self.accept(record, &mut ready).await);
        }
        if let Err(error) = self.hand_over(&mut ready).await {
            deliveries = deliveries
                .into_iter()
                .map(|it| it.and(Err(error.clone())))
                .collect();
        }
        deliveries
    }

    /// Finds room and a partition for a record, which is ready then.
    async fn accept(&self, record: NewRecord, ready: &mut Ready) -> Result<Delivery> {
        let size = record.size();
        let largest = self.settings.max_record_bytes;
        if size > largest {
            let text = format!(
                "a record takes {size} bytes, where {largest} are allowed: send smaller ones"
            );
            return Err(Error::invalid(text).of(crate::cluster::subject(&record.topic)));
        }
        let places = self.cluster.places(&record.topic, true).await?;
        let place = self.permits(&self.records, 1, ready).await?;
        let (partition, counted) = self.partition(&record, size, places.count())?;
        let permits = size.min(self.settings.buffer_bytes).min(u32::MAX as usize);
        let room = self.permits(&self.room, permits as u32, ready).await?;
        let (answer, delivery) = oneshot::channel();
        let accepted = Accepted {
            timestamp: record.timestamp.unwrap_or_else(now),
            record,
            answer,
            room: Room {
                _bytes: room,
                _record: place,
                _counted: counted,
            },
        };
        ready.push((partition, accepted));
        Ok(Delivery(delivery))
    }

    /// Waits for permits; what is ready goes on its way first, as it may be what others wait for.
    async fn permits(
        &self,
        semaphore: &Arc<Semaphore>,
        count: u32,
        ready: &mut Ready,
    ) -> Result<OwnedSemaphorePermit> {
        if let Ok(permits) = Arc::clone(semaphore).try_acquire_many_owned(count) {
            return Ok(permits);
        }
        self.hand_over(ready).await?;
        let permits = Arc::clone(semaphore).acquire_many_owned(count).await;
        permits.map_err(|_| is_closed())
    }

    async fn hand_over(&self, ready: &mut Ready) -> Result<()> {
        if ready.is_empty() {
            return Ok(());
        }
        let command = Command::Records(std::mem::take(ready));
        self.commands.send(command).await.map_err(|_| is_closed())
    }

    /// The partition of a record, and what is to be kept as long as it is on its way there.
    fn partition(
        &self,
        record: &NewRecord,
        size: usize,
        count: usize,
    ) -> Result<(TopicPartition, Option<Counted>)> {
        let mut counted = None;
        let partition = match (record.partition, &record.key, self.settings.key_hash) {
            (Some(partition), _, _) => {
                let is_there = usize::try_from(partition).is_ok_and(|it| it < count);
                let text =
                    || format!("there is no partition {partition}: it has {count}, from 0 on");
                let error = || Error::invalid(text()).of(crate::cluster::subject(&record.topic));
                is_there.then_some(partition).ok_or_else(error)?
            }
            (None, Some(key), KeyHash::Murmur2) => partition_of_key(key, count),
            (None, Some(key), KeyHash::Fnv1a) => partition_of_fnv1a(key, count),
            (None, None, _) | (None, _, KeyHash::Ignored) => {
                let (partition, kept) = self.spreader.lock().next(&record.topic, size, count);
                counted = kept;
                partition
            }
        };
        let partition = TopicPartition {
            topic: record.topic.clone(),
            partition,
        };
        Ok((partition, counted))
    }

    /// Sends what there is without waiting for more, and waits until it is told what became of all
    /// records.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(Command::Flush(done)).await.is_ok() {
            // A task that ended has nothing left.
            let _ended = wait.await;
        }
    }
}

async fn identity(cluster: &Cluster) -> Result<Identity> {
    let connection = cluster.any().await?;
    let request = InitProducerIdRequest {
        transactional_id: None,
        // No transactions: Kafka's producers say the largest time too.
        transaction_timeout_ms: i32::MAX,
        producer_id: -1,
        producer_epoch: -1,
    };
    let response = connection.call(&request).await?;
    Error::check(response.error_code, None)
        .map_err(|error| connection.explain::<InitProducerIdRequest>(error))?;
    Ok(Identity {
        id: response.producer_id,
        epoch: response.producer_epoch,
    })
}

fn is_closed() -> Error {
    Error::invalid("the producer has stopped")
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX))
}

//! The topic that the rows of a buffer are in.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt};
use millrace_component::{BuildContext, Flow, Identity};
use millrace_durable_buffer::codec::count_in;
use millrace_durable_buffer::{Rest, Row, Stock, Store};
use millrace_kafka_client::{
    Cluster, Delivery, Error as KafkaError, ErrorCode, NewRecord, NewTopic, Producer,
    ProducerSettings, Settings, TopicPartition,
};
use millrace_message::Error;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::foreign::Foreign;
use super::reading::Reading;
use super::rows::{Amount, Rows};

/// The largest record: a batch of the input, encoded.
pub const RECORD_BYTES: usize = 64 << 20;
/// What Kafka's format adds to a record, at most.
pub const RECORD_OVERHEAD: usize = 4096;
/// Records that were delivered take up to so many bytes on disk; a batch has to fit into it.
const SEGMENT_BYTES: usize = RECORD_BYTES + (8 << 20);
/// How often it is committed what was delivered.
const COMMIT_PERIOD: Duration = Duration::from_secs(1);
/// How long the last commit may take.
const LAST_COMMIT: Duration = Duration::from_secs(2);
/// How often it is looked at what others have written, and how long that may take at the end.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

/// A topic of one partition.
pub struct TopicStore {
    settings: Settings,
    identity: Arc<Identity>,
    flow: Flow,
    foreign: Arc<Foreign>,
    topic: String,
    open: Option<Open>,
}

/// What an open store has.
struct Open {
    rows: Arc<Mutex<Rows>>,
    commands: mpsc::UnboundedSender<Storing>,
    worker: JoinHandle<()>,
    reading: Arc<tokio::sync::Mutex<Reading>>,
    _looking: AbortOnDropHandle<()>,
}

/// A row that is to be stored.
struct Storing {
    content: Bytes,
    answer: oneshot::Sender<Result<i64, Error>>,
}

impl TopicStore {
    pub fn new(settings: Settings, topic: &str, cx: &BuildContext) -> Self {
        Self {
            settings,
            identity: Arc::clone(cx.identity()),
            flow: cx.flow().clone(),
            foreign: Arc::new(Foreign::new(topic, cx)),
            topic: topic.to_owned(),
            open: None,
        }
    }

    async fn try_open(&self) -> Result<(Rows, Reading, Writing), KafkaError> {
        let cluster = Cluster::connect(self.settings.clone()).await?;
        create(&cluster, &self.topic).await?;
        let partition = TopicPartition::new(&self.topic, 0);
        let foreign = Arc::clone(&self.foreign);
        let mut reading = Reading::new(Arc::clone(&cluster), partition.clone(), foreign);
        let rows = reading.look(&self.topic).await?;
        // From now on the lag of the group tells what is left.
        let begin = HashMap::from([(partition.clone(), rows.done())]);
        cluster.commit_for(&self.topic, &begin).await?;
        let writing = Writing {
            committed: rows.done(),
            refused: None,
            identity: Arc::clone(&self.identity),
            flow: self.flow.clone(),
            cluster,
            partition,
            producer: None,
            total: rows.total(),
        };
        Ok((rows, reading, writing))
    }
}

/// Makes the topic, unless it is there.
async fn create(cluster: &Cluster, topic: &str) -> Result<(), KafkaError> {
    let config = |name: &str, value: String| (name.to_owned(), value);
    let topic = NewTopic {
        name: topic.to_owned(),
        partitions: Some(1),
        replication_factor: None,
        configs: vec![
            config("cleanup.policy", "delete".to_owned()),
            config("retention.ms", "-1".to_owned()),
            config("retention.bytes", "-1".to_owned()),
            config("segment.bytes", SEGMENT_BYTES.to_string()),
            config(
                "max.message.bytes",
                (RECORD_BYTES + RECORD_OVERHEAD).to_string(),
            ),
        ],
    };
    match cluster.create_topic(&topic, false).await {
        Err(error) if error.code() != Some(ErrorCode::TopicAlreadyExists) => Err(error),
        _ => Ok(()),
    }
}

#[async_trait]
impl Store for TopicStore {
    async fn open(&mut self) -> Result<Stock, Error> {
        let opened = self.try_open().await;
        let (rows, reading, writing) = opened.map_err(|error| Error::fatal(error.to_string()))?;
        let stock = Stock {
            last: rows.last(),
            bytes: rows.left().bytes,
        };
        let rows = Arc::new(Mutex::new(rows));
        let (commands, queue) = mpsc::unbounded_channel();
        let reading = Arc::new(tokio::sync::Mutex::new(reading));
        let looking = tokio::spawn(look(Arc::clone(&reading), Arc::clone(&rows)));
        self.open = Some(Open {
            worker: tokio::spawn(writing.run(queue, Arc::clone(&rows))),
            rows,
            commands,
            reading,
            _looking: AbortOnDropHandle::new(looking),
        });
        Ok(stock)
    }

    fn store(&self, content: Vec<u8>) -> BoxFuture<'static, Result<i64, Error>> {
        let (answer, answered) = oneshot::channel();
        let content = content.into();
        if let Some(open) = &self.open {
            // Without the worker the answer is dropped, which is an error to who waits for it.
            let _sent = open.commands.send(Storing { content, answer });
        }
        async move { answered.await.unwrap_or_else(|_| Err(closed())) }.boxed()
    }

    fn delete(&self, id: i64) {
        if let Some(open) = &self.open {
            open.rows.lock().deliver(id);
        }
    }

    fn load(&self, after: i64, bytes_max: usize) -> BoxFuture<'static, Result<Vec<Row>, Error>> {
        let Some(open) = &self.open else {
            return std::future::ready(Err(closed())).boxed();
        };
        let (reading, rows) = (Arc::clone(&open.reading), Arc::clone(&open.rows));
        async move {
            let loaded = reading.lock().await.load(after, bytes_max, &rows).await;
            loaded.map_err(|error| Error::retry(format!("read the buffer: {error}")))
        }
        .boxed()
    }

    fn pass_over(&self, id: i64) -> bool {
        self.foreign.drop_record(id - 1);
        self.delete(id);
        true
    }

    async fn close(self) -> Option<Rest> {
        let Open {
            rows,
            commands,
            worker,
            reading,
            ..
        } = self.open?;
        let look = async { reading.lock().await.look_at_unseen(&rows).await };
        if timeout(LOOK_PERIOD, look).await.is_err() {
            let text = "the log does not answer: the next start looks at what others have written";
            self.identity.log_warning(text);
        }
        drop(commands);
        if let Err(panic) = worker.await {
            std::panic::resume_unwind(panic.into_panic());
        }
        let left = rows.lock().left();
        Some(Rest {
            messages: left.messages,
            bytes: left.bytes,
        })
    }
}

/// Looks now and then at what others have written while the buffer runs.
async fn look(reading: Arc<tokio::sync::Mutex<Reading>>, rows: Arc<Mutex<Rows>>) {
    loop {
        tokio::time::sleep(LOOK_PERIOD).await;
        if rows.lock().first_unseen().is_some() {
            reading.lock().await.look_at_unseen(&rows).await;
        }
    }
}

fn closed() -> Error {
    Error::retry("the log buffer is closed")
}

/// Writes rows, and commits how far they were delivered.
struct Writing {
    identity: Arc<Identity>,
    flow: Flow,
    cluster: Arc<Cluster>,
    partition: TopicPartition,
    /// None before the first row, and after one that failed.
    producer: Option<Producer>,
    /// What was ever stored.
    total: Amount,
    committed: i64,
    /// Why nothing is stored any more.
    refused: Option<Error>,
}

/// A row on its way to the disk.
struct UnderWay {
    delivered: Result<i64, Error>,
    amount: Amount,
    answer: oneshot::Sender<Result<i64, Error>>,
}

impl Writing {
    /// Works until nothing more can be asked for.
    async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Storing>, rows: Arc<Mutex<Rows>>) {
        let mut under_way = FuturesOrdered::new();
        let mut next_commit = Instant::now() + COMMIT_PERIOD;
        let mut is_open = true;
        let flow = self.flow.clone();
        let mut given_up = pin!(flow.writes_given_up());
        while is_open || !under_way.is_empty() {
            tokio::select! {
                biased;
                Some(done) = under_way.next(), if !under_way.is_empty() => {
                    self.answer(done, &rows);
                }
                storing = queue.recv(), if is_open => match storing {
                    Some(storing) => under_way.push_back(self.store(storing).await),
                    None => is_open = false,
                },
                () = tokio::time::sleep_until(next_commit) => {
                    self.commit(&rows).await;
                    next_commit = Instant::now() + COMMIT_PERIOD;
                }
                // Who waits for a row that is dropped hears that it is not stored.
                () = &mut given_up => break,
            }
        }
        drop((under_way, queue));
        if timeout(LAST_COMMIT, self.commit(&rows)).await.is_err() {
            let text = "it is not committed what was delivered: the next start delivers it again";
            self.identity.log_warning(text);
        }
    }

    /// Hands a row to the producer.
    async fn store(&mut self, storing: Storing) -> BoxFuture<'static, UnderWay> {
        let Storing { content, answer } = storing;
        if let Some(error) = &self.refused {
            let delivered = Err(error.clone());
            let amount = self.total;
            return std::future::ready(UnderWay {
                delivered,
                amount,
                answer,
            })
            .boxed();
        }
        let before = self.total;
        let amount = before.and(content.len(), count_in(&content).unwrap_or(0));
        self.total = amount;
        let sent = self.send(before, content).await;
        async move {
            let delivered = match sent {
                Ok(delivery) => delivery.await,
                Err(error) => Err(error),
            };
            let delivered = delivered
                .map_err(|error| Error::retry(format!("store in the buffer: {error}")))
                .and_then(|it| {
                    let unknown = || Error::retry("the log does not say where the message is");
                    it.offset.ok_or_else(unknown)
                });
            UnderWay {
                delivered: delivered.map(|offset| offset + 1),
                amount,
                answer,
            }
        }
        .boxed()
    }

    async fn send(&mut self, before: Amount, content: Bytes) -> Result<Delivery, KafkaError> {
        let producer = match &mut self.producer {
            Some(producer) => producer,
            none => {
                let settings = ProducerSettings {
                    // What waits for the disk makes a batch by itself.
                    linger: Duration::ZERO,
                    batch_size: 256 << 10,
                    max_record_bytes: RECORD_BYTES,
                    ..ProducerSettings::default()
                };
                none.insert(Producer::start(Arc::clone(&self.cluster), settings).await?)
            }
        };
        let record = NewRecord {
            topic: self.partition.topic.clone(),
            partition: Some(0),
            key: Some(Bytes::copy_from_slice(&before.to_key())),
            value: Some(content),
            ..NewRecord::default()
        };
        producer.send(record).await
    }

    fn answer(&mut self, mut done: UnderWay, rows: &Mutex<Rows>) {
        if done
            .delivered
            .as_ref()
            .is_ok_and(|id| *id <= rows.lock().last())
        {
            // What this buffer knows is of another topic of the same name. The row is delivered at the
            // next start, and its input sends it again.
            let topic = &self.partition.topic;
            let error = Error::retry(format!(
                "topic `{topic}` was deleted while the buffer used it: start the stream anew"
            ));
            self.refused = Some(error.clone());
            done.delivered = Err(error);
        }
        match &done.delivered {
            Ok(id) => rows.lock().stored(*id, done.amount),
            Err(error) => {
                self.identity.log_error(error);
                // A producer that failed once takes nothing more.
                self.producer = None;
            }
        }
        // Who does not wait any more has given the message back.
        let _answered = done.answer.send(done.delivered);
    }

    /// Commits how far everything was delivered, and deletes the records before that.
    async fn commit(&mut self, rows: &Mutex<Rows>) {
        let done = rows.lock().done();
        if done == self.committed || self.refused.is_some() {
            return;
        }
        let before = HashMap::from([(self.partition.clone(), done)]);
        let group = &*self.partition.topic;
        let commit = async {
            self.cluster.commit_for(group, &before).await?;
            self.cluster.delete_records(&before).await
        };
        match commit.await {
            Ok(()) => self.committed = done,
            Err(error) => self.identity.log_warning(format_args!(
                "it is not committed what was delivered, the next commit is tried: {error}"
            )),
        }
    }
}

//! Writes messages as records: what an output is.

mod creation;
mod retries;

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{BatchPolicy, BuiltOutput, LeafOutput, Output, OutputPart, WriteError};
use millrace_kafka_client::{Cluster, NewRecord, Producer, ProducerSettings};
use millrace_message::{Error, ErrorClass, MessageBatch};
use parking_lot::Mutex;

use crate::client::Client;
use crate::failure::{not_connected, not_reached, not_written};
use crate::record::Shape;
use creation::Created;

pub use creation::Creation;
pub use retries::Retries;

/// What is written, and how.
pub struct WriterConfig {
    pub client: Client,
    pub producer: ProducerSettings,
    pub shape: Shape,
    /// How a write tries again by itself; without it the engine does.
    pub retries: Option<Retries>,
    /// How topics are made that are not there; without it the brokers make them, or not.
    pub creation: Option<Creation>,
}

impl WriterConfig {
    /// The output, which writes so many batches at a time.
    pub fn leaf(self, max_in_flight: usize, batching: &BatchPolicy) -> OutputPart {
        OutputPart::Leaf(LeafOutput {
            output: BuiltOutput::Async(Arc::new(Writer::new(self))),
            max_in_flight: max_in_flight.max(1),
            connect_timeout: None,
            batching: (!batching.is_noop()).then(|| batching.clone()),
        })
    }
}

/// Writes messages; a write returns when the brokers have acknowledged its records.
struct Writer {
    config: WriterConfig,
    current: Mutex<Option<Arc<Link>>>,
    /// Who connects again; others wait for it.
    connecting: tokio::sync::Mutex<()>,
    created: Created,
}

/// A connection to a cluster.
struct Link {
    cluster: Arc<Cluster>,
    producer: Producer,
}

/// So many writes at the same time may each have a message that can never be written.
const BESIDE: usize = 64;

/// Messages that were not written, by their places in the batch.
type Failed = Vec<(usize, Error)>;

impl Writer {
    fn new(config: WriterConfig) -> Self {
        Self {
            config,
            current: Mutex::new(None),
            connecting: tokio::sync::Mutex::default(),
            created: Created::default(),
        }
    }

    fn current(&self) -> Option<Arc<Link>> {
        self.current.lock().clone()
    }

    async fn open(&self) -> Result<Arc<Link>, Error> {
        let cluster = self.config.client.connect().await?;
        let settings = self.config.producer.clone();
        let producer = Producer::start(Arc::clone(&cluster), settings).await;
        let producer = producer.map_err(|error| not_connected(&error))?;
        let link = Arc::new(Link { cluster, producer });
        *self.current.lock() = Some(Arc::clone(&link));
        Ok(link)
    }

    /// The connection, opened again if it was lost.
    async fn reopened(&self) -> Result<Arc<Link>, Error> {
        let _turn = self.connecting.lock().await;
        match self.current() {
            Some(link) => Ok(link),
            None => self.open().await,
        }
    }

    /// Writes these messages of a batch, in their order. One that can never be written fails alone: an
    /// idempotent producer writes nothing behind it, so that another one does.
    async fn write_once(&self, link: &Arc<Link>, batch: &MessageBatch, wanted: &[usize]) -> Failed {
        let (mut failed, mut behind) = self.write_with(link, batch, wanted).await;
        // Each time at least one has failed for good, here or in a write beside this one.
        for _ in 0..=batch.len() + BESIDE {
            // What may pass comes again: what is behind it has to wait for it.
            let waits = failed.iter().any(|(_, error)| may_pass(error));
            if behind.is_empty() || waits {
                break;
            }
            let link = match self.reopened().await {
                Ok(link) => link,
                Err(error) => {
                    let error = Error::retry(error.text());
                    failed.extend(behind.drain(..).map(|(index, _)| (index, error.clone())));
                    break;
                }
            };
            let wanted: Vec<usize> = behind.iter().map(|(index, _)| *index).collect();
            let (more, rest) = self.write_with(&link, batch, &wanted).await;
            failed.extend(more);
            behind = rest;
        }
        failed.extend(behind);
        failed
    }

    /// Writes these messages with the producer of a link; those that failed, and those that did because
    /// one before them has.
    async fn write_with(
        &self,
        link: &Arc<Link>,
        batch: &MessageBatch,
        wanted: &[usize],
    ) -> (Failed, Failed) {
        let mut records = Vec::with_capacity(wanted.len());
        let (mut failed, mut behind) = (Failed::new(), Failed::new());
        for index in wanted {
            match self.record(link, batch, *index).await {
                Ok(record) => records.push((*index, record)),
                Err(error) => failed.push((*index, error)),
            }
        }
        let (indices, records): (Vec<_>, Vec<_>) = records.into_iter().unzip();
        // Together, so that a batch stays one as far as it can.
        let deliveries = link.producer.send_all(records).await;
        let mut is_broken = false;
        for (index, delivery) in indices.into_iter().zip(deliveries) {
            let delivery = match delivery {
                Ok(delivery) => delivery,
                Err(error) => {
                    failed.push((index, not_written(&error)));
                    continue;
                }
            };
            if let Err(error) = delivery.await {
                is_broken |= error.is_lost() || self.config.producer.is_idempotent();
                let list = match error.is_behind() {
                    true => &mut behind,
                    false => &mut failed,
                };
                list.push((index, not_written(&error)));
            }
        }
        if is_broken {
            self.discard(link);
        }
        (failed, behind)
    }

    /// The record of a message, whose topic is there.
    async fn record(
        &self,
        link: &Link,
        batch: &MessageBatch,
        index: usize,
    ) -> Result<NewRecord, Error> {
        let record = self.config.shape.record(batch, index)?;
        if let Some(creation) = &self.config.creation {
            let made = self.created.see_to(creation, &link.cluster, &record.topic);
            made.await.map_err(|error| not_written(&error))?;
        }
        Ok(record)
    }

    /// An idempotent producer that failed once takes nothing more, and a connection that was lost may
    /// stay so: the next write connects again.
    fn discard(&self, link: &Arc<Link>) {
        let mut current = self.current.lock();
        if current.as_ref().is_some_and(|it| Arc::ptr_eq(it, link)) {
            *current = None;
        }
    }

    /// Writes a batch as often as the settings say.
    async fn write_often(
        &self,
        retries: &Retries,
        first: Arc<Link>,
        batch: &MessageBatch,
    ) -> Failed {
        let mut tries = retries.begin();
        let all: Vec<usize> = (0..batch.len()).collect();
        let mut wanted = all.clone();
        let mut refused = Failed::new();
        let mut link = Ok(first);
        loop {
            let failed = match &link {
                Ok(link) => self.write_once(link, batch, &wanted).await,
                Err(error) => wanted.iter().map(|it| (*it, Error::clone(error))).collect(),
            };
            let (again, given_up) = failed.into_iter().partition(|(_, it)| may_pass(it));
            let again: Failed = again;
            refused.extend::<Failed>(given_up);
            if again.is_empty() {
                return refused;
            }
            let Some(pause) = tries.next_pause() else {
                refused.extend(again);
                return refused;
            };
            let (count, error) = (again.len(), &again[0].1);
            tracing::warn!(count, %error, "messages were not written, they are sent again");
            tokio::time::sleep(pause).await;
            let is_refused = |index: &usize| refused.iter().any(|(it, _)| it == index);
            wanted = match retries.as_batch {
                true => all.iter().copied().filter(|it| !is_refused(it)).collect(),
                false => again.into_iter().map(|(index, _)| index).collect(),
            };
            let reopened = self.reopened().await;
            link = reopened.map_err(|error| Error::retry(error.text()));
        }
    }
}

/// Whether writing it again may help.
fn may_pass(error: &Error) -> bool {
    error.class() == ErrorClass::Retry
}

#[async_trait]
impl Output for Writer {
    async fn connect(&self) -> Result<(), Error> {
        // What waits in the producer is written in its order when the broker is back: another one
        // would overtake it.
        if let Some(link) = self.current() {
            match link.cluster.any().await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_lost() => return Err(not_reached(&error)),
                Err(_) => self.discard(&link),
            }
        }
        self.open().await.map(drop)
    }

    async fn lost(&self) {
        if let Some(link) = self.current() {
            link.cluster.lost().await;
        }
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let Some(link) = self.current() else {
            return Err(Error::not_connected("not connected").into());
        };
        let mut failed = match &self.config.retries {
            Some(retries) => self.write_often(retries, link, batch).await,
            None => {
                let all: Vec<usize> = (0..batch.len()).collect();
                self.write_once(&link, batch, &all).await
            }
        };
        if failed.is_empty() {
            return Ok(());
        }
        failed.sort_by_key(|(index, _)| *index);
        Err(WriteError::some(failed))
    }

    async fn close(&self) -> Result<(), Error> {
        // Every write has returned: what is still on its way was given up, and may take minutes.
        *self.current.lock() = None;
        Ok(())
    }
}

//! Writes messages as records: what an output is.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{Output, WriteError};
use millrace_kafka_client::{Cluster, Delivery, Producer, ProducerSettings, Settings};
use millrace_message::{Error, MessageBatch};
use parking_lot::Mutex;

use crate::failure::{not_connected, not_written};
use crate::record::Shape;

/// Writes messages; a write returns when the brokers have acknowledged its records.
pub struct Writer {
    client: Settings,
    producer: ProducerSettings,
    shape: Shape,
    current: Mutex<Option<Arc<Producer>>>,
}

impl Writer {
    pub fn new(client: Settings, producer: ProducerSettings, shape: Shape) -> Self {
        Self {
            client,
            producer,
            shape,
            current: Mutex::new(None),
        }
    }

    /// Hands all messages over, in their order.
    async fn send(&self, producer: &Producer, batch: &MessageBatch) -> Sent {
        let mut sent = Sent::default();
        for index in 0..batch.len() {
            let record = match self.shape.record(batch, index) {
                Ok(record) => record,
                Err(error) => {
                    sent.failed.push((index, error));
                    continue;
                }
            };
            match producer.send(record).await {
                Ok(delivery) => sent.waiting.push((index, delivery)),
                Err(error) => sent.failed.push((index, not_written(&error))),
            }
        }
        sent
    }

    /// A producer that failed once takes nothing more: the next write connects again.
    fn discard(&self, producer: &Arc<Producer>) {
        let mut current = self.current.lock();
        if current.as_ref().is_some_and(|it| Arc::ptr_eq(it, producer)) {
            *current = None;
        }
    }
}

/// What became of the messages of a batch.
#[derive(Default)]
struct Sent {
    waiting: Vec<(usize, Delivery)>,
    failed: Vec<(usize, Error)>,
}

#[async_trait]
impl Output for Writer {
    async fn connect(&self) -> Result<(), Error> {
        let connect = async {
            let cluster = Cluster::connect(self.client.clone()).await?;
            Producer::start(cluster, self.producer.clone()).await
        };
        let producer = connect.await.map_err(|error| not_connected(&error))?;
        *self.current.lock() = Some(Arc::new(producer));
        Ok(())
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let Some(producer) = self.current.lock().clone() else {
            return Err(Error::not_connected("not connected").into());
        };
        let Sent {
            waiting,
            mut failed,
        } = self.send(&producer, batch).await;
        let mut is_broken = false;
        for (index, delivery) in waiting {
            if let Err(error) = delivery.await {
                is_broken = true;
                failed.push((index, not_written(&error)));
            }
        }
        if is_broken {
            self.discard(&producer);
        }
        if failed.is_empty() {
            return Ok(());
        }
        failed.sort_by_key(|(index, _)| *index);
        Err(WriteError::some(failed))
    }

    async fn close(&self) -> Result<(), Error> {
        let producer = self.current.lock().take();
        if let Some(producer) = producer {
            producer.flush().await;
        }
        Ok(())
    }
}

//! A connection to the broker of the machine.

use std::sync::Arc;

use bytes::Bytes;
use millrace_broker::Broker;
use millrace_kafka_wire::{Request, read_response, write_request};
use millrace_log::files::sim::Simulated;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// The broker is gone, or its machine is: nothing that comes after that counts.
#[derive(Debug)]
pub struct Gone;

/// A connection of its own.
pub struct Link {
    stream: DuplexStream,
    disk: Simulated,
    next: i32,
}

impl Link {
    pub fn open(broker: &Arc<Broker>, disk: &Simulated) -> Self {
        Self {
            stream: broker.connect(),
            disk: disk.clone(),
            next: 0,
        }
    }

    /// Sends a request and does not wait.
    pub async fn send<R: Request>(&mut self, version: i16, request: &R) -> Result<(), Gone> {
        self.next += 1;
        let frame = write_request(version, self.next, Some("simulated".into()), request);
        let frame = frame.expect("the version can say it").into_bytes();
        self.stream.write_all(&frame).await.map_err(|_| Gone)
    }

    /// The answer to the first request that has none.
    pub async fn receive<R: Request>(&mut self, version: i16) -> Result<R::Response, Gone> {
        let size = self.stream.read_u32().await.map_err(|_| Gone)?;
        let mut frame = vec![0; size as usize];
        self.stream.read_exact(&mut frame).await.map_err(|_| Gone)?;
        if self.disk.is_cut() {
            return Err(Gone);
        }
        let response = read_response::<R>(Bytes::from(frame), version);
        Ok(response.expect("the broker writes what it means").1)
    }

    pub async fn ask<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<R::Response, Gone> {
        self.send(version, request).await?;
        self.receive::<R>(version).await
    }
}

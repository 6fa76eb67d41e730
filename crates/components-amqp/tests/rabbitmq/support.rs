//! What these tests share: reading one delivery, settling it, and looking into queues.

use std::sync::Arc;
use std::time::Duration;

use millrace_component::conformance::Workbench;
use millrace_component::{Ack, Input, Output, WriteError};
use millrace_message::{Error, Message, MessageBatch, Outcome};
use millrace_testkit::poll::PATIENCE;
use millrace_testkit::rabbitmq::Vhost;
use smallvec::smallvec;

/// A workbench with the components of this crate.
pub fn workbench() -> Workbench {
    Workbench::new([
        millrace_components_amqp::INPUTS,
        millrace_components_amqp::OUTPUTS,
    ])
}

/// A message that was read and not settled.
pub struct Read {
    pub message: Message,
    ack: Ack,
}

impl Read {
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.message.bytes()).unwrap()
    }

    pub fn meta(&self, name: &str) -> String {
        let value = self.message.metadata.get(name);
        value.map_or_else(String::new, |it| it.to_text().as_str().to_owned())
    }

    pub fn settle(self, outcome: Outcome) {
        match self.ack {
            Ack::Call(call) => call(smallvec![outcome]),
            Ack::None => {}
        }
    }

    pub fn ack(self) {
        self.settle(Outcome::Delivered);
    }

    pub fn fail(self, reason: &str) {
        self.settle(Outcome::Failed(Error::retry(reason)));
    }
}

/// Reads one message.
pub async fn read(input: &mut Box<dyn Input>) -> Read {
    let incoming = tokio::time::timeout(PATIENCE, input.read()).await;
    let incoming = incoming.expect("a message in time").expect("a message");
    let message = incoming.batch.into_iter().next().expect("one message");
    Read {
        message,
        ack: incoming.ack,
    }
}

/// Reads `count` messages.
pub async fn read_many(input: &mut Box<dyn Input>, count: usize) -> Vec<Read> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(read(input).await);
    }
    all
}

/// Connects, trying again for as long as a server may take to come up.
pub async fn connect_input(input: &mut Box<dyn Input>) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while let Err(error) = input.connect().await {
        assert!(tokio::time::Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As [`connect_input`].
pub async fn connect_output(output: &Arc<dyn Output>) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while let Err(error) = output.connect().await {
        assert!(tokio::time::Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A batch of these payloads, each with a metadata entry `key`.
pub fn keyed<'a>(messages: impl IntoIterator<Item = (&'a str, &'a str)>) -> MessageBatch {
    let mut batch = MessageBatch::new();
    for (payload, key) in messages {
        let mut message = Message::from(payload);
        message.metadata.set("key", key);
        batch.push(message);
    }
    batch
}

/// A batch of these payloads.
pub fn batch<'a>(payloads: impl IntoIterator<Item = &'a str>) -> MessageBatch {
    let mut batch = MessageBatch::new();
    for payload in payloads {
        batch.push(Message::from(payload));
    }
    batch
}

/// Which messages of a write failed, and why.
pub fn failures(result: Result<(), WriteError>, messages: usize) -> Vec<(usize, String)> {
    let Err(error) = result else {
        return Vec::new();
    };
    let outcomes = error.into_outcomes(messages);
    (0..messages)
        .filter_map(|index| Some((index, outcomes.get(index).error()?.to_string())))
        .collect()
}

/// Takes everything that the queue holds: the payloads.
pub fn drain(vhost: &Vhost, queue: &str) -> Vec<String> {
    let taken = vhost.take(queue, 100_000).unwrap();
    let text = |it: &serde_json::Value| it["payload"].as_str().unwrap().to_owned();
    taken.iter().map(text).collect()
}

/// Publishes `count` messages named `0`, `1`, …
pub async fn fill(vhost: &Vhost, queue: &str, count: usize) {
    let yaml = format!("amqp: {{ url: '{}', target: '{queue}' }}", vhost.url());
    let output = workbench().output(&yaml);
    connect_output(&output).await;
    let names: Vec<_> = (0..count).map(|it| it.to_string()).collect();
    output
        .write(&batch(names.iter().map(String::as_str)))
        .await
        .unwrap();
    output.close().await.unwrap();
}

//! The `redis_list` output.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{
    BatchPolicy, BuildContext, BuiltOutput, Descriptor, Interpolated, LeafOutput, Output,
    OutputConfig, OutputPart, WriteError,
};
use millrace_message::{Error, ErrorClass, MessageBatch};
use millrace_spec::Spec;
use parking_lot::Mutex;
use redis::{Pipeline, RedisError};

use crate::client::{ClientFields, Link, Redis};
use crate::failure;

/// Pushes messages onto the end of a Redis list, which is created when it does not exist.
///
/// A write returns when Redis has answered, so what is acknowledged is as durable as Redis is:
/// with `appendfsync always` it is on disk. The messages of a batch for one key are pushed by one
/// command, in order. After a lost connection, messages whose answer was not received are pushed
/// again.
#[derive(Clone, Debug, Spec)]
#[spec(output = "redis_list", status = "stable", category = "Services")]
pub struct Config {
    #[spec(flatten)]
    client: ClientFields,
    /// The key of the list.
    #[spec(example = "some_list", example = "${! this.doc.id }")]
    key: Interpolated,
    /// How many batches are written at a time; more than one may change the order.
    #[spec(default = 64)]
    max_in_flight: usize,
    /// How messages are collected into batches.
    batching: BatchPolicy,
    /// Which end of the list messages are pushed onto.
    #[spec(default = "rpush", advanced)]
    command: Command,
    /// How long a write waits for the connection before it fails; 0 for ever, unset for the
    /// default of the place where the output stands.
    #[spec(advanced)]
    connect_timeout: Option<millrace_spec::Duration>,
}

/// Which end of the list messages are pushed onto.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum Command {
    /// The right end, the last one.
    Rpush,
    /// The left end, the first one.
    Lpush,
}

/// How often Redis is asked whether it is there: its client tells of a lost connection only with
/// the next command.
const LOOK: Duration = Duration::from_secs(1);

impl OutputConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<OutputPart, Error> {
        let output = RedisList {
            redis: self.client.redis()?,
            key: self.key.clone(),
            command: match self.command {
                Command::Rpush => "RPUSH",
                Command::Lpush => "LPUSH",
            },
            link: Mutex::new(None),
        };
        Ok(OutputPart::Leaf(LeafOutput {
            output: BuiltOutput::Async(Arc::new(output)),
            max_in_flight: self.max_in_flight.max(1),
            connect_timeout: self
                .connect_timeout
                .as_ref()
                .map(millrace_spec::Duration::get),
            batching: (!self.batching.is_noop()).then(|| self.batching.clone()),
        }))
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct RedisList {
    redis: Arc<Redis>,
    key: Interpolated,
    command: &'static str,
    link: Mutex<Option<Link>>,
}

/// The messages of a batch that go onto one list.
struct Group<'a> {
    key: Cow<'a, str>,
    indices: Vec<usize>,
}

impl RedisList {
    /// The messages by key, and those whose key cannot be evaluated.
    fn groups(&self, batch: &MessageBatch) -> (Vec<Group<'_>>, Vec<(usize, Error)>) {
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut failed = Vec::new();
        for index in 0..batch.len() {
            let key = match self.key.resolve(batch, index) {
                Ok(key) => key,
                Err(error) => {
                    failed.push((index, error.context("key")));
                    continue;
                }
            };
            match groups.iter_mut().find(|group| group.key == key) {
                Some(group) => group.indices.push(index),
                None => groups.push(Group {
                    key,
                    indices: vec![index],
                }),
            }
        }
        (groups, failed)
    }

    /// Pushes every group; one result for each.
    async fn push(
        &self,
        link: &mut Link,
        groups: &[Group<'_>],
        batch: &MessageBatch,
    ) -> Result<Vec<Result<u64, RedisError>>, RedisError> {
        let mut pipeline = Pipeline::with_capacity(groups.len());
        pipeline.ignore_errors();
        for group in groups {
            let command = pipeline.cmd(self.command).arg(&*group.key);
            for index in &group.indices {
                command.arg(&batch[*index].bytes()[..]);
            }
        }
        pipeline.query_async(link).await
    }
}

impl RedisList {
    /// The engine writes a whole batch again after `NotConnected`: it hears of that only when no
    /// message was pushed, else the next write does.
    fn report(&self, mut failed: Vec<(usize, Error)>, count: usize) -> Result<(), WriteError> {
        if failed.is_empty() {
            return Ok(());
        }
        let is_lost = |error: &Error| error.class() == ErrorClass::NotConnected;
        if failed.len() == count && failed.iter().all(|(_, error)| is_lost(error)) {
            return Err(WriteError::all(failed.swap_remove(0).1));
        }
        for (_, error) in &mut failed {
            if is_lost(error) {
                *self.link.lock() = None;
                *error = Error::retry(error.text());
            }
        }
        failed.sort_by_key(|(index, _)| *index);
        Err(WriteError::some(failed))
    }
}

#[async_trait]
impl Output for RedisList {
    async fn connect(&self) -> Result<(), Error> {
        let mut link = self.redis.connect(Duration::ZERO).await?;
        let pong = redis::cmd("PING").query_async::<()>(&mut link).await;
        pong.map_err(|error| failure::describe(&format!("ask {}", self.redis.place()), &error))?;
        *self.link.lock() = Some(link);
        Ok(())
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let link = self.link.lock().clone();
        let Some(mut link) = link else {
            return Err(Error::not_connected("not connected").into());
        };
        let (groups, mut failed) = self.groups(batch);
        if !groups.is_empty() {
            let pushed = self.push(&mut link, &groups, batch).await;
            let pushed = pushed.map_err(|error| failure::describe("push", &error))?;
            for (group, pushed) in groups.iter().zip(pushed) {
                if let Err(error) = pushed {
                    let error = failure::describe(&format!("push onto `{}`", group.key), &error);
                    failed.extend(group.indices.iter().map(|index| (*index, error.clone())));
                }
            }
        }
        self.report(failed, batch.len())
    }

    async fn lost(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let link = self.link.lock().clone();
            let Some(mut link) = link else {
                return;
            };
            let pong = redis::cmd("PING").query_async::<()>(&mut link).await;
            if pong.is_err_and(|error| failure::is_connection(&error)) {
                return;
            }
        }
    }

    async fn close(&self) -> Result<(), Error> {
        *self.link.lock() = None;
        Ok(())
    }
}

//! The `cache` processor.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_component::{
    Added, BuildContext, BuiltCache, BuiltProcessor, CacheRef, Descriptor, Identity, Interpolated,
    ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch, Value};
use millrace_spec::Spec;

use super::composite::{InPlace, built_leaf};

/// Reads or writes a cache for each message.
///
/// `set` stores `value` under `key`; `add` does so unless the key is there, which fails with `key
/// already exists`; `get` replaces the payload by the stored value and fails when there is none;
/// `exists` replaces the payload by a boolean; `delete` removes the key, which need not be there.
/// A failure sets the error flag of the message and leaves its payload as it was.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "cache", category = "Integration")]
pub struct Config {
    /// The cache to work on.
    resource: CacheRef,
    /// What to do with it.
    operator: Operator,
    /// The key.
    #[spec(example = "${! this.id }")]
    key: Interpolated,
    /// The value to store.
    value: Option<Interpolated>,
    /// How long the value is kept, such as `60s`; by default what the cache is configured for.
    #[spec(advanced, example = "60s", example = "5m", example = "36h")]
    ttl: Option<Interpolated>,
}

/// An operation of a cache.
#[derive(Clone, Copy, Debug, Spec)]
enum Operator {
    /// Stores a value.
    Set,
    /// Stores a value unless the key is there.
    Add,
    /// Reads a value.
    Get,
    /// Asks whether the key is there.
    Exists,
    /// Removes a key.
    Delete,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(built_leaf(UseCache {
            cache: cx.cache(&self.resource)?,
            config: self.clone(),
            identity: Arc::clone(cx.identity()),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct UseCache {
    cache: BuiltCache,
    config: Config,
    identity: Arc<Identity>,
}

impl UseCache {
    async fn operate(&self, batch: &mut [Message], index: usize) -> Result<(), Error> {
        let config = &self.config;
        let key = config
            .key
            .resolve(batch, index)
            .map_err(|it| it.context("resolve `key`"))?;
        let failed = |error: Error| error.context(format_args!("cache key `{key}`"));
        match config.operator {
            Operator::Set => {
                let (value, ttl) = self.value(batch, index)?;
                self.cache.set(&key, value, ttl).await.map_err(failed)?;
            }
            Operator::Add => {
                let (value, ttl) = self.value(batch, index)?;
                if self.cache.add(&key, value, ttl).await.map_err(failed)? == Added::AlreadyThere {
                    return Err(Error::rejected(format!("key already exists: {key}")));
                }
            }
            Operator::Get => match self.cache.get(&key).await.map_err(failed)? {
                Some(value) => batch[index].set_bytes(value),
                None => return Err(Error::rejected(format!("key does not exist: {key}"))),
            },
            Operator::Exists => {
                let value = self.cache.get(&key).await.map_err(failed)?;
                batch[index].set_value(Value::Bool(value.is_some()));
            }
            Operator::Delete => self.cache.delete(&key).await.map_err(failed)?,
        }
        Ok(())
    }

    fn value(&self, batch: &[Message], index: usize) -> Result<(Bytes, Option<Duration>), Error> {
        let value = match &self.config.value {
            None => Bytes::new(),
            Some(value) => {
                let value = value.resolve_bytes(batch, index);
                Bytes::copy_from_slice(&value.map_err(|error| error.context("resolve `value`"))?)
            }
        };
        Ok((value, ttl(self.config.ttl.as_ref(), batch, index)?))
    }
}

/// How long a value is to be kept, when the config says so; an empty text says nothing.
pub(super) fn ttl(
    ttl: Option<&Interpolated>,
    batch: &[Message],
    index: usize,
) -> Result<Option<Duration>, Error> {
    let Some(ttl) = ttl else {
        return Ok(None);
    };
    let text = ttl
        .resolve(batch, index)
        .map_err(|error| error.context("resolve `ttl`"))?;
    if text.is_empty() {
        return Ok(None);
    }
    let ttl = millrace_spec::Duration::parse(&text)
        .map_err(|reason| Error::rejected(format!("read `ttl`: {reason}")))?;
    Ok(Some(ttl.get()))
}

impl InPlace for UseCache {
    fn waits(&self) -> bool {
        matches!(self.cache, BuiltCache::Remote(_))
    }

    async fn change(&self, batch: &mut MessageBatch) {
        for index in 0..batch.len() {
            if let Err(error) = self.operate(batch, index).await {
                batch[index].set_fault(self.identity.fault(error));
            }
        }
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "cache: { resource: seen, operator: add, key: '${! content() }', value: x }",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}

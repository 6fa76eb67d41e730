//! The `redis` cache.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_component::{
    Added, Backoff, BuildContext, BuiltCache, Cache, CacheConfig, Descriptor, Identity,
};
use millrace_message::{Error, ErrorClass};
use millrace_spec::Spec;
use redis::{Cmd, FromRedisValue, cmd};
use tokio::time::Instant;

use crate::client::{ClientFields, Redis};
use crate::failure;

/// Keeps items in Redis, where other processes find them too.
///
/// `add` is one atomic step, so of several processes that add a key exactly one succeeds. A time to
/// live of zero keeps an item for ever. A command that fails because Redis cannot be reached is
/// tried again within `retries`; an `add` whose answer was lost may then find its own item.
#[derive(Clone, Debug, Spec)]
#[spec(cache = "redis", status = "stable")]
pub struct Config {
    #[spec(flatten)]
    client: ClientFields,
    /// Text in front of every key, so that services can share one Redis.
    prefix: Option<String>,
    /// How long items live unless the component that sets one says otherwise; unset for ever.
    #[spec(advanced)]
    default_ttl: Option<millrace_spec::Duration>,
    /// When and how long commands that fail are tried again.
    #[spec(advanced)]
    retries: Retries,
}

/// When and how long commands that fail are tried again.
#[derive(Clone, Debug, Spec)]
struct Retries {
    /// The first pause; it doubles each time.
    #[spec(default = "500ms")]
    initial_interval: millrace_spec::Duration,
    /// The longest pause.
    #[spec(default = "1s")]
    max_interval: millrace_spec::Duration,
    /// No attempt begins later than this after the first; 0 for no end.
    #[spec(default = "5s")]
    max_elapsed_time: millrace_spec::Duration,
}

impl CacheConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltCache, Error> {
        Ok(BuiltCache::Remote(Arc::new(RedisCache {
            redis: self.client.redis()?,
            prefix: self.prefix.clone().unwrap_or_default(),
            default_ttl: self.default_ttl.as_ref().map(millrace_spec::Duration::get),
            retries: self.retries.clone(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::cache::<Config>();

struct RedisCache {
    redis: Arc<Redis>,
    prefix: String,
    default_ttl: Option<Duration>,
    retries: Retries,
    identity: Arc<Identity>,
}

impl RedisCache {
    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn set_command(&self, key: &str, value: &Bytes, ttl: Option<Duration>) -> Cmd {
        let mut command = cmd("SET");
        command.arg(self.key(key)).arg(&value[..]);
        let ttl = ttl.or(self.default_ttl).filter(|ttl| !ttl.is_zero());
        if let Some(ttl) = ttl {
            let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
            command.arg("PX").arg(millis.max(1));
        }
        command
    }

    /// Sends a command, again and again while it fails for a reason that may pass.
    async fn send<T: FromRedisValue>(&self, what: &str, command: &Cmd) -> Result<T, Error> {
        let retries = &self.retries;
        let mut backoff = Backoff::new(retries.initial_interval.get(), retries.max_interval.get());
        let limit = retries.max_elapsed_time.get();
        let begin = Instant::now();
        loop {
            let error = match self.redis.command(command).await {
                Ok(value) => return Ok(value),
                Err(error) => failure::describe(what, &error),
            };
            let pause = backoff.pause();
            let is_over = !limit.is_zero() && begin.elapsed() + pause > limit;
            let error = error.context(self.redis.place());
            if is_over || error.class() == ErrorClass::Rejected {
                return Err(error);
            }
            self.identity
                .log_warning(format_args!("{error}; tried again"));
            tokio::time::sleep(pause).await;
        }
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        let mut command = cmd("GET");
        command.arg(self.key(key));
        let value: Option<Vec<u8>> = self.send("get", &command).await?;
        Ok(value.map(Bytes::from))
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        let command = self.set_command(key, &value, ttl);
        self.send("set", &command).await
    }

    async fn add(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<Added, Error> {
        let mut command = self.set_command(key, &value, ttl);
        command.arg("NX");
        let stored: Option<String> = self.send("add", &command).await?;
        Ok(match stored {
            Some(_) => Added::Stored,
            None => Added::AlreadyThere,
        })
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let mut command = cmd("DEL");
        command.arg(self.key(key));
        self.send::<i64>("delete", &command).await.map(|_| ())
    }

    async fn close(&self) {
        self.redis.disconnect().await;
    }
}

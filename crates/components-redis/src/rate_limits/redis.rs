//! The `redis` rate limit.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{BuildContext, BuiltRateLimit, Descriptor, RateLimit, RateLimitConfig};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};
use redis::Script;

use crate::client::{ClientFields, Redis};
use crate::failure;

/// Counts in the window that the first message opens; a window that is full says how long it lasts.
static ACQUIRE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local count = tonumber(redis.call('GET', KEYS[1]) or '0')
         if count >= tonumber(ARGV[1]) then
           local left = redis.call('PTTL', KEYS[1])
           if left > 0 then return left end
           redis.call('DEL', KEYS[1])
           count = 0
         end
         redis.call('INCR', KEYS[1])
         if count == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
         return 0",
    )
});

/// Limits the messages in an interval over every process that uses the same key of one Redis.
///
/// The first message of a window opens it; `count` messages pass until the window is over. Asking
/// and counting are one atomic step, by the clock of Redis. All processes have to agree on `count`
/// and `interval`.
#[derive(Clone, Debug, Spec)]
#[spec(rate_limit = "redis", status = "experimental")]
pub struct Config {
    #[spec(flatten)]
    client: ClientFields,
    /// How many messages pass in an interval.
    #[spec(default = 1000, lint = refuse_zero)]
    count: i64,
    /// The length of a window.
    #[spec(default = "1s", lint = refuse_no_time)]
    interval: millrace_spec::Duration,
    /// The key that holds the count.
    #[spec(example = "my_rate_limit")]
    key: String,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature of a field lint"
)]
fn refuse_zero(count: &i64, node: &Node, cx: &mut ReadContext) {
    if *count <= 0 {
        cx.error(
            codes::INVALID_VALUE,
            node.span,
            "count must be larger than zero",
        );
    }
}

fn refuse_no_time(interval: &millrace_spec::Duration, node: &Node, cx: &mut ReadContext) {
    if interval.get() < Duration::from_millis(1) {
        cx.error(
            codes::INVALID_VALUE,
            node.span,
            "interval must be at least `1ms`",
        );
    }
}

impl RateLimitConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<BuiltRateLimit, Error> {
        Ok(Arc::new(RedisRateLimit {
            redis: self.client.redis()?,
            count: self.count,
            interval: self.interval.get(),
            key: self.key.clone(),
        }))
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::rate_limit::<Config>();

struct RedisRateLimit {
    redis: Arc<Redis>,
    count: i64,
    interval: Duration,
    key: String,
}

#[async_trait]
impl RateLimit for RedisRateLimit {
    async fn acquire(&self, _: usize) -> Result<Option<Duration>, Error> {
        let mut script = ACQUIRE.prepare_invoke();
        let interval = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX);
        script.key(&self.key).arg(self.count).arg(interval);
        let left: u64 =
            self.redis.script(&script).await.map_err(|error| {
                failure::describe(&format!("ask {}", self.redis.place()), &error)
            })?;
        Ok((left > 0).then(|| Duration::from_millis(left)))
    }

    async fn close(&self) {
        self.redis.disconnect().await;
    }
}

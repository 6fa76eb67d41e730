//! The `local` rate limit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use millrace_component::{
    BuildContext, BuiltRateLimit, Descriptor, RateLimit, RateLimitConfig, clock,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};
use parking_lot::Mutex;

/// Counts in the memory of this process: so many messages or bytes in each interval.
///
/// An interval begins with the first message after the one before has ended. Everything that names
/// the resource shares it. A message that is larger than `byte_size` goes alone in its interval.
#[derive(Clone, Debug, Spec)]
#[spec(rate_limit = "local", check = check)]
pub struct Config {
    /// How many messages go in an interval; 0 for any number.
    #[spec(default = 1000)]
    count: u64,
    /// How many payload bytes go in an interval; 0 for any number.
    #[spec(default = 0)]
    byte_size: u64,
    /// The interval.
    #[spec(default = "1s")]
    interval: millrace_spec::Duration,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.count == 0 && config.byte_size == 0 {
        cx.error(
            codes::INVALID_VALUE,
            node.span,
            "neither `count` nor `byte_size` is a limit",
        )
        .help = Some("set one of them to a number above 0".to_owned());
    }
}

impl RateLimitConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<BuiltRateLimit, Error> {
        Ok(Arc::new(LocalLimit::new(
            self.count,
            self.byte_size,
            self.interval.get(),
        )))
    }
}

pub const COMPONENT: Descriptor = Descriptor::rate_limit::<Config>();

/// A limit within this process.
pub struct LocalLimit {
    count: u64,
    byte_size: u64,
    interval: Duration,
    window: Mutex<Window>,
}

/// What went in the current interval.
struct Window {
    began: Option<Instant>,
    count: u64,
    bytes: u64,
}

impl LocalLimit {
    /// A limit of `count` messages and `byte_size` bytes in each interval; 0 for no limit.
    pub fn new(count: u64, byte_size: u64, interval: Duration) -> Self {
        let window = Mutex::new(Window {
            began: None,
            count: 0,
            bytes: 0,
        });
        Self {
            count,
            byte_size,
            interval,
            window,
        }
    }

    fn acquire_at(&self, now: Instant, bytes: u64) -> Option<Duration> {
        let mut window = self.window.lock();
        let began = window
            .began
            .filter(|began| now.duration_since(*began) < self.interval);
        let Some(began) = began else {
            *window = Window {
                began: Some(now),
                count: 1,
                bytes,
            };
            return None;
        };
        let fits =
            |used: u64, more: u64, limit: u64| limit == 0 || used.saturating_add(more) <= limit;
        if fits(window.count, 1, self.count) && fits(window.bytes, bytes, self.byte_size) {
            window.count += 1;
            window.bytes += bytes;
            return None;
        }
        Some(self.interval - now.duration_since(began))
    }
}

#[async_trait]
impl RateLimit for LocalLimit {
    async fn acquire(&self, bytes: usize) -> Result<Option<Duration>, Error> {
        Ok(self.acquire_at(clock::instant(), bytes as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn so_many_messages_go_in_an_interval_and_the_next_one_waits_for_its_end() {
        let limit = LocalLimit::new(2, 0, SECOND);
        let start = Instant::now();
        assert_eq!(limit.acquire_at(start, 1), None);
        assert_eq!(limit.acquire_at(start, 1), None);
        let later = start + SECOND / 4;
        assert_eq!(limit.acquire_at(later, 1), Some(SECOND * 3 / 4));
        assert_eq!(limit.acquire_at(start + SECOND, 1), None);
    }

    #[test]
    fn so_many_bytes_go_in_an_interval_and_a_larger_message_goes_alone() {
        let limit = LocalLimit::new(0, 10, SECOND);
        let start = Instant::now();
        assert_eq!(limit.acquire_at(start, 100), None);
        assert_eq!(limit.acquire_at(start, 1), Some(SECOND));
        let next = start + SECOND;
        assert_eq!(limit.acquire_at(next, 6), None);
        assert_eq!(limit.acquire_at(next, 6), Some(SECOND));
        assert_eq!(limit.acquire_at(next, 4), None);
    }
}

#[cfg(test)]
mod contract {
    use std::time::Duration;

    use millrace_component::conformance;

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_rate_limit() {
        let fresh = || crate::testing::bench().rate_limit("local: { count: 5, interval: 1h }");
        conformance::rate_limit(fresh, 5, Duration::from_secs(3600)).await;
    }
}

//! The `ttlru` cache.

use std::sync::Arc;

use millrace_component::{BuildContext, BuiltCache, CacheConfig, Descriptor};
use millrace_message::Error;
use millrace_spec::{Duration, Node, OrderedMap, ReadContext, Spec, codes};

use super::lru::RecencyCache;

/// Keeps a bounded number of values in the memory of this process for a bounded time.
///
/// The value that was not used for longest is forgotten first. Every value lives as long as
/// `default_ttl`, counted from when it was written; a time to live that is given with it is
/// ignored.
#[derive(Clone, Debug, Spec)]
#[spec(cache = "ttlru", check = check)]
pub struct Config {
    /// How many values are kept.
    #[spec(default = 1024)]
    cap: u32,
    /// How long a value is kept.
    #[spec(default = "5m0s")]
    default_ttl: Duration,
    /// The older name of `default_ttl`.
    #[spec(advanced)]
    ttl: Option<Duration>,
    /// Values that are there from the beginning.
    #[spec(default = {}, example = {"Nickelback": "1995", "Spice Girls": "1994"})]
    init_values: OrderedMap<String>,
    /// Has no effect: adding a key is always one atomic step, and locks nothing for long.
    #[spec(rename = "optimistic", default = false, advanced)]
    _optimistic: bool,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let span = |field| node.field_span(field);
    if config.cap == 0 {
        cx.error(codes::INVALID_VALUE, span("cap"), "cap must be at least 1");
    }
    if config.ttl().is_zero() {
        let message = "default_ttl must be more than 0s";
        cx.error(codes::INVALID_VALUE, span("default_ttl"), message);
    }
}

impl Config {
    fn ttl(&self) -> std::time::Duration {
        self.ttl.as_ref().unwrap_or(&self.default_ttl).get()
    }
}

impl CacheConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<BuiltCache, Error> {
        let cache = RecencyCache::new(self.cap, Some(self.ttl()));
        cache.fill(&self.init_values);
        Ok(BuiltCache::Local(Arc::new(cache)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::cache::<Config>();

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Keeps};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_cache() {
        let cache = crate::testing::bench().cache("ttlru: { cap: 100 }");
        conformance::cache(&cache, Keeps::Values).await;
    }
}

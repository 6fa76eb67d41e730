//! The `lru` cache.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millrace_component::{
    Added, BuildContext, BuiltCache, CacheConfig, Descriptor, LocalCache, clock,
};
use millrace_message::Error;
use millrace_spec::{Node, OrderedMap, ReadContext, Spec, codes};
use parking_lot::Mutex;

use super::recency::Recency;

/// Keeps a bounded number of values in the memory of this process, and forgets the one that was
/// not used for longest.
///
/// Values have no time to live: one that is given is ignored. Reading and writing a key counts as
/// use; adding a key that is there does not.
#[derive(Clone, Debug, Spec)]
#[spec(cache = "lru", check = check)]
pub struct Config {
    /// How many values are kept.
    #[spec(default = 1000)]
    cap: u32,
    /// Values that are there from the beginning.
    #[spec(default = {}, example = {"Nickelback": "1995", "Spice Girls": "1994"})]
    init_values: OrderedMap<String>,
    /// Which value is forgotten.
    #[spec(default = "standard", advanced)]
    algorithm: Algorithm,
    /// The share of recently added values, for the algorithm `two_queues`.
    #[spec(rename = "two_queues_recent_ratio", default = 0.25, advanced)]
    _two_queues_recent_ratio: f64,
    /// The share of forgotten keys that are remembered, for the algorithm `two_queues`.
    #[spec(rename = "two_queues_ghost_ratio", default = 0.5, advanced)]
    _two_queues_ghost_ratio: f64,
    /// Has no effect: adding a key is always one atomic step, and locks nothing for long.
    #[spec(rename = "optimistic", default = false, advanced)]
    _optimistic: bool,
}

/// Which value is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum Algorithm {
    /// Not supported by this build.
    Arc,
    /// The one that was not used for longest.
    Standard,
    /// Not supported by this build.
    TwoQueues,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let span = |field| node.field_span(field);
    if config.cap == 0 {
        cx.error(codes::INVALID_VALUE, span("cap"), "cap must be at least 1");
    }
    if config.algorithm != Algorithm::Standard {
        cx.error(
            codes::NOT_SUPPORTED,
            span("algorithm"),
            "this algorithm is not supported",
        )
        .help = Some("use `standard`".to_owned());
    }
    let defaults = [
        ("two_queues_recent_ratio", "0.25"),
        ("two_queues_ghost_ratio", "0.5"),
    ];
    for (field, default) in defaults {
        let is_changed = node.get(field).is_some_and(|it| it.text() != Some(default));
        if config.algorithm == Algorithm::Standard && is_changed {
            let message = format!("`{field}` has no effect with the algorithm `standard`");
            cx.warn(codes::SHOULD_OMIT, span(field), message);
        }
    }
}

impl CacheConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<BuiltCache, Error> {
        let cache = RecencyCache::new(self.cap, None);
        cache.fill(&self.init_values);
        Ok(BuiltCache::Local(Arc::new(cache)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::cache::<Config>();

/// A bounded map as a cache, with a time to live that is the same for all values.
pub(super) struct RecencyCache {
    values: Mutex<Recency>,
    ttl: Option<Duration>,
}

impl RecencyCache {
    pub(super) fn new(capacity: u32, ttl: Option<Duration>) -> Self {
        Self {
            values: Mutex::new(Recency::new(capacity as usize)),
            ttl,
        }
    }

    /// Stores the values that are there from the beginning.
    pub(super) fn fill(&self, values: &OrderedMap<String>) {
        let mut recency = self.values.lock();
        for (key, value) in &values.0 {
            recency.insert(key, Bytes::copy_from_slice(value.as_bytes()), self.expiry());
        }
    }

    fn expiry(&self) -> Option<Instant> {
        clock::instant().checked_add(self.ttl?)
    }
}

impl LocalCache for RecencyCache {
    fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        Ok(self.values.lock().get(key, clock::instant()))
    }

    fn set(&self, key: &str, value: Bytes, _: Option<Duration>) -> Result<(), Error> {
        let expires = self.expiry();
        self.values.lock().insert(key, value, expires);
        Ok(())
    }

    fn add(&self, key: &str, value: Bytes, _: Option<Duration>) -> Result<Added, Error> {
        let expires = self.expiry();
        let mut values = self.values.lock();
        if values.contains(key, clock::instant()) {
            return Ok(Added::AlreadyThere);
        }
        values.insert(key, value, expires);
        Ok(Added::Stored)
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        self.values.lock().remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Keeps};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_cache() {
        let cache = crate::testing::bench().cache("lru: { cap: 100 }");
        conformance::cache(&cache, Keeps::Values).await;
    }
}

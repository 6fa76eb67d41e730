//! The `memory` cache.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millrace_component::{Added, BuildContext, BuiltCache, CacheConfig, Descriptor, LocalCache};
use millrace_message::Error;
use millrace_spec::{OrderedMap, Spec};
use parking_lot::Mutex;

/// Keeps values in the memory of this process, without a bound on their number.
///
/// A value expires after its time to live, or `default_ttl`. Expired values are gone for readers
/// at once; their memory is freed by compactions, which run when something is written and
/// `compaction_interval` has passed since the last one. Without a compaction interval nothing
/// expires. The values of `init_values` never expire.
///
/// Where Bento refuses to add a key that has expired until a compaction removes it, Millrace adds
/// it.
#[derive(Clone, Debug, Spec)]
#[spec(cache = "memory")]
pub struct Config {
    /// How long a value is kept when it is stored without a time to live of its own.
    #[spec(default = "5m")]
    default_ttl: millrace_spec::Duration,
    /// How often memory of expired values is freed; empty for never, and no expiry at all.
    #[spec(default = "60s")]
    compaction_interval: Option<millrace_spec::Duration>,
    /// Values that are there from the beginning.
    #[spec(default = {}, example = {"Nickelback": "1995", "Spice Girls": "1994"})]
    init_values: OrderedMap<String>,
    /// Over how many parts, each with its own lock, the keys are spread; at least that many are
    /// used.
    #[spec(default = 1, advanced)]
    shards: u32,
}

impl CacheConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<BuiltCache, Error> {
        let interval = self
            .compaction_interval
            .as_ref()
            .map(millrace_spec::Duration::get);
        let memory = Memory::new(
            self.default_ttl.get(),
            interval.filter(|interval| !interval.is_zero()),
            self.shards,
        );
        for (key, value) in &self.init_values.0 {
            memory.store(key, Bytes::copy_from_slice(value.as_bytes()), None);
        }
        Ok(BuiltCache::Local(Arc::new(memory)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::cache::<Config>();

/// Fewer shards than this are a lock that pipeline threads wait for.
const SHARDS_MIN: u32 = 8;

struct Memory {
    /// A power of two.
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    default_ttl: Duration,
    /// None: nothing expires.
    compaction_interval: Option<Duration>,
}

struct Shard {
    items: HashMap<Box<str>, Item>,
    last_compaction: Instant,
}

struct Item {
    value: Bytes,
    /// None: never.
    expires: Option<Instant>,
}

impl Item {
    fn is_expired(&self) -> bool {
        self.expires.is_some_and(|expires| expires < Instant::now())
    }
}

impl Memory {
    fn new(default_ttl: Duration, compaction_interval: Option<Duration>, shards: u32) -> Self {
        let shards = shards.clamp(SHARDS_MIN, 1 << 16).next_power_of_two();
        let shard = |_| {
            Mutex::new(Shard {
                items: HashMap::new(),
                last_compaction: Instant::now(),
            })
        };
        Self {
            shards: (0..shards).map(shard).collect(),
            hasher: RandomState::new(),
            default_ttl,
            compaction_interval,
        }
    }

    fn shard(&self, key: &str) -> &Mutex<Shard> {
        let hash = self.hasher.hash_one(key) as usize;
        &self.shards[hash & (self.shards.len() - 1)]
    }

    fn expiry(&self, ttl: Option<Duration>) -> Option<Instant> {
        self.compaction_interval?;
        // A time to live beyond the range of the clock is for ever.
        Instant::now().checked_add(ttl.unwrap_or(self.default_ttl))
    }

    fn store(&self, key: &str, value: Bytes, expires: Option<Instant>) {
        let mut shard = self.shard(key).lock();
        self.compact(&mut shard);
        match shard.items.get_mut(key) {
            Some(item) => *item = Item { value, expires },
            None => {
                shard.items.insert(key.into(), Item { value, expires });
            }
        }
    }

    fn compact(&self, shard: &mut Shard) {
        let Some(interval) = self.compaction_interval else {
            return;
        };
        if shard.last_compaction.elapsed() < interval {
            return;
        }
        shard.items.retain(|_, item| !item.is_expired());
        shard.last_compaction = Instant::now();
    }
}

impl LocalCache for Memory {
    fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        let shard = self.shard(key).lock();
        let item = shard.items.get(key).filter(|item| !item.is_expired());
        Ok(item.map(|item| item.value.clone()))
    }

    fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        self.store(key, value, self.expiry(ttl));
        Ok(())
    }

    fn add(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<Added, Error> {
        let expires = self.expiry(ttl);
        let mut shard = self.shard(key).lock();
        self.compact(&mut shard);
        match shard.items.get_mut(key) {
            Some(item) if !item.is_expired() => return Ok(Added::AlreadyThere),
            Some(item) => *item = Item { value, expires },
            None => {
                shard.items.insert(key.into(), Item { value, expires });
            }
        }
        Ok(Added::Stored)
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        self.shard(key).lock().items.remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "memory is always there";
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_key_is_added_once_and_can_be_overwritten_and_removed() {
        let cache = Memory::new(MINUTE, Some(MINUTE), 1);
        let value = |text: &'static str| Bytes::from_static(text.as_bytes());
        assert_eq!(cache.add("a", value("1"), None).expect(OK), Added::Stored);
        assert_eq!(
            cache.add("a", value("2"), None).expect(OK),
            Added::AlreadyThere
        );
        assert_eq!(cache.get("a").expect(OK), Some(value("1")));
        cache.set("a", value("3"), None).expect(OK);
        assert_eq!(cache.get("a").expect(OK), Some(value("3")));
        cache.delete("a").expect(OK);
        cache.delete("a").expect(OK);
        assert_eq!(cache.get("a").expect(OK), None);
    }

    #[test]
    fn an_expired_value_is_gone_and_its_key_can_be_added() {
        let cache = Memory::new(MINUTE, Some(MINUTE), 1);
        let past = Instant::now().checked_sub(Duration::from_millis(1));
        cache.store("a", Bytes::from_static(b"1"), past);
        assert_eq!(cache.get("a").expect(OK), None);
        assert_eq!(
            cache.add("a", Bytes::from_static(b"2"), None).expect(OK),
            Added::Stored
        );
        assert_eq!(cache.get("a").expect(OK), Some(Bytes::from_static(b"2")));
    }

    #[test]
    fn a_compaction_frees_what_has_expired_and_nothing_else() {
        let cache = Memory::new(MINUTE, Some(Duration::from_nanos(1)), 1);
        let past = Instant::now().checked_sub(Duration::from_millis(1));
        for key in 0..100 {
            cache.store(&format!("old {key}"), Bytes::new(), past);
            cache.store(&format!("new {key}"), Bytes::new(), None);
        }
        for shard in &cache.shards {
            cache.compact(&mut shard.lock());
        }
        let left: usize = cache
            .shards
            .iter()
            .map(|shard| shard.lock().items.len())
            .sum();
        assert_eq!(left, 100);
    }

    #[test]
    fn without_compactions_nothing_expires() {
        let cache = Memory::new(Duration::ZERO, None, 1);
        cache
            .set("a", Bytes::new(), Some(Duration::ZERO))
            .expect(OK);
        assert_eq!(cache.get("a").expect(OK), Some(Bytes::new()));
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Keeps};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_cache() {
        let cache = crate::testing::bench().cache("memory: {}");
        conformance::cache(&cache, Keeps::Values).await;
    }
}

//! The `memory` cache.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use millrace_component::{
    Added, BuildContext, BuiltCache, CacheConfig, Descriptor, LocalCache, clock,
};
use millrace_message::Error;
use millrace_spec::{OrderedMap, Spec};
use parking_lot::Mutex;

use item::{Item, Moment};

mod item;

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
            memory.store(key, value.as_bytes(), Moment::NEVER, |_| true);
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
    /// What moments are counted from.
    began: Instant,
    default_ttl: Duration,
    /// None: nothing expires.
    compaction_interval: Option<Duration>,
}

struct Shard {
    items: HashTable<Item>,
    last_compaction: Instant,
}

impl Memory {
    fn new(default_ttl: Duration, compaction_interval: Option<Duration>, shards: u32) -> Self {
        let shards = shards.clamp(SHARDS_MIN, 1 << 16).next_power_of_two();
        let shard = |_| {
            Mutex::new(Shard {
                items: HashTable::new(),
                last_compaction: clock::instant(),
            })
        };
        Self {
            shards: (0..shards).map(shard).collect(),
            hasher: RandomState::new(),
            began: clock::instant(),
            default_ttl,
            compaction_interval,
        }
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The shard of a key; a table finds its places by other bits of the hash.
    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)]
    }

    fn now(&self) -> Moment {
        Moment(
            u64::try_from(clock::instant().duration_since(self.began).as_nanos())
                .unwrap_or(u64::MAX - 1),
        )
    }

    fn expiry(&self, ttl: Option<Duration>) -> Moment {
        if self.compaction_interval.is_none() {
            return Moment::NEVER;
        }
        // A time to live beyond the range of the clock is for ever.
        let ttl = u64::try_from(ttl.unwrap_or(self.default_ttl).as_nanos());
        ttl.map_or(Moment::NEVER, |ttl| {
            Moment(self.now().0.saturating_add(ttl))
        })
    }

    fn is_expired(&self, item: &Item) -> bool {
        item.expires() != Moment::NEVER && item.expires() < self.now()
    }

    /// Stores a value unless the key is there and `replace` says no.
    fn store(
        &self,
        key: &str,
        value: &[u8],
        expires: Moment,
        replace: impl FnOnce(&Item) -> bool,
    ) -> Added {
        let hash = self.hash(key.as_bytes());
        let mut shard = self.shard(hash).lock();
        self.compact(&mut shard);
        let entry = shard.items.entry(
            hash,
            |item| item.key() == key.as_bytes(),
            |item| self.hash(item.key()),
        );
        match entry {
            Entry::Occupied(entry) if !replace(entry.get()) => return Added::AlreadyThere,
            Entry::Occupied(mut entry) => *entry.get_mut() = Item::new(key, value, expires),
            Entry::Vacant(entry) => {
                entry.insert(Item::new(key, value, expires));
            }
        }
        Added::Stored
    }

    fn compact(&self, shard: &mut Shard) {
        let Some(interval) = self.compaction_interval else {
            return;
        };
        if clock::instant().duration_since(shard.last_compaction) < interval {
            return;
        }
        shard.items.retain(|item| !self.is_expired(item));
        shard.last_compaction = clock::instant();
    }
}

impl LocalCache for Memory {
    fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        let hash = self.hash(key.as_bytes());
        let shard = self.shard(hash).lock();
        let item = shard
            .items
            .find(hash, |item| item.key() == key.as_bytes())
            .filter(|item| !self.is_expired(item));
        Ok(item.map(Item::value))
    }

    fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        self.store(key, &value, self.expiry(ttl), |_| true);
        Ok(())
    }

    fn add(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<Added, Error> {
        Ok(self.store(key, &value, self.expiry(ttl), |item| self.is_expired(item)))
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        let hash = self.hash(key.as_bytes());
        let mut shard = self.shard(hash).lock();
        if let Ok(entry) = shard
            .items
            .find_entry(hash, |item| item.key() == key.as_bytes())
        {
            entry.remove();
        }
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
        cache.store("a", b"1", Moment(0), |_| true);
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
        for key in 0..100 {
            cache.store(&format!("old {key}"), b"", Moment(0), |_| true);
            cache.store(&format!("new {key}"), b"", Moment::NEVER, |_| true);
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

//! The atomic steps of reliable mode, and the keys that they work on.
//!
//! ```text
//! KEY                          list     entries that wait
//! {KEY}:processing:CONSUMER    hash     entries of a consumer, by number
//! {KEY}:leases                 sorted   consumers, by the time in ms at which their lease ends
//! ```
//!
//! An entry is in exactly one place at any time. The clock is that of Redis.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{Cmd, Script, ScriptInvocation, cmd};

use super::End;

/// Moves up to ARGV[2] entries from the list to the hash, numbered from ARGV[3] on, and begins or
/// renews the lease. Returns the entries.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         local values = {}
         for offset = 0, tonumber(ARGV[2]) - 1 do
           local value = redis.call(ARGV[1], KEYS[1])
           if not value then break end
           redis.call('HSET', KEYS[2], string.format('%.0f', ARGV[3] + offset), value)
           values[offset + 1] = value
         end
         if #values > 0 then
           redis.call('ZADD', KEYS[3], now + ARGV[5], ARGV[4])
         end
         return values",
    )
});

/// Puts the entries with the numbers ARGV[2..] back onto the list; those that are not in the hash
/// any more belong to somebody else. Returns how many it put back.
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local count = 0
         for index = 2, #ARGV do
           local value = redis.call('HGET', KEYS[2], ARGV[index])
           if value then
             redis.call(ARGV[1], KEYS[1], value)
             redis.call('HDEL', KEYS[2], ARGV[index])
             count = count + 1
           end
         end
         return count",
    )
});

/// Renews the lease while the consumer has entries. Returns whether it has some.
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 0 then
           redis.call('ZREM', KEYS[2], ARGV[1])
           return 0
         end
         local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
         return 1",
    )
});

/// The consumers whose lease is over.
static EXPIRED: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)",
    )
});

/// Puts all entries of a consumer back onto the list in their order, when its lease is over or
/// ARGV[3] is 1, and forgets the consumer. Returns how many, or -1 when the lease is not over or
/// somebody else was first.
static RECLAIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if ARGV[3] ~= '1' then
           local time = redis.call('TIME')
           local now = time[1] * 1000 + math.floor(time[2] / 1000)
           local ends = redis.call('ZSCORE', KEYS[3], ARGV[2])
           if not ends or tonumber(ends) > now then return -1 end
         end
         local numbers = redis.call('HKEYS', KEYS[2])
         table.sort(numbers, function(a, b) return tonumber(a) > tonumber(b) end)
         for _, number in ipairs(numbers) do
           redis.call(ARGV[1], KEYS[1], redis.call('HGET', KEYS[2], number))
         end
         redis.call('DEL', KEYS[2])
         redis.call('ZREM', KEYS[3], ARGV[2])
         return #numbers",
    )
});

/// The keys and names of one consumer of one list.
#[derive(Clone)]
pub struct Places {
    list: String,
    tagged: String,
    consumer: String,
    end: End,
    lease_ms: u64,
}

impl Places {
    pub(super) fn new(list: &str, consumer: String, end: End, lease: Duration) -> Self {
        // All keys have to live on one node of a cluster: a hash tag in the key is theirs too.
        let has_tag = list
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'))
            .is_some_and(|(tag, _)| !tag.is_empty());
        Self {
            list: list.to_owned(),
            tagged: if has_tag {
                list.to_owned()
            } else {
                format!("{{{list}}}")
            },
            consumer,
            end,
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The name of this consumer.
    pub fn consumer(&self) -> &str {
        &self.consumer
    }

    /// The hash of this consumer's entries.
    pub fn processing(&self) -> String {
        self.processing_of(&self.consumer)
    }

    fn processing_of(&self, consumer: &str) -> String {
        format!("{}:processing:{consumer}", self.tagged)
    }

    fn leases(&self) -> String {
        format!("{}:leases", self.tagged)
    }

    /// Takes up to `count` entries, numbered from `first` on.
    pub fn take(&self, count: usize, first: u64) -> ScriptInvocation<'static> {
        let mut script = TAKE.prepare_invoke();
        script
            .key(&self.list)
            .key(self.processing())
            .key(self.leases());
        script.arg(self.end.pop).arg(count).arg(first);
        script.arg(&self.consumer).arg(self.lease_ms);
        script
    }

    /// Waits until the list has an entry: moves one from its end to the same end.
    pub fn wait(&self, time: Duration) -> Cmd {
        let mut command = cmd("BLMOVE");
        command.arg(&self.list).arg(&self.list);
        command.arg(self.end.side).arg(self.end.side);
        command.arg(super::seconds(time));
        command
    }

    /// Deletes entries that are acknowledged.
    pub fn acknowledge(&self, numbers: &[u64]) -> Cmd {
        let mut command = cmd("HDEL");
        command.arg(self.processing()).arg(numbers);
        command
    }

    /// Puts entries back, the last one first, so that they stand in the order they had.
    pub fn give_back(&self, numbers: &[u64]) -> ScriptInvocation<'static> {
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        let mut script = GIVE_BACK.prepare_invoke();
        script.key(&self.list).key(self.processing());
        script.arg(self.end.push).arg(numbers);
        script
    }

    /// Renews the lease.
    pub fn renew(&self) -> ScriptInvocation<'static> {
        let mut script = RENEW.prepare_invoke();
        script.key(self.processing()).key(self.leases());
        script.arg(&self.consumer).arg(self.lease_ms);
        script
    }

    /// The consumers whose lease is over.
    pub fn expired(&self) -> ScriptInvocation<'static> {
        let mut script = EXPIRED.prepare_invoke();
        script.key(self.leases());
        script
    }

    /// Puts the entries of a consumer back when its lease is over; those of this one at once.
    pub fn reclaim(&self, consumer: &str) -> ScriptInvocation<'static> {
        let mut script = RECLAIM.prepare_invoke();
        script
            .key(&self.list)
            .key(self.processing_of(consumer))
            .key(self.leases());
        script.arg(self.end.push).arg(consumer);
        script.arg(i32::from(consumer == self.consumer));
        script
    }

    /// The numbers of this consumer's entries.
    pub fn numbers(&self) -> Cmd {
        let mut command = cmd("HKEYS");
        command.arg(self.processing());
        command
    }

    /// One entry of this consumer.
    pub fn entry(&self, number: u64) -> Cmd {
        let mut command = cmd("HGET");
        command.arg(self.processing()).arg(number);
        command
    }
}

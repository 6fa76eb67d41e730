//! Which partition a record goes to.

use std::collections::HashMap;
use std::sync::Arc;

use millrace_kafka_wire::Str;

use super::settings::Spread;

/// The hash by which Java's clients find the partition of a key: MurmurHash2 with their seed.
pub fn murmur2(key: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    for (at, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * at);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

/// The partition of a key among `count`, as Java's clients choose it.
pub fn partition_of_key(key: &[u8], count: usize) -> i32 {
    let hash = (murmur2(key) & 0x7fff_ffff) as usize;
    (hash % count.max(1)) as i32
}

/// FNV-1a of 32 bits.
pub fn fnv1a(key: &[u8]) -> u32 {
    let mix = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    key.iter().fold(0x811c_9dc5, mix)
}

/// The partition of a key among `count`, as Sarama's hash partitioner chooses it: the remainder of
/// the hash as a signed number, without its sign.
pub fn partition_of_fnv1a(key: &[u8], count: usize) -> i32 {
    let count = i32::try_from(count.max(1)).unwrap_or(i32::MAX);
    (fnv1a(key).cast_signed() % count).abs()
}

/// Kept as long as a record is on its way to a partition whose records are counted.
pub type Counted = Arc<()>;

/// Spreads records without keys.
#[derive(Debug)]
pub struct Spreader {
    spread: Spread,
    batch_size: usize,
    topics: HashMap<Str, Place>,
}

#[derive(Debug, Default)]
struct Place {
    partition: usize,
    /// What it got since the partition was changed.
    bytes: usize,
    /// For each partition, what is kept by each of its records.
    counted: Vec<Counted>,
}

impl Spreader {
    pub fn new(spread: Spread, batch_size: usize) -> Self {
        Self {
            spread,
            batch_size,
            topics: HashMap::new(),
        }
    }

    /// The partition of the next record, and what is to be kept until it is delivered.
    pub fn next(&mut self, topic: &Str, bytes: usize, count: usize) -> (i32, Option<Counted>) {
        let count = count.max(1);
        let spread = self.spread;
        let place = self.topics.entry(topic.clone()).or_insert_with(|| Place {
            partition: match spread {
                Spread::Bytes(_) => rand::random_range(0..count),
                _ => 0,
            },
            ..Place::default()
        });
        match spread {
            Spread::Sticky => place.turn_after(self.batch_size),
            Spread::Bytes(size) => place.turn_after(size),
            Spread::RoundRobin => place.turn_after(1),
            Spread::Random => place.partition = rand::random_range(0..count),
            Spread::LeastBackup => place.back_up(count, self.batch_size),
        }
        place.bytes += bytes.max(1);
        let partition = place.partition % count;
        (partition as i32, place.counted.get(partition).cloned())
    }
}

impl Place {
    /// Goes on to the next partition when this one got so many bytes.
    fn turn_after(&mut self, bytes: usize) {
        if self.bytes >= bytes.max(1) {
            self.partition += 1;
            self.bytes = 0;
        }
    }

    /// Goes on to the partition of which least is on its way.
    fn back_up(&mut self, count: usize, batch_size: usize) {
        self.counted.resize_with(count, Counted::default);
        // One of each is kept here.
        let open = |index: usize| Arc::strong_count(&self.counted[index]) - 1;
        let current = self.partition % count;
        if self.bytes < batch_size && open(current) > 0 {
            return;
        }
        // Of those of which the same is on its way, the next one.
        let others = (1..=count).map(|step| (current + step) % count);
        self.partition = others.min_by_key(|it| open(*it)).unwrap_or(current);
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures are those of Kafka's `UtilsTest`.
    #[test]
    fn keys_hash_as_in_java() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }

    /// FNV's own figures, and partitions as Sarama's code gives them by hand.
    #[test]
    fn keys_hash_by_fnv_as_in_sarama() {
        for (key, hash) in [
            ("", 0x811c_9dc5),
            ("a", 0xe40c_292c),
            ("foobar", 0xbf9c_f968_u32),
        ] {
            assert_eq!(fnv1a(key.as_bytes()), hash, "{key}");
        }
        // 0xe40c292c is -468965076 as a signed number, and 0xbf9cf968 is -1080231576.
        assert_eq!(partition_of_fnv1a(b"a", 7), 468_965_076 % 7);
        assert_eq!(partition_of_fnv1a(b"foobar", 10), 6);
        // The lowest number has no positive counterpart, its remainder has.
        assert!((0..100).all(|it| partition_of_fnv1a(&[it], 3) < 3));
    }

    fn went(spreader: &mut Spreader, records: usize, bytes: usize, count: usize) -> Vec<i32> {
        let topic = Str::from("t");
        let next = (0..records).map(|_| spreader.next(&topic, bytes, count).0);
        next.collect()
    }

    #[test]
    fn records_without_keys_stay_until_a_batch_is_full_or_go_round() {
        let mut sticky = Spreader::new(Spread::Sticky, 100);
        assert_eq!(went(&mut sticky, 6, 50, 2), [0, 0, 1, 1, 0, 0]);
        let mut round = Spreader::new(Spread::RoundRobin, 100);
        assert_eq!(went(&mut round, 4, 50, 3), [0, 1, 2, 0]);
    }

    #[test]
    fn records_go_on_after_so_many_bytes_from_any_partition_or_anywhere() {
        let mut bytes = Spreader::new(Spread::Bytes(150), 1000);
        let went_by_bytes = went(&mut bytes, 6, 50, 3);
        let first = went_by_bytes[0];
        let next = (first + 1) % 3;
        assert_eq!(went_by_bytes, [first, first, first, next, next, next]);
        let mut random = Spreader::new(Spread::Random, 1000);
        let mut seen = went(&mut random, 500, 1, 3);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [0, 1, 2]);
    }

    #[test]
    fn records_go_where_least_is_on_its_way() {
        let topic = Str::from("t");
        let mut least = Spreader::new(Spread::LeastBackup, 100);
        let (first, one) = least.next(&topic, 60, 2);
        let (second, two) = least.next(&topic, 60, 2);
        assert_eq!((first, second), (1, 1), "a batch stays together");
        let (third, three) = least.next(&topic, 60, 2);
        assert_eq!(third, 0);
        drop((one, two));
        let (fourth, _) = least.next(&topic, 60, 2);
        assert_eq!(fourth, 0, "a batch stays together");
        drop(three);
        let (fifth, _) = least.next(&topic, 60, 2);
        assert_eq!(fifth, 1);
    }
}

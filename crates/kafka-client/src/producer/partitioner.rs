//! Which partition a record goes to.

use std::collections::HashMap;

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
}

impl Spreader {
    pub fn new(spread: Spread, batch_size: usize) -> Self {
        Self {
            spread,
            batch_size,
            topics: HashMap::new(),
        }
    }

    /// The partition of the next record.
    pub fn next(&mut self, topic: &Str, bytes: usize, count: usize) -> i32 {
        let place = self.topics.entry(topic.clone()).or_default();
        let is_over = match self.spread {
            Spread::Sticky => place.bytes >= self.batch_size,
            Spread::RoundRobin => place.bytes > 0,
        };
        if is_over {
            place.partition += 1;
            place.bytes = 0;
        }
        place.bytes += bytes.max(1);
        (place.partition % count.max(1)) as i32
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

    #[test]
    fn records_without_keys_stay_until_a_batch_is_full_or_go_round() {
        let topic = Str::from("t");
        let mut sticky = Spreader::new(Spread::Sticky, 100);
        let went: Vec<_> = (0..6).map(|_| sticky.next(&topic, 50, 2)).collect();
        assert_eq!(went, [0, 0, 1, 1, 0, 0]);
        let mut round = Spreader::new(Spread::RoundRobin, 100);
        let went: Vec<_> = (0..4).map(|_| round.next(&topic, 50, 3)).collect();
        assert_eq!(went, [0, 1, 2, 0]);
    }
}

//! Those who write: the first of them transactions, the next idempotent, the others neither.

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, ControlType};
use millrace_log::files::sim::Random;

use crate::codecs::compressed;

const TRANSACTIONAL: usize = 3;
const IDEMPOTENT: usize = 5;
const ALL: u64 = 7;

#[derive(Clone, Default)]
pub struct Client {
    pub epoch: i16,
    pub next_sequence: i32,
    pub is_in_transaction: bool,
}

pub struct Clients {
    pub known: Vec<Client>,
    coordinator_epoch: i32,
}

impl Clients {
    pub fn new() -> Self {
        Self {
            known: vec![Client::default(); IDEMPOTENT],
            coordinator_epoch: 0,
        }
    }

    /// A batch of some client.
    pub fn batch(&mut self, random: &mut Random, now: i64) -> Bytes {
        let id = random.below(ALL) as usize;
        let count = 1 + [0, 3, 30][random.below(3) as usize].min(random.below(30));
        let mut builder = BatchBuilder::new(0);
        if let Some(client) = self.known.get_mut(id) {
            builder = builder.producer(id as i64, client.epoch, client.next_sequence);
            client.next_sequence += count as i32;
            if id < TRANSACTIONAL {
                builder = builder.transactional();
                client.is_in_transaction = true;
            }
        }
        for _ in 0..count {
            let key = random.below(50).min(random.below(50)).to_string();
            let key = random.percent(95).then_some(key.as_bytes());
            let value: Vec<u8> = (0..random.below(60))
                .map(|_| random.number() as u8)
                .collect();
            let value = random.percent(80).then_some(&value[..]);
            let header = random.number().to_be_bytes();
            let headers = [(&header[..], None)];
            let time = now - 50 + random.below(100) as i64;
            let headers = &headers[..random.below(2) as usize];
            builder.add(time, key, value, headers);
        }
        let bytes = builder.finish();
        match random.percent(50) {
            true => compressed(&bytes).into(),
            false => bytes.into(),
        }
    }

    /// The marker that ends a transaction, and whether it aborts it. In half of the cases it has a
    /// larger epoch, as from version 2 of transactions on.
    pub fn marker(&mut self, random: &mut Random, id: usize, now: i64) -> Option<(Bytes, bool)> {
        let client = self.known.get_mut(id).filter(|it| it.is_in_transaction)?;
        client.is_in_transaction = false;
        if random.percent(50) {
            client.epoch += 1;
            client.next_sequence = 0;
        }
        self.coordinator_epoch += random.below(2) as i32;
        let aborts = random.percent(40);
        let kind = if aborts {
            ControlType::Abort
        } else {
            ControlType::Commit
        };
        let producer = (id as i64, client.epoch);
        let marker = BatchBuilder::marker(kind, producer, self.coordinator_epoch, now);
        Some((marker.into(), aborts))
    }
}

//! Clients, a shard with its log, and partitions.

use std::collections::{BTreeMap, VecDeque};

use millrace_kafka_wire::ErrorCode;

use super::super::super::entry::Transaction;
use super::super::super::*;
use super::super::harness::FIRST;
use super::CLIENTS;
use super::clients::{Asked, Client, id_of, name};
use super::partitions::Partitions;

pub(super) const TIMEOUT_MS: i32 = 10_000;
pub(super) const EXPIRATION_MS: i64 = 200_000;
pub(super) struct World {
    pub shard: Shard,
    settings: TransactionSettings,
    pub now: i64,
    epoch: i32,
    durable: Vec<KeyAndValue>,
    written: VecDeque<Step>,
    sent: Vec<Markers>,
    pub asked: BTreeMap<Token, Asked>,
    pub clients: Vec<Client>,
    pub partitions: Partitions,
    /// How often the id expired: who took it before fences nobody after.
    pub forgotten: [u32; 2],
    /// The last identity that a client of the id was given.
    pub given: [(i64, i16); 2],
    next_id: i64,
    pub next_token: u64,
    pub next_transaction: usize,
}

impl World {
    /// Two ids whose producers have this epoch.
    pub fn new(epoch: i16) -> Self {
        let settings = TransactionSettings {
            id_expiration_ms: EXPIRATION_MS,
            ..Default::default()
        };
        let identity = |id| (id as i64, epoch);
        let durable = [0, 1].map(|id| {
            let mut transaction = Transaction::new(identity(id).0);
            transaction.restart(0, identity(id), -1, TIMEOUT_MS);
            records::record(&name(id), &transaction)
        });
        let mut world = Self {
            shard: Shard::new(settings.clone(), 0),
            settings,
            now: 0,
            epoch: 0,
            durable: durable.to_vec(),
            written: VecDeque::new(),
            sent: Vec::new(),
            asked: BTreeMap::new(),
            clients: (0..CLIENTS).map(|_| Client::default()).collect(),
            partitions: Partitions::default(),
            forgotten: [0; 2],
            given: [identity(0), identity(1)],
            next_id: FIRST,
            next_token: 0,
            next_transaction: 0,
        };
        world.load();
        world
    }

    pub fn shown(&self) -> String {
        format!("{:?} {:?} {:?}", self.shard, self.written, self.sent)
    }

    fn load(&mut self) {
        self.shard = Shard::new(self.settings.clone(), self.epoch);
        self.epoch += 1;
        for (key, value) in self.durable.clone() {
            self.shard.load(key, value).unwrap();
        }
        let effects = self.shard.loaded(self.now);
        self.take(effects);
    }

    pub fn take(&mut self, effects: Effects) {
        for step in &effects.steps {
            for (key, _) in step.records.iter().filter(|it| it.1.is_none()) {
                // Whoever comes next is the first of this id.
                let is_of = |id: usize| key.ends_with(name(id).as_bytes());
                for id in [0, 1].into_iter().filter(|it| is_of(*it)) {
                    self.forgotten[id] += 1;
                    let clients = self.clients.iter_mut().enumerate();
                    let of_id = clients.filter(|(number, _)| id_of(*number) == id);
                    of_id.for_each(|(_, it)| it.is_fenced = false);
                }
            }
        }
        self.written.extend(effects.steps);
    }

    pub fn give_id(&mut self, is_ok: bool) {
        if self.shard.wants_producer_id() {
            self.next_id += 1;
            let given = match is_ok {
                true => Ok(self.next_id),
                false => Err(ErrorCode::CoordinatorNotAvailable),
            };
            let effects = self.shard.on_producer_id(self.now, given);
            self.take(effects);
        }
    }

    /// Some partitions are told, and say so.
    pub fn tell(&mut self, which: usize, is_part: bool) {
        if self.sent.is_empty() {
            return;
        }
        let which = which % self.sent.len();
        let mut told = self.sent.remove(which);
        if is_part && told.partitions.len() > 1 {
            let mut rest = told.clone();
            rest.partitions = told.partitions.split_off(1);
            self.sent.push(rest);
        }
        for (_, partition) in &told.partitions {
            self.partitions.tell(&told, *partition);
        }
        let effects = self.shard.on_markers_written(self.now, &told);
        self.take(effects);
    }

    pub fn advance(&mut self, ms: i64) {
        self.now += ms;
        if self.shard.deadline().is_some_and(|at| at <= self.now) {
            let effects = self.shard.tick(self.now);
            self.take(effects);
        }
        assert!(self.shard.deadline().is_none_or(|at| at > self.now));
    }

    pub fn flush(&mut self, steps: usize) {
        for _ in 0..steps {
            let Some(step) = self.written.pop_front() else {
                break;
            };
            self.durable.extend(step.records);
            self.sent.extend(step.markers);
            for (token, response) in step.replies {
                self.answer(token, &response);
            }
        }
    }

    /// Nobody is answered any more, and markers on their way are told or lost.
    pub fn crash(&mut self, found: usize, mask: u32) {
        for (number, step) in std::mem::take(&mut self.written).into_iter().enumerate() {
            if number < found {
                self.durable.extend(step.records);
            }
            for (token, response) in step.replies {
                let version = self.asked[&token].version;
                let failed = response.failed(version, ErrorCode::KafkaStorageError);
                self.answer(token, &failed);
            }
        }
        let mut bits = mask;
        for markers in std::mem::take(&mut self.sent) {
            for (_, partition) in &markers.partitions {
                if bits & 1 == 1 {
                    self.partitions.tell(&markers, *partition);
                }
                bits = bits.rotate_right(1);
            }
        }
        let fresh = Shard::new(self.settings.clone(), 0);
        let old = std::mem::replace(&mut self.shard, fresh);
        for (token, response) in old.close(ErrorCode::NotCoordinator) {
            self.answer(token, &response);
        }
        assert!(self.asked.is_empty(), "forgotten: {:?}", self.asked);
        self.load();
    }

    /// Everything becomes durable, everybody is told, and every transaction times out.
    pub fn settle(&mut self) {
        for _ in 0..8 {
            self.flush(usize::MAX);
            while !self.sent.is_empty() {
                self.tell(0, false);
            }
            self.give_id(true);
            self.advance(TIMEOUT_MS.into());
        }
        assert!(self.asked.is_empty(), "forgotten: {:?}", self.asked);
        assert!(self.written.is_empty() && self.sent.is_empty());
        self.partitions.check_ended();
        self.crash(0, 0);
        assert!(self.sent.is_empty() && self.written.is_empty());
    }
}

//! A producer without transactions: it sends several batches at once, and again what was not
//! answered, so that each record comes into the log once and in order.

use std::collections::VecDeque;

use bytes::Bytes;
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::init_producer_id::InitProducerIdRequest;
use millrace_log::files::sim::Random;
use parking_lot::Mutex;

use super::{Identity, PRODUCE, Stage, batch, produce, produced, value};
use crate::link::{Gone, Link};
use crate::told::Place;

/// As many batches are under way at once as Kafka's clients send.
const IN_FLIGHT: usize = 5;

/// See the module.
pub struct Idempotent {
    pub name: String,
    pub place: Place,
    /// −1 or 1.
    pub acks: i16,
    /// Each record has one of so many keys; 0 for none.
    pub keys: i64,
    /// Whether the place keeps what was acknowledged when the power goes.
    pub is_durable: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    identity: Option<Identity>,
    sequence: i32,
    /// Of the next record.
    number: i64,
    unanswered: VecDeque<Sent>,
    acknowledged: Vec<i64>,
    /// The offset behind the last record that was acknowledged.
    end_offset: i64,
    /// The power was gone since something was acknowledged that may be lost by that.
    may_have_lost: bool,
}

#[derive(Clone)]
struct Sent {
    batch: Bytes,
    values: Vec<Bytes>,
    first: i64,
}

impl Idempotent {
    pub fn new(name: String, place: Place, acks: i16, keys: i64, is_durable: bool) -> Self {
        Self {
            name,
            place,
            acks,
            keys,
            is_durable: is_durable && acks == -1,
            state: Mutex::default(),
        }
    }

    /// The numbers of the records that were acknowledged, and how many there are in all.
    pub fn acknowledged(&self) -> (Vec<i64>, i64) {
        let state = self.state.lock();
        (state.acknowledged.clone(), state.number)
    }

    /// The broker has ended.
    pub fn power_is_lost(&self) {
        if !self.is_durable {
            let mut state = self.state.lock();
            state.may_have_lost = true;
            state.acknowledged.clear();
        }
    }

    pub async fn work(&self, stage: &Stage, random: &mut Random) -> Result<(), Gone> {
        let mut link = stage.link();
        loop {
            stage.think(random).await;
            let known = self.state.lock().identity;
            let Some(identity) = known else {
                self.begin(&mut link).await?;
                continue;
            };
            let batches = self.next(identity, stage.now(), random);
            for sent in &batches {
                let request = produce(self.place, self.acks, None, sent.batch.clone());
                link.send(PRODUCE, &request).await?;
            }
            let mut is_first = true;
            let mut goes_on = true;
            for sent in batches {
                let answer = produced(&mut link).await?;
                let code = answer.error_code;
                stage.told.note(|| {
                    format!(
                        "{} {} {} {code} {}",
                        stage.now(),
                        self.name,
                        sent.first,
                        answer.base_offset
                    )
                });
                goes_on &= code == 0;
                if goes_on {
                    self.acknowledge(stage, &sent, answer.base_offset);
                } else if is_first {
                    self.refused(stage, code);
                }
                is_first = false;
            }
        }
    }

    async fn begin(&self, link: &mut Link) -> Result<(), Gone> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            producer_id: -1,
            producer_epoch: -1,
        };
        let response = link.ask(5, &request).await?;
        if response.error_code == 0 {
            let mut state = self.state.lock();
            state.identity = Some(Identity {
                id: response.producer_id,
                epoch: response.producer_epoch,
            });
            state.sequence = 0;
        }
        Ok(())
    }

    /// What was sent and not answered, and perhaps something new.
    fn next(&self, of: Identity, time: i64, random: &mut Random) -> Vec<Sent> {
        let mut state = self.state.lock();
        let wanted = 1 + random.below(IN_FLIGHT as u64) as usize;
        while state.unanswered.len() < wanted {
            let count = 1 + random.below(3) as i64;
            let first = state.number;
            let values = (first..first + count).map(|it| value(&self.name, it, random));
            let values: Vec<_> = values.collect();
            let key = (self.keys > 0).then(|| (first % self.keys).to_string());
            let key = key.as_ref().map(String::as_bytes);
            let batch = batch(of, state.sequence, false, time, key, &values);
            state.sequence += count as i32;
            state.number += count;
            state.unanswered.push_back(Sent {
                batch,
                values,
                first,
            });
        }
        state.unanswered.iter().cloned().collect()
    }

    fn acknowledge(&self, stage: &Stage, sent: &Sent, offset: i64) {
        for (offset, value) in (offset..).zip(&sent.values) {
            stage
                .told
                .stands(self.place, offset, value, self.is_durable);
        }
        let mut state = self.state.lock();
        state.unanswered.pop_front();
        state.end_offset = offset + sent.values.len() as i64;
        let numbers = sent.first..sent.first + sent.values.len() as i64;
        state.acknowledged.extend(numbers);
    }

    /// The oldest batch was not taken.
    fn refused(&self, stage: &Stage, code: i16) {
        let lost = [
            ErrorCode::OutOfOrderSequenceNumber,
            ErrorCode::UnknownProducerId,
        ];
        let mut state = self.state.lock();
        if lost.map(ErrorCode::number).contains(&code) {
            // Of batches that are deleted a snapshot has the last one alone, as in Kafka: those before
            // it may have been written, and not be answered.
            let may_be_deleted = stage.told.latest_start(self.place) > state.end_offset;
            if !state.may_have_lost && !may_be_deleted {
                stage.told.wrong(|| {
                    format!(
                        "{} was refused with {code} although all before was acknowledged",
                        self.name
                    )
                });
            }
            // Nobody knows what came of what was not answered.
            state.unanswered.clear();
            state.identity = None;
            state.may_have_lost = false;
        }
    }
}

//! A producer with transactions over several partitions, some of which it aborts, leaves open too
//! long, or does not hear the end of.

use std::collections::BTreeMap;

use bytes::Bytes;
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::end_txn::EndTxnRequest;
use millrace_kafka_wire::api::init_producer_id::InitProducerIdRequest;
use millrace_kafka_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use millrace_log::files::sim::Random;
use parking_lot::Mutex;
use tokio::time::{Duration, sleep};

use super::groups::find_coordinator;
use super::{Identity, PRODUCE, Stage, batch, produce, produced, value};
use crate::link::{Gone, Link};
use crate::told::Place;

/// After this time the broker aborts what is open.
const TIMEOUT_MS: u64 = 3_000;

/// What is known of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its end was not asked for.
    Open,
    /// Its end was asked for: with `true`, that it is committed.
    Asked(bool),
    Committed,
    Aborted,
}

/// A transaction of the history.
#[derive(Clone, Debug)]
pub struct Transaction {
    pub outcome: Outcome,
    /// What was sent, to where; all of it was acknowledged when the end was asked for.
    pub values: Vec<(Place, Bytes)>,
    /// Whether it commits an offset for the group of its producer.
    pub has_offset: bool,
}

/// See the module.
pub struct Transactional {
    pub name: String,
    pub places: Vec<Place>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    identity: Option<Identity>,
    sequences: BTreeMap<Place, i32>,
    transactions: Vec<Transaction>,
    number: i64,
}

impl Transactional {
    pub fn new(name: String, places: Vec<Place>) -> Self {
        Self {
            name,
            places,
            state: Mutex::default(),
        }
    }

    /// All transactions, in their order.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.state.lock().transactions.clone()
    }

    /// The broker has ended: it has to be asked what is left.
    pub fn start_again(&self) {
        self.state.lock().identity = None;
    }

    pub async fn work(&self, stage: &Stage, random: &mut Random) -> Result<(), Gone> {
        let mut link = stage.link();
        loop {
            stage.think(random).await;
            let known = self.state.lock().identity;
            match known {
                None => drop(self.begin(stage, &mut link).await?),
                Some(identity) => self.transact(stage, &mut link, identity, random).await?,
            }
        }
    }

    /// Gets a number, which ends whatever is open; whether there is one.
    pub async fn begin(&self, stage: &Stage, link: &mut Link) -> Result<bool, Gone> {
        find_coordinator(link, 1, &self.name).await?;
        let request = InitProducerIdRequest {
            transactional_id: Some(self.name.as_str().into()),
            transaction_timeout_ms: TIMEOUT_MS as i32,
            producer_id: -1,
            producer_epoch: -1,
        };
        let response = link.ask(5, &request).await?;
        let code = response.error_code;
        stage
            .told
            .note(|| format!("{} {} begins {code}", stage.now(), self.name));
        if code != 0 {
            return Ok(false);
        }
        let mut state = self.state.lock();
        state.identity = Some(Identity {
            id: response.producer_id,
            epoch: response.producer_epoch,
        });
        state.sequences.clear();
        for transaction in &mut state.transactions {
            if matches!(transaction.outcome, Outcome::Open | Outcome::Asked(false)) {
                transaction.outcome = Outcome::Aborted;
            }
        }
        Ok(true)
    }

    async fn transact(
        &self,
        stage: &Stage,
        link: &mut Link,
        identity: Identity,
        random: &mut Random,
    ) -> Result<(), Gone> {
        self.state.lock().transactions.push(Transaction {
            outcome: Outcome::Open,
            values: Vec::new(),
            has_offset: false,
        });
        let mut is_well = true;
        for _ in 0..=random.below(3) {
            let place = self.places[random.below(self.places.len() as u64) as usize];
            is_well &= self.write(stage, link, identity, place, random).await?;
            stage.think(random).await;
        }
        if is_well && random.percent(40) {
            is_well = self.commit_offset(stage, link, identity).await?;
        }
        if random.percent(10) {
            // Too long: the broker aborts it.
            sleep(Duration::from_millis(TIMEOUT_MS * 5)).await;
        }
        if random.percent(10) {
            return self.fence(stage, link, identity, random).await;
        }
        self.end(stage, link, identity, is_well && random.percent(70))
            .await
    }

    /// Appends to one partition; whether that was done.
    async fn write(
        &self,
        stage: &Stage,
        link: &mut Link,
        of: Identity,
        place: Place,
        random: &mut Random,
    ) -> Result<bool, Gone> {
        let (batch, values) = {
            let mut state = self.state.lock();
            let count = 1 + random.below(2) as i64;
            let first = state.number;
            state.number += count;
            let values = (first..first + count).map(|it| value(&self.name, it, random));
            let values: Vec<_> = values.collect();
            let sequence = state.sequences.entry(place).or_default();
            let batch = batch(of, *sequence, true, stage.now(), None, &values);
            *sequence += count as i32;
            if let Some(transaction) = state.transactions.last_mut() {
                let sent = values.iter().map(|it| (place, it.clone()));
                transaction.values.extend(sent);
            }
            (batch, values)
        };
        link.send(PRODUCE, &produce(place, -1, Some(&self.name), batch))
            .await?;
        let answer = produced(link).await?;
        let code = answer.error_code;
        stage.told.note(|| {
            format!(
                "{} {} writes {place:?} {code} {}",
                stage.now(),
                self.name,
                answer.base_offset
            )
        });
        if code == 0 {
            for (offset, value) in (answer.base_offset..).zip(&values) {
                stage.told.stands(place, offset, value, true);
            }
        }
        Ok(code == 0)
    }

    async fn commit_offset(
        &self,
        stage: &Stage,
        link: &mut Link,
        of: Identity,
    ) -> Result<bool, Gone> {
        find_coordinator(link, 0, &self.name).await?;
        let number = self.state.lock().transactions.len() as i64;
        let place = self.places[0];
        let request = TxnOffsetCommitRequest {
            transactional_id: self.name.as_str().into(),
            group_id: self.name.as_str().into(),
            producer_id: of.id,
            producer_epoch: of.epoch,
            generation_id: -1,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: place.0.into(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    partition_index: place.1,
                    committed_offset: number,
                    ..TxnOffsetCommitRequestPartition::default()
                }],
            }],
            ..TxnOffsetCommitRequest::default()
        };
        let response = link.ask(5, &request).await?;
        let code = response.topics.iter().flat_map(|it| &it.partitions).next();
        let code = code.map_or(-1, |it| it.error_code);
        stage
            .told
            .note(|| format!("{} {} offset {number} {code}", stage.now(), self.name));
        if code == 0
            && let Some(transaction) = self.state.lock().transactions.last_mut()
        {
            transaction.has_offset = true;
        }
        Ok(code == 0)
    }

    async fn end(
        &self,
        stage: &Stage,
        link: &mut Link,
        of: Identity,
        commit: bool,
    ) -> Result<(), Gone> {
        let settle = |outcome| {
            if let Some(transaction) = self.state.lock().transactions.last_mut() {
                transaction.outcome = outcome;
            }
        };
        settle(Outcome::Asked(commit));
        let request = EndTxnRequest {
            transactional_id: self.name.as_str().into(),
            producer_id: of.id,
            producer_epoch: of.epoch,
            committed: commit,
        };
        for _ in 0..20 {
            let response = link.ask(5, &request).await?;
            let code = response.error_code;
            stage
                .told
                .note(|| format!("{} {} ends {commit} {code}", stage.now(), self.name));
            if code == 0 {
                settle(if commit {
                    Outcome::Committed
                } else {
                    Outcome::Aborted
                });
                let next = Identity {
                    id: response.producer_id,
                    epoch: response.producer_epoch,
                };
                let mut state = self.state.lock();
                state.identity = Some(next);
                state.sequences.clear();
                return Ok(());
            }
            if code != ErrorCode::ConcurrentTransactions.number() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.start_again();
        Ok(())
    }

    /// Another producer takes over, and this one writes once more, which must be refused.
    async fn fence(
        &self,
        stage: &Stage,
        link: &mut Link,
        old: Identity,
        random: &mut Random,
    ) -> Result<(), Gone> {
        self.start_again();
        if !self.begin(stage, link).await? {
            return Ok(());
        }
        let place = self.places[0];
        let late = value(&format!("{}-late", self.name), 0, random);
        let batch = batch(old, 0, true, stage.now(), None, &[late]);
        link.send(PRODUCE, &produce(place, -1, Some(&self.name), batch))
            .await?;
        if produced(link).await?.error_code == 0 {
            stage
                .told
                .wrong(|| format!("{} wrote to {place:?} after it was fenced", self.name));
        }
        Ok(())
    }
}

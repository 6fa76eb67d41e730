//! EndTxn, and what follows when it is decided how a transaction ends.

use millrace_kafka_wire::api::end_txn::{EndTxnRequest, EndTxnResponse};
use millrace_kafka_wire::{ErrorCode, Str};

use super::add::FENCED_FROM;
use super::effects::{Effects, Markers};
use super::entry::{EPOCH_RISES_FROM, NONE, Transaction};
use super::ids::Refused;
use super::records::record;
use super::state::State;
use super::{Response, Shard};

/// From this version of EndTxn on every end raises the epoch (KIP-890), and the answer says it.
const EPOCH_RISES_FROM_END_TXN: i16 = 5;

/// What is done about an EndTxn that is right.
enum Verdict {
    End,
    /// It did, before.
    Ended,
}

impl Shard {
    /// Id and epoch of the producer in its next transaction.
    pub(super) fn end_txn(
        &mut self,
        now: i64,
        version: i16,
        request: &EndTxnRequest,
        out: &mut Effects,
    ) -> Result<(i64, i16), Refused> {
        let id = &request.transactional_id;
        if id.is_empty() {
            return Err(ErrorCode::InvalidRequest.into());
        }
        let transaction = self.transactions.get(id);
        let transaction = transaction.ok_or(ErrorCode::InvalidProducerIdMapping)?;
        let rises = version >= EPOCH_RISES_FROM_END_TXN;
        let verdict = match rises {
            true => judge(transaction, request)?,
            false => judge_before_rise(transaction, request)?,
        };
        match verdict {
            Verdict::Ended => {}
            Verdict::End => {
                let version = if rises { EPOCH_RISES_FROM } else { 0 };
                self.end(now, id, request.committed, version, out)?;
            }
        }
        let transaction = self.transactions.get(id).expect("it was there");
        Ok(transaction.identity_after_end())
    }

    /// Decides how a transaction ends. Its partitions are told, if it has any.
    pub(super) fn end(
        &mut self,
        now: i64,
        id: &Str,
        is_commit: bool,
        version: i16,
        out: &mut Effects,
    ) -> Result<(), Refused> {
        if self.hold.is_some() {
            return Err(Refused::Held);
        }
        let Some((id, transaction)) = entry(&mut self.transactions, id) else {
            return Ok(());
        };
        let next_producer_id = match version >= EPOCH_RISES_FROM && transaction.is_exhausted() {
            true => Some(self.producer_ids.take()?),
            false => None,
        };
        transaction.prepare(now, is_commit, version, next_producer_id);
        let prepared = record(&id, transaction);
        if transaction.partitions.is_empty() {
            transaction.complete(now);
            out.write(vec![prepared, record(&id, transaction)]);
        } else {
            self.settling.ending += 1;
            out.write(vec![prepared]);
            out.tell(markers(&id, transaction, self.coordinator_epoch));
        }
        self.schedule(&id);
        Ok(())
    }

    /// Partitions of a transaction that is ending were told, or are there no more: those of `told`,
    /// which may be a part of what the markers of a step had. What is said of another transaction
    /// than the present one changes nothing.
    pub fn on_markers_written(&mut self, now: i64, told: &Markers) -> Effects {
        let mut out = Effects::default();
        let Some((id, transaction)) = entry(&mut self.transactions, &told.transactional_id) else {
            return out;
        };
        let is_meant = (transaction.producer_id, transaction.epoch)
            == (told.producer_id, told.producer_epoch)
            && transaction.state == ending(told.is_commit);
        if !is_meant {
            return out;
        }
        for (topic, partition) in &told.partitions {
            transaction.remove(topic, *partition);
        }
        if transaction.partitions.is_empty() {
            transaction.complete(now);
            self.write(&id, &mut out);
            self.note_end(&mut out);
        }
        out
    }
}

fn ending(is_commit: bool) -> State {
    match is_commit {
        true => State::PrepareCommit,
        false => State::PrepareAbort,
    }
}

fn completed(is_commit: bool) -> State {
    match is_commit {
        true => State::CompleteCommit,
        false => State::CompleteAbort,
    }
}

type Transactions = std::collections::BTreeMap<Str, Transaction>;

/// A transaction, and its id as it is kept.
fn entry<'a>(transactions: &'a mut Transactions, id: &Str) -> Option<(Str, &'a mut Transaction)> {
    let (kept, _) = transactions.get_key_value(id)?;
    let kept = kept.clone();
    let transaction = transactions.get_mut(id)?;
    Some((kept, transaction))
}

/// What the partitions of a transaction are told that is ending.
pub(super) fn markers(id: &Str, transaction: &Transaction, coordinator_epoch: i32) -> Markers {
    let partitions = transaction.partitions.iter();
    let partitions = partitions.flat_map(|(topic, indexes)| {
        let indexes = indexes.iter();
        indexes.map(move |it| (topic.clone(), *it))
    });
    Markers {
        transactional_id: id.clone(),
        producer_id: transaction.producer_id,
        producer_epoch: transaction.epoch,
        coordinator_epoch,
        is_commit: transaction.state == State::PrepareCommit,
        partitions: partitions.collect(),
        transaction_version: transaction.version,
    }
}

/// Before version 2 of transactions the epoch stays, and one who asks again cannot be told from one
/// who is at the next transaction.
fn judge_before_rise(
    transaction: &Transaction,
    request: &EndTxnRequest,
) -> Result<Verdict, ErrorCode> {
    if transaction.producer_id != request.producer_id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if transaction.epoch != request.producer_epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    match transaction.state {
        State::PrepareCommit | State::PrepareAbort => Err(ErrorCode::ConcurrentTransactions),
        State::Ongoing => Ok(Verdict::End),
        state if state == completed(request.committed) => Ok(Verdict::Ended),
        State::Empty | State::CompleteCommit | State::CompleteAbort => {
            Err(ErrorCode::InvalidTxnState)
        }
    }
}

/// From version 2 on, who asks again has the epoch before the end, and one who is at the next
/// transaction may abort it without having begun it.
fn judge(transaction: &Transaction, request: &EndTxnRequest) -> Result<Verdict, ErrorCode> {
    // Before the epoch is looked at: that of the producer may be the next one already.
    if transaction.state.is_ending() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let (producer_id, epoch) = (request.producer_id, request.producer_epoch);
    let is_complete = matches!(
        transaction.state,
        State::CompleteCommit | State::CompleteAbort
    );
    if is_complete && transaction.ended(producer_id, epoch) {
        return match transaction.state == completed(request.committed) {
            true => Ok(Verdict::Ended),
            false => Err(ErrorCode::InvalidTxnState),
        };
    }
    if transaction.producer_id != producer_id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if transaction.epoch != epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    match transaction.state == State::Ongoing || !request.committed {
        true => Ok(Verdict::End),
        false => Err(ErrorCode::InvalidTxnState),
    }
}

pub(super) fn response(version: i16, decided: Result<(i64, i16), ErrorCode>) -> Response {
    let code = match decided {
        Ok(_) => ErrorCode::None,
        Err(ErrorCode::ProducerFenced) if version < FENCED_FROM => ErrorCode::InvalidProducerEpoch,
        Err(code) => code,
    };
    let told = decided.ok().filter(|_| version >= EPOCH_RISES_FROM_END_TXN);
    let (producer_id, producer_epoch) = told.unwrap_or((NONE.into(), NONE.into()));
    Response::EndTxn(EndTxnResponse {
        error_code: code.into(),
        producer_id,
        producer_epoch,
        ..EndTxnResponse::default()
    })
}

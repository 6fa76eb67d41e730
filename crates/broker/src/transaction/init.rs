//! InitProducerId: a producer takes a transactional id (KIP-98), or goes on after an error
//! (KIP-360).

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::effects::Effects;
use super::entry::{LAST_EPOCH, NONE, Transaction};
use super::ids::Refused;
use super::records::ID_MAX;
use super::state::State;
use super::{Response, Shard};

/// Clients know PRODUCER_FENCED from this version on.
const FENCED_FROM: i16 = 4;

impl Shard {
    /// Id and epoch of the producer.
    pub(super) fn init(
        &mut self,
        now: i64,
        request: &InitProducerIdRequest,
        out: &mut Effects,
    ) -> Result<(i64, i16), Refused> {
        let given = given(request)?;
        let id = request.transactional_id.clone().unwrap_or_default();
        if id.is_empty() || id.len() > ID_MAX {
            return Err(ErrorCode::InvalidRequest.into());
        }
        let timeout_ms = request.transaction_timeout_ms;
        if !(1..=self.settings.max_timeout_ms).contains(&timeout_ms) {
            return Err(ErrorCode::InvalidTransactionTimeout.into());
        }
        let Some(transaction) = self.transactions.get(&id) else {
            let producer_id = self.producer_ids.take()?;
            let mut transaction = Transaction::new(producer_id);
            transaction.restart(now, (producer_id, 0), NONE.into(), timeout_ms);
            self.transactions.insert(id.detach(), transaction);
            self.write(&id, out);
            return Ok((producer_id, 0));
        };
        if transaction.state.is_ending() {
            return Err(ErrorCode::ConcurrentTransactions.into());
        }
        check_given(transaction, given)?;
        if transaction.state == State::Ongoing {
            // The epoch by which its producer is fenced is told to nobody: who asked asks again
            // when the transaction has ended, and gets the next one.
            self.end(now, &id, false, super::SERVER_VERSION, out)?;
            return Err(ErrorCode::ConcurrentTransactions.into());
        }
        let (identity, last_epoch) = match given {
            Some((_, epoch)) if epoch != transaction.epoch => {
                // The answer got lost: it is the same again.
                ((transaction.producer_id, transaction.epoch), epoch)
            }
            _ => {
                let last_epoch = given.map_or(NONE.into(), |it| it.1);
                let identity = match transaction.is_exhausted() {
                    true => (self.producer_ids.take()?, 0),
                    false => (transaction.producer_id, transaction.epoch + 1),
                };
                (identity, last_epoch)
            }
        };
        let transaction = self.transactions.get_mut(&id).expect("it was there");
        transaction.restart(now, identity, last_epoch, timeout_ms);
        self.write(&id, out);
        Ok(identity)
    }
}

/// Id and epoch that the producer has; none when it begins.
fn given(request: &InitProducerIdRequest) -> Result<Option<(i64, i16)>, ErrorCode> {
    match (request.producer_id, request.producer_epoch) {
        (-1, -1) => Ok(None),
        (-1, _) | (_, -1) => Err(ErrorCode::InvalidRequest),
        given => Ok(Some(given)),
    }
}

/// Whether it is the present producer that asks, or the one before whose answer got lost. Kafka
/// lets another one abort a transaction that is open before it is told that it is fenced.
fn check_given(transaction: &Transaction, given: Option<(i64, i16)>) -> Result<(), ErrorCode> {
    let Some((id, epoch)) = given else {
        return Ok(());
    };
    let is_id = id == transaction.producer_id
        || (id == transaction.previous_producer_id && epoch >= LAST_EPOCH);
    let is_epoch = epoch == transaction.epoch
        || (epoch == transaction.last_epoch && transaction.state != State::Ongoing);
    match is_id && is_epoch {
        true => Ok(()),
        false => Err(ErrorCode::ProducerFenced),
    }
}

pub(super) fn response(version: i16, decided: Result<(i64, i16), ErrorCode>) -> Response {
    let code = match decided {
        Ok(_) => ErrorCode::None,
        Err(ErrorCode::ProducerFenced) if version < FENCED_FROM => ErrorCode::InvalidProducerEpoch,
        Err(code) => code,
    };
    let (producer_id, producer_epoch) = decided.unwrap_or((NONE.into(), NONE.into()));
    Response::InitProducerId(InitProducerIdResponse {
        error_code: code.into(),
        producer_id,
        producer_epoch,
        ..InitProducerIdResponse::default()
    })
}

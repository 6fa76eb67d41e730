//! Holding the coordinators of transactions, so that no transaction ends.

use std::sync::Arc;

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::list_transactions::ListTransactionsRequest;
use tokio::time::{Duration, Instant};

use crate::broker::Broker;
use crate::coordinators::TransactionNews;
use crate::group::Caller;
use crate::transaction::{Request, Response};

/// It is not decided how a transaction ends as long as it is there.
pub(super) struct Held {
    broker: Arc<Broker>,
    since: Instant,
}

impl Held {
    /// Has decisions wait, and returns when all that was decided before is on the medium: the markers
    /// of each transaction in all of its partitions, and its end in `__transaction_state`.
    ///
    /// # Errors
    /// A coordinator cannot say so.
    ///
    /// # Cancel safety
    /// Nothing is held by a call that is dropped.
    pub async fn new(broker: &Arc<Broker>) -> Result<Self, String> {
        broker.held().set(true);
        let held = Self {
            broker: Arc::clone(broker),
            since: Instant::now(),
        };
        let answers = broker
            .transactions()
            .ask_all(&caller(), &Request::Hold)
            .await;
        check(answers)?;
        Ok(held)
    }

    /// Lets go, and says how long it was held.
    pub fn release(self) -> Duration {
        let since = self.since;
        drop(self);
        since.elapsed()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.broker.held().set(false);
        // Those that begin from now on hold nothing.
        let transactions = self.broker.transactions();
        transactions.tell_running(|| TransactionNews::Release);
    }
}

/// Has every coordinator read its log, so that none is read while decisions are held.
pub(super) async fn warm(broker: &Broker) {
    let nobody = ListTransactionsRequest {
        producer_id_filters: vec![-1],
        ..ListTransactionsRequest::default()
    };
    let request = Request::ListTransactions(nobody);
    // Who cannot read its log says so when it is to hold.
    let _ = broker.transactions().ask_all(&caller(), &request).await;
}

/// What coordinators know of who asks.
pub(super) fn caller() -> Caller {
    Caller {
        version: 0,
        client_id: "backup".into(),
        client_host: "".into(),
    }
}

/// Whether every coordinator has settled.
///
/// # Errors
/// One has not.
pub(super) fn check(answers: Vec<Response>) -> Result<(), String> {
    for answer in answers {
        match answer {
            Response::Settled(ErrorCode::None) => {}
            Response::Settled(code) => {
                return Err(format!(
                    "a coordinator of transactions cannot be asked ({code:?}); the broker's log says \
                     why"
                ));
            }
            other => unreachable!("the answer is of the kind of the request: {other:?}"),
        }
    }
    Ok(())
}

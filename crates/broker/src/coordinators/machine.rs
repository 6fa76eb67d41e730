//! What an actor drives: a state machine over the records of its partition.

use bytes::Bytes;
use millrace_kafka_wire::ErrorCode;

use crate::group::{Caller, Token};

/// A coordinator's state, without I/O. It changes with each call, before the records that the call
/// returns are durable; when they cannot be written, it is thrown away and another one is loaded.
pub trait Machine: Sized + Send + 'static {
    /// What clients ask.
    type Request: Send + Sync;
    /// What they are answered.
    type Response: Send;
    /// What else the machine is told of.
    type News: Send;
    /// What is to be done outside once a decision is durable; its outcome comes as news.
    type Duty: Send;

    /// Takes a record of the partition, in its order.
    ///
    /// # Errors
    /// It cannot be read; the text says why.
    fn load(
        &mut self,
        key: Bytes,
        value: Option<Bytes>,
        producer: Option<(i64, i16)>,
    ) -> Result<(), String>;

    /// Takes the end of a transaction, in the order of the partition.
    fn load_marker(&mut self, producer_id: i64, is_commit: bool);

    /// All was loaded.
    fn loaded(&mut self, now: i64) -> Vec<Step<Self>>;

    /// Takes a request; its token is answered once, now or later.
    fn ask(
        &mut self,
        now: i64,
        token: Token,
        caller: Caller,
        request: Self::Request,
    ) -> Vec<Step<Self>>;

    /// Takes what it is told.
    fn hear(&mut self, now: i64, news: Self::News) -> Vec<Step<Self>>;

    /// When [`Machine::tick`] has something to do.
    fn deadline(&self) -> Option<i64>;

    /// Does what is due.
    fn tick(&mut self, now: i64) -> Vec<Step<Self>>;

    /// Answers all that it has not answered.
    fn close(self, code: ErrorCode) -> Vec<(Token, Self::Response)>;

    /// The answer to a request that no machine takes.
    fn refuse(request: &Self::Request, version: i16, code: ErrorCode) -> Self::Response;

    /// The answer in place of one that does not hold.
    fn revoke(response: Self::Response, version: i16, code: ErrorCode) -> Self::Response;
}

/// Records that are appended as one batch, and what waits for them and for all before them.
pub struct Step<M: Machine> {
    pub records: Vec<(Bytes, Option<Bytes>)>,
    /// The producer in whose transaction the batch is.
    pub producer: Option<(i64, i16)>,
    pub replies: Vec<(Token, M::Response)>,
    pub duties: Vec<M::Duty>,
}

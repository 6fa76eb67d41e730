//! New producer ids, which come from outside, and what waits for one.

use std::collections::{BTreeSet, VecDeque};

use millrace_kafka_wire::{ErrorCode, Str};

use super::{Caller, Request, Response, Token};

/// Why a request is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Code(ErrorCode),
    /// It is done when there is a new producer id. Nothing was changed.
    NeedsProducerId,
    /// It is done when decisions are released. Nothing was changed.
    Held,
}

/// What a request waits for inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    ProducerId,
    /// Decisions are held.
    Release,
    /// Transactions are ending.
    Ends,
}

impl Refused {
    /// What it waits for; an error is told at once.
    pub fn waits(self) -> Result<Waits, ErrorCode> {
        match self {
            Self::Code(code) => Err(code),
            Self::NeedsProducerId => Ok(Waits::ProducerId),
            Self::Held => Ok(Waits::Release),
        }
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code)
    }
}

/// A request that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub token: Token,
    pub caller: Caller,
    pub request: Request,
}

impl Waiting {
    pub fn failed(&self, code: ErrorCode) -> (Token, Response) {
        let response = self.request.failed(self.caller.version, code);
        (self.token, response)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct ProducerIds {
    /// One that was given and not used.
    pub spare: Option<i64>,
    /// Requests, in the order in which they came.
    pub requests: VecDeque<Waiting>,
    /// Ids whose transaction timed out and is to be aborted.
    pub timed_out: BTreeSet<Str>,
}

impl ProducerIds {
    pub fn take(&mut self) -> Result<i64, Refused> {
        self.spare.take().ok_or(Refused::NeedsProducerId)
    }

    pub fn is_wanted(&self) -> bool {
        self.spare.is_none() && !(self.requests.is_empty() && self.timed_out.is_empty())
    }
}

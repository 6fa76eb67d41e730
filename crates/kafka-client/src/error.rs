//! What went wrong: with which broker, in which API, of what, why, and what can be done.

mod text;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use millrace_kafka_wire::batch::BatchError;
use millrace_kafka_wire::{ApiKey, ErrorCode, ReadError, Str, WriteError};

use crate::admin::TopicPartition;

/// Something that could not be done. A clone costs a count.
#[derive(Clone, Debug)]
pub struct Error(Arc<Detail>);

#[derive(Clone, Debug)]
struct Detail {
    broker: Option<Arc<str>>,
    api: Option<ApiKey>,
    /// What was asked for, such as ``topic `orders` ``.
    subject: Option<String>,
    reason: Reason,
    unreadable: Option<Unreadable>,
}

/// A batch that its readers cannot read: the partition stands still before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub partition: TopicPartition,
    /// The first offset that cannot be read.
    pub offset: i64,
    /// The offset behind the batch, when its header can be believed.
    pub behind: Option<i64>,
}

/// Why something could not be done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// No connection could be made.
    Connect(Arc<io::Error>),
    /// TLS could not be agreed on: what one side has shown the other does not take.
    Tls(String),
    /// The connection broke; what was asked for may have been done.
    Broken(Arc<io::Error>),
    /// Nothing came in this time; what was asked for may have been done.
    Timeout(Duration),
    /// A response says that it has this many bytes.
    Size { size: i64, limit: usize },
    /// A response does not belong to the oldest open request.
    Correlation { expected: i32, found: i32 },
    /// A response is no such response.
    Malformed(ReadError),
    /// The version that the broker knows cannot say what was asked for.
    Unwritable(WriteError),
    /// There is no version of the API that both know.
    Unsupported {
        ours: (i16, i16),
        theirs: Option<(i16, i16)>,
    },
    /// The broker refused, with this number and perhaps a text.
    Refused { code: i16, message: Option<Str> },
    /// A response leaves out what was asked for, or says what cannot be.
    Incomplete(&'static str),
    /// A batch of records is none.
    Batch(BatchError),
    /// The records of a batch are none.
    Records(Arc<io::Error>),
    /// What was asked for cannot be meant.
    Invalid(String),
    /// It was not written, since a record before it failed with this.
    Behind(Box<Error>),
}

impl Error {
    pub(crate) fn new(reason: Reason) -> Self {
        Self(Arc::new(Detail {
            broker: None,
            api: None,
            subject: None,
            reason,
            unreadable: None,
        }))
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(Reason::Invalid(text.into()))
    }

    /// The error of what an idempotent producer does not write any more after this one.
    pub(crate) fn behind(&self) -> Self {
        Self::new(Reason::Behind(Box::new(self.clone())))
    }

    /// Whether it is a record that another producer may well write: one before it has failed.
    pub fn is_behind(&self) -> bool {
        matches!(self.0.reason, Reason::Behind(_))
    }

    /// The error of who waited in vain for a record that should be there.
    pub fn missing(partition: &TopicPartition, offset: i64) -> Self {
        Self::invalid(format!("no record comes at offset {offset}")).of(partition)
    }

    /// A refusal that is found here.
    pub(crate) fn refused(code: ErrorCode) -> Self {
        Self::new(Reason::Refused {
            code: code.number(),
            message: None,
        })
    }

    /// Checks the number of an error that a response holds.
    pub(crate) fn check(code: i16, message: Option<&Str>) -> Result<(), Self> {
        match code {
            0 => Ok(()),
            code => Err(Self::new(Reason::Refused {
                code,
                message: message.filter(|it| !it.is_empty()).map(Str::detach),
            })),
        }
    }

    fn change(self, change: impl FnOnce(&mut Detail)) -> Self {
        let mut detail = Arc::unwrap_or_clone(self.0);
        change(&mut detail);
        Self(Arc::new(detail))
    }

    pub(crate) fn at(self, broker: &Arc<str>) -> Self {
        self.change(|it| it.broker = Some(Arc::clone(broker)))
    }

    pub(crate) fn during(self, api: ApiKey) -> Self {
        self.change(|it| it.api = Some(api))
    }

    pub(crate) fn of(self, subject: impl fmt::Display) -> Self {
        self.change(|it| it.subject = Some(subject.to_string()))
    }

    /// The error of a batch that cannot be read.
    pub(crate) fn unreadable_at(self, unreadable: Unreadable) -> Self {
        let (place, offset) = (&unreadable.partition, unreadable.offset);
        let placed = self.of(format_args!("{place} at offset {offset}"));
        placed.change(|it| it.unreadable = Some(unreadable))
    }

    /// Where it is, when it is a batch that cannot be read.
    pub fn unreadable(&self) -> Option<&Unreadable> {
        self.0.unreadable.as_ref()
    }

    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// The broker's address.
    pub fn broker(&self) -> Option<&str> {
        self.0.broker.as_deref()
    }

    /// What was asked of it.
    pub fn api(&self) -> Option<ApiKey> {
        self.0.api
    }

    /// The error of the protocol, when the broker refused with one that is known.
    pub fn code(&self) -> Option<ErrorCode> {
        match &self.0.reason {
            Reason::Refused { code, .. } => ErrorCode::from_number(*code),
            _ => None,
        }
    }

    /// Whether nothing was done and the same may be asked again.
    pub fn is_retriable(&self) -> bool {
        match &self.0.reason {
            Reason::Connect(_) => true,
            _ => self.code().is_some_and(ErrorCode::is_retriable),
        }
    }

    /// Whether a broker could not be reached, or no longer.
    pub fn is_lost(&self) -> bool {
        matches!(
            self.0.reason,
            Reason::Connect(_) | Reason::Broken(_) | Reason::Timeout(_)
        )
    }

    /// Whether it is unknown if what was asked for was done.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.0.reason, Reason::Broken(_) | Reason::Timeout(_))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_broker_api_subject_code_and_remedy() {
        let error = Error::check(36, Some(&"it is there".into())).unwrap_err();
        let error = error.at(&"b:9092".into()).during(ApiKey::CreateTopics);
        assert_eq!(
            error.of("topic `orders`").to_string(),
            "broker b:9092: CreateTopics of topic `orders`: TOPIC_ALREADY_EXISTS: it is there \
             (choose another name, or alter the topic)"
        );
    }

    #[test]
    fn a_number_that_no_error_has_is_told_as_it_is() {
        let error = Error::check(9999, None).unwrap_err();
        assert_eq!(
            (error.to_string(), error.code()),
            ("error 9999".into(), None)
        );
        assert!(!error.is_retriable());
    }
}

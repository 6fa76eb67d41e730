//! The words of errors.

use std::fmt;

use millrace_kafka_wire::ErrorCode;

use crate::admin::TopicPartition;

use super::{Detail, Error, Reason, Unreadable};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail {
            broker,
            api,
            subject,
            reason,
            unreadable,
        } = &*self.0;
        if let Some(broker) = broker {
            write!(f, "broker {broker}: ")?;
        }
        match (api, subject) {
            (Some(api), Some(subject)) => write!(f, "{api} of {subject}: ")?,
            (Some(api), None) => write!(f, "{api}: ")?,
            (None, Some(subject)) => write!(f, "{subject}: ")?,
            (None, None) => {}
        }
        reason.fmt(f)?;
        unreadable.as_ref().map_or(Ok(()), |it| remove(f, it))
    }
}

/// How a batch is left out that cannot be read.
fn remove(f: &mut fmt::Formatter<'_>, unreadable: &Unreadable) -> fmt::Result {
    let TopicPartition { topic, partition } = &unreadable.partition;
    let command = format_args!("millrace topic delete-records {topic} --partition {partition}");
    match unreadable.behind {
        Some(behind) => write!(
            f,
            "; what is behind it waits until `{command} --before {behind}` has removed it"
        ),
        None => write!(
            f,
            "; what is behind it waits until `{command} --before OFFSET` has removed it, with the \
             offset of the next batch, which `millrace log dump` shows"
        ),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(
                f,
                "cannot connect: {error}; see that the broker runs and that the address is one that \
                 it tells its clients"
            ),
            Self::Tls(reason) => write!(
                f,
                "TLS: {reason}; see the certificates of both sides, and that the one of the broker \
                 names the address that it tells its clients"
            ),
            Self::Broken(error) => write!(
                f,
                "the connection broke: {error}; the log of the broker may say why (one that asks for a \
                 login ends connections without)"
            ),
            Self::Timeout(after) => write!(
                f,
                "no answer within {} ms; see that the broker is well, or wait longer",
                after.as_millis()
            ),
            Self::Size { size, limit } => write!(
                f,
                "a response says that it has {size} bytes, where at most {limit} are taken; see \
                 that a broker of Kafka's protocol listens there, and say so if it speaks TLS \
                 (`--command-config` of commands, `tls` of components)"
            ),
            Self::Correlation { expected, found } => write!(
                f,
                "a response to request {found} came where one to {expected} was due; see that a \
                 broker of Kafka's protocol listens there"
            ),
            Self::Malformed(error) => write!(
                f,
                "the response cannot be read: {error}; see that a broker of Kafka's protocol \
                 listens there"
            ),
            Self::Unwritable(error) => write!(f, "the broker is too old for it: {error}"),
            Self::Unsupported { ours, theirs } => unsupported(f, *ours, *theirs),
            Self::Refused { code, message } => refused(f, *code, message.as_deref()),
            Self::Incomplete(what) => write!(
                f,
                "the response {what}; see that a broker of Kafka's protocol listens there"
            ),
            Self::Batch(error) => write!(f, "{error}"),
            Self::Records(error) => write!(f, "the records of a batch cannot be read: {error}"),
            Self::Invalid(text) => f.write_str(text),
            Self::Behind(error) => write!(
                f,
                "it is not written, as a record before it has failed ({error}), and an idempotent \
                 producer leaves no gap; send it again with a new one"
            ),
        }
    }
}

fn unsupported(
    f: &mut fmt::Formatter<'_>,
    (first, last): (i16, i16),
    theirs: Option<(i16, i16)>,
) -> fmt::Result {
    write!(f, "versions {first} to {last} are known here, ")?;
    match theirs {
        Some((first, last)) => write!(f, "{first} to {last} by the broker: update the older one"),
        None => f.write_str("and the broker does not have the API: it is too old or cannot do it"),
    }
}

fn refused(f: &mut fmt::Formatter<'_>, number: i16, message: Option<&str>) -> fmt::Result {
    let code = ErrorCode::from_number(number);
    match code {
        Some(code) => f.write_str(code.name())?,
        None => write!(f, "error {number}")?,
    }
    if let Some(message) = message {
        write!(f, ": {message}")?;
    }
    match code.and_then(remedy) {
        Some(remedy) => write!(f, " ({remedy})"),
        None => Ok(()),
    }
}

/// What can be done about an error.
fn remedy(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::TopicAlreadyExists => "choose another name, or alter the topic",
        ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId => {
            "create the topic; `millrace topic list` has those that there are"
        }
        ErrorCode::InvalidTopicException => {
            "a name has letters, digits, `.`, `_` and `-`, at most 249"
        }
        ErrorCode::InvalidReplicationFactor => "there must be as many brokers as replicas",
        ErrorCode::InvalidPartitions => "partitions can be added and never removed",
        ErrorCode::InvalidConfig => "see the reference of the settings of topics",
        ErrorCode::NonEmptyGroup => "stop its members, or wait until their sessions end",
        ErrorCode::GroupIdNotFound => "`millrace group list` has those that there are",
        ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration | ErrorCode::FencedInstanceId => {
            "the group has gone on without this member: join it again"
        }
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => {
            "send smaller records or batches, or raise `max.message.bytes` of the topic"
        }
        ErrorCode::NotEnoughReplicas | ErrorCode::NotEnoughReplicasAfterAppend => {
            "see which replicas of the partition are out of sync, and `min.insync.replicas`"
        }
        ErrorCode::SaslAuthenticationFailed => "see the user and the password",
        ErrorCode::UnsupportedSaslMechanism => "log in by another mechanism",
        ErrorCode::ResourceNotFound => "list what there is",
        ErrorCode::OffsetOutOfRange => "begin at the earliest or the latest offset",
        ErrorCode::OutOfOrderSequenceNumber
        | ErrorCode::UnknownProducerId
        | ErrorCode::InvalidProducerEpoch => "begin again with another producer",
        ErrorCode::ClusterAuthorizationFailed
        | ErrorCode::TopicAuthorizationFailed
        | ErrorCode::GroupAuthorizationFailed => "ask for the right to do it",
        code if code.is_retriable() => "try again",
        _ => return None,
    })
}

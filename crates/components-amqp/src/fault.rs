//! What the client library's errors mean to an engine, in words for people.

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::{Error as ClientError, ErrorKind};
use millrace_message::{Error, ErrorClass};

/// The error with its class.
///
/// Whatever ends the connection is `NotConnected`, except what this client did wrong (such as a
/// feature that the broker does not have): connecting again would only repeat it, so that is
/// `Retry`, as are all errors of a channel.
pub fn of(error: &ClientError) -> Error {
    let (class, text) = match error.kind() {
        ErrorKind::ProtocolError(protocol) => {
            let class = match protocol.kind() {
                AMQPErrorKind::Soft(_) => ErrorClass::Retry,
                AMQPErrorKind::Hard(hard) => of_hard(hard),
            };
            (class, explained(protocol.get_message().as_str()))
        }
        ErrorKind::IOError(io) => (ErrorClass::NotConnected, io.to_string()),
        ErrorKind::ChannelsLimitReached => (
            ErrorClass::Retry,
            "the broker allows no more channels: lower `max_in_flight`".to_owned(),
        ),
        ErrorKind::MissingHeartbeatError => (
            ErrorClass::NotConnected,
            "the broker has been silent for too long".to_owned(),
        ),
        ErrorKind::InvalidChannel(_)
        | ErrorKind::InvalidChannelState(..)
        | ErrorKind::InvalidConnectionState(_) => (
            ErrorClass::NotConnected,
            "the connection is closed".to_owned(),
        ),
        _ => (ErrorClass::NotConnected, error.to_string()),
    };
    Error::new(class, text)
}

/// As [`of`], for what is done to connect: a broker that does not let this client in, or not to this
/// virtual host, refuses it.
pub fn of_login(error: &ClientError) -> Error {
    let fault = of(error);
    match error.kind() {
        ErrorKind::ProtocolError(protocol)
            if matches!(
                protocol.kind(),
                AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
                    | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
            ) =>
        {
            Error::rejected(fault.text())
        }
        _ => fault,
    }
}

/// Whether the broker says that something does not exist.
pub fn is_not_found(error: &ClientError) -> bool {
    is_soft(error, &AMQPSoftError::NOTFOUND)
}

fn is_soft(error: &ClientError, kind: &AMQPSoftError) -> bool {
    match error.kind() {
        ErrorKind::ProtocolError(protocol) => {
            matches!(protocol.kind(), AMQPErrorKind::Soft(soft) if soft == kind)
        }
        _ => false,
    }
}

fn of_hard(error: &AMQPHardError) -> ErrorClass {
    match error {
        AMQPHardError::NOTIMPLEMENTED
        | AMQPHardError::NOTALLOWED
        | AMQPHardError::COMMANDINVALID
        | AMQPHardError::SYNTAXERROR => ErrorClass::Retry,
        _ => ErrorClass::NotConnected,
    }
}

/// The broker's text, with what to do about it where that is known.
fn explained(text: &str) -> String {
    if text.contains("ACCESS_REFUSED - Login was refused") {
        return format!("{text} (check the user and the password in the URL)");
    }
    text.to_owned()
}

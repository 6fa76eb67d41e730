//! What an error of Redis means to the engine.

use millrace_message::{Error, ErrorClass};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The class of an error.
pub fn class(error: &RedisError) -> ErrorClass {
    if is_connection(error) {
        return ErrorClass::NotConnected;
    }
    match error.code() {
        // The value has the wrong kind: no retry changes that by itself.
        Some("WRONGTYPE") => ErrorClass::Rejected,
        _ => ErrorClass::Retry,
    }
}

/// An error that says what was being done.
pub fn describe(what: &str, error: &RedisError) -> Error {
    Error::new(class(error), format!("{what}: {error}"))
}

/// As [`describe`], for a read: no message is refused when the key holds something else, so that it
/// must not count as one.
///
/// It is the same for a command and for a script, where Redis adds which one, and in which line.
pub fn describe_read(what: &str, error: &RedisError) -> Error {
    let text = error.to_string();
    let reason = text.split(" script: ").next().unwrap_or_default();
    let text = format!("{what}: {reason}");
    match class(error) {
        ErrorClass::Rejected => Error::retry(text),
        class => Error::new(class, text),
    }
}

/// As [`describe`], for what is done to connect: a server that does not let this client in refuses
/// it.
pub fn describe_connect(what: &str, error: &RedisError) -> Error {
    match is_refused_login(error) {
        true => Error::rejected(format!("{what}: {error}")),
        false => Error::not_connected(format!("{what}: {error}")),
    }
}

/// Whether the server does not know the user or the password, or wants one.
pub fn is_refused_login(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
        || error.kind() == ErrorKind::AuthenticationFailed
}

/// Whether the connection is of no further use.
pub fn is_connection(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_connection_refusal()
        || error.is_unrecoverable_error()
        || is_refused_login(error)
        || error.code() == Some("UNKILLABLE")
        || matches!(
            error.kind(),
            ErrorKind::MasterNameNotFoundBySentinel
                | ErrorKind::NoValidReplicasFoundBySentinel
                | ErrorKind::EmptySentinelList
                | ErrorKind::ClusterConnectionNotFound
                | ErrorKind::Server(
                    ServerErrorKind::BusyLoading
                        | ServerErrorKind::ClusterDown
                        | ServerErrorKind::MasterDown
                        | ServerErrorKind::ReadOnly
                )
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_kind_refuses_what_is_written_and_is_no_message_that_was_read() {
        let error = redis::make_extension_error("WRONGTYPE".to_owned(), None);
        assert_eq!(describe("push", &error).class(), ErrorClass::Rejected);
        assert_eq!(describe_read("pop", &error).class(), ErrorClass::Retry);
    }
}

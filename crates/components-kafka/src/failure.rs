//! What the client's errors mean for the engine.

use millrace_kafka_client as kafka;
use millrace_kafka_client::ErrorCode;
use millrace_message::Error;

/// The error of who does not get in: somebody has to act when it is refused.
pub fn not_reached(error: &kafka::Error) -> Error {
    let is_refused = matches!(
        error.code(),
        Some(
            ErrorCode::SaslAuthenticationFailed
                | ErrorCode::UnsupportedSaslMechanism
                | ErrorCode::ClusterAuthorizationFailed
        )
    );
    match is_refused {
        true => Error::rejected(error.to_string()),
        false => not_connected(error),
    }
}

/// The error of a connection that is not there, or not any more.
pub fn not_connected(error: &kafka::Error) -> Error {
    Error::not_connected(error.to_string())
}

/// The error of a record that was not written.
pub fn not_written(error: &kafka::Error) -> Error {
    match error.is_retriable() || error.is_ambiguous() || error.is_behind() {
        true => Error::retry(error.to_string()),
        false => Error::rejected(error.to_string()),
    }
}

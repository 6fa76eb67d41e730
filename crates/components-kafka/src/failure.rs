//! What the client's errors mean for the engine.

use millrace_kafka_client as kafka;
use millrace_message::Error;

/// The error of a connection that is not there, or not any more.
pub fn not_connected(error: &kafka::Error) -> Error {
    Error::not_connected(error.to_string())
}

/// The error of a record that was not written.
pub fn not_written(error: &kafka::Error) -> Error {
    match error.is_retriable() || error.is_ambiguous() {
        true => Error::retry(error.to_string()),
        false => Error::rejected(error.to_string()),
    }
}

//! What the tests of this crate share.

use millrace_component::BuiltProcessor;
use millrace_component::conformance::Workbench;
use millrace_message::{Message, MessageBatch};

use crate::PROCESSORS;

/// A batch of these messages.
pub(crate) fn batch(payloads: &[&[u8]]) -> MessageBatch {
    let message = |payload: &&[u8]| Message::from_bytes(payload.to_vec());
    payloads.iter().map(message).collect()
}

/// A processor of this crate, or what is wrong with its config.
pub(crate) fn try_processor(yaml: &str) -> Result<BuiltProcessor, String> {
    Workbench::new([PROCESSORS]).processor(yaml)
}

/// A processor of this crate.
pub(crate) fn processor(yaml: &str) -> BuiltProcessor {
    try_processor(yaml).unwrap_or_else(|error| panic!("{error}"))
}

/// What becomes of each message: its payload, or the text of its error flag.
pub(crate) fn run(processor: &BuiltProcessor, batch: MessageBatch) -> Vec<Result<Vec<u8>, String>> {
    let BuiltProcessor::Sync(processor) = processor else {
        panic!("it never waits");
    };
    let batches = processor.process(batch);
    let messages = batches.iter().flat_map(|batch| batch.iter());
    let result = |message: &Message| match message.fault() {
        Some(fault) => Err(fault.cause.text().to_owned()),
        None => Ok(message.bytes().to_vec()),
    };
    messages.map(result).collect()
}

/// A payload as a text.
pub(crate) fn text(payload: &Result<Vec<u8>, String>) -> &str {
    match payload {
        Ok(payload) => std::str::from_utf8(payload).expect("a text"),
        Err(error) => error,
    }
}

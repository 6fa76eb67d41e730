//! What the tests of this crate share.

use std::sync::mpsc;
use std::time::Duration;

use millrace_component::BuiltProcessor;
use millrace_component::conformance::Workbench;
use millrace_message::{Message, MessageBatch};

use crate::PROCESSORS;

/// How long a processor has to hear that its stream is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A batch of these messages.
pub(crate) fn batch(payloads: &[&str]) -> MessageBatch {
    payloads.iter().map(|it| Message::from(*it)).collect()
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
pub(crate) fn run(processor: &BuiltProcessor, batch: MessageBatch) -> Vec<Result<String, String>> {
    let BuiltProcessor::Sync(processor) = processor else {
        panic!("it never waits");
    };
    let batches = processor.process(batch);
    let messages = batches.iter().flat_map(|batch| batch.iter());
    let result = |message: &Message| match message.fault() {
        Some(fault) => Err(fault.cause.text().to_owned()),
        None => Ok(String::from_utf8_lossy(message.bytes()).into_owned()),
    };
    messages.map(result).collect()
}

/// Runs a processor that never ends, in a stream that is given up, and checks that nothing comes of
/// its messages.
pub(crate) fn ends_when_given_up(yaml: &str) {
    let bench = Workbench::new([PROCESSORS]);
    let built = bench.processor(yaml);
    let BuiltProcessor::Sync(processor) = built.unwrap_or_else(|error| panic!("{error}")) else {
        panic!("it never waits");
    };
    bench.flow().abort().cancel();
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(processor.process(batch(&["{}", "{}"])).len()));
    let batches = ended.recv_timeout(PATIENCE);
    assert_eq!(batches, Ok(0), "{yaml}");
}

//! What is done everywhere with messages that a processor failed on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millrace_component::{Batches, Flow};
use millrace_message::{Fault, Message};
use tracing::{error, warn};

/// What is done with messages that a processor failed on, beside their flag.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorHandling {
    /// Whether their batch goes back to its source.
    pub rejects: bool,
    /// Whether they are logged.
    pub log: Option<ErrorLog>,
}

/// How messages that a processor failed on are logged.
#[derive(Clone, Copy, Debug)]
pub struct ErrorLog {
    /// Whether the line holds the payload.
    pub add_payload: bool,
    /// The share of them that is logged, 0 to 1.
    pub sampling_ratio: f64,
}

/// Components that deal with such messages themselves: as in Bento, a stream that has one of them
/// rejects none.
const DEALING: &[&str] = &["try", "catch", "retry"];
const DEALING_OUTPUTS: &[&str] = &["reject_errored"];

/// The error handling of one stream.
pub(crate) struct OnError {
    flow: Flow,
    rejects: AtomicBool,
    log: Option<ErrorLog>,
}

impl OnError {
    pub(crate) fn new(handling: ErrorHandling, flow: Flow) -> Self {
        Self {
            flow,
            rejects: AtomicBool::new(handling.rejects),
            log: handling.log,
        }
    }

    /// Notes that the stream has this processor.
    pub(crate) fn meet_processor(&self, name: &str, path: &str) {
        self.meet(DEALING, name, path);
    }

    /// Notes that the stream has this output.
    pub(crate) fn meet_output(&self, name: &str, path: &str) {
        self.meet(DEALING_OUTPUTS, name, path);
    }

    fn meet(&self, dealing: &[&str], name: &str, path: &str) {
        if dealing.contains(&name) && self.rejects.swap(false, Ordering::Relaxed) {
            warn!(
                component = name,
                path,
                "`error_handling.strategy: reject` is off: `{name}` deals with failed messages"
            );
        }
    }

    /// Gives batches with a failed message back to their source, and returns the others.
    pub(crate) fn reject(&self, batches: Batches) -> Batches {
        if !self.rejects.load(Ordering::Relaxed) {
            return batches;
        }
        let mut kept = Batches::new();
        for batch in batches {
            let fault = batch.iter().find_map(Message::fault).map(Arc::clone);
            match fault {
                Some(fault) => {
                    let context = format!("{} at {} failed", fault.component, fault.path);
                    batch.fail(&fault.cause.context(context));
                }
                None => kept.push(batch),
            }
        }
        kept
    }

    /// Notes that a processor has failed on a message.
    pub(crate) fn note_fault(&self) {
        self.flow.note_fault();
    }

    /// Logs the messages that the processor whose faults `caused` knows has failed on.
    pub(crate) fn log(&self, batches: &Batches, caused: impl Fn(&Fault) -> bool) {
        let Some(log) = self.log else {
            return;
        };
        for message in batches.iter().flat_map(|batch| batch.iter()) {
            let Some(fault) = message.fault().filter(|fault| caused(fault)) else {
                continue;
            };
            if log.sampling_ratio < 1.0 && rand::random::<f64>() >= log.sampling_ratio {
                continue;
            }
            let payload = log.add_payload.then(|| message.bytes());
            let payload = payload.map(|bytes| String::from_utf8_lossy(bytes));
            error!(
                component = &*fault.component,
                label = &*fault.label,
                path = &*fault.path,
                raw_payload = payload.as_deref(),
                error = %fault.cause,
                "failed processing"
            );
        }
    }
}

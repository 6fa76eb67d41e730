//! Runs a case.

use std::path::Path;
use std::sync::Arc;

use millrace_component::Batches;
use millrace_message::{Message, MessageBatch, Outcome, Settle, Transaction, clock};
use millrace_spec::diagnostics::Span;
use millrace_stream::Processors;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::case::Case;
use super::conditions::Unmet;
use super::stop::Stop;

/// Where the processors of a case come from.
pub trait Provide {
    /// Builds what the case targets. It is called on the asynchronous runtime.
    ///
    /// # Errors
    /// What is wrong with the target, over several lines perhaps.
    fn provide(&self, case: &Case) -> Result<Processors, String>;
}

/// Why a case fails.
#[derive(Clone, Debug)]
pub struct CaseFailure {
    /// What differs; over several lines where something is compared.
    pub reason: String,
    /// The condition that is not met.
    pub span: Option<Span>,
}

impl From<String> for CaseFailure {
    fn from(reason: String) -> Self {
        Self { reason, span: None }
    }
}

/// Runs a case on processors of its own; it holds when there are no failures. Files that it names
/// are found from `directory`. When it is asked to stop, it drops the processors with what they have
/// started, and gives nothing.
///
/// It blocks, so call it outside of an asynchronous runtime.
///
/// # Errors
/// The case could not be run: its target cannot be built, or a file of its input cannot be read.
pub fn run_case(
    case: &Case,
    directory: &Path,
    targets: &impl Provide,
    stop: &Stop,
) -> Result<Option<Vec<CaseFailure>>, String> {
    // The clock belongs to a thread: everything runs on this one.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("start the runtime: {error}"))?;
    let _clock = case.clock.map(|instant| clock::set(instant.0));
    let output = runtime.block_on(async {
        tokio::select! {
            biased;
            () = stop.asked() => Ok(None),
            output = process(case, directory, targets) => output.map(Some),
        }
    });
    if stop.is_asked() {
        // A thread that still computes for a message holds the end up no longer.
        runtime.shutdown_background();
        return Ok(None);
    }
    let Some((mut batches, failed)) = output? else {
        return Ok(None);
    };
    let messages = batches.iter_mut().flat_map(|batch| batch.iter_mut());
    messages.for_each(|message| message.take_origin().deliver());
    let mut failures = Vec::new();
    for reason in failed.lock().drain(..) {
        failures.push(format!("processors resulted in error: {reason}").into());
    }
    check(case, &batches, directory, &mut failures);
    Ok(Some(failures))
}

/// Builds the processors, and gives what they make of the messages.
async fn process(
    case: &Case,
    directory: &Path,
    targets: &impl Provide,
) -> Result<(Batches, Failed), String> {
    let processors = targets.provide(case)?;
    let inputs = inputs(case, directory);
    let output = match inputs {
        Ok((batches, lost)) => Ok((processors.run(batches).await, lost)),
        Err(error) => Err(error),
    };
    processors.close().await;
    output
}

/// Why messages did not come to the end, of those that failed.
type Failed = Arc<Mutex<Vec<String>>>;

/// Hears what became of the messages of a batch.
struct Hearer(Failed);

impl Settle for Hearer {
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>) {
        let mut failed = self.0.lock();
        for error in outcomes.iter().filter_map(Outcome::error) {
            let reason = error.text().to_owned();
            if !failed.contains(&reason) {
                failed.push(reason);
            }
        }
    }
}

/// The batches that go in. Each message has an origin, as in a stream: what a processor fails
/// without passing it on would else be gone without a word.
fn inputs(case: &Case, directory: &Path) -> Result<(Batches, Failed), String> {
    let failed = Failed::default();
    let mut batches = Batches::new();
    for (number, input) in case.inputs().enumerate() {
        let messages = input.iter().map(|it| it.message(directory));
        let mut batch: MessageBatch = messages
            .collect::<Result<_, _>>()
            .map_err(|error| format!("create the messages of input batch {number}: {error}"))?;
        let origins = Transaction::open(batch.len(), Box::new(Hearer(Arc::clone(&failed))));
        for (message, origin) in batch.iter_mut().zip(origins) {
            message.set_origin(origin);
        }
        batches.push(batch);
    }
    Ok((batches, failed))
}

/// Compares what came out with what was expected.
fn check(case: &Case, batches: &Batches, directory: &Path, failures: &mut Vec<CaseFailure>) {
    let (expected, received) = (case.output_batches.len(), batches.len());
    if received < expected {
        let reason = format!("wrong batch count, expected {expected}, got {received}");
        failures.push(reason.into());
    }
    for (number, batch) in batches.iter().enumerate() {
        let Some(conditions) = case.output_batches.get(number) else {
            let contents: Vec<_> = batch.iter().map(content).collect();
            let reason = format!("unexpected batch: [{}]", contents.join(" "));
            failures.push(reason.into());
            continue;
        };
        let (expected, received) = (conditions.len(), batch.len());
        if expected != received {
            let reason = format!(
                "mismatch of output batch {number} message counts, expected {expected}, got \
                 {received}"
            );
            failures.push(reason.into());
        }
        for (index, message) in batch.iter().enumerate() {
            let place = format!("batch {number} message {index}");
            let Some(conditions) = conditions.get(index) else {
                let content = content(message);
                let reason = format!("unexpected message from batch {number}: {content}");
                failures.push(reason.into());
                continue;
            };
            let unmet = conditions.check(message, directory);
            let fault = message.fault().filter(|_| !unmet.is_empty());
            for Unmet {
                condition,
                reason,
                span,
            } in unmet
            {
                failures.push(CaseFailure {
                    reason: format!("{place}: {condition}: {reason}"),
                    span: Some(span),
                });
            }
            if let Some(fault) = fault {
                failures.push(format!("{place}: {}", fault.cause).into());
            }
        }
    }
}

fn content(message: &Message) -> String {
    String::from_utf8_lossy(message.bytes()).into_owned()
}

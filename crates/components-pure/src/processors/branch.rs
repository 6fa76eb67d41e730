//! The `branch` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Mapping, ProcessorChild,
    ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec, codes};
use smallvec::SmallVec;

use super::composite::{InPlace, Steps, built_in_place};

/// Runs processors on a copy of each message, and maps their result back into the message.
///
/// 1. `request_map` makes the request: it begins with an empty payload and the metadata of the
///    message. Without it the request is an exact copy. `root = deleted()` skips the branch for
///    that message.
/// 2. The processors run on the requests of a batch as one batch. They must keep the number and
///    the order of the messages: no filter, group or archive.
/// 3. `result_map` changes the message; `this` and the metadata functions see the result, and
///    `root` begins as the message. Without it the message stays as it is.
///
/// A failure of any step sets the error flag of the messages concerned and leaves their content
/// as it was. An error flag that was set before the branch does not go into it, and stays.
///
/// The copies are not acknowledged: only the message itself is.
///
/// ```yaml
/// pipeline:
///   processors:
///     - branch:
///         request_map: root.prompt = this.question
///         processors:
///           - http:
///               url: http://localhost:11434/api/generate
///               verb: POST
///         result_map: root.answer = this.response
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(processor = "branch", category = "Composition", check = check)]
pub struct Config {
    /// A mapping that makes the request of a message.
    #[spec(default = "")]
    pub(super) request_map: Option<Mapping>,
    /// The processors that the requests pass.
    pub(super) processors: Vec<ProcessorChild>,
    /// A mapping that puts the result into the message.
    #[spec(default = "")]
    pub(super) result_map: Option<Mapping>,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.processors.is_empty() {
        let span = node.field_span("processors");
        cx.error(
            codes::INVALID_VALUE,
            span,
            "a branch needs at least one processor",
        );
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(built_in_place(cx, Branch::build(self, cx, "processors")?))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

pub(super) struct Branch {
    request_map: Option<Mapping>,
    steps: Steps,
    result_map: Option<Mapping>,
    identity: Arc<Identity>,
}

/// The result of the branch for one message of the batch.
pub(super) enum Branched {
    /// `request_map` removed the request.
    Skipped,
    /// What came out of the processors.
    Result(Message),
    /// The reason why there is no result.
    Failed(Error),
}

pub(super) type Results = SmallVec<[Branched; 1]>;

impl Branch {
    /// Builds the branch; `segment` is the field of its processors.
    ///
    /// # Errors
    /// One of the processors cannot be built.
    pub(super) fn build(config: &Config, cx: &BuildContext, segment: &str) -> Result<Self, Error> {
        Ok(Self {
            request_map: config.request_map.clone(),
            steps: Steps::build(cx, &config.processors, segment)?,
            result_map: config.result_map.clone(),
            identity: Arc::clone(cx.identity()),
        })
    }

    /// Makes the requests of the messages for which `wanted` holds and runs them through the
    /// processors; one result for each message of the batch.
    pub(super) async fn results(
        &self,
        batch: &[Message],
        wanted: impl Fn(usize) -> bool,
    ) -> Results {
        let mut results = Results::new();
        let mut requests = MessageBatch::new();
        let mut asked: SmallVec<[usize; 8]> = SmallVec::new();
        for index in 0..batch.len() {
            results.push(Branched::Skipped);
            if !wanted(index) {
                continue;
            }
            match self.request(batch, index) {
                Ok(Some(request)) => {
                    requests.push(request);
                    asked.push(index);
                }
                Ok(None) => {}
                Err(error) => results[index] = Branched::Failed(error),
            }
        }
        if asked.is_empty() {
            return results;
        }
        let answers = self.steps.run(requests).await;
        match align(answers, asked.len()) {
            Ok(answers) => {
                for (index, answer) in asked.into_iter().zip(answers) {
                    results[index] = answer;
                }
            }
            // The messages that took no part are flagged too: nobody knows whose answer is whose.
            Err(error) => {
                for result in &mut results {
                    if !matches!(result, Branched::Failed(_)) {
                        *result = Branched::Failed(error.clone());
                    }
                }
            }
        }
        results
    }

    fn request(&self, batch: &[Message], index: usize) -> Result<Option<Message>, Error> {
        let Some(map) = &self.request_map else {
            let mut request = batch[index].detached();
            request.clear_fault();
            return Ok(Some(request));
        };
        let mut request = Message::default();
        request.metadata = batch[index].metadata.clone();
        request.set_context(batch[index].context().cloned());
        match map.map_onto(&request, batch, index) {
            (_, Some(error)) => Err(error.context("request mapping failed")),
            (mapped, None) => Ok(mapped.apply_to(&mut request).then_some(request)),
        }
    }

    /// Puts the results into the messages; what failed is returned by index.
    pub(super) fn overlay(
        &self,
        batch: &mut [Message],
        results: Results,
    ) -> SmallVec<[(usize, Error); 1]> {
        let mut failed = SmallVec::new();
        let mut answered: SmallVec<[bool; 8]> = SmallVec::new();
        // Mappings may look at their neighbours; where there is no result, there is nothing to see.
        let mut answers = MessageBatch::new();
        for (index, result) in results.into_iter().enumerate() {
            let answer = match result {
                Branched::Result(answer) => Some(answer),
                Branched::Skipped => None,
                Branched::Failed(error) => {
                    failed.push((index, error));
                    None
                }
            };
            answered.push(answer.is_some());
            answers.push(answer.unwrap_or_default());
        }
        let Some(map) = &self.result_map else {
            return failed;
        };
        for (index, message) in batch.iter_mut().enumerate() {
            if !answered[index] {
                continue;
            }
            match map.map_onto(message, &answers, index) {
                (_, Some(error)) => failed.push((index, error.context("result mapping failed"))),
                (mapped, None) => {
                    // A deleted root is not a way to remove the message: it stays.
                    let _kept = mapped.apply_to(message);
                }
            }
        }
        failed
    }
}

/// The answers in the order of the requests.
fn align(answers: Batches, requests: usize) -> Result<Results, Error> {
    let count: usize = answers.iter().map(|batch| batch.len()).sum();
    if count != requests {
        return Err(Error::rejected(format!(
            "the processors of the branch made {count} messages of {requests}; filter, group or \
             archive before or after the branch, not within it"
        )));
    }
    let answered = |mut answer: Message| match answer.clear_fault() {
        Some(fault) => Branched::Failed(fault.cause.context("processors failed")),
        None => Branched::Result(answer),
    };
    Ok(answers.into_iter().flatten().map(answered).collect())
}

impl InPlace for Branch {
    fn waits(&self) -> bool {
        self.steps.waits()
    }

    async fn change(&self, batch: &mut MessageBatch) {
        let results = self.results(batch, |_| true).await;
        for (index, error) in self.overlay(batch, results) {
            batch[index].set_fault(self.identity.fault(error));
        }
    }

    async fn close(&self) {
        self.steps.close().await;
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "branch: { request_map: 'root = this.id', processors: [ { mapping: 'root \
             = content().uppercase()' } ], result_map: 'root.result = \
             content().string()' }",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}

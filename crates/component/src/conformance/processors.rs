//! What every processor promises.

use std::sync::Arc;
use std::time::Duration;

use millrace_message::{Error, Message, MessageBatch, Outcome, Settle, Transaction};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::time::timeout;

use crate::{Batches, BuiltProcessor};

/// Longer than any processor of a test takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many batches are processed at a time.
const TASKS: usize = 8;
/// How the error of a handle begins that nobody has settled.
const ABANDONED: &str = "the message was abandoned";

/// Payloads that a processor has to cope with, of its own kind or not.
const PAYLOADS: [&[u8]; 8] = [
    br#"{"id":"a","key":"k","list":[1,2,{"x":null}],"text":"one two"}"#,
    br#"[{"id":"b"},1,"two",null]"#,
    b"plain text, no JSON",
    b"",
    b"null",
    b"12345678901234567890.5e300",
    b"\xff\xfe\0\x80",
    b"{\"cut\": [1, 2",
];

/// Checks a processor.
///
/// Whatever comes in, nothing is lost: every source message settles exactly once, as filtered,
/// dropped or failed by the processor, or by what becomes of the messages that come out. Nothing is
/// acknowledged before that, and a failure behind the processor reaches the source. It works for
/// several pipeline threads at a time.
///
/// # Panics
/// With the promise that is broken.
pub async fn processor(processor: &BuiltProcessor) {
    let check = async {
        nothing_comes_of_nothing(processor).await;
        what_is_delivered_is_acknowledged(processor).await;
        what_fails_behind_it_is_not_acknowledged(processor).await;
        messages_without_a_source_pass(processor).await;
        several_threads_may_use_it(processor).await;
        processor.close().await;
    };
    timeout(PATIENCE, check).await.expect("it takes too long");
}

async fn nothing_comes_of_nothing(processor: &BuiltProcessor) {
    let batches = processor.process(MessageBatch::new()).await;
    let messages: usize = batches.iter().map(|batch| batch.len()).sum();
    assert_eq!(messages, 0, "messages that come of an empty batch");
}

async fn what_is_delivered_is_acknowledged(processor: &BuiltProcessor) {
    for payloads in [&PAYLOADS[..1], &PAYLOADS[..]] {
        let (batch, heard) = batch(payloads);
        let batches = processor.process(batch).await;
        is_not_settled_early(&batches, &heard);
        batches.into_iter().flatten().for_each(Message::deliver);
        for (index, outcome) in heard.outcomes().iter().enumerate() {
            is_not_lost(index, outcome);
        }
    }
}

async fn what_fails_behind_it_is_not_acknowledged(processor: &BuiltProcessor) {
    let (batch, heard) = batch(&PAYLOADS);
    let batches = processor.process(batch).await;
    is_not_settled_early(&batches, &heard);
    let messages = batches.into_iter().flatten();
    messages.for_each(|message| message.fail(Error::retry("no queue")));
    for (index, outcome) in heard.outcomes().iter().enumerate() {
        is_not_lost(index, outcome);
        assert!(
            !matches!(outcome, Outcome::Delivered),
            "message {index} is acknowledged, and nothing was delivered"
        );
    }
}

async fn messages_without_a_source_pass(processor: &BuiltProcessor) {
    let messages = PAYLOADS.iter().map(|it| Message::from_bytes(*it));
    for batch in processor.process(messages.collect()).await {
        assert!(
            batch.iter().all(|message| message.origin().is_detached()),
            "a message without a source has got one"
        );
    }
}

async fn several_threads_may_use_it(processor: &BuiltProcessor) {
    let tasks = (0..TASKS).map(|_| {
        let processor = processor.clone();
        tokio::spawn(async move {
            let (batch, heard) = batch(&PAYLOADS);
            let batches = processor.process(batch).await;
            batches.into_iter().flatten().for_each(Message::deliver);
            heard
        })
    });
    // What becomes of a message may depend on one that another task delivers.
    for heard in futures::future::join_all(tasks).await {
        for (index, outcome) in heard.expect("no panic").outcomes().iter().enumerate() {
            is_not_lost(index, outcome);
        }
    }
}

/// While messages are on their way, their source has heard nothing.
fn is_not_settled_early(batches: &Batches, heard: &Heard) {
    let mut messages = batches.iter().flat_map(|batch| batch.iter());
    let is_under_way = messages.any(|message| !message.origin().is_detached());
    assert!(
        !is_under_way || heard.0.lock().is_none(),
        "the source hears of its messages before they have arrived"
    );
}

fn is_not_lost(index: usize, outcome: &Outcome) {
    if let Outcome::Failed(error) = outcome {
        assert!(
            !error.text().starts_with(ABANDONED),
            "message {index} is neither passed on nor settled"
        );
    }
}

/// What a source hears of its messages.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Option<Vec<Outcome>>>>);

impl Heard {
    fn outcomes(&self) -> Vec<Outcome> {
        let outcomes = self.0.lock().take();
        outcomes.expect("the source never hears what became of its messages")
    }
}

impl Settle for Heard {
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>) {
        let earlier = self.0.lock().replace(outcomes.into_vec());
        assert!(earlier.is_none(), "the source hears twice");
    }
}

/// A batch of one transaction.
fn batch(payloads: &[&'static [u8]]) -> (MessageBatch, Heard) {
    let heard = Heard::default();
    let origins = Transaction::open(payloads.len(), Box::new(heard.clone()));
    let messages = payloads.iter().zip(origins).map(|(payload, origin)| {
        let mut message = Message::from_bytes(*payload);
        message.metadata.set("key", "k");
        message.set_origin(origin);
        message
    });
    (messages.collect(), heard)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Processor;

    struct Does(fn(MessageBatch) -> Batches);

    impl Processor for Does {
        fn process(&self, batch: MessageBatch) -> Batches {
            self.0(batch)
        }
    }

    async fn check(does: fn(MessageBatch) -> Batches) {
        processor(&BuiltProcessor::Sync(Arc::new(Does(does)))).await;
    }

    #[tokio::test]
    async fn one_that_passes_everything_on_keeps_the_promises() {
        check(|batch| smallvec::smallvec![batch]).await;
    }

    #[tokio::test]
    #[should_panic(expected = "neither passed on nor settled")]
    async fn one_that_loses_a_message_is_found() {
        check(|batch| smallvec::smallvec![batch.into_iter().take(1).collect()]).await;
    }

    #[tokio::test]
    #[should_panic(expected = "nothing was delivered")]
    async fn one_that_hides_a_failure_is_found() {
        check(|mut batch| {
            batch
                .take_origins()
                .into_iter()
                .for_each(millrace_message::Origin::deliver);
            smallvec::smallvec![batch]
        })
        .await;
    }
}

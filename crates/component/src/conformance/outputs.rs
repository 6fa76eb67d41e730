//! What every leaf output promises.

use std::collections::BTreeSet;
use std::time::Duration;

use millrace_message::{Error, ErrorClass, Message, MessageBatch};
use tokio::time::timeout;

use crate::{BuiltOutput, LeafOutput, WriteError};

/// Longer than a connection, a write or an orderly end takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause before an output connects again.
const PAUSE: Duration = Duration::from_millis(20);

/// Checks an output whose destination is empty. `fresh` gives one that is not connected yet, and
/// `arrived` what its destination holds, in order.
///
/// When a write returns, its messages have arrived, in their order; an empty batch is nothing; it
/// closes in time; the next output adds to what is there.
///
/// # Panics
/// With the promise that is broken.
pub async fn output(
    mut fresh: impl FnMut() -> LeafOutput,
    mut arrived: impl FnMut() -> Vec<String>,
) {
    let leaf = fresh();
    assert!(leaf.max_in_flight >= 1, "nothing may ever be written");
    let mut output = leaf.output;
    connect(&mut output).await;
    for payloads in [&["one", "two", "three"][..], &["four"], &[], &["five"]] {
        write(&mut output, payloads).await.expect("it is connected");
    }
    assert_eq!(arrived(), ["one", "two", "three", "four", "five"]);
    close(output).await;

    let mut output = fresh().output;
    connect(&mut output).await;
    write(&mut output, &["six"]).await.expect("it is connected");
    close(output).await;
    let all = ["one", "two", "three", "four", "five", "six"];
    assert_eq!(arrived(), all, "after it was opened again");
}

/// Checks an output that has no destination: it takes everything, at once, and closes.
///
/// # Panics
/// With the promise that is broken.
pub async fn output_to_nowhere(mut fresh: impl FnMut() -> LeafOutput) {
    for payloads in [&["one", "two"][..], &[], &["three"]] {
        let leaf = fresh();
        assert!(leaf.max_in_flight >= 1, "nothing may ever be written");
        let mut output = leaf.output;
        connect(&mut output).await;
        for _ in 0..2 {
            write(&mut output, payloads).await.expect("it takes all");
        }
        close(output).await;
    }
}

/// Checks that an output recovers: `cut` cuts its connection, or restarts its server.
///
/// Every message arrives at least once when what was not accepted is written again, and no error is
/// for ever.
///
/// # Panics
/// With the promise that is broken.
pub async fn output_over_a_cut(
    leaf: LeafOutput,
    mut arrived: impl FnMut() -> Vec<String>,
    mut cut: impl FnMut(),
) {
    let mut output = leaf.output;
    connect(&mut output).await;
    let mut expected = BTreeSet::new();
    for round in 0..3 {
        let payload = format!("message {round}");
        deliver(&mut output, &payload).await;
        expected.insert(payload);
        cut();
    }
    deliver(&mut output, "the last one").await;
    expected.insert("the last one".to_owned());
    close(output).await;
    let arrived: BTreeSet<_> = arrived().into_iter().collect();
    assert_eq!(arrived, expected);
}

/// Checks that an output says which messages of a batch it did not accept: exactly those at
/// `refused`, and that the others have arrived.
///
/// # Panics
/// With the promise that is broken.
pub async fn output_refuses(
    leaf: LeafOutput,
    batch: MessageBatch,
    refused: &[usize],
    mut arrived: impl FnMut() -> Vec<String>,
) {
    let text = |message: &Message| String::from_utf8_lossy(message.bytes()).into_owned();
    let accepted = (0..batch.len()).filter(|index| !refused.contains(index));
    let accepted: Vec<_> = accepted.map(|index| text(&batch[index])).collect();
    let mut output = leaf.output;
    connect(&mut output).await;
    let written = write_batch(&mut output, &batch).await;
    let error = written.expect_err("some of it are refused");
    let outcomes = error.into_outcomes(batch.len());
    let failed: Vec<_> = (0..batch.len())
        .filter(|index| outcomes.get(*index).error().is_some())
        .collect();
    assert_eq!(failed, refused, "the messages that it names");
    assert_eq!(arrived(), accepted);
    close(output).await;
}

/// Writes a message until it is accepted, as the engine and the source do together.
async fn deliver(output: &mut BuiltOutput, payload: &str) {
    let deliver = async {
        while let Err(error) = write(output, &[payload]).await {
            match error.error().class() {
                ErrorClass::NotConnected => connect(output).await,
                class => assert_eq!(class, ErrorClass::Retry, "{}", error.error()),
            }
        }
    };
    let delivered = timeout(PATIENCE, deliver).await;
    delivered.unwrap_or_else(|_| panic!("`{payload}` is never accepted"));
}

async fn connect(output: &mut BuiltOutput) {
    let connect = async {
        while let Err(error) = connect_once(output).await {
            assert_ne!(error.class(), ErrorClass::Fatal, "{error}");
            tokio::time::sleep(PAUSE).await;
        }
    };
    timeout(PATIENCE, connect).await.expect("it never connects");
}

async fn connect_once(output: &mut BuiltOutput) -> Result<(), Error> {
    match output {
        BuiltOutput::Async(output) => output.connect().await,
        BuiltOutput::Blocking(output) => output.connect(),
    }
}

async fn write(output: &mut BuiltOutput, payloads: &[&str]) -> Result<(), WriteError> {
    let batch = payloads.iter().map(|text| Message::from(*text)).collect();
    write_batch(output, &batch).await
}

async fn write_batch(output: &mut BuiltOutput, batch: &MessageBatch) -> Result<(), WriteError> {
    match output {
        BuiltOutput::Async(output) => {
            let written = timeout(PATIENCE, output.write(batch)).await;
            written.expect("a write never ends")
        }
        BuiltOutput::Blocking(output) => {
            let mut results = Vec::new();
            output.write(std::slice::from_ref(batch), &mut results);
            assert_eq!(results.len(), 1, "results of one batch");
            results.pop().unwrap_or(Ok(()))
        }
    }
}

async fn close(output: BuiltOutput) {
    let closed = match output {
        BuiltOutput::Async(output) => timeout(PATIENCE, output.close()).await,
        BuiltOutput::Blocking(mut output) => Ok(output.close()),
    };
    let closed = closed.expect("it does not close in time");
    closed.expect("everything could be finished");
}

//! What every leaf input promises whose source hears of no acknowledgement: it computes, reads
//! files or streams, or asks a server that remembers nothing.

use std::time::Duration;

use millrace_message::{Error, ErrorClass};
use tokio::time::timeout;

use super::children::text;
use crate::{Ack, BuiltInput, Incoming, LeafInput};

/// Longer than anything takes that ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether an input ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After its last message, for good.
    Comes,
    /// It goes on until it is stopped.
    Never,
}

/// Checks an input by the messages that it reads first, or altogether. `fresh` gives one that is not
/// connected yet, with the same messages before it.
///
/// Messages come in their order, the same every time, however many are asked for in one step; no
/// step gives more than was asked for; the end stays the end; it closes at its end and before; the
/// engine keeps what was not delivered, because nobody else does.
///
/// # Panics
/// With the promise that is broken.
pub async fn input_without_acks(mut fresh: impl FnMut() -> LeafInput, end: End, expected: &[&str]) {
    for step in [1, 2, 1000] {
        let leaf = fresh();
        assert_eq!(leaf.auto_replay, Some(true), "who keeps what failed?");
        let mut input = leaf.input;
        connect(&mut input).await;
        let read = read_up_to(&mut input, step, expected.len()).await;
        // The last batch may have more than was waited for.
        let first = &read[..expected.len().min(read.len())];
        assert_eq!(first, expected, "{step} at a time");
        if end == End::Comes {
            for _ in 0..2 {
                let more = read_up_to(&mut input, step, 1).await;
                assert_eq!(more, [""; 0], "there is nothing after the end");
            }
        }
        close(input).await;
    }
    let mut input = fresh().input;
    connect(&mut input).await;
    let read = read_up_to(&mut input, 1, 1).await;
    assert_eq!(read[..1], expected[..1]);
    close(input).await;
}

async fn connect(input: &mut BuiltInput) {
    let connected = match input {
        BuiltInput::Async(input) => timeout(PATIENCE, input.connect()).await,
        BuiltInput::Blocking(input) => Ok(input.connect()),
    };
    let connected = connected.expect("it neither connects nor fails");
    connected.expect("its source is there");
}

/// Reads until the end, or until there are as many messages.
async fn read_up_to(input: &mut BuiltInput, step: usize, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    let read = async {
        while all.len() < count {
            let mut run = Vec::new();
            let result = read_once(input, step, &mut run).await;
            assert!(run.len() <= step, "{} batches of {step}", run.len());
            for incoming in run {
                all.extend(incoming.batch.iter().map(text));
                if let Ack::Call(_) = incoming.ack {
                    panic!("its source hears of acknowledgements: run the suite `input`");
                }
            }
            match result {
                Err(error) if error.class() == ErrorClass::EndOfInput => return,
                result => result.expect("its source is there"),
            }
            // A blocking read gives nothing now and then.
            tokio::task::yield_now().await;
        }
    };
    let in_time = timeout(PATIENCE, read).await.is_ok();
    assert!(in_time, "{count} messages do not come, but {all:?}");
    all
}

async fn read_once(
    input: &mut BuiltInput,
    step: usize,
    run: &mut Vec<Incoming>,
) -> Result<(), Error> {
    match input {
        BuiltInput::Async(input) => input.read().await.map(|incoming| run.push(incoming)),
        BuiltInput::Blocking(input) => input.read(step, run),
    }
}

async fn close(input: BuiltInput) {
    let closed = match input {
        BuiltInput::Async(mut input) => {
            let end = async {
                input.stop().await;
                input.close().await
            };
            timeout(PATIENCE, end).await
        }
        BuiltInput::Blocking(mut input) => Ok(input.close()),
    };
    let closed = closed.expect("it does not close in time");
    closed.expect("everything could be finished");
}

//! What every composite promises: an input that reads others, an output that writes to others.
//!
//! Their children are `scripted`: the input `scripted: { messages: [a, b] }` sends again what
//! failed, the output `scripted: { name: x, refuses: bad, times: 2 }` refuses what it is told to.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use millrace_message::{Message, MessageBatch, Outcome, Outcomes};
use tokio::time::timeout;

use super::Workbench;
use super::children::text;
use super::sources::{PATIENCE, deliver_after_failures, finish, next};
use crate::Sink;

/// How many writes are under way at a time.
const TASKS: usize = 16;

/// In which order a composite input emits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As its children do, one after the other.
    OfChildren,
    /// As each child does; between them there is no order.
    WithinChildren,
}

/// Checks an input whose children are `scripted`, by the texts that it emits of each. `bench` gives a
/// workbench of its own for each part of the check.
///
/// The order is kept where it is promised; a child hears what became of exactly its message, once,
/// and not before it has arrived; what failed comes again; it ends when its children have ended,
/// and soon after it was stopped, without losing what it has emitted.
///
/// # Panics
/// With the promise that is broken.
pub async fn input_of_children(
    bench: impl Fn() -> Workbench,
    yaml: &str,
    order: Order,
    by_child: &[&[&str]],
) {
    let expected = by_child.concat();
    let mut read = everything_arrives_once(&bench(), yaml, &expected).await;
    if order == Order::WithinChildren {
        // By child, each in the order of its own.
        let child = |text: &String| by_child.iter().position(|it| it.contains(&text.as_str()));
        read.sort_by_key(child);
    }
    assert_eq!(read, expected, "the order of the children");
    what_failed_comes_again(&bench(), yaml, &expected).await;
    a_stop_loses_nothing(&bench(), yaml, &expected).await;
}

async fn everything_arrives_once(bench: &Workbench, yaml: &str, expected: &[&str]) -> Vec<String> {
    let source = bench.source(yaml);
    let mut read = Vec::new();
    while let Some(batch) = next(&source).await {
        let texts = texts(&batch);
        let early = bench.children().delivered();
        assert!(
            texts.iter().all(|text| !early.contains(text)),
            "{texts:?} are acknowledged before they have arrived"
        );
        read.extend(texts);
        batch.into_iter().for_each(Message::deliver);
    }
    finish(source).await;
    let delivered = bench.children().delivered();
    assert_eq!(sorted(delivered), sorted_texts(expected), "acknowledged");
    read
}

async fn what_failed_comes_again(bench: &Workbench, yaml: &str, expected: &[&str]) {
    // Every second one fails when it comes for the first time.
    let failing: BTreeSet<&str> = expected.iter().copied().step_by(2).collect();
    let failed = failing.len();
    let delivered = deliver_after_failures(bench.source(yaml), failing).await;
    assert_eq!(sorted(delivered), sorted_texts(expected));
    let settled = bench.children().take_settled();
    let failures = settled.iter().filter(|(_, it)| it.error().is_some());
    let failures: BTreeSet<_> = failures.map(|(text, _)| text.as_str()).collect();
    let expected_failures: BTreeSet<_> = expected.iter().copied().step_by(2).collect();
    assert_eq!(failures, expected_failures, "the messages that failed");
    assert_eq!(settled.len(), expected.len() + failed, "heard once each");
}

async fn a_stop_loses_nothing(bench: &Workbench, yaml: &str, expected: &[&str]) {
    let source = bench.source(yaml);
    let first = next(&source).await.expect("there are messages");
    source.stop();
    let mut read = texts(&first);
    first.into_iter().for_each(Message::deliver);
    while let Some(batch) = next(&source).await {
        read.extend(texts(&batch));
        batch.into_iter().for_each(Message::deliver);
    }
    finish(source).await;
    let delivered = bench.children().delivered();
    assert_eq!(sorted(delivered), sorted(read.clone()), "after a stop");
    assert!(read.iter().all(|text| expected.contains(&text.as_str())));
}

/// What becomes of a batch that is written to a composite output.
pub struct Routed<'a> {
    /// The messages that fail, by index.
    pub failed: &'a [usize],
    /// What arrives, as `output: text`; by output, in order.
    pub arrived: &'a [&'a str],
    /// The children that are closed with the output.
    pub closed: &'a [&'a str],
}

/// Checks an output whose children are `scripted`, by a batch and what becomes of it. `bench` gives
/// a workbench of its own for each part of the check.
///
/// Exactly the messages fail that did not arrive where they should, also when many writes are under
/// way; an empty batch is nothing; it closes in time, its children with it.
///
/// # Panics
/// With the promise that is broken.
pub async fn output_of_children(
    bench: impl Fn() -> Workbench,
    yaml: &str,
    batch: impl Fn() -> MessageBatch,
    routed: &Routed<'_>,
) {
    let first = bench();
    let sink = first.sink(yaml);
    assert!(sink.capacity() >= 1, "nothing may ever be written");
    write(&*sink, MessageBatch::new()).await;
    assert_eq!(first.children().take_arrived(), [""; 0], "an empty batch");
    let messages = batch().len();
    let outcomes = write(&*sink, batch()).await;
    assert_eq!(failed(&outcomes, messages), routed.failed);
    assert_eq!(first.children().take_arrived(), routed.arrived);
    close(&*sink).await;
    let closed = sorted(first.children().closed());
    assert_eq!(closed, sorted_texts(routed.closed), "closed with it");

    let second = bench();
    let sink = second.sink(yaml);
    let writes = (0..TASKS).map(|_| {
        let (sink, batch) = (Arc::clone(&sink), batch());
        tokio::spawn(async move { write(&*sink, batch).await })
    });
    for outcomes in join_all(writes).await {
        let failed = failed(&outcomes.expect("no panic"), messages);
        assert_eq!(failed, routed.failed, "many writes at a time");
    }
    let expected = routed.arrived.len() * TASKS;
    assert_eq!(second.children().take_arrived().len(), expected);
    close(&*sink).await;
}

async fn write(sink: &dyn Sink, batch: MessageBatch) -> Outcomes {
    let written = timeout(PATIENCE, sink.write(batch)).await;
    written.expect("a write never ends")
}

async fn close(sink: &dyn Sink) {
    let closed = timeout(PATIENCE, sink.close()).await;
    closed.expect("it does not close in time");
}

fn failed(outcomes: &Outcomes, messages: usize) -> Vec<usize> {
    if let Outcomes::Each(each) = outcomes {
        assert_eq!(each.len(), messages, "one outcome for each message");
    }
    let failed = |index: &usize| matches!(outcomes.get(*index), Outcome::Failed(_));
    (0..messages).filter(failed).collect()
}

fn texts(batch: &MessageBatch) -> Vec<String> {
    batch.iter().map(text).collect()
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

fn sorted_texts(texts: &[&str]) -> Vec<String> {
    sorted(texts.iter().map(|it| (*it).to_owned()).collect())
}

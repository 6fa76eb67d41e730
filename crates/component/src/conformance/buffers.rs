//! What every buffer promises.

use std::collections::BTreeSet;
use std::time::Duration;

use millrace_message::Message;
use tokio::time::timeout;

use super::Workbench;
use super::children::{source, text};
use super::sources::{PATIENCE, deliver_after_failures, finish, next};
use crate::{BufferChild, Guarantee, Source};

/// How often it is looked whether the source has heard something.
const LOOK: Duration = Duration::from_millis(5);

/// One of them has no payload, and is a message like the others.
const ALL: [&str; 6] = ["one", "two", "", "four", "five", "six"];

/// Checks a buffer that is empty and has room for ten small messages. `bench` gives a workbench of
/// its own for each part of the check.
///
/// Messages leave in their order; the source hears of them when the declared guarantee says so; what
/// failed behind the buffer comes again, and nothing else does; it ends after its input has ended;
/// nothing acknowledged is lost by a stop.
///
/// # Panics
/// With the promise that is broken.
pub async fn buffer(bench: impl Fn() -> Workbench, yaml: &str) {
    let child: BufferChild = bench().read(yaml).unwrap_or_else(|error| panic!("{error}"));
    let guarantee = child.config.guarantee();
    order_and_guarantee(&bench(), yaml, guarantee).await;
    what_failed_comes_again(&bench(), yaml).await;
    a_stop_loses_nothing(&bench, yaml).await;
}

async fn order_and_guarantee(bench: &Workbench, yaml: &str, guarantee: Guarantee) {
    let buffer = run(bench, yaml, &ALL);
    if guarantee != Guarantee::OnDelivery {
        until_acknowledged(bench, ALL.len()).await;
    }
    let mut read = Vec::new();
    let mut held = Vec::new();
    while read.len() < ALL.len() {
        let batch = next(&buffer).await.expect("all of it leaves the buffer");
        read.extend(batch.iter().map(text));
        held.push(batch);
    }
    assert_eq!(read, ALL, "the order of the input");
    if guarantee == Guarantee::OnDelivery {
        let early = bench.children().delivered();
        assert!(early.is_empty(), "{early:?}: nothing was delivered yet");
    }
    held.into_iter().flatten().for_each(Message::deliver);
    assert!(next(&buffer).await.is_none(), "there is nothing more");
    finish(buffer).await;
    let heard = bench.children().delivered();
    assert_eq!(heard.len(), ALL.len(), "heard once each: {heard:?}");
}

/// Waits until the source has heard that all of it is safe, while nothing was delivered.
async fn until_acknowledged(bench: &Workbench, count: usize) {
    let all = async {
        while bench.children().delivered().len() < count {
            tokio::time::sleep(LOOK).await;
        }
    };
    let heard = timeout(PATIENCE, all).await;
    heard.expect("it acknowledges later than it declares");
}

async fn what_failed_comes_again(bench: &Workbench, yaml: &str) {
    let failing = BTreeSet::from(["two", "five"]);
    let mut delivered = deliver_after_failures(run(bench, yaml, &ALL), failing).await;
    delivered.sort();
    let mut expected = ALL.map(str::to_owned);
    expected.sort();
    assert_eq!(delivered, expected, "two of them failed once");
}

async fn a_stop_loses_nothing(bench: &impl Fn() -> Workbench, yaml: &str) {
    let first = bench();
    let mut delivered = BTreeSet::new();
    read_all(run(&first, yaml, &ALL), true, &mut delivered).await;
    let acknowledged: BTreeSet<_> = first.children().delivered().into_iter().collect();
    // What is on disk comes out of the next buffer.
    read_all(run(&bench(), yaml, &[]), false, &mut delivered).await;
    let lost: Vec<_> = acknowledged.difference(&delivered).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// Delivers what comes until the end, which is near when the buffer is stopped.
async fn read_all(buffer: Source, stop: bool, delivered: &mut BTreeSet<String>) {
    let mut stopped = !stop;
    while let Some(batch) = next(&buffer).await {
        if !stopped {
            buffer.stop();
            stopped = true;
        }
        for message in batch {
            delivered.insert(text(&message));
            message.deliver();
        }
    }
    finish(buffer).await;
}

fn run(bench: &Workbench, yaml: &str, messages: &[&str]) -> Source {
    let messages = messages.iter().map(|it| (*it).to_owned()).collect();
    bench.buffer(yaml).run(source(messages, bench.children()))
}

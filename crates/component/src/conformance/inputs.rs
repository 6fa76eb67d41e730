//! What every leaf input promises whose source waits for acknowledgements.

use std::collections::BTreeSet;
use std::time::Duration;

use millrace_message::{Error, ErrorClass, Outcome};
use tokio::time::timeout;

use crate::{Ack, Input};

/// Longer than a connection, a read or an orderly end takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause before an input connects again.
const PAUSE: Duration = Duration::from_millis(20);

const ALL: [&str; 5] = ["one", "two", "three", "four", "five"];

/// Checks an input whose source is empty. `fresh` gives one that is not connected yet, and `fill`
/// puts messages into its source.
///
/// Messages come in their order; what was not acknowledged, or failed, comes again, and nothing
/// else does; it closes in time.
///
/// # Panics
/// With the promise that is broken.
pub async fn input(mut fresh: impl FnMut() -> Box<dyn Input>, mut fill: impl FnMut(&[&str])) {
    fill(&ALL);
    in_order(&mut fresh).await;
    redelivery(fresh, fill).await;
}

/// As [`input`], for a source without an order, as that of several clients.
///
/// # Panics
/// With the promise that is broken.
pub async fn input_in_any_order(
    mut fresh: impl FnMut() -> Box<dyn Input>,
    mut fill: impl FnMut(&[&str]),
) {
    fill(&ALL);
    let mut input = opened(&mut fresh).await;
    let read = read_many(&mut *input, ALL.len()).await;
    assert_eq!(set(&read), ALL.into(), "all of it");
    end(input, read, |_| false).await;
    redelivery(fresh, fill).await;
}

/// As [`input`], for a source that remembers one place, before which everything was acknowledged:
/// what was acknowledged behind it comes again.
///
/// # Panics
/// With the promise that is broken.
pub async fn input_with_offsets(
    mut fresh: impl FnMut() -> Box<dyn Input>,
    mut fill: impl FnMut(&[&str]),
) {
    fill(&ALL);
    for _ in 0..2 {
        in_order(&mut fresh).await;
    }

    let mut input = opened(&mut fresh).await;
    let read = read_many(&mut *input, ALL.len()).await;
    end(input, read, |text| text == "one" || text == "three").await;

    let mut input = opened(&mut fresh).await;
    let read = read_many(&mut *input, 4).await;
    let left = BTreeSet::from(["two", "three", "four", "five"]);
    assert_eq!(
        set(&read),
        left,
        "what was not acknowledged, and what is behind it"
    );
    end(input, read, |_| true).await;

    only_what_is_new(fresh, fill).await;
}

/// The source holds [`ALL`]: they come in their order, and none is acknowledged.
async fn in_order(fresh: &mut impl FnMut() -> Box<dyn Input>) {
    let mut input = opened(fresh).await;
    let read = read_many(&mut *input, ALL.len()).await;
    let texts: Vec<_> = read.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ALL, "the order of the source");
    end(input, read, |_| false).await;
}

/// Everything that the source held was acknowledged.
async fn only_what_is_new(
    mut fresh: impl FnMut() -> Box<dyn Input>,
    mut fill: impl FnMut(&[&str]),
) {
    fill(&["six"]);
    let mut input = opened(&mut fresh).await;
    let read = read_many(&mut *input, 1).await;
    assert_eq!(set(&read), BTreeSet::from(["six"]), "all were acknowledged");
    end(input, read, |_| true).await;
}

/// The source holds [`ALL`], none of it acknowledged.
async fn redelivery(mut fresh: impl FnMut() -> Box<dyn Input>, fill: impl FnMut(&[&str])) {
    let mut input = opened(&mut fresh).await;
    let read = read_many(&mut *input, ALL.len()).await;
    assert_eq!(set(&read), ALL.into(), "nothing was acknowledged");
    end(input, read, |text| text == "one" || text == "three").await;

    let mut input = opened(&mut fresh).await;
    let read = read_many(&mut *input, 3).await;
    let left = BTreeSet::from(["two", "four", "five"]);
    assert_eq!(set(&read), left, "two messages were acknowledged");
    end(input, read, |_| true).await;

    only_what_is_new(fresh, fill).await;
}

/// Checks that an input recovers: `cut` cuts its connection, or restarts its server.
///
/// Every message comes at least once, whatever was under way.
///
/// # Panics
/// With the promise that is broken.
pub async fn input_over_a_cut(
    mut input: Box<dyn Input>,
    mut fill: impl FnMut(&[&str]),
    mut cut: impl FnMut(),
) {
    connect(&mut *input).await;
    let mut seen = BTreeSet::new();
    let rounds = [["one", "two"], ["three", "four"], ["five", "six"]];
    for round in rounds {
        fill(&round);
        let read = read_many(&mut *input, 1).await;
        seen.extend(read.iter().map(|it| it.text.clone()));
        cut();
        read.into_iter()
            .for_each(|it| it.settle(Outcome::Delivered));
    }
    while seen.len() < rounds.len() * 2 {
        for read in read_many(&mut *input, 1).await {
            seen.insert(read.text.clone());
            read.settle(Outcome::Delivered);
        }
    }
    let end = async {
        input.stop().await;
        input.close().await
    };
    let closed = timeout(PATIENCE, end).await;
    // The last cut may be seen only now.
    if let Err(error) = closed.expect("it does not close in time") {
        assert_eq!(error.class(), ErrorClass::NotConnected, "{error}");
    }
}

async fn opened(fresh: &mut impl FnMut() -> Box<dyn Input>) -> Box<dyn Input> {
    let mut input = fresh();
    connect(&mut *input).await;
    input
}

/// A message that was read, with the way to tell its source.
struct Read {
    text: String,
    ack: Ack,
}

impl Read {
    fn settle(self, outcome: Outcome) {
        match self.ack {
            Ack::Call(call) => call(smallvec::smallvec![outcome]),
            Ack::None => panic!("the source is not told of `{}`", self.text),
        }
    }
}

fn set(read: &[Read]) -> BTreeSet<&str> {
    read.iter().map(|it| it.text.as_str()).collect()
}

/// Reads messages, connecting as the engine does.
async fn read_many(input: &mut dyn Input, count: usize) -> Vec<Read> {
    let mut all = Vec::new();
    let read = async {
        while all.len() < count {
            match input.read().await {
                Ok(incoming) => {
                    assert_eq!(incoming.batch.len(), 1, "messages of one read");
                    let text = String::from_utf8_lossy(incoming.batch[0].bytes()).into_owned();
                    all.push(Read {
                        text,
                        ack: incoming.ack,
                    });
                }
                Err(error) if error.class() == ErrorClass::NotConnected => connect(input).await,
                Err(error) => assert_eq!(error.class(), ErrorClass::Retry, "{error}"),
            }
        }
    };
    let in_time = timeout(PATIENCE, read).await.is_ok();
    assert!(in_time, "{count} messages do not come, but {:?}", set(&all));
    all
}

async fn connect(input: &mut dyn Input) {
    while let Err(error) = input.connect().await {
        assert_ne!(error.class(), ErrorClass::Fatal, "{error}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Ends an input in order: stop, settle, close.
async fn end(mut input: Box<dyn Input>, read: Vec<Read>, is_delivered: impl Fn(&str) -> bool) {
    timeout(PATIENCE, input.stop())
        .await
        .expect("it does not stop in time");
    for read in read {
        let outcome = match is_delivered(&read.text) {
            true => Outcome::Delivered,
            false => Outcome::Failed(Error::retry("the output is away")),
        };
        read.settle(outcome);
    }
    timeout(PATIENCE, input.close())
        .await
        .expect("it does not close in time")
        .expect("its source could be told");
}

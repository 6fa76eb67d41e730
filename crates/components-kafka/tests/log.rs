//! The components `log` over a broker within the test.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use millrace_component::conformance::{self, Workbench};
use millrace_component::{
    Ack, BuiltInput, Input, InputChild, InputPart, LeafInput, Services, Source, track,
};
use millrace_kafka_client::{Cluster, Consumer, ConsumerSettings, OffsetAt, Start, TopicPartition};
use millrace_message::{Error, Message, MessageBatch, Outcome};
use smallvec::smallvec;

mod support;

use support::{PATIENCE, TestLog, now};

fn bench(log: &TestLog) -> Workbench {
    let services = Services::default().with(log.client());
    Workbench::new([
        millrace_components_kafka::BUFFERS,
        millrace_components_kafka::INPUTS,
        millrace_components_kafka::OUTPUTS,
    ])
    .with_services(services)
}

const INPUT: &str = "log: { topics: [ t ], consumer_group: g, commit_period: 10ms }";
const OUTPUT: &str = "log: { topic: t, partition: '0' }";

/// The values of partition 0, from its start.
async fn stored(cluster: &Arc<Cluster>) -> Vec<String> {
    let place = (TopicPartition::new("t", 0), Start::At(OffsetAt::Earliest));
    let settings = ConsumerSettings::default();
    let mut consumer = Consumer::of_partitions(Arc::clone(cluster), settings, [place]);
    let mut all = Vec::new();
    loop {
        let records = consumer.poll(Duration::from_millis(200)).await.unwrap();
        if records.is_empty() {
            return all;
        }
        let text = |it: Option<bytes::Bytes>| String::from_utf8(it.unwrap().to_vec()).unwrap();
        all.extend(records.into_iter().map(|it| text(it.value)));
    }
}

/// Has an output write these payloads.
async fn write(bench: &Workbench, payloads: &[&str]) {
    let output = bench.output(OUTPUT);
    output.connect().await.unwrap();
    let batch = payloads.iter().map(|text| Message::from(*text)).collect();
    output.write(&batch).await.unwrap();
    output.close().await.unwrap();
}

/// An input that stands at another place of its config than those of the workbench.
fn input_at(bench: &Workbench, place: &str) -> Box<dyn Input> {
    let child: InputChild = bench.read(INPUT).unwrap();
    match child.config.build(&bench.context(place)).unwrap() {
        InputPart::Leaf(LeafInput {
            input: BuiltInput::Async(input),
            ..
        }) => input,
        _ => panic!("the input is no leaf"),
    }
}

struct Read {
    text: String,
    ack: Ack,
}

impl Read {
    fn settle(self, outcome: Outcome) {
        match self.ack {
            Ack::Call(call) => call(smallvec![outcome]),
            Ack::None => panic!("the log hears of `{}`", self.text),
        }
    }
}

async fn read(input: &mut dyn Input) -> Read {
    let incoming = tokio::time::timeout(PATIENCE, input.read()).await;
    let incoming = incoming.expect("a message comes").unwrap();
    Read {
        text: String::from_utf8(incoming.batch[0].bytes().to_vec()).unwrap(),
        ack: incoming.ack,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_keeps_the_promises_of_an_input() {
    let log = TestLog::start().await;
    let bench = bench(&log);
    let fill = |texts: &[&str]| now(write(&bench, texts));
    conformance::input_with_offsets(|| bench.input(INPUT), fill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_input_recovers_from_a_cut_connection() {
    let log = TestLog::start().await;
    let bench = bench(&log);
    let fill = |texts: &[&str]| now(write(&bench, texts));
    conformance::input_over_a_cut(bench.input(INPUT), fill, || log.cut()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_partition_become_batches_which_are_acknowledged_as_a_whole() {
    let log = TestLog::start().await;
    let bench = bench(&log);
    write(&bench, &["a", "b", "c", "d"]).await;
    let batched = INPUT.replace(" }", ", batching: { count: 2 } }");
    let mut input = bench.input(&batched);
    input.connect().await.unwrap();
    for (expected, outcome) in [
        (["a", "b"], Outcome::Delivered),
        (["c", "d"], Outcome::Failed(Error::retry("no"))),
        (["c", "d"], Outcome::Delivered),
    ] {
        let incoming = tokio::time::timeout(PATIENCE, input.read()).await;
        let incoming = incoming.expect("a batch comes").unwrap();
        let texts: Vec<_> = incoming
            .batch
            .iter()
            .map(|it| it.bytes().to_vec())
            .collect();
        assert_eq!(texts, expected.map(|it| it.as_bytes().to_vec()));
        match incoming.ack {
            Ack::Call(call) => call(smallvec![outcome.clone(), outcome]),
            Ack::None => panic!("the log hears of batches"),
        }
    }
    input.stop().await;
    input.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_of_a_topic_that_is_gone_counts_nothing_in_the_next_of_its_name() {
    let log = TestLog::start().await;
    let bench = bench(&log);
    let cluster = log.cluster().await;
    write(&bench, &["old 0", "old 1", "old 2"]).await;
    let mut input = bench.input(INPUT);
    input.connect().await.unwrap();
    let mut old = Vec::new();
    for expected in ["old 0", "old 1", "old 2"] {
        old.push(read(&mut *input).await);
        assert_eq!(old[old.len() - 1].text, expected);
    }
    let last = old.pop().unwrap();
    cluster.delete_topic("t").await.unwrap();
    write(&bench, &["new 0", "new 1", "new 2", "new 3"]).await;
    // It is acknowledged before the input can know.
    last.settle(Outcome::Delivered);
    let new = [read(&mut *input).await, read(&mut *input).await];
    assert_eq!([&*new[0].text, &*new[1].text], ["new 0", "new 1"]);
    for late in old {
        late.settle(Outcome::Delivered);
    }
    let [first, _] = new;
    first.settle(Outcome::Delivered);
    input.stop().await;
    input.close().await.unwrap();
    let mut input = bench.input(INPUT);
    input.connect().await.unwrap();
    assert_eq!(read(&mut *input).await.text, "new 1");
    input.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn log_keeps_the_promises_of_an_output() {
    let log = TestLog::start().await;
    let bench = bench(&log);
    let cluster = log.cluster().await;
    let arrived = || now(stored(&cluster));
    conformance::output(|| bench.leaf_output(OUTPUT), arrived).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_output_recovers_from_a_cut_connection() {
    let log = TestLog::start().await;
    let bench = bench(&log);
    // Not of the connections that are cut while they wait.
    let arrived = || now(async { stored(&log.cluster().await).await });
    conformance::output_over_a_cut(bench.leaf_output(OUTPUT), arrived, || log.cut()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_output_names_the_messages_that_it_cannot_write() {
    let log = TestLog::start().await;
    let bench = bench(&log);
    let cluster = log.cluster().await;
    let yaml = "log: { topic: t, partition: '${! json(\"p\") }' }";
    let batch: MessageBatch = [
        r#"{"p":0}"#,
        r#"{"p":7}"#,
        r#"{"p":"x"}"#,
        r#"{"p":0,"a":1}"#,
    ]
    .iter()
    .map(|it| Message::from(*it))
    .collect();
    let arrived = || now(stored(&cluster));
    conformance::output_refuses(bench.leaf_output(yaml), batch, &[1, 2], arrived).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_for_good_is_read_again_with_what_is_behind_it() {
    let log = TestLog::start().await;
    let bench = bench(&log);
    write(&bench, &["a", "b", "c"]).await;
    let mut input = bench.input(INPUT);
    input.connect().await.unwrap();
    let (a, b, c) = (
        read(&mut *input).await,
        read(&mut *input).await,
        read(&mut *input).await,
    );
    a.settle(Outcome::Delivered);
    b.settle(Outcome::Failed(Error::retry("no")));
    c.settle(Outcome::Delivered);
    for expected in ["b", "c"] {
        let again = read(&mut *input).await;
        assert_eq!(again.text, expected);
        again.settle(Outcome::Delivered);
    }
    input.stop().await;
    input.close().await.unwrap();
    let cluster = log.cluster().await;
    let partition = TopicPartition::new("t", 0);
    let committed = cluster.committed("g", None).await.unwrap();
    assert_eq!(committed[&partition].offset, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_passed_over_when_every_message_fails_at_first() {
    for limit in [1, 3, 1024] {
        let log = TestLog::start().await;
        let bench = bench(&log);
        let all: Vec<String> = (0..20).map(|it| it.to_string()).collect();
        let texts: Vec<&str> = all.iter().map(String::as_str).collect();
        write(&bench, &texts).await;
        let yaml = format!(
            "log: {{ topics: [ t ], consumer_group: g, commit_period: 10ms, checkpoint_limit: {limit} }}"
        );
        let mut input = bench.input(&yaml);
        input.connect().await.unwrap();
        let (mut failed, mut delivered) = (BTreeSet::new(), BTreeSet::new());
        while delivered.len() < all.len() {
            let one = read(&mut *input).await;
            let outcome = match failed.insert(one.text.clone()) {
                true => Outcome::Failed(Error::retry("not at first")),
                false => {
                    delivered.insert(one.text.clone());
                    Outcome::Delivered
                }
            };
            one.settle(outcome);
        }
        input.stop().await;
        input.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_group_share_the_partitions_and_take_over_from_each_other() {
    let log = TestLog::start().await;
    let bench = bench(&log);
    let cluster = log.cluster().await;
    let topic = millrace_kafka_client::NewTopic {
        name: "t".into(),
        partitions: Some(4),
        ..Default::default()
    };
    cluster.create_topic(&topic, false).await.unwrap();
    let mut first = bench.input(INPUT);
    first.connect().await.unwrap();
    // Each input of a config has its own place, by which the group knows it.
    let mut second = input_at(&bench, "elsewhere");
    second.connect().await.unwrap();
    // Until both have something to read, the group has not settled.
    let output = bench.output("log: { topic: t, partition: '${! content() }' }");
    output.connect().await.unwrap();
    let round: MessageBatch = ["0", "1", "2", "3"]
        .iter()
        .map(|it| Message::from(*it))
        .collect();
    let (mut of_first, mut of_second) = (BTreeSet::new(), BTreeSet::new());
    while of_first.len() != 2 || of_second.len() != 2 {
        output.write(&round).await.unwrap();
        (of_first, of_second) = (BTreeSet::new(), BTreeSet::new());
        for _ in 0..4 {
            tokio::select! {
                one = read(&mut *first) => {
                    of_first.insert(one.text.clone());
                    one.settle(Outcome::Delivered);
                }
                one = read(&mut *second) => {
                    of_second.insert(one.text.clone());
                    one.settle(Outcome::Delivered);
                }
            }
        }
    }
    // What the first one has read and not acknowledged goes to the second one.
    output.write(&round).await.unwrap();
    let held = read(&mut *first).await;
    first.stop().await;
    let text = held.text.clone();
    held.settle(Outcome::Failed(Error::retry("the process ends")));
    first.close().await.unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 4 {
        let one = read(&mut *second).await;
        seen.insert(one.text.clone());
        one.settle(Outcome::Delivered);
    }
    assert!(seen.contains(&text));
    second.stop().await;
    second.close().await.unwrap();
    output.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn log_keeps_the_promises_of_a_buffer() {
    let log = TestLog::start().await;
    conformance::buffer(|| bench(&log), "log: { max_bytes: 300B }").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_buffer_has_delivered_is_deleted_from_its_topic() {
    let log = TestLog::start().await;
    conformance::buffer(|| bench(&log), "log: { topic: b }").await;
    let cluster = log.cluster().await;
    let partition = [TopicPartition::new("b", 0)];
    let mut places = Vec::new();
    for at in [OffsetAt::Earliest, OffsetAt::Latest] {
        let found = cluster.offsets(&partition, at, false).await.unwrap();
        places.extend(found.into_values().flatten());
    }
    let committed = cluster.committed("b", None).await.unwrap();
    places.push(committed[&partition[0]].offset);
    let [start, end, committed] = places[..] else {
        panic!("{places:?}")
    };
    assert!(end > 0 && start == end && committed == end, "{places:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buffer_whose_topic_was_deleted_acknowledges_nothing_more() {
    let log = TestLog::start().await;
    let bench = bench(&log);
    let (texts, mut wanted) = tokio::sync::mpsc::channel::<&str>(1);
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let input = Source::spawn(1, |writer| async move {
        while let Some(text) = wanted.recv().await {
            let mut batch = MessageBatch::one(Message::from(text));
            let outcomes = track(&mut batch);
            writer.batches.push(batch).await.ok().unwrap();
            tell.send(outcomes.await.get(0)).await.unwrap();
        }
        Ok(())
    });
    let buffer = bench.buffer("log: { topic: b }").run(input);
    for text in ["one", "two"] {
        texts.send(text).await.unwrap();
        assert!(matches!(told.recv().await, Some(Outcome::Delivered)));
    }
    log.cluster().await.delete_topic("b").await.unwrap();
    texts.send("three").await.unwrap();
    let outcome = tokio::time::timeout(PATIENCE, told.recv()).await.unwrap();
    let Some(Outcome::Failed(error)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(error.text().contains("topic `b` was deleted"), "{error}");
    drop(texts);
    buffer.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buffer_that_is_given_up_does_not_wait_for_a_log_that_does_not_answer() {
    let log = TestLog::start().await;
    let bench = bench(&log);
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let (go_on, mut may_go_on) = tokio::sync::mpsc::channel::<()>(1);
    let input = Source::spawn(1, |writer| async move {
        let send = async |text: &str| {
            let mut batch = MessageBatch::one(Message::from(text));
            let outcomes = track(&mut batch);
            writer.batches.push(batch).await.ok().unwrap();
            [outcomes]
        };
        let [first] = send("one").await;
        tell.send(first.await.get(0)).await.unwrap();
        may_go_on.recv().await;
        let [second] = send("two").await;
        // There is room for it once the buffer has taken the second one.
        let [third] = send("three").await;
        may_go_on.recv().await;
        for outcomes in [second.await, third.await] {
            tell.send(outcomes.get(0)).await.unwrap();
        }
        Ok(())
    });
    let buffer = bench.buffer("log: { topic: b }").run(input);
    assert!(matches!(told.recv().await, Some(Outcome::Delivered)));
    let under_way = buffer.batches().pop().await.unwrap();
    log.be_stuck();
    // The second one is received when both messages are sent.
    go_on.send(()).await.unwrap();
    go_on.send(()).await.unwrap();
    go_on.reserve().await.unwrap();
    bench.flow().abort().cancel();
    // The pipeline lets go of what it has.
    drop(under_way);
    for _ in 0..2 {
        let outcome = tokio::time::timeout(PATIENCE, told.recv()).await.unwrap();
        assert!(matches!(outcome, Some(Outcome::Failed(_))), "{outcome:?}");
    }
    let ended = tokio::time::timeout(PATIENCE, buffer.finish()).await;
    ended.expect("it does not wait").unwrap();
    let [kept] = &bench.flow().kept()[..] else {
        panic!("{:?}", bench.flow().kept())
    };
    assert_eq!(kept.messages, 1);
}

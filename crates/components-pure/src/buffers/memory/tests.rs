#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::time::Duration;

use millrace_component::conformance::{self, Workbench};
use millrace_component::{Flow, Kind, Source, track};
use millrace_message::{Error, Message, MessageBatch, Outcome, Outcomes};
use tokio::sync::mpsc;

/// A buffer between a source that the test feeds and the test.
struct Bench {
    send: mpsc::UnboundedSender<MessageBatch>,
    settled: mpsc::UnboundedReceiver<Outcomes>,
    buffer: Source,
    flow: Flow,
}

fn start(fields: &str) -> Bench {
    start_on(Workbench::new([crate::BUFFERS, crate::PROCESSORS]), fields)
}

fn start_on(workbench: Workbench, fields: &str) -> Bench {
    let (send, mut batches) = mpsc::unbounded_channel::<MessageBatch>();
    let (told, settled) = mpsc::unbounded_channel();
    let upstream = Source::spawn(8, |writer| async move {
        let mut waiting = tokio::task::JoinSet::new();
        loop {
            let batch = tokio::select! {
                batch = batches.recv() => batch,
                () = writer.stop().cancelled() => None,
            };
            let Some(mut batch) = batch else { break };
            let outcomes = track(&mut batch);
            let told = told.clone();
            waiting.spawn(async move {
                let _unheard = told.send(outcomes.await);
            });
            if writer.batches.push(batch).await.is_err() {
                break;
            }
        }
        writer.exhaust();
        while waiting.join_next().await.is_some() {}
        Ok(())
    });
    let buffer = workbench.buffer(&format!("memory: {{ {fields} }}"));
    Bench {
        send,
        settled,
        buffer: buffer.run(upstream),
        flow: workbench.context("memory").flow().clone(),
    }
}

fn batch(payloads: &[&str]) -> MessageBatch {
    payloads.iter().map(|it| Message::from(*it)).collect()
}

fn texts(batch: &MessageBatch) -> Vec<String> {
    let text = |message: &Message| String::from_utf8_lossy(message.bytes()).into_owned();
    batch.iter().map(text).collect()
}

fn deliver(batch: MessageBatch) {
    for message in batch {
        message.deliver();
    }
}

impl Bench {
    async fn settled(&mut self) -> Outcomes {
        let settled = tokio::time::timeout(Duration::from_secs(60), self.settled.recv()).await;
        settled.expect("the buffer hangs").unwrap()
    }

    async fn next(&self) -> Option<MessageBatch> {
        let next = tokio::time::timeout(Duration::from_secs(60), self.buffer.batches().pop());
        next.await.expect("the buffer hangs")
    }
}

#[tokio::test(start_paused = true)]
async fn messages_are_acknowledged_on_arrival_and_leave_in_order() {
    let mut bench = start("limit: 1000");
    bench.send.send(batch(&["a", "b"])).unwrap();
    bench.send.send(batch(&["c"])).unwrap();
    assert!(bench.settled().await.is_success());
    assert!(bench.settled().await.is_success());
    let first = bench.next().await.unwrap();
    assert_eq!(texts(&first), ["a", "b"]);
    let second = bench.next().await.unwrap();
    assert_eq!(texts(&second), ["c"]);
    drop(bench.send);
    deliver(first);
    deliver(second);
    assert!(bench.buffer.batches().pop().await.is_none());
    bench.buffer.finish().await.unwrap();
    let balance = bench.flow.buffer_ledger().unwrap().balance();
    assert_eq!((balance.received, balance.delivered), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn no_more_bytes_than_the_limit_are_held_until_they_are_delivered() {
    let mut bench = start("limit: 10");
    for payload in ["aaaaa", "bbbbb", "ccccc"] {
        bench.send.send(batch(&[payload])).unwrap();
    }
    assert!(bench.settled().await.is_success());
    assert!(bench.settled().await.is_success());
    let first = bench.next().await.unwrap();
    let second = bench.next().await.unwrap();
    // With a clock that jumps when nothing else happens, this is the end of all that happens.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(bench.settled.try_recv().is_err(), "there is no room");
    deliver(first);
    assert!(bench.settled().await.is_success());
    deliver(second);
    assert_eq!(texts(&bench.next().await.unwrap()), ["ccccc"]);
}

#[tokio::test(start_paused = true)]
async fn messages_without_a_payload_are_kept_like_others() {
    let mut bench = start("limit: 10");
    for _ in 0..3 {
        bench.send.send(batch(&[""])).unwrap();
        assert!(bench.settled().await.is_success());
    }
    drop(bench.send);
    let mut exhausted = bench.buffer.exhausted();
    exhausted.wait_for(|it| *it).await.unwrap();
    let failed = bench.buffer.batches().pop().await.unwrap();
    failed.fail(&Error::retry("not now"));
    for _ in 0..3 {
        let next = tokio::time::timeout(Duration::from_secs(60), bench.buffer.batches().pop());
        deliver(next.await.expect("the buffer hangs").expect("it is kept"));
    }
    assert!(bench.buffer.batches().pop().await.is_none());
    bench.buffer.finish().await.unwrap();
    let balance = bench.flow.buffer_ledger().unwrap().balance();
    assert_eq!((balance.delivered, balance.in_flight()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn what_messages_cost_beside_their_payloads_is_bounded_by_the_memory_of_the_process() {
    let workbench = Workbench::new([crate::BUFFERS, crate::PROCESSORS]).with_budget(2500);
    let mut bench = start_on(workbench, "limit: 1000");
    for _ in 0..3 {
        let mut message = Message::from("");
        message.metadata.set("name", "x".repeat(600).as_str());
        bench.send.send(MessageBatch::one(message)).unwrap();
    }
    // Each takes 512 bytes and its metadata.
    assert!(bench.settled().await.is_success());
    assert!(bench.settled().await.is_success());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(bench.settled.try_recv().is_err(), "there is no room");
    deliver(bench.next().await.unwrap());
    assert!(bench.settled().await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_batch_above_the_limit_enters_alone_and_is_acknowledged_when_it_is_delivered() {
    let bench = start("limit: 10");
    bench.send.send(batch(&["small"])).unwrap();
    bench.send.send(batch(&["much too large"])).unwrap();
    bench.send.send(batch(&["late"])).unwrap();
    drop(bench.send);
    let mut settled = bench.settled;
    assert!(settled.recv().await.unwrap().is_success());
    let small = bench.buffer.batches().pop().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut run = Vec::new();
    let ready = bench.buffer.batches().try_pop_run(1, &mut run);
    assert_eq!(ready, 0, "the buffer is not empty yet");
    deliver(small);
    let large = bench.buffer.batches().pop().await.unwrap();
    assert_eq!(texts(&large), ["much too large"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(settled.try_recv().is_err(), "it is not delivered yet");
    deliver(large);
    assert!(settled.recv().await.unwrap().is_success());
    assert!(settled.recv().await.unwrap().is_success());
    deliver(bench.buffer.batches().pop().await.unwrap());
    assert!(bench.buffer.batches().pop().await.is_none());
    bench.buffer.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_batch_above_the_limit_that_fails_goes_back_to_its_source() {
    let mut bench = start("limit: 10");
    bench.send.send(batch(&["much too large"])).unwrap();
    let large = bench.next().await.unwrap();
    large.fail(&Error::retry("no"));
    let outcomes = bench.settled().await;
    assert_eq!(outcomes.first_failure().unwrap().1.text(), "no");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_input_is_told_while_a_batch_above_the_limit_is_under_way() {
    let bench = start("limit: 10");
    let mut exhausted = bench.buffer.exhausted();
    bench.send.send(batch(&["much too large"])).unwrap();
    drop(bench.send);
    let large = bench.buffer.batches().pop().await.unwrap();
    // An output with a batching policy flushes the batch only when it hears of the end.
    let told = exhausted.wait_for(|exhausted| *exhausted);
    assert!(
        tokio::time::timeout(Duration::from_secs(60), told)
            .await
            .is_ok()
    );
    deliver(large);
    assert!(bench.buffer.batches().pop().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_fails_is_sent_again_alone() {
    let bench = start("limit: 1000");
    bench.send.send(batch(&["a", "b"])).unwrap();
    drop(bench.send);
    let first = bench.buffer.batches().pop().await.unwrap();
    for (index, mut message) in first.into_iter().enumerate() {
        message.take_origin().settle(match index {
            0 => Outcome::Delivered,
            _ => Outcome::Failed(Error::retry("no")),
        });
    }
    let again = bench.buffer.batches().pop().await.unwrap();
    assert_eq!(texts(&again), ["b"]);
    deliver(again);
    assert!(bench.buffer.batches().pop().await.is_none());
    let balance = bench.flow.buffer_ledger().unwrap().balance();
    assert_eq!((balance.delivered, balance.replayed), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_policy_makes_batches_and_the_end_of_the_input_flushes_the_rest() {
    let bench = start("limit: 1000, batch_policy: { enabled: true, count: 3 }");
    for payload in ["a", "b", "c", "d"] {
        bench.send.send(batch(&[payload])).unwrap();
    }
    let first = bench.next().await.unwrap();
    assert_eq!(texts(&first), ["a", "b", "c"]);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let mut run = Vec::new();
    assert_eq!(bench.buffer.batches().try_pop_run(1, &mut run), 0);
    drop(bench.send);
    let rest = bench.buffer.batches().pop().await.unwrap();
    assert_eq!(texts(&rest), ["d"]);
    deliver(first);
    deliver(rest);
    assert!(bench.buffer.batches().pop().await.is_none());
    bench.buffer.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_period_of_the_policy_flushes_a_batch_that_does_not_fill() {
    let bench = start("limit: 1000, batch_policy: { enabled: true, count: 100, period: 2s }");
    let started = tokio::time::Instant::now();
    bench.send.send(batch(&["a"])).unwrap();
    let first = bench.buffer.batches().pop().await.unwrap();
    assert_eq!(texts(&first), ["a"]);
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_when_the_time_is_over_is_dropped_and_what_was_not_taken_in_goes_back() {
    let mut bench = start("limit: 10");
    for payload in ["aaaaa", "bbbbb", "ccccc"] {
        bench.send.send(batch(&[payload])).unwrap();
    }
    assert!(bench.settled().await.is_success());
    assert!(bench.settled().await.is_success());
    deliver(bench.next().await.unwrap());
    assert!(bench.settled().await.is_success());
    bench.send.send(batch(&["ddddd"])).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.flow.abort().cancel();
    drop(bench.send);
    let outcomes = bench.settled.recv().await.unwrap();
    assert!(outcomes.first_failure().is_some(), "`ddddd` goes back");
    bench.buffer.finish().await.unwrap();
    let balance = bench.flow.buffer_ledger().unwrap().balance();
    assert_eq!((balance.received, balance.delivered), (3, 1));
    let reason = (Kind::Dropped, "buffer_shutdown".into());
    assert_eq!(balance.others.get(&reason), Some(&2));
    assert_eq!(balance.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_above_the_limit_is_not_counted_as_dropped_when_the_time_is_over() {
    let mut bench = start("limit: 10");
    bench.send.send(batch(&["much too large"])).unwrap();
    let under_way = bench.next().await.unwrap();
    bench.flow.abort().cancel();
    drop(under_way);
    assert!(bench.settled().await.first_failure().is_some());
    let balance = bench.flow.buffer_ledger().unwrap().balance();
    assert_eq!(balance.total(Kind::Dropped), 0);
    assert_eq!(balance.total(Kind::Returned), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_written_although_the_time_is_over_is_counted_as_delivered() {
    for fields in [
        "limit: 10",
        "limit: 1",
        "limit: 10, batch_policy: { enabled: true, count: 2 }",
    ] {
        let bench = start(fields);
        bench.send.send(batch(&["a", "b"])).unwrap();
        let mut under_way = bench.next().await.unwrap();
        bench.flow.abort().cancel();
        drop(bench.send);
        // With a clock that jumps when nothing else happens, this is the end of all that happens.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let ledger = bench.flow.buffer_ledger().unwrap();
        assert_eq!(ledger.balance().in_flight(), 2, "{fields}");
        let origins = under_way.take_origins();
        for (index, origin) in origins.into_iter().enumerate() {
            match index {
                0 => origin.deliver(),
                _ => origin.fail(Error::retry("not now")),
            }
        }
        bench.buffer.finish().await.unwrap();
        let balance = ledger.balance();
        assert_eq!((balance.received, balance.delivered), (2, 1), "{fields}");
        assert_eq!(balance.in_flight(), 0, "{fields}");
    }
}

#[tokio::test]
async fn what_the_policy_removes_and_joins_is_accounted_by_what_became_of_it() {
    let filter = "mapping: 'root = if content() == \"b\" { deleted() }'";
    let join = "archive: { format: lines }";
    let mut bench = start(&format!(
        "limit: 1000, batch_policy: {{ enabled: true, count: 3, processors: [ {{ {filter} }}, {{ {join} }} ] }}"
    ));
    bench.send.send(batch(&["a", "b", "c"])).unwrap();
    assert!(bench.settled().await.is_success());
    let joined = bench.next().await.unwrap();
    assert_eq!(texts(&joined), ["a\nc"]);
    joined.fail(&Error::retry("the output is away"));
    let again = bench.next().await.unwrap();
    assert_eq!(texts(&again), ["a\nc"]);
    deliver(again);
    drop(bench.send);
    assert!(bench.buffer.batches().pop().await.is_none());
    let balance = bench.flow.buffer_ledger().unwrap().balance();
    assert_eq!((balance.received, balance.delivered), (3, 2));
    assert_eq!(balance.total(Kind::Filtered), 1);
    assert_eq!(balance.in_flight(), 0);
}

#[tokio::test]
async fn a_batch_policy_may_hold_what_is_acknowledged_and_lose_none_of_it() {
    let yaml = "memory: { limit: 1000, batch_policy: { enabled: true, count: 4 } }";
    conformance::buffer(crate::testing::bench, yaml).await;
}

/// The log lines of this thread while it lives.
#[derive(Clone, Default)]
struct Logged(std::sync::Arc<parking_lot::Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_says_as_many_messages_are_lost_as_the_accounting() {
    use millrace_telemetry::log::{LogSettings, LogSink};
    let logged = Logged::default();
    let sink = LogSink::Writer(Box::new(logged.clone()));
    let (dispatch, _handle) = LogSettings::default().build(sink);
    let _guard = tracing::dispatcher::set_default(&dispatch);
    let mut bench = start("limit: 1000");
    bench.send.send(batch(&["a", "b", "c"])).unwrap();
    assert!(bench.settled().await.is_success());
    let mut first = bench.next().await.unwrap();
    let origins = first.take_origins();
    for (index, origin) in origins.into_iter().enumerate() {
        match index {
            0 => origin.deliver(),
            _ => origin.settle(Outcome::Failed(Error::retry("not now"))),
        }
    }
    assert_eq!(texts(&bench.next().await.unwrap()), ["b", "c"]);
    bench.flow.abort().cancel();
    drop(bench.send);
    bench.buffer.finish().await.unwrap();
    let balance = bench.flow.buffer_ledger().unwrap().balance();
    assert_eq!((balance.delivered, balance.total(Kind::Dropped)), (1, 2));
    let text = String::from_utf8(logged.0.lock().clone()).unwrap();
    assert!(text.contains("\"messages\":2"), "{text}");
}

//! `replay.exhausted`: where messages go that were sent again too often.

use millrace_component::Kind;

use super::bench::Bench;

fn config(input: &str, dead: &str) -> String {
    format!(
        "
input:
  probe:
    {input}
    replay:
      initial_interval: 1ms
      max_interval: 1ms
      max_attempts: 2
      {dead}
output:
  probe: {{ refuse: bad }}
"
    )
}

const DEAD: &str = "exhausted: { probe: { name: dead } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_again_too_often_goes_to_the_other_output_and_is_acknowledged() {
    let mut bench = Bench::start(&config("acknowledged: true", DEAD));
    bench.send("good 1");
    bench.send("bad 1");
    bench.send("good 2");
    bench.acks(3).await;
    let mut dead = Vec::new();
    for _ in 0..3 {
        let written = bench.written().await;
        if written.by == "dead" {
            assert_eq!(written.replay_error.as_deref(), Some("main refuses"));
            dead.extend(written.payloads);
        } else {
            assert_eq!(written.replay_error, None);
        }
    }
    assert_eq!(dead, ["bad 1"]);
    let (balance, result) = bench.end().await;
    result.unwrap();
    assert_eq!((balance.received, balance.delivered), (3, 3));
    assert_eq!(balance.replayed, 2, "sent again `max_attempts` times");
    assert_eq!(balance.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_neither_output_takes_goes_back_to_its_source() {
    let dead = "exhausted: { probe: { name: dead, refuse: bad } }";
    let mut bench = Bench::start(&config("acknowledged: true", dead));
    bench.send("bad 1");
    let (payload, outcome) = bench.ack().await;
    assert_eq!(payload, "bad 1");
    assert_eq!(outcome.error().unwrap().text(), "dead refuses");
    let (balance, _) = bench.end().await;
    assert_eq!(balance.total(Kind::Returned), 1);
    assert_eq!(balance.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_no_source_takes_back_is_written_to_the_other_output_until_it_arrives() {
    let dead = "exhausted: { probe: { name: dead, refuse: bad, refusals: 3 } }";
    let mut bench = Bench::start(&config("acknowledged: false", dead));
    bench.send("bad 1");
    assert_eq!(bench.written().await.payloads, ["bad 1"]);
    let (balance, result) = bench.end().await;
    result.unwrap();
    assert_eq!((balance.received, balance.delivered), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_other_output_a_message_goes_back_or_is_counted_as_dropped() {
    let mut bench = Bench::start(&config("acknowledged: true", ""));
    bench.send("bad 1");
    assert!(bench.ack().await.1.error().is_some());
    let (balance, _) = bench.end().await;
    assert_eq!(balance.total(Kind::Returned), 1);

    let bench = Bench::start(&config("acknowledged: false", ""));
    bench.send("bad 1");
    let (balance, _) = bench.end().await;
    assert_eq!(balance.count(Kind::Dropped, "replay_exhausted"), 1);
    assert_eq!(balance.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_to_the_other_output_that_hangs_gives_the_message_back_at_the_end() {
    let dead = "exhausted: { probe: { name: dead, gated: true } }";
    let bench = Bench::start(&config("acknowledged: true", dead));
    bench.send("bad 1");
    let flow = bench.flow.clone();
    // Both attempts are over when the message has been replayed twice.
    while flow.ledger().balance().replayed < 2 {
        tokio::task::yield_now().await;
    }
    bench.stream.stopper().cancel();
    flow.abort().cancel();
    let (balance, _) = bench.finished().await;
    assert_eq!(balance.total(Kind::Returned), 1);
    assert_eq!(balance.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_written_in_place_is_given_up_as_often_as_its_input_says() {
    for (dead, expected) in [(DEAD, (2, 0)), ("", (1, 1))] {
        let config = config("acknowledged: true", dead);
        let sharded =
            config + "pipeline: { threads: 1, shard_by: 'content().string().slice(0, 3)' }\n";
        let mut bench = Bench::start(&sharded);
        bench.send("bad 1");
        bench.send("good 1");
        let mut acks = Vec::new();
        for _ in 0..2 {
            acks.push(bench.ack().await.0);
        }
        acks.sort();
        assert_eq!(acks, ["bad 1", "good 1"]);
        let (balance, _) = bench.end().await;
        assert_eq!((balance.delivered, balance.total(Kind::Returned)), expected);
        assert_eq!(balance.replayed, 2, "written again `max_attempts` times");
        assert_eq!(balance.in_flight(), 0);
    }
}

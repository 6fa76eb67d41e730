//! `read_until`: what becomes of the messages behind the last one.

use millrace_component::Kind;

use super::bench::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_beyond_the_last_message_goes_back_to_its_source() {
    let mut bench = Bench::start(
        "
input:
  read_until:
    check: content() == \"last\"
    input: { probe: { acknowledged: true, replay: { initial_interval: 1ms } } }
pipeline: { threads: 1 }
output: { probe: {} }
",
    );
    bench.send("first");
    bench.send("last");
    bench.send_numbers(0..500);
    let mut written = bench.written().await.payloads;
    while written.last().is_some_and(|it| it != "last") {
        written.extend(bench.written().await.payloads);
    }
    assert_eq!(written, ["first", "last"]);
    let (balance, result) = bench.finished().await;
    result.unwrap();
    assert_eq!(balance.delivered, 2);
    assert_eq!(balance.total(Kind::Returned), balance.received - 2);
    assert_eq!(
        balance.count(Kind::Returned, "end_of_input"),
        balance.received - 2
    );
    assert_eq!(balance.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_long_ago_does_not_let_messages_behind_the_last_one_pass() {
    let mut bench = Bench::start(
        "
input:
  read_until:
    check: content() == \"last\"
    input: { probe: { acknowledged: true, replay: { initial_interval: 1ms } } }
pipeline: { threads: 1 }
output: { probe: { refuse: first, refusals: 1 } }
",
    );
    bench.send("first");
    assert_eq!(bench.written().await.payloads, ["first"]);
    bench.ack().await;
    bench.send("last");
    bench.send_numbers(0..500);
    assert_eq!(bench.written().await.payloads, ["last"]);
    let (balance, result) = bench.finished().await;
    result.unwrap();
    assert_eq!((balance.delivered, balance.replayed), (2, 1));
    assert_eq!(balance.total(Kind::Returned), balance.received - 2);
}

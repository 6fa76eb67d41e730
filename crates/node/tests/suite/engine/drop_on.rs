//! The `drop_on` output in front of one that collects batches.

use std::time::Duration;

use millrace_component::Kind;
use millrace_message::Outcome;

use super::bench::Bench;

const REASON: &str = "drop_on_back_pressure";

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_cannot_be_written_is_back_pressure() {
    for processors in ["[]", "[ { mapping: 'root = this' } ]"] {
        let mut bench = Bench::start(&format!(
            "
input: {{ probe: {{}} }}
output:
  drop_on:
    back_pressure: 10ms
    output:
      probe: {{ gated: true, max_in_flight: 1, batching: {{ count: 2 }} }}
      processors: {processors}
"
        ));
        for number in 0..100 {
            bench.send(number.to_string());
        }
        let (_, outcome) = bench.ack().await;
        assert!(matches!(outcome, Outcome::Dropped { .. }), "{outcome:?}");
        bench.wires.gate.add_permits(100);
        let (balance, result) = bench.end().await;
        result.unwrap();
        let dropped = balance.count(Kind::Dropped, REASON);
        assert!((1..=34).contains(&dropped), "{dropped}");
        assert_eq!(balance.delivered + dropped, 100);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_collects_is_no_back_pressure() {
    let mut bench = Bench::start(
        "
input: { probe: {} }
output:
  drop_on:
    back_pressure: 10ms
    output: { probe: { max_in_flight: 1, batching: { count: 3 } } }
",
    );
    for number in 0..3 {
        bench.send(number.to_string());
        // Longer than the bound. Nothing is dropped, however long it takes.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(bench.written().await.payloads, ["0", "1", "2"]);
    let (balance, result) = bench.end().await;
    result.unwrap();
    assert_eq!(balance.delivered, 3);
}

//! A batching policy never waits for messages that cannot come before it flushes.
//!
//! Each of these streams stays open, and has fewer messages in flight than the policy wants. The
//! last ones, which hold nobody up, may wait for more.

use super::bench::Bench;

const POLICY: &str = "batching: { count: 1000 }";

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_reaches_its_bound_in_flight_gets_its_messages_back() {
    let yaml = format!(
        "
input: {{ probe: {{ in_flight_max: 10 }} }}
output: {{ probe: {{ {POLICY} }} }}
"
    );
    let mut bench = Bench::start(&yaml);
    bench.send_numbers(0..50);
    // The last ones may be fewer than the bound, and then nobody waits for them.
    bench.acks(41).await;
    let (balance, _) = bench.end().await;
    assert_eq!(balance.delivered, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batched_input_flushes_when_its_child_reaches_its_bound() {
    let yaml = "
input:
  batched:
    child: { probe: { in_flight_max: 7 } }
    policy: { count: 1000 }
output: { probe: {} }
";
    let mut bench = Bench::start(yaml);
    bench.send_numbers(0..21);
    bench.acks(15).await;
    bench.end().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_whose_places_are_all_taken_by_a_batch_that_grows_flushes_it() {
    let yaml = format!(
        "
input: {{ probe: {{}} }}
output:
  broker:
    pattern: fan_out
    outputs:
      - probe: {{ name: plain, max_in_flight: 4 }}
      - probe: {{ name: batches, {POLICY} }}
"
    );
    let mut bench = Bench::start(&yaml);
    bench.send_numbers(0..20);
    // What leaves a place free may wait for more.
    bench.acks(17).await;
    bench.end().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_shard_does_not_wait_for_messages_of_other_shards() {
    let yaml = format!(
        "
input: {{ probe: {{}} }}
pipeline: {{ threads: 2, shard_by: '\"one\"' }}
output: {{ probe: {{ {POLICY} }} }}
"
    );
    let mut bench = Bench::start(&yaml);
    bench.send_numbers(0..30);
    // The last one has nobody behind it and may wait for more.
    bench.acks(29).await;
    bench.end().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_memory_buffer_flushes_what_outputs_hold() {
    let yaml = format!(
        "
input: {{ probe: {{}} }}
buffer: {{ memory: {{ limit: 100 }} }}
output: {{ probe: {{ {POLICY} }} }}
"
    );
    let mut bench = Bench::start(&yaml);
    bench.send_numbers(0..50);
    bench.acks(50).await;
    bench.end().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_memory_buffer_flushes_what_its_own_policy_holds() {
    let yaml = "
input: { probe: {} }
buffer: { memory: { limit: 100, batch_policy: { enabled: true, count: 1000 } } }
output: { probe: {} }
";
    let mut bench = Bench::start(yaml);
    bench.send_numbers(0..50);
    bench.acks(50).await;
    bench.end().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sqlite_buffer_flushes_what_outputs_hold() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = format!(
        "
input: {{ probe: {{}} }}
buffer: {{ sqlite: {{ path: '{}', max_bytes: 200 }} }}
output: {{ probe: {{ {POLICY} }} }}
",
        folder.path().join("b.db").display()
    );
    let mut bench = Bench::start(&yaml);
    bench.send_numbers(0..50);
    bench.acks(50).await;
    bench.end().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_memory_budget_flushes_what_is_held() {
    let yaml = format!(
        "
input: {{ probe: {{}} }}
output: {{ probe: {{ {POLICY} }} }}
"
    );
    let mut bench = Bench::with_memory(&yaml, 5000);
    bench.send_numbers(0..50);
    // Nine messages fit; what fits after the last wait may wait for more.
    bench.acks(41).await;
    bench.end().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_not_in_the_way_waits_for_its_count() {
    let yaml = "
input: { probe: { in_flight_max: 100 } }
output: { probe: { batching: { count: 10 } } }
";
    let mut bench = Bench::start(yaml);
    bench.send_numbers(0..40);
    assert_eq!(bench.sizes(40).await, [10; 4]);
    bench.end().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_of_a_sequence_that_has_ended_gets_its_messages_settled() {
    let inputs =
        "inputs: [ { generate: { mapping: 'root = \"first\"', count: 1 } }, { probe: {} } ]";
    let streams = [
        format!("input: {{ sequence: {{ {inputs} }} }}\noutput: {{ probe: {{ {POLICY} }} }}"),
        format!(
            "input: {{ sequence: {{ {inputs} }} }}\nbuffer: {{ batch: {{ count: 4 }} }}\noutput: {{ probe: {{}} }}"
        ),
        format!(
            "input: {{ broker: {{ inputs: [ {{ sequence: {{ {inputs} }} }} ], {POLICY} }} }}\noutput: {{ probe: {{}} }}"
        ),
        format!(
            "input: {{ read_until: {{ idle_timeout: 1h, input: {{ sequence: {{ {inputs} }} }} }} }}\noutput: {{ broker: {{ outputs: [ {{ probe: {{}} }} ], {POLICY} }} }}"
        ),
    ];
    for yaml in streams {
        let mut bench = Bench::start(&yaml);
        assert_eq!(bench.written().await.payloads, ["first"], "{yaml}");
        bench.send("second");
        bench.end().await.1.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_of_read_until_that_has_ended_gets_its_messages_settled() {
    let ends = "generate: { mapping: 'root = \"again\"', count: 1 }";
    let once = format!(
        "
input: {{ read_until: {{ check: 'false', input: {{ {ends} }} }} }}
output: {{ probe: {{ {POLICY} }} }}
"
    );
    let (balance, result) = Bench::start(&once).finished().await;
    result.unwrap();
    assert_eq!(balance.delivered, 1);
    let again = format!(
        "
input: {{ read_until: {{ check: 'false', restart_input: true, input: {{ {ends} }} }} }}
output: {{ probe: {{ {POLICY} }} }}
"
    );
    let mut bench = Bench::start(&again);
    assert_eq!(bench.written().await.payloads, ["again"]);
    assert_eq!(bench.written().await.payloads, ["again"]);
    bench.stream.stopper().cancel();
    bench.finished().await.1.unwrap();
}

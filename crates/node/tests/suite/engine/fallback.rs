//! The `fallback` output.

use super::bench::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn each_message_carries_the_error_of_the_output_before() {
    let mut bench = Bench::start(
        "
input: { generate: { count: 2, batch_size: 2, interval: '', mapping: 'root = count(\"fallback\")' } }
output:
  fallback:
    - reject: 'no ${! content() }'
    - reject: 'not ${! content() } either'
    - probe: {}
      processors: [ { mapping: 'root = metadata(\"fallback_error\")' } ]
",
    );
    assert_eq!(
        bench.written().await.payloads,
        ["not 1 either", "not 2 either"]
    );
    bench.end().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_output_of_a_greedy_broker_refuses_another_one_gets() {
    for outputs in [
        "{ reject: no }, { probe: {} }",
        "{ probe: {} }, { reject: no }",
    ] {
        let mut bench = Bench::start(&format!(
            "
input: {{ probe: {{}} }}
pipeline: {{ threads: 1 }}
output: {{ broker: {{ pattern: greedy, outputs: [ {outputs} ] }} }}
"
        ));
        bench.send_numbers(0..50);
        bench.acks(50).await;
        let (balance, ended) = bench.end().await;
        ended.unwrap();
        assert_eq!(balance.delivered, 50);
    }
}

/// It connects again each time, and no write comes through.
#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_each_message_disconnects_is_given_up_for_the_next_one() {
    let mut bench = Bench::start(
        "
input: { generate: { count: 1, interval: '', mapping: 'root = \"costly\"' } }
output:
  fallback:
    - probe: { refuse: costly, disconnects: true }
    - probe: { name: second }
",
    );
    let written = bench.written().await;
    assert_eq!(
        (written.by.as_str(), &*written.payloads),
        ("second", &["costly".to_owned()][..])
    );
    bench.end().await.1.unwrap();
}

/// Once or twice is what any connection may do.
#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_loses_its_connection_writes_again() {
    let mut bench = Bench::start(
        "
input: { generate: { count: 1, interval: '', mapping: 'root = \"costly\"' } }
output:
  fallback:
    - probe: { refuse: costly, disconnects: true, refusals: 2 }
    - probe: { name: second }
",
    );
    assert_eq!(bench.written().await.by, "main");
    bench.end().await.1.unwrap();
}

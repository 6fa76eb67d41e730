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

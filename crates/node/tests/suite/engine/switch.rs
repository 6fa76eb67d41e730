//! The `switch` output: a message that several cases take has the worst of their outcomes.

use millrace_component::Kind;

use super::bench::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_one_of_its_cases_drops_counts_as_dropped() {
    let bench = Bench::start(
        "
input: { probe: {} }
output:
  switch:
    cases:
      - continue: true
        output: { drop_on: { error: true, output: { reject: 'no' } } }
      - output: { drop: {} }
",
    );
    bench.send("one");
    let (balance, result) = bench.end().await;
    result.unwrap();
    assert_eq!(balance.count(Kind::Dropped, "drop_on_error"), 1);
    assert_eq!(balance.delivered, 0);
}

//! A stream that is asked to stop while it starts.

use millrace_message::Error;

use super::bench::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_stopped_before_anything_is_read_builds_nothing_more() {
    for rest in [
        "pipeline: { processors: [ STOPS, FAILS ] }",
        "pipeline: { processors: [ STOPS, { try: [ FAILS ] } ] }",
        "pipeline: { processors: [ STOPS ] }\ninput: { probe: { build: fails } }",
        "output: { drop: {}, processors: [ STOPS, FAILS ] }",
        "output: { broker: { outputs: [ { drop: {}, processors: [ STOPS ] }, { drop: {}, processors: [ FAILS ] } ] } }",
        "processor_resources: [ { label: a, probe: { build: stops } }, { label: b, probe: { build: fails } } ]",
    ] {
        let rest = rest
            .replace("STOPS", "{ probe: { build: stops } }")
            .replace("FAILS", "{ probe: { build: fails } }");
        let mut yaml = rest.clone();
        for (block, given) in [("input", "{ probe: {} }"), ("output", "{ drop: {} }")] {
            if !rest.lines().any(|it| it.starts_with(block)) {
                yaml = format!("{yaml}\n{block}: {given}");
            }
        }
        let started = Bench::start_if_not_stopped(&yaml);
        assert!(started.is_none(), "{yaml}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_the_start_was_stopped_is_delivered() {
    let mut bench = Bench::start_if_not_stopped(
        "
input:
  broker:
    inputs:
      - probe: {}
      - probe: { build: stops }
        processors: [ { probe: {} } ]
      - probe: { build: fails }
      - { read_until: { check: 'false', input: { probe: { build: fails } } } }
output: { probe: {} }
",
    )
    .expect("its first input reads");
    bench.send("1");
    assert_eq!(bench.written().await.payloads, ["1"]);
    bench.acks(1).await;
    bench.stream.stopper().cancel();
    let (balance, ended) = bench.finished().await;
    ended.unwrap_or_else(|error: Error| panic!("{error}"));
    assert_eq!(balance.delivered, 1);
}

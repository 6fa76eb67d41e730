//! `error_handling`: what is done everywhere with messages that a processor failed on.

use millrace_component::Kind;
use millrace_stream::ErrorHandling;

use super::bench::Bench;

const REJECTS: ErrorHandling = ErrorHandling {
    rejects: true,
    log: None,
};

fn start(processors: &str, output: &str) -> Bench {
    let yaml = format!(
        "
input: {{ probe: {{ auto_replay_nacks: false }} }}
pipeline:
  threads: 1
  processors: [ {processors} ]
output: {output}
"
    );
    Bench::with(&yaml, usize::MAX / 2, REJECTS)
}

fn start_without_strategy(processors: &str, output: &str) -> Bench {
    Bench::start(&format!(
        "
input: {{ probe: {{}} }}
pipeline: {{ threads: 1, processors: [ {processors} ] }}
output: {output}
"
    ))
}

const FAILS: &str =
    r#"{ mapping: 'root = if content().string().contains("bad") { throw("oh no") }' }"#;
const PROBE: &str = "{ probe: {} }";

#[tokio::test(flavor = "multi_thread")]
async fn reject_gives_a_failed_batch_back_before_the_next_processor_sees_it() {
    let next = r#"{ mapping: 'root = "seen " + content().string()' }"#;
    let mut bench = start(&format!("{FAILS}, {next}"), PROBE);
    bench.send("bad");
    let (payload, outcome) = bench.ack().await;
    assert_eq!(payload, "bad");
    let error = outcome.error().unwrap().text().to_owned();
    assert!(
        error.contains("mapping at root.pipeline.processors.0 failed"),
        "{error}"
    );
    assert!(error.contains("oh no"), "{error}");
    bench.send("good");
    assert_eq!(bench.written().await.payloads, ["seen good"]);
    bench.acks(1).await;
    let (balance, _) = bench.end().await;
    assert_eq!((balance.delivered, balance.total(Kind::Returned)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_inside_a_branch_rejects_the_message_of_the_branch_and_no_more() {
    let branch = format!("{{ branch: {{ processors: [ {FAILS} ] }} }}");
    let mut bench = start(&branch, PROBE);
    bench.send("bad");
    assert!(bench.ack().await.1.error().is_some());
    bench.send("good");
    assert_eq!(bench.written().await.payloads, ["good"]);
    let (balance, _) = bench.end().await;
    assert_eq!((balance.delivered, balance.total(Kind::Returned)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_deals_with_failed_messages_itself_rejects_none() {
    let catch = r#"{ catch: [ { mapping: 'root = "caught"' } ] }"#;
    let mut bench = start(&format!("{FAILS}, {catch}"), PROBE);
    bench.send("bad");
    assert_eq!(bench.written().await.payloads, ["caught"]);
    bench.acks(1).await;
    bench.end().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_strategy_a_failed_message_goes_on() {
    let yaml = format!(
        "
input: {{ probe: {{}} }}
pipeline: {{ processors: [ {FAILS} ] }}
output: {PROBE}
"
    );
    let mut bench = Bench::start(&yaml);
    bench.send("bad");
    assert_eq!(bench.written().await.payloads, ["bad"]);
    bench.send("good");
    assert_eq!(bench.written().await.payloads, ["good"]);
    let (balance, ended) = bench.end().await;
    ended.unwrap();
    assert_eq!((balance.delivered, balance.faulted), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_message_that_is_caught_counts_as_any_other() {
    let catch = r#"{ catch: [ { mapping: 'root = "caught"' } ] }"#;
    let mut bench = start(&format!("{FAILS}, {catch}"), PROBE);
    bench.send("bad");
    assert_eq!(bench.written().await.payloads, ["caught"]);
    let (balance, _) = bench.end().await;
    assert_eq!((balance.delivered, balance.faulted), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_the_processors_of_an_output_is_counted_too_and_once() {
    let yaml = format!(
        "
input: {{ probe: {{}} }}
pipeline: {{ processors: [ {FAILS} ] }}
output: {{ probe: {{}}, processors: [ mapping: 'root = throw(\"never\")' ] }}
"
    );
    let mut bench = Bench::start(&yaml);
    for payload in ["bad", "good"] {
        bench.send(payload);
        bench.written().await;
    }
    let (balance, _) = bench.end().await;
    assert_eq!((balance.delivered, balance.faulted), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_the_processors_of_a_batching_policy_is_counted_too_and_once() {
    let late = r#"{ mapping: 'root = if content().string() != "good" { throw("never") }' }"#;
    let output = format!("{{ probe: {{ batching: {{ count: 4, processors: [ {late} ] }} }} }}");
    let mut bench = start_without_strategy(FAILS, &output);
    for payload in ["bad", "late", "good", "later"] {
        bench.send(payload);
    }
    assert_eq!(bench.written().await.payloads.len(), 4);
    let (balance, _) = bench.end().await;
    assert_eq!((balance.delivered, balance.faulted), (4, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_behind_a_failed_message_of_its_batch_is_counted_too() {
    let late = r#"{ mapping: 'root = if content().string() == "late" { throw("never") }' }"#;
    let policy = format!("{{ count: 3, processors: [ {late} ] }}");
    for output in [
        format!("{{ probe: {{ batching: {policy} }} }}"),
        format!(
            "{{ broker: {{ outputs: [ {{ probe: {{}}, processors: [ {late} ] }} ], batching: {{ count: 3 }} }} }}"
        ),
    ] {
        let mut bench = start_without_strategy(FAILS, &output);
        for payload in ["bad", "late", "good"] {
            bench.send(payload);
        }
        assert_eq!(bench.written().await.payloads.len(), 3);
        let (balance, _) = bench.end().await;
        assert_eq!((balance.delivered, balance.faulted), (3, 2), "{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_a_batching_policy_and_is_not_delivered_is_not_counted() {
    let fails = r#"{ mapping: 'root = throw("never")' }"#;
    let probe = format!(
        "{{ probe: {{ refuse: bad, batching: {{ count: 1, byte_size: 1, processors: [ {fails} ] }} }} }}"
    );
    let mut bench = start_without_strategy(
        "",
        &format!("{{ drop_on: {{ error: true, output: {probe} }} }}"),
    );
    for payload in ["bad", "good"] {
        bench.send(payload);
        bench.acks(1).await;
    }
    let (balance, _) = bench.end().await;
    assert_eq!((balance.delivered, balance.faulted), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_messages_are_counted_where_shards_keep_their_order_too() {
    let yaml = format!(
        "
input: {{ probe: {{}} }}
pipeline: {{ shard_by: 'content().string()', processors: [ {FAILS} ] }}
output: {PROBE}
"
    );
    let mut bench = Bench::start(&yaml);
    bench.send("bad");
    bench.written().await;
    let (balance, _) = bench.end().await;
    assert_eq!((balance.delivered, balance.faulted), (1, 1));
}

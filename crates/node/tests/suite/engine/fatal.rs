//! Outputs that can never take a message: whoever needs them ends, whoever has another way goes on.

use super::bench::{Bench, PATIENCE};

/// A file where no file can be.
const HOPELESS: &str = "file: { path: /dev/null/x }";

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_output_can_never_write_ends_with_its_error() {
    let outputs = [
        "HOPELESS",
        "HOPELESS\n  processors: [ { mapping: 'root = this' } ]",
        "retry: { output: { HOPELESS } }",
        "switch: { cases: [ { output: { HOPELESS } }, { output: { probe: {} } } ] }",
        "broker: { outputs: [ { HOPELESS }, { probe: {} } ] }",
        "broker: { pattern: fan_out_fail_fast, outputs: [ { probe: { refuse: 1 } }, { HOPELESS } ] }",
        "broker: { outputs: [ { HOPELESS }, { HOPELESS } ], batching: { count: 1 } }",
        "fallback: [ { HOPELESS }, { HOPELESS } ]",
    ];
    for pipeline in ["{ threads: 1 }", "{ threads: 1, shard_by: content() }"] {
        for output in outputs {
            let output = output.replace("HOPELESS", HOPELESS);
            let mut bench = Bench::start(&format!(
                "input: {{ probe: {{}} }}\npipeline: {pipeline}\noutput:\n  {output}\n"
            ));
            bench.send("1");
            let failed = tokio::time::timeout(PATIENCE, bench.flow.failed()).await;
            let error = failed.unwrap_or_else(|_| panic!("it goes on: {output}"));
            assert!(error.text().contains("/dev/null/x"), "{output}: {error}");
            bench.stream.stopper().cancel();
            bench.flow.abort().cancel();
            let (_, outcome) = bench.ack().await;
            assert!(outcome.error().is_some(), "{output}: {outcome:?}");
            bench.finished().await.1.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_another_way_for_its_messages_goes_on() {
    for output in [
        "fallback: [ { HOPELESS }, { probe: {} } ]",
        "broker: { pattern: fan_out, outputs: [ { probe: {} }, { drop_on: { error: true, output: { HOPELESS } } } ] }",
    ] {
        let output = output.replace("HOPELESS", HOPELESS);
        let mut bench = Bench::start(&format!("input: {{ probe: {{}} }}\noutput:\n  {output}\n"));
        for payload in ["1", "2"] {
            bench.send(payload);
            assert_eq!(bench.written().await.payloads, [payload]);
        }
        bench.acks(2).await;
        let failed = futures::future::FutureExt::now_or_never(bench.flow.failed());
        assert!(failed.is_none(), "{failed:?}");
        bench.end().await.1.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_output_fails_in_the_end_ends_with_its_error() {
    for output in [
        "COMMAND",
        "COMMAND\n  processors: [ { mapping: 'root = this' } ]",
        "broker: { outputs: [ { COMMAND }, { drop: {} } ], batching: { count: 1 } }",
        "fallback: [ { COMMAND }, { drop: {} } ]",
    ] {
        for (code, fails) in [(3, true), (0, false)] {
            let command =
                format!("subprocess: {{ name: sh, args: [ -c, 'cat > /dev/null; exit {code}' ] }}");
            let output = output.replace("COMMAND", &command);
            let mut bench =
                Bench::start(&format!("input: {{ probe: {{}} }}\noutput:\n  {output}\n"));
            bench.send("1");
            bench.acks(1).await;
            let (balance, result) = bench.end().await;
            assert_eq!(balance.delivered, 1, "{output}");
            let error = result.err().map(|it| it.text().to_owned());
            let is_told = error
                .as_ref()
                .is_some_and(|it| it.contains("exit status: 3") && it.contains("root.output"));
            assert_eq!(is_told, fails, "{output}: {error:?}");
            assert_eq!(error.is_some(), fails, "{output}: {error:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_for_exhausted_replays_that_can_never_write_ends_the_stream() {
    let bench = Bench::start(&format!(
        "
input:
  probe:
    replay: {{ initial_interval: 1ms, max_attempts: 1, exhausted: {{ {HOPELESS} }} }}
output: {{ probe: {{ refuse: bad }} }}
"
    ));
    bench.send("bad");
    let failed = tokio::time::timeout(PATIENCE, bench.flow.failed()).await;
    assert!(failed.unwrap().text().contains("/dev/null/x"));
    bench.stream.stopper().cancel();
    bench.flow.abort().cancel();
    bench.finished().await.1.unwrap();
}

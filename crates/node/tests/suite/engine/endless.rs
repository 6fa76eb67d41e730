//! Loops that never end: the abort of a stream ends them, and their messages go back.

use std::sync::atomic::Ordering;

use millrace_component::Kind;

use super::bench::Bench;

/// The loop, with a step that says when it runs.
const LOOP: &str = "{ while: { check: 'true', processors: [ { probe: {} }, STEPS ] } }";

async fn is_ended_by_the_abort(yaml: &str) {
    let mut bench = Bench::start(yaml);
    bench.send("1");
    assert_eq!(bench.written().await.by, "step", "{yaml}");
    bench.stream.stopper().cancel();
    bench.flow.abort().cancel();
    let (_, outcome) = bench.ack().await;
    assert!(outcome.error().is_some(), "{yaml}: {outcome:?}");
    let (balance, ended) = bench.finished().await;
    ended.unwrap();
    let returned = balance.total(Kind::Returned);
    assert_eq!((balance.delivered, returned), (0, 1), "{yaml}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_gives_its_message_back_when_the_stream_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let outputs = [
        "{ probe: {} }".to_owned(),
        format!("{{ file: {{ path: '{}' }} }}", out.display()),
    ];
    for steps in ["{ noop: {} }", "{ sleep: { duration: 0s } }"] {
        let endless = LOOP.replace("STEPS", steps);
        // The branch would go on with the message as it was, and its error.
        let branch = format!("{{ branch: {{ processors: [ {endless} ] }} }}");
        for output in &outputs {
            for processors in [&endless, &branch] {
                is_ended_by_the_abort(&format!(
                    "
input: {{ probe: {{}} }}
pipeline: {{ threads: 1, processors: [ {processors} ] }}
output: {output}
"
                ))
                .await;
            }
        }
        for processors in [&endless, &branch] {
            is_ended_by_the_abort(&format!(
                "
input: {{ probe: {{}} }}
output: {{ probe: {{}}, processors: [ {processors} ] }}
"
            ))
            .await;
        }
    }
    let written = std::fs::read_to_string(&out).unwrap_or_default();
    assert!(written.is_empty(), "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn processors_that_wait_give_their_message_back_wherever_they_stand() {
    const WAIT: &str = "[ { probe: {} }, { sleep: { duration: 1h } } ]";
    for yaml in [
        "input: { probe: {}, processors: WAIT }\noutput: { drop: {} }",
        "input: { batched: { child: { probe: {} }, policy: { period: 1ms, processors: WAIT } } }\n\
         output: { drop: {} }",
        "input: { probe: {} }\npipeline: { processors: WAIT }\noutput: { drop: {} }",
        "input: { probe: {} }\npipeline: { shard_by: this, processors: WAIT }\noutput: { drop: {} }",
        "input: { probe: {} }\noutput: { drop: {}, processors: WAIT }",
        "input: { probe: {} }\noutput: { broker: { outputs: [ { drop: {} } ], batching: { period: 1ms, \
         processors: WAIT } } }",
        "input: { probe: {} }\nbuffer: { batch: { period: 1ms, processors: WAIT } }\n\
         output: { drop: {} }",
        // That it was given up is no failure of an output.
        "input: { probe: {} }\noutput: { fallback: [ { drop: {}, processors: WAIT }, { drop: {} } ] }",
        "input: { probe: {} }\noutput: { fallback: [ { broker: { outputs: [ { drop: {} } ], \
         batching: { period: 1ms, processors: WAIT } } }, { drop: {} } ] }",
        "input: { probe: {} }\noutput: { drop_on: { error: true, output: { drop: {}, processors: WAIT } } }",
        "input: { probe: {} }\noutput: { drop_on: { error: true, back_pressure: 1h, \
         output: { drop: {}, processors: WAIT } } }",
        "input: { probe: {} }\noutput: { drop_on: { error_patterns: [ . ], \
         output: { retry: { output: { drop: {}, processors: WAIT } } } } }",
        "input: { probe: {} }\noutput: { broker: { pattern: fan_out, outputs: [ { drop: {} }, \
         { drop_on: { error: true, output: { drop: {}, processors: WAIT } } } ] } }",
    ] {
        is_ended_by_the_abort(&yaml.replace("WAIT", WAIT)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_behind_a_mapping_that_computes_goes_back_unmapped() {
    // Nothing ends the mapping itself.
    const SLOW: &str = "[ { probe: {} }, { mapping: 'root = range(0, 100000).fold(content().length(), \
                        it -> it.tally + it.value)' } ]";
    for yaml in [
        "input: { probe: {}, processors: SLOW }\noutput: { drop: {} }",
        "input: { probe: {} }\npipeline: { threads: 1, processors: SLOW }\noutput: { drop: {} }",
        "input: { probe: {} }\npipeline: { threads: 1, shard_by: 'root = 1', processors: SLOW }\n\
         output: { drop: {} }",
    ] {
        let mut bench = Bench::start(&yaml.replace("SLOW", SLOW));
        let wires = bench.wires.clone();
        bench.send_numbers(0..100);
        assert_eq!(bench.written().await.by, "step", "{yaml}");
        bench.stream.stopper().cancel();
        bench.flow.abort().cancel();
        let (balance, ended) = bench.finished().await;
        ended.unwrap();
        assert_eq!(balance.in_flight(), 0, "{yaml}");
        // The one that was under way, and those that were mapped before the abort was heard.
        let mapped = wires.stepped.load(Ordering::Relaxed);
        assert!(mapped < 20, "{yaml}: {mapped} messages were mapped");
    }
}
